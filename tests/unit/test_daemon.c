/* SPDX-License-Identifier: Apache-2.0 */
/* What whoever starts cbsfs sees: exit status and stderr for each way in which a start can end. */
#include "cbsfs/daemon.h"

#include "cbsfs/clock.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char text[2048];

static void forget(void *data)
{
    (void)data;
}

/* Runs `start` in a process of its own; its exit status, or -1. What it wrote on stderr is in
 * `text`. */
static int run(void (*start)(struct daemon *daemon), bool foreground, int64_t limit)
{
    int pipes[2], status;
    size_t length = 0;
    ssize_t count;

    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct daemon daemon;
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        if (daemon_protect() != 0 || daemon_begin(&daemon, foreground, limit, forget, NULL) != 0)
            _exit(99);
        start(&daemon);
        daemon_end(&daemon);
        _exit(foreground ? 7 : 1);
    }
    close(pipes[1]);
    /* The end of the pipe proves that no process kept stderr, a daemon's first duty. */
    while (length < sizeof(text) - 1 &&
           (count = read(pipes[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)count;
    text[length] = '\0';
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void start_well(struct daemon *daemon)
{
    char here[8];

    if (daemon_ready(daemon) != 0 || getsid(0) != getpid() || getcwd(here, sizeof(here)) == NULL ||
        strcmp(here, "/") != 0)
        abort();
}

static void start_and_fail(struct daemon *daemon)
{
    daemon_fail(daemon, "the key is wrong\nsecond line");
}

static void start_and_crash(struct daemon *daemon)
{
    (void)daemon;
    kill(getpid(), SIGKILL);
}

static void start_and_leave(struct daemon *daemon)
{
    (void)daemon;
}

static void start_and_hang(struct daemon *daemon)
{
    sigset_t signals;
    int signal;

    (void)daemon;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &signal);
}

static void start_in_foreground(struct daemon *daemon)
{
    if (daemon_ready(daemon) != 0)
        abort();
}

static void test_ready(void **state)
{
    (void)state;
    assert_int_equal(run(start_well, false, 10000), 0);
    assert_string_equal(text, "");
}

static void test_failure_is_one_line(void **state)
{
    (void)state;
    assert_int_equal(run(start_and_fail, false, 10000), 1);
    assert_string_equal(text, "cbsfs: the key is wrong\n");
}

static void test_death_is_reported(void **state)
{
    (void)state;
    assert_int_equal(run(start_and_crash, false, 10000), 1);
    assert_non_null(strstr(text, "died of signal 9"));
    assert_int_equal(run(start_and_leave, false, 10000), 1);
    assert_string_equal(text, "cbsfs: the mount ended before it was ready\n");
}

static void test_limit(void **state)
{
    (void)state;
    int64_t begin = clock_now();
    assert_int_equal(run(start_and_hang, false, 300), 1);
    assert_non_null(strstr(text, "not ready after"));
    assert_true(clock_now() - begin < 5000);
}

static void test_foreground(void **state)
{
    (void)state;
    assert_int_equal(run(start_in_foreground, true, 10000), 7);
    assert_string_equal(text, "");
    assert_int_equal(run(start_and_fail, true, 10000), 7);
    assert_non_null(strstr(text, "cbsfs: the key is wrong"));
}

/* --- signals ------------------------------------------------------------------------- */

struct heard {
    struct loop *loop;
    int refreshed, stopped;
};

static void hear_stop(void *data, int signal)
{
    struct heard *heard = data;

    heard->stopped = signal;
    loop_stop(heard->loop);
}

static void hear_refresh(void *data)
{
    struct heard *heard = data;

    heard->refreshed++;
    kill(getpid(), SIGTERM);
}

static void start_and_listen(struct daemon *daemon)
{
    struct heard heard = {.loop = loop_new()};

    /* Sent before anybody listens: it must wait, not kill. */
    kill(getpid(), SIGHUP);
    if (heard.loop == NULL ||
        daemon_watch_signals(daemon, heard.loop, hear_stop, hear_refresh, &heard) != 0 ||
        loop_run(heard.loop) != 0)
        abort();
    daemon_end(daemon);
    loop_free(heard.loop);
    _exit(heard.refreshed == 1 && heard.stopped == SIGTERM ? 42 : 43);
}

static void test_signals(void **state)
{
    (void)state;
    assert_int_equal(run(start_and_listen, true, 10000), 42);
}

/* --- the mountpoint ------------------------------------------------------------------ */

static int check(const char *path, char **canonical, char reason[512])
{
    *canonical = strdup(path);
    assert_non_null(*canonical);
    return daemon_check_mountpoint(canonical, reason, 512);
}

static void test_mountpoint(void **state)
{
    char directory[] = "/tmp/cbsfs-test-daemon-XXXXXX";
    char path[128], reason[512];
    char *canonical;

    (void)state;
    assert_non_null(mkdtemp(directory));

    snprintf(path, sizeof(path), "%s/absent", directory);
    assert_int_equal(check(path, &canonical, reason), -ENOENT);
    assert_non_null(strstr(reason, path));
    assert_non_null(strstr(reason, "mkdir -p"));
    free(canonical);

    assert_int_equal(check("/etc/passwd", &canonical, reason), -ENOTDIR);
    assert_non_null(strstr(reason, "/etc/passwd"));
    free(canonical);

    /* A symbolic link gives what it points to: unmounting needs the real place. */
    snprintf(path, sizeof(path), "%s/link", directory);
    assert_int_equal(symlink(".", path), 0);
    int result = check(path, &canonical, reason);
    assert_string_equal(canonical, directory);
    assert_int_equal(result, daemon_check_fuse_device(reason, sizeof(reason)));
    free(canonical);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_failure_is_one_line),
        cmocka_unit_test(test_death_is_reported),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_foreground),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_mountpoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
