/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue: what is known of one region's disks and snapshots.
 *
 * It holds records, their entry names and their ages; it asks nobody and knows no clock (times are
 * passed in).  Three things make it more than a copy of the last listing:
 *
 *   - A change of ours outranks any listing that began before the change ended, and for a while
 * also listings that lag behind it (`pending`): what was created stays, what was deleted stays
 * away, a new name stays.
 *   - An entry name, once given, stays with its snapshot.  A plain name that was freed is not
 * handed to a twin that existed then: `rmdir nightly; rmdir nightly` must not delete two snapshots.
 *   - Objects have keys made from their ids, so that inode numbers are the same after a remount.
 */
#ifndef CBSFS_CATALOGUE_H
#define CBSFS_CATALOGUE_H

#include "cbsfs/cloud.h"
#include "cbsfs/table.h"

#include <stdbool.h>
#include <stdint.h>

struct provider;

/* The id under which snapshots without a disk are found. */
#define CATALOGUE_NO_DISK "none"

/*
 * How long a listing may lag behind a change, ms.  Within the grace a change is also defended
 * against listings that have shown it already and then do not (several servers answer, and not all
 * know as much).  A creation that no listing has shown yet is believed for longer: the cloud has
 * accepted it, and nothing speaks against it but silence.
 */
#define PENDING_CREATE_GRACE   60000
#define PENDING_DELETE_GRACE   60000
#define PENDING_RENAME_GRACE   30000
#define PENDING_ROLLBACK_GRACE 5000
#define PENDING_UNSEEN_GRACE   600000

enum snapshot_text {
    SNAPSHOT_ID,
    SNAPSHOT_NAME,
    SNAPSHOT_STATE, /* the provider's own word */
    SNAPSHOT_WORD,  /* normalised, see `status` in design 3; never empty */
    SNAPSHOT_USAGE,
    SNAPSHOT_TYPE,
    SNAPSHOT_ZONE,
    SNAPSHOT_IMAGES, /* ids of images built on it, one a line */
    SNAPSHOT_TEXT_COUNT
};

enum disk_text {
    DISK_ID,
    DISK_NAME,
    DISK_STATE,
    DISK_USAGE,
    DISK_TYPE,
    DISK_ZONE,
    DISK_INSTANCE,
    DISK_CHARGE_TYPE,
    DISK_PROJECT,
    DISK_TEXT_COUNT
};

#define TEXT_PACK_MOST 9
_Static_assert((int)SNAPSHOT_TEXT_COUNT <= TEXT_PACK_MOST && (int)DISK_TEXT_COUNT <= TEXT_PACK_MOST,
               "a pack must hold the texts of either record");

/* Several strings in one allocation. */
struct text_pack {
    char *text;
    uint16_t offsets[TEXT_PACK_MOST];
};

enum pending {
    PENDING_CREATE = 1,  /* accepted, perhaps not listed yet */
    PENDING_RENAME = 2,  /* accepted, perhaps listed under the old name */
    PENDING_DELETE = 4,  /* accepted, perhaps still listed: hidden */
    PENDING_ROLLBACK = 8 /* accepted, perhaps still shown as NORMAL */
};

struct disk;

/* What the kernel was told of a directory.  The file system's (copies.c), and here only so that it
 * ends with what it is about. */
struct directory_told {
    uint64_t version; /* of the set of entries that its copy shows */
    int64_t asked;    /* clock ms: the age of that */
    int64_t until;    /* clock ms: it may believe its attributes for so long; 0: not at all */
    uint32_t stamp;   /* in the time of change: another one ends the copy; 0: none yet */
    bool held;        /* it may have a copy under this stamp */
};

struct snapshot {
    struct text_pack texts;
    char *entry; /* its name in the directory; NULL until its disk's listing was complete: hidden */
    char *raw;   /* the provider's record as compact JSON; NULL: none, or larger than is kept */
    char *wanted_name; /* renamed while CREATING: the name to give when NORMAL, or NULL */
    struct disk *disk;
    uint64_t key;             /* 48 bits, unique among snapshots */
    int64_t created, expires; /* seconds, TIMESTAMP_NONE */
    int64_t size;             /* GiB, -1 unknown */
    int64_t fetched;          /* clock ms: when the request that brought this record was sent */
    int64_t changed; /* seconds: when status was last seen to change; TIMESTAMP_NONE if never */
    int64_t learnt;  /* clock ms: when it was first known */
    int64_t mutated; /* clock ms: when our last change of it ended; 0 none */
    int64_t created_at, renamed_at, deleted_at; /* clock ms: our own change of that kind; 0 none */
    uint64_t seen;                              /* serial of the last listing that showed it */
    uint32_t version;                           /* counts changes of status; for poll(2) */
    unsigned percent;
    unsigned image_count;
    unsigned pending; /* enum pending, ored */
    bool confirmed;   /* a listing has shown what we created */
    bool encrypted, shared_in;
    bool in_progress; /* linked in the list below */
    struct snapshot *progress_next, *progress_previous;
};

