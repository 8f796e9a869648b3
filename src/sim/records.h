/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks and snapshots as the simulator keeps them: a million must fit and page quickly, so a record
 * holds only what cannot be derived, and JSON is made at answer time.
 *
 * Records are never changed in place.  A change retires the old version and inserts a new one, so
 * that a describe can be answered as of an earlier moment (the fault "stale") without any further
 * bookkeeping.
 */
#ifndef CBSFS_SIM_RECORDS_H
#define CBSFS_SIM_RECORDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_ID_SIZE 40

/* The common head. Times in `created` are seconds since the epoch, `born` and `died` clock_now().
 */
struct record {
    char id[RECORD_ID_SIZE];
    int64_t created;
    int64_t born;   /* 0: was there from the start */
    int64_t died;   /* INT64_MAX while it is the current version */
    json_t *fields; /* NULL, or members that replace the derived ones verbatim */
};

struct snapshot {
    struct record head;
    char disk_id[RECORD_ID_SIZE];
    int64_t deadline;         /* seconds since the epoch, TIMESTAMP_NONE when permanent */
    int64_t modified;         /* likewise */
    int64_t started;          /* clock_now() when its creation began, 0 when it always existed */
    int64_t rollback_started; /* clock_now(), 0: never */
    int64_t delete_started;   /* likewise: an order to delete that takes its time */
    uint32_t size;            /* GiB */
    bool system;
    bool encrypted;
    bool copied;       /* from another region: `started` is when that began */
    bool create_fails; /* its creation ends in failure */
    bool delete_fails;
    char name[];
};

struct disk {
    struct record head;
    int64_t rollback_started;
    uint32_t size; /* GiB */
    uint32_t snapshot_count;
    bool system;
    bool attached;
    bool encrypted;
    bool rollback_fails; /* the last one ends in failure */
    char name[];
};

/* One kind of record, current and past. */
struct table {
    struct record **by_time; /* oldest first; equal times by id */
    struct record **by_id;
    size_t count;
    size_t capacity;
    struct record **history; /* versions that ended, oldest end first; the newest 10,000 */
    size_t history_count;
};

/* What was there at one moment, oldest first. `owned` is NULL when the table's own array is lent.
 */
struct view {
    struct record *const *records;
    struct record **owned;
    size_t count;
};

/* New records: zero but for id (cut at RECORD_ID_SIZE - 1), name and no deadline. NULL: no memory.
 */
struct snapshot *snapshot_new(const char *id, const char *name);
struct disk *disk_new(const char *id, const char *name);
/* A bare one, zero but for the id. */
struct record *record_new(const char *id);
/* Copies for the next version; `name` NULL keeps the name. NULL: no memory. */
struct snapshot *snapshot_copy(const struct snapshot *from, const char *name);
struct disk *disk_copy(const struct disk *from);
struct record *record_copy(const struct record *from);
void record_free(struct record *record);

void table_free(struct table *table);
struct record *table_find(const struct table *table, const char *id);
/* The table owns the record from here on, also after a failure (it is freed). 0 or -ENOMEM. */
int table_insert(struct table *table, struct record *record);
/* As table_insert() without keeping order: table_sort() must follow before anything else. */
int table_append(struct table *table, struct record *record);
void table_sort(struct table *table);
/* Ends the current version at `now`. 0 or -ENOMEM (then nothing has changed). */
int table_retire(struct table *table, struct record *record, int64_t now);
/* Ends `old` and makes `next` current; takes `next` over in any case. 0 or -ENOMEM (old stays). */
int table_replace(struct table *table, struct record *old, struct record *next, int64_t now);
/* What was current at `at` (INT64_MAX: now). 0 or -ENOMEM. */
int table_view(const struct table *table, int64_t at, struct view *view);
/* Puts a view's own array in order and lends it out. */
void view_sort(struct view *view);
void view_free(struct view *view);

#endif
