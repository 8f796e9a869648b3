/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateSnapshot, ApplySnapshot, DeleteSnapshots and ModifySnapshotAttribute (facts 1.4.2 - 1.4.5).
 *
 * Preconditions are read from the records as the API shows them, so that a member that a test has
 * patched counts like any other.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actions.h"
#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"

#define NAME_LIMIT   60
#define DELETE_LIMIT 100
#define QUOTA        64
#define DAY          86400
#define DEFAULT_NAME "未命名"

static size_t count_characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

int check_name(struct api_request *request, const char *parameter, const char *name)
{
    size_t length = count_characters(name);

    if (length <= NAME_LIMIT)
        return 0;
    return api_refuse(request, "InvalidParameter", "%s: %s, length is %zu, out of range [0,%d]",
                      parameter, name, length, NAME_LIMIT);
}

/* TIMESTAMP_NONE when the parameter is not given. */
static int read_deadline(struct api_request *request, int64_t *deadline)
{
    const char *text = field_text(request->parameters, "Deadline", NULL);

    *deadline = TIMESTAMP_NONE;
    if (!text)
        return 0;
    if (!strchr(text, 'T') || timestamp_parse(text, 0, deadline) < 0 || *deadline == TIMESTAMP_NONE)
        return api_refuse(request, "InvalidParameterValue", "Deadline: %s is not ISO 8601", text);
    if (*deadline < request->wall + DAY)
        return api_refuse(request, "InvalidParameterValue",
                          "Deadline: %s is not at least one day ahead", text);
    return 0;
}

int no_disk(struct api_request *request, const char *id)
{
    return api_refuse(request, "InvalidDiskId.NotFound", "disk `%s` not found", id);
}

int no_snapshot(struct api_request *request, const char *id)
{
    return api_refuse(request, "InvalidSnapshotId.NotFound", "snapshot `%s` not found", id);
}

static bool is_state(const json_t *record, const char *key, const char *state)
{
    return strcmp(field_text(record, key, ""), state) == 0;
}

static bool is_rolling_back(const json_t *disk)
{
    return is_state(disk, "DiskState", "ROLLBACKING") || field_boolean(disk, "Rollbacking", false);
}

static bool is_creating_snapshot(const struct api_request *request, const char *disk_id)
{
    const struct table *snapshots = &request->account->snapshots;
    char scratch[32];

    for (size_t i = 0; i < snapshots->count; i++) {
        const struct snapshot *snapshot = (const struct snapshot *)snapshots->by_time[i];

        if (strcmp(snapshot->disk_id, disk_id) == 0 &&
            strcmp(
                snapshot_value(request->account, snapshot, request->now, "SnapshotState", scratch),
                "CREATING") == 0)
            return true;
    }
    return false;
}

int check_disk_can_snapshot(struct api_request *request, const json_t *disk, const char *id)
{
    long quota = request->sim->options.quota < 0 ? QUOTA : request->sim->options.quota;

    if (!field_boolean(disk, "SnapshotAbility", false))
        return api_refuse(request, "InvalidDisk.NotSupportSnapshot",
                          "disk `%s` does not support snapshots", id);
    if (field_boolean(disk, "Migrating", false))
        return api_refuse(request, "ResourceInUse.DiskMigrating", "disk `%s` is migrating", id);
    if (is_rolling_back(disk))
        return api_refuse(request, "ResourceInUse.DiskRollbacking", "disk `%s` is rolling back",
                          id);
    if (is_creating_snapshot(request, id))
        return api_refuse(request, "InvalidDisk.SnapshotCreating",
                          "disk `%s` is creating a snapshot", id);
    if (field_integer(disk, "SnapshotCount", 0) >= quota ||
        account_disk(request->account, id)->snapshot_count >= quota)
        return api_refuse(request, "InsufficientSnapshotQuota",
                          "disk `%s` has all the %ld snapshots it may have", id, quota);
    return 0;
}

