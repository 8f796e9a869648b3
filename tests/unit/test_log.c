/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <string.h>
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
    log_to_syslog("cbsfs-test");
    log_debug("not even sent");
    log_info("a unit test of cbsfs");
    capture_end(text, sizeof text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_syslog_leaves_stderr_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
