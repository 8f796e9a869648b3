/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short lists, and what we did to what they show.
 *
 * Of a group that we have made or deleted, and of an account that we share with or no longer do, a
 * listing may not know yet, so what we did is laid over what it says for a while.
 *
 * A deletion may go on after it was accepted, and fail: then the group is there again, and is told.
 *
 * The oldest group of a name has it as its entry, the others are twins.  As with snapshots, a name
 * that becomes free is not handed to a twin that was there: a script that deletes `nightly` twice
 * must not delete two.
 */
#include "lists_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a listing may lag behind what we did, ms. */
#define OVERLAY_GRACE 60000

/* --- twins ------------------------------------------------------------------------------- */

static const char *name_of(const json_t *group)
{
    return field_text(group, "name", "");
}

static int64_t created_of(const json_t *group)
{
    const json_t *created = json_object_get(group, "created");
    return json_is_integer(created) ? json_integer_value(created) : TIMESTAMP_NONE;
}

static int by_age(const void *left, const void *right)
{
    const json_t *one = *(json_t *const *)left, *other = *(json_t *const *)right;
    int64_t mine = created_of(one), its = created_of(other);
    if (mine != its)
        return mine < its ? -1 : 1;
    return strcmp(field_text(one, "id", ""), field_text(other, "id", ""));
}

static int set_twin(json_t *group, bool is_twin)
{
    return json_object_set_new(group, "twin", json_boolean(is_twin)) != 0 ? -ENOMEM : 0;
}

/* Whoever was there at that time does not get it, but for the one that had it: a list that lags may
 * have left it out. */
static int free_name(struct list *list, const json_t *group)
{
    int64_t wall = client_server_time(list->store->client);
    if (json_is_true(json_object_get(group, "twin")))
        return 0;
    if (list->freed == NULL)
        list->freed = json_object();
    json_t *note =
        json_pack("{s:s, s:I}", "id", field_text(group, "id", ""), "wall", (json_int_t)wall);
    return json_object_set_new(list->freed, name_of(group), note) != 0 ? -ENOMEM : 0;
}

static int64_t freed_at(const json_t *note)
{
    return json_integer_value(json_object_get(note, "wall"));
}

/* By now every listing has shown who was there. */
static void forget_freed(struct list *list)
{
    int64_t wall = client_server_time(list->store->client);
    const char *name;
    void *next;
    json_t *note;
    json_object_foreach_safe(list->freed, next, name, note)
    {
        if (wall - freed_at(note) > OVERLAY_GRACE / 1000)
            json_object_del(list->freed, name);
    }
}

static bool was_freed(const struct list *list, const json_t *group)
{
    const json_t *note = json_object_get(list->freed, name_of(group));
    return note != NULL && created_of(group) <= freed_at(note) &&
           strcmp(field_text(note, "id", ""), field_text(group, "id", "")) != 0;
}

/* Those that were known keep what they have; the names that are held then are in *held. */
static int keep_entries(struct list *list, const json_t *coming, json_t *held)
{
    size_t at;
    json_t *old;
    int status = 0;
    json_array_foreach(list->items, at, old)
    {
        json_t *now = json_object_get(coming, field_text(old, "id", ""));
        bool stays = now != NULL && strcmp(name_of(now), name_of(old)) == 0;
        bool is_twin = json_is_true(json_object_get(old, "twin"));
        if (!stays)
            status = free_name(list, old);
        else
            status = set_twin(now, is_twin);
        if (status == 0 && stays && !is_twin)
            status = json_object_set_new(held, name_of(old), json_true()) != 0 ? -ENOMEM : 0;
        if (status != 0)
            return status;
    }
    return 0;
}

static int name_group(const struct list *list, json_t *group, json_t *held)
{
    if (json_object_get(group, "twin") != NULL)
        return 0;
    bool is_twin = json_object_get(held, name_of(group)) != NULL || was_freed(list, group);
    int status = set_twin(group, is_twin);
    if (status == 0 && !is_twin)
        status = json_object_set_new(held, name_of(group), json_true()) != 0 ? -ENOMEM : 0;
    return status;
}

int lists_tell_twins(struct list *list)
{
    size_t at, count = json_array_size(list->coming);
    json_t *group, *coming = json_object(), *held = json_object();
    json_t **groups = calloc(count + 1, sizeof(json_t *));
    int status = coming != NULL && held != NULL && groups != NULL ? 0 : -ENOMEM;
    json_array_foreach(list->coming, at, group)
    {
        if (status != 0)
            break;
        groups[at] = group;
        status = json_object_set(coming, field_text(group, "id", ""), group) != 0 ? -ENOMEM : 0;
    }
    if (status == 0)
        status = keep_entries(list, coming, held);
    if (status == 0)
        qsort(groups, count, sizeof(json_t *), by_age);
    for (at = 0; at < count && status == 0; at++)
        status = name_group(list, groups[at], held);
    free(groups);
    json_decref(coming);
    json_decref(held);
    if (status == 0)
        forget_freed(list);
    return status;
}

/* --- what we did ------------------------------------------------------------------------- */

static void free_overlay(struct overlay *overlay)
{
    free(overlay->id);
    json_decref(overlay->made);
    free(overlay);
}

