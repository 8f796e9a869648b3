/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the cloud: the input is a body, read as the answer to each verb; its last byte chooses
 * the status and the content type of one more reading. */
#include "fuzz.h"

#include "cbsfs/buffer.h"
#include "cbsfs/http.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *content_type;

static const char *header_of(const struct http_reply *reply, const char *name)
{
    (void)reply;
    return strcasecmp(name, "Content-Type") == 0 ? content_type : NULL;
}

static bool is_id(const char *id)
{
    size_t length = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return length > 0 && length <= 64 && id[length] == '\0';
}

static void require_disk(const struct disk_record *disk)
{
    fuzz_require(is_id(disk->id) && disk->raw != NULL);
    fuzz_require(disk->size >= -1 && disk->snapshot_count >= -1 && disk->rollback_percent <= 100);
    /* Each is a string. */
    fuzz_require(strlen(disk->name) + strlen(disk->state) + strlen(disk->usage) +
                     strlen(disk->type) + strlen(disk->zone) + strlen(disk->instance) +
                     strlen(disk->charge_type) + strlen(disk->project) <
                 (size_t)1 << 30);
    fuzz_require(*disk->group == '\0' || is_id(disk->group));
}

static void require_snapshot(const struct snapshot_record *snapshot)
{
    fuzz_require(is_id(snapshot->id) && snapshot->raw != NULL);
    fuzz_require(*snapshot->disk_id == '\0' || is_id(snapshot->disk_id));
    fuzz_require(*snapshot->group == '\0' || is_id(snapshot->group));
    fuzz_require(snapshot->size >= -1 && snapshot->percent <= 100);
    fuzz_require(strlen(snapshot->name) + strlen(snapshot->state) + strlen(snapshot->word) +
                     strlen(snapshot->usage) + strlen(snapshot->type) + strlen(snapshot->zone) <
                 (size_t)1 << 30);
}

static void require_time(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    fuzz_require(json_is_null(value) || json_is_integer(value));
}

static void require_ids(const json_t *object, const char *key)
{
    const json_t *ids = json_object_get(object, key);
    fuzz_require(json_is_array(ids));
    for (size_t i = 0; i < json_array_size(ids); i++)
        fuzz_require(is_id(json_string_value(json_array_get(ids, i))));
}

static void require_texts(const json_t *object, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        fuzz_require(json_is_string(json_object_get(object, *keys)));
}

/* The members that the contract promises, whatever was sent. */
static void require_object(enum cloud_verb verb, const json_t *object)
{
    static const char *const of_group[] = {"name", "state", "word", "policy", NULL};
    static const char *const of_policy[] = {"name", "state", NULL};
    static const char *const of_region[] = {"name", NULL};
    const char *key = verb == CLOUD_DESCRIBE_SHARES ? "account" : "id";
    const json_t *id = json_object_get(object, key);
    fuzz_require(json_is_string(id) && is_id(json_string_value(id)));
    if (verb == CLOUD_DESCRIBE_SHARES)
        require_time(object, "since");
    if (verb == CLOUD_DESCRIBE_GROUPS) {
        json_int_t percent = json_integer_value(json_object_get(object, "percent"));
        require_texts(object, of_group);
        require_time(object, "created");
        require_ids(object, "snapshots");
        fuzz_require(percent >= 0 && percent <= 100);
    }
    if (verb == CLOUD_DESCRIBE_POLICIES) {
        require_texts(object, of_policy);
        require_time(object, "next");
        require_ids(object, "disks");
        fuzz_require(json_is_boolean(json_object_get(object, "active")));
        fuzz_require(json_integer_value(json_object_get(object, "days")) >= 0);
    }
    if (verb == CLOUD_DESCRIBE_GROUPS || verb == CLOUD_DESCRIBE_POLICIES)
        fuzz_require(json_is_object(json_object_get(object, "raw")));
    if (verb == CLOUD_DESCRIBE_REGIONS) {
        require_texts(object, of_region);
        fuzz_require(json_is_boolean(json_object_get(object, "available")));
    }
}

/* Whatever a record holds, what is told of it is whole lines. */
static void require_features(const struct provider *provider,
                             const struct snapshot_record *snapshot)
{
    for (int feature = FEATURE_TAGS; feature <= FEATURE_COPYING; feature++) {
        struct buffer out;
        buffer_init(&out, 0);
        if (provider->put_feature != NULL)
            fuzz_require(
                provider->put_feature(snapshot->raw, (enum snapshot_feature)feature, &out) == 0);
        for (size_t i = 0; i < out.length; i++)
            fuzz_require((unsigned char)out.data[i] >= ' ' || out.data[i] == '\n');
        fuzz_require(out.length == 0 || out.data[out.length - 1] == '\n');
        buffer_free(&out);
    }
}

