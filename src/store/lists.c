/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked for seldom: regions, groups, policies, and whom a snapshot is shared with.
 *
 * The catalogue holds what there may be a million of, and is listed with great care.  These are
 * short lists of objects as the codec has made them (cloud.h, cloud_answer.list), asked for page
 * after page, and replaced as a whole.  Each has its own age, and its own memory of a failure.
 *
 * Of a group that we have made, or deleted, a listing may not know yet, so what we did is laid over
 * what it says for a while.
 */
#include "jobs_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/provider.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any account has: whoever tells of more would be listened to for ever. */
#define ITEMS_MOST 100000
/* Lists about one snapshot each that are kept at most. */
#define SINGLES_KEPT 256
/* How often the pages are read at most when something comes or goes meanwhile. */
#define PASSES_MOST 3

struct list {
    struct store *store;
    struct list *next;
    enum cloud_verb verb;
    char *id;      /* of the snapshot that it is about, or "" */
    json_t *items; /* NULL: never answered */
    int64_t asked; /* clock ms: age of the items */
    bool is_stale; /* we have changed what it shows */
    uint64_t version;
    int64_t began;  /* clock ms: of what is under way */
    json_t *coming; /* the pages so far; NULL: nothing is under way */
    unsigned seen;  /* items of these pages */
    int64_t total;  /* that the first of them told of; -1: not asked yet, or not told */
    char *marker;   /* where the next page begins, instead of a number; or NULL */
    unsigned passes;
    struct client_call *call;
    struct store_waiter members; /* for what groups are made of */
    struct failed_question failed;
    struct store_waiter *waiters;
    struct overlay *overlays;
};

static enum cloud_verb verb_of(enum store_want want)
{
    switch (want) {
    case WANT_SHARES:
        return CLOUD_DESCRIBE_SHARES;
    case WANT_GROUPS:
        return CLOUD_DESCRIBE_GROUPS;
    case WANT_POLICIES:
        return CLOUD_DESCRIBE_POLICIES;
    default:
        return CLOUD_DESCRIBE_REGIONS;
    }
}

/* For records of failures. */
static const char *path_of(enum cloud_verb verb)
{
    switch (verb) {
    case CLOUD_DESCRIBE_GROUPS:
        return "groups";
    case CLOUD_DESCRIBE_REGIONS:
        return "regions";
    case CLOUD_DESCRIBE_POLICIES:
        return ".cbsfs/policies";
    default:
        return "";
    }
}

static struct list *find(const struct store *store, enum cloud_verb verb, const char *id)
{
    for (struct list *list = store->lists; list != NULL; list = list->next) {
        if (list->verb == verb && strcmp(list->id, id) == 0)
            return list;
    }
    return NULL;
}

/* --- life -------------------------------------------------------------------------------- */

/* What is under way is no longer wanted. */
static void stop(struct list *list)
{
    if (list->call != NULL)
        client_cancel(list->call);
    list->call = NULL;
    store_unwait(&list->members);
    json_decref(list->coming);
    list->coming = NULL;
    free(list->marker);
    list->marker = NULL;
}

static void free_list(struct list *list)
{
    stop(list);
    while (list->waiters != NULL)
        store_unwait(list->waiters);
    overlays_drop(&list->overlays);
    json_decref(list->items);
    free(list->id);
    free(list);
}

void lists_drop(struct store *store)
{
    while (store->lists != NULL) {
        struct list *list = store->lists;
        store->lists = list->next;
        free_list(list);
    }
}

/* Those about single snapshots come and go; the oldest are at the end. */
static void trim(struct store *store)
{
    unsigned kept = 0;
    struct list **at = &store->lists;
    while (*at != NULL) {
        struct list *list = *at;
        bool single = list->id[0] != '\0' && list->coming == NULL && list->waiters == NULL;
        if (single && ++kept > SINGLES_KEPT) {
            *at = list->next;
            free_list(list);
        } else {
            at = &list->next;
        }
    }
}

static struct list *want_list(struct store *store, enum cloud_verb verb, const char *id)
{
    struct list *list = find(store, verb, id);
    if (list != NULL)
        return list;
    trim(store);
    list = calloc(1, sizeof(*list));
    if (list == NULL)
        return NULL;
    list->store = store;
    list->verb = verb;
    list->id = strdup(id);
    if (list->id == NULL) {
        free(list);
        return NULL;
    }
    list->next = store->lists;
    store->lists = list;
    return list;
}

/* --- what we did ------------------------------------------------------------------------- */

static int lay_over(struct list *list)
{
    list->version++;
    return overlays_apply(&list->overlays, list->store, list->items);
}

/* Takes `made`. */
static void add_overlay(struct list *list, const char *id, json_t *made)
{
    overlays_add(&list->overlays, list->items, id, made);
    if (list->items != NULL)
        (void)lay_over(list);
}

