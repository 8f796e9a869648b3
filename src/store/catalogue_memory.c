/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a million snapshots fit into memory.
 *
 * An account's snapshots are much alike: their states, kinds and zones are a few combinations, most
 * entries are their snapshot's name, and hardly any changes while it is known.  So a snapshot is a
 * record of fixed size; what it shares with others is a number (a shape), what only few have is
 * allocated when they come to have it, and its own words are one piece of memory: id, name, and,
 * where flags say so, an entry that is neither and the ids of images.
 *
 * Records lie in chunks that never move, and have numbers, so that whatever lists them needs four
 * bytes for each.
 */
#include "catalogue_internal.h"

#include "cbsfs/buffer.h"
#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"
#include "raw_pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK          1024
#define MOST_SNAPSHOTS (HASH_INDEX_MOST / 2)

/* Bit fields hold numbers above the lowest that they can; 40 bits of seconds are any year that has
 * four digits, 44 of ms are two centuries. */
#define LOWEST_TIME    (-(INT64_C(1) << 39))
#define TIME_MASK      ((UINT64_C(1) << 40) - 1)
#define LOWEST_FETCHED (-(INT64_C(1) << 43))
#define FETCHED_MASK   ((UINT64_C(1) << 44) - 1)
#define SIZE_MASK      0xfffffu
#define SIZE_IN_MORE   SIZE_MASK
#define SIZE_UNKNOWN   (SIZE_MASK - 1)

/* --- numbers ------------------------------------------------------------------------------ */

struct snapshot *snapshot_numbered(const struct catalogue *catalogue, uint32_t number)
{
    return &catalogue->chunks[number / CHUNK][number % CHUNK];
}

static int add_chunk(struct catalogue *catalogue)
{
    struct snapshot **larger =
        realloc(catalogue->chunks, (catalogue->chunk_count + 1) * sizeof(struct snapshot *));
    if (larger == NULL)
        return -ENOMEM;
    catalogue->chunks = larger;
    larger[catalogue->chunk_count] = malloc(CHUNK * sizeof(struct snapshot));
    if (larger[catalogue->chunk_count] == NULL)
        return -ENOMEM;
    catalogue->chunk_count++;
    return 0;
}

struct snapshot *snapshot_new(struct catalogue *catalogue)
{
    uint32_t number = catalogue->number_free;
    if (number != 0) {
        catalogue->number_free = snapshot_numbered(catalogue, number)->learnt;
    } else {
        if (catalogue->numbers_used == 0)
            catalogue->numbers_used = 1; /* 0 is the end of the list */
        if (catalogue->numbers_used == MOST_SNAPSHOTS ||
            (catalogue->numbers_used / CHUNK >= catalogue->chunk_count &&
             add_chunk(catalogue) != 0))
            return NULL;
        number = catalogue->numbers_used++;
    }
    struct snapshot *snapshot = snapshot_numbered(catalogue, number);
    /* No time is told as zero. */
    *snapshot = (struct snapshot){.number = number, .size_bits = SIZE_UNKNOWN};
    snapshot_set_raw_length(snapshot, SNAPSHOT_RAW_LENGTH_UNKNOWN);
    return snapshot;
}

void snapshot_free(struct catalogue *catalogue, struct snapshot *snapshot)
{
    if (snapshot->more != NULL)
        free(snapshot->more->wanted_name);
    free(snapshot->more);
    free(snapshot->texts);
    if (snapshot->shape != 0)
        shape_drop(catalogue, snapshot->shape);
    if (snapshot->raw != 0) {
        uint32_t place = snapshot->raw;
        raw_pages_drop(catalogue->raw_pages, &place);
    }
    uint32_t number = snapshot->number;
    *snapshot = (struct snapshot){.number = number, .learnt = catalogue->number_free};
    catalogue->number_free = number;
}

struct snapshot *disk_snapshot(const struct disk *disk, size_t at)
{
    return snapshot_numbered(disk->catalogue, disk->numbers[at]);
}

const struct snapshot *catalogue_next_member(const struct catalogue *catalogue, uint32_t number)
{
    while (++number < catalogue->numbers_used) {
        const struct snapshot *snapshot = snapshot_numbered(catalogue, number);
        if (snapshot->shape != 0 && catalogue->shapes[snapshot->shape - 1].is_of_group &&
            snapshot_is_visible(snapshot))
            return snapshot;
    }
    return NULL;
}

