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
 * exactly its pages.  What such figures prove is listing_judge.c's business.
 *
 * Some clouds lead from page to page by a marker, the last record of the page before: then pages
 * come one after the other, and only a marker that is deleted meanwhile makes us begin again.
 *
 * New records stay hidden until the listing is complete, because only then is it known which of
 * several snapshots of one name is the oldest.
 */
#include "listing_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/log.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The same failure is recorded once in this time, ms. */
#define FAILURE_INTERVAL 10000
/* As many pages of one disk are a short question. */
#define SHORT_LISTING 10

static void page_done(void *data, struct cloud_answer *answer);

static void drop_marker(struct listing *listing)
{
    free(listing->marker);
    listing->marker = NULL;
}

/* The first page of anything is a short question, and so is a disk's listing unless it is long. */
static enum client_turn turn_of(const struct listing *listing, unsigned offset)
{
    unsigned pages = listing->disk_id != NULL ? SHORT_LISTING : 1;
    bool is_first = listing->pass == 1 && offset == 0;
    if (listing->waiters == NULL && !(listing->expected && is_first))
        return CLIENT_BACKGROUND;
    return offset < pages * listing->store->provider->page_limit ? CLIENT_URGENT : CLIENT_BULK;
}

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
        call.marker = listing->marker;
    }
    page->listing = listing;
    page->offset = offset;
    int status = client_submit(store->client, &call, clock_now() + store->settings.timeout,
                               turn_of(listing, offset), page_done, page, &page->call);
    if (status == 0)
        listing->outstanding++;
    else
        page->call = NULL;
    return status;
}

/* True while more pages are known or suspected behind those asked for. */
static bool has_more(const struct listing *listing)
{
    if (listing->marked)
        return listing->marker != NULL && listing->status == 0;
    return !listing->by_id && !listing->at_end && listing->status == 0 &&
           (listing->reach < 0 || (int64_t)listing->next_offset < listing->reach);
}

static void submit_pages(struct listing *listing)
{
    /* A page that was not full is the end, whatever the total says; so one more at a time. */
    unsigned window = listing->last_is_full ? PAGE_WINDOW : 1;
    /* Whoever comes to wait is not to stand behind pages that were asked for at leisure. */
    if (listing->waiters == NULL && window > PAGES_AT_LEISURE)
        window = PAGES_AT_LEISURE;
    for (size_t i = 0; i < PAGE_WINDOW && listing->outstanding < window && has_more(listing); i++) {
        if (listing->pages[i].call != NULL)
            continue;
        int status = submit_page(listing, &listing->pages[i], listing->next_offset);
        if (status != 0) {
            listing->status = status;
            return;
        }
        listing->next_offset += listing->store->provider->page_limit;
        drop_marker(listing);
        if (listing->reach < 0)
            return; /* how many there are is known after this one */
    }
}

static int begin_pass(struct listing *listing)
{
    listing->serial = ++listing->store->serial;
    listing->pass++;
    listing->pass_wall = client_server_time(listing->store->client);
    listing->next_offset = listing->store->provider->page_limit;
    listing->told_first = listing->told_most = listing->reach = -1;
    listing->before = listing->records;
    listing->records = listing->younger = listing->fresh = 0;
    listing->unreadable = listing->farthest = 0;
    listing->at_end = listing->last_is_full = false;
    drop_marker(listing);
    return submit_page(listing, &listing->pages[0], 0);
}

/* --- taking records in --------------------------------------------------------------- */

/* Times have whole seconds: what was made in the second in which the pass began may have come
 * after it.  To take it for older would let it make up for a record that was lost. */
static bool is_younger(const struct listing *listing, int64_t created)
{
    return created != TIMESTAMP_NONE && created >= listing->pass_wall;
}

/* `seen`: the serial under which the record was last seen, 0 never. `is_kept`: it will be noted. */
static void count_record(struct listing *listing, uint64_t seen, bool is_kept, int64_t created)
{
    if (seen == listing->serial)
        return;
    listing->records++;
    listing->fresh += is_kept && seen < listing->first_serial;
    listing->younger += is_younger(listing, created);
}

static int take_disks(struct listing *listing, const struct cloud_answer *answer)
{
    struct store *store = listing->store;
    for (size_t i = 0; i < answer->count; i++) {
        const struct disk_record *record = &answer->disks[i];
        const struct disk *known = catalogue_disk(&store->catalogue, record->id);
        bool is_kept = store_shows_disk(store, record->id);
        count_record(listing, known != NULL ? known->seen : 0, is_kept, record->created);
        if (!is_kept)
            continue;
        int status = catalogue_put_disk(&store->catalogue, record, listing->asked, listing->serial);
        if (status != 0)
            return status;
    }
    return 0;
}

