/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file system: what the kernel sees.
 *
 * It translates between FUSE's low-level requests and the store.  A request that needs the cloud is
 * parked and answered when its data is there; nothing else waits.  It keeps nothing per look-up:
 * inode numbers are computed from ids (nodes.c), so that they are the same after a remount.
 */
#ifndef CBSFS_FS_H
#define CBSFS_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct events;
struct fs;
struct fuse_args;
struct loop;
struct store;

enum fs_rollback {
    FS_ROLLBACK_ON,      /* `1`, `yes` or the disk's id */
    FS_ROLLBACK_CONFIRM, /* only the disk's id */
    FS_ROLLBACK_OFF
};

/* Pointers must outlive the fs. */
struct fs_settings {
    bool read_only;
    bool allow_delete;
    bool allow_create_disk;
    const char *const
        *protect; /* NULL-terminated shell patterns of names never deleted; NULL: none */
    enum fs_rollback rollback;
    uid_t uid;
    gid_t gid;
    mode_t umask;
    int64_t timeout;       /* ms for all the questions of one operation */
    struct events *events; /* `.cbsfs/events`; never NULL */
    const char *config;    /* the text of `.cbsfs/config`; no secrets */
    const char *region;    /* the mount's own */
    /* Somebody looks into another region of the account for the first time: its store, which stands
     * beside that of the mount and outlives the fs; asks nothing yet. 0 or -ENOMEM. NULL: there is
     * no `regions/`. */
    int (*open_region)(void *data, const char *region, struct store **store);
    void (*ended)(void *data); /* the kernel has ended the session (umount) */
    void *data;
};

/* NULL when memory is out. loop and store must outlive it. */
struct fs *fs_new(struct loop *loop, struct store *store, const struct fs_settings *settings);

/* Mounts with libfuse's own options in `args` and serves from the loop. 0; or -errno, nothing is
 * mounted, and `reason` has libfuse's words, one line. From now on libfuse's messages go to the
 * log. */
int fs_mount(struct fs *fs, struct fuse_args *args, const char *mountpoint, char *reason,
             size_t reason_size);

/* Forgets what is known, and as far as the kernel can be told (6.16 and newer) lets it ask again
 * too. */
void fs_refresh(struct fs *fs);

/* Unmounts if need be, answers what is parked, frees. Does not wait for changes on the wire. */
void fs_free(struct fs *fs);

#endif
