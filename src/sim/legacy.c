/* SPDX-License-Identifier: Apache-2.0 */
#include "legacy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "cbsfs/fields.h"
#include "late.h"
#include "parameters.h"

#define SKEW       300 /* seconds */
#define IDS_LIMIT  100
#define PAGE_LIMIT 100

/* --- regions ------------------------------------------------------------------------- */

/* Those that a region may also be called by; whatever has none is called by its long name. */
static const char *long_region(const char *region)
{
    static const char *const regions[][2] = {
        {"gz", "ap-guangzhou"}, {"sh", "ap-shanghai"},  {"bj", "ap-beijing"},
        {"cd", "ap-chengdu"},   {"hk", "ap-hongkong"},  {"sg", "ap-singapore"},
        {"nj", "ap-nanjing"},   {"jp", "ap-tokyo"},     {"kr", "ap-seoul"},
        {"de", "eu-frankfurt"}, {"use", "na-ashburn"},  {"usw", "na-siliconvalley"},
        {"cq", "ap-chongqing"}, {"th", "ap-bangkok"},   {"in", "ap-mumbai"},
        {"jkt", "ap-jakarta"},  {"sao", "sa-saopaulo"}, {"shjr", "ap-shanghai-fsi"},
    };

    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        if (strcmp(regions[i][0], region) == 0)
            return regions[i][1];
    }
    return region;
}

static int find_account(struct api_request *request, const char *region)
{
    struct sim *sim = request->sim;

    for (size_t i = 0; i < sim->account_count; i++) {
        if (strcmp(sim->accounts[i].region, long_region(region)) == 0) {
            request->account = &sim->accounts[i];
            return 0;
        }
    }
    return api_refuse_plainly(request, "UnsupportedRegion", "The region `%s` is not supported.",
                              region);
}

/* --- reading ------------------------------------------------------------------------- */

int legacy_read(struct api_request *request, const struct http_request *http)
{
    bool get = strcmp(http->method, "GET") == 0;
    const char *type = http->header(http->header_context, "Content-Type");
    const char *text = get ? http->query : http->body;
    size_t length = get ? strlen(http->query) : http->body_length;
    int status;

    request->parameters = json_object();
    if (!request->parameters)
        return -ENOMEM;
    if (!get && (!type || strncmp(type, "application/x-www-form-urlencoded", 33) != 0))
        return api_refuse_plainly(request, "InvalidParameter", "(4000) a POST holds a form");
    status = text ? parameters_read_flat(text, length, request->parameters) : 0;
    if (status == -EINVAL)
        return api_refuse_plainly(request, "InvalidParameter",
                                  "(4000) the parameters cannot be read");
    return status;
}

/* --- who asks ------------------------------------------------------------------------ */

static const char *given(const struct api_request *request, const char *name)
{
    return field_text(request->parameters, name, "");
}

/* A pair of Timestamp and Nonce is good for one request. */
static bool is_replayed(struct sim *sim, long long timestamp, long long nonce)
{
    struct legacy_stamp *stamps = sim->stamps;
    size_t size = sizeof sim->stamps / sizeof *stamps;

    for (size_t i = 0; i < size; i++) {
        if (stamps[i].timestamp == timestamp && stamps[i].nonce == nonce)
            return true;
    }
    stamps[sim->stamp_count++ % size] = (struct legacy_stamp){timestamp, nonce};
    return false;
}

static int check_stamp(struct api_request *request)
{
    long long timestamp = field_integer(request->parameters, "Timestamp", -1);
    long long nonce = field_integer(request->parameters, "Nonce", -1);

    if (timestamp < 0 || nonce < 0)
        return api_refuse_plainly(request, "InvalidParameter",
                                  "Timestamp and Nonce have to be numbers.");
    if (llabs((long long)request->wall - timestamp) > SKEW)
        return api_refuse_plainly(request, "AuthFailure.SignatureExpire",
                                  "(4500) the Timestamp is more than five minutes off");
    if (is_replayed(request->sim, timestamp, nonce))
        return api_refuse_plainly(request, "AuthFailure.SignatureExpire",
                                  "(4500) this Timestamp and Nonce were used before");
    return 0;
}

