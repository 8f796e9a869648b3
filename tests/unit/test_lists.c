/* SPDX-License-Identifier: Apache-2.0 */
/* Short lists that are asked for seldom: their ages, their pages, and what we did laid over them.
 */
#include "fake_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DISK "disk-0001"

static int set_up(void **state)
{
    fake_world_set_up(state);
    fake_add_disk(DISK, "one");
    fake_add_snapshot("snap-00000001", DISK, "first", -5000);
    fake_add_group("group-0000001", "one", -5000);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    world_run(1000);
    fake_forget_calls();
    return 0;
}

static size_t groups(void)
{
    return json_array_size(store_list(store, WANT_GROUPS, ""));
}

static unsigned asked(void)
{
    return fake.calls[CLOUD_DESCRIBE_GROUPS];
}

/* --- ages ----------------------------------------------------------------------------- */

static void test_age(void **state)
{
    (void)state;
    assert_null(store_list(store, WANT_GROUPS, ""));
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 1);
    int64_t life = store_list_life(store, WANT_GROUPS, "");
    uint64_t version = store_list_version(store, WANT_GROUPS, "");
    assert_true(life > 29000 && life <= 30000);
    world_run(life - 10);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 1);
    world_run(20);
    assert_int_equal(store_list_life(store, WANT_GROUPS, ""), 0);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 2);
    assert_true(store_list_version(store, WANT_GROUPS, "") != version);
    store_refresh(store);
    world_run(1);
    store_refresh(store);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 3);
}

/* What is being made is looked at as often as a snapshot is. */
static void test_progress(void **state)
{
    (void)state;
    snprintf(fake.groups[0].word, sizeof(fake.groups[0].word), "CREATING");
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(look(WANT_GROUPS, NULL), 0);
        assert_int_equal(look(WANT_GROUPS, NULL), 0);
        assert_int_equal(asked(), i + 1);
        world_run(2001);
    }
    /* Only while somebody looks. */
    world_run(20000);
    assert_int_equal(asked(), 5);
    snprintf(fake.groups[0].word, sizeof(fake.groups[0].word), "NORMAL");
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    world_run(20000);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 6);
}

/* Whoever asks the same meanwhile joins. */
static void test_join(void **state)
{
    (void)state;
    static struct looker lookers[3];
    for (size_t i = 0; i < 3; i++)
        assert_true(look_begin(&lookers[i], WANT_GROUPS, NULL));
    world_run(100);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(lookers[i].ready, 1);
    assert_int_equal(asked(), 1);
}

/* One who has gone is not told, and those that the end of the store finds waiting are not either.
 */
static void test_waiters_go(void **state)
{
    (void)state;
    static struct looker lookers[3];
    for (size_t i = 0; i < 3; i++)
        assert_true(look_begin(&lookers[i], i < 2 ? WANT_GROUPS : WANT_POLICIES, NULL));
    store_unwait(&lookers[0].waiter);
    world_reopen(NULL);
    world_run(1000);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(lookers[i].ready, 0);
    store_unwait(&lookers[1].waiter);
}

static void slowly(const struct cloud_call *call, int64_t *latency)
{
    if (call->verb == CLOUD_DESCRIBE_SHARES)
        *latency = 3000;
}

/* What was asked for before we changed it is no answer to who asks afterwards. */
static void test_older_answer(void **state)
{
    (void)state;
    static struct looker early;
    struct order order = {.done = 0};
    fake.submitted = slowly;
    assert_true(look_begin(&early, WANT_SHARES, "snap-00000001"));
    world_run(100);
    assert_int_equal(order_finish(&order, store_share(store, "snap-00000001", "100000000001", false,
                                                      "p", order_done, &order, &order.job)),
                     0);
    world_run_until(&early.ready, 9000);
    assert_int_equal(store_list_life(store, WANT_SHARES, "snap-00000001"), 0);
    assert_int_equal(look(WANT_SHARES, "snap-00000001"), 0);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SHARES], 2);
}

