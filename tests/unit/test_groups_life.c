/* SPDX-License-Identifier: Apache-2.0 */
/* Groups in the store: what is refused of their snapshots, whose name is whose, and waiting for
 * them. */
#include "groups_room.h"

/* --- what would be refused of one of its snapshots ---------------------------------------- */

static void test_a_member_in_progress(void **state)
{
    (void)state;
    struct order order;
    snprintf(fake_find("snap-00000002")->word, 24, "ROLLBACKING");
    fake.disks[1].rolling_back = true;
    learn_again();
    assert_int_equal(roll(&order), -EBUSY);
    assert_int_equal(drop(&order, GROUP), -EBUSY);
    assert_true(refused_because("its snapshot snap-00000002 is ROLLBACKING"));
    snprintf(fake_find("snap-00000002")->word, 24, "NORMAL");
    fake.disks[1].rolling_back = false;
    learn_again();
    /* One whose outcome is not known. */
    fake_fate(CLOUD_APPLY_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(roll_back(&order, "snap-00000001"), -ETIMEDOUT);
    assert_int_equal(roll(&order), -EBUSY);
    assert_int_equal(drop(&order, GROUP), -EBUSY);
    assert_int_equal(fake.calls[CLOUD_APPLY_GROUP] + fake.calls[CLOUD_DELETE_GROUP], 0);
}

static void test_a_member_that_was_deleted(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(delete (&order, "snap-00000002"), 0);
    assert_int_equal(roll(&order), -EOPNOTSUPP);
    assert_int_equal(fake.calls[CLOUD_APPLY_GROUP], 0);
}

/* --- names -------------------------------------------------------------------------------- */

static bool is_twin(const char *id)
{
    const json_t *group = store_group(store, id);
    assert_non_null(group);
    return json_is_true(json_object_get(group, "twin"));
}

/* Who deletes `both` twice deletes one. */
static void test_a_twin_stays_one(void **state)
{
    (void)state;
    struct order order;
    fake_add_group("group-twin", "both", -3000);
    learn_again();
    assert_false(is_twin(GROUP));
    assert_true(is_twin("group-twin"));
    assert_int_equal(drop(&order, GROUP), 0);
    for (int i = 0; i < 4; i++) {
        assert_true(is_twin("group-twin"));
        /* One that a listing shows only now was there as well. */
        if (i == 2)
            fake_add_group("group-unseen", "both", -2000);
        learn_again();
    }
    assert_true(is_twin("group-unseen"));
    world_run(61000);
    learn_again();
    assert_true(is_twin("group-twin"));
    /* What is made afterwards is another matter. */
    fake_add_group("group-later", "both", world_wall() - FAKE_EPOCH);
    learn_again();
    assert_false(is_twin("group-later"));
}

static void test_gone_elsewhere(void **state)
{
    (void)state;
    fake_add_group("group-twin", "both", -3000);
    learn_again();
    fake_remove_group(GROUP);
    learn_again();
    assert_null(store_group(store, GROUP));
    assert_true(is_twin("group-twin"));
}

/* One that a list has left out is the same when it is back. */
static void test_left_out_for_a_moment(void **state)
{
    (void)state;
    fake_add_group("group-twin", "both", -3000);
    learn_again();
    struct fake_group group = *fake_find_group(GROUP);
    fake_remove_group(GROUP);
    learn_again();
    *fake_add_group(GROUP, "both", -4000) = group;
    learn_again();
    assert_false(is_twin(GROUP));
    assert_true(is_twin("group-twin"));
}

/* An older one that comes late does not take the name away. */
static void test_an_older_one_comes_late(void **state)
{
    (void)state;
    fake_add_group("group-older", "both", -9000);
    learn_again();
    assert_false(is_twin(GROUP));
    assert_true(is_twin("group-older"));
    /* Over a remount entries are given anew. */
    world_reopen(NULL);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_true(is_twin(GROUP));
    assert_false(is_twin("group-older"));
}

/* --- waiting ------------------------------------------------------------------------------ */

static unsigned groups_asked(void)
{
    return fake.calls[CLOUD_DESCRIBE_GROUPS];
}

static void test_wait(void **state)
{
    (void)state;
    static struct looker lookers[3];
    assert_false(look_begin(&lookers[0], WANT_GROUP_SETTLED, GROUP));
    assert_false(look_begin(&lookers[0], WANT_GROUP_SETTLED, "group-other"));
    group_is(GROUP, "CREATING");
    learn_again();
    unsigned asked = groups_asked();
    for (size_t i = 0; i < 3; i++)
        assert_true(look_begin(&lookers[i], WANT_GROUP_SETTLED, GROUP));
    store_unwait(&lookers[2].waiter);
    world_run(20000);
    assert_int_equal(lookers[0].ready, 0);
    /* However many wait, and through failures. */
    assert_in_range(groups_asked() - asked, 8, 10);
    fake_forget_calls();
    fake_fate(CLOUD_DESCRIBE_GROUPS, 0, FATE_INTERNAL, 0);
    fake_fate(CLOUD_DESCRIBE_GROUPS, 1, FATE_LOST_REQUEST, 0);
    world_run(30000);
    assert_int_equal(lookers[0].ready, 0);
    /* Its snapshots have to be ready too. */
    snprintf(fake_find_group(GROUP)->word, 24, "NORMAL");
    world_run(10000);
    assert_int_equal(lookers[0].ready, 0);
    group_is(GROUP, "NORMAL");
    world_run(5000);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(lookers[i].ready, i < 2);
    /* Then nobody is asked. */
    world_run(3000);
    fake_forget_calls();
    world_run(20000);
    assert_int_equal(groups_asked() + fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 0);
}

/* One wait right after another: what came into progress between them is polled. */
static void test_wait_again(void **state)
{
    (void)state;
    static struct looker first, second;
    struct order order;
    group_is(GROUP, "CREATING");
    learn_again();
    assert_true(look_begin(&first, WANT_GROUP_SETTLED, GROUP));
    world_run(2500);
    group_is(GROUP, "NORMAL");
    world_run_until(&first.ready, 5000);
    assert_int_equal(roll(&order), 0);
    assert_true(look_begin(&second, WANT_GROUP_SETTLED, GROUP));
    world_run(500);
    group_is(GROUP, "NORMAL");
    fake.disks[0].rolling_back = fake.disks[1].rolling_back = false;
    world_run(12000);
    assert_int_equal(second.ready, 1);
}

static void test_wait_for_what_goes(void **state)
{
    (void)state;
    static struct looker looker;
    group_is(GROUP, "ROLLBACKING");
    learn_again();
    assert_true(look_begin(&looker, WANT_GROUP_SETTLED, GROUP));
    fake_remove_group(GROUP);
    world_run(5000);
    assert_int_equal(looker.ready, 1);
}

/* A list that lags still says NORMAL: what was ordered is under way all the same. */
static void test_wait_after_an_order(void **state)
{
    (void)state;
    static struct looker looker;
    struct order order;
    int percent;
    assert_int_equal(roll(&order), 0);
    snprintf(fake_find_group(GROUP)->word, 24, "NORMAL");
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_string_equal(word_of(GROUP), "NORMAL");
    assert_string_equal(store_group_status(store, store_group(store, GROUP), &percent),
                        "ROLLBACKING");
    assert_true(look_begin(&looker, WANT_GROUP_SETTLED, GROUP));
    world_run(8000);
    assert_int_equal(looker.ready, 0);
    group_is(GROUP, "NORMAL");
    fake.disks[0].rolling_back = fake.disks[1].rolling_back = false;
    world_run(10000);
    assert_int_equal(looker.ready, 1);
    assert_null(store_group_busy_member(store, store_group(store, GROUP)));
}

static void test_end_while_somebody_waits(void **state)
{
    (void)state;
    static struct looker looker;
    group_is(GROUP, "CREATING");
    learn_again();
    assert_true(look_begin(&looker, WANT_GROUP_SETTLED, GROUP));
    world_run(3000);
    store_free(store);
    store = NULL;
    world_run(9000);
    assert_int_equal(looker.ready, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GROUP_TEST(test_a_member_in_progress),
        GROUP_TEST(test_a_member_that_was_deleted),
        GROUP_TEST(test_a_twin_stays_one),
        GROUP_TEST(test_left_out_for_a_moment),
        GROUP_TEST(test_gone_elsewhere),
        GROUP_TEST(test_an_older_one_comes_late),
        GROUP_TEST(test_wait),
        GROUP_TEST(test_wait_again),
        GROUP_TEST(test_wait_for_what_goes),
        GROUP_TEST(test_wait_after_an_order),
        GROUP_TEST(test_end_while_somebody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
