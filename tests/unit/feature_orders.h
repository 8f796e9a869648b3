/* SPDX-License-Identifier: Apache-2.0 */
/* An account for the tests of the store's features, and an order of each kind. */
#ifndef CBSFS_TESTS_FEATURE_ORDERS_H
#define CBSFS_TESTS_FEATURE_ORDERS_H

#include "fake_client.h"

#include <stdio.h>
#include <string.h>

#define DISK  "disk-0001"
#define OTHER "disk-0002"
#define ID    "snap-00000001"
#define GROUP "group-0000001"
#define MONTH (30 * 86400)

static int64_t deadline;

static inline int set_up(void **state)
{
    fake_world_set_up(state);
    fake_add_disk(DISK, "one");
    fake_add_disk(OTHER, "two");
    for (size_t i = 0; i < 2; i++)
        snprintf(fake.disks[i].instance, sizeof(fake.disks[i].instance), "ins-1");
    fake_add_snapshot(ID, DISK, "first", -5000);
    fake_add_snapshot("snap-00000002", OTHER, "second", -4000);
    struct fake_group *group = fake_add_group(GROUP, "both", -4000);
    snprintf(group->members[group->count++], 32, "%s", ID);
    snprintf(group->members[group->count++], 32, "snap-00000002");
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    world_run(1000);
    deadline = world_wall() + MONTH;
    fake_forget_calls();
    return 0;
}

static inline bool jobs_have(const char *state)
{
    char wanted[32];
    snprintf(wanted, sizeof(wanted), "\"%s\"", state);
    return strstr(shown(store_put_jobs), wanted) != NULL;
}

/* An order returns at once, and its end is the test's to see. */
static bool begin_only;

static inline int finish(struct order *order, int status)
{
    return begin_only ? status : order_finish(order, status);
}

/* --- the orders ---------------------------------------------------------------------- */

static inline int expire(struct order *order)
{
    *order = (struct order){.done = 0};
    return finish(order, store_expire(store, ID, deadline, NULL, "path/expires", order_done, order,
                                      &order->job));
}

static inline bool is_expiring(void)
{
    return fake_find(ID)->expires == deadline;
}

static inline int share_with(struct order *order, bool cancel)
{
    *order = (struct order){.done = 0};
    return finish(order, store_share(store, ID, "100000000001", cancel, "path/shared_with",
                                     order_done, order, &order->job));
}

static inline int share(struct order *order)
{
    return share_with(order, false);
}

static inline bool is_shared(void)
{
    return fake_is_shared(ID, "100000000001");
}

static inline int copy(struct order *order)
{
    *order = (struct order){.done = 0};
    return finish(order, store_copy(store, ID, "far-away", "copied", "path/copy_to", order_done,
                                    order, &order->job));
}

static inline bool is_copied(void)
{
    return strcmp(fake_find(ID)->copying, "far-away") == 0;
}

static inline int new_disk(struct order *order)
{
    const struct disk_order whole = {.name = "more"};
    *order = (struct order){.done = 0};
    return finish(
        order, store_new_disk(store, ID, &whole, "path/new_disk", order_done, order, &order->job));
}

/* One, however often it was sent. */
static inline bool is_there_one_disk(void)
{
    return fake.disk_count == 3;
}

static inline int make_group(struct order *order)
{
    static const char *const disks[] = {DISK, OTHER};
    *order = (struct order){.done = 0};
    return finish(order, store_create_group(store, disks, 2, "new", "groups/new", order_done, order,
                                            &order->job));
}

static inline bool is_there_one_group(void)
{
    return fake.group_count == 2;
}

static inline int roll_group_back(struct order *order)
{
    *order = (struct order){.done = 0};
    return finish(order, store_rollback_group(store, GROUP, false, false, "groups/both", order_done,
                                              order, &order->job));
}

static inline bool is_rolling_back(void)
{
    return strcmp(fake_find_group(GROUP)->word, "ROLLBACKING") == 0 && fake.disks[0].rolling_back &&
           fake.disks[1].rolling_back;
}

static inline int delete_group(struct order *order)
{
    *order = (struct order){.done = 0};
    return finish(order,
                  store_delete_group(store, GROUP, "groups/both", order_done, order, &order->job));
}

static inline bool is_group_gone(void)
{
    return fake_find_group(GROUP) == NULL;
}

static const struct change {
    enum cloud_verb verb;
    int (*order)(struct order *order);
    bool (*happened)(void);
    bool repeatable;
    bool shows;           /* what the cloud lists tells afterwards whether it happened */
    const char *not_seen; /* the job's state when a minute has not shown it */
} changes[] = {
    {CLOUD_EXPIRE_SNAPSHOT, expire, is_expiring, true, true, "failed"},
    {CLOUD_SHARE_SNAPSHOT, share, is_shared, true, true, "failed"},
    {CLOUD_COPY_SNAPSHOT, copy, is_copied, false, true, "unknown"},
    {CLOUD_CREATE_DISK, new_disk, is_there_one_disk, true, false, "unknown"},
    {CLOUD_CREATE_GROUP, make_group, is_there_one_group, false, true, "failed"},
    {CLOUD_APPLY_GROUP, roll_group_back, is_rolling_back, false, true, "unknown"},
    {CLOUD_DELETE_GROUP, delete_group, is_group_gone, true, true, "failed"},
};
#define CHANGE_COUNT (sizeof changes / sizeof changes[0])

static inline void begin_anew(void **state)
{
    fake_world_tear_down(state);
    set_up(state);
}

#endif
