/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the catalogue share among themselves. */
#ifndef CBSFS_CATALOGUE_INTERNAL_H
#define CBSFS_CATALOGUE_INTERNAL_H

#include "cbsfs/catalogue.h"

/* No field of a record is longer by right; ten of them fit 16-bit offsets. Bytes. */
#define TEXT_LIMIT 4096

/* A key as the indexes by key have it: they are in the order of the upper bits. */
#define KEY_HASH(key) ((uint64_t)(key) << 16)

/* How much of a text is kept, bytes. */
size_t text_kept_length(const char *text);
/* True if `kept` is what is kept of `text`. */
bool text_is_kept_of(const char *kept, const char *text);
/* Packs `count` strings, each cut to TEXT_LIMIT after a whole character. 0 or -ENOMEM. */
int text_pack_make(struct text_pack *pack, const char *const *texts, size_t count);
const char *text_pack_at(const struct text_pack *pack, size_t which);

/* --- the memory of snapshots: catalogue_memory.c ------------------------------------------- */

/* The texts of a snapshot, made before anything is changed. */
struct snapshot_texts {
    char *text;
    enum entry_kind kind;
    bool has_own_entry, has_images;
};

/* `entry` NULL: hidden. 0 or -ENOMEM. */
int snapshot_texts_make(struct snapshot_texts *texts, const char *id, const char *name,
                        const char *entry, const char *images);
/* Remembers the name that the snapshot has until `now` (clock ms). */
void snapshot_note_former(struct snapshot *snapshot, int64_t now);
/* True if a listing that lags may show this name: one that it had, or nobody can tell. */
bool snapshot_may_have_had(const struct snapshot *snapshot, const char *name, int64_t now);
/* What of these a listing may tell that lags behind a change of ours: then ours stands. */
int64_t snapshot_judge_expires(const struct snapshot *snapshot, int64_t expires, int64_t now);
bool snapshot_judge_shared(const struct snapshot *snapshot, bool shared, int64_t now);
/* Takes them over and frees what was there. The entry's place in the index is the caller's. */
void snapshot_texts_use(struct snapshot *snapshot, struct snapshot_texts *texts);

/* A snapshot with a number and nothing else, or NULL. */
struct snapshot *snapshot_new(struct catalogue *catalogue);
/* Gives back all that it holds, and its number. */
void snapshot_free(struct catalogue *catalogue, struct snapshot *snapshot);
struct snapshot *snapshot_numbered(const struct catalogue *catalogue, uint32_t number);
/* What most do not have; NULL when memory is out. */
struct snapshot_more *snapshot_want_more(struct snapshot *snapshot);

void snapshot_set_created(struct snapshot *snapshot, int64_t seconds);
void snapshot_set_expires(struct snapshot *snapshot, int64_t seconds);
void snapshot_set_fetched(struct snapshot *snapshot, int64_t when);
void snapshot_set_percent(struct snapshot *snapshot, unsigned percent);
void snapshot_set_shape(struct snapshot *snapshot, uint32_t number);
void snapshot_set_key(struct snapshot *snapshot, uint64_t key);
/* enum pending, ored; those of `mask` become `pending`. */
void snapshot_set_pending(struct snapshot *snapshot, unsigned mask, unsigned pending);
/* Of the text that is kept; SNAPSHOT_RAW_LENGTH_UNKNOWN where it does not fit. */
void snapshot_set_raw_length(struct snapshot *snapshot, size_t length);
/* 0, or -ENOMEM for one that hardly anything has. */
int snapshot_set_size(struct snapshot *snapshot, int64_t size);

/* Strings one behind the other in one allocation, each cut to TEXT_LIMIT; or NULL. */
char *texts_join(const char *const *texts, size_t count);
const char *texts_nth(const char *texts, size_t number);

#define MOST_SHAPES ((1u << 24) - 1)
#define SHAPE_TEXTS 6 /* SNAPSHOT_STATE, _WORD, _USAGE, _TYPE, _ZONE, _GROUP */
/* The number of these strings, counted as one user more. 0 or -ENOMEM. */
int shape_take(struct catalogue *catalogue, const char *const texts[SHAPE_TEXTS], uint32_t *number);
void shape_drop(struct catalogue *catalogue, uint32_t number);
const char *shape_text(const struct catalogue *catalogue, uint32_t number, size_t which);

void shapes_init(struct catalogue *catalogue);
void shapes_free(struct catalogue *catalogue);

void catalogue_memory_init(struct catalogue *catalogue);
/* No snapshot may be left. */
void catalogue_memory_free(struct catalogue *catalogue);
/* The pages of records, made when they are first wanted; NULL when memory is out. */
struct raw_pages *catalogue_raw_pages(struct catalogue *catalogue);

/* --- the catalogue -------------------------------------------------------------------------- */

/* The disk with this id, made unknown and empty if need be. NULL when memory is out. */
struct disk *catalogue_want_disk(struct catalogue *catalogue, const char *id);
/* A new hidden snapshot in the index and in its disk, or NULL. */
struct snapshot *catalogue_add_snapshot(struct catalogue *catalogue, struct disk *disk,
                                        const char *id, const char *name,
                                        const char *const shape[SHAPE_TEXTS], int64_t created);
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
/* Tells whoever listens. `snapshot` NULL: of the disk. */
void catalogue_tell(const struct catalogue *catalogue, enum catalogue_news news,
                    const struct disk *disk, const struct snapshot *snapshot, const char *was);
/* It may show other entries than before. */
void catalogue_touch(struct disk *disk);
/* Sees to it that the next entry to be freed can be noted. 0 or -ENOMEM. */
int catalogue_want_spare_note(struct catalogue *catalogue);
void catalogue_forget_freed(struct catalogue *catalogue);
/* For the index: the hash of a visible snapshot's (disk, entry). */
uint64_t catalogue_entry_hash(const void *catalogue, uint32_t number);

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
