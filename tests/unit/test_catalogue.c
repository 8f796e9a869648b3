/* SPDX-License-Identifier: Apache-2.0 */
/* Records: what a listing may overwrite and remove, and what our own changes outrank. */
#include "catalogue_room.h"

#include "cbsfs/buffer.h"

#include <stdio.h>
#include <stdlib.h>

#define ONE   "snap-aaaaaaa1"
#define TWO   "snap-aaaaaaa2"
#define THREE "snap-aaaaaaa3"

/* --- ages ---------------------------------------------------------------------------- */

static void test_newer_wins(void **state)
{
    (void)state;
    struct snapshot *one = put(ONE, "a", "CREATING", 1, 1000, 1100);
    assert_int_equal(snapshot_fetched(one), 1000);
    assert_ptr_equal(put(ONE, "a", "NORMAL", 1, 2000, 2100), one);
    assert_string_equal(snapshot_word(one), "NORMAL");
    /* An answer that was overtaken. */
    put(ONE, "a", "CREATING", 1, 1500, 2200);
    assert_string_equal(snapshot_word(one), "NORMAL");
    assert_int_equal(snapshot_fetched(one), 2000);

    assert_int_equal(put_disk(DISK, "new", 2000, 0, -1), 0);
    assert_int_equal(put_disk(DISK, "old", 1000, 0, -1), 0);
    assert_string_equal(disk_text(disk_of(DISK), DISK_NAME), "new");
    /* Nor does such an answer bring back what a later one no longer had. */
    catalogue_disk_is_gone(&catalogue, disk_of(DISK), 3000);
    assert_false(disk_of(DISK)->exists);
    assert_int_equal(put_disk(DISK, "old", 2500, 0, -1), 0);
    assert_false(disk_of(DISK)->exists);
    assert_int_equal(put_disk(DISK, "back", 4000, 0, -1), 0);
    assert_true(disk_of(DISK)->exists);
    catalogue_disk_is_gone(&catalogue, disk_of(DISK), 3500);
    assert_true(disk_of(DISK)->exists);
}

static void test_generation(void **state)
{
    (void)state;
    struct snapshot *one = put(ONE, "a", "CREATING", 1, 1000, 1000);
    name_all();
    uint64_t generation = catalogue.generation;
    uint32_t version = snapshot_more(one)->version;
    put(ONE, "a", "CREATING", 1, 2000, 2000);
    assert_int_equal(catalogue.generation, generation);
    assert_int_equal(snapshot_more(one)->version, version);
    put(ONE, "a", "NORMAL", 1, 3000, 3000);
    assert_true(catalogue.generation > generation);
    assert_int_equal(snapshot_more(one)->version, version + 1);
    assert_int_equal(snapshot_more(one)->changed, WALL + 3);
    generation = catalogue.generation;
    put(ONE, "b", "NORMAL", 1, 4000, 4000);
    assert_true(catalogue.generation > generation);
    assert_int_equal(snapshot_more(one)->version, version + 1);
}

/* --- a refresh that began before a change ended never overwrites its result ---------- */

static void test_older_record_after_a_change(void **state)
{
    (void)state;
    struct snapshot *one = put(ONE, "a", "NORMAL", 1, 1000, 1000);
    struct snapshot *two = put(TWO, "b", "NORMAL", 2, 1000, 1000);
    struct snapshot *three = put(THREE, "c", "NORMAL", 3, 1000, 1000);
    name_all();
    assert_int_equal(catalogue_renamed(&catalogue, one, "z", 5000, WALL + 5), 0);
    catalogue_deleted(&catalogue, two, 5000, WALL + 5);
    catalogue_rolling_back(&catalogue, three, 5000, WALL + 5);
    /* Asked before, answered long after every grace. */
    put(ONE, "a", "NORMAL", 1, 4000, 900000);
    put(TWO, "b", "NORMAL", 2, 4000, 900000);
    put(THREE, "c", "NORMAL", 3, 4000, 900000);
    name_all();
    assert_string_equal(at_entry("z"), ONE);
    assert_string_equal(at_entry("a"), "");
    assert_string_equal(at_entry("b"), "");
    assert_string_equal(snapshot_word(three), "ROLLBACKING");
    /* Neither does its absence say anything. */
    struct snapshot *made =
        catalogue_created(&catalogue, disk_of(DISK), "snap-new00001", "new", 6000, WALL + 6);
    catalogue_sweep_snapshots(&catalogue, NULL, 9, 4000, 900000, WALL + 900);
    assert_ptr_equal(catalogue_snapshot(&catalogue, "snap-new00001"), made);
    assert_ptr_equal(catalogue_snapshot(&catalogue, ONE), one);
    assert_string_equal(at_entry("new"), "snap-new00001");
}