void lists_group_made(struct store *store, const char *id, const char *name, int64_t wall)
{
    struct list *list = want_list(store, CLOUD_DESCRIBE_GROUPS, "");
    json_t *made = json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:[], s:s, s:n}", "id", id, "name",
                             name, "state", "CREATING", "word", "CREATING", "percent", 0, "created",
                             (json_int_t)wall, "snapshots", "policy", "", "raw");
    if (list == NULL || made == NULL) {
        json_decref(made);
        return;
    }
    list->is_stale = true;
    add_overlay(list, id, made);
}

void lists_group_deleted(struct store *store, const char *id)
{
    struct list *list = find(store, CLOUD_DESCRIBE_GROUPS, "");
    if (list == NULL)
        return;
    list->is_stale = true;
    add_overlay(list, id, NULL);
}

void lists_outdate(struct store *store, enum store_want want, const char *id)
{
    struct list *list = find(store, verb_of(want), id);
    if (list != NULL)
        list->is_stale = true;
}

/* --- asking ------------------------------------------------------------------------------- */

static void answered(void *data, struct cloud_answer *answer);

static int ask_page(struct list *list)
{
    struct store *store = list->store;
    struct cloud_call call = {
        .verb = list->verb,
        .snapshot_id = list->id[0] != '\0' ? list->id : NULL,
        .offset = list->seen,
        .limit = store->provider->page_limit,
        .marker = list->marker,
    };
    return client_submit(store->client, &call, clock_now() + store->settings.timeout, CLIENT_URGENT,
                         answered, list, &list->call);
}

/* Those are asked for again, once, so that the group's links lead somewhere. */
static void note_new_members(struct list *list)
{
    struct store *store = list->store;
    if (list->items != NULL && store->settings.disks == NULL &&
        store->catalogue.snapshots_listed != 0 &&
        !listing_is_under_way(store, CLOUD_DESCRIBE_SNAPSHOTS, NULL, false, list->began) &&
        members_are_new(store, list->items, list->coming))
        store->snapshots_outdated = list->began;
}

/* `error` NULL, or a success: then the status says it all. */
static void end(struct list *list, int status, const struct cloud_error *error)
{
    struct store *store = list->store;
    int64_t now = clock_now();
    list->failed = (struct failed_question){.asked = list->began, .status = status};
    if (status == 0) {
        if (list->verb == CLOUD_DESCRIBE_GROUPS)
            note_new_members(list);
        json_decref(list->items);
        list->items = list->coming;
        list->asked = list->began;
        list->is_stale = false;
        (void)lay_over(list);
    } else {
        list->failed.failed = now;
        json_decref(list->coming);
        struct cloud_error memory;
        if (error == NULL || error->status == 0) {
            memory = (struct cloud_error){0};
            cloud_error_set(&memory, status, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s",
                            status == -ENOMEM ? "out of memory" : "an endless list");
            error = &memory;
        }
        char path[160];
        snprintf(path, sizeof(path), "%s%s", store->settings.prefix, path_of(list->verb));
        store_fail(store, NULL, list->id[0] != '\0' ? list->id : NULL, path, "look", error);
    }
    list->coming = NULL;
    waiters_wake(&list->waiters, status);
}

/* What a page before showed already is not taken twice. */
static int take(struct list *list, const struct cloud_answer *answer)
{
    size_t at, before = json_array_size(list->coming);
    json_t *item;
    json_array_foreach(answer->list, at, item)
    {
        const char *id = json_string_value(json_object_get(item, "id"));
        if (before > 0 && id != NULL && overlays_index(list->coming, id) < before)
            continue;
        if (json_array_append(list->coming, item) != 0)
            return -ENOMEM;
    }
    /* A record that cannot be read has its place all the same. */
    list->seen += (unsigned)(json_array_size(answer->list) + answer->unreadable);
    return list->seen > ITEMS_MOST ? -EPROTO : 0;
}

/* --- what groups are made of --- */

static void join_members(struct list *list, int status)
{
    struct cloud_error error = {0};
    if (status != 0)
        cloud_error_set(
            &error, status, CLOUD_REFUSED, CLOUD_FINAL, "",
            "which snapshots the groups have is not known, as those could not be listed");
    if (status == 0)
        status = members_join(list->store, list->coming);
    end(list, status, &error);
}

static void members_ready(void *data, int status)
{
    join_members(data, status);
}

/* All pages are there. */
static void complete(struct list *list)
{
    struct store *store = list->store;
    if (list->verb != CLOUD_DESCRIBE_GROUPS || store->provider->group_advice == NULL ||
        json_array_size(list->coming) == 0) {
        end(list, 0, NULL);
        return;
    }
    if (members_are_outrun(store, list->items, list->coming) &&
        store->snapshots_outdated < list->began)
        store->snapshots_outdated = list->began;
    list->members = (struct store_waiter){.ready = members_ready, .data = list};
    int status = store_want(store, WANT_SNAPSHOTS, NULL, &list->members);
    if (status != -EINPROGRESS)
        join_members(list, status);
}

/* --- pages --- */

