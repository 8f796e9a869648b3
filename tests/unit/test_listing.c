/* SPDX-License-Identifier: Apache-2.0 */
/* Listings over many pages, of an account that holds still and of one that does not. */
#include "fake_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DISK "disk-0001"

static void learn_disks(void)
{
    fake_add_disk(DISK, "one");
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    fake_forget_calls();
}

/* What the mount shows is what the cloud has. */
static void assert_same(void)
{
    assert_int_equal(visible(DISK), fake.snapshot_count);
    for (size_t i = 0; i < fake.snapshot_count; i++) {
        const struct snapshot *snapshot = known(fake.snapshots[i].id);
        assert_non_null(snapshot);
        assert_true(snapshot_is_visible(snapshot));
        assert_string_equal(entry_id(DISK, fake.snapshots[i].name), fake.snapshots[i].id);
    }
}

static void test_pages_at_rest(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 9, 10, 11, 20, 21, 45, 100, 200, 201, 399};
    learn_disks();
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        fake.snapshot_count = 0;
        fake_add_many(counts[i]);
        fake_forget_calls();
        store_refresh(store);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        unsigned pages = (unsigned)(counts[i] + FAKE_PAGE - 1) / FAKE_PAGE;
        assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], pages > 0 ? pages : 1);
        assert_same();
        world_run(1000);
    }
}

/* --- pages that follow markers ------------------------------------------------------- */

static void test_markers_at_rest(void **state)
{
    (void)state;
    static const struct {
        size_t count, page_most;
        unsigned calls;
    } cases[] = {{0, 0, 1},  {9, 0, 1},   {10, 0, 2},  {11, 0, 2},
                 {45, 0, 5}, {45, 4, 12}, {399, 0, 40}};
    fake.marks = true;
    learn_disks();
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        size_t which = i / 2;
        fake.total_unknown = i % 2 == 1;
        fake.page_most = cases[which].page_most;
        fake.snapshot_count = 0;
        fake_add_many(cases[which].count);
        fake_forget_calls();
        store_refresh(store);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], cases[which].calls);
        assert_int_equal(fake.most_in_flight, 1);
        assert_same();
        world_run(1000);
    }
}

static const char *victim;

/* Between the second page and the third. */
static void remove_victim(const struct cloud_call *call)
{
    if (call->marker != NULL && strcmp(call->marker, "snap-00000019") == 0 && victim != NULL) {
        fake_remove(victim);
        victim = NULL;
    }
}

static void test_markers_and_deletions(void **state)
{
    (void)state;
    /* On a page that was read, the marker itself, on a page to come. */
    static const char *const victims[] = {"snap-00000003", "snap-00000019", "snap-00000025"};
    fake.marks = true;
    learn_disks();
    for (size_t i = 0; i < 2 * sizeof victims / sizeof *victims; i++) {
        fake.total_unknown = i % 2 == 1;
        fake.snapshot_count = 0;
        fake_add_many(45);
        fake.before = NULL;
        store_refresh(store);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        assert_same();
        victim = victims[i / 2];
        fake.before = remove_victim;
        store_refresh(store);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        assert_null(victim);
        for (size_t at = 0; at < fake.snapshot_count; at++)
            assert_non_null(known(fake.snapshots[at].id));
        fake.before = NULL;
        store_refresh(store);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        assert_same();
    }
}

static void lead_in_a_circle(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb == CLOUD_DESCRIBE_SNAPSHOTS && call->marker != NULL)
        answer->next = answer->snapshots[0].id;
}

/* And whoever ignores the marker. */
static void test_markers_that_lead_nowhere(void **state)
{
    (void)state;
    fake.marks = true;
    learn_disks();
    fake_add_many(25);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_same();
    fake.spoil = lead_in_a_circle;
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EPROTO);
    assert_same();
    fake.spoil = NULL;
    world_run(60000);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
}

