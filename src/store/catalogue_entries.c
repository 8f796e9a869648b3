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
 * The note of a freed name is the very allocation that held the entry, so that it cannot be lost
 * for want of memory: a name without its note would be handed to a twin.
 */
#include "catalogue_internal.h"

#include "cbsfs/names.h"
#include "cbsfs/provider.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* An entry and, once it is freed, the note of that; snapshot->entry points to its text. */
struct freed_name {
    struct freed_name *next;
    uint64_t disk; /* key */
    uint64_t
        owner; /* key of the snapshot that had it: if that one comes back, it may have it again */
    int64_t wall; /* seconds: when */
    char entry[];
};

static struct freed_name *note_of(char *entry)
{
    return (struct freed_name *)(void *)(entry - offsetof(struct freed_name, entry));
}

static char *new_entry(const char *text)
{
    size_t size = strlen(text) + 1;
    struct freed_name *note = calloc(1, sizeof(*note) + size);
    if (note == NULL)
        return NULL;
    memcpy(note->entry, text, size);
    /* cppcheck-suppress memleak ; catalogue_free_entry() finds it by its entry */
    return note->entry;
}

void catalogue_free_entry(char *entry)
{
    if (entry != NULL)
        free(note_of(entry));
}

struct entry_key {
    const struct disk *disk;
    const char *entry;
};

static bool same_entry(const void *value, const void *key)
{
    const struct snapshot *snapshot = value;
    const struct entry_key *wanted = key;
    return snapshot->disk == wanted->disk && strcmp(snapshot->entry, wanted->entry) == 0;
}

static uint64_t entry_hash(const struct disk *disk, const char *entry)
{
    return table_hash_more(disk->key, entry);
}

static struct snapshot *find_entry(const struct catalogue *catalogue, const struct disk *disk,
                                   const char *entry)
{
    struct entry_key key = {disk, entry};
    return table_find(&catalogue->entries, entry_hash(disk, entry), same_entry, &key);
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
    if (!disk->exists)
        catalogue->disks_version++; /* it is there for its snapshots */
}

static struct freed_name **find_freed(struct catalogue *catalogue, const struct disk *disk,
                                      const char *entry)
{
    struct freed_name **at = &catalogue->freed;
    while (*at != NULL && ((*at)->disk != disk->key || strcmp((*at)->entry, entry) != 0))
        at = &(*at)->next;
    return at;
}

bool catalogue_had_entry(const struct catalogue *catalogue, const struct snapshot *snapshot,
                         const char *entry, int64_t since)
{
    for (const struct freed_name *at = catalogue->freed; at != NULL; at = at->next) {
        if (at->owner == snapshot->key && at->disk == snapshot->disk->key && at->wall >= since &&
            strcmp(at->entry, entry) == 0)
            return true;
    }
    return false;
}

void catalogue_forget_freed(struct catalogue *catalogue)
{
    while (catalogue->freed != NULL) {
        struct freed_name *next = catalogue->freed->next;
        free(catalogue->freed);
        catalogue->freed = next;
    }
}

static bool may_have(struct catalogue *catalogue, const struct snapshot *snapshot,
                     const char *entry, bool ours)
{
    const struct snapshot *holder = find_entry(catalogue, snapshot->disk, entry);
    if (holder != NULL && holder != snapshot)
        return false;
    struct freed_name **freed = find_freed(catalogue, snapshot->disk, entry);
    if (*freed == NULL)
        return true;
    if (!ours && (*freed)->owner != snapshot->key && snapshot->created <= (*freed)->wall)
        return false;
    struct freed_name *done = *freed;
    *freed = done->next;
    free(done);
    return true;
}

static void drop_entry(struct catalogue *catalogue, struct snapshot *snapshot)
{
    if (snapshot->entry == NULL)
        return;
    table_remove(&catalogue->entries, entry_hash(snapshot->disk, snapshot->entry), snapshot);
    catalogue_free_entry(snapshot->entry);
    snapshot->entry = NULL;
}

int catalogue_assign_entry(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                           bool ours)
{
    char entry[NAME_ENTRY_SIZE];
    const char *id = snapshot_text(snapshot, SNAPSHOT_ID);
    name_entry(catalogue->provider, name, id, false, entry);
    if (strcmp(entry, id) != 0 && !may_have(catalogue, snapshot, entry, ours))
        name_entry(catalogue->provider, name, id, true, entry);
    if (snapshot->entry != NULL && strcmp(snapshot->entry, entry) == 0)
        return 0;
    char *copy = new_entry(entry);
    if (copy == NULL)
        return -ENOMEM;
    /* Adding first: after a failure the old entry is still there. */
    if (table_add(&catalogue->entries, entry_hash(snapshot->disk, copy), snapshot) != 0) {
        catalogue_free_entry(copy);
        return -ENOMEM;
    }
    if (snapshot->entry != NULL) {
        table_remove(&catalogue->entries, entry_hash(snapshot->disk, snapshot->entry), snapshot);
        catalogue_free_entry(snapshot->entry);
    }
    snapshot->entry = copy;
    catalogue_entries_changed(catalogue, snapshot->disk);
    catalogue->generation++;
    return 0;
}

/* True if nobody else can be given this entry, so that its end needs no note. */
static bool has_own_id(const struct snapshot *snapshot)
{
    const char *id = snapshot_text(snapshot, SNAPSHOT_ID);
    size_t length = strlen(id), whole = strlen(snapshot->entry);
    return whole >= length && strcmp(snapshot->entry + whole - length, id) == 0;
}

void catalogue_release_entry(struct catalogue *catalogue, struct snapshot *snapshot, int64_t wall)
{
    if (snapshot->entry == NULL)
        return;
    catalogue->entries_freed++;
    catalogue_entries_changed(catalogue, snapshot->disk);
    if (has_own_id(snapshot)) {
        drop_entry(catalogue, snapshot);
        return;
    }
    struct freed_name **freed = find_freed(catalogue, snapshot->disk, snapshot->entry);
    if (*freed != NULL) {
        (*freed)->wall = wall;
        (*freed)->owner = snapshot->key;
        drop_entry(catalogue, snapshot);
        return;
    }
    table_remove(&catalogue->entries, entry_hash(snapshot->disk, snapshot->entry), snapshot);
    struct freed_name *note = note_of(snapshot->entry);
    snapshot->entry = NULL;
    note->disk = snapshot->disk->key;
    note->owner = snapshot->key;
    note->wall = wall;
    *freed = note;
}

int catalogue_name_new(struct catalogue *catalogue, struct disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        struct snapshot *snapshot = disk->snapshots[i];
        if (snapshot->entry != NULL || (snapshot->pending & PENDING_DELETE))
            continue;
        int status = catalogue_assign_entry(catalogue, snapshot,
                                            snapshot_text(snapshot, SNAPSHOT_NAME), false);
        if (status != 0)
            return status;
    }
    return 0;
}
