/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding out.
 *
 * The answer to a change was lost, or the server said "internal error": it may have happened, or
 * may still happen, or not.  Only what is seen decides; that nothing is seen proves nothing,
 * because a listing may lag and a request may be on its way.  So whoever waits is told the truth or
 * that the outcome is not known, and never that it did not happen.
 *
 * A creation or a rollback is never sent again: that could make two.  A rename, a deletion, a date
 * or a share is, because doing it twice is doing it once, and its answer proves more than any
 * listing; and so is a disk that was ordered with a token.
 */
#include "jobs_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The wall clock of the cloud has whole seconds, and ours may be off by a little (client_clock.c).
 */
#define CREATED_MARGIN 5

static void look(void *data);

/* --- is it visible? ------------------------------------------------------------------ */

/* Made by another mkdir of this mount. */
static bool is_of_another(const struct job *job, const struct snapshot *snapshot)
{
    const char *id = snapshot_text(snapshot, SNAPSHOT_ID);
    for (const struct job *other = job->store->jobs; other != NULL; other = other->next) {
        if (other != job && other->verb == CLOUD_CREATE_SNAPSHOT &&
            strcmp(other->snapshot_id, id) == 0)
            return true;
    }
    return false;
}

static const struct snapshot *find_created(const struct job *job)
{
    const struct disk *disk = catalogue_disk(&job->store->catalogue, job->disk_id);
    /* Not began_wall: the cloud's clock may have been learnt from the answer to this very change.
     */
    int64_t began = client_server_time(job->store->client) - (clock_now() - job->began) / 1000;
    for (size_t i = disk != NULL ? disk->count : 0; i > 0; i--) {
        const struct snapshot *snapshot = disk_snapshot(disk, i - 1);
        /* Whatever its name was then. */
        bool is_older = snapshot->learnt <= job->known;
        if (!is_older && snapshot_created(snapshot) >= began - CREATED_MARGIN &&
            strcmp(snapshot_text(snapshot, SNAPSHOT_NAME), job->name) == 0 &&
            !is_of_another(job, snapshot))
            return snapshot;
    }
    return NULL;
}

/* A listing that lags may show the rollback, the name or the absence from before this change. */
static bool may_be_from_before(const struct job *job)
{
    return job->shown_before && clock_now() - job->began < JOB_LISTING_LAG;
}

/* The id under which the change is seen, or NULL. */
static const char *evidence(const struct job *job)
{
    const struct snapshot *snapshot = catalogue_snapshot(&job->store->catalogue, job->snapshot_id);
    bool seen = false;
    if (feature_is(job->verb))
        return may_be_from_before(job) ? NULL : feature_evidence(job);
    switch (job->verb) {
    case CLOUD_CREATE_SNAPSHOT:
        snapshot = find_created(job);
        return snapshot != NULL ? snapshot_text(snapshot, SNAPSHOT_ID) : NULL;
    case CLOUD_DELETE_SNAPSHOT:
        /* Some clouds take their time over it. */
        seen = snapshot == NULL || strcmp(snapshot_text(snapshot, SNAPSHOT_WORD), "DELETING") == 0;
        break;
    case CLOUD_RENAME_SNAPSHOT:
        seen = snapshot != NULL && strcmp(snapshot_text(snapshot, SNAPSHOT_NAME), job->name) == 0;
        break;
    case CLOUD_APPLY_SNAPSHOT:
        /* Not that the disk is being rolled back: somebody else may do that, to another snapshot.
         */
        seen =
            snapshot != NULL && strcmp(snapshot_text(snapshot, SNAPSHOT_WORD), "ROLLBACKING") == 0;
        break;
    default:
        break;
    }
    return seen && !may_be_from_before(job) ? job->snapshot_id : NULL;
}

/* --- the verdict --------------------------------------------------------------------- */

static bool is_repeatable(const struct job *job)
{
    switch (job->verb) {
    case CLOUD_RENAME_SNAPSHOT:
    case CLOUD_DELETE_SNAPSHOT:
    case CLOUD_EXPIRE_SNAPSHOT:
    case CLOUD_SHARE_SNAPSHOT:
    case CLOUD_CREATE_DISK: /* with the same token it is the same disk */
    case CLOUD_DELETE_GROUP:
        return true;
    default:
        return false;
    }
}

static bool send_again(struct job *job)
{
    bool in_time = clock_now() + JOB_SETTLE_INTERVAL < job_deadline(job);
    return is_repeatable(job) && in_time && job->sends < JOB_SENDS_MOST && job_send(job) == 0;
}

