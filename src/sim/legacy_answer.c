/* SPDX-License-Identifier: Apache-2.0 */
/* What v2 says where API 3.0 would say something else (facts 6.4 and 6.5). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cbsfs/fields.h"
#include "legacy.h"

struct word {
    const char *now, *then;
};

static const struct word usages[] = {{"SYSTEM_DISK", "root"}, {"DATA_DISK", "data"}, {NULL, NULL}};
static const struct word charges[] = {
    {"PREPAID", "prePay"}, {"POSTPAID_BY_HOUR", "postPay"}, {NULL, NULL}};
static const struct word types[] = {{"CLOUD_BASIC", "cloudBasic"},
                                    {"CLOUD_PREMIUM", "cloudPremium"},
                                    {"CLOUD_SSD", "cloudSSD"},
                                    {NULL, NULL}};
static const struct word disk_states[] = {{"ATTACHED", "normal"},      {"UNATTACHED", "normal"},
                                          {"ROLLBACKING", "rollback"}, {"EXPANDING", "expanding"},
                                          {"ATTACHING", "attaching"},  {"DETACHING", "detaching"},
                                          {"TORECYCLE", "toRecycle"},  {NULL, NULL}};
static const struct word snapshot_states[] = {
    {"NORMAL", "normal"}, {"CREATING", "creating"}, {"ROLLBACKING", "rollbacking"}, {NULL, NULL}};

static const char *old_word(const struct word *words, const json_t *record, const char *key)
{
    const char *text = field_text(record, key, "");

    for (; words->now; words++) {
        if (strcmp(words->now, text) == 0)
            return words->then;
    }
    return text;
}

/* A member as it is, whatever its type; null when it is not there. */
static json_t *member(const json_t *record, const char *key)
{
    json_t *value = json_object_get(record, key);

    return value ? json_incref(value) : json_null();
}

/* v2 has a time where API 3.0 has none. */
static const char *old_time(const json_t *record, const char *key)
{
    const char *text = field_text(record, key, "");

    return *text ? text : "0000-00-00 00:00:00";
}

static json_t *old_snapshot(const json_t *record)
{
    return json_pack("{s:o, s:o, s:o, s:s, s:i, s:o, s:o, s:s, s:s}", "snapshotId",
                     member(record, "SnapshotId"), "storageId", member(record, "DiskId"),
                     "snapshotName", member(record, "SnapshotName"), "snapshotStatus",
                     old_word(snapshot_states, record, "SnapshotState"), "projectId", 0, "percent",
                     member(record, "Percent"), "storageSize", member(record, "DiskSize"),
                     "createTime", old_time(record, "CreateTime"), "diskType",
                     old_word(usages, record, "DiskUsage"));
}

static json_t *old_disk(const json_t *record)
{
    return json_pack(
        "{s:o, s:o, s:s, s:s, s:s, s:i, s:i, s:i, s:o, s:s, s:i, s:o, s:o, s:s, s:s}", "storageId",
        member(record, "DiskId"), "storageName", member(record, "DiskName"), "storageType",
        old_word(types, record, "DiskType"), "diskType", old_word(usages, record, "DiskUsage"),
        "payMode", old_word(charges, record, "DiskChargeType"), "portable",
        (int)field_boolean(record, "Portable", false), "projectId", 0, "snapshotAbility",
        (int)field_boolean(record, "SnapshotAbility", false), "storageSize",
        member(record, "DiskSize"), "storageStatus", old_word(disk_states, record, "DiskState"),
        "attached", (int)field_boolean(record, "Attached", false), "uInstanceId",
        member(record, "InstanceId"), "zone", member(json_object_get(record, "Placement"), "Zone"),
        "createTime", old_time(record, "CreateTime"), "deadlineTime",
        old_time(record, "DeadlineTime"));
}

json_t *legacy_listing(const json_t *reply, bool disks)
{
    const json_t *set = json_object_get(reply, disks ? "DiskSet" : "SnapshotSet");
    json_t *old = json_array();
    size_t index;
    json_t *record;

    if (!old)
        return NULL;
    json_array_foreach(set, index, record)
    {
        if (json_array_append_new(old, disks ? old_disk(record) : old_snapshot(record)) < 0) {
            json_decref(old);
            return NULL;
        }
    }
    return json_pack("{s:o, s:o}", "totalCount", member(reply, "TotalCount"),
                     disks ? "storageSet" : "snapshotSet", old);
}

/* First match wins, so a family stands behind its members. */
static const struct {
    const char *code; /* or how it begins, if it ends in '.' */
    int number;
    const char *word;
} numbers[] = {
    {"AuthFailure.SecretIdNotFound", 4104, "SecretIdNotFound"},
    {"AuthFailure.SignatureExpire", 4500, "ReplayAttack"},
    {"AuthFailure.TokenFailure", 4105, "TokenFailure"},
    {"AuthFailure.UnauthorizedOperation", 4101, "UnauthorizedOperation"},
    {"UnauthorizedOperation", 4101, "UnauthorizedOperation"},
    {"AuthFailure.", 4100, "AuthFailure"},
    {"AuthFailure", 4100, "AuthFailure"},
    {"RequestLimitExceeded", 4400, "RequestLimitExceeded"},
    {"MissingParameter", 4000, "MissingParameter"},
    {"InvalidAction", 4000, "InvalidAction"},
    {"UnsupportedRegion", 4000, "InvalidRegion"},
    {"InvalidDiskId.NotFound", 16000, "InvalidStorageId.NotFound"},
    {"InvalidSnapshotId.NotFound", 16003, "InvalidSnapshotId.NotFound"},
    {"InsufficientSnapshotQuota", 16006, "SnapshotQuotaExceeded"},
    {"InvalidDisk.SnapshotCreating", 16027, "IncorrectInstanceStatus.CbsCreatingSnapshot"},
    {"InvalidDisk.NotSupportSnapshot", 16026, "IncorrectInstanceStatus.SnapshotNotSupported"},
    {"InvalidDisk.", 16005, "IncorrectInstanceStatus.DiskBusy"},
    {"ResourceBusy", 16005, "IncorrectInstanceStatus.DiskBusy"},
    {"ResourceInUse.", 16005, "IncorrectInstanceStatus.DiskBusy"},
    {"ResourceUnavailable.", 16005, "IncorrectInstanceStatus.DiskBusy"},
    {"UnsupportedOperation.", 16005, "IncorrectInstanceStatus.DiskBusy"},
    {"UnsupportedOperation", 16007, "IncorrectInstanceStatus.DiskTypeInvalid"},
    {"InvalidSnapshot.", 16007, "IncorrectInstanceStatus.DiskTypeInvalid"},
    {"InvalidParameter", 9003, "InvalidParameter"},
    {"InvalidParameter.", 9003, "InvalidParameter"},
    {"InvalidParameterValue", 9003, "InvalidParameter"},
    {"InternalError", 6000, "InternalError"},
    {"InternalError.", 6000, "InternalError"},
};

int legacy_number(const char *code, const char **word)
{
    *word = "";
    if (isdigit((unsigned char)*code))
        return (int)strtol(code, NULL, 10);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        size_t length = strlen(numbers[i].code);
        bool family = numbers[i].code[length - 1] == '.';

        if (family ? strncmp(numbers[i].code, code, length) == 0
                   : strcmp(numbers[i].code, code) == 0) {
            *word = numbers[i].word;
            return numbers[i].number;
        }
    }
    return 5100;
}
