/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account's regions.
 *
 * Each has a store of its own, and with it a catalogue, a budget and a breaker, so that nothing of
 * one region waits for another.  Whatever belongs to a region says so in its inode number.
 */
#include "fs_internal.h"

#include <errno.h>
#include <stdlib.h>

struct region *region_home(const struct fs *fs)
{
    return fs->regions[0];
}

struct region *region_next(const struct fs *fs, const struct region *region)
{
    for (unsigned at = region != NULL ? region->number + 1 : 0; at < REGION_COUNT; at++) {
        if (fs->regions[at] != NULL && fs->regions[at]->store != NULL)
            return fs->regions[at];
    }
    return NULL;
}

int regions_begin(struct fs *fs, struct store *home)
{
    struct region *region = calloc(1, sizeof(*region));
    if (region == NULL)
        return -ENOMEM;
    region->fs = fs;
    region->store = home;
    fs->regions[0] = region;
    store_on_change(home, fs_region_changed, region);
    return 0;
}

void regions_end(struct fs *fs)
{
    for (struct region *at = NULL; (at = region_next(fs, at)) != NULL;)
        store_on_change(at->store, NULL, NULL);
    for (unsigned i = 0; i < REGION_COUNT; i++) {
        free(fs->regions[i]);
        fs->regions[i] = NULL;
    }
}
