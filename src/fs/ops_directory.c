/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading directories.
 *
 * There is no open directory (copies.c says why), so each request stands for itself: the offset
 * that the kernel comes back with is the place of the last entry that it has, and the reply goes on
 * behind it.  Places stay with what they are places of, so a directory that changes while it is
 * being read shows nothing twice and skips nothing that stayed.
 */
#include "fs_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Offsets of the entries that are in every directory; those of fixed entries follow. */
enum { OFFSET_START, OFFSET_SELF, OFFSET_PARENT, OFFSET_FIXED };

/* --- replying ------------------------------------------------------------------------ */

static size_t add_dot(struct request *request, char *space, size_t size, const char *name,
                      off_t next)
{
    struct fuse_entry_param entry = {.attr = {.st_ino = request->number, .st_mode = S_IFDIR}};
    if (request->plus)
        return fuse_add_direntry_plus(request->fuse, space, size, name, &entry, next);
    return fuse_add_direntry(request->fuse, space, size, name, &entry.attr, next);
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
    /* Without memory for its size the kernel asks for that before it uses it. */
    (void)node_tell(request->fs, &entry->node, &parameters.attr, &parameters.attr_timeout);
    parameters.entry_timeout = node_entry_life(&entry->node);
    return fuse_add_direntry_plus(request->fuse, space, size, entry->name, &parameters, next);
}

bool reply_put(struct reply *reply, const struct entry *entry, uint64_t place)
{
    size_t left = reply->request->size - reply->used;
    size_t length =
        add_entry(reply->request, entry, reply->space + reply->used, left, (off_t)place);
    if (length > left) {
        if (place == reply->place && reply->boundary > 0)
            reply->used = reply->boundary;
        return false;
    }
    if (place != reply->place) {
        reply->place = place;
        reply->boundary = reply->used;
    }
    reply->used += length;
    return true;
}

static bool put_dots(struct reply *reply)
{
    struct request *request = reply->request;
    for (off_t at = request->offset; at < OFFSET_PARENT; at++) {
        size_t left = request->size - reply->used;
        size_t length = add_dot(request, reply->space + reply->used, left,
                                at == OFFSET_START ? "." : "..", at + 1);
        if (length > left)
            return false;
        reply->used += length;
    }
    return true;
}

/* --- what is in it ------------------------------------------------------------------- */

static void put_disks(struct reply *reply, uint64_t after)
{
    struct catalogue_walk walk =
        catalogue_walk_disks(store_catalogue(reply->request->region->store), after);
    struct disk *disk;
    while ((disk = catalogue_next_disk(&walk)) != NULL) {
        struct entry entry = {.name = disk_text(disk, DISK_ID)};
        node_of_disk(reply->request->region, disk, DISK_SELF, &entry.node);
        if (!reply_put(reply, &entry, disk_place(disk)))
            return;
    }
}

/* `disk` NULL: the links of /snapshots. */
static void put_snapshots(struct reply *reply, const struct disk *disk, uint64_t after)
{
    struct catalogue_walk walk =
        catalogue_walk_snapshots(store_catalogue(reply->request->region->store), disk, after);
    struct snapshot *snapshot;
    while ((snapshot = catalogue_next_snapshot(&walk)) != NULL) {
        struct entry entry;
        if (disk == NULL) {
            entry.name = snapshot_text(snapshot, SNAPSHOT_ID);
            node_of_link(reply->request->region, snapshot, &entry.node);
        } else {
            entry.name = snapshot_entry(snapshot);
            node_of_snapshot(reply->request->region, snapshot, SNAPSHOT_SELF, &entry.node);
        }
        uint64_t place = disk == NULL ? snapshot_place(snapshot) : snapshot_place_in_disk(snapshot);
        if (!reply_put(reply, &entry, place))
            return;
    }
}

static void put_regions(struct reply *reply, uint64_t after)
{
    const struct fs *fs = reply->request->fs;
    if (regions_are_refused(fs) && after < OFFSET_FIXED) {
        struct entry entry = {.name = refused_file.name};
        node_of_static(region_home(fs), STATIC_REFUSED, &entry.node);
        reply_put(reply, &entry, OFFSET_FIXED);
        return;
    }
    for (unsigned number = 1; number < REGION_COUNT; number++) {
        struct region *region = fs->regions[number];
        if (region == NULL || !region->is_listed || OFFSET_FIXED + number <= after)
            continue;
        struct entry entry = {.name = region->id};
        node_of_static(region, STATIC_REGION, &entry.node);
        if (!reply_put(reply, &entry, OFFSET_FIXED + number))
            return;
    }
}

/* The entry of a directory whose entries are fixed; false behind the last. Without a name: it is
 * not there now. */
