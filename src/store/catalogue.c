/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue_internal.h"

#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"
#include "raw_pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MASK ((UINT64_C(1) << 48) - 1)

int text_pack_make(struct text_pack *pack, const char *const *texts, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += text_kept_length(texts[i]) + 1;
    char *text = malloc(total); /* NOLINT(clang-analyzer-optin.portability.UnixAPI): count > 0 */
    if (text == NULL)
        return -ENOMEM;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = text_kept_length(texts[i]);
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

const char *disk_text(const struct disk *disk, enum disk_text which)
{
    return text_pack_at(&disk->texts, which);
}

/* --- indexes ------------------------------------------------------------------------- */

static bool same_disk_id(const void *value, const void *key)
{
    return strcmp(disk_text(value, DISK_ID), key) == 0;
}

static bool same_snapshot_key(const void *owner, uint32_t number, const void *key)
{
    return snapshot_numbered(owner, number)->key == *(const uint64_t *)key;
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

struct snapshot *catalogue_snapshot_by_key(const struct catalogue *catalogue, uint64_t key)
{
    uint32_t number;
    return hash_index_find(&catalogue->by_key, KEY_HASH(key), same_snapshot_key, &key, &number)
               ? snapshot_numbered(catalogue, number)
               : NULL;
}

/* Two ids rarely share 48 bits, and then the later one has gone on to the next free key. */
struct snapshot *catalogue_snapshot(const struct catalogue *catalogue, const char *id)
{
    uint64_t key = table_hash(id) & KEY_MASK;
    for (unsigned detour = 0; detour <= catalogue->key_detour; detour++) {
        struct snapshot *snapshot = catalogue_snapshot_by_key(catalogue, (key + detour) & KEY_MASK);
        if (snapshot != NULL && strcmp(snapshot->texts, id) == 0)
            return snapshot;
    }
    return NULL;
}

static uint64_t free_snapshot_key(struct catalogue *catalogue, const char *id)
{
    uint64_t key = table_hash(id) & KEY_MASK;
    unsigned detour = 0;
    while (catalogue_snapshot_by_key(catalogue, (key + detour) & KEY_MASK) != NULL)
        detour++;
    if (catalogue->key_detour < detour)
        catalogue->key_detour = detour;
    return (key + detour) & KEY_MASK;
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

static uint64_t free_disk_key(const struct catalogue *catalogue, const char *id)
{
    uint64_t key = table_hash(id) & KEY_MASK;
    while (catalogue_disk_by_key(catalogue, key) != NULL)
        key = (key + 1) & KEY_MASK;
    return key;
}

/* --- disks --------------------------------------------------------------------------- */

void catalogue_touch(struct disk *disk)
{
    if (disk->is_touched)
        return;
    disk->is_touched = true;
    disk->touched_next = disk->catalogue->touched;
    disk->catalogue->touched = disk;
}

struct disk *catalogue_next_touched(struct catalogue *catalogue)
{
    struct disk *disk = catalogue->touched;
    if (disk != NULL) {
        catalogue->touched = disk->touched_next;
        disk->is_touched = false;
    }
    return disk;
}

static void untouch(struct disk *disk)
{
    struct disk **at = &disk->catalogue->touched;
    while (disk->is_touched && *at != disk)
        at = &(*at)->touched_next;
    if (disk->is_touched)
        *at = disk->touched_next;
    disk->is_touched = false;
}

static void free_disk(struct disk *disk)
{
    if (disk->raw != 0)
        raw_pages_drop(disk->catalogue->raw_pages, &disk->raw);
    free(disk->texts.text);
    free(disk->numbers);
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
    disk->catalogue = catalogue;
    disk->created = disk->expires = TIMESTAMP_NONE;
    disk->size = disk->snapshot_count = -1;
    disk->key = free_disk_key(catalogue, id);
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

/* Where the snapshot is or belongs. Listings come oldest first: at the end, nearly always. */
static size_t position(const struct disk *disk, const struct snapshot *snapshot)
{
    size_t low = 0, high = disk->count;
    if (high > 0 && catalogue_is_older(disk_snapshot(disk, high - 1), snapshot))
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (catalogue_is_older(disk_snapshot(disk, middle), snapshot))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert_into_disk(struct disk *disk, struct snapshot *snapshot)
{
    if (disk->count == disk->capacity) {
        size_t capacity = disk->capacity ? disk->capacity + disk->capacity / 4 + 1 : 4;
        uint32_t *larger = realloc(disk->numbers, capacity * sizeof(*larger));
        if (larger == NULL)
            return -ENOMEM;
        disk->numbers = larger;
        disk->capacity = capacity;
    }
    size_t at = position(disk, snapshot);
    memmove(disk->numbers + at + 1, disk->numbers + at,
            (disk->count - at) * sizeof(*disk->numbers));
    disk->numbers[at] = snapshot->number;
    disk->count++;
    snapshot->disk = disk;
    return 0;
}

static void remove_from_disk(struct snapshot *snapshot)
{
    struct disk *disk = snapshot->disk;
    size_t at = position(disk, snapshot);
    memmove(disk->numbers + at, disk->numbers + at + 1,
            (disk->count - at - 1) * sizeof(*disk->numbers));
    disk->count--;
}

void catalogue_redate(struct snapshot *snapshot, int64_t created)
{
    remove_from_disk(snapshot);
    snapshot_set_created(snapshot, created);
    /* Cannot fail: the place that it had is free. */
    (void)insert_into_disk(snapshot->disk, snapshot);
}

struct snapshot *catalogue_add_snapshot(struct catalogue *catalogue, struct disk *disk,
                                        const char *id, const char *name,
                                        const char *const shape[SHAPE_TEXTS], int64_t created)
{
    struct snapshot_texts texts;
    uint32_t number;
    struct snapshot *snapshot = snapshot_new(catalogue);
    if (snapshot == NULL)
        return NULL;
    if (snapshot_texts_make(&texts, id, name, NULL, "") != 0)
        goto fail;
    snapshot_texts_use(snapshot, &texts);
    if (shape_take(catalogue, shape, &number) != 0)
        goto fail;
    snapshot_set_shape(snapshot, number);
    snapshot_set_created(snapshot, created);
    snapshot_set_key(snapshot, free_snapshot_key(catalogue, id));
    if (hash_index_add(&catalogue->by_key, snapshot->number) != 0)
        goto fail;
    if (insert_into_disk(disk, snapshot) != 0) {
        hash_index_remove(&catalogue->by_key, snapshot->number);
        goto fail;
    }
    snapshot->learnt = ++catalogue->learnt_count;
    catalogue->snapshot_count++;
    return snapshot;

fail:
    snapshot_free(catalogue, snapshot);
    return NULL;
}

static void unlink_progress(struct catalogue *catalogue, struct snapshot *snapshot)
{
    struct snapshot_more *more = snapshot->more;
    if (more->progress_previous != NULL)
        more->progress_previous->more->progress_next = more->progress_next;
    else
        catalogue->progress = more->progress_next;
    if (more->progress_next != NULL)
        more->progress_next->more->progress_previous = more->progress_previous;
    more->progress_next = more->progress_previous = NULL;
    snapshot->in_progress = false;
}

void catalogue_remove_snapshot(struct catalogue *catalogue, struct snapshot *snapshot)
{
    if (snapshot->in_progress)
        unlink_progress(catalogue, snapshot);
    hash_index_remove(&catalogue->by_key, snapshot->number);
    remove_from_disk(snapshot);
    catalogue->snapshot_count--;
    catalogue->generation++;
    snapshot_free(catalogue, snapshot);
}

bool snapshot_is_visible(const struct snapshot *snapshot)
{
    return snapshot->entry_kind != ENTRY_NONE && (snapshot->pending & PENDING_DELETE) == 0;
}

size_t catalogue_visible_count(const struct disk *disk)
{
    size_t count = 0;
    for (size_t i = 0; i < disk->count; i++)
        count += snapshot_is_visible(disk_snapshot(disk, i));
    return count;
}

struct snapshot *catalogue_latest(const struct disk *disk)
{
    for (size_t i = disk->count; i > 0; i--) {
        struct snapshot *snapshot = disk_snapshot(disk, i - 1);
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
        rolling = strcmp(snapshot_word(disk_snapshot(disk, i)), "ROLLBACKING") == 0;
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
    if (!wanted) {
        unlink_progress(catalogue, snapshot);
        return;
    }
    /* Whoever makes a snapshot unsettled has seen to that memory before. */
    struct snapshot_more *more = snapshot_want_more(snapshot);
    if (more == NULL)
        return;
    more->progress_previous = NULL;
    more->progress_next = catalogue->progress;
    if (catalogue->progress != NULL)
        catalogue->progress->more->progress_previous = snapshot;
    catalogue->progress = snapshot;
    snapshot->in_progress = true;
}

void catalogue_note_value(struct disk *disk, int64_t now)
{
    if (disk->values_changed < now)
        disk->values_changed = now;
    disk->catalogue->values_changed++;
}

void catalogue_note_status(struct catalogue *catalogue, struct snapshot *snapshot,
                           const struct status_before *before, int64_t wall)
{
    bool seemed_settled = snapshot->entry_kind != ENTRY_NONE && !snapshot->in_progress;
    link_progress(catalogue, snapshot);
    if (strncmp(before->word, snapshot_word(snapshot), sizeof(before->word) - 1) == 0 &&
        before->percent == snapshot_percent(snapshot))
        return;
    struct snapshot_more *more = snapshot_want_more(snapshot);
    if (more != NULL) {
        more->version++;
        more->changed = wall;
    }
    catalogue_touch(snapshot->disk); /* `latest` */
    int64_t mutated = snapshot_more(snapshot)->mutated, fetched = snapshot_fetched(snapshot);
    if (seemed_settled)
        catalogue_note_value(snapshot->disk, mutated > fetched ? mutated : fetched);
    if (snapshot->entry_kind != ENTRY_NONE && before->word[0] != '\0' &&
        strncmp(before->word, snapshot_word(snapshot), sizeof(before->word) - 1) != 0)
        catalogue_tell(catalogue, CATALOGUE_SNAPSHOT_CHANGED, snapshot->disk, snapshot,
                       before->word);
    catalogue->generation++;
}

/* --- the whole ----------------------------------------------------------------------- */

void catalogue_remove_disk(struct catalogue *catalogue, struct disk *disk)
{
    const char *id = disk_text(disk, DISK_ID);
    size_t at = disk_position(catalogue, id);
    untouch(disk);
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
    *catalogue = (struct catalogue){.provider = provider, .freed_unnoted = TIMESTAMP_NONE};
    catalogue_memory_init(catalogue);
}

void catalogue_free(struct catalogue *catalogue)
{
    for (uint32_t number = 1; number < catalogue->numbers_used; number++)
        snapshot_free(catalogue, snapshot_numbered(catalogue, number));
    for (size_t i = 0; i < catalogue->disk_count; i++)
        free_disk(catalogue->disks[i]);
    free(catalogue->disks);
    catalogue_forget_freed(catalogue);
    table_free(&catalogue->disks_by_id);
    table_free(&catalogue->disks_by_key);
    catalogue_memory_free(catalogue);
    catalogue_init(catalogue, catalogue->provider);
}
