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

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_KEPT 64

const char *job_verb_name(enum cloud_verb verb)
{
    switch (verb) {
    case CLOUD_CREATE_SNAPSHOT:
        return "mkdir";
    case CLOUD_APPLY_SNAPSHOT:
        return "rollback";
    case CLOUD_RENAME_SNAPSHOT:
        return "rename";
    case CLOUD_DELETE_SNAPSHOT:
        return "rmdir";
    case CLOUD_DESCRIBE_DISKS:
    case CLOUD_DESCRIBE_SNAPSHOTS:
        break;
    }
    return "look";
}

int64_t job_deadline(const struct job *job)
{
    return job->began + job->store->settings.timeout;
}

/* --- life
 * ----------------------------------------------------------------------------------------- */

static void free_job(struct job *job)
{
    loop_timer_stop(job->store->loop, &job->timer);
    store_unwait(&job->waiter);
    if (job->call != NULL)
        client_cancel(job->call);
    free(job->disk_id);
    free(job->snapshot_id);
    free(job->name);
    free(job->path);
    free(job);
}

static void remove_job(struct job *job)
{
    struct job **at = &job->store->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    free_job(job);
}

static bool is_over(const struct job *job)
{
    return job->state == JOB_DONE || job->state == JOB_FAILED;
}

/* The last few that are over stay for `.cbsfs/jobs`. */
static void trim_jobs(struct store *store)
{
    unsigned kept = 0;
    struct job **at = &store->jobs;
    while (*at != NULL) {
        struct job *job = *at;
        if (is_over(job) && ++kept > JOBS_KEPT) {
            *at = job->next;
            free_job(job);
        } else {
            at = &job->next;
        }
    }
}

static struct job *new_job(struct store *store, enum cloud_verb verb, const char *disk_id,
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
    job->began_wall = client_server_time(store->client);
    job->disk_id = strdup(disk_id);
    job->snapshot_id = strdup(snapshot_id);
    job->name = strdup(name);
    job->path = strdup(path);
    if (job->disk_id == NULL || job->snapshot_id == NULL || job->name == NULL ||
        job->path == NULL) {
        free_job(job);
        return NULL;
    }
    trim_jobs(store);
    job->next = store->jobs;
    store->jobs = job;
    return job;
}

static void answer_caller(struct job *job, int status)
{
    void (*done)(void *, const struct job_result *) = job->done;
    job->done = NULL;
    job->status = status;
    if (status != 0)
        store_fail(job->store, job->disk_id, job->snapshot_id[0] != '\0' ? job->snapshot_id : NULL,
                   job->path, job_verb_name(job->verb), &job->error);
    if (done != NULL)
        done(job->data, &(struct job_result){.status = status, .id = job->snapshot_id});
}

static void give_up_later(struct job *job);

void job_finish(struct job *job, enum job_state state, int status)
{
    bool told = job->state == JOB_WATCHING;
    job->state = state;
    if (state == JOB_FAILED)
        give_up_later(job);
    loop_timer_stop(job->store->loop, &job->timer);
    store_unwait(&job->waiter);
    if (told || (state == JOB_WATCHING && job->done == NULL))
        job->status = status;
    else
        answer_caller(job, status);
}

bool job_cancel(struct job *job)
{
    /* What is sent a second time may have happened the first time. */
    if (job->state != JOB_SENDING || job->failed_at != 0 || job->call == NULL ||
        client_call_is_sent(job->call))
        return false;
    remove_job(job);
    return true;
}

void job_forget(struct job *job)
{
    job->done = NULL;
}

unsigned store_running_jobs(const struct store *store)
{
    unsigned count = 0;
    for (const struct job *job = store->jobs; job != NULL; job = job->next)
        count += job->state == JOB_SENDING || job->state == JOB_SETTLING;
    return count;
}

void jobs_drop(struct store *store)
{
    while (store->jobs != NULL) {
        struct job *job = store->jobs;
        if (job->state == JOB_LATER)
            log_warning("ending before `%s` could be renamed to `%s`", job->snapshot_id, job->name);
        remove_job(job);
    }
}

/* --- sending
 * -------------------------------------------------------------------------------------- */

