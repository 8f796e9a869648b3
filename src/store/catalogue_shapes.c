/* SPDX-License-Identifier: Apache-2.0 */
/* What snapshots have in common: a few combinations of strings, each kept once and counted. */
#include "catalogue_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_of(const char *const texts[SHAPE_TEXTS])
{
    uint64_t hash = 0;
    for (size_t i = 0; i < SHAPE_TEXTS; i++)
        hash = table_hash_more(hash, texts[i]);
    return (uint32_t)(hash >> 32);
}

static uint64_t hash_of_shape(const void *owner, uint32_t number)
{
    const struct catalogue *catalogue = owner;
    return (uint64_t)catalogue->shapes[number - 1].hash << 32;
}

static bool same_shape(const void *owner, uint32_t number, const void *key)
{
    const struct catalogue *catalogue = owner;
    const char *const *texts = key;
    const char *at = catalogue->shapes[number - 1].texts;
    for (size_t i = 0; i < SHAPE_TEXTS; i++, at += strlen(at) + 1) {
        if (!text_is_kept_of(at, texts[i]))
            return false;
    }
    return true;
}

/* A number that no shape has, or 0. */
static uint32_t unused_shape(struct catalogue *catalogue)
{
    if (catalogue->shape_free != 0 || catalogue->shape_count == MOST_SHAPES)
        return catalogue->shape_free;
    if (catalogue->shape_count == catalogue->shape_capacity) {
        size_t capacity = catalogue->shape_capacity ? catalogue->shape_capacity * 2 : 8;
        struct shape *larger = realloc(catalogue->shapes, capacity * sizeof(*larger));
        if (larger == NULL)
            return 0;
        catalogue->shapes = larger;
        catalogue->shape_capacity = capacity;
    }
    catalogue->shapes[catalogue->shape_count++] = (struct shape){.next_free = 0};
    catalogue->shape_free = (uint32_t)catalogue->shape_count;
    return catalogue->shape_free;
}

static int add_shape(struct catalogue *catalogue, const char *const texts[SHAPE_TEXTS],
                     uint32_t hash, uint32_t *number)
{
    *number = unused_shape(catalogue);
    char *joined = *number != 0 ? texts_join(texts, SHAPE_TEXTS) : NULL;
    if (joined == NULL)
        return -ENOMEM;
    struct shape *shape = &catalogue->shapes[*number - 1];
    uint32_t next_free = shape->next_free;
    *shape = (struct shape){.hash = hash,
                            .is_of_group = texts[SNAPSHOT_GROUP - SNAPSHOT_STATE][0] != '\0',
                            .texts = joined};
    if (hash_index_add(&catalogue->shapes_by_hash, *number) != 0) {
        *shape = (struct shape){.next_free = next_free};
        free(joined);
        return -ENOMEM;
    }
    catalogue->shape_free = next_free;
    return 0;
}

int shape_take(struct catalogue *catalogue, const char *const texts[SHAPE_TEXTS], uint32_t *number)
{
    /* Mostly it is that of the record before. */
    *number = catalogue->shape_recent;
    if (*number != 0 && catalogue->shapes[*number - 1].texts != NULL &&
        same_shape(catalogue, *number, texts)) {
        catalogue->shapes[*number - 1].users++;
        return 0;
    }
    uint32_t hash = hash_of(texts);
    if (!hash_index_find(&catalogue->shapes_by_hash, (uint64_t)hash << 32, same_shape, texts,
                         number) &&
        add_shape(catalogue, texts, hash, number) != 0)
        return -ENOMEM;
    catalogue->shapes[*number - 1].users++;
    catalogue->shape_recent = *number;
    return 0;
}

void shape_drop(struct catalogue *catalogue, uint32_t number)
{
    struct shape *shape = &catalogue->shapes[number - 1];
    if (--shape->users > 0)
        return;
    hash_index_remove(&catalogue->shapes_by_hash, number);
    free(shape->texts);
    *shape = (struct shape){.next_free = catalogue->shape_free};
    catalogue->shape_free = number;
}

const char *shape_text(const struct catalogue *catalogue, uint32_t number, size_t which)
{
    return texts_nth(catalogue->shapes[number - 1].texts, which);
}

void shapes_init(struct catalogue *catalogue)
{
    hash_index_init(&catalogue->shapes_by_hash, hash_of_shape, catalogue);
}

void shapes_free(struct catalogue *catalogue)
{
    hash_index_free(&catalogue->shapes_by_hash);
    free(catalogue->shapes);
}
