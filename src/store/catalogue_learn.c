/* SPDX-License-Identifier: Apache-2.0 */
/* Taking listings in: what a record may overwrite, what its absence may remove, and when. */
#include "catalogue_internal.h"

#include "cbsfs/buffer.h"
#include "cbsfs/names.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"
#include "raw_pages.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- snapshots ----------------------------------------------------------------------- */

const char *catalogue_word(const char *word, const char *state, char *space, size_t size)
{
    if (word[0] != '\0')
        return word;
    size_t length = 0;
    for (const char *at = state; *at != '\0' && length + 1 < size; at++) {
        unsigned char byte = (unsigned char)*at;
        /* The word is the first of two on a line: it holds no blank and nothing that a terminal
         * obeys. */
        space[length++] = byte <= ' ' || byte >= 0x7f ? '_' : (char)toupper(byte);
    }
    space[length] = '\0';
    return length > 0 ? space : "UNKNOWN";
}

/* Their ids, one a line, whole ids and as many as are kept. NULL without memory. */
static char *join_images(const json_t *images)
{
    size_t size = 1, index;
    json_t *image;
    json_array_foreach((json_t *)images, index, image) size += json_string_length(image) + 1;
    char *joined = calloc(1, size), *end = joined;
    if (joined == NULL)
        return NULL;
    json_array_foreach((json_t *)images, index, image)
    {
        size_t length = json_string_length(image);
        if (!json_is_string(image) || (size_t)(end - joined) + 1 + length > TEXT_LIMIT)
            continue;
        if (end != joined)
            *end++ = '\n';
        end = stpcpy(end, json_string_value(image));
    }
    return joined;
}

static bool is_named(const struct snapshot *snapshot, const struct snapshot_record *record)
{
    return text_is_kept_of(snapshot_text(snapshot, SNAPSHOT_NAME), record->name);
}

/* What a listing may not say yet: decides whether something pending still outranks the record. */
static void judge_pending(struct snapshot *snapshot, const struct snapshot_record *record,
                          const char *word, int64_t now)
{
    unsigned over = 0;
    const struct snapshot_more *more = snapshot_more(snapshot);
    snapshot->confirmed = true;
    if (now >= more->created_at + PENDING_CREATE_GRACE)
        over |= PENDING_CREATE;
    /* A name that it never had is no word from before: a rename of ours whose outcome is not known,
     * or somebody else's. */
    if (now >= more->renamed_at + PENDING_RENAME_GRACE ||
        (!record->name_untold && !is_named(snapshot, record) &&
         !snapshot_may_have_had(snapshot, record->name, now)))
        over |= PENDING_RENAME;
    /* One that goes on being deleted stays away, and one whose deletion has failed comes back. */
    if (record->deletion_failed ||
        (now >= more->deleted_at + PENDING_DELETE_GRACE && strcmp(word, "DELETING") != 0))
        over |= PENDING_DELETE;
    /* The disk may show the rollback before the snapshot does. */
    bool may_lag = snapshot->disk->rolling_back || now < snapshot->disk->rollback_until;
    if (strcmp(word, "ROLLBACKING") == 0 || !may_lag)
        over |= PENDING_ROLLBACK;
    snapshot_set_pending(snapshot, over, 0);
}

/* How long the record is where it is shown, for the size of its file. */
static void note_raw_length(struct catalogue *catalogue, struct snapshot *snapshot)
{
    const char *text;
    size_t length, plain = 0;
    if (snapshot->raw == 0) {
        length = strlen("null");
    } else if (raw_pages_get(catalogue->raw_pages, snapshot->raw, &text, &length) != 0) {
        length = SNAPSHOT_RAW_LENGTH_UNKNOWN;
    } else {
        while (plain < length && (unsigned char)text[plain] < 0x7f)
            plain++;
        if (plain < length)
            length = plain + buffer_json_length(text + plain);
    }
    snapshot_set_raw_length(snapshot, length);
}

static void set_details(struct snapshot *snapshot, const struct snapshot_record *record,
                        int64_t asked, int64_t now)
{
    snapshot_set_fetched(snapshot, asked);
    snapshot_set_expires(snapshot, snapshot_judge_expires(snapshot, record->expires, now));
    snapshot_set_percent(snapshot, record->percent);
    snapshot->in_images = record->image_count > 0;
    snapshot->encrypted = record->encrypted;
    snapshot->shared_in = record->shared_in;
    snapshot->shared_out = snapshot_judge_shared(snapshot, record->shared_out, now);
    snapshot->features = (record->tagged ? 1u << FEATURE_TAGS : 0) |
                         (record->made_by_policy ? 1u << FEATURE_POLICY : 0) |
                         (record->copying_away ? 1u << FEATURE_COPYING : 0);
}

/* What a record changes in a snapshot, made before any of it is. */
struct update {
    struct snapshot_texts texts; /* .text NULL: they stay */
    uint32_t shape;              /* 0: it stays, or is not taken yet */
};

static void drop_update(struct catalogue *catalogue, struct update *update)
{
    free(update->texts.text);
    if (update->shape != 0)
        shape_drop(catalogue, update->shape);
}

