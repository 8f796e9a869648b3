/* SPDX-License-Identifier: Apache-2.0 */
/* Taking listings in: what a record may overwrite, what its absence may remove, and when. */
#include "catalogue_internal.h"

#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- disks --------------------------------------------------------------------------- */

static bool same_texts(const struct text_pack *pack, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text_pack_at(pack, i), texts[i]) != 0)
            return false;
    }
    return true;
}

/* Replaces a pack and a raw record together, or neither; leaves both alone when nothing differs, so
 * that a refresh that brings no news costs no allocation that stays. */
static int replace_texts(struct text_pack *pack, const char *const *texts, size_t count, char **raw,
                         const json_t *record, bool *differs)
{
    *differs = false;
    char *dumped = json_dumps(record, JSON_COMPACT);
    if (dumped == NULL)
        return -ENOMEM;
    if (!same_texts(pack, texts, count)) {
        struct text_pack fresh = *pack;
        if (text_pack_make(&fresh, texts, count) != 0) {
            free(dumped);
            return -ENOMEM;
        }
        free(pack->text);
        *pack = fresh;
        *differs = true;
    }
    if (*raw == NULL || strcmp(*raw, dumped) != 0) {
        free(*raw);
        *raw = dumped;
        *differs = true;
    } else {
        free(dumped);
    }
    return 0;
}

int catalogue_put_disk(struct catalogue *catalogue, const struct disk_record *record, int64_t asked,
                       uint64_t serial)
{
    const char *const texts[DISK_TEXT_COUNT] = {
        [DISK_ID] = record->id,
        [DISK_NAME] = record->name,
        [DISK_STATE] = record->state,
        [DISK_USAGE] = record->usage,
        [DISK_TYPE] = record->type,
        [DISK_ZONE] = record->zone,
        [DISK_INSTANCE] = record->instance,
        [DISK_CHARGE_TYPE] = record->charge_type,
        [DISK_PROJECT] = record->project,
    };
    struct disk *disk = catalogue_want_disk(catalogue, record->id);
    if (disk == NULL)
        return -ENOMEM;
    if (disk->seen < serial)
        disk->seen = serial;
    if (asked < disk->fetched || (asked == disk->fetched && disk->exists))
        return 0; /* an older answer, overtaken */
    bool differs;
    if (replace_texts(&disk->texts, texts, DISK_TEXT_COUNT, &disk->raw, record->raw, &differs) != 0)
        return -ENOMEM;
    bool progressed = disk->rolling_back != record->rolling_back ||
                      disk->rollback_percent != record->rollback_percent;
    disk->exists = true;
    disk->fetched = asked;
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
    for (size_t i = 0; progressed && i < disk->count; i++) {
        if (strcmp(snapshot_word(disk->snapshots[i]), "ROLLBACKING") == 0)
            disk->snapshots[i]->version++;
    }
    if (differs || progressed)
        catalogue->generation++;
    return 0;
}

