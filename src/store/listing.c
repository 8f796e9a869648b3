/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings: many pages, one truth.
 *
 * The pages of a listing are fetched side by side, oldest records first.  What is created meanwhile
 * is then appended and shifts nothing; but a deletion moves everything behind it one place forward,
 * and a record at the edge of a page can slip between two pages.  A pass is therefore believed only
 * when its figures add up: as many records as the largest total that was told, and any growth of
 * the total explained by records that are younger than the pass.  Otherwise the pages are read
 * again, at most PASS_LIMIT times, and what any pass has shown counts.  An account at rest costs
 * exactly its pages.
 *
 * New records stay hidden until the listing is complete, because only then is it known which of
 * several snapshots of one name is the oldest.
 */
#include "store_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/log.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pages asked for ahead: enough to keep the API's rate busy over a slow line, few enough that each
 * one's turn comes long before its deadline. */
#define PAGE_WINDOW 16
#define PASS_LIMIT  3
/* The same failure is recorded once in this time, ms. */
#define FAILURE_INTERVAL 10000

struct page {
    struct listing *listing;
    struct client_call *call; /* NULL: free */
    unsigned offset;
};

struct listing {
    struct store *store;
    struct listing *next;
    enum cloud_verb verb;
    char *disk_id; /* NULL: everything */
    bool by_id;
    struct store_waiter *waiters;
    struct page pages[PAGE_WINDOW];
    unsigned outstanding;
    unsigned next_offset;
    bool untold;       /* the cloud does not tell totals: figures cannot be checked */
    bool at_end;       /* a page was empty: nothing lies behind it */
    int64_t asked;     /* clock ms: the first pass began */
    int64_t pass_wall; /* seconds, the server's: this pass began */
    uint64_t first_serial, serial;
    unsigned pass;
    int64_t total_least, total_most; /* -1: none told yet */
    int64_t records, younger;        /* of this pass */
    int status;
    struct cloud_error error; /* what the cloud said, if that was it */
};

static void page_done(void *data, struct cloud_answer *answer);

static int submit_page(struct listing *listing, struct page *page, unsigned offset)
{
    struct store *store = listing->store;
    const char *ids[1] = {listing->disk_id};
    struct cloud_call call = {
        .verb = listing->verb, .offset = offset, .limit = store->provider->page_limit};
    if (listing->by_id) {
        call.ids = ids;
        call.id_count = 1;
    } else {
        call.disk_id = listing->disk_id;
    }
    page->listing = listing;
    page->offset = offset;
    int status = client_submit(store->client, &call, clock_now() + store->settings.timeout,
                               listing->waiters != NULL, page_done, page, &page->call);
    if (status == 0)
        listing->outstanding++;
    else
        page->call = NULL;
    return status;
}

/* True while more pages are known or suspected behind those asked for. */
static bool has_more(const struct listing *listing)
{
    if (listing->by_id || listing->at_end || listing->status != 0)
        return false;
    return listing->total_most < 0 || (int64_t)listing->next_offset < listing->total_most;
}

static void submit_pages(struct listing *listing)
{
    for (size_t i = 0; i < PAGE_WINDOW && has_more(listing); i++) {
        if (listing->pages[i].call != NULL)
            continue;
        int status = submit_page(listing, &listing->pages[i], listing->next_offset);
        if (status != 0) {
            listing->status = status;
            return;
        }
        listing->next_offset += listing->store->provider->page_limit;
        if (listing->total_most < 0)
            return; /* how many there are is known after this one */
    }
}

static int begin_pass(struct listing *listing)
{
    listing->serial = ++listing->store->serial;
    listing->pass++;
    listing->pass_wall = client_server_time(listing->store->client);
    listing->next_offset = listing->store->provider->page_limit;
    listing->total_least = listing->total_most = -1;
    listing->records = listing->younger = 0;
    listing->at_end = false;
    return submit_page(listing, &listing->pages[0], 0);
}

/* --- taking records in --------------------------------------------------------------- */

/* Times have whole seconds: what was made in the second in which the pass began may have come
 * after it.  To take it for older would let it make up for a record that was lost. */
static bool is_younger(const struct listing *listing, int64_t created)
{
    return created != TIMESTAMP_NONE && created >= listing->pass_wall;
}

