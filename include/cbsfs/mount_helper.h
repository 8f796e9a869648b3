/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount.fuse.cbsfs: what mount(8) runs for lines of fstab and `mount -t fuse.cbsfs`.
 *
 * A link to cbsfs itself.  mount(8) gives its helpers other words than a person gives cbsfs (`-f`
 * is "pretend"), so they are translated, and cbsfs is then run under its own name, as ps and pgrep
 * are to show.
 */
#ifndef CBSFS_MOUNT_HELPER_H
#define CBSFS_MOUNT_HELPER_H

#include <stdbool.h>
#include <stddef.h>

/* What mount(8) asked for. */
struct mount_helper {
    bool fake;    /* -f: say whether the words are right, mount nothing */
    char **words; /* of cbsfs: NULL-terminated; the strings are owned */
    int count;
};

/* True when the program was started as a helper of mount(8), by the name in argv[0]. */
bool mount_helper_is(const char *name);

/*
 * Translates `SOURCE DIRECTORY [-fnsv] [-o OPTIONS] [-t TYPE]`.  The source becomes the name under
 * which the mount is listed as well, because mount -a and findmnt go by it.  0; -ENOMEM; -EINVAL
 * with one line in `reason`.  *helper need not be initialised; after a failure it is empty.
 */
int mount_helper_translate(struct mount_helper *helper, int argc, char *argv[], char *reason,
                           size_t reason_size);
void mount_helper_free(struct mount_helper *helper);

/* Becomes cbsfs with these words. Returns only when that fails: -errno. */
int mount_helper_become(const struct mount_helper *helper);

#endif
