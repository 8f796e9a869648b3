/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/buffer.h"

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
    char *data = realloc(buffer->data, capacity);
    if (!data)
        return buffer->error = -ENOMEM;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    int status = reserve(buffer, length);
    if (status)
        return status;
    if (length)
        memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
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

/* Length of the well-formed UTF-8 sequence at `text` and its code point; 0 if there is none (RFC
 * 3629: no overlong form, no surrogate, nothing above U+10FFFF). The terminating NUL ends every
 * sequence. */
static size_t decode_utf8(const unsigned char *text, uint32_t *point)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        if ((text[0] & forms[form].mask) != forms[form].lead)
            continue;
        uint32_t value = text[0] & (unsigned char)~forms[form].mask;
        for (size_t i = 1; i <= form; i++) {
            if ((text[i] & 0xc0) != 0x80)
                return 0;
            value = value << 6 | (text[i] & 0x3f);
        }
        if (value < forms[form].least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
            return 0;
        *point = value;
        return form + 1;
    }
    return 0;
}

/* C0, DEL and C1 drive terminals; U+2028 and U+2029 end a line for some readers. */
static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029;
}

int buffer_put_printable(struct buffer *buffer, const char *text)
{
    size_t length = strlen(text);
    int status = reserve(buffer, length); /* what is replaced only gets shorter */
    if (status)
        return status;

    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + length;
    while (at < end) {
        uint32_t point = 0;
        size_t size = decode_utf8(at, &point);
        if (size == 0 || is_control(point)) {
            buffer->data[buffer->length++] = '?';
            at += size ? size : 1;
            continue;
        }
        memcpy(buffer->data + buffer->length, at, size);
        buffer->length += size;
        at += size;
    }
    buffer->data[buffer->length] = '\0';
    return 0;
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
