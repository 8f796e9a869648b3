/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round of the loop: wait, drive the transfers, call the watches that are ready, fire the timers
 * that are due.  Callbacks may remove whatever they like, so nothing walks a list across a call:
 * what is ready is collected first, and removing something also takes it out of that collection.
 */
#include "cbsfs/loop.h"

#include "cbsfs/clock.h"
#include "cbsfs/wipe.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* poll(2) does not count time asleep, clock_now() does: after a resume no timer is later than this.
 */
#define LONGEST_WAIT 60000

struct loop {
    CURLM *multi;
    struct loop_watch *watches; /* newest first */
    size_t watch_count;
    struct loop_timer timers; /* head of a ring, sorted by time */
    struct loop_timer due;    /* head of a ring: timers of this round that still have to fire */
    bool stopped;
    int running; /* transfers under way when curl was last driven */

    /* This round's view of the watches; an entry of `polled` is NULL once its watch was removed. */
    struct loop_watch **polled;
    struct curl_waitfd *waits;
    size_t polled_count, polled_capacity;

    void (*finished)(void *data, CURL *easy, CURLcode code);
    void *finished_data;
};

static void ring_init(struct loop_timer *head)
{
    head->previous = head->next = head;
}

static void ring_insert_after(struct loop_timer *position, struct loop_timer *timer)
{
    timer->previous = position;
    timer->next = position->next;
    position->next->previous = timer;
    position->next = timer;
}

static void ring_remove(struct loop_timer *timer)
{
    timer->previous->next = timer->next;
    timer->next->previous = timer->previous;
    timer->previous = timer->next = NULL;
}

struct loop *loop_new(void)
{
    static bool initialised;

    /* What libcurl frees has held signatures and session tokens.
     * It does not notice when OpenSSL could not be set up for want of memory, and OpenSSL's
     * functions then crash: so it is asked. */
    if (!initialised && (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_free, wipe_realloc,
                                              strdup, calloc) != CURLE_OK ||
                         OSSL_LIB_CTX_get0_global_default() == NULL))
        return NULL;
    initialised = true;
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->multi = curl_multi_init();
    if (!loop->multi) {
        free(loop);
        return NULL;
    }
    ring_init(&loop->timers);
    ring_init(&loop->due);
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    curl_multi_cleanup(loop->multi);
    free(loop->polled);
    free(loop->waits);
    free(loop);
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

CURLM *loop_multi(struct loop *loop)
{
    return loop->multi;
}

void loop_on_transfer(struct loop *loop, void (*finished)(void *data, CURL *easy, CURLcode code),
                      void *data)
{
    loop->finished = finished;
    loop->finished_data = data;
}

void loop_watch(struct loop *loop, struct loop_watch *watch)
{
    watch->next = loop->watches;
    loop->watches = watch;
    loop->watch_count++;
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
    for (struct loop_watch **at = &loop->watches; *at; at = &(*at)->next) {
        if (*at != watch)
            continue;
        *at = watch->next;
        watch->next = NULL;
        loop->watch_count--;
        break;
    }
    for (size_t i = 0; i < loop->polled_count; i++) {
        if (loop->polled[i] == watch)
            loop->polled[i] = NULL;
    }
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t at)
{
    loop_timer_stop(loop, timer);
    timer->at = at;
    timer->armed = true;
    /* From the far end: most timers are "now plus a usual timeout". */
    struct loop_timer *position = loop->timers.previous;
    while (position != &loop->timers && position->at > at)
        position = position->previous;
    ring_insert_after(position, timer);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    if (!timer->armed)
        return;
    ring_remove(timer);
    timer->armed = false;
}

static int wait_time(const struct loop *loop)
{
    const struct loop_timer *first = loop->timers.next;
    if (first == &loop->timers)
        return INT_MAX;
    int64_t left = first->at - clock_now();
    if (left <= 0)
        return 0;
    return left < LONGEST_WAIT ? (int)left : LONGEST_WAIT;
}

static int grow_polled(struct loop *loop)
{
    if (loop->watch_count <= loop->polled_capacity)
        return 0;
    size_t capacity = loop->watch_count + 8;
    struct loop_watch **polled = realloc(loop->polled, capacity * sizeof *polled);
    if (!polled)
        return -ENOMEM;
    loop->polled = polled;
    struct curl_waitfd *waits = realloc(loop->waits, capacity * sizeof *waits);
    if (!waits)
        return -ENOMEM;
    loop->waits = waits;
    loop->polled_capacity = capacity;
    return 0;
}

/* Waits for something to happen; what is ready is then in `waits`. */
static int wait_for_events(struct loop *loop)
{
    int status = grow_polled(loop);
    if (status)
        return status;
    size_t count = 0;
    for (struct loop_watch *watch = loop->watches; watch; watch = watch->next, count++) {
        loop->polled[count] = watch;
        loop->waits[count] = (struct curl_waitfd){.fd = watch->fd, .events = CURL_WAIT_POLLIN};
    }
    loop->polled_count = count;

    /* curl shows POLLERR, which is all that an ended FUSE session has, and POLLHUP as POLLIN. */
    CURLMcode code =
        curl_multi_poll(loop->multi, loop->waits, (unsigned)count, wait_time(loop), NULL);
    if (code != CURLM_OK)
        return code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
    return 0;
}

static void drive_transfers(struct loop *loop)
{
    long timeout = -1;
    int queued;
    CURLMsg *message;

    /* A transfer just added shows as a timeout that is due; so an idle loop costs nothing. */
    curl_multi_timeout(loop->multi, &timeout);
    if (loop->running == 0 && timeout < 0)
        return;
    curl_multi_perform(loop->multi, &loop->running);
    while ((message = curl_multi_info_read(loop->multi, &queued))) {
        /* `message` is gone once the handle is removed. */
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        if (message->msg == CURLMSG_DONE && loop->finished)
            loop->finished(loop->finished_data, easy, code);
    }
}

static void call_watches(struct loop *loop)
{
    for (size_t i = 0; i < loop->polled_count; i++) {
        struct loop_watch *watch = loop->polled[i];
        if (watch && loop->waits[i].revents)
            watch->ready(watch->data);
    }
    loop->polled_count = 0;
}

static void fire_timers(struct loop *loop)
{
    /* Only those that are due now: what a callback starts waits for the next round. */
    int64_t now = clock_now();
    while (loop->timers.next != &loop->timers && loop->timers.next->at <= now) {
        struct loop_timer *timer = loop->timers.next;
        ring_remove(timer);
        ring_insert_after(loop->due.previous, timer);
    }
    while (loop->due.next != &loop->due) {
        struct loop_timer *timer = loop->due.next;
        loop_timer_stop(loop, timer);
        timer->fire(timer->data);
    }
}

int loop_run(struct loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped) {
        int status = wait_for_events(loop);
        if (status)
            return status;
        drive_transfers(loop);
        call_watches(loop);
        fire_timers(loop);
    }
    return 0;
}