static int check_create(struct api_request *request)
{
    const char *id = field_text(request->parameters, "DiskId", NULL);
    const char *backup = field_text(request->parameters, "DiskBackupId", NULL);
    const char *usage = field_text(request->parameters, "DiskUsage", "DATA_DISK");
    const struct disk *disk = id ? account_disk(request->account, id) : NULL;
    json_t *rendered;
    int status;

    if (backup)
        return api_refuse(request, "ResourceNotFound.NotFound", "disk backup `%s` not found",
                          backup);
    if (!id)
        return api_refuse_plainly(request, "MissingParameter",
                                  "The request is missing a required parameter `DiskId`.");
    status =
        check_name(request, "SnapshotName", field_text(request->parameters, "SnapshotName", ""));
    if (status < 0)
        return status;
    if (strcmp(usage, "DATA_DISK") != 0 && strcmp(usage, "SYSTEM_DISK") != 0)
        return api_refuse(request, "InvalidParameter",
                          "DiskUsage: %s, not in [SYSTEM_DISK,DATA_DISK]", usage);
    if (!disk)
        return no_disk(request, id);
    rendered = disk_render(request->account, disk, request->now);
    status = rendered ? check_disk_can_snapshot(request, rendered, id) : -ENOMEM;
    json_decref(rendered);
    return status;
}

struct snapshot *begin_snapshot(struct api_request *request, const struct disk *disk,
                                const char *name)
{
    json_t *tags = json_object_get(request->parameters, "Tags");
    char id[RECORD_ID_SIZE];
    struct snapshot *snapshot;

    account_new_snapshot_id(request->account, id);
    snapshot = snapshot_new(id, *name ? name : DEFAULT_NAME);
    if (!snapshot)
        return NULL;
    snprintf(snapshot->disk_id, sizeof snapshot->disk_id, "%s", disk->head.id);
    snapshot->head.created = request->wall;
    snapshot->head.born = request->now;
    snapshot->started = request->now;
    snapshot->size = disk->size;
    snapshot->system = disk->system;
    snapshot->encrypted = disk->encrypted;
    if (json_array_size(tags) > 0) {
        snapshot->head.fields = json_pack("{s:O}", "Tags", tags);
        if (!snapshot->head.fields) {
            record_free(&snapshot->head);
            return NULL;
        }
    }
    return snapshot;
}

static struct snapshot *make_snapshot(struct api_request *request, const struct disk *disk,
                                      int64_t deadline)
{
    const char *usage = field_text(request->parameters, "DiskUsage", NULL);
    struct snapshot *snapshot =
        begin_snapshot(request, disk, field_text(request->parameters, "SnapshotName", ""));

    if (!snapshot)
        return NULL;
    snapshot->deadline = deadline;
    if (usage)
        snapshot->system = strcmp(usage, "SYSTEM_DISK") == 0;
    return snapshot;
}

int create_snapshot(struct api_request *request)
{
    struct snapshot *snapshot;
    const struct disk *disk;
    int64_t deadline = TIMESTAMP_NONE;
    int status = check_create(request);

    if (status == 0)
        status = read_deadline(request, &deadline);
    if (status < 0)
        return status;
    disk = account_disk(request->account, field_text(request->parameters, "DiskId", ""));
    snapshot = make_snapshot(request, disk, deadline);
    if (!snapshot ||
        json_object_set_new(request->reply, "SnapshotId", json_string(snapshot->head.id)) < 0) {
        record_free((struct record *)snapshot);
        return -ENOMEM;
    }
    return account_add_snapshot(request->account, snapshot);
}

/* Settled, and the account's own. */
static int check_snapshot_state(struct api_request *request, const json_t *snapshot, const char *id)
{
    const char *state = field_text(snapshot, "SnapshotState", "");

    if (strcmp(state, "CREATING") == 0)
        return api_refuse(request, "ResourceUnavailable.SnapshotCreating",
                          "snapshot `%s` is being created", id);
    if (strcmp(state, "ROLLBACKING") == 0)
        return api_refuse(request, "ResourceBusy", "%s is busy, please retry later", id);
    if (strcmp(state, "NORMAL") != 0)
        return api_refuse(request, "InvalidSnapshot.NotSupported",
                          "snapshot `%s` is %s and does not support this operation", id, state);
    if (is_state(snapshot, "SnapshotType", "SHARED_SNAPSHOT"))
        return api_refuse(request, "InvalidSnapshot.NotSupported",
                          "snapshot `%s` belongs to another account", id);
    return 0;
}

