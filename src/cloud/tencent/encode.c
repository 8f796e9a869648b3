/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls as requests of API 3.0 (tencent-cbs facts section 1): POST of a JSON object to "/", the
 * rest in headers.
 *
 * The signature covers the body and the Host header, which libcurl writes; so the URL is taken
 * apart and put together again here in one spelling (no default port, lower-case host), from which
 * libcurl can derive only the Host that was signed.
 */
#include "tencent.h"

#include "../codec.h"

#include "cbsfs/buffer.h"
#include "cbsfs/fields.h"
#include "cbsfs/http.h"
#include "cbsfs/tc3.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define API_VERSION "2017-03-12"
#define SERVICE     "cbs"
/* Which regions there are is another product's to say (facts section 5). */
#define REGIONS_VERSION "2022-06-27"
#define REGIONS_SERVICE "region"
#define ROOT_DOMAIN     "tencentcloudapi.com"
#define CONTENT_TYPE    "application/json"
#define LIMIT           100 /* of a page and of a list of ids (facts 1.4.1) */

const char *tencent_action(enum cloud_verb verb)
{
    switch (verb) {
    case CLOUD_DESCRIBE_DISKS:
        return "DescribeDisks";
    case CLOUD_DESCRIBE_SNAPSHOTS:
        return "DescribeSnapshots";
    case CLOUD_DESCRIBE_SHARES:
        return "DescribeSnapshotSharePermission";
    case CLOUD_DESCRIBE_GROUPS:
        return "DescribeSnapshotGroups";
    case CLOUD_DESCRIBE_POLICIES:
        return "DescribeAutoSnapshotPolicies";
    case CLOUD_DESCRIBE_REGIONS:
        return "DescribeRegions";
    case CLOUD_CREATE_SNAPSHOT:
        return "CreateSnapshot";
    case CLOUD_APPLY_SNAPSHOT:
        return "ApplySnapshot";
    case CLOUD_RENAME_SNAPSHOT:
        return "ModifySnapshotAttribute";
    case CLOUD_DELETE_SNAPSHOT:
        return "DeleteSnapshots";
    case CLOUD_EXPIRE_SNAPSHOT:
        return "ModifySnapshotAttribute";
    case CLOUD_SHARE_SNAPSHOT:
        return "ModifySnapshotsSharePermission";
    case CLOUD_COPY_SNAPSHOT:
        return "CopySnapshotCrossRegions";
    case CLOUD_CREATE_DISK:
        return "CreateDisks";
    case CLOUD_CREATE_GROUP:
        return "CreateSnapshotGroup";
    case CLOUD_APPLY_GROUP:
        return "ApplySnapshotGroup";
    case CLOUD_DELETE_GROUP:
        return "DeleteSnapshotGroup";
    }
    return "";
}

/* --- where --------------------------------------------------------------------------- */

/* Finance regions are served only by hosts of their own (facts section 5). */
static bool region_is_finance(const char *region)
{
    size_t length = strlen(region);
    return length > 4 && strcmp(region + length - 4, "-fsi") == 0;
}

int tencent_endpoint(const struct cloud_account *account, char *url, size_t size)
{
    const char *region = account->region;
    if (!codec_region_is_valid(region))
        return -EINVAL;
    int length;
    if (account->endpoint != NULL)
        length = snprintf(url, size, "%s", account->endpoint);
    else if (region_is_finance(region))
        length = snprintf(url, size, "https://" SERVICE ".%s." ROOT_DOMAIN, region);
    else
        length = snprintf(url, size, "https://" SERVICE "." ROOT_DOMAIN);
    return length < 0 || (size_t)length >= size ? -EINVAL : 0;
}

/* An endpoint of the vendor's own is a product's; one of anybody else takes all. */
static int regions_endpoint(const struct cloud_account *account, char *url, size_t size)
{
    static const char own[] = "https://" SERVICE ".";
    const char *endpoint = account->endpoint;
    if (endpoint == NULL) {
        int length = snprintf(url, size, "https://" REGIONS_SERVICE "." ROOT_DOMAIN);
        return length < 0 || (size_t)length >= size ? -EINVAL : 0;
    }
    size_t end = strlen(endpoint), root = strlen("." ROOT_DOMAIN);
    const char *rest = endpoint;
    const char *product = "";
    if (strncasecmp(endpoint, own, sizeof own - 1) == 0 && end >= sizeof own - 1 + root - 1 &&
        strcasecmp(endpoint + end - root, "." ROOT_DOMAIN) == 0) {
        rest = endpoint + sizeof own - 1;
        product = "https://" REGIONS_SERVICE ".";
    }
    int length = snprintf(url, size, "%s%s", product, rest);
    return length < 0 || (size_t)length >= size ? -EINVAL : 0;
}