static bool get_static(const struct node *directory, size_t at, struct entry *entry)
{
    static const char *const names[] = {"disks", "snapshots", "groups", "README", "regions"};
    static const unsigned files[] = {STATIC_DISKS, STATIC_SNAPSHOTS, STATIC_GROUPS, STATIC_FILES,
                                     STATIC_REGIONS};
    if (directory->file == STATIC_ROOT || directory->file == STATIC_REGION) {
        size_t count = directory->file == STATIC_REGION        ? 3
                       : !directory->region->fs->shows_regions ? 4
                                                               : 5;
        if (at >= count)
            return false;
        bool is_shown = files[at] != STATIC_GROUPS || groups_exist(directory->region);
        entry->name = is_shown ? names[at] : NULL;
        node_of_static(directory->region, files[at], &entry->node);
        return true;
    }
    if (at + 1 >= static_file_count)
        return false;
    node_of_static(directory->region, STATIC_FILES + 1 + (unsigned)at, &entry->node);
    entry->name = entry->node.type->name;
    return true;
}

static bool get_fixed(const struct node *directory, size_t at, struct entry *entry)
{
    bool of_disk = directory->kind == NODE_DISK;
    *entry = (struct entry){0};
    if (directory->kind == NODE_GROUP)
        return groups_get_fixed(directory, at, entry);
    if (directory->kind == NODE_STATIC)
        return get_static(directory, at, entry);
    if (of_disk && at == disk_file_count) {
        entry->name = "snapshots";
        node_of_disk(directory->region, directory->disk, DISK_SNAPSHOTS, &entry->node);
        return true;
    }
    if (at >= (of_disk ? disk_file_count : snapshot_file_count))
        return false;
    if (of_disk)
        node_of_disk(directory->region, directory->disk, DISK_FILES + (unsigned)at, &entry->node);
    else
        node_of_snapshot(directory->region, directory->snapshot, SNAPSHOT_FILES + (unsigned)at,
                         &entry->node);
    const struct file *type = entry->node.type;
    bool is_listed =
        (type->flags & FILE_UNLISTED) == 0 && (!of_disk || file_is_shown(type, directory));
    entry->name = is_listed ? type->name : NULL;
    return true;
}

static void put_fixed(struct reply *reply, const struct node *directory, uint64_t after)
{
    struct entry entry;
    size_t first = after < OFFSET_FIXED ? 0 : (size_t)(after - OFFSET_FIXED + 1);
    for (size_t at = first; get_fixed(directory, at, &entry); at++) {
        if (entry.name != NULL && !reply_put(reply, &entry, OFFSET_FIXED + at))
            return;
    }
}

/* What changes with the list of groups. */
static bool is_groups(const struct node *directory)
{
    return (directory->kind == NODE_STATIC && directory->file == STATIC_GROUPS) ||
           (directory->kind == NODE_GROUP && directory->file == GROUP_SNAPSHOTS);
}

static int put_entries(struct reply *reply, const struct node *directory)
{
    uint64_t after = (uint64_t)reply->request->offset;
    if (!put_dots(reply))
        return 0;
    if (is_groups(directory))
        return groups_put(reply, directory, after);
    if (directory->kind == NODE_STATIC && directory->file == STATIC_DISKS)
        put_disks(reply, after);
    else if (directory->kind == NODE_STATIC && directory->file == STATIC_SNAPSHOTS)
        put_snapshots(reply, NULL, after);
    else if (directory->kind == NODE_STATIC && directory->file == STATIC_REGIONS)
        put_regions(reply, after);
    else if (node_is_snapshots(directory))
        put_snapshots(reply, directory->disk, after);
    else
        put_fixed(reply, directory, after);
    return 0;
}

static void reply_entries(struct request *request, const struct node *directory)
{
    struct reply reply = {.request = request, .space = malloc(request->size)};
    if (reply.space == NULL) {
        reply_error(request, -ENOMEM);
        return;
    }
    int status = put_entries(&reply, directory);
    if (status != 0)
        reply_error(request, status);
    else
        fuse_reply_buf(request->fuse, reply.space, reply.used);
    free(reply.space);
    if (request->offset == OFFSET_START)
        copy_was_read(request->fs, directory);
}

/* --- waiting ------------------------------------------------------------------------- */

