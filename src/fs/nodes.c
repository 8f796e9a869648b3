/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An inode number is what it names: its kind, its region, the 48-bit key of the disk or snapshot
 * (made from its id), and which file of it.  So nothing is kept per look-up, forgetting is free,
 * and the numbers are the same after the kernel has dropped its caches and after a remount.
 *
 *     | kind (4) | region (6) | key (48) | file (6) |
 */
#include "fs_internal.h"

#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KIND_SHIFT   60
#define REGION_SHIFT 54
#define REGION_MASK  (REGION_COUNT - 1)
#define KEY_SHIFT    6
#define KEY_MASK     ((UINT64_C(1) << 48) - 1)
#define FILE_MASK    (NODE_FILES_MOST - 1)
#define STATIC_LIFE  86400.0

struct region *region_of(const struct fs *fs, fuse_ino_t number)
{
    return fs->regions[(number >> REGION_SHIFT) & REGION_MASK];
}

void node_of_static(struct region *region, unsigned file, struct node *node)
{
    *node = (struct node){.kind = NODE_STATIC, .file = file, .region = region};
    if (file >= STATIC_FILES && file - STATIC_FILES < static_file_count)
        node->type = &static_files[file - STATIC_FILES];
    else if (file == STATIC_HOME)
        node->type = &home_file;
    else if (file == STATIC_REFUSED)
        node->type = &refused_file;
}

void node_of_disk(struct region *region, struct disk *disk, unsigned file, struct node *node)
{
    *node = (struct node){.kind = NODE_DISK, .file = file, .region = region, .disk = disk};
    if (file >= DISK_FILES && file - DISK_FILES < disk_file_count)
        node->type = &disk_files[file - DISK_FILES];
}

void node_of_snapshot(struct region *region, struct snapshot *snapshot, unsigned file,
                      struct node *node)
{
    *node = (struct node){.kind = NODE_SNAPSHOT,
                          .file = file,
                          .region = region,
                          .disk = snapshot->disk,
                          .snapshot = snapshot};
    if (file >= SNAPSHOT_FILES && file - SNAPSHOT_FILES < snapshot_file_count)
        node->type = &snapshot_files[file - SNAPSHOT_FILES];
}

void node_of_link(struct region *region, struct snapshot *snapshot, struct node *node)
{
    *node = (struct node){.kind = NODE_LINK,
                          .region = region,
                          .disk = snapshot->disk,
                          .snapshot = snapshot,
                          .type = &link_file};
}

fuse_ino_t node_own_number(const struct node *node)
{
    uint64_t key = node->snapshot != NULL ? node->snapshot->key
                   : node->disk != NULL   ? node->disk->key
                                          : node->key;
    return ((fuse_ino_t)node->kind << KIND_SHIFT) |
           ((fuse_ino_t)node->region->number << REGION_SHIFT) | (key << KEY_SHIFT) | node->file;
}

static bool has_static(const struct region *region, unsigned file)
{
    if (region->number != 0)
        return file == STATIC_REGION ||
               (region->store != NULL &&
                (file == STATIC_DISKS || file == STATIC_SNAPSHOTS || file == STATIC_GROUPS));
    if (file >= STATIC_REGIONS && file <= STATIC_REFUSED && file != STATIC_REGION)
        return region->fs->shows_regions;
    return file >= STATIC_ROOT && file != STATIC_REGION && file < STATIC_FILES + static_file_count;
}

int node_find(const struct fs *fs, fuse_ino_t number, struct node *node)
{
    struct region *region = region_of(fs, number);
    uint64_t key = ((uint64_t)number >> KEY_SHIFT) & KEY_MASK;
    unsigned file = (unsigned)(number & FILE_MASK);
    enum node_kind kind = (enum node_kind)(number >> KIND_SHIFT);
    if (region == NULL || (kind != NODE_STATIC && region->store == NULL))
        return -ENOENT;
    if (kind == NODE_STATIC) {
        if (!has_static(region, file))
            return -ENOENT;
        node_of_static(region, file, node);
        return 0;
    }
    if (kind == NODE_GROUP || kind == NODE_MEMBER)
        return groups_find(region, kind, key, file, node);
    const struct catalogue *catalogue = store_catalogue(region->store);
    if (kind == NODE_DISK) {
        struct disk *disk = catalogue_disk_by_key(catalogue, key);
        if (disk == NULL || !disk_is_visible(disk))
            return -ENOENT;
        node_of_disk(region, disk, file, node);
        return 0;
    }
    struct snapshot *snapshot = catalogue_snapshot_by_key(catalogue, key);
    if (snapshot == NULL || !snapshot_is_visible(snapshot))
        return -ENOENT;
    if (kind == NODE_LINK)
        node_of_link(region, snapshot, node);
    else
        node_of_snapshot(region, snapshot, file, node);
    return 0;
}

