/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes beyond making, renaming, rolling back and deleting: how long a snapshot is kept, who may
 * use it, copies to other regions, disks made from it, and groups.
 *
 * They go the way of every change (jobs.c): refused at once where what is known forbids it, sent
 * once, and when the answer is lost found out about.  What proves each, and whether it may be sent
 * again, is here and in settle.c.
 */
#include "jobs_internal.h"

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
/* The wall clock of the cloud has whole seconds, and ours may be off by a little. */
#define CREATED_MARGIN 5

bool feature_is(enum cloud_verb verb)
{
    return verb >= CLOUD_EXPIRE_SNAPSHOT;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* --- what can be refused without a call -------------------------------------------------- */

struct refusal {
    struct store *store;
    const char *disk_id, *snapshot_id, *path, *operation;
};

static int refuse(const struct refusal *about, int status, const char *reason)
{
    return store_refuse(about->store, about->disk_id, about->snapshot_id, about->path,
                        about->operation, status, reason);
}

/* What this cloud has no call for. */
static int refuse_foreign(const struct refusal *about, enum cloud_verb verb)
{
    const struct cloud_call call = {.verb = verb};
    const struct provider *provider = about->store->provider;
    const char *reason = provider->refusal != NULL ? provider->refusal(&call) : NULL;
    return reason != NULL ? refuse(about, -EOPNOTSUPP, reason) : 0;
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
        return refuse(about, -ENOENT, "there is no such snapshot");
    about->disk_id = disk_text(snapshot->disk, DISK_ID);
    int status = refuse_foreign(about, verb);
    if (status != 0)
        return status;
    if (snapshot->shared_in)
        return refuse(about, -EOPNOTSUPP, "the snapshot belongs to another account");
    if (ready && strcmp(snapshot_word(snapshot), "NORMAL") != 0) {
        snprintf(reason, sizeof(reason), "the snapshot is %s, it has to be NORMAL",
                 snapshot_word(snapshot));
        return refuse(about, -EBUSY, reason);
    }
    return 0;
}

/* A change of this kind of the same snapshot or group that is not over. */
static const struct job *unfinished(const struct store *store, enum cloud_verb verb,
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

static bool is_copied_to(const struct snapshot *snapshot, const char *region)
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
static bool keep(char **to, const char *text)
{
    *to = text != NULL ? strdup(text) : NULL;
    return text == NULL || *to != NULL;
}

/* A job with what it needs beyond snapshot and name, or NULL without memory. */
static struct job *new_order(struct store *store, enum cloud_verb verb, const char *disk_id,
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
    if (keep(&its->account, order->account) && keep(&its->region, order->region) &&
        keep(&its->group_id, order->group_id) && keep(&its->zone, order->zone) &&
        keep(&its->type, order->type) && keep(&its->token, order->token))
        return job;
    job_remove(job);
    return NULL;
}

int store_expire(struct store *store, const char *snapshot_id, int64_t expires, const char *path,
                 void (*done)(void *data, const struct job_result *result), void *data,
                 struct job **job)
{
    struct refusal about;
    struct snapshot *snapshot;
    int status =
        find_snapshot(store, snapshot_id, CLOUD_EXPIRE_SNAPSHOT, path, false, &about, &snapshot);
    if (status != 0)
        return status;
    if (expires != TIMESTAMP_NONE && expires < client_server_time(store->client) + EXPIRY_LEAST)
        return refuse(&about, -EINVAL, "the date has to be at least a day ahead");
    if (unfinished(store, CLOUD_EXPIRE_SNAPSHOT, snapshot_id) != NULL)
        return refuse(&about, -EBUSY, "an earlier change of it is not finished; .cbsfs/jobs tells");
    return job_launch(new_order(store, CLOUD_EXPIRE_SNAPSHOT, about.disk_id, snapshot_id, NULL,
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
        return refuse(&about, -EOPNOTSUPP, "snapshots of system disks cannot be shared");
    if (unfinished(store, CLOUD_SHARE_SNAPSHOT, snapshot_id) != NULL)
        return refuse(&about, -EBUSY, "an earlier change of it is not finished; .cbsfs/jobs tells");
    return job_launch(new_order(store, CLOUD_SHARE_SNAPSHOT, about.disk_id, snapshot_id, NULL, path,
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
    if (is_copied_to(snapshot, region))
        return refuse(&about, -EBUSY, "it is being copied there already");
    if (unfinished_copy(store, snapshot_id, region))
        return refuse(&about, -EBUSY,
                      "it is not known yet whether an earlier copy there has begun; .cbsfs/jobs "
                      "tells");
    return job_launch(new_order(store, CLOUD_COPY_SNAPSHOT, about.disk_id, snapshot_id, name, path,
                                &(struct job_order){.region = (char *)region}),
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
    if (order->size < 0)
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
        return refuse(&about, -EOPNOTSUPP, "disks are made from snapshots of data disks only");
    const char *missing = store_complete_disk_order(snapshot, &whole);
    if (missing != NULL)
        return refuse(&about, -EINVAL, missing);
    if (unfinished(store, CLOUD_CREATE_DISK, snapshot_id) != NULL)
        return refuse(&about, -EBUSY,
                      "it is not known yet whether an earlier disk was made; .cbsfs/jobs tells");
    status = make_token(token);
    if (status != 0)
        return refuse(&about, status, "no random numbers are to be had");
    return job_launch(new_order(store, CLOUD_CREATE_DISK, about.disk_id, snapshot_id, whole.name,
                                path,
                                &(struct job_order){.zone = (char *)whole.zone,
                                                    .type = (char *)whole.type,
                                                    .token = token,
                                                    .size = whole.size}),
                      done, data, job);
}

/* --- groups ------------------------------------------------------------------------------- */

const json_t *store_group(const struct store *store, const char *id)
{
    size_t at;
    json_t *group;
    json_array_foreach((json_t *)store_list(store, WANT_GROUPS, ""), at, group)
    {
        if (strcmp(text_of(group, "id"), id) == 0)
            return group;
    }
    return NULL;
}

/* Why the disks cannot be a group, or NULL: all attached to the same instance (tencent-cbs facts
 * 1.4.17). */
static const char *group_obstacle(const struct store *store, const char *const *disk_ids,
                                  size_t count, char *space, size_t size)
{
    const char *instance = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct disk *disk = catalogue_disk(&store->catalogue, disk_ids[i]);
        const char *its = disk != NULL ? disk_text(disk, DISK_INSTANCE) : "";
        const char *obstacle = NULL;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(disk_ids[i], disk_ids[j]) == 0)
                obstacle = "is named twice";
        }
        if (disk == NULL || !disk->exists)
            obstacle = "is not there";
        else if (its[0] == '\0')
            obstacle = "is not attached to an instance";
        else if (instance != NULL && strcmp(instance, its) != 0)
            obstacle = "is attached to another instance than those before it";
        if (obstacle != NULL) {
            snprintf(space, size, "%.64s %s", disk_ids[i], obstacle);
            return space;
        }
        instance = its;
    }
    return count > 0 ? NULL : "no disk is named";
}

static struct job_member *add_members(struct job *job, size_t count)
{
    job->order.members = calloc(count, sizeof(*job->order.members));
    job->order.member_count = job->order.members != NULL ? count : 0;
    return job->order.members;
}

int store_create_group(struct store *store, const char *const *disk_ids, size_t count,
                       const char *name, const char *path,
                       void (*done)(void *data, const struct job_result *result), void *data,
                       struct job **handle)
{
    const struct refusal about = {store, NULL, NULL, path, job_verb_name(CLOUD_CREATE_GROUP)};
    char space[160];
    size_t at;
    json_t *group;
    int status = refuse_foreign(&about, CLOUD_CREATE_GROUP);
    if (status != 0)
        return status;
    json_array_foreach((json_t *)store_list(store, WANT_GROUPS, ""), at, group)
    {
        if (strcmp(text_of(group, "name"), name) == 0)
            return refuse(&about, -EEXIST, "a group has this name");
    }
    const char *obstacle = group_obstacle(store, disk_ids, count, space, sizeof(space));
    if (obstacle != NULL)
        return refuse(&about, -EINVAL, obstacle);
    if (unsettled_job(store, CLOUD_CREATE_GROUP, "", name) != NULL)
        return refuse(&about, -EBUSY,
                      "it is not known yet whether an earlier mkdir has given this name; "
                      ".cbsfs/jobs tells");
    struct job *job = job_new(store, CLOUD_CREATE_GROUP, "", "", name, path);
    bool whole = job != NULL && add_members(job, count) != NULL;
    for (size_t i = 0; i < count && whole; i++)
        whole = keep(&job->order.members[i].disk_id, disk_ids[i]);
    if (job != NULL && !whole) {
        job_remove(job);
        job = NULL;
    }
    return job_launch(job, done, data, handle);
}

/* 0 and the group, or a recorded refusal. */
static int find_group(struct store *store, const char *id, enum cloud_verb verb, const char *path,
                      struct refusal *about, const json_t **found)
{
    char reason[96];
    *about = (struct refusal){store, NULL, id, path, job_verb_name(verb)};
    int status = refuse_foreign(about, verb);
    if (status != 0)
        return status;
    *found = store_group(store, id);
    if (*found == NULL)
        return refuse(about, -ENOENT, "there is no such group");
    const char *word = text_of(*found, "word");
    if (strcmp(word, "NORMAL") != 0) {
        snprintf(reason, sizeof(reason), "the group is %.32s, it has to be NORMAL",
                 word[0] != '\0' ? word : text_of(*found, "state"));
        return refuse(about, -EBUSY, reason);
    }
    if (unfinished(store, CLOUD_APPLY_GROUP, id) != NULL ||
        unfinished(store, CLOUD_DELETE_GROUP, id) != NULL)
        return refuse(about, -EBUSY, "an earlier change of it is not finished; .cbsfs/jobs tells");
    return 0;
}

/* Each member with the disk that it is of. 0, -ENOMEM, or -ENOENT: one is not known. */
static int name_members(struct job *job, const json_t *group)
{
    const json_t *ids = json_object_get(group, "snapshots");
    size_t at;
    json_t *id;
    if (json_array_size(ids) == 0)
        return -ENOENT;
    if (add_members(job, json_array_size(ids)) == NULL)
        return -ENOMEM;
    json_array_foreach((json_t *)ids, at, id)
    {
        const struct snapshot *snapshot =
            catalogue_snapshot(&job->store->catalogue, json_string_value(id));
        if (snapshot == NULL || !snapshot->disk->exists)
            return -ENOENT;
        if (!keep(&job->order.members[at].snapshot_id, json_string_value(id)) ||
            !keep(&job->order.members[at].disk_id, disk_text(snapshot->disk, DISK_ID)))
            return -ENOMEM;
    }
    return 0;
}

int store_rollback_group(struct store *store, const char *group_id, bool stop, bool start,
                         const char *path,
                         void (*done)(void *data, const struct job_result *result), void *data,
                         struct job **handle)
{
    struct refusal about;
    const json_t *group;
    int status = find_group(store, group_id, CLOUD_APPLY_GROUP, path, &about, &group);
    if (status != 0)
        return status;
    struct job *job = new_order(store, CLOUD_APPLY_GROUP, "", group_id, NULL, path,
                                &(struct job_order){.group_id = (char *)group_id});
    if (job == NULL)
        return -ENOMEM;
    job->stop = stop;
    job->start = start;
    status = name_members(job, group);
    for (size_t i = 0; i < job->order.member_count && status == 0; i++) {
        const struct disk *disk = catalogue_disk(&store->catalogue, job->order.members[i].disk_id);
        if (disk_is_rolling_back(disk) ||
            rollback_is_unsettled(store, disk_text(disk, DISK_ID), job))
            status = -EBUSY;
    }
    if (status != 0)
        job_remove(job);
    if (status == -ENOENT)
        return refuse(&about, -EOPNOTSUPP,
                      "one of its snapshots, or the disk of one, is gone or not known");
    if (status == -EBUSY)
        return refuse(&about, status, "one of its disks is, or may be, being rolled back");
    return status != 0 ? status : job_launch(job, done, data, handle);
}

int store_delete_group(struct store *store, const char *group_id, const char *path,
                       void (*done)(void *data, const struct job_result *result), void *data,
                       struct job **handle)
{
    struct refusal about;
    const json_t *group;
    size_t at;
    json_t *id;
    int status = find_group(store, group_id, CLOUD_DELETE_GROUP, path, &about, &group);
    if (status != 0)
        return status;
    json_array_foreach(json_object_get(group, "snapshots"), at, id)
    {
        const struct snapshot *member =
            catalogue_snapshot(&store->catalogue, json_string_value(id));
        if (member != NULL && member->in_images)
            return refuse(&about, -EBUSY, "images are built on its snapshots, delete those first");
    }
    struct job *job = new_order(store, CLOUD_DELETE_GROUP, "", group_id, NULL, path,
                                &(struct job_order){.group_id = (char *)group_id});
    if (job == NULL)
        return -ENOMEM;
    status = name_members(job, group);
    if (status == -ENOMEM) {
        job_remove(job);
        return status;
    }
    return job_launch(job, done, data, handle);
}

/* --- accepted ------------------------------------------------------------------------------ */

static void note_members(struct job *job, int64_t now, int64_t wall)
{
    struct catalogue *catalogue = &job->store->catalogue;
    for (size_t i = 0; i < job->order.member_count; i++) {
        const char *id = job->order.members[i].snapshot_id;
        struct snapshot *snapshot = id != NULL ? catalogue_snapshot(catalogue, id) : NULL;
        if (snapshot == NULL || catalogue_prepare_change(snapshot) != 0)
            store_refresh(job->store); /* it is shown when it is asked for again */
        else if (job->verb == CLOUD_APPLY_GROUP)
            catalogue_rolling_back(catalogue, snapshot, now, wall);
        else
            catalogue_deleted(catalogue, snapshot, now, wall);
    }
}

/* The disks have a snapshot more, each of which only a listing shows. */
static void outdate_disks(struct job *job)
{
    job->store->snapshots_outdated = clock_now();
    struct catalogue *catalogue = &job->store->catalogue;
    for (size_t i = 0; i < job->order.member_count; i++) {
        struct disk *disk = catalogue_disk(catalogue, job->order.members[i].disk_id);
        store_refresh_disk(job->store, job->order.members[i].disk_id);
        if (disk != NULL)
            catalogue_entries_changed(catalogue, disk);
    }
    catalogue->generation++;
}

bool feature_accepted(struct job *job, const char *id, int64_t now, int64_t wall)
{
    struct store *store = job->store;
    struct snapshot *snapshot = catalogue_snapshot(&store->catalogue, job->snapshot_id);
    bool makes = job->verb == CLOUD_COPY_SNAPSHOT || job->verb == CLOUD_CREATE_DISK ||
                 job->verb == CLOUD_CREATE_GROUP;
    if (makes && id[0] != '\0' && strcmp(id, job->snapshot_id) != 0)
        job->created_id = strdup(id); /* without memory it is not told */
    switch (job->verb) {
    case CLOUD_EXPIRE_SNAPSHOT:
        if (snapshot != NULL)
            catalogue_expires(&store->catalogue, snapshot, job->order.expires, now);
        return true;
    case CLOUD_SHARE_SNAPSHOT:
        if (snapshot != NULL)
            catalogue_shared(snapshot, !job->order.cancel || snapshot->shared_out, now);
        lists_outdate(store, WANT_SHARES, job->snapshot_id);
        return true;
    case CLOUD_CREATE_DISK:
        store->disks_outdated = now;
        store->catalogue.disks_version++;
        store->catalogue.generation++;
        return true;
    case CLOUD_CREATE_GROUP:
        lists_group_made(store, id, job->name, wall);
        outdate_disks(job);
        return true;
    case CLOUD_APPLY_GROUP:
        lists_outdate(store, WANT_GROUPS, "");
        note_members(job, now, wall);
        return true;
    case CLOUD_DELETE_GROUP:
        lists_group_deleted(store, job->snapshot_id);
        note_members(job, now, wall);
        return true;
    default:
        return false; /* a copy shows in the record of what is copied */
    }
}

/* --- finding out ---------------------------------------------------------------------------- */

static const char *find_group_made(const struct job *job)
{
    int64_t began =
        client_server_time(job->store->client) - (clock_now() - job->began) / 1000 - CREATED_MARGIN;
    size_t at;
    json_t *group;
    json_array_foreach((json_t *)store_list(job->store, WANT_GROUPS, ""), at, group)
    {
        const json_t *created = json_object_get(group, "created");
        if (strcmp(text_of(group, "name"), job->name) == 0 && json_is_integer(created) &&
            json_integer_value(created) >= began)
            return text_of(group, "id");
    }
    return NULL;
}

static bool is_shared_with(const struct job *job)
{
    size_t at;
    json_t *share;
    json_array_foreach((json_t *)store_list(job->store, WANT_SHARES, job->snapshot_id), at, share)
    {
        if (strcmp(text_of(share, "account"), job->order.account) == 0)
            return true;
    }
    return false;
}

/* Asked after the change was, not merely known. */
static bool has_list(const struct job *job, enum store_want want, const char *id)
{
    return store_list_asked(job->store, want, id) > job->began;
}

const char *feature_evidence(const struct job *job)
{
    const struct snapshot *snapshot = catalogue_snapshot(&job->store->catalogue, job->snapshot_id);
    const json_t *group = store_group(job->store, job->snapshot_id);
    bool seen = false;
    switch (job->verb) {
    case CLOUD_EXPIRE_SNAPSHOT:
        seen = snapshot != NULL && snapshot_expires(snapshot) == job->order.expires;
        break;
    case CLOUD_SHARE_SNAPSHOT:
        seen = has_list(job, WANT_SHARES, job->snapshot_id) &&
               is_shared_with(job) != job->order.cancel;
        break;
    case CLOUD_COPY_SNAPSHOT:
        seen = snapshot != NULL && is_copied_to(snapshot, job->order.region);
        break;
    case CLOUD_CREATE_GROUP:
        return has_list(job, WANT_GROUPS, "") ? find_group_made(job) : NULL;
    case CLOUD_APPLY_GROUP:
        seen = has_list(job, WANT_GROUPS, "") && group != NULL &&
               strcmp(text_of(group, "word"), "ROLLBACKING") == 0;
        break;
    case CLOUD_DELETE_GROUP:
        seen = has_list(job, WANT_GROUPS, "") && group == NULL;
        break;
    default:
        break; /* of a disk nothing tells what it was made from */
    }
    return seen ? job->snapshot_id : NULL;
}

int feature_look(struct job *job)
{
    struct store *store = job->store;
    int64_t now = clock_now();
    switch (job->verb) {
    case CLOUD_SHARE_SNAPSHOT:
        return lists_want(store, WANT_SHARES, job->snapshot_id, now, &job->waiter);
    case CLOUD_CREATE_GROUP:
    case CLOUD_APPLY_GROUP:
    case CLOUD_DELETE_GROUP:
        return lists_want(store, WANT_GROUPS, "", now, &job->waiter);
    default:
        break;
    }
    const char *disk_id = strcmp(job->disk_id, CATALOGUE_NO_DISK) != 0 ? job->disk_id : NULL;
    return listing_want(store, CLOUD_DESCRIBE_SNAPSHOTS, disk_id, false, now, &job->waiter);
}
