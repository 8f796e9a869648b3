/* SPDX-License-Identifier: Apache-2.0 */
/* What of --check looks at this machine. */
#include "check_parts.h"

#include "cbsfs/daemon.h"
#include "cbsfs/options.h"

#include <errno.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FUSE_CONF "/etc/fuse.conf"

static void check_device(struct check_table *table)
{
    char reason[CHECK_REASON_SIZE];
    int status = daemon_check_fuse_device(reason, sizeof(reason));

    if (status == 0)
        check_put(table, CHECK_PASS, "/dev/fuse", NULL, "can be opened");
    else
        check_put(table, CHECK_FAIL, "/dev/fuse",
                  status == -EACCES || status == -EPERM
                      ? "chmod 666 /dev/fuse, or ask whoever runs this container to allow it"
                      : "modprobe fuse; in a container: --device /dev/fuse --cap-add SYS_ADMIN",
                  "%s", reason);
}

/* root mounts and unmounts without it. */
static void check_fusermount(struct check_table *table)
{
    char reason[CHECK_REASON_SIZE];
    bool is_root = geteuid() == 0;

    if (daemon_check_fusermount(reason, sizeof(reason)) != 0)
        check_put(table, is_root ? CHECK_WARN : CHECK_FAIL, "fusermount3", "apt-get install fuse3",
                  "%s", reason);
    else if (is_root || daemon_check_fusermount_rights(reason, sizeof(reason)) == 0)
        check_put(table, CHECK_PASS, "fusermount3", NULL, "installed");
    else
        check_put(
            table, CHECK_FAIL, "fusermount3",
            "as root: apt-get install --reinstall fuse3; or let root mount (with allow_other); "
            "a service: no NoNewPrivileges=",
            "%s", reason);
}

/* --- allow_other ---------------------------------------------------------------------- */

/* allow_root is allow_other to fusermount3. */
static bool wants_others(const struct options *options)
{
    return options_have_fuse(options, "allow_other") || options_have_fuse(options, "allow_root");
}

static bool allows_others(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[256];
    bool found = false;

    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        const char *word = line + strspn(line, " \t");
        found = strncmp(word, "user_allow_other", 16) == 0 && strchr(" \t\r\n", word[16]) != NULL;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static void check_others(const struct check_subject *subject, struct check_table *table)
{
    if (!wants_others(subject->options))
        return;
    if (geteuid() == 0)
        check_put(table, CHECK_PASS, "allow_other", NULL, "root may");
    else if (allows_others(FUSE_CONF))
        check_put(table, CHECK_PASS, "allow_other", NULL, "user_allow_other is in " FUSE_CONF);
    else
        check_put(table, CHECK_FAIL, "allow_other", "as root: echo user_allow_other >> " FUSE_CONF,
                  "user_allow_other is not in " FUSE_CONF);
}

/* --- mounts --------------------------------------------------------------------------- */

/* What is left at another place hinders nobody; cbsfs itself takes away what is at its own. */
static void check_mount(const char *own, struct check_table *table, const char *path)
{
    char remedy[CHECK_REASON_SIZE], word[CHECK_REASON_SIZE - 32];
    int status = daemon_ask_place(path);
    bool is_own = own != NULL && strcmp(own, path) == 0;

    snprintf(remedy, sizeof(remedy), "fusermount3 -u -z %s",
             daemon_shell_word(path, word, sizeof(word)));
    if (status == ENOTCONN)
        check_put(table, is_own ? CHECK_FAIL : CHECK_WARN, "stale mount", remedy,
                  "%s: a cbsfs that is gone has left it", path);
    else if (status == ETIMEDOUT)
        check_put(table, is_own ? CHECK_FAIL : CHECK_WARN, "silent mount", remedy,
                  "%s: the cbsfs that serves it does not answer", path);
}

/* As the kernel's table has it; malloc'ed, NULL when there is none. */
static char *canonical_mountpoint(const struct check_subject *subject)
{
    const char *path = subject->options->mountpoint;
    char *canonical = path != NULL ? realpath(path, NULL) : NULL;

    return canonical == NULL && path != NULL ? daemon_canonical_of_dead(path) : canonical;
}

static void check_mounts(const struct check_subject *subject, struct check_table *table)
{
    char *own = canonical_mountpoint(subject);
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    const struct mntent *entry;

    while (mounts != NULL && (entry = getmntent(mounts)) != NULL) {
        if (strcmp(entry->mnt_type, "fuse.cbsfs") == 0)
            check_mount(own, table, entry->mnt_dir);
    }
    if (mounts != NULL)
        endmntent(mounts);
    free(own);
}

static void check_mountpoint(const struct check_subject *subject, struct check_table *table)
{
    const char *path = subject->options->mountpoint;
    char remedy[CHECK_REASON_SIZE], word[CHECK_REASON_SIZE - 32];
    struct stat status;

    /* What hangs or is dead is told as a mount. */
    int answer = path != NULL ? daemon_ask_place(path) : ENOENT;
    if (path == NULL || answer == ETIMEDOUT || answer == ENOTCONN)
        return;
    if (stat(path, &status) != 0) {
        snprintf(remedy, sizeof(remedy), "mkdir -p %s",
                 daemon_shell_word(path, word, sizeof(word)));
        check_put(table, CHECK_FAIL, "mountpoint",
                  errno == ENOENT ? remedy : "give a directory that you can reach", "%s: %s", path,
                  strerror(errno));
    } else if (!S_ISDIR(status.st_mode)) {
        check_put(table, CHECK_FAIL, "mountpoint", "give a directory", "%s is no directory", path);
    } else if (geteuid() != 0 && (status.st_mode & S_ISVTX) != 0 && status.st_uid != getuid()) {
        check_put(table, CHECK_FAIL, "mountpoint", "mount on a directory that is yours",
                  "%s: everybody may write there and it is not yours, so fusermount3 refuses it",
                  path);
    } else if (geteuid() != 0 && access(path, W_OK) != 0) {
        check_put(table, CHECK_FAIL, "mountpoint", "mount on a directory that is yours",
                  "%s: you may not write there, so fusermount3 refuses it", path);
    } else {
        check_put(table, CHECK_PASS, "mountpoint", NULL, "%s", path);
    }
}

void check_machine(const struct check_subject *subject, struct check_table *table)
{
    check_device(table);
    check_fusermount(table);
    check_others(subject, table);
    check_mountpoint(subject, table);
    check_mounts(subject, table);
}
