/* SPDX-License-Identifier: Apache-2.0 */
#include "account.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "cbsfs/timestamp.h"

#define BEIJING 28800 /* seconds east of UTC */

static bool beijing_parts(int64_t seconds, struct tm *parts)
{
    time_t local = (time_t)(seconds == TIMESTAMP_NONE ? 0 : seconds + BEIJING);

    return seconds != TIMESTAMP_NONE && gmtime_r(&local, parts);
}

void beijing_time(int64_t seconds, char text[BEIJING_TIME_SIZE])
{
    struct tm parts;

    if (!beijing_parts(seconds, &parts) ||
        strftime(text, BEIJING_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &parts) == 0)
        text[0] = '\0';
}

void beijing_time_zoned(int64_t seconds, char text[BEIJING_TIME_SIZE])
{
    struct tm parts;

    if (!beijing_parts(seconds, &parts) ||
        strftime(text, BEIJING_TIME_SIZE, "%Y-%m-%dT%H:%M:%S+08:00", &parts) == 0)
        text[0] = '\0';
}

uint64_t random_next(uint64_t *random)
{
    uint64_t z = (*random += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void random_id(uint64_t *random, const char *prefix, char id[RECORD_ID_SIZE])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t number = random_next(random);
    char tail[9];

    for (size_t i = 0; i < 8; i++) {
        tail[i] = digits[number % 36];
        number /= 36;
    }
    tail[8] = '\0';
    snprintf(id, RECORD_ID_SIZE, "%s%s", prefix, tail);
}

void account_free(struct account *account)
{
    table_free(&account->disks);
    table_free(&account->snapshots);
    table_free(&account->groups);
    table_free(&account->policies);
    json_decref(account->orders);
}

struct disk *account_disk(const struct account *account, const char *id)
{
    return (struct disk *)table_find(&account->disks, id);
}

struct snapshot *account_snapshot(const struct account *account, const char *id)
{
    return (struct snapshot *)table_find(&account->snapshots, id);
}

struct record *account_group(const struct account *account, const char *id)
{
    return table_find(&account->groups, id);
}

void account_new_snapshot_id(struct account *account, char id[RECORD_ID_SIZE])
{
    do {
        random_id(&account->random, "snap-", id);
    } while (account_snapshot(account, id));
}

/* The next deadline may be this one. */
static void note_deadline(struct account *account, const struct snapshot *snapshot)
{
    if (snapshot->deadline != TIMESTAMP_NONE && snapshot->deadline < account->expiry_due)
        account->expiry_due = snapshot->deadline;
}

int account_add_snapshot(struct account *account, struct snapshot *snapshot)
{
    struct disk *disk = account_disk(account, snapshot->disk_id);

    note_deadline(account, snapshot);

    int status = table_insert(&account->snapshots, &snapshot->head);

    if (status == 0 && disk)
        disk->snapshot_count++;
    return status;
}

int account_remove_snapshot(struct account *account, struct snapshot *snapshot, int64_t now)
{
    struct disk *disk = account_disk(account, snapshot->disk_id);
    int status = table_retire(&account->snapshots, &snapshot->head, now);

    if (status == 0 && disk)
        disk->snapshot_count--;
    return status;
}

int account_replace_snapshot(struct account *account, struct snapshot *old, struct snapshot *next,
                             int64_t now)
{
    struct disk *from = account_disk(account, old->disk_id);
    struct disk *to = account_disk(account, next->disk_id);

    note_deadline(account, next);

    int status = table_replace(&account->snapshots, &old->head, &next->head, now);

    if (status < 0)
        return status;
    if (from)
        from->snapshot_count--;
    if (to)
        to->snapshot_count++;
    return 0;
}

/* When a snapshot is gone that is being deleted; INT64_MAX: it is not, or it stays. */
static int64_t gone_at(const struct account *account, const struct snapshot *snapshot)
{
    const json_t *fields = snapshot->head.fields;

    if (snapshot->delete_started == 0 || snapshot->delete_fails ||
        json_object_get(fields, "SnapshotState") ||
        json_object_get(json_object_get(fields, "evs"), "status"))
        return INT64_MAX;
    return snapshot->delete_started + account->delete_time;
}

int account_start_deletion(struct account *account, struct snapshot *old, struct snapshot *next,
                           int64_t now)
{
    next->delete_started = now;
    account->deletion_due = 0;
    return account_replace_snapshot(account, old, next, now);
}

static int expire(struct account *account, int64_t now, int64_t wall)
{
    int64_t due = INT64_MAX;
    int status = 0;

    if (wall < account->expiry_due)
        return 0;
    for (size_t i = account->snapshots.count; status == 0 && i-- > 0;) {
        struct snapshot *snapshot = (struct snapshot *)account->snapshots.by_id[i];

        if (snapshot->deadline == TIMESTAMP_NONE)
            continue;
        if (snapshot->deadline <= wall)
            status = account_remove_snapshot(account, snapshot, now);
        else if (snapshot->deadline < due)
            due = snapshot->deadline;
    }
    account->expiry_due = status < 0 ? 0 : due;
    return status;
}

int account_settle(struct account *account, int64_t now, int64_t wall)
{
    int64_t due = INT64_MAX;
    int status = 0;

    if (expire(account, now, wall) < 0)
        return -ENOMEM;
    if (now < account->deletion_due)
        return 0;
    for (size_t i = account->snapshots.count; status == 0 && i-- > 0;) {
        struct snapshot *snapshot = (struct snapshot *)account->snapshots.by_id[i];
        int64_t gone = gone_at(account, snapshot);

        if (gone <= now)
            status = account_remove_snapshot(account, snapshot, now);
        else if (gone < due)
            due = gone;
    }
    account->deletion_due = status < 0 ? 0 : due;
    return status;
}
