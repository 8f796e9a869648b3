/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of what API 3.0 can do with snapshots beside making, applying and deleting them
 * (tencent-cbs facts 1.4.5, 1.4.7 to 1.4.12, 1.4.17, section 5). */
#include "tencent.h"

#include "cbsfs/timestamp.h"

#include <errno.h>
#include <string.h>

#define LIMIT     100 /* of a page and of a list of ids (facts 1.4.12, 1.4.17) */
#define TOKEN_MAX 64  /* bytes of ASCII (facts 1.4.11) */

int tencent_pack_error(const json_error_t *error)
{
    /* Without memory the code is not always that of memory. */
    return json_error_code(error) == json_error_invalid_utf8 ? -EINVAL : -ENOMEM;
}

int tencent_pack_ids(const char *const *ids, size_t count, json_t **array)
{
    json_error_t error = {.line = 0}; /* its code is not always set */
    *array = json_array();
    int status = *array == NULL ? -ENOMEM : 0;
    for (size_t i = 0; status == 0 && i < count; i++) {
        json_t *id = ids[i] == NULL ? NULL : json_pack_ex(&error, 0, "s", ids[i]);
        if (ids[i] == NULL)
            status = -EINVAL;
        else if (id == NULL)
            status = tencent_pack_error(&error);
        else if (json_array_append_new(*array, id) < 0)
            status = -ENOMEM;
    }
    if (status < 0) {
        json_decref(*array);
        *array = NULL;
    }
    return status;
}

/* Takes `value` over; NULL is taken as no memory. */
static int put(json_t *body, const char *key, json_t *value)
{
    return json_object_set_new(body, key, value) < 0 ? -ENOMEM : 0;
}

static int put_text(json_t *body, const char *key, const char *text)
{
    json_error_t error = {.line = 0};
    json_t *value = json_pack_ex(&error, 0, "s", text);
    return value == NULL ? tencent_pack_error(&error) : put(body, key, value);
}

/* For what may be left out. */
static int put_given_text(json_t *body, const char *key, const char *text)
{
    return text == NULL ? 0 : put_text(body, key, text);
}

/* --- questions ----------------------------------------------------------------------- */

static int put_page(const struct cloud_call *call, json_t *body)
{
    if (call->limit == 0 || call->limit > LIMIT)
        return -EINVAL;
    int status = put(body, "Offset", json_integer((json_int_t)call->offset));
    if (status == 0)
        status = put(body, "Limit", json_integer((json_int_t)call->limit));
    return status;
}

/* Groups can be asked for only by a filter, and come in an order that cannot be chosen. */
static int groups_body(const struct cloud_call *call, json_t *body)
{
    if (call->id_count == 0)
        return put_page(call, body);
    json_t *ids;
    int status = tencent_pack_ids(call->ids, call->id_count, &ids);
    if (status == 0)
        status = put(body, "Filters",
                     json_pack("[{s:s, s:o}]", "Name", "snapshot-group-id", "Values", ids));
    if (status == 0)
        status = put(body, "Limit", json_integer((json_int_t)call->id_count));
    return status;
}

static int policies_body(const struct cloud_call *call, json_t *body)
{
    if (call->id_count == 0) {
        int status = put_page(call, body);
        if (status == 0)
            status = put_text(body, "Order", "ASC");
        return status == 0 ? put_text(body, "OrderField", "CREATE_TIME") : status;
    }
    json_t *ids;
    int status = tencent_pack_ids(call->ids, call->id_count, &ids);
    if (status == 0)
        status = put(body, "AutoSnapshotPolicyIds", ids);
    if (status == 0)
        status = put(body, "Limit", json_integer((json_int_t)call->id_count));
    return status;
}

static int listing_body(const struct cloud_call *call, json_t *body)
{
    if (call->disk_id != NULL || call->id_count > LIMIT ||
        (call->id_count > 0 && call->offset != 0))
        return -EINVAL;
    return call->verb == CLOUD_DESCRIBE_GROUPS ? groups_body(call, body)
                                               : policies_body(call, body);
}

/* --- changes ------------------------------------------------------------------------- */

static int expire_body(const struct cloud_call *call, json_t *body)
{
    char text[TIMESTAMP_SIZE], deadline[TIMESTAMP_SIZE + sizeof "+00:00"];
    bool permanent = call->expires == TIMESTAMP_NONE;
    int status = put_text(body, "SnapshotId", call->snapshot_id);
    if (status == 0)
        status = put(body, "IsPermanent", json_boolean(permanent));
    if (status < 0 || permanent)
        return status;
    timestamp_format(call->expires, text);
    if (*text == '\0')
        return -EINVAL;
    /* The API writes the offset out (facts 1.3). */
    snprintf(deadline, sizeof deadline, "%.*s+00:00", (int)strcspn(text, "Z"), text);
    return put_text(body, "Deadline", deadline);
}

static int put_texts(json_t *body, const char *key, const char *text)
{
    json_t *array;
    int status = tencent_pack_ids(&text, 1, &array);
    return status < 0 ? status : put(body, key, array);
}

static int share_body(const struct cloud_call *call, json_t *body)
{
    int status = put_texts(body, "SnapshotIds", call->snapshot_id);
    if (status == 0)
        status = put_texts(body, "AccountIds", call->account);
    if (status == 0)
        status = put_text(body, "Permission", call->cancel ? "CANCEL" : "SHARE");
    return status;
}

