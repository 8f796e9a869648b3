/* SPDX-License-Identifier: Apache-2.0 */
/* Looking: names, attributes, links, statfs.  Nothing here changes anything in the cloud. */
#include "fs_internal.h"

#include "cbsfs/names.h"
#include "cbsfs/provider.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

/* --- lookup -------------------------------------------------------------------------- */

static const struct catalogue *catalogue_of(const struct request *request)
{
    return store_catalogue(request->region->store);
}

/* Not found: because it is not there, or because the cloud did not tell. */
static void reply_missing(struct request *request)
{
    reply_error(request, request->status != 0 ? request->status : -ENOENT);
}

static void lookup_in_root(struct request *request)
{
    static const struct {
        const char *name;
        unsigned file;
    } entries[] = {{"disks", STATIC_DISKS},     {"snapshots", STATIC_SNAPSHOTS},
                   {"groups", STATIC_GROUPS},   {".cbsfs", STATIC_CONTROL},
                   {"regions", STATIC_REGIONS}, {"README", STATIC_FILES}};
    struct node node;
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        if ((entries[i].file == STATIC_REGIONS && !request->fs->shows_regions) ||
            (entries[i].file == STATIC_GROUPS && !groups_exist(request->region)))
            continue;
        if (strcmp(entries[i].name, request->name) == 0) {
            node_of_static(request->region, entries[i].file, &node);
            reply_entry(request, &node);
            return;
        }
    }
    reply_error(request, -ENOENT);
}

static void lookup_in_control(struct request *request)
{
    struct node node;
    for (unsigned i = 1; i < static_file_count; i++) {
        if (strcmp(static_files[i].name, request->name) == 0) {
            node_of_static(request->region, STATIC_FILES + i, &node);
            reply_entry(request, &node);
            return;
        }
    }
    reply_error(request, -ENOENT);
}

static void reply_static(struct request *request, struct region *region, unsigned file)
{
    struct node node;
    node_of_static(region, file, &node);
    reply_entry(request, &node);
}

static void lookup_in_regions(struct request *request)
{
    struct fs *fs = request->fs;
    struct region *home = region_home(fs), *region = region_named(fs, request->name);
    if (strcmp(request->name, home->id) == 0) {
        reply_static(request, home, STATIC_HOME);
        return;
    }
    if (request->name[0] == '.') {
        reply_error(request, -ENOENT);
        return;
    }
    int status = 0;
    /* One that was told of once stays. */
    if (region == NULL) {
        if (request_wait(request, WANT_REGIONS, NULL))
            return;
        regions_note_refusal(fs, request->status);
        status = regions_learn(fs);
        region = region_named(fs, request->name);
    }
    if (region != NULL)
        reply_static(request, region, STATIC_REGION);
    else if (regions_are_refused(fs) && strcmp(request->name, refused_file.name) == 0)
        reply_static(request, home, STATIC_REFUSED);
    else if (status != 0)
        reply_error(request, status);
    else
        reply_missing(request);
}

/* Nothing is asked of the region before somebody looks into these. */
static void lookup_in_region(struct request *request)
{
    static const char *const names[] = {"disks", "snapshots", "groups"};
    static const unsigned files[] = {STATIC_DISKS, STATIC_SNAPSHOTS, STATIC_GROUPS};
    struct node node;
    int status = region_enter(request->region);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && status == 0; i++) {
        if (strcmp(names[i], request->name) != 0 ||
            (files[i] == STATIC_GROUPS && !groups_exist(request->region)))
            continue;
        node_of_static(request->region, files[i], &node);
        reply_entry(request, &node);
        return;
    }
    reply_error(request, status != 0 ? status : -ENOENT);
}

static void reply_disk(struct request *request, struct disk *disk)
{
    struct node node;
    if (disk == NULL || !disk_is_visible(disk)) {
        reply_missing(request);
        return;
    }
    node_of_disk(request->region, disk, DISK_SELF, &node);
    reply_entry(request, &node);
}

static void lookup_disk_by_id(struct request *request)
{
    if (!store_shows_disk(request->region->store, request->name)) {
        reply_error(request, -ENOENT);
        return;
    }
    if (request_wait(request, WANT_DISK, request->name))
        return;
    struct disk *disk = catalogue_disk(catalogue_of(request), request->name);
    /* Perhaps only its snapshots are left. */
    if ((disk == NULL || !disk->exists) &&
        request_wait(request, WANT_DISK_SNAPSHOTS, request->name))
        return;
    reply_disk(request, catalogue_disk(catalogue_of(request), request->name));
}

