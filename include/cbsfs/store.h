/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: the catalogue kept true.
 *
 * It knows when what is known may still be shown (ttl), asks the cloud for no more than what
 * somebody wants to see, lets everybody who waits for the same answer wait for one call, polls what
 * is in progress while somebody looks, and carries changes out, each exactly once.  Everything here
 * returns at once; what takes time ends in a callback of the loop.
 */
#ifndef CBSFS_STORE_H
#define CBSFS_STORE_H

#include "cbsfs/catalogue.h"
#include "cbsfs/cloud.h"

#include <stdbool.h>
#include <stdint.h>

struct buffer;
struct client;
struct events;
struct loop;
struct store;

struct store_settings {
    int64_t ttl;     /* ms: nothing older is shown while the cloud answers */
    int64_t timeout; /* ms: one operation */
    const char *const
        *disks; /* NULL-terminated ids: show only these; NULL: all. Must outlive the store. */
    struct events *events; /* where what is learnt is told; NULL: nowhere. Must outlive the store */
    const char *region;    /* for the events; NULL: none. Must outlive the store */
    const char *prefix; /* of paths there: "regions/REGION/"; NULL: none. Must outlive the store */
    struct store *beside; /* one of the same mount, or NULL: they tell of their failures and their
                             changes together */
};

/* NULL when memory is out. loop and client must outlive the store. */
struct store *store_new(struct loop *loop, struct client *client,
                        const struct store_settings *settings);
/* Drops waiters and jobs without their callbacks. */
void store_free(struct store *store);

const struct catalogue *store_catalogue(const struct store *store);
/* The disks whose directories may show other entries than before, each once; then NULL. */
struct disk *store_next_touched(struct store *store);
const struct provider *store_provider(const struct store *store);

/* --- wanting to know ----------------------------------------------------------------- */

enum store_want {
    WANT_DISKS,          /* the list of all disks */
    WANT_SNAPSHOTS,      /* the list of all snapshots */
    WANT_DISK,           /* `id`: whether this disk is there, and its record */
    WANT_DISK_SNAPSHOTS, /* `id`: the snapshots of this disk */
    WANT_STATUS,  /* `id`: this snapshot's status, not older than 2 s while in progress, else ttl */
    WANT_SETTLED, /* `id`: nothing in progress with this snapshot, or it is gone. No time limit */
    WANT_SHARES,  /* `id`: the accounts that this snapshot is shared with */
    WANT_GROUPS,  /* snapshot groups; while one is in progress not older than 2 s */
    WANT_GROUP_SETTLED, /* `id`: nothing in progress with this group and its snapshots, or it is
                           gone. No time limit */
    WANT_POLICIES,
    WANT_REGIONS
};
#define STORE_WANT_COUNT 11

/* Somebody who waits. Owned by the caller, zero-initialised with ready and data set, kept until
 * `ready` was called or store_unwait(). */
struct store_waiter {
    /* status: 0, or why the cloud did not tell (then what is known, if anything, is what there is).
     */
    void (*ready)(void *data, int status);
    void *data;
    struct store_waiter *next, **link; /* the store's */
    uint64_t key;                      /* the store's: snapshot waited for */
};

/*
 * Is it known freshly enough?  `id` is NULL where none is meant.  Returns 0: yes.  Returns
 * -EINPROGRESS: the waiter's `ready` is called once later, never from inside.  -ENOMEM, or why the
 * same question has just failed: it is not asked again for a second, or for three times as long as
 * it took to fail (30 s at most), unless somebody refreshes.  Whoever gets 0 or `ready`, or such a
 * failure, looks into the catalogue.
 */
int store_want(struct store *store, enum store_want want, const char *id,
               struct store_waiter *waiter);
/* Begins to ask, if that is due, what will be wanted next: WANT_DISKS, WANT_SNAPSHOTS, WANT_DISK or
 * WANT_DISK_SNAPSHOTS. Whoever wants it before the answer comes joins. */
void store_expect(struct store *store, enum store_want want, const char *id);
/* clock_now() when a page of a listing came that was not its first; 0: none yet. */
int64_t store_last_page(const struct store *store);
/* Takes a waiter back. Harmless when it does not wait. */
void store_unwait(struct store_waiter *waiter);

