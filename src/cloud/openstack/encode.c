/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls as requests of Cinder v3 (openstack facts 3) and of EVS (facts 4.2, 4.4).
 *
 * Both are REST over the same objects.  Cinder is asked in the newest microversion that server and
 * codec both know; of EVS the native paths of v2 are used, which its vendor recommends, and there
 * the gateway may want a signature instead of a token.
 *
 * Listings of Cinder go from marker to marker, oldest first: what is created meanwhile comes at the
 * end, and a deletion moves nothing.
 */
#include "openstack.h"

#include "cbsfs/fields.h"
#include "cbsfs/http.h"
#include "cbsfs/sdk_signature.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINOR_KNOWN        70  /* what was tried: Cinder 21, Zed */
#define MINOR_GROUPS       14  /* group snapshots; and which snapshots they have */
#define GROUPS_A_PAGE      100 /* Cinder asks its database for the type of each: 4 ms */
#define MINOR_GROUP_PAGES  29  /* before it all of them come, in an order of its own */
#define MINOR_REVERT       40
#define MINOR_COUNT        45 /* with_count */
#define MINOR_IN_USE       66 /* from here on `force` is not needed, and refused */
#define QUERY_MOST         4
#define SIGNED_HEADER_MOST 5

/* A request before it has headers. */
struct plan {
    const char *method;
    struct buffer path; /* behind the base */
    struct sdk_pair query[QUERY_MOST];
    size_t query_count;
    json_t *body; /* owned; NULL: none */
    unsigned minor_least;
    char numbers[2][12];
    unsigned number_count;
};

static void plan_init(struct plan *plan)
{
    *plan = (struct plan){.method = "GET"};
    buffer_init(&plan->path, 0);
}

static void plan_free(struct plan *plan)
{
    buffer_free(&plan->path);
    json_decref(plan->body);
}

static void ask(struct plan *plan, const char *name, const char *value)
{
    plan->query[plan->query_count++] = (struct sdk_pair){name, value};
}

static void ask_number(struct plan *plan, const char *name, unsigned number)
{
    char *text = plan->numbers[plan->number_count++];
    snprintf(text, sizeof *plan->numbers, "%u", number);
    ask(plan, name, text);
}

/* Takes `body` over. */
static int put(struct plan *plan, const char *method, json_t *body)
{
    plan->method = method;
    plan->body = body;
    return body != NULL ? 0 : -ENOMEM;
}

static bool is_whole(const struct cloud_call *call, unsigned page_limit)
{
    if (call->id_count > 0)
        return call->id_count == 1 && call->disk_id == NULL && call->offset == 0 &&
               call->marker == NULL;
    return call->limit > 0 && call->limit <= page_limit;
}

/* --- Cinder -------------------------------------------------------------------------- */

static int plan_listing(const struct cloud_call *call, unsigned minor, struct plan *plan)
{
    const char *set = call->verb == CLOUD_DESCRIBE_DISKS ? "volumes" : "snapshots";
    if (!is_whole(call, provider_openstack.page_limit))
        return -EINVAL;
    if (call->id_count > 0)
        return buffer_printf(&plan->path, "/%s/%s", set, call->ids[0]);
    ask_number(plan, "limit", call->limit);
    ask(plan, "sort", "created_at:asc");
    if (call->marker != NULL)
        ask(plan, "marker", call->marker);
    else if (minor >= MINOR_COUNT)
        ask(plan, "with_count", "true");
    if (call->disk_id != NULL)
        ask(plan, "volume_id", call->disk_id);
    return buffer_printf(&plan->path, "/%s/detail", set);
}

