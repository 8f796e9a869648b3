/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Civil dates in the proleptic Gregorian calendar by arithmetic alone: the C library's functions
 * depend on TZ and the locale, and signal errors with a valid time.  Years are counted from March,
 * so that the leap day comes last and the lengths of the months before it follow one formula.
 */
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define DAY              86400
#define DAYS_PER_ERA     146097 /* 400 years */
#define DAYS_BEFORE_1970 719468 /* from 0000-03-01 */

struct civil {
    int year, month, day, hour, minute, second;
};

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool is_valid(const struct civil *civil)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (civil->month < 1 || civil->month > 12 || civil->day < 1)
        return false;
    int length = lengths[civil->month - 1] + (civil->month == 2 && is_leap(civil->year));
    /* 60: a leap second counts as the first second of the next minute, as everywhere in POSIX. */
    return civil->day <= length && civil->hour <= 23 && civil->minute <= 59 && civil->second <= 60;
}

static int64_t civil_to_seconds(const struct civil *civil)
{
    int64_t year = civil->month > 2 ? civil->year : civil->year - 1;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month = (civil->month + 9) % 12; /* March is 0 */
    int64_t day_of_year = (153 * month + 2) / 5 + civil->day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    int64_t days = era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_1970;
    return days * DAY + civil->hour * 3600 + civil->minute * 60 + civil->second;
}

/* False for a year outside 0..9999. */
static bool seconds_to_civil(int64_t seconds, struct civil *civil)
{
    /* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z */
    if (seconds < -62167219200 || seconds > 253402300799)
        return false;
    int64_t days = seconds / DAY;
    int64_t rest = seconds % DAY;
    if (rest < 0) {
        rest += DAY;
        days--;
    }
    days += DAYS_BEFORE_1970;
    int64_t era = (days >= 0 ? days : days - DAYS_PER_ERA + 1) / DAYS_PER_ERA;
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_PER_ERA - 1)) /
        365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    *civil = (struct civil){
        .year = (int)(era * 400 + year_of_era + (month >= 10)),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
    };
    return true;
}

/* Reads exactly `count` digits and moves *text past them. */
static bool read_digits(const char **text, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++) {
        char digit = (*text)[i];
        if (digit < '0' || digit > '9')
            return false;
        *value = *value * 10 + (digit - '0');
    }
    *text += count;
    return true;
}

static bool read_char(const char **text, char expected)
{
    if (**text != expected)
        return false;
    (*text)++;
    return true;
}

static bool read_time(const char **text, struct civil *civil)
{
    return read_digits(text, 2, &civil->hour) && read_char(text, ':') &&
           read_digits(text, 2, &civil->minute) && read_char(text, ':') &&
           read_digits(text, 2, &civil->second);
}

/* Leaves *offset alone when the text has no zone. */
static bool read_zone(const char **text, int *offset)
{
    if (read_char(text, 'Z') || read_char(text, 'z')) {
        *offset = 0;
        return true;
    }
    int sign = **text == '-' ? -1 : 1;
    if (**text != '+' && **text != '-')
        return true;
    (*text)++;
    int hours, minutes;
    if (!read_digits(text, 2, &hours))
        return false;
    read_char(text, ':');
    if (!read_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool read_fraction(const char **text)
{
    if (!read_char(text, '.'))
        return true;
    int digit;
    if (!read_digits(text, 1, &digit))
        return false;
    while (read_digits(text, 1, &digit))
        ;
    return true;
}

int timestamp_parse(const char *text, int zone_offset, int64_t *seconds)
{
    struct civil civil;

    *seconds = TIMESTAMP_NONE;
    if (!text || !*text)
        return 0;
    if (!read_digits(&text, 4, &civil.year) || !read_char(&text, '-') ||
        !read_digits(&text, 2, &civil.month) || !read_char(&text, '-') ||
        !read_digits(&text, 2, &civil.day))
        return -EINVAL;
    if (!read_char(&text, ' ') && !read_char(&text, 'T') && !read_char(&text, 't'))
        return -EINVAL;
    if (!read_time(&text, &civil) || !read_fraction(&text) || !read_zone(&text, &zone_offset) ||
        *text)
        return -EINVAL;
    if (!civil.year && !civil.month && !civil.day && !civil.hour && !civil.minute && !civil.second)
        return 0;
    if (!is_valid(&civil))
        return -EINVAL;
    *seconds = civil_to_seconds(&civil) - zone_offset;
    return 0;
}

/* The position of the three letters at *text in `table`, or -1. */
static int read_word(const char **text, const char *table)
{
    for (int i = 0; table[i]; i += 3) {
        if (strncmp(*text, table + i, 3) == 0) {
            *text += 3;
            return i / 3;
        }
    }
    return -1;
}

int timestamp_parse_http(const char *text, int64_t *seconds)
{
    struct civil civil;

    *seconds = TIMESTAMP_NONE;
    /* "Mon, 02 Mar 2026 01:41:07 GMT"; the day of the week is redundant and not compared. */
    if (!text || read_word(&text, "MonTueWedThuFriSatSun") < 0 || !read_char(&text, ',') ||
        !read_char(&text, ' ') || !read_digits(&text, 2, &civil.day) || !read_char(&text, ' '))
        return -EINVAL;
    civil.month = 1 + read_word(&text, "JanFebMarAprMayJunJulAugSepOctNovDec");
    if (!read_char(&text, ' ') || !read_digits(&text, 4, &civil.year) || !read_char(&text, ' ') ||
        !read_time(&text, &civil) || strcmp(text, " GMT") != 0 || !is_valid(&civil))
        return -EINVAL;
    *seconds = civil_to_seconds(&civil);
    return 0;
}

static char *put_digits(char *at, int width, int value, char after)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    at[width] = after;
    return at + width + 1;
}

static char *put_date(char *at, const struct civil *civil, char after)
{
    at = put_digits(at, 4, civil->year, '-');
    at = put_digits(at, 2, civil->month, '-');
    return put_digits(at, 2, civil->day, after);
}

void timestamp_format(int64_t seconds, char text[TIMESTAMP_SIZE])
{
    struct civil civil;

    text[0] = '\0';
    if (!seconds_to_civil(seconds, &civil))
        return;
    char *at = put_date(text, &civil, 'T');
    at = put_digits(at, 2, civil.hour, ':');
    at = put_digits(at, 2, civil.minute, ':');
    at = put_digits(at, 2, civil.second, 'Z');
    *at = '\0';
}

void timestamp_format_date(int64_t seconds, char text[TIMESTAMP_SIZE])
{
    struct civil civil;

    text[0] = '\0';
    if (seconds_to_civil(seconds, &civil))
        put_date(text, &civil, '\0');
}
