/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that are read piece by piece, while things come and go. */
#include "catalogue_room.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST 400

/* What there is, by number: made, seen in the walk so far, there all the time. */
static struct thing {
    bool in, stayed;
    unsigned met;
} things[MOST];

static const char *id_of(unsigned number)
{
    static char id[32];
    snprintf(id, sizeof(id), "snap-%08u", number);
    return id;
}

static void bring(unsigned number)
{
    struct snapshot_record record =
        snapshot_record(id_of(number), id_of(number), "NORMAL", number / 7);
    /* Several in each second, and some of which it is not known. */
    if (number % 10 == 0)
        record.created = TIMESTAMP_NONE;
    put_record(&record, 1000 + number, 1000 + number, 1);
    name_all();
    things[number].in = true;
}

static void take_away(unsigned number)
{
    struct snapshot *snapshot = catalogue_snapshot(&catalogue, id_of(number));
    catalogue_snapshot_is_gone(&catalogue, snapshot, 900000, 900000, WALL + 900);
    things[number].in = things[number].stayed = false;
}

static uint64_t place_of(const struct disk *disk, const struct snapshot *snapshot)
{
    return disk != NULL ? snapshot_place_in_disk(snapshot) : snapshot_place(snapshot);
}

/* One piece of `most` entries; never between two of one place. The place where it ended, 0 at the
 * end of all. */
static uint64_t read_piece(const struct disk *disk, uint64_t after, unsigned most)
{
    struct catalogue_walk walk = catalogue_walk_snapshots(&catalogue, disk, after);
    uint64_t last = 0;
    const struct snapshot *snapshot;
    for (unsigned count = 0; (snapshot = catalogue_next_snapshot(&walk)) != NULL; count++) {
        uint64_t place = place_of(disk, snapshot);
        assert_true(place > after && place >= CATALOGUE_FIRST_PLACE && place >= last);
        assert_true(place < UINT64_C(1) << 63);
        if (count >= most && place != last)
            return last;
        last = place;
        things[atoi(snapshot_text(snapshot, SNAPSHOT_ID) + 5)].met++;
    }
    return 0;
}

static void check_reading(bool of_disk, unsigned short seed)
{
    unsigned short random[3] = {seed, 2, 3};
    memset(things, 0, sizeof(things));
    for (unsigned i = 0; i < MOST; i++) {
        if (nrand48(random) % 2)
            bring(i);
    }
    for (unsigned i = 0; i < MOST; i++)
        things[i].stayed = things[i].in;
    const struct disk *disk = of_disk ? disk_of(DISK) : NULL;
    uint64_t at = 0;
    unsigned pieces = 0;
    do {
        at = read_piece(disk, at, 1 + (unsigned)nrand48(random) % 20);
        pieces++;
        for (unsigned i = 0; i < 10; i++) {
            unsigned number = (unsigned)nrand48(random) % MOST;
            if (things[number].in)
                take_away(number);
            else
                bring(number);
        }
        /* The disk stays, with one snapshot at least. */
        assert_ptr_equal(of_disk ? disk_of(DISK) : NULL, disk);
    } while (at != 0);
    assert_true(pieces > 5);
    unsigned stayed = 0;
    for (unsigned i = 0; i < MOST; i++) {
        stayed += things[i].stayed;
        if (things[i].stayed && things[i].met != 1)
            fail_msg("%u was met %u times", i, things[i].met);
    }
    assert_true(stayed > 20);
    catalogue_free(&catalogue);
}

static void test_nothing_lost_nothing_twice(void **state)
{
    (void)state;
    for (unsigned short seed = 0; seed < 10; seed++) {
        check_reading(true, seed);
        check_reading(false, seed);
    }
}

static void test_order_in_a_disk(void **state)
{
    (void)state;
    static const int64_t seconds[] = {5, INT64_C(1) << 40, 3, -5 - WALL, 4};
    static const unsigned order[] = {3, 2, 4, 0, 1};
    for (unsigned i = 0; i < 5; i++)
        put(id_of(i), id_of(i), "NORMAL", seconds[i], 1000, 1000);
    struct disk *disk = disk_of(DISK);
    struct catalogue_walk walk = catalogue_walk_snapshots(&catalogue, disk, 0);
    assert_null(catalogue_next_snapshot(&walk)); /* hidden until they are named */
    name_all();
    walk = catalogue_walk_snapshots(&catalogue, disk, 0);
    for (unsigned i = 0; i < 5; i++)
        assert_string_equal(snapshot_text(catalogue_next_snapshot(&walk), SNAPSHOT_ID),
                            id_of(order[i]));
    assert_null(catalogue_next_snapshot(&walk));
    /* A new name changes no place. */
    struct snapshot *first = catalogue_snapshot(&catalogue, id_of(0));
    uint64_t place = snapshot_place_in_disk(first);
    assert_int_equal(catalogue_renamed(&catalogue, first, "zz", 2000, WALL + 2), 0);
    assert_string_equal(at_entry("zz"), id_of(0));
    assert_true(snapshot_place_in_disk(first) == place);
    /* From each place on, what is behind it. */
    walk = catalogue_walk_snapshots(&catalogue, disk, place);
    assert_string_equal(snapshot_text(catalogue_next_snapshot(&walk), SNAPSHOT_ID), id_of(1));
    walk = catalogue_walk_snapshots(&catalogue, disk, UINT64_MAX >> 1);
    assert_null(catalogue_next_snapshot(&walk));
}

static void test_disks(void **state)
{
    (void)state;
    char id[32];
    struct catalogue_walk walk = catalogue_walk_disks(&catalogue, 0);
    assert_null(catalogue_next_disk(&walk));
    for (unsigned i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "disk-%04u", i);
        assert_int_equal(put_disk(id, "", 1000, 1, -1), 0);
    }
    /* One of them has nothing to show. */
    catalogue_disk_is_gone(&catalogue, disk_of("disk-0050"), 2000);
    unsigned met = 0;
    uint64_t last = 0;
    const struct disk *disk;
    do {
        walk = catalogue_walk_disks(&catalogue, last);
        for (unsigned i = 0; i < 7 && (disk = catalogue_next_disk(&walk)) != NULL; i++, met++) {
            assert_true(disk_place(disk) > last && disk_place(disk) >= CATALOGUE_FIRST_PLACE);
            assert_true(disk->exists);
            last = disk_place(disk);
        }
    } while (disk != NULL);
    assert_int_equal(met, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_TEST(test_nothing_lost_nothing_twice),
        ROOM_TEST(test_order_in_a_disk),
        ROOM_TEST(test_disks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