/* A first page that tells of more than come is read again, and then takes nothing away. */
static void test_markers_and_a_total_that_lies(void **state)
{
    (void)state;
    fake.marks = true;
    learn_disks();
    fake_add_many(25);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    fake.snapshot_count = 15;
    fake.total_lie = 10;
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EPROTO);
    assert_int_equal(visible(DISK), 25);
}

static void test_side_by_side(void **state)
{
    (void)state;
    learn_disks();
    fake_add_many(100);
    int64_t before = fake.now;
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    /* The first tells how many there are, the others come together. */
    assert_true(fake.now - before <= 2 * fake.latency);
    assert_int_equal(fake.most_in_flight, 9);
    fake.snapshot_count = 0;
    fake_add_many(390);
    fake_forget_calls();
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(fake.most_in_flight, 16);
    assert_same();
}

static void backwards(const struct cloud_call *call, int64_t *latency)
{
    *latency = 1000 - call->offset;
}

static void test_answers_in_any_order(void **state)
{
    (void)state;
    learn_disks();
    fake_add_many(95);
    fake.submitted = backwards;
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 10);
    assert_same();
    /* Oldest first, however they came. */
    const struct disk *disk = catalogue_disk(store_catalogue(store), DISK);
    for (size_t i = 1; i < disk->count; i++)
        assert_true(snapshot_created(disk_snapshot(disk, i - 1)) <
                    snapshot_created(disk_snapshot(disk, i)));
}

/* --- an account that changes between two pages --------------------------------------- */

static unsigned pages_seen, change_at, times_left;
static void (*the_change)(void);

static void change_between(const struct cloud_call *call)
{
    if (call->verb != CLOUD_DESCRIBE_SNAPSHOTS || ++pages_seen != change_at || times_left == 0)
        return;
    times_left--;
    pages_seen = 0;
    the_change();
}

/* Changes the world before the `nth` page, `times` times over. */
static void change_before_page(unsigned nth, unsigned times, void (*change)(void))
{
    pages_seen = 0;
    change_at = nth;
    times_left = times;
    the_change = change;
    fake.before = change_between;
}

static unsigned made_late;

static void create_late(void)
{
    char id[32], name[32];
    snprintf(id, sizeof(id), "snap-late%04u", made_late);
    snprintf(name, sizeof(name), "late%u", made_late++);
    fake_add_snapshot(id, DISK, name, world_wall() - FAKE_EPOCH);
}

static void delete_early(void)
{
    fake_remove(fake.snapshots[2].id);
}

static void delete_and_create(void)
{
    delete_early();
    create_late();
}

static void delete_many(void)
{
    for (int i = 0; i < 25; i++)
        fake_remove(fake.snapshots[0].id);
}

static void create_many(void)
{
    for (int i = 0; i < 25; i++)
        create_late();
}

static void delete_two_and_create_one(void)
{
    delete_early();
    delete_and_create();
}

static void test_changes_between_pages(void **state)
{
    (void)state;
    static void (*const changes[])(void) = {create_late, delete_early, delete_and_create,
                                            delete_many, create_many,  delete_two_and_create_one};
    learn_disks();
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        for (unsigned page = 1; page <= 6; page++) {
            fake.snapshot_count = 0;
            fake_add_many(55);
            fake.before = NULL;
            store_refresh(store);
            world_run(200000);
            assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
            assert_same();
            /* The pass begins in one second and the change comes in a later one. */
            fake.latency = 4000;
            change_before_page(page, 1, changes[i]);
            store_refresh(store);
            world_run(100);
            fake_forget_calls();
            assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
            assert_int_equal(times_left, 0);
            /* What left while the listing ran may be shown until the next one; nothing that is
             * there may be missing. */
            for (size_t j = 0; j < fake.snapshot_count; j++) {
                assert_non_null(known(fake.snapshots[j].id));
                assert_true(snapshot_is_visible(known(fake.snapshots[j].id)));
            }
            assert_true(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] <= 3 * 8);
            fake.latency = 20;
        }
    }
}

