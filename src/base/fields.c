/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/fields.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

json_t *fields_parse(const char *text, size_t length, char *reason, size_t reason_size)
{
    json_error_t error;

    /* A NUL inside of one name must not make the whole listing unreadable; the name ends there. */
    json_t *document = json_loadb(text, length, JSON_ALLOW_NUL, &error);
    if (!document) {
        snprintf(reason, reason_size, "%s (line %d, column %d)", error.text, error.line,
                 error.column);
        return NULL;
    }
    if (!json_is_object(document)) {
        snprintf(reason, reason_size, "not a JSON object");
        json_decref(document);
        return NULL;
    }
    return document;
}

const char *field_text(const json_t *object, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : fallback;
}

static int64_t integer_of_real(double real, int64_t fallback)
{
    /* 2^63 itself is not an int64_t, -2^63 is. */
    if (!(real >= -0x1p63 && real < 0x1p63) || real != (double)(int64_t)real)
        return fallback;
    return (int64_t)real;
}

static int64_t integer_of_text(const char *text, int64_t fallback)
{
    const char *digits = text + (*text == '-');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits))
        return fallback;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    return errno ? fallback : (int64_t)value;
}

int64_t field_integer(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_integer(value))
        return (int64_t)json_integer_value(value);
    if (json_is_real(value))
        return integer_of_real(json_real_value(value), fallback);
    if (json_is_string(value))
        return integer_of_text(json_string_value(value), fallback);
    return fallback;
}

bool field_boolean(const json_t *object, const char *key, bool fallback)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);

    if (json_is_boolean(value))
        return json_is_true(value);
    if (json_is_integer(value) &&
        (json_integer_value(value) == 0 || json_integer_value(value) == 1))
        return json_integer_value(value) == 1;
    if (text && strcasecmp(text, "true") == 0)
        return true;
    if (text && strcasecmp(text, "false") == 0)
        return false;
    return fallback;
}

const json_t *field_object(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_object(value) ? value : NULL;
}

const json_t *field_array(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_array(value) ? value : NULL;
}
