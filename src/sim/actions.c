/* SPDX-License-Identifier: Apache-2.0 */
#include "actions.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "late.h"
#include "regions.h"
#include "signature.h"

static const struct parameter describe_disks_parameters[] = {
    {"DiskIds", PARAMETER_TEXTS, false},
    {"Filters", PARAMETER_FILTERS, false},
    {"Offset", PARAMETER_COUNT, false},
    {"Limit", PARAMETER_COUNT, false},
    {"Order", PARAMETER_TEXT, false},
    {"OrderField", PARAMETER_TEXT, false},
    {"ReturnBindAutoSnapshotPolicy", PARAMETER_BOOLEAN, false},
    {NULL, PARAMETER_TEXT, false}};

static const struct parameter describe_snapshots_parameters[] = {
    {"SnapshotIds", PARAMETER_TEXTS, false},
    {"Filters", PARAMETER_FILTERS, false},
    {"Offset", PARAMETER_COUNT, false},
    {"Limit", PARAMETER_COUNT, false},
    {"Order", PARAMETER_TEXT, false},
    {"OrderField", PARAMETER_TEXT, false},
    {NULL, PARAMETER_TEXT, false}};

static const struct parameter create_parameters[] = {
    {"DiskId", PARAMETER_TEXT, false},   {"SnapshotName", PARAMETER_TEXT, false},
    {"Deadline", PARAMETER_TEXT, false}, {"DiskBackupId", PARAMETER_TEXT, false},
    {"Tags", PARAMETER_TAGS, false},     {"DiskUsage", PARAMETER_TEXT, false},
    {NULL, PARAMETER_TEXT, false}};

static const struct parameter apply_parameters[] = {{"SnapshotId", PARAMETER_TEXT, true},
                                                    {"DiskId", PARAMETER_TEXT, true},
                                                    {"AutoStopInstance", PARAMETER_BOOLEAN, false},
                                                    {"AutoStartInstance", PARAMETER_BOOLEAN, false},
                                                    {NULL, PARAMETER_TEXT, false}};

static const struct parameter delete_parameters[] = {{"SnapshotIds", PARAMETER_TEXTS, true},
                                                     {"DeleteBindImages", PARAMETER_BOOLEAN, false},
                                                     {NULL, PARAMETER_TEXT, false}};

static const struct parameter modify_parameters[] = {{"SnapshotId", PARAMETER_TEXT, true},
                                                     {"SnapshotName", PARAMETER_TEXT, false},
                                                     {"IsPermanent", PARAMETER_BOOLEAN, false},
                                                     {"Deadline", PARAMETER_TEXT, false},
                                                     {NULL, PARAMETER_TEXT, false}};

static const struct parameter share_parameters[] = {{"SnapshotIds", PARAMETER_TEXTS, true},
                                                    {"AccountIds", PARAMETER_TEXTS, true},
                                                    {"Permission", PARAMETER_TEXT, true},
                                                    {NULL, PARAMETER_TEXT, false}};

static const struct parameter shared_parameters[] = {{"SnapshotId", PARAMETER_TEXT, true},
                                                     {NULL, PARAMETER_TEXT, false}};

static const struct parameter copy_parameters[] = {{"SnapshotId", PARAMETER_TEXT, true},
                                                   {"DestinationRegions", PARAMETER_TEXTS, true},
                                                   {"SnapshotName", PARAMETER_TEXT, false},
                                                   {NULL, PARAMETER_TEXT, false}};

static const struct parameter disks_parameters[] = {
    {"Placement", PARAMETER_OBJECT, true}, {"DiskChargeType", PARAMETER_TEXT, true},
    {"DiskType", PARAMETER_TEXT, true},    {"DiskCount", PARAMETER_COUNT, false},
    {"SnapshotId", PARAMETER_TEXT, false}, {"DiskSize", PARAMETER_COUNT, false},
    {"DiskName", PARAMETER_TEXT, false},   {"ClientToken", PARAMETER_TEXT, false},
    {"Tags", PARAMETER_TAGS, false},       {NULL, PARAMETER_TEXT, false}};

static const struct parameter policies_parameters[] = {
    {"AutoSnapshotPolicyIds", PARAMETER_TEXTS, false},
    {"Filters", PARAMETER_FILTERS, false},
    {"Offset", PARAMETER_COUNT, false},
    {"Limit", PARAMETER_COUNT, false},
    {"Order", PARAMETER_TEXT, false},
    {"OrderField", PARAMETER_TEXT, false},
    {NULL, PARAMETER_TEXT, false}};

