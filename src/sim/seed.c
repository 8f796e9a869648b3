/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accounts that a simulator starts with: a small one made by hand, in which everything odd that
 * a real account may hold can be seen, and plain ones of any size.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "account.h"
#include "cbsfs/timestamp.h"

#define HOUR 3600
#define DAY  86400

struct demo_disk {
    const char *id;
    const char *name;
    uint32_t size;
    int days; /* old */
    bool system;
    bool attached;
    bool encrypted;
    const char *fields; /* JSON, NULL: none */
};

struct demo_snapshot {
    const char *id;
    const char *disk_id;
    const char *name;
    uint32_t size;
    int hours;   /* old */
    int expires; /* in days; 0: permanent */
    bool system;
    bool encrypted;
    const char *fields;
};

static const struct demo_disk demo_disks[] = {
    {"disk-omp7wl2m", "pg-data", 50, 120, false, false, false,
     "{\"Tags\": [{\"Key\": \"env\", \"Value\": \"prod\"}]}"},
    {"disk-7m2x9ufb", "web-1_SYSTEM_DISK", 100, 90, true, true, false,
     "{\"InstanceId\": \"ins-5r8t2w0y\", \"InstanceIdList\": [\"ins-5r8t2w0y\"],"
     " \"LastAttachInsId\": \"ins-5r8t2w0y\", \"Tags\": [{\"Key\": \"role\", \"Value\": "
     "\"web\"}]}"},
    {"disk-0k6v4b2m", "archive", 460, 75, false, false, true,
     "{\"DiskType\": \"CLOUD_TSSD\", \"DiskChargeType\": \"PREPAID\","
     " \"RenewFlag\": \"NOTIFY_AND_MANUAL_RENEW\", \"ReturnFailCode\": 0, \"IsReturnable\": true,"
     " \"DifferDaysOfDeadline\": 290, \"EncryptType\": \"ENCRYPT_V2\"}"},
    {"disk-e3h8q1zt", "scratch", 20, 20, false, false, false, "{\"SnapshotAbility\": false}"},
};

static const struct demo_snapshot demo_snapshots[] = {
    {"snap-0jfkjwl1", "disk-omp7wl2m", "before-upgrade", 50, 30, 0, false, false, NULL},
    {"snap-q8d2m5xa", "disk-omp7wl2m", "nightly", 50, 15 * 24 + 6, 0, false, false, NULL},
    {"snap-k4t7w9ce", "disk-omp7wl2m", "nightly", 50, 8 * 24 + 6, 0, false, false, NULL},
    {"snap-8c5t0r6z", "disk-omp7wl2m", "每日快照", 50, 4 * 24 + 2, 7, false, false,
     "{\"AutoSnapshotPolicyId\": \"asp-6q2n8v4h\", \"SnapshotMode\": \"INSTANT_SNAPSHOT\"}"},
    {"snap-n1y3b6gu", "disk-omp7wl2m", "未命名", 50, 2 * 24 + 5, 0, false, false, NULL},
    {"snap-1p7y5e9w", "disk-7m2x9ufb", "sys-base", 100, 40 * 24, 0, true, false,
     "{\"Images\": [{\"ImageName\": \"golden\", \"ImageId\": \"img-0f4b7c2d\"}], \"ImageCount\": "
     "1}"},
    {"snap-r5u0x2jd", "disk-7m2x9ufb", "before-kernel 6.1", 100, 3 * 24, 0, true, false, NULL},
    {"snap-9f6a3v7k", "disk-0k6v4b2m", "2026-q3", 460, 50 * 24, 30, false, true,
     "{\"Tags\": [{\"Key\": \"keep\", \"Value\": \"year\"}, {\"Key\": \"owner\", \"Value\": "
     "\"财务\"}]}"},
    {"snap-2z8m4d0c", "disk-0k6v4b2m", "to-partner", 460, 21 * 24, 0, false, true,
     "{\"shares\": [{\"AccountId\": \"100001122000\", \"CreatedTime\": \"2026-01-21 10:12:45\"},"
     " {\"AccountId\": \"100004884912\", \"CreatedTime\": \"2026-02-03 18:40:01\"}]}"},
    {"snap-h7s1o4lp", "disk-gone0a1b", "last-of-old-db", 200, 60 * 24, 0, false, false, NULL},
    {"snap-5v0g3s8n", "", "Copied snap-2b6a1k7f from ap-seoul", 10, 33 * 24, 0, false, false,
     "{\"CopyFromRemote\": true, \"TimeStartShare\": {\"__absent__\": true}}"},
};

static int set_fields(struct record *head, const char *text)
{
    if (!text)
        return 0;
    head->fields = json_loads(text, 0, NULL);
    return head->fields ? 0 : -ENOMEM;
}

