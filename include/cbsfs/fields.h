/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a record that somebody else wrote: a member may be absent, null or of another type, and
 * none of that is an error here; the fallback is returned.  Numbers as strings and strings as
 * numbers are accepted where the clouds are known to mix them (tencent-cbs facts 6.6).
 */
#ifndef CBSFS_FIELDS_H
#define CBSFS_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

/* Largest nesting that a parsed document may have is Jansson's (2048); deeper input is a parse
 * error. */

/*
 * Parses `length` bytes of JSON that must be an object. Returns a new reference, or NULL with a
 * readable reason in `reason` and errno ENOMEM (memory was out, which says nothing about the text)
 * or EINVAL. Duplicate members: the last one counts. Never reads past `length`.
 */
json_t *fields_parse(const char *text, size_t length, char *reason, size_t reason_size);

/*
 * The same for an answer with many records, which costs half as much: the document has memory of
 * its own.  It is ended with fields_memory_free(*memory) (harmless on NULL) and nothing else, is
 * not changed meanwhile, and no part of it outlives it, whatever references are held.
 * With `repair` what is wrong inside of one string or number does not make the rest unreadable: a
 * text that does not parse is tried once more as fields_repair() writes it.
 */
struct fields_memory;
json_t *fields_parse_page(const char *text, size_t length, bool repair,
                          struct fields_memory **memory, char *reason, size_t reason_size);
void fields_memory_free(struct fields_memory *memory);

/*
 * Appends `json` with U+FFFD for bytes in strings that are not UTF-8 or control characters, for
 * halves of surrogate pairs and for escaped NULs, and with null for numbers that no int64_t or
 * double can hold. Everything else is copied, whether it is JSON or not. 0 or the buffer's error.
 */
int fields_repair(const char *json, size_t length, struct buffer *out);
/* The same for a text that holds secrets: none of the parser's copies of it is left in memory, and
 * the document is ended with fields_free_secret() (harmless on NULL). `reason` quotes nothing. */
json_t *fields_parse_secret(const char *text, size_t length, char *reason, size_t reason_size);
void fields_free_secret(json_t *document);

/* The value as compact JSON, which the caller frees; NULL for NULL or without memory. Not
 * json_dumps(): Jansson 2.14 goes on without a member's key when there is no memory for it. */
char *fields_print(const json_t *value);

/* Appends the value as compact JSON, as json_dumps(JSON_COMPACT | JSON_ENCODE_ANY) writes it, four
 * times as fast. 0, the buffer's error, or -ELOOP for one that is nested deeper than `depth` (what
 * was appended by then stays). NULL is -EINVAL. */
int fields_append(struct buffer *out, const json_t *value, unsigned depth);

/* The member's string, valid as long as `object`; `fallback` if absent, null or not a string. */
const char *field_text(const json_t *object, const char *key, const char *fallback);

/* The member as an integer: JSON integer, integral real, or a string that is a whole decimal
 * number. */
int64_t field_integer(const json_t *object, const char *key, int64_t fallback);

/* The member as a boolean: true/false, 0/1, or "true"/"false" in any case. */
bool field_boolean(const json_t *object, const char *key, bool fallback);

/* The member if it is an object / an array, else NULL. Borrowed. */
const json_t *field_object(const json_t *object, const char *key);
const json_t *field_array(const json_t *object, const char *key);

#endif
