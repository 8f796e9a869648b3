/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry names: which snapshot is found under which name.
 *
 * An entry is a promise to whoever listed the directory.  So it stays with its snapshot for as long
 * as the snapshot has that name, and when it is freed, the time is remembered: a snapshot that was
 * already there at that time is a twin, and the freed name is not handed to it.  One created
 * afterwards may have it, and one that is made or renamed through the mount gets what was asked
 * for.
 *
 * A name without its note would be handed to a twin.  So no entry is given unless there is a spare
 * note, for when memory is out.  Where that is not enough the time alone is kept, and nothing that
 * was there by then gets a plain name that it does not have.
 */
#include "catalogue_internal.h"

#include "cbsfs/names.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The note of a freed entry. */
struct freed_name {
    struct freed_name *next; /* of those that the table had no room for */
    uint64_t disk;           /* key */
    uint64_t
        owner; /* key of the snapshot that had it: if that one comes back, it may have it again */
    int64_t wall; /* seconds: when */
    char entry[];
};

struct entry_key {
    const struct disk *disk;
    const char *entry;
};

static bool same_entry(const void *owner, uint32_t number, const void *key)
{
    const struct snapshot *snapshot = snapshot_numbered(owner, number);
    const struct entry_key *wanted = key;
    return snapshot->disk == wanted->disk && strcmp(snapshot_entry(snapshot), wanted->entry) == 0;
}

static uint64_t entry_hash(const struct disk *disk, const char *entry)
{
    return table_hash_more(disk->key, entry);
}

uint64_t catalogue_entry_hash(const void *catalogue, uint32_t number)
{
    const struct snapshot *snapshot = snapshot_numbered(catalogue, number);
    return entry_hash(snapshot->disk, snapshot_entry(snapshot));
}

static struct snapshot *find_entry(const struct catalogue *catalogue, const struct disk *disk,
                                   const char *entry)
{
    struct entry_key key = {disk, entry};
    uint32_t number;
    return hash_index_find(&catalogue->entries, entry_hash(disk, entry), same_entry, &key, &number)
               ? snapshot_numbered(catalogue, number)
               : NULL;
}

struct snapshot *catalogue_entry(const struct catalogue *catalogue, const struct disk *disk,
                                 const char *entry)
{
    struct snapshot *snapshot = find_entry(catalogue, disk, entry);
    if (snapshot == NULL && name_is_id(entry, catalogue->provider->snapshot_prefix)) {
        snapshot = catalogue_snapshot(catalogue, entry);
        if (snapshot != NULL && snapshot->disk != disk)
            snapshot = NULL;
    }
    return snapshot != NULL && snapshot_is_visible(snapshot) ? snapshot : NULL;
}

void catalogue_entries_changed(struct catalogue *catalogue, struct disk *disk)
{
    disk->entries_version++;
    catalogue->entries_version++;
    catalogue_touch(disk);
    if (!disk->exists)
        catalogue->disks_version++; /* it is there for its snapshots */
}

void catalogue_tell(const struct catalogue *catalogue, enum catalogue_news news,
                    const struct disk *disk, const struct snapshot *snapshot, const char *was)
{
    if (catalogue->news != NULL)
        catalogue->news(catalogue->news_data, news, disk, snapshot, was);
}

/* --- freed names --------------------------------------------------------------------------- */

static bool same_freed(const void *value, const void *key)
{
    const struct freed_name *note = value;
    const struct entry_key *wanted = key;
    return note->disk == wanted->disk->key && strcmp(note->entry, wanted->entry) == 0;
}

static struct freed_name *find_freed(const struct catalogue *catalogue, const struct disk *disk,
                                     const char *entry)
{
    struct entry_key key = {disk, entry};
    struct freed_name *note = catalogue->freed_aside;
    while (note != NULL && !same_freed(note, &key))
        note = note->next;
    return note != NULL ? note
                        : table_find(&catalogue->freed, entry_hash(disk, entry), same_freed, &key);
}

