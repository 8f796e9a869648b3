/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share among themselves. */
#ifndef CBSFS_STORE_INTERNAL_H
#define CBSFS_STORE_INTERNAL_H

#include "cbsfs/client.h"
#include "cbsfs/loop.h"
#include "cbsfs/store.h"

/* While something is in progress its status is never older than this, ms (design 4). */
#define POLL_INTERVAL 2000
/* Who follows the events looks at them more often than this, ms. */
#define FOLLOW_TIME 3000

struct failure;
struct list;
struct listing;

/* A question that failed is not asked again for this long, ms, and longer if it took long to fail:
 * a crawl of what is known must neither ask it nor wait for it for each file. */
#define FAILURE_HOLD         1000
#define LONGEST_FAILURE_HOLD 30000

struct failed_question {
    int64_t asked, failed, recorded; /* clock ms; failed 0: answered since */
    int status;
};

/* True while it is not asked again, unless it was asked before `since`. */
bool question_is_held(const struct failed_question *question, int64_t since);

/* The round in which everything in progress is asked for together. */
struct poll_round {
    unsigned outstanding; /* calls without an answer yet */
    int64_t asked;        /* clock ms of the current or last round */
    int status;           /* first failure of the round */
    struct failed_question failure;
    struct store_waiter *looking; /* want a status of this round */
    struct store_waiter *waiting; /* want something to be settled */
    struct poll_chunk *chunks;
    struct store_waiter listing; /* where a listing is cheaper than asking by id */
    struct loop_timer timer;
    int64_t followed; /* clock ms until which somebody wants to hear of it */
};

#define FAILURE_COUNT 1024
#define JOB_OUTCOMES  3
#define ERRNO_COUNT   134 /* Linux has no larger one */

struct store {
    struct loop *loop;
    struct client *client;
    const struct provider *provider;
    struct store_settings settings;
    struct catalogue catalogue;

    struct listing *listings; /* under way */
    uint64_t serial;
    int64_t refreshed;          /* clock ms: what was asked before this is not fresh */
    int64_t disks_outdated;     /* clock ms: the list of disks has one more since */
    int64_t snapshots_outdated; /* the same of snapshots, which a group has brought */
    int64_t
        single_disk; /* clock ms of the last question about one disk, see the essay of store.c */
    int64_t single_snapshots;
    int64_t last_success;             /* clock ms of listings */
    int64_t last_page;                /* clock ms: of a listing that has several came one */
    struct failed_question failed[2]; /* the last listing of disks, of snapshots */
    uint64_t listings_done;
    uint64_t passes_repeated; /* pages read once more because they did not add up */

    struct poll_round poll;
    struct group_wait {
        struct store_waiter *waiting; /* want a group to be settled */
        struct store_waiter listing;
        struct loop_timer timer;
        bool watches; /* the members are polled because of it */
    } group_wait;
    int watchers;
    uint64_t generation_told; /* of the catalogue, when `changed` was last called */
    void (*changed)(void *data);
    void *changed_data;

    uint64_t outcomes[CLOUD_VERB_COUNT][JOB_OUTCOMES]; /* told first: done, failed, unknown */
    uint64_t failed_by_errno[ERRNO_COUNT];
    int64_t throttled_told;                  /* clock ms: when the last event of it was; 0: none */
    struct list *lists;                      /* newest first, see lists.c */
    struct job *jobs;                        /* newest first */
    struct failure *failures[FAILURE_COUNT]; /* ring */
    size_t failure_next;
    struct store *beside, *beside_previous; /* ring of those of one mount; itself if it is alone */
};

void waiter_add(struct store_waiter **list, struct store_waiter *waiter);
/* Calls every waiter of the list; those that are added meanwhile go into the next round. */
void waiters_wake(struct store_waiter **list, int status);

/* Starts, or joins, a listing of disks or snapshots; `disk_id` NULL: all. `by_id`: the record of
 * this disk. `since`: one that began before this clock ms is not joined. `waiter` NULL: somebody is
 * expected to join. -EINPROGRESS or -ENOMEM. */
int listing_want(struct store *store, enum cloud_verb verb, const char *disk_id, bool by_id,
                 int64_t since, struct store_waiter *waiter);
/* True if that would join one that is under way. */
bool listing_is_under_way(const struct store *store, enum cloud_verb verb, const char *disk_id,
                          bool by_id, int64_t since);
void listings_drop(struct store *store);
/* A line for each that takes more than a page. */
void listings_put_progress(const struct store *store, struct buffer *out);

/* As store_want(), for the wants that lists.c answers; `id` "" where none is meant. `since`: only
 * what was asked for at this clock ms or later will do; 0: what is fresh enough. */
int lists_want(struct store *store, enum store_want want, const char *id, int64_t since,
               struct store_waiter *waiter);
/* What is known is not what is there any more. */
void lists_outdate(struct store *store, enum store_want want, const char *id);
/* The cloud has accepted one of ours: shown, or hidden, though its list may lag. `wall`: seconds.
 */
void lists_group_made(struct store *store, const char *id, const char *name, int64_t wall);
void lists_group_deleted(struct store *store, const char *id);
void lists_shared(struct store *store, const char *snapshot_id, const char *account, bool cancel);
void lists_drop(struct store *store);

/* True if one of these groups names a snapshot that is not known, and did not name it before. */
bool members_are_new(const struct store *store, const json_t *before, const json_t *groups);
/* True if one of these groups may be younger than what is known of snapshots; `before`: as they
 * were known until now. */
bool members_are_outrun(const struct store *store, const json_t *before, const json_t *groups);
/* Gives each its snapshots that are known and shown. 0 or -ENOMEM. Linear in all snapshots. */
int members_join(const struct store *store, json_t *groups);

/* Makes sure that a round is under way or due. */
int poll_want(struct store *store);
void poll_schedule(struct store *store);
void poll_drop(struct store *store);
/* Wakes those who wait for something that is settled or gone. */
void poll_check_settled(struct store *store);

/* As store_want(), for WANT_GROUP_SETTLED. */
int groups_want_settled(struct store *store, const char *id, struct store_waiter *waiter);
/* Wakes those who wait for a group that has settled, or is gone. */
void groups_check_settled(struct store *store);
void groups_drop(struct store *store);

/* After the catalogue may have changed: tells whoever registered, sends remembered renames, and
 * settles what is watched and can be seen now. */
void store_changed(struct store *store);
void jobs_catalogue_changed(struct store *store);
void jobs_drop(struct store *store);
/* As store_fail(), for a change: what becomes of those is told as an event of theirs. */
void failure_note(struct store *store, const char *disk_id, const char *snapshot_id,
                  const char *path, const char *operation, const struct cloud_error *error);
void failures_drop(struct store *store);
/* A member of a line of `.cbsfs/errors` or `jobs`, harmless to terminals. Without memory it is
 * left out. */
void report_put_member(json_t *object, const char *key, const char *value);

#endif
