/* SPDX-License-Identifier: Apache-2.0 */
#include "evs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actions.h"
#include "cbsfs/fields.h"
#include "late.h"

/* One path of the API. A segment in braces is a parameter of that name. */
struct route {
    const char *method;
    const char *path;
    enum evs_form form;
    /* For what the account does; NULL: `identify` does it. */
    struct action action;
    int (*identify)(struct api_request *request, const struct http_request *http);
};

#define ASK(path, form, name, run)                                                                 \
    {                                                                                              \
        "GET", path, form, {name, NULL, false, run}, NULL                                          \
    }
#define CHANGE(method, path, form, name, run)                                                      \
    {                                                                                              \
        method, path, form, {name, NULL, true, run}, NULL                                          \
    }
#define IDENTIFY(method, path, name, identify)                                                     \
    {                                                                                              \
        method, path, EVS_IDENTITY, {name, NULL, false, NULL}, identify                            \
    }
/* Cinder's calls, which are there below both versions (facts 4.2). */
#define CINDER(version)                                                                            \
    ASK("/" version "/{project_id}/volumes/detail", EVS_CINDER, "ListVolumes", evs_list_disks),    \
        ASK("/" version "/{project_id}/volumes", EVS_CINDER, "ListVolumes", evs_list_disk_names),  \
        ASK("/" version "/{project_id}/volumes/{volume_id}", EVS_CINDER, "ListVolumes",            \
            evs_show_disk),                                                                        \
        ASK("/" version "/{project_id}/snapshots/detail", EVS_CINDER, "ListSnapshots",             \
            evs_list_snapshots),                                                                   \
        ASK("/" version "/{project_id}/snapshots", EVS_CINDER, "ListSnapshots",                    \
            evs_list_snapshots_briefly),                                                           \
        ASK("/" version "/{project_id}/snapshots/{snapshot_id}", EVS_CINDER, "ListSnapshots",      \
            evs_show_snapshot),                                                                    \
        CHANGE("POST", "/" version "/{project_id}/snapshots", EVS_CINDER, "CreateSnapshot",        \
               evs_create_snapshot),                                                               \
        CHANGE("PUT", "/" version "/{project_id}/snapshots/{snapshot_id}", EVS_CINDER,             \
               "UpdateSnapshot", evs_update_snapshot),                                             \
        CHANGE("DELETE", "/" version "/{project_id}/snapshots/{snapshot_id}", EVS_CINDER,          \
               "DeleteSnapshot", evs_delete_snapshot),                                             \
        CHANGE("POST", "/" version "/{project_id}/os-vendor-snapshots/{snapshot_id}/rollback",     \
               EVS_CINDER, "RollbackSnapshot", evs_roll_back)

#define DISKS     "/v2/{project_id}/cloudvolumes"
#define SNAPSHOTS "/v2/{project_id}/cloudsnapshots"
#define ROLLBACK  SNAPSHOTS "/{snapshot_id}/rollback"

/* The first that fits counts. */
static const struct route routes[] = {
    IDENTIFY("POST", "/v3/auth/tokens", "CreateToken", evs_create_token),
    IDENTIFY("GET", "/v3/projects", "ListProjects", evs_list_projects),
    ASK(DISKS "/detail", EVS_NATIVE, "ListVolumes", evs_list_disks),
    ASK(DISKS "/{volume_id}", EVS_NATIVE, "ListVolumes", evs_show_disk),
    ASK(SNAPSHOTS "/detail", EVS_NATIVE, "ListSnapshots", evs_list_snapshots),
    ASK(SNAPSHOTS "/{snapshot_id}", EVS_NATIVE, "ListSnapshots", evs_show_snapshot),
    CHANGE("POST", SNAPSHOTS, EVS_NATIVE, "CreateSnapshot", evs_create_snapshot),
    CHANGE("PUT", SNAPSHOTS "/{snapshot_id}", EVS_NATIVE, "UpdateSnapshot", evs_update_snapshot),
    CHANGE("DELETE", SNAPSHOTS "/{snapshot_id}", EVS_NATIVE, "DeleteSnapshot", evs_delete_snapshot),
    CHANGE("POST", ROLLBACK, EVS_NATIVE, "RollbackSnapshot", evs_roll_back),
    CINDER("v2"),
    CINDER("v3"),
};