static const struct parameter groups_parameters[] = {{"Filters", PARAMETER_FILTERS, false},
                                                     {"Offset", PARAMETER_COUNT, false},
                                                     {"Limit", PARAMETER_COUNT, false},
                                                     {NULL, PARAMETER_TEXT, false}};

static const struct parameter create_group_parameters[] = {
    {"DiskIds", PARAMETER_TEXTS, true},
    {"SnapshotGroupName", PARAMETER_TEXT, false},
    {"Tags", PARAMETER_TAGS, false},
    {NULL, PARAMETER_TEXT, false}};

static const struct parameter apply_group_parameters[] = {
    {"SnapshotGroupId", PARAMETER_TEXT, true},
    {"ApplyDisks", PARAMETER_MEMBERS, true},
    {"AutoStopInstance", PARAMETER_BOOLEAN, false},
    {"AutoStartInstance", PARAMETER_BOOLEAN, false},
    {NULL, PARAMETER_TEXT, false}};

static const struct parameter delete_group_parameters[] = {
    {"SnapshotGroupId", PARAMETER_TEXT, false},
    {"SnapshotGroupIds", PARAMETER_TEXTS, false},
    {"DeleteBindImages", PARAMETER_BOOLEAN, false},
    {NULL, PARAMETER_TEXT, false}};

static const struct parameter regions_parameters[] = {{"Product", PARAMETER_TEXT, true},
                                                      {"Scene", PARAMETER_COUNT, false},
                                                      {NULL, PARAMETER_TEXT, false}};

static const struct parameter no_parameters[] = {{NULL, PARAMETER_TEXT, false}};

static const struct action actions[] = {
    {"DescribeDisks", describe_disks_parameters, false, describe_disks},
    {"DescribeSnapshots", describe_snapshots_parameters, false, describe_snapshots},
    {"DescribeSnapshotOverview", no_parameters, false, describe_snapshot_overview},
    {"CreateSnapshot", create_parameters, true, create_snapshot},
    {"ApplySnapshot", apply_parameters, true, apply_snapshot},
    {"DeleteSnapshots", delete_parameters, true, delete_snapshots},
    {"ModifySnapshotAttribute", modify_parameters, true, modify_snapshot_attribute},
    {"DescribeSnapshotSharePermission", shared_parameters, false, describe_share_permission},
    {"ModifySnapshotsSharePermission", share_parameters, true, modify_share_permission},
    {"CopySnapshotCrossRegions", copy_parameters, true, copy_snapshot},
    {"CreateDisks", disks_parameters, true, create_disks},
    {"DescribeAutoSnapshotPolicies", policies_parameters, false, describe_policies},
    {"DescribeSnapshotGroups", groups_parameters, false, describe_groups},
    {"CreateSnapshotGroup", create_group_parameters, true, create_group},
    {"ApplySnapshotGroup", apply_group_parameters, true, apply_group},
    {"DeleteSnapshotGroup", delete_group_parameters, true, delete_group},
    {"DescribeRegions", regions_parameters, false, describe_regions},
};

const struct action *action_find(const char *name)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    }
    return NULL;
}

int64_t sim_wall(const struct sim *sim)
{
    return clock_wall() / 1000 + sim->faults.shift;
}

/* A text that was cut in the middle of a character is no JSON string: cut before that character. */
static void cut_at_character(char *text, size_t size)
{
    size_t length = strlen(text);

    if (length + 1 < size)
        return;
    while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
        length--;
    if (length > 0 && ((unsigned char)text[length - 1] & 0x80))
        length--;
    text[length] = '\0';
}

/* Where the message ends that still leaves room for the tail of the RequestId. */
#define MESSAGE_SIZE (sizeof(((struct api_request *)NULL)->message) - 16)

int api_refuse(struct api_request *request, const char *code, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    vsnprintf(request->message, MESSAGE_SIZE, format, arguments);
    va_end(arguments);
    cut_at_character(request->message, MESSAGE_SIZE);
    length = strlen(request->message);
    snprintf(request->message + length, sizeof request->message - length, " (%.12s)",
             request->request_id + 24);
    snprintf(request->code, sizeof request->code, "%s", code);
    return -EREMOTEIO;
}

int api_refuse_plainly(struct api_request *request, const char *code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(request->message, sizeof request->message, format, arguments);
    va_end(arguments);
    cut_at_character(request->message, sizeof request->message);
    snprintf(request->code, sizeof request->code, "%s", code);
    return -EREMOTEIO;
}

