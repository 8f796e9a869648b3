/* SPDX-License-Identifier: Apache-2.0 */
/* What must be true of a machine and a directory before anything can be mounted. */
#include "cbsfs/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINK_LIMIT     40   /* as the kernel's */
#define PLACE_PATIENCE 2000 /* ms: a mount that lives answers from memory */
#define PLACE_STEP     1
#define DEAD_LIMIT     16 /* dead mounts on top of each other; more are somebody's loop */

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

/* Where the PATH finds it; "" where it does not. */
static void find_fusermount(char *name, size_t size)
{
    const char *path = getenv("PATH");

    for (const char *at = path != NULL ? path : "/usr/bin:/bin"; *at != '\0';) {
        size_t length = strcspn(at, ":");
        snprintf(name, size, "%.*s/fusermount3", (int)length, at);
        if (access(name, X_OK) == 0)
            return;
        at += length + (at[length] == ':');
    }
    *name = '\0';
}

int daemon_check_fusermount(char *reason, size_t reason_size)
{
    char name[PATH_MAX] = "";

    find_fusermount(name, sizeof(name));
    if (*name != '\0')
        return 0;
    snprintf(reason, reason_size, "fusermount3 is not there: install the package fuse3");
    return -ENOENT;
}

int daemon_check_fusermount_rights(char *reason, size_t reason_size)
{
    char name[PATH_MAX] = "";
    struct stat file;
    struct statvfs place;

    find_fusermount(name, sizeof(name));
    if (stat(name, &file) != 0 || statvfs(name, &place) != 0)
        return -errno;
    if (file.st_uid != 0 || (file.st_mode & S_ISUID) == 0)
        snprintf(reason, reason_size, "%s is not root's, or lacks the set-user-ID bit", name);
    else if ((place.f_flag & ST_NOSUID) != 0)
        snprintf(reason, reason_size, "%s is on a file system that is mounted nosuid", name);
    else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        snprintf(reason, reason_size, "%s gets no rights of root's here (no_new_privs)", name);
    else
        return 0;
    return -EPERM;
}

char *daemon_shell_word(const char *path, char *space, size_t size)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%,:=";
    size_t used = 0;

    if (path[strspn(path, plain)] == '\0') {
        snprintf(space, size, "%s", path);
        return space;
    }
    space[used++] = '\'';
    for (const char *at = path; *at != '\0' && used + 6 < size; at++) {
        if (*at == '\'')
            used += (size_t)snprintf(space + used, size - used, "'\\'");
        space[used++] = *at;
    }
    snprintf(space + used, size - used, "'");
    return space;
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

/* --- what a killed cbsfs left ---------------------------------------------------------- */

