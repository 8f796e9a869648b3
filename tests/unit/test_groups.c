/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of snapshots in the store: what may be one, and what is shown of what we did to them. */
#include "groups_room.h"

/* --- which disks may be one ------------------------------------------------------------ */

static void test_disks_of_one_instance(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(make_of(&order, ONE, THREE, "new"), -EINVAL);
    assert_true(refused_because("disk-0003 is attached to another instance"));
    assert_int_equal(make_of(&order, ONE, LOOSE, "new"), -EINVAL);
    assert_true(refused_because("disk-0004 is not attached"));
    assert_int_equal(make_of(&order, ONE, ONE, "new"), -EINVAL);
    assert_true(refused_because("disk-0001 is named twice"));
    assert_int_equal(make_of(&order, ONE, "disk-none", "new"), -EINVAL);
    assert_true(refused_because("disk-none is not there"));
    assert_int_equal(store_create_group(store, NULL, 0, "new", "p", order_done, &order, &order.job),
                     -EINVAL);
    assert_int_equal(make_of(&order, ONE, TWO, "both"), -EEXIST);
    assert_int_equal(fake.calls[CLOUD_CREATE_GROUP], 0);
    assert_int_equal(make_of(&order, ONE, NULL, "new"), 0);
}

/* --- what is shown of what we did ------------------------------------------------------ */

static size_t hidden;

static void hide_group(const struct cloud_call *call)
{
    if (call->verb == CLOUD_DESCRIBE_GROUPS)
        fake.group_count = hidden;
}

/* The list lags behind: what was made stays. */
static void test_made_is_shown(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(make_of(&order, ONE, TWO, "new"), 0);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_GROUPS], 0);
    assert_string_equal(word_of(order.id), "CREATING");
    hidden = 1;
    fake.before = hide_group;
    for (unsigned i = 0; i < 3; i++) {
        learn_again();
        assert_string_equal(word_of(order.id), "CREATING");
        assert_int_equal(json_array_size(store_list(store, WANT_GROUPS, "")), 2);
        world_run(10000);
    }
    assert_int_equal(make_of(&order, ONE, TWO, "new"), -EEXIST);
    /* Not for ever. */
    world_run(60000);
    learn_again();
    assert_int_equal(json_array_size(store_list(store, WANT_GROUPS, "")), 1);
}

static void test_made_is_shown_once(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(make_of(&order, ONE, TWO, "new"), 0);
    learn_again();
    assert_int_equal(json_array_size(store_list(store, WANT_GROUPS, "")), 2);
    /* With what the cloud tells of it, and its snapshots are where they belong. */
    assert_int_equal(json_array_size(json_object_get(store_group(store, order.id), "snapshots")),
                     2);
    assert_string_not_equal(entry_id(ONE, "new"), "");
    assert_string_not_equal(entry_id(TWO, "new"), "");
}

static struct fake_group deleted;

static void bring_back(const struct cloud_call *call)
{
    if (call->verb == CLOUD_DESCRIBE_GROUPS && fake_find_group(deleted.id) == NULL)
        fake.groups[fake.group_count++] = deleted;
}

static void test_deleted_is_hidden(void **state)
{
    (void)state;
    struct order order;
    deleted = *fake_find_group(GROUP);
    assert_int_equal(drop(&order, GROUP), 0);
    assert_null(store_group(store, GROUP));
    assert_string_equal(entry_id(ONE, "first"), "");
    assert_string_equal(entry_id(TWO, "second"), "");
    fake.before = bring_back;
    learn_again();
    assert_null(store_group(store, GROUP));
    assert_int_equal(drop(&order, GROUP), -ENOENT);
    assert_int_equal(fake.calls[CLOUD_DELETE_GROUP], 1);
    world_run(61000);
    learn_again();
    assert_non_null(store_group(store, GROUP));
}

