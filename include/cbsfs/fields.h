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

/* Largest nesting that a parsed document may have is Jansson's (2048); deeper input is a parse
 * error. */

/* Parses `length` bytes of JSON that must be an object. Returns a new reference or NULL with a
 * readable reason in `reason`. Duplicate members: the last one counts. Never reads past `length`.
 */
json_t *fields_parse(const char *text, size_t length, char *reason, size_t reason_size);

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
