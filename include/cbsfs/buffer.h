/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a ceiling.
 *
 * Everything whose size somebody else decides (an HTTP body, a rendered file, a log line) is
 * collected in one of these, so that no sender can make us allocate without bound.  The first
 * failure sticks: a run of appends needs one check at its end.
 */
#ifndef CBSFS_BUFFER_H
#define CBSFS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data;      /* always NUL-terminated once something was appended; NULL before */
    size_t length;   /* bytes, without the terminating NUL */
    size_t capacity; /* bytes allocated */
    size_t limit;    /* length never exceeds this; 0 means no ceiling */
    int error;       /* 0, -ENOMEM or -EMSGSIZE; set once, cleared by buffer_reset() */
    bool secret;     /* buffer_hold_secret() */
};

/* Makes an empty buffer that never holds more than `limit` bytes (0: no ceiling). Allocates
 * nothing. */
void buffer_init(struct buffer *buffer, size_t limit);

/* Frees the content; the buffer is then as after buffer_init(). */
void buffer_free(struct buffer *buffer);

/* Like buffer_free() for content that was secret: the memory is overwritten first. */
void buffer_cleanse(struct buffer *buffer);

/* From now on the buffer leaves no copy behind when it grows. End it with buffer_cleanse(). */
void buffer_hold_secret(struct buffer *buffer);

/* Forgets content and error, keeps the allocation. */
void buffer_reset(struct buffer *buffer);

/*
 * Append bytes, a string, a formatted string.  Return 0 or the buffer's sticky error: -ENOMEM, or
 * -EMSGSIZE when the ceiling would be passed.  After an error the content is unchanged by that
 * call.
 */
int buffer_append(struct buffer *buffer, const void *bytes, size_t length);
int buffer_puts(struct buffer *buffer, const char *text);
int buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes the content `length` bytes longer and returns where they are, for the caller to write; NULL
 * after an error, which is the same as that of the functions above. */
char *buffer_extend(struct buffer *buffer, size_t length);

/*
 * Appends `text` so that it can harm neither a terminal, a log line nor a path: invalid UTF-8 and
 * what utf8_is_hidden() become `?`.  For whatever comes from a server and is shown to a person.
 */
int buffer_put_printable(struct buffer *buffer, const char *text);

/* Appends a JSON document (valid UTF-8, as Jansson writes it) so that a terminal can show it: what
 * utf8_is_hidden() becomes an escape. Such a character can only be inside of a string, so the
 * document's meaning is the same. */
int buffer_put_json(struct buffer *buffer, const char *json);
/* How many bytes that would append. */
size_t buffer_json_length(const char *json);

/* Hands the content over (the caller frees it); NULL after an error or when nothing was appended
 * and memory is out.  The buffer is empty afterwards. */
char *buffer_steal(struct buffer *buffer);

#endif