static int prepare_texts(const struct snapshot *snapshot, const struct snapshot_record *record,
                         bool is_renamed, bool keeps_entry, struct update *update)
{
    const char *name = is_renamed ? record->name : snapshot_text(snapshot, SNAPSHOT_NAME);
    if (!is_renamed && !snapshot->has_images && json_array_size(record->images) == 0)
        return 0;
    char *images = join_images(record->images);
    if (images == NULL)
        return -ENOMEM;
    int status = 0;
    if (is_renamed || strcmp(images, snapshot_text(snapshot, SNAPSHOT_IMAGES)) != 0)
        status = snapshot_texts_make(&update->texts, snapshot->texts, name,
                                     keeps_entry ? snapshot_entry(snapshot) : NULL, images);
    free(images);
    return status;
}

static int prepare_update(struct catalogue *catalogue, struct snapshot *snapshot,
                          const struct snapshot_record *record, const char *word, bool is_renamed,
                          bool keeps_entry, struct update *update)
{
    const char *const shape[SHAPE_TEXTS] = {record->state, word,         record->usage,
                                            record->type,  record->zone, record->group};
    *update = (struct update){.shape = 0};
    if (shape_take(catalogue, shape, &update->shape) != 0) {
        update->shape = 0;
        return -ENOMEM;
    }
    if (catalogue_raw_pages(catalogue) == NULL ||
        prepare_texts(snapshot, record, is_renamed, keeps_entry, update) != 0)
        return -ENOMEM;
    return snapshot_set_size(snapshot, record->size);
}

/* What is in progress is expected to change, but for what does not depend on that. */
static bool is_surprise(const struct snapshot *snapshot, const struct snapshot_record *record)
{
    return snapshot->entry_kind != ENTRY_NONE &&
           (!snapshot->in_progress || snapshot_size(snapshot) != record->size ||
            snapshot->encrypted != record->encrypted);
}

static int update_snapshot(struct catalogue *catalogue, struct snapshot *snapshot,
                           const struct snapshot_record *record, const char *word, int64_t asked,
                           int64_t now, int64_t wall)
{
    bool is_renamed = (snapshot->pending & PENDING_RENAME) == 0 && !record->name_untold &&
                      !is_named(snapshot, record);
    /* Renamed elsewhere: the old entry is free, and the new one is found like that of a new
     * snapshot. */
    bool moves = is_renamed && snapshot->entry_kind != ENTRY_NONE &&
                 snapshot_more(snapshot)->wanted_name == NULL;
    struct update update;
    bool differs = false;
    uint32_t place = snapshot->raw;
    int64_t size = snapshot_size(snapshot);
    char was[NAME_ENTRY_SIZE] = "";
    if (moves)
        snprintf(was, sizeof(was), "%s", snapshot_text(snapshot, SNAPSHOT_NAME));
    bool would_surprise = is_surprise(snapshot, record);
    int status = prepare_update(catalogue, snapshot, record, word, is_renamed, !moves, &update);
    if (status == 0)
        status = raw_pages_put(catalogue->raw_pages, &place, record->raw, &differs);
    if (status != 0) {
        (void)snapshot_set_size(snapshot, size);
        drop_update(catalogue, &update);
        return status;
    }
    snapshot->raw = place;
    if (differs)
        note_raw_length(catalogue, snapshot);
    set_details(snapshot, record, asked, now);
    if (is_renamed)
        snapshot_note_former(snapshot, now);
    if (moves)
        catalogue_release_entry(catalogue, snapshot, wall);
    differs |= update.texts.text != NULL || update.shape != snapshot->shape;
    if (update.texts.text != NULL)
        snapshot_texts_use(snapshot, &update.texts);
    shape_drop(catalogue, snapshot->shape);
    snapshot_set_shape(snapshot, update.shape);
    if (differs)
        catalogue->generation++;
    if (differs && would_surprise)
        catalogue_note_value(snapshot->disk, now);
    if (moves) {
        status = catalogue_assign_entry(catalogue, snapshot, snapshot_text(snapshot, SNAPSHOT_NAME),
                                        false);
        catalogue_tell(catalogue, CATALOGUE_SNAPSHOT_RENAMED, snapshot->disk, snapshot, was);
    }
    return status;
}

