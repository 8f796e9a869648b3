/* SPDX-License-Identifier: Apache-2.0 */
/* How the client gets over a cloud that is away, a wrong clock and a refused credential. */
#include "fake_cloud.h"

#include "cbsfs/clock.h"

#include <errno.h>
#include <string.h>

static void test_breaker_opens_and_recovers(void **state)
{
    (void)state;
    script.down = true;
    struct cloud_error error = ask(CLOUD_DESCRIBE_DISKS, 10000);
    assert_error(error, -ETIMEDOUT, CLOUD_UNKNOWN);
    assert_int_equal(server_requests(server), 3);
    assert_true(stats().breaker_open);
    assert_true(stats().breaker_until > clock_now());

    int64_t before = clock_now();
    struct cloud_error quick = ask(CLOUD_CREATE_SNAPSHOT, 10000);
    assert_error(quick, -ETIMEDOUT, CLOUD_NOT_SENT);
    assert_string_equal(quick.message, error.message);
    assert_true(clock_now() - before < 500);
    assert_int_equal(server_requests(server), 3);

    run_loop_for(loop, stats().breaker_until - clock_now() + 5);
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 5000), -ETIMEDOUT, CLOUD_UNKNOWN);
    assert_int_equal(server_requests(server), 4); /* the trial */
    int64_t pause = stats().breaker_until - clock_now();
    assert_true(pause > 1500 && pause <= 2000); /* twice as long */

    run_loop_for(loop, pause + 5);
    script.down = false;
    script.delay = 100;
    struct result results[3];
    for (int i = 0; i < 3; i++)
        submit(CLOUD_DESCRIBE_DISKS, "a", 5000, CLIENT_URGENT, &results[i]);
    run_loop_for(loop, 50);
    assert_int_equal(stats().in_flight, 1); /* one goes through, the others wait for it */
    assert_true(run_loop(loop));
    for (int i = 0; i < 3; i++)
        assert_error(results[i].error, 0, CLOUD_DONE);
    assert_false(stats().breaker_open);
}

static void test_breaker_opens_at_silence(void **state)
{
    (void)state;
    script.silent = true;
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 5000), -ETIMEDOUT, CLOUD_UNKNOWN);
    /* One exchange that hangs is tried again; two in a row are the cloud. */
    assert_int_equal(server_requests(server), 2);
    assert_true(stats().breaker_open);
}

static void test_cancelled_trial_lets_another_go(void **state)
{
    (void)state;
    struct result first, second;
    script.silent = true;
    ask(CLOUD_DESCRIBE_DISKS, 5000);
    run_loop_for(loop, stats().breaker_until - clock_now() + 5);
    struct client_call *trial = submit(CLOUD_DESCRIBE_DISKS, "a", 5000, CLIENT_URGENT, &first);
    run_loop_for(loop, 50);
    assert_int_equal(stats().in_flight, 1);
    script.silent = false;
    submit(CLOUD_DESCRIBE_DISKS, "b", 5000, CLIENT_URGENT, &second);
    assert_false(client_cancel(trial));
    waiting--;
    assert_true(run_loop(loop));
    assert_error(second.error, 0, CLOUD_DONE);
    assert_int_equal(first.calls, 0);
}

static void test_nobody_waits_long_for_a_trial(void **state)
{
    (void)state;
    struct result trial, other;
    script.silent = true;
    ask(CLOUD_DESCRIBE_DISKS, 5000);
    run_loop_for(loop, stats().breaker_until - clock_now() + 5);
    submit(CLOUD_DESCRIBE_DISKS, "a", 5000, CLIENT_URGENT, &trial);
    run_loop_for(loop, 20);
    int64_t began = clock_now();
    submit(CLOUD_DESCRIBE_DISKS, "b", 5000, CLIENT_URGENT, &other);
    run_loop_for(loop, stats().breaker_until - began + 50);
    assert_int_equal(other.calls, 1);
    assert_error(other.error, -ETIMEDOUT, CLOUD_NOT_SENT);
    assert_int_equal(trial.calls, 0); /* it has all the time of an attempt */
    assert_true(run_loop(loop));
    assert_int_equal(trial.calls, 1);
}

static void test_clock_is_corrected(void **state)
{
    (void)state;
    script.clock_ahead = 1000;
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 2);
    assert_in_range(stats().clock_offset, 998, 1002);
    assert_in_range(client_server_time(client) - clock_wall() / 1000, 998, 1002);
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 3);

    script.clock_ahead = 100; /* it is set right: learnt before it hurts */
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    assert_in_range(stats().clock_offset, 98, 102);
    script.clock_ahead = 103; /* noise */
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    assert_in_range(stats().clock_offset, 98, 102);
    script.clock_ahead = 120; /* a lost creation could not be found by its time */
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    assert_in_range(stats().clock_offset, 118, 122);
    script.clock_ahead = 2;
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    assert_int_equal(stats().clock_offset, 0);
}

