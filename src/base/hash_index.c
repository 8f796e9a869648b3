/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing in which a hash's place grows with the hash, and a run of neighbours is kept in
 * order.  So all of it is in order, a search for what is not there ends at the first larger hash,
 * and growing is a walk from the first to the last.  Nothing wraps around: a run that reaches the
 * end goes on in a few places that no hash chooses.
 */
#include "cbsfs/hash_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16

/* With the places behind those that a hash can choose, the last of which is always free. They grow
 * as well, so that any crowd finds room in the end. */
static size_t whole(const struct hash_index *index)
{
    return index->capacity + index->capacity / 8 + 16;
}

static size_t home(const struct hash_index *index, uint64_t hash)
{
    return (size_t)(((hash >> 32) * (uint64_t)index->capacity) >> 32);
}

static uint64_t hash_at(const struct hash_index *index, size_t at)
{
    return index->hash(index->owner, index->slots[at] - 1);
}

void hash_index_init(struct hash_index *index, uint64_t (*hash)(const void *owner, uint32_t number),
                     const void *owner)
{
    *index = (struct hash_index){.hash = hash, .owner = owner};
}

void hash_index_free(struct hash_index *index)
{
    free(index->slots);
    hash_index_init(index, index->hash, index->owner);
}

/* Fills an empty index from another one. False: a run went over the end. */
static bool refill(struct hash_index *index, const struct hash_index *from)
{
    size_t free_from = 0;
    for (size_t at = 0; from->slots != NULL && at < whole(from); at++) {
        if (from->slots[at] == 0)
            continue;
        size_t place = home(index, hash_at(from, at));
        if (place < free_from)
            place = free_from;
        if (place + 1 >= whole(index))
            return false;
        index->slots[place] = from->slots[at];
        free_from = place + 1;
    }
    index->count = from->count;
    return true;
}

static int grow(struct hash_index *index)
{
    struct hash_index larger = *index;
    bool is_filled = false;
    while (!is_filled) {
        larger.capacity = larger.capacity ? larger.capacity + larger.capacity / 2 : FIRST_CAPACITY;
        larger.slots = calloc(whole(&larger), sizeof(*larger.slots));
        if (larger.slots == NULL)
            return -ENOMEM;
        is_filled = refill(&larger, index);
        if (!is_filled)
            free(larger.slots);
    }
    uint32_t *old = index->slots;
    index->slots = larger.slots;
    index->capacity = larger.capacity;
    free(old);
    return 0;
}

/* True: placed. False: there is no room in the run. */
static bool place(struct hash_index *index, uint32_t number, uint64_t hash)
{
    size_t at = home(index, hash);
    while (index->slots[at] != 0 && hash_at(index, at) <= hash)
        at++;
    size_t end = at;
    while (index->slots[end] != 0)
        end++;
    if (end + 1 >= whole(index))
        return false;
    memmove(index->slots + at + 1, index->slots + at, (end - at) * sizeof(*index->slots));
    index->slots[at] = number + 1;
    index->count++;
    return true;
}

int hash_index_add(struct hash_index *index, uint32_t number)
{
    uint64_t hash = index->hash(index->owner, number);
    bool is_full = index->count >= index->capacity / 4 * 3;
    while (is_full || !place(index, number, hash)) {
        if (grow(index) != 0)
            return -ENOMEM;
        is_full = false;
    }
    return 0;
}

void hash_index_remove(struct hash_index *index, uint32_t number)
{
    if (index->capacity == 0)
        return;
    size_t at = home(index, index->hash(index->owner, number));
    while (index->slots[at] != number + 1) {
        if (index->slots[at] == 0)
            return;
        at++;
    }
    index->count--;
    /* What follows and is not where its hash wants it moves up. */
    while (index->slots[at + 1] != 0 && home(index, hash_at(index, at + 1)) <= at) {
        index->slots[at] = index->slots[at + 1];
        at++;
    }
    index->slots[at] = 0;
}

bool hash_index_find(const struct hash_index *index, uint64_t hash,
                     bool (*same)(const void *owner, uint32_t number, const void *key),
                     const void *key, uint32_t *number)
{
    for (size_t at = hash_index_seek(index, hash);
         index->capacity > 0 && index->slots[at] != 0 && hash_at(index, at) == hash; at++) {
        if (same(index->owner, index->slots[at] - 1, key)) {
            *number = index->slots[at] - 1;
            return true;
        }
    }
    return false;
}

size_t hash_index_seek(const struct hash_index *index, uint64_t hash)
{
    size_t at = home(index, hash);
    while (index->capacity > 0 && index->slots[at] != 0 && hash_at(index, at) < hash)
        at++;
    return at;
}

bool hash_index_next(const struct hash_index *index, size_t *at, uint32_t *number)
{
    size_t end = index->capacity > 0 ? whole(index) : 0;
    while (*at < end && index->slots[*at] == 0)
        (*at)++;
    if (*at >= end)
        return false;
    *number = index->slots[(*at)++] - 1;
    return true;
}