bool catalogue_had_entry(const struct catalogue *catalogue, const struct snapshot *snapshot,
                         const char *entry, int64_t since)
{
    const struct freed_name *note = find_freed(catalogue, snapshot->disk, entry);
    if (catalogue->freed_unnoted != TIMESTAMP_NONE && catalogue->freed_unnoted >= since)
        return true;
    return note != NULL && note->owner == snapshot->key && note->wall >= since;
}

void catalogue_forget_freed(struct catalogue *catalogue)
{
    size_t at = table_seek(&catalogue->freed, 0);
    for (void *note = table_next(&catalogue->freed, &at); note != NULL;
         note = table_next(&catalogue->freed, &at))
        free(note);
    table_free(&catalogue->freed);
    while (catalogue->freed_aside != NULL) {
        struct freed_name *note = catalogue->freed_aside;
        catalogue->freed_aside = note->next;
        free(note);
    }
    free(catalogue->freed_spare);
    catalogue->freed_spare = NULL;
}

static void forget_note(struct catalogue *catalogue, const struct disk *disk,
                        struct freed_name *note)
{
    struct freed_name **aside = &catalogue->freed_aside;
    while (*aside != NULL && *aside != note)
        aside = &(*aside)->next;
    if (*aside == note)
        *aside = note->next;
    else
        table_remove(&catalogue->freed, entry_hash(disk, note->entry), note);
    free(note);
}

/* A note of any entry. */
static struct freed_name *new_note(void)
{
    return malloc(sizeof(struct freed_name) + NAME_ENTRY_SIZE);
}

int catalogue_want_spare_note(struct catalogue *catalogue)
{
    if (catalogue->freed_spare == NULL)
        catalogue->freed_spare = new_note();
    return catalogue->freed_spare != NULL ? 0 : -ENOMEM;
}

static struct freed_name *add_note(struct catalogue *catalogue, const struct disk *disk,
                                   const char *entry)
{
    size_t size = strlen(entry) + 1;
    struct freed_name *note = malloc(sizeof(*note) + size);
    if (note == NULL) {
        note = catalogue->freed_spare;
        catalogue->freed_spare = NULL;
    }
    if (note == NULL)
        return NULL;
    note->next = NULL;
    memcpy(note->entry, entry, size);
    if (table_add(&catalogue->freed, entry_hash(disk, entry), note) != 0) {
        note->next = catalogue->freed_aside;
        catalogue->freed_aside = note;
    }
    return note;
}

/* What is freed has its note afterwards, in one way or the other. */
static void note_freed(struct catalogue *catalogue, const struct snapshot *snapshot, int64_t wall)
{
    const char *entry = snapshot_entry(snapshot);
    struct freed_name *note = find_freed(catalogue, snapshot->disk, entry);
    if (note == NULL)
        note = add_note(catalogue, snapshot->disk, entry);
    if (note == NULL) {
        if (catalogue->freed_unnoted < wall)
            catalogue->freed_unnoted = wall;
        return;
    }
    note->disk = snapshot->disk->key;
    note->owner = snapshot->key;
    note->wall = wall;
}

/* True if it was there when a name was freed of which nothing but the time is known. */
static bool may_be_a_twin(const struct catalogue *catalogue, const struct snapshot *snapshot)
{
    return catalogue->freed_unnoted != TIMESTAMP_NONE &&
           snapshot_created(snapshot) <= catalogue->freed_unnoted;
}

static bool may_have(struct catalogue *catalogue, const struct snapshot *snapshot,
                     const char *entry, bool ours)
{
    const struct snapshot *holder = find_entry(catalogue, snapshot->disk, entry);
    if (holder != NULL)
        return holder == snapshot;
    struct freed_name *note = find_freed(catalogue, snapshot->disk, entry);
    if (note == NULL)
        return ours || !may_be_a_twin(catalogue, snapshot);
    if (!ours && note->owner != snapshot->key && snapshot_created(snapshot) <= note->wall)
        return false;
    forget_note(catalogue, snapshot->disk, note);
    return true;
}