static int copy_body(const struct cloud_call *call, json_t *body)
{
    int status = put_text(body, "SnapshotId", call->snapshot_id);
    if (status == 0)
        status = put_texts(body, "DestinationRegions", call->region);
    if (status == 0)
        status = put_given_text(body, "SnapshotName", call->name);
    return status;
}

static bool token_is_valid(const char *token)
{
    size_t length = strlen(token);
    for (size_t i = 0; i < length; i++)
        if (token[i] <= ' ' || token[i] > '~')
            return false;
    return length > 0 && length <= TOKEN_MAX;
}

static int disk_body(const struct cloud_call *call, json_t *body)
{
    if (!token_is_valid(call->token) || call->size <= 0)
        return -EINVAL;
    json_error_t error = {.line = 0};
    json_t *placement = json_pack_ex(&error, 0, "{s:s}", "Zone", call->zone);
    if (placement == NULL)
        return tencent_pack_error(&error);
    int status = put(body, "Placement", placement);
    if (status == 0)
        status = put_text(body, "DiskChargeType", "POSTPAID_BY_HOUR");
    if (status == 0)
        status = put_text(body, "DiskType", call->type);
    if (status == 0)
        status = put(body, "DiskCount", json_integer(1));
    if (status == 0)
        status = put_text(body, "SnapshotId", call->snapshot_id);
    if (status == 0)
        status = put(body, "DiskSize", json_integer((json_int_t)call->size));
    if (status == 0)
        status = put_given_text(body, "DiskName", call->name);
    if (status == 0)
        status = put_text(body, "ClientToken", call->token);
    return status;
}

static int create_group_body(const struct cloud_call *call, json_t *body)
{
    json_t *disks;
    int status = tencent_pack_ids(call->ids, call->id_count, &disks);
    if (status == 0)
        status = put(body, "DiskIds", disks);
    if (status == 0)
        status = put_given_text(body, "SnapshotGroupName", call->name);
    return status;
}

static int put_member(const struct cloud_member *member, json_t *members)
{
    if (member->snapshot_id == NULL || member->disk_id == NULL)
        return -EINVAL;
    json_error_t error = {.line = 0};
    json_t *value = json_pack_ex(&error, 0, "{s:s, s:s}", "SnapshotId", member->snapshot_id,
                                 "DiskId", member->disk_id);
    if (value == NULL)
        return tencent_pack_error(&error);
    return json_array_append_new(members, value) < 0 ? -ENOMEM : 0;
}

static int apply_group_body(const struct cloud_call *call, json_t *body)
{
    if (call->start_instance && !call->stop_instance)
        return -EINVAL;
    int status = put_text(body, "SnapshotGroupId", call->group_id);
    if (status == 0)
        status = put(body, "ApplyDisks", json_array());
    for (size_t i = 0; status == 0 && i < call->member_count; i++)
        status = put_member(&call->members[i], json_object_get(body, "ApplyDisks"));
    if (status == 0 && call->stop_instance)
        status = put(body, "AutoStopInstance", json_true());
    if (status == 0 && call->start_instance)
        status = put(body, "AutoStartInstance", json_true());
    return status;
}

/* --- the whole ----------------------------------------------------------------------- */

/* What a call needs and does not have is a mistake, not a lack of memory. */
static bool is_complete(const struct cloud_call *call)
{
    switch (call->verb) {
    case CLOUD_DESCRIBE_SHARES:
    case CLOUD_EXPIRE_SNAPSHOT:
        return call->snapshot_id != NULL;
    case CLOUD_SHARE_SNAPSHOT:
        return call->snapshot_id != NULL && call->account != NULL;
    case CLOUD_COPY_SNAPSHOT:
        return call->snapshot_id != NULL && call->region != NULL;
    case CLOUD_CREATE_DISK:
        return call->snapshot_id != NULL && call->zone != NULL && call->type != NULL &&
               call->token != NULL;
    case CLOUD_CREATE_GROUP:
        return call->id_count > 0;
    case CLOUD_APPLY_GROUP:
        return call->group_id != NULL && call->member_count > 0;
    case CLOUD_DELETE_GROUP:
        return call->group_id != NULL;
    default:
        return true;
    }
}

static int fill_body(const struct cloud_call *call, json_t *body)
{
    switch (call->verb) {
    case CLOUD_DESCRIBE_SHARES:
        return put_text(body, "SnapshotId", call->snapshot_id);
    case CLOUD_DESCRIBE_GROUPS:
    case CLOUD_DESCRIBE_POLICIES:
        return listing_body(call, body);
    case CLOUD_DESCRIBE_REGIONS:
        return put_text(body, "Product", "cbs");
    case CLOUD_EXPIRE_SNAPSHOT:
        return expire_body(call, body);
    case CLOUD_SHARE_SNAPSHOT:
        return share_body(call, body);
    case CLOUD_COPY_SNAPSHOT:
        return copy_body(call, body);
    case CLOUD_CREATE_DISK:
        return disk_body(call, body);
    case CLOUD_CREATE_GROUP:
        return create_group_body(call, body);
    case CLOUD_APPLY_GROUP:
        return apply_group_body(call, body);
    case CLOUD_DELETE_GROUP:
        return put_text(body, "SnapshotGroupId", call->group_id);
    default:
        return -EINVAL;
    }
}

int tencent_feature_body(const struct cloud_call *call, json_t **body)
{
    if (!is_complete(call))
        return -EINVAL;
    *body = json_object();
    return *body == NULL ? -ENOMEM : fill_body(call, *body);
}