bool node_is_snapshots(const struct node *node)
{
    return node->kind == NODE_DISK && node->file == DISK_SNAPSHOTS;
}

/* --- attributes ---------------------------------------------------------------------- */

static mode_t mode_of(const struct node *node)
{
    if (node->type == NULL) {
        bool changeable = node_is_snapshots(node) ||
                          (node->kind == NODE_SNAPSHOT && node->file == SNAPSHOT_SELF) ||
                          (node->kind == NODE_STATIC && node->file == STATIC_GROUPS) ||
                          (node->kind == NODE_GROUP && node->file == GROUP_SELF);
        return S_IFDIR | (changeable ? 0755 : 0555);
    }
    if (node->type->flags & FILE_LINK)
        return S_IFLNK | 0777;
    return S_IFREG | (node->type->flags & FILE_WRITABLE ? 0644 : 0444);
}

static int64_t time_of(const struct fs *fs, const struct node *node)
{
    int64_t time = node->group != NULL ? groups_time(node) : TIMESTAMP_NONE;
    const struct snapshot *snapshot = node->snapshot;
    if (node->kind == NODE_DISK && node->type != NULL && (node->type->flags & FILE_LINK)) {
        snapshot = catalogue_latest(node->disk);
    } else if (node_is_snapshots(node)) {
        /* As an ordinary directory does, it shows when something was last put into it. */
        for (size_t i = node->disk->count; i > 0 && snapshot == NULL; i--) {
            if (snapshot_is_visible(disk_snapshot(node->disk, i - 1)))
                snapshot = disk_snapshot(node->disk, i - 1);
        }
    }
    if (snapshot != NULL)
        time = snapshot_created(snapshot);
    /* Progress is news: copying tools compare times. */
    if (node->snapshot != NULL && node->type != NULL && (node->type->flags & FILE_PROGRESS) &&
        node->snapshot->in_progress && snapshot_more(node->snapshot)->changed != TIMESTAMP_NONE)
        time = snapshot_more(node->snapshot)->changed;
    if (node->type != NULL && (node->type->flags & FILE_LIVE) &&
        events_last(fs->settings.events) != 0)
        time = events_last(fs->settings.events);
    if (time == TIMESTAMP_NONE && node->disk != NULL)
        time = node->disk->created;
    return time != TIMESTAMP_NONE ? time : fs->mounted;
}

/* The kernel drops what it keeps of a file when this is another time. */
struct timespec node_time(const struct fs *fs, const struct node *node,
                          const struct buffer *content)
{
    struct timespec time = {.tv_sec = time_of(fs, node)};
    if (node_is_settled(node) && content->length > 0 && content->length <= FILE_KEPT_MOST)
        time.tv_nsec = (long)(table_hash(content->data) % 1000000000);
    return time;
}

static int fill_attributes(struct fs *fs, const struct node *node, struct stat *attributes)
{
    mode_t mode = mode_of(node);
    memset(attributes, 0, sizeof(*attributes));
    attributes->st_ino = node_own_number(node);
    attributes->st_mode = S_ISLNK(mode) ? mode : mode & ~(fs->settings.umask & 07777);
    /* 1 for a directory: "no promise about subdirectories"; find(1) then counts none. */
    attributes->st_nlink = 1;
    attributes->st_uid = fs->settings.uid;
    attributes->st_gid = fs->settings.gid;
    attributes->st_blksize = 4096;
    if (node->type == NULL) {
        attributes->st_mtim.tv_sec = time_of(fs, node);
        return 0;
    }
    struct buffer content;
    struct node measured = *node;
    measured.size_only = true;
    buffer_init(&content, 0);
    int status = file_render(fs, &measured, &content);
    if (status == 0)
        attributes->st_size = (off_t)content.length;
    if (node->type->flags & FILE_LIVE)
        attributes->st_size = (off_t)events_size(fs->settings.events);
    attributes->st_mtim = node_time(fs, node, &content);
    attributes->st_blocks = (attributes->st_size + 511) / 512;
    buffer_free(&content);
    /* A link that leads nowhere has no size, and that is all. */
    return status == -ENOMEM ? status : 0;
}

