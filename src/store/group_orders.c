/* SPDX-License-Identifier: Apache-2.0 */
/* Orders for groups: snapshots of several disks at one moment. What features.c says holds here too.
 */
#include "features_internal.h"

#include "cbsfs/fields.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Why this one cannot be in any group with those before it, or NULL. */
static const char *disk_obstacle(const struct store *store, const char *const *disk_ids, size_t at)
{
    const struct disk *disk = catalogue_disk(&store->catalogue, disk_ids[at]);
    for (size_t i = 0; i < at; i++) {
        if (strcmp(disk_ids[at], disk_ids[i]) == 0)
            return "is named twice";
    }
    return disk == NULL || !disk->exists ? "is not there" : NULL;
}

/* Where the cloud makes groups of disks: they are all of one, as it was listed. */
static const char *whole_group_obstacle(const struct store *store, const char *const *disk_ids,
                                        size_t count, char *space, size_t size)
{
    const struct catalogue *catalogue = &store->catalogue;
    const char *group = "";
    size_t whole = 0;
    for (size_t i = 0; i < count; i++) {
        const struct disk *disk = catalogue_disk(catalogue, disk_ids[i]);
        const char *obstacle = disk_obstacle(store, disk_ids, i), *advice = "";
        if (obstacle == NULL && disk_text(disk, DISK_GROUP)[0] == '\0') {
            obstacle = "is in no group: ";
            advice = store->provider->group_advice;
        } else if (obstacle == NULL && i > 0 && strcmp(group, disk_text(disk, DISK_GROUP)) != 0) {
            obstacle = "is in another group than those before it";
        } else if (disk == NULL) {
            obstacle = "is neither a disk nor a group that has any";
        }
        if (obstacle != NULL) {
            snprintf(space, size, "%.64s %s%s", disk_ids[i], obstacle, advice);
            return space;
        }
        group = disk_text(disk, DISK_GROUP);
    }
    for (size_t i = 0; i < catalogue->disk_count && count > 0; i++)
        whole += catalogue->disks[i]->exists &&
                 strcmp(disk_text(catalogue->disks[i], DISK_GROUP), group) == 0;
    if (whole == count)
        return count > 0 ? NULL : "no disk is named";
    snprintf(
        space, size,
        "the group %.64s has %zu disks and is taken as a whole: name all of them, or the group",
        group, whole);
    return space;
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
        const char *obstacle = disk_obstacle(store, disk_ids, i);
        if (obstacle == NULL && its[0] == '\0')
            obstacle = "is not attached to an instance";
        else if (obstacle == NULL && instance != NULL && strcmp(instance, its) != 0)
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
    char space[320];
    size_t at;
    json_t *group;
    int status = feature_refuse_foreign(&about, CLOUD_CREATE_GROUP);
    if (status != 0)
        return status;
    json_array_foreach((json_t *)store_list(store, WANT_GROUPS, ""), at, group)
    {
        if (strcmp(field_text(group, "name", ""), name) == 0)
            return feature_refuse(&about, -EEXIST, "a group has this name");
    }
    bool of_cloud = store->provider->group_advice != NULL;
    const char *obstacle = of_cloud
                               ? whole_group_obstacle(store, disk_ids, count, space, sizeof(space))
                               : group_obstacle(store, disk_ids, count, space, sizeof(space));
    if (obstacle != NULL)
        return feature_refuse(&about, -EINVAL, obstacle);
    if (unsettled_job(store, CLOUD_CREATE_GROUP, "", name) != NULL)
        return feature_refuse(&about, -EBUSY,
                              "it is not known yet whether an earlier mkdir has given this name; "
                              ".cbsfs/jobs tells");
    struct job *job = job_new(store, CLOUD_CREATE_GROUP, "", "", name, path);
    bool whole = job != NULL && add_members(job, count) != NULL;
    for (size_t i = 0; i < count && whole; i++)
        whole = order_keep(&job->order.members[i].disk_id, disk_ids[i]);
    if (whole && of_cloud)
        whole = order_keep(&job->order.group_id,
                           disk_text(catalogue_disk(&store->catalogue, disk_ids[0]), DISK_GROUP));
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
    int status = feature_refuse_foreign(about, verb);
    if (status != 0)
        return status;
    *found = store_group(store, id);
    if (*found == NULL)
        return feature_refuse(about, -ENOENT, "there is no such group");
    const char *word = field_text(*found, "word", "");
    bool is_lost = strcmp(word, "ERROR") == 0 && verb == CLOUD_DELETE_GROUP;
    if (strcmp(word, "NORMAL") != 0 && !is_lost) {
        snprintf(reason, sizeof(reason), "the group is %.32s, it has to be NORMAL",
                 word[0] != '\0' ? word : field_text(*found, "state", ""));
        return feature_refuse(about, -EBUSY, reason);
    }
    if (feature_unfinished(store, CLOUD_APPLY_GROUP, id) != NULL ||
        feature_unfinished(store, CLOUD_DELETE_GROUP, id) != NULL)
        return feature_refuse(about, -EBUSY,
                              "an earlier change of it is not finished; .cbsfs/jobs tells");
    return 0;
}

