/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked for seldom: regions, groups, policies, and whom a snapshot is shared with.
 *
 * The catalogue holds what there may be a million of, and is listed with great care.  These are
 * short lists of objects as the codec has made them (cloud.h, cloud_answer.list), asked for page
 * after page, and replaced as a whole.  Each has its own age, and its own memory of a failure.
 *
 * What we did to them ourselves is in lists_ours.c.
 */
#include "lists_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
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
/* Pages that may hold little, whatever is told of how many there are. */
#define SMALL_PAGES 8

enum cloud_verb list_verb(enum store_want want)
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

const char *list_key(enum cloud_verb verb)
{
    return verb == CLOUD_DESCRIBE_SHARES ? "account" : "id";
}

/* The others come whole, whatever page is asked for. */
static bool has_pages(enum cloud_verb verb)
{
    return verb == CLOUD_DESCRIBE_GROUPS || verb == CLOUD_DESCRIBE_POLICIES;
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

struct list *list_find(const struct store *store, enum cloud_verb verb, const char *id)
{
    for (struct list *list = store->lists; list != NULL; list = list->next) {
        if (list->verb == verb && strcmp(list->id, id) == 0)
            return list;
    }
    return NULL;
}

/* --- life -------------------------------------------------------------------------------- */

static void drop_coming(struct list *list)
{
    json_decref(list->coming);
    json_decref(list->ids);
    list->coming = NULL;
    list->ids = NULL;
    free(list->marker);
    list->marker = NULL;
}

/* What is under way is no longer wanted. */
static void stop(struct list *list)
{
    if (list->call != NULL)
        client_cancel(list->call);
    list->call = NULL;
    store_unwait(&list->members);
    drop_coming(list);
}

static void free_list(struct list *list)
{
    stop(list);
    while (list->waiters != NULL)
        store_unwait(list->waiters);
    lists_forget_ours(list);
    json_decref(list->items);
    json_decref(list->freed);
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

struct list *list_want(struct store *store, enum cloud_verb verb, const char *id)
{
    struct list *list = list_find(store, verb, id);
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

/* What a list that does not add up leaves out stays as it was known. 0 or -ENOMEM. */
static int keep_missing(struct list *list)
{
    const char *key = list_key(list->verb);
    size_t at;
    json_t *item;
    json_array_foreach(list->items, at, item)
    {
        const char *id = field_text(item, key, "");
        if (json_object_get(list->ids, id) == NULL && json_array_append(list->coming, item) != 0)
            return -ENOMEM;
    }
    return 0;
}

static void fail(struct list *list, int status, const struct cloud_error *error)
{
    struct store *store = list->store;
    struct cloud_error memory = {0};
    char path[160];
    if (error == NULL || error->status == 0) {
        cloud_error_set(&memory, status, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s",
                        status == -ENOMEM
                            ? "out of memory"
                            : "the list does not add up: what is missing in it stays");
        error = &memory;
    }
    snprintf(path, sizeof(path), "%s%s", store->settings.prefix, path_of(list->verb));
    store_fail(store, NULL, list->id[0] != '\0' ? list->id : NULL, path, "look", error);
}

/* 0, or -ENOMEM; then what was known stays. */
static int take_over(struct list *list)
{
    int status = list->is_partial ? keep_missing(list) : 0;
    if (status == 0 && list->verb == CLOUD_DESCRIBE_GROUPS)
        status = lists_tell_twins(list);
    if (status != 0)
        return status;
    if (list->verb == CLOUD_DESCRIBE_GROUPS)
        note_new_members(list);
    json_decref(list->items);
    list->items = json_incref(list->coming);
    list->asked = list->began;
    return lists_lay_over(list);
}

static void end(struct list *list, int status, const struct cloud_error *error)
{
    struct store *store = list->store;
    if (status == 0)
        status = take_over(list);
    list->failed = (struct failed_question){.asked = list->began, .status = status};
    if (status != 0)
        list->failed.failed = clock_now();
    if (status != 0)
        fail(list, status, error);
    else if (list->is_partial)
        fail(list, -EPROTO, NULL);
    drop_coming(list);
    /* Who is woken may want so many others that this one is trimmed. */
    waiters_wake(&list->waiters, status);
    groups_check_settled(store);
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

/* What was shown already is not taken twice. *fresh: how many were not, and can be read. */
static int take(struct list *list, const struct cloud_answer *answer, size_t *fresh)
{
    const char *key = list_key(list->verb);
    size_t at, before = json_array_size(list->coming);
    json_t *item;
    json_array_foreach(answer->list, at, item)
    {
        const char *id = field_text(item, key, "");
        if (json_object_get(list->ids, id) != NULL)
            continue;
        if (json_object_set_new(list->ids, id, json_true()) != 0 ||
            json_array_append(list->coming, item) != 0)
            return -ENOMEM;
    }
    *fresh = json_array_size(list->coming) - before;
    list->is_partial |= answer->unreadable > 0;
    /* A record that cannot be read has its place all the same. */
    list->seen += (unsigned)(json_array_size(answer->list) + answer->unreadable);
    return list->seen > ITEMS_MOST ? -EPROTO : 0;
}

static void begin_pages(struct list *list)
{
    list->passes++;
    list->pages = 0;
    list->seen = 0;
    list->total = -1;
    list->is_partial = false;
    free(list->marker);
    list->marker = NULL;
    json_array_clear(list->coming);
    json_object_clear(list->ids);
}

/* Offsets shift when something goes meanwhile, and one that is there may never be seen: then the
 * pages are read again. True: they are. */
static bool begins_again(struct list *list, const struct cloud_answer *answer)
{
    bool moved = list->total >= 0 && answer->total >= 0 && answer->total != list->total;
    list->total = answer->total;
    if (moved && list->passes >= PASSES_MOST)
        list->is_partial = true; /* it never holds still */
    if (!moved || list->passes >= PASSES_MOST)
        return false;
    begin_pages(list);
    return true;
}

/* Whether there may be another page. A total that ends with a full page is believed; one that is
 * too small, or none, is not. */
static bool goes_on(struct list *list, size_t brought, size_t fresh)
{
    /* Pages may be smaller than was asked for, but who gives one record in each has no end. */
    size_t limit = list->store->provider->page_limit;
    if (++list->pages > SMALL_PAGES + 4 * (list->seen / limit))
        fresh = 0;
    /* A server that takes no markers gives the same page for each. */
    if (list->marker != NULL) {
        list->is_partial |= fresh == 0 && brought > 0;
        return fresh > 0;
    }
    bool is_short = (int64_t)list->seen < list->total;
    bool is_full = brought >= limit;
    if (has_pages(list->verb) && fresh > 0 &&
        (is_short || (is_full && (int64_t)list->seen > list->total)))
        return true;
    /* A record shown twice may stand where another should. */
    list->is_partial |= (int64_t)json_array_size(list->coming) < list->total;
    return false;
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
    size_t brought = json_array_size(answer->list) + answer->unreadable, fresh = 0;
    bool more = status == 0 && begins_again(list, answer);
    /* What the marker named is gone: from the beginning. */
    if (status == -ENOENT && list->marker != NULL && list->passes < PASSES_MOST) {
        begin_pages(list);
        more = true;
    } else if (status == 0 && !more) {
        status = take(list, answer, &fresh);
        if (status == 0)
            status = take_marker(list, answer);
        more = status == 0 && goes_on(list, brought, fresh);
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
    if (list->items == NULL || list->asked < list->outdated || list->asked < store->refreshed)
        return 0;
    if (shows_progress(list) && longest > POLL_INTERVAL)
        longest = POLL_INTERVAL;
    int64_t left = list->asked + longest - clock_now();
    return left > 0 ? left : 0;
}

int64_t store_list_life(const struct store *store, enum store_want want, const char *id)
{
    const struct list *list = list_find(store, list_verb(want), id);
    return list != NULL ? life(list) : 0;
}

int64_t store_list_asked(const struct store *store, enum store_want want, const char *id)
{
    const struct list *list = list_find(store, list_verb(want), id);
    return list != NULL && list->items != NULL ? list->asked : 0;
}

uint64_t store_list_version(const struct store *store, enum store_want want, const char *id)
{
    const struct list *list = list_find(store, list_verb(want), id);
    /* Not mistaken for one of those that are given while nothing is known. */
    return list != NULL ? (uint64_t)list->asked * 1000003 + list->version : 0;
}

const json_t *store_list(const struct store *store, enum store_want want, const char *id)
{
    const struct list *list = list_find(store, list_verb(want), id);
    return list != NULL ? list->items : NULL;
}

static int begin(struct list *list)
{
    list->coming = json_array();
    list->ids = json_object();
    list->began = clock_now();
    list->passes = 0;
    list->pages = 0;
    begin_pages(list);
    int status = list->coming != NULL && list->ids != NULL ? ask_page(list) : -ENOMEM;
    if (status != 0)
        drop_coming(list);
    return status;
}

int lists_want(struct store *store, enum store_want want, const char *id, int64_t since,
               struct store_waiter *waiter)
{
    enum cloud_verb verb = list_verb(want);
    const struct cloud_call call = {.verb = verb};
    if (store->provider->refusal != NULL && store->provider->refusal(&call) != NULL)
        return -EOPNOTSUPP;
    struct list *list = list_want(store, verb, id);
    if (list == NULL)
        return -ENOMEM;
    if (since == 0 && life(list) > 0)
        return 0;
    int64_t changed = list->outdated > store->refreshed ? list->outdated : store->refreshed;
    if (since == 0 && question_is_held(&list->failed, changed))
        return list->failed.status;
    if (since < changed)
        since = changed;
    /* What was asked before is no answer to who wants it fresher. */
    if (list->coming != NULL && list->began < since)
        stop(list);
    int status = list->coming == NULL ? begin(list) : 0;
    if (status != 0) {
        /* Nobody else would tell those who waited for what was dropped. */
        waiters_wake(&list->waiters, status);
        return status;
    }
    waiter_add(&list->waiters, waiter);
    return -EINPROGRESS;
}
