/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be shown, and what has to be asked first.
 *
 * Two promises pull in opposite directions: the first look at one disk costs at most two calls
 * however large the account is, and a crawl of everything costs no more than its pages and two
 * calls more.  So each kind of question may be asked about a single disk once in a ttl; whoever
 * wants another disk within the same ttl is crawling, and gets the listing of everything.
 */
#include "store_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/names.h"
#include "news.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- waiters ------------------------------------------------------------------------- */

void waiter_add(struct store_waiter **list, struct store_waiter *waiter)
{
    waiter->next = *list;
    waiter->link = list;
    if (*list != NULL)
        (*list)->link = &waiter->next;
    *list = waiter;
}

void store_unwait(struct store_waiter *waiter)
{
    if (waiter->link == NULL)
        return;
    *waiter->link = waiter->next;
    if (waiter->next != NULL)
        waiter->next->link = waiter->link;
    waiter->next = NULL;
    waiter->link = NULL;
}

void waiters_wake(struct store_waiter **list, int status)
{
    struct store_waiter *now = *list;
    *list = NULL;
    if (now != NULL)
        now->link = &now;
    while (now != NULL) {
        struct store_waiter *waiter = now;
        store_unwait(waiter);
        waiter->ready(waiter->data, status);
    }
}

/* --- freshness ----------------------------------------------------------------------- */

static int64_t later(int64_t left, int64_t right)
{
    return left > right ? left : right;
}

int64_t store_asked(const struct store *store, enum store_want want, const struct disk *disk)
{
    switch (want) {
    case WANT_DISKS:
        return store->catalogue.disks_listed;
    case WANT_SNAPSHOTS:
        return store->catalogue.snapshots_listed;
    case WANT_DISK:
        return later(store->catalogue.disks_listed, disk != NULL ? disk->fetched : 0);
    case WANT_DISK_SNAPSHOTS:
        return later(store->catalogue.snapshots_listed, disk != NULL ? disk->listed : 0);
    default:
        break;
    }
    return 0;
}

bool store_is_known(const struct store *store, enum store_want want, const struct disk *disk)
{
    return store_asked(store, want, disk) != 0;
}

int64_t store_life(const struct store *store, enum store_want want, const struct disk *disk)
{
    int64_t asked = store_asked(store, want, disk);
    bool of_disk = disk != NULL && (want == WANT_DISK || want == WANT_DISK_SNAPSHOTS);
    if (asked == 0 || asked < store->refreshed || (of_disk && asked < disk->refreshed) ||
        (want == WANT_DISKS && asked <= store->disks_outdated) ||
        (want == WANT_SNAPSHOTS && asked <= store->snapshots_outdated))
        return 0;
    int64_t life = asked + store->settings.ttl - clock_now();
    return life > 0 ? life : 0;
}

bool store_is_in_doubt(const struct store *store, const struct disk *disk)
{
    return disk->values_changed != 0 && clock_now() < disk->values_changed + store->settings.ttl;
}

/* --- asking -------------------------------------------------------------------------- */

bool store_shows_all(const struct store *store)
{
    return store->settings.disks == NULL;
}

bool store_shows_disk(const struct store *store, const char *id)
{
    if (store->settings.disks == NULL)
        return true;
    for (const char *const *at = store->settings.disks; *at != NULL; at++) {
        if (strcmp(*at, id) == 0)
            return true;
    }
    return false;
}

/* True, and noted, if the question may be asked about one disk alone. */
static bool take_single(const struct store *store, int64_t *last, const char *id)
{
    int64_t now = clock_now();
    if (!name_is_id(id, store->provider->disk_prefix))
        return false;
    if (*last != 0 && now - *last < store->settings.ttl && *last >= store->refreshed)
        return false;
    *last = now;
    return true;
}

/* True while the question is left alone that has failed, unless somebody has wanted fresher data
 * than it asked for.  One that took long is for three times as long, so that a cloud that throttles
 * or breaks every call takes a quarter of anybody's time at most. */
bool question_is_held(const struct failed_question *question, int64_t since)
{
    if (question->failed == 0 || question->asked < since)
        return false;
    int64_t hold = later(3 * (question->failed - question->asked), FAILURE_HOLD);
    return clock_now() - question->failed <
           (hold < LONGEST_FAILURE_HOLD ? hold : LONGEST_FAILURE_HOLD);
}

