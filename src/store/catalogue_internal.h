/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the catalogue share among themselves. */
#ifndef CBSFS_CATALOGUE_INTERNAL_H
#define CBSFS_CATALOGUE_INTERNAL_H

#include "cbsfs/catalogue.h"

/* No field of a record is longer by right; nine of them fit 16-bit offsets. Bytes. */
#define TEXT_LIMIT 4096

/* A key as the tables by key have it: they keep values in the order of the upper bits. */
#define KEY_HASH(key) ((key) << 16)

/* Packs `count` strings, each cut to TEXT_LIMIT after a whole character. 0 or -ENOMEM. */
int text_pack_make(struct text_pack *pack, const char *const *texts, size_t count);
const char *text_pack_at(const struct text_pack *pack, size_t which);

/* The disk with this id, made unknown and empty if need be. NULL when memory is out. */
struct disk *catalogue_want_disk(struct catalogue *catalogue, const char *id);
/* A new hidden snapshot in both indexes and in its disk, or NULL. Takes texts over on success. */
struct snapshot *catalogue_add_snapshot(struct catalogue *catalogue, struct disk *disk,
                                        struct text_pack *texts, int64_t created);
void catalogue_remove_snapshot(struct catalogue *catalogue, struct snapshot *snapshot);
/* Moves the snapshot to where this time of creation belongs: one that we made ourselves learns the
 * cloud's. */
void catalogue_redate(struct snapshot *snapshot, int64_t created);
/* The order of a disk's snapshots: by the second in which they were made, then by key. */
bool catalogue_is_older(const struct snapshot *left, const struct snapshot *right);
/* Its snapshots must be gone. */
void catalogue_remove_disk(struct catalogue *catalogue, struct disk *disk);

/* Gives `snapshot` an entry for `name`. `ours`: somebody asked for this very name, so a freed name
 * is handed out. 0 or -ENOMEM (then the entry is as it was). */
int catalogue_assign_entry(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                           bool ours);
/* Takes the entry away and remembers, `wall` seconds, that it was freed. */
void catalogue_release_entry(struct catalogue *catalogue, struct snapshot *snapshot, int64_t wall);
/* Something that was shown as settled has changed at `now` (clock ms), or before. */
void catalogue_note_value(struct disk *disk, int64_t now);
/* Counts a change of what the disk shows. */
void catalogue_entries_changed(struct catalogue *catalogue, struct disk *disk);
void catalogue_forget_freed(struct catalogue *catalogue);
/* Frees an entry's text, which is more than a string. NULL is fine. */
void catalogue_free_entry(char *entry);

/* The status as it was, to find out afterwards whether a change of the record can be seen. */
struct status_before {
    char word[32];
    unsigned percent;
};
struct status_before catalogue_status(const struct snapshot *snapshot);
/* Counts the change, if it was one, and links or unlinks the snapshot in the list of those in
 * progress. */
void catalogue_note_status(struct catalogue *catalogue, struct snapshot *snapshot,
                           const struct status_before *before, int64_t wall);

#endif
