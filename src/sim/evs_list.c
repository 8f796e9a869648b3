/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and single records of EVS (openstack facts 4.2), newest first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbsfs/fields.h"
#include "evs.h"
#include "uuids.h"

#define PAGE_LIMIT 1000

/* What differs between the two kinds of records. */
struct listing {
    const char *set; /* name of the answer's list */
    const char *one; /* and of a single record */
    const struct table *table;
    const char *const *filters; /* NULL-terminated */
    json_t *(*render)(const struct account *account, const struct record *record, int64_t at);
    bool brief;
};

/* The part of the result that is asked for. */
struct page {
    size_t offset;
    size_t limit;
    const struct record *marker; /* the last one before it, NULL: from the start */
};

static json_t *render_snapshot(const struct account *account, const struct record *record,
                               int64_t at)
{
    return evs_snapshot(account, (const struct snapshot *)record, at);
}

static json_t *render_disk(const struct account *account, const struct record *record, int64_t at)
{
    return evs_disk(account, (const struct disk *)record, at);
}

static const char *const snapshot_filters[] = {"name", "status", "volume_id", NULL};
static const char *const disk_filters[] = {"name", "status", "availability_zone", NULL};

static struct listing snapshots_of(const struct api_request *request, bool brief)
{
    return (struct listing){"snapshots",      "snapshot",      &request->account->snapshots,
                            snapshot_filters, render_snapshot, brief};
}

static struct listing disks_of(const struct api_request *request, bool brief)
{
    return (struct listing){"volumes",    "volume",    &request->account->disks,
                            disk_filters, render_disk, brief};
}

static int64_t moment_of(const struct api_request *request)
{
    return request->as_of == INT64_MAX ? request->now : request->as_of;
}

/* --- what matches -------------------------------------------------------------------- */

static bool is_filtered(const struct api_request *request, const struct listing *listing)
{
    for (const char *const *name = listing->filters; *name; name++) {
        if (json_object_get(request->parameters, *name))
            return true;
    }
    return false;
}

/* Without rendering it: there may be a million others. */
static bool is_of_other_disk(const struct listing *listing, const struct record *record,
                             const char *disk)
{
    return listing->filters == snapshot_filters && disk && !record->fields &&
           strcmp(((const struct snapshot *)record)->disk_id, disk) != 0;
}

static bool matches(const struct api_request *request, const struct listing *listing,
                    const struct record *record, const char *disk)
{
    json_t *shown;
    bool same = true;

    if (is_of_other_disk(listing, record, disk))
        return false;
    shown = listing->render(request->account, record, moment_of(request));
    for (const char *const *name = listing->filters; *name; name++) {
        const char *wanted = field_text(request->parameters, *name, NULL);

        same = same && (!wanted || strcmp(wanted, field_text(shown, *name, "")) == 0);
    }
    json_decref(shown);
    return same;
}

/* --- pages --------------------------------------------------------------------------- */

static int read_number(struct api_request *request, const char *name, size_t otherwise,
                       size_t *number)
{
    const char *text = field_text(request->parameters, name, NULL);
    int64_t value = field_integer(request->parameters, name, -1);

    *number = otherwise;
    if (!text)
        return 0;
    *number = (size_t)value;
    if (value >= 0 && value <= INT32_MAX && strspn(text, "0123456789") == strlen(text))
        return 0;
    return api_refuse_plainly(request, "EVS.1023", "%s must be an integer and not negative", name);
}

static int read_page(struct api_request *request, const struct view *view, struct page *page)
{
    const char *marker = field_text(request->parameters, "marker", NULL);
    char id[RECORD_ID_SIZE];
    int status = read_number(request, "limit", PAGE_LIMIT, &page->limit);

    page->marker = NULL;
    if (status == 0 && (page->limit < 1 || page->limit > PAGE_LIMIT))
        status = api_refuse_plainly(request, "EVS.1023",
                                    "limit must be greater than 0 and at most %d", PAGE_LIMIT);
    if (status == 0)
        status = read_number(request, "offset", 0, &page->offset);
    if (status < 0 || !marker || !*marker)
        return status;
    id_of_uuid(marker, id);
    for (size_t i = 0; !page->marker && i < view->count; i++) {
        if (strcmp(view->records[i]->id, id) == 0)
            page->marker = view->records[i];
    }
    if (page->marker)
        return 0;
    return api_refuse_plainly(request, "EVS.1024", "marker %s could not be found.", marker);
}

/* Of a short list: what Cinder shows in one. */
static json_t *shorten(json_t *shown, const struct listing *listing)
{
    json_t *brief;

    if (!listing->brief)
        return shown;
    if (listing->filters == snapshot_filters) {
        json_object_del(shown, "os-extended-snapshot-attributes:project_id");
        json_object_del(shown, "os-extended-snapshot-attributes:progress");
        return shown;
    }
    brief = json_pack("{s:O, s:O, s:O}", "id", json_object_get(shown, "id"), "name",
                      json_object_get(shown, "name"), "links", json_object_get(shown, "links"));
    json_decref(shown);
    return brief;
}