/* `with_count` is refused here. */
static int plan_groups(const struct cloud_call *call, unsigned minor, struct plan *plan)
{
    bool is_paged = minor >= MINOR_GROUP_PAGES;
    if (call->id_count > 0 || !is_whole(call, provider_openstack.page_limit) ||
        (call->marker != NULL && !is_paged))
        return -EINVAL;
    plan->minor_least = MINOR_GROUPS;
    if (is_paged) {
        ask_number(plan, "limit", call->limit < GROUPS_A_PAGE ? call->limit : GROUPS_A_PAGE);
        ask(plan, "sort", "created_at:asc");
    }
    if (call->marker != NULL)
        ask(plan, "marker", call->marker);
    return buffer_puts(&plan->path, "/group_snapshots/detail");
}

static json_t *creation(const struct cloud_call *call, bool force)
{
    return force ? json_pack("{s:{s:s,s:s,s:b}}", "snapshot", "volume_id", call->disk_id, "name",
                             call->name, "force", 1)
                 : json_pack("{s:{s:s,s:s}}", "snapshot", "volume_id", call->disk_id, "name",
                             call->name);
}

static json_t *renaming(const struct cloud_call *call)
{
    return json_pack("{s:{s:s}}", "snapshot", "name", call->name);
}

static int plan_cinder(const struct cloud_call *call, unsigned minor, struct plan *plan)
{
    switch (call->verb) {
    case CLOUD_DESCRIBE_DISKS:
    case CLOUD_DESCRIBE_SNAPSHOTS:
        return plan_listing(call, minor, plan);
    case CLOUD_CREATE_SNAPSHOT:
        buffer_puts(&plan->path, "/snapshots");
        return put(plan, "POST", creation(call, minor < MINOR_IN_USE));
    case CLOUD_APPLY_SNAPSHOT:
        if (call->stop_instance || call->start_instance)
            return -EINVAL;
        plan->minor_least = MINOR_REVERT;
        buffer_printf(&plan->path, "/volumes/%s/action", call->disk_id);
        return put(plan, "POST",
                   json_pack("{s:{s:s}}", "revert", "snapshot_id", call->snapshot_id));
    case CLOUD_RENAME_SNAPSHOT:
        buffer_printf(&plan->path, "/snapshots/%s", call->snapshot_id);
        return put(plan, "PUT", renaming(call));
    case CLOUD_DELETE_SNAPSHOT:
        plan->method = "DELETE";
        return buffer_printf(&plan->path, "/snapshots/%s", call->snapshot_id);
    case CLOUD_DESCRIBE_GROUPS:
        return plan_groups(call, minor, plan);
    case CLOUD_CREATE_GROUP:
        if (call->group_id == NULL)
            return -EINVAL;
        plan->minor_least = MINOR_GROUPS;
        buffer_puts(&plan->path, "/group_snapshots");
        return put(plan, "POST",
                   json_pack("{s:{s:s,s:s}}", "group_snapshot", "group_id", call->group_id, "name",
                             call->name));
    case CLOUD_DELETE_GROUP:
        plan->minor_least = MINOR_GROUPS;
        plan->method = "DELETE";
        return buffer_printf(&plan->path, "/group_snapshots/%s", call->group_id);
    default: /* see refusal() */
        break;
    }
    return -EINVAL;
}

/* --- EVS ----------------------------------------------------------------------------- */

static int plan_evs_listing(const struct cloud_call *call, struct plan *plan)
{
    const char *set = call->verb == CLOUD_DESCRIBE_DISKS ? "cloudvolumes" : "cloudsnapshots";
    if (!is_whole(call, provider_evs.page_limit))
        return -EINVAL;
    if (call->id_count > 0)
        return buffer_printf(&plan->path, "/%s/%s", set, call->ids[0]);
    ask_number(plan, "limit", call->limit);
    ask_number(plan, "offset", call->offset);
    if (call->disk_id != NULL)
        ask(plan, "volume_id", call->disk_id);
    return buffer_printf(&plan->path, "/%s/detail", set);
}

