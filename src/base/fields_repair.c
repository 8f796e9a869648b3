/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/fields.h"

#include "cbsfs/buffer.h"
#include "cbsfs/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define NUMBER_MAX  64             /* a longer one is no number of anybody's */

struct text {
    const char *at, *end;
};

static size_t left(const struct text *text)
{
    return (size_t)(text->end - text->at);
}

/* The code unit of the \uXXXX at `at`, or -1. */
static int32_t escaped_unit(const char *at, const char *end)
{
    char digits[5] = "";
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    for (int i = 0; i < 4; i++) {
        if (!isxdigit((unsigned char)at[2 + i]))
            return -1;
        digits[i] = at[2 + i];
    }
    return (int32_t)strtol(digits, NULL, 16);
}

static void copy(struct text *text, size_t length, struct buffer *out)
{
    if (length > left(text))
        length = left(text);
    buffer_append(out, text->at, length);
    text->at += length;
}

static void replace(struct text *text, size_t length, const char *by, struct buffer *out)
{
    buffer_puts(out, by);
    text->at += length;
}

/* One escape in a string: a NUL and half of a surrogate pair stand for no character. */
static void repair_escape(struct text *text, struct buffer *out)
{
    int32_t unit = escaped_unit(text->at, text->end);
    if (unit < 0) {
        copy(text, 2, out);
        return;
    }
    if (unit >= 0xd800 && unit < 0xdc00) {
        int32_t second = escaped_unit(text->at + 6, text->end);
        if (second >= 0xdc00 && second < 0xe000) {
            copy(text, 12, out);
            return;
        }
    }
    if (unit == 0 || (unit >= 0xd800 && unit < 0xe000))
        replace(text, 6, REPLACEMENT, out);
    else
        copy(text, 6, out);
}

static void repair_character(struct text *text, struct buffer *out)
{
    char four[5] = "";
    uint32_t point;
    memcpy(four, text->at, left(text) < 4 ? left(text) : 4);
    size_t length = utf8_decode(four, &point);
    if (length == 0 || point < 0x20)
        replace(text, 1, REPLACEMENT, out);
    else
        copy(text, length, out);
}

/* From the quotation mark to behind the other. */
static void repair_string(struct text *text, struct buffer *out)
{
    copy(text, 1, out);
    while (left(text) > 0 && *text->at != '"') {
        if (*text->at == '\\')
            repair_escape(text, out);
        else
            repair_character(text, out);
    }
    copy(text, 1, out);
}

static bool is_representable(const char *number)
{
    char *end;
    errno = 0;
    if (strpbrk(number, ".eE") == NULL) {
        (void)strtoll(number, &end, 10);
        return errno == 0;
    }
    return isfinite(strtod(number, &end));
}

static void repair_number(struct text *text, struct buffer *out)
{
    char number[NUMBER_MAX + 1] = "";
    size_t length = 0;
    while (length < left(text) && text->at[length] != '\0' &&
           strchr("0123456789+-.eE", text->at[length]) != NULL)
        length++;
    if (length <= NUMBER_MAX)
        memcpy(number, text->at, length);
    if (length > NUMBER_MAX || !is_representable(number))
        replace(text, length, "null", out);
    else
        copy(text, length, out);
}

int fields_repair(const char *json, size_t length, struct buffer *out)
{
    struct text text = {json, json + length};
    while (left(&text) > 0 && out->error == 0) {
        if (*text.at == '"')
            repair_string(&text, out);
        else if (*text.at == '-' || isdigit((unsigned char)*text.at))
            repair_number(&text, out);
        else
            copy(&text, 1, out);
    }
    return out->error;
}