void job_accepted(struct job *job, const char *id)
{
    struct store *store = job->store;
    struct catalogue *catalogue = &store->catalogue;
    int64_t now = clock_now(), wall = client_server_time(store->client);
    struct snapshot *snapshot = catalogue_snapshot(catalogue, job->snapshot_id);
    int status = 0;
    if (job->verb == CLOUD_CREATE_SNAPSHOT) {
        char *copy = strdup(id);
        struct disk *disk = catalogue_disk(catalogue, job->disk_id);
        /* Without memory it is there all the same, and the next listing shows it. */
        if (copy != NULL) {
            free(job->snapshot_id);
            job->snapshot_id = copy;
        }
        if (disk != NULL)
            catalogue_created(catalogue, disk, id, job->name, now, wall);
    } else if (snapshot != NULL && job->verb == CLOUD_RENAME_SNAPSHOT) {
        status = catalogue_renamed(catalogue, snapshot, job->name, now, wall);
    } else if (snapshot != NULL && job->verb == CLOUD_DELETE_SNAPSHOT) {
        catalogue_deleted(catalogue, snapshot, now, wall);
    } else if (snapshot != NULL) {
        catalogue_rolling_back(catalogue, snapshot, now, wall);
    }
    log_info("%s %s: accepted (%s%s%s)", job_verb_name(job->verb), job->path, job->disk_id,
             job->snapshot_id[0] != '\0' ? " " : "", job->snapshot_id);
    store_changed(store);
    job_finish(job, JOB_DONE, status);
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
        const char *id = answer->snapshot_id != NULL ? answer->snapshot_id : "";
        if (job->verb == CLOUD_CREATE_SNAPSHOT && id[0] == '\0')
            job_settle(job); /* accepted, but the answer does not say which: the listing does */
        else
            job_accepted(job, id);
        return;
    }
    if (answer->error.outcome == CLOUD_UNKNOWN) {
        job_settle(job);
        return;
    }
    /* Deleting what is gone is done: this one was sent again after an unknown outcome. */
    if (job->verb == CLOUD_DELETE_SNAPSHOT && job->failed_at != 0 &&
        answer->error.status == -ENOENT) {
        job_accepted(job, job->snapshot_id);
        return;
    }
    job_finish(job, JOB_FAILED, answer->error.status);
}

int job_send(struct job *job)
{
    struct cloud_call call = {
        .verb = job->verb,
        .disk_id = job->disk_id,
        .snapshot_id = job->snapshot_id,
        .name = job->name,
        .stop_instance = job->stop,
        .start_instance = job->start,
    };
    job->state = JOB_SENDING;
    /* A part of the time is kept for finding out what happened when no answer comes. */
    int64_t deadline = job->failed_at == 0 ? job->began + job->store->settings.timeout * 6 / 10
                                           : job_deadline(job) - JOB_SETTLE_INTERVAL;
    return client_submit(job->store->client, &call, deadline, true, sent, job, &job->call);
}

/* Sends a new job and takes it back if that fails. */
static int launch(struct job *job, void (*done)(void *data, const struct job_result *result),
                  void *data, struct job **handle)
{
    if (job == NULL)
        return -ENOMEM;
    job->done = done;
    job->data = data;
    int status = job_send(job);
    if (status != 0) {
        remove_job(job);
        return status;
    }
    *handle = job;
    return 0;
}

/* --- what can be refused without a call
 * ----------------------------------------------------------- */

/* A change of this disk whose outcome is not known yet forbids what could double it. */
static const struct job *unsettled_job(const struct store *store, enum cloud_verb verb,
                                       const char *disk_id, const char *name)
{
    for (const struct job *job = store->jobs; job != NULL; job = job->next) {
        if (!is_over(job) && job->verb == verb && strcmp(job->disk_id, disk_id) == 0 &&
            (name == NULL || strcmp(job->name, name) == 0))
            return job;
    }
    return NULL;
}

/* The visible snapshot of the disk that has, or is about to have, this name. */
static const struct snapshot *named(const struct disk *disk, const char *name)
{
    for (size_t i = 0; i < disk->count; i++) {
        const struct snapshot *snapshot = disk->snapshots[i];
        const char *its = snapshot->wanted_name != NULL ? snapshot->wanted_name
                                                        : snapshot_text(snapshot, SNAPSHOT_NAME);
        if (snapshot_is_visible(snapshot) && strcmp(its, name) == 0)
            return snapshot;
    }
    return NULL;
}

static int refuse_taken(struct store *store, const struct snapshot *holder, const char *path,
                        const char *operation)
{
    char reason[400];
    snprintf(reason, sizeof(reason), "a snapshot of this disk has this name: %s, %s", holder->entry,
             snapshot_text(holder, SNAPSHOT_ID));
    return store_refuse(store, disk_text(holder->disk, DISK_ID), NULL, path, operation, -EEXIST,
                        reason);
}