static int plan_evs(const struct cloud_call *call, struct plan *plan)
{
    switch (call->verb) {
    case CLOUD_DESCRIBE_DISKS:
    case CLOUD_DESCRIBE_SNAPSHOTS:
        return plan_evs_listing(call, plan);
    case CLOUD_CREATE_SNAPSHOT:
        buffer_puts(&plan->path, "/cloudsnapshots");
        return put(plan, "POST", creation(call, false));
    case CLOUD_APPLY_SNAPSHOT:
        if (call->stop_instance || call->start_instance)
            return -EINVAL;
        buffer_printf(&plan->path, "/%s/%s/rollback",
                      call->other_way ? "os-vendor-snapshots" : "cloudsnapshots",
                      call->snapshot_id);
        return put(plan, "POST", json_pack("{s:{s:s}}", "rollback", "volume_id", call->disk_id));
    case CLOUD_RENAME_SNAPSHOT:
        buffer_printf(&plan->path, "/cloudsnapshots/%s", call->snapshot_id);
        return put(plan, "PUT", renaming(call));
    case CLOUD_DELETE_SNAPSHOT:
        plan->method = "DELETE";
        return buffer_printf(&plan->path, "/cloudsnapshots/%s", call->snapshot_id);
    default: /* see refusal() */
        break;
    }
    return -EINVAL;
}

/* --- on the wire --------------------------------------------------------------------- */

/* Everything but what says who asks: method, URL and body. `base` is used up. */
static int begin_request(struct plan *plan, struct buffer *base, struct http_request *request)
{
    struct buffer query;
    buffer_init(&query, 0);
    int status = sdk_put_query(plan->query, plan->query_count, &query);
    if (status == 0)
        status = plan->path.error;
    if (status == 0)
        status = buffer_printf(base, "%s%s%s", plan->path.data, query.length > 0 ? "?" : "",
                               query.length > 0 ? query.data : "");
    buffer_free(&query);
    if (status < 0)
        return status;
    request->method = strdup(plan->method);
    request->url = buffer_steal(base);
    if (plan->body != NULL) {
        request->body = fields_print(plan->body);
        request->body_length = request->body != NULL ? strlen(request->body) : 0;
    }
    if (request->method == NULL || request->url == NULL ||
        (plan->body != NULL && request->body == NULL))
        return -ENOMEM;
    status = http_request_add_header(request, "Accept", "application/json");
    if (status == 0 && plan->body != NULL)
        status = http_request_add_header(request, "Content-Type", "application/json");
    return status;
}

static int add_microversion(struct http_request *request, unsigned minor)
{
    char text[32];
    if (minor == 0)
        return 0;
    snprintf(text, sizeof text, "volume 3.%u", minor);
    return http_request_add_header(request, "OpenStack-API-Version", text);
}

static int encode_cinder(const char *endpoint, const struct credential *credential,
                         const struct cloud_call *call, struct http_request *request)
{
    unsigned minor = credential->api_minor < MINOR_KNOWN ? credential->api_minor : MINOR_KNOWN;
    struct plan plan;
    struct buffer base;
    plan_init(&plan);
    buffer_init(&base, 0);
    int status = openstack_put_base(endpoint, "v3", credential->project, &base);
    if (status == 0)
        status = plan_cinder(call, minor, &plan);
    if (status == 0)
        status = begin_request(&plan, &base, request);
    if (status == 0)
        status = add_microversion(request, minor > plan.minor_least ? minor : plan.minor_least);
    if (status == 0)
        status = http_request_add_header(request, "X-Auth-Token", credential->token);
    buffer_free(&base);
    plan_free(&plan);
    return status;
}

/* The value of the Host header as libcurl makes it, and the path of the request's URL. */
static int split_url(const char *url, struct buffer *host, struct buffer *path, const char **query)
{
    const char *start = strstr(url, "://");
    if (start == NULL)
        return -EINVAL;
    start += 3;
    size_t length = strcspn(start, "/?");
    const char *rest = start + length;
    size_t path_length = strcspn(rest, "?");
    buffer_append(host, start, length);
    buffer_append(path, rest, path_length);
    *query = rest[path_length] == '?' ? rest + path_length + 1 : "";
    return host->error != 0 ? host->error : path->error;
}

