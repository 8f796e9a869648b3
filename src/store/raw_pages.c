/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place is a page (24 bits, from 1) and a slot in it (8 bits).
 *
 * New records go to the open page, which is plain text.  When it is full it is sealed: the records
 * of its slots, a line each, are compressed as one.  To get a record its page is unpacked, and the
 * last one that was stays unpacked: listings, which compare each record with what is kept, come in
 * the order in which the pages were filled.
 *
 * zlib's own memory is allocated once.  Whatever can fail does so before anything has changed.
 */
#include "raw_pages.h"

#include "cbsfs/buffer.h"
#include "cbsfs/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* What is kept of a record: ten times what the clouds send, bytes and levels. */
#define RAW_LIMIT 65536
#define RAW_DEPTH 64

#define SLOTS      128 /* records of a page, at most 256 */
#define OPEN_SIZE  (RAW_LIMIT + 65536)
#define SLOT_BITS  8
#define SLOT_MASK  ((1u << SLOT_BITS) - 1)
#define MOST_PAGES ((1u << (32 - SLOT_BITS)) - 1)
#define BARE       (-15) /* zlib's way to say: the usual window, and no header and checksum */
#define LEVEL      1     /* a third of the time of the usual one, for a seventh more room */

struct raw_page {
    uint32_t live, count; /* slots that are in use, and that were when it was sealed */
    uint32_t packed, unpacked;
    bool is_chosen;
    unsigned char bytes[];
};

/* Lines, and where they begin. */
struct raw_text {
    uint32_t page; /* 0: none */
    size_t begin[SLOTS], length[SLOTS];
    char text[OPEN_SIZE + SLOTS];
};

struct raw_pages {
    struct raw_page **pages; /* by number - 1; NULL: unused, or the open one */
    uint32_t *unused;        /* numbers of pages that are gone; as many places as `pages` has */
    size_t count, capacity, unused_count;
    struct buffer record; /* the one that is being put */
    struct raw_text open; /* a length of 0 is a free slot */
    size_t open_used, open_live;
    struct raw_text recent;
    z_stream packer, unpacker;
    bool can_pack, can_unpack;
    size_t size; /* bytes of sealed pages */
    unsigned char packed[OPEN_SIZE + OPEN_SIZE / 64 + 64];
};

static uint32_t place_of(uint32_t page, size_t slot)
{
    return page << SLOT_BITS | (uint32_t)slot;
}

static uint32_t page_of(uint32_t place)
{
    return place >> SLOT_BITS;
}

