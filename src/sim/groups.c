/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot groups and the policies that make snapshots (facts 1.4.12, 1.4.17). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "cbsfs/fields.h"
#include "describe.h"

#define DEFAULT_NAME "未命名"
#define DISKS_LIMIT  100

/* --- listings ------------------------------------------------------------------------ */

static const struct filter_field group_filters[] = {{"snapshot-group-id", "SnapshotGroupId"},
                                                    {"snapshot-group-state", "SnapshotGroupState"},
                                                    {"snapshot-group-name", "SnapshotGroupName"},
                                                    {"snapshot-id", "SnapshotIdSet"},
                                                    {NULL, NULL}};

static const struct filter_field policy_filters[] = {
    {"auto-snapshot-policy-id", "AutoSnapshotPolicyId"},
    {"auto-snapshot-policy-state", "AutoSnapshotPolicyState"},
    {"auto-snapshot-policy-name", "AutoSnapshotPolicyName"},
    {NULL, NULL}};

/* Whether a member, or any of a list, is among the filter's values. */
static bool value_matches(const json_t *value, const json_t *values)
{
    char scratch[32];
    size_t index;
    json_t *each;

    if (!json_is_array(value))
        return is_one_of(scalar_text(value, scratch), values);
    json_array_foreach(value, index, each)
    {
        if (is_one_of(scalar_text(each, scratch), values))
            return true;
    }
    return false;
}

/* `rendered` is taken over. */
static bool rendered_matches(json_t *rendered, const struct filter_field *fields,
                             const json_t *filters)
{
    bool matches = true;
    size_t index;
    json_t *filter;

    json_array_foreach(filters, index, filter)
    {
        const char *field = field_of(fields, field_text(filter, "Name", ""));

        matches = matches && value_matches(json_object_get(rendered, field),
                                           json_object_get(filter, "Values"));
    }
    json_decref(rendered);
    return matches;
}

static bool group_matches(const struct api_request *request, const struct record *record,
                          int64_t at, const json_t *filters)
{
    return rendered_matches(group_render(request->account, record, at), group_filters, filters);
}

static bool policy_matches(const struct api_request *request, const struct record *record,
                           int64_t at, const json_t *filters)
{
    return rendered_matches(policy_render(request->account, record, at), policy_filters, filters);
}

int describe_groups(struct api_request *request)
{
    /* Groups cannot be asked for by id but with a filter. */
    const struct listing listing = {"SnapshotGroupIds",        "SnapshotGroupSet", group_filters,
                                    &request->account->groups, group_matches,      group_render};

    return describe(request, &listing);
}

int describe_policies(struct api_request *request)
{
    const struct listing listing = {"AutoSnapshotPolicyIds", "AutoSnapshotPolicySet",
                                    policy_filters,          &request->account->policies,
                                    policy_matches,          policy_render};

    return describe(request, &listing);
}

/* --- making one ---------------------------------------------------------------------- */

/* A disk as it is shown, checked; its instance is written to `instance`. */
static int check_disk(struct api_request *request, const char *id, char instance[RECORD_ID_SIZE])
{
    const struct disk *disk = account_disk(request->account, id);
    json_t *shown;
    const char *attached;
    int status;

    if (!disk)
        return no_disk(request, id);
    shown = disk_render(request->account, disk, request->now);
    if (!shown)
        return -ENOMEM;
    attached = field_boolean(shown, "Attached", false) ? field_text(shown, "InstanceId", "") : "";
    if (!*attached || (*instance && strcmp(instance, attached) != 0))
        status = api_refuse(request, "InvalidParameterValue",
                            "DiskIds: all must be attached to the same instance");
    else
        status = check_disk_can_snapshot(request, shown, id);
    snprintf(instance, RECORD_ID_SIZE, "%s", attached);
    json_decref(shown);
    return status;
}

static int check_create(struct api_request *request)
{
    const json_t *disks = json_object_get(request->parameters, "DiskIds");
    char instance[RECORD_ID_SIZE] = "";
    int status = check_name(request, "SnapshotGroupName",
                            field_text(request->parameters, "SnapshotGroupName", ""));

    if (status == 0 && (json_array_size(disks) == 0 || json_array_size(disks) > DISKS_LIMIT))
        return api_refuse(request, "InvalidParameterValue", "DiskIds: from 1 to %d", DISKS_LIMIT);
    for (size_t i = 0; status == 0 && i < json_array_size(disks); i++) {
        json_t *id = json_array_get(disks, i);

        for (size_t j = 0; j < i; j++)
            if (json_equal(id, json_array_get(disks, j)))
                return api_refuse(request, "InvalidParameterValue", "DiskIds: `%s` is there twice",
                                  json_string_value(id));
        status = check_disk(request, json_string_value(id), instance);
    }
    return status;
}