/* --- giving and taking ---------------------------------------------------------------------- */

static void drop_entry(struct catalogue *catalogue, struct snapshot *snapshot)
{
    hash_index_remove(&catalogue->entries, snapshot->number);
    snapshot->entry_kind = ENTRY_NONE;
}

/* Puts the snapshot under another entry, or leaves everything as it is. */
static int move_entry(struct catalogue *catalogue, struct snapshot *snapshot, const char *entry)
{
    struct snapshot_texts fresh;
    const struct snapshot before = *snapshot;
    int status =
        snapshot_texts_make(&fresh, snapshot->texts, snapshot_text(snapshot, SNAPSHOT_NAME), entry,
                            snapshot_text(snapshot, SNAPSHOT_IMAGES));
    if (status != 0)
        return status;
    if (before.entry_kind != ENTRY_NONE)
        hash_index_remove(&catalogue->entries, snapshot->number);
    snapshot->texts = NULL;
    snapshot_texts_use(snapshot, &fresh);
    status = hash_index_add(&catalogue->entries, snapshot->number);
    if (status == 0) {
        free(before.texts);
        return 0;
    }
    free(snapshot->texts);
    *snapshot = before;
    /* Cannot fail: it was there, and its place is free. */
    if (before.entry_kind != ENTRY_NONE)
        (void)hash_index_add(&catalogue->entries, snapshot->number);
    return status;
}

int catalogue_assign_entry(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                           bool ours)
{
    char entry[NAME_ENTRY_SIZE];
    const char *id = snapshot->texts, *old = snapshot_entry(snapshot);
    name_entry(catalogue->provider, name, id, false, entry);
    if (strcmp(entry, id) != 0 && !may_have(catalogue, snapshot, entry, ours))
        name_entry(catalogue->provider, name, id, true, entry);
    if (old != NULL && strcmp(old, entry) == 0)
        return 0;
    int status = catalogue_want_spare_note(catalogue);
    if (status == 0)
        status = move_entry(catalogue, snapshot, entry);
    if (status != 0)
        return status;
    catalogue_entries_changed(catalogue, snapshot->disk);
    catalogue->generation++;
    return 0;
}

/* True if nobody else can be given this entry, so that its end needs no note. */
static bool has_own_id(const struct snapshot *snapshot)
{
    const char *id = snapshot->texts, *entry = snapshot_entry(snapshot);
    size_t length = strlen(id), whole = strlen(entry);
    return whole >= length && strcmp(entry + whole - length, id) == 0;
}

void catalogue_release_entry(struct catalogue *catalogue, struct snapshot *snapshot, int64_t wall)
{
    if (snapshot->entry_kind == ENTRY_NONE)
        return;
    catalogue->entries_freed++;
    catalogue_entries_changed(catalogue, snapshot->disk);
    if (!has_own_id(snapshot))
        note_freed(catalogue, snapshot, wall);
    drop_entry(catalogue, snapshot);
}

int catalogue_name_new(struct catalogue *catalogue, struct disk *disk)
{
    bool is_news = catalogue->snapshots_listed != 0 || disk->listed != 0;
    for (size_t i = 0; i < disk->count; i++) {
        struct snapshot *snapshot = disk_snapshot(disk, i);
        if (snapshot->entry_kind != ENTRY_NONE || (snapshot->pending & PENDING_DELETE))
            continue;
        int status = catalogue_assign_entry(catalogue, snapshot,
                                            snapshot_text(snapshot, SNAPSHOT_NAME), false);
        if (status != 0)
            return status;
        if (is_news)
            catalogue_tell(catalogue, CATALOGUE_SNAPSHOT_APPEARED, disk, snapshot, NULL);
    }
    return 0;
}
