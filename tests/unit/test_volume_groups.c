/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of a cloud that puts disks together itself: their snapshots, not they, say what they are
 * made of; they are taken as a whole; pages follow markers; and a deletion may fail later. */
#include "fake_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ONE    "disk-0001"
#define TWO    "disk-0002"
#define OTHER  "disk-0003" /* the only one of its group */
#define LOOSE  "disk-0004" /* of none */
#define GROUP  "group-0000001"
#define FIRST  "snap-00000001"
#define SECOND "snap-00000002"

static struct fake_snapshot *add_member(const char *id, const char *disk, const char *group,
                                        int64_t created)
{
    struct fake_snapshot *snapshot = fake_add_snapshot(id, disk, group, created);
    snprintf(snapshot->group, sizeof(snapshot->group), "%s", group);
    return snapshot;
}

/* `members`: for what the fake does to them. */
static void add_group(const char *id, const char *name, int64_t created, const char *one,
                      const char *other)
{
    struct fake_group *group = fake_add_group(id, name, created);
    snprintf(group->members[group->count++], 32, "%s", one);
    snprintf(group->members[group->count++], 32, "%s", other);
    add_member(one, ONE, id, created);
    add_member(other, TWO, id, created);
}

static int set_up(void **state)
{
    static const char *const ids[] = {ONE, TWO, OTHER, LOOSE};
    static const char *const groups[] = {"pair", "pair", "single", ""};
    fake_world_set_up(state);
    fake_store_provider.group_advice = "use the console";
    fake.marks = true;
    for (size_t i = 0; i < 4; i++) {
        fake_add_disk(ids[i], ids[i]);
        snprintf(fake.disks[i].group, sizeof(fake.disks[i].group), "%s", groups[i]);
    }
    add_group(GROUP, "both", -4000, FIRST, SECOND);
    fake_add_snapshot("snap-00000003", ONE, "alone", -3000);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    fake_forget_calls();
    return 0;
}

static void learn_again(void)
{
    world_run(1);
    store_refresh(store);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
}

static int make_of(struct order *order, const char *one, const char *other, const char *name)
{
    const char *const disks[] = {one, other};
    *order = (struct order){.done = 0};
    return order_finish(order, store_create_group(store, disks, other != NULL ? 2 : 1, name,
                                                  "groups/new", order_done, order, &order->job));
}

static int drop(struct order *order, const char *id)
{
    *order = (struct order){.done = 0};
    return order_finish(
        order, store_delete_group(store, id, "groups/both", order_done, order, &order->job));
}

static bool refused_because(const char *reason)
{
    return strstr(shown(store_put_errors), reason) != NULL;
}

static size_t members(const char *id)
{
    return json_array_size(json_object_get(store_group(store, id), "snapshots"));
}

static bool has_member(const char *id, const char *snapshot)
{
    size_t at;
    json_t *its;
    json_array_foreach(json_object_get(store_group(store, id), "snapshots"), at, its)
    {
        if (strcmp(json_string_value(its), snapshot) == 0)
            return true;
    }
    return false;
}

static size_t groups(void)
{
    return json_array_size(store_list(store, WANT_GROUPS, ""));
}

static unsigned snapshots_asked(void)
{
    return fake.calls[CLOUD_DESCRIBE_SNAPSHOTS];
}

/* --- what they are made of ---------------------------------------------------------------- */

static void test_members(void **state)
{
    (void)state;
    assert_int_equal(members(GROUP), 2);
    assert_true(has_member(GROUP, FIRST) && has_member(GROUP, SECOND));
    /* Known already, so that groups cost their own pages. */
    world_run(31000);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    unsigned before = snapshots_asked();
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_GROUPS], 1);
    assert_int_equal(snapshots_asked(), before);
    assert_int_equal(members(GROUP), 2);
}

/* Whoever asks for groups first is told what they are made of as well. */
static void test_cold(void **state)
{
    (void)state;
    world_reopen(NULL);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(members(GROUP), 2);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_GROUPS], 1);
    assert_int_equal(snapshots_asked(), 1);
}

