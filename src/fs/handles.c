/* SPDX-License-Identifier: Apache-2.0 */
/* Open files, and those of them that wait for a change with poll(2). */
#include "fs_internal.h"

#include "cbsfs/clock.h"

#include <poll.h>
#include <stdlib.h>

/* Whoever has the events open for longer than reading them takes, ms, follows them. */
#define FOLLOWS_AFTER 900
/* ms: by then a file was copied; who has it open for longer may want to hear of news. */
#define SHOWN_FOR 30000

struct handle *handle_new(struct fs *fs, fuse_ino_t number)
{
    struct handle *handle = calloc(1, sizeof(*handle));
    if (handle == NULL)
        return NULL;
    handle->fs = fs;
    handle->number = number;
    handle->opened = clock_now();
    handle->next = fs->handles;
    if (fs->handles != NULL)
        fs->handles->previous = handle;
    fs->handles = handle;
    return handle;
}

static void end_poll(struct handle *handle)
{
    if (handle->poll == NULL)
        return;
    fuse_pollhandle_destroy(handle->poll);
    handle->poll = NULL;
    store_watch(region_of(handle->fs, handle->number)->store, -1);
}

void handle_free(struct handle *handle)
{
    end_poll(handle);
    events_close(&handle->reader);
    handle->fs->polled -= handle->polled;
    if (handle->previous != NULL)
        handle->previous->next = handle->next;
    else
        handle->fs->handles = handle->next;
    if (handle->next != NULL)
        handle->next->previous = handle->previous;
    buffer_free(&handle->content);
    free(handle);
}

/* The status that a poll(2) waits for is another one, or its snapshot is gone. */
static bool has_news(const struct handle *handle)
{
    struct node node;
    return node_find(handle->fs, handle->number, &node) != 0 || node.snapshot == NULL ||
           snapshot_more(node.snapshot)->version != handle->version;
}

void handles_changed(struct fs *fs)
{
    for (struct handle *handle = fs->handles; handle != NULL; handle = handle->next) {
        if (handle->poll == NULL || !has_news(handle))
            continue;
        /* Wakes the waiting process; takes no lock that it could hold. */
        fuse_lowlevel_notify_poll(handle->poll);
        end_poll(handle);
    }
}

bool handles_poll(const struct fs *fs, fuse_ino_t number)
{
    if (fs->polled == 0)
        return false;
    for (const struct handle *handle = fs->handles; handle != NULL; handle = handle->next) {
        if (handle->polled && handle->number == number)
            return true;
    }
    return false;
}

/* True if whoever has it open is told the attributes of what he reads. */
static bool is_shown(const struct handle *handle)
{
    return handle->is_steady && handle->rendered && clock_now() - handle->rendered_at < SHOWN_FOR;
}

bool handles_show(const struct fs *fs, fuse_ino_t number)
{
    for (const struct handle *handle = fs->handles; handle != NULL; handle = handle->next) {
        if (handle->number == number && is_shown(handle))
            return true;
    }
    return false;
}

const struct handle *handles_find(const struct fs *fs, fuse_ino_t number, pid_t thread)
{
    const struct handle *found = NULL;
    /* 0: it cannot be seen from here. */
    for (const struct handle *handle = thread != 0 ? fs->handles : NULL; handle != NULL;
         handle = handle->next) {
        if (handle->number != number)
            continue;
        if (handle->is_kept)
            return NULL;
        /* Who opens a file in one of its threads may ask in another. */
        if (found == NULL && is_shown(handle) &&
            (handle->opener == thread || caller_process(handle->opener) == caller_process(thread)))
            found = handle;
    }
    return found;
}

bool handles_follow(const struct fs *fs)
{
    for (const struct handle *handle = fs->handles; handle != NULL; handle = handle->next) {
        if (handle->reader.events != NULL && clock_now() - handle->opened >= FOLLOWS_AFTER)
            return true;
    }
    return false;
}

/* Who polls a file of which the kernel keeps the content shall be heard of whenever he reads it. */
static void note_poll(struct handle *handle)
{
    if (handle->polled || !handle->is_kept)
        return;
    handle->polled = true;
    handle->fs->polled++;
    node_untell(handle->fs, handle->number);
}

void op_poll(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file,
             struct fuse_pollhandle *poll)
{
    struct fs *fs = fuse_req_userdata(fuse);
    struct handle *handle = (struct handle *)(uintptr_t)file->fh;
    struct node node;
    /* As sysfs has it: always readable, and POLLPRI | POLLERR once it says something else than when
     * it was last read. */
    unsigned events = POLLIN | POLLRDNORM;
    bool is_status = node_find(fs, number, &node) == 0 && node.kind == NODE_SNAPSHOT &&
                     node.type == snapshot_files;
    if (is_status ? snapshot_more(node.snapshot)->version != handle->version : node.type == NULL)
        events |= POLLPRI | POLLERR;
    if (is_status)
        note_poll(handle);
    if (poll != NULL) {
        end_poll(handle);
        if (is_status && (events & POLLPRI) == 0) {
            handle->poll = poll;
            store_watch(node.region->store, 1);
        } else {
            fuse_pollhandle_destroy(poll);
        }
    }
    fuse_reply_poll(fuse, events);
}
