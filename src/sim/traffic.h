/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked: counters for the tests, the rate limit, and the last requests. */
#ifndef CBSFS_SIM_TRAFFIC_H
#define CBSFS_SIM_TRAFFIC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Moments within the last second, oldest first. */
struct window {
    int64_t *times; /* ms */
    size_t first;
    size_t count;
    size_t capacity;
};

#define TRAFFIC_WINDOWS 1024 /* of actions, in all and in each region */

struct traffic {
    json_t *requests; /* action: how many came in */
    json_t *errors;   /* code: how many were answered */
    json_t *peaks;    /* action: most that came in within any second */
    json_t *changes;  /* action: how many were carried out */
    json_t *faults;   /* kind: how many struck */
    json_t *regions;  /* region: {"requests", "peak_per_second", "changes"}, the same of it alone */
    json_t *log;      /* the last 1000, oldest first */
    struct {
        const char *action;
        const char *region; /* NULL: all together */
        struct window arrived;
        struct window accepted;
    } windows[TRAFFIC_WINDOWS];
};

/* 0 or -ENOMEM. */
int traffic_init(struct traffic *traffic);
void traffic_free(struct traffic *traffic);
/* Forgets counters, peaks and the log, not the rate limit's second. 0 or -ENOMEM. */
int traffic_reset(struct traffic *traffic);

/* Counts an arrival. `action` and `region` (NULL: in none) must live as long as the program. */
void traffic_arrived(struct traffic *traffic, const char *action, const char *region, int64_t now);
/*
 * Whether one more fits into the second that ends now; then it is counted in.  `limit` 0: always.
 * Each region has a limit of its own.  *count is how many there are with this one.
 */
bool traffic_accept(struct traffic *traffic, const char *action, const char *region, long limit,
                    int64_t now, size_t *count);
void traffic_error(struct traffic *traffic, const char *code);
void traffic_change(struct traffic *traffic, const char *action, const char *region);
void traffic_fault(struct traffic *traffic, const char *kind);
/* `parameters` may be NULL; `note` is the error code, "" for success, or "fault:KIND". */
void traffic_log(struct traffic *traffic, const char *action, json_t *parameters, const char *note,
                 int64_t wall_ms);

#endif