int store_create(struct store *store, const char *disk_id, const char *name, const char *path,
                 void (*done)(void *data, const struct job_result *result), void *data,
                 struct job **job)
{
    const struct disk *disk = catalogue_disk(&store->catalogue, disk_id);
    if (disk == NULL)
        return store_refuse(store, disk_id, NULL, path, "mkdir", -ENOENT, "there is no such disk");
    if (!disk->exists)
        return store_refuse(store, disk_id, NULL, path, "mkdir", -EOPNOTSUPP,
                            "the disk is gone, only its snapshots are left");
    const struct snapshot *holder = named(disk, name);
    if (holder != NULL)
        return refuse_taken(store, holder, path, "mkdir");
    if (unsettled_job(store, CLOUD_CREATE_SNAPSHOT, disk_id, name) != NULL)
        return store_refuse(
            store, disk_id, NULL, path, "mkdir", -EBUSY,
            "it is not known yet whether an earlier mkdir of this name has made it; "
            ".cbsfs/jobs tells");
    return launch(new_job(store, CLOUD_CREATE_SNAPSHOT, disk_id, "", name, path), done, data, job);
}

/* Why this snapshot cannot be rolled back to, as far as is known; 0 if nothing speaks against it.
 */
static int rollback_obstacle(const struct store *store, const struct snapshot *snapshot,
                             const char **reason, char *space, size_t size)
{
    const struct disk *disk = snapshot->disk;
    *reason = NULL;
    if (!disk->exists)
        *reason = "the snapshot's disk is gone";
    else if (snapshot->shared_in)
        *reason = "the snapshot belongs to another account";
    if (*reason != NULL)
        return -EOPNOTSUPP;
    if (strcmp(snapshot_word(snapshot), "NORMAL") != 0) {
        snprintf(space, size, "the snapshot is %s, it has to be NORMAL", snapshot_word(snapshot));
        *reason = space;
    } else if (disk_is_rolling_back(disk))
        *reason = "the disk is being rolled back";
    else if (unsettled_job(store, CLOUD_APPLY_SNAPSHOT, disk_text(disk, DISK_ID), NULL) != NULL)
        *reason = "it is not known yet whether an earlier rollback of this disk has begun; "
                  ".cbsfs/jobs tells";
    return *reason != NULL ? -EBUSY : 0;
}

int store_rollback(struct store *store, const char *snapshot_id, bool stop, bool start,
                   const char *path, void (*done)(void *data, const struct job_result *result),
                   void *data, struct job **handle)
{
    const struct snapshot *snapshot = catalogue_snapshot(&store->catalogue, snapshot_id);
    if (snapshot == NULL || !snapshot_is_visible(snapshot))
        return store_refuse(store, NULL, snapshot_id, path, "rollback", -ENOENT,
                            "there is no such snapshot");
    const char *disk_id = disk_text(snapshot->disk, DISK_ID), *reason;
    char space[96];
    int status = rollback_obstacle(store, snapshot, &reason, space, sizeof(space));
    if (status != 0)
        return store_refuse(store, disk_id, snapshot_id, path, "rollback", status, reason);
    struct job *job = new_job(store, CLOUD_APPLY_SNAPSHOT, disk_id, snapshot_id, "", path);
    if (job != NULL) {
        job->stop = stop;
        job->start = start;
    }
    return launch(job, done, data, handle);
}

int store_delete(struct store *store, const char *snapshot_id, const char *path,
                 void (*done)(void *data, const struct job_result *result), void *data,
                 struct job **job)
{
    const struct snapshot *snapshot = catalogue_snapshot(&store->catalogue, snapshot_id);
    if (snapshot == NULL || !snapshot_is_visible(snapshot))
        return store_refuse(store, NULL, snapshot_id, path, "rmdir", -ENOENT,
                            "there is no such snapshot");
    const char *disk_id = disk_text(snapshot->disk, DISK_ID);
    char reason[600] = "";
    if (!snapshot_is_settled(snapshot))
        snprintf(reason, sizeof(reason), "the snapshot is %s", snapshot_word(snapshot));
    else if (snapshot->image_count > 0)
        snprintf(reason, sizeof(reason), "images are built on it, delete them first: %.400s",
                 snapshot_text(snapshot, SNAPSHOT_IMAGES));
    else if (snapshot->wanted_name != NULL ||
             unsettled_job(store, CLOUD_APPLY_SNAPSHOT, disk_id, NULL) != NULL)
        snprintf(reason, sizeof(reason), "another change of it is under way");
    if (reason[0] != '\0')
        return store_refuse(store, disk_id, snapshot_id, path, "rmdir", -EBUSY, reason);
    return launch(new_job(store, CLOUD_DELETE_SNAPSHOT, disk_id, snapshot_id, "", path), done, data,
                  job);
}