static int check_signature(struct api_request *request, const struct http_request *http)
{
    const struct options *options = &request->sim->options;
    const char *token = http->header(http->header_context, "X-TC-Token");
    const struct signature_key key = {options->secret_id, options->secret_key};
    struct signature_problem problem;

    if (signature_check(http, &key, request->wall, &problem) < 0)
        return api_refuse_plainly(request, problem.code, "%s", problem.message);
    if (options->token && (!token || strcmp(token, options->token) != 0))
        return api_refuse_plainly(request, "AuthFailure.TokenFailure",
                                  "The provided token could not be validated.");
    return 0;
}

/* Each region counts for itself. */
static int check_rate(struct api_request *request, const struct action *action, const char *region)
{
    long limit = request->sim->options.rate;
    size_t count = 0;

    if (traffic_accept(&request->sim->traffic, action->name, region, limit, request->now, &count))
        return 0;
    return api_refuse_plainly(
        request, "RequestLimitExceeded",
        "Your current request times equals to `%zu` in a second, which exceeds the frequency limit"
        " `%ld` for a second. Please reduce the frequency of calls.",
        count, limit);
}

static int find_account(struct api_request *request, const char *region)
{
    int status = 0;

    if (!region)
        return api_refuse_plainly(request, "MissingParameter",
                                  "The request is missing a required parameter `Region`.");
    request->account = region_find(request->sim, region, &status);
    if (request->account)
        return status;
    return api_refuse_plainly(request, "UnsupportedRegion", "The region `%s` is not supported.",
                              region);
}

/* Which regions there are is another product's to say; that is asked of none of them. */
static bool is_of_regions(const struct action *action)
{
    return action->run == describe_regions;
}

static int check_version(struct api_request *request, const struct action *action,
                         const char *version)
{
    if (!version)
        return api_refuse_plainly(request, "MissingParameter",
                                  "The request is missing a required parameter `Version`.");
    if (strcmp(version, is_of_regions(action) ? "2022-06-27" : "2017-03-12") != 0)
        return api_refuse_plainly(request, "NoSuchVersion", "The version `%s` does not exist.",
                                  version);
    return 0;
}

static int check_content_type(struct api_request *request, const struct http_request *http)
{
    const char *type = http->header(http->header_context, "Content-Type");
    const char *wanted =
        strcmp(http->method, "GET") == 0 ? "application/x-www-form-urlencoded" : "application/json";
    size_t length = strlen(wanted);

    if (type && strncmp(type, wanted, length) == 0 && (!type[length] || strchr("; ", type[length])))
        return 0;
    return api_refuse_plainly(request, "UnsupportedProtocol",
                              "A %s request must have the Content-Type %s.", http->method, wanted);
}

static int find_action(struct api_request *request, const char *name, const struct action **action)
{
    if (!name)
        return api_refuse_plainly(request, "MissingParameter",
                                  "The request is missing a required parameter `Action`.");
    *action = action_find(name);
    if (*action)
        return 0;
    return api_refuse_plainly(request, "InvalidAction", "The action `%s` does not exist.", name);
}

const char *action_region(const struct api_request *request, const struct http_request *http)
{
    const char *header = http->header(http->header_context, "X-TC-Region");
    const struct sim *sim = request->sim;

    for (size_t i = 0; header && i < sim->region_count; i++) {
        if (strcmp(sim->accounts[i].region, header) == 0)
            return sim->accounts[i].region;
    }
    return NULL;
}

int action_perform(struct api_request *request, const struct http_request *http)
{
    const char *region = action_region(request, http);
    const struct action *action = NULL;
    int status = check_signature(request, http);

    if (status == 0)
        status = find_action(request, http->header(http->header_context, "X-TC-Action"), &action);
    if (status < 0 || !action)
        return status;
    status = check_rate(request, action, region);
    if (status == 0)
        status = check_version(request, action, http->header(http->header_context, "X-TC-Version"));
    if (status == 0 && !is_of_regions(action))
        status = find_account(request, http->header(http->header_context, "X-TC-Region"));
    if (status == 0)
        status = check_content_type(request, http);
    if (status == 0)
        status = parameters_read(request, http, action->parameters);
    if (status == 0 && request->late > 0 && action->changes)
        return late_add(request, action);
    if (status == 0)
        status = action->run(request);
    if (status == 0 && action->changes && !request->unchanged)
        traffic_change(&request->sim->traffic, action->name, region);
    return status;
}
