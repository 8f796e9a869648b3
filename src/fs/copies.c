/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel keeps of directories.
 *
 * Directories are never opened: the kernel reads them without a handle, and what it has read it
 * keeps without a time limit.  It looks at the directory's time of change when somebody begins to
 * read, asks for it if its attributes are over, and drops its copy if it is another one than when
 * the copy was begun.  So that time decides.  Its seconds mean something to people; its nanoseconds
 * are a stamp, and each stamp is given once in the life of a mount.  A directory gets a new one
 *
 *   - when its set of entries has changed, or what is known of it is of another listing, or is
 * older than it may be: the next one who reads then asks us, and that may wait for the cloud, which
 *     stat(2) must not.
 *   - only if the kernel may have a copy.  Otherwise the stamp that it was told last may as well
 *     stand for what it will read.
 *
 * As long as it may have one, its attributes live no longer than what the copy shows; while it has
 * none they live as long as their own, so that a path through a directory that nobody reads costs
 * nothing.  Attributes that live too long for the copy that is being made, or that are of another
 * set, are taken back.  That takes no lock that a request of ours could hold: no pages are meant,
 * and the directories that are on their way out of the kernel's memory wait for nobody.
 */
#include "fs_internal.h"

#include "cbsfs/clock.h"

/* A time has no more nanoseconds. */
#define STAMP_LIMIT 999999999

static bool is_static(const struct node *directory, unsigned file)
{
    return directory->kind == NODE_STATIC && directory->file == file;
}

/* Those that lists.c knows of as a whole. */
static bool is_list(const struct node *directory, enum store_want *want)
{
    *want = is_static(directory, STATIC_REGIONS) ? WANT_REGIONS : WANT_GROUPS;
    return is_static(directory, STATIC_REGIONS) || is_static(directory, STATIC_GROUPS);
}

/* NULL for directories whose entries are always the same. */
static struct directory_told *told_of(const struct node *directory)
{
    if (is_static(directory, STATIC_DISKS))
        return &directory->region->told_disks;
    if (is_static(directory, STATIC_SNAPSHOTS))
        return &directory->region->told_snapshots;
    if (is_static(directory, STATIC_REGIONS))
        return &directory->region->fs->told_regions;
    if (is_static(directory, STATIC_GROUPS))
        return &directory->region->told_groups;
    return directory->kind == NODE_DISK ? &directory->disk->told[directory->file == DISK_SNAPSHOTS]
                                        : NULL;
}

/* Of the set of entries. */
static uint64_t version_of(const struct node *directory)
{
    if (is_static(directory, STATIC_REGIONS))
        return directory->region->fs->regions_version;
    if (is_static(directory, STATIC_GROUPS))
        return store_list_version(directory->region->store, WANT_GROUPS, "");
    const struct catalogue *catalogue = store_catalogue(directory->region->store);
    if (is_static(directory, STATIC_DISKS))
        return catalogue->disks_version;
    if (is_static(directory, STATIC_SNAPSHOTS))
        return catalogue->entries_version;
    if (node_is_snapshots(directory))
        return directory->disk->entries_version;
    /* What comes and goes in a disk's own: what only a disk that exists has, and `latest`. */
    return directory->disk->exists | (unsigned)(catalogue_latest(directory->disk) != NULL) << 1;
}

/* The listings that tell what is in it: two at most, in any case the first. */
static enum store_want wants_of(const struct node *directory, enum store_want *other)
{
    *other = WANT_SNAPSHOTS;
    if (is_static(directory, STATIC_DISKS))
        return WANT_DISKS;
    if (is_static(directory, STATIC_SNAPSHOTS))
        return WANT_SNAPSHOTS;
    *other =
        directory->file == DISK_SELF && directory->disk->exists ? WANT_DISK : WANT_DISK_SNAPSHOTS;
    return WANT_DISK_SNAPSHOTS;
}

/* Changes whenever it is of another listing. */
static int64_t asked_of(const struct node *directory)
{
    enum store_want other, want = wants_of(directory, &other);
    const struct store *store = directory->region->store;
    enum store_want list;
    if (is_list(directory, &list))
        return store_list_asked(store, list, "");
    return store_asked(store, want, directory->disk) + store_asked(store, other, directory->disk);
}

/* ms */
static int64_t life_of(const struct node *directory)
{
    enum store_want other, want = wants_of(directory, &other);
    const struct store *store = directory->region->store;
    enum store_want list;
    if (is_list(directory, &list))
        return store_list_life(store, list, "");
    int64_t life = store_life(store, want, directory->disk);
    int64_t also = store_life(store, other, directory->disk);
    return life < also ? life : also;
}

