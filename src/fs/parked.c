/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parked requests.
 *
 * A request whose data is not there yet is kept here and its function is run again from the start
 * when the store has an answer; each want is waited for once, so it ends.  A signal ends a wait at
 * once; a change that is already on the wire runs to its true answer, unless the caller dies of the
 * signal and will never see one.  FUSE tells of signals from within its own locks, so they are only
 * noted there and acted upon in the next round of the loop.
 */
#include "fs_internal.h"

#include "cbsfs/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How often an interrupted caller whose change is on the wire is looked at, ms. */
#define DYING_INTERVAL 20

static void is_ready(void *data, int status)
{
    struct request *request = data;
    if (status != 0)
        request->status = status;
    request_wake(request);
}

struct request *request_new(struct fs *fs, fuse_req_t fuse, void (*answer)(struct request *request),
                            fuse_ino_t number, const char *name)
{
    struct request *request = calloc(1, sizeof(*request));
    char *copy = name != NULL ? strdup(name) : NULL;
    if (request == NULL || (name != NULL && copy == NULL)) {
        free(copy);
        free(request);
        fuse_reply_err(fuse, ENOMEM);
        return NULL;
    }
    request->fs = fs;
    request->fuse = fuse;
    request->answer = answer;
    request->number = number;
    request->began = clock_now();
    request->region = region_of(fs, number);
    if (request->region == NULL)
        request->region = region_home(fs);
    request->name = copy;
    request->waiter.ready = is_ready;
    request->waiter.data = request;
    return request;
}

static void free_request(struct request *request)
{
    free(request->name);
    free(request->new_name);
    free(request->text);
    free(request);
}

void request_discard(struct request *request)
{
    free_request(request);
}

static void unpark(struct request *request)
{
    loop_timer_stop(request->fs->loop, &request->deadline);
    request->parked = false;
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        request->fs->parked = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
    request->next = request->previous = NULL;
}

void request_run(struct request *request)
{
    if (request == NULL)
        return;
    request->answer(request);
    if (!request->parked)
        free_request(request);
}

void request_wake(struct request *request)
{
    unpark(request);
    request_run(request);
}

static void is_interrupted(fuse_req_t fuse, void *data)
{
    struct request *request = data;
    (void)fuse;
    request->interrupted = true;
    loop_timer_start(request->fs->loop, &request->fs->interrupts, clock_now());
}

void request_park(struct request *request)
{
    struct fs *fs = request->fs;
    request->parked = true;
    request->previous = NULL;
    request->next = fs->parked;
    if (fs->parked != NULL)
        fs->parked->previous = request;
    fs->parked = request;
    fuse_req_interrupt_func(request->fuse, is_interrupted, request);
}

/* While page after page of a long listing comes nobody waits in vain. */
static int64_t end_of_time(const struct request *request)
{
    int64_t page = store_last_page(request->region->store);
    return (page > request->asked ? page : request->asked) + request->fs->settings.timeout;
}

static void time_is_over(void *data)
{
    struct request *request = data;
    int64_t end = end_of_time(request);
    if (end > clock_now()) {
        loop_timer_start(request->fs->loop, &request->deadline, end);
        return;
    }
    store_unwait(&request->waiter);
    is_ready(request, request->status != 0 ? request->status : -ETIMEDOUT);
}

/* The first question has a deadline of its own, and ends with a reason.  Those that follow it have
 * the rest of the time, so that one operation does not take as many timeouts as it has questions;
 * waiting for a snapshot to settle is none. False: the time is over. */
static bool limit_wait(struct request *request, enum store_want want)
{
    struct fs *fs = request->fs;
    int64_t now = clock_now();
    bool first = request->asked == 0;
    if (first)
        request->asked = now;
    if (first || want == WANT_SETTLED || want == WANT_GROUP_SETTLED)
        return true;
    int64_t end = end_of_time(request);
    if (now >= end)
        return false;
    request->deadline.fire = time_is_over;
    request->deadline.data = request;
    loop_timer_start(fs->loop, &request->deadline, end);
    return true;
}

bool request_wait(struct request *request, enum store_want want, const char *id)
{
    if (request->waited & (1u << want))
        return false;
    request->waited |= 1u << want;
    int status = store_want(request->region->store, want, id, &request->waiter);
    if (status == -EINPROGRESS && limit_wait(request, want)) {
        request_park(request);
        return true;
    }
    if (status == -EINPROGRESS) {
        store_unwait(&request->waiter); /* the answer is for who comes next */
        status = request->status != 0 ? request->status : -ETIMEDOUT;
    }
    if (status != 0)
        request->status = status;
    return false;
}

static void end_with_eintr(struct request *request)
{
    store_unwait(&request->waiter);
    unpark(request);
    fuse_reply_err(request->fuse, EINTR);
    if (request->handle != NULL)
        request->handle->executing = false;
    free_request(request);
}

/* The change goes on without its caller. Somebody else may hold the same open file; for them its
 * one command has been given. */
static void let_go(struct request *request)
{
    job_forget(request->job);
    if (request->handle != NULL) {
        request->handle->commanded = true;
        request->handle->result = -EINTR;
    }
    end_with_eintr(request);
}

/* Ends those that a signal has reached; of those whose change is on the wire only the dying.  The
 * kernel tells of the first signal alone, and a deadly one may follow, so the others are looked at
 * again. */
static void end_interrupted(void *data)
{
    struct fs *fs = data;
    struct request *next;
    bool again = false;
    for (struct request *request = fs->parked; request != NULL; request = next) {
        next = request->next;
        if (!request->interrupted)
            continue;
        if (request->job == NULL || job_cancel(request->job))
            end_with_eintr(request);
        else if (caller_is_dying(fuse_req_ctx(request->fuse)->pid))
            let_go(request);
        else
            again = true;
    }
    if (again)
        loop_timer_start(fs->loop, &fs->interrupts, clock_now() + DYING_INTERVAL);
}

void requests_drop(struct fs *fs)
{
    loop_timer_stop(fs->loop, &fs->interrupts);
    struct request *next;
    for (struct request *request = fs->parked; request != NULL; request = next) {
        next = request->next;
        store_unwait(&request->waiter);
        if (request->job != NULL)
            job_forget(request->job);
        unpark(request);
        fuse_reply_err(request->fuse, ENOTCONN);
        free_request(request);
    }
}

unsigned requests_parked(const struct fs *fs)
{
    unsigned count = 0;
    for (const struct request *request = fs->parked; request != NULL; request = request->next)
        count++;
    return count;
}

void reply_error(struct request *request, int status)
{
    fuse_reply_err(request->fuse, -status);
}

void reply_entry(struct request *request, const struct node *node)
{
    struct fuse_entry_param entry = {.ino = node_own_number(node)};
    int status = node_tell(request->fs, node, &entry.attr, &entry.attr_timeout);
    if (status != 0) {
        reply_error(request, status);
        return;
    }
    entry.entry_timeout = node_entry_life(node);
    fuse_reply_entry(request->fuse, &entry);
}

void requests_begin(struct fs *fs)
{
    fs->interrupts.fire = end_interrupted;
    fs->interrupts.data = fs;
}
