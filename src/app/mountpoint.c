/* SPDX-License-Identifier: Apache-2.0 */
/* What must be true of a machine and a directory before anything can be mounted. */
#include "cbsfs/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int daemon_check_fuse_device(char *reason, size_t reason_size)
{
    /* Opened as mounting would, because modes tell nothing of a container's device rules. */
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    int result = -errno;
    if (result == -ENOENT || result == -ENODEV || result == -ENXIO)
        snprintf(reason, reason_size,
                 "/dev/fuse is not there: load the kernel module (modprobe fuse), or give the "
                 "container the device (--device /dev/fuse --cap-add SYS_ADMIN)");
    else
        snprintf(reason, reason_size, "/dev/fuse cannot be opened: %s", strerror(-result));
    return result;
}

int daemon_check_fusermount(char *reason, size_t reason_size)
{
    const char *path = getenv("PATH");
    char name[4096];

    for (const char *at = path != NULL ? path : "/usr/bin:/bin"; *at != '\0';) {
        size_t length = strcspn(at, ":");
        snprintf(name, sizeof(name), "%.*s/fusermount3", (int)length, at);
        if (access(name, X_OK) == 0)
            return 0;
        at += length + (at[length] == ':');
    }
    snprintf(reason, reason_size, "fusermount3 is not there: install the package fuse3");
    return -ENOENT;
}

/* True when a cbsfs is what is mounted at `path` (canonical). */
static bool is_cbsfs(const char *path)
{
    FILE *table = setmntent("/proc/self/mounts", "re");
    const struct mntent *entry;
    bool found = false;

    if (table == NULL)
        return false;
    /* The last one counts: it lies on top of the others. */
    while ((entry = getmntent(table)) != NULL)
        if (strcmp(entry->mnt_dir, path) == 0)
            found = strcmp(entry->mnt_type, "fuse.cbsfs") == 0;
    endmntent(table);
    return found;
}

static int explain(int result, const char *path, char *reason, size_t reason_size)
{
    if (result == -ENOTCONN)
        snprintf(reason, reason_size,
                 "%s: a dead mount is still there; remove it first: fusermount3 -u %s", path, path);
    else if (result == -ENOENT)
        snprintf(reason, reason_size, "%s: does not exist; make it first: mkdir -p %s", path, path);
    else
        snprintf(reason, reason_size, "%s: %s", path, strerror(-result));
    return result;
}

int daemon_check_mountpoint(char **path, char *reason, size_t reason_size)
{
    struct stat status;
    int result;

    if (stat(*path, &status) != 0)
        return explain(-errno, *path, reason, reason_size);
    if (!S_ISDIR(status.st_mode))
        return explain(-ENOTDIR, *path, reason, reason_size);

    char *canonical = realpath(*path, NULL);
    if (canonical == NULL)
        return explain(-errno, *path, reason, reason_size);
    free(*path);
    *path = canonical;
    if (is_cbsfs(canonical)) {
        snprintf(reason, reason_size,
                 "%s: cbsfs is mounted there already; unmount it first: fusermount3 -u %s",
                 canonical, canonical);
        return -EBUSY;
    }
    result = daemon_check_fuse_device(reason, reason_size);
    if (result == 0 && geteuid() != 0)
        result = daemon_check_fusermount(reason, reason_size);
    return result;
}
