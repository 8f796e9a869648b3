/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers found by the hash of what they stand for, four bytes each and a little room, and walked
 * in the order of those hashes.
 *
 * The hashes themselves are not kept: whoever owns the numbered things tells the hash of one when
 * it is asked.  It must stay the same for as long as the number is in the index.
 */
#ifndef CBSFS_HASH_INDEX_H
#define CBSFS_HASH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest number that can be kept. */
#define HASH_INDEX_MOST (UINT32_MAX - 1)

struct hash_index {
    uint64_t (*hash)(const void *owner, uint32_t number);
    const void *owner;
    uint32_t *slots; /* a number and 1, or 0: free */
    size_t capacity; /* places that a hash can choose; some more follow */
    size_t count;
};

/* Empty, allocates nothing. */
void hash_index_init(struct hash_index *index, uint64_t (*hash)(const void *owner, uint32_t number),
                     const void *owner);
/* It is then as after hash_index_init(). */
void hash_index_free(struct hash_index *index);

/* Adds a number that is not there; its hash must already be told. 0 or -ENOMEM. */
int hash_index_add(struct hash_index *index, uint32_t number);

/* Removes the number; harmless when it is not there. */
void hash_index_remove(struct hash_index *index, uint32_t number);

/* True and *number: one with this hash for which same(owner, number, key) holds. */
bool hash_index_find(const struct hash_index *index, uint64_t hash,
                     bool (*same)(const void *owner, uint32_t number, const void *key),
                     const void *key, uint32_t *number);

/* Walking in the order of the hashes: where those that are `hash` or greater begin, and true and
 * the number there, which leads to the next one; false at the end. Until something is added or
 * removed. */
size_t hash_index_seek(const struct hash_index *index, uint64_t hash);
bool hash_index_next(const struct hash_index *index, size_t *at, uint32_t *number);

#endif
