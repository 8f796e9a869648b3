/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files.
 *
 * A file is rendered when it is opened, whole, and read from that: what one reader gets is of one
 * moment. `status` is rendered anew when it is read again from its start, which is what poll(2)
 * users do, and `wait` is rendered when its snapshot has settled.
 *
 * A command is carried out within write(2), because that is the only place whose error every shell
 * reports; one for each open, because Python, rsync and busybox cp send a failed write again.
 */
#include "fs_internal.h"

#include "cbsfs/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* The longest command is an id and two words; an editor's save is longer and refused all the same.
 */
#define COMMAND_LIMIT 4096

static bool is_named(const struct node *node, const char *name)
{
    return node->type != NULL && strcmp(node->type->name, name) == 0;
}

static int render_into(struct handle *handle, struct fs *fs, const struct node *node)
{
    buffer_reset(&handle->content);
    int status = file_render(fs, node, &handle->content);
    handle->rendered = status == 0;
    handle->time = node_time(fs, node, &handle->content);
    handle->rendered_at = clock_now();
    if (node->snapshot != NULL)
        handle->version = snapshot_more(node->snapshot)->version;
    return status;
}

/* The list that the file shows, and of what; false: it shows none. */
static bool list_of(const struct node *node, enum store_want *want, const char **id)
{
    if (node->type == NULL || (node->type->flags & FILE_LIST) == 0)
        return false;
    if (node->snapshot != NULL && !node->snapshot->shared_out)
        return false;
    *want = node->snapshot != NULL ? WANT_SHARES : WANT_POLICIES;
    *id = node->snapshot != NULL ? snapshot_text(node->snapshot, SNAPSHOT_ID) : "";
    return true;
}

bool request_wait_for_list(struct request *request, const struct node *node)
{
    enum store_want want;
    const char *id;
    return list_of(node, &want, &id) && request_wait(request, want, id);
}

bool request_knows_list(const struct request *request, const struct node *node)
{
    enum store_want want;
    const char *id;
    /* One that the cloud does not have at all is known to be empty. */
    return !list_of(node, &want, &id) || request->status == 0 || request->status == -EOPNOTSUPP ||
           store_list(request->region->store, want, id) != NULL;
}

/* True: parked until what the file shows is fresh enough. */
static bool wait_for_data(struct request *request, const struct node *node)
{
    if (node->kind == NODE_GROUP)
        return request_wait(request, WANT_GROUPS, NULL) ||
               (is_named(node, "rollback") && groups_wait_for_all(request)) ||
               groups_wait_for_members(request, node->group);
    if (node->kind == NODE_SNAPSHOT)
        return request_wait(request, WANT_STATUS, snapshot_text(node->snapshot, SNAPSHOT_ID)) ||
               ((is_named(node, "rollback") || is_named(node, "new_disk")) && node->disk->exists &&
                request_wait(request, WANT_DISK, disk_text(node->disk, DISK_ID))) ||
               request_wait_for_list(request, node);
    if (node->kind == NODE_DISK)
        return request_wait_for_list(request, node) ||
               request_wait(request,
                            node->disk->exists && !is_named(node, "snapshots.json")
                                ? WANT_DISK
                                : WANT_DISK_SNAPSHOTS,
                            disk_text(node->disk, DISK_ID));
    return false;
}

static bool is_known(const struct request *request, const struct node *node)
{
    return node->kind == NODE_STATIC || request->status == 0 || node->snapshot != NULL ||
           node->group != NULL || store_is_known(request->region->store, WANT_DISK, node->disk) ||
           store_is_known(request->region->store, WANT_DISK_SNAPSHOTS, node->disk);
}

/* What the kernel keeps it takes for as long as the attributes say that it keeps it. If they may be
 * of another value, it has to ask; of what may change at any time it has none. */
static void settle_doubt(struct fs *fs, const struct node *node)
{
    if (node->disk != NULL && (node->type->flags & FILE_VOLATILE) == 0 &&
        store_is_in_doubt(node->region->store, node->disk))
        node_untell(fs, node_own_number(node));
}

/* --- open ---------------------------------------------------------------------------- */