static int sign(const struct credential *credential, int64_t now, struct http_request *request)
{
    struct buffer host, path, authorization;
    struct sdk_pair headers[SIGNED_HEADER_MOST];
    char date[SDK_DATE_SIZE];
    buffer_init(&host, 0);
    buffer_init(&path, 0);
    buffer_init(&authorization, 0);
    sdk_date(now, date);
    struct sdk_request text = {.method = request->method,
                               .headers = headers,
                               .body = request->body,
                               .body_length = request->body_length,
                               .date = date};
    int status = split_url(request->url, &host, &path, &text.query);
    if (status < 0)
        goto out;
    text.path = path.data;
    if (request->body != NULL)
        headers[text.header_count++] = (struct sdk_pair){"content-type", "application/json"};
    headers[text.header_count++] = (struct sdk_pair){"host", host.data};
    headers[text.header_count++] = (struct sdk_pair){"x-project-id", credential->project};
    headers[text.header_count++] = (struct sdk_pair){"x-sdk-date", date};
    if (credential->token != NULL)
        headers[text.header_count++] = (struct sdk_pair){"x-security-token", credential->token};
    status =
        sdk_authorization(&text, credential->secret_id, credential->secret_key, &authorization);
    if (status == 0)
        status = http_request_add_header(request, "Authorization", authorization.data);
    if (status == 0)
        status = http_request_add_header(request, "X-Project-Id", credential->project);
    if (status == 0)
        status = http_request_add_header(request, "X-Sdk-Date", date);
    if (status == 0 && credential->token != NULL)
        status = http_request_add_header(request, "X-Security-Token", credential->token);
out:
    buffer_free(&host);
    buffer_free(&path);
    buffer_cleanse(&authorization);
    return status;
}

static int encode_evs(const char *endpoint, const struct credential *credential, int64_t now,
                      const struct cloud_call *call, struct http_request *request)
{
    struct plan plan;
    struct buffer base;
    plan_init(&plan);
    buffer_init(&base, 0);
    /* The older rollback is the only call under the other version (facts 4.2). */
    int status =
        openstack_put_base(endpoint, call->other_way ? "v3" : "v2", credential->project, &base);
    if (status == 0)
        status = plan_evs(call, &plan);
    if (status == 0)
        status = begin_request(&plan, &base, request);
    if (status == 0 && *credential->secret_key != '\0')
        status = sign(credential, now, request);
    else if (status == 0)
        status = http_request_add_header(request, "X-Auth-Token", credential->token);
    buffer_free(&base);
    plan_free(&plan);
    return status;
}

int openstack_encode(const struct cloud_account *account, const struct credential *credential,
                     int64_t now, const struct cloud_call *call, struct http_request *request)
{
    const char *endpoint = account->endpoint != NULL ? account->endpoint : credential->endpoint;
    (void)now;
    if (endpoint == NULL || credential->token == NULL)
        return -EINVAL;
    int status = encode_cinder(endpoint, credential, call, request);
    if (status < 0)
        http_request_free(request);
    return status;
}

int evs_encode(const struct cloud_account *account, const struct credential *credential,
               int64_t now, const struct cloud_call *call, struct http_request *request)
{
    char of_region[512];
    const char *endpoint = account->endpoint != NULL ? account->endpoint : credential->endpoint;
    bool is_signed = credential->secret_key != NULL && *credential->secret_key != '\0';
    if (credential->project == NULL || (!is_signed && credential->token == NULL) ||
        credential->secret_key == NULL)
        return -EINVAL;
    if (endpoint == NULL) {
        int status = evs_endpoint(account, of_region, sizeof of_region);
        if (status < 0)
            return status;
        endpoint = of_region;
    }
    int status = encode_evs(endpoint, credential, now, call, request);
    if (status < 0)
        http_request_free(request);
    return status;
}