/* Its snapshots come a moment after the group, and a listing from before shows none of them. */
static void test_younger_than_the_snapshots(void **state)
{
    (void)state;
    world_run(20000);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    store_refresh(store);
    world_run(1);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    unsigned before = snapshots_asked();
    world_run(1000);
    add_group("group-theirs", "theirs", world_wall() - FAKE_EPOCH, "snap-0000000a",
              "snap-0000000b");
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(members("group-theirs"), 2);
    assert_int_equal(snapshots_asked(), before + 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(snapshots_asked(), before + 1);
    /* That it was young once does not cost for ever. */
    for (unsigned i = 0; i < 3; i++) {
        world_run(31000);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        assert_int_equal(look(WANT_GROUPS, NULL), 0);
        assert_int_equal(snapshots_asked(), before + 2 + i);
    }
}

/* One that is being made is looked at every 2 s, and all snapshots are not listed as often. */
static void test_made_while_somebody_looks(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(make_of(&order, ONE, TWO, "new"), 0);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(look(WANT_GROUPS, NULL), 0);
        assert_int_equal(members(order.id), 2);
        world_run(2001);
    }
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_GROUPS], 10);
    assert_in_range(snapshots_asked(), 1, 3);
}

/* Nothing is told of groups while it is not known what they are made of: `protect` depends on it.
 */
static void test_unknown_members(void **state)
{
    (void)state;
    world_reopen(NULL);
    fake_fate(CLOUD_DESCRIBE_SNAPSHOTS, 0, FATE_REFUSED, -EACCES);
    assert_int_equal(look(WANT_GROUPS, NULL), -EACCES);
    assert_null(store_list(store, WANT_GROUPS, ""));
    assert_true(refused_because("could not be listed"));
    world_run(2000);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(members(GROUP), 2);
}

/* Whoever waits for it goes, or the store ends. */
static void test_waiters_go(void **state)
{
    (void)state;
    static struct looker looker;
    world_reopen(NULL);
    assert_true(look_begin(&looker, WANT_GROUPS, NULL));
    world_run(25); /* the groups are there, their snapshots not yet */
    assert_int_equal(snapshots_asked(), 1);
    world_reopen(NULL);
    world_run(1000);
    assert_int_equal(looker.ready, 0);
    assert_true(look_begin(&looker, WANT_GROUPS, NULL));
    world_run(25);
    world_run(1);
    store_refresh(store);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(members(GROUP), 2);
    assert_int_equal(looker.ready, 1);
}

/* --- making ------------------------------------------------------------------------------- */

static char sent_group[32];
static size_t sent_disks;

static void note_order(const struct cloud_call *call)
{
    if (call->verb != CLOUD_CREATE_GROUP)
        return;
    snprintf(sent_group, sizeof(sent_group), "%s", call->group_id != NULL ? call->group_id : "");
    sent_disks = call->id_count;
}

static void test_taken_as_a_whole(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(make_of(&order, ONE, NULL, "new"), -EINVAL);
    assert_true(refused_because("the group pair has 2 disks and is taken as a whole"));
    assert_int_equal(make_of(&order, ONE, OTHER, "new"), -EINVAL);
    assert_true(refused_because("disk-0003 is in another group than those before it"));
    assert_int_equal(make_of(&order, LOOSE, ONE, "new"), -EINVAL);
    assert_true(refused_because("disk-0004 is in no group: use the console"));
    assert_int_equal(make_of(&order, ONE, ONE, "new"), -EINVAL);
    assert_true(refused_because("disk-0001 is named twice"));
    assert_int_equal(make_of(&order, "disk-none", NULL, "new"), -EINVAL);
    assert_true(refused_because("disk-none is neither a disk nor a group that has any"));
    assert_int_equal(store_create_group(store, NULL, 0, "new", "p", order_done, &order, &order.job),
                     -EINVAL);
    assert_int_equal(make_of(&order, ONE, TWO, "both"), -EEXIST);
    assert_int_equal(fake.calls[CLOUD_CREATE_GROUP], 0);
    fake.before = note_order;
    assert_int_equal(make_of(&order, TWO, ONE, "new"), 0);
    assert_string_equal(sent_group, "pair");
    assert_int_equal(sent_disks, 2);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(members(order.id), 2);
    assert_int_equal(make_of(&order, OTHER, NULL, "one"), 0);
    assert_string_equal(sent_group, "single");
}

/* --- pages -------------------------------------------------------------------------------- */

static void add_groups(size_t count)
{
    for (size_t i = fake.group_count; i < count; i++) {
        char id[32];
        snprintf(id, sizeof(id), "group-%07zu", i + 1);
        fake_add_group(id, id, -4000);
    }
}

static void test_pages(void **state)
{
    (void)state;
    add_groups(25);
    learn_again();
    assert_int_equal(groups(), 25);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_GROUPS], 3);
    fake_forget_calls();
    add_groups(30);
    learn_again();
    assert_int_equal(groups(), 30);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_GROUPS], 4);
}

