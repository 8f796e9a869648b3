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
 */
#include "fields_load.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* There is one thread, and no reading inside of another. */
static struct {
    json_malloc_t allocate;
    json_free_t release;
    void **blocks; /* what is allocated and not freed, oldest first */
    size_t count, capacity;
    bool failed;
    jmp_buf out;
} reading;

static bool note(void *block)
{
    if (reading.count == reading.capacity) {
        size_t capacity = reading.capacity > 0 ? 2 * reading.capacity : 256;
        void **blocks = realloc(reading.blocks, capacity * sizeof *blocks);
        if (!blocks)
            return false;
        reading.blocks = blocks;
        reading.capacity = capacity;
    }
    reading.blocks[reading.count++] = block;
    return true;
}

static void *noting_malloc(size_t size)
{
    void *block = reading.allocate(size);
    if (!block)
        longjmp(reading.out, 1);
    if (!note(block)) {
        reading.release(block);
        longjmp(reading.out, 1);
    }
    return block;
}

/* Most of what is freed is young. */
static void noting_free(void *block)
{
    for (size_t i = reading.count; i > 0; i--) {
        if (reading.blocks[i - 1] == block) {
            memmove(&reading.blocks[i - 1], &reading.blocks[i],
                    (reading.count - i) * sizeof *reading.blocks);
            reading.count--;
            break;
        }
    }
    reading.release(block);
}

static void free_blocks(void)
{
    while (reading.count > 0)
        reading.release(reading.blocks[--reading.count]);
}

int fields_load(const char *text, size_t length, json_free_t free_with, json_t **document,
                json_error_t *error)
{
    json_malloc_t allocate;
    json_free_t release;

    json_get_alloc_funcs(&allocate, &release);
    reading.allocate = allocate;
    reading.release = free_with ? free_with : release;
    reading.blocks = NULL;
    reading.count = reading.capacity = 0;
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
    free(reading.blocks);
    return reading.failed ? -ENOMEM : 0;
}
