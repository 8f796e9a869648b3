/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jansson's reader, where memory may run out.
 *
 * Jansson 2.14 does not always notice: it drops the byte for which its buffer could not grow, and
 * if that is the quote at the end of a string it copies on until it meets another one somewhere in
 * the heap.  So it is never told.  What it allocates while it reads is noted, and an allocation
 * that fails ends the reading with a jump out of it, after which all that was noted is freed.
 *
 * It has one pair of functions for the whole process; what the one allocated the other may free, so
 * they can be exchanged around a document.
 *
 * A page of records is ten thousand blocks, and to note each costs as much as to read it.  Such a
 * document gets its memory from a few chunks of its own instead, in which nothing is freed alone.
 */
#include "fields_load.h"

#include "cbsfs/fields.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#define FIRST_CAPACITY 256 /* a power of two */
#define ALIGNMENT      16
#define FIRST_CHUNK    (16 * 1024)  /* bytes */
#define LARGEST_CHUNK  (256 * 1024) /* bytes, unless one block is larger */

struct chunk {
    struct chunk *next;
    size_t used, size; /* of what follows */
    max_align_t bytes[];
};

struct fields_memory {
    json_free_t release;
    struct chunk *chunks; /* the newest first */
};

/* There is one thread, and no reading inside of another. */
static struct {
    json_malloc_t allocate;
    json_free_t release;
    void **
        slots; /* a set of what is allocated and not freed, by address: NULL, `freed`, or a block */
    size_t used; /* slots that are not NULL */
    size_t capacity;
    struct fields_memory *memory;
    bool failed;
    jmp_buf out;
} reading;

static char freed; /* its address marks the place of a block that is gone */

static size_t first_slot(const void *block)
{
    uint64_t address = (uint64_t)(uintptr_t)block;
    return (size_t)((address * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (reading.capacity - 1);
}

static void put(void *block)
{
    size_t at = first_slot(block);
    while (reading.slots[at])
        at = (at + 1) & (reading.capacity - 1);
    reading.slots[at] = block;
    reading.used++;
}

/* Twice as many slots, without those of what is gone. */
static bool grow(void)
{
    size_t count = reading.capacity;
    void **old = reading.slots;
    void **slots = calloc(count > 0 ? 2 * count : FIRST_CAPACITY, sizeof *slots);
    if (!slots)
        return false;
    reading.slots = slots;
    reading.capacity = count > 0 ? 2 * count : FIRST_CAPACITY;
    reading.used = 0;
    for (size_t i = 0; i < count; i++)
        if (old[i] && old[i] != &freed)
            put(old[i]);
    free(old);
    return true;
}

static void *noting_malloc(size_t size)
{
    /* First a place for it, so that nothing has to be undone. */
    if (2 * reading.used >= reading.capacity && !grow())
        longjmp(reading.out, 1);
    void *block = reading.allocate(size);
    if (!block)
        longjmp(reading.out, 1);
    put(block);
    return block;
}

static void noting_free(void *block)
{
    if (!block)
        return;
    size_t at = first_slot(block);
    while (reading.slots[at] != block)
        at = (at + 1) & (reading.capacity - 1);
    reading.slots[at] = &freed;
    reading.release(block);
}

static void free_blocks(void)
{
    for (size_t i = 0; i < reading.capacity; i++)
        if (reading.slots[i] && reading.slots[i] != &freed)
            reading.release(reading.slots[i]);
}

/* --- documents with memory of their own ---------------------------------------------- */

static struct chunk *add_chunk(struct fields_memory *memory, size_t least)
{
    size_t size = memory->chunks != NULL ? 2 * memory->chunks->size : FIRST_CHUNK;
    if (size > LARGEST_CHUNK)
        size = LARGEST_CHUNK;
    if (size < least)
        size = least;
    struct chunk *chunk = reading.allocate(sizeof(*chunk) + size);
    if (!chunk)
        longjmp(reading.out, 1);
    chunk->next = memory->chunks;
    chunk->used = 0;
    chunk->size = size;
    memory->chunks = chunk;
    return chunk;
}

static void *chunk_malloc(size_t size)
{
    struct chunk *chunk = reading.memory->chunks;
    size_t whole = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (whole < size)
        longjmp(reading.out, 1);
    if (!chunk || chunk->size - chunk->used < whole)
        chunk = add_chunk(reading.memory, whole);
    char *block = (char *)chunk->bytes + chunk->used;
    chunk->used += whole;
    return block;
}

static void chunk_free(void *block)
{
    (void)block;
}

void fields_memory_free(struct fields_memory *memory)
{
    if (!memory)
        return;
    while (memory->chunks) {
        struct chunk *chunk = memory->chunks;
        memory->chunks = chunk->next;
        memory->release(chunk);
    }
    memory->release(memory);
}

int fields_load_apart(const char *text, size_t length, struct fields_memory **memory,
                      json_t **document, json_error_t *error)
{
    json_malloc_t allocate;
    json_free_t release;

    json_get_alloc_funcs(&allocate, &release);
    *document = NULL;
    *memory = allocate(sizeof(**memory));
    if (!*memory)
        return -ENOMEM;
    **memory = (struct fields_memory){.release = release};
    reading.allocate = allocate;
    reading.memory = *memory;
    reading.failed = false;
    json_set_alloc_funcs(chunk_malloc, chunk_free);
    if (setjmp(reading.out) == 0) {
        *document = json_loadb(text, length, JSON_ALLOW_NUL, error);
    } else {
        *document = NULL;
        reading.failed = true;
    }
    json_set_alloc_funcs(allocate, release);
    if (!*document) {
        fields_memory_free(*memory);
        *memory = NULL;
    }
    return reading.failed ? -ENOMEM : 0;
}

/* --- the others ---------------------------------------------------------------------- */

int fields_load(const char *text, size_t length, json_free_t free_with, json_t **document,
                json_error_t *error)
{
    json_malloc_t allocate;
    json_free_t release;

    json_get_alloc_funcs(&allocate, &release);
    reading.allocate = allocate;
    reading.release = free_with ? free_with : release;
    reading.slots = NULL;
    reading.used = reading.capacity = 0;
    reading.failed = false;
    *document = NULL;
    json_set_alloc_funcs(noting_malloc, noting_free);
    /* A NUL inside of one name must not make the whole listing unreadable; the name ends there. */
    if (setjmp(reading.out) == 0) {
        *document = json_loadb(text, length, JSON_ALLOW_NUL, error);
    } else {
        free_blocks();
        reading.failed = true;
    }
    json_set_alloc_funcs(reading.allocate, release);
    free(reading.slots);
    return reading.failed ? -ENOMEM : 0;
}
