/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue_internal.h"

#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MASK ((UINT64_C(1) << 48) - 1)

static size_t kept_length(const char *text)
{
    size_t length = strnlen(text, TEXT_LIMIT + 1);
    if (length <= TEXT_LIMIT)
        return length;
    length = TEXT_LIMIT;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

int text_pack_make(struct text_pack *pack, const char *const *texts, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += kept_length(texts[i]) + 1;
    char *text = malloc(total); /* NOLINT(clang-analyzer-optin.portability.UnixAPI): count > 0 */
    if (text == NULL)
        return -ENOMEM;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = kept_length(texts[i]);
        memcpy(text + at, texts[i], length);
        text[at + length] = '\0';
        pack->offsets[i] = (uint16_t)at;
        at += length + 1;
    }
    pack->text = text;
    return 0;
}

const char *text_pack_at(const struct text_pack *pack, size_t which)
{
    return pack->text + pack->offsets[which];
}

const char *snapshot_text(const struct snapshot *snapshot, enum snapshot_text which)
{
    return text_pack_at(&snapshot->texts, which);
}

const char *disk_text(const struct disk *disk, enum disk_text which)
{
    return text_pack_at(&disk->texts, which);
}

/* --- indexes ------------------------------------------------------------------------- */

static bool same_snapshot_id(const void *value, const void *key)
{
    return strcmp(snapshot_text(value, SNAPSHOT_ID), key) == 0;
}

static bool same_disk_id(const void *value, const void *key)
{
    return strcmp(disk_text(value, DISK_ID), key) == 0;
}

static bool same_snapshot_key(const void *value, const void *key)
{
    return ((const struct snapshot *)value)->key == *(const uint64_t *)key;
}

static bool same_disk_key(const void *value, const void *key)
{
    return ((const struct disk *)value)->key == *(const uint64_t *)key;
}

struct disk *catalogue_disk(const struct catalogue *catalogue, const char *id)
{
    return table_find(&catalogue->disks_by_id, table_hash(id), same_disk_id, id);
}

struct disk *catalogue_disk_by_key(const struct catalogue *catalogue, uint64_t key)
{
    return table_find(&catalogue->disks_by_key, KEY_HASH(key), same_disk_key, &key);
}

struct snapshot *catalogue_snapshot(const struct catalogue *catalogue, const char *id)
{
    return table_find(&catalogue->snapshots_by_id, table_hash(id), same_snapshot_id, id);
}

struct snapshot *catalogue_snapshot_by_key(const struct catalogue *catalogue, uint64_t key)
{
    return table_find(&catalogue->snapshots_by_key, KEY_HASH(key), same_snapshot_key, &key);
}

struct disk *catalogue_disk_by_name(const struct catalogue *catalogue, const char *name)
{
    struct disk *found = NULL;
    for (size_t i = 0; i < catalogue->disk_count; i++) {
        struct disk *disk = catalogue->disks[i];
        if (!disk->exists || strcmp(disk_text(disk, DISK_NAME), name) != 0)
            continue;
        if (found != NULL)
            return NULL;
        found = disk;
    }
    return found;
}

/* The first free key at or after the one that the id gives: two ids rarely share 48 bits, and then
 * the later one moves on. */
static uint64_t free_key(const struct table *by_key, bool (*same)(const void *, const void *),
                         const char *id)
{
    uint64_t key = table_hash(id) & KEY_MASK;
    while (table_find(by_key, KEY_HASH(key), same, &key) != NULL)
        key = (key + 1) & KEY_MASK;
    return key;
}

/* --- disks --------------------------------------------------------------------------- */

static void free_disk(struct disk *disk)
{
    free(disk->texts.text);
    free(disk->raw);
    free(disk->snapshots);
    free(disk);
}