static int take_disks(struct listing *listing, const struct cloud_answer *answer)
{
    struct store *store = listing->store;
    for (size_t i = 0; i < answer->count; i++) {
        const struct disk_record *record = &answer->disks[i];
        const struct disk *known = catalogue_disk(&store->catalogue, record->id);
        listing->records += known == NULL || known->seen != listing->serial;
        listing->younger += is_younger(listing, record->created);
        if (!store_shows_disk(store, record->id))
            continue;
        int status = catalogue_put_disk(&store->catalogue, record, listing->asked, listing->serial);
        if (status != 0)
            return status;
    }
    return 0;
}

static int take_snapshots(struct listing *listing, const struct cloud_answer *answer)
{
    struct store *store = listing->store;
    int64_t now = clock_now(), wall = client_server_time(store->client);
    for (size_t i = 0; i < answer->count; i++) {
        const struct snapshot_record *record = &answer->snapshots[i];
        const struct snapshot *known = catalogue_snapshot(&store->catalogue, record->id);
        listing->records += known == NULL || known->seen != listing->serial;
        listing->younger += is_younger(listing, record->created);
        if (!store_shows_disk(store,
                              record->disk_id[0] != '\0' ? record->disk_id : CATALOGUE_NO_DISK))
            continue;
        int status = catalogue_put_snapshot(&store->catalogue, record, listing->asked,
                                            listing->serial, now, wall);
        if (status != 0)
            return status;
    }
    return 0;
}

static void note_totals(struct listing *listing, const struct page *page,
                        const struct cloud_answer *answer)
{
    unsigned limit = listing->store->provider->page_limit;
    int64_t total = answer->total;
    listing->untold = listing->untold || total < 0;
    int64_t end = (int64_t)page->offset + (int64_t)answer->count;
    /* A full page that reaches beyond the total, or no total at all: there may be one more page. */
    if (answer->count == limit && (total < 0 || end > total))
        total = end + 1;
    else if (total < 0)
        total = end;
    if (listing->total_least < 0 || total < listing->total_least)
        listing->total_least = total;
    if (total > listing->total_most)
        listing->total_most = total;
    if (answer->count == 0)
        listing->at_end = true;
}

/* --- the end ------------------------------------------------------------------------- */

static bool adds_up(const struct listing *listing)
{
    if (listing->untold || listing->by_id ||
        listing->next_offset <= listing->store->provider->page_limit ||
        listing->total_most <= (int64_t)listing->store->provider->page_limit)
        return true; /* one page is one moment */
    return listing->records == listing->total_most &&
           listing->younger == listing->total_most - listing->total_least;
}

/* A listing that was overtaken by a later one does not make what is known older. */
static void note_age(int64_t *age, const struct listing *listing)
{
    if (*age < listing->asked)
        *age = listing->asked;
}

static int complete_snapshots(struct listing *listing, int64_t now)
{
    struct catalogue *catalogue = &listing->store->catalogue;
    int64_t wall = client_server_time(listing->store->client);
    int status = 0;
    if (listing->disk_id != NULL) {
        struct disk *disk = catalogue_disk(catalogue, listing->disk_id);
        if (disk == NULL)
            return 0;
        /* Names are given before the sweep: a name that is only now found free was held until now.
         */
        status = catalogue_name_new(catalogue, disk);
        if (status != 0)
            return status;
        catalogue_sweep_snapshots(catalogue, disk, listing->first_serial, listing->asked, now,
                                  wall);
        note_age(&disk->listed, listing);
        return 0;
    }
    for (size_t i = 0; i < catalogue->disk_count && status == 0; i++)
        status = catalogue_name_new(catalogue, catalogue->disks[i]);
    if (status != 0)
        return status;
    catalogue_sweep_snapshots(catalogue, NULL, listing->first_serial, listing->asked, now, wall);
    note_age(&catalogue->snapshots_listed, listing);
    return 0;
}

static int complete(struct listing *listing)
{
    struct catalogue *catalogue = &listing->store->catalogue;
    if (listing->verb == CLOUD_DESCRIBE_SNAPSHOTS)
        return complete_snapshots(listing, clock_now());
    if (listing->by_id) {
        struct disk *disk = catalogue_disk(catalogue, listing->disk_id);
        if (disk != NULL && disk->seen < listing->first_serial)
            catalogue_disk_is_gone(catalogue, disk, listing->asked);
        return 0;
    }
    catalogue_sweep_disks(catalogue, listing->first_serial, listing->asked);
    note_age(&catalogue->disks_listed, listing);
    return 0;
}

static void free_listing(struct listing *listing)
{
    free(listing->disk_id);
    free(listing);
}