/* Counts all that match and renders those on the page. */
static int collect(struct api_request *request, const struct listing *listing,
                   const struct view *view, const struct page *page, json_t *set, size_t *total)
{
    const char *wanted = field_text(request->parameters, "volume_id", NULL);
    bool filtered = is_filtered(request, listing);
    bool begun = !page->marker;
    char disk[RECORD_ID_SIZE] = "";
    size_t position = 0;

    if (wanted)
        id_of_uuid(wanted, disk);
    *total = filtered ? 0 : view->count;
    for (size_t i = view->count; i-- > 0;) {
        const struct record *record = view->records[i];
        bool counts = !filtered || matches(request, listing, record, wanted ? disk : NULL);

        if (filtered && counts)
            ++*total;
        if (begun && counts && position++ >= page->offset && json_array_size(set) < page->limit &&
            json_array_append_new(
                set, shorten(listing->render(request->account, record, moment_of(request)),
                             listing)) < 0)
            return -ENOMEM;
        if (!filtered && json_array_size(set) == page->limit)
            break;
        begun = begun || record == page->marker;
    }
    return 0;
}

/* Of a full page, as Cinder has it; the host is one that only the cloud itself can reach. */
static json_t *next_link(const struct api_request *request, const struct listing *listing,
                         const struct page *page, const json_t *set)
{
    const json_t *last = json_array_get(set, json_array_size(set) - 1);
    char href[512];

    snprintf(href, sizeof href,
             "http://volume.localdomain.com:8776/v2/%.64s/%s/detail?limit=%zu&marker=%.64s",
             field_text(request->parameters, "project_id", ""), listing->set, page->limit,
             field_text(last, "id", ""));
    return json_pack("[{s:s, s:s}]", "rel", "next", "href", href);
}

static int reply_with(struct api_request *request, const struct listing *listing,
                      const struct page *page, json_t *set, size_t total)
{
    json_t *links = NULL;
    char name[32];

    snprintf(name, sizeof name, "%s_links", listing->set);
    if (request->dialect_form == EVS_NATIVE) {
        if (json_object_set_new(request->reply, "count", json_integer((json_int_t)total)) < 0)
            return -ENOMEM;
        links = json_null();
    } else if (json_array_size(set) == page->limit) {
        links = next_link(request, listing, page, set);
    }
    if (links && json_object_set_new(request->reply, name, links) < 0)
        return -ENOMEM;
    return json_object_set(request->reply, listing->set, set) < 0 ? -ENOMEM : 0;
}

static int list(struct api_request *request, const struct listing *listing)
{
    struct view view = {0};
    struct page page = {0};
    json_t *set = json_array();
    size_t total = 0;
    int status = set ? table_view(listing->table, request->as_of, &view) : -ENOMEM;

    if (status == 0)
        status = read_page(request, &view, &page);
    if (status == 0)
        status = collect(request, listing, &view, &page, set, &total);
    if (status == 0)
        status = reply_with(request, listing, &page, set, total);
    view_free(&view);
    json_decref(set);
    return status;
}

int evs_list_snapshots(struct api_request *request)
{
    const struct listing listing = snapshots_of(request, false);

    return list(request, &listing);
}

int evs_list_snapshots_briefly(struct api_request *request)
{
    const struct listing listing = snapshots_of(request, true);

    return list(request, &listing);
}

int evs_list_disks(struct api_request *request)
{
    const struct listing listing = disks_of(request, false);

    return list(request, &listing);
}

int evs_list_disk_names(struct api_request *request)
{
    const struct listing listing = disks_of(request, true);

    return list(request, &listing);
}

/* --- one ----------------------------------------------------------------------------- */

/* As it was then. NULL: it was not there. *status may be -ENOMEM. */
static json_t *show(const struct api_request *request, const struct listing *listing,
                    const char *uuid, int *status)
{
    char id[RECORD_ID_SIZE];
    struct view view = {0};
    const struct record *found = NULL;
    json_t *shown = NULL;

    id_of_uuid(uuid, id);
    if (request->as_of == INT64_MAX) {
        found = table_find(listing->table, id);
    } else {
        *status = table_view(listing->table, request->as_of, &view);
        for (size_t i = 0; i < view.count; i++) {
            if (strcmp(view.records[i]->id, id) == 0)
                found = view.records[i];
        }
    }
    if (found) {
        shown = listing->render(request->account, found, moment_of(request));
        *status = shown ? 0 : -ENOMEM;
    }
    view_free(&view);
    return shown;
}

static int show_one(struct api_request *request, const struct listing *listing, const char *uuid,
                    int (*missing)(struct api_request *request, const char *uuid))
{
    int status = 0;
    json_t *shown = show(request, listing, uuid, &status);

    if (status < 0)
        return status;
    if (!shown)
        return missing(request, uuid);
    return json_object_set_new(request->reply, listing->one, shown) < 0 ? -ENOMEM : 0;
}

int evs_show_snapshot(struct api_request *request)
{
    const struct listing listing = snapshots_of(request, false);

    return show_one(request, &listing, field_text(request->parameters, "snapshot_id", ""),
                    evs_no_snapshot);
}

int evs_show_disk(struct api_request *request)
{
    const struct listing listing = disks_of(request, false);

    return show_one(request, &listing, field_text(request->parameters, "volume_id", ""),
                    evs_no_disk);
}