static int check_caller(struct api_request *request, const struct http_request *http)
{
    static const char *const required[] = {"Action", "Region",   "Timestamp",
                                           "Nonce",  "SecretId", "Signature"};
    const struct options *options = &request->sim->options;

    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        if (!*given(request, required[i]))
            return api_refuse_plainly(request, "MissingParameter", "(4000) %s is missing",
                                      required[i]);
    }
    if (strcmp(given(request, "SecretId"), options->secret_id) != 0)
        return api_refuse_plainly(request, "AuthFailure.SecretIdNotFound",
                                  "(4104) SecretId not found");
    if (!legacy_signature_matches(http, request->parameters, options->secret_key))
        return api_refuse_plainly(request, "AuthFailure.SignatureFailure",
                                  "(4100) the signature does not match");
    if (options->token && strcmp(given(request, "Token"), options->token) != 0)
        return api_refuse_plainly(request, "AuthFailure.TokenFailure", "(4105) wrong Token");
    return check_stamp(request);
}

/* --- what is asked ------------------------------------------------------------------- */

static int read_number(struct api_request *request, const char *name, int64_t otherwise,
                       int64_t most, int64_t *number)
{
    *number = field_integer(request->parameters, name,
                            json_object_get(request->parameters, name) ? -1 : otherwise);
    if (*number >= 0 && *number <= most)
        return 0;
    return api_refuse_plainly(request, "InvalidParameter", "(9003) %s is not valid", name);
}

/* The list `name.0`, `name.1`, ...; it may begin at 1. New reference, NULL without memory. */
static json_t *read_list(const struct api_request *request, const char *name)
{
    json_t *list = json_array();
    char key[64];

    for (size_t i = 0; list && i <= IDS_LIMIT; i++) {
        snprintf(key, sizeof key, "%s.%zu", name, i);
        const json_t *value = json_object_get(request->parameters, key);
        if (value && json_array_append(list, (json_t *)(uintptr_t)value) < 0) {
            json_decref(list);
            return NULL;
        }
        if (!value && i > 0)
            break;
    }
    return list;
}

/* Runs an action of API 3.0 with `parameters`, which it takes over. */
static int run(struct api_request *request, int (*action)(struct api_request *), json_t *parameters)
{
    json_t *kept = request->parameters;
    int status;

    if (!parameters)
        return -ENOMEM;
    request->parameters = parameters;
    status = action(request);
    request->parameters = kept;
    json_decref(parameters);
    return status;
}

static int describe(struct api_request *request, bool disks)
{
    int64_t offset = 0, limit = 0;
    int status = read_number(request, "offset", 0, INT32_MAX, &offset);
    json_t *parameters, *ids, *of_disks, *answer;

    if (status == 0)
        status = read_number(request, "limit", 20, PAGE_LIMIT, &limit);
    if (status < 0)
        return status;
    parameters = json_pack("{s:I, s:I}", "Offset", (json_int_t)offset, "Limit", (json_int_t)limit);
    ids = read_list(request, disks ? "storageIds" : "snapshotIds");
    of_disks = disks ? NULL : read_list(request, "storageIds");
    if (json_array_size(ids) > 0)
        json_object_set(parameters, disks ? "DiskIds" : "SnapshotIds", ids);
    if (json_array_size(of_disks) > 0)
        json_object_set_new(parameters, "Filters",
                            json_pack("[{s:s, s:O}]", "Name", "disk-id", "Values", of_disks));
    json_decref(ids);
    json_decref(of_disks);
    status = run(request, disks ? describe_disks : describe_snapshots, parameters);
    if (status < 0)
        return status;
    answer = legacy_listing(request->reply, disks);
    json_decref(request->reply);
    request->reply = answer;
    return answer ? 0 : -ENOMEM;
}

static int describe_storages(struct api_request *request)
{
    return describe(request, true);
}

static int describe_old_snapshots(struct api_request *request)
{
    return describe(request, false);
}

static int create(struct api_request *request)
{
    const char *name = given(request, "snapshotName");
    int status = run(request, create_snapshot,
                     json_pack("{s:s, s:s}", "DiskId", given(request, "storageId"), "SnapshotName",
                               *name ? name : "Unnamed"));
    const char *id = field_text(request->reply, "SnapshotId", "");

    if (status < 0)
        return status;
    json_object_set_new(request->reply, "snapshotId", json_string(id));
    json_object_del(request->reply, "SnapshotId");
    return 0;
}