/* The page behind it would be the first one for ever. */
static void test_marks_are_ignored(void **state)
{
    (void)state;
    fake.ignores_marks = true;
    add_groups(10);
    learn_again();
    assert_int_equal(groups(), 10);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_GROUPS], 2);
}

static void remove_mark(const struct cloud_call *call)
{
    static bool is_done;
    if (call->verb != CLOUD_DESCRIBE_GROUPS || call->marker == NULL || is_done)
        return;
    is_done = true;
    fake_remove_group(call->marker);
}

static void test_mark_is_gone(void **state)
{
    (void)state;
    add_groups(25);
    fake.before = remove_mark;
    learn_again();
    assert_int_equal(groups(), 24);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_GROUPS], 5);
}

/* --- deleting ----------------------------------------------------------------------------- */

static void test_members_stay_together(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(delete (&order, FIRST), -EBUSY);
    assert_true(refused_because("it is part of a group, which the cloud only deletes as a whole: "
                                "groups/" GROUP));
    assert_int_equal(fake.calls[CLOUD_DELETE_SNAPSHOT], 0);
    assert_int_equal(delete (&order, "snap-00000003"), 0);
    assert_int_equal(roll_back(&order, FIRST), 0);
    /* Of a cloud that has no such groups that says nothing. */
    fake_store_provider.group_advice = NULL;
    assert_int_equal(delete (&order, SECOND), 0);
}

/* Somebody else's is shown for as long as it goes on, and no longer. */
static void test_deleted_elsewhere(void **state)
{
    (void)state;
    snprintf(fake_find_group(GROUP)->word, 24, "DELETING");
    learn_again();
    assert_int_equal(groups(), 1);
    fake_remove_group(GROUP);
    world_run(2001);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(groups(), 0);
}

static void test_slow_deletion(void **state)
{
    (void)state;
    struct order order;
    fake.deletes_slowly = true;
    assert_int_equal(drop(&order, GROUP), 0);
    for (unsigned i = 0; i < 8; i++) {
        world_run(20000);
        learn_again();
        assert_int_equal(groups(), 0);
    }
    fake_remove_group(GROUP);
    learn_again();
    assert_int_equal(groups(), 0);
    assert_false(refused_because("could not carry it out"));
}

static void test_failed_deletion(void **state)
{
    (void)state;
    struct order order;
    fake.deletes_slowly = true;
    assert_int_equal(drop(&order, GROUP), 0);
    learn_again();
    assert_int_equal(groups(), 0);
    snprintf(fake_find_group(GROUP)->word, 24, "ERROR");
    learn_again();
    assert_int_equal(groups(), 1);
    assert_true(refused_because("could not carry it out: the group is still there"));
    /* What is in ERROR may be deleted, and its listing may lag. */
    fake.deletes_slowly = false;
    struct fake_group kept = *fake_find_group(GROUP);
    assert_int_equal(drop(&order, GROUP), 0);
    fake.groups[fake.group_count++] = kept;
    learn_again();
    assert_int_equal(groups(), 0);
    world_run(61000);
    learn_again();
    assert_int_equal(groups(), 1);
}

/* The answer was lost, and it goes on: that is an answer. */
static void test_deletion_seen(void **state)
{
    (void)state;
    struct order order;
    fake.deletes_slowly = true;
    fake_fate(CLOUD_DELETE_GROUP, 0, FATE_LOST_ANSWER, 0);
    fake_fate(CLOUD_DELETE_GROUP, 1, FATE_REFUSED, -EBUSY);
    assert_int_equal(drop(&order, GROUP), 0);
    assert_int_equal(groups(), 0);
}

int main(void)
{
#define GROUP_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_world_tear_down)
    const struct CMUnitTest tests[] = {
        GROUP_TEST(test_members),
        GROUP_TEST(test_cold),
        GROUP_TEST(test_younger_than_the_snapshots),
        GROUP_TEST(test_made_while_somebody_looks),
        GROUP_TEST(test_unknown_members),
        GROUP_TEST(test_waiters_go),
        GROUP_TEST(test_taken_as_a_whole),
        GROUP_TEST(test_pages),
        GROUP_TEST(test_marks_are_ignored),
        GROUP_TEST(test_mark_is_gone),
        GROUP_TEST(test_members_stay_together),
        GROUP_TEST(test_deleted_elsewhere),
        GROUP_TEST(test_slow_deletion),
        GROUP_TEST(test_failed_deletion),
        GROUP_TEST(test_deletion_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