/* Whoever only looked wants to know why as well; but not once for every look while the cloud is
 * away. */
static void record_failure(struct listing *listing)
{
    struct store *store = listing->store;
    int64_t now = clock_now();
    bool news = store->last_failure <= store->last_success ||
                store->failure_told != listing->status ||
                now - store->failure_told_at >= FAILURE_INTERVAL;
    store->last_failure = now;
    if (!news || listing->error.status == 0)
        return;
    store->failure_told = listing->status;
    store->failure_told_at = now;
    char path[160] = "disks";
    bool of_snapshots = listing->verb == CLOUD_DESCRIBE_SNAPSHOTS;
    if (listing->disk_id != NULL)
        snprintf(path, sizeof(path), "disks/%s%s", listing->disk_id,
                 of_snapshots ? "/snapshots" : "");
    else if (of_snapshots)
        snprintf(path, sizeof(path), "snapshots");
    store_fail(store, listing->disk_id, NULL, path, "look", &listing->error);
}

static void finish(struct listing *listing)
{
    struct store *store = listing->store;
    if (listing->status == 0)
        listing->status = complete(listing);
    if (listing->status == 0)
        store->last_success = clock_now();
    else
        record_failure(listing);
    store->listings_done++;
    struct listing **at = &store->listings;
    while (*at != listing)
        at = &(*at)->next;
    *at = listing->next;
    store_changed(store);
    waiters_wake(&listing->waiters, listing->status);
    free_listing(listing);
}

static void page_done(void *data, struct cloud_answer *answer)
{
    struct page *page = data;
    struct listing *listing = page->listing;
    page->call = NULL;
    listing->outstanding--;
    if (listing->status == 0 && answer->error.status != 0) {
        listing->status = answer->error.status;
        listing->error = answer->error;
    }
    if (listing->status == 0) {
        note_totals(listing, page, answer);
        listing->status = listing->verb == CLOUD_DESCRIBE_DISKS ? take_disks(listing, answer)
                                                                : take_snapshots(listing, answer);
    }
    submit_pages(listing);
    if (listing->outstanding > 0)
        return;
    if (listing->status == 0 && !adds_up(listing) && listing->pass < PASS_LIMIT) {
        log_debug("listing changed while it was read: %lld records, totals %lld to %lld; reading "
                  "it again",
                  (long long)listing->records, (long long)listing->total_least,
                  (long long)listing->total_most);
        listing->status = begin_pass(listing);
        if (listing->status == 0)
            return;
    }
    finish(listing);
}

/* --- starting ------------------------------------------------------------------------ */

static bool same_id(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

static struct listing *find_listing(const struct store *store, enum cloud_verb verb,
                                    const char *disk_id, bool by_id, int64_t since)
{
    for (struct listing *at = store->listings; at != NULL; at = at->next) {
        if (at->verb == verb && at->by_id == by_id && same_id(at->disk_id, disk_id) &&
            at->asked >= since && at->status == 0)
            return at;
    }
    return NULL;
}

int listing_want(struct store *store, enum cloud_verb verb, const char *disk_id, bool by_id,
                 int64_t since, struct store_waiter *waiter)
{
    struct listing *listing = find_listing(store, verb, disk_id, by_id, since);
    if (listing != NULL) {
        waiter_add(&listing->waiters, waiter);
        return -EINPROGRESS;
    }
    listing = calloc(1, sizeof(*listing));
    if (listing == NULL)
        return -ENOMEM;
    listing->store = store;
    listing->verb = verb;
    listing->by_id = by_id;
    listing->asked = clock_now();
    listing->first_serial = store->serial + 1;
    waiter_add(&listing->waiters, waiter);
    if (disk_id != NULL)
        listing->disk_id = strdup(disk_id);
    if ((disk_id != NULL && listing->disk_id == NULL) || begin_pass(listing) != 0) {
        store_unwait(waiter);
        free_listing(listing);
        return -ENOMEM;
    }
    listing->next = store->listings;
    store->listings = listing;
    return -EINPROGRESS;
}

void listings_drop(struct store *store)
{
    while (store->listings != NULL) {
        struct listing *listing = store->listings;
        store->listings = listing->next;
        for (size_t i = 0; i < PAGE_WINDOW; i++) {
            if (listing->pages[i].call != NULL)
                client_cancel(listing->pages[i].call);
        }
        while (listing->waiters != NULL)
            store_unwait(listing->waiters);
        free_listing(listing);
    }
}
