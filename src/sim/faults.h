/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault script: which requests go wrong, and how.
 *
 * Each request is matched against the list from its top; a fault that matches is used up by one (or
 * first skipped) and the first that takes effect is the only one.  cbsfs-sim(1) describes the
 * kinds.
 */
#ifndef CBSFS_SIM_FAULTS_H
#define CBSFS_SIM_FAULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_kind {
    FAULT_DELAY,
    FAULT_DROP_BEFORE,
    FAULT_DROP_AFTER,
    FAULT_STATUS,
    FAULT_TRUNCATE,
    FAULT_MALFORMED,
    FAULT_HTML,
    FAULT_ERROR,
    FAULT_THROTTLE,
    FAULT_EXPIRED_TOKEN,
    FAULT_CLOCK,
    FAULT_STALE,
    FAULT_SLOW_BODY,
    FAULT_HANG,
    FAULT_ENVELOPE,
    FAULT_BODY,
    FAULT_EDIT,
    FAULT_PATCH,
    FAULT_FAIL
};

struct fault {
    enum fault_kind kind;
    char action[64]; /* "*": any */
    long skip;       /* matching requests still to be let through */
    long times;      /* how often it still takes effect; -1: for ever */
    bool processed;  /* the request is carried out although its answer is spoilt */
    int64_t ms;      /* delay; slow-body: for each byte */
    int64_t late;    /* ms after which a change is carried out all the same; 0: never */
    int64_t seconds; /* clock, stale */
    unsigned int status;
    char code[64];
    char message[256];
    json_t *entry; /* as it stands in the script; the list's */
};

struct faults {
    struct fault *list;
    size_t count;
    int64_t posted; /* clock_now() when the script was set */
    int64_t shift;  /* seconds that the server's clock is ahead, all clock faults together */
};

/*
 * Replaces the script by `script`, {"faults": [...]}.  Returns 0, -ENOMEM, or -EINVAL with a
 * readable reason; after an error the old script stays.
 */
int faults_replace(struct faults *faults, const json_t *script, int64_t now, char *reason,
                   size_t reason_size);
void faults_free(struct faults *faults);

/* The fault that this request meets, copied to *fault; false if none. For faults that ask for
 * certain parameters: those that are known already, or NULL and the request's body. `region` may be
 * NULL. */
bool faults_take(struct faults *faults, const char *action, const char *region, json_t *parameters,
                 const char *body, size_t body_length, struct fault *fault);

/* "drop-before" and so on. */
const char *fault_name(enum fault_kind kind);

#endif