static void lookup_in_disks(struct request *request)
{
    const struct provider *provider = store_provider(request->region->store);
    if (request->name[0] == '.') {
        /* What file managers and git look for everywhere; no disk's id begins so. */
        reply_error(request, -ENOENT);
    } else if (strcmp(request->name, CATALOGUE_NO_DISK) == 0) {
        if (request_wait(request, WANT_SNAPSHOTS, NULL))
            return;
        reply_disk(request, catalogue_disk(catalogue_of(request), CATALOGUE_NO_DISK));
    } else if (name_is_id(request->name, provider->disk_prefix)) {
        lookup_disk_by_id(request);
    } else {
        if (request_wait(request, WANT_DISKS, NULL))
            return;
        struct disk *disk = catalogue_disk(catalogue_of(request), request->name);
        if (disk == NULL)
            disk = catalogue_disk_by_name(catalogue_of(request), request->name);
        reply_disk(request, disk);
    }
}

/* A file's size is told with it, so what it shows has to be known. */
static void reply_file(struct request *request, const struct node *node)
{
    if (request_wait_for_list(request, node))
        return;
    if (request_knows_list(request, node))
        reply_entry(request, node);
    else
        reply_missing(request);
}

static void lookup_in_disk(struct request *request, const struct node *parent)
{
    struct node node;
    const char *id = disk_text(parent->disk, DISK_ID);
    if (strcmp(request->name, "snapshots") == 0) {
        node_of_disk(request->region, parent->disk, DISK_SNAPSHOTS, &node);
        reply_entry(request, &node);
        return;
    }
    for (unsigned i = 0; i < disk_file_count; i++) {
        if (strcmp(disk_files[i].name, request->name) != 0)
            continue;
        bool of_snapshots = (disk_files[i].flags & FILE_LINK) || !parent->disk->exists ||
                            strcmp(disk_files[i].name, "snapshots.json") == 0;
        if (request_wait(request, of_snapshots ? WANT_DISK_SNAPSHOTS : WANT_DISK, id))
            return;
        if (!file_is_shown(&disk_files[i], parent))
            break;
        node_of_disk(request->region, parent->disk, DISK_FILES + i, &node);
        reply_file(request, &node);
        return;
    }
    reply_missing(request);
}

static void lookup_in_snapshots(struct request *request, const struct node *parent)
{
    if (request_wait(request, WANT_DISK_SNAPSHOTS, disk_text(parent->disk, DISK_ID)))
        return;
    struct node node;
    struct snapshot *snapshot = catalogue_entry(catalogue_of(request), parent->disk, request->name);
    if (snapshot == NULL) {
        /* What is known is still served while the cloud does not answer, also that something is not
         * there. */
        if (store_is_known(request->region->store, WANT_DISK_SNAPSHOTS, parent->disk))
            request->status = 0;
        reply_missing(request);
        return;
    }
    node_of_snapshot(request->region, snapshot, SNAPSHOT_SELF, &node);
    reply_entry(request, &node);
}

static void lookup_in_snapshot(struct request *request, const struct node *parent)
{
    struct node node;
    for (unsigned i = 0; i < snapshot_file_count; i++) {
        if (strcmp(snapshot_files[i].name, request->name) == 0) {
            node_of_snapshot(request->region, parent->snapshot, SNAPSHOT_FILES + i, &node);
            reply_file(request, &node);
            return;
        }
    }
    reply_error(request, -ENOENT);
}

static void lookup_link(struct request *request)
{
    if (!name_is_id(request->name, store_provider(request->region->store)->snapshot_prefix)) {
        reply_error(request, -ENOENT);
        return;
    }
    if (request_wait(request, WANT_SNAPSHOTS, NULL))
        return;
    struct node node;
    struct snapshot *snapshot = catalogue_snapshot(catalogue_of(request), request->name);
    if (snapshot == NULL || !snapshot_is_visible(snapshot)) {
        reply_missing(request);
        return;
    }
    node_of_link(request->region, snapshot, &node);
    reply_entry(request, &node);
}

static void answer_lookup(struct request *request)
{
    struct node parent;
    int status = node_find(request->fs, request->number, &parent);
    if (status != 0) {
        reply_error(request, status);
    } else if (parent.type != NULL) {
        reply_error(request, -ENOTDIR);
    } else if (strlen(request->name) > NAME_ENTRY_LIMIT) {
        reply_error(request, -ENAMETOOLONG);
    } else if (parent.kind == NODE_STATIC) {
        static void (*const lookups[])(struct request *) = {
            [STATIC_ROOT] = lookup_in_root,    [STATIC_DISKS] = lookup_in_disks,
            [STATIC_SNAPSHOTS] = lookup_link,  [STATIC_CONTROL] = lookup_in_control,
            [STATIC_GROUPS] = groups_lookup,   [STATIC_REGIONS] = lookup_in_regions,
            [STATIC_REGION] = lookup_in_region};
        lookups[parent.file](request);
    } else if (parent.group != NULL) {
        groups_lookup_in(request, &parent);
    } else if (node_is_snapshots(&parent)) {
        lookup_in_snapshots(request, &parent);
    } else if (parent.kind == NODE_DISK) {
        lookup_in_disk(request, &parent);
    } else {
        lookup_in_snapshot(request, &parent);
    }
}

