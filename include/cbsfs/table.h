/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table of pointers that keeps them in the order of their hashes: open addressing, linear
 * probing, and a value's place is told by the upper bits of its hash.  So it can be walked from any
 * hash on, and what is added or removed meanwhile moves nothing that has another hash past the
 * walker.  It owns nothing but its slots.
 */
#ifndef CBSFS_TABLE_H
#define CBSFS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
    uint64_t hash;
    void *value; /* NULL: free */
};

struct table {
    struct table_slot *slots;
    size_t capacity; /* a power of two, or 0; there are some more slots behind it */
    size_t count;
};

/* FNV-1a with a final mix, over a string and over a further string; the same in every process and
 * run, because inode numbers are made from it. */
uint64_t table_hash(const char *text);
uint64_t table_hash_more(uint64_t hash, const char *text);

/* Frees the slots, not the values. */
void table_free(struct table *table);

/* The value with this hash for which same(value, key) holds, or NULL. */
void *table_find(const struct table *table, uint64_t hash,
                 bool (*same)(const void *value, const void *key), const void *key);

/* Adds a value (not NULL); the caller has made sure that it is not there. 0 or -ENOMEM. */
int table_add(struct table *table, uint64_t hash, void *value);

/* Removes this very pointer; harmless when it is not there. */
void table_remove(struct table *table, uint64_t hash, const void *value);

/* Walking in the order of the hashes: where those that are `hash` or greater begin, and the value
 * there, which leads to the next one; NULL at the end. Until something is added or removed. */
size_t table_seek(const struct table *table, uint64_t hash);
void *table_next(const struct table *table, size_t *at);

#endif