/* --- what few have ------------------------------------------------------------------------- */

const struct snapshot_more *snapshot_more(const struct snapshot *snapshot)
{
    static const struct snapshot_more nothing = {.changed = TIMESTAMP_NONE, .size = -1};
    return snapshot->more != NULL ? snapshot->more : &nothing;
}

struct snapshot_more *snapshot_want_more(struct snapshot *snapshot)
{
    if (snapshot->more == NULL) {
        snapshot->more = malloc(sizeof(*snapshot->more));
        if (snapshot->more != NULL)
            *snapshot->more = (struct snapshot_more){.changed = TIMESTAMP_NONE, .size = -1};
    }
    return snapshot->more;
}

void snapshot_note_former(struct snapshot *snapshot, int64_t now)
{
    struct snapshot_more *more = snapshot_want_more(snapshot);
    if (more == NULL)
        return; /* and nothing defends its name then */
    memmove(more->formers + 1, more->formers, (FORMER_NAMES - 1) * sizeof(*more->formers));
    more->formers[0] =
        (struct former_name){table_hash(snapshot_text(snapshot, SNAPSHOT_NAME)), now};
}

bool snapshot_may_have_had(const struct snapshot *snapshot, const char *name, int64_t now)
{
    const struct former_name *formers = snapshot_more(snapshot)->formers;
    const struct former_name *oldest = &formers[FORMER_NAMES - 1];
    uint64_t hash = table_hash(name);
    for (size_t i = 0; i < FORMER_NAMES; i++) {
        if (formers[i].until != 0 && formers[i].hash == hash)
            return true;
    }
    /* So many names in so short a time that one may have been forgotten. */
    return oldest->until != 0 && now < oldest->until + PENDING_RENAME_GRACE;
}

int catalogue_prepare_change(struct snapshot *snapshot)
{
    if (snapshot_want_more(snapshot) == NULL)
        return -ENOMEM;
    return catalogue_want_spare_note(snapshot->disk->catalogue);
}

/* --- numbers that are told ----------------------------------------------------------------- */

/* The lowest stands for none. */
static uint64_t bits_of_time(int64_t seconds)
{
    if (seconds == TIMESTAMP_NONE)
        return 0;
    if (seconds <= LOWEST_TIME)
        seconds = LOWEST_TIME + 1;
    if (seconds >= -LOWEST_TIME)
        seconds = -LOWEST_TIME - 1;
    return (uint64_t)(seconds - LOWEST_TIME) & TIME_MASK;
}

static int64_t time_of_bits(uint64_t bits)
{
    return bits != 0 ? (int64_t)bits + LOWEST_TIME : TIMESTAMP_NONE;
}

void snapshot_set_created(struct snapshot *snapshot, int64_t seconds)
{
    snapshot->created_bits = bits_of_time(seconds) & TIME_MASK;
}

void snapshot_set_expires(struct snapshot *snapshot, int64_t seconds)
{
    snapshot->expires_bits = bits_of_time(seconds) & TIME_MASK;
}

int64_t snapshot_created(const struct snapshot *snapshot)
{
    return time_of_bits(snapshot->created_bits);
}

int64_t snapshot_expires(const struct snapshot *snapshot)
{
    return time_of_bits(snapshot->expires_bits);
}

void snapshot_set_fetched(struct snapshot *snapshot, int64_t when)
{
    snapshot->fetched_bits = (uint64_t)(when - LOWEST_FETCHED) & FETCHED_MASK;
}

int64_t snapshot_fetched(const struct snapshot *snapshot)
{
    return (int64_t)snapshot->fetched_bits + LOWEST_FETCHED;
}

void snapshot_set_percent(struct snapshot *snapshot, unsigned percent)
{
    snapshot->percent = (percent <= 100 ? percent : 100) & 0x7f;
}

void snapshot_set_shape(struct snapshot *snapshot, uint32_t number)
{
    snapshot->shape = number & MOST_SHAPES;
}

void snapshot_set_key(struct snapshot *snapshot, uint64_t key)
{
    snapshot->key = key & ((UINT64_C(1) << 48) - 1);
}

void snapshot_set_pending(struct snapshot *snapshot, unsigned mask, unsigned pending)
{
    snapshot->pending = ((snapshot->pending & ~mask) | pending) & 0xf;
}

