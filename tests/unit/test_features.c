/* SPDX-License-Identifier: Apache-2.0 */
/* Dates, shares, copies, new disks and groups: each order under each fate of its call. */
#include "feature_orders.h"

#include <errno.h>

/* --- answers that come ---------------------------------------------------------------- */

static void test_done(void **state)
{
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        struct order order;
        begin_anew(state);
        assert_int_equal(changes[i].order(&order), 0);
        assert_int_equal(fake.calls[changes[i].verb], 1);
        assert_true(changes[i].happened());
        assert_true(jobs_have("done"));
        assert_int_equal(store_running_jobs(store), 0);
    }
}

static void test_refused(void **state)
{
    static const struct fake_script scripts[] = {
        {FATE_REFUSED, -EACCES}, {FATE_NOT_SENT, -EHOSTUNREACH}, {FATE_HELD, -EAGAIN}};
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        for (size_t j = 0; j < sizeof scripts / sizeof scripts[0]; j++) {
            struct order order;
            begin_anew(state);
            fake_fate(changes[i].verb, 0, scripts[j].fate, scripts[j].status);
            assert_int_equal(changes[i].order(&order), scripts[j].status);
            assert_int_equal(fake.calls[changes[i].verb], 1);
            assert_false(changes[i].happened());
            assert_true(jobs_have("failed"));
            assert_int_equal(look(WANT_GROUPS, NULL), 0);
            assert_int_equal(fake.calls[CLOUD_DESCRIBE_GROUPS], 0);
        }
    }
}

/* The answer is lost, and the truth is told all the same: by another answer to the same, or by
 * what is listed. */
static void test_answer_lost(void **state)
{
    static const enum fake_fate fates[] = {FATE_LOST_ANSWER, FATE_INTERNAL_DONE};
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        for (size_t j = 0; j < sizeof fates / sizeof fates[0]; j++) {
            struct order order;
            begin_anew(state);
            fake_fate(changes[i].verb, 0, fates[j], 0);
            assert_int_equal(changes[i].order(&order), 0);
            assert_int_equal(fake.calls[changes[i].verb], changes[i].repeatable ? 2 : 1);
            assert_true(changes[i].happened());
            assert_true(jobs_have("done"));
        }
    }
}

static void test_request_lost(void **state)
{
    static const enum fake_fate fates[] = {FATE_LOST_REQUEST, FATE_INTERNAL};
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        for (size_t j = 0; j < sizeof fates / sizeof fates[0]; j++) {
            struct order order, second;
            begin_anew(state);
            fake_fate(changes[i].verb, 0, fates[j], 0);
            assert_int_equal(changes[i].order(&order), changes[i].repeatable ? 0 : -ETIMEDOUT);
            assert_int_equal(fake.calls[changes[i].verb], changes[i].repeatable ? 2 : 1);
            assert_int_equal(fake.executed[changes[i].verb], changes[i].repeatable ? 1 : 0);
            if (changes[i].repeatable)
                continue;
            /* It may still happen. */
            assert_true(jobs_have("watching"));
            assert_int_equal(changes[i].order(&second), -EBUSY);
            world_run(70000);
            assert_false(jobs_have("watching"));
            assert_true(jobs_have(changes[i].not_seen));
            assert_int_equal(fake.calls[changes[i].verb], 1);
            assert_int_equal(order.done, 1);
        }
    }
}

static void test_no_id(void **state)
{
    static const size_t makers[] = {2, 3, 4};
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        const struct change *change = &changes[makers[i]];
        struct order order;
        begin_anew(state);
        fake_fate(change->verb, 0, FATE_NO_ID, 0);
        assert_int_equal(change->order(&order), 0);
        assert_int_equal(fake.calls[change->verb], change->repeatable ? 2 : 1);
        assert_true(order.id[0] != '\0');
        assert_true(change->happened());
    }
}

static void lose_every(enum cloud_verb verb, enum fake_fate fate)
{
    for (unsigned i = 0; i < FAKE_FATES; i++)
        fake_fate(verb, i, fate, 0);
}

/* No answer is ever a good one, and yet it happens: what is listed decides, where it tells. */
static void test_never_answered_well(void **state)
{
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        struct order order;
        begin_anew(state);
        lose_every(changes[i].verb, FATE_INTERNAL_DONE);
        assert_int_equal(changes[i].order(&order), changes[i].shows ? 0 : -ETIMEDOUT);
        assert_true(fake.calls[changes[i].verb] <= 5);
        assert_true(changes[i].happened());
        world_run(70000);
        assert_true(jobs_have(changes[i].shows ? "done" : changes[i].not_seen));
    }
}