static int apply(struct api_request *request)
{
    return run(request, apply_snapshot,
               json_pack("{s:s, s:s}", "SnapshotId", given(request, "snapshotId"), "DiskId",
                         given(request, "storageId")));
}

static int modify(struct api_request *request)
{
    const char *name = given(request, "snapshotName");

    if (!*name)
        return api_refuse_plainly(request, "InvalidParameter", "(9003) snapshotName is empty");
    return run(
        request, modify_snapshot_attribute,
        json_pack("{s:s, s:s}", "SnapshotId", given(request, "snapshotId"), "SnapshotName", name));
}

/* What became of one id, and whether it is gone. New reference or NULL. */
static json_t *delete_one(struct api_request *request, json_t *id, bool *gone)
{
    int status = run(request, delete_snapshots, json_pack("{s:[O]}", "SnapshotIds", id));
    const char *word;
    int number = status < 0 ? legacy_number(request->code, &word) : 0;

    if (status == -ENOMEM)
        return NULL;
    *gone |= status == 0;
    request->code[0] = '\0';
    return json_pack("{s:i, s:s}", "code", number, "message",
                     status < 0 ? request->message : "return successfully!");
}

/* Each id for itself: the answer as a whole is 0, and `detail` tells of each. */
static int delete_each(struct api_request *request)
{
    json_t *ids = read_list(request, "snapshotIds");
    json_t *detail = json_object();
    bool gone = false;
    size_t index;
    json_t *id;
    int status = ids && detail ? 0 : -ENOMEM;

    if (status == 0 && json_array_size(ids) == 0)
        status = api_refuse_plainly(request, "InvalidParameter", "(9003) snapshotIds is empty");
    json_array_foreach(ids, index, id)
    {
        if (status == 0 &&
            json_object_set_new(detail, json_string_value(id), delete_one(request, id, &gone)) < 0)
            status = -ENOMEM;
    }
    request->unchanged = !gone;
    if (status == 0 && json_object_set(request->reply, "detail", detail) < 0)
        status = -ENOMEM;
    json_decref(ids);
    json_decref(detail);
    return status;
}

static const struct action actions[] = {
    {"DescribeCbsStorages", NULL, false, describe_storages},
    {"DescribeSnapshots", NULL, false, describe_old_snapshots},
    {"CreateSnapshot", NULL, true, create},
    {"ApplySnapshot", NULL, true, apply},
    {"ModifySnapshot", NULL, true, modify},
    {"DeleteSnapshot", NULL, true, delete_each},
};

static const struct action *find_action(const struct api_request *request)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, given(request, "Action")) == 0)
            return &actions[i];
    }
    return NULL;
}

const char *legacy_action(const struct api_request *request)
{
    const struct action *action = find_action(request);

    return action ? action->name : NULL;
}

int legacy_perform(struct api_request *request, const struct http_request *http)
{
    struct traffic *traffic = &request->sim->traffic;
    const struct action *action = find_action(request);
    size_t count = 0;
    int status = check_caller(request, http);

    if (status < 0)
        return status;
    if (!action)
        return api_refuse_plainly(request, "InvalidAction", "(4000) no such action: %s",
                                  given(request, "Action"));
    if (!traffic_accept(traffic, action->name, NULL, request->sim->options.rate, request->now,
                        &count))
        return api_refuse_plainly(request, "RequestLimitExceeded",
                                  "(4400) %zu requests in a second", count);
    status = find_account(request, given(request, "Region"));
    if (status == 0 && request->late > 0 && action->changes)
        return late_add(request, action);
    if (status == 0)
        status = action->run(request);
    if (status == 0 && action->changes && !request->unchanged)
        traffic_change(traffic, action->name, NULL);
    return status;
}

json_t *legacy_envelope(struct api_request *request)
{
    json_t *reply = request->reply;
    const char *word = "Success";
    int number = *request->code ? legacy_number(request->code, &word) : 0;
    json_t *message = json_string(request->code[0] ? request->message : "");

    request->reply = NULL;
    if (number != 0) {
        json_decref(reply);
        reply = json_object();
    }
    /* What a message quotes came in a form and need not be UTF-8. */
    if (!reply || json_object_set_new(reply, "message", message ? message : json_string("")) < 0 ||
        json_object_set_new(reply, "code", json_integer(number)) < 0 ||
        json_object_set_new(reply, "codeDesc", json_string(word)) < 0) {
        json_decref(reply);
        return NULL;
    }
    return reply;
}