void catalogue_disk_is_gone(struct catalogue *catalogue, struct disk *disk, int64_t asked)
{
    if (!disk->exists || disk->fetched > asked)
        return;
    disk->exists = false;
    disk->rolling_back = false;
    disk->fetched = asked;
    free(disk->raw);
    disk->raw = NULL;
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

/* --- snapshots ----------------------------------------------------------------------- */

/* The word for the tree: the normalised one, else the provider's own in upper case. */
static const char *choose_word(const struct snapshot_record *record, char *space, size_t size)
{
    if (record->word[0] != '\0')
        return record->word;
    size_t length = 0;
    for (const char *at = record->state; *at != '\0' && length + 1 < size; at++) {
        unsigned char byte = (unsigned char)*at;
        /* The word is the first of two on a line: it holds no blank and nothing that a terminal
         * obeys. */
        space[length++] = byte <= ' ' || byte >= 0x7f ? '_' : (char)toupper(byte);
    }
    space[length] = '\0';
    return length > 0 ? space : "UNKNOWN";
}

static int join_images(const json_t *images, char **joined)
{
    size_t size = 1, index;
    json_t *image;
    json_array_foreach((json_t *)images, index, image) size += json_string_length(image) + 1;
    *joined = calloc(1, size);
    if (*joined == NULL)
        return -ENOMEM;
    char *end = *joined;
    json_array_foreach((json_t *)images, index, image)
    {
        if (!json_is_string(image))
            continue;
        if (end != *joined)
            *end++ = '\n';
        end = stpcpy(end, json_string_value(image));
    }
    return 0;
}

/* What a listing may not say yet: decides whether something pending still outranks the record. */
static void judge_pending(struct snapshot *snapshot, const struct snapshot_record *record,
                          const char *word, int64_t now)
{
    snapshot->pending &= ~(unsigned)PENDING_CREATE;
    if (now >= snapshot->pending_until)
        snapshot->pending &= (unsigned)PENDING_ROLLBACK;
    if (strcmp(record->name, snapshot_text(snapshot, SNAPSHOT_NAME)) == 0)
        snapshot->pending &= ~(unsigned)PENDING_RENAME;
    /* The disk may show the rollback before the snapshot does. */
    bool may_lag = snapshot->disk->rolling_back || now < snapshot->disk->rollback_until;
    if (strcmp(word, "ROLLBACKING") == 0 || !may_lag)
        snapshot->pending &= ~(unsigned)PENDING_ROLLBACK;
}

static int update_snapshot(struct catalogue *catalogue, struct snapshot *snapshot,
                           const struct snapshot_record *record, const char *word, int64_t asked,
                           int64_t wall)
{
    char *images = NULL;
    bool renamed = (snapshot->pending & PENDING_RENAME) == 0 &&
                   strcmp(record->name, snapshot_text(snapshot, SNAPSHOT_NAME)) != 0;
    int status = join_images(record->images, &images);
    if (status != 0)
        return status;
    char *name = strdup(renamed ? record->name : snapshot_text(snapshot, SNAPSHOT_NAME));
    if (name == NULL) {
        status = -ENOMEM;
        goto out;
    }
    const char *const texts[SNAPSHOT_TEXT_COUNT] = {
        [SNAPSHOT_ID] = record->id,       [SNAPSHOT_NAME] = name,
        [SNAPSHOT_STATE] = record->state, [SNAPSHOT_WORD] = word,
        [SNAPSHOT_USAGE] = record->usage, [SNAPSHOT_TYPE] = record->type,
        [SNAPSHOT_ZONE] = record->zone,   [SNAPSHOT_IMAGES] = images,
    };
    bool differs;
    status = replace_texts(&snapshot->texts, texts, SNAPSHOT_TEXT_COUNT, &snapshot->raw,
                           record->raw, &differs);
    if (status != 0)
        goto out;
    snapshot->fetched = asked;
    snapshot->expires = record->expires;
    snapshot->size = record->size;
    snapshot->percent = record->percent;
    snapshot->image_count = record->image_count;
    snapshot->encrypted = record->encrypted;
    snapshot->shared_in = record->shared_in;
    if (differs)
        catalogue->generation++;
    if (renamed && snapshot->entry != NULL && snapshot->wanted_name == NULL) {
        /* Renamed elsewhere: the old entry is free, and the new one is found like that of a new
         * snapshot. */
        catalogue_release_entry(catalogue, snapshot, wall);
        status = catalogue_assign_entry(catalogue, snapshot, name, false);
    }

out:
    free(name);
    free(images);
    return status;
}

static struct snapshot *add_snapshot(struct catalogue *catalogue,
                                     const struct snapshot_record *record, const char *word)
{
    const char *const texts[SNAPSHOT_TEXT_COUNT] = {
        [SNAPSHOT_ID] = record->id,
        [SNAPSHOT_NAME] = record->name,
        [SNAPSHOT_STATE] = record->state,
        [SNAPSHOT_WORD] = word,
        [SNAPSHOT_USAGE] = "",
        [SNAPSHOT_TYPE] = "",
        [SNAPSHOT_ZONE] = "",
        [SNAPSHOT_IMAGES] = "",
    };
    struct disk *disk = catalogue_want_disk(
        catalogue, record->disk_id[0] != '\0' ? record->disk_id : CATALOGUE_NO_DISK);
    struct text_pack pack;
    if (disk == NULL || text_pack_make(&pack, texts, SNAPSHOT_TEXT_COUNT) != 0)
        return NULL;
    struct snapshot *snapshot = catalogue_add_snapshot(catalogue, disk, &pack, record->created);
    if (snapshot == NULL)
        free(pack.text);
    return snapshot;
}

/* Not known, because a listing that was asked for later has shown that it is gone: an older answer
 * does not bring it back. */
static bool is_overtaken(const struct catalogue *catalogue, const struct snapshot_record *record,
                         int64_t asked)
{
    const struct disk *disk =
        catalogue_disk(catalogue, record->disk_id[0] != '\0' ? record->disk_id : CATALOGUE_NO_DISK);
    return asked < catalogue->snapshots_listed || (disk != NULL && asked < disk->listed);
}

int catalogue_put_snapshot(struct catalogue *catalogue, const struct snapshot_record *record,
                           int64_t asked, uint64_t serial, int64_t now, int64_t wall)
{
    char space[32];
    const char *word = choose_word(record, space, sizeof(space));
    struct snapshot *snapshot = catalogue_snapshot(catalogue, record->id);
    bool added = snapshot == NULL;
    if (added && is_overtaken(catalogue, record, asked))
        return 0;
    if (added) {
        snapshot = add_snapshot(catalogue, record, word);
        if (snapshot == NULL)
            return -ENOMEM;
    }
    if (snapshot->seen < serial)
        snapshot->seen = serial;
    if (!added && (snapshot->mutated > asked || snapshot->fetched > asked))
        return 0;
    struct status_before before = catalogue_status(snapshot);
    if (snapshot->created != record->created)
        catalogue_redate(snapshot, record->created);
    if (!added)
        judge_pending(snapshot, record, word, now);
    int status = update_snapshot(catalogue, snapshot, record, word, asked, wall);
    catalogue_note_status(catalogue, snapshot, &before, wall);
    if (added && status != 0)
        catalogue_remove_snapshot(catalogue, snapshot);
    return status;
}

void catalogue_snapshot_is_gone(struct catalogue *catalogue, struct snapshot *snapshot,
                                int64_t asked, int64_t now, int64_t wall)
{
    /* What was deleted stays known, and hidden, for as long as a listing may still show it. */
    bool fresh = (snapshot->pending & (PENDING_CREATE | PENDING_DELETE)) != 0 &&
                 now < snapshot->pending_until;
    if (snapshot->mutated > asked || fresh)
        return;
    catalogue_release_entry(catalogue, snapshot, wall);
    catalogue_remove_snapshot(catalogue, snapshot);
}

static void sweep_disk(struct catalogue *catalogue, struct disk *disk, uint64_t serial,
                       int64_t asked, int64_t now, int64_t wall)
{
    for (size_t i = disk->count; i > 0; i--) {
        if (disk->snapshots[i - 1]->seen < serial)
            catalogue_snapshot_is_gone(catalogue, disk->snapshots[i - 1], asked, now, wall);
    }
}

void catalogue_sweep_snapshots(struct catalogue *catalogue, struct disk *disk, uint64_t serial,
                               int64_t asked, int64_t now, int64_t wall)
{
    if (disk != NULL) {
        sweep_disk(catalogue, disk, serial, asked, now, wall);
        return;
    }
    for (size_t i = catalogue->disk_count; i > 0; i--)
        sweep_disk(catalogue, catalogue->disks[i - 1], serial, asked, now, wall);
}
