/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sharing, copies to other regions, and disks from snapshots (facts 1.4.7 to 1.4.9, 1.4.11).  As in
 * changes.c, preconditions are read from the records as the API shows them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "cbsfs/fields.h"
#include "regions.h"

#define SHARES_LIMIT 50
#define TOKEN_LIMIT  64
#define DISKS_LIMIT  100

static const char *text(const struct api_request *request, const char *name, const char *fallback)
{
    return field_text(request->parameters, name, fallback);
}

static bool is(const json_t *record, const char *key, const char *value)
{
    return strcmp(field_text(record, key, ""), value) == 0;
}

/* --- sharing ------------------------------------------------------------------------- */

int describe_share_permission(struct api_request *request)
{
    const char *id = text(request, "SnapshotId", "");
    const struct snapshot *snapshot = account_snapshot(request->account, id);
    json_t *shares;

    if (!snapshot)
        return api_refuse(request, "InvalidParameterValue", "snapshot `%s` not found", id);
    shares = json_object_get(snapshot->head.fields, "shares");
    shares = shares ? json_incref(shares) : json_array();
    return json_object_set_new(request->reply, "SharePermissionSet", shares) < 0 ? -ENOMEM : 0;
}

static bool is_account(const char *account)
{
    size_t digits = strspn(account, "0123456789");

    return digits >= 5 && digits <= 20 && !account[digits];
}

static size_t find_share(const json_t *shares, const char *account)
{
    size_t index;
    json_t *share;

    json_array_foreach(shares, index, share)
    {
        if (is(share, "AccountId", account))
            return index;
    }
    return json_array_size(shares);
}

/* The snapshot's shares as they will be: a new reference, or NULL without memory. */
static json_t *shares_after(const struct api_request *request, const struct snapshot *snapshot)
{
    const json_t *accounts = json_object_get(request->parameters, "AccountIds");
    bool cancel = strcmp(text(request, "Permission", ""), "CANCEL") == 0;
    json_t *old = json_object_get(snapshot->head.fields, "shares");
    json_t *shares = old ? json_copy(old) : json_array();
    char now[BEIJING_TIME_SIZE];
    size_t index;
    json_t *account;

    beijing_time(request->wall, now);
    json_array_foreach(accounts, index, account)
    {
        size_t at = find_share(shares, json_string_value(account));

        if (cancel)
            json_array_remove(shares, at);
        else if (at == json_array_size(shares))
            json_array_append_new(
                shares, json_pack("{s:O, s:s}", "AccountId", account, "CreatedTime", now));
    }
    return shares;
}

static int check_shared(struct api_request *request, const char *id,
                        const struct snapshot *snapshot)
{
    json_t *shown;
    json_t *shares;
    int status = 0;

    if (!snapshot)
        return no_snapshot(request, id);
    shown = snapshot_render(request->account, snapshot, request->now);
    shares = shares_after(request, snapshot);
    if (!shown || !shares)
        status = -ENOMEM;
    else if (!is(shown, "SnapshotState", "NORMAL") || !is(shown, "DiskUsage", "DATA_DISK") ||
             is(shown, "SnapshotType", "SHARED_SNAPSHOT"))
        status = api_refuse(request, "InvalidSnapshot.NotSupported",
                            "snapshot `%s` does not support this operation", id);
    else if (json_array_size(shares) > SHARES_LIMIT)
        status =
            api_refuse(request, "ResourceInsufficient.OverQuota",
                       "snapshot `%s` can be shared with at most %d accounts", id, SHARES_LIMIT);
    json_decref(shown);
    json_decref(shares);
    return status;
}

static int check_share(struct api_request *request)
{
    const json_t *ids = json_object_get(request->parameters, "SnapshotIds");
    const json_t *accounts = json_object_get(request->parameters, "AccountIds");
    const char *permission = text(request, "Permission", "");
    size_t index;
    json_t *each;
    int status = 0;

    if (json_array_size(ids) == 0 || json_array_size(accounts) == 0)
        return api_refuse(request, "InvalidParameter", "SnapshotIds and AccountIds need values");
    if (strcmp(permission, "SHARE") != 0 && strcmp(permission, "CANCEL") != 0)
        return api_refuse(request, "InvalidParameter", "Permission: %s, not in [SHARE,CANCEL]",
                          permission);
    json_array_foreach(accounts, index, each)
    {
        if (!is_account(json_string_value(each)))
            return api_refuse(request, "InvalidParameter", "AccountIds: `%s` is not an account",
                              json_string_value(each));
    }
    json_array_foreach(ids, index, each)
    {
        if (status == 0)
            status = check_shared(request, json_string_value(each),
                                  account_snapshot(request->account, json_string_value(each)));
    }
    return status;
}

