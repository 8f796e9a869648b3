/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we did to groups, laid over a listing of them that may not know it yet.
 *
 * One that we made is shown, and one that we deleted is not, until the grace is over.  A deletion
 * may go on after it was accepted, and fail: then the group is there again, and is told.
 */
#include "store_internal.h"

#include "cbsfs/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a listing may lag, ms. */
#define OVERLAY_GRACE 60000

struct overlay {
    struct overlay *next;
    int64_t until;
    char *id;
    json_t *made;  /* the group as it was made; NULL: it was deleted */
    bool was_lost; /* deleted when it was in ERROR already */
};

size_t overlays_index(const json_t *items, const char *id)
{
    size_t at;
    json_t *item;
    json_array_foreach((json_t *)items, at, item)
    {
        const char *its = json_string_value(json_object_get(item, "id"));
        if (its != NULL && strcmp(its, id) == 0)
            return at;
    }
    return SIZE_MAX;
}

static const char *word_at(const json_t *items, size_t at)
{
    const char *word = json_string_value(json_object_get(json_array_get(items, at), "word"));
    return word != NULL ? word : "";
}

static void free_overlay(struct overlay *overlay)
{
    free(overlay->id);
    json_decref(overlay->made);
    free(overlay);
}

void overlays_drop(struct overlay **overlays)
{
    while (*overlays != NULL) {
        struct overlay *overlay = *overlays;
        *overlays = overlay->next;
        free_overlay(overlay);
    }
}

static void tell_failed_deletion(struct store *store, const char *id)
{
    struct cloud_error error = {0};
    char path[160];
    snprintf(path, sizeof(path), "%sgroups/%s", store->settings.prefix, id);
    cloud_error_set(&error, -EREMOTEIO, CLOUD_REFUSED, CLOUD_FINAL, "",
                    "the cloud accepted the deletion and could not carry it out: the group is "
                    "still there");
    store_fail(store, NULL, id, path, "rmdir", &error);
}

/* True while it outranks the listing; `found`: where that has the group. */
static bool holds(const struct overlay *overlay, struct store *store, const json_t *items,
                  size_t found)
{
    bool is_young = clock_now() < overlay->until;
    const char *word = word_at(items, found);
    if (overlay->made != NULL)
        return is_young;
    if (strcmp(word, "ERROR") == 0 && !overlay->was_lost) {
        tell_failed_deletion(store, overlay->id);
        return false;
    }
    return is_young || strcmp(word, "DELETING") == 0;
}

int overlays_apply(struct overlay **overlays, struct store *store, json_t *items)
{
    struct overlay **at = overlays;
    while (*at != NULL) {
        struct overlay *overlay = *at;
        size_t found = overlays_index(items, overlay->id);
        bool shown = (found != SIZE_MAX) == (overlay->made != NULL);
        if (!holds(overlay, store, items, found)) {
            *at = overlay->next;
            free_overlay(overlay);
            continue;
        }
        if (!shown && overlay->made == NULL)
            json_array_remove(items, found);
        else if (!shown && json_array_append(items, overlay->made) != 0)
            return -ENOMEM;
        at = &overlay->next;
    }
    return 0;
}

/* What was done to it before counts no longer. */
static void drop_one(struct overlay **at, const char *id)
{
    for (; *at != NULL; at = &(*at)->next) {
        struct overlay *overlay = *at;
        if (strcmp(overlay->id, id) == 0) {
            *at = overlay->next;
            free_overlay(overlay);
            return;
        }
    }
}

void overlays_add(struct overlay **overlays, const json_t *items, const char *id, json_t *made)
{
    drop_one(overlays, id);
    struct overlay *overlay = calloc(1, sizeof(*overlay));
    char *copy = strdup(id);
    if (overlay == NULL || copy == NULL) {
        /* Nothing is shown of it before the cloud does. */
        free(overlay);
        free(copy);
        json_decref(made);
        return;
    }
    *overlay = (struct overlay){
        .next = *overlays,
        .until = clock_now() + OVERLAY_GRACE,
        .id = copy,
        .made = made,
        .was_lost = strcmp(word_at(items, overlays_index(items, id)), "ERROR") == 0,
    };
    *overlays = overlay;
}
