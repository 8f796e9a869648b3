/* SPDX-License-Identifier: Apache-2.0 */
/* Records as the API shows them, with the complete member sets of facts 1.5. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "account.h"
#include "cbsfs/timestamp.h"

struct progress {
    const char *state;
    int percent;
};

static bool under_way(int64_t started, int64_t duration, int64_t at)
{
    return started > 0 && at < started + duration;
}

static int percent_done(int64_t started, int64_t duration, int64_t at)
{
    return at <= started ? 0 : (int)((at - started) * 100 / duration);
}

static struct progress snapshot_progress(const struct account *account,
                                         const struct snapshot *snapshot, int64_t at)
{
    if (snapshot->delete_started > 0 && at >= snapshot->delete_started &&
        (!snapshot->delete_fails || under_way(snapshot->delete_started, account->delete_time, at)))
        return (struct progress){"DELETING", 100};
    if (snapshot->delete_started > 0 && at >= snapshot->delete_started)
        return (struct progress){"ERROR_DELETING", 100};
    if (snapshot->copied && under_way(snapshot->started, account->copy_time, at))
        return (struct progress){"COPYING_FROM_REMOTE",
                                 percent_done(snapshot->started, account->copy_time, at)};
    if (!snapshot->copied && under_way(snapshot->started, account->create_time, at))
        return (struct progress){"CREATING",
                                 percent_done(snapshot->started, account->create_time, at)};
    if (under_way(snapshot->rollback_started, account->rollback_time, at))
        return (struct progress){"ROLLBACKING", 100};
    if (snapshot->create_fails)
        return (struct progress){"ERROR", 0};
    return (struct progress){"NORMAL", 100};
}

static void zone_of(const struct account *account, char zone[80])
{
    snprintf(zone, 80, "%s-6", account->region);
}

/* Members set by hand win over derived ones; {"__absent__": true} takes a member away. */
json_t *record_overlay(json_t *rendered, json_t *fields)
{
    const char *key;
    json_t *value;

    if (!rendered || !fields)
        return rendered;
    json_object_foreach(fields, key, value)
    {
        if (strcmp(key, "evs") == 0 || strcmp(key, "shares") == 0 || strcmp(key, "copies") == 0)
            continue;
        if (json_is_true(json_object_get(value, "__absent__")))
            json_object_del(rendered, key);
        else if (json_object_set(rendered, key, value) < 0) {
            json_decref(rendered);
            return NULL;
        }
    }
    return rendered;
}

static json_t *placement_render(const struct account *account, const char *project_name)
{
    char zone[80];

    zone_of(account, zone);
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "CageId", "", "Zone", zone, "ProjectId",
                     0, "CdcName", "", "CdcId", "", "ProjectName", project_name,
                     "DedicatedClusterId", "");
}

/* The regions that it is being copied to. */
static json_t *copying_render(const struct snapshot *snapshot, int64_t at)
{
    json_t *regions = json_array();
    size_t index;
    json_t *copy;

    json_array_foreach(json_object_get(snapshot->head.fields, "copies"), index, copy)
    {
        if (at < json_integer_value(json_object_get(copy, "until")))
            json_array_append(regions, json_object_get(copy, "Region"));
    }
    return regions;
}

json_t *snapshot_render(const struct account *account, const struct snapshot *snapshot, int64_t at)
{
    const json_t *shares = json_object_get(snapshot->head.fields, "shares");
    const char *shared =
        json_string_value(json_object_get(json_array_get(shares, 0), "CreatedTime"));
    struct progress progress = snapshot_progress(account, snapshot, at);
    char created[BEIJING_TIME_SIZE];
    char deadline[BEIJING_TIME_SIZE];
    char modified[BEIJING_TIME_SIZE];
    bool permanent = snapshot->deadline == TIMESTAMP_NONE;
    json_t *rendered;

    beijing_time(snapshot->head.created, created);
    beijing_time(snapshot->deadline, deadline);
    beijing_time_zoned(snapshot->modified == TIMESTAMP_NONE ? snapshot->head.created
                                                            : snapshot->modified,
                       modified);
    rendered = json_pack(
        "{s:s, s:s, s:s, s:i, s:s, s:I, s:s, s:s, s:s, s:b, s:b, s:o, s:[], s:[], s:i, s:I, s:s,"
        " s:s%, s:b, s:o, s:b, s:s, s:s, s:s}",
        "SnapshotId", snapshot->head.id, "SnapshotName", snapshot->name, "SnapshotState",
        progress.state, "Percent", progress.percent, "DiskId", snapshot->disk_id, "DiskSize",
        (json_int_t)snapshot->size, "DiskUsage", snapshot->system ? "SYSTEM_DISK" : "DATA_DISK",
        "CreateTime", created, "DeadlineTime", deadline, "IsPermanent", permanent, "Encrypt",
        snapshot->encrypted, "Placement", placement_render(account, ""), "Tags", "Images",
        "ImageCount", 0, "ShareReference", (json_int_t)json_array_size(shares), "SnapshotType",
        "PRIVATE_SNAPSHOT", "TimeStartShare", shared ? shared : "", (size_t)(shared ? 10 : 0),
        "CopyFromRemote", snapshot->copied, "CopyingToRegions", copying_render(snapshot, at),
        "IsLocked", false, "LatestModifyTime", modified, "AutoSnapshotPolicyId", "", "SnapshotMode",
        "STANDARD_SNAPSHOT");
    return record_overlay(rendered, snapshot->head.fields);
}