/* The same when everything happens within one second of the cloud's clock: a creation then does not
 * tell by its time that it came later. */
static void test_changes_within_a_second(void **state)
{
    (void)state;
    learn_disks();
    for (unsigned page = 2; page <= 6; page++) {
        fake.snapshot_count = 0;
        fake_add_many(55);
        fake.before = NULL;
        world_run(200000);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        world_run(200000 - fake.now % 1000);
        change_before_page(page, 1, delete_and_create);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        assert_int_equal(times_left, 0);
        for (size_t j = 0; j < fake.snapshot_count; j++)
            assert_non_null(known(fake.snapshots[j].id));
    }
}

/* However restless the account, a listing ends. */
static void test_passes_are_bounded(void **state)
{
    (void)state;
    learn_disks();
    fake_add_many(95);
    change_before_page(5, 1000, delete_and_create);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_true(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] > 10);
    assert_true(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] <= 3 * 11);
    /* Each pass misses another record; what any of them has shown is there. */
    for (size_t j = 0; j < fake.snapshot_count; j++) {
        if (strncmp(fake.snapshots[j].name, "late", 4) != 0)
            assert_non_null(known(fake.snapshots[j].id));
    }
    fake.before = NULL;
    world_run(1);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    for (size_t j = 0; j < fake.snapshot_count; j++)
        assert_true(snapshot_is_visible(known(fake.snapshots[j].id)));
    assert_int_equal(visible(DISK), fake.snapshot_count);
}

/* --- totals that lie ----------------------------------------------------------------- */

static void test_totals_that_lie(void **state)
{
    (void)state;
    static const int64_t lies[] = {-1, -5, -11, 1, 5, 30};
    static const size_t counts[] = {0, 5, 10, 20, 21, 55};
    learn_disks();
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
            fake.snapshot_count = 0;
            fake_add_many(counts[j]);
            fake.total_lie = 0;
            world_run(100000);
            assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
            fake.total_lie = (int64_t)counts[j] + lies[i] >= 0 ? lies[i] : -(int64_t)counts[j];
            fake_forget_calls();
            world_run(100000);
            /* Those that it promises and does not show may be any. */
            assert_int_equal(look(WANT_SNAPSHOTS, NULL), lies[i] > 0 ? -EPROTO : 0);
            assert_same();
            assert_true(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] <= 3 * (counts[j] / FAKE_PAGE + 5));
        }
    }
}

/* Pages that lie behind an empty one are not asked for. */
static void test_total_beyond_all_measure(void **state)
{
    (void)state;
    learn_disks();
    fake_add_many(25);
    fake.total_lie = 1000000;
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EPROTO);
    assert_same();
    assert_true(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] <= 2 * (2 + 2 * 16));
    /* Behind a page that is not full they are looked for one by one. */
    fake.snapshot_count = 5;
    fake_forget_calls();
    world_run(100000);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EPROTO);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 2 * 2);
    /* What left meanwhile stays, until the cloud agrees with itself. */
    assert_int_equal(visible(DISK), 25);
    assert_non_null(strstr(shown(store_put_errors), "it removes nothing"));
    assert_non_null(strstr(shown(store_put_stats), "\nstale 1\n"));
    fake.total_lie = 0;
    world_run(100000);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_same();
    assert_non_null(strstr(shown(store_put_stats), "\nstale 0\n"));
}

/* A total that ends on a full page says nothing about what is behind; a call more does, and it is
 * made when something would vanish or the disks know of more. */
static void test_lie_on_a_boundary(void **state)
{
    (void)state;
    static const size_t pages[] = {1, 2, 4};
    learn_disks();
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        fake.snapshot_count = 0;
        fake_add_many(pages[i] * FAKE_PAGE + 5);
        fake.total_lie = 0;
        world_run(200000);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        fake.total_lie = -5;
        world_run(100000);
        fake_forget_calls();
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        assert_same();
        assert_true(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] <= 2 * (pages[i] + 1));
        /* One that is honest, after a deletion: one call more; and at rest: none. */
        fake.total_lie = 0;
        fake.snapshot_count = pages[i] * FAKE_PAGE;
        for (unsigned more = 1; more <= 1; more--) {
            world_run(100000);
            fake_forget_calls();
            assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
            assert_same();
            assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], pages[i] + more);
        }
    }
}