/* Takes `value` over. */
static int set_field(struct record *head, const char *name, json_t *value)
{
    if (!head->fields)
        head->fields = json_object();
    return json_object_set_new(head->fields, name, value) < 0 ? -ENOMEM : 0;
}

/* The snapshot from now on with another member; takes `value` over. */
static int change_field(struct api_request *request, struct snapshot *snapshot, const char *name,
                        json_t *value, const char *const *derived)
{
    struct snapshot *next = snapshot_copy(snapshot, NULL);

    if (!next || set_field(&next->head, name, value) < 0) {
        if (!next)
            json_decref(value);
        record_free((struct record *)next);
        return -ENOMEM;
    }
    forget_patched(&next->head, derived);
    return account_replace_snapshot(request->account, snapshot, next, request->now);
}

int modify_share_permission(struct api_request *request)
{
    static const char *const derived[] = {"ShareReference", "TimeStartShare", NULL};
    int status = check_share(request);
    size_t index;
    json_t *id;

    json_array_foreach(json_object_get(request->parameters, "SnapshotIds"), index, id)
    {
        struct snapshot *snapshot = account_snapshot(request->account, json_string_value(id));

        if (status == 0)
            status =
                change_field(request, snapshot, "shares", shares_after(request, snapshot), derived);
    }
    return status;
}

/* --- copies -------------------------------------------------------------------------- */

static int check_copy_shown(struct api_request *request, const json_t *shown, const char *id)
{
    size_t index;
    json_t *region;
    const json_t *wanted = json_object_get(request->parameters, "DestinationRegions");

    if (is(shown, "SnapshotState", "CREATING") || is(shown, "SnapshotState", "ROLLBACKING"))
        return api_refuse(request, "ResourceBusy", "%s is busy, please retry later", id);
    if (!is(shown, "SnapshotState", "NORMAL") || is(shown, "SnapshotType", "SHARED_SNAPSHOT"))
        return api_refuse(request, "InvalidSnapshot.NotSupported",
                          "snapshot `%s` does not support this operation", id);
    if (field_boolean(shown, "Encrypt", false))
        return api_refuse(request, "UnsupportedOperation.SnapshotNotSupportCopy",
                          "snapshot `%s` is encrypted and cannot be copied", id);
    json_array_foreach(json_object_get(shown, "CopyingToRegions"), index, region)
    {
        for (size_t i = 0; i < json_array_size(wanted); i++)
            if (json_equal(region, json_array_get(wanted, i)))
                return api_refuse(request, "ResourceInUse.CopySnapshotConflict",
                                  "snapshot `%s` is being copied to `%s`", id,
                                  json_string_value(region));
    }
    return 0;
}

static int check_copy(struct api_request *request, const struct snapshot *snapshot)
{
    json_t *shown = snapshot_render(request->account, snapshot, request->now);
    int status = shown ? check_copy_shown(request, shown, snapshot->head.id) : -ENOMEM;

    json_decref(shown);
    if (status == 0 &&
        json_array_size(json_object_get(request->parameters, "DestinationRegions")) == 0)
        status = api_refuse(request, "InvalidParameterValue", "DestinationRegions needs values");
    return status == 0 ? check_name(request, "SnapshotName", text(request, "SnapshotName", ""))
                       : status;
}

/* The copy as the other region has it, CREATING there in its own way. */
static int add_copy(struct api_request *request, const struct snapshot *from,
                    struct account *account, char id[RECORD_ID_SIZE])
{
    const char *given = text(request, "SnapshotName", "");
    struct snapshot *copy;
    char name[160];

    snprintf(name, sizeof name, "Copied %s from %s", from->head.id, request->account->region);
    account_new_snapshot_id(account, id);
    copy = snapshot_new(id, *given ? given : name);
    if (!copy)
        return -ENOMEM;
    copy->head.created = request->wall;
    copy->head.born = request->now;
    copy->started = request->now;
    copy->copied = true;
    copy->size = from->size;
    copy->system = from->system;
    return account_add_snapshot(account, copy);
}

