/* SPDX-License-Identifier: Apache-2.0 */
/* Records as EVS shows them (openstack facts 3 and 4.2). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"
#include "evs.h"
#include "uuids.h"

static const struct {
    const char *current, *evs;
} states[] = {
    {"NORMAL", "available"},
    {"CREATING", "creating"},
    {"ROLLBACKING", "rollbacking"},
    {"DELETING", "deleting"},
    {"ERROR", "error"},
    {"ERROR_DELETING", "error_deleting"},
    {"UNATTACHED", "available"},
    {"ATTACHED", "in-use"},
    {"ATTACHING", "attaching"},
    {"DETACHING", "detaching"},
    {"EXPANDING", "extending"},
    {"ERROR_ROLLBACKING", "error_rollbacking"},
};

const char *evs_state(const char *state)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(states[i].current, state) == 0)
            return states[i].evs;
    }
    return state;
}

void evs_time(int64_t wall_ms, char text[EVS_TIME_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    size_t length = 0;

    if (gmtime_r(&seconds, &parts))
        length = strftime(text, EVS_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, EVS_TIME_SIZE - length, ".%03d000", (int)(wall_ms % 1000));
}

/* A member of a rendered record as it is, whatever its type; null when it is not there. */
static json_t *member(const json_t *shown, const char *key)
{
    json_t *value = json_object_get(shown, key);

    return value ? json_incref(value) : json_null();
}

static json_t *id_member(const json_t *shown, const char *key)
{
    const char *id = field_text(shown, key, NULL);
    char uuid[RECORD_ID_SIZE];

    if (!id)
        return member(shown, key);
    uuid_of_id(id, uuid);
    return json_string(uuid);
}

static json_t *state_member(const json_t *shown, const char *key)
{
    const char *state = field_text(shown, key, NULL);

    return state ? json_string(evs_state(state)) : member(shown, key);
}

/* Beijing time of API 3.0 becomes UTC; what is no time stays what it is. */
static json_t *time_member(const json_t *shown, const char *key)
{
    const char *text = field_text(shown, key, NULL);
    char written[EVS_TIME_SIZE];
    int64_t seconds;

    if (!text || timestamp_parse(text, 8 * 3600, &seconds) < 0)
        return member(shown, key);
    if (seconds == TIMESTAMP_NONE)
        return json_null();
    evs_time(seconds * 1000, written);
    return json_string(written);
}

static json_t *progress_member(const json_t *shown)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRId64 "%%", field_integer(shown, "Percent", 100));
    return json_string(text);
}

/* What was set by hand for this dialect, over what it shows otherwise. */
static json_t *with_own_members(json_t *record, const struct record *head)
{
    return record_overlay(record, json_object_get(head->fields, "evs"));
}

json_t *evs_snapshot(const struct account *account, const struct snapshot *snapshot, int64_t at)
{
    json_t *shown = snapshot_render(account, snapshot, at);
    char project[EVS_PROJECT_ID_SIZE];
    bool touched = snapshot->modified != TIMESTAMP_NONE;
    json_t *record;

    evs_project_id(account, project);
    record = json_pack(
        "{s:o, s:o, s:n, s:o, s:o, s:o, s:o, s:o, s:{}, s:s, s:o, s:s}", "id",
        id_member(shown, "SnapshotId"), "name", member(shown, "SnapshotName"), "description",
        "volume_id", id_member(shown, "DiskId"), "status", state_member(shown, "SnapshotState"),
        "size", member(shown, "DiskSize"), "created_at", time_member(shown, "CreateTime"),
        "updated_at", touched ? time_member(shown, "LatestModifyTime") : json_null(), "metadata",
        "os-extended-snapshot-attributes:project_id", project,
        "os-extended-snapshot-attributes:progress", progress_member(shown), "service_type", "EVS");
    json_decref(shown);
    return with_own_members(record, &snapshot->head);
}

static int attach(json_t *list, const char *uuid, const char *instance)
{
    return json_array_append_new(list,
                                 json_pack("{s:s, s:s, s:s, s:s, s:n, s:s}", "id", uuid,
                                           "attachment_id", uuid, "volume_id", uuid, "server_id",
                                           instance, "host_name", "device", "/dev/vdb"));
}

/* The one that it is attached to, and those beside it; a patch may name only the one. */
static json_t *attachments_of(const json_t *shown, const char *uuid)
{
    const json_t *instances = json_object_get(shown, "InstanceIdList");
    const char *first = field_text(shown, "InstanceId", "");
    json_t *list = json_array();
    size_t index;
    json_t *instance;

    if (*first)
        attach(list, uuid, first);
    json_array_foreach(instances, index, instance)
    {
        if (json_array_size(instances) > 1 && json_is_string(instance) &&
            strcmp(json_string_value(instance), first) != 0)
            attach(list, uuid, json_string_value(instance));
    }
    return list;
}

/* EVS's word for a type that the simulator's own disks have; a patched one stays. */
static json_t *type_member(const json_t *shown)
{
    static const char *const types[][2] = {{"CLOUD_BSSD", "GPSSD"},
                                           {"CLOUD_HSSD", "SAS"},
                                           {"CLOUD_SSD", "SSD"},
                                           {"CLOUD_BASIC", "SATA"}};
    const char *type = field_text(shown, "DiskType", "");

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i][0], type) == 0)
            return json_string(types[i][1]);
    }
    return member(shown, "DiskType");
}

static json_t *links_of(const char *project, const char *uuid)
{
    char href[160];

    snprintf(href, sizeof href, "http://volume.localdomain.com:8776/v2/%s/volumes/%s", project,
             uuid);
    return json_pack("[{s:s, s:s}]", "rel", "self", "href", href);
}

json_t *evs_disk(const struct account *account, const struct disk *disk, int64_t at)
{
    json_t *shown = disk_render(account, disk, at);
    char project[EVS_PROJECT_ID_SIZE];
    char uuid[RECORD_ID_SIZE];
    json_t *record;

    evs_project_id(account, project);
    uuid_of_id(disk->head.id, uuid);
    record = json_pack(
        "{s:o, s:o, s:n, s:o, s:o, s:o, s:n, s:o, s:o, s:n, s:n, s:s, s:b, s:b, s:o, s:{}, s:o,"
        " s:s, s:n, s:{}, s:{}, s:s, s:s, s:s, s:n}",
        "id", id_member(shown, "DiskId"), "name", member(shown, "DiskName"), "description",
        "status", state_member(shown, "DiskState"), "size", member(shown, "DiskSize"), "created_at",
        time_member(shown, "CreateTime"), "updated_at", "availability_zone",
        member(json_object_get(shown, "Placement"), "Zone"), "volume_type", type_member(shown),
        "snapshot_id", "source_volid", "bootable", disk->system ? "true" : "false", "encrypted",
        field_boolean(shown, "Encrypt", false), "multiattach", false, "attachments",
        attachments_of(shown, uuid), "metadata", "links", links_of(project, uuid),
        "os-vol-tenant-attr:tenant_id", project, "replication_status", "volume_image_metadata",
        "tags", "wwn", "688860300000d136fa16f48f05992360", "service_type", "EVS",
        "enterprise_project_id", "0", "dedicated_storage_id");
    json_decref(shown);
    return with_own_members(record, &disk->head);
}

int evs_no_snapshot(struct api_request *request, const char *uuid)
{
    return api_refuse_plainly(request, "EVS.5404", "Snapshot %s could not be found.", uuid);
}

int evs_no_disk(struct api_request *request, const char *uuid)
{
    return api_refuse_plainly(request, "EVS.5404", "Volume %s could not be found.", uuid);
}