/* It was accepted, and rmdir has said so; the reason never reaches us. */
static void tell_failed_deletion(struct store *store, const struct snapshot *snapshot)
{
    const char *disk = disk_text(snapshot->disk, DISK_ID),
               *id = snapshot_text(snapshot, SNAPSHOT_ID);
    struct cloud_error error = {0};
    char path[200];
    if ((snapshot->pending & PENDING_DELETE) == 0)
        return;
    snprintf(path, sizeof(path), "%sdisks/%s/snapshots/%s", store->settings.prefix, disk, id);
    cloud_error_set(&error, -EREMOTEIO, CLOUD_REFUSED, CLOUD_FINAL, "",
                    "the cloud accepted the deletion and could not carry it out: the snapshot is "
                    "still there");
    store_fail(store, disk, id, path, "rmdir", &error);
}

static int take_snapshots(struct listing *listing, const struct cloud_answer *answer)
{
    struct store *store = listing->store;
    int64_t now = clock_now(), wall = client_server_time(store->client);
    for (size_t i = 0; i < answer->count; i++) {
        const struct snapshot_record *record = &answer->snapshots[i];
        const struct snapshot *known = catalogue_snapshot(&store->catalogue, record->id);
        bool is_kept = store_shows_disk(store, record->disk_id[0] != '\0' ? record->disk_id
                                                                          : CATALOGUE_NO_DISK);
        if (known != NULL && record->deletion_failed &&
            snapshot_more(known)->mutated <= listing->asked)
            tell_failed_deletion(store, known);
        count_record(listing, known != NULL ? known->seen : 0, is_kept, record->created);
        if (!is_kept)
            continue;
        int status = catalogue_put_snapshot(&store->catalogue, record, listing->asked,
                                            listing->serial, now, wall);
        if (status != 0)
            return status;
    }
    return 0;
}

static int take_marker(struct listing *listing, const struct cloud_answer *answer)
{
    if (answer->next == NULL)
        return 0;
    if (listing->at_end) {
        cloud_error_set(&listing->error, -EPROTO, CLOUD_REFUSED, CLOUD_FINAL, "",
                        "a listing whose pages lead in a circle");
        return -EPROTO;
    }
    listing->marked = true;
    listing->marker = strdup(answer->next);
    return listing->marker != NULL ? 0 : -ENOMEM;
}

static int take_page(struct listing *listing, const struct page *page,
                     const struct cloud_answer *answer)
{
    int64_t before = listing->records;
    if (page->offset > 0)
        listing->store->last_page = clock_now();
    listing_note_totals(listing, page, answer);
    int status = listing->verb == CLOUD_DESCRIBE_DISKS ? take_disks(listing, answer)
                                                       : take_snapshots(listing, answer);
    /* What is new comes at the end, so no page repeats others wholly; unless offsets are ignored,
     * and then there is no end. */
    if (answer->count > 0 && answer->unreadable == 0 && listing->records == before)
        listing->at_end = true;
    listing_show_progress(listing);
    return status == 0 ? take_marker(listing, answer) : status;
}

/* --- the end ------------------------------------------------------------------------- */

/* A listing that was overtaken by a later one does not make what is known older. */
static void note_age(int64_t *age, const struct listing *listing)
{
    if (*age < listing->asked)
        *age = listing->asked;
}

static int complete_snapshots(struct listing *listing, bool is_whole, int64_t now)
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
        if (is_whole)
            catalogue_sweep_snapshots(catalogue, disk, listing->first_serial, listing->asked, now,
                                      wall);
        note_age(&disk->listed, listing);
        return 0;
    }
    for (size_t i = 0; i < catalogue->disk_count && status == 0; i++)
        status = catalogue_name_new(catalogue, catalogue->disks[i]);
    if (status != 0)
        return status;
    if (is_whole)
        catalogue_sweep_snapshots(catalogue, NULL, listing->first_serial, listing->asked, now,
                                  wall);
    note_age(&catalogue->snapshots_listed, listing);
    catalogue_tidy(catalogue);
    return 0;
}

static int complete(struct listing *listing, bool is_whole)
{
    struct catalogue *catalogue = &listing->store->catalogue;
    if (listing->verb == CLOUD_DESCRIBE_SNAPSHOTS)
        return complete_snapshots(listing, is_whole, clock_now());
    if (listing->by_id) {
        struct disk *disk = catalogue_disk(catalogue, listing->disk_id);
        if (is_whole && disk != NULL && disk->seen < listing->first_serial)
            catalogue_disk_is_gone(catalogue, disk, listing->asked);
        return 0;
    }
    if (is_whole)
        catalogue_sweep_disks(catalogue, listing->first_serial, listing->asked);
    note_age(&catalogue->disks_listed, listing);
    return 0;
}

static void free_listing(struct listing *listing)
{
    free(listing->disk_id);
    free(listing->marker);
    free(listing);
}

