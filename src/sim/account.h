/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one region of the account holds, and what its records look like from outside.
 *
 * Life cycles need no timers: a record remembers when something began, and its state is worked out
 * for the moment that is asked about.
 */
#ifndef CBSFS_SIM_ACCOUNT_H
#define CBSFS_SIM_ACCOUNT_H

#include "records.h"

struct account {
    char region[64];
    size_t number;         /* of the region, from 0 */
    bool filled;           /* what it holds from the start has been made */
    int64_t create_time;   /* ms */
    int64_t rollback_time; /* ms */
    int64_t delete_time;   /* ms, where deletions take their time */
    int64_t copy_time;     /* ms, from another region */
    uint64_t random;       /* state of the id generator */
    struct table disks;
    struct table snapshots;
    struct table groups;   /* of snapshots: bare records, rendered from their fields */
    struct table policies; /* the same */
    json_t *orders;     /* of disks: {ClientToken: {"asked": PARAMETERS, "made": [ID]}}, or NULL */
    int64_t expiry_due; /* seconds since the epoch: no deadline is before it; 0: not known */
    int64_t deletion_due; /* clock_now() at which the next one may be gone, INT64_MAX: none is under
                             way */
};

/* Room for "2026-03-02 09:41:07" and "2026-03-02T09:41:07+08:00". */
#define BEIJING_TIME_SIZE 32
/* Time as the API writes it (facts 1.6): Beijing time without zone; "" for TIMESTAMP_NONE. */
void beijing_time(int64_t seconds, char text[BEIJING_TIME_SIZE]);
/* The same with `T` and the offset. */
void beijing_time_zoned(int64_t seconds, char text[BEIJING_TIME_SIZE]);

/* The next number of the generator (SplitMix64). */
uint64_t random_next(uint64_t *random);
/* Writes `prefix` and eight of [0-9a-z]. */
void random_id(uint64_t *random, const char *prefix, char id[RECORD_ID_SIZE]);

void account_free(struct account *account);
struct disk *account_disk(const struct account *account, const char *id);
struct snapshot *account_snapshot(const struct account *account, const char *id);
struct record *account_group(const struct account *account, const char *id);
/* An id that no snapshot has. */
void account_new_snapshot_id(struct account *account, char id[RECORD_ID_SIZE]);

/*
 * Changes; each takes its new record over in any case, and keeps the disks' snapshot counts.
 * 0 or -ENOMEM (nothing has changed).  `now` is clock_now().
 */
int account_add_snapshot(struct account *account, struct snapshot *snapshot);
int account_remove_snapshot(struct account *account, struct snapshot *snapshot, int64_t now);
int account_replace_snapshot(struct account *account, struct snapshot *old, struct snapshot *next,
                             int64_t now);

/* Begins to delete: from now on another version, which is taken over, with delete_started. 0 or
 * -ENOMEM. */
int account_start_deletion(struct account *account, struct snapshot *old, struct snapshot *next,
                           int64_t now);
/* Removes what is due to be gone at `now`, and what has a deadline before `wall` (seconds since the
 * epoch). 0 or -ENOMEM (the rest stays for the next time). */
int account_settle(struct account *account, int64_t now, int64_t wall);

/* The records as the API shows them at `at` (clock_now()), complete. New reference or NULL. */
json_t *snapshot_render(const struct account *account, const struct snapshot *snapshot, int64_t at);
json_t *disk_render(const struct account *account, const struct disk *disk, int64_t at);
json_t *group_render(const struct account *account, const struct record *group, int64_t at);
json_t *policy_render(const struct account *account, const struct record *policy, int64_t at);

/* Puts what was set by hand over a rendered record, which it takes over; see patch.h. Left out are
 * the member "evs", which is for one dialect only, and what is kept to derive others from:
 * "shares",
 * [{AccountId, CreatedTime}], and "copies", [{Region, until (clock_now())}]. The record, or NULL
 * without memory. */
json_t *record_overlay(json_t *rendered, json_t *fields);

/*
 * One member of a snapshot as text, without rendering it: "TRUE"/"FALSE" for booleans.  For filters
 * over a million records.  Returns `scratch`, a pointer into the record or a constant.
 */
const char *snapshot_value(const struct account *account, const struct snapshot *snapshot,
                           int64_t at, const char *field, char scratch[32]);
/* A JSON scalar as a filter sees it, like snapshot_value(). */
const char *scalar_text(const json_t *value, char scratch[32]);

/* Fill the account at start: by hand, or generated. `wall` is now in seconds. 0 or -ENOMEM. */
int account_fill_demo(struct account *account, int64_t wall);
int account_fill_generated(struct account *account, long disks, long snapshots, int64_t wall);
/* What another region holds: less, other ids, some of the same names. */
int account_fill_elsewhere(struct account *account, int64_t wall);

#endif
