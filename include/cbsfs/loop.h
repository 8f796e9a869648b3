/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one event loop.
 *
 * Everything in cbsfs happens in callbacks of this loop, on one thread: the FUSE descriptor,
 * signals, every HTTP transfer (the loop owns the CURLM) and every timer.  A callback must not
 * block. curl_multi_poll() waits for all of them together, for at most as long as the nearest timer
 * allows; with nothing to do the loop sleeps without waking.
 */
#ifndef CBSFS_LOOP_H
#define CBSFS_LOOP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;

/* A descriptor to watch. The caller owns the struct and keeps it until loop_unwatch(). */
struct loop_watch {
    int fd;
    void (*ready)(void *data); /* called when fd is readable, has hung up or has an error */
    void *data;
    struct loop_watch *next; /* the loop's */
};

/* A one-shot timer. Zero-initialise it, set fire and data; the caller owns the struct and must stop
 * the timer before freeing it. Starting cannot fail and allocates nothing. */
struct loop_timer {
    void (*fire)(void *data);
    void *data;
    int64_t at;                         /* clock_now() milliseconds */
    bool armed;                         /* read-only for callers */
    struct loop_timer *previous, *next; /* the loop's */
};

/* NULL when memory is out. Initialises libcurl on first use, with memory that is
 * overwritten when it is freed. */
struct loop *loop_new(void);
/* Watches and timers must have been removed; unfinished transfers must have been cancelled. */
void loop_free(struct loop *loop);

/* Runs callbacks until loop_stop(). Returns 0, or -errno when waiting itself fails. */
int loop_run(struct loop *loop);
/* Makes loop_run() return after the current round of callbacks. From a callback only. */
void loop_stop(struct loop *loop);

void loop_watch(struct loop *loop, struct loop_watch *watch);
void loop_unwatch(struct loop *loop, struct loop_watch *watch);

/* (Re)arms `timer` to fire once at or after `at` (clock_now() ms). A time in the past fires in the
 * next round, never from inside this call. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t at);
/* Harmless when the timer is not armed. */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* The transfers' multi handle: for http.c only, which also gets each finished easy handle through
 * the function that it registers here. */
CURLM *loop_multi(struct loop *loop);
void loop_on_transfer(struct loop *loop, void (*finished)(void *data, CURL *easy, CURLcode code),
                      void *data);

#endif
