/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/other_regions.h"

#include "cbsfs/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct other_region {
    struct other_region *next;
    char *name, *path;
    struct client *client;
    struct store *store;
};

static void close_region(struct other_region *region)
{
    store_free(region->store);
    client_free(region->client);
    free(region->name);
    free(region->path);
    free(region);
}

int other_regions_open(struct other_regions *regions, const char *name, struct store **store)
{
    struct client_settings client = regions->client;
    struct store_settings settings = regions->store;
    struct other_region *region = calloc(1, sizeof(*region));
    if (region == NULL)
        return -ENOMEM;
    region->name = strdup(name);
    if (asprintf(&region->path, "regions/%s/", name) < 0)
        region->path = NULL;
    client.account.region = region->name;
    settings.prefix = region->path;
    settings.region = region->name;
    if (region->name != NULL && region->path != NULL)
        region->client = client_new(regions->loop, regions->http, &client);
    if (region->client != NULL)
        region->store = store_new(regions->loop, region->client, &settings);
    if (region->store == NULL) {
        close_region(region);
        return -ENOMEM;
    }
    region->next = regions->first;
    regions->first = region;
    *store = region->store;
    log_info("somebody looks into the region %s", name);
    return 0;
}

void other_regions_end(struct other_regions *regions)
{
    while (regions->first != NULL) {
        struct other_region *region = regions->first;
        regions->first = region->next;
        close_region(region);
    }
}
