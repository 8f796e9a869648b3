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
#include "cbsfs/hash_index.h"
#include "cbsfs/provider.h"
#include "cbsfs/table.h"

#include <stdbool.h>
#include <stdint.h>

struct buffer;
struct catalogue;
struct provider;
struct raw_pages;

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
#define PENDING_VALUE_GRACE    60000 /* a date of ours, or that it is shared */

enum snapshot_text {
    SNAPSHOT_ID,
    SNAPSHOT_NAME,
    SNAPSHOT_STATE, /* the provider's own word */
    SNAPSHOT_WORD,  /* normalised, see `status` in design 3; never empty */
    SNAPSHOT_USAGE,
    SNAPSHOT_TYPE,
    SNAPSHOT_ZONE,
    SNAPSHOT_GROUP,  /* id of the group that it is a member of, where its record tells */
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
    DISK_GROUP, /* the cloud's own group of disks that it is in */
    DISK_TEXT_COUNT
};

#define TEXT_PACK_MOST 10
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
struct snapshot;

/* What the kernel was told of a directory.  The file system's (copies.c), and here only so that it
 * ends with what it is about. */
struct directory_told {
    uint64_t version; /* of the set of entries that its copy shows */
    int64_t asked;    /* clock ms: the age of that */
    int64_t until;    /* clock ms: it may believe its attributes for so long; 0: not at all */
    uint32_t stamp;   /* in the time of change: another one ends the copy; 0: none yet */
    bool held;        /* it may have a copy under this stamp */
};

/* A name that a snapshot had. */
struct former_name {
    uint64_t hash;
    int64_t until; /* clock ms; 0: none */
};
#define FORMER_NAMES 4

/* A date on which it was to expire before we set another. */
struct former_date {
    int64_t expires; /* seconds, or TIMESTAMP_NONE */
    int64_t until;   /* clock ms; 0: none */
};
#define FORMER_DATES 4

/* What only those have that change while they are known. */
struct snapshot_more {
    char *wanted_name; /* renamed while CREATING: the name to give when NORMAL, or NULL */
    int64_t changed;   /* seconds: when status was last seen to change; TIMESTAMP_NONE if never */
    int64_t mutated;   /* clock ms: when our last change of it ended; 0 none */
    int64_t created_at, renamed_at, deleted_at; /* clock ms: our own change of that kind; 0 none */
    int64_t dated_at, shared_at;                /* the same of its expiry, and of sharing it */
    struct former_date dates[FORMER_DATES];     /* the last ones first */
    int64_t size;                               /* GiB, where `size_bits` cannot hold it */
    struct former_name formers[FORMER_NAMES];   /* the last ones first */
    uint32_t version;                           /* counts changes of status; for poll(2) */
    struct snapshot *progress_next, *progress_previous;
};

/* A record that is longer, or whose length has to be measured. */
#define SNAPSHOT_RAW_LENGTH_UNKNOWN 0xffff

enum entry_kind { ENTRY_NONE, ENTRY_IS_NAME, ENTRY_IS_ID, ENTRY_IS_OWN };

/*
 * There may be a million of these, so what most have fits into 72 bytes, and some of it has to be
 * asked for: see snapshot_text() and its neighbours.
 */