static int add_demo_disk(struct account *account, const struct demo_disk *from, int64_t wall)
{
    struct disk *disk = disk_new(from->id, from->name);

    if (!disk || set_fields(&disk->head, from->fields) < 0) {
        free(disk);
        return -ENOMEM;
    }
    disk->head.created = wall - (int64_t)from->days * DAY;
    disk->size = from->size;
    disk->system = from->system;
    disk->attached = from->attached;
    disk->encrypted = from->encrypted;
    return table_insert(&account->disks, &disk->head);
}

static int add_demo_snapshot(struct account *account, const struct demo_snapshot *from,
                             int64_t wall)
{
    struct snapshot *snapshot = snapshot_new(from->id, from->name);

    if (!snapshot || set_fields(&snapshot->head, from->fields) < 0) {
        free(snapshot);
        return -ENOMEM;
    }
    snprintf(snapshot->disk_id, sizeof snapshot->disk_id, "%s", from->disk_id);
    snapshot->head.created = wall - (int64_t)from->hours * HOUR;
    if (from->expires > 0)
        snapshot->deadline = wall + (int64_t)from->expires * DAY;
    snapshot->size = from->size;
    snapshot->system = from->system;
    snapshot->encrypted = from->encrypted;
    return account_add_snapshot(account, snapshot);
}

/* The next time that it is `hour` in Beijing. */
static int64_t next_hour(int64_t wall, int hour)
{
    int64_t local = wall + (int64_t)8 * HOUR;
    int64_t next = local - local % DAY + (int64_t)hour * HOUR;

    return (next > local ? next : next + DAY) - (int64_t)8 * HOUR;
}

/* Takes `fields` over. */
static int add_policy(struct account *account, const char *id, int64_t created, json_t *fields)
{
    struct record *policy = record_new(id);

    if (!policy || !fields) {
        free(policy);
        json_decref(fields);
        return -ENOMEM;
    }
    policy->created = created;
    policy->fields = fields;
    return table_insert(&account->policies, policy);
}

static int add_demo_policies(struct account *account, int64_t wall)
{
    char next[BEIJING_TIME_SIZE];
    int status;

    beijing_time(next_hour(wall, 2), next);
    status = add_policy(account, "asp-6q2n8v4h", wall - (int64_t)110 * DAY,
                        json_pack("{s:s, s:s, s:[s], s:[{s:[i], s:i, s:[], s:[]}]}",
                                  "AutoSnapshotPolicyName", "nightly-7d", "NextTriggerTime", next,
                                  "DiskIdSet", "disk-omp7wl2m", "Policy", "Hour", 2, "IntervalDays",
                                  1, "DayOfWeek", "DayOfMonth"));
    if (status < 0)
        return status;
    return add_policy(account, "asp-w3e8k1p5", wall - (int64_t)60 * DAY,
                      json_pack("{s:s, s:b, s:b, s:i, s:[{s:[i], s:i, s:[i], s:[]}]}",
                                "AutoSnapshotPolicyName", "sundays", "IsActivated", false,
                                "IsPermanent", true, "RetentionDays", 0, "Policy", "Hour", 4,
                                "IntervalDays", 0, "DayOfWeek", 0, "DayOfMonth"));
}

/* What another region holds; the ids are made. */
static const struct {
    const char *name;
    uint32_t size;
    bool attached;
    const char *snapshots[3];
} elsewhere[] = {
    {"pg-data", 50, true, {"nightly", "web-all_0"}},
    {"logs", 100, true, {"before-rotation", "web-all_1"}},
    {"mirror", 20, false, {"seed"}},
};

#define ELSEWHERE_GROUP "web-all_"

/* Adds the snapshot, and its id to the group's if it is one of the group. */
static int add_snapshot_elsewhere(struct account *account, const struct disk *disk,
                                  const char *name, int64_t created, json_t *group)
{
    struct snapshot *snapshot;
    char id[RECORD_ID_SIZE];

    account_new_snapshot_id(account, id);
    snapshot = snapshot_new(id, name);
    if (!snapshot)
        return -ENOMEM;
    memcpy(snapshot->disk_id, disk->head.id, sizeof snapshot->disk_id);
    snapshot->head.created = created;
    snapshot->size = disk->size;
    if (strncmp(name, ELSEWHERE_GROUP, strlen(ELSEWHERE_GROUP)) == 0 &&
        json_array_append_new(group, json_string(id)) < 0) {
        record_free(&snapshot->head);
        return -ENOMEM;
    }
    return account_add_snapshot(account, snapshot);
}