static struct snapshot *add_snapshot(struct catalogue *catalogue,
                                     const struct snapshot_record *record, const char *word)
{
    const char *const shape[SHAPE_TEXTS] = {record->state, word,         record->usage,
                                            record->type,  record->zone, record->group};
    struct disk *disk = catalogue_want_disk(
        catalogue, record->disk_id[0] != '\0' ? record->disk_id : CATALOGUE_NO_DISK);
    if (disk == NULL)
        return NULL;
    struct snapshot *snapshot =
        catalogue_add_snapshot(catalogue, disk, record->id, record->name, shape, record->created);
    if (snapshot == NULL)
        return NULL;
    /* What it has now is no change. */
    snapshot_set_percent(snapshot, record->percent);
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

/* Taken in when its record did not say whose it is; a record that says nothing moves none. */
static bool is_misplaced(const struct snapshot *snapshot, const struct snapshot_record *record)
{
    return record->disk_id[0] != '\0' &&
           strcmp(disk_text(snapshot->disk, DISK_ID), CATALOGUE_NO_DISK) == 0;
}

/* What is not settled is in a list, and what was is counted. */
static int prepare_progress(struct snapshot *snapshot, const char *word)
{
    bool stays = !snapshot->in_progress && strcmp(word, "NORMAL") == 0;
    return stays || snapshot_want_more(snapshot) != NULL ? 0 : -ENOMEM;
}

int catalogue_put_snapshot(struct catalogue *catalogue, const struct snapshot_record *record,
                           int64_t asked, uint64_t serial, int64_t now, int64_t wall)
{
    char space[32];
    const char *word = catalogue_word(record->word, record->state, space, sizeof(space));
    struct snapshot *snapshot = catalogue_snapshot(catalogue, record->id);
    if (snapshot != NULL && is_misplaced(snapshot, record)) {
        catalogue_release_entry(catalogue, snapshot, wall);
        catalogue_remove_snapshot(catalogue, snapshot);
        snapshot = NULL;
    }
    bool added = snapshot == NULL;
    if (added && is_overtaken(catalogue, record, asked))
        return 0;
    if (added) {
        snapshot = add_snapshot(catalogue, record, word);
        if (snapshot == NULL)
            return -ENOMEM;
    }
    if (snapshot->seen < serial)
        snapshot->seen = (uint32_t)serial;
    if (!added && (snapshot_more(snapshot)->mutated > asked || snapshot_fetched(snapshot) > asked))
        return 0;
    struct status_before before = catalogue_status(snapshot);
    if (record->created != TIMESTAMP_NONE && snapshot_created(snapshot) != record->created) {
        catalogue_redate(snapshot, record->created);
        /* Whoever reads the directory at this moment may meet it twice, or not at all. */
        catalogue_entries_changed(catalogue, snapshot->disk);
    }
    if (!added)
        judge_pending(snapshot, record, word, now);
    int status = prepare_progress(snapshot, word);
    if (status == 0)
        status = update_snapshot(catalogue, snapshot, record, word, asked, now, wall);
    catalogue_note_status(catalogue, snapshot, &before, wall);
    if (added && status != 0)
        catalogue_remove_snapshot(catalogue, snapshot);
    return status;
}

/* What was deleted stays known, and hidden, for as long as a listing may still show it; what was
 * created stays for as long as one may not show it yet. */
static bool may_be_missed(const struct snapshot *snapshot, int64_t asked, int64_t now)
{
    if (snapshot_more(snapshot)->mutated > asked)
        return true;
    if (snapshot->pending & PENDING_DELETE)
        return now < snapshot_more(snapshot)->deleted_at + PENDING_DELETE_GRACE;
    return (snapshot->pending & PENDING_CREATE) != 0 &&
           now < snapshot_more(snapshot)->created_at +
                     (snapshot->confirmed ? PENDING_CREATE_GRACE : PENDING_UNSEEN_GRACE);
}

void catalogue_snapshot_is_gone(struct catalogue *catalogue, struct snapshot *snapshot,
                                int64_t asked, int64_t now, int64_t wall)
{
    if (may_be_missed(snapshot, asked, now))
        return;
    if (snapshot->entry_kind != ENTRY_NONE)
        catalogue_tell(catalogue, CATALOGUE_SNAPSHOT_GONE, snapshot->disk, snapshot,
                       snapshot_word(snapshot));
    catalogue_release_entry(catalogue, snapshot, wall);
    catalogue_remove_snapshot(catalogue, snapshot);
}

static size_t count_unseen(const struct disk *disk, uint64_t serial, int64_t asked, int64_t now)
{
    size_t count = 0;
    for (size_t i = 0; i < disk->count; i++)
        count += disk_snapshot(disk, i)->seen < serial &&
                 !may_be_missed(disk_snapshot(disk, i), asked, now);
    return count;
}

size_t catalogue_count_unseen_snapshots(const struct catalogue *catalogue, const struct disk *disk,
                                        uint64_t serial, int64_t asked, int64_t now)
{
    if (disk != NULL)
        return count_unseen(disk, serial, asked, now);
    size_t count = 0;
    for (size_t i = 0; i < catalogue->disk_count; i++)
        count += count_unseen(catalogue->disks[i], serial, asked, now);
    return count;
}

size_t catalogue_count_unseen_disks(const struct catalogue *catalogue, uint64_t serial,
                                    int64_t asked)
{
    size_t count = 0;
    for (size_t i = 0; i < catalogue->disk_count; i++) {
        const struct disk *disk = catalogue->disks[i];
        count += disk->exists && disk->seen < serial && disk->fetched <= asked;
    }
    return count;
}

static void sweep_disk(struct catalogue *catalogue, struct disk *disk, uint64_t serial,
                       int64_t asked, int64_t now, int64_t wall)
{
    for (size_t i = disk->count; i > 0; i--) {
        if (disk_snapshot(disk, i - 1)->seen < serial)
            catalogue_snapshot_is_gone(catalogue, disk_snapshot(disk, i - 1), asked, now, wall);
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
