/* SPDX-License-Identifier: Apache-2.0 */
/* An account with a group, for the tests of groups in the store. */
#ifndef CBSFS_TESTS_GROUPS_ROOM_H
#define CBSFS_TESTS_GROUPS_ROOM_H

#include "fake_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ONE   "disk-0001"
#define TWO   "disk-0002"
#define THREE "disk-0003" /* of another instance */
#define LOOSE "disk-0004" /* of none */
#define GROUP "group-0000001"

static inline int set_up(void **state)
{
    static const char *const ids[] = {ONE, TWO, THREE, LOOSE};
    fake_world_set_up(state);
    for (size_t i = 0; i < 4; i++) {
        fake_add_disk(ids[i], ids[i]);
        snprintf(fake.disks[i].instance, sizeof(fake.disks[i].instance), "%s",
                 i == 3   ? ""
                 : i == 2 ? "ins-2"
                          : "ins-1");
    }
    fake_add_snapshot("snap-00000001", ONE, "first", -5000);
    fake_add_snapshot("snap-00000002", TWO, "second", -4000);
    struct fake_group *group = fake_add_group(GROUP, "both", -4000);
    snprintf(group->members[group->count++], 32, "snap-00000001");
    snprintf(group->members[group->count++], 32, "snap-00000002");
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    world_run(1000);
    fake_forget_calls();
    return 0;
}

static inline int make_of(struct order *order, const char *one, const char *other, const char *name)
{
    const char *const disks[] = {one, other};
    *order = (struct order){.done = 0};
    return order_finish(order, store_create_group(store, disks, other != NULL ? 2 : 1, name,
                                                  "groups/new", order_done, order, &order->job));
}

static inline int roll(struct order *order)
{
    *order = (struct order){.done = 0};
    return order_finish(order, store_rollback_group(store, GROUP, true, true, "groups/both",
                                                    order_done, order, &order->job));
}

static inline int drop(struct order *order, const char *id)
{
    *order = (struct order){.done = 0};
    return order_finish(
        order, store_delete_group(store, id, "groups/both", order_done, order, &order->job));
}

static inline bool refused_because(const char *reason)
{
    return strstr(shown(store_put_errors), reason) != NULL;
}

static inline void learn_again(void)
{
    world_run(1);
    store_refresh(store);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
}

/* With its snapshots. */
static inline void group_is(const char *id, const char *word)
{
    struct fake_group *group = fake_find_group(id);
    snprintf(group->word, sizeof(group->word), "%s", word);
    for (size_t i = 0; i < group->count; i++)
        snprintf(fake_find(group->members[i])->word, 24, "%s", word);
}

static inline const char *word_of(const char *id)
{
    const json_t *group = store_group(store, id);
    return group != NULL ? json_string_value(json_object_get(group, "word")) : "";
}

#define GROUP_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_world_tear_down)

#endif