static int add_disk_elsewhere(struct account *account, size_t number, int64_t wall, json_t *group)
{
    char id[RECORD_ID_SIZE];
    struct disk *disk;
    int status;

    random_id(&account->random, "disk-", id);
    disk = disk_new(id, elsewhere[number].name);
    if (!disk)
        return -ENOMEM;
    disk->head.created = wall - (int64_t)(100 - (int64_t)number) * DAY;
    disk->size = elsewhere[number].size;
    disk->attached = elsewhere[number].attached;
    if (disk->attached)
        disk->head.fields = json_pack("{s:s, s:[s]}", "InstanceId", "ins-2c7x5q9d",
                                      "InstanceIdList", "ins-2c7x5q9d");
    status = table_insert(&account->disks, &disk->head);
    for (size_t i = 0; status == 0 && i < 3 && elsewhere[number].snapshots[i]; i++)
        status = add_snapshot_elsewhere(account, disk, elsewhere[number].snapshots[i],
                                        wall - (int64_t)(20 - 10 * (int64_t)i) * DAY, group);
    return status;
}

int account_fill_elsewhere(struct account *account, int64_t wall)
{
    /* Each region a little less than the one before. */
    size_t disks = sizeof elsewhere / sizeof *elsewhere;
    json_t *group = json_array();
    struct record *record;
    int status = group ? 0 : -ENOMEM;

    /* Far from the numbers of the regions of --region, which differ by one. */
    account->random ^= (uint64_t)0x5bd1e995 * (account->number + 1);
    if (account->number > 1)
        disks--;
    for (size_t i = 0; status == 0 && i < disks; i++)
        status = add_disk_elsewhere(account, i, wall, group);
    record =
        status == 0 ? record_new(account->number > 1 ? "csnap-8j2f6w0e" : "csnap-3t9r1m5z") : NULL;
    if (!record) {
        json_decref(group);
        return -ENOMEM;
    }
    record->created = wall - (int64_t)10 * DAY;
    record->fields =
        json_pack("{s:s, s:o}", "SnapshotGroupName", "web-all", "SnapshotIdSet", group);
    return record->fields ? table_insert(&account->groups, record) : (free(record), -ENOMEM);
}

int account_fill_demo(struct account *account, int64_t wall)
{
    int status = add_demo_policies(account, wall);

    for (size_t i = 0; status == 0 && i < sizeof demo_disks / sizeof *demo_disks; i++)
        status = add_demo_disk(account, &demo_disks[i], wall);
    for (size_t i = 0; status == 0 && i < sizeof demo_snapshots / sizeof *demo_snapshots; i++)
        status = add_demo_snapshot(account, &demo_snapshots[i], wall);
    return status;
}

/* A random id in which four digits count, so that a million of them never meet. */
static void generated_id(struct account *account, const char *prefix, long number,
                         char id[RECORD_ID_SIZE])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    random_id(&account->random, prefix, id);
    for (size_t i = strlen(prefix) + 2; i < strlen(prefix) + 6; i++, number /= 36)
        id[i] = digits[number % 36];
}

/* One a day while that reaches back no further than 1000 days; else closer together. */
static int64_t interval_for(long count)
{
    return count > 1000 ? (int64_t)1000 * DAY / count : DAY;
}

static bool generated_name(int64_t created, bool daily, char name[40])
{
    time_t moment = (time_t)created;
    struct tm parts;

    if (!gmtime_r(&moment, &parts))
        return false;
    return (daily ? strftime(name, 40, "daily-%Y%m%d", &parts)
                  : strftime(name, 40, "auto-%Y%m%d%H%M%S", &parts)) > 0;
}

static int add_generated_snapshots(struct account *account, struct disk *disk, long first,
                                   long count, int64_t wall)
{
    int64_t interval = interval_for(count);

    for (long i = 0; i < count; i++) {
        int64_t created = wall - i * interval - 60;
        struct snapshot *snapshot;
        char id[RECORD_ID_SIZE];
        char name[40];

        generated_id(account, "snap-", first + i, id);
        if (!generated_name(created, interval == DAY, name))
            return -EINVAL;
        snapshot = snapshot_new(id, name);
        if (!snapshot)
            return -ENOMEM;
        memcpy(snapshot->disk_id, disk->head.id, sizeof snapshot->disk_id);
        snapshot->head.created = created;
        snapshot->size = disk->size;
        if (table_append(&account->snapshots, &snapshot->head) < 0)
            return -ENOMEM;
    }
    disk->snapshot_count = (uint32_t)count;
    return 0;
}

int account_fill_generated(struct account *account, long disks, long snapshots, int64_t wall)
{
    for (long i = 0; i < disks; i++) {
        struct disk *disk;
        char id[RECORD_ID_SIZE];
        char name[32];

        generated_id(account, "disk-", i, id);
        snprintf(name, sizeof name, "data-%04ld", i + 1);
        disk = disk_new(id, name);
        if (!disk)
            return -ENOMEM;
        disk->head.created = wall - (int64_t)1100 * DAY - i;
        disk->size = 10 * (1 + (uint32_t)(random_next(&account->random) % 50));
        if (table_append(&account->disks, &disk->head) < 0 ||
            add_generated_snapshots(account, disk, i * snapshots, snapshots, wall - i) < 0)
            return -ENOMEM;
    }
    table_sort(&account->disks);
    table_sort(&account->snapshots);
    return 0;
}
