/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading directories.
 *
 * What a directory holds is noted when an open directory is first read, as keys; the offset that
 * the kernel comes back with is a position in that note.  So a directory that changes while it is
 * being read shows nothing twice and skips nothing that stayed.
 *
 * The kernel keeps what it has read of a directory until it is told otherwise when the directory is
 * opened.  So each opening decides: what has not changed since the last one, and is not older than
 * it may be, is not read again.
 */
#include "fs_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One entry of a directory: its name, and its node unless it is a dot entry. */
struct entry {
    const char *name;
    struct node node;
    bool gone;
};

/* --- what is in it ------------------------------------------------------------------- */

/* Static and file entries are noted as small numbers, objects as their keys. */
static void note_files(struct handle *handle, size_t count)
{
    for (size_t i = 0; i < count; i++)
        handle->keys[handle->key_count++] = i;
}

static int note_entries(struct request *request, const struct node *directory)
{
    const struct catalogue *catalogue = store_catalogue(request->fs->store);
    struct handle *handle = request->handle;
    bool of_disks = directory->kind == NODE_STATIC && directory->file == STATIC_DISKS;
    bool of_links = directory->kind == NODE_STATIC && directory->file == STATIC_SNAPSHOTS;
    size_t most = disk_file_count + snapshot_file_count + static_file_count;
    if (of_disks)
        most = catalogue->disk_count;
    else if (of_links)
        most = catalogue->snapshot_count;
    else if (node_is_snapshots(directory))
        most = directory->disk->count;
    handle->keys = calloc(most + 1, sizeof(*handle->keys));
    if (handle->keys == NULL)
        return -ENOMEM;
    for (size_t i = 0; (of_disks || of_links) && i < catalogue->disk_count; i++) {
        const struct disk *disk = catalogue->disks[i];
        if (of_disks && disk_is_visible(disk))
            handle->keys[handle->key_count++] = disk->key;
        for (size_t j = 0; of_links && j < disk->count; j++) {
            if (snapshot_is_visible(disk->snapshots[j]))
                handle->keys[handle->key_count++] = disk->snapshots[j]->key;
        }
    }
    for (size_t j = 0; node_is_snapshots(directory) && j < directory->disk->count; j++) {
        if (snapshot_is_visible(directory->disk->snapshots[j]))
            handle->keys[handle->key_count++] = directory->disk->snapshots[j]->key;
    }
    if (directory->kind == NODE_STATIC && directory->file == STATIC_ROOT)
        note_files(handle, 3);
    else if (directory->kind == NODE_STATIC && directory->file == STATIC_CONTROL)
        note_files(handle, static_file_count - 1);
    else if (directory->kind == NODE_DISK && directory->file == DISK_SELF)
        note_files(handle, disk_file_count + 1);
    else if (directory->kind == NODE_SNAPSHOT)
        note_files(handle, snapshot_file_count);
    return 0;
}

/* The entry that a note stands for; `gone` if it has left since. */
static void read_static(const struct node *directory, uint64_t note, struct entry *entry)
{
    static const char *const names[] = {"README", "disks", "snapshots"};
    static const unsigned files[] = {STATIC_FILES, STATIC_DISKS, STATIC_SNAPSHOTS};
    if (directory->file == STATIC_ROOT) {
        entry->name = names[note];
        node_of_static(files[note], &entry->node);
    } else {
        node_of_static(STATIC_FILES + 1 + (unsigned)note, &entry->node);
        entry->name = entry->node.type->name;
    }
}

static void read_file_entry(const struct node *directory, uint64_t note, struct entry *entry)
{
    if (directory->kind == NODE_DISK && note == disk_file_count) {
        entry->name = "snapshots";
        node_of_disk(directory->disk, DISK_SNAPSHOTS, &entry->node);
        return;
    }
    if (directory->kind == NODE_DISK)
        node_of_disk(directory->disk, DISK_FILES + (unsigned)note, &entry->node);
    else
        node_of_snapshot(directory->snapshot, SNAPSHOT_FILES + (unsigned)note, &entry->node);
    entry->name = entry->node.type->name;
    entry->gone = (entry->node.type->flags & FILE_UNLISTED) ||
                  (directory->kind == NODE_DISK && !file_is_shown(entry->node.type, directory));
}

