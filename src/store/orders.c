/* SPDX-License-Identifier: Apache-2.0 */
/* Ordering a change: what can be refused without a call, and the job that carries the rest out. */
#include "jobs_internal.h"

#include "cbsfs/names.h"
#include "cbsfs/provider.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int job_launch(struct job *job, void (*done)(void *data, const struct job_result *result),
               void *data, struct job **handle)
{
    if (job == NULL)
        return -ENOMEM;
    job->done = done;
    job->data = data;
    int status = job_send(job);
    if (status != 0) {
        job_remove(job);
        return status;
    }
    *handle = job;
    return 0;
}

/* --- what can be refused without a call ---------------------------------------------- */

/* It forbids what could double it. */
const struct job *unsettled_job(const struct store *store, enum cloud_verb verb,
                                const char *disk_id, const char *name)
{
    for (const struct job *job = store->jobs; job != NULL; job = job->next) {
        if (!job_is_over(job) && job->verb == verb && strcmp(job->disk_id, disk_id) == 0 &&
            (name == NULL || strcmp(job->name, name) == 0))
            return job;
    }
    return NULL;
}

bool rollback_is_unsettled(const struct store *store, const char *disk_id, const struct job *but)
{
    if (unsettled_job(store, CLOUD_APPLY_SNAPSHOT, disk_id, NULL) != NULL)
        return true;
    for (const struct job *job = store->jobs; job != NULL; job = job->next) {
        for (size_t i = 0; i < job->order.member_count; i++) {
            if (job != but && !job_is_over(job) && job->verb == CLOUD_APPLY_GROUP &&
                strcmp(job->order.members[i].disk_id, disk_id) == 0)
                return true;
        }
    }
    return false;
}

/* The visible snapshot of the disk that has, or is about to have, this name. */
static const struct snapshot *named(const struct disk *disk, const char *name)
{
    for (size_t i = 0; i < disk->count; i++) {
        const struct snapshot *snapshot = disk_snapshot(disk, i);
        const char *its = snapshot_more(snapshot)->wanted_name != NULL
                              ? snapshot_more(snapshot)->wanted_name
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
    snprintf(reason, sizeof(reason), "a snapshot of this disk has this name: %s, %s",
             snapshot_entry(holder), snapshot_text(holder, SNAPSHOT_ID));
    return store_refuse(store, disk_text(holder->disk, DISK_ID), NULL, path, operation, -EEXIST,
                        reason);
}

static const char backup_service[] = "the snapshot is the cloud's backup service's; use that";

static const char undecided_name[] =
    "it is not known yet whether an earlier mkdir or mv has given this name; .cbsfs/jobs tells";

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
    if (unsettled_job(store, CLOUD_CREATE_SNAPSHOT, disk_id, name) != NULL ||
        unsettled_job(store, CLOUD_RENAME_SNAPSHOT, disk_id, name) != NULL)
        return store_refuse(store, disk_id, NULL, path, "mkdir", -EBUSY, undecided_name);
    return job_launch(job_new(store, CLOUD_CREATE_SNAPSHOT, disk_id, "", name, path), done, data,
                      job);
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
    else if (name_is_backup(store->provider, snapshot_text(snapshot, SNAPSHOT_NAME)))
        *reason = backup_service;
    if (*reason != NULL)
        return -EOPNOTSUPP;
    if (strcmp(snapshot_word(snapshot), "NORMAL") != 0) {
        snprintf(space, size, "the snapshot is %s, it has to be NORMAL", snapshot_word(snapshot));
        *reason = space;
    } else if (disk_is_rolling_back(disk))
        *reason = "the disk is being rolled back";
    else if (rollback_is_unsettled(store, disk_text(disk, DISK_ID), NULL))
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
    const struct cloud_call call = {
        .verb = CLOUD_APPLY_SNAPSHOT, .stop_instance = stop, .start_instance = start};
    reason = store->provider->refusal != NULL ? store->provider->refusal(&call) : NULL;
    if (reason != NULL)
        return store_refuse(store, disk_id, snapshot_id, path, "rollback", -EOPNOTSUPP, reason);
    struct job *job = job_new(store, CLOUD_APPLY_SNAPSHOT, disk_id, snapshot_id, "", path);
    if (job != NULL) {
        job->stop = stop;
        job->start = start;
    }
    return job_launch(job, done, data, handle);
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
    if (name_is_backup(store->provider, snapshot_text(snapshot, SNAPSHOT_NAME)))
        return store_refuse(store, disk_id, snapshot_id, path, "rmdir", -EOPNOTSUPP,
                            backup_service);
    if (!snapshot_is_settled(snapshot))
        snprintf(reason, sizeof(reason), "the snapshot is %s", snapshot_word(snapshot));
    else if (snapshot->in_images)
        snprintf(reason, sizeof(reason), "images are built on it, delete them first: %.400s",
                 snapshot_text(snapshot, SNAPSHOT_IMAGES));
    else if (store->provider->group_advice != NULL &&
             snapshot_text(snapshot, SNAPSHOT_GROUP)[0] != '\0')
        snprintf(reason, sizeof(reason),
                 "it is part of a group, which the cloud only deletes as a whole: groups/%.64s",
                 snapshot_text(snapshot, SNAPSHOT_GROUP));
    else if (snapshot_more(snapshot)->wanted_name != NULL ||
             rollback_is_unsettled(store, disk_id, NULL))
        snprintf(reason, sizeof(reason), "another change of it is under way");
    if (reason[0] != '\0')
        return store_refuse(store, disk_id, snapshot_id, path, "rmdir", -EBUSY, reason);
    return job_launch(job_new(store, CLOUD_DELETE_SNAPSHOT, disk_id, snapshot_id, "", path), done,
                      data, job);
}

/* Two renames side by side would leave the choice to the cloud. */
static bool is_being_renamed(const struct store *store, const char *snapshot_id)
{
    for (const struct job *job = store->jobs; job != NULL; job = job->next) {
        if (!job_is_over(job) && job->verb == CLOUD_RENAME_SNAPSHOT &&
            strcmp(job->snapshot_id, snapshot_id) == 0)
            return true;
    }
    return false;
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
    const char *disk_id = disk_text(snapshot->disk, DISK_ID);
    const struct job *renaming = unsettled_job(store, CLOUD_RENAME_SNAPSHOT, disk_id, name);
    if (unsettled_job(store, CLOUD_CREATE_SNAPSHOT, disk_id, name) != NULL ||
        (renaming != NULL && strcmp(renaming->snapshot_id, snapshot_id) != 0))
        return store_refuse(store, disk_id, snapshot_id, path, "rename", -EBUSY, undecided_name);
    if (strcmp(snapshot_word(snapshot), "CREATING") == 0)
        return later_rename(store, snapshot, name, path, done, data, job);
    if (is_being_renamed(store, snapshot_id))
        return store_refuse(store, disk_id, snapshot_id, path, "rename", -EBUSY,
                            "an earlier mv of it is not finished; .cbsfs/jobs tells");
    return job_launch(job_new(store, CLOUD_RENAME_SNAPSHOT, disk_id, snapshot_id, name, path), done,
                      data, job);
}