static void test_created_while_listings_lag(void **state)
{
    (void)state;
    put_disk(DISK, "one", 1000, 0, -1);
    struct snapshot *made =
        catalogue_created(&catalogue, disk_of(DISK), ONE, "new", 10000, WALL + 10);
    assert_string_equal(at_entry("new"), ONE);
    assert_string_equal(snapshot_word(made), "CREATING");
    assert_int_equal(snapshot_percent(made), 0);
    assert_int_equal(snapshot_size(made), 50);
    assert_int_equal(snapshot_created(made), WALL + 10);
    assert_ptr_equal(catalogue.progress, made);
    catalogue_sweep_snapshots(&catalogue, NULL, 9, 60000, 10000 + PENDING_UNSEEN_GRACE - 1,
                              WALL + 69);
    assert_string_equal(at_entry("new"), ONE);
    catalogue_snapshot_is_gone(&catalogue, made, 60000, 10000 + PENDING_UNSEEN_GRACE - 1,
                               WALL + 69);
    assert_string_equal(at_entry("new"), ONE);
    catalogue_sweep_snapshots(&catalogue, NULL, 9, 60000, 10000 + PENDING_UNSEEN_GRACE, WALL + 70);
    assert_null(catalogue_snapshot(&catalogue, ONE));
    assert_null(catalogue.progress);
    assert_int_equal(catalogue.snapshot_count, 0);
}

/* Once it was listed it is like any other, but for the next listing, which may know less. */
static void test_created_and_listed(void **state)
{
    (void)state;
    put_disk(DISK, "one", 1000, 0, -1);
    catalogue_created(&catalogue, disk_of(DISK), ONE, "new", 10000, WALL + 10);
    struct snapshot *made = put(ONE, "new", "CREATING", 8, 11000, 11000);
    assert_int_equal(snapshot_created(made), WALL + 8);
    catalogue_sweep_snapshots(&catalogue, NULL, 9, 12000, 12000, WALL + 12);
    assert_string_equal(at_entry("new"), ONE);
    int64_t later = 10000 + PENDING_CREATE_GRACE;
    catalogue_sweep_snapshots(&catalogue, NULL, 9, later - 1, later - 1, WALL + 69);
    assert_string_equal(at_entry("new"), ONE);
    put(ONE, "new", "NORMAL", 8, later, later);
    assert_int_equal(made->pending, 0);
    catalogue_sweep_snapshots(&catalogue, NULL, 9, later, later, WALL + 70);
    assert_null(catalogue_snapshot(&catalogue, ONE));
}

static void test_deleted_while_listings_lag(void **state)
{
    (void)state;
    struct snapshot *one = put(ONE, "a", "NORMAL", 1, 1000, 1000);
    name_all();
    catalogue_deleted(&catalogue, one, 10000, WALL + 10);
    assert_int_equal(catalogue_visible_count(disk_of(DISK)), 0);
    assert_null(catalogue_latest(disk_of(DISK)));
    put(ONE, "a", "NORMAL", 1, 20000, 10000 + PENDING_DELETE_GRACE - 1);
    name_all();
    assert_false(snapshot_is_visible(one));
    assert_string_equal(at_entry(ONE), "");
    /* It was not deleted after all: it shows itself again, under its name. */
    put(ONE, "a", "NORMAL", 1, 80000, 10000 + PENDING_DELETE_GRACE);
    name_all();
    assert_true(snapshot_is_visible(one));
    assert_string_equal(at_entry("a"), ONE);
    catalogue_deleted(&catalogue, one, 90000, WALL + 90);
    /* One listing that lacks it is no proof that the next one does: it stays known, and hidden. */
    catalogue_sweep_snapshots(&catalogue, NULL, 9, 90001, 90010, WALL + 90);
    put(ONE, "a", "NORMAL", 1, 91000, 91000);
    name_all();
    assert_string_equal(at_entry("a"), "");
    catalogue_sweep_snapshots(&catalogue, NULL, 9, 160000, 90000 + PENDING_DELETE_GRACE,
                              WALL + 160);
    assert_null(catalogue_snapshot(&catalogue, ONE));
}

