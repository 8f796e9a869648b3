/* SPDX-License-Identifier: Apache-2.0 */
/* Entry names: whose they are, and who gets one that was freed. */
#include "catalogue_room.h"

#include <stdio.h>

#define OLDEST "snap-aaaaaaa1"
#define MIDDLE "snap-aaaaaaa2"
#define NEWEST "snap-aaaaaaa3"

static void put_three_twins(void)
{
    /* In another order than that of their age. */
    put(NEWEST, "nightly", "NORMAL", 30, 1000, 1000);
    put(OLDEST, "nightly", "NORMAL", 10, 1000, 1000);
    put(MIDDLE, "nightly", "NORMAL", 20, 1000, 1000);
    name_all();
}

static void test_oldest_is_plain(void **state)
{
    (void)state;
    put_three_twins();
    assert_string_equal(at_entry("nightly"), OLDEST);
    assert_string_equal(at_entry("nightly@" MIDDLE), MIDDLE);
    assert_string_equal(at_entry("nightly@" NEWEST), NEWEST);
    assert_string_equal(at_entry("nightly@" OLDEST), "");
    /* The id always works, with its own disk only. */
    assert_string_equal(at_entry(OLDEST), OLDEST);
    assert_string_equal(at_entry(NEWEST), NEWEST);
    struct snapshot_record other = snapshot_record("snap-bbbbbbb1", "x", "NORMAL", 1);
    other.disk_id = "disk-0002";
    put_record(&other, 1000, 1000, 0);
    name_all();
    assert_string_equal(at_entry("snap-bbbbbbb1"), "");
    assert_ptr_equal(catalogue_entry(&catalogue, disk_of("disk-0002"), "x"),
                     catalogue_snapshot(&catalogue, "snap-bbbbbbb1"));
    assert_string_equal(at_entry("x"), "");
}

/* Of the same age: by what is made from the id, so that it is the same after a remount. */
static void test_twins_of_one_second(void **state)
{
    (void)state;
    put(MIDDLE, "nightly", "NORMAL", 10, 1000, 1000);
    put(OLDEST, "nightly", "NORMAL", 10, 1000, 1000);
    name_all();
    char first[32];
    snprintf(first, sizeof(first), "%s", at_entry("nightly"));
    catalogue_free(&catalogue);
    put(OLDEST, "nightly", "NORMAL", 10, 1000, 1000);
    put(MIDDLE, "nightly", "NORMAL", 10, 1000, 1000);
    name_all();
    assert_string_equal(at_entry("nightly"), first);
}

static void test_unnamed(void **state)
{
    (void)state;
    put(OLDEST, "", "NORMAL", 10, 1000, 1000);
    put(MIDDLE, "Unnamed", "NORMAL", 11, 1000, 1000);
    put(NEWEST, "未命名", "NORMAL", 12, 1000, 1000);
    name_all();
    assert_string_equal(snapshot_entry(catalogue_snapshot(&catalogue, OLDEST)), OLDEST);
    assert_string_equal(snapshot_entry(catalogue_snapshot(&catalogue, MIDDLE)), MIDDLE);
    assert_string_equal(snapshot_entry(catalogue_snapshot(&catalogue, NEWEST)), NEWEST);
    assert_string_equal(at_entry(""), "");
    assert_string_equal(at_entry("Unnamed"), "");
}

/* Nobody's name can be that of another's id. */
static void test_name_like_an_id(void **state)
{
    (void)state;
    put(OLDEST, MIDDLE, "NORMAL", 10, 1000, 1000);
    put(MIDDLE, "x", "NORMAL", 20, 1000, 1000);
    put(NEWEST, "x@" MIDDLE, "NORMAL", 30, 1000, 1000);
    name_all();
    assert_string_equal(at_entry(MIDDLE), MIDDLE);
    assert_string_equal(at_entry(MIDDLE "@" OLDEST), OLDEST);
    assert_string_equal(at_entry("x@" MIDDLE "@" NEWEST), NEWEST);
    assert_string_equal(at_entry("x@" MIDDLE), "");
}

static void test_hidden_until_named(void **state)
{
    (void)state;
    struct snapshot *snapshot = put(OLDEST, "nightly", "NORMAL", 10, 1000, 1000);
    assert_false(snapshot_is_visible(snapshot));
    assert_string_equal(at_entry("nightly"), "");
    assert_string_equal(at_entry(OLDEST), "");
    assert_int_equal(catalogue_visible_count(disk_of(DISK)), 0);
    assert_null(catalogue_latest(disk_of(DISK)));
    assert_false(disk_is_visible(disk_of(DISK)));
    name_all();
    assert_true(snapshot_is_visible(snapshot));
    assert_true(disk_is_visible(disk_of(DISK)));
    assert_int_equal(catalogue_visible_count(disk_of(DISK)), 1);
}

/* --- freed names --------------------------------------------------------------------- */

