/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue: the input is a sequence of listings that may lag, lie and overtake each other, and
 * of changes of ours.  After each step all indexes must agree. */
#include "fuzz.h"

#include "cbsfs/catalogue.h"
#include "cbsfs/names.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALL 1700000000 /* seconds, when the clock says 0 */

struct input {
    const uint8_t *data;
    size_t size;
};

struct run {
    struct input input;
    struct catalogue catalogue;
    json_t *raw;
    int64_t now;
    uint64_t serial;
};

static unsigned take(struct input *input, unsigned below)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++ % below;
}

/* --- what must hold ------------------------------------------------------------------------------
 */

static void require_snapshot(const struct catalogue *catalogue, const struct disk *disk, size_t at)
{
    const struct snapshot *snapshot = disk_snapshot(disk, at);
    const char *id = snapshot_text(snapshot, SNAPSHOT_ID);
    fuzz_require(snapshot->disk == disk);
    fuzz_require(catalogue_snapshot(catalogue, id) == snapshot);
    fuzz_require(catalogue_snapshot_by_key(catalogue, snapshot->key) == snapshot);
    fuzz_require(*snapshot_word(snapshot) != '\0' && snapshot_percent(snapshot) <= 100);
    fuzz_require(snapshot->in_progress == !snapshot_is_settled(snapshot));
    if (snapshot_is_visible(snapshot)) {
        fuzz_require(strlen(snapshot_entry(snapshot)) <= NAME_ENTRY_LIMIT);
        fuzz_require(catalogue_entry(catalogue, disk, snapshot_entry(snapshot)) == snapshot);
        fuzz_require(catalogue_entry(catalogue, disk, id) == snapshot);
    }
    if (at == 0)
        return;
    const struct snapshot *before = disk_snapshot(disk, at - 1);
    fuzz_require(snapshot_place_in_disk(before) <= snapshot_place_in_disk(snapshot));
}

static void require_progress(const struct catalogue *catalogue, size_t expected)
{
    const struct snapshot *previous = NULL;
    size_t count = 0;
    for (const struct snapshot *at = catalogue->progress; at != NULL;
         at = snapshot_more(at)->progress_next) {
        fuzz_require(snapshot_more(at)->progress_previous == previous && at->in_progress);
        fuzz_require(count++ < expected);
        previous = at;
    }
    fuzz_require(count == expected);
}

static void require_order(const struct catalogue *catalogue)
{
    size_t snapshots = 0, entries = 0, progress = 0;
    for (size_t i = 0; i < catalogue->disk_count; i++) {
        const struct disk *disk = catalogue->disks[i];
        const char *id = disk_text(disk, DISK_ID);
        fuzz_require(catalogue_disk(catalogue, id) == disk);
        fuzz_require(catalogue_disk_by_key(catalogue, disk->key) == disk);
        fuzz_require(i == 0 || strcmp(disk_text(catalogue->disks[i - 1], DISK_ID), id) < 0);
        fuzz_require(catalogue_visible_count(disk) <= disk->count);
        snapshots += disk->count;
        for (size_t j = 0; j < disk->count; j++) {
            require_snapshot(catalogue, disk, j);
            entries += snapshot_entry(disk_snapshot(disk, j)) != NULL;
            progress += disk_snapshot(disk, j)->in_progress;
        }
        const struct snapshot *latest = catalogue_latest(disk);
        fuzz_require(latest == NULL || snapshot_is_visible(latest));
    }
    fuzz_require(catalogue->snapshot_count == snapshots);
    fuzz_require(catalogue->by_key.count == snapshots);
    fuzz_require(catalogue->disks_by_id.count == catalogue->disk_count);
    fuzz_require(catalogue->disks_by_key.count == catalogue->disk_count);
    fuzz_require(catalogue->entries.count == entries);
    require_progress(catalogue, progress);
}

/* --- what may happen -----------------------------------------------------------------------------
 */

static const char *const disk_ids[] = {"disk-0001", "disk-0002", "disk-0003", ""};
/* Names that collide with each other, with ids, with twins' entries and with what is default. */
static const char *const names[] = {
    "nightly", "nightly@snap-0001", "snap-0002", "", "Unnamed", "..", "a/b", "a%2Fb", "\xff"};
static const char *const words[] = {"NORMAL", "CREATING", "ROLLBACKING", "COPYING",
                                    "",       "ERROR",    "DELETING"};

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

static void snapshot_id(struct run *run, char id[16])
{
    snprintf(id, 16, "snap-%04u", take(&run->input, 12));
}

/* A time of asking: now, or when an answer that comes late was asked for. */
static int64_t asked(struct run *run)
{
    return run->now - (int64_t)take(&run->input, 4) * 100;
}