static int64_t told_count;

static void tell_count(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb == CLOUD_DESCRIBE_DISKS)
        answer->disks[0].snapshot_count = told_count;
}

static void test_lie_that_the_disks_betray(void **state)
{
    (void)state;
    told_count = 25;
    fake.spoil = tell_count;
    learn_disks();
    fake_add_many(25);
    fake.total_lie = -5;
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_same();
    fake.total_lie = 0;
    fake.snapshot_count = 20;
    told_count = 20;
    world_run(100000);
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    world_run(100000);
    fake_forget_calls();
    assert_int_equal(look(WANT_DISKS, NULL), 0);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 2);
}

/* --- records that cannot be read ----------------------------------------------------- */

static size_t spoilt_place;

/* What comes on its page at this place has no id any more. */
static void take_the_id(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb != CLOUD_DESCRIBE_SNAPSHOTS || spoilt_place >= answer->count)
        return;
    for (size_t i = spoilt_place + 1; i < answer->count; i++)
        answer->snapshots[i - 1] = answer->snapshots[i];
    answer->count--;
    answer->unreadable++;
}

static void test_record_without_an_id(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 9, 10, 11, 25, 30};
    learn_disks();
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (spoilt_place = 0; spoilt_place < 10; spoilt_place += 3) {
            fake.spoil = NULL;
            fake.snapshot_count = 0;
            fake_add_many(counts[i]);
            world_run(200000);
            assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
            fake.spoil = take_the_id;
            create_late();
            world_run(100000);
            fake_forget_calls();
            assert_int_equal(look(WANT_SNAPSHOTS, NULL),
                             spoilt_place < counts[i] + 1 ? -EPROTO : 0);
            /* Nobody vanished; the others are up to date; and it is not asked more often. */
            for (size_t j = 0; j < counts[i]; j++)
                assert_true(snapshot_is_visible(known(fake.snapshots[j].id)));
            assert_true(store_life(store, WANT_SNAPSHOTS, NULL) > 0);
            assert_true(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] <= counts[i] / FAKE_PAGE + 1);
        }
    }
    fake.spoil = NULL;
    world_run(100000);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_same();
}

/* The same for the disks, in a listing and when one is asked for. */
static void take_all_disks(const struct cloud_call *call, struct cloud_answer *answer)
{
    if (call->verb == CLOUD_DESCRIBE_DISKS) {
        answer->unreadable = answer->count;
        answer->count = 0;
    }
}

static void test_disk_without_an_id(void **state)
{
    (void)state;
    learn_disks();
    fake.spoil = take_all_disks;
    store_refresh_disk(store, DISK);
    world_run(10);
    assert_int_equal(look(WANT_DISK, DISK), -EPROTO);
    assert_true(catalogue_disk(store_catalogue(store), DISK)->exists);
    world_run(40000);
    assert_int_equal(look(WANT_DISKS, NULL), -EPROTO);
    assert_true(catalogue_disk(store_catalogue(store), DISK)->exists);
}

/* The cloud ignores where a page begins, and promises for ever. */
static void same_page(const struct cloud_call *call, struct cloud_answer *answer)
{
    static char ids[FAKE_PAGE][32];
    static const json_t *raw;
    if (call->verb != CLOUD_DESCRIBE_SNAPSHOTS)
        return;
    if (answer->count > 0)
        raw = answer->snapshots[0].raw;
    free(answer->snapshots);
    answer->snapshots = calloc(FAKE_PAGE, sizeof *answer->snapshots);
    answer->count = FAKE_PAGE;
    answer->total = INT64_MAX;
    for (size_t i = 0; i < FAKE_PAGE; i++) {
        snprintf(ids[i], sizeof ids[i], "snap-same%04zu", i);
        answer->snapshots[i] = (struct snapshot_record){.id = ids[i],
                                                        .name = ids[i] + 5,
                                                        .disk_id = DISK,
                                                        .state = "NORMAL",
                                                        .word = "NORMAL",
                                                        .usage = "",
                                                        .type = "",
                                                        .zone = "",
                                                        .group = "",
                                                        .raw = raw};
    }
}