/* `rmdir nightly; rmdir nightly` must not delete two. */
static void test_freed_is_not_handed_to_a_twin(void **state)
{
    (void)state;
    put_three_twins();
    catalogue_deleted(&catalogue, catalogue_snapshot(&catalogue, OLDEST), 100000, WALL + 100);
    assert_string_equal(at_entry("nightly"), "");
    assert_string_equal(at_entry(OLDEST), "");
    name_all();
    put(MIDDLE, "nightly", "NORMAL", 20, 200000, 200000);
    put(NEWEST, "nightly", "NORMAL", 30, 200000, 200000);
    name_all();
    assert_string_equal(at_entry("nightly"), "");
    assert_string_equal(at_entry("nightly@" MIDDLE), MIDDLE);
    assert_string_equal(at_entry("nightly@" NEWEST), NEWEST);
    /* One that was not known yet, and yet was there, does not get it either. */
    put("snap-aaaaaaa4", "nightly", "NORMAL", 40, 200000, 200000);
    name_all();
    assert_string_equal(at_entry("nightly"), "");
    assert_string_equal(at_entry("nightly@snap-aaaaaaa4"), "snap-aaaaaaa4");
    /* One that was made afterwards does. */
    put("snap-aaaaaaa5", "nightly", "NORMAL", 101, 200000, 200000);
    name_all();
    assert_string_equal(at_entry("nightly"), "snap-aaaaaaa5");
}

static void test_freed_by_a_sweep(void **state)
{
    (void)state;
    put_three_twins();
    struct snapshot *oldest = catalogue_snapshot(&catalogue, OLDEST);
    catalogue_snapshot_is_gone(&catalogue, oldest, 100000, 100000, WALL + 100);
    assert_null(catalogue_snapshot(&catalogue, OLDEST));
    put(MIDDLE, "nightly", "NORMAL", 20, 200000, 200000);
    name_all();
    assert_string_equal(at_entry("nightly"), "");
    /* It comes back (a listing that lagged): it may have its name again. */
    put(OLDEST, "nightly", "NORMAL", 10, 300000, 300000);
    name_all();
    assert_string_equal(at_entry("nightly"), OLDEST);
}

static void test_freed_is_given_to_who_asks(void **state)
{
    (void)state;
    struct disk *disk;
    put_three_twins();
    disk = disk_of(DISK);
    catalogue_deleted(&catalogue, catalogue_snapshot(&catalogue, OLDEST), 100000, WALL + 100);
    /* mkdir, in the same second */
    assert_non_null(
        catalogue_created(&catalogue, disk, "snap-bbbbbbb1", "nightly", 100000, WALL + 100));
    assert_string_equal(at_entry("nightly"), "snap-bbbbbbb1");
    /* mv of a twin that existed */
    catalogue_deleted(&catalogue, catalogue_snapshot(&catalogue, "snap-bbbbbbb1"), 110000,
                      WALL + 110);
    struct snapshot *middle = catalogue_snapshot(&catalogue, MIDDLE);
    assert_int_equal(catalogue_renamed(&catalogue, middle, "other", 120000, WALL + 120), 0);
    assert_int_equal(catalogue_renamed(&catalogue, middle, "nightly", 130000, WALL + 130), 0);
    assert_string_equal(at_entry("nightly"), MIDDLE);
    assert_string_equal(at_entry("other"), "");
    /* Never two of them: the next one is a twin. */
    assert_non_null(
        catalogue_created(&catalogue, disk, "snap-bbbbbbb2", "nightly", 140000, WALL + 140));
    assert_string_equal(at_entry("nightly"), MIDDLE);
    assert_string_equal(at_entry("nightly@snap-bbbbbbb2"), "snap-bbbbbbb2");
}

/* Each disk has its own names. */
static void test_freed_in_one_disk(void **state)
{
    (void)state;
    put(OLDEST, "nightly", "NORMAL", 10, 1000, 1000);
    name_all();
    catalogue_deleted(&catalogue, catalogue_snapshot(&catalogue, OLDEST), 100000, WALL + 100);
    struct snapshot_record other = snapshot_record("snap-bbbbbbb1", "nightly", "NORMAL", 1);
    other.disk_id = "disk-0002";
    put_record(&other, 200000, 200000, 0);
    name_all();
    assert_ptr_equal(catalogue_entry(&catalogue, disk_of("disk-0002"), "nightly"),
                     catalogue_snapshot(&catalogue, "snap-bbbbbbb1"));
}

/* --- renamed elsewhere --------------------------------------------------------------- */

static void test_renamed_elsewhere(void **state)
{
    (void)state;
    put(OLDEST, "a", "NORMAL", 10, 1000, 1000);
    put(MIDDLE, "b", "NORMAL", 20, 1000, 1000);
    name_all();
    /* To a name that is free. */
    put(OLDEST, "c", "NORMAL", 10, 200000, 200000);
    assert_string_equal(at_entry("c"), OLDEST);
    assert_string_equal(at_entry("a"), "");
    assert_string_equal(snapshot_text(catalogue_snapshot(&catalogue, OLDEST), SNAPSHOT_NAME), "c");
    /* To one that is taken, by a younger one: the entry stays with who has it. */
    put(OLDEST, "b", "NORMAL", 10, 300000, 300000);
    assert_string_equal(at_entry("b"), MIDDLE);
    assert_string_equal(at_entry("b@" OLDEST), OLDEST);
    /* And back to its own. */
    put(OLDEST, "c", "NORMAL", 10, 400000, 400000);
    assert_string_equal(at_entry("c"), OLDEST);
    /* Another that existed then does not get what was freed. */
    put(OLDEST, "d", "NORMAL", 10, 500000, 500000);
    put(MIDDLE, "c", "NORMAL", 20, 600000, 600000);
    assert_string_equal(at_entry("c"), "");
    assert_string_equal(at_entry("c@" MIDDLE), MIDDLE);
}