static void require_error(const struct cloud_answer *answer, bool change)
{
    const struct cloud_error *error = &answer->error;
    fuzz_require(error->status < 0 && error->outcome != CLOUD_DONE);
    /* It was answered, so it was sent. */
    fuzz_require(error->outcome != CLOUD_NOT_SENT);
    fuzz_require(answer->count == 0 && answer->list == NULL && answer->document == NULL);
    fuzz_require(error->status != -EPROTO || error->outcome == CLOUD_UNKNOWN);
    /* A change whose fate is not known is not sent again. */
    fuzz_require(!change || error->outcome != CLOUD_UNKNOWN ||
                 (error->remedy != CLOUD_LATER && error->remedy != CLOUD_CLOCK &&
                  error->remedy != CLOUD_CREDENTIAL && error->remedy != CLOUD_OTHER_WAY));
}

static void decode_as(const struct provider *provider, enum cloud_verb verb, bool by_id,
                      long status, const uint8_t *data, size_t size)
{
    static const char *const ids[] = {"93736622-8b2f-42a9-8984-6ab8c6962718"};
    char *body = fuzz_text(data, size);
    const struct cloud_call call = {
        .verb = verb, .limit = 100, .ids = ids, .id_count = by_id ? 1 : 0, .region = "ap-beijing"};
    const struct http_reply reply = {.failure = HTTP_OK,
                                     .status = status,
                                     .body = body,
                                     .body_length = size,
                                     .date = TIMESTAMP_NONE,
                                     .retry_after = -1,
                                     .header = header_of};
    struct cloud_answer answer;
    cloud_answer_init(&answer);
    provider->decode(&call, &reply, &answer);
    fuzz_require(answer.error.http_status == status);
    fuzz_require(memchr(answer.error.message, 0, sizeof(answer.error.message)) != NULL);
    fuzz_require(memchr(answer.error.code, 0, sizeof(answer.error.code)) != NULL);
    fuzz_require(memchr(answer.error.request_id, 0, sizeof(answer.error.request_id)) != NULL);
    if (answer.error.status == 0) {
        for (size_t i = 0; i < answer.count && answer.disks != NULL; i++)
            require_disk(&answer.disks[i]);
        for (size_t i = 0; i < answer.count && answer.snapshots != NULL; i++)
            require_snapshot(&answer.snapshots[i]);
        for (size_t i = 0; i < answer.count && answer.snapshots != NULL; i++)
            require_features(provider, &answer.snapshots[i]);
        for (size_t i = 0; i < json_array_size(answer.list); i++)
            require_object(verb, json_array_get(answer.list, i));
        fuzz_require(answer.total >= -1);
        fuzz_require(answer.next == NULL || is_id(answer.next));
        fuzz_require(*answer.created_id == '\0' || is_id(answer.created_id));
    } else {
        require_error(&answer, cloud_verb_is_change(verb));
    }
    cloud_answer_free(&answer);
    free(body);
}

static void decode(enum cloud_verb verb, long status, const uint8_t *data, size_t size)
{
    decode_as(&provider_tencent, verb, false, status, data, size);
    decode_as(&provider_qcloud, verb, false, status, data, size);
    decode_as(&provider_openstack, verb, false, status, data, size);
    decode_as(&provider_evs, verb, false, status, data, size);
    if (!cloud_verb_is_change(verb))
        decode_as(&provider_openstack, verb, true, status, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const long statuses[] = {200, 400, 404, 429, 500, 503, 302, 0};
    static const char *const types[] = {"application/json", "text/html", NULL, "\xff\n%s"};
    content_type = types[0];
    decode(CLOUD_DESCRIBE_DISKS, 200, data, size);
    decode(CLOUD_DESCRIBE_SNAPSHOTS, 200, data, size);
    decode(CLOUD_CREATE_SNAPSHOT, 200, data, size);
    /* The verbs that only one of them speaks. */
    for (int verb = CLOUD_DESCRIBE_SHARES; verb < CLOUD_VERB_COUNT; verb++)
        decode_as(&provider_tencent, (enum cloud_verb)verb, false, 200, data, size);
    decode_as(&provider_openstack, CLOUD_DESCRIBE_GROUPS, false, 200, data, size);
    if (size == 0)
        return 0;
    unsigned choice = data[size - 1];
    content_type = types[(choice >> 3) % 4];
    decode((enum cloud_verb)(choice % CLOUD_VERB_COUNT), statuses[choice % 8], data, size - 1);
    return 0;
}