static void test_offsets_ignored(void **state)
{
    (void)state;
    learn_disks();
    fake.spoil = same_page;
    fake_add_many(1);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EPROTO);
    assert_int_equal(visible(DISK), FAKE_PAGE);
    assert_true(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] <= 2 * (1 + 2 * 16));
}

static void test_no_total(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 5, 10, 11, 20, 55};
    learn_disks();
    fake.total_unknown = true;
    for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
        fake.snapshot_count = 0;
        fake_add_many(counts[j]);
        world_run(100000);
        assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
        assert_same();
    }
}

/* A cloud that shows one record on two pages. */
static void test_duplicates(void **state)
{
    (void)state;
    learn_disks();
    fake_add_many(35);
    fake.snapshots[10] = fake.snapshots[9];
    /* Another may be hidden behind it. */
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EPROTO);
    assert_int_equal(visible(DISK), 34);
    assert_int_equal(store_catalogue(store)->snapshot_count, 34);
    assert_true(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS] <= 12);
}

/* --- failures ------------------------------------------------------------------------ */

static void test_failing_page(void **state)
{
    (void)state;
    learn_disks();
    fake_add_many(45);
    fake_fate(CLOUD_DESCRIBE_SNAPSHOTS, 2, FATE_REFUSED, -EACCES);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EACCES);
    /* Which of several twins is the oldest is not known, so nothing is shown yet. */
    assert_int_equal(visible(DISK), 0);
    assert_false(store_is_known(store, WANT_SNAPSHOTS, NULL));
    assert_int_equal(store_life(store, WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(fake.in_flight, 0);

    /* Nobody who asks at once is asked for; somebody who refreshes is. */
    fake_forget_calls();
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EACCES);
    assert_int_equal(look(WANT_DISK_SNAPSHOTS, DISK), -EACCES);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 0);
    world_run(1);
    store_refresh(store);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    fake_fate(CLOUD_DESCRIBE_SNAPSHOTS, 5, FATE_REFUSED, -EACCES);
    world_run(40000);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EACCES);
    world_run(1000);
    fake_forget_calls();
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 5);
    assert_same();

    /* What is known stays when asking again fails. */
    world_run(40000);
    fake_forget_calls();
    fake_fate(CLOUD_DESCRIBE_SNAPSHOTS, 0, FATE_NOT_SENT, -EHOSTUNREACH);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EHOSTUNREACH);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 1);
    assert_same();
    assert_true(store_is_known(store, WANT_SNAPSHOTS, NULL));
}

/* A page of the second pass fails: what the first has shown is no reason to remove the rest. */
static void test_failing_second_pass(void **state)
{
    (void)state;
    learn_disks();
    fake_add_many(45);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    world_run(40000);
    fake_forget_calls();
    change_before_page(3, 1, delete_early);
    fake_fate(CLOUD_DESCRIBE_SNAPSHOTS, 6, FATE_REFUSED, -EACCES);
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), -EACCES);
    for (size_t j = 0; j < fake.snapshot_count; j++)
        assert_non_null(known(fake.snapshots[j].id));
}

/* Dropped in the middle: nothing is called, nothing leaks (the tear-down looks). */
static void test_dropped(void **state)
{
    (void)state;
    static struct looker looker;
    learn_disks();
    fake_add_many(95);
    assert_true(look_begin(&looker, WANT_SNAPSHOTS, NULL));
    world_run(25);
    assert_true(fake.in_flight > 1);
    store_free(store);
    store = NULL;
    assert_int_equal(looker.ready, 0);
    assert_null(looker.waiter.link);
    assert_int_equal(fake.in_flight, 0);
}