/* Whoever only looked wants to know why as well; but not once for every look while the cloud is
 * away. */
static void record_failure(struct listing *listing)
{
    struct store *store = listing->store;
    int64_t now = clock_now();
    struct failed_question *failed = &store->failed[listing->verb == CLOUD_DESCRIBE_SNAPSHOTS];
    bool news = failed->failed == 0 || failed->status != listing->status ||
                now - failed->recorded >= FAILURE_INTERVAL;
    failed->asked = listing->asked;
    failed->failed = now;
    failed->status = listing->status;
    if (!news || listing->error.status == 0)
        return;
    failed->recorded = now;
    char path[200];
    bool of_snapshots = listing->verb == CLOUD_DESCRIBE_SNAPSHOTS;
    if (listing->disk_id != NULL)
        snprintf(path, sizeof(path), "%sdisks/%s%s", store->settings.prefix, listing->disk_id,
                 of_snapshots ? "/snapshots" : "");
    else
        snprintf(path, sizeof(path), "%s%s", store->settings.prefix,
                 of_snapshots ? "snapshots" : "disks");
    store_fail(store, listing->disk_id, NULL, path, "look", &listing->error);
}

static void finish(struct listing *listing)
{
    struct store *store = listing->store;
    if (listing->status == 0) {
        /* What it did show is taken in and named all the same. */
        int verdict = listing_judge(listing);
        listing->status = complete(listing, verdict == 0);
        if (listing->status == 0 && verdict < 0)
            listing->status = verdict;
    }
    if (listing->status == 0) {
        store->last_success = clock_now();
        store->failed[listing->verb == CLOUD_DESCRIBE_SNAPSHOTS].failed = 0;
    } else {
        record_failure(listing);
    }
    store->listings_done++;
    log_progress("%s", "");
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
    /* What the marker named is gone: from the beginning. */
    if (listing->marked && answer->error.status == -ENOENT && listing->pass < PASS_LIMIT) {
        listing->store->passes_repeated++;
        listing->status = begin_pass(listing);
        if (listing->status == 0)
            return;
    }
    if (listing->status == 0 && answer->error.status != 0) {
        listing->status = answer->error.status;
        listing->error = answer->error;
        /* Where a listing should be there is none; that is no word about what was looked for. */
        if (listing->status == -ENOENT)
            listing->status = listing->error.status = -EPROTO;
    }
    if (listing->status == 0)
        listing->status = take_page(listing, page, answer);
    if (listing->status == 0 &&
        (listing->next_offset > RECORD_LIMIT || listing->records > RECORD_LIMIT)) {
        cloud_error_set(&listing->error, -EPROTO, CLOUD_REFUSED, CLOUD_FINAL, "",
                        "a listing of more than %d records", RECORD_LIMIT);
        listing->status = -EPROTO;
    }
    submit_pages(listing);
    if (listing->outstanding > 0)
        return;
    if (listing->status == 0 && listing_is_doubtful(listing)) {
        listing->doubted = true;
        listing->reach = (int64_t)listing->next_offset + 1;
        submit_pages(listing);
        if (listing->outstanding > 0)
            return;
    }
    if (listing->status == 0 && !listing_adds_up(listing) && !listing_is_stable(listing) &&
        listing->pass < PASS_LIMIT) {
        log_debug("listing changed while it was read: %lld records, totals %lld to %lld; reading "
                  "it again",
                  (long long)listing->records, (long long)listing->told_first,
                  (long long)listing->told_most);
        listing->store->passes_repeated++;
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

/* Pages that were asked for while nobody waited are hurried up. */
static void join(struct listing *listing, struct store_waiter *waiter)
{
    waiter_add(&listing->waiters, waiter);
    for (size_t i = 0; i < PAGE_WINDOW; i++) {
        const struct page *page = &listing->pages[i];
        if (page->call != NULL)
            client_hurry(page->call, turn_of(listing, page->offset));
    }
    submit_pages(listing);
}

bool listing_is_under_way(const struct store *store, enum cloud_verb verb, const char *disk_id,
                          bool by_id, int64_t since)
{
    return find_listing(store, verb, disk_id, by_id, since) != NULL;
}

int listing_want(struct store *store, enum cloud_verb verb, const char *disk_id, bool by_id,
                 int64_t since, struct store_waiter *waiter)
{
    struct listing *listing = find_listing(store, verb, disk_id, by_id, since);
    if (listing != NULL) {
        if (waiter != NULL)
            join(listing, waiter);
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
    listing->expected = waiter == NULL;
    if (waiter != NULL)
        waiter_add(&listing->waiters, waiter);
    if (disk_id != NULL)
        listing->disk_id = strdup(disk_id);
    if ((disk_id != NULL && listing->disk_id == NULL) || begin_pass(listing) != 0) {
        if (waiter != NULL)
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
