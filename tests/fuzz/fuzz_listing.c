/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings of several pages: the input says what the account has, what happens to it between two
 * pages, and how the answers are wrong.  What is there and was known is never lost, nothing is
 * there twice, a listing ends, and one honest listing later the mount shows the truth.
 *
 * One listing has one kind of trouble: a total that is short by as many as duplicates hide cannot
 * be told from the truth.
 */
#include "fuzz.h"

#include "../unit/fake_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISK       "disk-0001"
#define MOST       36 /* snapshots at the beginning */
#define LEAVE_MOST 3  /* deletions in one listing: fewer than the places on a page */

enum trouble { NONE, MOVES, TOTALS, DUPLICATES, UNREADABLE, UNTOLD, FAILURES, TROUBLE_COUNT };

static struct {
    const uint8_t *data;
    size_t size;
    enum trouble trouble;
    unsigned left, made;
} input;

static unsigned take(unsigned below)
{
    if (input.size == 0)
        return 0;
    input.size--;
    return *input.data++ % below;
}

/* --- trouble ---------------------------------------------------------------------------- */

static void come(void)
{
    char id[32], name[32];
    if (fake.snapshot_count >= FAKE_LEGION / 2)
        return;
    snprintf(id, sizeof(id), "snap-late%04u", input.made);
    snprintf(name, sizeof(name), "late%u", input.made++ % 3); /* twins among them */
    fake_add_snapshot(id, DISK, name, world_wall() - FAKE_EPOCH);
}

static void change_account(const struct cloud_call *call)
{
    unsigned what = take(4);
    if (call->verb != CLOUD_DESCRIBE_SNAPSHOTS || input.trouble != MOVES)
        return;
    if (what == 1 && fake.snapshot_count > 0 && input.left < LEAVE_MOST) {
        input.left++;
        fake_remove(fake.snapshots[take((unsigned)fake.snapshot_count)].id);
    } else if (what == 2) {
        come();
    } else if (what == 3 && fake.snapshot_count > 0) {
        struct fake_snapshot *one = &fake.snapshots[take((unsigned)fake.snapshot_count)];
        snprintf(one->name, sizeof(one->name), "renamed%u", take(3));
    }
}

static void spoil(const struct cloud_call *call, struct cloud_answer *answer)
{
    unsigned one = take(256), other = take(256);
    if (call->verb != CLOUD_DESCRIBE_SNAPSHOTS)
        return;
    if (input.trouble == TOTALS) {
        /* It does not deny that there are any: an empty account may be true. */
        answer->total += (int64_t)(one % 64) - 32;
        if (answer->total < 1)
            answer->total = 1;
    } else if (input.trouble == UNTOLD) {
        answer->total = -1;
    } else if (input.trouble == DUPLICATES && answer->count > 0) {
        answer->snapshots[one % answer->count] = answer->snapshots[other % answer->count];
    } else if (input.trouble == UNREADABLE && answer->count > 0 && one % 3 == 0) {
        answer->snapshots[other % answer->count] = answer->snapshots[answer->count - 1];
        answer->count--;
        answer->unreadable++;
    } else if (input.trouble == FAILURES && one % 4 == 0) {
        cloud_error_set(&answer->error, -EPROTO, CLOUD_UNKNOWN, CLOUD_FINAL, "", "spoilt");
        answer->count = 0;
    }
}

static void shuffle(const struct cloud_call *call, int64_t *latency)
{
    (void)call;
    *latency = 1 + take(40);
}

/* --- what must hold --------------------------------------------------------------------- */

static struct {
    struct store_waiter waiter;
    bool ready;
    int status;
} looker;

static void ready(void *data, int status)
{
    (void)data;
    looker.ready = true;
    looker.status = status;
}

static int list(void)
{
    memset(&looker, 0, sizeof(looker));
    looker.waiter.ready = ready;
    fake_forget_calls();
    world_run(1);
    store_refresh(store);
    int status = store_want(store, WANT_SNAPSHOTS, NULL, &looker.waiter);
    fuzz_require(status == -EINPROGRESS);
    for (int i = 0; i < 1000 && !looker.ready; i++)
        world_run(50);
    fuzz_require(looker.ready);
    fuzz_require(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] <= 3 * (FAKE_LEGION / FAKE_PAGE + 2 * 16));
    return looker.status;
}

static bool is_shown(const char *id)
{
    const struct snapshot *snapshot = catalogue_snapshot(store_catalogue(store), id);
    return snapshot != NULL && snapshot_is_visible(snapshot);
}

static void require_nothing_twice(void)
{
    const struct disk *disk = catalogue_disk(store_catalogue(store), DISK);
    for (size_t i = 0; disk != NULL && i < disk->count; i++) {
        const struct snapshot *snapshot = disk_snapshot(disk, i);
        if (snapshot_is_visible(snapshot))
            fuzz_require(catalogue_entry(store_catalogue(store), disk, snapshot_entry(snapshot)) ==
                         snapshot);
    }
}

static void require_truth(void)
{
    input.trouble = NONE;
    /* With every call of honest answers: the last pages may have come a moment ago. */
    world_run(5000);
    fuzz_require(list() == 0);
    const struct disk *disk = catalogue_disk(store_catalogue(store), DISK);
    fuzz_require((disk != NULL ? catalogue_visible_count(disk) : 0) == fake.snapshot_count);
    for (size_t i = 0; i < fake.snapshot_count; i++)
        fuzz_require(is_shown(fake.snapshots[i].id));
}

static void trouble(void)
{
    static char known[FAKE_LEGION][32];
    size_t count = fake.snapshot_count;
    for (size_t i = 0; i < count; i++)
        memcpy(known[i], fake.snapshots[i].id, sizeof(known[i]));
    input.trouble = (enum trouble)take(TROUBLE_COUNT);
    input.left = 0;
    int status = list();
    fuzz_require(status == 0 || status == -EPROTO);
    for (size_t i = 0; i < count; i++)
        fuzz_require(fake_find(known[i]) == NULL || is_shown(known[i]));
    require_nothing_twice();
    require_truth();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&input, 0, sizeof(input));
    input.data = data;
    input.size = size < 1024 ? size : 1024;
    fake_world_set_up(NULL);
    fake_add_disk(DISK, "one");
    fake_add_many(take(MOST));
    fake.before = change_account;
    fake.spoil = spoil;
    fake.submitted = shuffle;
    require_truth();
    for (int i = 0; i < 3 && input.size > 0; i++)
        trouble();
    fuzz_require(fake_world_tear_down(NULL) == 0);
    return 0;
}