/* Attachment, as far as it differs between the two kinds of disk that are generated. */
static json_t *disk_attachment(const struct disk *disk)
{
    char instance[RECORD_ID_SIZE] = "";
    json_t *list = json_array();

    if (disk->attached && strlen(disk->head.id) > 5) {
        snprintf(instance, sizeof instance, "ins-%.24s", disk->head.id + 5);
        json_array_append_new(list, json_string(instance));
    }
    return json_pack("{s:b, s:s, s:o, s:s, s:o, s:b, s:b, s:s}", "Attached", disk->attached,
                     "InstanceId", instance, "InstanceIdList", list, "InstanceType",
                     disk->attached ? "CVM" : "", "LastAttachInsId",
                     *instance ? json_string(instance) : json_null(), "Portable", !disk->system,
                     "DeleteWithInstance", disk->system, "AttachMode", disk->attached ? "VF" : "");
}

/* Money and warnings: nothing in the simulator depends on these. */
static json_t *disk_billing(void)
{
    return json_pack("{s:s, s:s, s:s, s:n, s:b, s:b, s:b, s:i, s:i, s:b, s:s, s:s, s:s, s:s, s:i,"
                     " s:i, s:b, s:i, s:s, s:s, s:b, s:i, s:b}",
                     "DiskChargeType", "POSTPAID_BY_HOUR", "RenewFlag", "", "DeadlineTime", "",
                     "DifferDaysOfDeadline", "DeadlineError", false, "AutoRenewFlagError", false,
                     "IsReturnable", false, "ReturnFailCode", 10, "ThroughputPerformance", 0,
                     "BurstPerformance", false, "ErrorPrompt", "", "LatestOperation", "",
                     "LatestOperationState", "", "LatestOperationRequestId", "", "DiskBackupQuota",
                     0, "DiskBackupCount", 0, "BackupDisk", false, "DeleteSnapshot", 0,
                     "EncryptType", "", "KmsKeyId", "", "Migrating", false, "MigratePercent", 0,
                     "Shareable", false);
}

json_t *disk_render(const struct account *account, const struct disk *disk, int64_t at)
{
    bool rolling = under_way(disk->rollback_started, account->rollback_time, at);
    const char *attachment_state = disk->attached ? "ATTACHED" : "UNATTACHED";
    const char *settled = disk->rollback_fails ? "ERROR_ROLLBACKING" : attachment_state;
    int percent = rolling ? percent_done(disk->rollback_started, account->rollback_time, at) : 0;
    json_t *attachment = disk_attachment(disk);
    json_t *billing = disk_billing();
    char created[BEIJING_TIME_SIZE];
    json_t *rendered;

    beijing_time(disk->head.created, created);
    rendered = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:I, s:I, s:b, s:i, s:b, s:n, s:o, s:[],"
        " s:s}",
        "DiskId", disk->head.id, "DiskName", disk->name, "DiskState",
        rolling ? "ROLLBACKING" : settled, "DiskUsage", disk->system ? "SYSTEM_DISK" : "DATA_DISK",
        "DiskType", disk->system ? "CLOUD_BSSD" : "CLOUD_HSSD", "DiskSize", (json_int_t)disk->size,
        "SnapshotAbility", true, "SnapshotCount", (json_int_t)disk->snapshot_count, "SnapshotSize",
        (json_int_t)disk->snapshot_count * disk->size * 64, "Rollbacking", rolling,
        "RollbackPercent", percent, "Encrypt", disk->encrypted, "AutoSnapshotPolicyIds",
        "Placement", placement_render(account, "默认项目"), "Tags", "CreateTime", created);
    if (rendered && (!attachment || !billing || json_object_update(rendered, attachment) < 0 ||
                     json_object_update(rendered, billing) < 0)) {
        json_decref(rendered);
        rendered = NULL;
    }
    json_decref(attachment);
    json_decref(billing);
    return record_overlay(rendered, disk->head.fields);
}

