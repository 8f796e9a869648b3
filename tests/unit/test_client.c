/* SPDX-License-Identifier: Apache-2.0 */
/* What the client sends, sends again, and never sends again. */
#include "fake_cloud.h"

#include "cbsfs/clock.h"

#include <errno.h>
#include <string.h>

static void test_answer(void **state)
{
    (void)state;
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 3000), 0, CLOUD_DONE);
    assert_int_equal(stats().calls[CLOUD_DESCRIBE_DISKS], 1);
    assert_int_equal(stats().calls[CLOUD_CREATE_SNAPSHOT], 1);
    assert_int_equal(stats().errors[CLOUD_DESCRIBE_DISKS], 0);
    assert_int_equal(stats().connections, 2); /* a change has its own */
    assert_int_equal(stats().in_flight + stats().queued, 0);
    assert_true(stats().latency_last >= 0);
    assert_ptr_equal(client_provider(client), &fake_provider);
}

static void test_final_is_not_repeated(void **state)
{
    (void)state;
    script.words[0] = "DENIED";
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), -EACCES, CLOUD_REFUSED);
    assert_int_equal(server_requests(server), 1);
    assert_int_equal(stats().errors[CLOUD_DESCRIBE_DISKS], 1);
}

static void test_question_is_asked_again(void **state)
{
    (void)state;
    script.words[0] = "INTERNAL";
    script.how[1] = SERVE_DROP;
    script.words[2] = "THROTTLED";
    script.how[3] = SERVE_HALF;
    assert_error(ask(CLOUD_DESCRIBE_DISKS, 10000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 5);
    assert_int_equal(stats().throttled, 1);
    assert_false(stats().breaker_open);
}

static void test_change_is_not(void **state)
{
    (void)state;
    static const enum serve_how lost[] = {SERVE_DROP, SERVE_HALF, SERVE_HANG, SERVE_RESET};
    for (unsigned i = 0; i < 4; i++) {
        script.how[server_requests(server)] = lost[i];
        assert_error(ask(CLOUD_CREATE_SNAPSHOT, lost[i] == SERVE_HANG ? 300 : 3000), -ETIMEDOUT,
                     CLOUD_UNKNOWN);
        assert_int_equal(server_requests(server), 2 * i + 1);
        assert_error(ask(CLOUD_DESCRIBE_DISKS, 3000), 0, CLOUD_DONE);
    }
}

static void test_change_after_internal_error(void **state)
{
    (void)state;
    script.words[0] = "INTERNAL";
    assert_error(ask(CLOUD_APPLY_SNAPSHOT, 3000), -EREMOTEIO, CLOUD_UNKNOWN);
    assert_int_equal(server_requests(server), 1);
}

static void test_change_after_refusal(void **state)
{
    (void)state;
    script.words[0] = script.words[1] = "THROTTLED";
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 10000), 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), 3);
}

static void test_throttled_to_the_end(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        script.words[i] = "THROTTLED";
    int64_t before = clock_now();
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 400), -EAGAIN, CLOUD_REFUSED);
    assert_true(clock_now() - before < 3000);
    assert_true(server_requests(server) >= 2);
    assert_true(stats().throttled == server_requests(server));
}

static void test_change_that_was_not_sent(void **state)
{
    (void)state;
    client_free(client);
    client_open(closed_port(), 0);
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 5000), -ECONNREFUSED, CLOUD_NOT_SENT);
    assert_int_equal(stats().calls[CLOUD_CREATE_SNAPSHOT], 3);
    assert_true(stats().breaker_open);
}

static void test_rate(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    static struct result results[COUNT];
    int64_t before = clock_now();
    for (int i = 0; i < COUNT; i++)
        submit(CLOUD_DESCRIBE_SNAPSHOTS, "a", 15000, CLIENT_URGENT, &results[i]);
    struct result other;
    submit(CLOUD_DESCRIBE_DISKS, "a", 15000, CLIENT_URGENT, &other); /* has a budget of its own */
    run_loop_for(loop, 500);
    assert_int_equal(other.calls, 1);
    assert_int_equal(stats().queued, COUNT - 20); /* a burst is allowed */
    assert_true(run_loop(loop));
    assert_true(clock_now() - before >= 2 * CLIENT_RATE_WINDOW);
    for (int i = 0; i < COUNT; i++)
        assert_error(results[i].error, 0, CLOUD_DONE);
    for (unsigned i = 0; i + 21 < script.time_count; i++) /* 20, and the other call */
        assert_true(script.times[i + 21] - script.times[i] > 700);
}

