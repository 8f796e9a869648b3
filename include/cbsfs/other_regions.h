/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account's other regions: a client and a store for each that somebody has looked into.
 *
 * They share the loop, the credentials and the connections with the mount's own region, and nothing
 * else: neither rates nor breakers, so that one region that is slow or away is so for itself.
 */
#ifndef CBSFS_OTHER_REGIONS_H
#define CBSFS_OTHER_REGIONS_H

#include "cbsfs/client.h"
#include "cbsfs/store.h"

struct http;
struct loop;
struct other_region;

/* Zero-initialise it, then set all but `first`; what it points to must outlive it. */
struct other_regions {
    struct loop *loop;
    struct http *http;
    struct client_settings client; /* of the mount's own region; only the region is another */
    struct store_settings store;   /* with `beside` */
    struct other_region *first;
};

/* Makes the store of a region, at `regions/<region>/` in the mount. Asks nothing. 0 or -ENOMEM. */
int other_regions_open(struct other_regions *regions, const char *region, struct store **store);

/* Frees them all, before what they stand beside. Harmless on a zeroed one, and twice. */
void other_regions_end(struct other_regions *regions);

#endif