static void test_renamed_while_listings_lag(void **state)
{
    (void)state;
    struct snapshot *one = put(ONE, "a", "NORMAL", 1, 1000, 1000);
    name_all();
    assert_int_equal(catalogue_renamed(&catalogue, one, "b", 10000, WALL + 10), 0);
    put(ONE, "a", "NORMAL", 1, 20000, 10000 + PENDING_RENAME_GRACE - 1);
    assert_string_equal(at_entry("b"), ONE);
    assert_string_equal(snapshot_text(one, SNAPSHOT_NAME), "b");
    put(ONE, "a", "NORMAL", 1, 50000, 10000 + PENDING_RENAME_GRACE);
    assert_string_equal(at_entry("a"), ONE);
    assert_string_equal(at_entry("b"), "");
    /* A listing that shows the new name does not answer for the next one. */
    assert_int_equal(catalogue_renamed(&catalogue, one, "b", 60000, WALL + 60), 0);
    put(ONE, "b", "NORMAL", 1, 61000, 61000);
    put(ONE, "a", "NORMAL", 1, 62000, 62000);
    assert_string_equal(at_entry("b"), ONE);
    /* After the grace it can be renamed elsewhere. */
    put(ONE, "c", "NORMAL", 1, 60000 + PENDING_RENAME_GRACE, 60000 + PENDING_RENAME_GRACE);
    assert_string_equal(at_entry("c"), ONE);
}

static void test_rollback_while_listings_lag(void **state)
{
    (void)state;
    struct snapshot *one = put(ONE, "a", "NORMAL", 1, 1000, 1000);
    put_disk(DISK, "one", 1000, 0, -1);
    name_all();
    assert_null(catalogue.progress);
    catalogue_rolling_back(&catalogue, one, 10000, WALL + 10);
    assert_string_equal(snapshot_word(one), "ROLLBACKING");
    assert_int_equal(snapshot_percent(one), 0);
    assert_ptr_equal(catalogue.progress, one);
    assert_false(snapshot_is_settled(one));
    put(ONE, "a", "NORMAL", 1, 11000, 10000 + PENDING_ROLLBACK_GRACE - 1);
    assert_string_equal(snapshot_word(one), "ROLLBACKING");
    put(ONE, "a", "ROLLBACKING", 1, 12000, 12000);
    put_disk(DISK, "one", 12000, 0, 40);
    assert_string_equal(snapshot_word(one), "ROLLBACKING");
    assert_int_equal(snapshot_percent(one), 40);
    uint32_t version = snapshot_more(one)->version;
    put_disk(DISK, "one", 13000, 0, 70);
    assert_int_equal(snapshot_more(one)->version, version + 1);
    put(ONE, "a", "NORMAL", 1, 14000, 14000);
    assert_string_equal(snapshot_word(one), "NORMAL");
    assert_int_equal(snapshot_percent(one), 100);
    assert_null(catalogue.progress);
    /* One that never showed: after the grace the listing is believed. */
    put_disk(DISK, "one", 15000, 0, -1);
    catalogue_rolling_back(&catalogue, one, 20000, WALL + 20);
    put(ONE, "a", "NORMAL", 1, 24000, 20000 + PENDING_ROLLBACK_GRACE);
    assert_string_equal(snapshot_word(one), "NORMAL");
}

/* The disk shows the rollback before the snapshot does: the snapshot's NORMAL is an old one. */
static void test_rollback_shows_in_the_disk_first(void **state)
{
    (void)state;
    struct snapshot *one = put(ONE, "a", "NORMAL", 1, 1000, 1000);
    put_disk(DISK, "one", 1000, 0, -1);
    name_all();
    catalogue_rolling_back(&catalogue, one, 10000, WALL + 10);
    put_disk(DISK, "one", 12000, 0, 10);
    put(ONE, "a", "NORMAL", 1, 12000, 12000);
    assert_string_equal(snapshot_word(one), "ROLLBACKING");
    assert_int_equal(snapshot_percent(one), 10);
    assert_false(snapshot_is_settled(one));
    put_disk(DISK, "one", 14000, 0, -1);
    put(ONE, "a", "NORMAL", 1, 14000, 14000);
    assert_string_equal(snapshot_word(one), "NORMAL");
}

