/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <time.h>

#define BEIJING (8 * 3600)

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int zone;
        int64_t seconds;
    } cases[] = {
        {"1970-01-01 00:00:00", 0, 0},
        {"2023-11-15 06:13:20", BEIJING, 1700000000},
        {"2023-11-14T22:13:20Z", BEIJING, 1700000000},
        {"2023-11-14T22:13:20.123456Z", BEIJING, 1700000000},
        {"2023-11-15T06:13:20+08:00", 0, 1700000000},
        {"2023-11-15T06:13:20+0800", 0, 1700000000},
        {"2023-11-14T17:43:20-04:30", 0, 1700000000},
        {"2023-11-14 22:13:20.5", 0, 1700000000},
        {"2000-02-29 12:00:00", 0, 951825600},
        {"1969-12-31 23:59:59", 0, -1},
        {"0000-01-01 00:00:00", 0, -62167219200},
        {"9999-12-31 23:59:59", 0, 253402300799},
        {NULL, 0, TIMESTAMP_NONE},
        {"", 0, TIMESTAMP_NONE},
        {"0000-00-00 00:00:00", BEIJING, TIMESTAMP_NONE},
        {"0000-00-00T00:00:00Z", BEIJING, TIMESTAMP_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t seconds = 1;
        assert_int_equal(timestamp_parse(cases[i].text, cases[i].zone, &seconds), 0);
        assert_true(seconds == cases[i].seconds);
    }
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "2023",
        "2023-11-15",
        "2023-13-01 00:00:00",
        "2023-02-29 00:00:00",
        "1900-02-29 00:00:00",
        "2023-00-10 00:00:00",
        "2023-01-00 00:00:00",
        "2023-01-01 24:00:00",
        "2023-01-01 00:60:00",
        "2023-01-01 00:00:61",
        "2023-1-1 00:00:00",
        " 2023-01-01 00:00:00",
        "2023-01-01 00:00:00 ",
        "2023-01-01 00:00:00+8",
        "2023-01-01 00:00:00+99:00",
        "2023-01-01 00:00:00.",
        "-023-01-01 00:00:00",
        "2023-01-01_00:00:00",
        "2023-01-01 00:00:00+",
        "2023-01-01T00:00Z",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t seconds = 1;
        assert_int_equal(timestamp_parse(cases[i], 0, &seconds), -EINVAL);
        assert_true(seconds == TIMESTAMP_NONE);
    }
}

static void test_parse_http(void **state)
{
    (void)state;
    int64_t seconds;
    assert_int_equal(timestamp_parse_http("Tue, 14 Nov 2023 22:13:20 GMT", &seconds), 0);
    assert_true(seconds == 1700000000);
    static const char *const wrong[] = {
        NULL,
        "",
        "Tue, 14 Nov 2023 22:13:20",
        "Tue, 14 Nov 2023 22:13:20 CET",
        "14 Nov 2023 22:13:20 GMT",
        "Tuesday, 14-Nov-23 22:13:20 GMT",
        "Tue, 14 Xxx 2023 22:13:20 GMT",
        "Tue, 32 Oct 2023 22:13:20 GMT",
        "Tue",
        "Tue, 14 Nov 2023 22:13:20 GMT ",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(timestamp_parse_http(wrong[i], &seconds), -EINVAL);
        assert_true(seconds == TIMESTAMP_NONE);
    }
}

static void test_format(void **state)
{
    (void)state;
    char text[TIMESTAMP_SIZE];
    timestamp_format(1700000000, text);
    assert_string_equal(text, "2023-11-14T22:13:20Z");
    timestamp_format_date(1700000000, text);
    assert_string_equal(text, "2023-11-14");
    timestamp_format(-62167219200, text);
    assert_string_equal(text, "0000-01-01T00:00:00Z");
    timestamp_format(253402300799, text);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
    static const int64_t outside[] = {-62167219201, 253402300800, TIMESTAMP_NONE, INT64_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        timestamp_format(outside[i], text);
        assert_string_equal(text, "");
        timestamp_format_date(outside[i], text);
        assert_string_equal(text, "");
    }
}

/* Against the C library, over all years that it formats as four digits. */
static void test_agrees_with_libc(void **state)
{
    (void)state;
    for (int64_t seconds = -62135596800; seconds < 253402300800; seconds += 86400 * 11 + 12345) {
        char ours[TIMESTAMP_SIZE], theirs[64];
        struct tm civil;
        time_t time = (time_t)seconds;
        int64_t parsed;
        gmtime_r(&time, &civil);
        strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%SZ", &civil);
        timestamp_format(seconds, ours);
        if (civil.tm_year + 1900 >= 1000)
            assert_string_equal(ours, theirs);
        assert_int_equal(timestamp_parse(ours, 0, &parsed), 0);
        assert_true(parsed == seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_parse_http),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_agrees_with_libc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
