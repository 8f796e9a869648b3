/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renaming later.
 *
 * Two file managers make "Untitled Folder" and rename it a moment later, while the snapshot is
 * still being created and the cloud would refuse.  The name is shown at once, and sent when the
 * snapshot is NORMAL; if that does not succeed, the entry goes back to what the cloud says.
 */
#include "jobs_internal.h"

#include "cbsfs/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void later_done(void *data)
{
    struct job *job = data;
    if (job->done != NULL)
        job_answer(job, 0);
}

static struct job *later_job(struct store *store, const char *snapshot_id)
{
    for (struct job *job = store->jobs; job != NULL; job = job->next) {
        if (job->state == JOB_LATER && strcmp(job->snapshot_id, snapshot_id) == 0)
            return job;
    }
    return NULL;
}

int later_rename(struct store *store, struct snapshot *snapshot, const char *name, const char *path,
                 void (*done)(void *data, const struct job_result *result), void *data,
                 struct job **handle)
{
    const char *id = snapshot_text(snapshot, SNAPSHOT_ID);
    struct job *earlier = later_job(store, id);
    struct job *job =
        job_new(store, CLOUD_RENAME_SNAPSHOT, disk_text(snapshot->disk, DISK_ID), id, name, path);
    if (job == NULL)
        return -ENOMEM;
    int status = catalogue_rename_later(&store->catalogue, snapshot, name,
                                        client_server_time(store->client));
    if (status != 0) {
        job_remove(job);
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
        job_remove(earlier);
    }
    return 0;
}

/* A remembered rename that did not happen: the entry goes back to what the cloud says. */
void later_give_up(struct job *job)
{
    struct catalogue *catalogue = &job->store->catalogue;
    struct snapshot *snapshot = catalogue_snapshot(catalogue, job->snapshot_id);
    const char *wanted = snapshot != NULL ? snapshot_more(snapshot)->wanted_name : NULL;
    if (job->verb != CLOUD_RENAME_SNAPSHOT || wanted == NULL || strcmp(wanted, job->name) != 0)
        return;
    char *name = strdup(snapshot_text(snapshot, SNAPSHOT_NAME));
    if (name != NULL) {
        (void)catalogue_rename_later(catalogue, snapshot, name,
                                     client_server_time(job->store->client));
        catalogue_forget_wanted(snapshot);
        free(name);
    }
    store_changed(job->store);
}

void jobs_catalogue_changed(struct store *store)
{
    for (struct job *job = store->jobs; job != NULL; job = job->next) {
        if (job->state == JOB_WATCHING)
            job_look_again(job);
        if (job->state != JOB_LATER)
            continue;
        const struct snapshot *snapshot = catalogue_snapshot(&store->catalogue, job->snapshot_id);
        if (snapshot != NULL && snapshot->in_progress)
            continue;
        store->watchers--;
        later_done(job);
        job->began = clock_now();
        job->known = store->catalogue.learnt_count;
        if (snapshot == NULL)
            cloud_error_set(&job->error, -ENOENT, CLOUD_REFUSED, CLOUD_FINAL, "",
                            "the snapshot went away before it could be renamed");
        if (snapshot == NULL || job_send(job) != 0)
            job_finish(job, JOB_FAILED, snapshot == NULL ? -ENOENT : -ENOMEM);
    }
}