/* --- order and keys ------------------------------------------------------------------ */

static void test_order_and_latest(void **state)
{
    (void)state;
    struct snapshot *two = put(TWO, "b", "NORMAL", 20, 1000, 1000);
    struct snapshot *one = put(ONE, "a", "NORMAL", 10, 1000, 1000);
    struct snapshot *three = put(THREE, "c", "CREATING", 30, 1000, 1000);
    name_all();
    struct disk *disk = disk_of(DISK);
    assert_ptr_equal(disk_snapshot(disk, 0), one);
    assert_ptr_equal(disk_snapshot(disk, 1), two);
    assert_ptr_equal(disk_snapshot(disk, 2), three);
    assert_ptr_equal(catalogue_latest(disk), two);
    put(THREE, "c", "NORMAL", 30, 2000, 2000);
    assert_ptr_equal(catalogue_latest(disk), three);
    /* The cloud corrects a time: it moves. */
    put(ONE, "a", "NORMAL", 40, 3000, 3000);
    assert_ptr_equal(disk_snapshot(disk, 2), one);
    assert_ptr_equal(catalogue_latest(disk), one);
    put(ONE, "a", "NORMAL", 19, 4000, 4000);
    assert_ptr_equal(disk_snapshot(disk, 0), one);
    catalogue_rolling_back(&catalogue, three, 5000, WALL + 5);
    assert_ptr_equal(catalogue_latest(disk), two);
    assert_int_equal(disk->count, 3);
}

/* What the kernel's copies of directories are judged by: each disk once, and none that is gone. */
static void test_touched(void **state)
{
    (void)state;
    assert_null(catalogue_next_touched(&catalogue));
    put_disk("disk-0001", "a", 1000, 1, -1);
    put_disk("disk-0002", "b", 1000, 1, -1);
    put_disk("disk-0003", "c", 1000, 1, -1);
    catalogue_sweep_disks(&catalogue, 2, 2000); /* all go, as nothing is in them */
    assert_null(catalogue_next_touched(&catalogue));
    put(ONE, "a", "NORMAL", 1, 1000, 1000);
    name_all();
    assert_ptr_equal(catalogue_next_touched(&catalogue), disk_of(DISK));
    assert_null(catalogue_next_touched(&catalogue));
    put(ONE, "a", "NORMAL", 1, 2000, 2000);
    assert_null(catalogue_next_touched(&catalogue));
    put(ONE, "a", "ERROR", 1, 3000, 3000); /* no `latest` any more */
    put(ONE, "b", "ERROR", 1, 4000, 4000);
    assert_ptr_equal(catalogue_next_touched(&catalogue), disk_of(DISK));
    assert_null(catalogue_next_touched(&catalogue));
}

static void test_keys(void **state)
{
    (void)state;
    static uint64_t keys[2000];
    char id[32];
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 2000; i++) {
            unsigned number = round == 0 ? i : 1999 - i;
            snprintf(id, sizeof(id), "snap-%08u", number);
            struct snapshot *snapshot = put(id, "n", "NORMAL", 1, 1000, 1000);
            assert_true((uint64_t)snapshot->key >> 48 == 0);
            assert_ptr_equal(catalogue_snapshot_by_key(&catalogue, snapshot->key), snapshot);
            if (round == 0)
                keys[number] = snapshot->key;
            else
                assert_true(keys[number] == snapshot->key);
        }
        put_disk(DISK, "x", 1000, 0, -1);
        assert_ptr_equal(catalogue_disk_by_key(&catalogue, disk_of(DISK)->key), disk_of(DISK));
        catalogue_free(&catalogue); /* a remount */
    }
    assert_null(catalogue_snapshot_by_key(&catalogue, keys[0]));
    assert_int_equal(catalogue.snapshot_count, 0);
}