void snapshot_set_raw_length(struct snapshot *snapshot, size_t length)
{
    snapshot->raw_length =
        (length < SNAPSHOT_RAW_LENGTH_UNKNOWN ? length : SNAPSHOT_RAW_LENGTH_UNKNOWN) & 0xffff;
}

int snapshot_set_size(struct snapshot *snapshot, int64_t size)
{
    if (size < SIZE_UNKNOWN) {
        snapshot->size_bits = (size >= 0 ? (unsigned)size : SIZE_UNKNOWN) & SIZE_MASK;
        return 0;
    }
    if (snapshot_want_more(snapshot) == NULL)
        return -ENOMEM;
    snapshot->more->size = size;
    snapshot->size_bits = SIZE_IN_MORE;
    return 0;
}

int64_t snapshot_size(const struct snapshot *snapshot)
{
    if (snapshot->size_bits == SIZE_IN_MORE)
        return snapshot_more(snapshot)->size;
    return snapshot->size_bits == SIZE_UNKNOWN ? -1 : (int64_t)snapshot->size_bits;
}

/* --- strings ------------------------------------------------------------------------------ */

size_t text_kept_length(const char *text)
{
    size_t length = strnlen(text, TEXT_LIMIT + 1);
    if (length <= TEXT_LIMIT)
        return length;
    length = TEXT_LIMIT;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

bool text_is_kept_of(const char *kept, const char *text)
{
    size_t length = strlen(kept);
    return strncmp(kept, text, length) == 0 && text_kept_length(text) == length;
}

char *texts_join(const char *const *texts, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += text_kept_length(texts[i]) + 1;
    char *joined = malloc(total), *end = joined;
    for (size_t i = 0; i < count && joined != NULL; i++) {
        size_t length = text_kept_length(texts[i]);
        memcpy(end, texts[i], length);
        end[length] = '\0';
        end += length + 1;
    }
    return joined;
}

const char *texts_nth(const char *texts, size_t number)
{
    while (number-- > 0)
        texts += strlen(texts) + 1;
    return texts;
}

int snapshot_texts_make(struct snapshot_texts *texts, const char *id, const char *name,
                        const char *entry, const char *images)
{
    const char *parts[4] = {id, name};
    size_t count = 2;
    enum entry_kind kind = ENTRY_NONE;
    if (entry != NULL)
        kind = strcmp(entry, name) == 0 ? ENTRY_IS_NAME
               : strcmp(entry, id) == 0 ? ENTRY_IS_ID
                                        : ENTRY_IS_OWN;
    if (kind == ENTRY_IS_OWN)
        parts[count++] = entry;
    if (images[0] != '\0')
        parts[count++] = images;
    *texts = (struct snapshot_texts){
        .kind = kind, .has_own_entry = kind == ENTRY_IS_OWN, .has_images = images[0] != '\0'};
    texts->text = texts_join(parts, count);
    return texts->text != NULL ? 0 : -ENOMEM;
}

void snapshot_texts_use(struct snapshot *snapshot, struct snapshot_texts *texts)
{
    free(snapshot->texts);
    snapshot->texts = texts->text;
    snapshot->entry_kind = (unsigned)texts->kind & 3;
    snapshot->has_own_entry = texts->has_own_entry;
    snapshot->has_images = texts->has_images;
    texts->text = NULL;
}

const char *snapshot_entry(const struct snapshot *snapshot)
{
    switch ((enum entry_kind)snapshot->entry_kind) {
    case ENTRY_IS_NAME:
        return texts_nth(snapshot->texts, 1);
    case ENTRY_IS_ID:
        return snapshot->texts;
    case ENTRY_IS_OWN:
        return texts_nth(snapshot->texts, 2);
    case ENTRY_NONE:
        break;
    }
    return NULL;
}

const char *snapshot_text(const struct snapshot *snapshot, enum snapshot_text which)
{
    const struct catalogue *catalogue = snapshot->disk->catalogue;
    switch (which) {
    case SNAPSHOT_ID:
        return snapshot->texts;
    case SNAPSHOT_NAME:
        return texts_nth(snapshot->texts, 1);
    case SNAPSHOT_IMAGES:
        return snapshot->has_images ? texts_nth(snapshot->texts, snapshot->has_own_entry ? 3 : 2)
                                    : "";
    case SNAPSHOT_STATE:
    case SNAPSHOT_WORD:
    case SNAPSHOT_USAGE:
    case SNAPSHOT_TYPE:
    case SNAPSHOT_ZONE:
    case SNAPSHOT_GROUP:
    case SNAPSHOT_TEXT_COUNT:
        break;
    }
    return shape_text(catalogue, snapshot->shape, (size_t)which - SNAPSHOT_STATE);
}

/* --- records ------------------------------------------------------------------------------ */

struct raw_pages *catalogue_raw_pages(struct catalogue *catalogue)
{
    if (catalogue->raw_pages == NULL)
        catalogue->raw_pages = raw_pages_new();
    return catalogue->raw_pages;
}

static int put_raw(const struct catalogue *catalogue, uint32_t place, struct buffer *out)
{
    const char *text = "null";
    size_t length;
    if (place != 0 && raw_pages_get(catalogue->raw_pages, place, &text, &length) != 0)
        return -ENOMEM;
    return buffer_put_json(out, text);
}

int snapshot_put_raw(const struct snapshot *snapshot, struct buffer *out)
{
    return put_raw(snapshot->disk->catalogue, snapshot->raw, out);
}

int snapshot_put_feature(const struct snapshot *snapshot, enum snapshot_feature feature,
                         struct buffer *out)
{
    const struct catalogue *catalogue = snapshot->disk->catalogue;
    const char *text;
    size_t length;
    /* Most have none, and nothing is unpacked for them. */
    if ((snapshot->features & (1u << feature)) == 0 || snapshot->raw == 0 ||
        catalogue->provider->put_feature == NULL)
        return out->error;
    if (raw_pages_get(catalogue->raw_pages, snapshot->raw, &text, &length) != 0)
        return -ENOMEM;
    char reason[80];
    json_t *record = fields_parse(text, length, reason, sizeof(reason));
    if (record == NULL)
        return -ENOMEM;
    int status = catalogue->provider->put_feature(record, feature, out);
    json_decref(record);
    return status;
}

int disk_put_raw(const struct disk *disk, struct buffer *out)
{
    return put_raw(disk->catalogue, disk->raw, out);
}

#define TIDY_PAGES 32
#define TIDY_MOST  (TIDY_PAGES * 128)

/* Those in chosen pages, page by page, so that each is unpacked once. */
static int by_place(const void *left, const void *right)
{
    const uint32_t *one = *(uint32_t *const *)left, *other = *(uint32_t *const *)right;
    return *one < *other ? -1 : *one > *other;
}

void catalogue_tidy(struct catalogue *catalogue)
{
    struct raw_pages *pages = catalogue->raw_pages;
    if (pages == NULL || raw_pages_choose(pages, TIDY_PAGES) < TIDY_PAGES)
        return;
    uint32_t **places = malloc(TIDY_MOST * sizeof(*places));
    size_t count = 0;
    for (uint32_t number = 1; places != NULL && number < catalogue->numbers_used; number++) {
        struct snapshot *snapshot = snapshot_numbered(catalogue, number);
        if (snapshot->texts != NULL && count < TIDY_MOST &&
            raw_pages_is_chosen(pages, snapshot->raw))
            places[count++] = &snapshot->raw;
    }
    for (size_t i = 0; i < catalogue->disk_count && places != NULL; i++) {
        struct disk *disk = catalogue->disks[i];
        if (count < TIDY_MOST && raw_pages_is_chosen(pages, disk->raw))
            places[count++] = &disk->raw;
    }
    if (places != NULL)
        qsort(places, count, sizeof(*places), by_place);
    for (size_t i = 0; i < count; i++) {
        if (raw_pages_move(pages, places[i]) != 0)
            break; /* it stays where it is */
    }
    free(places);
}

/* --- the whole ----------------------------------------------------------------------------- */

static uint64_t hash_of_key(const void *owner, uint32_t number)
{
    return KEY_HASH(snapshot_numbered(owner, number)->key);
}

void catalogue_memory_init(struct catalogue *catalogue)
{
    hash_index_init(&catalogue->by_key, hash_of_key, catalogue);
    hash_index_init(&catalogue->entries, catalogue_entry_hash, catalogue);
    shapes_init(catalogue);
}

void catalogue_memory_free(struct catalogue *catalogue)
{
    hash_index_free(&catalogue->by_key);
    hash_index_free(&catalogue->entries);
    shapes_free(catalogue);
    for (size_t i = 0; i < catalogue->chunk_count; i++)
        free(catalogue->chunks[i]);
    free(catalogue->chunks);
    raw_pages_free(catalogue->raw_pages);
}