/* What would be refused of a member by itself: why it is not rolled back to, or deleted. NULL:
 * nothing speaks against it. */
static const char *member_obstacle(const struct store *store, const struct snapshot *member,
                                   enum cloud_verb verb, char *space, size_t size)
{
    const char *id = snapshot_text(member, SNAPSHOT_ID), *why = NULL;
    bool is_deletion = verb == CLOUD_DELETE_GROUP;
    if (is_deletion ? !snapshot_is_settled(member) : strcmp(snapshot_word(member), "NORMAL") != 0)
        why = snapshot_word(member);
    else if (is_deletion && member->in_images)
        return "images are built on its snapshots, delete those first";
    else if (is_deletion && snapshot_more(member)->wanted_name != NULL)
        why = "about to be renamed";
    if (why != NULL)
        snprintf(space, size, "its snapshot %.64s is %.32s", id, why);
    else if (disk_is_rolling_back(member->disk) ||
             rollback_is_unsettled(store, disk_text(member->disk, DISK_ID), NULL))
        snprintf(space, size, "one of its disks is, or may be, being rolled back: %.64s",
                 disk_text(member->disk, DISK_ID));
    else
        return NULL;
    return space;
}

/* 0, or -EBUSY and it is recorded. */
static int check_members(const struct refusal *about, const json_t *group, enum cloud_verb verb)
{
    char space[160];
    size_t at;
    json_t *id;
    json_array_foreach(json_object_get(group, "snapshots"), at, id)
    {
        const struct snapshot *member =
            catalogue_snapshot(&about->store->catalogue, json_string_value(id));
        const char *why = member != NULL && snapshot_is_visible(member)
                              ? member_obstacle(about->store, member, verb, space, sizeof(space))
                              : NULL;
        if (why != NULL)
            return feature_refuse(about, -EBUSY, why);
    }
    return 0;
}

/* Each member with the disk that it is of. 0, -ENOMEM, or -ENOENT: one is not known. */
static int name_members(struct job *job, const json_t *group)
{
    const json_t *ids = json_object_get(group, "snapshots");
    size_t at;
    json_t *id;
    if (json_array_size(ids) == 0 || json_is_true(json_object_get(group, "incomplete")))
        return -ENOENT;
    if (add_members(job, json_array_size(ids)) == NULL)
        return -ENOMEM;
    json_array_foreach((json_t *)ids, at, id)
    {
        const struct snapshot *snapshot =
            catalogue_snapshot(&job->store->catalogue, json_string_value(id));
        if (snapshot == NULL || !snapshot_is_visible(snapshot) || !snapshot->disk->exists)
            return -ENOENT;
        if (!order_keep(&job->order.members[at].snapshot_id, json_string_value(id)) ||
            !order_keep(&job->order.members[at].disk_id, disk_text(snapshot->disk, DISK_ID)))
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
    if (status == 0)
        status = check_members(&about, group, CLOUD_APPLY_GROUP);
    if (status != 0)
        return status;
    struct job *job = feature_order(store, CLOUD_APPLY_GROUP, "", group_id, NULL, path,
                                    &(struct job_order){.group_id = (char *)group_id});
    if (job == NULL)
        return -ENOMEM;
    job->stop = stop;
    job->start = start;
    status = name_members(job, group);
    if (status != 0)
        job_remove(job);
    if (status == -ENOENT)
        return feature_refuse(&about, -EOPNOTSUPP,
                              "one of its snapshots, or the disk of one, is gone or not known");
    return status != 0 ? status : job_launch(job, done, data, handle);
}

int store_delete_group(struct store *store, const char *group_id, const char *path,
                       void (*done)(void *data, const struct job_result *result), void *data,
                       struct job **handle)
{
    struct refusal about;
    const json_t *group;
    int status = find_group(store, group_id, CLOUD_DELETE_GROUP, path, &about, &group);
    if (status == 0)
        status = check_members(&about, group, CLOUD_DELETE_GROUP);
    if (status != 0)
        return status;
    struct job *job = feature_order(store, CLOUD_DELETE_GROUP, "", group_id, NULL, path,
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