static void answer_open(struct request *request)
{
    struct fs *fs = request->fs;
    struct node node;
    bool writing = (request->file.flags & O_ACCMODE) != O_RDONLY;
    bool reading = (request->file.flags & O_ACCMODE) != O_WRONLY;
    int status = node_find(fs, request->number, &node);
    if (status == 0 && node.type == NULL)
        status = -EISDIR;
    if (status == 0 && writing && (node.type->flags & FILE_WRITABLE) == 0)
        status = -EPERM;
    if (status == 0 && reading && !is_named(&node, "wait")) {
        if (wait_for_data(request, &node))
            return;
        status = node_find(fs, request->number, &node);
        if (status == 0 && (!is_known(request, &node) || !request_knows_list(request, &node)))
            status = request->status;
    }
    struct handle *handle = status == 0 ? handle_new(fs, request->number) : NULL;
    if (status == 0 && handle == NULL)
        status = -ENOMEM;
    if (status == 0)
        status = render_into(handle, fs, &node);
    if (status != 0) {
        if (handle != NULL)
            handle_free(handle);
        reply_error(request, status);
        return;
    }
    if (is_named(&node, "wait") || (node.type->flags & FILE_LIVE))
        handle->rendered = false;
    if (node.type->flags & FILE_LIVE)
        events_open(fs->settings.events, &handle->reader);
    request->file.fh = (uintptr_t)handle;
    handle->is_kept = !writing && node_is_settled(&node) &&
                      handle->content.length <= FILE_KEPT_MOST &&
                      !handles_show(fs, request->number);
    handle->is_steady = !writing && !handle->is_kept && (node.type->flags & FILE_LIVE) == 0;
    handle->opener = fuse_req_ctx(request->fuse)->pid;
    settle_doubt(fs, &node);
    request->file.keep_cache = handle->is_kept;
    request->file.direct_io = !handle->is_kept;
    if (fuse_reply_open(request->fuse, &request->file) != 0)
        handle_free(handle);
}

void op_open(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file)
{
    struct request *request = request_new(fuse_req_userdata(fuse), fuse, answer_open, number, NULL);
    if (request == NULL)
        return;
    request->file = *file;
    request_run(request);
}

void op_release(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file)
{
    (void)number;
    handle_free((struct handle *)(uintptr_t)file->fh);
    fuse_reply_err(fuse, 0);
}

/* --- read ---------------------------------------------------------------------------- */

static void reply_content(struct request *request)
{
    const struct buffer *content = &request->handle->content;
    size_t offset = (size_t)request->offset;
    size_t left = offset < content->length ? content->length - offset : 0;
    fuse_reply_buf(request->fuse, left > 0 ? content->data + offset : NULL,
                   left < request->size ? left : request->size);
}

static bool wait_until_settled(struct request *request, const struct node *node)
{
    if (node->kind == NODE_GROUP)
        return request_wait(request, WANT_GROUPS, NULL) ||
               request_wait(request, WANT_GROUP_SETTLED, groups_id(node));
    const char *id = snapshot_text(node->snapshot, SNAPSHOT_ID);
    return request_wait(request, WANT_STATUS, id) || request_wait(request, WANT_SETTLED, id);
}

/* The page that this fills is everybody's: it shows what is now, not what it was when this one was
 * opened; and who waits for a page cannot be interrupted, so nothing is waited for here. */
static void answer_kept(struct request *request)
{
    struct node node;
    int status = 0;
    if (node_find(request->fs, request->number, &node) == 0) {
        settle_doubt(request->fs, &node);
        status = render_into(request->handle, request->fs, &node);
    }
    if (status != 0)
        reply_error(request, status);
    else
        reply_content(request);
}

/* Their end moves on, and beginning anew they move back: no copy would do. */
static void answer_events(struct request *request)
{
    const char *bytes;
    size_t length =
        events_read(&request->handle->reader, (size_t)request->offset, request->size, &bytes);
    fuse_reply_buf(request->fuse, bytes, length);
}

static void answer_read(struct request *request)
{
    struct handle *handle = request->handle;
    if (handle->reader.events != NULL) {
        answer_events(request);
        return;
    }
    if (handle->is_kept) {
        answer_kept(request);
        return;
    }
    struct node node;
    int status = node_find(request->fs, request->number, &node);
    bool waits = status == 0 && is_named(&node, "wait");
    bool again = status == 0 && node.kind == NODE_SNAPSHOT && is_named(&node, "status") &&
                 request->offset == 0 && handle->was_read;
    if (waits && !handle->rendered && wait_until_settled(request, &node))
        return;
    if (again && wait_for_data(request, &node))
        return;
    if ((waits && !handle->rendered) || again) {
        /* The snapshot may have gone while somebody waited for it. */
        status = node_find(request->fs, request->number, &node);
        if (status == 0)
            status = render_into(handle, request->fs, &node);
        if (status != 0) {
            reply_error(request, status);
            return;
        }
    } else if (!handle->rendered && status != 0) {
        reply_error(request, status);
        return;
    }
    handle->was_read = true;
    reply_content(request);
}

