/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of dates, shares, copies and new disks afterwards, and what is refused here. */
#include "feature_orders.h"

#include "cbsfs/timestamp.h"

#include <errno.h>

/* --- what is shown afterwards --------------------------------------------------------- */

static void test_expiry_is_shown(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(expire(&order), 0);
    assert_int_equal(snapshot_expires(known(ID)), deadline);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 0);
    deadline = TIMESTAMP_NONE;
    assert_int_equal(expire(&order), 0);
    assert_int_equal(snapshot_expires(known(ID)), TIMESTAMP_NONE);
    assert_int_equal(fake_find(ID)->expires, 0);
}

static void slow_first(const struct cloud_call *call, int64_t *latency)
{
    if (call->verb == CLOUD_DESCRIBE_SNAPSHOTS)
        *latency = 2000;
}

/* A listing that began before the change was answered does not undo what is shown of it. */
static void test_older_listing_undoes_nothing(void **state)
{
    (void)state;
    static struct looker looker;
    struct order order;
    store_refresh(store);
    world_run(1);
    fake.submitted = slow_first;
    assert_true(look_begin(&looker, WANT_SNAPSHOTS, NULL));
    world_run(1010);
    assert_int_equal(expire(&order), 0);
    assert_int_equal(share(&order), 0);
    world_run_until(&looker.ready, 5000);
    assert_int_equal(snapshot_expires(known(ID)), deadline);
    assert_true(known(ID)->shared_out);
}

static int64_t lagging;

/* Another server of the cloud, which has not heard of it. */
static void lag(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb != CLOUD_DESCRIBE_SNAPSHOTS)
        return;
    for (size_t i = 0; i < answer->count; i++) {
        answer->snapshots[i].expires = lagging;
        answer->snapshots[i].shared_out = false;
    }
}

static void list_again(int64_t after)
{
    world_run(after);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
}

/* Nor does one that began later and lags behind. */
static void test_lagging_listing_undoes_nothing(void **state)
{
    (void)state;
    struct order order;
    int64_t first = deadline, second = deadline + MONTH, theirs = deadline + 2 * MONTH;
    assert_int_equal(share(&order), 0);
    assert_int_equal(expire(&order), 0);
    deadline = second;
    assert_int_equal(expire(&order), 0);
    fake.spoil = lag;
    for (int64_t i = 0; i < 4; i++) {
        lagging = i % 2 ? TIMESTAMP_NONE : first;
        list_again(10000);
        assert_int_equal(snapshot_expires(known(ID)), second);
        assert_true(known(ID)->shared_out);
    }
    /* What it never was is newer. */
    lagging = theirs;
    list_again(1);
    assert_int_equal(snapshot_expires(known(ID)), theirs);
    deadline = first;
    assert_int_equal(expire(&order), 0);
    lagging = theirs;
    list_again(50000);
    assert_int_equal(snapshot_expires(known(ID)), first);
    /* A list that does not show it after so long is believed. */
    list_again(12000);
    assert_int_equal(snapshot_expires(known(ID)), theirs);
    assert_false(known(ID)->shared_out);
}

/* So many that what was is forgotten. */
static void test_many_dates(void **state)
{
    (void)state;
    struct order order;
    int64_t first = deadline;
    for (int64_t i = 0; i < 9; i++) {
        assert_int_equal(expire(&order), 0);
        deadline += MONTH;
    }
    fake.spoil = lag;
    lagging = first;
    list_again(1);
    assert_int_equal(snapshot_expires(known(ID)), deadline - MONTH);
}

static int expire_kept(struct order *order, const char *kept)
{
    *order = (struct order){.done = 0};
    return finish(order, store_expire(store, ID, deadline, kept, "path/expires", order_done, order,
                                      &order->job));
}

/* A date is a deletion. */
static void test_no_sooner(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(expire_kept(&order, "it is kept"), -EPERM);
    assert_non_null(strstr(shown(store_put_errors), "it is kept"));
    assert_int_equal(expire(&order), 0);
    deadline--;
    assert_int_equal(expire_kept(&order, "it is kept"), -EPERM);
    deadline += 2;
    assert_int_equal(expire_kept(&order, "it is kept"), 0);
    deadline = TIMESTAMP_NONE;
    assert_int_equal(expire_kept(&order, "it is kept"), 0);
    assert_int_equal(fake.calls[CLOUD_EXPIRE_SNAPSHOT], 3);
}