static void forgets_shares(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb == CLOUD_DESCRIBE_SHARES && !fake_is_shared("snap-00000001", NULL))
        json_array_append_new(answer->list,
                              json_pack("{s:s, s:n}", "account", "100000000001", "since"));
    else if (call->verb == CLOUD_DESCRIBE_SHARES)
        json_array_clear(answer->list);
}

/* A list that lags tells of the account that it is not, or is still, shared with. */
static void test_shares_that_lag(void **state)
{
    (void)state;
    struct order order;
    fake.spoil = forgets_shares;
    for (int cancel = 0; cancel < 2; cancel++) {
        order = (struct order){.done = 0};
        assert_int_equal(
            order_finish(&order, store_share(store, "snap-00000001", "100000000001", cancel != 0,
                                             "p", order_done, &order, &order.job)),
            0);
        for (int i = 0; i < 3; i++) {
            world_run(15000);
            store_refresh(store);
            assert_int_equal(look(WANT_SHARES, "snap-00000001"), 0);
            assert_int_equal(json_array_size(store_list(store, WANT_SHARES, "snap-00000001")),
                             !cancel);
        }
    }
    world_run(20000);
    store_refresh(store);
    assert_int_equal(look(WANT_SHARES, "snap-00000001"), 0);
    assert_int_equal(json_array_size(store_list(store, WANT_SHARES, "snap-00000001")), 1);
}

/* --- failures ------------------------------------------------------------------------- */

static void test_failure_is_held(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        fake_fate(CLOUD_DESCRIBE_GROUPS, i, FATE_REFUSED, -EACCES);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(look(WANT_GROUPS, NULL), -EACCES);
    assert_int_equal(asked(), 1);
    assert_non_null(strstr(shown(store_put_errors), "\"path\":\"groups\""));
    world_run(1100);
    assert_int_equal(look(WANT_GROUPS, NULL), -EACCES);
    assert_int_equal(asked(), 2);
    /* A refresh asks at once. */
    world_run(1);
    store_refresh(store);
    assert_int_equal(look(WANT_GROUPS, NULL), -EACCES);
    assert_int_equal(asked(), 3);
    assert_null(store_list(store, WANT_GROUPS, ""));
}

/* One that took long to fail is held for longer: a crawl must not wait for it at each file. */
static void test_slow_failure_is_held_longer(void **state)
{
    (void)state;
    fake_fate(CLOUD_DESCRIBE_GROUPS, 0, FATE_LOST_REQUEST, 0);
    assert_int_equal(look(WANT_GROUPS, NULL), -ETIMEDOUT);
    world_run(20000);
    assert_int_equal(look(WANT_GROUPS, NULL), -ETIMEDOUT);
    assert_int_equal(asked(), 1);
    world_run(11000);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 2);
}

/* What is known is still served. */
static void test_failure_keeps_what_is_known(void **state)
{
    (void)state;
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    world_run(31000);
    fake_forget_calls();
    fake_fate(CLOUD_DESCRIBE_GROUPS, 0, FATE_INTERNAL, 0);
    assert_int_equal(look(WANT_GROUPS, NULL), -EREMOTEIO);
    assert_int_equal(groups(), 1);
    assert_int_equal(store_list_life(store, WANT_GROUPS, ""), 0);
}

/* --- pages ---------------------------------------------------------------------------- */

static void add_groups(size_t count)
{
    for (size_t i = fake.group_count; i < count; i++) {
        char id[32];
        snprintf(id, sizeof(id), "group-%07zu", i + 1);
        fake_add_group(id, id, (int64_t)i - 5000);
    }
}

static bool all_shown(void)
{
    for (size_t i = 0; i < fake.group_count; i++) {
        if (store_group(store, fake.groups[i].id) == NULL)
            return false;
    }
    return groups() == fake.group_count;
}

static void test_pages(void **state)
{
    (void)state;
    add_groups(2 * FAKE_PAGE + 5);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 3);
    assert_true(all_shown());
    /* A full last page needs no other. */
    fake.group_count = 2 * FAKE_PAGE;
    store_refresh(store);
    world_run(1);
    store_refresh(store);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 5);
    assert_true(all_shown());
}