static void begin_pages(struct list *list)
{
    list->passes++;
    list->seen = 0;
    list->total = -1;
    free(list->marker);
    list->marker = NULL;
    json_array_clear(list->coming);
}

/* Offsets shift when something goes meanwhile, and one that is there may never be seen: then the
 * pages are read again. True: they are. */
static bool begins_again(struct list *list, const struct cloud_answer *answer)
{
    bool moved = list->total >= 0 && answer->total >= 0 && answer->total != list->total;
    list->total = answer->total;
    if (!moved || list->passes >= PASSES_MOST)
        return false;
    begin_pages(list);
    return true;
}

/* Where the next page begins. 0, or -ENOMEM. */
static int take_marker(struct list *list, const struct cloud_answer *answer)
{
    free(list->marker);
    list->marker = answer->next != NULL ? strdup(answer->next) : NULL;
    return answer->next == NULL || list->marker != NULL ? 0 : -ENOMEM;
}

static void answered(void *data, struct cloud_answer *answer)
{
    struct list *list = data;
    list->call = NULL;
    int status = answer->error.status;
    size_t brought = json_array_size(answer->list) + answer->unreadable;
    size_t before = json_array_size(list->coming);
    bool more = status == 0 && begins_again(list, answer);
    /* What the marker named is gone: from the beginning. */
    if (status == -ENOENT && list->marker != NULL && list->passes < PASSES_MOST) {
        begin_pages(list);
        more = true;
    } else if (status == 0 && !more) {
        status = take(list, answer);
        if (status == 0)
            status = take_marker(list, answer);
        /* A server that takes no markers gives the same page for each. */
        more = status == 0 && brought > 0 &&
               (list->marker != NULL ? json_array_size(list->coming) > before
                                     : list->seen < answer->total);
    }
    if (more)
        status = ask_page(list);
    if (status != 0)
        end(list, status, &answer->error);
    else if (!more)
        complete(list);
}

/* What is being made, rolled back or deleted is looked at as often as snapshots are. */
static bool shows_progress(const struct list *list)
{
    size_t at;
    json_t *item;
    json_array_foreach(list->items, at, item)
    {
        const char *word = json_string_value(json_object_get(item, "word"));
        if (word != NULL && (strcmp(word, "CREATING") == 0 || strcmp(word, "ROLLBACKING") == 0 ||
                             strcmp(word, "DELETING") == 0))
            return true;
    }
    return false;
}

static int64_t life(const struct list *list)
{
    const struct store *store = list->store;
    int64_t longest = store->settings.ttl;
    if (list->items == NULL || list->is_stale || list->asked < store->refreshed)
        return 0;
    if (shows_progress(list) && longest > POLL_INTERVAL)
        longest = POLL_INTERVAL;
    int64_t left = list->asked + longest - clock_now();
    return left > 0 ? left : 0;
}

int64_t store_list_life(const struct store *store, enum store_want want, const char *id)
{
    const struct list *list = find(store, verb_of(want), id);
    return list != NULL ? life(list) : 0;
}

int64_t store_list_asked(const struct store *store, enum store_want want, const char *id)
{
    const struct list *list = find(store, verb_of(want), id);
    return list != NULL && list->items != NULL ? list->asked : 0;
}

uint64_t store_list_version(const struct store *store, enum store_want want, const char *id)
{
    const struct list *list = find(store, verb_of(want), id);
    /* Not mistaken for one of those that are given while nothing is known. */
    return list != NULL ? (uint64_t)list->asked * 1000003 + list->version : 0;
}

const json_t *store_list(const struct store *store, enum store_want want, const char *id)
{
    const struct list *list = find(store, verb_of(want), id);
    return list != NULL ? list->items : NULL;
}

static int begin(struct list *list)
{
    list->coming = json_array();
    list->began = clock_now();
    list->passes = 0;
    begin_pages(list);
    int status = list->coming != NULL ? ask_page(list) : -ENOMEM;
    if (status != 0)
        stop(list);
    return status;
}

int lists_want(struct store *store, enum store_want want, const char *id, int64_t since,
               struct store_waiter *waiter)
{
    enum cloud_verb verb = verb_of(want);
    const struct cloud_call call = {.verb = verb};
    if (store->provider->refusal != NULL && store->provider->refusal(&call) != NULL)
        return -EOPNOTSUPP;
    struct list *list = want_list(store, verb, id);
    if (list == NULL)
        return -ENOMEM;
    if (since == 0 && life(list) > 0)
        return 0;
    if (since == 0 && question_is_held(&list->failed, store->refreshed))
        return list->failed.status;
    if (since < store->refreshed)
        since = store->refreshed;
    /* What was asked before is no answer to who wants it fresher. */
    if (list->coming != NULL && list->began < since)
        stop(list);
    int status = list->coming == NULL ? begin(list) : 0;
    if (status != 0)
        return status;
    waiter_add(&list->waiters, waiter);
    return -EINPROGRESS;
}