static void test_never_happens(void **state)
{
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        struct order order;
        begin_anew(state);
        int64_t began = fake.now;
        lose_every(changes[i].verb, FATE_INTERNAL);
        assert_int_equal(changes[i].order(&order), -ETIMEDOUT);
        assert_true(order.at <= began + 10000);
        assert_true(fake.calls[changes[i].verb] <= 5);
        assert_true(jobs_have("watching"));
        assert_non_null(strstr(shown(store_put_errors), ".cbsfs/jobs keeps watching"));
        world_run(70000);
        assert_true(jobs_have(changes[i].not_seen));
        assert_false(jobs_have("watching"));
    }
}

/* --- found while it is watched -------------------------------------------------------- */

static void test_expires_late(void **state)
{
    (void)state;
    struct order order;
    lose_every(CLOUD_EXPIRE_SNAPSHOT, FATE_INTERNAL);
    assert_int_equal(expire(&order), -ETIMEDOUT);
    fake_find(ID)->expires = deadline;
    world_run(3000);
    assert_true(jobs_have("done"));
    assert_int_equal(snapshot_expires(known(ID)), deadline);
}

static void test_copied_late(void **state)
{
    (void)state;
    struct order order;
    fake_fate(CLOUD_COPY_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(copy(&order), -ETIMEDOUT);
    snprintf(fake_find(ID)->copying, sizeof(fake_find(ID)->copying), "far-away");
    world_run(3000);
    assert_true(jobs_have("done"));
    assert_int_equal(copy(&order), -EBUSY);
    assert_int_equal(fake.calls[CLOUD_COPY_SNAPSHOT], 1);
}

/* Each region has its own, whichever was ordered last. */
static void test_copies_to_several_regions(void **state)
{
    (void)state;
    static struct order orders[3];
    static const char *const regions[] = {"far-away", "farther", "farthest"};
    lose_every(CLOUD_COPY_SNAPSHOT, FATE_LOST_REQUEST);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            store_copy(store, ID, regions[i], NULL, "p", order_done, &orders[i], &orders[i].job),
            0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            store_copy(store, ID, regions[i], NULL, "p", order_done, &orders[i], &orders[i].job),
            -EBUSY);
    world_run(12000);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            store_copy(store, ID, regions[i], NULL, "p", order_done, &orders[i], &orders[i].job),
            -EBUSY);
    assert_int_equal(fake.calls[CLOUD_COPY_SNAPSHOT], 3);
}

/* The listing lags, and still shows the date from before. */
static void test_not_the_one_before(void **state)
{
    (void)state;
    struct order order;
    int64_t first = deadline;
    assert_int_equal(expire(&order), 0);
    deadline += MONTH;
    assert_int_equal(expire(&order), 0);
    fake_forget_calls();
    lose_every(CLOUD_EXPIRE_SNAPSHOT, FATE_INTERNAL);
    deadline = first;
    fake_find(ID)->expires = first;
    assert_int_equal(expire(&order), -ETIMEDOUT);
    assert_true(jobs_have("watching"));
}

/* Nor is it ordered twice while the listing lags. */
static void test_copied_once(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(copy(&order), 0);
    for (int i = 0; i < 5; i++) {
        fake_find(ID)->copying[0] = '\0';
        store_refresh(store);
        assert_int_equal(look(WANT_STATUS, ID), 0);
        assert_int_equal(copy(&order), -EBUSY);
        world_run(11000);
    }
    world_run(6000);
    assert_int_equal(copy(&order), 0);
    assert_int_equal(fake.calls[CLOUD_COPY_SNAPSHOT], 2);
}

/* A store that ends in the midst of all this frees it, and calls nobody. */
static void test_ends_in_between(void **state)
{
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        for (int64_t after = 0; after < 16000; after += 3001) {
            static struct order order;
            begin_anew(state);
            lose_every(changes[i].verb, i % 2 ? FATE_LOST_REQUEST : FATE_INTERNAL);
            begin_only = true;
            assert_int_equal(changes[i].order(&order), 0);
            begin_only = false;
            world_run(after);
            unsigned told = order.done;
            assert_int_equal(told, after > 10000);
            store_free(store);
            store = NULL;
            world_run(20000);
            assert_int_equal(order.done, told);
        }
    }
}

int main(void)
{
#define FEATURE_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, set_up, fake_world_tear_down)
    const struct CMUnitTest tests[] = {
        FEATURE_TEST(test_done),
        FEATURE_TEST(test_refused),
        FEATURE_TEST(test_answer_lost),
        FEATURE_TEST(test_request_lost),
        FEATURE_TEST(test_no_id),
        FEATURE_TEST(test_never_answered_well),
        FEATURE_TEST(test_never_happens),
        FEATURE_TEST(test_expires_late),
        FEATURE_TEST(test_copied_late),
        FEATURE_TEST(test_copies_to_several_regions),
        FEATURE_TEST(test_not_the_one_before),
        FEATURE_TEST(test_copied_once),
        FEATURE_TEST(test_ends_in_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
