/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16

uint64_t table_hash_more(uint64_t hash, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        hash = (hash ^ *at) * UINT64_C(0x100000001b3);
    /* FNV leaves the low bits of short texts alike; without the mix neighbours share their slots.
     */
    hash ^= hash >> 32;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

uint64_t table_hash(const char *text)
{
    return table_hash_more(UINT64_C(0xcbf29ce484222325), text);
}

void table_free(struct table *table)
{
    free(table->slots);
    *table = (struct table){0};
}

/* The slots behind the last home are for a chain that begins there: one that went round to the
 * first slots would not be in order. */
static size_t slots_for(size_t capacity)
{
    return capacity + capacity / 16 + FIRST_CAPACITY;
}

static size_t slot_count(const struct table *table)
{
    return table->capacity == 0 ? 0 : slots_for(table->capacity);
}

/* The upper bits: greater hashes have greater homes, or the same. */
static size_t home_of(const struct table *table, uint64_t hash)
{
    return (size_t)(hash >> (__builtin_clzll(table->capacity) + 1));
}

size_t table_seek(const struct table *table, uint64_t hash)
{
    size_t end = slot_count(table), at = end > 0 ? home_of(table, hash) : 0;
    while (at < end && table->slots[at].value != NULL && table->slots[at].hash < hash)
        at++;
    return at;
}

void *table_next(const struct table *table, size_t *at)
{
    for (size_t end = slot_count(table); *at < end; (*at)++) {
        if (table->slots[*at].value != NULL)
            return table->slots[(*at)++].value;
    }
    return NULL;
}

void *table_find(const struct table *table, uint64_t hash,
                 bool (*same)(const void *value, const void *key), const void *key)
{
    size_t end = slot_count(table);
    for (size_t at = table_seek(table, hash);
         at < end && table->slots[at].value != NULL && table->slots[at].hash == hash; at++) {
        if (same(table->slots[at].value, key))
            return table->slots[at].value;
    }
    return NULL;
}

/* Puts a value behind those with smaller hashes, and moves what follows. False: the last slot is
 * taken. */
static bool place(struct table *table, uint64_t hash, void *value)
{
    size_t end = slot_count(table), at = table_seek(table, hash), gap = at;
    while (gap < end && table->slots[gap].value != NULL)
        gap++;
    if (gap == end)
        return false;
    memmove(table->slots + at + 1, table->slots + at, (gap - at) * sizeof(*table->slots));
    table->slots[at] = (struct table_slot){hash, value};
    table->count++;
    return true;
}

static bool place_all(struct table *larger, const struct table *table)
{
    for (size_t at = 0, end = slot_count(table); at < end; at++) {
        if (table->slots[at].value != NULL &&
            !place(larger, table->slots[at].hash, table->slots[at].value))
            return false;
    }
    return true;
}

static int grow(struct table *table)
{
    struct table larger = {.capacity = table->capacity};
    do {
        free(larger.slots);
        larger.capacity = larger.capacity ? larger.capacity * 2 : FIRST_CAPACITY;
        larger.count = 0;
        larger.slots = calloc(slots_for(larger.capacity), sizeof(*larger.slots));
        if (larger.slots == NULL)
            return -ENOMEM;
    } while (!place_all(&larger, table));
    free(table->slots);
    *table = larger;
    return 0;
}

int table_add(struct table *table, uint64_t hash, void *value)
{
    while (table->count >= table->capacity / 4 * 3 || !place(table, hash, value)) {
        int status = grow(table);
        if (status != 0)
            return status;
    }
    return 0;
}

void table_remove(struct table *table, uint64_t hash, const void *value)
{
    size_t end = slot_count(table), at = table_seek(table, hash);
    while (at < end && table->slots[at].hash == hash && table->slots[at].value != value)
        at++;
    if (at == end || table->slots[at].value != value)
        return;
    table->count--;
    /* Close the gap: whatever follows moves one back unless it is at home. */
    size_t next = at + 1;
    while (next < end && table->slots[next].value != NULL &&
           home_of(table, table->slots[next].hash) < next)
        next++;
    memmove(table->slots + at, table->slots + at + 1, (next - at - 1) * sizeof(*table->slots));
    table->slots[next - 1] = (struct table_slot){0, NULL};
}