static void read_entry(const struct fs *fs, const struct node *directory, uint64_t note,
                       struct entry *entry)
{
    const struct catalogue *catalogue = store_catalogue(fs->store);
    *entry = (struct entry){0};
    if (directory->kind == NODE_STATIC && directory->file == STATIC_DISKS) {
        struct disk *disk = catalogue_disk_by_key(catalogue, note);
        entry->gone = disk == NULL || !disk_is_visible(disk);
        if (entry->gone)
            return;
        node_of_disk(disk, DISK_SELF, &entry->node);
        entry->name = disk_text(disk, DISK_ID);
    } else if ((directory->kind == NODE_STATIC && directory->file == STATIC_SNAPSHOTS) ||
               node_is_snapshots(directory)) {
        struct snapshot *snapshot = catalogue_snapshot_by_key(catalogue, note);
        entry->gone = snapshot == NULL || !snapshot_is_visible(snapshot);
        if (entry->gone)
            return;
        if (directory->kind == NODE_STATIC) {
            node_of_link(snapshot, &entry->node);
            entry->name = snapshot_text(snapshot, SNAPSHOT_ID);
        } else {
            node_of_snapshot(snapshot, SNAPSHOT_SELF, &entry->node);
            entry->name = snapshot->entry;
        }
    } else if (directory->kind == NODE_STATIC) {
        read_static(directory, note, entry);
    } else {
        read_file_entry(directory, note, entry);
    }
}

/* --- replying ------------------------------------------------------------------------ */

static size_t add_dots(struct request *request, char *space, size_t size, off_t offset)
{
    struct fuse_entry_param entry = {.attr = {.st_ino = request->number, .st_mode = S_IFDIR}};
    const char *name = offset == 0 ? "." : "..";
    if (request->plus)
        return fuse_add_direntry_plus(request->fuse, space, size, name, &entry, offset + 1);
    return fuse_add_direntry(request->fuse, space, size, name, &entry.attr, offset + 1);
}

static size_t add_entry(struct request *request, const struct entry *entry, char *space,
                        size_t size, off_t next)
{
    struct fuse_entry_param parameters = {.ino = node_own_number(&entry->node)};
    if (!request->plus) {
        parameters.attr.st_ino = parameters.ino;
        parameters.attr.st_mode = entry->node.type == NULL              ? S_IFDIR
                                  : entry->node.type->flags & FILE_LINK ? S_IFLNK
                                                                        : S_IFREG;
        return fuse_add_direntry(request->fuse, space, size, entry->name, &parameters.attr, next);
    }
    node_attributes(request->fs, &entry->node, &parameters.attr);
    parameters.entry_timeout = node_entry_life(request->fs, &entry->node);
    parameters.attr_timeout = node_attribute_life(request->fs, &entry->node);
    return fuse_add_direntry_plus(request->fuse, space, size, entry->name, &parameters, next);
}

static void reply_entries(struct request *request, const struct node *directory)
{
    struct handle *handle = request->handle;
    char *space = malloc(request->size);
    size_t used = 0;
    if (space == NULL) {
        reply_error(request, -ENOMEM);
        return;
    }
    for (size_t at = (size_t)request->offset; at < handle->key_count + 2; at++) {
        size_t left = request->size - used, length;
        if (at < 2) {
            length = add_dots(request, space + used, left, (off_t)at);
        } else {
            struct entry entry;
            read_entry(request->fs, directory, handle->keys[at - 2], &entry);
            if (entry.gone)
                continue;
            length = add_entry(request, &entry, space + used, left, (off_t)at + 1);
        }
        if (length > left)
            break;
        used += length;
    }
    fuse_reply_buf(request->fuse, space, used);
    free(space);
}

/* True: parked until the directory's content is known. */
static bool wait_for_content(struct request *request, const struct node *directory)
{
    if (directory->kind == NODE_STATIC && directory->file == STATIC_DISKS) {
        /* Side by side; a disk of which only snapshots are left is shown as well. */
        store_expect(request->fs->store, WANT_SNAPSHOTS, NULL);
        return request_wait(request, WANT_DISKS, NULL) ||
               request_wait(request, WANT_SNAPSHOTS, NULL);
    }
    if (directory->kind == NODE_STATIC && directory->file == STATIC_SNAPSHOTS)
        return request_wait(request, WANT_SNAPSHOTS, NULL);
    if (directory->kind == NODE_DISK)
        return request_wait(request, WANT_DISK_SNAPSHOTS, disk_text(directory->disk, DISK_ID));
    return false;
}