struct snapshot {
    struct disk *disk;
    char *texts;                /* id, name, and the two that the flags below tell of */
    struct snapshot_more *more; /* NULL for most; read it with snapshot_more() */
    uint64_t key : 48;          /* unique among snapshots */
    uint64_t percent : 7;
    uint64_t pending : 4;    /* enum pending, ored */
    uint64_t entry_kind : 2; /* enum entry_kind; see snapshot_entry() */
    uint64_t has_own_entry : 1, has_images : 1;
    uint64_t confirmed : 1;     /* a listing has shown what we created */
    uint64_t created_bits : 40; /* see snapshot_created() */
    uint64_t raw_length : 16;   /* of the record as it is shown, bytes */
    uint64_t encrypted : 1, shared_in : 1;
    uint64_t in_images : 1;     /* images are built on it */
    uint64_t in_progress : 1;   /* linked in the catalogue's list */
    uint64_t features : 3;      /* of enum snapshot_feature, as bits: there is something to tell */
    uint64_t shared_out : 1;    /* with other accounts */
    uint64_t expires_bits : 40; /* see snapshot_expires() */
    uint64_t shape : 24;        /* number of what many have in common */
    uint64_t fetched_bits : 44; /* see snapshot_fetched() */
    uint64_t size_bits : 20;    /* see snapshot_size() */
    uint32_t seen;              /* serial of the last listing that showed it */
    uint32_t learnt;            /* which one it is of those that ever became known, from 1 */
    uint32_t number;            /* its own in the catalogue */
    uint32_t raw; /* place of the provider's record; 0: none, or larger than is kept */
};

struct disk {
    struct catalogue *catalogue;
    struct text_pack texts;
    uint32_t raw; /* 0 when the disk itself is not known (orphans, `none`) */
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
    uint32_t *
        numbers; /* of its snapshots, oldest first, see snapshot_place_in_disk(); hidden ones too */
    size_t count, capacity;
    struct directory_told told[2]; /* its own directory, its snapshots/ */
    struct disk *touched_next;     /* see catalogue_next_touched() */
    bool is_touched;
};

/* Strings that many snapshots share: state, word, usage, type, zone, group. */
struct shape {
    uint32_t users, hash, next_free;
    bool is_of_group;
    char *texts; /* NULL: unused */
};

/* What was learnt; `was`: the status, the state or the name before. */
enum catalogue_news {
    CATALOGUE_DISK_APPEARED,
    CATALOGUE_DISK_CHANGED,
    CATALOGUE_DISK_GONE,
    CATALOGUE_SNAPSHOT_APPEARED,
    CATALOGUE_SNAPSHOT_CHANGED,
    CATALOGUE_SNAPSHOT_RENAMED,
    CATALOGUE_SNAPSHOT_GONE
};

struct catalogue {
    const struct provider *provider;
    /* Called for what is shown and was not there at the first listing, or is another now; what is
     * gone is still there then. NULL: nobody listens. Must not touch the catalogue. */
    void (*news)(void *data, enum catalogue_news news, const struct disk *disk,
                 const struct snapshot *snapshot, const char *was);
    void *news_data;
    struct table disks_by_id, disks_by_key;
    struct snapshot **chunks; /* the memory of snapshots, by number */
    size_t chunk_count;
    uint32_t numbers_used, number_free; /* given ever; head of the list of those given back, or 0 */
    struct hash_index by_key;           /* numbers of snapshots */
    struct hash_index entries;          /* of visible ones, by (disk, entry) */
    unsigned key_detour; /* how far a key is from its id's own at most; nearly always 0 */
    struct hash_index shapes_by_hash;
    struct shape *shapes;
    size_t shape_count, shape_capacity;
    uint32_t shape_recent; /* the last that was taken, or 0 */
    uint32_t shape_free;   /* head of the list of unused ones, or 0 */
    struct raw_pages *raw_pages;
    struct table freed; /* names, see the essay at the top */
    struct freed_name *freed_aside, *freed_spare;
    int64_t freed_unnoted; /* seconds: the last that there was no memory to note */
    struct disk **disks;   /* by id */
    size_t disk_count, disk_capacity;
    size_t snapshot_count;
    uint32_t learnt_count;     /* of snapshots that ever became known */
    int64_t disks_listed;      /* clock ms: age of the listing of all disks; 0 never */
    int64_t snapshots_listed;  /* the same for all snapshots */
    struct snapshot *progress; /* those in progress */
    uint64_t generation;       /* counts visible changes */
    uint64_t entries_freed;    /* counts entries that ceased to lead to their snapshot */
    uint64_t values_changed;   /* counts changes of what was to stay as it was told */
    uint64_t entries_version;  /* counts changes of the set of all visible snapshots */
    uint64_t disks_version;    /* counts changes of the set of visible disks */
    struct disk *touched;
};

