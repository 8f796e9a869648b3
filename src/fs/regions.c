/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account's regions.
 *
 * Each has a store of its own, and with it a catalogue, a budget and a breaker, so that nothing of
 * one region waits for another.  It is made when somebody looks into the region's directory, and
 * asks the cloud when somebody looks further; both costs nothing of the other regions.
 *
 * Whatever belongs to a region says so in its inode number, by a number that is made from the
 * region's name.  The few names that collide are numbered in their order, so that the numbers are
 * the same after a remount, unless the cloud has got a new region that collides meanwhile.
 */
#include "fs_internal.h"

#include "cbsfs/log.h"
#include "cbsfs/provider.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

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

struct region *region_named(const struct fs *fs, const char *id)
{
    for (unsigned at = 1; at < REGION_COUNT; at++) {
        if (fs->regions[at] != NULL && strcmp(fs->regions[at]->id, id) == 0)
            return fs->regions[at];
    }
    return NULL;
}

int region_enter(struct region *region)
{
    struct fs *fs = region->fs;
    if (region->store != NULL)
        return 0;
    int status = fs->settings.open_region(fs->settings.data, region->id, &region->store);
    if (status == 0)
        store_on_change(region->store, fs_region_changed, region);
    return status;
}

/* --- learning ------------------------------------------------------------------------ */

/* 0, or its number. */
static unsigned free_number(const struct fs *fs, const char *id)
{
    unsigned first = (unsigned)(table_hash(id) % (REGION_COUNT - 1));
    for (unsigned i = 0; i < REGION_COUNT - 1; i++) {
        unsigned number = (first + i) % (REGION_COUNT - 1) + 1;
        if (fs->regions[number] == NULL)
            return number;
    }
    return 0;
}

static int add(struct fs *fs, unsigned number, const char *id)
{
    struct region *region = calloc(1, sizeof(*region));
    char *copy = strdup(id);
    if (region == NULL || copy == NULL) {
        free(region);
        free(copy);
        return -ENOMEM;
    }
    region->fs = fs;
    region->number = number;
    region->id = copy;
    fs->regions[number] = region;
    return 0;
}

static int add_named(struct fs *fs, const char *id)
{
    if (strcmp(id, region_home(fs)->id) == 0 || region_named(fs, id) != NULL)
        return 0;
    unsigned number = free_number(fs, id);
    if (number != 0)
        return add(fs, number, id);
    if (fs->regions_asked == 0)
        log_warning("region %s is not shown: there are more than %d", id, REGION_COUNT);
    return 0;
}

static const char *id_of(const json_t *item)
{
    const char *id = json_string_value(json_object_get(item, "id"));
    return id != NULL ? id : "";
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int add_all(struct fs *fs, const json_t *list)
{
    size_t count = json_array_size(list);
    const char **ids = calloc(count + 1, sizeof(*ids));
    int status = ids != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && status == 0; i++)
        ids[i] = id_of(json_array_get(list, i));
    if (status == 0)
        qsort(ids, count, sizeof(*ids), compare);
    for (size_t i = 0; i < count && status == 0; i++)
        status = ids[i][0] != '\0' ? add_named(fs, ids[i]) : 0;
    free(ids);
    return status;
}

/* One that the cloud says to be out of order is found by its name alone: a crawl would end with its
 * error. */
static bool is_available(const json_t *list, const char *id)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (strcmp(id_of(item), id) == 0)
            return json_is_true(json_object_get(item, "available"));
    }
    return false;
}

int regions_learn(struct fs *fs)
{
    const struct store *store = region_home(fs)->store;
    const json_t *list = store_list(store, WANT_REGIONS, "");
    int64_t asked = store_list_asked(store, WANT_REGIONS, "");
    if (list == NULL || asked == fs->regions_asked)
        return 0;
    int status = add_all(fs, list);
    if (status == 0)
        fs->regions_asked = asked;
    for (unsigned number = 1; number < REGION_COUNT; number++) {
        struct region *region = fs->regions[number];
        bool is_listed = region != NULL && is_available(list, region->id);
        if (region == NULL || region->is_listed == is_listed)
            continue;
        region->is_listed = is_listed;
        fs->regions_version++;
    }
    return status;
}

bool regions_note_refusal(struct fs *fs, int status)
{
    /* No permission; or whoever answers at endpoint= does not know the question. */
    bool is_refusal = status == -EACCES || status == -EOPNOTSUPP || status == -EINVAL;
    if (is_refusal || status == 0)
        fs->regions_refused = status;
    return regions_are_refused(fs);
}

bool regions_are_refused(const struct fs *fs)
{
    return fs->regions_refused != 0 && fs->regions_asked == 0;
}

void regions_outdate(const struct fs *fs, const char *id, size_t length)
{
    for (struct region *at = NULL; (at = region_next(fs, at)) != NULL;) {
        if (strlen(at->id) == length && strncmp(at->id, id, length) == 0)
            store_refresh(at->store);
    }
}

/* --- showing ------------------------------------------------------------------------- */

static void put_lines(struct buffer *out, const char *id, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        buffer_printf(out, "regions/%s/%.*s\n", id, (int)length, text);
        text += length + (text[length] == '\n');
    }
}

int regions_put_stats(const struct fs *fs, struct buffer *out)
{
    int status = 0;
    struct region *at = region_home(fs);
    while ((at = region_next(fs, at)) != NULL && status == 0) {
        struct buffer stats;
        buffer_init(&stats, 0);
        status = store_put_stats(at->store, &stats);
        if (status == 0)
            put_lines(out, at->id, stats.data);
        buffer_free(&stats);
    }
    return status != 0 ? status : out->error;
}

/* --- the whole ----------------------------------------------------------------------- */

int regions_begin(struct fs *fs, struct store *home)
{
    const struct provider *provider = store_provider(home);
    const struct cloud_call call = {.verb = CLOUD_DESCRIBE_REGIONS};
    int status = add(fs, 0, fs->settings.region != NULL ? fs->settings.region : "");
    if (status != 0)
        return status;
    region_home(fs)->store = home;
    fs->shows_regions = fs->settings.open_region != NULL &&
                        (provider->refusal == NULL || provider->refusal(&call) == NULL);
    store_on_change(home, fs_region_changed, region_home(fs));
    return 0;
}

void regions_end(struct fs *fs)
{
    for (struct region *at = NULL; (at = region_next(fs, at)) != NULL;)
        store_on_change(at->store, NULL, NULL);
    for (unsigned i = 0; i < REGION_COUNT; i++) {
        if (fs->regions[i] != NULL)
            free(fs->regions[i]->id);
        free(fs->regions[i]);
        fs->regions[i] = NULL;
    }
}