void lists_forget_ours(struct list *list)
{
    while (list->overlays != NULL) {
        struct overlay *overlay = list->overlays;
        list->overlays = overlay->next;
        free_overlay(overlay);
    }
}

static size_t index_of(const json_t *items, const char *key, const char *id)
{
    size_t at;
    json_t *item;
    json_array_foreach((json_t *)items, at, item)
    {
        if (strcmp(field_text(item, key, ""), id) == 0)
            return at;
    }
    return SIZE_MAX;
}

json_t *items_find(const json_t *items, const char *key, const char *id)
{
    return json_array_get(items, index_of(items, key, id));
}

static const char *word_of(const struct list *list, const char *id)
{
    return field_text(items_find(list->items, list_key(list->verb), id), "word", "");
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

/* Its name was free meanwhile. */
static void give_name_back(struct list *list, const char *id)
{
    json_t *group = items_find(list->items, "id", id), *other;
    size_t at;
    bool is_held = false;
    json_array_foreach(list->items, at, other)
    {
        is_held |= other != group && strcmp(name_of(other), name_of(group)) == 0 &&
                   !json_is_true(json_object_get(other, "twin"));
    }
    if (!is_held && set_twin(group, false) == 0)
        json_object_del(list->freed, name_of(group));
}

/* True while it outranks the listing. */
static bool holds(struct list *list, const struct overlay *overlay)
{
    bool is_young = clock_now() < overlay->until;
    const char *word = word_of(list, overlay->id);
    if (overlay->made != NULL || list->verb != CLOUD_DESCRIBE_GROUPS)
        return is_young;
    if (strcmp(word, "ERROR") == 0 && !overlay->was_lost) {
        tell_failed_deletion(list->store, overlay->id);
        give_name_back(list, overlay->id);
        return false;
    }
    return is_young || strcmp(word, "DELETING") == 0;
}

static int take_away(struct list *list, size_t at)
{
    if (list->verb == CLOUD_DESCRIBE_GROUPS &&
        free_name(list, json_array_get(list->items, at)) != 0)
        return -ENOMEM;
    json_array_remove(list->items, at);
    return 0;
}

int lists_lay_over(struct list *list)
{
    list->version++;
    struct overlay **at = &list->overlays;
    while (*at != NULL) {
        struct overlay *overlay = *at;
        size_t found = index_of(list->items, list_key(list->verb), overlay->id);
        bool shown = (found != SIZE_MAX) == (overlay->made != NULL);
        if (!holds(list, overlay)) {
            *at = overlay->next;
            free_overlay(overlay);
            continue;
        }
        int status = 0;
        if (!shown && overlay->made == NULL)
            status = take_away(list, found);
        else if (!shown && json_array_append(list->items, overlay->made) != 0)
            status = -ENOMEM;
        if (status != 0)
            return status;
        at = &overlay->next;
    }
    return 0;
}

/* What was done to it before counts no longer. */
static void drop_overlay(struct list *list, const char *id)
{
    for (struct overlay **at = &list->overlays; *at != NULL; at = &(*at)->next) {
        struct overlay *overlay = *at;
        if (strcmp(overlay->id, id) == 0) {
            *at = overlay->next;
            free_overlay(overlay);
            return;
        }
    }
}

/* Takes `made`. */
static void add_overlay(struct list *list, const char *id, json_t *made)
{
    drop_overlay(list, id);
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
        .next = list->overlays,
        .until = clock_now() + OVERLAY_GRACE,
        .id = copy,
        .made = made,
        .was_lost = strcmp(word_of(list, id), "ERROR") == 0,
    };
    list->overlays = overlay;
    if (list->items != NULL)
        (void)lists_lay_over(list);
}

void lists_group_made(struct store *store, const char *id, const char *name, int64_t wall)
{
    struct list *list = list_want(store, CLOUD_DESCRIBE_GROUPS, "");
    json_t *made =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:[], s:s, s:n, s:b}", "id", id, "name", name,
                  "state", "CREATING", "word", "CREATING", "percent", 0, "created",
                  (json_int_t)wall, "snapshots", "policy", "", "raw", "twin", 0);
    if (list == NULL || made == NULL) {
        json_decref(made);
        return;
    }
    /* Somebody asked for this very name. */
    json_object_del(list->freed, name);
    list->outdated = clock_now();
    add_overlay(list, id, made);
}

void lists_group_deleted(struct store *store, const char *id)
{
    struct list *list = list_find(store, CLOUD_DESCRIBE_GROUPS, "");
    if (list == NULL)
        return;
    list->outdated = clock_now();
    add_overlay(list, id, NULL);
}

void lists_shared(struct store *store, const char *snapshot_id, const char *account, bool cancel)
{
    struct list *list = list_want(store, CLOUD_DESCRIBE_SHARES, snapshot_id);
    json_t *made = cancel ? NULL : json_pack("{s:s, s:n}", "account", account, "since");
    if (list == NULL || (made == NULL && !cancel)) {
        json_decref(made);
        return;
    }
    list->outdated = clock_now();
    add_overlay(list, account, made);
}

void lists_outdate(struct store *store, enum store_want want, const char *id)
{
    struct list *list = list_find(store, list_verb(want), id);
    if (list != NULL)
        list->outdated = clock_now();
}
