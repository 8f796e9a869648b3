/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeDisks, DescribeSnapshots and DescribeSnapshotOverview (facts 1.4.1, 1.4.6, 1.4.10). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "actions.h"
#include "cbsfs/fields.h"
#include "describe.h"

#define PAGE_DEFAULT         20
#define PAGE_LIMIT           100
#define IDS_LIMIT            100
#define DISK_IDS_IN_A_FILTER 10

static const struct filter_field snapshot_filters[] = {{"snapshot-id", "SnapshotId"},
                                                       {"snapshot-name", "SnapshotName"},
                                                       {"disk-id", "DiskId"},
                                                       {"snapshot-state", "SnapshotState"},
                                                       {"disk-usage", "DiskUsage"},
                                                       {"project-id", "Placement.ProjectId"},
                                                       {"zone", "Placement.Zone"},
                                                       {"encrypt", "Encrypt"},
                                                       {"snapshot-type", "SnapshotType"},
                                                       {NULL, NULL}};

static const struct filter_field disk_filters[] = {
    {"disk-id", "DiskId"},
    {"disk-name", "DiskName"},
    {"disk-usage", "DiskUsage"},
    {"disk-charge-type", "DiskChargeType"},
    {"portable", "Portable"},
    {"project-id", "Placement.ProjectId"},
    {"disk-type", "DiskType"},
    {"disk-state", "DiskState"},
    {"instance-id", "InstanceId"},
    {"zone", "Placement.Zone"},
    {"instance-ip-address", "InstanceIpAddress"},
    {"instance-name", "InstanceName"},
    {"tag-key", "Tags.Key"},
    {"tag-value", "Tags.Value"},
    {"dedicated-cluster-id", "Placement.DedicatedClusterId"},
    {"cluster-group-id", "ClusterGroupId"},
    {NULL, NULL}};

/* The part of the result that is asked for. */
struct page {
    size_t offset;
    size_t limit;
    bool ascending;
};

const char *field_of(const struct filter_field *table, const char *name)
{
    while (table->name && strcmp(table->name, name) != 0)
        table++;
    return table->field;
}

bool is_one_of(const char *text, const json_t *values)
{
    size_t index;
    json_t *value;

    json_array_foreach(values, index, value)
    {
        /* The booleans are written TRUE, True and true (facts 1.3); all else is compared exactly.
         */
        if (strcmp(json_string_value(value), text) == 0 ||
            (strcmp(text, "TRUE") == 0 && strcasecmp(json_string_value(value), "true") == 0) ||
            (strcmp(text, "FALSE") == 0 && strcasecmp(json_string_value(value), "false") == 0))
            return true;
    }
    return false;
}

static bool snapshot_matches(const struct api_request *request, const struct record *record,
                             int64_t at, const json_t *filters)
{
    const struct snapshot *snapshot = (const struct snapshot *)record;
    size_t index;
    json_t *filter;
    char scratch[32];

    json_array_foreach(filters, index, filter)
    {
        const char *field = field_of(snapshot_filters, field_text(filter, "Name", ""));
        const char *value = snapshot_value(request->account, snapshot, at, field, scratch);

        if (!is_one_of(value, json_object_get(filter, "Values")))
            return false;
    }
    return true;
}

static bool tag_matches(const json_t *disk, const char *key, const char *member,
                        const json_t *values)
{
    size_t index;
    json_t *tag;

    json_array_foreach(json_object_get(disk, "Tags"), index, tag)
    {
        if ((!key || strcmp(key, field_text(tag, "Key", "")) == 0) &&
            is_one_of(field_text(tag, member, ""), values))
            return true;
    }
    return false;
}

static bool disk_matches_one(const json_t *disk, const json_t *filter)
{
    const char *name = field_text(filter, "Name", "");
    const char *field = field_of(disk_filters, name);
    const json_t *values = json_object_get(filter, "Values");
    const json_t *holder = disk;
    char scratch[32];

    if (strncmp(name, "tag:", 4) == 0)
        return tag_matches(disk, name + 4, "Value", values);
    if (strncmp(field, "Tags.", 5) == 0)
        return tag_matches(disk, NULL, field + 5, values);
    if (strncmp(field, "Placement.", 10) == 0) {
        holder = json_object_get(disk, "Placement");
        field += 10;
    }
    return is_one_of(scalar_text(json_object_get(holder, field), scratch), values);
}

