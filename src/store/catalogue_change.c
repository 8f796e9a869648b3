/* SPDX-License-Identifier: Apache-2.0 */
/* What the cloud has accepted of ours: shown at once, and kept while listings may lag behind. */
#include "catalogue_internal.h"

#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void mark(struct snapshot *snapshot, enum pending pending, int64_t now)
{
    snapshot->pending |= (unsigned)pending;
    snapshot->mutated = now;
}

struct snapshot *catalogue_created(struct catalogue *catalogue, struct disk *disk, const char *id,
                                   const char *name, int64_t now, int64_t wall)
{
    struct snapshot *snapshot = catalogue_snapshot(catalogue, id);
    if (snapshot == NULL) {
        const char *const texts[SNAPSHOT_TEXT_COUNT] = {
            [SNAPSHOT_ID] = id,
            [SNAPSHOT_NAME] = name,
            [SNAPSHOT_STATE] = catalogue->provider->creating_state,
            [SNAPSHOT_WORD] = "CREATING",
            [SNAPSHOT_USAGE] = disk_text(disk, DISK_USAGE),
            [SNAPSHOT_TYPE] = "",
            [SNAPSHOT_ZONE] = disk_text(disk, DISK_ZONE),
            [SNAPSHOT_IMAGES] = "",
        };
        struct text_pack pack;
        if (text_pack_make(&pack, texts, SNAPSHOT_TEXT_COUNT) != 0)
            return NULL;
        snapshot = catalogue_add_snapshot(catalogue, disk, &pack, wall);
        if (snapshot == NULL) {
            free(pack.text);
            return NULL;
        }
        snapshot->size = disk->size;
        snapshot->encrypted = disk->encrypted;
        snapshot->fetched = snapshot->learnt = now;
    }
    struct status_before before = {.percent = 0};
    mark(snapshot, PENDING_CREATE, now);
    snapshot->created_at = now;
    catalogue_note_status(catalogue, snapshot, &before, wall);
    if (catalogue_assign_entry(catalogue, snapshot, name, true) != 0)
        return NULL; /* it is there, hidden, and the next listing names it */
    return snapshot;
}

static int set_name(struct snapshot *snapshot, const char *name)
{
    const char *texts[SNAPSHOT_TEXT_COUNT];
    for (size_t i = 0; i < SNAPSHOT_TEXT_COUNT; i++)
        texts[i] = snapshot_text(snapshot, (enum snapshot_text)i);
    texts[SNAPSHOT_NAME] = name;
    struct text_pack fresh;
    if (text_pack_make(&fresh, texts, SNAPSHOT_TEXT_COUNT) != 0)
        return -ENOMEM;
    free(snapshot->texts.text);
    snapshot->texts = fresh;
    return 0;
}

/* Moves the entry to one for `name`; the old one counts as freed. Without memory the snapshot is
 * hidden until the next listing names it. */
static int move_entry(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                      int64_t wall)
{
    catalogue_release_entry(catalogue, snapshot, wall);
    return catalogue_assign_entry(catalogue, snapshot, name, true);
}

int catalogue_renamed(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                      int64_t now, int64_t wall)
{
    free(snapshot->wanted_name);
    snapshot->wanted_name = NULL;
    int status = set_name(snapshot, name);
    if (status != 0)
        return status;
    mark(snapshot, PENDING_RENAME, now);
    snapshot->renamed_at = now;
    return move_entry(catalogue, snapshot, name, wall);
}

int catalogue_rename_later(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                           int64_t wall)
{
    char *wanted = strdup(name);
    if (wanted == NULL)
        return -ENOMEM;
    int status = move_entry(catalogue, snapshot, name, wall);
    if (status != 0) {
        free(wanted);
        return status;
    }
    free(snapshot->wanted_name);
    snapshot->wanted_name = wanted;
    return 0;
}

void catalogue_deleted(struct catalogue *catalogue, struct snapshot *snapshot, int64_t now,
                       int64_t wall)
{
    mark(snapshot, PENDING_DELETE, now);
    snapshot->deleted_at = now;
    catalogue_release_entry(catalogue, snapshot, wall);
    catalogue->generation++;
}

void catalogue_rolling_back(struct catalogue *catalogue, struct snapshot *snapshot, int64_t now,
                            int64_t wall)
{
    struct status_before before = catalogue_status(snapshot);
    mark(snapshot, PENDING_ROLLBACK, now);
    snapshot->disk->rollback_until = now + PENDING_ROLLBACK_GRACE;
    catalogue_note_status(catalogue, snapshot, &before, wall);
}
