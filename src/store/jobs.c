/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes.
 *
 * A change is ordered once, checked against what is known, sent once, and answered truly: success
 * means that the cloud accepted it, an error that it did not.  The state diagram is in
 * jobs_internal.h; what happens when the answer was lost on the way is in settle.c.
 */
#include "jobs_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/log.h"
#include "cbsfs/names.h"
#include "cbsfs/provider.h"
#include "news.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_KEPT 64

const char *job_verb_name(enum cloud_verb verb)
{
    switch (verb) {
    case CLOUD_CREATE_SNAPSHOT:
    case CLOUD_CREATE_GROUP:
        return "mkdir";
    case CLOUD_APPLY_SNAPSHOT:
    case CLOUD_APPLY_GROUP:
        return "rollback";
    case CLOUD_RENAME_SNAPSHOT:
        return "rename";
    case CLOUD_DELETE_SNAPSHOT:
    case CLOUD_DELETE_GROUP:
        return "rmdir";
    case CLOUD_EXPIRE_SNAPSHOT:
        return "expires";
    case CLOUD_SHARE_SNAPSHOT:
        return "shared_with";
    case CLOUD_COPY_SNAPSHOT:
        return "copy_to";
    case CLOUD_CREATE_DISK:
        return "new_disk";
    default:
        break;
    }
    return "look";
}

int64_t job_deadline(const struct job *job)
{
    return job->began + job->store->settings.timeout;
}

/* --- life ---------------------------------------------------------------------------- */

static void free_order(struct job_order *order)
{
    for (size_t i = 0; i < order->member_count; i++) {
        free(order->members[i].snapshot_id);
        free(order->members[i].disk_id);
    }
    free(order->members);
    free(order->account);
    free(order->region);
    free(order->group_id);
    free(order->zone);
    free(order->type);
    free(order->token);
}

static void free_job(struct job *job)
{
    loop_timer_stop(job->store->loop, &job->timer);
    store_unwait(&job->waiter);
    if (job->call != NULL)
        client_cancel(job->call);
    free_order(&job->order);
    free(job->created_id);
    free(job->disk_id);
    free(job->snapshot_id);
    free(job->name);
    free(job->path);
    free(job);
}

void job_remove(struct job *job)
{
    struct job **at = &job->store->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    free_job(job);
}

bool job_is_over(const struct job *job)
{
    return job->state == JOB_DONE || job->state == JOB_FAILED || job->state == JOB_UNKNOWN;
}

/* The last few that are over stay for `.cbsfs/jobs`. */
static void trim_jobs(struct store *store)
{
    unsigned kept = 0;
    struct job **at = &store->jobs;
    while (*at != NULL) {
        struct job *job = *at;
        if (job_is_over(job) && ++kept > JOBS_KEPT) {
            *at = job->next;
            free_job(job);
        } else {
            at = &job->next;
        }
    }
}

/* A change of this kind that was done after `since`, seconds. */
static bool was_done(const struct store *store, enum cloud_verb verb, const char *snapshot_id,
                     int64_t since)
{
    for (const struct job *job = store->jobs; job != NULL; job = job->next) {
        if (job->verb == verb && job->state == JOB_DONE && job->ended_wall > since &&
            strcmp(job->snapshot_id, snapshot_id) == 0)
            return true;
    }
    return false;
}

/* Whether the snapshot was a short while ago what this change makes of it. */
static bool may_be_shown_before(const struct job *job)
{
    const struct snapshot *snapshot = catalogue_snapshot(&job->store->catalogue, job->snapshot_id);
    int64_t since = job->began_wall - JOB_LISTING_LAG / 1000;
    if (feature_is(job->verb))
        return job->snapshot_id[0] != '\0' &&
               was_done(job->store, job->verb, job->snapshot_id, since);
    if (snapshot == NULL)
        return false;
    switch (job->verb) {
    case CLOUD_DELETE_SNAPSHOT: /* not there yet */
        return snapshot_created(snapshot) > since;
    case CLOUD_RENAME_SNAPSHOT: /* had the name, and lost it by us or by somebody else */
        return (snapshot_more(snapshot)->mutated != 0 &&
                job->began - snapshot_more(snapshot)->mutated < JOB_LISTING_LAG) ||
               catalogue_had_entry(&job->store->catalogue, snapshot, job->name, since);
    case CLOUD_APPLY_SNAPSHOT: /* was rolled back to */
        return snapshot_more(snapshot)->changed > since &&
               was_done(job->store, job->verb, job->snapshot_id, 0);
    case CLOUD_CREATE_SNAPSHOT:
    default:
        break;
    }
    return false;
}

/* What the cloud accepts must not fail to be noted. */
static int prepare_change(const struct job *job)
{
    struct snapshot *snapshot = catalogue_snapshot(&job->store->catalogue, job->snapshot_id);
    return snapshot != NULL ? catalogue_prepare_change(snapshot) : 0;
}