static void put_snapshot(struct run *run)
{
    char id[16];
    snapshot_id(run, id);
    const char *word = words[take(&run->input, COUNT(words))];
    const struct snapshot_record record = {
        .id = id,
        .name = names[take(&run->input, COUNT(names))],
        .disk_id = disk_ids[take(&run->input, COUNT(disk_ids))],
        .state = *word != '\0' ? word : "Odd \x1b[31m state",
        .word = word,
        .usage = "DATA_DISK",
        .type = "",
        .zone = "",
        .group = "",
        .size = 10,
        .created = take(&run->input, 4) == 0 ? TIMESTAMP_NONE : WALL + take(&run->input, 5),
        .expires = TIMESTAMP_NONE,
        .percent = take(&run->input, 101),
        .raw = run->raw,
    };
    int status =
        catalogue_put_snapshot(&run->catalogue, &record, asked(run),
                               take(&run->input, 2) ? run->serial : 0, run->now, WALL + run->now);
    fuzz_require(status == 0 && catalogue_snapshot(&run->catalogue, id) != NULL);
}

static void put_disk(struct run *run)
{
    const struct disk_record record = {
        .id = disk_ids[take(&run->input, COUNT(disk_ids) - 1)],
        .name = names[take(&run->input, COUNT(names))],
        .state = "ATTACHED",
        .usage = "",
        .type = "",
        .zone = "",
        .group = "",
        .instance = "",
        .charge_type = "",
        .project = "",
        .created = TIMESTAMP_NONE,
        .expires = TIMESTAMP_NONE,
        .rolling_back = take(&run->input, 2) != 0,
        .rollback_percent = take(&run->input, 101),
        .raw = run->raw,
    };
    fuzz_require(catalogue_put_disk(&run->catalogue, &record, asked(run), run->serial) == 0);
}

static void name_all(struct run *run)
{
    for (size_t i = 0; i < run->catalogue.disk_count; i++) {
        struct disk *disk = run->catalogue.disks[i];
        fuzz_require(catalogue_name_new(&run->catalogue, disk) == 0);
        for (size_t j = 0; j < disk->count; j++)
            fuzz_require(snapshot_entry(disk_snapshot(disk, j)) != NULL ||
                         (disk_snapshot(disk, j)->pending & PENDING_DELETE));
    }
}

static void create(struct run *run)
{
    char id[16];
    snapshot_id(run, id);
    struct disk *disk = catalogue_disk(&run->catalogue, disk_ids[take(&run->input, 3)]);
    const char *name = names[take(&run->input, COUNT(names))];
    if (disk != NULL)
        fuzz_require(
            catalogue_created(&run->catalogue, disk, id, name, run->now, WALL + run->now) != NULL);
}

static void change(struct run *run, unsigned kind)
{
    char id[16];
    snapshot_id(run, id);
    const char *name = names[take(&run->input, COUNT(names))];
    struct catalogue *catalogue = &run->catalogue;
    struct snapshot *snapshot = catalogue_snapshot(catalogue, id);
    int64_t wall = WALL + run->now;
    if (snapshot == NULL)
        return;
    switch (kind) {
    case 0:
        fuzz_require(catalogue_renamed(catalogue, snapshot, name, run->now, wall) == 0);
        break;
    case 1:
        fuzz_require(catalogue_rename_later(catalogue, snapshot, name, wall) == 0);
        break;
    case 2:
        catalogue_deleted(catalogue, snapshot, run->now, wall);
        fuzz_require(!snapshot_is_visible(snapshot));
        break;
    case 3:
        catalogue_rolling_back(catalogue, snapshot, run->now, wall);
        break;
    default:
        catalogue_snapshot_is_gone(catalogue, snapshot, asked(run), run->now, wall);
        break;
    }
}

static void sweep(struct run *run, unsigned kind)
{
    struct disk *disk = catalogue_disk(&run->catalogue, disk_ids[take(&run->input, 3)]);
    int64_t since = asked(run);
    if (kind == 0)
        catalogue_sweep_disks(&run->catalogue, run->serial, since);
    else if (kind == 1)
        catalogue_sweep_snapshots(&run->catalogue, NULL, run->serial, since, run->now,
                                  WALL + run->now);
    else if (disk != NULL && kind == 2)
        catalogue_sweep_snapshots(&run->catalogue, disk, run->serial, since, run->now,
                                  WALL + run->now);
    else if (disk != NULL)
        catalogue_disk_is_gone(&run->catalogue, disk, since);
    run->serial++;
}

static void step(struct run *run)
{
    unsigned what = take(&run->input, 16);
    if (what < 4)
        put_snapshot(run);
    else if (what == 4)
        put_disk(run);
    else if (what == 5)
        name_all(run);
    else if (what == 6)
        create(run);
    else if (what < 12)
        change(run, what - 7);
    else
        sweep(run, what - 12);
    static const int64_t pauses[] = {0, 1, 100, PENDING_ROLLBACK_GRACE, PENDING_DELETE_GRACE};
    run->now += pauses[take(&run->input, COUNT(pauses))];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run = {
        .input = {data, size < 512 ? size : 512}, .now = 1000, .serial = 1, .raw = json_object()};
    fuzz_require(run.raw != NULL);
    catalogue_init(&run.catalogue, &provider_tencent);
    while (run.input.size > 0) {
        step(&run);
        require_order(&run.catalogue);
    }
    catalogue_free(&run.catalogue);
    json_decref(run.raw);
    return 0;
}