/* Whether it was ever learnt what the directory holds; without that an error is the only true
 * answer. */
static bool is_known(const struct request *request, const struct node *directory)
{
    const struct store *store = request->fs->store;
    if (directory->kind == NODE_STATIC && directory->file == STATIC_DISKS)
        return store_is_known(store, WANT_DISKS, NULL) &&
               store_is_known(store, WANT_SNAPSHOTS, NULL);
    if (directory->kind == NODE_STATIC && directory->file == STATIC_SNAPSHOTS)
        return store_is_known(store, WANT_SNAPSHOTS, NULL);
    if (directory->kind == NODE_DISK)
        return store_is_known(store, WANT_DISK_SNAPSHOTS, directory->disk);
    return true;
}

static void answer_readdir(struct request *request)
{
    struct node directory;
    int status = node_find(request->fs, request->number, &directory);
    if (status == 0 && request->handle->keys == NULL) {
        if (wait_for_content(request, &directory))
            return;
        /* Waiting may have taken the disk away. */
        status = node_find(request->fs, request->number, &directory);
        if (status == 0 && request->status != 0 && !is_known(request, &directory))
            status = request->status;
        if (status == 0)
            status = note_entries(request, &directory);
    }
    if (status != 0)
        reply_error(request, status);
    else
        reply_entries(request, &directory);
}

static void read_directory(fuse_req_t fuse, fuse_ino_t number, size_t size, off_t offset,
                           struct fuse_file_info *file, bool plus)
{
    struct request *request =
        request_new(fuse_req_userdata(fuse), fuse, answer_readdir, number, NULL);
    if (request == NULL)
        return;
    request->handle = (struct handle *)(uintptr_t)file->fh;
    request->size = size;
    request->offset = offset;
    request->plus = plus;
    /* rewinddir(3): a new look. */
    if (offset == 0) {
        free(request->handle->keys);
        request->handle->keys = NULL;
        request->handle->key_count = 0;
    }
    request_run(request);
}

void op_readdir(fuse_req_t fuse, fuse_ino_t number, size_t size, off_t offset,
                struct fuse_file_info *file)
{
    read_directory(fuse, number, size, offset, file, false);
}

void op_readdirplus(fuse_req_t fuse, fuse_ino_t number, size_t size, off_t offset,
                    struct fuse_file_info *file)
{
    read_directory(fuse, number, size, offset, file, true);
}

/* Whether the kernel's copy of the directory, if it has one, still holds. */
static bool may_keep(struct fs *fs, fuse_ino_t number)
{
    struct node directory;
    enum store_want want = WANT_DISK_SNAPSHOTS;
    if (node_find(fs, number, &directory) != 0)
        return false;
    bool is_static = directory.kind == NODE_STATIC;
    if (is_static && directory.file != STATIC_DISKS && directory.file != STATIC_SNAPSHOTS)
        return true;
    if (directory.kind == NODE_SNAPSHOT)
        return true;
    if (is_static)
        want = directory.file == STATIC_DISKS ? WANT_DISKS : WANT_SNAPSHOTS;
    else if (!node_is_snapshots(&directory))
        return false; /* whether there is a `latest` changes with more than entries */
    bool is_news = store_note_listed(fs->store, want, directory.disk);
    return !is_news && store_life(fs->store, want, directory.disk) > 0 &&
           (want != WANT_DISKS || store_life(fs->store, WANT_SNAPSHOTS, NULL) > 0);
}

void op_opendir(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file)
{
    struct fs *fs = fuse_req_userdata(fuse);
    struct handle *handle = handle_new(fs, number);
    if (handle == NULL) {
        fuse_reply_err(fuse, ENOMEM);
        return;
    }
    file->fh = (uintptr_t)handle;
    file->cache_readdir = 1;
    file->keep_cache = may_keep(fs, number);
    if (fuse_reply_open(fuse, file) != 0)
        handle_free(handle);
}

void op_releasedir(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file)
{
    (void)number;
    handle_free((struct handle *)(uintptr_t)file->fh);
    fuse_reply_err(fuse, 0);
}
