/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/buffer.h"

#include "cbsfs/utf8.h"
#include "cbsfs/wipe.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

void buffer_init(struct buffer *buffer, size_t limit)
{
    *buffer = (struct buffer){.limit = limit};
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer, buffer->limit);
}

void buffer_cleanse(struct buffer *buffer)
{
    if (buffer->data)
        OPENSSL_cleanse(buffer->data, buffer->capacity);
    buffer_free(buffer);
}

void buffer_hold_secret(struct buffer *buffer)
{
    buffer->secret = true;
}

void buffer_reset(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->error = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

/* Makes room for `extra` bytes and the NUL. */
static int reserve(struct buffer *buffer, size_t extra)
{
    if (buffer->error)
        return buffer->error;
    if (extra > SIZE_MAX / 4 - buffer->length ||
        (buffer->limit && extra > buffer->limit - buffer->length))
        return buffer->error = -EMSGSIZE;

    size_t needed = buffer->length + extra + 1;
    if (needed <= buffer->capacity)
        return 0;
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    char *data =
        buffer->secret ? wipe_realloc(buffer->data, capacity) : realloc(buffer->data, capacity);
    if (!data)
        return buffer->error = -ENOMEM;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

char *buffer_extend(struct buffer *buffer, size_t length)
{
    if (reserve(buffer, length))
        return NULL;
    char *end = buffer->data + buffer->length;
    buffer->length += length;
    end[length] = '\0';
    return end;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    char *end = buffer_extend(buffer, length);
    if (!end)
        return buffer->error;
    if (length)
        memcpy(end, bytes, length);
    return 0;
}

int buffer_puts(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return buffer->error ? buffer->error : (buffer->error = -ENOMEM);

    int status = reserve(buffer, (size_t)length);
    if (status)
        return status;
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
    return 0;
}

int buffer_put_printable(struct buffer *buffer, const char *text)
{
    size_t length = strlen(text);
    int status = reserve(buffer, length); /* what is replaced only gets shorter */
    if (status)
        return status;

    const char *end = text + length;
    while (text < end) {
        uint32_t point = 0;
        size_t size = utf8_decode(text, &point);
        if (size == 0 || utf8_is_hidden(point)) {
            buffer->data[buffer->length++] = '?';
            text += size ? size : 1;
            continue;
        }
        memcpy(buffer->data + buffer->length, text, size);
        buffer->length += size;
        text += size;
    }
    buffer->data[buffer->length] = '\0';
    return 0;
}

/* True if the next character of a JSON document, `size` bytes long, is shown as an escape. */
static bool is_escaped(const char *json, size_t *size, uint32_t *point)
{
    *point = 0;
    *size = utf8_decode(json, point);
    return *size > 0 && *point >= 0x7f && utf8_is_hidden(*point);
}

size_t buffer_json_length(const char *json)
{
    size_t length = 0, size;
    uint32_t point;
    for (; *json; json += size ? size : 1)
        length += is_escaped(json, &size, &point) ? strlen("\\u0000") : (size ? size : 1);
    return length;
}

int buffer_put_json(struct buffer *buffer, const char *json)
{
    const char *plain = json; /* not appended yet */
    while (*json) {
        uint32_t point;
        size_t size;
        if (is_escaped(json, &size, &point)) {
            buffer_append(buffer, plain, (size_t)(json - plain));
            buffer_printf(buffer, "\\u%04x", (unsigned)point);
            plain = json + size;
        }
        json += size ? size : 1;
    }
    return buffer_append(buffer, plain, (size_t)(json - plain));
}

char *buffer_steal(struct buffer *buffer)
{
    char *data = NULL;
    if (!buffer->error && reserve(buffer, 0) == 0) {
        data = buffer->data;
        data[buffer->length] = '\0';
        buffer->data = NULL;
    }
    buffer_free(buffer);
    return data;
}