static void renew(struct fs *fs, struct directory_told *told)
{
    fs->stamps = fs->stamps % STAMP_LIMIT + 1;
    told->stamp = fs->stamps;
    told->held = false;
}

/* Gives it a new stamp if the kernel's copy has ended. */
static void judge(struct fs *fs, const struct node *directory, struct directory_told *told)
{
    if (told->stamp == 0 ||
        (told->held && (told->version != version_of(directory) ||
                        told->asked != asked_of(directory) || life_of(directory) == 0)))
        renew(fs, told);
}

/* The kernel asks for the attributes before it looks at them again. */
static void take_back(struct fs *fs, const struct node *directory, struct directory_told *told)
{
    told->until = 0;
    node_untell(fs, node_own_number(directory));
}

static bool lists_members(const struct node *directory)
{
    return directory->kind == NODE_GROUP && directory->file == GROUP_SNAPSHOTS;
}

/* There are few groups, and nobody lists them all day: each list that was asked for is another
 * stamp, and while what is known is too old each question about it is. */
static double tell_members(struct fs *fs, const struct node *directory, double life,
                           long *nanoseconds)
{
    const struct store *store = directory->region->store;
    double most = (double)store_list_life(store, WANT_GROUPS, "") / 1000.0;
    if (most > 0) {
        *nanoseconds = (long)(store_list_version(store, WANT_GROUPS, "") % STAMP_LIMIT);
        return most < life ? most : life;
    }
    fs->stamps = fs->stamps % STAMP_LIMIT + 1;
    *nanoseconds = (long)fs->stamps;
    return 0;
}

double copy_tell(struct fs *fs, const struct node *directory, double life, long *nanoseconds)
{
    struct directory_told *told = told_of(directory);
    if (told == NULL && lists_members(directory) && fs->keeps_directories)
        return tell_members(fs, directory, life, nanoseconds);
    if (told == NULL || !fs->keeps_directories)
        return life;
    judge(fs, directory, told);
    double most = (double)life_of(directory) / 1000.0;
    if (told->held && most < life)
        life = most;
    int64_t until = clock_now() + (int64_t)(life * 1000.0);
    if (until > told->until)
        told->until = until;
    *nanoseconds = told->stamp;
    return life;
}

void copy_was_read(struct fs *fs, const struct node *directory)
{
    struct directory_told *told = told_of(directory);
    if (told == NULL || !fs->keeps_directories)
        return;
    judge(fs, directory, told);
    if (told->held)
        return;
    told->held = true;
    told->version = version_of(directory);
    told->asked = asked_of(directory);
    if (told->until > clock_now() + life_of(directory))
        take_back(fs, directory, told);
}

static void end_copy(struct fs *fs, const struct node *directory, struct directory_told *told,
                     bool always)
{
    if (!told->held || (!always && told->version == version_of(directory)))
        return;
    renew(fs, told);
    take_back(fs, directory, told);
}

static void end_copies_of_disk(struct region *region, struct disk *disk, bool always)
{
    struct node directory;
    node_of_disk(region, disk, DISK_SELF, &directory);
    end_copy(region->fs, &directory, &disk->told[0], always);
    node_of_disk(region, disk, DISK_SNAPSHOTS, &directory);
    end_copy(region->fs, &directory, &disk->told[1], always);
}

static void end_static_copies(struct region *region, bool always)
{
    struct node directory;
    node_of_static(region, STATIC_DISKS, &directory);
    end_copy(region->fs, &directory, &region->told_disks, always);
    node_of_static(region, STATIC_SNAPSHOTS, &directory);
    end_copy(region->fs, &directory, &region->told_snapshots, always);
    node_of_static(region, STATIC_GROUPS, &directory);
    end_copy(region->fs, &directory, &region->told_groups, always);
}

void copies_changed(struct region *region)
{
    struct disk *disk;
    bool keeps_directories = region->fs->keeps_directories;
    if (keeps_directories)
        end_static_copies(region, false);
    while ((disk = store_next_touched(region->store)) != NULL) {
        if (keeps_directories)
            end_copies_of_disk(region, disk, false);
    }
}

void copies_drop(struct fs *fs)
{
    if (!fs->keeps_directories)
        return;
    struct node regions;
    node_of_static(region_home(fs), STATIC_REGIONS, &regions);
    end_copy(fs, &regions, &fs->told_regions, true);
    for (struct region *at = NULL; (at = region_next(fs, at)) != NULL;) {
        const struct catalogue *catalogue = store_catalogue(at->store);
        end_static_copies(at, true);
        for (size_t i = 0; i < catalogue->disk_count; i++)
            end_copies_of_disk(at, catalogue->disks[i], true);
    }
}
