/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the catalogue share: one catalogue, and records put together in a line. */
#ifndef CBSFS_TESTS_CATALOGUE_ROOM_H
#define CBSFS_TESTS_CATALOGUE_ROOM_H

#include "cbsfs/catalogue.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <string.h>

#define DISK "disk-0001"
#define WALL 1700000000 /* seconds, when the clock says 0 */

static struct catalogue catalogue;
static json_t *raw;

static int set_up(void **state)
{
    (void)state;
    raw = json_pack("{s:s}", "a", "b");
    catalogue_init(&catalogue, &provider_tencent);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    catalogue_free(&catalogue);
    json_decref(raw);
    return 0;
}

#define ROOM_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static struct snapshot_record snapshot_record(const char *id, const char *name, const char *word,
                                              int64_t created)
{
    return (struct snapshot_record){.id = id,
                                    .name = name,
                                    .disk_id = DISK,
                                    .state = word,
                                    .word = word,
                                    .usage = "DATA_DISK",
                                    .type = "",
                                    .zone = "",
                                    .group = "",
                                    .size = 10,
                                    .created = WALL + created,
                                    .expires = TIMESTAMP_NONE,
                                    .percent = 100,
                                    .raw = raw};
}

/* Takes a record in that was asked for at `asked` and comes at `now` (ms). */
static struct snapshot *put_record(const struct snapshot_record *record, int64_t asked, int64_t now,
                                   uint64_t serial)
{
    assert_int_equal(
        catalogue_put_snapshot(&catalogue, record, asked, serial, now, WALL + now / 1000), 0);
    return catalogue_snapshot(&catalogue, record->id);
}

static inline struct snapshot *put(const char *id, const char *name, const char *word,
                                   int64_t created, int64_t asked, int64_t now)
{
    struct snapshot_record record = snapshot_record(id, name, word, created);
    return put_record(&record, asked, now, 0);
}

static inline struct disk *disk_of(const char *id)
{
    return catalogue_disk(&catalogue, id);
}

static inline int put_disk(const char *id, const char *name, int64_t asked, uint64_t serial,
                           int rolling)
{
    struct disk_record record = {.id = id,
                                 .name = name,
                                 .state = "ATTACHED",
                                 .usage = "",
                                 .type = "",
                                 .zone = "",
                                 .group = "",
                                 .instance = "",
                                 .charge_type = "",
                                 .project = "",
                                 .size = 50,
                                 .created = WALL,
                                 .expires = TIMESTAMP_NONE,
                                 .snapshot_count = -1,
                                 .rolling_back = rolling >= 0,
                                 .rollback_percent = rolling >= 0 ? (unsigned)rolling : 0,
                                 .raw = raw};
    return catalogue_put_disk(&catalogue, &record, asked, serial);
}

static inline void name_all(void)
{
    for (size_t i = 0; i < catalogue.disk_count; i++)
        assert_int_equal(catalogue_name_new(&catalogue, catalogue.disks[i]), 0);
}

/* The id found under this entry of the disk, or "". */
static inline const char *at_entry(const char *entry)
{
    const struct snapshot *snapshot = catalogue_entry(&catalogue, disk_of(DISK), entry);
    return snapshot != NULL ? snapshot_text(snapshot, SNAPSHOT_ID) : "";
}

#endif