struct disk {
    struct text_pack texts;
    char *raw; /* NULL when the disk itself is not known (orphans, `none`) */
    uint64_t key;
    int64_t created, expires, size, snapshot_count;
    int64_t fetched;        /* clock ms: age of the record; 0 never */
    int64_t listed;         /* clock ms: age of its set of snapshots; 0 never listed on its own */
    int64_t rollback_until; /* clock ms: an accepted rollback may not show before this */
    int64_t refreshed;      /* clock ms: what was asked before this is not fresh */
    int64_t values_changed; /* clock ms: when something that was shown of it or its snapshots last
                               changed, though it seemed settled; 0 never */
    uint64_t seen;
    uint64_t entries_version; /* counts changes of its set of entries */
    unsigned rollback_percent;
    bool exists; /* the cloud lists it; false: only its snapshots are known */
    bool rolling_back, encrypted, attached, portable, snapshot_ability;
    struct snapshot **snapshots; /* oldest first, see snapshot_place_in_disk(); hidden ones too */
    size_t count, capacity;
    struct directory_told told[2]; /* its own directory, its snapshots/ */
};

struct catalogue {
    const struct provider *provider;
    struct table snapshots_by_id, snapshots_by_key, disks_by_id, disks_by_key;
    struct table entries;     /* visible snapshots by (disk, entry) */
    struct freed_name *freed; /* see the essay at the top */
    struct disk **disks;      /* by id */
    size_t disk_count, disk_capacity;
    size_t snapshot_count;
    int64_t disks_listed;      /* clock ms: age of the listing of all disks; 0 never */
    int64_t snapshots_listed;  /* the same for all snapshots */
    struct snapshot *progress; /* those in progress */
    uint64_t generation;       /* counts visible changes */
    uint64_t entries_freed;    /* counts entries that ceased to lead to their snapshot */
    uint64_t entries_version;  /* counts changes of the set of all visible snapshots */
    uint64_t disks_version;    /* counts changes of the set of visible disks */
};

void catalogue_init(struct catalogue *catalogue, const struct provider *provider);
void catalogue_free(struct catalogue *catalogue);

/* --- looking: pure, constant time unless said otherwise ------------------------------------------
 */

struct disk *catalogue_disk(const struct catalogue *catalogue, const char *id);
struct disk *catalogue_disk_by_key(const struct catalogue *catalogue, uint64_t key);
/* The only disk with this name, or NULL when none or several have it. Linear in the number of
 * disks. */
struct disk *catalogue_disk_by_name(const struct catalogue *catalogue, const char *name);

/* These see hidden snapshots too; snapshot_is_visible() tells. */
struct snapshot *catalogue_snapshot(const struct catalogue *catalogue, const char *id);
struct snapshot *catalogue_snapshot_by_key(const struct catalogue *catalogue, uint64_t key);
/* The visible snapshot of the disk with this entry or id. */
struct snapshot *catalogue_entry(const struct catalogue *catalogue, const struct disk *disk,
                                 const char *entry);
/* The newest visible snapshot in NORMAL, or NULL. Linear in the snapshots of the disk. */
struct snapshot *catalogue_latest(const struct disk *disk);
size_t catalogue_visible_count(const struct disk *disk);

const char *snapshot_text(const struct snapshot *snapshot, enum snapshot_text which);
const char *disk_text(const struct disk *disk, enum disk_text which);
bool snapshot_is_visible(const struct snapshot *snapshot);
/* The status word as the tree shows it, with what is pending taken into account; and the percent.
 */
const char *snapshot_word(const struct snapshot *snapshot);
unsigned snapshot_percent(const struct snapshot *snapshot);
/* True in NORMAL, ERROR and TORECYCLE: nothing more will happen by itself. A word that we do not
 * know may change and is not settled. */
bool snapshot_is_settled(const struct snapshot *snapshot);
/* True while the disk is rolled back, as far as is known. Linear in its snapshots. */
bool disk_is_rolling_back(const struct disk *disk);
/* True if the disk exists or has at least one visible snapshot. */
bool disk_is_visible(const struct disk *disk);

/* --- in order: for directories that are read piece by piece (catalogue_order.c) ------------------
 */