static void take_first_away(const struct cloud_call *call)
{
    if (call->verb == CLOUD_DESCRIBE_GROUPS && call->offset > 0) {
        fake_remove_group("group-0000001");
        fake.before = NULL;
    }
}

static void put_in_front(const struct cloud_call *call)
{
    if (call->verb != CLOUD_DESCRIBE_GROUPS || call->offset == 0)
        return;
    memmove(fake.groups + 1, fake.groups, fake.group_count++ * sizeof(fake.groups[0]));
    snprintf(fake.groups[0].id, sizeof(fake.groups[0].id), "group-newest");
    fake.before = NULL;
}

/* Nothing is lost and nothing shown twice when something comes or goes between two pages. */
static void test_pages_that_move(void **state)
{
    (void)state;
    add_groups(FAKE_PAGE + 5);
    fake.before = take_first_away;
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_true(all_shown());
    fake.before = put_in_front;
    world_run(31000);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_true(all_shown());
}

static unsigned restless;

static void always_one_more(const struct cloud_call *call)
{
    char id[32];
    if (call->verb != CLOUD_DESCRIBE_GROUPS || call->offset == 0)
        return;
    snprintf(id, sizeof(id), "group-more%03u", restless++);
    fake_add_group(id, id, 0);
}

/* It ends. */
static void test_pages_that_never_rest(void **state)
{
    (void)state;
    add_groups(FAKE_PAGE + 5);
    restless = 0;
    fake.before = always_one_more;
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_true(asked() <= 8);
    assert_true(groups() >= FAKE_PAGE + 5);
}

static void promise(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb == CLOUD_DESCRIBE_GROUPS)
        answer->total = 1000000;
}

/* A total that lies is not believed for ever. */
static void test_total_that_lies(void **state)
{
    (void)state;
    fake.spoil = promise;
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 2);
    assert_int_equal(groups(), 1);
}

static void without_total(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb == CLOUD_DESCRIBE_GROUPS)
        answer->total = call->offset == 0 ? -1 : 0;
}

/* One that is too small, or none, hides nothing. */
static void test_no_total(void **state)
{
    (void)state;
    add_groups(FAKE_PAGE + 5);
    fake.spoil = without_total;
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 2);
    assert_true(all_shown());
}

static void same_page_for_ever(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb != CLOUD_DESCRIBE_GROUPS)
        return;
    json_array_clear(answer->list);
    for (int i = 0; i < FAKE_PAGE; i++)
        json_array_append_new(answer->list, json_pack("{s:s, s:s, s:s}", "id", "group-0000001",
                                                      "name", "one", "word", "NORMAL"));
    answer->total = 1000000;
}

/* Nor does one group become many. */
static void test_one_page_for_ever(void **state)
{
    (void)state;
    fake.spoil = same_page_for_ever;
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 2);
    assert_int_equal(groups(), 1);
}

static bool readable;

static void one_more_each(const struct cloud_call *call, struct cloud_answer *answer)
{
    char id[32];
    if (call->verb != CLOUD_DESCRIBE_GROUPS)
        return;
    snprintf(id, sizeof(id), "group-%07u", asked());
    json_array_clear(answer->list);
    if (readable)
        json_array_append_new(answer->list,
                              json_pack("{s:s, s:s, s:s}", "id", id, "name", id, "word", "NORMAL"));
    answer->unreadable = !readable;
    answer->total = 1000000;
}

/* A record in each page, whether or not it can be read, and a million that are promised. */
static void test_pages_without_end(void **state)
{
    (void)state;
    fake.spoil = one_more_each;
    for (unsigned i = 0; i < 2; i++) {
        readable = i > 0;
        fake_forget_calls();
        assert_int_equal(look(WANT_GROUPS, NULL), 0);
        assert_in_range(asked(), 1, 12);
        assert_int_equal(groups(), readable ? asked() : 0);
        world_run(31000);
    }
}

