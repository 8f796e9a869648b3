/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, renaming and deleting.
 *
 * The kernel holds the directory's lock until these are answered, so they take one round trip to
 * the cloud and never wait for a snapshot to be ready.  Refusals are local and say what would have
 * been right.  None is EXDEV or ENOTEMPTY, which make tools copy (a paid snapshot) or recurse into
 * the snapshots.
 */
#include "fs_internal.h"

#include "cbsfs/names.h"
#include "cbsfs/provider.h"

#include <errno.h>
#include <fnmatch.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void entry_path(const struct node *parent, const char *name, char *path, size_t size)
{
    node_path(parent, path, size);
    size_t used = strlen(path);
    snprintf(path + used, size - used, "%s%s", used > 0 ? "/" : "", name);
}

static int read_only(struct fs *fs, const struct node *parent, const char *name,
                     const char *operation)
{
    return fs->settings.read_only
               ? fs_refuse(fs, parent, name, operation, -EROFS, "the mount is read-only")
               : 0;
}

static pid_t caller(const struct request *request)
{
    return fuse_req_ctx(request->fuse)->pid;
}

/* Parks behind the job, or replies with why there is none. */
static void follow(struct request *request, int status)
{
    if (status != 0)
        reply_error(request, status);
    else
        request_park(request);
}

/* The snapshot that the request names; NULL: parked until it is known, or replied that there is
 * none. */
static struct snapshot *wait_for_entry(struct request *request, const struct node *parent)
{
    const struct catalogue *catalogue = store_catalogue(request->region->store);
    if (request_wait(request, WANT_DISK_SNAPSHOTS, disk_text(parent->disk, DISK_ID)))
        return NULL;
    struct snapshot *snapshot = catalogue_entry(catalogue, parent->disk, request->name);
    if (snapshot == NULL)
        reply_error(request, request->status != 0 ? request->status : -ENOENT);
    return snapshot;
}

static void answer_with_status(struct request *request)
{
    reply_error(request, request->status);
}

static void change_done(void *data, const struct job_result *result)
{
    struct request *request = data;
    request->job = NULL;
    request->status = result->status;
    request->answer = answer_with_status;
    request_wake(request);
}

/* --- mkdir --------------------------------------------------------------------------- */

static void answer_made(struct request *request)
{
    struct node parent, node;
    int status = node_find(request->fs, request->number, &parent);
    struct snapshot *snapshot = NULL;
    if (status == 0)
        snapshot =
            catalogue_entry(store_catalogue(request->region->store), parent.disk, request->name);
    if (snapshot != NULL) {
        node_of_snapshot(request->region, snapshot, SNAPSHOT_SELF, &node);
        reply_entry(request, &node);
        return;
    }
    /* It was accepted, but there was no memory to show it: a listing does. */
    if (status == 0 && request_wait(request, WANT_DISK_SNAPSHOTS, disk_text(parent.disk, DISK_ID)))
        return;
    /* Any other error would say that it was not made. */
    reply_error(request, -ETIMEDOUT);
}

static void made(void *data, const struct job_result *result)
{
    struct request *request = data;
    request->job = NULL;
    request->status = result->status;
    request->waited = 0; /* before the change */
    request->asked = 0;
    request->answer = result->status == 0 ? answer_made : answer_with_status;
    request_wake(request);
}

int guard_refuses_copy(struct request *request, const struct node *parent)
{
    struct fs *fs = request->fs;
    if (!guard_is_marked(&fs->guard, caller(request), GUARD_MOVE))
        return 0;
    return fs_refuse(fs, parent, request->name, "mkdir", -EPERM,
                     "this process was just refused a move: copying instead would make a snapshot");
}

static int may_make(struct request *request, const struct node *parent, char *name)
{
    struct fs *fs = request->fs;
    char reason[300];
    if (!node_is_snapshots(parent))
        return fs_refuse(fs, parent, request->name, "mkdir", -EPERM,
                         "only a disk's snapshots/ takes new directories");
    int status = read_only(fs, parent, request->name, "mkdir");
    if (status == 0) {
        status = name_parse_new(store_provider(request->region->store), request->name, name, reason,
                                sizeof(reason));
        if (status != 0)
            fs_refuse(fs, parent, request->name, "mkdir", status, reason);
    }
    return status == 0 ? guard_refuses_copy(request, parent) : status;
}

static void answer_mkdir(struct request *request)
{
    struct node parent;
    char name[NAME_ENTRY_SIZE], path[1024];
    int status = node_find(request->fs, request->number, &parent);
    if (status == 0 && parent.kind == NODE_STATIC && parent.file == STATIC_GROUPS) {
        groups_mkdir(request, &parent);
        return;
    }
    if (status == 0)
        status = may_make(request, &parent, name);
    if (status != 0) {
        reply_error(request, status);
        return;
    }
    const char *id = disk_text(parent.disk, DISK_ID);
    if (request_wait(request, WANT_DISK_SNAPSHOTS, id))
        return;
    entry_path(&parent, request->name, path, sizeof(path));
    if (!store_is_known(request->region->store, WANT_DISK_SNAPSHOTS, parent.disk) &&
        request->status != 0) {
        reply_error(request, request->status);
        return;
    }
    follow(request,
           store_create(request->region->store, id, name, path, made, request, &request->job));
}

