/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int saved_stderr, reader;

static void capture_start(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    reader = ends[0];
}

static void capture_end(char *text, size_t size)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    size_t length = 0;
    ssize_t got;
    while (length < size - 1 && (got = read(reader, text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(reader);
}

static void test_lines(void **state)
{
    (void)state;
    char text[4096];
    capture_start();
    errno = EXDEV;
    log_error("broken %d", 7);
    log_info("hello\ncbsfs: error: forged \x1b[2J\xff");
    log_warning("careful");
    log_debug("dropped");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("kept");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("dropped");
    log_set_level(LOG_LEVEL_INFO);
    int kept_errno = errno;
    capture_end(text, sizeof text);
    assert_string_equal(text, "cbsfs: error: broken 7\n"
                              "cbsfs: hello?cbsfs: error: forged ?[2J?\n"
                              "cbsfs: warning: careful\n"
                              "cbsfs: debug: kept\n");
    assert_int_equal(kept_errno, EXDEV);
}

static void test_levels(void **state)
{
    (void)state;
    static const char *const names[] = {"error", "warning", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        enum log_level level = LOG_LEVEL_ERROR;
        assert_int_equal(log_level_parse(names[i], &level), 0);
        assert_int_equal(level, i);
        assert_string_equal(log_level_name(level), names[i]);
    }
    enum log_level level = LOG_LEVEL_INFO;
    assert_int_equal(log_level_parse("loud", &level), -EINVAL);
    assert_int_equal(level, LOG_LEVEL_INFO);
    assert_int_equal(log_get_level(), LOG_LEVEL_INFO);
}

static void test_syslog_leaves_stderr_alone(void **state)
{
    (void)state;
    char text[256];
    capture_start();
    log_to_syslog("cbsfs-test", "/nonexistent/log");
    log_debug("not even sent");
    uint64_t lost = log_lost();
    log_info("a unit test of cbsfs");
    assert_int_equal(log_lost(), lost + 1);
    log_end();
    capture_end(text, sizeof text);
    assert_string_equal(text, "");
}

/* --- a log that nobody takes may stop nothing: the tests would hang ------------------ */

static char directory[] = "/tmp/cbsfs-log-XXXXXX";

static int listen_at(char path[64])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(path, 64, "%s/log", directory);
    unlink(path);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void receive(int fd, char *line, size_t size)
{
    ssize_t length = recv(fd, line, size - 1, 0);
    assert_true(length > 0);
    line[length] = '\0';
}

static void test_syslog_that_hangs(void **state)
{
    (void)state;
    char path[64], line[4096];
    assert_non_null(mkdtemp(directory));
    int fd = listen_at(path);
    log_set_limit(0, 60000);
    log_begin_service();
    log_to_syslog("cbsfs-test", path);
    log_info("the first tells what was lost before");
    while (recv(fd, line, sizeof line, 0) > 0)
        ;
    uint64_t lost = log_lost();
    for (int i = 0; i < 5000; i++)
        log_warning("number %d", i);
    assert_true(log_lost() > lost + 1000);
    receive(fd, line, sizeof line);
    /* "<28>Nov 21 21:30:00 cbsfs-test[123]: number 0" */
    assert_memory_equal(line, "<28>", 4);
    assert_non_null(strstr(line, " cbsfs-test["));
    assert_string_equal(strstr(line, "]: "), "]: number 0");
    uint64_t taken = 1;
    while (recv(fd, line, sizeof line, 0) > 0)
        taken++;
    assert_int_equal(taken, 5000 - (log_lost() - lost));
    log_warning("again");
    receive(fd, line, sizeof line);
    assert_non_null(strstr(line, " lines before this one were not taken"));
    receive(fd, line, sizeof line);
    assert_non_null(strstr(line, "]: again"));
    /* Started anew, at the same place. */
    close(fd);
    fd = listen_at(path);
    log_info("hello");
    receive(fd, line, sizeof line);
    assert_memory_equal(line, "<30>", 4);
    log_end();
    close(fd);
    unlink(path);
    rmdir(directory);
    log_to_syslog(NULL, NULL);
}

static void test_pipe_that_nobody_reads(void **state)
{
    (void)state;
    char *text = calloc(1, 1 << 20);
    capture_start();
    log_begin_service();
    uint64_t lost = log_lost();
    for (int i = 0; i < 20000; i++)
        log_warning("%0100d", i);
    uint64_t dropped = log_lost() - lost;
    assert_true(dropped > 1000);
    capture_end(text, 1 << 20);
    size_t lines = 0;
    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 20000 - dropped);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
}

/* --- again and again ----------------------------------------------------------------- */

static void test_flood_is_a_number(void **state)
{
    (void)state;
    char text[4096];
    capture_start();
    log_begin_service();
    log_set_limit(3, 50);
    for (int i = 0; i < 10; i++)
        log_warning("down %d", i);
    log_info("something else");
    poll(NULL, 0, 60);
    log_info("later");
    log_warning("down %d", 10);
    for (int i = 0; i < 5; i++)
        log_info("at the end %d", i);
    log_end();
    capture_end(text, sizeof text);
    log_set_limit(20, 60000);
    /* The last loop is another place, and so another kind. */
    const char *more = strstr(text, "7 more like this one: down 9\n");
    assert_non_null(more);
    assert_true(more < strstr(text, "later"));
    assert_null(strstr(text, "down 3"));
    assert_non_null(strstr(text, "down 2\n"));
    assert_non_null(strstr(text, "2 more like this one: at the end 4\n"));
}

static void test_journal(void **state)
{
    (void)state;
    char text[4096], stream[64];
    struct stat status;
    capture_start();
    fstat(STDERR_FILENO, &status);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev,
             (uintmax_t)status.st_ino + 1);
    setenv("JOURNAL_STREAM", stream, 1);
    log_find_journal(); /* another stream: ours is not the journal's */
    log_error("one");
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_find_journal();
    log_error("two");
    log_info("three");
    unsetenv("JOURNAL_STREAM");
    log_find_journal();
    log_progress("%s", "nothing where there is no terminal");
    capture_end(text, sizeof text);
    assert_string_equal(text, "cbsfs: error: one\n<3>two\n<6>three\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_journal),
        cmocka_unit_test(test_syslog_leaves_stderr_alone),
        cmocka_unit_test(test_syslog_that_hangs),
        cmocka_unit_test(test_pipe_that_nobody_reads),
        cmocka_unit_test(test_flood_is_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
