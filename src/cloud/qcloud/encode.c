/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls as requests of the legacy API v2 (tencent-cbs facts 6.1): POST of a form to /v2/index.php,
 * snapshots and disks each at a host of their own.
 *
 * POST and not GET, so that neither a session token nor a signature gets into anybody's log of
 * URLs.  Everything is signed, and signed raw; the form holds the same values percent-encoded.
 */
#include "qcloud.h"

#include "../codec.h"

#include "cbsfs/http.h"
#include "cbsfs/qcloud_signature.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT          100 /* of a page and of a list of ids (facts 6.4) */
#define ROOT_DOMAIN    "api.qcloud.com"
#define PARAMETERS_MAX (LIMIT + 16)
#define HASH_NAME      "HmacSHA256"

const char *qcloud_action(enum cloud_verb verb)
{
    switch (verb) {
    case CLOUD_DESCRIBE_DISKS:
        return "DescribeCbsStorages";
    case CLOUD_DESCRIBE_SNAPSHOTS:
        return "DescribeSnapshots";
    case CLOUD_CREATE_SNAPSHOT:
        return "CreateSnapshot";
    case CLOUD_APPLY_SNAPSHOT:
        return "ApplySnapshot";
    case CLOUD_RENAME_SNAPSHOT:
        return "ModifySnapshot";
    case CLOUD_DELETE_SNAPSHOT:
        return "DeleteSnapshot";
    default: /* see refusal() */
        break;
    }
    return "";
}

/* --- where --------------------------------------------------------------------------- */

/* The codes of facts section 5. The API took only these at first and long names in later years, so
 * a long name that has a code is sent as its code, and whatever else the user says as it is. */
static const char *region_code(const char *region)
{
    static const struct {
        const char *name, *code;
    } regions[] = {
        {"ap-guangzhou", "gz"},      {"ap-shenzhen-fsi", "szjr"}, {"ap-shanghai", "sh"},
        {"ap-shanghai-fsi", "shjr"}, {"ap-nanjing", "nj"},        {"ap-beijing", "bj"},
        {"ap-beijing-fsi", "bjjr"},  {"ap-chengdu", "cd"},        {"ap-chongqing", "cq"},
        {"ap-hongkong", "hk"},       {"ap-taipei", "tpe"},        {"ap-singapore", "sg"},
        {"ap-jakarta", "jkt"},       {"ap-bangkok", "th"},        {"ap-mumbai", "in"},
        {"ap-seoul", "kr"},          {"ap-tokyo", "jp"},          {"na-siliconvalley", "usw"},
        {"na-ashburn", "use"},       {"na-toronto", "ca"},        {"sa-saopaulo", "sao"},
        {"eu-frankfurt", "de"},      {"eu-moscow", "ru"},         {"ap-guangzhou-open", "gzopen"},
        {"ap-shenzhen", "szx"},      {"ap-qingyuan", "qy"},       {"ap-tianjin", "tsn"},
    };
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++)
        if (strcmp(regions[i].name, region) == 0)
            return regions[i].code;
    return region;
}

static int endpoint_of(const struct cloud_account *account, enum cloud_verb verb, char *url,
                       size_t size)
{
    if (!codec_region_is_valid(account->region))
        return -EINVAL;
    int length = account->endpoint != NULL
                     ? snprintf(url, size, "%s", account->endpoint)
                     : snprintf(url, size, "https://%s." ROOT_DOMAIN,
                                verb == CLOUD_DESCRIBE_DISKS ? "cbs" : "snapshot");
    return length < 0 || (size_t)length >= size ? -EINVAL : 0;
}

int qcloud_endpoint(const struct cloud_account *account, char *url, size_t size)
{
    return endpoint_of(account, CLOUD_DESCRIBE_SNAPSHOTS, url, size);
}

/* --- what ---------------------------------------------------------------------------- */

/* Parameters of one request; `texts` holds names and values that are made here. */
struct form {
    struct qcloud_parameter parameters[PARAMETERS_MAX];
    size_t count;
    char texts[PARAMETERS_MAX][40];
    size_t text_count;
};

static void put(struct form *form, const char *name, const char *value)
{
    form->parameters[form->count++] = (struct qcloud_parameter){name, value};
}

static void put_number(struct form *form, const char *name, uint64_t number)
{
    char *text = form->texts[form->text_count++];
    snprintf(text, sizeof *form->texts, "%" PRIu64, number);
    put(form, name, text);
}

/* One element of a list: "snapshotIds.3". */
static void put_element(struct form *form, const char *list, size_t index, const char *value)
{
    char *name = form->texts[form->text_count++];
    snprintf(name, sizeof *form->texts, "%s.%zu", list, index);
    put(form, name, value);
}

