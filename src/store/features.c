/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes beyond making, renaming, rolling back and deleting: how long a snapshot is kept, who may
 * use it, copies to other regions, disks made from it, and groups.
 *
 * They go the way of every change (jobs.c): refused at once where what is known forbids it, sent
 * once, and when the answer is lost found out about.  What proves each is in feature_proof.c, and
 * whether it may be sent again in settle.c.  Groups are ordered in group_orders.c.
 */
#include "features_internal.h"

#include "cbsfs/buffer.h"
#include "cbsfs/clock.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* The cloud takes no earlier deadline (tencent-cbs facts 1.4.2). */
#define EXPIRY_LEAST 86400 /* seconds ahead */

bool feature_is(enum cloud_verb verb)
{
    return verb >= CLOUD_EXPIRE_SNAPSHOT;
}

/* --- what can be refused without a call -------------------------------------------------- */

int feature_refuse(const struct refusal *about, int status, const char *reason)
{
    return store_refuse(about->store, about->disk_id, about->snapshot_id, about->path,
                        about->operation, status, reason);
}

/* What this cloud has no call for. */
int feature_refuse_foreign(const struct refusal *about, enum cloud_verb verb)
{
    const struct cloud_call call = {.verb = verb};
    const struct provider *provider = about->store->provider;
    const char *reason = provider->refusal != NULL ? provider->refusal(&call) : NULL;
    return reason != NULL ? feature_refuse(about, -EOPNOTSUPP, reason) : 0;
}

/* 0 and the snapshot, or a refusal that is recorded; *about is filled. `ready`: it has to be
 * NORMAL.
 */
static int find_snapshot(struct store *store, const char *id, enum cloud_verb verb,
                         const char *path, bool ready, struct refusal *about,
                         struct snapshot **found)
{
    struct snapshot *snapshot = catalogue_snapshot(&store->catalogue, id);
    char reason[96];
    *about = (struct refusal){store, NULL, id, path, job_verb_name(verb)};
    *found = snapshot;
    if (snapshot == NULL || !snapshot_is_visible(snapshot))
        return feature_refuse(about, -ENOENT, "there is no such snapshot");
    about->disk_id = disk_text(snapshot->disk, DISK_ID);
    int status = feature_refuse_foreign(about, verb);
    if (status != 0)
        return status;
    if (snapshot->shared_in)
        return feature_refuse(about, -EOPNOTSUPP, "the snapshot belongs to another account");
    if (ready && strcmp(snapshot_word(snapshot), "NORMAL") != 0) {
        snprintf(reason, sizeof(reason), "the snapshot is %s, it has to be NORMAL",
                 snapshot_word(snapshot));
        return feature_refuse(about, -EBUSY, reason);
    }
    return 0;
}

/* A change of this kind of the same snapshot or group that is not over. */
const struct job *feature_unfinished(const struct store *store, enum cloud_verb verb,
                                     const char *snapshot_id)
{
    for (const struct job *job = store->jobs; job != NULL; job = job->next) {
        if (!job_is_over(job) && job->verb == verb && strcmp(job->snapshot_id, snapshot_id) == 0)
            return job;
    }
    return NULL;
}

/* To this region; there may be others on their way. */
static bool unfinished_copy(const struct store *store, const char *snapshot_id, const char *region)
{
    for (const struct job *job = store->jobs; job != NULL; job = job->next) {
        if (!job_is_over(job) && job->verb == CLOUD_COPY_SNAPSHOT &&
            strcmp(job->snapshot_id, snapshot_id) == 0 && strcmp(job->order.region, region) == 0)
            return true;
    }
    return false;
}

/* What the cloud has accepted a moment ago its listing may not show yet, and a second would be paid
 * for as well. */
static bool was_just_copied(const struct store *store, const char *snapshot_id, const char *region)
{
    int64_t since = client_server_time(store->client) - JOB_LISTING_LAG / 1000;
    for (const struct job *job = store->jobs; job != NULL; job = job->next) {
        if (job->state == JOB_DONE && job->verb == CLOUD_COPY_SNAPSHOT && job->ended_wall > since &&
            strcmp(job->snapshot_id, snapshot_id) == 0 && strcmp(job->order.region, region) == 0)
            return true;
    }
    return false;
}

