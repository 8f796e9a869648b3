/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for the tests of the store: a clock that jumps from event to event, the loop's timers on
 * it, and a client whose cloud is an array.  Linked instead of base/clock, base/loop and
 * cloud/client, so that a minute passes at once and every order of events can be had.
 *
 * A call is carried out half its latency after it was submitted and answered after the whole.
 */
#ifndef CBSFS_TESTS_FAKE_CLIENT_H
#define CBSFS_TESTS_FAKE_CLIENT_H

#include "cbsfs/catalogue.h"
#include "cbsfs/client.h"
#include "cbsfs/clock.h"
#include "cbsfs/provider.h"
#include "cbsfs/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#define FAKE_PAGE   10
#define FAKE_IDS    4
#define FAKE_FATES  16
#define FAKE_EPOCH  1700000000 /* seconds: the wall clock when the clock says 0 */
#define FAKE_START  1000       /* ms: the clock at set-up */
#define FAKE_LEGION 400        /* records of one kind at most */
#define FAKE_FEW    300        /* groups, shares or orders of disks at most */

struct fake_disk {
    char id[32], name[64], instance[32], group[32];
    unsigned percent;
    bool rolling_back;
};

struct fake_snapshot {
    char id[32], disk[32], name[128], word[24];
    int64_t created, expires; /* expires 0: never */
    unsigned percent, images;
    bool deletion_failed, shared_in, of_system;
    char copying[32]; /* the region that it is being copied to, or "" */
    char group[32];   /* that it says itself that it is a member of, or "" */
};

/* See fake_features.c. Where the provider has group_advice no members are listed. */
struct fake_group {
    char id[32], name[64], word[24], members[FAKE_IDS][32];
    int64_t created;
    size_t count;
};
struct fake_share {
    char snapshot[32], account[32];
};
struct fake_disk_order {
    char token[72], disk[32];
};

/* What becomes of a call. */
enum fake_fate {
    FATE_DONE,          /* carried out, answered */
    FATE_REFUSED,       /* answered with the status, not carried out */
    FATE_NOT_SENT,      /* fails at once with the status */
    FATE_LOST_REQUEST,  /* never arrives; no answer until the deadline */
    FATE_LOST_ANSWER,   /* carried out; no answer until the deadline */
    FATE_INTERNAL,      /* "internal error", not carried out */
    FATE_INTERNAL_DONE, /* "internal error", carried out all the same */
    FATE_NO_ID,         /* a creation whose answer does not say which */
    FATE_HELD           /* stays in the client's queue until its deadline */
};

struct fake_script {
    enum fake_fate fate;
    int status;
};

struct fake_cloud {
    int64_t now, latency;
    struct fake_disk disks[FAKE_LEGION];
    struct fake_snapshot snapshots[FAKE_LEGION];
    size_t disk_count, snapshot_count;
    struct fake_group groups[FAKE_FEW];
    struct fake_share shares[FAKE_FEW];
    struct fake_disk_order disk_orders[FAKE_FEW];
    size_t group_count, share_count, disk_order_count, policies;
    /* Of the first calls of each verb since the calls were last forgotten. */
    struct fake_script script[CLOUD_VERB_COUNT][FAKE_FATES];
    unsigned calls[CLOUD_VERB_COUNT];    /* submitted */
    unsigned executed[CLOUD_VERB_COUNT]; /* carried out */
    unsigned in_flight, most_in_flight;
    int64_t total_lie; /* added to every TotalCount */
    bool total_unknown;
    bool marks;          /* pages follow markers, and a full one names the next */
    size_t page_most;    /* the largest page that is given then; 0: what is asked for */
    bool ignores_marks;  /* each marker leads to the first page of groups */
    bool deletes_slowly; /* what is deleted is DELETING first */
    bool silent;         /* no question is answered before its deadline */
    /* Called before a call is carried out: the place to change the world between two pages. */
    void (*before)(const struct cloud_call *call);
    /* Called with each answer before the store gets it: the place for records that are no good. */
    void (*spoil)(const struct cloud_call *call, struct cloud_answer *answer);
    /* Called when a call is submitted, may change its latency. */
    void (*submitted)(const struct cloud_call *call, int64_t *latency);
};

extern struct fake_cloud fake;
extern struct store *store;
extern struct provider fake_store_provider; /* fake_world_set_up() undoes what a test changes */

int fake_world_set_up(void **state);
int fake_world_tear_down(void **state);
#define WORLD_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, fake_world_set_up, fake_world_tear_down)

/* A store instead of the one that set-up made (ttl 30 s, timeout 10 s, every disk). */
void world_reopen(const char *const *disks);

/* Runs all events of that many ms. */
void world_run(int64_t milliseconds);
/* Runs until *flag is not 0; fails the test after `most` ms. */
void world_run_until(const unsigned *flag, int64_t most);
int64_t world_wall(void);

void fake_add_disk(const char *id, const char *name);
/* `created`: seconds after FAKE_EPOCH. */
struct fake_snapshot *fake_add_snapshot(const char *id, const char *disk, const char *name,
                                        int64_t created);
/* `count` snapshots snap-00000000... of disk-0001, named s0..., a second apart. */
void fake_add_many(size_t count);
struct fake_snapshot *fake_find(const char *id);
void fake_remove(const char *id);
struct fake_group *fake_add_group(const char *id, const char *name, int64_t created);
struct fake_group *fake_find_group(const char *id);
void fake_remove_group(const char *id);
bool fake_is_shared(const char *snapshot, const char *account);
struct fake_disk *fake_find_disk(const char *id);
/* Carries out a change of fake_features.c. Writes the new id, "" if it makes nothing. False: what
 * it is about is not there. */
bool fake_change_feature(const struct cloud_call *call, char new_id[32]);
/* What a describe answers that is answered with a list: one page of it, and how many there are.
 * NULL: its marker is gone. */
json_t *fake_list(const struct cloud_call *call, int64_t *total);
/* The cloud's own record, as put_feature() of this provider reads it. */
json_t *fake_raw(const struct fake_snapshot *snapshot);
int fake_put_feature(const json_t *raw, enum snapshot_feature feature, struct buffer *out);
void fake_forget_calls(void);
void fake_fate(enum cloud_verb verb, unsigned nth, enum fake_fate fate, int status);

/* --- somebody who wants to know, and somebody who changes something ------------------ */

struct looker {
    struct store_waiter waiter;
    unsigned ready; /* how often */
    int status;
};
/* Starts to want; true when it has to wait, else looker->status says what it is told. */
bool look_begin(struct looker *looker, enum store_want want, const char *id);
/* Wants, waits, returns the status. */
int look(enum store_want want, const char *id);

struct order {
    struct job *job;
    unsigned done; /* how often */
    int status;
    char id[64];
    int64_t at;
};
void order_done(void *data, const struct job_result *result);
/* Runs until `done` where `status`, of the order, says that it is on its way. */
int order_finish(struct order *order, int status);
/* Each runs until `done`, and returns its status or that of the refusal. */
int make(struct order *order, const char *disk, const char *name);
int roll_back(struct order *order, const char *snapshot);
int move(struct order *order, const char *snapshot, const char *name);
int delete (struct order *order, const char *snapshot);

const struct snapshot *known(const char *id);
/* The id of what the disk shows under this entry, or "". */
const char *entry_id(const char *disk, const char *entry);
size_t visible(const char *disk);
/* What store_put_jobs() and the like show; valid until the next call. */
const char *shown(int (*put)(const struct store *store, struct buffer *out));

#endif
