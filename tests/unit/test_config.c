/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file's form, whatever its keys mean. */
#include "cbsfs/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/cbsfs-test-config-XXXXXX";
static char reason[256];
static char heard[1024];

static int hear(void *data, const char *origin, const char *key, const char *value, char *why,
                size_t size)
{
    size_t length = strlen(heard);

    assert_ptr_equal(data, heard);
    snprintf(heard + length, sizeof(heard) - length, "%s[%s][%s]", strrchr(origin, ':'), key,
             value != NULL ? value : "-");
    if (strcmp(key, "stop") == 0) {
        snprintf(why, size, "stopped");
        return -EDOM;
    }
    return 0;
}

static int read_text(const char *text, size_t length)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    heard[0] = '\0';
    return config_read(path, hear, heard, reason, sizeof(reason));
}

static void test_forms(void **state)
{
    static const char text[] = "# comment\n\n\t \nttl = 5\n  name=a = b  \r\nflag\nempty =\nlast=1";

    (void)state;
    assert_int_equal(read_text(text, strlen(text)), 0);
    assert_string_equal(heard, ":4[ttl][5]:5[name][a = b]:6[flag][-]:7[empty][]:8[last][1]");
    assert_int_equal(read_text("", 0), 0);
    assert_string_equal(heard, "");
}

static void test_bad_lines(void **state)
{
    char line[CONFIG_LINE_LIMIT + 8];

    (void)state;
    assert_int_equal(read_text("a=1\ntwo words\nb=2\n", 18), -EINVAL);
    assert_string_equal(heard, ":1[a][1]");
    assert_non_null(strstr(reason, ":2: must be `key = value`"));
    assert_int_equal(read_text("= 5\n", 4), -EINVAL);
    assert_int_equal(read_text("a=1\0b\n", 6), -EINVAL);
    assert_non_null(strstr(reason, ":1: "));

    memset(line, 'x', sizeof(line));
    assert_int_equal(read_text(line, sizeof(line)), -EINVAL);
    assert_non_null(strstr(reason, "too long"));
    assert_int_equal(read_text(line, CONFIG_LINE_LIMIT), 0);
}

static void test_set_ends_it(void **state)
{
    (void)state;
    assert_int_equal(read_text("a=1\nstop\nb=2\n", 13), -EDOM);
    assert_string_equal(heard, ":1[a][1]:2[stop][-]");
    assert_string_equal(reason, "stopped");
}

static void test_unreadable(void **state)
{
    (void)state;
    assert_int_equal(config_read("/nonexistent/file", hear, heard, reason, sizeof(reason)),
                     -ENOENT);
    assert_non_null(strstr(reason, "/nonexistent/file: cannot read it: No such file"));
    assert_int_equal(config_read("/tmp", hear, heard, reason, sizeof(reason)), -EISDIR);
    assert_non_null(strstr(reason, "/tmp"));
}

static int set_up(void **state)
{
    int file = mkstemp(path);

    (void)state;
    return file < 0 ? -1 : close(file);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_set_ends_it),
        cmocka_unit_test(test_unreadable),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