static void test_clock_only_once(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        script.words[i] = "EXPIRED";
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), -EKEYREJECTED, CLOUD_REFUSED);
    assert_int_equal(server_requests(server), 2);
}

static void test_credential_is_renewed(void **state)
{
    (void)state;
    script.bad_key = "first";
    keys.next = "second";
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 2);
    assert_int_equal(keys.asked_refused, 1);
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 3);
    assert_int_equal(keys.asked_refused, 1);
}

/* One reason, however many hung side by side: they are asked again. */
static void test_stalls_side_by_side(void **state)
{
    (void)state;
    struct result results[3];
    for (int i = 0; i < 3; i++) {
        script.how[i] = SERVE_HANG;
        submit(CLOUD_DESCRIBE_DISKS, "a", 3000, CLIENT_URGENT, &results[i]);
    }
    assert_true(run_loop(loop));
    for (int i = 0; i < 3; i++)
        assert_error(results[i].error, 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 6);
    assert_false(stats().breaker_open);
}

static void test_credential_storm(void **state)
{
    (void)state;
    struct result results[10];
    script.bad_key = "first";
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), -EKEYREJECTED, CLOUD_REFUSED);
    assert_int_equal(server_requests(server), 1);
    for (int i = 0; i < 10; i++)
        submit(CLOUD_DESCRIBE_DISKS, "a", 3000, CLIENT_URGENT, &results[i]);
    assert_true(run_loop(loop));
    for (int i = 0; i < 10; i++) {
        assert_error(results[i].error, -EKEYREJECTED, CLOUD_REFUSED);
        assert_string_equal(results[i].error.code, "BADKEY");
    }
    assert_int_equal(server_requests(server), 1);
    assert_int_equal(keys.asked_refused, 1);

    run_loop_for(loop, 1010); /* then one may try */
    for (int i = 0; i < 10; i++)
        submit(CLOUD_DESCRIBE_DISKS, "a", 3000, CLIENT_URGENT, &results[i]);
    assert_true(run_loop(loop));
    assert_int_equal(server_requests(server), 2);

    run_loop_for(loop, 1010);
    script.bad_key = NULL; /* enabled again */
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    for (int i = 0; i < 10; i++)
        submit(CLOUD_DESCRIBE_DISKS, "a", 3000, CLIENT_URGENT, &results[i]);
    assert_true(run_loop(loop));
    for (int i = 0; i < 10; i++)
        assert_error(results[i].error, 0, CLOUD_DONE);
}

static void test_credential_comes_later(void **state)
{
    (void)state;
    struct result results[3];
    keys.slow = true;
    for (int i = 0; i < 3; i++)
        submit(CLOUD_DESCRIBE_DISKS, "a", 3000, CLIENT_URGENT, &results[i]);
    assert_true(run_loop(loop));
    for (int i = 0; i < 3; i++)
        assert_error(results[i].error, 0, CLOUD_DONE);

    keys.slow = true;
    submit(CLOUD_DESCRIBE_DISKS, "a", 10, CLIENT_URGENT, &results[0]);
    assert_true(run_loop(loop));
    assert_error(results[0].error, -ETIMEDOUT, CLOUD_NOT_SENT);
    keys.slow = true; /* freed while the source is still asked: tear_down() */
}

static void test_no_credential(void **state)
{
    (void)state;
    keys.failure = -EACCES;
    struct cloud_error error = ask(CLOUD_DESCRIBE_DISKS, 3000);
    assert_error(error, -EACCES, CLOUD_NOT_SENT);
    assert_string_equal(error.message, "no credentials");
    assert_int_equal(server_requests(server), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_CLOUD_TEST(test_breaker_opens_and_recovers),
        FAKE_CLOUD_TEST(test_breaker_opens_at_silence),
        FAKE_CLOUD_TEST(test_cancelled_trial_lets_another_go),
        FAKE_CLOUD_TEST(test_nobody_waits_long_for_a_trial),
        FAKE_CLOUD_TEST(test_clock_is_corrected),
        FAKE_CLOUD_TEST(test_clock_only_once),
        FAKE_CLOUD_TEST(test_credential_is_renewed),
        FAKE_CLOUD_TEST(test_stalls_side_by_side),
        FAKE_CLOUD_TEST(test_credential_storm),
        FAKE_CLOUD_TEST(test_credential_comes_later),
        FAKE_CLOUD_TEST(test_no_credential),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
