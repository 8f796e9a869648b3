/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a listing whole?
 *
 * A listing is all that ever removes something from view, so it removes nothing unless it is whole.
 * It is not when a record in it has no usable id (that may be the one which is missing),
 * when two passes found the same and fewer than the cloud says there are (a record shown twice may
 * stand where another should), or when no two passes found the same.  The first two are failures
 * that are told; the third is a busy account.
 *
 * A total that is too small is found out by the records behind it, with one exception: a last page
 * that is full looks like the end.  To doubt it always would cost each account of 100 or 200
 * records a call; it is doubted when it would make something vanish, or when the disks count more
 * snapshots than were listed.
 *
 * Pages that follow markers lose nothing to a deletion elsewhere, so there all is well when as many
 * old records were seen as the first page told of.
 */
#include "listing_internal.h"

#include "cbsfs/clock.h"

#include <errno.h>

void listing_note_totals(struct listing *listing, const struct page *page,
                         const struct cloud_answer *answer)
{
    int64_t limit = (int64_t)listing->store->provider->page_limit;
    int64_t size = (int64_t)(answer->count + answer->unreadable);
    int64_t end = (int64_t)page->offset + size, told = answer->total;
    bool is_full = size >= limit;
    listing->untold = listing->untold || told < 0;
    if (page->offset == 0)
        listing->told_first = told;
    if (told > listing->told_most)
        listing->told_most = told;
    /* A full page that reaches beyond the total, or no total at all: there may be one more page. */
    bool has_doubt = is_full && (told < end || (listing->doubted && told == end));
    int64_t reach = has_doubt ? end + 1 : told > end ? told : end;
    if (reach > listing->reach)
        listing->reach = reach;
    if (end > listing->farthest) {
        listing->farthest = end;
        listing->last_is_full = is_full;
    }
    listing->unreadable += (int64_t)answer->unreadable;
    if (size == 0)
        listing->at_end = true;
}

static bool is_one_page(const struct listing *listing)
{
    return listing->next_offset <= listing->store->provider->page_limit;
}

bool listing_adds_up(const struct listing *listing)
{
    if (listing->untold || listing->by_id)
        return true;
    if (listing->marked)
        return listing->records + listing->unreadable - listing->younger >= listing->told_first;
    if (is_one_page(listing)) /* is one moment */
        return listing->records + listing->unreadable >= listing->told_most;
    /* All that there was when it began was seen if what was seen and is not younger is as many.
     * With the least total instead, a deletion could hide behind a creation. */
    return listing->records + listing->unreadable == listing->told_most &&
           listing->younger == listing->told_most - listing->told_first;
}

/* Two passes have shown the same. */
bool listing_is_stable(const struct listing *listing)
{
    return listing->pass > 1 && listing->records == listing->before && listing->fresh == 0;
}

static size_t count_unseen(const struct listing *listing)
{
    const struct catalogue *catalogue = &listing->store->catalogue;
    if (listing->verb == CLOUD_DESCRIBE_DISKS)
        return catalogue_count_unseen_disks(catalogue, listing->first_serial, listing->asked);
    const struct disk *disk = NULL;
    if (listing->disk_id != NULL)
        disk = catalogue_disk(catalogue, listing->disk_id);
    return catalogue_count_unseen_snapshots(catalogue, disk, listing->first_serial, listing->asked,
                                            clock_now());
}

/* What the disks say of their snapshots: more than were listed? */
static bool disks_know_more(const struct listing *listing)
{
    const struct catalogue *catalogue = &listing->store->catalogue;
    int64_t count = 0;
    if (listing->verb != CLOUD_DESCRIBE_SNAPSHOTS || listing->disk_id != NULL)
        return false;
    for (size_t i = 0; i < catalogue->disk_count; i++) {
        if (catalogue->disks[i]->exists && catalogue->disks[i]->snapshot_count > 0)
            count += catalogue->disks[i]->snapshot_count;
    }
    return count > listing->records;
}

/* True if a full last page should not be taken for the end. */
bool listing_is_doubtful(const struct listing *listing)
{
    return !listing->marked && !listing->doubted && !listing->by_id && !listing->at_end &&
           listing->last_is_full && listing->unreadable == 0 &&
           (count_unseen(listing) > 0 || disks_know_more(listing));
}

/* After the last pass: 0 it is whole, 1 it is not but for a reason that passes, -EPROTO. */
int listing_judge(struct listing *listing)
{
    bool is_known_whole =
        listing_adds_up(listing) || (listing_is_stable(listing) &&
                                     listing->records + listing->unreadable >= listing->told_most);
    struct cloud_error *error = &listing->error;
    if (listing->unreadable > 0)
        cloud_error_set(error, -EPROTO, CLOUD_REFUSED, CLOUD_FINAL, "",
                        "records without a usable id in a listing: %lld; it removes nothing",
                        (long long)listing->unreadable);
    else if (!is_known_whole && listing_is_stable(listing))
        cloud_error_set(error, -EPROTO, CLOUD_REFUSED, CLOUD_FINAL, "",
                        "a listing of %lld records says that there are %lld; it removes nothing",
                        (long long)listing->records, (long long)listing->told_most);
    else
        return is_known_whole ? 0 : 1;
    return -EPROTO;
}