static void send_or_look(void *data)
{
    if (!send_again(data))
        look(data);
}

static void wait_for(struct job *job, int64_t interval, void (*then)(void *data))
{
    job->timer.fire = then;
    job->timer.data = job;
    loop_timer_start(job->store->loop, &job->timer, clock_now() + interval);
}

/* The code, the RequestId and the words of the cloud stay: they are what its support asks for. */
static void watch(struct job *job)
{
    struct cloud_error *error = &job->error;
    char was[sizeof(error->message)];
    log_warning("%s %s: the outcome is not known (%s); watching", job_verb_name(job->verb),
                job->path, error->message);
    snprintf(was, sizeof(was), "%s", error->message);
    snprintf(error->message, sizeof(error->message),
             "the outcome could not be found out in time; .cbsfs/jobs keeps watching (%.380s)",
             was[0] != '\0' ? was : "the answer does not say which snapshot it is");
    error->status = -ETIMEDOUT;
    job_finish(job, JOB_WATCHING, -ETIMEDOUT);
    wait_for(job, JOB_WATCH_INTERVAL, look);
}

/* The minute is over, and what the cloud lists does not show it. */
static void stop_watching(struct job *job)
{
    /* A rollback or a copy that has ended leaves no trace, and of a disk none says what it was made
     * from. */
    bool leaves_trace = job->verb != CLOUD_APPLY_SNAPSHOT && job->verb != CLOUD_APPLY_GROUP &&
                        job->verb != CLOUD_COPY_SNAPSHOT && job->verb != CLOUD_CREATE_DISK;
    log_info("%s %s: %s", job_verb_name(job->verb), job->path,
             leaves_trace ? "did not happen" : "not seen to happen");
    job_finish(job, leaves_trace ? JOB_FAILED : JOB_UNKNOWN, job->status);
}

/* Nothing to be seen of it. `looked`: the cloud did answer. */
static void not_found(struct job *job, bool looked)
{
    int64_t now = clock_now();
    if (job->state == JOB_WATCHING) {
        if (looked && now - job->failed_at > JOB_WATCH_TIME)
            stop_watching(job);
        else
            wait_for(job, JOB_WATCH_INTERVAL, look);
    } else if (now + JOB_SETTLE_INTERVAL >= job_deadline(job)) {
        watch(job);
    } else {
        wait_for(job, JOB_SETTLE_INTERVAL, send_or_look);
    }
}

/* It has happened. What follows from it must not find it out a second time. */
static void found(struct job *job, const char *id)
{
    job->state = JOB_SETTLING;
    job_accepted(job, id);
}

static void looked(void *data, int status)
{
    struct job *job = data;
    const char *id = status == 0 ? evidence(job) : NULL;
    if (id != NULL)
        found(job, id);
    else
        not_found(job, status == 0);
}

/* --- looking ------------------------------------------------------------------------- */

/* The question about it is not answered either. */
static void out_of_time(void *data)
{
    struct job *job = data;
    store_unwait(&job->waiter);
    watch(job);
}

static void look(void *data)
{
    struct job *job = data;
    if (job->state != JOB_WATCHING) {
        job->timer.fire = out_of_time;
        job->timer.data = job;
        loop_timer_start(job->store->loop, &job->timer, job_deadline(job));
    }
    /* The directory of what has no disk is no disk that the cloud could be asked about. */
    const char *disk_id = strcmp(job->disk_id, CATALOGUE_NO_DISK) != 0 ? job->disk_id : NULL;
    job->waiter.ready = looked;
    job->waiter.data = job;
    /* A listing that began before the change was answered proves nothing. */
    int status = feature_is(job->verb) ? feature_look(job)
                                       : listing_want(job->store, CLOUD_DESCRIBE_SNAPSHOTS, disk_id,
                                                      false, clock_now(), &job->waiter);
    if (status != -EINPROGRESS)
        not_found(job, false);
}

void job_look_again(struct job *job)
{
    /* That something is absent only the listing for this job tells. */
    bool is_deletion = job->verb == CLOUD_DELETE_SNAPSHOT || job->verb == CLOUD_DELETE_GROUP;
    const char *id = !is_deletion ? evidence(job) : NULL;
    if (id != NULL)
        found(job, id);
}

void job_settle(struct job *job)
{
    job->state = JOB_SETTLING;
    if (job->failed_at == 0)
        job->failed_at = clock_now();
    /* The first repetition goes at once; more of them wait between looks. */
    if (job->sends > 1 || !send_again(job))
        look(job);
}