int daemon_ask_place(const char *path)
{
    struct statfs answer;
    int status, waited = 0;
    pid_t child = fork();

    /* The attributes of a dead mount may still be in the kernel's cache; this is never kept there.
     */
    if (child == 0)
        _exit(statfs(path, &answer) == 0 ? 0 : errno);
    while (child > 0 && waitpid(child, &status, WNOHANG) == 0) {
        if ((waited += PLACE_STEP) > PLACE_PATIENCE) {
            kill(child, SIGKILL);
            return ETIMEDOUT;
        }
        poll(NULL, 0, PLACE_STEP);
    }
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static bool is_dead(const char *path)
{
    return daemon_ask_place(path) == ENOTCONN;
}

/* Its directory's canonical path, and its name; malloc'ed, NULL when there is none, or no memory.
 */
static char *canonical_entry(const char *path)
{
    char *of_directory = strdup(path), *of_name = strdup(path);
    char *result = NULL, *directory = NULL;

    if (of_directory == NULL || of_name == NULL)
        goto out;
    const char *name = basename(of_name);
    directory = realpath(dirname(of_directory), NULL);
    if (directory == NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        goto out;
    if (asprintf(&result, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory, name) < 0)
        result = NULL;
out:
    free(of_directory);
    free(of_name);
    free(directory);
    return result;
}

char *daemon_canonical_of_dead(const char *path)
{
    char *result = canonical_entry(path);
    char target[PATH_MAX];

    for (int count = 0; result != NULL && count < LINK_LIMIT; count++) {
        ssize_t length = readlink(result, target, sizeof(target) - 1);
        if (length < 0)
            return result;
        target[length] = '\0';
        char *next = NULL;
        if (target[0] == '/')
            next = strdup(target);
        else if (asprintf(&next, "%.*s/%s", (int)(strrchr(result, '/') - result), result, target) <
                 0)
            next = NULL;
        free(result);
        result = next != NULL ? canonical_entry(next) : NULL;
        free(next);
    }
    free(result);
    return NULL;
}

/* As root: within the directory as it is now, so that nobody who may change the names above it can
 * have something else unmounted. */
static int detach_as_root(const char *path)
{
    char copy[PATH_MAX], entry[PATH_MAX + 32];
    int result = 0;

    if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
        return -ENAMETOOLONG;
    int directory = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    snprintf(entry, sizeof(entry), "/proc/self/fd/%d/%s", directory, strrchr(path, '/') + 1);
    if (!is_dead(entry))
        result = -EBUSY;
    else if (umount2(entry, MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
        result = -errno;
    close(directory);
    return result;
}

/* Detached, so that whoever still has a place in it does not keep it there. */
static int detach(const char *path)
{
    const char *const words[] = {"fusermount3", "-u", "-z", "-q", "--", path, NULL};
    pid_t child;
    int status;

    if (geteuid() == 0)
        return detach_as_root(path);
    int result = -posix_spawnp(&child, words[0], NULL, NULL, (char *const *)words, environ);
    if (result != 0)
        return result;
    if (waitpid(child, &status, 0) != child)
        return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

/* One on top of the other, as a loop may have left them. */
static int detach_all(const char *canonical)
{
    int result = 0;

    for (int count = 0; result == 0 && count < DEAD_LIMIT && is_dead(canonical); count++)
        result = is_cbsfs(canonical) ? detach(canonical) : -ENOTCONN;
    return result == 0 && is_dead(canonical) ? -ENOTCONN : result;
}

int daemon_clear_dead_mount(const char *path, char *reason, size_t reason_size)
{
    char word[PATH_MAX];
    int answer = daemon_ask_place(path), result = 0;

    if (answer != ENOTCONN && answer != ETIMEDOUT)
        return 0;
    char *canonical = daemon_canonical_of_dead(path);
    /* Another file system may take its time. */
    if (answer == ETIMEDOUT)
        result = canonical != NULL && is_cbsfs(canonical) ? -EBUSY : 0;
    else
        result = canonical != NULL ? detach_all(canonical) : -ENOTCONN;
    if (result != 0)
        snprintf(reason, reason_size, "%s: %s; remove it first: fusermount3 -u -z %s", path,
                 answer == ETIMEDOUT ? "the cbsfs that is mounted there does not answer"
                                     : "a dead mount is still there",
                 daemon_shell_word(path, word, sizeof(word)));
    free(canonical);
    return result;
}

/* --- what can be mounted on ------------------------------------------------------------- */

static int explain(int result, const char *path, char *reason, size_t reason_size)
{
    char word[PATH_MAX];

    if (result == -ENOENT)
        snprintf(reason, reason_size, "%s: does not exist; make it first: mkdir -p %s", path,
                 daemon_shell_word(path, word, sizeof(word)));
    else
        snprintf(reason, reason_size, "%s: %s", path, strerror(-result));
    return result;
}

int daemon_check_mountpoint(char **path, char *reason, size_t reason_size)
{
    struct stat status;
    char word[PATH_MAX];
    int result = daemon_clear_dead_mount(*path, reason, reason_size);

    if (result != 0)
        return result;
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
                 canonical, daemon_shell_word(canonical, word, sizeof(word)));
        return -EBUSY;
    }
    result = daemon_check_fuse_device(reason, reason_size);
    if (result == 0 && geteuid() != 0)
        result = daemon_check_fusermount(reason, reason_size);
    return result;
}