/* Whoever looks into a disk while everything is being listed wants its snapshots next, and they are
 * long in coming: so they are asked for side by side with it.  Everything is being paid for
 * already; else this would be a question too many for who wants the disk alone. */
static void expect_snapshots_of(struct store *store, const char *id, int64_t since)
{
    if (listing_is_under_way(store, CLOUD_DESCRIBE_SNAPSHOTS, NULL, false, since))
        store_expect(store, WANT_DISK_SNAPSHOTS, id);
}

/* `waiter` NULL: it is only expected. */
static int want_records(struct store *store, enum store_want want, const char *id,
                        struct store_waiter *waiter)
{
    const struct disk *disk = id != NULL ? catalogue_disk(&store->catalogue, id) : NULL;
    if (store_life(store, want, disk) > 0)
        return 0;
    int64_t since = later(store->refreshed, disk != NULL ? disk->refreshed : 0);
    bool disks = want == WANT_DISKS || want == WANT_DISK;
    if (want == WANT_DISKS)
        since = later(since, store->disks_outdated + 1);
    if (want == WANT_SNAPSHOTS)
        since = later(since, store->snapshots_outdated + 1);
    if (question_is_held(&store->failed[!disks], since))
        return store->failed[!disks].status;
    /* Who asks what somebody is asking already is not crawling. */
    if (want == WANT_DISK && (listing_is_under_way(store, CLOUD_DESCRIBE_DISKS, id, true, since) ||
                              take_single(store, &store->single_disk, id))) {
        expect_snapshots_of(store, id, since);
        return listing_want(store, CLOUD_DESCRIBE_DISKS, id, true, since, waiter);
    }
    if (want == WANT_DISK_SNAPSHOTS &&
        (listing_is_under_way(store, CLOUD_DESCRIBE_SNAPSHOTS, id, false, since) ||
         take_single(store, &store->single_snapshots, id)))
        return listing_want(store, CLOUD_DESCRIBE_SNAPSHOTS, id, false, since, waiter);
    return listing_want(store, disks ? CLOUD_DESCRIBE_DISKS : CLOUD_DESCRIBE_SNAPSHOTS, NULL, false,
                        since, waiter);
}

/* True if a round of poll.c asks for this disk. */
static bool is_polled(const struct disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        if (disk_snapshot(disk, i)->in_progress &&
            strcmp(snapshot_word(disk_snapshot(disk, i)), "ROLLBACKING") == 0)
            return true;
    }
    return false;
}

/* Waits for the round of poll.c that is under way or begins now. */
static int join_round(struct store *store, struct store_waiter *waiter)
{
    if (question_is_held(&store->poll.failure, store->refreshed))
        return store->poll.failure.status;
    int status = poll_want(store);
    if (status != 0)
        return status;
    waiter_add(&store->poll.looking, waiter);
    return -EINPROGRESS;
}

/* While a disk is rolled back its record changes with the status of its snapshot, and is asked for
 * with it. */
static int want_rolling_disk(struct store *store, const struct disk *disk,
                             struct store_waiter *waiter)
{
    if (clock_now() - disk->fetched < POLL_INTERVAL)
        return 0;
    return join_round(store, waiter);
}

static int want_status(struct store *store, const char *id, struct store_waiter *waiter)
{
    const struct snapshot *snapshot = catalogue_snapshot(&store->catalogue, id);
    if (snapshot == NULL)
        return 0;
    if (!snapshot->in_progress)
        return want_records(store, WANT_DISK_SNAPSHOTS, disk_text(snapshot->disk, DISK_ID), waiter);
    int64_t now = clock_now();
    if (now - snapshot_fetched(snapshot) < POLL_INTERVAL &&
        snapshot_fetched(snapshot) >= snapshot_more(snapshot)->mutated)
        return 0;
    return join_round(store, waiter);
}

static int want_settled(struct store *store, const char *id, struct store_waiter *waiter)
{
    const struct snapshot *snapshot = catalogue_snapshot(&store->catalogue, id);
    if (snapshot == NULL || !snapshot->in_progress)
        return 0;
    waiter->key = snapshot->key;
    waiter_add(&store->poll.waiting, waiter);
    poll_schedule(store);
    return -EINPROGRESS;
}