/* Whether the path fits; `parameters` (may be NULL) gets what stands for braces. */
static bool path_fits(const char *pattern, const char *path, json_t *parameters)
{
    for (;;) {
        size_t expected = strcspn(pattern, "/");
        size_t given = strcspn(path, "/");

        if (*pattern == '{' && given > 0) {
            char name[32];

            snprintf(name, sizeof name, "%.*s", (int)expected - 2, pattern + 1);
            json_object_set_new(parameters, name, json_stringn(path, given));
        } else if (expected != given || memcmp(pattern, path, given) != 0) {
            return false;
        }
        pattern += expected;
        path += given;
        if (!*pattern || !*path)
            return *pattern == *path;
        pattern++;
        path++;
    }
}

static const struct route *find_route(const struct sim *sim, const struct http_request *http)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const struct route *route = &routes[i];

        if (strcmp(route->method, http->method) == 0 && path_fits(route->path, http->path, NULL) &&
            !(sim->options.no_cloudsnapshots_rollback && strcmp(route->path, ROLLBACK) == 0))
            return route;
    }
    return NULL;
}

const char *evs_action(const struct api_request *request, const struct http_request *http)
{
    const struct route *route = find_route(request->sim, http);

    return route ? route->action.name : NULL;
}

/* --- reading ------------------------------------------------------------------------- */

/* The members of {"snapshot": {...}} or {"rollback": {...}}; the path's are not overridden. */
static int read_body(struct api_request *request, const struct http_request *http)
{
    char reason[160];
    json_t *body =
        fields_parse(http->body ? http->body : "", http->body_length, reason, sizeof reason);
    json_t *inner = json_object_get(body, "snapshot");
    int status = 0;

    if (!inner)
        inner = json_object_get(body, "rollback");
    if (!json_is_object(inner))
        status = api_refuse_plainly(request, "EVS.5400", "Malformed request body");
    else if (json_object_update_missing(request->parameters, inner) < 0)
        status = -ENOMEM;
    json_decref(body);
    return status;
}

int evs_read(struct api_request *request, const struct http_request *http)
{
    const struct route *route = find_route(request->sim, http);
    json_t *query = json_object();
    int status = 0;

    request->parameters = json_object();
    if (!query || !request->parameters)
        status = -ENOMEM;
    if (route)
        request->dialect_form = (int)route->form;
    if (status == 0 && route)
        (void)path_fits(route->path, http->path, request->parameters);
    if (status == 0 && parameters_read_flat(http->query, strlen(http->query), query) < 0)
        status = api_refuse_plainly(request, "EVS.5400", "Malformed request url");
    if (status == 0 && json_object_update_missing(request->parameters, query) < 0)
        status = -ENOMEM;
    json_decref(query);
    if (status == 0 && route && route->action.run && *http->method == 'P')
        status = read_body(request, http);
    return status;
}

/* --- performing ---------------------------------------------------------------------- */

static int accept_one_more(struct api_request *request, const char *action)
{
    long limit = request->sim->options.rate;
    size_t count = 0;

    if (traffic_accept(&request->sim->traffic, action, NULL, limit, request->now, &count))
        return 0;
    return api_refuse_plainly(request, "RequestLimitExceeded",
                              "The throttling threshold has been reached: policy api over"
                              " ratelimit,limit:%ld,time:1 second",
                              limit);
}

int evs_perform(struct api_request *request, const struct http_request *http)
{
    const struct route *route = find_route(request->sim, http);
    const struct action *action;
    int status;

    if (!route)
        return api_refuse_plainly(request, "APIGW.0101",
                                  "The API does not exist or has not been published in the"
                                  " environment");
    action = &route->action;
    if (!action->run) {
        status = accept_one_more(request, action->name);
        return status < 0 ? status : route->identify(request, http);
    }
    status = evs_check_caller(request, http);
    if (status == 0)
        status = accept_one_more(request, action->name);
    if (status == 0 && request->late > 0 && action->changes)
        return late_add(request, action);
    if (status == 0)
        status = action->run(request);
    if (status == 0 && action->changes)
        traffic_change(&request->sim->traffic, action->name, NULL);
    return status;
}