void op_mkdir(fuse_req_t fuse, fuse_ino_t parent, const char *name, mode_t mode)
{
    (void)mode;
    request_run(request_new(fuse_req_userdata(fuse), fuse, answer_mkdir, parent, name));
}

/* --- rmdir --------------------------------------------------------------------------- */

static bool is_protected_name(const struct fs *fs, const char *name)
{
    for (const char *const *at = fs->settings.protect; at != NULL && *at != NULL; at++) {
        if (fnmatch(*at, name, 0) == 0)
            return true;
    }
    return false;
}

/* By entry and by name: a twin's entry is not its name. */
bool snapshot_is_protected(const struct fs *fs, const struct snapshot *snapshot)
{
    return is_protected_name(fs, snapshot_entry(snapshot)) ||
           is_protected_name(fs, snapshot_text(snapshot, SNAPSHOT_NAME));
}

static int refuse_removal(struct request *request, const struct node *parent, const char *operation,
                          const char *reason)
{
    guard_mark(&request->fs->guard, caller(request), GUARD_REMOVAL);
    return fs_refuse(request->fs, parent, request->name, operation, -EPERM, reason);
}

/* Whatever is to be removed. */
static int may_remove_any(struct request *request, const struct node *parent)
{
    struct fs *fs = request->fs;
    if (!fs->settings.allow_delete)
        return refuse_removal(request, parent, "rmdir",
                              "snapshots are only deleted when mounted with -o allow_delete");
    if (guard_is_marked(&fs->guard, caller(request), GUARD_REMOVAL))
        return refuse_removal(
            request, parent, "rmdir",
            "this process deletes recursively (another removal was just refused); "
            "use rmdir on the snapshot itself");
    return 0;
}

static int may_remove(struct request *request, const struct node *parent,
                      const struct snapshot *snapshot)
{
    struct fs *fs = request->fs;
    int status = may_remove_any(request, parent);
    if (status == 0 && snapshot_is_protected(fs, snapshot))
        return fs_refuse(fs, parent, request->name, "rmdir", -EPERM,
                         "the name is protected (protect=)");
    return status;
}

/* With its snapshots, each of which may be protected. */
static void remove_group(struct request *request, const struct node *parent)
{
    struct fs *fs = request->fs;
    const struct catalogue *catalogue = store_catalogue(request->region->store);
    size_t at;
    json_t *id;
    /* Before anything is waited for: a mark does not last for ever. */
    int status = may_remove_any(request, parent);
    if (status != 0) {
        reply_error(request, status);
        return;
    }
    const json_t *group = groups_wait_for_entry(request);
    if (group == NULL)
        return;
    char entry[NAME_ENTRY_SIZE];
    const json_t *members = json_object_get(group, "snapshots");
    groups_entry(request->region, group, entry);
    bool is_kept = is_protected_name(fs, json_string_value(json_object_get(group, "name"))) ||
                   is_protected_name(fs, entry);
    /* Those that are not told may have any name. */
    is_kept |= fs->settings.protect != NULL && (json_array_size(members) == 0 ||
                                                json_is_true(json_object_get(group, "incomplete")));
    json_array_foreach((json_t *)members, at, id)
    {
        const struct snapshot *member = catalogue_snapshot(catalogue, json_string_value(id));
        /* One that is not known may have any name. */
        is_kept |= member == NULL
                       ? fs->settings.protect != NULL
                       : snapshot_is_visible(member) && snapshot_is_protected(fs, member);
    }
    if (is_kept)
        reply_error(request, fs_refuse(fs, parent, request->name, "rmdir", -EPERM,
                                       "its name, or that of one of its snapshots, is or may be "
                                       "protected (protect=)"));
    else
        groups_rmdir(request, parent, group);
}

static void answer_rmdir(struct request *request)
{
    struct fs *fs = request->fs;
    struct node parent;
    char path[1024];
    int status = node_find(fs, request->number, &parent);
    if (status == 0)
        status = read_only(fs, &parent, request->name, "rmdir");
    if (status == 0 && parent.kind == NODE_STATIC && parent.file == STATIC_GROUPS) {
        remove_group(request, &parent);
        return;
    }
    if (status == 0 && !node_is_snapshots(&parent))
        status = refuse_removal(request, &parent, "rmdir", "only snapshots can be removed");
    if (status != 0) {
        reply_error(request, status);
        return;
    }
    struct snapshot *snapshot = wait_for_entry(request, &parent);
    if (snapshot == NULL)
        return;
    status = may_remove(request, &parent, snapshot);
    if (status != 0) {
        reply_error(request, status);
        return;
    }
    const char *id = snapshot_text(snapshot, SNAPSHOT_ID);
    if (request_wait(request, WANT_STATUS, id))
        return;
    entry_path(&parent, request->name, path, sizeof(path));
    follow(request,
           store_delete(request->region->store, id, path, change_done, request, &request->job));
}