/*
 * A place is where an object stands in the order of a directory, CATALOGUE_FIRST_PLACE to 2^63-1;
 * smaller ones are in front of all.  While an object is there and its time of creation is the same,
 * so is its place: who walks a directory in several parts, each from the place where the last part
 * ended, meets everything once that was there all the time, whatever comes and goes in between.
 */
#define CATALOGUE_FIRST_PLACE 16

/* In the lists of all disks and of all snapshots: by key. Unique. */
uint64_t disk_place(const struct disk *disk);
uint64_t snapshot_place(const struct snapshot *snapshot);
/* Among the snapshots of its disk: by the second in which it was made, and the first 29 bits of the
 * key; two of one second may rarely share it.  They are next to each other. */
uint64_t snapshot_place_in_disk(const struct snapshot *snapshot);

/* A walk over what is visible and has a greater place than `after`. Lives on its owner's stack,
 * until the catalogue changes. Beginning costs the logarithm of what there is, each step nothing
 * that grows. */
struct catalogue_walk {
    const struct catalogue *catalogue;
    const struct disk *disk;
    size_t at;
};

struct catalogue_walk catalogue_walk_disks(const struct catalogue *catalogue, uint64_t after);
/* `disk` NULL: of all disks. */
struct catalogue_walk catalogue_walk_snapshots(const struct catalogue *catalogue,
                                               const struct disk *disk, uint64_t after);
/* The next one, or NULL. */
struct disk *catalogue_next_disk(struct catalogue_walk *walk);
struct snapshot *catalogue_next_snapshot(struct catalogue_walk *walk);

/* --- learning: a listing -------------------------------------------------------------------------
 */

/*
 * Takes a record in, unless a change of ours ended after `asked` (clock ms when the request was
 * sent). `serial` marks it as seen by that listing (0: no listing, keeps the mark).  `now` is clock
 * ms, `wall` seconds. A new snapshot stays hidden until catalogue_name_new(). 0 or -ENOMEM (what
 * was taken in of it is incomplete until the next listing).
 */
int catalogue_put_disk(struct catalogue *catalogue, const struct disk_record *record, int64_t asked,
                       uint64_t serial);
int catalogue_put_snapshot(struct catalogue *catalogue, const struct snapshot_record *record,
                           int64_t asked, uint64_t serial, int64_t now, int64_t wall);

/* True if the snapshot has had this entry and lost it after `since` (seconds). Linear in the names
 * that were freed. */
bool catalogue_had_entry(const struct catalogue *catalogue, const struct snapshot *snapshot,
                         const char *entry, int64_t since);

/* How many a sweep with the same arguments would remove. Linear. */
size_t catalogue_count_unseen_snapshots(const struct catalogue *catalogue, const struct disk *disk,
                                        uint64_t serial, int64_t asked, int64_t now);
size_t catalogue_count_unseen_disks(const struct catalogue *catalogue, uint64_t serial,
                                    int64_t asked);

/* Gives entries to the hidden new snapshots of a disk, oldest first. 0 or -ENOMEM. */
int catalogue_name_new(struct catalogue *catalogue, struct disk *disk);

/* After a complete listing whose first pass had `serial` and began at `asked`: removes what was not
 * seen since and nothing pending protects. `disk` NULL: of all disks. */
void catalogue_sweep_snapshots(struct catalogue *catalogue, struct disk *disk, uint64_t serial,
                               int64_t asked, int64_t now, int64_t wall);
void catalogue_sweep_disks(struct catalogue *catalogue, uint64_t serial, int64_t asked);

/* A disk asked for by id is not there: it keeps only its snapshots. */
void catalogue_disk_is_gone(struct catalogue *catalogue, struct disk *disk, int64_t asked);
/* A snapshot asked for by id is not there: removed unless pending protects it. */
void catalogue_snapshot_is_gone(struct catalogue *catalogue, struct snapshot *snapshot,
                                int64_t asked, int64_t now, int64_t wall);

/* --- changing: what the cloud has accepted. `now` clock ms --------------------------- */

/* The new snapshot, CREATING 0, visible at once under `entry`'s own rules. NULL when memory is out.
 */
struct snapshot *catalogue_created(struct catalogue *catalogue, struct disk *disk, const char *id,
                                   const char *name, int64_t now, int64_t wall);
int catalogue_renamed(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                      int64_t now, int64_t wall);
void catalogue_deleted(struct catalogue *catalogue, struct snapshot *snapshot, int64_t now,
                       int64_t wall);
void catalogue_rolling_back(struct catalogue *catalogue, struct snapshot *snapshot, int64_t now,
                            int64_t wall);
/* Remembers a rename for later (CREATING): shown at once, sent by jobs.c. 0 or -ENOMEM. */
int catalogue_rename_later(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                           int64_t wall);

#endif