static bool has_line(const char *lines, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = lines; at != NULL && *at != '\0';) {
        size_t its = strcspn(at, "\n");
        if (its == length && strncmp(at, line, length) == 0)
            return true;
        at += its + (at[its] == '\n');
    }
    return false;
}

bool feature_is_copied_to(const struct snapshot *snapshot, const char *region)
{
    struct buffer regions;
    buffer_init(&regions, 0);
    int status = snapshot_put_feature(snapshot, FEATURE_COPYING, &regions);
    bool found = status == 0 && has_line(regions.data, region);
    buffer_free(&regions);
    return found;
}

/* --- orders ------------------------------------------------------------------------------- */

/* Copies a text, NULL too. */
bool order_keep(char **to, const char *text)
{
    *to = text != NULL ? strdup(text) : NULL;
    return text == NULL || *to != NULL;
}

/* A job with what it needs beyond snapshot and name, or NULL without memory. */
struct job *feature_order(struct store *store, enum cloud_verb verb, const char *disk_id,
                          const char *snapshot_id, const char *name, const char *path,
                          const struct job_order *order)
{
    struct job *job = job_new(store, verb, disk_id, snapshot_id, name != NULL ? name : "", path);
    if (job == NULL)
        return NULL;
    struct job_order *its = &job->order;
    its->size = order->size;
    its->expires = order->expires;
    its->cancel = order->cancel;
    if (order_keep(&its->account, order->account) && order_keep(&its->region, order->region) &&
        order_keep(&its->group_id, order->group_id) && order_keep(&its->zone, order->zone) &&
        order_keep(&its->type, order->type) && order_keep(&its->token, order->token))
        return job;
    job_remove(job);
    return NULL;
}

bool store_is_changing(const struct store *store, enum cloud_verb verb, const char *snapshot_id)
{
    const struct job *job = feature_unfinished(store, verb, snapshot_id);
    return job != NULL && job->state != JOB_LATER;
}

/* True if it would be deleted before it is to be as far as is known. */
static bool is_sooner(const struct snapshot *snapshot, int64_t expires)
{
    int64_t now = snapshot_expires(snapshot);
    return expires != TIMESTAMP_NONE && (now == TIMESTAMP_NONE || expires < now);
}

int store_expire(struct store *store, const char *snapshot_id, int64_t expires, const char *kept,
                 const char *path, void (*done)(void *data, const struct job_result *result),
                 void *data, struct job **job)
{
    struct refusal about;
    struct snapshot *snapshot;
    int status =
        find_snapshot(store, snapshot_id, CLOUD_EXPIRE_SNAPSHOT, path, false, &about, &snapshot);
    if (status != 0)
        return status;
    if (expires != TIMESTAMP_NONE && expires < client_server_time(store->client) + EXPIRY_LEAST)
        return feature_refuse(&about, -EINVAL, "the date has to be at least a day ahead");
    if (feature_unfinished(store, CLOUD_EXPIRE_SNAPSHOT, snapshot_id) != NULL)
        return feature_refuse(&about, -EBUSY,
                              "an earlier change of it is not finished; .cbsfs/jobs tells");
    /* To let it expire is to delete it. */
    if (kept != NULL && is_sooner(snapshot, expires))
        return feature_refuse(&about, -EPERM, kept);
    return job_launch(feature_order(store, CLOUD_EXPIRE_SNAPSHOT, about.disk_id, snapshot_id, NULL,
                                    path, &(struct job_order){.expires = expires}),
                      done, data, job);
}

int store_share(struct store *store, const char *snapshot_id, const char *account, bool cancel,
                const char *path, void (*done)(void *data, const struct job_result *result),
                void *data, struct job **job)
{
    struct refusal about;
    struct snapshot *snapshot;
    int status =
        find_snapshot(store, snapshot_id, CLOUD_SHARE_SNAPSHOT, path, true, &about, &snapshot);
    if (status != 0)
        return status;
    if (strcmp(snapshot_text(snapshot, SNAPSHOT_USAGE), "SYSTEM_DISK") == 0)
        return feature_refuse(&about, -EOPNOTSUPP, "snapshots of system disks cannot be shared");
    if (feature_unfinished(store, CLOUD_SHARE_SNAPSHOT, snapshot_id) != NULL)
        return feature_refuse(&about, -EBUSY,
                              "an earlier change of it is not finished; .cbsfs/jobs tells");
    return job_launch(
        feature_order(store, CLOUD_SHARE_SNAPSHOT, about.disk_id, snapshot_id, NULL, path,
                      &(struct job_order){.account = (char *)account, .cancel = cancel}),
        done, data, job);
}