/*
 * What WANT_SHARES (with the snapshot's id), WANT_GROUPS, WANT_POLICIES and WANT_REGIONS (with "")
 * are answered with: an array of objects as cloud.h has them (cloud_answer.list), borrowed until
 * the next round of the loop. Groups have one member more, `twin`: another one has the plain name.
 * NULL: never answered. Of a cloud that has no such thing store_want() says -EOPNOTSUPP.
 */
const json_t *store_list(const struct store *store, enum store_want want, const char *id);
/* As store_life() and store_asked(), of such a list. */
int64_t store_list_life(const struct store *store, enum store_want want, const char *id);
int64_t store_list_asked(const struct store *store, enum store_want want, const char *id);
/* Another number whenever something else may be shown. */
uint64_t store_list_version(const struct store *store, enum store_want want, const char *id);

/* Milliseconds for which what is known may still be shown without asking again; 0: none. For
 * WANT_DISKS, WANT_SNAPSHOTS, WANT_DISK, WANT_DISK_SNAPSHOTS. */
int64_t store_life(const struct store *store, enum store_want want, const struct disk *disk);
/* Clock ms when the question behind what is known was asked; 0: it was never answered. Never
 * becomes less. */
int64_t store_asked(const struct store *store, enum store_want want, const struct disk *disk);
/* True if it was ever answered. */
bool store_is_known(const struct store *store, enum store_want want, const struct disk *disk);

/* True if a value of this disk or of its snapshots that seemed settled has changed within a ttl:
 * whoever was told the old one may still believe it. */
bool store_is_in_doubt(const struct store *store, const struct disk *disk);

/* True without `disks=`. */
bool store_shows_all(const struct store *store);
/* True if the mount shows this disk (`disks=`). */
bool store_shows_disk(const struct store *store, const char *id);

/* Forgets all ages: what is asked next is asked of the cloud. */
void store_refresh(struct store *store);
/* The same for the list of disks. */
void store_refresh_disks(struct store *store);
/* The same for one disk. */
void store_refresh_disk(struct store *store, const char *id);

/* Somebody holds a poll(2) open on the status of something in progress: keeps it polled until 0
 * again. `changed` (set once) is called after each round that changed anything. */
void store_watch(struct store *store, int change);
/* Somebody follows the events: keeps what is in progress polled for a few seconds from now. */
void store_follow(struct store *store);
void store_on_change(struct store *store, void (*changed)(void *data), void *data);

/* --- changing ------------------------------------------------------------------------ */

struct job;

/* What the caller of a change learns, valid during `done`. */
struct job_result {
    int status;     /* 0, or a negative errno of design 7 */
    const char *id; /* of what was made; else the snapshot's or the group's; "" if unknown */
};

/*
 * Each of these checks what can be known without a call (and refuses with the reason in the
 * failures), then sends one change and settles its outcome: `done` is called once, never from
 * inside, within the store's timeout.  `path` is the path in the mount, for the failure's record.
 * Returns 0 and *job, or -ENOMEM, or the refusal: then `done` is not called.
 */
int store_create(struct store *store, const char *disk_id, const char *name, const char *path,
                 void (*done)(void *data, const struct job_result *result), void *data,
                 struct job **job);
int store_rollback(struct store *store, const char *snapshot_id, bool stop, bool start,
                   const char *path, void (*done)(void *data, const struct job_result *result),
                   void *data, struct job **job);
/* While the snapshot is being created, the name is remembered and sent when it is NORMAL: `done`
 * then comes in the next round of the loop. */
int store_rename(struct store *store, const char *snapshot_id, const char *name, const char *path,
                 void (*done)(void *data, const struct job_result *result), void *data,
                 struct job **job);
int store_delete(struct store *store, const char *snapshot_id, const char *path,
                 void (*done)(void *data, const struct job_result *result), void *data,
                 struct job **job);

/* When the cloud deletes it: seconds since the epoch, at least a day ahead; TIMESTAMP_NONE: never.
 * `kept` NULL: nothing forbids its deletion; else why it must not be deleted any sooner than is
 * known now, and such a date is -EPERM. */
int store_expire(struct store *store, const char *snapshot_id, int64_t expires, const char *kept,
                 const char *path, void (*done)(void *data, const struct job_result *result),
                 void *data, struct job **job);
/* `cancel`: no longer with this account. */
int store_share(struct store *store, const char *snapshot_id, const char *account, bool cancel,
                const char *path, void (*done)(void *data, const struct job_result *result),
                void *data, struct job **job);
