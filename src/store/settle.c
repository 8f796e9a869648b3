/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding out.
 *
 * The answer to a change was lost, or the server said "internal error": it may have happened or
 * not.  Sending it again could make a second snapshot or a second rollback, so cbsfs looks instead,
 * until it sees the change or the caller's time is up.  A rename or a deletion may be sent again,
 * because doing them twice is doing them once.
 */
#include "jobs_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The wall clock of the cloud has whole seconds, and ours may be off by a little. */
#define CREATED_MARGIN 5

static void look(void *data);

/* --- is it visible? ------------------------------------------------------------------ */

static const struct snapshot *find_created(const struct job *job)
{
    const struct disk *disk = catalogue_disk(&job->store->catalogue, job->disk_id);
    /* Not began_wall: the cloud's clock may have been learnt from the answer to this very change.
     */
    int64_t began = client_server_time(job->store->client) - (clock_now() - job->began) / 1000;
    for (size_t i = disk != NULL ? disk->count : 0; i > 0; i--) {
        const struct snapshot *snapshot = disk->snapshots[i - 1];
        /* One that we had changed before was there before. */
        bool is_older = snapshot->mutated != 0 && snapshot->mutated <= job->began;
        if (!is_older && snapshot->created >= began - CREATED_MARGIN &&
            strcmp(snapshot_text(snapshot, SNAPSHOT_NAME), job->name) == 0)
            return snapshot;
    }
    return NULL;
}

/* The id under which the change is seen, or NULL. */
static const char *evidence(const struct job *job)
{
    const struct catalogue *catalogue = &job->store->catalogue;
    const struct snapshot *snapshot = catalogue_snapshot(catalogue, job->snapshot_id);
    const struct disk *disk = catalogue_disk(catalogue, job->disk_id);
    switch (job->verb) {
    case CLOUD_CREATE_SNAPSHOT:
        snapshot = find_created(job);
        return snapshot != NULL ? snapshot_text(snapshot, SNAPSHOT_ID) : NULL;
    case CLOUD_DELETE_SNAPSHOT:
        return snapshot == NULL ? job->snapshot_id : NULL;
    case CLOUD_RENAME_SNAPSHOT:
        return snapshot != NULL && strcmp(snapshot_text(snapshot, SNAPSHOT_NAME), job->name) == 0
                   ? job->snapshot_id
                   : NULL;
    case CLOUD_APPLY_SNAPSHOT:
        return (disk != NULL && disk->rolling_back) ||
                       (snapshot != NULL && strcmp(snapshot_word(snapshot), "ROLLBACKING") == 0)
                   ? job->snapshot_id
                   : NULL;
    case CLOUD_DESCRIBE_DISKS:
    case CLOUD_DESCRIBE_SNAPSHOTS:
        break;
    }
    return NULL;
}

/* --- the verdict --------------------------------------------------------------------- */

static bool is_answered_error(const struct job *job)
{
    return job->error.status != 0 && job->error.http_status != 0;
}

static void look_again(struct job *job, int64_t interval)
{
    job->timer.fire = look;
    job->timer.data = job;
    loop_timer_start(job->store->loop, &job->timer, clock_now() + interval);
}

static void watch(struct job *job, int status)
{
    log_warning("%s %s: the outcome is not known (%s); watching", job_verb_name(job->verb),
                job->path, job->error.message);
    char was[sizeof(job->error.message)];
    snprintf(was, sizeof(was), "%s", job->error.message);
    if (status == -ETIMEDOUT) {
        snprintf(job->error.message, sizeof(job->error.message),
                 "the outcome could not be found out in time; .cbsfs/jobs keeps watching (%.380s)",
                 was);
        job->error.status = status;
    }
    job_finish(job, JOB_WATCHING, status);
    look_again(job, JOB_WATCH_INTERVAL);
}

/* Nothing to be seen of it. `looked`: the cloud did answer. */
static void not_found(struct job *job, bool looked)
{
    int64_t now = clock_now();
    bool watching = job->state == JOB_WATCHING;
    job->looks += looked;
    if (watching && now - job->failed_at > JOB_WATCH_TIME && looked) {
        log_info("%s %s: did not happen", job_verb_name(job->verb), job->path);
        job_finish(job, JOB_FAILED, job->status);
        return;
    }
    if (watching) {
        look_again(job, JOB_WATCH_INTERVAL);
        return;
    }
    bool repeatable = job->verb == CLOUD_RENAME_SNAPSHOT || job->verb == CLOUD_DELETE_SNAPSHOT;
    if (repeatable && looked && job->looks == 1 && job_send(job) == 0) {
        loop_timer_stop(job->store->loop, &job->timer);
        return;
    }
    if (looked && is_answered_error(job) && now - job->failed_at >= JOB_SETTLE_QUIET) {
        watch(job, job->error.status);
        return;
    }
    if (now + JOB_SETTLE_INTERVAL >= job_deadline(job)) {
        watch(job, -ETIMEDOUT);
        return;
    }
    look_again(job, JOB_SETTLE_INTERVAL);
}

static void looked(void *data, int status)
{
    struct job *job = data;
    const char *id = status == 0 ? evidence(job) : NULL;
    if (id != NULL)
        job_accepted(job, id);
    else
        not_found(job, status == 0);
}

/* --- looking ------------------------------------------------------------------------- */

static void looked_at_disk(void *data, int status)
{
    struct job *job = data;
    if (status != 0 || evidence(job) != NULL) {
        looked(job, status);
        return;
    }
    job->waiter.ready = looked;
    status = listing_want(job->store, CLOUD_DESCRIBE_SNAPSHOTS, job->disk_id, false, clock_now(),
                          &job->waiter);
    if (status != -EINPROGRESS)
        not_found(job, false);
}

/* The question about it is not answered either. */
static void out_of_time(void *data)
{
    struct job *job = data;
    store_unwait(&job->waiter);
    watch(job, -ETIMEDOUT);
}

static void look(void *data)
{
    struct job *job = data;
    if (job->state == JOB_SETTLING) {
        job->timer.fire = out_of_time;
        job->timer.data = job;
        loop_timer_start(job->store->loop, &job->timer, job_deadline(job));
    }
    bool rollback = job->verb == CLOUD_APPLY_SNAPSHOT;
    /* A rollback shows first in the disk, everything else in the disk's snapshots. A listing that
     * began before the change was answered proves nothing. */
    job->waiter.ready = rollback ? looked_at_disk : looked;
    job->waiter.data = job;
    int status =
        listing_want(job->store, rollback ? CLOUD_DESCRIBE_DISKS : CLOUD_DESCRIBE_SNAPSHOTS,
                     job->disk_id, rollback, clock_now(), &job->waiter);
    if (status != -EINPROGRESS)
        not_found(job, false);
}

void job_settle(struct job *job)
{
    job->state = JOB_SETTLING;
    if (job->failed_at == 0)
        job->failed_at = clock_now();
    look(job);
}
