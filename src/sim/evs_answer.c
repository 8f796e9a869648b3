/* SPDX-License-Identifier: Apache-2.0 */
/* How EVS, its gateway and its identity service say no (openstack facts 2.1, 3.4 and 4.3). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbsfs/fields.h"
#include "evs.h"

/* First match wins, so a family (a code that ends in '.') stands behind its members. The codes of
 * API 3.0 come from fault scripts and from what all dialects refuse alike. */
static const struct {
    const char *code;
    unsigned int status;
    const char *shown; /* NULL: the code itself */
} codes[] = {
    {"APIGW.0101", 404, NULL},
    {"APIGW.0308", 429, NULL},
    {"APIG.0308", 429, NULL},
    {"APIGW.", 401, NULL},
    {"EVS.0003", 403, NULL},
    {"EVS.1027", 403, NULL},
    {"EVS.2019", 500, NULL},
    {"EVS.2020", 500, NULL},
    {"EVS.5401", 401, NULL},
    {"EVS.5403", 403, NULL},
    {"EVS.5404", 404, NULL},
    {"EVS.5409", 409, NULL},
    {"EVS.5413", 413, NULL},
    {"EVS.5415", 415, NULL},
    {"EVS.5500", 500, NULL},
    {"EVS.5503", 503, NULL},
    {"EVS.", 400, NULL},
    {"Unauthorized", 401, NULL},
    {"Forbidden", 403, NULL},
    {"RequestLimitExceeded", 429, "APIGW.0308"},
    {"RequestLimitExceeded.", 429, "APIGW.0308"},
    {"UnauthorizedOperation", 403, "EVS.1027"},
    {"UnauthorizedOperation.", 403, "EVS.1027"},
    {"AuthFailure.UnauthorizedOperation", 403, "EVS.1027"},
    {"AuthFailure.SignatureExpire", 401, "APIGW.0303"},
    {"AuthFailure", 401, "APIGW.0301"},
    {"AuthFailure.", 401, "APIGW.0301"},
    {"InvalidDiskId.NotFound", 404, "EVS.5404"},
    {"InvalidSnapshotId.NotFound", 404, "EVS.5404"},
    {"ResourceNotFound.", 404, "EVS.5404"},
    {"InsufficientSnapshotQuota", 413, "EVS.5413"},
    {"LimitExceeded.", 413, "EVS.5413"},
    {"InternalError", 500, "EVS.5500"},
    {"InternalError.", 500, "EVS.5500"},
    {"InvalidDisk.", 400, "EVS.2043"},
    {"ResourceBusy", 400, "EVS.2043"},
    {"ResourceInUse.", 400, "EVS.2043"},
    {"ResourceUnavailable.", 400, "EVS.2043"},
    {"UnsupportedOperation", 400, "EVS.2043"},
    {"UnsupportedOperation.", 400, "EVS.2043"},
};

static unsigned int status_of(const char **code)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        size_t length = strlen(codes[i].code);
        bool family = codes[i].code[length - 1] == '.';

        if (family ? strncmp(codes[i].code, *code, length) == 0
                   : strcmp(codes[i].code, *code) == 0) {
            if (codes[i].shown)
                *code = codes[i].shown;
            return codes[i].status;
        }
    }
    return 400;
}

/* Cinder's word for the kind of refusal. */
static const char *kind_of(unsigned int status)
{
    static const struct {
        unsigned int status;
        const char *kind;
    } kinds[] = {{400, "badRequest"},        {401, "unauthorized"}, {403, "forbidden"},
                 {404, "itemNotFound"},      {405, "badMethod"},    {409, "conflictingRequest"},
                 {413, "overLimit"},         {415, "badMediaType"}, {429, "overLimit"},
                 {503, "serviceUnavailable"}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].status == status)
            return kinds[i].kind;
    }
    return "computeFault";
}

static void set_header(struct api_request *request, const char *name, const char *value)
{
    if (!request->headers)
        request->headers = json_object();
    json_object_set_new(request->headers, name, json_string(value));
}

/* The gateway's, EVS's own codes as text, and Cinder's, where a code may be a number or a text. */
static json_t *refusal(struct api_request *request, const char *code, json_t *message)
{
    unsigned int status = request->status;

    if (strncmp(code, "APIG", 4) == 0)
        return json_pack("{s:o, s:s, s:s}", "error_msg", message, "error_code", code, "request_id",
                         request->request_id);
    if (request->dialect_form == EVS_IDENTITY)
        return json_pack("{s:{s:i, s:o, s:s}}", "error", "code", (int)status, "message", message,
                         "title", status == 400 ? "Bad Request" : code);
    if (request->dialect_form == EVS_NATIVE)
        return json_pack("{s:{s:o, s:s}}", "error", "message", message, "code", code);
    if (status == 413) {
        set_header(request, "Retry-After", "0");
        return json_pack("{s:{s:i, s:o, s:s}}", "overLimit", "code", (int)status, "message",
                         message, "retryAfter", "0");
    }
    return json_pack("{s:{s:o, s:o}}", kind_of(status), "message", message, "code",
                     status == 400 && strncmp(code, "EVS.", 4) == 0 ? json_string(code)
                                                                    : json_integer(status));
}

json_t *evs_envelope(struct api_request *request)
{
    json_t *reply = request->reply;
    const char *code = request->code;

    request->reply = NULL;
    if (*code) {
        unsigned int status = status_of(&code);
        /* What a message quotes came in a path and need not be UTF-8. */
        json_t *message = json_string(request->message);

        json_decref(reply);
        json_decref(request->headers);
        request->headers = NULL;
        if (request->status == 0)
            request->status = status;
        reply = refusal(request, code, message ? message : json_string(""));
        if (request->status == 401 && request->dialect_form == EVS_IDENTITY)
            set_header(request, "WWW-Authenticate", "Keystone uri=\"http://127.0.0.1/v3\"");
    }
    set_header(request, "X-Request-Id", request->request_id);
    if (reply && json_object_size(reply) == 0) {
        json_decref(reply);
        return json_null();
    }
    return reply;
}