/* Two exchange their names: nobody who remembers a name finds the other snapshot under it. */
static void test_exchanged_elsewhere(void **state)
{
    (void)state;
    put(OLDEST, "a", "NORMAL", 10, 1000, 1000);
    put(MIDDLE, "b", "NORMAL", 20, 1000, 1000);
    name_all();
    put(OLDEST, "b", "NORMAL", 10, 50000, 50000);
    put(MIDDLE, "a", "NORMAL", 20, 50000, 50000);
    name_all();
    assert_string_not_equal(at_entry("a"), MIDDLE);
    assert_string_not_equal(at_entry("b"), OLDEST);
    assert_string_equal(at_entry("b@" OLDEST), OLDEST);
    assert_string_equal(at_entry("a@" MIDDLE), MIDDLE);
}

/* The plain name is not taken from who has it, though an older twin appears. */
static void test_entry_stays(void **state)
{
    (void)state;
    put(MIDDLE, "nightly", "NORMAL", 20, 1000, 1000);
    name_all();
    put(OLDEST, "nightly", "NORMAL", 10, 2000, 2000);
    name_all();
    assert_string_equal(at_entry("nightly"), MIDDLE);
    assert_string_equal(at_entry("nightly@" OLDEST), OLDEST);
}

/* --- a name that waits --------------------------------------------------------------- */

static void test_rename_later(void **state)
{
    (void)state;
    put(OLDEST, "other", "NORMAL", 10, 1000, 1000);
    name_all();
    struct snapshot *made =
        catalogue_created(&catalogue, disk_of(DISK), MIDDLE, "new", 2000, WALL + 2);
    assert_int_equal(catalogue_rename_later(&catalogue, made, "kept", WALL + 3), 0);
    assert_string_equal(at_entry("kept"), MIDDLE);
    assert_string_equal(at_entry("new"), "");
    /* Listings say the old name; the entry stays. */
    put(MIDDLE, "new", "CREATING", 2, 5000, 5000);
    name_all();
    assert_string_equal(at_entry("kept"), MIDDLE);
    assert_string_equal(snapshot_text(made, SNAPSHOT_NAME), "new");
    assert_int_equal(catalogue_renamed(&catalogue, made, "kept", 6000, WALL + 6), 0);
    assert_null(snapshot_more(made)->wanted_name);
    assert_string_equal(at_entry("kept"), MIDDLE);
    assert_string_equal(snapshot_text(made, SNAPSHOT_NAME), "kept");
}

/* A name was freed when there was no memory for a note of it: what was there by then may be a twin
 * of just that one, and gets no plain name. */
static void test_freed_without_a_note(void **state)
{
    (void)state;
    catalogue.freed_unnoted = WALL + 100;
    put("snap-0000old", "nightly", "NORMAL", 100, 200000, 200000);
    put("snap-0000new", "weekly", "NORMAL", 101, 200000, 200000);
    name_all();
    assert_string_equal(at_entry("nightly"), "");
    assert_string_equal(at_entry("nightly@snap-0000old"), "snap-0000old");
    assert_string_equal(at_entry("weekly"), "snap-0000new");
    /* Whoever asks for it gets it. */
    struct snapshot *old = catalogue_snapshot(&catalogue, "snap-0000old");
    assert_true(catalogue_had_entry(&catalogue, old, "nightly", WALL + 50));
    assert_false(catalogue_had_entry(&catalogue, old, "nightly", WALL + 101));
    assert_int_equal(catalogue_renamed(&catalogue, old, "monthly", 300000, WALL + 300), 0);
    assert_string_equal(at_entry("monthly"), "snap-0000old");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_TEST(test_freed_without_a_note),
        ROOM_TEST(test_oldest_is_plain),
        ROOM_TEST(test_twins_of_one_second),
        ROOM_TEST(test_unnamed),
        ROOM_TEST(test_name_like_an_id),
        ROOM_TEST(test_hidden_until_named),
        ROOM_TEST(test_freed_is_not_handed_to_a_twin),
        ROOM_TEST(test_freed_by_a_sweep),
        ROOM_TEST(test_freed_is_given_to_who_asks),
        ROOM_TEST(test_freed_in_one_disk),
        ROOM_TEST(test_renamed_elsewhere),
        ROOM_TEST(test_exchanged_elsewhere),
        ROOM_TEST(test_entry_stays),
        ROOM_TEST(test_rename_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