/* --- single flight ------------------------------------------------------------------- */

static struct looker crowd[100];

static void test_single_flight(void **state)
{
    (void)state;
    learn_disks();
    fake_add_many(5);
    for (size_t i = 0; i < 100; i++) {
        assert_true(look_begin(&crowd[i], WANT_SNAPSHOTS, NULL));
        if (i == 50)
            world_run(15);
    }
    /* Some of them cannot wait any longer. */
    store_unwait(&crowd[0].waiter);
    store_unwait(&crowd[99].waiter);
    store_unwait(&crowd[40].waiter);
    store_unwait(&crowd[40].waiter);
    world_run(1000);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 1);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(crowd[i].ready, i == 0 || i == 99 || i == 40 ? 0 : 1);
        assert_int_equal(crowd[i].status, 0);
    }
}

static void unwait_another(void *data, int status)
{
    struct looker *looker = data;
    looker->ready++;
    looker->status = status;
    for (size_t i = 0; i < 10; i++)
        store_unwait(&crowd[i].waiter);
}

/* One of those who are told ends the others: they are not told any more. */
static void test_unwait_while_told(void **state)
{
    (void)state;
    learn_disks();
    for (size_t i = 0; i < 10; i++) {
        assert_true(look_begin(&crowd[i], WANT_SNAPSHOTS, NULL));
        crowd[i].waiter.ready = unwait_another;
    }
    world_run(1000);
    unsigned told = 0;
    for (size_t i = 0; i < 10; i++)
        told += crowd[i].ready;
    assert_int_equal(told, 1);
}

static void want_again(void *data, int status)
{
    struct looker *looker = data;
    (void)status;
    looker->ready++;
    looker->waiter.ready = unwait_another;
    store_refresh(store);
    fake.now++;
    store_refresh(store);
    assert_int_equal(store_want(store, WANT_SNAPSHOTS, NULL, &looker->waiter), -EINPROGRESS);
}

/* One who is told wants to know again: that is a new question, answered later. */
static void test_want_while_told(void **state)
{
    (void)state;
    learn_disks();
    assert_true(look_begin(&crowd[0], WANT_SNAPSHOTS, NULL));
    crowd[0].waiter.ready = want_again;
    world_run(1000);
    assert_int_equal(crowd[0].ready, 2);
    assert_int_equal(fake.calls[CLOUD_DESCRIBE_SNAPSHOTS], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_pages_at_rest),
        WORLD_TEST(test_side_by_side),
        WORLD_TEST(test_markers_at_rest),
        WORLD_TEST(test_markers_and_deletions),
        WORLD_TEST(test_markers_that_lead_nowhere),
        WORLD_TEST(test_markers_and_a_total_that_lies),
        WORLD_TEST(test_answers_in_any_order),
        WORLD_TEST(test_changes_between_pages),
        WORLD_TEST(test_changes_within_a_second),
        WORLD_TEST(test_passes_are_bounded),
        WORLD_TEST(test_totals_that_lie),
        WORLD_TEST(test_total_beyond_all_measure),
        WORLD_TEST(test_lie_on_a_boundary),
        WORLD_TEST(test_lie_that_the_disks_betray),
        WORLD_TEST(test_record_without_an_id),
        WORLD_TEST(test_disk_without_an_id),
        WORLD_TEST(test_offsets_ignored),
        WORLD_TEST(test_no_total),
        WORLD_TEST(test_duplicates),
        WORLD_TEST(test_failing_page),
        WORLD_TEST(test_failing_second_pass),
        WORLD_TEST(test_dropped),
        WORLD_TEST(test_single_flight),
        WORLD_TEST(test_unwait_while_told),
        WORLD_TEST(test_want_while_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
