/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry names: which snapshot is found under which name.
 *
 * An entry is a promise to whoever listed the directory.  So it stays with its snapshot for as long
 * as the snapshot has that name, and when it is freed, the time is remembered: a snapshot that was
 * already there at that time is a twin, and the freed name is not handed to it.  One created
 * afterwards may have it, and one that is made or renamed through the mount gets what was asked
 * for.
 */
#include "catalogue_internal.h"

#include "cbsfs/names.h"
#include "cbsfs/provider.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct freed_name {
    struct freed_name *next;
    uint64_t disk; /* key */
    uint64_t
        owner; /* key of the snapshot that had it: if that one comes back, it may have it again */
    int64_t wall; /* seconds: when */
    char entry[];
};

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

static struct freed_name **find_freed(struct catalogue *catalogue, const struct disk *disk,
                                      const char *entry)
{
    struct freed_name **at = &catalogue->freed;
    while (*at != NULL && ((*at)->disk != disk->key || strcmp((*at)->entry, entry) != 0))
        at = &(*at)->next;
    return at;
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
    free(snapshot->entry);
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
    char *copy = strdup(entry);
    if (copy == NULL)
        return -ENOMEM;
    /* Adding first: after a failure the old entry is still there. */
    if (table_add(&catalogue->entries, entry_hash(snapshot->disk, copy), snapshot) != 0) {
        free(copy);
        return -ENOMEM;
    }
    if (snapshot->entry != NULL) {
        table_remove(&catalogue->entries, entry_hash(snapshot->disk, snapshot->entry), snapshot);
        free(snapshot->entry);
    }
    snapshot->entry = copy;
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
    if (has_own_id(snapshot)) {
        drop_entry(catalogue, snapshot);
        return;
    }
    struct freed_name **freed = find_freed(catalogue, snapshot->disk, snapshot->entry);
    if (*freed != NULL) {
        (*freed)->wall = wall;
        (*freed)->owner = snapshot->key;
    } else {
        size_t size = strlen(snapshot->entry) + 1;
        struct freed_name *name = malloc(sizeof(*name) + size);
        /* Without memory for the note the name is merely handed out a little early. */
        if (name != NULL) {
            *name = (struct freed_name){
                .disk = snapshot->disk->key, .owner = snapshot->key, .wall = wall};
            memcpy(name->entry, snapshot->entry, size);
            *freed = name;
        }
    }
    drop_entry(catalogue, snapshot);
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