/* --- disks --------------------------------------------------------------------------- */

static void test_disks(void **state)
{
    (void)state;
    put_disk("disk-0003", "twin", 1000, 1, -1);
    put_disk("disk-0001", "alone", 1000, 1, -1);
    put_disk("disk-0002", "twin", 1000, 1, -1);
    assert_string_equal(disk_text(catalogue.disks[0], DISK_ID), "disk-0001");
    assert_string_equal(disk_text(catalogue.disks[2], DISK_ID), "disk-0003");
    assert_ptr_equal(catalogue_disk_by_name(&catalogue, "alone"), disk_of("disk-0001"));
    assert_null(catalogue_disk_by_name(&catalogue, "twin"));
    assert_null(catalogue_disk_by_name(&catalogue, "none"));
    put(ONE, "a", "NORMAL", 1, 1000, 1000);
    name_all();
    put_disk("disk-0002", "twin", 2000, 2, -1);
    catalogue_sweep_disks(&catalogue, 2, 2000);
    /* One stays for its snapshot, nameless; one has gone. */
    assert_int_equal(catalogue.disk_count, 2);
    assert_null(disk_of("disk-0003"));
    assert_false(disk_of("disk-0001")->exists);
    assert_int_equal(disk_of("disk-0001")->raw, 0);
    assert_true(disk_is_visible(disk_of("disk-0001")));
    assert_null(catalogue_disk_by_name(&catalogue, "alone"));
    assert_ptr_equal(catalogue_disk_by_name(&catalogue, "twin"), disk_of("disk-0002"));
    catalogue_snapshot_is_gone(&catalogue, catalogue_snapshot(&catalogue, ONE), 3000, 3000, WALL);
    assert_false(disk_is_visible(disk_of("disk-0001")));
    catalogue_sweep_disks(&catalogue, 2, 3000);
    assert_int_equal(catalogue.disk_count, 1);
}

static void test_without_a_disk(void **state)
{
    (void)state;
    struct snapshot_record copy = snapshot_record(ONE, "copy", "NORMAL", 1);
    copy.disk_id = "";
    struct snapshot *one = put_record(&copy, 1000, 1000, 0);
    name_all();
    assert_ptr_equal(one->disk, disk_of(CATALOGUE_NO_DISK));
    assert_ptr_equal(catalogue_entry(&catalogue, disk_of(CATALOGUE_NO_DISK), "copy"), one);
    assert_false(one->disk->exists);
    assert_true(disk_is_visible(one->disk));
}

/* --- sweeping ------------------------------------------------------------------------ */

static void test_sweep(void **state)
{
    (void)state;
    struct snapshot_record one = snapshot_record(ONE, "a", "NORMAL", 1);
    struct snapshot_record two = snapshot_record(TWO, "b", "NORMAL", 2);
    struct snapshot_record three = snapshot_record(THREE, "c", "NORMAL", 3);
    three.disk_id = "disk-0002";
    put_record(&one, 1000, 1000, 1);
    put_record(&two, 1000, 1000, 1);
    put_record(&three, 1000, 1000, 1);
    name_all();
    put_record(&two, 2000, 2000, 2);
    /* Of one disk: another one's are none of its business. */
    catalogue_sweep_snapshots(&catalogue, disk_of(DISK), 2, 2000, 2000, WALL + 2);
    assert_null(catalogue_snapshot(&catalogue, ONE));
    assert_non_null(catalogue_snapshot(&catalogue, TWO));
    assert_non_null(catalogue_snapshot(&catalogue, THREE));
    catalogue_sweep_snapshots(&catalogue, NULL, 2, 2000, 2000, WALL + 2);
    assert_null(catalogue_snapshot(&catalogue, THREE));
    assert_int_equal(catalogue.snapshot_count, 1);
    /* Seen by a newer listing, that was seen by this one too. */
    put_record(&two, 3000, 3000, 7);
    catalogue_sweep_snapshots(&catalogue, NULL, 5, 2500, 3000, WALL + 3);
    assert_non_null(catalogue_snapshot(&catalogue, TWO));
    /* An answer about its status is no listing, and does not take the mark away. */
    put_record(&two, 4000, 4000, 0);
    catalogue_sweep_snapshots(&catalogue, NULL, 7, 4500, 4500, WALL + 4);
    assert_non_null(catalogue_snapshot(&catalogue, TWO));
}