/* The catalogue must not be moved afterwards: its disks point to it. */
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
/* Its name in the directory; NULL until its disk's listing was complete: hidden. */
const char *snapshot_entry(const struct snapshot *snapshot);
/* Seconds, or TIMESTAMP_NONE. */
int64_t snapshot_created(const struct snapshot *snapshot);
int64_t snapshot_expires(const struct snapshot *snapshot);
/* Clock ms: when the request that brought this record was sent. */
int64_t snapshot_fetched(const struct snapshot *snapshot);
/* GiB, -1 unknown. */
int64_t snapshot_size(const struct snapshot *snapshot);
/* Never NULL; for reading. */
const struct snapshot_more *snapshot_more(const struct snapshot *snapshot);
/* Append the provider's record as JSON that a terminal can show, "null" where none is kept. 0,
 * -ENOMEM or the buffer's error. */
int snapshot_put_raw(const struct snapshot *snapshot, struct buffer *out);
/* Appends what the provider's record tells of it beside what everybody asks for, see
 * provider->put_feature(). 0, -ENOMEM or the buffer's error. */
int snapshot_put_feature(const struct snapshot *snapshot, enum snapshot_feature feature,
                         struct buffer *out);
int disk_put_raw(const struct disk *disk, struct buffer *out);
/* The disk's snapshots, oldest first, hidden ones too; `at` below disk->count. */
struct snapshot *disk_snapshot(const struct disk *disk, size_t at);
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

/* The disks whose directories may show other entries than before, each once; then NULL. */
struct disk *catalogue_next_touched(struct catalogue *catalogue);

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

/* The next one after `number` (0: from the beginning) that is shown and of which it is told which
 * group it is a member of; NULL: none is left. All of them cost a look at each snapshot, in the
 * order in which they lie in memory. */
const struct snapshot *catalogue_next_member(const struct catalogue *catalogue, uint32_t number);

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

/* True if the snapshot has had this entry and lost it after `since` (seconds), or may have. */
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
/* Gives back some of the room that records have left behind; a few milliseconds, after a listing.
 */
void catalogue_tidy(struct catalogue *catalogue);

/* A disk asked for by id is not there: it keeps only its snapshots. */
void catalogue_disk_is_gone(struct catalogue *catalogue, struct disk *disk, int64_t asked);
/* A snapshot asked for by id is not there: removed unless pending protects it. */
void catalogue_snapshot_is_gone(struct catalogue *catalogue, struct snapshot *snapshot,
                                int64_t asked, int64_t now, int64_t wall);

/* --- changing: what the cloud has accepted. `now` clock ms --------------------------- */

/* Sees to it that a change of this snapshot can be noted when the cloud has accepted it, without
 * memory if need be. 0 or -ENOMEM. */
int catalogue_prepare_change(struct snapshot *snapshot);

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
/* Its set of entries is, or is about to be, another one: copies of it end. */
void catalogue_entries_changed(struct catalogue *catalogue, struct disk *disk);
/* The word for the tree: the normalised one, else the provider's own in upper case, made in
 * `space`, else UNKNOWN. */
const char *catalogue_word(const char *word, const char *state, char *space, size_t size);
void catalogue_expires(struct catalogue *catalogue, struct snapshot *snapshot, int64_t expires,
                       int64_t now);
/* Whether it is shared with other accounts. */
void catalogue_shared(struct snapshot *snapshot, bool shared, int64_t now);
/* Remembers a rename for later (CREATING): shown at once, sent by jobs.c. 0 or -ENOMEM. */
int catalogue_rename_later(struct catalogue *catalogue, struct snapshot *snapshot, const char *name,
                           int64_t wall);

/* Forgets that wish; the entry stays. */
void catalogue_forget_wanted(struct snapshot *snapshot);

#endif
