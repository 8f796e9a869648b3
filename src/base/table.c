/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/table.h"

#include <errno.h>
#include <stdlib.h>

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

void *table_find(const struct table *table, uint64_t hash,
                 bool (*same)(const void *value, const void *key), const void *key)
{
    if (table->capacity == 0)
        return NULL;
    size_t mask = table->capacity - 1;
    for (size_t at = (size_t)hash & mask; table->slots[at].value != NULL; at = (at + 1) & mask) {
        if (table->slots[at].hash == hash && same(table->slots[at].value, key))
            return table->slots[at].value;
    }
    return NULL;
}

static void place(struct table *table, uint64_t hash, void *value)
{
    size_t mask = table->capacity - 1;
    size_t at = (size_t)hash & mask;
    while (table->slots[at].value != NULL)
        at = (at + 1) & mask;
    table->slots[at] = (struct table_slot){hash, value};
}

static int grow(struct table *table)
{
    struct table larger = {.capacity = table->capacity ? table->capacity * 2 : FIRST_CAPACITY};
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (larger.slots == NULL)
        return -ENOMEM;
    for (size_t at = 0; at < table->capacity; at++) {
        if (table->slots[at].value != NULL)
            place(&larger, table->slots[at].hash, table->slots[at].value);
    }
    larger.count = table->count;
    free(table->slots);
    *table = larger;
    return 0;
}

int table_add(struct table *table, uint64_t hash, void *value)
{
    if (table->count >= table->capacity / 4 * 3) {
        int status = grow(table);
        if (status != 0)
            return status;
    }
    place(table, hash, value);
    table->count++;
    return 0;
}

void table_remove(struct table *table, uint64_t hash, const void *value)
{
    if (table->capacity == 0)
        return;
    size_t mask = table->capacity - 1;
    size_t hole = (size_t)hash & mask;
    while (table->slots[hole].value != value) {
        if (table->slots[hole].value == NULL)
            return;
        hole = (hole + 1) & mask;
    }
    table->count--;
    /* Close the gap: whatever follows and would not be found past a free slot moves back into it.
     */
    for (size_t at = (hole + 1) & mask; table->slots[at].value != NULL; at = (at + 1) & mask) {
        size_t home = (size_t)table->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole] = (struct table_slot){0, NULL};
}