/* --- words --------------------------------------------------------------------------- */

static void test_words(void **state)
{
    (void)state;
    struct snapshot_record record = snapshot_record(ONE, "a", "", 1);
    record.state = "Checking Copied\x1b[";
    struct snapshot *one = put_record(&record, 1000, 1000, 0);
    assert_string_equal(snapshot_word(one), "CHECKING_COPIED_[");
    assert_string_equal(snapshot_text(one, SNAPSHOT_STATE), "Checking Copied\x1b[");
    assert_false(snapshot_is_settled(one));
    record.state = "";
    put_record(&record, 2000, 2000, 0);
    assert_string_equal(snapshot_word(one), "UNKNOWN");
    record.state = "torecycle";
    put_record(&record, 3000, 3000, 0);
    assert_true(snapshot_is_settled(one));
    assert_false(one->in_progress);
    record.word = "ERROR";
    put_record(&record, 4000, 4000, 0);
    assert_true(snapshot_is_settled(one));
    static char longest[9000];
    memset(longest, 'x', sizeof(longest) - 1);
    record = snapshot_record(ONE, longest, "", 1);
    record.state = record.usage = record.type = record.zone = longest;
    put_record(&record, 5000, 5000, 0);
    assert_true(strlen(snapshot_word(one)) < 32);
    assert_int_equal(snapshot_text(one, SNAPSHOT_ZONE)[0], 'x');
    assert_true(strlen(snapshot_text(one, SNAPSHOT_ZONE)) < sizeof(longest));
}

static void test_images(void **state)
{
    (void)state;
    struct snapshot_record record = snapshot_record(ONE, "a", "NORMAL", 1);
    json_t *images = json_pack("[s, i, s]", "img-1", 5, "img-2");
    record.images = images;
    record.image_count = 2;
    struct snapshot *one = put_record(&record, 1000, 1000, 0);
    assert_string_equal(snapshot_text(one, SNAPSHOT_IMAGES), "img-1\nimg-2");
    struct buffer shown;
    buffer_init(&shown, 0);
    assert_int_equal(snapshot_put_raw(one, &shown), 0);
    assert_string_equal(shown.data, "{\"a\":\"b\"}");
    assert_int_equal(one->raw_length, shown.length);
    buffer_free(&shown);
    json_decref(images);
}

/* The list of those in progress, taken apart in every order. */
static void test_progress_list(void **state)
{
    (void)state;
    unsigned short seed[3] = {3, 1, 4};
    bool moving[20] = {false};
    char id[32];
    for (unsigned step = 1; step < 2000; step++) {
        unsigned which = (unsigned)(nrand48(seed) % 20);
        snprintf(id, sizeof(id), "snap-%08u", which);
        if (nrand48(seed) % 5 == 0 && catalogue_snapshot(&catalogue, id) != NULL) {
            catalogue_snapshot_is_gone(&catalogue, catalogue_snapshot(&catalogue, id), step, step,
                                       WALL);
            moving[which] = false;
        } else {
            moving[which] = nrand48(seed) % 2 == 0;
            put(id, "n", moving[which] ? "CREATING" : "NORMAL", which, step, step);
        }
        unsigned wanted = 0, count = 0;
        for (unsigned i = 0; i < 20; i++)
            wanted += moving[i];
        const struct snapshot *previous = NULL;
        for (const struct snapshot *at = catalogue.progress; at;
             at = snapshot_more(at)->progress_next) {
            assert_ptr_equal(snapshot_more(at)->progress_previous, previous);
            assert_true(at->in_progress);
            previous = at;
            count++;
        }
        assert_int_equal(count, wanted);
    }
}

/* --- records that say little, or too much -------------------------------------------- */

/* A record that does not say a name renames nothing, and one without a date makes nothing younger;
 * one that does not say whose it is stays where it was known to be. */
