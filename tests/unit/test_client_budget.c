/* SPDX-License-Identifier: Apache-2.0 */
/* The window of calls: when the next may go, also when some leave later than they were sent. */
#include "../../src/cloud/client_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#define RATE 4

static void test_window(void **state)
{
    (void)state;
    struct budget budget;
    assert_int_equal(budget_init(&budget, RATE), 0);
    for (int64_t now = 1000; now < 1000 + RATE; now++) {
        assert_true(budget_next(&budget, CLIENT_URGENT, now) <= now);
        budget_spend(&budget, CLIENT_URGENT, now);
    }
    assert_int_equal(budget_next(&budget, CLIENT_URGENT, 1010), 1000 + CLIENT_RATE_WINDOW);
    budget_free(&budget);
}

static void test_what_leaves_later(void **state)
{
    (void)state;
    struct budget budget;
    assert_int_equal(budget_init(&budget, RATE), 0);
    for (int64_t now = 1000; now < 1000 + RATE; now++)
        budget_spend(&budget, CLIENT_URGENT, now);
    /* The first leaves behind the others: the second is the oldest now, then the third, ... */
    budget_move(&budget, 1000, 1240);
    assert_int_equal(budget_next(&budget, CLIENT_URGENT, 1250), 1001 + CLIENT_RATE_WINDOW);
    budget_spend(&budget, CLIENT_URGENT, 1001 + CLIENT_RATE_WINDOW);
    assert_int_equal(budget_next(&budget, CLIENT_URGENT, 2100), 1002 + CLIENT_RATE_WINDOW);
    budget_spend(&budget, CLIENT_URGENT, 1002 + CLIENT_RATE_WINDOW);
    budget_spend(&budget, CLIENT_URGENT, 1003 + CLIENT_RATE_WINDOW);
    assert_int_equal(budget_next(&budget, CLIENT_URGENT, 2100), 1240 + CLIENT_RATE_WINDOW);
    /* Of two that were sent at once one stays. */
    budget_spend(&budget, CLIENT_URGENT, 3000);
    budget_spend(&budget, CLIENT_URGENT, 3000);
    budget_spend(&budget, CLIENT_URGENT, 3010);
    budget_spend(&budget, CLIENT_URGENT, 3020);
    budget_move(&budget, 3000, 3015);
    assert_int_equal(budget_next(&budget, CLIENT_URGENT, 3100), 3000 + CLIENT_RATE_WINDOW);
    budget_move(&budget, 3000, 3300);
    assert_int_equal(budget_next(&budget, CLIENT_URGENT, 3100), 3010 + CLIENT_RATE_WINDOW);
    /* What is not in the window any more changes nothing. */
    budget_move(&budget, 1000, 5000);
    assert_int_equal(budget_next(&budget, CLIENT_URGENT, 3100), 3010 + CLIENT_RATE_WINDOW);
    budget_free(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_what_leaves_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
