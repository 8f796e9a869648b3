/* SPDX-License-Identifier: Apache-2.0 */
#include "patch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"
#include "regions.h"
#include "uuids.h"

#define BEIJING 28800 /* seconds east of UTC */

/* Ids may be given as any dialect shows them. 0 or -ENOMEM. */
static int set_own_ids(json_t *fields)
{
    static const char *const names[] = {"DiskId", "SnapshotId"};
    char id[RECORD_ID_SIZE];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *given = field_text(fields, names[i], NULL);

        if (!given || strlen(given) >= RECORD_ID_SIZE)
            continue;
        id_of_uuid(given, id);
        if (strcmp(id, given) != 0 && json_object_set_new(fields, names[i], json_string(id)) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* {"__default__": true} gives a member back to the simulator. */
static int set_fields(struct record *head, json_t *fields)
{
    const char *key;
    json_t *value;
    int64_t created;

    if (!head->fields)
        head->fields = json_object();
    json_object_foreach(fields, key, value)
    {
        if (json_is_true(json_object_get(value, "__default__")))
            json_object_del(head->fields, key);
        else if (json_object_set(head->fields, key, value) < 0)
            return -ENOMEM;
    }
    if (timestamp_parse(field_text(head->fields, "CreateTime", NULL), BEIJING, &created) == 0 &&
        created != TIMESTAMP_NONE)
        head->created = created;
    return head->fields ? set_own_ids(head->fields) : -ENOMEM;
}

static uint32_t patched_size(const struct record *head, uint32_t size)
{
    int64_t patched = field_integer(head->fields, "DiskSize", size);

    return patched >= 0 && patched <= UINT32_MAX ? (uint32_t)patched : size;
}

static bool patched_usage(const struct record *head, bool system)
{
    const char *usage = field_text(head->fields, "DiskUsage", NULL);

    return usage ? strcmp(usage, "SYSTEM_DISK") == 0 : system;
}

/* What is derived from the other members, now and in later records, must agree with the patched
 * ones. */
static void agree_snapshot(struct snapshot *snapshot)
{
    const struct record *head = &snapshot->head;

    snapshot->size = patched_size(head, snapshot->size);
    snapshot->system = patched_usage(head, snapshot->system);
    snapshot->encrypted = field_boolean(head->fields, "Encrypt", snapshot->encrypted);
}

static void agree_disk(struct disk *disk)
{
    const struct record *head = &disk->head;

    disk->size = patched_size(head, disk->size);
    disk->system = patched_usage(head, disk->system);
    disk->encrypted = field_boolean(head->fields, "Encrypt", disk->encrypted);
    disk->attached = field_boolean(head->fields, "Attached", disk->attached);
}

static int patch_snapshot(struct account *account, const char *id, json_t *fields, int64_t now,
                          int64_t wall)
{
    struct snapshot *old = account_snapshot(account, id);
    struct snapshot *next = old ? snapshot_copy(old, NULL) : snapshot_new(id, id);
    const char *disk_id;
    const struct disk *disk;

    if (!next)
        return -ENOMEM;
    if (!old) {
        next->head.created = wall;
        next->head.born = now;
        next->size = 10;
    }
    if (set_fields(&next->head, fields) < 0) {
        record_free(&next->head);
        return -ENOMEM;
    }
    disk_id = field_text(next->head.fields, "DiskId", next->disk_id);
    disk = account_disk(account, disk_id);
    if (disk && !old)
        next->size = disk->size;
    if (disk_id != next->disk_id)
        snprintf(next->disk_id, sizeof next->disk_id, "%s", disk_id);
    agree_snapshot(next);
    account->deletion_due = 0; /* what keeps it may be among the members */
    return old ? account_replace_snapshot(account, old, next, now)
               : account_add_snapshot(account, next);
}

static uint32_t count_snapshots(const struct account *account, const char *disk_id)
{
    uint32_t count = 0;

    for (size_t i = 0; i < account->snapshots.count; i++) {
        const struct snapshot *snapshot = (const struct snapshot *)account->snapshots.by_id[i];

        count += strcmp(snapshot->disk_id, disk_id) == 0;
    }
    return count;
}

static int patch_disk(struct account *account, const char *id, json_t *fields, int64_t now,
                      int64_t wall)
{
    struct disk *old = account_disk(account, id);
    struct disk *next = old ? disk_copy(old) : disk_new(id, id);

    if (!next)
        return -ENOMEM;
    if (!old) {
        next->head.created = wall;
        next->head.born = now;
        next->size = 10;
        next->snapshot_count = count_snapshots(account, id);
    }
    if (set_fields(&next->head, fields) < 0) {
        record_free(&next->head);
        return -ENOMEM;
    }
    agree_disk(next);
    return old ? table_replace(&account->disks, &old->head, &next->head, now)
               : table_insert(&account->disks, &next->head);
}

static int remove_record(struct account *account, const char *id, int64_t now)
{
    struct snapshot *snapshot = account_snapshot(account, id);
    struct disk *disk = account_disk(account, id);

    if (snapshot)
        return account_remove_snapshot(account, snapshot, now);
    return disk ? table_retire(&account->disks, &disk->head, now) : 0;
}

/* Whether a record may be patched so; its id as the account has it. */
static int check(const char *given, const json_t *fields, char id[RECORD_ID_SIZE], char *reason,
                 size_t reason_size)
{
    if (json_is_object(fields) && strlen(given) < RECORD_ID_SIZE) {
        id_of_uuid(given, id);
        return 0;
    }
    snprintf(reason, reason_size, "%.40s: must be an object, and ids shorter than %d", given,
             RECORD_ID_SIZE);
    return -EINVAL;
}

int patch_apply(struct account *account, const json_t *patch, int64_t now, int64_t wall,
                char *reason, size_t reason_size)
{
    const char *given;
    char id[RECORD_ID_SIZE];
    json_t *fields;
    size_t index;
    json_t *gone;
    int status = 0;

    /* Disks first: a new snapshot takes its size from its disk. */
    json_object_foreach(json_object_get(patch, "disks"), given, fields)
    {
        if (status == 0)
            status = check(given, fields, id, reason, reason_size);
        if (status == 0)
            status = patch_disk(account, id, fields, now, wall);
    }
    json_object_foreach(json_object_get(patch, "snapshots"), given, fields)
    {
        if (status == 0)
            status = check(given, fields, id, reason, reason_size);
        if (status == 0)
            status = patch_snapshot(account, id, fields, now, wall);
    }
    json_array_foreach(json_object_get(patch, "remove"), index, gone)
    {
        if (status == 0 && json_is_string(gone)) {
            id_of_uuid(json_string_value(gone), id);
            status = remove_record(account, id, now);
        }
    }
    return status;
}

int patch_region(struct sim *sim, const json_t *patch, int64_t now, int64_t wall, char *reason,
                 size_t reason_size)
{
    const char *name = field_text(patch, "region", NULL);
    struct account *account = &sim->accounts[0];
    int status = 0;

    if (name)
        account = region_find(sim, name, &status);
    if (!account) {
        snprintf(reason, reason_size, "there is no region %.40s", name);
        return -EINVAL;
    }
    return status < 0 ? status : patch_apply(account, patch, now, wall, reason, reason_size);
}