static bool disk_matches(const struct api_request *request, const struct record *record, int64_t at,
                         const json_t *filters)
{
    json_t *disk;
    size_t index;
    json_t *filter;
    bool matches = true;

    if (json_array_size(filters) == 0)
        return true;
    disk = disk_render(request->account, (const struct disk *)record, at);
    json_array_foreach(filters, index, filter) matches = matches && disk_matches_one(disk, filter);
    json_decref(disk);
    return matches;
}

static json_t *render_snapshot(const struct account *account, const struct record *record,
                               int64_t at)
{
    return snapshot_render(account, (const struct snapshot *)record, at);
}

static json_t *render_disk(const struct account *account, const struct record *record, int64_t at)
{
    return disk_render(account, (const struct disk *)record, at);
}

static int check_filters(struct api_request *request, const struct listing *listing)
{
    const json_t *filters = json_object_get(request->parameters, "Filters");
    const json_t *ids = json_object_get(request->parameters, listing->ids);
    size_t index;
    json_t *filter;

    if (json_array_size(filters) > 0 && json_array_size(ids) > 0)
        return api_refuse(request, "InvalidParameterValue",
                          "%s and Filters cannot be given together.", listing->ids);
    if (json_array_size(ids) > IDS_LIMIT)
        return api_refuse(request, "InvalidParameterValue", "%s: at most %d are allowed.",
                          listing->ids, IDS_LIMIT);
    json_array_foreach(filters, index, filter)
    {
        const char *name = field_text(filter, "Name", "");
        bool by_tag = listing->filters == disk_filters && strncmp(name, "tag:", 4) == 0;

        if (!by_tag && !field_of(listing->filters, name))
            return api_refuse(request, "InvalidFilter", "The filter `%s` is not supported.", name);
        if (strcmp(name, "disk-id") == 0 &&
            json_array_size(json_object_get(filter, "Values")) > DISK_IDS_IN_A_FILTER)
            return api_refuse(request, "InvalidParameterValue",
                              "Filters: disk-id takes at most %d values.", DISK_IDS_IN_A_FILTER);
    }
    return 0;
}

static int read_page(struct api_request *request, const struct listing *listing, struct page *page)
{
    int64_t limit = field_integer(request->parameters, "Limit", PAGE_DEFAULT);
    const char *order = field_text(request->parameters, "Order", "DESC");
    const char *by = field_text(request->parameters, "OrderField", "CREATE_TIME");
    bool by_deadline = listing->filters == disk_filters && strcmp(by, "DEADLINE") == 0;

    if (limit < 1 || limit > PAGE_LIMIT)
        return api_refuse(request, "InvalidParameterValue",
                          "Limit: %" JSON_INTEGER_FORMAT ", out of range [1,%d]", (json_int_t)limit,
                          PAGE_LIMIT);
    if (strcmp(order, "ASC") != 0 && strcmp(order, "DESC") != 0)
        return api_refuse(request, "InvalidParameterValue", "Order: %s, not in [ASC,DESC]", order);
    /* The disks of the simulator have no deadlines worth sorting by: their age decides. */
    if (strcmp(by, "CREATE_TIME") != 0 && !by_deadline)
        return api_refuse(request, "InvalidParameterValue", "OrderField: %s is not supported", by);
    page->offset = (size_t)field_integer(request->parameters, "Offset", 0);
    page->limit = (size_t)limit;
    page->ascending = strcmp(order, "ASC") == 0;
    return 0;
}

static bool is_wanted(const struct record *record, const json_t *ids)
{
    return json_array_size(ids) == 0 || is_one_of(record->id, ids);
}