static void test_shares_are_shown(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(look(WANT_SHARES, ID), 0);
    assert_int_equal(json_array_size(store_list(store, WANT_SHARES, ID)), 0);
    assert_int_equal(share(&order), 0);
    assert_true(known(ID)->shared_out);
    assert_int_equal(look(WANT_SHARES, ID), 0);
    assert_int_equal(json_array_size(store_list(store, WANT_SHARES, ID)), 1);
    assert_int_equal(share_with(&order, true), 0);
    assert_int_equal(look(WANT_SHARES, ID), 0);
    assert_int_equal(json_array_size(store_list(store, WANT_SHARES, ID)), 0);
    assert_false(is_shared());
}

static void test_ids_are_told(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(copy(&order), 0);
    assert_non_null(strstr(order.id, "snap-copy"));
    assert_int_equal(new_disk(&order), 0);
    assert_string_equal(order.id, fake.disks[2].id);
    assert_int_equal(make_group(&order), 0);
    assert_string_equal(order.id, fake.groups[1].id);
    assert_non_null(strstr(shown(store_put_jobs), fake.disks[2].id));
    /* The list of disks has one more. */
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_non_null(catalogue_disk(store_catalogue(store), fake.disks[2].id));
}

/* --- refused here --------------------------------------------------------------------- */

static unsigned changes_sent(void)
{
    unsigned sent = 0;
    for (unsigned verb = CLOUD_FIRST_CHANGE; verb < CLOUD_VERB_COUNT; verb++)
        sent += fake.calls[verb];
    return sent;
}

static bool refused_because(const char *reason)
{
    return strstr(shown(store_put_errors), reason) != NULL;
}

static void learn_again(void)
{
    world_run(1);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
}

static void test_refused_here(void **state)
{
    (void)state;
    struct order order;
    struct fake_snapshot *snapshot = fake_find(ID);
    deadline = world_wall() + 86000;
    assert_int_equal(expire(&order), -EINVAL);
    assert_true(refused_because("at least a day ahead"));

    snprintf(snapshot->word, sizeof(snapshot->word), "CREATING");
    learn_again();
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(changes[i].order(&order), -EBUSY);
    assert_true(refused_because("it has to be NORMAL"));

    snprintf(snapshot->word, sizeof(snapshot->word), "NORMAL");
    snapshot->of_system = true;
    learn_again();
    assert_int_equal(share(&order), -EOPNOTSUPP);
    assert_int_equal(new_disk(&order), -EOPNOTSUPP);
    assert_true(refused_because("system disks cannot be shared"));
    assert_true(refused_because("data disks only"));

    snapshot->of_system = false;
    snapshot->shared_in = true;
    learn_again();
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(changes[i].order(&order), -EOPNOTSUPP);
    assert_true(refused_because("belongs to another account"));

    snapshot->shared_in = false;
    snprintf(snapshot->copying, sizeof(snapshot->copying), "far-away");
    learn_again();
    assert_int_equal(copy(&order), -EBUSY);
    assert_true(refused_because("being copied there already"));
    const struct disk_order small = {.size = 5};
    assert_int_equal(store_new_disk(store, ID, &small, "p", order_done, &order, &order.job),
                     -EINVAL);
    assert_true(refused_because("smaller than the snapshot"));

    fake_remove(ID);
    learn_again();
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(changes[i].order(&order), -ENOENT);
    assert_int_equal(changes_sent(), 0);
}

static const char *refuse_all(const struct cloud_call *call)
{
    return call->verb >= CLOUD_DESCRIBE_SHARES && call->verb != CLOUD_CREATE_SNAPSHOT
               ? "this cloud has no such thing"
               : NULL;
}

static void test_not_of_this_cloud(void **state)
{
    (void)state;
    struct order order;
    fake_store_provider.refusal = refuse_all;
    for (size_t i = 0; i < CHANGE_COUNT; i++)
        assert_int_equal(changes[i].order(&order), -EOPNOTSUPP);
    assert_int_equal(look(WANT_GROUPS, NULL), -EOPNOTSUPP);
    assert_int_equal(look(WANT_SHARES, ID), -EOPNOTSUPP);
    assert_true(refused_because("this cloud has no such thing"));
    assert_int_equal(changes_sent() + fake.calls[CLOUD_DESCRIBE_GROUPS], 0);
}

int main(void)
{
#define FEATURE_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, set_up, fake_world_tear_down)
    const struct CMUnitTest tests[] = {
        FEATURE_TEST(test_expiry_is_shown),
        FEATURE_TEST(test_older_listing_undoes_nothing),
        FEATURE_TEST(test_lagging_listing_undoes_nothing),
        FEATURE_TEST(test_many_dates),
        FEATURE_TEST(test_no_sooner),
        FEATURE_TEST(test_shares_are_shown),
        FEATURE_TEST(test_ids_are_told),
        FEATURE_TEST(test_refused_here),
        FEATURE_TEST(test_not_of_this_cloud),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
