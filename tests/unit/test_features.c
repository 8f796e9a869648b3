/* SPDX-License-Identifier: Apache-2.0 */
/* Dates, shares, copies, new disks and groups: each order under each fate of its call. */
#include "fake_client.h"

#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DISK  "disk-0001"
#define OTHER "disk-0002"
#define ID    "snap-00000001"
#define GROUP "group-0000001"
#define MONTH (30 * 86400)

static int64_t deadline;

static int set_up(void **state)
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

static bool jobs_have(const char *state)
{
    char wanted[32];
    snprintf(wanted, sizeof(wanted), "\"%s\"", state);
    return strstr(shown(store_put_jobs), wanted) != NULL;
}

/* --- the orders ---------------------------------------------------------------------- */

static int expire(struct order *order)
{
    *order = (struct order){.done = 0};
    return order_finish(
        order, store_expire(store, ID, deadline, "path/expires", order_done, order, &order->job));
}

static bool is_expiring(void)
{
    return fake_find(ID)->expires == deadline;
}

static int share_with(struct order *order, bool cancel)
{
    *order = (struct order){.done = 0};
    return order_finish(order, store_share(store, ID, "100000000001", cancel, "path/shared_with",
                                           order_done, order, &order->job));
}

static int share(struct order *order)
{
    return share_with(order, false);
}

static bool is_shared(void)
{
    return fake_is_shared(ID, "100000000001");
}

static int copy(struct order *order)
{
    *order = (struct order){.done = 0};
    return order_finish(order, store_copy(store, ID, "far-away", "copied", "path/copy_to",
                                          order_done, order, &order->job));
}

static bool is_copied(void)
{
    return strcmp(fake_find(ID)->copying, "far-away") == 0;
}

static int new_disk(struct order *order)
{
    const struct disk_order whole = {.name = "more"};
    *order = (struct order){.done = 0};
    return order_finish(
        order, store_new_disk(store, ID, &whole, "path/new_disk", order_done, order, &order->job));
}

/* One, however often it was sent. */
static bool is_there_one_disk(void)
{
    return fake.disk_count == 3;
}

static int make_group(struct order *order)
{
    static const char *const disks[] = {DISK, OTHER};
    *order = (struct order){.done = 0};
    return order_finish(order, store_create_group(store, disks, 2, "new", "groups/new", order_done,
                                                  order, &order->job));
}

static bool is_there_one_group(void)
{
    return fake.group_count == 2;
}

static int roll_group_back(struct order *order)
{
    *order = (struct order){.done = 0};
    return order_finish(order, store_rollback_group(store, GROUP, false, false, "groups/both",
                                                    order_done, order, &order->job));
}

static bool is_rolling_back(void)
{
    return strcmp(fake_find_group(GROUP)->word, "ROLLBACKING") == 0 && fake.disks[0].rolling_back &&
           fake.disks[1].rolling_back;
}

static int delete_group(struct order *order)
{
    *order = (struct order){.done = 0};
    return order_finish(
        order, store_delete_group(store, GROUP, "groups/both", order_done, order, &order->job));
}

static bool is_group_gone(void)
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

static void begin_anew(void **state)
{
    fake_world_tear_down(state);
    set_up(state);
}

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
        assert_int_equal(fake.calls[change->verb], 1);
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

/* The listing lags, and still shows the copy, or the date, from before. */
static void test_not_the_one_before(void **state)
{
    (void)state;
    struct order order;
    assert_int_equal(copy(&order), 0);
    fake_find(ID)->copying[0] = '\0';
    assert_int_equal(look(WANT_STATUS, ID), 0);
    fake_forget_calls();
    fake_fate(CLOUD_COPY_SNAPSHOT, 0, FATE_LOST_REQUEST, 0);
    snprintf(fake_find(ID)->copying, sizeof(fake_find(ID)->copying), "far-away");
    assert_int_equal(copy(&order), -ETIMEDOUT);
    assert_true(jobs_have("watching"));
}

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

/* A store that ends in the midst of all this frees it, and calls nobody. */
static void test_ends_in_between(void **state)
{
    static const enum fake_fate fates[] = {FATE_LOST_REQUEST, FATE_INTERNAL};
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        for (int64_t after = 0; after < 12000; after += 3001) {
            static struct order order;
            begin_anew(state);
            order = (struct order){.done = 0};
            lose_every(changes[i].verb, fates[i % 2]);
            assert_int_equal(store_expire(store, ID, deadline, "p", order_done, &order, &order.job),
                             0);
            world_run(after);
            store_free(store);
            store = NULL;
            world_run(20000);
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
        FEATURE_TEST(test_not_the_one_before),
        FEATURE_TEST(test_expiry_is_shown),
        FEATURE_TEST(test_older_listing_undoes_nothing),
        FEATURE_TEST(test_shares_are_shown),
        FEATURE_TEST(test_ids_are_told),
        FEATURE_TEST(test_refused_here),
        FEATURE_TEST(test_not_of_this_cloud),
        FEATURE_TEST(test_ends_in_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
