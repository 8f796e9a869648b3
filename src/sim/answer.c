/* SPDX-License-Identifier: Apache-2.0 */
/* From an API request to the answer's bytes, by way of the fault script. */
#include "answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "evs.h"
#include "legacy.h"
#include "patch.h"
#include "spoil.h"

/* Larger parameters are not worth keeping a thousand times. */
#define LOGGED_BODY 65536

static const char html_page[] =
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n";

void answer_json(struct answer *answer, unsigned int status, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

    answer->status = text ? status : 500;
    answer->content_type = "application/json";
    buffer_reset(&answer->body);
    buffer_puts(&answer->body, text ? text : "{}");
    free(text);
    json_decref(value);
}

static void answer_text(struct answer *answer, unsigned int status, const char *type,
                        const char *text)
{
    answer->status = status;
    answer->content_type = type;
    buffer_reset(&answer->body);
    buffer_puts(&answer->body, text);
    json_decref(answer->headers);
    answer->headers = NULL;
}

static void make_request_id(uint64_t *random, char id[37])
{
    uint64_t high = random_next(random);
    uint64_t low = random_next(random);

    snprintf(id, 37, "%08" PRIx32 "-%04x-4%03x-%04x-%012" PRIx64, (uint32_t)(high >> 32),
             (unsigned int)(high >> 16 & 0xffff), (unsigned int)(high & 0xfff),
             (unsigned int)(low >> 48 & 0x3fff) | 0x8000u, low & 0xffffffffffffu);
}

/* --- dialects ------------------------------------------------------------------------ */

static int read_nothing(struct api_request *request, const struct http_request *http)
{
    (void)request;
    (void)http;
    return 0;
}

static const char *current_action(const struct api_request *request,
                                  const struct http_request *http)
{
    const char *header = http->header(http->header_context, "X-TC-Action");
    const struct action *known = header ? action_find(header) : NULL;

    (void)request;
    return known ? known->name : NULL;
}

/* The envelope around what the action said or why it refused. */
static json_t *current_envelope(struct api_request *request)
{
    json_t *response = request->reply;

    request->reply = NULL;
    if (*request->code) {
        /* What a message quotes came in a header and need not be UTF-8. */
        json_t *message = json_string(request->message);

        json_decref(response);
        response = json_pack("{s:{s:s, s:o}}", "Error", "Code", request->code, "Message",
                             message ? message : json_string(""));
    }
    if (response)
        json_object_set_new(response, "RequestId", json_string(request->request_id));
    return json_pack("{s:o}", "Response", response);
}

const struct dialect dialect_current = {
    .read = read_nothing,
    .action = current_action,
    .perform = action_perform,
    .envelope = current_envelope,
    .malformed = "{\"Response\":{\"TotalCount\":,]",
};

static const char *old_action(const struct api_request *request, const struct http_request *http)
{
    (void)http;
    return legacy_action(request);
}

const struct dialect dialect_legacy = {
    .read = legacy_read,
    .action = old_action,
    .perform = legacy_perform,
    .envelope = legacy_envelope,
    .malformed = "{\"code\":0,\"totalCount\":,]",
};

const struct dialect dialect_evs = {
    .read = evs_read,
    .action = evs_action,
    .perform = evs_perform,
    .envelope = evs_envelope,
    .malformed = "{\"count\":1,\"snapshots\":,]",
};

/* --- one request --------------------------------------------------------------------- */

static void refuse_internally(struct api_request *request)
{
    if (!*request->code)
        api_refuse(request, "InternalError", "An internal error has occurred. Retry your request.");
}

/* The refusals among the faults, said in the API's own form. */
static void refuse_by_fault(struct api_request *request, const struct fault *fault)
{
    if (fault->kind == FAULT_ERROR) {
        api_refuse(request, fault->code, "%s", fault->message);
        request->status = json_object_get(fault->entry, "status") ? fault->status : 0;
    } else if (fault->kind == FAULT_THROTTLE) {
        api_refuse_plainly(request, "RequestLimitExceeded",
                           "Your current request times equals to `21` in a second, which exceeds"
                           " the frequency limit `20` for a second. Please reduce the frequency of"
                           " calls.");
    } else if (fault->kind == FAULT_EXPIRED_TOKEN) {
        api_refuse_plainly(request, "AuthFailure.TokenFailure", "The provided token has expired.");
    }
}