/* --- renaming, and renaming later
 * ------------------------------------------------------------------ */

static void later_done(void *data)
{
    struct job *job = data;
    if (job->done != NULL)
        answer_caller(job, 0);
}

static struct job *later_job(struct store *store, const char *snapshot_id)
{
    for (struct job *job = store->jobs; job != NULL; job = job->next) {
        if (job->state == JOB_LATER && strcmp(job->snapshot_id, snapshot_id) == 0)
            return job;
    }
    return NULL;
}

static int rename_later(struct store *store, struct snapshot *snapshot, const char *name,
                        const char *path, void (*done)(void *data, const struct job_result *result),
                        void *data, struct job **handle)
{
    const char *id = snapshot_text(snapshot, SNAPSHOT_ID);
    struct job *earlier = later_job(store, id);
    struct job *job =
        new_job(store, CLOUD_RENAME_SNAPSHOT, disk_text(snapshot->disk, DISK_ID), id, name, path);
    if (job == NULL)
        return -ENOMEM;
    int status = catalogue_rename_later(&store->catalogue, snapshot, name,
                                        client_server_time(store->client));
    if (status != 0) {
        remove_job(job);
        return status;
    }
    if (earlier == NULL)
        store->watchers++; /* keeps it polled until it is NORMAL */
    job->state = JOB_LATER;
    job->done = done;
    job->data = data;
    job->timer.fire = later_done;
    job->timer.data = job;
    loop_timer_start(store->loop, &job->timer, clock_now());
    store_changed(store);
    poll_schedule(store);
    *handle = job;
    if (earlier != NULL) {
        later_done(earlier);
        remove_job(earlier);
    }
    return 0;
}

/* A remembered rename that did not happen: the entry goes back to what the cloud says. */
static void give_up_later(struct job *job)
{
    struct catalogue *catalogue = &job->store->catalogue;
    struct snapshot *snapshot = catalogue_snapshot(catalogue, job->snapshot_id);
    if (job->verb != CLOUD_RENAME_SNAPSHOT || snapshot == NULL || snapshot->wanted_name == NULL ||
        strcmp(snapshot->wanted_name, job->name) != 0)
        return;
    char *name = strdup(snapshot_text(snapshot, SNAPSHOT_NAME));
    if (name != NULL) {
        (void)catalogue_rename_later(catalogue, snapshot, name,
                                     client_server_time(job->store->client));
        free(snapshot->wanted_name);
        snapshot->wanted_name = NULL;
        free(name);
    }
    store_changed(job->store);
}

void jobs_catalogue_changed(struct store *store)
{
    for (struct job *job = store->jobs; job != NULL; job = job->next) {
        if (job->state != JOB_LATER)
            continue;
        const struct snapshot *snapshot = catalogue_snapshot(&store->catalogue, job->snapshot_id);
        if (snapshot != NULL && snapshot->in_progress)
            continue;
        store->watchers--;
        later_done(job);
        job->began = clock_now();
        if (snapshot == NULL)
            cloud_error_set(&job->error, -ENOENT, CLOUD_REFUSED, CLOUD_FINAL, "",
                            "the snapshot went away before it could be renamed");
        if (snapshot == NULL || job_send(job) != 0)
            job_finish(job, JOB_FAILED, snapshot == NULL ? -ENOENT : -ENOMEM);
    }
}

int store_rename(struct store *store, const char *snapshot_id, const char *name, const char *path,
                 void (*done)(void *data, const struct job_result *result), void *data,
                 struct job **job)
{
    struct snapshot *snapshot = catalogue_snapshot(&store->catalogue, snapshot_id);
    if (snapshot == NULL || !snapshot_is_visible(snapshot))
        return store_refuse(store, NULL, snapshot_id, path, "rename", -ENOENT,
                            "there is no such snapshot");
    const struct snapshot *holder = named(snapshot->disk, name);
    if (holder != NULL && holder != snapshot)
        return refuse_taken(store, holder, path, "rename");
    if (strcmp(snapshot_word(snapshot), "CREATING") == 0)
        return rename_later(store, snapshot, name, path, done, data, job);
    return launch(new_job(store, CLOUD_RENAME_SNAPSHOT, disk_text(snapshot->disk, DISK_ID),
                          snapshot_id, name, path),
                  done, data, job);
}