int store_copy(struct store *store, const char *snapshot_id, const char *region, const char *name,
               const char *path, void (*done)(void *data, const struct job_result *result),
               void *data, struct job **job)
{
    struct refusal about;
    struct snapshot *snapshot;
    int status =
        find_snapshot(store, snapshot_id, CLOUD_COPY_SNAPSHOT, path, true, &about, &snapshot);
    if (status != 0)
        return status;
    if (feature_is_copied_to(snapshot, region))
        return feature_refuse(&about, -EBUSY, "it is being copied there already");
    if (was_just_copied(store, snapshot_id, region))
        return feature_refuse(&about, -EBUSY,
                              "a copy there was ordered less than a minute ago: look there first");
    if (unfinished_copy(store, snapshot_id, region))
        return feature_refuse(
            &about, -EBUSY,
            "it is not known yet whether an earlier copy there has begun; .cbsfs/jobs "
            "tells");
    return job_launch(feature_order(store, CLOUD_COPY_SNAPSHOT, about.disk_id, snapshot_id, name,
                                    path, &(struct job_order){.region = (char *)region}),
                      done, data, job);
}

const char *store_complete_disk_order(const struct snapshot *snapshot, struct disk_order *order)
{
    const struct disk *disk = snapshot->disk;
    if (order->zone == NULL)
        order->zone =
            disk->exists ? disk_text(disk, DISK_ZONE) : snapshot_text(snapshot, SNAPSHOT_ZONE);
    if (order->type == NULL && disk->exists)
        order->type = disk_text(disk, DISK_TYPE);
    if (order->size == 0)
        order->size = snapshot_size(snapshot);
    if (order->zone[0] == '\0')
        return "say in which zone: zone=...";
    if (order->type == NULL || order->type[0] == '\0')
        return "say of which kind: type=CLOUD_SSD, for example";
    if (order->size <= 0)
        return "say how large: size=GIB";
    if (snapshot_size(snapshot) >= 0 && order->size < snapshot_size(snapshot))
        return "the disk cannot be smaller than the snapshot";
    return NULL;
}

/* 32 random digits: what tells this order from all others. */
static int make_token(char token[33])
{
    unsigned char random[16];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EAGAIN;
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(token + 2 * i, 3, "%02x", random[i]);
    return 0;
}

int store_new_disk(struct store *store, const char *snapshot_id, const struct disk_order *order,
                   const char *path, void (*done)(void *data, const struct job_result *result),
                   void *data, struct job **job)
{
    struct refusal about;
    struct snapshot *snapshot;
    struct disk_order whole = *order;
    char token[33];
    int status =
        find_snapshot(store, snapshot_id, CLOUD_CREATE_DISK, path, true, &about, &snapshot);
    if (status != 0)
        return status;
    if (strcmp(snapshot_text(snapshot, SNAPSHOT_USAGE), "SYSTEM_DISK") == 0)
        return feature_refuse(&about, -EOPNOTSUPP,
                              "disks are made from snapshots of data disks only");
    const char *missing = store_complete_disk_order(snapshot, &whole);
    if (missing != NULL)
        return feature_refuse(&about, -EINVAL, missing);
    if (feature_unfinished(store, CLOUD_CREATE_DISK, snapshot_id) != NULL)
        return feature_refuse(
            &about, -EBUSY,
            "it is not known yet whether an earlier disk was made; .cbsfs/jobs tells");
    status = make_token(token);
    if (status != 0)
        return feature_refuse(&about, status, "no random numbers are to be had");
    return job_launch(feature_order(store, CLOUD_CREATE_DISK, about.disk_id, snapshot_id,
                                    whole.name, path,
                                    &(struct job_order){.zone = (char *)whole.zone,
                                                        .type = (char *)whole.type,
                                                        .token = token,
                                                        .size = whole.size}),
                      done, data, job);
}
