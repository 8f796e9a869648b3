/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing JSON.
 *
 * Every record that a listing shows is written once, to see whether it has changed.  Jansson hands
 * its writer's output over a character or two at a time, which costs half as much as reading the
 * whole answer did; and it forgets a key when memory is out.
 */
#include "cbsfs/buffer.h"
#include "cbsfs/fields.h"

#include <errno.h>
#include <string.h>

#define DEEPEST 2048 /* of what Jansson reads */

static int put_value(struct buffer *out, const json_t *value, unsigned depth);

static int put_escape(struct buffer *out, unsigned char byte)
{
    static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *at = byte != '\0' ? strchr(names, byte) : NULL;
    if (at == NULL)
        return buffer_printf(out, "\\u%04X", byte);
    char escape[2] = {'\\', letters[at - names]};
    return buffer_append(out, escape, sizeof(escape));
}

/* Where the first character is that needs an escape, or the end. */
static const char *find_escape(const char *text, const char *end)
{
    while (text < end && (unsigned char)*text >= ' ' && *text != '"' && *text != '\\')
        text++;
    return text;
}

static int put_escaped(struct buffer *out, const char *text, const char *end)
{
    int status = buffer_append(out, "\"", 1);
    while (status == 0) {
        const char *stop = find_escape(text, end);
        status = buffer_append(out, text, (size_t)(stop - text));
        if (status != 0 || stop == end)
            break;
        status = put_escape(out, (unsigned char)*stop);
        text = stop + 1;
    }
    return status == 0 ? buffer_append(out, "\"", 1) : status;
}

/* A text between quotes, and one character behind it, '\0': none. Most need no escape and are one
 * piece. */
static int put_text(struct buffer *out, const char *text, size_t length, char behind)
{
    const size_t more = behind != '\0' ? 1 : 0;
    if (find_escape(text, text + length) != text + length) {
        int status = put_escaped(out, text, text + length);
        return status == 0 ? buffer_append(out, &behind, more) : status;
    }
    char *to = buffer_extend(out, length + 2 + more);
    if (to == NULL)
        return out->error;
    *to++ = '"';
    memcpy(to, text, length);
    to[length] = '"';
    if (behind != '\0')
        to[length + 1] = behind;
    return 0;
}

static int put_array(struct buffer *out, const json_t *array, unsigned depth)
{
    int status = buffer_append(out, "[", 1);
    for (size_t i = 0; i < json_array_size(array) && status == 0; i++) {
        if (i > 0)
            status = buffer_append(out, ",", 1);
        if (status == 0)
            status = put_value(out, json_array_get(array, i), depth);
    }
    return status == 0 ? buffer_append(out, "]", 1) : status;
}

static int put_object(struct buffer *out, const json_t *object, unsigned depth)
{
    int status = buffer_append(out, "{", 1);
    void *first = json_object_iter((json_t *)object);
    for (void *at = first; at != NULL && status == 0;
         at = json_object_iter_next((json_t *)object, at)) {
        const char *key = json_object_iter_key(at);
        if (at != first)
            status = buffer_append(out, ",", 1);
        if (status == 0)
            status = put_text(out, key, strlen(key), ':');
        if (status == 0)
            status = put_value(out, json_object_iter_value(at), depth);
    }
    return status == 0 ? buffer_append(out, "}", 1) : status;
}

/* Jansson knows how to write a number so that it is read as the same, in any locale. */
static int put_real(struct buffer *out, const json_t *real)
{
    char text[64];
    size_t length = json_dumpb(real, text, sizeof(text), JSON_ENCODE_ANY);
    if (length == 0 || length > sizeof(text))
        return -EINVAL;
    return buffer_append(out, text, length);
}

static int put_integer(struct buffer *out, json_int_t integer)
{
    char text[24], *first = text + sizeof(text);
    uint64_t rest = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
    do
        *--first = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (integer < 0)
        *--first = '-';
    return buffer_append(out, first, (size_t)(text + sizeof(text) - first));
}

static int put_value(struct buffer *out, const json_t *value, unsigned depth)
{
    bool is_nested = json_is_object(value) || json_is_array(value);
    if (is_nested && depth == 0)
        return -ELOOP;
    if (json_is_string(value))
        return put_text(out, json_string_value(value), json_string_length(value), '\0');
    if (json_is_integer(value))
        return put_integer(out, json_integer_value(value));
    if (json_is_real(value))
        return put_real(out, value);
    if (json_is_object(value))
        return put_object(out, value, depth - 1);
    if (json_is_array(value))
        return put_array(out, value, depth - 1);
    return buffer_puts(out, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
}

int fields_append(struct buffer *out, const json_t *value, unsigned depth)
{
    return value != NULL ? put_value(out, value, depth) : -EINVAL;
}

char *fields_print(const json_t *value)
{
    struct buffer text;
    buffer_init(&text, 0);
    if (fields_append(&text, value, DEEPEST) != 0) {
        buffer_free(&text);
        return NULL;
    }
    return buffer_steal(&text);
}