/* Many pages go evenly, so that whoever comes among them has a place soon; and no more side by side
 * than the line needs. */
static void test_many_leave_room(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    static struct result results[COUNT];
    struct result urgent;
    int64_t before = clock_now();
    for (int i = 0; i < COUNT; i++)
        submit(CLOUD_DESCRIBE_SNAPSHOTS, "a", 200, CLIENT_BULK, &results[i]);
    run_loop_for(loop, 20);
    assert_true(stats().in_flight <= 3);
    run_loop_for(loop, 1380);
    unsigned sent = script.time_count;
    assert_in_range(sent, 20, 30);
    int64_t asked = clock_now();
    submit(CLOUD_DESCRIBE_SNAPSHOTS, "b", 5000, CLIENT_URGENT, &urgent);
    while (urgent.calls == 0 && clock_now() - asked < 3000)
        run_loop_for(loop, 1);
    assert_true(clock_now() - asked < 250);
    /* Their deadline counts from when there was room for them. */
    assert_true(run_loop(loop));
    for (int i = 0; i < COUNT; i++)
        assert_error(results[i].error, 0, CLOUD_DONE);
    assert_in_range(clock_now() - before, 41 * CLIENT_RATE_WINDOW / 20 - 100, 4000);
    for (unsigned i = 0; i + 20 < script.time_count; i++)
        assert_true(script.times[i + 20] - script.times[i] > 700);
    assert_true(stats().connections <= 4);
}

static void test_background_takes_half(void **state)
{
    (void)state;
    enum { COUNT = 24 };
    static struct result results[COUNT];
    struct result urgent[10];
    struct client_call *last = NULL;
    for (int i = 0; i < COUNT; i++)
        last = submit(CLOUD_DESCRIBE_SNAPSHOTS, "a", 5000, CLIENT_BACKGROUND, &results[i]);
    run_loop_for(loop, 500);
    assert_int_equal(script.time_count, 10);
    client_hurry(last, CLIENT_URGENT);
    run_loop_for(loop, 100);
    assert_int_equal(results[COUNT - 1].calls, 1);
    for (int i = 1; i < 10; i++)
        submit(CLOUD_DESCRIBE_SNAPSHOTS, "b", 5000, CLIENT_URGENT, &urgent[i]);
    run_loop_for(loop, 200);
    assert_int_equal(script.time_count, 20);
    assert_true(run_loop(loop));
    for (unsigned i = 0; i + 20 < script.time_count; i++)
        assert_true(script.times[i + 20] - script.times[i] > 700);
}

/* What the server refuses too often is tried less often, and what was refused is asked again. */
static void test_slower_when_throttled(void **state)
{
    (void)state;
    enum { COUNT = 30 };
    static struct result results[COUNT];
    script.words[0] = script.words[4] = "THROTTLED";
    for (int i = 0; i < COUNT; i++)
        submit(CLOUD_DESCRIBE_SNAPSHOTS, "a", 5000, CLIENT_BULK, &results[i]);
    assert_true(run_loop(loop));
    for (int i = 0; i < COUNT; i++)
        assert_error(results[i].error, 0, CLOUD_DONE);
    assert_int_equal(server_requests(server), COUNT + 2);
    /* 15 of 20, or 11 when the second refusal came later than the first one counted. */
    for (unsigned i = 5; i + 15 < script.time_count; i++)
        assert_true(script.times[i + 15] - script.times[i] > 700);
}

static void test_urgent_first(void **state)
{
    (void)state;
    static struct result results[5];
    client_free(client);
    client_open(server_port(server), 1);
    submit(CLOUD_DESCRIBE_DISKS, "1", 5000, CLIENT_BACKGROUND, &results[0]);
    submit(CLOUD_DESCRIBE_DISKS, "2", 5000, CLIENT_BULK, &results[1]);
    submit(CLOUD_DESCRIBE_SNAPSHOTS, "3", 5000, CLIENT_URGENT, &results[2]);
    submit(CLOUD_CREATE_SNAPSHOT, "4", 5000, CLIENT_URGENT, &results[3]);
    submit(CLOUD_DESCRIBE_DISKS, "5", 5000, CLIENT_BULK, &results[4]);
    assert_true(run_loop(loop));
    assert_string_equal(script.names, "34251");
}

