/* SPDX-License-Identifier: Apache-2.0 */
#include "spoil.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbsfs/fields.h"

#define BODY_MOST  ((size_t)1 << 30) /* bytes */
#define TOKEN_SIZE 128

/* --- body ---------------------------------------------------------------------------------------
 */

static int digit_of(char letter)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = letter ? strchr(digits, tolower((unsigned char)letter)) : NULL;

    return found ? (int)(found - digits) : -1;
}

int spoil_check_body(const json_t *fault, char *reason, size_t reason_size)
{
    const char *hex = field_text(fault, "hex", "");
    int64_t repeat = field_integer(fault, "repeat", 1);
    size_t once = strlen(field_text(fault, "body", "")) + strlen(hex) / 2 +
                  strlen(field_text(fault, "closing", ""));

    if (strlen(hex) % 2 != 0 || strspn(hex, "0123456789abcdefABCDEF") != strlen(hex)) {
        snprintf(reason, reason_size, "body: hex must be pairs of hexadecimal digits");
        return -EINVAL;
    }
    if (repeat < 0 || (once > 0 && (size_t)repeat > BODY_MOST / once)) {
        snprintf(reason, reason_size, "body: repeat is out of range");
        return -EINVAL;
    }
    return 0;
}

static void put_hex(const char *hex, struct buffer *out)
{
    for (; hex[0] && hex[1]; hex += 2) {
        char byte = (char)(digit_of(hex[0]) * 16 + digit_of(hex[1]));

        buffer_append(out, &byte, 1);
    }
}

int spoil_put_body(const json_t *fault, struct buffer *out)
{
    int64_t repeat = field_integer(fault, "repeat", 1);

    buffer_puts(out, field_text(fault, "prefix", ""));
    for (int64_t i = 0; i < repeat; i++) {
        buffer_puts(out, field_text(fault, "body", ""));
        put_hex(field_text(fault, "hex", ""), out);
    }
    for (int64_t i = 0; i < repeat; i++)
        buffer_puts(out, field_text(fault, "closing", ""));
    return buffer_puts(out, field_text(fault, "suffix", ""));
}

/* --- edit ---------------------------------------------------------------------------------------
 */

int spoil_check_edits(const json_t *fault, char *reason, size_t reason_size)
{
    const json_t *edits = field_object(fault, "edits");
    const char *pointer;
    json_t *value;

    if (!edits) {
        snprintf(reason, reason_size, "edit: needs \"edits\", an object");
        return -EINVAL;
    }
    json_object_foreach((json_t *)edits, pointer, value)
    {
        if (pointer[0] != '/') {
            snprintf(reason, reason_size, "edit: \"%.60s\" is no JSON pointer", pointer);
            return -EINVAL;
        }
    }
    return 0;
}

/* The next token of the pointer, unescaped; returns what is behind it. */
static const char *next_token(const char *pointer, char token[TOKEN_SIZE])
{
    size_t length = 0;

    for (pointer++; *pointer && *pointer != '/'; pointer++) {
        char letter = *pointer;

        if (letter == '~' && (pointer[1] == '0' || pointer[1] == '1'))
            letter = *++pointer == '0' ? '~' : '/';
        if (length + 1 < TOKEN_SIZE)
            token[length++] = letter;
    }
    token[length] = '\0';
    return pointer;
}

static size_t index_of(const char *token, const json_t *array)
{
    return strcmp(token, "-") == 0 ? json_array_size(array) : (size_t)strtoul(token, NULL, 10);
}

static json_t *child_of(json_t *holder, const char *token)
{
    if (json_is_array(holder))
        return json_array_get(holder, index_of(token, holder));
    return json_object_get(holder, token);
}

static json_t *find(json_t *document, const char *pointer)
{
    char token[TOKEN_SIZE];

    while (document && *pointer) {
        pointer = next_token(pointer, token);
        document = child_of(document, token);
    }
    return document;
}

/* Sets, appends or removes one member; `value` NULL removes. */
static int put_member(json_t *holder, const char *token, json_t *value)
{
    size_t index = index_of(token, holder);
    int status = 0;

    if (json_is_object(holder) && value)
        status = json_object_set(holder, token, value);
    else if (json_is_object(holder))
        json_object_del(holder, token);
    else if (!value)
        json_array_remove(holder, index);
    else if (index < json_array_size(holder))
        status = json_array_set(holder, index, value);
    else
        status = json_array_append(holder, value);
    return status < 0 ? -ENOMEM : 0;
}

static int edit_at(json_t *holder, const char *pointer, json_t *value)
{
    char token[TOKEN_SIZE];
    const char *rest = next_token(pointer, token);
    int status = 0;

    if (!json_is_object(holder) && !json_is_array(holder))
        return 0;
    if (json_is_array(holder) && strcmp(token, "*") == 0) {
        for (size_t i = 0; i < json_array_size(holder) && status == 0; i++) {
            if (*rest)
                status = edit_at(json_array_get(holder, i), rest, value);
            else
                status = json_array_set(holder, i, value) < 0 ? -ENOMEM : 0;
        }
        return status;
    }
    return *rest ? edit_at(child_of(holder, token), rest, value) : put_member(holder, token, value);
}

int spoil_edit(const json_t *fault, json_t *document)
{
    const char *pointer;
    json_t *value;
    int status = 0;

    json_object_foreach((json_t *)field_object(fault, "edits"), pointer, value)
    {
        const char *from = field_text(value, "__copy__", NULL);
        json_t *given = json_incref(value);

        if (from) {
            json_decref(given);
            given = json_deep_copy(find(document, from));
        } else if (json_is_true(json_object_get(value, "__absent__"))) {
            json_decref(given);
            given = NULL;
        }
        if (status == 0 && (given || !from))
            status = edit_at(document, pointer, given);
        json_decref(given);
    }
    return status;
}
