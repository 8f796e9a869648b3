/* SPDX-License-Identifier: Apache-2.0 */
/* The whole simulator, and one API request on its way through it. */
#ifndef CBSFS_SIM_SIM_H
#define CBSFS_SIM_SIM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account.h"
#include "faults.h"
#include "options.h"
#include "traffic.h"

/* What a request of the legacy API v2 was stamped with. */
struct legacy_stamp {
    long long timestamp;
    long long nonce;
};

struct sim {
    struct options options;
    struct account *accounts; /* one for each region; the first has the data */
    size_t account_count;     /* of those that every dialect has */
    size_t region_count;      /* all; API 3.0 only has those behind the others */
    struct traffic traffic;
    struct faults faults;
    struct late *late;                /* changes still to be carried out, see late.h */
    uint64_t random;                  /* for request ids */
    struct legacy_stamp stamps[4096]; /* the last ones, in a ring */
    size_t stamp_count;
};

/* What came in over HTTP. Everything is borrowed; `query` is the raw one without `?`, "" if none.
 */
struct http_request {
    const char *method;
    const char *path;
    const char *query;
    const char *body;
    size_t body_length;
    /* The first header of that name (any case), or NULL. */
    const char *(*header)(void *context, const char *name);
    void *header_context;
};

struct api_request {
    struct sim *sim;
    struct account *account;
    json_t *parameters; /* checked against the action's table; every member has its type */
    json_t *reply;      /* the members of `Response`; the action adds its own */
    int64_t now;        /* clock_now() */
    int64_t wall;   /* the server's time, seconds since the epoch, shifted by the fault "clock" */
    int64_t as_of;  /* describes answer for this clock_now(); INT64_MAX: now */
    int64_t late;   /* ms after which a change is carried out; 0: at once */
    bool fails;     /* what is begun ends in failure (the fault "fail") */
    bool unchanged; /* it succeeded and did nothing, so it counts as no change */
    char request_id[37];
    char code[72]; /* "" as long as nothing was refused */
    char message[512];
    unsigned int status; /* HTTP; 0: 200, or what the dialect has for the code */
    json_t *headers;     /* of the answer, {NAME: VALUE}, or NULL */
    int dialect_form;    /* for a dialect that has several: which one the request was written in */
};

/* The server's time in seconds since the epoch. */
int64_t sim_wall(const struct sim *sim);

/*
 * Records why the request is refused.  The message is given the tail of the RequestId as the real
 * ones have it.  Returns -EREMOTEIO, so that it can be returned.
 */
int api_refuse(struct api_request *request, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with the message as it is: the gateway's messages have no tail. */
int api_refuse_plainly(struct api_request *request, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