/* True: parked until the directory's content is known. */
static bool wait_for_content(struct request *request, const struct node *directory)
{
    if (directory->kind == NODE_STATIC && directory->file == STATIC_DISKS) {
        /* Side by side; a disk of which only snapshots are left is shown as well. */
        store_expect(request->region->store, WANT_SNAPSHOTS, NULL);
        return request_wait(request, WANT_DISKS, NULL) ||
               request_wait(request, WANT_SNAPSHOTS, NULL);
    }
    if (directory->kind == NODE_STATIC && directory->file == STATIC_SNAPSHOTS)
        return request_wait(request, WANT_SNAPSHOTS, NULL);
    if (is_groups(directory))
        return request_wait(request, WANT_GROUPS, NULL);
    if (directory->kind == NODE_STATIC && directory->file == STATIC_REGIONS)
        return request_wait(request, WANT_REGIONS, NULL);
    if (directory->kind == NODE_DISK)
        return request_wait(request, WANT_DISK_SNAPSHOTS, disk_text(directory->disk, DISK_ID));
    return false;
}

/* Whether it was ever learnt what the directory holds; without that an error is the only true
 * answer. */
static bool is_known(const struct request *request, const struct node *directory)
{
    const struct store *store = request->region->store;
    if (directory->kind == NODE_STATIC && directory->file == STATIC_DISKS)
        return store_is_known(store, WANT_DISKS, NULL) &&
               store_is_known(store, WANT_SNAPSHOTS, NULL);
    if (directory->kind == NODE_STATIC && directory->file == STATIC_SNAPSHOTS)
        return store_is_known(store, WANT_SNAPSHOTS, NULL);
    /* To who may not list groups, or whose server is too old for them, there are none: a crawl of
     * the whole tree is not his mistake. The reason is in .cbsfs/errors, and a group that is named
     * gives it. */
    if (is_groups(directory))
        return store_list(store, WANT_GROUPS, "") != NULL || request->status == -EACCES ||
               request->status == -EOPNOTSUPP;
    if (directory->kind == NODE_STATIC && directory->file == STATIC_REGIONS)
        return store_list(store, WANT_REGIONS, "") != NULL;
    if (directory->kind == NODE_DISK)
        return store_is_known(store, WANT_DISK_SNAPSHOTS, directory->disk);
    return true;
}

/* An account that may do all that is done here need not be allowed to ask for regions, and whatever
 * looks through the whole mount shall not end with an error for that. So the reason is shown in
 * place of the regions. */
static void note_refusal(struct request *request, const struct node *directory)
{
    if (directory->kind != NODE_STATIC || directory->file != STATIC_REGIONS)
        return;
    if (regions_note_refusal(request->fs, request->status))
        request->status = 0;
}

/* Makes what is about to be shown. */
static int prepare(struct request *request, const struct node *directory)
{
    if (directory->kind != NODE_STATIC)
        return 0;
    if (directory->file == STATIC_REGIONS)
        return regions_learn(request->fs);
    return directory->file == STATIC_REGION ? region_enter(directory->region) : 0;
}

static void answer_readdir(struct request *request)
{
    struct node directory;
    int status = node_find(request->fs, request->number, &directory);
    if (status == 0 && wait_for_content(request, &directory))
        return;
    /* Waiting may have taken the disk away. */
    if (status == 0)
        status = node_find(request->fs, request->number, &directory);
    if (status == 0 && directory.type != NULL)
        status = -ENOTDIR;
    if (status == 0)
        note_refusal(request, &directory);
    if (status == 0 && request->status != 0 && !is_known(request, &directory))
        status = request->status;
    if (status == 0)
        status = prepare(request, &directory);
    if (status != 0)
        reply_error(request, status);
    else
        reply_entries(request, &directory);
}

static void read_directory(fuse_req_t fuse, fuse_ino_t number, size_t size, off_t offset, bool plus)
{
    struct request *request =
        request_new(fuse_req_userdata(fuse), fuse, answer_readdir, number, NULL);
    if (request == NULL)
        return;
    request->size = size;
    request->offset = offset;
    request->plus = plus;
    request_run(request);
}

void op_readdir(fuse_req_t fuse, fuse_ino_t number, size_t size, off_t offset,
                struct fuse_file_info *file)
{
    (void)file;
    read_directory(fuse, number, size, offset, false);
}

void op_readdirplus(fuse_req_t fuse, fuse_ino_t number, size_t size, off_t offset,
                    struct fuse_file_info *file)
{
    (void)file;
    read_directory(fuse, number, size, offset, true);
}

/* --- opening ------------------------------------------------------------------------- */

/* Told once, the kernel opens directories by itself from now on.  One that cannot be told so, or
 * would then not look at their times, asks each time and keeps nothing. */
void op_opendir(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file)
{
    const struct fs *fs = fuse_req_userdata(fuse);
    (void)number;
    if (fs->keeps_directories)
        fuse_reply_err(fuse, ENOSYS);
    else
        fuse_reply_open(fuse, file);
}

void op_releasedir(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file)
{
    (void)number;
    (void)file;
    fuse_reply_err(fuse, 0);
}