static void hide_one(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb != CLOUD_DESCRIBE_GROUPS)
        return;
    json_array_remove(answer->list, 0);
    answer->unreadable++;
}

static void promise_one(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb != CLOUD_DESCRIBE_GROUPS)
        return;
    if (call->offset == 0)
        json_array_remove(answer->list, 0);
    answer->total = 2;
}

/* What does not add up removes nothing, and is told. */
static void test_lists_that_do_not_add_up(void **state)
{
    (void)state;
    static void (*const spoils[])(const struct cloud_call *, struct cloud_answer *) = {hide_one,
                                                                                       promise_one};
    fake_add_group("group-0000002", "two", -5000);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        world_run(31000);
        fake.spoil = spoils[i];
        assert_int_equal(look(WANT_GROUPS, NULL), 0);
        assert_int_equal(groups(), 2);
        assert_non_null(strstr(shown(store_put_errors), "EPROTO"));
    }
    /* One that does removes. */
    world_run(31000);
    fake.spoil = NULL;
    fake_remove_group("group-0000001");
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(groups(), 1);
}

static void regions_that_lie(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb != CLOUD_DESCRIBE_REGIONS)
        return;
    json_array_append_new(
        answer->list, json_pack("{s:s, s:s, s:b}", "id", "far-away", "name", "", "available", 1));
    answer->total = 1000000;
}

/* What has no pages is asked for once. */
static void test_regions_come_whole(void **state)
{
    (void)state;
    fake.spoil = regions_that_lie;
    assert_int_equal(look(WANT_REGIONS, NULL), 0);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_REGIONS], 1);
}

/* --- many of one kind ----------------------------------------------------------------- */

static unsigned shares_asked(void)
{
    return fake.calls[CLOUD_DESCRIBE_SHARES];
}

/* Each has an age of its own, and those asked for longest ago are forgotten first. */
static void test_shares_are_trimmed(void **state)
{
    (void)state;
    char id[32];
    for (unsigned i = 0; i < 300; i++) {
        snprintf(id, sizeof(id), "snap-%08u", i);
        assert_int_equal(look(WANT_SHARES, id), 0);
    }
    assert_int_equal(shares_asked(), 300);
    assert_int_equal(look(WANT_SHARES, "snap-00000299"), 0);
    assert_int_equal(look(WANT_SHARES, "snap-00000100"), 0);
    assert_int_equal(shares_asked(), 300);
    assert_null(store_list(store, WANT_SHARES, "snap-00000000"));
    assert_int_equal(look(WANT_SHARES, "snap-00000000"), 0);
    assert_int_equal(shares_asked(), 301);
    /* Others are not. */
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(asked(), 1);
}

static void test_policies(void **state)
{
    (void)state;
    fake.policies = 3;
    assert_int_equal(look(WANT_POLICIES, NULL), 0);
    assert_int_equal(look(WANT_POLICIES, NULL), 0);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_POLICIES], 1);
    assert_int_equal(json_array_size(store_list(store, WANT_POLICIES, "")), 3);
}

int main(void)
{
#define LIST_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_world_tear_down)
    const struct CMUnitTest tests[] = {
        LIST_TEST(test_age),
        LIST_TEST(test_progress),
        LIST_TEST(test_join),
        LIST_TEST(test_waiters_go),
        LIST_TEST(test_failure_is_held),
        LIST_TEST(test_slow_failure_is_held_longer),
        LIST_TEST(test_failure_keeps_what_is_known),
        LIST_TEST(test_pages),
        LIST_TEST(test_pages_that_move),
        LIST_TEST(test_pages_that_never_rest),
        LIST_TEST(test_total_that_lies),
        LIST_TEST(test_no_total),
        LIST_TEST(test_one_page_for_ever),
        LIST_TEST(test_pages_without_end),
        LIST_TEST(test_lists_that_do_not_add_up),
        LIST_TEST(test_regions_come_whole),
        LIST_TEST(test_older_answer),
        LIST_TEST(test_shares_that_lag),
        LIST_TEST(test_shares_are_trimmed),
        LIST_TEST(test_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