static int endpoint_for(const struct cloud_account *account, enum cloud_verb verb, char *url,
                        size_t size)
{
    int status = tencent_endpoint(account, url, size);
    return status == 0 && verb == CLOUD_DESCRIBE_REGIONS ? regions_endpoint(account, url, size)
                                                         : status;
}

/* --- what ---------------------------------------------------------------------------- */

static int describe_ids(const struct cloud_call *call, json_t **body)
{
    if (call->disk_id != NULL || call->offset != 0 || call->id_count > LIMIT)
        return -EINVAL;
    json_t *ids;
    int status = tencent_pack_ids(call->ids, call->id_count, &ids);
    if (status < 0)
        return status;
    json_error_t error = {.line = 0}; /* its code is not always set */
    /* Without a limit the answer would hold 20 of them. */
    const char *key = call->verb == CLOUD_DESCRIBE_DISKS ? "DiskIds" : "SnapshotIds";
    *body = json_pack_ex(&error, 0, "{s:O, s:i}", key, ids, "Limit", (int)call->id_count);
    json_decref(ids);
    return *body == NULL ? tencent_pack_error(&error) : 0;
}

static int describe_page(const struct cloud_call *call, json_t **body)
{
    if (call->limit == 0 || call->limit > LIMIT)
        return -EINVAL;
    json_error_t error = {.line = 0}; /* its code is not always set */
    *body =
        json_pack_ex(&error, 0, "{s:I, s:I, s:s, s:s}", "Offset", (json_int_t)call->offset, "Limit",
                     (json_int_t)call->limit, "Order", "ASC", "OrderField", "CREATE_TIME");
    if (*body == NULL)
        return tencent_pack_error(&error);
    if (call->disk_id == NULL)
        return 0;
    json_t *filters =
        json_pack_ex(&error, 0, "[{s:s, s:[s]}]", "Name", "disk-id", "Values", call->disk_id);
    if (filters == NULL)
        return tencent_pack_error(&error);
    return json_object_set_new(*body, "Filters", filters) < 0 ? -ENOMEM : 0;
}

static int apply_body(const struct cloud_call *call, json_t **body)
{
    if (call->start_instance && !call->stop_instance)
        return -EINVAL;
    json_error_t error = {.line = 0}; /* its code is not always set */
    *body = json_pack_ex(&error, 0, "{s:s, s:s}", "SnapshotId", call->snapshot_id, "DiskId",
                         call->disk_id);
    if (*body == NULL)
        return tencent_pack_error(&error);
    if (call->stop_instance && json_object_set_new(*body, "AutoStopInstance", json_true()) < 0)
        return -ENOMEM;
    if (call->start_instance && json_object_set_new(*body, "AutoStartInstance", json_true()) < 0)
        return -ENOMEM;
    return 0;
}

/* What a call needs and does not have is a mistake, not a lack of memory. */
static bool is_complete(const struct cloud_call *call)
{
    switch (call->verb) {
    case CLOUD_CREATE_SNAPSHOT:
        return call->disk_id != NULL && call->name != NULL;
    case CLOUD_APPLY_SNAPSHOT:
        return call->disk_id != NULL && call->snapshot_id != NULL;
    case CLOUD_RENAME_SNAPSHOT:
        return call->snapshot_id != NULL && call->name != NULL;
    case CLOUD_DELETE_SNAPSHOT:
        return call->snapshot_id != NULL;
    default:
        return true;
    }
}

/* After a failure *body may still hold something to be released. */
static int build_body(const struct cloud_call *call, json_t **body)
{
    json_error_t error = {.line = 0}; /* its code is not always set */
    if (!is_complete(call))
        return -EINVAL;
    switch (call->verb) {
    case CLOUD_DESCRIBE_DISKS:
    case CLOUD_DESCRIBE_SNAPSHOTS:
        return call->id_count > 0 ? describe_ids(call, body) : describe_page(call, body);
    case CLOUD_APPLY_SNAPSHOT:
        return apply_body(call, body);
    case CLOUD_CREATE_SNAPSHOT:
        *body = json_pack_ex(&error, 0, "{s:s, s:s}", "DiskId", call->disk_id, "SnapshotName",
                             call->name);
        break;
    case CLOUD_RENAME_SNAPSHOT:
        *body = json_pack_ex(&error, 0, "{s:s, s:s}", "SnapshotId", call->snapshot_id,
                             "SnapshotName", call->name);
        break;
    case CLOUD_DELETE_SNAPSHOT:
        *body = json_pack_ex(&error, 0, "{s:[s]}", "SnapshotIds", call->snapshot_id);
        break;
    default:
        return tencent_feature_body(call, body);
    }
    return *body == NULL ? tencent_pack_error(&error) : 0;
}

