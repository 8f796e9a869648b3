/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress: everything that is in progress is asked for together, as many ids in a call as the
 * provider takes, once in POLL_INTERVAL, and only while somebody looks (WANT_STATUS), waits
 * (WANT_SETTLED), holds a poll(2) open or has left a rename behind.  However many they are, they
 * share the round.
 *
 * A snapshot that rolls back shows its disk's progress, so the round asks for those disks as well.
 *
 * A cloud that takes one id in a call is asked for the listing as soon as that costs fewer calls.
 */
#include "store_internal.h"

#include "cbsfs/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_GUESSED 8 /* of a listing that was never made */

/* The ids of one call; what the answer does not show is gone. */
struct poll_chunk {
    struct poll_chunk *next;
    struct store *store;
    struct client_call *call;
    enum cloud_verb verb;
    size_t count;
    char *ids[];
};

static void free_chunk(struct poll_chunk *chunk)
{
    for (size_t i = 0; i < chunk->count; i++)
        free(chunk->ids[i]);
    free(chunk);
}

static void unlink_chunk(struct poll_chunk *chunk)
{
    struct poll_chunk **at = &chunk->store->poll.chunks;
    while (*at != chunk)
        at = &(*at)->next;
    *at = chunk->next;
}

/* --- one answer ---------------------------------------------------------------------- */

static bool shows_snapshot(const struct cloud_answer *answer, const char *id)
{
    for (size_t i = 0; i < answer->count; i++) {
        if (strcmp(answer->snapshots[i].id, id) == 0)
            return true;
    }
    return false;
}

static int take_snapshots(struct poll_chunk *chunk, const struct cloud_answer *answer)
{
    struct store *store = chunk->store;
    struct catalogue *catalogue = &store->catalogue;
    int64_t now = clock_now(), wall = client_server_time(store->client), asked = store->poll.asked;
    for (size_t i = 0; i < answer->count; i++) {
        /* An answer that shows what was not asked for is not taken at its word. */
        if (catalogue_snapshot(catalogue, answer->snapshots[i].id) == NULL)
            continue;
        int status = catalogue_put_snapshot(catalogue, &answer->snapshots[i], asked, 0, now, wall);
        if (status != 0)
            return status;
    }
    for (size_t i = 0; i < chunk->count; i++) {
        struct snapshot *snapshot = catalogue_snapshot(catalogue, chunk->ids[i]);
        /* One that could not be read may be this one. */
        if (snapshot != NULL && answer->unreadable == 0 && !shows_snapshot(answer, chunk->ids[i]))
            catalogue_snapshot_is_gone(catalogue, snapshot, asked, now, wall);
    }
    return 0;
}

static int take_disks(struct poll_chunk *chunk, const struct cloud_answer *answer)
{
    struct store *store = chunk->store;
    int status = 0;
    for (size_t i = 0; i < answer->count && status == 0; i++) {
        if (catalogue_disk(&store->catalogue, answer->disks[i].id) != NULL)
            status = catalogue_put_disk(&store->catalogue, &answer->disks[i], store->poll.asked, 0);
    }
    return status;
}

/* --- the round ----------------------------------------------------------------------- */

static bool is_wanted(const struct store *store)
{
    return store->catalogue.progress != NULL &&
           (store->poll.waiting != NULL || store->poll.looking != NULL || store->watchers > 0 ||
            clock_now() < store->poll.followed);
}

void poll_schedule(struct store *store)
{
    if (store->poll.outstanding > 0 || store->poll.timer.armed || !is_wanted(store))
        return;
    loop_timer_start(store->loop, &store->poll.timer, store->poll.asked + POLL_INTERVAL);
}

void poll_check_settled(struct store *store)
{
    struct store_waiter *done = NULL;
    struct store_waiter **at = &store->poll.waiting;
    while (*at != NULL) {
        struct store_waiter *waiter = *at;
        const struct snapshot *snapshot = catalogue_snapshot_by_key(&store->catalogue, waiter->key);
        if (snapshot != NULL && snapshot->in_progress) {
            at = &waiter->next;
            continue;
        }
        store_unwait(waiter);
        waiter_add(&done, waiter);
    }
    waiters_wake(&done, 0);
}

static void finish_round(struct store *store)
{
    struct poll_round *round = &store->poll;
    round->failure = (struct failed_question){.asked = round->asked, .status = round->status};
    if (round->status != 0)
        round->failure.failed = clock_now();
    store_changed(store);
    waiters_wake(&round->looking, round->status);
    poll_schedule(store);
}

static void chunk_done(void *data, struct cloud_answer *answer)
{
    struct poll_chunk *chunk = data;
    struct store *store = chunk->store;
    int status = answer->error.status;
    if (status == 0)
        status = chunk->verb == CLOUD_DESCRIBE_DISKS ? take_disks(chunk, answer)
                                                     : take_snapshots(chunk, answer);
    if (status != 0 && store->poll.status == 0)
        store->poll.status = status;
    unlink_chunk(chunk);
    free_chunk(chunk);
    if (--store->poll.outstanding == 0)
        finish_round(store);
}