int store_want(struct store *store, enum store_want want, const char *id,
               struct store_waiter *waiter)
{
    switch (want) {
    case WANT_STATUS:
        return want_status(store, id, waiter);
    case WANT_SETTLED:
        return want_settled(store, id, waiter);
    case WANT_DISK: {
        const struct disk *disk = catalogue_disk(&store->catalogue, id);
        if (disk != NULL && disk->exists && is_polled(disk))
            return want_rolling_disk(store, disk, waiter);
        break;
    }
    case WANT_GROUP_SETTLED:
        return groups_want_settled(store, id, waiter);
    case WANT_SHARES:
    case WANT_GROUPS:
    case WANT_POLICIES:
    case WANT_REGIONS:
        return lists_want(store, want, id != NULL ? id : "", 0, waiter);
    case WANT_DISKS:
    case WANT_SNAPSHOTS:
    case WANT_DISK_SNAPSHOTS:
        break;
    }
    return want_records(store, want, id, waiter);
}

void store_expect(struct store *store, enum store_want want, const char *id)
{
    (void)want_records(store, want, id, NULL);
}

int64_t store_server_time(const struct store *store)
{
    return client_server_time(store->client);
}

int64_t store_last_page(const struct store *store)
{
    return store->last_page;
}

void store_refresh(struct store *store)
{
    store->refreshed = clock_now();
}

void store_refresh_disks(struct store *store)
{
    store->disks_outdated = clock_now();
}

void store_refresh_disk(struct store *store, const char *id)
{
    struct disk *disk = catalogue_disk(&store->catalogue, id);
    if (disk != NULL)
        disk->refreshed = clock_now();
    /* So that this disk alone is asked for, not the whole account. */
    store->single_disk = store->single_snapshots = 0;
}

/* --- the whole ----------------------------------------------------------------------- */

void store_changed(struct store *store)
{
    poll_check_settled(store);
    groups_check_settled(store);
    jobs_catalogue_changed(store);
    if (store->generation_told == store->catalogue.generation)
        return;
    store->generation_told = store->catalogue.generation;
    if (store->changed != NULL)
        store->changed(store->changed_data);
}

void store_on_change(struct store *store, void (*changed)(void *data), void *data)
{
    store->changed = changed;
    store->changed_data = data;
}

void store_watch(struct store *store, int change)
{
    store->watchers += change;
    if (change > 0)
        poll_schedule(store);
}

void store_follow(struct store *store)
{
    store->poll.followed = clock_now() + FOLLOW_TIME;
    poll_schedule(store);
}

const struct catalogue *store_catalogue(const struct store *store)
{
    return &store->catalogue;
}

struct disk *store_next_touched(struct store *store)
{
    return catalogue_next_touched(&store->catalogue);
}

size_t store_newer(const struct snapshot *snapshot)
{
    const struct disk *disk = snapshot->disk;
    size_t count = 0;
    for (size_t i = disk->count; i > 0 && disk_snapshot(disk, i - 1) != snapshot; i--)
        count += snapshot_is_visible(disk_snapshot(disk, i - 1));
    return count;
}

const struct provider *store_provider(const struct store *store)
{
    return store->provider;
}

static void poll_is_due(void *data)
{
    /* Without memory for the question: once more after the usual time. */
    if (poll_want(data) != 0)
        poll_schedule(data);
}

/* `other` NULL: alone. */
static void stand_beside(struct store *store, struct store *other)
{
    store->beside = other != NULL ? other->beside : store;
    store->beside_previous = other != NULL ? other : store;
    store->beside->beside_previous = store;
    store->beside_previous->beside = store;
}

static void stand_alone(struct store *store)
{
    store->beside->beside_previous = store->beside_previous;
    store->beside_previous->beside = store->beside;
}

struct store *store_new(struct loop *loop, struct client *client,
                        const struct store_settings *settings)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return NULL;
    store->loop = loop;
    store->client = client;
    store->provider = client_provider(client);
    store->settings = *settings;
    if (store->settings.prefix == NULL)
        store->settings.prefix = "";
    stand_beside(store, settings->beside);
    store->poll.timer.fire = poll_is_due;
    store->poll.timer.data = store;
    catalogue_init(&store->catalogue, store->provider);
    news_begin(store);
    return store;
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    stand_alone(store);
    news_end(store);
    jobs_drop(store);
    poll_drop(store);
    listings_drop(store);
    groups_drop(store);
    lists_drop(store);
    failures_drop(store);
    catalogue_free(&store->catalogue);
    free(store);
}