/* One region's result: a new reference, or NULL without memory. */
static json_t *copy_to(struct api_request *request, const struct snapshot *from, const char *region,
                       json_t *copies)
{
    char id[RECORD_ID_SIZE] = "";
    int status = 0;
    struct account *account = region_find(request->sim, region, &status);

    if (status == 0 && (!account || account == request->account)) {
        char reason[160];

        snprintf(reason, sizeof reason, "The region `%.64s` does not support snapshot.", region);
        return json_pack("{s:s, s:s, s:s, s:s}", "SnapshotId", "", "DestinationRegion", region,
                         "Code", "InvalidParameterValue", "Message", reason);
    }
    if (status == 0)
        status = add_copy(request, from, account, id);
    if (status < 0 ||
        json_array_append_new(copies, json_pack("{s:s, s:I}", "Region", region, "until",
                                                (json_int_t)request->now + account->copy_time)) < 0)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:s}", "SnapshotId", id, "DestinationRegion", region, "Code",
                     "Success", "Message", "");
}

int copy_snapshot(struct api_request *request)
{
    static const char *const derived[] = {"CopyingToRegions", NULL};
    const char *id = text(request, "SnapshotId", "");
    struct snapshot *snapshot = account_snapshot(request->account, id);
    json_t *copies;
    json_t *results;
    json_t *old;
    size_t index;
    json_t *region;
    int status;

    if (!snapshot)
        return no_snapshot(request, id);
    status = check_copy(request, snapshot);
    if (status < 0)
        return status;
    old = json_object_get(snapshot->head.fields, "copies");
    copies = old ? json_copy(old) : json_array();
    results = json_array();
    json_array_foreach(json_object_get(request->parameters, "DestinationRegions"), index, region)
    {
        if (status == 0 &&
            json_array_append_new(
                results, copy_to(request, snapshot, json_string_value(region), copies)) < 0)
            status = -ENOMEM;
    }
    if (status < 0) {
        json_decref(copies);
        json_decref(results);
        return status;
    }
    request->unchanged = json_array_size(copies) == json_array_size(old);
    if (json_object_set_new(request->reply, "SnapshotCopyResultSet", results) < 0) {
        json_decref(copies);
        return -ENOMEM;
    }
    return change_field(request, snapshot, "copies", copies, derived);
}

/* --- disks from snapshots ------------------------------------------------------------ */

static int check_token(struct api_request *request, const char *token)
{
    for (const char *at = token; *at; at++)
        if (*at < ' ' || *at > '~')
            return api_refuse(request, "InvalidParameter.InvalidClientToken",
                              "ClientToken must be ASCII");
    if (strlen(token) > TOKEN_LIMIT)
        return api_refuse(request, "InvalidParameter.InvalidClientToken",
                          "ClientToken: length is %zu, out of range [0,%d]", strlen(token),
                          TOKEN_LIMIT);
    return 0;
}

static int check_origin_shown(struct api_request *request, const json_t *shown, const char *id)
{
    int64_t least = field_integer(shown, "DiskSize", 0);

    if (!is(shown, "DiskUsage", "DATA_DISK"))
        return api_refuse(request, "InvalidParameterValue",
                          "snapshot `%s` is of a system disk: no data disk can be made of it", id);
    if (!is(shown, "SnapshotState", "NORMAL"))
        return api_refuse(request, "ResourceBusy", "%s is busy, please retry later", id);
    if (field_integer(request->parameters, "DiskSize", least) < least)
        return api_refuse(request, "InvalidParameterValue",
                          "DiskSize: must be at least the snapshot's, %" JSON_INTEGER_FORMAT,
                          (json_int_t)least);
    return 0;
}

static int check_origin(struct api_request *request, const char *id)
{
    const struct snapshot *snapshot = account_snapshot(request->account, id);
    json_t *shown;
    int status;

    if (!snapshot)
        return no_snapshot(request, id);
    shown = snapshot_render(request->account, snapshot, request->now);
    status = shown ? check_origin_shown(request, shown, id) : -ENOMEM;
    json_decref(shown);
    return status;
}