void op_read(fuse_req_t fuse, fuse_ino_t number, size_t size, off_t offset,
             struct fuse_file_info *file)
{
    struct request *request = request_new(fuse_req_userdata(fuse), fuse, answer_read, number, NULL);
    if (request == NULL)
        return;
    request->handle = (struct handle *)(uintptr_t)file->fh;
    request->size = size;
    request->offset = offset;
    request_run(request);
}

/* --- attributes, in front of reading what the kernel keeps --------------------------- */

/* Of a file that is gone; whoever has it open still reads it. */
static void reply_leftover(struct request *request)
{
    const struct fs *fs = request->fs;
    struct stat attributes = {.st_ino = request->number,
                              .st_mode = S_IFREG | (0444 & ~(fs->settings.umask & 07777)),
                              .st_nlink = 1,
                              .st_uid = fs->settings.uid,
                              .st_gid = fs->settings.gid,
                              .st_size = (off_t)request->handle->content.length,
                              .st_blksize = 4096};
    fuse_reply_attr(request->fuse, &attributes, 0);
}

static void answer_getattr(struct request *request)
{
    struct node node;
    bool is_there = node_find(request->fs, request->number, &node) == 0;
    if (is_there && wait_for_data(request, &node))
        return;
    is_there = is_there && node_find(request->fs, request->number, &node) == 0;
    if (!is_there) {
        reply_leftover(request);
        return;
    }
    /* If it is the same, it is read from the kernel's copy, and we do not hear of that. */
    if (node.snapshot != NULL)
        request->handle->version = snapshot_more(node.snapshot)->version;
    reply_attributes(request->fuse, request->number, &request->file);
}

void file_getattr(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file)
{
    struct handle *handle = (struct handle *)(uintptr_t)file->fh;
    if (!handle->is_kept) {
        reply_attributes(fuse, number, file);
        return;
    }
    struct request *request =
        request_new(fuse_req_userdata(fuse), fuse, answer_getattr, number, NULL);
    if (request == NULL)
        return;
    request->handle = handle;
    request->file = *file;
    request_run(request);
}

/* --- write --------------------------------------------------------------------------- */

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* As a string.  A NUL byte, which would end it early, becomes something that no command has, and so
 * does the rest of what is longer than any command. */
static char *copy_command(const char *bytes, size_t size)
{
    size_t length = size < COMMAND_LIMIT ? size : COMMAND_LIMIT;
    char *text = malloc(length + 2);
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < length; i++)
        text[i] = bytes[i] != '\0' ? bytes[i] : '?';
    if (size > length)
        text[length++] = '?';
    text[length] = '\0';
    return text;
}

static void answer_write(struct request *request)
{
    struct node node;
    int status = node_find(request->fs, request->number, &node);
    if (status == 0 && (node.type == NULL || (node.type->flags & FILE_WRITABLE) == 0))
        status = -EPERM;
    if (status == 0 && is_named(&node, "rollback") && node.kind == NODE_GROUP) {
        groups_command_rollback(request);
        return;
    }
    if (status == 0 && is_named(&node, "rollback")) {
        command_rollback(request);
        return;
    }
    if (status == 0 && command_is_feature(&node)) {
        command_feature(request);
        return;
    }
    if (status == 0)
        status = is_named(&node, "refresh") ? command_refresh(request->fs)
                                            : command_log_level(request->text);
    if (status == -EINVAL)
        fs_refuse(request->fs, &node, NULL, node.type->name, status,
                  "one of the words error, warning, info, debug");
    command_finish(request, status);
}

void op_write(fuse_req_t fuse, fuse_ino_t number, const char *bytes, size_t size, off_t offset,
              struct fuse_file_info *file)
{
    struct handle *handle = (struct handle *)(uintptr_t)file->fh;
    (void)offset; /* `>>` and editors write wherever they believe the end is */
    if (handle->commanded || handle->executing) {
        int result = handle->commanded ? handle->result : -EBUSY;
        if (result != 0)
            fuse_reply_err(fuse, -result);
        else
            fuse_reply_write(fuse, size);
        return;
    }
    struct request *request =
        request_new(fuse_req_userdata(fuse), fuse, answer_write, number, NULL);
    if (request == NULL)
        return;
    request->handle = handle;
    request->size = size;
    request->text = copy_command(bytes, size);
    if (request->text == NULL || is_blank(request->text)) {
        /* Nothing was commanded: nothing happens, and the handle keeps its one command. */
        bool blank = request->text != NULL;
        if (blank)
            fuse_reply_write(fuse, size);
        else
            fuse_reply_err(fuse, ENOMEM);
        request_discard(request);
        return;
    }
    handle->executing = true;
    request_run(request);
}