/* --- as whom ------------------------------------------------------------------------- */

/* A line break in a value would let whoever chose it write headers of their own. */
static int add_header(struct http_request *request, const char *name, const char *value)
{
    for (const char *letter = value; *letter != '\0'; letter++)
        if (iscntrl((unsigned char)*letter))
            return -EINVAL;
    return http_request_add_header(request, name, value);
}

static int add_authorization(const struct credential *credential, const char *host, int64_t now,
                             enum cloud_verb verb, struct http_request *request)
{
    const struct tc3_header signed_headers[] = {{"content-type", CONTENT_TYPE}, {"host", host}};
    const struct tc3_request parts = {
        .method = "POST",
        .query = "",
        .headers = signed_headers,
        .header_count = 2,
        .payload = request->body,
        .payload_length = request->body_length,
        .service = verb == CLOUD_DESCRIBE_REGIONS ? REGIONS_SERVICE : SERVICE,
        .timestamp = now,
    };
    struct buffer value;
    buffer_init(&value, 0);
    buffer_hold_secret(&value);
    int status = tc3_authorization(&parts, credential->secret_id, credential->secret_key, &value);
    if (status == 0)
        status = add_header(request, "Authorization", value.data);
    buffer_cleanse(&value);
    return status;
}

static int add_headers(const struct cloud_account *account, const struct credential *credential,
                       int64_t now, enum cloud_verb verb, struct http_request *request)
{
    bool regions = verb == CLOUD_DESCRIBE_REGIONS;
    char timestamp[24];
    snprintf(timestamp, sizeof timestamp, "%" PRId64, now);
    const struct {
        const char *name, *value;
    } headers[] = {
        {"Content-Type", CONTENT_TYPE},
        {"X-TC-Action", tencent_action(verb)},
        {"X-TC-Version", regions ? REGIONS_VERSION : API_VERSION},
        {"X-TC-Timestamp", timestamp},
        {"X-TC-Region", regions ? NULL : account->region},
        {"X-TC-Language", account->language},
        {"X-TC-RequestClient", "cbsfs-" CBSFS_VERSION},
        {"X-TC-Token", credential->token},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        if (headers[i].value == NULL || *headers[i].value == '\0')
            continue;
        int status = add_header(request, headers[i].name, headers[i].value);
        if (status < 0)
            return status;
    }
    return 0;
}

static int encode(const struct cloud_account *account, const struct credential *credential,
                  int64_t now, const struct cloud_call *call, struct http_request *request)
{
    char endpoint[512];
    char *scheme = NULL;
    json_t *body = NULL;
    struct buffer host, url;
    buffer_init(&host, 0);
    buffer_init(&url, 0);
    int status = endpoint_for(account, call->verb, endpoint, sizeof endpoint);
    if (status == 0)
        status = codec_split_endpoint(endpoint, &scheme, &host);
    if (status == 0)
        status = build_body(call, &body);
    if (status == 0)
        status = buffer_printf(&url, "%s://%s/", scheme, host.data);
    if (status < 0)
        goto out;
    status = -ENOMEM;
    request->method = strdup("POST");
    request->url = buffer_steal(&url);
    request->body = fields_print(body);
    if (request->method == NULL || request->url == NULL || request->body == NULL)
        goto out;
    request->body_length = strlen(request->body);
    status = add_headers(account, credential, now, call->verb, request);
    if (status == 0)
        status = add_authorization(credential, host.data, now, call->verb, request);
out:
    curl_free(scheme);
    json_decref(body);
    buffer_free(&host);
    buffer_free(&url);
    return status;
}

int tencent_encode(const struct cloud_account *account, const struct credential *credential,
                   int64_t now, const struct cloud_call *call, struct http_request *request)
{
    if (credential->secret_id == NULL || credential->secret_key == NULL)
        return -EINVAL;
    int status = encode(account, credential, now, call, request);
    if (status < 0)
        http_request_free(request);
    return status;
}
