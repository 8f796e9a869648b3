/* SPDX-License-Identifier: Apache-2.0 */
/* Taking in what listings say of disks; catalogue_learn.c does it for snapshots. */
#include "catalogue_internal.h"

#include "cbsfs/timestamp.h"
#include "raw_pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_texts(const struct text_pack *pack, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text_pack_at(pack, i), texts[i]) != 0)
            return false;
    }
    return true;
}

/* Replaces a pack and a record together, or neither; leaves both alone when nothing differs, so
 * that a refresh that brings no news costs no allocation that stays. */
static int replace_texts(struct disk *disk, const char *const *texts, const json_t *record,
                         bool *differs)
{
    struct raw_pages *pages = catalogue_raw_pages(disk->catalogue);
    struct text_pack fresh = disk->texts;
    bool is_new = !same_texts(&disk->texts, texts, DISK_TEXT_COUNT);
    if (pages == NULL || (is_new && text_pack_make(&fresh, texts, DISK_TEXT_COUNT) != 0))
        return -ENOMEM;
    if (raw_pages_put(pages, &disk->raw, record, differs) != 0) {
        if (is_new)
            free(fresh.text);
        return -ENOMEM;
    }
    if (is_new)
        free(disk->texts.text);
    disk->texts = fresh;
    *differs |= is_new;
    return 0;
}

int catalogue_put_disk(struct catalogue *catalogue, const struct disk_record *record, int64_t asked,
                       uint64_t serial)
{
    struct disk *disk = catalogue_want_disk(catalogue, record->id);
    if (disk == NULL)
        return -ENOMEM;
    if (disk->seen < serial)
        disk->seen = serial;
    if (asked < disk->fetched || (asked == disk->fetched && disk->exists))
        return 0; /* an older answer, overtaken */
    const char *const texts[DISK_TEXT_COUNT] = {
        [DISK_ID] = record->id,
        [DISK_NAME] = record->name_untold ? disk_text(disk, DISK_NAME) : record->name,
        [DISK_STATE] = record->state,
        [DISK_USAGE] = record->usage,
        [DISK_TYPE] = record->type,
        [DISK_ZONE] = record->zone,
        [DISK_INSTANCE] = record->instance,
        [DISK_CHARGE_TYPE] = record->charge_type,
        [DISK_PROJECT] = record->project,
        [DISK_GROUP] = record->group,
    };
    bool differs;
    char state[64];
    snprintf(state, sizeof(state), "%s", disk_text(disk, DISK_STATE));
    if (replace_texts(disk, texts, record->raw, &differs) != 0)
        return -ENOMEM;
    bool progressed = disk->rolling_back != record->rolling_back ||
                      disk->rollback_percent != record->rollback_percent;
    bool was_shown = disk->exists;
    catalogue->disks_version += !was_shown;
    if (!was_shown)
        catalogue_touch(disk);
    disk->exists = true;
    disk->fetched = asked;
    if (record->created != TIMESTAMP_NONE)
        disk->created = record->created;
    disk->expires = record->expires;
    disk->size = record->size;
    disk->snapshot_count = record->snapshot_count;
    disk->rolling_back = record->rolling_back;
    disk->rollback_percent = record->rollback_percent;
    disk->encrypted = record->encrypted;
    disk->attached = record->attached;
    disk->portable = record->portable;
    disk->snapshot_ability = record->snapshot_ability;
    if (disk->rolling_back)
        disk->rollback_until = 0;
    if (differs && was_shown)
        catalogue_note_value(disk, asked);
    for (size_t i = 0; progressed && i < disk->count; i++) {
        struct snapshot *snapshot = disk_snapshot(disk, i);
        if (snapshot->more != NULL && strcmp(snapshot_word(snapshot), "ROLLBACKING") == 0)
            snapshot->more->version++;
    }
    if (differs || progressed)
        catalogue->generation++;
    if (!was_shown && catalogue->disks_listed != 0)
        catalogue_tell(catalogue, CATALOGUE_DISK_APPEARED, disk, NULL, NULL);
    else if (was_shown && strncmp(state, record->state, sizeof(state) - 1) != 0)
        catalogue_tell(catalogue, CATALOGUE_DISK_CHANGED, disk, NULL, state);
    return 0;
}

void catalogue_disk_is_gone(struct catalogue *catalogue, struct disk *disk, int64_t asked)
{
    if (!disk->exists || disk->fetched > asked)
        return;
    catalogue_tell(catalogue, CATALOGUE_DISK_GONE, disk, NULL, disk_text(disk, DISK_STATE));
    catalogue->disks_version++;
    catalogue_touch(disk);
    disk->exists = false;
    disk->rolling_back = false;
    disk->fetched = asked;
    if (disk->raw != 0)
        raw_pages_drop(catalogue->raw_pages, &disk->raw);
    catalogue->generation++;
}

void catalogue_sweep_disks(struct catalogue *catalogue, uint64_t serial, int64_t asked)
{
    for (size_t i = catalogue->disk_count; i > 0; i--) {
        struct disk *disk = catalogue->disks[i - 1];
        if (disk->seen < serial)
            catalogue_disk_is_gone(catalogue, disk, asked);
        if (!disk->exists && disk->count == 0)
            catalogue_remove_disk(catalogue, disk);
    }
}