static int check_disk_can_roll_back(struct api_request *request, const json_t *disk,
                                    const json_t *snapshot, const char *id)
{
    bool stop = field_boolean(request->parameters, "AutoStopInstance", false);

    if (strcmp(field_text(snapshot, "DiskId", ""), id) != 0)
        return api_refuse(request, "InvalidParameterValue",
                          "snapshot `%s` is not a snapshot of disk `%s`",
                          field_text(snapshot, "SnapshotId", ""), id);
    if (field_boolean(disk, "Migrating", false))
        return api_refuse(request, "ResourceBusy", "%s is busy, please retry later", id);
    if (is_creating_snapshot(request, id))
        return api_refuse(request, "InvalidDisk.SnapshotCreating",
                          "disk `%s` is creating a snapshot", id);
    if (field_integer(disk, "DiskSize", 0) != field_integer(snapshot, "DiskSize", 0))
        return api_refuse(request, "InvalidParameter.DiskSizeNotMatch",
                          "disk `%s` was resized since the snapshot was made", id);
    if (field_boolean(disk, "Attached", false) && !stop)
        return api_refuse(request, "InvalidDisk.Busy", "disk `%s` is attached to `%s`", id,
                          field_text(disk, "InstanceId", ""));
    return 0;
}

int check_apply(struct api_request *request, const struct snapshot *snapshot,
                const struct disk *disk)
{
    json_t *shown = snapshot_render(request->account, snapshot, request->now);
    json_t *disk_shown = disk_render(request->account, disk, request->now);
    int status = shown && disk_shown ? 0 : -ENOMEM;

    if (status == 0 && field_boolean(request->parameters, "AutoStartInstance", false) &&
        !field_boolean(request->parameters, "AutoStopInstance", false))
        status = api_refuse(request, "InvalidParameterValue",
                            "AutoStartInstance needs AutoStopInstance");
    if (status == 0 && is_rolling_back(disk_shown))
        status = api_refuse(request, "ResourceInUse.DiskRollbacking", "disk `%s` is rolling back",
                            disk->head.id);
    if (status == 0)
        status = check_snapshot_state(request, shown, snapshot->head.id);
    if (status == 0)
        status = check_disk_can_roll_back(request, disk_shown, shown, disk->head.id);
    json_decref(shown);
    json_decref(disk_shown);
    return status;
}

void forget_patched(struct record *head, const char *const *members)
{
    json_t *of_dialect = json_object_get(head->fields, "evs");

    for (; *members; members++)
        json_object_del(head->fields, *members);
    if (json_object_get(of_dialect, "status")) {
        /* Versions share what lies deeper than their own members. */
        of_dialect = json_copy(of_dialect);
        json_object_del(of_dialect, "status");
        json_object_set_new(head->fields, "evs", of_dialect);
    }
}

int start_rollback(struct api_request *request, struct snapshot *snapshot, struct disk *disk)
{
    static const char *const of_snapshot[] = {"SnapshotState", "Percent", NULL};
    static const char *const of_disk[] = {"DiskState", "Rollbacking", "RollbackPercent", NULL};
    struct account *account = request->account;
    struct snapshot *next = snapshot_copy(snapshot, NULL);
    struct disk *next_disk = disk_copy(disk);
    int status;

    if (!next || !next_disk) {
        record_free((struct record *)next);
        record_free((struct record *)next_disk);
        return -ENOMEM;
    }
    forget_patched(&next->head, of_snapshot);
    forget_patched(&next_disk->head, of_disk);
    next->rollback_started = request->now;
    next_disk->rollback_started = request->now;
    next_disk->rollback_fails = request->fails;
    status = account_replace_snapshot(account, snapshot, next, request->now);
    if (status < 0) {
        record_free(&next_disk->head);
        return status;
    }
    /* The copy was made before the snapshot's version changed; the count is the same. */
    return table_replace(&account->disks, &disk->head, &next_disk->head, request->now);
}

int apply_snapshot(struct api_request *request)
{
    const char *snapshot_id = field_text(request->parameters, "SnapshotId", "");
    const char *disk_id = field_text(request->parameters, "DiskId", "");
    struct snapshot *snapshot = account_snapshot(request->account, snapshot_id);
    struct disk *disk = account_disk(request->account, disk_id);
    int status;

    if (!snapshot)
        return no_snapshot(request, snapshot_id);
    if (!disk)
        return no_disk(request, disk_id);
    status = check_apply(request, snapshot, disk);
    return status < 0 ? status : start_rollback(request, snapshot, disk);
}

static int check_delete_shown(struct api_request *request, const json_t *shown, const char *id)
{
    bool with_images = field_boolean(request->parameters, "DeleteBindImages", false);
    int status = check_snapshot_state(request, shown, id);

    if (status < 0)
        return status;
    if (field_boolean(shown, "IsLocked", false))
        return api_refuse(request, "UnsupportedOperation", "snapshot `%s` is locked", id);
    if (field_integer(shown, "ShareReference", 0) > 0)
        return api_refuse(request, "UnsupportedOperation.SnapHasShared", "snapshot `%s` is shared",
                          id);
    if (json_array_size(json_object_get(shown, "Images")) > 0 && !with_images)
        return api_refuse(request, "UnsupportedOperation.SnapshotHasBindedImage",
                          "snapshot `%s` has images built on it", id);
    return 0;
}

