/* SPDX-License-Identifier: Apache-2.0 */
/* What goes back over HTTP, and how badly. */
#ifndef CBSFS_SIM_ANSWER_H
#define CBSFS_SIM_ANSWER_H

#include "cbsfs/buffer.h"
#include "sim.h"

enum answer_ending {
    ANSWER_WHOLE,
    ANSWER_CUT,     /* half of the body, then the connection is closed */
    ANSWER_DROPPED, /* the connection is closed instead of an answer */
    ANSWER_NEVER    /* the connection stays open and silent */
};

struct answer {
    unsigned int status; /* HTTP */
    const char *content_type;
    json_t *script;  /* a fault that content_type and more headers are borrowed from, or NULL */
    json_t *headers; /* of the API itself, or NULL */
    struct buffer body;
    enum answer_ending ending;
    int64_t hold;        /* ms before the first byte */
    int64_t ms_per_byte; /* 0: at once */
};

/* One of the APIs that lead to the account. */
struct dialect {
    /* Reads what says which action is meant. 0, -EREMOTEIO after a refusal, -ENOMEM. */
    int (*read)(struct api_request *request, const struct http_request *http);
    /* The action's name, which lives as long as the program, or NULL. */
    const char *(*action)(const struct api_request *request, const struct http_request *http);
    /* 0 with request->reply, -EREMOTEIO with code and message, -ENOMEM. */
    int (*perform)(struct api_request *request, const struct http_request *http);
    /* Takes request->reply over; may set status and headers. New reference or NULL; JSON's null is
     * an answer without a body. */
    json_t *(*envelope)(struct api_request *request);
    const char *malformed; /* what the fault of that name answers */
};

extern const struct dialect dialect_current; /* API 3.0, at / */
extern const struct dialect dialect_legacy;  /* API v2, at /v2/index.php */
extern const struct dialect dialect_evs;     /* EVS and its identity service, at /v2/ and /v3/ */

/* A request to the API. The answer must be empty; it always says something afterwards. */
void answer_api(struct sim *sim, const struct http_request *http, const struct dialect *dialect,
                struct answer *answer);
/* A request below /_sim/. */
void answer_control(struct sim *sim, const struct http_request *http, struct answer *answer);

/* Writes `value` as the body; takes it over; NULL is taken as no memory. */
void answer_json(struct answer *answer, unsigned int status, json_t *value);

#endif