static void test_deadline_in_the_queue(void **state)
{
    (void)state;
    struct result first, second;
    script.delay = 300;
    client_free(client);
    client_open(server_port(server), 1);
    submit(CLOUD_DESCRIBE_DISKS, "1", 5000, CLIENT_URGENT, &first);
    submit(CLOUD_CREATE_SNAPSHOT, "2", 100, CLIENT_URGENT, &second);
    assert_true(run_loop(loop));
    assert_error(first.error, 0, CLOUD_DONE);
    assert_error(second.error, -ETIMEDOUT, CLOUD_NOT_SENT);
    assert_int_equal(server_requests(server), 1);
}

static void test_deadline_in_flight(void **state)
{
    (void)state;
    script.silent = true;
    int64_t before = clock_now();
    assert_error(ask(CLOUD_CREATE_SNAPSHOT, 200), -ETIMEDOUT, CLOUD_UNKNOWN);
    assert_true(clock_now() - before >= 200 && clock_now() - before < 3000);
    assert_false(stats().breaker_open); /* it was not given its whole time */
}

static void test_encode_refuses(void **state)
{
    (void)state;
    struct result result = {0};
    struct client_call *handle;
    struct cloud_call call = {.verb = CLOUD_CREATE_SNAPSHOT, .limit = 12345};
    waiting++;
    client_submit(client, &call, clock_now() + 1000, CLIENT_URGENT, keep, &result, &handle);
    assert_true(run_loop(loop));
    assert_error(result.error, -EINVAL, CLOUD_NOT_SENT);
}

static void test_cancel(void **state)
{
    (void)state;
    struct result first, second;
    script.silent = true;
    struct client_call *one = submit(CLOUD_CREATE_SNAPSHOT, "a", 3000, CLIENT_URGENT, &first);
    assert_false(client_call_is_sent(one));
    assert_true(client_cancel(one));
    run_loop_for(loop, 50);
    assert_int_equal(server_requests(server), 0);
    struct client_call *two = submit(CLOUD_CREATE_SNAPSHOT, "a", 3000, CLIENT_URGENT, &second);
    run_loop_for(loop, 50);
    assert_true(client_call_is_sent(two));
    assert_false(client_cancel(two));
    run_loop_for(loop, 50);
    assert_int_equal(first.calls + second.calls, 0);
    assert_int_equal(stats().in_flight + stats().queued, 0);
    submit(CLOUD_CREATE_SNAPSHOT, "a", 3000, CLIENT_URGENT, &first); /* dropped by client_free() */
    run_loop_for(loop, 20);
    submit(CLOUD_CREATE_SNAPSHOT, "a", 3000, CLIENT_URGENT, &second);
}

static struct client_call *victim;
static struct result follow_up;

static void cancel_and_submit(void *data, struct cloud_answer *answer)
{
    (void)data, (void)answer;
    client_cancel(victim);
    waiting = 0;
    submit(CLOUD_DESCRIBE_DISKS, "b", 3000, CLIENT_URGENT, &follow_up);
}

static void test_cancel_from_done(void **state)
{
    (void)state;
    struct result ignored;
    struct client_call *handle;
    struct cloud_call call = {.verb = CLOUD_DESCRIBE_DISKS};
    keys.failure = -EACCES; /* both end in the same round */
    client_submit(client, &call, clock_now() + 3000, CLIENT_URGENT, cancel_and_submit, NULL,
                  &handle);
    victim = submit(CLOUD_DESCRIBE_DISKS, "a", 3000, CLIENT_URGENT, &ignored);
    assert_true(run_loop(loop));
    assert_int_equal(ignored.calls, 0);
    assert_int_equal(follow_up.calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_CLOUD_TEST(test_answer),
        FAKE_CLOUD_TEST(test_final_is_not_repeated),
        FAKE_CLOUD_TEST(test_question_is_asked_again),
        FAKE_CLOUD_TEST(test_change_is_not),
        FAKE_CLOUD_TEST(test_change_after_internal_error),
        FAKE_CLOUD_TEST(test_change_after_refusal),
        FAKE_CLOUD_TEST(test_throttled_to_the_end),
        FAKE_CLOUD_TEST(test_change_that_was_not_sent),
        FAKE_CLOUD_TEST(test_rate),
        FAKE_CLOUD_TEST(test_many_leave_room),
        FAKE_CLOUD_TEST(test_background_takes_half),
        FAKE_CLOUD_TEST(test_slower_when_throttled),
        FAKE_CLOUD_TEST(test_urgent_first),
        FAKE_CLOUD_TEST(test_deadline_in_the_queue),
        FAKE_CLOUD_TEST(test_deadline_in_flight),
        FAKE_CLOUD_TEST(test_encode_refuses),
        FAKE_CLOUD_TEST(test_cancel),
        FAKE_CLOUD_TEST(test_cancel_from_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