static int check_delete(struct api_request *request, const char *id)
{
    const struct snapshot *snapshot = account_snapshot(request->account, id);
    json_t *shown;
    int status;

    if (!snapshot)
        return no_snapshot(request, id);
    shown = snapshot_render(request->account, snapshot, request->now);
    status = shown ? check_delete_shown(request, shown, id) : -ENOMEM;
    json_decref(shown);
    return status;
}

int delete_snapshots(struct api_request *request)
{
    const json_t *ids = json_object_get(request->parameters, "SnapshotIds");
    size_t index;
    json_t *id;
    int status = 0;

    if (json_array_size(ids) == 0 || json_array_size(ids) > DELETE_LIMIT)
        return api_refuse(request, "InvalidParameterValue", "SnapshotIds: from 1 to %d ids",
                          DELETE_LIMIT);
    json_array_foreach(ids, index, id)
    {
        status = check_delete(request, json_string_value(id));
        if (status < 0)
            return status;
    }
    json_array_foreach(ids, index, id)
    {
        struct snapshot *snapshot = account_snapshot(request->account, json_string_value(id));

        /* An id that is given twice is gone by now. */
        if (snapshot && status == 0)
            status = account_remove_snapshot(request->account, snapshot, request->now);
    }
    return status;
}

static int check_modify(struct api_request *request, const struct snapshot *snapshot)
{
    static const char *const attributes[] = {"SnapshotName", "IsPermanent", "Deadline"};
    const char *id = snapshot->head.id;
    json_t *shown;
    size_t given = 0;
    int status;

    for (size_t i = 0; i < 3; i++)
        given += json_object_get(request->parameters, attributes[i]) != NULL;
    if (given == 0)
        return api_refuse_plainly(request, "MissingParameter",
                                  "The request is missing a required parameter `SnapshotName`.");
    shown = snapshot_render(request->account, snapshot, request->now);
    if (!shown)
        return -ENOMEM;
    if (is_state(shown, "SnapshotState", "CREATING") ||
        is_state(shown, "SnapshotType", "SHARED_SNAPSHOT"))
        status = api_refuse(request, "InvalidSnapshot.NotSupported",
                            "snapshot `%s` does not support this operation", id);
    else
        status = check_name(request, "SnapshotName",
                            field_text(request->parameters, "SnapshotName", ""));
    json_decref(shown);
    return status;
}

/* The retention that the request leaves behind. */
static int new_deadline(struct api_request *request, const struct snapshot *snapshot,
                        int64_t *deadline)
{
    int64_t given = TIMESTAMP_NONE;
    int status = read_deadline(request, &given);

    *deadline = snapshot->deadline;
    if (status < 0)
        return status;
    if (field_boolean(request->parameters, "IsPermanent", false))
        *deadline = TIMESTAMP_NONE;
    else if (given != TIMESTAMP_NONE)
        *deadline = given;
    else if (json_object_get(request->parameters, "IsPermanent") && *deadline == TIMESTAMP_NONE)
        return api_refuse_plainly(request, "MissingParameter",
                                  "The request is missing a required parameter `Deadline`.");
    return 0;
}

int modify_snapshot_attribute(struct api_request *request)
{
    const char *id = field_text(request->parameters, "SnapshotId", "");
    static const char *const retention[] = {"IsPermanent", "DeadlineTime", NULL};
    const char *name = field_text(request->parameters, "SnapshotName", NULL);
    struct snapshot *snapshot = account_snapshot(request->account, id);
    struct snapshot *next;
    int64_t deadline = TIMESTAMP_NONE;
    int status;

    if (!snapshot)
        return no_snapshot(request, id);
    status = check_modify(request, snapshot);
    if (status == 0)
        status = new_deadline(request, snapshot, &deadline);
    if (status < 0)
        return status;
    next = snapshot_copy(snapshot, name && !*name ? DEFAULT_NAME : name);
    if (!next)
        return -ENOMEM;
    if (name)
        json_object_del(next->head.fields, "SnapshotName");
    if (json_object_get(request->parameters, "IsPermanent") ||
        json_object_get(request->parameters, "Deadline"))
        forget_patched(&next->head, retention);
    next->deadline = deadline;
    next->modified = request->wall;
    return account_replace_snapshot(request->account, snapshot, next, request->now);
}