static void test_untold(void **state)
{
    (void)state;
    struct snapshot *one = put(ONE, "a", "NORMAL", 1, 1000, 1000);
    put_disk(DISK, "one", 1000, 0, -1);
    name_all();
    struct snapshot_record record = snapshot_record(ONE, "", "", 1);
    record.name_untold = true;
    record.created = TIMESTAMP_NONE;
    record.disk_id = "";
    put_record(&record, 2000, 2000, 0);
    assert_string_equal(at_entry("a"), ONE);
    assert_string_equal(snapshot_text(one, SNAPSHOT_NAME), "a");
    assert_int_equal(snapshot_created(one), WALL + 1);
    assert_ptr_equal(one->disk, disk_of(DISK));
    /* An empty name is a name. */
    record.name_untold = false;
    put_record(&record, 3000, 3000, 0);
    assert_string_equal(at_entry("a"), "");
    assert_string_equal(at_entry(ONE), ONE);
}

/* First heard of without its disk: it moves there when that is told. */
static void test_disk_told_later(void **state)
{
    (void)state;
    struct snapshot_record record = snapshot_record(ONE, "a", "CREATING", 1);
    record.disk_id = "";
    put_record(&record, 1000, 1000, 0);
    name_all();
    assert_string_equal(disk_text(catalogue_snapshot(&catalogue, ONE)->disk, DISK_ID),
                        CATALOGUE_NO_DISK);
    put(ONE, "a", "CREATING", 1, 2000, 2000);
    name_all();
    assert_string_equal(at_entry("a"), ONE);
    assert_int_equal(catalogue_visible_count(disk_of(CATALOGUE_NO_DISK)), 0);
    assert_int_equal(catalogue.snapshot_count, 1);
}

/* What no tool could read is not kept. */
static void test_monstrous_record(void **state)
{
    (void)state;
    struct snapshot_record record = snapshot_record(ONE, "a", "NORMAL", 1);
    json_t *deep = json_object();
    for (int i = 0; i < 1000; i++) {
        json_t *outer = json_array();
        assert_int_equal(json_array_append_new(outer, deep), 0);
        deep = json_pack("{s:o}", "a", outer);
        assert_non_null(deep);
    }
    record.raw = deep;
    struct snapshot *one = put_record(&record, 1000, 1000, 0);
    assert_int_equal(one->raw, 0);
    json_decref(deep);
    char *text = malloc(100001);
    assert_non_null(text);
    memset(text, 'x', 100000);
    text[100000] = '\0';
    json_t *wide = json_pack("{s:s}", "a", text);
    record.raw = wide;
    put_record(&record, 2000, 2000, 0);
    assert_int_equal(one->raw, 0);
    record.raw = raw;
    put_record(&record, 3000, 3000, 0);
    assert_true(one->raw != 0);
    record.raw = wide;
    put_record(&record, 4000, 4000, 0);
    assert_int_equal(one->raw, 0);
    /* A long text is cut after a whole character. */
    for (size_t i = 0; i + 3 <= 100000; i += 3)
        memcpy(text + i, "\xe6\x95\xb0", 3);
    text[99999] = '\0';
    record.name = text;
    put_record(&record, 5000, 5000, 0);
    const char *name = snapshot_text(one, SNAPSHOT_NAME);
    assert_true(strlen(name) > 4000 && strlen(name) <= 4096 && strlen(name) % 3 == 0);
    json_decref(wide);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_TEST(test_newer_wins),
        ROOM_TEST(test_generation),
        ROOM_TEST(test_older_record_after_a_change),
        ROOM_TEST(test_created_while_listings_lag),
        ROOM_TEST(test_created_and_listed),
        ROOM_TEST(test_deleted_while_listings_lag),
        ROOM_TEST(test_renamed_while_listings_lag),
        ROOM_TEST(test_rollback_while_listings_lag),
        ROOM_TEST(test_rollback_shows_in_the_disk_first),
        ROOM_TEST(test_order_and_latest),
        ROOM_TEST(test_touched),
        ROOM_TEST(test_keys),
        ROOM_TEST(test_disks),
        ROOM_TEST(test_without_a_disk),
        ROOM_TEST(test_sweep),
        ROOM_TEST(test_words),
        ROOM_TEST(test_images),
        ROOM_TEST(test_progress_list),
        ROOM_TEST(test_untold),
        ROOM_TEST(test_disk_told_later),
        ROOM_TEST(test_monstrous_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