/* Every record of the view is on some page: only this one is walked, not a million others. */
static int collect_all(struct api_request *request, const struct listing *listing,
                       const struct view *view, const struct page *page, int64_t at, json_t *set)
{
    for (size_t i = page->offset; i < view->count && i - page->offset < page->limit; i++) {
        const struct record *record = view->records[page->ascending ? i : view->count - 1 - i];

        if (json_array_append_new(set, listing->render(request->account, record, at)) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Counts all that match and renders those on the page. */
static int collect(struct api_request *request, const struct listing *listing,
                   const struct view *view, const struct page *page)
{
    int64_t at = request->as_of == INT64_MAX ? request->now : request->as_of;
    const json_t *filters = json_object_get(request->parameters, "Filters");
    const json_t *ids = json_object_get(request->parameters, listing->ids);
    json_t *set = json_array();
    bool is_all = json_array_size(filters) == 0 && json_array_size(ids) == 0;
    size_t total = is_all ? view->count : 0;
    int status = set ? 0 : -ENOMEM;

    if (status == 0 && is_all)
        status = collect_all(request, listing, view, page, at, set);
    for (size_t i = 0; status == 0 && !is_all && i < view->count; i++) {
        const struct record *record = view->records[page->ascending ? i : view->count - 1 - i];

        if (!is_wanted(record, ids) || !listing->matches(request, record, at, filters))
            continue;
        if (total >= page->offset && json_array_size(set) < page->limit &&
            json_array_append_new(set, listing->render(request->account, record, at)) < 0)
            status = -ENOMEM;
        total++;
    }
    if (json_object_set_new(request->reply, "TotalCount", json_integer((json_int_t)total)) < 0 ||
        json_object_set(request->reply, listing->set, set) < 0)
        status = -ENOMEM;
    json_decref(set);
    return status;
}

/* The records of the ids that were asked for: a poll must not walk a million others. */
static int view_of_ids(const struct listing *listing, const json_t *ids, struct view *view)
{
    size_t index;
    json_t *id;

    view->owned = calloc(json_array_size(ids), sizeof *view->owned);
    if (!view->owned)
        return -ENOMEM;
    json_array_foreach(ids, index, id)
    {
        struct record *record = table_find(listing->table, json_string_value(id));
        size_t seen = 0;

        while (seen < view->count && view->owned[seen] != record)
            seen++;
        if (record && seen == view->count)
            view->owned[view->count++] = record;
    }
    view_sort(view);
    return 0;
}

int describe(struct api_request *request, const struct listing *listing)
{
    const json_t *ids = json_object_get(request->parameters, listing->ids);
    struct page page = {0};
    struct view view = {0};
    int status = check_filters(request, listing);

    if (status == 0)
        status = read_page(request, listing, &page);
    if (status < 0)
        return status;
    if (json_array_size(ids) > 0 && request->as_of == INT64_MAX)
        status = view_of_ids(listing, ids, &view);
    else
        status = table_view(listing->table, request->as_of, &view);
    if (status == 0)
        status = collect(request, listing, &view, &page);
    view_free(&view);
    return status;
}

int describe_disks(struct api_request *request)
{
    const struct listing listing = {
        "DiskIds", "DiskSet", disk_filters, &request->account->disks, disk_matches, render_disk};

    return describe(request, &listing);
}

int describe_snapshots(struct api_request *request)
{
    const struct listing listing = {"SnapshotIds",    "SnapshotSet",
                                    snapshot_filters, &request->account->snapshots,
                                    snapshot_matches, render_snapshot};

    return describe(request, &listing);
}

int describe_snapshot_overview(struct api_request *request)
{
    const struct table *snapshots = &request->account->snapshots;
    const double free_quota = 50;
    double size = 0;

    for (size_t i = 0; i < snapshots->count; i++)
        size += ((const struct snapshot *)snapshots->by_time[i])->size / 16.0;
    if (json_object_set_new(request->reply, "TotalNums",
                            json_integer((json_int_t)snapshots->count)) < 0 ||
        json_object_set_new(request->reply, "TotalSize", json_real(size)) < 0 ||
        json_object_set_new(request->reply, "FreeQuota", json_real(free_quota)) < 0 ||
        json_object_set_new(request->reply, "RealTradeSize",
                            json_real(size > free_quota ? size - free_quota : 0)) < 0)
        return -ENOMEM;
    return 0;
}