struct raw_pages *raw_pages_new(void)
{
    struct raw_pages *pages = calloc(1, sizeof(*pages));
    if (pages == NULL)
        return NULL;
    buffer_init(&pages->record, RAW_LIMIT);
    pages->can_pack =
        deflateInit2(&pages->packer, LEVEL, Z_DEFLATED, BARE, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    pages->can_unpack = inflateInit2(&pages->unpacker, BARE) == Z_OK;
    if (!pages->can_pack || !pages->can_unpack) {
        raw_pages_free(pages);
        return NULL;
    }
    return pages;
}

void raw_pages_free(struct raw_pages *pages)
{
    if (pages == NULL)
        return;
    if (pages->can_pack)
        deflateEnd(&pages->packer);
    if (pages->can_unpack)
        inflateEnd(&pages->unpacker);
    for (size_t i = 0; i < pages->count; i++)
        free(pages->pages[i]);
    free(pages->pages);
    free(pages->unused);
    buffer_free(&pages->record);
    free(pages);
}

/* --- the numbers of pages ----------------------------------------------------------------- */

static int grow(struct raw_pages *pages)
{
    size_t capacity = pages->capacity ? pages->capacity + pages->capacity / 2 : 16;
    struct raw_page **larger = realloc(pages->pages, capacity * sizeof(struct raw_page *));
    if (larger == NULL)
        return -ENOMEM;
    pages->pages = larger;
    uint32_t *unused = realloc(pages->unused, capacity * sizeof(*unused));
    if (unused == NULL)
        return -ENOMEM;
    pages->unused = unused;
    pages->capacity = capacity;
    return 0;
}

/* Gives the open page its number. */
static int open_page(struct raw_pages *pages)
{
    if (pages->open.page != 0)
        return 0;
    if (pages->unused_count > 0) {
        pages->open.page = pages->unused[--pages->unused_count];
        return 0;
    }
    if (pages->count == MOST_PAGES)
        return -ENOMEM;
    if (pages->count == pages->capacity && grow(pages) != 0)
        return -ENOMEM;
    pages->pages[pages->count++] = NULL;
    pages->open.page = (uint32_t)pages->count;
    return 0;
}

static void free_page(struct raw_pages *pages, uint32_t number)
{
    struct raw_page *page = pages->pages[number - 1];
    pages->size -= sizeof(*page) + page->packed;
    free(page);
    pages->pages[number - 1] = NULL;
    pages->unused[pages->unused_count++] = number;
    if (pages->recent.page == number)
        pages->recent.page = 0;
}

/* --- packing ------------------------------------------------------------------------------ */

/* The open page's records as lines, in the order of the slots. Uses the place of what was unpacked
 * last. */
static size_t write_lines(struct raw_pages *pages, size_t count)
{
    const struct raw_text *open = &pages->open;
    char *end = pages->recent.text;
    pages->recent.page = 0;
    for (size_t slot = 0; slot < count; slot++) {
        memcpy(end, open->text + open->begin[slot], open->length[slot]);
        end += open->length[slot];
        *end++ = '\n';
    }
    return (size_t)(end - pages->recent.text);
}

static int seal(struct raw_pages *pages)
{
    size_t count = SLOTS;
    while (count > 0 && pages->open.length[count - 1] == 0)
        count--;
    size_t unpacked = write_lines(pages, count);
    z_stream *packer = &pages->packer;
    packer->next_in = (unsigned char *)pages->recent.text;
    packer->avail_in = (unsigned)unpacked;
    packer->next_out = pages->packed;
    packer->avail_out = sizeof(pages->packed);
    if (deflateReset(packer) != Z_OK || deflate(packer, Z_FINISH) != Z_STREAM_END)
        return -ENOMEM;
    size_t packed = sizeof(pages->packed) - packer->avail_out;
    struct raw_page *page = malloc(sizeof(*page) + packed);
    if (page == NULL)
        return -ENOMEM;
    *page = (struct raw_page){.live = (uint32_t)pages->open_live,
                              .count = (uint32_t)count,
                              .packed = (uint32_t)packed,
                              .unpacked = (uint32_t)unpacked};
    memcpy(page->bytes, pages->packed, packed);
    pages->size += sizeof(*page) + packed;
    pages->pages[pages->open.page - 1] = page;
    pages->open.page = 0;
    memset(pages->open.length, 0, sizeof(pages->open.length));
    pages->open_used = pages->open_live = 0;
    return 0;
}

static int unpack(struct raw_pages *pages, uint32_t number)
{
    const struct raw_page *page = pages->pages[number - 1];
    struct raw_text *recent = &pages->recent;
    if (recent->page == number)
        return 0;
    recent->page = 0;
    z_stream *unpacker = &pages->unpacker;
    unpacker->next_in = (unsigned char *)page->bytes;
    unpacker->avail_in = page->packed;
    unpacker->next_out = (unsigned char *)recent->text;
    unpacker->avail_out = sizeof(recent->text);
    if (inflateReset(unpacker) != Z_OK || inflate(unpacker, Z_FINISH) != Z_STREAM_END)
        return -ENOMEM; /* we packed it ourselves: nothing else can be wrong */
    char *at = recent->text, *end = recent->text + page->unpacked;
    for (size_t slot = 0; slot < page->count; slot++) {
        char *line = memchr(at, '\n', (size_t)(end - at));
        *line = '\0';
        recent->begin[slot] = (size_t)(at - recent->text);
        recent->length[slot] = (size_t)(line - at);
        at = line + 1;
    }
    recent->page = number;
    return 0;
}

/* --- records ------------------------------------------------------------------------------ */

int raw_pages_get(struct raw_pages *pages, uint32_t place, const char **text, size_t *length)
{
    struct raw_text *from = &pages->open;
    if (page_of(place) != pages->open.page) {
        if (unpack(pages, page_of(place)) != 0)
            return -ENOMEM;
        from = &pages->recent;
    }
    *text = from->text + from->begin[place & SLOT_MASK];
    *length = from->length[place & SLOT_MASK];
    return 0;
}

void raw_pages_drop(struct raw_pages *pages, uint32_t *place)
{
    uint32_t number = page_of(*place);
    if (*place == 0)
        return;
    if (number == pages->open.page) {
        pages->open.length[*place & SLOT_MASK] = 0;
        pages->open_live--;
    } else if (--pages->pages[number - 1]->live == 0) {
        free_page(pages, number);
    }
    *place = 0;
}

/* Moves the texts of the open page together over those that were dropped. */
static void squeeze(struct raw_pages *pages)
{
    struct raw_text *open = &pages->open;
    size_t used = write_lines(pages, SLOTS) - SLOTS;
    const char *from = pages->recent.text;
    char *to = open->text;
    for (size_t slot = 0; slot < SLOTS; slot++) {
        size_t length = open->length[slot];
        memcpy(to, from, length);
        open->begin[slot] = (size_t)(to - open->text);
        to += length;
        if (length > 0)
            *to++ = '\0';
        from += length + 1;
    }
    pages->open_used = used + pages->open_live;
}

static bool has_room(const struct raw_pages *pages, size_t length)
{
    return pages->open_live < SLOTS && pages->open_used + length + 1 <= OPEN_SIZE;
}

/* Room for a text and a slot in the open page; after a failure everything is as it was. */
static int make_room(struct raw_pages *pages, size_t length)
{
    if (!has_room(pages, length) && pages->open_live < SLOTS)
        squeeze(pages);
    if (!has_room(pages, length)) {
        int status = seal(pages);
        if (status != 0)
            return status;
    }
    return open_page(pages);
}

static uint32_t append(struct raw_pages *pages, const char *text, size_t length)
{
    struct raw_text *open = &pages->open;
    size_t slot = 0;
    while (open->length[slot] != 0)
        slot++;
    memcpy(open->text + pages->open_used, text, length + 1);
    open->begin[slot] = pages->open_used;
    open->length[slot] = length;
    pages->open_used += length + 1;
    pages->open_live++;
    return place_of(open->page, slot);
}

/* Prints the record; *length 0: it is not kept. */
static int print(struct raw_pages *pages, const json_t *record, size_t *length)
{
    struct buffer *text = &pages->record;
    *length = 0;
    buffer_reset(text);
    if (record == NULL)
        return 0;
    int status = fields_append(text, record, RAW_DEPTH);
    if (status == 0)
        *length = text->length;
    return status == -ENOMEM ? status : 0;
}

int raw_pages_put(struct raw_pages *pages, uint32_t *place, const json_t *record, bool *differs)
{
    const char *before;
    size_t length, length_before;
    int status = print(pages, record, &length);
    *differs = false;
    if (status != 0)
        return status;
    if (*place != 0 && length > 0) {
        status = raw_pages_get(pages, *place, &before, &length_before);
        if (status != 0)
            return status;
        if (length == length_before && memcmp(before, pages->record.data, length) == 0)
            return 0;
    } else if (*place == 0 && length == 0) {
        return 0;
    }
    if (length > 0)
        status = make_room(pages, length);
    if (status != 0)
        return status;
    *differs = true;
    raw_pages_drop(pages, place);
    if (length > 0)
        *place = append(pages, pages->record.data, length);
    return 0;
}

/* --- tidying ------------------------------------------------------------------------------ */

size_t raw_pages_choose(struct raw_pages *pages, size_t most)
{
    size_t chosen = 0;
    for (size_t i = 0; i < pages->count; i++) {
        struct raw_page *page = pages->pages[i];
        if (page == NULL)
            continue;
        page->is_chosen = chosen < most && page->live * 2 <= page->count;
        chosen += page->is_chosen;
    }
    return chosen;
}

bool raw_pages_is_chosen(const struct raw_pages *pages, uint32_t place)
{
    const struct raw_page *page =
        place != 0 && page_of(place) != pages->open.page ? pages->pages[page_of(place) - 1] : NULL;
    return page != NULL && page->is_chosen;
}

int raw_pages_move(struct raw_pages *pages, uint32_t *place)
{
    const char *text;
    size_t length;
    buffer_reset(&pages->record);
    /* A copy, as making room unpacks and packs. */
    if (raw_pages_get(pages, *place, &text, &length) != 0 ||
        buffer_append(&pages->record, text, length) != 0 || make_room(pages, length) != 0)
        return -ENOMEM;
    raw_pages_drop(pages, place);
    *place = append(pages, pages->record.data, length);
    return 0;
}

size_t raw_pages_size(const struct raw_pages *pages)
{
    return pages != NULL ? sizeof(*pages) + pages->size : 0;
}