/* Made, deleted and made again under the same name: each is another. */
static void test_made_again(void **state)
{
    (void)state;
    struct order first, second;
    assert_int_equal(make_of(&first, ONE, TWO, "new"), 0);
    group_is(first.id, "NORMAL");
    learn_again();
    assert_int_equal(drop(&second, first.id), 0);
    assert_int_equal(make_of(&second, ONE, TWO, "new"), 0);
    assert_string_not_equal(first.id, second.id);
    assert_null(store_group(store, first.id));
    assert_non_null(store_group(store, second.id));
}

/* --- rolling back and deleting ---------------------------------------------------------- */

static void test_rollback_is_shown(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(roll(&order), 0);
    assert_string_equal(snapshot_word(known("snap-00000001")), "ROLLBACKING");
    assert_string_equal(snapshot_word(known("snap-00000002")), "ROLLBACKING");
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_string_equal(word_of(GROUP), "ROLLBACKING");
    assert_int_equal(roll(&order), -EBUSY);
    assert_int_equal(drop(&order, GROUP), -EBUSY);
    assert_true(refused_because("the group is ROLLBACKING"));
    assert_int_equal(fake.calls[CLOUD_APPLY_GROUP], 1);
}

/* It replaces what is on each disk, so each has to be there and free. */
static void test_rollback_of_what_is_not_whole(void **state)
{
    (void)state;
    struct order order;
    fake.disks[1].rolling_back = true;
    learn_again();
    assert_int_equal(roll(&order), -EBUSY);
    fake.disks[1].rolling_back = false;
    fake.disks[1] = fake.disks[--fake.disk_count];
    learn_again();
    assert_int_equal(roll(&order), -EOPNOTSUPP);
    assert_true(refused_because("is gone or not known"));
    fake_remove("snap-00000002");
    learn_again();
    assert_int_equal(roll(&order), -EOPNOTSUPP);
    assert_int_equal(fake.calls[CLOUD_APPLY_GROUP], 0);
    /* What is left of it may be deleted all the same. */
    assert_int_equal(drop(&order, GROUP), 0);
    assert_null(fake_find_group(GROUP));
}

static void test_delete_refused_here(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(drop(&order, "group-other"), -ENOENT);
    fake_find("snap-00000002")->images = 1;
    learn_again();
    assert_int_equal(drop(&order, GROUP), -EBUSY);
    assert_true(refused_because("images are built on its snapshots"));
    assert_int_equal(fake.calls[CLOUD_DELETE_GROUP], 0);
}

static void late_deletion(const struct cloud_call *call)
{
    if (call->verb == CLOUD_DELETE_GROUP)
        fake_remove_group(GROUP);
}

/* The first has happened after all, and the repetition finds nothing: that is success. */
static void test_delete_twice(void **state)
{
    (void)state;
    struct order order;
    fake.before = late_deletion;
    fake_fate(CLOUD_DELETE_GROUP, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(drop(&order, GROUP), 0);
    assert_int_equal(fake.calls[CLOUD_DELETE_GROUP], 2);
}

/* The request was on its way: it appears by itself, once. */
static void test_made_late(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_CREATE_GROUP, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(make_of(&order, ONE, TWO, "new"), -ETIMEDOUT);
    assert_int_equal(make_of(&order, ONE, TWO, "new"), -EBUSY);
    fake_add_group("group-late", "new", world_wall() - FAKE_EPOCH);
    world_run(3000);
    assert_non_null(store_group(store, "group-late"));
    assert_non_null(strstr(shown(store_put_jobs), "\"done\""));
    assert_null(strstr(shown(store_put_jobs), "watching"));
    assert_int_equal(make_of(&order, ONE, TWO, "new"), -EEXIST);
    assert_int_equal(fake.calls[CLOUD_CREATE_GROUP], 1);
}

/* One of that name from before is not the one. */
static void test_not_the_one_before(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_CREATE_GROUP, 0, FATE_LOST_REQUEST, 0);
    fake_add_group("group-unseen", "new", -1000);
    assert_int_equal(make_of(&order, ONE, TWO, "new"), -ETIMEDOUT);
    world_run(70000);
    assert_non_null(strstr(shown(store_put_jobs), "\"failed\""));
}