void op_lookup(fuse_req_t fuse, fuse_ino_t parent, const char *name)
{
    request_run(request_new(fuse_req_userdata(fuse), fuse, answer_lookup, parent, name));
}

/* --- attributes ---------------------------------------------------------------------- */

void reply_attributes(fuse_req_t fuse, fuse_ino_t number, const struct fuse_file_info *file)
{
    struct fs *fs = fuse_req_userdata(fuse);
    struct node node;
    struct stat attributes;
    double life;
    int status = node_find(fs, number, &node);
    /* `tail -f` does this once a second. */
    if (status == 0 && node.type != NULL && (node.type->flags & FILE_LIVE) && handles_follow(fs)) {
        for (struct region *at = NULL; (at = region_next(fs, at)) != NULL;)
            store_follow(at->store);
    }
    if (status == 0)
        status = node_tell(fs, &node, &attributes, &life);
    if (status != 0) {
        fuse_reply_err(fuse, -status);
        return;
    }
    /* Whoever holds it open reads what was rendered for him, of that size and time. fstat(2) says
     * who asks, but not through what. */
    const struct handle *handle = file != NULL ? (struct handle *)(uintptr_t)file->fh
                                               : handles_find(fs, number, fuse_req_ctx(fuse)->pid);
    if (handle != NULL && handle->is_kept)
        handle = NULL;
    if (handle != NULL && handle->rendered) {
        attributes.st_size = (off_t)handle->content.length;
        attributes.st_blocks = (attributes.st_size + 511) / 512;
    }
    if (handle != NULL && handle->is_steady && handle->rendered)
        attributes.st_mtim = attributes.st_ctim = attributes.st_atim = handle->time;
    fuse_reply_attr(fuse, &attributes, handle != NULL ? 0 : life);
}

void op_getattr(fuse_req_t fuse, fuse_ino_t number, struct fuse_file_info *file)
{
    if (file != NULL)
        file_getattr(fuse, number, file);
    else
        reply_attributes(fuse, number, NULL);
}

void op_setattr(fuse_req_t fuse, fuse_ino_t number, struct stat *wanted, int which,
                struct fuse_file_info *file)
{
    struct fs *fs = fuse_req_userdata(fuse);
    struct node node;
    (void)wanted;
    int status = node_find(fs, number, &node);
    /* Truncating is what `> file` does before it writes; only where writing means something. */
    if (status == 0 && (which & FUSE_SET_ATTR_SIZE) &&
        (node.type == NULL || (node.type->flags & FILE_WRITABLE) == 0))
        status = -EPERM;
    if (status != 0) {
        fuse_reply_err(fuse, -status);
        return;
    }
    /* Nothing can be set, and nobody needs to hear so: mkdir -m, cp -p and rsync -a would complain.
     * Touching a directory asks the cloud again. */
    if (node.type == NULL && (which & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))) {
        if (node.disk != NULL)
            store_refresh_disk(node.region->store, disk_text(node.disk, DISK_ID));
        else if (node.file == STATIC_ROOT)
            fs_refresh(fs);
        else if (node.region->store != NULL)
            store_refresh(node.region->store);
        fs_forget_names(fs);
        copies_drop(fs);
    }
    reply_attributes(fuse, number, file);
}

static void answer_readlink(struct request *request)
{
    struct node node;
    struct buffer target;
    int status = node_find(request->fs, request->number, &node);
    if (status == 0 && (node.type == NULL || (node.type->flags & FILE_LINK) == 0))
        status = -EINVAL;
    if (status == 0 && node.disk != NULL &&
        request_wait(request, WANT_DISK_SNAPSHOTS, disk_text(node.disk, DISK_ID)))
        return;
    buffer_init(&target, 4095);
    if (status == 0)
        status = node_find(request->fs, request->number, &node);
    if (status == 0)
        status = file_render(request->fs, &node, &target);
    if (status == 0)
        fuse_reply_readlink(request->fuse, target.data);
    else
        reply_error(request, status);
    buffer_free(&target);
}

void op_readlink(fuse_req_t fuse, fuse_ino_t number)
{
    request_run(request_new(fuse_req_userdata(fuse), fuse, answer_readlink, number, NULL));
}

void op_statfs(fuse_req_t fuse, fuse_ino_t number)
{
    struct fs *fs = fuse_req_userdata(fuse);
    const struct provider *provider = store_provider(region_home(fs)->store);
    /* No blocks: df then passes the mount over, as it does with /proc. */
    struct statvfs numbers = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = NAME_ENTRY_LIMIT};
    struct node node;
    if (node_find(fs, number, &node) == 0 && node.disk != NULL && node.disk->exists &&
        provider->snapshot_quota > 0) {
        size_t used = catalogue_visible_count(node.disk), quota = provider->snapshot_quota;
        numbers.f_files = quota > used ? quota : used;
        numbers.f_ffree = numbers.f_favail = numbers.f_files - used;
    }
    fuse_reply_statfs(fuse, &numbers);
}
