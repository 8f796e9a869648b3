/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which directories are read, and places in it.
 *
 * Whoever reads a directory comes back with nothing but a number, perhaps much later.  So the
 * number is made from what does not change while an object is there: its key, or when it was made.
 * Positions would not do, nor a note of what there was: that would be memory for each reader.
 */
#include "catalogue_internal.h"

/* In front of the keys, for the caller's own places. */
#define FIRST_PLACE CATALOGUE_FIRST_PLACE

/* A place in a disk has 63 bits: the seconds, to the year 2514, and as much of the key as is left.
 */
#define SECOND_BITS 34
#define KEY_BITS    48
#define PART_BITS   (63 - SECOND_BITS)

static uint64_t second_of(const struct snapshot *snapshot)
{
    const int64_t last = (INT64_C(1) << SECOND_BITS) - 1;
    int64_t created = snapshot_created(snapshot);
    if (created < 1)
        return 1;
    return (uint64_t)(created < last ? created : last);
}

bool catalogue_is_older(const struct snapshot *left, const struct snapshot *right)
{
    uint64_t left_second = second_of(left), right_second = second_of(right);
    return left_second != right_second ? left_second < right_second : left->key < right->key;
}

uint64_t disk_place(const struct disk *disk)
{
    return disk->key + FIRST_PLACE;
}

uint64_t snapshot_place(const struct snapshot *snapshot)
{
    return snapshot->key + FIRST_PLACE;
}

uint64_t snapshot_place_in_disk(const struct snapshot *snapshot)
{
    return second_of(snapshot) << PART_BITS | snapshot->key >> (KEY_BITS - PART_BITS);
}

/* The smallest key behind a place, as the indexes have it. */
static uint64_t hash_behind(uint64_t place)
{
    return place < FIRST_PLACE ? 0 : KEY_HASH(place - FIRST_PLACE + 1);
}

static size_t seek_in_disk(const struct disk *disk, uint64_t after)
{
    size_t low = 0, high = disk->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (snapshot_place_in_disk(disk_snapshot(disk, middle)) <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct catalogue_walk catalogue_walk_disks(const struct catalogue *catalogue, uint64_t after)
{
    return (struct catalogue_walk){catalogue, NULL,
                                   table_seek(&catalogue->disks_by_key, hash_behind(after))};
}

struct catalogue_walk catalogue_walk_snapshots(const struct catalogue *catalogue,
                                               const struct disk *disk, uint64_t after)
{
    size_t at = disk != NULL ? seek_in_disk(disk, after)
                             : hash_index_seek(&catalogue->by_key, hash_behind(after));
    return (struct catalogue_walk){catalogue, disk, at};
}

struct disk *catalogue_next_disk(struct catalogue_walk *walk)
{
    struct disk *disk = table_next(&walk->catalogue->disks_by_key, &walk->at);
    while (disk != NULL && !disk_is_visible(disk))
        disk = table_next(&walk->catalogue->disks_by_key, &walk->at);
    return disk;
}

static struct snapshot *step(struct catalogue_walk *walk)
{
    uint32_t number;
    if (walk->disk != NULL)
        return walk->at < walk->disk->count ? disk_snapshot(walk->disk, walk->at++) : NULL;
    return hash_index_next(&walk->catalogue->by_key, &walk->at, &number)
               ? snapshot_numbered(walk->catalogue, number)
               : NULL;
}

struct snapshot *catalogue_next_snapshot(struct catalogue_walk *walk)
{
    struct snapshot *snapshot = step(walk);
    while (snapshot != NULL && !snapshot_is_visible(snapshot))
        snapshot = step(walk);
    return snapshot;
}
