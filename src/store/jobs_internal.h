/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CBSFS_JOBS_INTERNAL_H
#define CBSFS_JOBS_INTERNAL_H

#include "store_internal.h"

/*
 * A change from its order to its true answer.
 *
 *   SENDING ──accepted───────────────────────────────► DONE
 *    ▲ │ └────refused, or never sent─────────────────► FAILED
 *    │ └──────outcome unknown──► SETTLING ──found────► DONE
 *    │                            │   └──not in time──► WATCHING ──found──────► DONE
 *    ├────what may be repeated────┘   (the caller has      └──time is up──► FAILED
 *   LATER (a rename that               its ETIMEDOUT)          a rollback ► UNKNOWN
 *   waits for NORMAL)
 */
enum job_state {
    JOB_LATER,
    JOB_SENDING,
    JOB_SETTLING,
    JOB_WATCHING,
    JOB_DONE,
    JOB_FAILED,
    JOB_UNKNOWN
};

/* What a change needs beside the snapshot and the name. Texts are NULL where there is none. */
struct job_order {
    char *account, *region, *group_id, *zone, *type, *token;
    struct job_member {
        char *snapshot_id, *disk_id;
    } * members; /* of a group; snapshot_id is NULL when it is about to be made */
    size_t member_count;
    int64_t size;    /* GiB */
    int64_t expires; /* seconds, or TIMESTAMP_NONE */
    bool cancel;
};

struct job {
    struct store *store;
    struct job *next;
    enum cloud_verb verb;
    enum job_state state;
    char *disk_id, *snapshot_id, *name, *path; /* never NULL, "" if it has none; of a change of a
                                                  group the group's id stands for the snapshot's */
    char *created_id; /* what it made, or NULL: that is not known, or it makes nothing */
    struct job_order order;
    bool stop, start;
    int64_t number;
    int64_t began;      /* clock ms */
    uint32_t known;     /* how many snapshots had ever become known then */
    int64_t began_wall; /* seconds, the server's */
    int64_t ended_wall; /* seconds, the server's: when it was done or failed */
    int64_t failed_at;  /* clock ms: when the outcome became unknown */
    unsigned sends;     /* how often it was sent */
    bool shown_before;  /* a listing that lags may show what it does though it was not done */
    struct client_call *call;
    struct store_waiter waiter;
    struct loop_timer timer;
    struct cloud_error error;
    bool was_told;                                             /* the outcome is not the first */
    int status;                                                /* what the caller is told */
    void (*done)(void *data, const struct job_result *result); /* NULL: nobody waits any more */
    void *data;
};

/* How long an outcome that was not found is watched, ms, and how often. */
#define JOB_WATCH_TIME     60000
#define JOB_WATCH_INTERVAL 2000
/* How often it is looked for while the caller waits, ms. */
#define JOB_SETTLE_INTERVAL 500
/* How often a rename or a deletion is sent at most. */
#define JOB_SENDS_MOST 5
/* By how much a listing may lag at most, ms. */
#define JOB_LISTING_LAG 60000

int64_t job_deadline(const struct job *job);
/* A job in the store's list, not sent yet; NULL when memory is out. Copies the texts. */
struct job *job_new(struct store *store, enum cloud_verb verb, const char *disk_id,
                    const char *snapshot_id, const char *name, const char *path);
/* Takes it out of the list, back from the cloud if it is there, and frees it. Calls nobody. */
void job_remove(struct job *job);
bool job_is_over(const struct job *job);
/* Tells the caller, if somebody still waits, and records a failure. */
void job_answer(struct job *job, int status);
/* Sends the change. 0 or -ENOMEM. */
int job_send(struct job *job);
/* Ends the job and answers the caller, if there still is one. */
void job_finish(struct job *job, enum job_state state, int status);
/* The cloud has accepted it: into the catalogue, then job_finish(). `id`: of what was made. */
void job_accepted(struct job *job, const char *id);
/* Of the changes of features.c (feature_proof.c): the cloud has accepted one. False: it cannot be
 * shown. */
bool feature_accepted(struct job *job, const char *id, int64_t now, int64_t wall);
/* Whether what is known now shows that it has happened: the id of what it made, or of the snapshot
 * or group; NULL: it does not show. */
const char *feature_evidence(const struct job *job);
/* Looks where it would show; as listing_want(). */
int feature_look(struct job *job);
/* True for the verbs of features.c. */
bool feature_is(enum cloud_verb verb);
/* Begins to find out what became of it. */
void job_settle(struct job *job);
/* Of a change that is being watched: the catalogue has changed, and may show it. */
void job_look_again(struct job *job);
const char *job_verb_name(enum cloud_verb verb);
/* A change of this disk whose outcome is not known yet; `name` NULL: whatever its name. */
const struct job *unsettled_job(const struct store *store, enum cloud_verb verb,
                                const char *disk_id, const char *name);
/* A rollback of this disk, alone or with others, whose outcome is not known yet; other than `but`.
 */
bool rollback_is_unsettled(const struct store *store, const char *disk_id, const struct job *but);
/* Sends a new job (NULL: there was no memory for it) and takes it back if that fails. */
int job_launch(struct job *job, void (*done)(void *data, const struct job_result *result),
               void *data, struct job **handle);

/* Remembers a rename of what is being created (later.c); as store_rename(). */
int later_rename(struct store *store, struct snapshot *snapshot, const char *name, const char *path,
                 void (*done)(void *data, const struct job_result *result), void *data,
                 struct job **handle);
/* A remembered rename did not happen: the entry goes back. Harmless for other jobs. */
void later_give_up(struct job *job);

#endif