static int add_member(struct api_request *request, const char *disk_id, const char *group,
                      size_t number, json_t *ids)
{
    char name[400];
    struct snapshot *snapshot;

    snprintf(name, sizeof name, "%.360s_%zu", group, number);
    snapshot = begin_snapshot(request, account_disk(request->account, disk_id), name);
    if (!snapshot || json_array_append_new(ids, json_string(snapshot->head.id)) < 0) {
        record_free((struct record *)snapshot);
        return -ENOMEM;
    }
    return account_add_snapshot(request->account, snapshot);
}

/* Takes `ids` over. */
static int add_group(struct api_request *request, const char *name, json_t *ids)
{
    struct record *group;
    char id[RECORD_ID_SIZE];

    do {
        random_id(&request->account->random, "csnap-", id);
    } while (account_group(request->account, id));
    group = record_new(id);
    if (!group) {
        json_decref(ids);
        return -ENOMEM;
    }
    group->created = request->wall;
    group->born = request->now;
    group->fields = json_pack("{s:s, s:o}", "SnapshotGroupName", name, "SnapshotIdSet", ids);
    if (!group->fields ||
        json_object_set_new(request->reply, "SnapshotGroupId", json_string(id)) < 0) {
        record_free(group);
        return -ENOMEM;
    }
    return table_insert(&request->account->groups, group);
}

int create_group(struct api_request *request)
{
    const json_t *disks = json_object_get(request->parameters, "DiskIds");
    const char *name = field_text(request->parameters, "SnapshotGroupName", "");
    int status = check_create(request);
    json_t *ids;

    if (status < 0)
        return status;
    if (!*name)
        name = DEFAULT_NAME;
    ids = json_array();
    for (size_t i = 0; status == 0 && i < json_array_size(disks); i++)
        status = add_member(request, json_string_value(json_array_get(disks, i)), name, i, ids);
    if (status < 0) {
        json_decref(ids);
        return status;
    }
    return add_group(request, name, ids);
}

/* --- using and ending one ------------------------------------------------------------ */

/* The group as it is shown, a new reference in *shown or NULL; refused while it is under way. */
static int find_settled(struct api_request *request, const char *id, const char *unknown,
                        json_t **shown)
{
    const struct record *group = account_group(request->account, id);
    const char *state;

    *shown = NULL;
    if (!group)
        return api_refuse(request, unknown, "snapshot group `%s` not found", id);
    *shown = group_render(request->account, group, request->now);
    if (!*shown)
        return -ENOMEM;
    state = field_text(*shown, "SnapshotGroupState", "");
    if (strcmp(state, "NORMAL") == 0)
        return 0;
    return api_refuse(request, "UnsupportedOperation.StateError", "snapshot group `%s` is %s", id,
                      state);
}

static int check_pair(struct api_request *request, const json_t *pair,
                      char instance[RECORD_ID_SIZE])
{
    const char *id = field_text(pair, "SnapshotId", "");
    const char *disk_id = field_text(pair, "DiskId", "");
    const struct snapshot *snapshot = account_snapshot(request->account, id);
    const struct disk *disk = account_disk(request->account, disk_id);
    json_t *disk_shown;
    const char *attached;
    int status;

    if (!snapshot || !disk || strcmp(snapshot->disk_id, disk_id) != 0)
        return api_refuse(request, "InvalidParameter", "ApplyDisks: `%s` is not a snapshot of `%s`",
                          id, disk_id);
    disk_shown = disk_render(request->account, disk, request->now);
    if (!disk_shown)
        return -ENOMEM;
    attached = field_boolean(disk_shown, "Attached", false)
                   ? field_text(disk_shown, "InstanceId", "")
                   : "";
    if (*instance && *attached && strcmp(instance, attached) != 0)
        status = api_refuse(request, "UnsupportedOperation.SnapshotGroupDiskAttachMultiInstance",
                            "the disks are attached to several instances");
    else if (*attached && !field_boolean(request->parameters, "AutoStopInstance", false))
        status = api_refuse(request, "UnsupportedOperation.StateError",
                            "disk `%s` is attached to `%s`", disk_id, attached);
    else
        status = check_apply(request, snapshot, disk);
    if (*attached)
        snprintf(instance, RECORD_ID_SIZE, "%s", attached);
    json_decref(disk_shown);
    return status;
}