static int submit_chunk(struct store *store, struct poll_chunk *chunk)
{
    struct cloud_call call = {
        .verb = chunk->verb, .ids = (const char *const *)chunk->ids, .id_count = chunk->count};
    int status = client_submit(store->client, &call, store->poll.asked + store->settings.timeout,
                               store->poll.outstanding == 0 ? CLIENT_URGENT : CLIENT_BULK,
                               chunk_done, chunk, &chunk->call);
    if (status != 0) {
        free_chunk(chunk);
        return status;
    }
    chunk->next = store->poll.chunks;
    store->poll.chunks = chunk;
    store->poll.outstanding++;
    return 0;
}

/* Adds an id to the chunk being filled; sends the chunk when it is full. */
static int add_id(struct store *store, enum cloud_verb verb, struct poll_chunk **filling,
                  const char *id)
{
    size_t limit = store->provider->id_limit;
    if (*filling == NULL) {
        *filling = calloc(1, sizeof(**filling) + limit * sizeof(char *));
        if (*filling == NULL)
            return -ENOMEM;
        (*filling)->store = store;
        (*filling)->verb = verb;
    }
    struct poll_chunk *chunk = *filling;
    chunk->ids[chunk->count] = strdup(id);
    if (chunk->ids[chunk->count] == NULL)
        return -ENOMEM;
    if (++chunk->count < limit)
        return 0;
    *filling = NULL;
    return submit_chunk(store, chunk);
}

static bool names_disk(const struct poll_chunk *chunk, const char *id)
{
    for (size_t i = 0; chunk != NULL && i < chunk->count; i++) {
        if (strcmp(chunk->ids[i], id) == 0)
            return true;
    }
    return false;
}

static void listing_done(void *data, int status)
{
    struct store *store = data;
    if (status != 0 && store->poll.status == 0)
        store->poll.status = status;
    if (--store->poll.outstanding == 0)
        finish_round(store);
}

/* True if all snapshots take fewer calls than those in progress, one by one. How many there are is
 * only known once they were listed. */
static bool is_listing_cheaper(const struct store *store)
{
    const struct catalogue *catalogue = &store->catalogue;
    size_t count = 0, calls = catalogue->snapshot_count / store->provider->page_limit + 1;
    if (catalogue->snapshots_listed == 0 && calls < PAGES_GUESSED)
        calls = PAGES_GUESSED;
    for (const struct snapshot *at = store->catalogue.progress; at != NULL;
         at = snapshot_more(at)->progress_next)
        count++;
    return store->provider->id_limit == 1 && calls < count;
}

static int list_all(struct store *store)
{
    struct store_waiter *waiter = &store->poll.listing;
    waiter->ready = listing_done;
    waiter->data = store;
    int status =
        listing_want(store, CLOUD_DESCRIBE_SNAPSHOTS, NULL, false, store->poll.asked, waiter);
    if (status != -EINPROGRESS)
        return status;
    store->poll.outstanding++;
    return 0;
}

int poll_want(struct store *store)
{
    if (store->poll.outstanding > 0)
        return 0;
    loop_timer_stop(store->loop, &store->poll.timer);
    struct poll_chunk *snapshots = NULL, *disks = NULL;
    int status = 0;
    store->poll.asked = clock_now();
    store->poll.status = 0;
    bool lists = is_listing_cheaper(store);
    if (lists)
        status = list_all(store);
    for (const struct snapshot *at = store->catalogue.progress; at != NULL && status == 0;
         at = snapshot_more(at)->progress_next) {
        if (!lists)
            status =
                add_id(store, CLOUD_DESCRIBE_SNAPSHOTS, &snapshots, snapshot_text(at, SNAPSHOT_ID));
        const char *disk = disk_text(at->disk, DISK_ID);
        if (status == 0 && at->disk->exists && strcmp(snapshot_word(at), "ROLLBACKING") == 0 &&
            !names_disk(disks, disk))
            status = add_id(store, CLOUD_DESCRIBE_DISKS, &disks, disk);
    }
    if (status == 0 && snapshots != NULL) {
        status = submit_chunk(store, snapshots);
        snapshots = NULL;
    }
    if (status == 0 && disks != NULL) {
        status = submit_chunk(store, disks);
        disks = NULL;
    }
    if (snapshots != NULL)
        free_chunk(snapshots);
    if (disks != NULL)
        free_chunk(disks);
    /* A round that could only be sent in part is still a round. */
    return store->poll.outstanding > 0 ? 0 : status;
}

void poll_drop(struct store *store)
{
    loop_timer_stop(store->loop, &store->poll.timer);
    while (store->poll.chunks != NULL) {
        struct poll_chunk *chunk = store->poll.chunks;
        store->poll.chunks = chunk->next;
        client_cancel(chunk->call);
        free_chunk(chunk);
    }
    store->poll.outstanding = 0;
    store_unwait(&store->poll.listing);
    while (store->poll.looking != NULL)
        store_unwait(store->poll.looking);
    while (store->poll.waiting != NULL)
        store_unwait(store->poll.waiting);
}
