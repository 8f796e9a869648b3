/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/clock.h"
#include "cbsfs/loop.h"
#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct loop *loop;
static char trace[64];

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    trace[0] = '\0';
    return loop ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void note(const char *letter)
{
    if (strlen(trace) + strlen(letter) < sizeof trace)
        strcat(trace, letter);
}

static void note_fire(void *data)
{
    note(data);
}

static void stop_fire(void *data)
{
    (void)data;
    loop_stop(loop);
}

static void test_timers_in_order(void **state)
{
    (void)state;
    int64_t now = clock_now();
    static const struct {
        const char *letter;
        int64_t delay;
    } plan[] = {{"c", 30}, {"a", 10}, {"d", 40}, {"b", 20}, {"0", -1000}, {"e", 40}};
    struct loop_timer timers[6] = {0};
    for (size_t i = 0; i < 6; i++) {
        timers[i].fire = note_fire;
        timers[i].data = (void *)(uintptr_t)plan[i].letter;
        loop_timer_start(loop, &timers[i], now + plan[i].delay);
        assert_true(timers[i].armed);
    }
    loop_timer_start(loop, &timers[5], now + 15); /* moves it */
    loop_timer_stop(loop, &timers[3]);
    loop_timer_stop(loop, &timers[3]);
    struct loop_timer last = {.fire = stop_fire};
    loop_timer_start(loop, &last, now + 60);
    assert_true(run_loop(loop));
    assert_string_equal(trace, "0aecd");
    assert_true(clock_now() >= now + 60);
    assert_false(timers[0].armed);
}

static struct loop_timer first, second;

static void stop_second(void *data)
{
    (void)data;
    note("1");
    loop_timer_stop(loop, &second);
}

static unsigned restarts;

static void restart_first(void *data)
{
    (void)data;
    note("r");
    if (++restarts < 3)
        loop_timer_start(loop, &first, clock_now() - 5);
    else
        loop_stop(loop);
}

static void test_timer_removes_another_that_is_due(void **state)
{
    (void)state;
    struct loop_timer end = {.fire = stop_fire};
    int64_t now = clock_now();
    first = (struct loop_timer){.fire = stop_second};
    second = (struct loop_timer){.fire = note_fire, .data = (void *)(uintptr_t) "2"};
    loop_timer_start(loop, &first, now - 2);
    loop_timer_start(loop, &second, now - 1);
    loop_timer_start(loop, &end, now + 20);
    assert_true(run_loop(loop));
    assert_string_equal(trace, "1");
}

/* A timer that restarts itself in the past must not keep the others of its round from firing. */
static void test_timer_restarts_itself(void **state)
{
    (void)state;
    int64_t now = clock_now();
    restarts = 0;
    first = (struct loop_timer){.fire = restart_first};
    second = (struct loop_timer){.fire = note_fire, .data = (void *)(uintptr_t) "2"};
    loop_timer_start(loop, &first, now - 2);
    loop_timer_start(loop, &second, now - 1);
    assert_true(run_loop(loop));
    assert_string_equal(trace, "r2rr");
}

struct end {
    struct loop_watch watch;
    struct end *other;
};

static void read_and_drop_both(void *data)
{
    struct end *end = data;
    note("w");
    loop_unwatch(loop, &end->other->watch);
    loop_unwatch(loop, &end->watch);
}

static void test_watch_removes_another_that_is_ready(void **state)
{
    (void)state;
    int a[2], b[2];
    assert_int_equal(pipe(a) + pipe(b), 0);
    assert_int_equal(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
    struct end one = {.watch = {.fd = a[0], .ready = read_and_drop_both}};
    struct end two = {.watch = {.fd = b[0], .ready = read_and_drop_both}, .other = &one};
    one.other = &two;
    one.watch.data = &one;
    two.watch.data = &two;
    loop_watch(loop, &one.watch);
    loop_watch(loop, &two.watch);
    run_loop_for(loop, 30);
    assert_string_equal(trace, "w");
    close(a[0]), close(a[1]), close(b[0]), close(b[1]);
}

static void stop_watch(void *data)
{
    loop_unwatch(loop, data);
    note("h");
    loop_stop(loop);
}

/* An ended FUSE session shows itself as POLLERR alone: that must call `ready` and not spin. */
static void test_error_alone_is_ready(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]); /* the writing end then has POLLERR, and nothing to read */
    struct loop_watch watch = {.fd = ends[1], .ready = stop_watch};
    watch.data = &watch;
    loop_watch(loop, &watch);
    assert_true(run_loop(loop));
    assert_string_equal(trace, "h");
    close(ends[1]);
}

static void test_hang_up_is_ready(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[1]);
    struct loop_watch watch = {.fd = ends[0], .ready = stop_watch};
    watch.data = &watch;
    loop_watch(loop, &watch);
    assert_true(run_loop(loop));
    assert_string_equal(trace, "h");
    close(ends[0]);
}

static void test_idle_loop_sleeps(void **state)
{
    (void)state;
    struct timespec before, after;
    int quiet[2];
    assert_int_equal(pipe(quiet), 0);
    struct loop_watch watch = {.fd = quiet[0], .ready = stop_watch, .data = &watch};
    loop_watch(loop, &watch);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    run_loop_for(loop, 300);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    loop_unwatch(loop, &watch);
    double used = (double)(after.tv_sec - before.tv_sec) * 1e3 +
                  (double)(after.tv_nsec - before.tv_nsec) / 1e6;
    assert_true(used < 100); /* a loop that spins uses 300 */
    assert_string_equal(trace, "");
    close(quiet[0]), close(quiet[1]);
}

static void test_clocks(void **state)
{
    (void)state;
    int64_t now = clock_now();
    assert_true(now > 0);
    assert_true(clock_now() >= now);
    assert_true(clock_wall() / 1000 - (int64_t)time(NULL) <= 1);
    assert_true(clock_wall() / 1000 - (int64_t)time(NULL) >= -1);
}

int main(void)
{
#define LOOP_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_timers_in_order),       LOOP_TEST(test_timer_removes_another_that_is_due),
        LOOP_TEST(test_timer_restarts_itself), LOOP_TEST(test_watch_removes_another_that_is_ready),
        LOOP_TEST(test_error_alone_is_ready),  LOOP_TEST(test_hang_up_is_ready),
        LOOP_TEST(test_idle_loop_sleeps),      LOOP_TEST(test_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
