/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a snapshot's name, which may be any text, and a file name, which may not (design 5).
 * Pure.
 *
 * An entry reads as the name wherever that is possible.  Bytes that cannot be in a file name are
 * percent-encoded, and so is a `%` that would otherwise read as such an encoding, so that an entry
 * always decodes to exactly one name.  What could be taken for an id is marked with the snapshot's
 * own id.
 */
#ifndef CBSFS_NAMES_H
#define CBSFS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct provider;

/* The kernel's limit on one file name, bytes. */
#define NAME_ENTRY_LIMIT 255
#define NAME_ENTRY_SIZE  (NAME_ENTRY_LIMIT + 1)

/*
 * Writes the entry of a snapshot: its encoded name; the id alone for an empty or default name;
 * `NAME@id` when `twin` is set, when the name could be taken for an id or a twin's entry, or when
 * it is over-long (then it is cut at a character).  `id` is at most 64 bytes.
 */
void name_entry(const struct provider *provider, const char *name, const char *id, bool twin,
                char entry[NAME_ENTRY_SIZE]);

/*
 * Judges the entry that somebody wants to make (mkdir, mv) and gives the name to send to the cloud.
 * Returns 0 and the name in `name` (at least NAME_ENTRY_SIZE bytes), or, with one sentence in
 * `reason`: -EPERM for a dot-name; -EINVAL for hidden characters (utf8.h), invalid UTF-8, a name
 * that looks like an id, ends in `@snap-...`, means "unnamed", would appear under another entry or
 * not be kept as it is, or is a backup service's;
 * -ENAMETOOLONG over the provider's limit.
 */
int name_parse_new(const struct provider *provider, const char *entry, char *name, char *reason,
                   size_t reason_size);

/* True for `prefix` followed by 4 to 40 letters or digits; without a prefix, for a UUID. */
bool name_is_id(const char *text, const char *prefix);

/* True for an empty name and for those that the provider gives to what was not named. */
bool name_is_default(const struct provider *provider, const char *name);

/* True for a name that belongs to the cloud's backup service. */
bool name_is_backup(const struct provider *provider, const char *name);

/* Length of the valid UTF-8 character at `text` (1..4), or 0. Overlong forms and surrogates are
 * invalid. */
size_t name_utf8_length(const char *text);

#endif
