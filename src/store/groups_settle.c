/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups in progress.
 *
 * A group is in progress while it says so, or while one of its snapshots is: what was ordered a
 * moment ago shows in either first.  While somebody waits for one, the list of groups is asked for
 * every POLL_INTERVAL, for all who wait together, and poll.c asks for the members.
 */
#include "store_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "cbsfs/table.h"

#include <errno.h>
#include <string.h>

const json_t *store_group(const struct store *store, const char *id)
{
    size_t at;
    json_t *group;
    json_array_foreach((json_t *)store_list(store, WANT_GROUPS, ""), at, group)
    {
        if (strcmp(field_text(group, "id", ""), id) == 0)
            return group;
    }
    return NULL;
}

static bool is_progress(const char *word)
{
    return strcmp(word, "CREATING") == 0 || strcmp(word, "ROLLBACKING") == 0 ||
           strcmp(word, "COPYING") == 0 || strcmp(word, "DELETING") == 0;
}

/* The member in progress that is least far, or NULL. */
static const struct snapshot *busy_member(const struct store *store, const json_t *group)
{
    const struct snapshot *found = NULL;
    size_t at;
    json_t *id;
    json_array_foreach(json_object_get(group, "snapshots"), at, id)
    {
        const struct snapshot *member =
            catalogue_snapshot(&store->catalogue, json_string_value(id));
        if (member != NULL && snapshot_is_visible(member) && member->in_progress &&
            (found == NULL || snapshot_percent(member) < snapshot_percent(found)))
            found = member;
    }
    return found;
}

const char *store_group_status(const struct store *store, const json_t *group, int *percent)
{
    const char *word = field_text(group, "word", "");
    *percent = (int)json_integer_value(json_object_get(group, "percent"));
    const struct snapshot *busy = is_progress(word) ? NULL : busy_member(store, group);
    if (busy == NULL)
        return word;
    *percent = (int)snapshot_percent(busy);
    return snapshot_word(busy);
}

const char *store_group_busy_member(const struct store *store, const json_t *group)
{
    const struct snapshot *busy =
        is_progress(field_text(group, "word", "")) ? NULL : busy_member(store, group);
    return busy != NULL ? snapshot_text(busy, SNAPSHOT_ID) : NULL;
}

/* --- waiting ----------------------------------------------------------------------------- */

static bool is_in_progress(const struct store *store, const json_t *group)
{
    int percent;
    return group != NULL && is_progress(store_group_status(store, group, &percent));
}

static const json_t *find_by_key(const struct store *store, uint64_t key)
{
    size_t at;
    json_t *group;
    json_array_foreach((json_t *)store_list(store, WANT_GROUPS, ""), at, group)
    {
        if (table_hash(field_text(group, "id", "")) == key)
            return group;
    }
    return NULL;
}

void groups_check_settled(struct store *store)
{
    struct store_waiter *done = NULL;
    struct store_waiter **at = &store->group_wait.waiting;
    while (*at != NULL) {
        struct store_waiter *waiter = *at;
        if (is_in_progress(store, find_by_key(store, waiter->key))) {
            at = &waiter->next;
            continue;
        }
        store_unwait(waiter);
        waiter_add(&done, waiter);
    }
    waiters_wake(&done, 0);
}

static void ask(void *data);

static void ask_later(struct store *store)
{
    struct loop_timer *timer = &store->group_wait.timer;
    timer->fire = ask;
    timer->data = store;
    if (!timer->armed)
        loop_timer_start(store->loop, timer, clock_now() + POLL_INTERVAL);
}

/* Without an answer those who wait go on waiting. */
static void is_asked(void *data, int status)
{
    (void)status;
    ask_later(data);
}

static void ask(void *data)
{
    struct store *store = data;
    struct group_wait *wait = &store->group_wait;
    if (wait->waiting == NULL) {
        wait->watches = false;
        store_watch(store, -1);
        return;
    }
    /* Its snapshots may have come into progress since. */
    poll_schedule(store);
    wait->listing.ready = is_asked;
    wait->listing.data = store;
    if (lists_want(store, WANT_GROUPS, "", 0, &wait->listing) != -EINPROGRESS)
        ask_later(store);
}

int groups_want_settled(struct store *store, const char *id, struct store_waiter *waiter)
{
    struct group_wait *wait = &store->group_wait;
    if (!is_in_progress(store, store_group(store, id)))
        return 0;
    waiter->key = table_hash(id);
    waiter_add(&wait->waiting, waiter);
    if (!wait->watches) {
        wait->watches = true;
        store_watch(store, 1);
        ask_later(store);
    }
    poll_schedule(store);
    return -EINPROGRESS;
}

void groups_drop(struct store *store)
{
    struct group_wait *wait = &store->group_wait;
    loop_timer_stop(store->loop, &wait->timer);
    store_unwait(&wait->listing);
    while (wait->waiting != NULL)
        store_unwait(wait->waiting);
}