/* --- for how long -------------------------------------------------------------------- */

double node_entry_life(const struct node *node)
{
    enum store_want want = WANT_DISK_SNAPSHOTS;
    if (node->group != NULL)
        return (double)store_list_life(node->region->store, WANT_GROUPS, "") / 1000.0;
    if (node->kind == NODE_STATIC)
        return STATIC_LIFE;
    if (node->kind == NODE_LINK)
        want = WANT_SNAPSHOTS;
    else if (node->kind == NODE_DISK && node->disk != NULL && node->disk->exists &&
             (node->type == NULL || (node->type->flags & FILE_LINK) == 0))
        want = WANT_DISK;
    return (double)store_life(node->region->store, want, node->disk) / 1000.0;
}

bool node_is_settled(const struct node *node)
{
    const unsigned never = FILE_VOLATILE | FILE_LINK;
    if (node->type == NULL || (node->type->flags & never))
        return false;
    if ((node->type->flags & FILE_PROGRESS) == 0)
        return true;
    return node->snapshot != NULL ? !node->snapshot->in_progress
                                  : node->disk == NULL || !disk_is_rolling_back(node->disk);
}

static double attribute_life(const struct fs *fs, const struct node *node)
{
    bool is_file = node->type != NULL && (node->type->flags & FILE_LINK) == 0;
    fuse_ino_t number = node_own_number(node);
    if (is_file && (!node_is_settled(node) || handles_poll(fs, number) || handles_show(fs, number)))
        return 0;
    return node_entry_life(node);
}

void node_untell(struct fs *fs, fuse_ino_t number)
{
    if (fs->is_mounted)
        fuse_lowlevel_notify_inval_inode(fs->session, number, -1, 0);
}

int node_tell(struct fs *fs, const struct node *node, struct stat *attributes, double *life)
{
    int status = fill_attributes(fs, node, attributes);
    *life = status == 0 ? attribute_life(fs, node) : 0;
    /* tar takes a directory that has another st_ctim after it was read for one that has changed. */
    attributes->st_ctim = attributes->st_atim = attributes->st_mtim;
    if (node->type == NULL)
        *life = copy_tell(fs, node, *life, &attributes->st_mtim.tv_nsec);
    return status;
}

/* --- paths --------------------------------------------------------------------------- */

static void static_path(const struct node *node, char *path, size_t size)
{
    static const char *const directories[] = {
        [STATIC_ROOT] = "",          [STATIC_DISKS] = "disks",   [STATIC_SNAPSHOTS] = "snapshots",
        [STATIC_CONTROL] = ".cbsfs", [STATIC_GROUPS] = "groups", [STATIC_REGIONS] = "regions",
        [STATIC_REGION] = ""};
    if (node->file == STATIC_HOME)
        snprintf(path, size, "regions/%s", node->region->id);
    else if (node->file == STATIC_REFUSED)
        snprintf(path, size, "regions/%s", refused_file.name);
    else if (node->type != NULL)
        snprintf(path, size, "%s%s", node->type == static_files ? "" : ".cbsfs/", node->type->name);
    else
        snprintf(path, size, "%s", directories[node->file]);
}

void node_path(const struct node *node, char *path, size_t size)
{
    if (node->region->number != 0) {
        bool is_region = node->kind == NODE_STATIC && node->file == STATIC_REGION;
        snprintf(path, size, "regions/%s%s", node->region->id, is_region ? "" : "/");
        size_t used = strlen(path);
        path += used;
        size -= used;
    }
    const char *file = node->type != NULL ? node->type->name : "";
    const char *slash = node->type != NULL ? "/" : "";
    if (node->kind == NODE_STATIC) {
        static_path(node, path, size);
        return;
    }
    if (node->group != NULL) {
        groups_path(node, path, size);
        return;
    }
    const char *disk = disk_text(node->disk, DISK_ID);
    if (node->kind == NODE_LINK)
        snprintf(path, size, "snapshots/%s", snapshot_text(node->snapshot, SNAPSHOT_ID));
    else if (node->kind == NODE_SNAPSHOT)
        snprintf(path, size, "disks/%s/snapshots/%s%s%s", disk, snapshot_entry(node->snapshot),
                 slash, file);
    else if (node_is_snapshots(node))
        snprintf(path, size, "disks/%s/snapshots", disk);
    else
        snprintf(path, size, "disks/%s%s%s", disk, slash, file);
}