struct job *job_new(struct store *store, enum cloud_verb verb, const char *disk_id,
                    const char *snapshot_id, const char *name, const char *path)
{
    static int64_t number;
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL)
        return NULL;
    job->store = store;
    job->verb = verb;
    job->number = ++number;
    job->began = clock_now();
    job->known = store->catalogue.learnt_count;
    job->began_wall = client_server_time(store->client);
    job->disk_id = strdup(disk_id);
    job->snapshot_id = strdup(snapshot_id);
    job->name = strdup(name);
    job->path = strdup(path);
    if (job->disk_id == NULL || job->snapshot_id == NULL || job->name == NULL ||
        job->path == NULL || prepare_change(job) != 0) {
        free_job(job);
        return NULL;
    }
    job->shown_before = may_be_shown_before(job);
    trim_jobs(store);
    job->next = store->jobs;
    store->jobs = job;
    news_job_begun(job);
    return job;
}

void job_answer(struct job *job, int status)
{
    void (*done)(void *, const struct job_result *) = job->done;
    job->done = NULL;
    job->status = status;
    if (status != 0)
        failure_note(job->store, job->disk_id,
                     job->snapshot_id[0] != '\0' ? job->snapshot_id : NULL, job->path,
                     job_verb_name(job->verb), &job->error);
    if (done != NULL)
        done(job->data, &(struct job_result){.status = status,
                                             .id = job->created_id != NULL ? job->created_id
                                                                           : job->snapshot_id});
}

void job_finish(struct job *job, enum job_state state, int status)
{
    bool told = job->state == JOB_WATCHING;
    job->state = state;
    job->ended_wall = client_server_time(job->store->client);
    if (state == JOB_FAILED)
        later_give_up(job);
    loop_timer_stop(job->store->loop, &job->timer);
    store_unwait(&job->waiter);
    job->status = status;
    news_job_told(job, told || job->was_told);
    job->was_told = true;
    if (!told)
        job_answer(job, status);
}

bool job_cancel(struct job *job)
{
    /* What is sent a second time may have happened the first time. */
    if (job->state != JOB_SENDING || job->failed_at != 0 || job->call == NULL ||
        client_call_is_sent(job->call))
        return false;
    news_job_cancelled(job);
    job_remove(job);
    return true;
}

void job_forget(struct job *job)
{
    job->done = NULL;
}

unsigned store_running_jobs(const struct store *store)
{
    unsigned count = 0;
    const struct store *at = store;
    do {
        for (const struct job *job = at->jobs; job != NULL; job = job->next)
            count += job->state == JOB_SENDING || job->state == JOB_SETTLING;
        at = at->beside;
    } while (at != store);
    return count;
}

void jobs_drop(struct store *store)
{
    struct job *next;
    for (struct job *job = store->jobs; job != NULL; job = next) {
        next = job->next;
        if (job->state == JOB_LATER)
            log_warning("ending before `%s` could be renamed to `%s`", job->snapshot_id, job->name);
        else if (!job_is_over(job))
            log_warning("ending before the outcome of %s %s is known", job_verb_name(job->verb),
                        job->path);
        job_remove(job);
    }
}

/* --- sending ------------------------------------------------------------------------- */

/* A cloud that reverts to the newest snapshot only does not say which those are that are newer. */
static void name_newer(struct job *job)
{
    const struct snapshot *snapshot = catalogue_snapshot(&job->store->catalogue, job->snapshot_id);
    char *text = job->error.message;
    size_t used = strlen(text), size = sizeof(job->error.message), shown = 0;
    if (!job->store->provider->reverts_newest_only || snapshot == NULL)
        return;
    const struct disk *disk = snapshot->disk;
    for (size_t i = disk->count; i > 0 && disk_snapshot(disk, i - 1) != snapshot; i--) {
        const char *entry = snapshot_entry(disk_snapshot(disk, i - 1));
        if (!snapshot_is_visible(disk_snapshot(disk, i - 1)) || used + strlen(entry) + 16 > size)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s",
                                 shown++ == 0 ? " Newer are: " : ", ", entry);
    }
}