void op_rmdir(fuse_req_t fuse, fuse_ino_t parent, const char *name)
{
    request_run(request_new(fuse_req_userdata(fuse), fuse, answer_rmdir, parent, name));
}

/* --- rename -------------------------------------------------------------------------- */

static int may_rename(struct request *request, const struct node *parent, char *name)
{
    struct fs *fs = request->fs;
    char reason[300];
    if (!node_is_snapshots(parent)) {
        guard_mark(&fs->guard, caller(request), GUARD_MOVE);
        return fs_refuse(fs, parent, request->name, "rename", -EPERM,
                         "only snapshots can be renamed");
    }
    if (request->number != request->new_parent) {
        guard_mark(&fs->guard, caller(request), GUARD_MOVE);
        return fs_refuse(fs, parent, request->name, "rename", -EINVAL,
                         "a snapshot stays with its disk");
    }
    if (request->new_flags & ~(unsigned)RENAME_NOREPLACE)
        return fs_refuse(fs, parent, request->name, "rename", -EINVAL, "names cannot be exchanged");
    int status = read_only(fs, parent, request->name, "rename");
    if (status != 0)
        return status;
    status = name_parse_new(store_provider(request->region->store), request->new_name, name, reason,
                            sizeof(reason));
    return status != 0 ? fs_refuse(fs, parent, request->new_name, "rename", status, reason) : 0;
}

static void answer_rename(struct request *request)
{
    struct fs *fs = request->fs;
    struct node parent;
    char name[NAME_ENTRY_SIZE], path[1024];
    int status = node_find(fs, request->number, &parent);
    if (status == 0)
        status = may_rename(request, &parent, name);
    if (status != 0) {
        reply_error(request, status);
        return;
    }
    struct snapshot *snapshot = wait_for_entry(request, &parent);
    if (snapshot == NULL)
        return;
    const struct snapshot *holder =
        catalogue_entry(store_catalogue(request->region->store), parent.disk, request->new_name);
    if (holder == snapshot && !store_is_changing(request->region->store, CLOUD_RENAME_SNAPSHOT,
                                                 snapshot_text(snapshot, SNAPSHOT_ID))) {
        reply_error(request, 0);
        return;
    }
    if (holder != NULL && holder != snapshot) {
        reply_error(request, fs_refuse(fs, &parent, request->new_name, "rename", -EEXIST,
                                       "a snapshot of this disk has this name"));
        return;
    }
    entry_path(&parent, request->name, path, sizeof(path));
    follow(request, store_rename(request->region->store, snapshot_text(snapshot, SNAPSHOT_ID), name,
                                 path, change_done, request, &request->job));
}

void op_rename(fuse_req_t fuse, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
               const char *new_name, unsigned flags)
{
    struct request *request =
        request_new(fuse_req_userdata(fuse), fuse, answer_rename, parent, name);
    if (request == NULL)
        return;
    request->new_parent = new_parent;
    request->new_flags = flags;
    request->new_name = strdup(new_name);
    if (request->new_name == NULL) {
        fuse_reply_err(fuse, ENOMEM);
        request_discard(request);
        return;
    }
    request_run(request);
}

/* --- what never works ---------------------------------------------------------------- */

static void refuse(fuse_req_t fuse, fuse_ino_t parent, const char *name, const char *operation,
                   const char *reason)
{
    struct fs *fs = fuse_req_userdata(fuse);
    struct node node;
    int status = node_find(fs, parent, &node);
    if (status == 0)
        status = fs_refuse(fs, &node, name, operation, -EPERM, reason);
    fuse_reply_err(fuse, -status);
}

void op_unlink(fuse_req_t fuse, fuse_ino_t parent, const char *name)
{
    struct fs *fs = fuse_req_userdata(fuse);
    guard_mark(&fs->guard, fuse_req_ctx(fuse)->pid, GUARD_REMOVAL);
    refuse(fuse, parent, name, "unlink", "the files here show what is, they cannot be removed");
}

/* An editor tries a hidden file beside the one that it saves, and does without: nobody has asked
 * for it, and its refusal would hide the reason of the last change that somebody did ask for. */
static void refuse_file(fuse_req_t fuse, fuse_ino_t parent, const char *name)
{
    if (name[0] == '.')
        fuse_reply_err(fuse, EPERM);
    else
        refuse(fuse, parent, name, "create", "files cannot be made here");
}

void op_mknod(fuse_req_t fuse, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    (void)mode;
    (void)device;
    refuse_file(fuse, parent, name);
}

void op_create(fuse_req_t fuse, fuse_ino_t parent, const char *name, mode_t mode,
               struct fuse_file_info *file)
{
    (void)mode;
    (void)file;
    refuse_file(fuse, parent, name);
}

void op_symlink(fuse_req_t fuse, const char *target, fuse_ino_t parent, const char *name)
{
    (void)target;
    refuse(fuse, parent, name, "symlink", "links cannot be made here");
}

void op_link(fuse_req_t fuse, fuse_ino_t number, fuse_ino_t new_parent, const char *new_name)
{
    (void)number;
    refuse(fuse, new_parent, new_name, "link", "links cannot be made here");
}
