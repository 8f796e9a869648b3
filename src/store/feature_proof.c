/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from a change of features.c when the cloud has accepted it, and what proves that it
 * has when its answer was lost. */
#include "features_internal.h"

#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"

#include <stdlib.h>
#include <string.h>

/* The wall clock of the cloud has whole seconds, and ours may be off by a little. */
#define CREATED_MARGIN 5

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
        lists_shared(store, job->snapshot_id, job->order.account, job->order.cancel);
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

/* Whether it may be of these disks: another mount may have given the name to others. A snapshot
 * that is not known yet may be of any. */
static bool may_be_of_order(const struct job *job, const json_t *group)
{
    const json_t *members = json_object_get(group, "snapshots");
    size_t at, found = 0;
    json_t *id;
    json_array_foreach((json_t *)members, at, id)
    {
        const struct snapshot *member =
            catalogue_snapshot(&job->store->catalogue, json_string_value(id));
        bool is_ordered = member == NULL;
        for (size_t i = 0; i < job->order.member_count && !is_ordered; i++)
            is_ordered =
                strcmp(job->order.members[i].disk_id, disk_text(member->disk, DISK_ID)) == 0;
        found += is_ordered;
    }
    return json_array_size(members) == 0 ||
           (found == json_array_size(members) && found == job->order.member_count);
}

static const char *find_group_made(const struct job *job)
{
    int64_t began =
        client_server_time(job->store->client) - (clock_now() - job->began) / 1000 - CREATED_MARGIN;
    size_t at;
    json_t *group;
    json_array_foreach((json_t *)store_list(job->store, WANT_GROUPS, ""), at, group)
    {
        const json_t *created = json_object_get(group, "created");
        if (strcmp(field_text(group, "name", ""), job->name) == 0 && json_is_integer(created) &&
            json_integer_value(created) >= began && may_be_of_order(job, group))
            return field_text(group, "id", "");
    }
    return NULL;
}

static bool is_shared_with(const struct job *job)
{
    size_t at;
    json_t *share;
    json_array_foreach((json_t *)store_list(job->store, WANT_SHARES, job->snapshot_id), at, share)
    {
        if (strcmp(field_text(share, "account", ""), job->order.account) == 0)
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
        seen = snapshot != NULL && feature_is_copied_to(snapshot, job->order.region);
        break;
    case CLOUD_CREATE_GROUP:
        return has_list(job, WANT_GROUPS, "") ? find_group_made(job) : NULL;
    case CLOUD_APPLY_GROUP:
        seen = has_list(job, WANT_GROUPS, "") && group != NULL &&
               strcmp(field_text(group, "word", ""), "ROLLBACKING") == 0;
        break;
    case CLOUD_DELETE_GROUP:
        seen = has_list(job, WANT_GROUPS, "") &&
               (group == NULL || strcmp(field_text(group, "word", ""), "DELETING") == 0);
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