/* The state of a group is that of its snapshots; what became of one that is gone is not told. */
json_t *group_render(const struct account *account, const struct record *group, int64_t at)
{
    json_t *rendered = record_overlay(
        json_pack("{s:s, s:s, s:b, s:s, s:i, s:s, s:[], s:i, s:n, s:b, s:n}", "SnapshotGroupId",
                  group->id, "SnapshotGroupType", "NORMAL", "ContainRootSnapshot", false,
                  "SnapshotGroupState", "NORMAL", "Percent", 100, "SnapshotGroupName", "", "Images",
                  "ImageCount", 0, "DeadlineTime", "IsPermanent", true, "AutoSnapshotPolicyId"),
        group->fields);
    json_t *ids = json_array();
    char created[BEIJING_TIME_SIZE];
    const char *state = "NORMAL";
    int percent = 100;
    bool root = false;
    size_t index;
    json_t *id;

    json_array_foreach(json_object_get(group->fields, "SnapshotIdSet"), index, id)
    {
        const struct snapshot *member = account_snapshot(account, json_string_value(id));
        struct progress progress;

        if (!member)
            continue;
        progress = snapshot_progress(account, member, at);
        if (strcmp(progress.state, "NORMAL") != 0)
            state = progress.state;
        percent = progress.percent < percent ? progress.percent : percent;
        root = root || member->system;
        json_array_append(ids, id);
    }
    beijing_time_zoned(group->created, created);
    if (!rendered || json_object_set_new(rendered, "SnapshotIdSet", ids) < 0 ||
        json_object_set_new(rendered, "SnapshotGroupState", json_string(state)) < 0 ||
        json_object_set_new(rendered, "Percent", json_integer(percent)) < 0 ||
        json_object_set_new(rendered, "ContainRootSnapshot", json_boolean(root)) < 0 ||
        json_object_set_new(rendered, "CreateTime", json_string(created)) < 0 ||
        json_object_set_new(rendered, "ModifyTime", json_string(created)) < 0) {
        json_decref(rendered);
        return NULL;
    }
    return rendered;
}

json_t *policy_render(const struct account *account, const struct record *policy, int64_t at)
{
    char created[BEIJING_TIME_SIZE];

    (void)account;
    (void)at;
    beijing_time(policy->created, created);
    return record_overlay(
        json_pack("{s:s, s:s, s:s, s:b, s:b, s:i, s:i, s:i, s:n, s:s, s:[], s:[], s:[], s:i, s:n,"
                  " s:n}",
                  "AutoSnapshotPolicyId", policy->id, "AutoSnapshotPolicyState", "NORMAL",
                  "CreateTime", created, "IsActivated", true, "IsPermanent", false, "RetentionDays",
                  7, "RetentionMonths", 0, "RetentionAmount", 0, "AdvancedRetentionPolicy",
                  "NextTriggerTime", "", "DiskIdSet", "InstanceIdSet", "Tags", "IsCopyToRemote", 0,
                  "CopyToAccountUin", "CopyFromAccountUin"),
        policy->fields);
}

const char *scalar_text(const json_t *value, char scratch[32])
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_boolean(value))
        return json_is_true(value) ? "TRUE" : "FALSE";
    if (!json_is_integer(value))
        return "";
    snprintf(scratch, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return scratch;
}

const char *snapshot_value(const struct account *account, const struct snapshot *snapshot,
                           int64_t at, const char *field, char scratch[32])
{
    const json_t *fixed = json_object_get(snapshot->head.fields, field);
    char zone[80];

    if (fixed)
        return scalar_text(fixed, scratch);
    if (strcmp(field, "SnapshotId") == 0)
        return snapshot->head.id;
    if (strcmp(field, "SnapshotName") == 0)
        return snapshot->name;
    if (strcmp(field, "DiskId") == 0)
        return snapshot->disk_id;
    if (strcmp(field, "SnapshotState") == 0)
        return snapshot_progress(account, snapshot, at).state;
    if (strcmp(field, "DiskUsage") == 0)
        return snapshot->system ? "SYSTEM_DISK" : "DATA_DISK";
    if (strcmp(field, "Encrypt") == 0)
        return snapshot->encrypted ? "TRUE" : "FALSE";
    if (strcmp(field, "SnapshotType") == 0)
        return "PRIVATE_SNAPSHOT";
    if (strcmp(field, "Placement.ProjectId") == 0)
        return "0";
    if (strcmp(field, "Placement.Zone") != 0)
        return "";
    zone_of(account, zone);
    snprintf(scratch, 32, "%.31s", zone);
    return scratch;
}