void job_accepted(struct job *job, const char *id)
{
    struct store *store = job->store;
    struct catalogue *catalogue = &store->catalogue;
    int64_t now = clock_now(), wall = client_server_time(store->client);
    struct snapshot *snapshot = catalogue_snapshot(catalogue, job->snapshot_id);
    bool shown = true;
    if (job->verb == CLOUD_CREATE_SNAPSHOT) {
        char *copy = strdup(id);
        struct disk *disk = catalogue_disk(catalogue, job->disk_id);
        if (copy != NULL) {
            free(job->snapshot_id);
            job->snapshot_id = copy;
        }
        if (disk != NULL)
            shown = catalogue_created(catalogue, disk, id, job->name, now, wall) != NULL;
    } else if (snapshot != NULL && job->verb == CLOUD_RENAME_SNAPSHOT) {
        shown = catalogue_renamed(catalogue, snapshot, job->name, now, wall) == 0;
    } else if (snapshot != NULL && job->verb == CLOUD_DELETE_SNAPSHOT) {
        catalogue_deleted(catalogue, snapshot, now, wall);
    } else if (feature_is(job->verb)) {
        shown = feature_accepted(job, id, now, wall);
    } else if (snapshot != NULL) {
        catalogue_rolling_back(catalogue, snapshot, now, wall);
    }
    /* Without memory to show it, it has happened all the same: the next look asks the cloud. */
    if (!shown)
        store_refresh_disk(store, job->disk_id);
    log_info("%s %s: accepted (%s%s%s)", job_verb_name(job->verb), job->path, job->disk_id,
             job->snapshot_id[0] != '\0' ? " " : "", job->snapshot_id);
    store_changed(store);
    job_finish(job, JOB_DONE, 0);
}

static bool makes_something(enum cloud_verb verb)
{
    return verb == CLOUD_CREATE_SNAPSHOT || verb == CLOUD_CREATE_GROUP ||
           verb == CLOUD_COPY_SNAPSHOT || verb == CLOUD_CREATE_DISK;
}

static void sent(void *data, struct cloud_answer *answer)
{
    struct job *job = data;
    job->call = NULL;
    /* The second attempt never left: what became of the first is as unknown as before. */
    if (job->failed_at != 0 && answer->error.outcome == CLOUD_NOT_SENT) {
        job_settle(job);
        return;
    }
    job->error = answer->error;
    if (answer->error.status == 0) {
        const char *id = answer->created_id != NULL ? answer->created_id : "";
        if (makes_something(job->verb) && id[0] == '\0')
            job_settle(job); /* the answer does not say what: the listing, or another answer does */
        else
            job_accepted(job, id);
        return;
    }
    if (answer->error.outcome == CLOUD_UNKNOWN) {
        job_settle(job);
        return;
    }
    /* Deleting what is gone is done: this one was sent again after an unknown outcome. */
    bool is_deletion = job->verb == CLOUD_DELETE_SNAPSHOT || job->verb == CLOUD_DELETE_GROUP;
    if (is_deletion && job->failed_at != 0 && answer->error.status == -ENOENT) {
        job_accepted(job, job->snapshot_id);
        return;
    }
    /* Any other refusal of the second attempt may come from the first being under way. */
    if (job->failed_at != 0) {
        job_settle(job);
        return;
    }
    if (job->verb == CLOUD_APPLY_SNAPSHOT && answer->error.status == -EBUSY)
        name_newer(job);
    job_finish(job, JOB_FAILED, answer->error.status);
}

int job_send(struct job *job)
{
    struct job_order *order = &job->order;
    struct cloud_call call = {
        .verb = job->verb,
        .disk_id = job->disk_id,
        .snapshot_id = job->snapshot_id,
        .name = job->name[0] != '\0' || !feature_is(job->verb) ? job->name : NULL,
        .account = order->account,
        .region = order->region,
        .group_id = order->group_id,
        .zone = order->zone,
        .type = order->type,
        .token = order->token,
        .size = order->size,
        .expires = order->expires,
        .cancel = order->cancel,
        .stop_instance = job->stop,
        .start_instance = job->start,
    };
    /* Borrowed: the client keeps copies. */
    struct cloud_member *members = calloc(order->member_count + 1, sizeof(*members));
    const char **disks = calloc(order->member_count + 1, sizeof(*disks));
    int status = members != NULL && disks != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; i < order->member_count && status == 0; i++) {
        members[i] =
            (struct cloud_member){order->members[i].snapshot_id, order->members[i].disk_id};
        disks[i] = order->members[i].disk_id;
    }
    if (job->verb == CLOUD_CREATE_GROUP) {
        call.ids = disks;
        call.id_count = order->member_count;
    } else if (job->verb == CLOUD_APPLY_GROUP) {
        call.members = members;
        call.member_count = order->member_count;
    }
    job->state = JOB_SENDING;
    /* A part of the time is kept for finding out what happened when no answer comes. */
    int64_t deadline = job->failed_at == 0 ? job->began + job->store->settings.timeout * 6 / 10
                                           : job_deadline(job) - JOB_SETTLE_INTERVAL;
    if (status == 0)
        status = client_submit(job->store->client, &call, deadline, CLIENT_URGENT, sent, job,
                               &job->call);
    job->sends += status == 0;
    free(members);
    free(disks);
    return status;
}