static bool is_type(const char *type)
{
    static const char *const types[] = {"CLOUD_PREMIUM", "CLOUD_BSSD", "CLOUD_SSD", "CLOUD_HSSD",
                                        "CLOUD_TSSD"};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

static int check_new_disk(struct api_request *request)
{
    const char *origin = text(request, "SnapshotId", NULL);
    const char *zone = field_text(json_object_get(request->parameters, "Placement"), "Zone", NULL);
    const char *region = request->account->region;
    size_t length = strlen(region);
    int64_t count = field_integer(request->parameters, "DiskCount", 1);

    if (!zone)
        return api_refuse_plainly(request, "MissingParameter",
                                  "The request is missing a required parameter `Placement.Zone`.");
    if (strncmp(zone, region, length) != 0 || zone[length] != '-')
        return api_refuse(request, "InvalidParameterValue", "Placement.Zone: %s is not in %s", zone,
                          region);
    /* What is paid for in advance is not simulated. */
    if (strcmp(text(request, "DiskChargeType", ""), "POSTPAID_BY_HOUR") != 0 ||
        !is_type(text(request, "DiskType", "")))
        return api_refuse(request, "InvalidParameter.DiskConfigNotSupported",
                          "this configuration of a disk is not offered here");
    if (count < 1 || count > DISKS_LIMIT)
        return api_refuse(request, "InvalidParameterValue", "DiskCount: out of range [1,%d]",
                          DISKS_LIMIT);
    if (!origin && !json_object_get(request->parameters, "DiskSize"))
        return api_refuse_plainly(request, "MissingParameter",
                                  "The request is missing a required parameter `DiskSize`.");
    if (check_name(request, "DiskName", text(request, "DiskName", "")) < 0)
        return -EREMOTEIO;
    return origin ? check_origin(request, origin) : 0;
}

static json_t *new_disk_fields(struct api_request *request)
{
    json_t *tags = json_object_get(request->parameters, "Tags");
    json_t *fields = json_pack("{s:s}", "DiskType", text(request, "DiskType", ""));
    const char *zone = field_text(json_object_get(request->parameters, "Placement"), "Zone", "");

    json_object_set_new(fields, "Placement",
                        json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "CageId", "", "Zone", zone,
                                  "ProjectId", 0, "CdcName", "", "CdcId", "", "ProjectName",
                                  "默认项目", "DedicatedClusterId", ""));
    if (tags)
        json_object_set(fields, "Tags", tags);
    return fields;
}

static int add_disk(struct api_request *request, json_t *ids)
{
    const struct snapshot *origin =
        account_snapshot(request->account, text(request, "SnapshotId", ""));
    const char *name = text(request, "DiskName", "");
    char id[RECORD_ID_SIZE];
    struct disk *disk;

    do {
        random_id(&request->account->random, "disk-", id);
    } while (account_disk(request->account, id));
    disk = disk_new(id, *name ? name : "未命名");
    if (!disk)
        return -ENOMEM;
    disk->head.created = request->wall;
    disk->head.born = request->now;
    disk->head.fields = new_disk_fields(request);
    disk->size =
        (uint32_t)field_integer(request->parameters, "DiskSize", origin ? origin->size : 0);
    disk->encrypted = origin && origin->encrypted;
    if (!disk->head.fields || json_array_append_new(ids, json_string(id)) < 0) {
        record_free(&disk->head);
        return -ENOMEM;
    }
    return table_insert(&request->account->disks, &disk->head);
}

/* Keeps what was made for a token, so that asking again makes nothing more. */
static int keep_order(struct api_request *request, const char *token, json_t *ids)
{
    struct account *account = request->account;

    if (!token)
        return 0;
    if (!account->orders)
        account->orders = json_object();
    return json_object_set_new(account->orders, token,
                               json_pack("{s:O, s:O}", "asked", request->parameters, "made", ids)) <
                   0
               ? -ENOMEM
               : 0;
}

int create_disks(struct api_request *request)
{
    const char *token = text(request, "ClientToken", NULL);
    const json_t *order = token ? json_object_get(request->account->orders, token) : NULL;
    int64_t count = field_integer(request->parameters, "DiskCount", 1);
    json_t *ids;
    int status = token ? check_token(request, token) : 0;

    if (status == 0 && order && !json_equal(json_object_get(order, "asked"), request->parameters))
        return api_refuse(request, "InvalidParameter.InvalidClientToken",
                          "ClientToken: %s was used for another request", token);
    if (status == 0 && order) {
        request->unchanged = true;
        return json_object_set(request->reply, "DiskIdSet", json_object_get(order, "made")) < 0
                   ? -ENOMEM
                   : 0;
    }
    if (status == 0)
        status = check_new_disk(request);
    if (status < 0)
        return status;
    ids = json_array();
    for (int64_t i = 0; status == 0 && i < count; i++)
        status = add_disk(request, ids);
    if (status == 0)
        status = keep_order(request, token, ids);
    if (json_object_set_new(request->reply, "DiskIdSet", ids) < 0)
        status = -ENOMEM;
    return status;
}