/* `name` NULL: the cloud chooses one. The result has the copy's id, which is one of that region. */
int store_copy(struct store *store, const char *snapshot_id, const char *region, const char *name,
               const char *path, void (*done)(void *data, const struct job_result *result),
               void *data, struct job **job);

/* A disk as it would be made from a snapshot: like the one that the snapshot is of. Borrowed. */
struct disk_order {
    const char *name; /* NULL: the cloud chooses one */
    const char *zone, *type;
    int64_t size; /* GiB */
};
/* Fills what *order leaves open (NULL, 0) from the snapshot and its disk. NULL, or what is missing,
 * for a person. */
const char *store_complete_disk_order(const struct snapshot *snapshot, struct disk_order *order);
/* Makes one disk, however often the order has to be sent. The result has the disk's id. */
int store_new_disk(struct store *store, const char *snapshot_id, const struct disk_order *order,
                   const char *path, void (*done)(void *data, const struct job_result *result),
                   void *data, struct job **job);

/* Groups: snapshots of several disks at one moment. What is known of them is asked for first
 * (WANT_GROUPS). The result of the first has the group's id. */
int store_create_group(struct store *store, const char *const *disk_ids, size_t count,
                       const char *name, const char *path,
                       void (*done)(void *data, const struct job_result *result), void *data,
                       struct job **job);
int store_rollback_group(struct store *store, const char *group_id, bool stop, bool start,
                         const char *path,
                         void (*done)(void *data, const struct job_result *result), void *data,
                         struct job **job);
int store_delete_group(struct store *store, const char *group_id, const char *path,
                       void (*done)(void *data, const struct job_result *result), void *data,
                       struct job **job);
/* The group with this id among what is known, borrowed as store_list() is; NULL: there is none. */
const json_t *store_group(const struct store *store, const char *id);
/* Its status as that of a snapshot: what is in progress with one of its snapshots is with it. "": a
 * state that has no word. */
const char *store_group_status(const struct store *store, const json_t *group, int *percent);
/* The id of a snapshot of it that seems to be in progress though the group is not: whoever wants to
 * know asks about that one (WANT_STATUS), and all others are asked about with it. NULL: none. */
const char *store_group_busy_member(const struct store *store, const json_t *group);

/* True while the outcome of a change of this kind is not known. */
bool store_is_changing(const struct store *store, enum cloud_verb verb, const char *snapshot_id);
/* The clock of the cloud, seconds since the epoch; as far as it is known, else that of this
 * machine. */
int64_t store_server_time(const struct store *store);

/* The caller was interrupted. True: nothing was sent and the job is gone, `done` will not be
 * called. False: it runs to its true answer. */
bool job_cancel(struct job *job);
/* The caller is gone for good (shutdown): `done` will not be called, the job goes on. */
void job_forget(struct job *job);
/* How many changes are on the wire or being settled, here and in the stores beside it. */
unsigned store_running_jobs(const struct store *store);

/* --- failures: the reason is in the tree --------------------------------------------- */

/* Records a failed operation: in `.cbsfs/errors`, and as the last failure of the disk and the
 * snapshot (ids, NULL for none). `operation` is the verb as users know it: "mkdir", "rollback", ...
 */
void store_fail(struct store *store, const char *disk_id, const char *snapshot_id, const char *path,
                const char *operation, const struct cloud_error *error);
/* The same for a refusal of our own: no code, `message` is the reason. Returns `status`. */
int store_refuse(struct store *store, const char *disk_id, const char *snapshot_id,
                 const char *path, const char *operation, int status, const char *message);

/* Append what the files show: errors and jobs of all stores beside it as well, in their order. 0 or
 * the buffer's error. */
int store_put_error(const struct store *store, const char *disk_id, const char *snapshot_id,
                    struct buffer *out);
int store_put_errors(const struct store *store, struct buffer *out);
int store_put_jobs(const struct store *store, struct buffer *out);
int store_put_stats(const struct store *store, struct buffer *out);
/* How many visible snapshots of its disk are newer. Linear in the disk's. */
size_t store_newer(const struct snapshot *snapshot);
/* What the last change of this kind ("rollback", "copy_to") of this snapshot or group came to, one
 * line, or nothing. */
int store_put_last_result(const struct store *store, const char *operation, const char *snapshot_id,
                          struct buffer *out);

#endif