/* Nor is another mount's, of the same name at the same moment, but of another disk. */
static void test_not_of_other_disks(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_CREATE_GROUP, 0, FATE_LOST_REQUEST, 0);
    struct fake_group *group = fake_add_group("group-theirs", "new", world_wall() - FAKE_EPOCH + 1);
    snprintf(group->members[group->count++], 32, "snap-00000001");
    assert_int_equal(make_of(&order, ONE, TWO, "new"), -ETIMEDOUT);
    world_run(70000);
    assert_non_null(strstr(shown(store_put_jobs), "\"failed\""));
}

/* Until it is known, none of its disks is rolled back another way, and nothing of it deleted. */
static void test_undecided_rollback_holds_its_disks(void **state)
{
    (void)state;
    struct order order;
    struct fake_group *other = fake_add_group("group-other", "other", -3000);
    snprintf(other->members[other->count++], 32, "snap-00000002");
    learn_again();
    fake_fate(CLOUD_APPLY_GROUP, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(roll(&order), -ETIMEDOUT);
    assert_int_equal(roll_back(&order, "snap-00000001"), -EBUSY);
    assert_int_equal(roll_back(&order, "snap-00000002"), -EBUSY);
    assert_int_equal(delete (&order, "snap-00000001"), -EBUSY);
    assert_int_equal(drop(&order, GROUP), -EBUSY);
    assert_int_equal(store_rollback_group(store, "group-other", false, false, "p", order_done,
                                          &order, &order.job),
                     -EBUSY);
    assert_int_equal(fake.calls[CLOUD_APPLY_SNAPSHOT] + fake.calls[CLOUD_DELETE_SNAPSHOT], 0);
    world_run(70000);
    assert_int_equal(roll_back(&order, "snap-00000001"), 0);
}

/* Somebody else's rollback, seen in a list from before ours, is not ours. */
static void test_rollback_seen_late(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_APPLY_GROUP, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(roll(&order), -ETIMEDOUT);
    snprintf(fake_find_group(GROUP)->word, 24, "ROLLBACKING");
    world_run(3000);
    assert_non_null(strstr(shown(store_put_jobs), "\"done\""));
    assert_int_equal(fake.calls[CLOUD_APPLY_GROUP], 1);
}

static unsigned snapshots_asked(void)
{
    return fake.calls[CLOUD_DESCRIBE_SNAPSHOTS];
}

/* Made elsewhere, of snapshots that are younger than the listing: that is read again, once. */
static void test_links_lead_somewhere(void **state)
{
    (void)state;
    world_reopen(NULL);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    world_run(20000);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    struct fake_group *group = fake_add_group("group-theirs", "theirs", world_wall() - FAKE_EPOCH);
    snprintf(group->members[group->count++], 32, "snap-theirs");
    snprintf(group->members[group->count++], 32, "snap-nowhere");
    fake_add_snapshot("snap-theirs", ONE, "theirs", world_wall() - FAKE_EPOCH);
    world_run(11000);
    unsigned asked = snapshots_asked();
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(snapshots_asked(), asked);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(look(WANT_GROUPS, NULL), 0);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        assert_non_null(known("snap-theirs"));
        assert_int_equal(snapshots_asked(), asked + 1);
    }
    /* One that is nowhere is not looked for again and again. */
    world_run(31000);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        assert_int_equal(look(WANT_GROUPS, NULL), 0);
    }
    assert_int_equal(snapshots_asked(), asked + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(test_disks_of_one_instance),
        GROUP_TEST(test_made_is_shown),
        GROUP_TEST(test_made_is_shown_once),
        GROUP_TEST(test_deleted_is_hidden),
        GROUP_TEST(test_made_again),
        GROUP_TEST(test_rollback_is_shown),
        GROUP_TEST(test_rollback_of_what_is_not_whole),
        GROUP_TEST(test_delete_refused_here),
        GROUP_TEST(test_delete_twice),
        GROUP_TEST(test_made_late),
        GROUP_TEST(test_not_the_one_before),
        GROUP_TEST(test_not_of_other_disks),
        GROUP_TEST(test_undecided_rollback_holds_its_disks),
        GROUP_TEST(test_rollback_seen_late),
        GROUP_TEST(test_links_lead_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
