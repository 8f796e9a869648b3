/* SPDX-License-Identifier: Apache-2.0 */
/* Taking listings in: what a record may overwrite, what its absence may remove, and when. */
#include "catalogue_internal.h"

#include "cbsfs/buffer.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is kept of a record as it came: ten times what the cloud sends, bytes and levels. */
#define RAW_LIMIT 65536
#define RAW_DEPTH 64

/* --- disks --------------------------------------------------------------------------- */

static bool same_texts(const struct text_pack *pack, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text_pack_at(pack, i), texts[i]) != 0)
            return false;
    }
    return true;
}

static size_t nesting(const json_t *value, size_t limit)
{
    size_t deepest = 0, index;
    const char *key;
    json_t *part;
    if (limit == 0 || !(json_is_object(value) || json_is_array(value)))
        return 0;
    json_object_foreach((json_t *)value, key, part)
    {
        size_t depth = nesting(part, limit - 1);
        deepest = depth > deepest ? depth : deepest;
    }
    json_array_foreach((json_t *)value, index, part)
    {
        size_t depth = nesting(part, limit - 1);
        deepest = depth > deepest ? depth : deepest;
    }
    return 1 + deepest;
}

static int collect(const char *bytes, size_t size, void *buffer)
{
    return buffer_append(buffer, bytes, size);
}

/* A record as it is kept: *dumped is NULL for one that is larger or deeper than any of the cloud's
 * (the tools that read the JSON files have limits of their own). 0 or -ENOMEM. */
static int dump_record(const json_t *record, char **dumped)
{
    struct buffer text;
    buffer_init(&text, RAW_LIMIT);
    *dumped = NULL;
    if (nesting(record, RAW_DEPTH + 1) > RAW_DEPTH)
        return 0;
    /* Jansson fails where the buffer does, and where it has no memory itself. */
    int status = json_dump_callback(record, collect, &text, JSON_COMPACT);
    bool too_large = text.error == -EMSGSIZE;
    if (status == 0)
        *dumped = buffer_steal(&text);
    buffer_free(&text);
    return *dumped == NULL && !too_large ? -ENOMEM : 0;
}

static bool same_raw(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

/* Replaces a pack and a raw record together, or neither; leaves both alone when nothing differs, so
 * that a refresh that brings no news costs no allocation that stays. */
static int replace_texts(struct text_pack *pack, const char *const *texts, size_t count, char **raw,
                         const json_t *record, bool *differs)
{
    *differs = false;
    char *dumped;
    if (dump_record(record, &dumped) != 0)
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
    if (!same_raw(*raw, dumped)) {
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
    };
    bool differs;
    if (replace_texts(&disk->texts, texts, DISK_TEXT_COUNT, &disk->raw, record->raw, &differs) != 0)
        return -ENOMEM;
    bool progressed = disk->rolling_back != record->rolling_back ||
                      disk->rollback_percent != record->rollback_percent;
    bool was_shown = disk->exists;
    catalogue->disks_version += !was_shown;
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
    catalogue->disks_version++;
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
        /* Whole ids, as many as are kept. */
        size_t length = json_string_length(image);
        if (!json_is_string(image) || (size_t)(end - *joined) + 1 + length > TEXT_LIMIT)
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
    unsigned over = 0;
    snapshot->confirmed = true;
    if (now >= snapshot->created_at + PENDING_CREATE_GRACE)
        over |= PENDING_CREATE;
    if (now >= snapshot->renamed_at + PENDING_RENAME_GRACE)
        over |= PENDING_RENAME;
    /* One that goes on being deleted stays away, and one whose deletion has failed comes back. */
    if (record->deletion_failed ||
        (now >= snapshot->deleted_at + PENDING_DELETE_GRACE && strcmp(word, "DELETING") != 0))
        over |= PENDING_DELETE;
    /* The disk may show the rollback before the snapshot does. */
    bool may_lag = snapshot->disk->rolling_back || now < snapshot->disk->rollback_until;
    if (strcmp(word, "ROLLBACKING") == 0 || !may_lag)
        over |= PENDING_ROLLBACK;
    snapshot->pending &= ~over;
}

/* What is in progress is expected to change, but for what does not depend on that. */
static bool is_surprise(const struct snapshot *snapshot, const struct snapshot_record *record)
{
    return snapshot->entry != NULL && (!snapshot->in_progress || snapshot->size != record->size ||
                                       snapshot->encrypted != record->encrypted);
}

static int update_snapshot(struct catalogue *catalogue, struct snapshot *snapshot,
                           const struct snapshot_record *record, const char *word, int64_t asked,
                           int64_t now, int64_t wall)
{
    char *images = NULL;
    bool renamed = (snapshot->pending & PENDING_RENAME) == 0 && !record->name_untold &&
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
    if (differs && is_surprise(snapshot, record))
        catalogue_note_value(snapshot->disk, now);
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

/* Taken in when its record did not say whose it is; a record that says nothing moves none. */
static bool is_misplaced(const struct snapshot *snapshot, const struct snapshot_record *record)
{
    return record->disk_id[0] != '\0' &&
           strcmp(disk_text(snapshot->disk, DISK_ID), CATALOGUE_NO_DISK) == 0;
}

int catalogue_put_snapshot(struct catalogue *catalogue, const struct snapshot_record *record,
                           int64_t asked, uint64_t serial, int64_t now, int64_t wall)
{
    char space[32];
    const char *word = choose_word(record, space, sizeof(space));
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
        snapshot->learnt = now;
    }
    if (snapshot->seen < serial)
        snapshot->seen = serial;
    if (!added && (snapshot->mutated > asked || snapshot->fetched > asked))
        return 0;
    struct status_before before = catalogue_status(snapshot);
    if (record->created != TIMESTAMP_NONE && snapshot->created != record->created) {
        catalogue_redate(snapshot, record->created);
        /* Whoever reads the directory at this moment may meet it twice, or not at all. */
        catalogue_entries_changed(catalogue, snapshot->disk);
    }
    if (!added)
        judge_pending(snapshot, record, word, now);
    int status = update_snapshot(catalogue, snapshot, record, word, asked, now, wall);
    catalogue_note_status(catalogue, snapshot, &before, wall);
    if (added && status != 0)
        catalogue_remove_snapshot(catalogue, snapshot);
    return status;
}

/* What was deleted stays known, and hidden, for as long as a listing may still show it; what was
 * created stays for as long as one may not show it yet. */
static bool may_be_missed(const struct snapshot *snapshot, int64_t asked, int64_t now)
{
    if (snapshot->mutated > asked)
        return true;
    if (snapshot->pending & PENDING_DELETE)
        return now < snapshot->deleted_at + PENDING_DELETE_GRACE;
    return (snapshot->pending & PENDING_CREATE) != 0 &&
           now < snapshot->created_at +
                     (snapshot->confirmed ? PENDING_CREATE_GRACE : PENDING_UNSEEN_GRACE);
}

void catalogue_snapshot_is_gone(struct catalogue *catalogue, struct snapshot *snapshot,
                                int64_t asked, int64_t now, int64_t wall)
{
    if (may_be_missed(snapshot, asked, now))
        return;
    catalogue_release_entry(catalogue, snapshot, wall);
    catalogue_remove_snapshot(catalogue, snapshot);
}

static size_t count_unseen(const struct disk *disk, uint64_t serial, int64_t asked, int64_t now)
{
    size_t count = 0;
    for (size_t i = 0; i < disk->count; i++)
        count +=
            disk->snapshots[i]->seen < serial && !may_be_missed(disk->snapshots[i], asked, now);
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