/* What the fault makes of the answer. */
static void spoil(const struct fault *fault, const struct dialect *dialect, struct answer *answer)
{
    switch (fault->kind) {
    case FAULT_DELAY:
        answer->hold += fault->ms;
        break;
    case FAULT_DROP_BEFORE:
    case FAULT_DROP_AFTER:
        answer->ending = ANSWER_DROPPED;
        break;
    case FAULT_TRUNCATE:
        answer->ending = ANSWER_CUT;
        break;
    case FAULT_HANG:
        answer->ending = ANSWER_NEVER;
        break;
    case FAULT_SLOW_BODY:
        answer->ms_per_byte = fault->ms;
        break;
    case FAULT_STATUS:
        answer_text(answer, fault->status, "text/html", html_page);
        break;
    case FAULT_HTML:
        answer_text(answer, 200, "text/html", html_page);
        break;
    case FAULT_MALFORMED:
        answer_text(answer, 200, "application/json", dialect->malformed);
        break;
    case FAULT_ENVELOPE:
        answer_text(answer, 200, "application/json",
                    "{\"code\":4104,\"message\":\"(4104) SecretId not found\","
                    "\"codeDesc\":\"SecretIdNotFound\"}");
        break;
    case FAULT_BODY:
        answer_text(answer, fault->status, field_text(fault->entry, "type", "application/json"),
                    "");
        answer->script = json_incref(fault->entry);
        spoil_put_body(fault->entry, &answer->body);
        break;
    case FAULT_EDIT: {
        json_t *document = json_loads(answer->body.data, 0, NULL);

        /* An answer without a body has nothing to change. */
        if (!document)
            break;
        if (spoil_edit(fault->entry, document) < 0) {
            json_decref(document);
            document = NULL;
        }
        answer_json(answer, answer->status, document);
        break;
    }
    case FAULT_PATCH:
    case FAULT_FAIL:
    case FAULT_ERROR:
    case FAULT_THROTTLE:
    case FAULT_EXPIRED_TOKEN:
    case FAULT_CLOCK:
    case FAULT_STALE:
        break;
    }
}

/* The account changes just before the request is carried out. */
static void change_before(struct api_request *request, const struct fault *fault)
{
    char reason[200];

    (void)patch_region(request->sim, json_object_get(fault->entry, "patch"), request->now,
                       request->wall, reason, sizeof reason);
}

/* Takes `document` and the request's headers over. */
static void answer_document(struct api_request *request, json_t *document, struct answer *answer)
{
    unsigned int status = request->status ? request->status : 200;

    if (json_is_null(document))
        answer_text(answer, status, "text/html; charset=UTF-8", "");
    else
        answer_json(answer, status, document);
    answer->headers = request->headers;
}

static void log_request(struct api_request *request, const struct http_request *http,
                        const char *action, const struct fault *fault)
{
    json_t *parameters = http->body_length > LOGGED_BODY ? NULL : request->parameters;
    char note[sizeof request->code + 8];

    snprintf(note, sizeof note, "%s%s", *request->code || !fault ? "" : "fault:",
             *request->code || !fault ? request->code : fault_name(fault->kind));
    traffic_log(&request->sim->traffic, action, parameters, note, clock_wall());
}

void answer_api(struct sim *sim, const struct http_request *http, const struct dialect *dialect,
                struct answer *answer)
{
    struct api_request request = {.sim = sim,
                                  .now = clock_now(),
                                  .wall = sim_wall(sim),
                                  .as_of = INT64_MAX,
                                  .reply = json_object()};
    struct fault fault;

    make_request_id(&sim->random, request.request_id);
    int status = request.reply ? dialect->read(&request, http) : -ENOMEM;
    const char *known = dialect->action(&request, http);
    const char *action = known ? known : "(unknown)";
    const char *region = dialect == &dialect_current ? action_region(&request, http) : NULL;
    bool faulty = faults_take(&sim->faults, action, region, request.parameters, http->body,
                              http->body_length, &fault);

    traffic_arrived(&sim->traffic, action, region, request.now);
    if (faulty) {
        traffic_fault(&sim->traffic, fault_name(fault.kind));
        request.late = fault.late;
        request.fails = fault.kind == FAULT_FAIL;
    }
    if (faulty && fault.kind == FAULT_STALE)
        request.as_of =
            fault.seconds == 0 ? sim->faults.posted : request.now - fault.seconds * 1000;
    if (faulty && fault.kind == FAULT_PATCH)
        change_before(&request, &fault);
    if (status == 0 && (!faulty || fault.processed || fault.late > 0))
        status = dialect->perform(&request, http);
    if (status < 0)
        refuse_internally(&request);
    if (faulty)
        refuse_by_fault(&request, &fault);
    answer->hold = sim->options.latency;
    log_request(&request, http, action, faulty ? &fault : NULL);
    if (*request.code)
        traffic_error(&sim->traffic, request.code);
    answer_document(&request, dialect->envelope(&request), answer);
    if (faulty)
        spoil(&fault, dialect, answer);
    json_decref(request.parameters);
}
