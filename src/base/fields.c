/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/fields.h"

#include "fields_load.h"

#include "cbsfs/buffer.h"
#include "cbsfs/wipe.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Once more without what one value can break for all others. As fields_load_apart(). */
static int load_repaired(const char *text, size_t length, struct fields_memory **memory,
                         json_t **document)
{
    struct buffer repaired;
    json_error_t error;

    /* A replacement has up to three times the length of what it replaces. */
    buffer_init(&repaired, 3 * length + 1);
    int status = fields_repair(text, length, &repaired);
    if (status == 0)
        status = fields_load_apart(repaired.data ? repaired.data : "", repaired.length, memory,
                                   document, &error);
    buffer_free(&repaired);
    return status == -ENOMEM ? status : 0;
}

/* What fields_parse() returns for what fields_load() gave. */
static json_t *conclude(int status, json_t *document, const json_error_t *error, char *reason,
                        size_t reason_size)
{
    errno = status < 0 ? ENOMEM : EINVAL;
    if (status < 0) {
        snprintf(reason, reason_size, "out of memory");
    } else if (!document) {
        snprintf(reason, reason_size, "%s (line %d, column %d)", error->text, error->line,
                 error->column);
    } else if (!json_is_object(document)) {
        snprintf(reason, reason_size, "not a JSON object");
        return NULL;
    }
    return document;
}

json_t *fields_parse(const char *text, size_t length, char *reason, size_t reason_size)
{
    json_error_t error;
    json_t *document;
    int status = fields_load(text, length, NULL, &document, &error);
    json_t *object = conclude(status, document, &error, reason, reason_size);

    if (!object)
        json_decref(document);
    return object;
}

json_t *fields_parse_page(const char *text, size_t length, bool repair,
                          struct fields_memory **memory, char *reason, size_t reason_size)
{
    json_error_t error;
    json_t *document;
    int status = fields_load_apart(text, length, memory, &document, &error);

    if (status == 0 && !document && repair)
        status = load_repaired(text, length, memory, &document);
    json_t *object = conclude(status, document, &error, reason, reason_size);
    if (!object) {
        fields_memory_free(*memory);
        *memory = NULL;
    }
    return object;
}

json_t *fields_parse_secret(const char *text, size_t length, char *reason, size_t reason_size)
{
    json_error_t error;
    json_t *document;
    int status = fields_load(text, length, wipe_free, &document, &error);

    errno = status < 0 ? ENOMEM : EINVAL;
    if (status < 0)
        snprintf(reason, reason_size, "out of memory");
    else if (!document)
        snprintf(reason, reason_size, "not a JSON object (line %d, column %d)", error.line,
                 error.column);
    /* The parser quotes what it stumbled over. */
    OPENSSL_cleanse(&error, sizeof error);
    if (document && !json_is_object(document)) {
        snprintf(reason, reason_size, "not a JSON object");
        fields_free_secret(document);
        return NULL;
    }
    return document;
}

void fields_free_secret(json_t *document)
{
    json_malloc_t allocate;
    json_free_t release;

    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(allocate, wipe_free);
    json_decref(document);
    json_set_alloc_funcs(allocate, release);
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
