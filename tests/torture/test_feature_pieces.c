/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of the features, and their lists, with each allocation failing in turn: an answer is true,
 * and whoever waits is told. */
#include "../unit/feature_orders.h"

#include "torture.h"

#include <errno.h>

#define ALLOCATIONS_MOST 2000

static void is_ready(void *data, int status)
{
    struct looker *looker = data;
    looker->ready++;
    looker->status = status;
}

/* As look_begin() and look(), which take no -ENOMEM. */
static bool begin(struct looker *looker, enum store_want want, const char *id)
{
    *looker = (struct looker){.waiter = {.ready = is_ready, .data = looker}};
    looker->status = store_want(store, want, id, &looker->waiter);
    return looker->status == -EINPROGRESS;
}

static int ask(enum store_want want, const char *id)
{
    static struct looker looker;
    if (begin(&looker, want, id))
        world_run_until(&looker.ready, 30000);
    return looker.status;
}

static unsigned executed(enum cloud_verb verb)
{
    return fake.executed[verb];
}

/* False: there was no such allocation. */
static bool order_once(const struct change *change, unsigned number, void **state)
{
    struct order order;
    set_up(state);
    torture_fail(number);
    int status = change->order(&order);
    bool failed = torture_end();
    unsigned count = executed(change->verb);
    if (status == 0)
        assert_int_equal(count, 1);
    else if (status != -ETIMEDOUT)
        assert_int_equal(count, 0);
    assert_true(failed || status == 0);
    /* Whatever is left of it ends. */
    world_run(70000);
    assert_int_equal(store_running_jobs(store), 0);
    assert_true(executed(change->verb) <= 1);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    fake_world_tear_down(state);
    return failed;
}

static void test_orders(void **state)
{
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        unsigned number = 1;
        while (order_once(&changes[i], number, state))
            assert_true(++number < ALLOCATIONS_MOST);
        print_message("torture: %u allocations of order %zu failed\n", number - 1, i);
    }
}

static bool list_once(unsigned number, void **state)
{
    struct order order;
    set_up(state);
    fake_add_group("group-twin", "both", -3000);
    world_run(31000);
    torture_fail(number);
    int status = ask(WANT_GROUPS, NULL);
    if (status == 0)
        status = ask(WANT_SHARES, ID);
    bool failed = torture_end();
    assert_true(failed || status == 0);
    /* What is known is whole, or as it was. */
    const json_t *twin = store_group(store, "group-twin");
    assert_non_null(store_group(store, GROUP));
    assert_true(twin == NULL || json_is_true(json_object_get(twin, "twin")));
    world_run(31000);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    assert_int_equal(delete_group(&order), 0);
    assert_true(json_is_true(json_object_get(store_group(store, "group-twin"), "twin")));
    fake_world_tear_down(state);
    return failed;
}

static void test_lists(void **state)
{
    unsigned number = 1;
    while (list_once(number, state))
        assert_true(++number < ALLOCATIONS_MOST);
    print_message("torture: %u allocations of lists failed\n", number - 1);
}

static bool wait_once(unsigned number, void **state)
{
    static struct looker waiter, other, third;
    set_up(state);
    snprintf(fake_find_group(GROUP)->word, 24, "CREATING");
    world_run(31000);
    assert_int_equal(look(WANT_GROUPS, NULL), 0);
    torture_fail(number);
    bool waits = begin(&waiter, WANT_GROUP_SETTLED, GROUP);
    world_run(1500);
    /* Two who want it fresher than what is on its way. */
    bool looks = begin(&other, WANT_GROUPS, NULL);
    world_run(1);
    store_refresh(store);
    bool looks_too = begin(&third, WANT_GROUPS, NULL);
    world_run(5000);
    bool failed = torture_end();
    snprintf(fake_find_group(GROUP)->word, 24, "NORMAL");
    world_run(15000);
    assert_true(waits && waiter.ready == 1);
    assert_true(!looks || other.ready == 1);
    assert_true(!looks_too || third.ready == 1);
    fake_world_tear_down(state);
    return failed;
}

static void test_waiting(void **state)
{
    unsigned number = 1;
    while (wait_once(number, state))
        assert_true(++number < ALLOCATIONS_MOST);
    print_message("torture: %u allocations while somebody waits failed\n", number - 1);
}

/* Who wants it fresher than what is on its way begins anew, and whoever waited is told all the
 * same.
 */
static bool begin_anew_once(unsigned number, void **state)
{
    static struct looker first, second;
    set_up(state);
    world_run(31000);
    assert_true(begin(&first, WANT_GROUPS, NULL));
    world_run(1);
    store_refresh(store);
    torture_fail(number);
    bool waits = begin(&second, WANT_GROUPS, NULL);
    bool failed = torture_end();
    world_run(9000);
    assert_int_equal(first.ready, 1);
    assert_int_equal(second.ready, waits);
    fake_world_tear_down(state);
    return failed;
}

static void test_beginning_anew(void **state)
{
    unsigned number = 1;
    while (begin_anew_once(number, state))
        assert_true(++number < ALLOCATIONS_MOST);
}

int main(void)
{
    torture_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_beginning_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