static int check_apply_group(struct api_request *request, const json_t *shown)
{
    const json_t *pairs = json_object_get(request->parameters, "ApplyDisks");
    const json_t *ids = json_object_get(shown, "SnapshotIdSet");
    char instance[RECORD_ID_SIZE] = "";
    int status = 0;
    size_t index;
    json_t *pair;

    if (json_array_size(pairs) == 0)
        return api_refuse(request, "InvalidParameter", "ApplyDisks needs values");
    json_array_foreach(pairs, index, pair)
    {
        const char *id = field_text(pair, "SnapshotId", "");

        if (status == 0 && !is_one_of(id, ids))
            status =
                api_refuse(request, "InvalidParameter", "ApplyDisks: `%s` is not of the group", id);
        for (size_t i = 0; status == 0 && i < index; i++)
            if (strcmp(id, field_text(json_array_get(pairs, i), "SnapshotId", "")) == 0)
                status =
                    api_refuse(request, "InvalidParameter", "ApplyDisks: `%s` is there twice", id);
        if (status == 0)
            status = check_pair(request, pair, instance);
    }
    return status;
}

int apply_group(struct api_request *request)
{
    const char *id = field_text(request->parameters, "SnapshotGroupId", "");
    json_t *shown;
    int status = find_settled(request, id, "InvalidParameter", &shown);
    size_t index;
    json_t *pair;

    if (status == 0)
        status = check_apply_group(request, shown);
    json_decref(shown);
    json_array_foreach(json_object_get(request->parameters, "ApplyDisks"), index, pair)
    {
        if (status == 0)
            status = start_rollback(
                request, account_snapshot(request->account, field_text(pair, "SnapshotId", "")),
                account_disk(request->account, field_text(pair, "DiskId", "")));
    }
    return status;
}

static int check_member_deletion(struct api_request *request, const char *id)
{
    const struct snapshot *snapshot = account_snapshot(request->account, id);
    json_t *shown = snapshot_render(request->account, snapshot, request->now);
    int status = shown ? 0 : -ENOMEM;

    if (status == 0 && field_integer(shown, "ShareReference", 0) > 0)
        status = api_refuse(request, "UnsupportedOperation.SnapHasShared",
                            "snapshot `%s` is shared", id);
    if (status == 0 && json_array_size(json_object_get(shown, "Images")) > 0 &&
        !field_boolean(request->parameters, "DeleteBindImages", false))
        status = api_refuse(request, "UnsupportedOperation.SnapshotHasBindedImage",
                            "snapshot `%s` has images built on it", id);
    json_decref(shown);
    return status;
}

static int check_deletion(struct api_request *request, const char *id)
{
    json_t *shown;
    int status = find_settled(request, id, "InvalidSnapshotId.NotFound", &shown);
    size_t index;
    json_t *member;

    json_array_foreach(json_object_get(shown, "SnapshotIdSet"), index, member)
    {
        if (status == 0)
            status = check_member_deletion(request, json_string_value(member));
    }
    json_decref(shown);
    return status;
}

static int remove_group(struct api_request *request, const char *id)
{
    struct record *group = account_group(request->account, id);
    int status = 0;
    size_t index;
    json_t *member;

    /* An id that is given twice is gone by now. */
    if (!group)
        return 0;
    json_array_foreach(json_object_get(group->fields, "SnapshotIdSet"), index, member)
    {
        struct snapshot *snapshot = account_snapshot(request->account, json_string_value(member));

        if (status == 0 && snapshot)
            status = account_remove_snapshot(request->account, snapshot, request->now);
    }
    return status == 0 ? table_retire(&request->account->groups, group, request->now) : status;
}

int delete_group(struct api_request *request)
{
    json_t *one = json_object_get(request->parameters, "SnapshotGroupId");
    json_t *many = json_object_get(request->parameters, "SnapshotGroupIds");
    json_t *ids = many ? json_copy(many) : json_array();
    int status = ids ? 0 : -ENOMEM;
    size_t index;
    json_t *id;

    if (one && json_array_append(ids, one) < 0)
        status = -ENOMEM;
    if (status == 0 && json_array_size(ids) == 0)
        status =
            api_refuse_plainly(request, "MissingParameter",
                               "The request is missing a required parameter `SnapshotGroupId`.");
    json_array_foreach(ids, index, id)
    {
        if (status == 0)
            status = check_deletion(request, json_string_value(id));
    }
    json_array_foreach(ids, index, id)
    {
        if (status == 0)
            status = remove_group(request, json_string_value(id));
    }
    json_decref(ids);
    return status;
}