static int put_describe(struct form *form, const struct cloud_call *call)
{
    bool disks = call->verb == CLOUD_DESCRIBE_DISKS;
    bool by_id = call->id_count > 0;
    if (by_id && (call->disk_id != NULL || call->offset != 0 || call->id_count > LIMIT))
        return -EINVAL;
    if (!by_id && (call->limit == 0 || call->limit > LIMIT))
        return -EINVAL;
    for (size_t i = 0; i < call->id_count; i++)
        put_element(form, disks ? "storageIds" : "snapshotIds", i, call->ids[i]);
    if (call->disk_id != NULL)
        put_element(form, "storageIds", 0, call->disk_id);
    put_number(form, "offset", call->offset);
    /* Without a limit the answer would hold 20 of them. */
    put_number(form, "limit", by_id ? call->id_count : call->limit);
    return 0;
}

static int put_call(struct form *form, const struct cloud_call *call)
{
    switch (call->verb) {
    case CLOUD_DESCRIBE_DISKS:
    case CLOUD_DESCRIBE_SNAPSHOTS:
        return put_describe(form, call);
    case CLOUD_CREATE_SNAPSHOT:
        put(form, "storageId", call->disk_id);
        put(form, "snapshotName", call->name);
        return 0;
    case CLOUD_APPLY_SNAPSHOT:
        if (call->stop_instance || call->start_instance)
            return -EINVAL;
        put(form, "snapshotId", call->snapshot_id);
        put(form, "storageId", call->disk_id);
        return 0;
    case CLOUD_RENAME_SNAPSHOT:
        put(form, "snapshotId", call->snapshot_id);
        put(form, "snapshotName", call->name);
        return 0;
    case CLOUD_DELETE_SNAPSHOT:
        put_element(form, "snapshotIds", 0, call->snapshot_id);
        return 0;
    default: /* see refusal() */
        break;
    }
    return -EINVAL;
}

static void put_common(struct form *form, const struct cloud_account *account,
                       const struct credential *credential, int64_t now,
                       const struct cloud_call *call)
{
    put(form, "Action", qcloud_action(call->verb));
    put(form, "Region", region_code(account->region));
    put_number(form, "Timestamp", (uint64_t)(now > 0 ? now : 0));
    put_number(form, "Nonce", call->nonce);
    put(form, "SecretId", credential->secret_id);
    put(form, "SignatureMethod", HASH_NAME);
    put(form, "RequestClient", "cbsfs-" CBSFS_VERSION);
    if (credential->token != NULL && *credential->token != '\0')
        put(form, "Token", credential->token);
}

/* --- on the wire --------------------------------------------------------------------- */

static int put_encoded(struct buffer *body, const char *name, const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, (int)strlen(value));
    if (escaped == NULL)
        return -ENOMEM;
    int status = buffer_printf(body, "%s%s=%s", body->length > 0 ? "&" : "", name, escaped);
    curl_free(escaped);
    return status;
}

static int put_body(const struct form *form, const char *host, const char *secret_key,
                    struct buffer *body)
{
    struct buffer text, signature;
    buffer_init(&text, 0);
    buffer_init(&signature, 0);
    int status = qcloud_string_to_sign("POST", host, form->parameters, form->count, &text);
    if (status == 0)
        status = qcloud_signature(QCLOUD_HMAC_SHA256, secret_key, text.data, &signature);
    for (size_t i = 0; status == 0 && i < form->count; i++)
        status = put_encoded(body, form->parameters[i].name, form->parameters[i].value);
    if (status == 0)
        status = put_encoded(body, "Signature", signature.data);
    buffer_cleanse(&text); /* it may hold a token */
    buffer_free(&signature);
    return status;
}

static int encode(const struct cloud_account *account, const struct credential *credential,
                  int64_t now, const struct cloud_call *call, struct http_request *request)
{
    char endpoint[512];
    char *scheme = NULL;
    struct buffer host, url, body;
    struct form form = {.count = 0};
    buffer_init(&host, 0);
    buffer_init(&url, 0);
    buffer_init(&body, 0);
    int status = endpoint_of(account, call->verb, endpoint, sizeof endpoint);
    if (status == 0)
        status = codec_split_endpoint(endpoint, &scheme, &host);
    if (status == 0)
        status = put_call(&form, call);
    if (status < 0)
        goto out;
    put_common(&form, account, credential, now, call);
    qcloud_sort(form.parameters, form.count);
    status = buffer_printf(&url, "%s://%s/v2/index.php", scheme, host.data);
    if (status == 0)
        status = put_body(&form, host.data, credential->secret_key, &body);
    if (status == 0)
        status =
            http_request_add_header(request, "Content-Type", "application/x-www-form-urlencoded");
    if (status < 0)
        goto out;
    request->method = strdup("POST");
    request->url = buffer_steal(&url);
    request->body_length = body.length;
    request->body = buffer_steal(&body);
    if (request->method == NULL || request->url == NULL || request->body == NULL)
        status = -ENOMEM;
out:
    curl_free(scheme);
    buffer_free(&host);
    buffer_free(&url);
    buffer_cleanse(&body);
    return status;
}

int qcloud_encode(const struct cloud_account *account, const struct credential *credential,
                  int64_t now, const struct cloud_call *call, struct http_request *request)
{
    if (credential->secret_id == NULL || credential->secret_key == NULL)
        return -EINVAL;
    int status = encode(account, credential, now, call, request);
    if (status < 0)
        http_request_free(request);
    return status;
}