/* Where the id is or belongs in the sorted array. */
static size_t disk_position(const struct catalogue *catalogue, const char *id)
{
    size_t low = 0, high = catalogue->disk_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(disk_text(catalogue->disks[middle], DISK_ID), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert_disk(struct catalogue *catalogue, struct disk *disk)
{
    if (catalogue->disk_count == catalogue->disk_capacity) {
        size_t capacity = catalogue->disk_capacity ? catalogue->disk_capacity * 2 : 16;
        struct disk **larger = realloc(catalogue->disks, capacity * sizeof(*larger));
        if (larger == NULL)
            return -ENOMEM;
        catalogue->disks = larger;
        catalogue->disk_capacity = capacity;
    }
    const char *id = disk_text(disk, DISK_ID);
    if (table_add(&catalogue->disks_by_id, table_hash(id), disk) != 0)
        return -ENOMEM;
    if (table_add(&catalogue->disks_by_key, KEY_HASH(disk->key), disk) != 0) {
        table_remove(&catalogue->disks_by_id, table_hash(id), disk);
        return -ENOMEM;
    }
    size_t at = disk_position(catalogue, id);
    memmove(catalogue->disks + at + 1, catalogue->disks + at,
            (catalogue->disk_count - at) * sizeof(struct disk *));
    catalogue->disks[at] = disk;
    catalogue->disk_count++;
    catalogue->disks_version++;
    catalogue->generation++;
    return 0;
}

struct disk *catalogue_want_disk(struct catalogue *catalogue, const char *id)
{
    struct disk *disk = catalogue_disk(catalogue, id);
    if (disk != NULL)
        return disk;
    const char *texts[DISK_TEXT_COUNT];
    for (size_t i = 0; i < DISK_TEXT_COUNT; i++)
        texts[i] = "";
    texts[DISK_ID] = id;
    disk = calloc(1, sizeof(*disk));
    if (disk == NULL)
        return NULL;
    disk->created = disk->expires = TIMESTAMP_NONE;
    disk->size = disk->snapshot_count = -1;
    disk->key = free_key(&catalogue->disks_by_key, same_disk_key, id);
    if (text_pack_make(&disk->texts, texts, DISK_TEXT_COUNT) != 0 ||
        insert_disk(catalogue, disk) != 0) {
        free_disk(disk);
        return NULL;
    }
    return disk;
}

bool disk_is_visible(const struct disk *disk)
{
    return disk->exists || catalogue_visible_count(disk) > 0;
}

/* --- snapshots ----------------------------------------------------------------------- */

static int insert_into_disk(struct disk *disk, struct snapshot *snapshot)
{
    if (disk->count == disk->capacity) {
        size_t capacity = disk->capacity ? disk->capacity * 2 : 4;
        struct snapshot **larger = realloc(disk->snapshots, capacity * sizeof(*larger));
        if (larger == NULL)
            return -ENOMEM;
        disk->snapshots = larger;
        disk->capacity = capacity;
    }
    /* Listings come oldest first: the end is where it belongs, nearly always. */
    size_t at = disk->count;
    while (at > 0 && catalogue_is_older(snapshot, disk->snapshots[at - 1]))
        at--;
    memmove(disk->snapshots + at + 1, disk->snapshots + at,
            (disk->count - at) * sizeof(struct snapshot *));
    disk->snapshots[at] = snapshot;
    disk->count++;
    snapshot->disk = disk;
    return 0;
}

static void remove_from_disk(struct snapshot *snapshot)
{
    struct disk *disk = snapshot->disk;
    for (size_t at = 0; at < disk->count; at++) {
        if (disk->snapshots[at] != snapshot)
            continue;
        memmove(disk->snapshots + at, disk->snapshots + at + 1,
                (disk->count - at - 1) * sizeof(struct snapshot *));
        disk->count--;
        return;
    }
}

void catalogue_redate(struct snapshot *snapshot, int64_t created)
{
    remove_from_disk(snapshot);
    snapshot->created = created;
    /* Cannot fail: the place that it had is free. */
    (void)insert_into_disk(snapshot->disk, snapshot);
}

static void free_snapshot(struct snapshot *snapshot)
{
    free(snapshot->texts.text);
    catalogue_free_entry(snapshot->entry);
    free(snapshot->raw);
    free(snapshot->wanted_name);
    free(snapshot);
}

struct snapshot *catalogue_add_snapshot(struct catalogue *catalogue, struct disk *disk,
                                        struct text_pack *texts, int64_t created)
{
    const char *id = text_pack_at(texts, SNAPSHOT_ID);
    uint64_t hash = table_hash(id);
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (snapshot == NULL)
        return NULL;
    snapshot->texts = *texts;
    snapshot->created = created;
    snapshot->expires = snapshot->changed = TIMESTAMP_NONE;
    snapshot->size = -1;
    snapshot->key = free_key(&catalogue->snapshots_by_key, same_snapshot_key, id);
    if (table_add(&catalogue->snapshots_by_id, hash, snapshot) != 0)
        goto fail;
    if (table_add(&catalogue->snapshots_by_key, KEY_HASH(snapshot->key), snapshot) != 0 ||
        insert_into_disk(disk, snapshot) != 0) {
        table_remove(&catalogue->snapshots_by_id, hash, snapshot);
        table_remove(&catalogue->snapshots_by_key, KEY_HASH(snapshot->key), snapshot);
        goto fail;
    }
    catalogue->snapshot_count++;
    return snapshot;

fail:
    free(snapshot);
    return NULL;
}

void catalogue_remove_snapshot(struct catalogue *catalogue, struct snapshot *snapshot)
{
    if (snapshot->in_progress) {
        if (snapshot->progress_previous != NULL)
            snapshot->progress_previous->progress_next = snapshot->progress_next;
        else
            catalogue->progress = snapshot->progress_next;
        if (snapshot->progress_next != NULL)
            snapshot->progress_next->progress_previous = snapshot->progress_previous;
    }
    uint64_t hash = table_hash(snapshot_text(snapshot, SNAPSHOT_ID));
    table_remove(&catalogue->snapshots_by_id, hash, snapshot);
    table_remove(&catalogue->snapshots_by_key, KEY_HASH(snapshot->key), snapshot);
    remove_from_disk(snapshot);
    catalogue->snapshot_count--;
    catalogue->generation++;
    free_snapshot(snapshot);
}

bool snapshot_is_visible(const struct snapshot *snapshot)
{
    return snapshot->entry != NULL && (snapshot->pending & PENDING_DELETE) == 0;
}

size_t catalogue_visible_count(const struct disk *disk)
{
    size_t count = 0;
    for (size_t i = 0; i < disk->count; i++)
        count += snapshot_is_visible(disk->snapshots[i]);
    return count;
}

struct snapshot *catalogue_latest(const struct disk *disk)
{
    for (size_t i = disk->count; i > 0; i--) {
        struct snapshot *snapshot = disk->snapshots[i - 1];
        if (snapshot_is_visible(snapshot) && strcmp(snapshot_word(snapshot), "NORMAL") == 0)
            return snapshot;
    }
    return NULL;
}

/* --- status -------------------------------------------------------------------------- */

const char *snapshot_word(const struct snapshot *snapshot)
{
    if (snapshot->pending & PENDING_ROLLBACK)
        return "ROLLBACKING";
    return snapshot_text(snapshot, SNAPSHOT_WORD);
}

unsigned snapshot_percent(const struct snapshot *snapshot)
{
    if (strcmp(snapshot_word(snapshot), "ROLLBACKING") == 0)
        return snapshot->disk->rolling_back ? snapshot->disk->rollback_percent : 0;
    return snapshot->percent;
}

bool snapshot_is_settled(const struct snapshot *snapshot)
{
    static const char *const settled[] = {"NORMAL", "ERROR", "TORECYCLE"};
    for (size_t i = 0; i < sizeof(settled) / sizeof(settled[0]); i++) {
        if (strcmp(snapshot_word(snapshot), settled[i]) == 0)
            return true;
    }
    return false;
}

bool disk_is_rolling_back(const struct disk *disk)
{
    bool rolling = disk->rolling_back;
    for (size_t i = 0; i < disk->count && !rolling; i++)
        rolling = strcmp(snapshot_word(disk->snapshots[i]), "ROLLBACKING") == 0;
    return rolling;
}

struct status_before catalogue_status(const struct snapshot *snapshot)
{
    struct status_before before = {.percent = snapshot_percent(snapshot)};
    strncpy(before.word, snapshot_word(snapshot), sizeof(before.word) - 1);
    return before;
}

static void link_progress(struct catalogue *catalogue, struct snapshot *snapshot)
{
    bool wanted = !snapshot_is_settled(snapshot);
    if (wanted == snapshot->in_progress)
        return;
    snapshot->in_progress = wanted;
    if (wanted) {
        snapshot->progress_previous = NULL;
        snapshot->progress_next = catalogue->progress;
        if (catalogue->progress != NULL)
            catalogue->progress->progress_previous = snapshot;
        catalogue->progress = snapshot;
        return;
    }
    if (snapshot->progress_previous != NULL)
        snapshot->progress_previous->progress_next = snapshot->progress_next;
    else
        catalogue->progress = snapshot->progress_next;
    if (snapshot->progress_next != NULL)
        snapshot->progress_next->progress_previous = snapshot->progress_previous;
    snapshot->progress_next = snapshot->progress_previous = NULL;
}

void catalogue_note_value(struct disk *disk, int64_t now)
{
    if (disk->values_changed < now)
        disk->values_changed = now;
}

void catalogue_note_status(struct catalogue *catalogue, struct snapshot *snapshot,
                           const struct status_before *before, int64_t wall)
{
    bool seemed_settled = snapshot->entry != NULL && !snapshot->in_progress;
    link_progress(catalogue, snapshot);
    if (strncmp(before->word, snapshot_word(snapshot), sizeof(before->word) - 1) == 0 &&
        before->percent == snapshot_percent(snapshot))
        return;
    if (seemed_settled)
        catalogue_note_value(snapshot->disk, snapshot->mutated > snapshot->fetched
                                                 ? snapshot->mutated
                                                 : snapshot->fetched);
    snapshot->version++;
    snapshot->changed = wall;
    catalogue->generation++;
}

/* --- the whole ----------------------------------------------------------------------- */

void catalogue_remove_disk(struct catalogue *catalogue, struct disk *disk)
{
    const char *id = disk_text(disk, DISK_ID);
    size_t at = disk_position(catalogue, id);
    table_remove(&catalogue->disks_by_id, table_hash(id), disk);
    table_remove(&catalogue->disks_by_key, KEY_HASH(disk->key), disk);
    memmove(catalogue->disks + at, catalogue->disks + at + 1,
            (catalogue->disk_count - at - 1) * sizeof(struct disk *));
    catalogue->disk_count--;
    catalogue->disks_version++;
    catalogue->generation++;
    free_disk(disk);
}

void catalogue_init(struct catalogue *catalogue, const struct provider *provider)
{
    *catalogue = (struct catalogue){.provider = provider};
}

void catalogue_free(struct catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->disk_count; i++) {
        struct disk *disk = catalogue->disks[i];
        for (size_t j = 0; j < disk->count; j++)
            free_snapshot(disk->snapshots[j]);
        free_disk(disk);
    }
    free(catalogue->disks);
    catalogue_forget_freed(catalogue);
    table_free(&catalogue->snapshots_by_id);
    table_free(&catalogue->snapshots_by_key);
    table_free(&catalogue->disks_by_id);
    table_free(&catalogue->disks_by_key);
    table_free(&catalogue->entries);
    *catalogue = (struct catalogue){.provider = catalogue->provider};
}
