/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user asked for: the command line, with a configuration file filling in what it leaves
 * open.
 *
 * One table (src/app/options_table.c) is the parser, the text of --help and the vocabulary of the
 * configuration file, so that the three cannot disagree.  Words that fstab may hold and a mount has
 * no use for are dropped; what is not ours goes on to libfuse, which refuses what it does not know.
 * No option carries a secret: the command line of a process is public.
 */
#ifndef CBSFS_OPTIONS_H
#define CBSFS_OPTIONS_H

#include "cbsfs/provider.h"

#include <fuse_opt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define OPTIONS_TTL_DEFAULT     30 /* seconds */
#define OPTIONS_TTL_MIN         1
#define OPTIONS_TTL_MAX         86400
#define OPTIONS_TIMEOUT_DEFAULT 10 /* seconds */
#define OPTIONS_TIMEOUT_MIN     1
#define OPTIONS_TIMEOUT_MAX     600
#define OPTIONS_RATE_MIN        1 /* calls a second for each action */
#define OPTIONS_RATE_MAX        1000

enum options_action {
    OPTIONS_MOUNT,
    OPTIONS_DEMO,  /* --demo: like a mount, of the simulator */
    OPTIONS_CHECK, /* --check */
    OPTIONS_CLEAN, /* --clean: only remove what a killed cbsfs has left at the mountpoint */
    OPTIONS_HELP,
    OPTIONS_VERSION
};

enum rollback_mode {
    ROLLBACK_ON,      /* `1`, `yes` or the disk's id */
    ROLLBACK_CONFIRM, /* only the disk's id */
    ROLLBACK_OFF      /* refused */
};

/* Every pointer is owned by the struct. */
struct options {
    enum options_action action;
    char *mountpoint; /* as given; NULL for help and version, and for a check without it */
    const struct provider *provider; /* never NULL after a mount, demo or check was parsed */
    char *region;                    /* NULL: not given; options_complete() then fills it */
    char *profile;                   /* NULL: not given */
    char *found_profile;             /* that is used where none was given, for findmnt and df;
                                        NULL: none, or none that can be told */
    char *endpoint;   /* "https://host[:port]" or "http://LOOPBACK[:port]", for OpenStack with the
                         path    that was given; NULL: the provider's own */
    unsigned ttl;     /* seconds, OPTIONS_TTL_MIN..MAX */
    unsigned timeout; /* seconds, OPTIONS_TIMEOUT_MIN..MAX */
    unsigned rate;    /* calls a second for each action, OPTIONS_RATE_MIN..MAX; 0: the provider's */
    bool allow_delete;      /* true in a demo: there is nothing to lose */
    bool allow_create_disk; /* `new_disk` may be written */
    bool read_only;
    bool lazy;
    bool foreground; /* -f, or -d which implies it */
    bool debug;      /* -d */
    enum rollback_mode rollback;
    char *
        *protect; /* shell patterns of names that are never deleted, NULL-terminated; NULL: none */
    char **disks; /* ids to show, NULL-terminated; NULL: all */
    uid_t uid;    /* owner of everything; default: whoever mounts */
    gid_t gid;
    mode_t umask;          /* permission bits taken away, 0..0777; default 0 */
    char *config;          /* the configuration file that was read; NULL: none */
    struct fuse_args fuse; /* for fuse_session_new(): argv[0] and libfuse's own options */
};

/*
 * Parses the command line, then the configuration file: config=FILE, which must exist, or the first
 * that exists of ~/.config/cbsfs/config (XDG_CONFIG_HOME is honoured) and /etc/cbsfs.conf.  The
 * command line wins.  *options need not be initialised. Returns 0; -EINVAL, or the -errno of a
 * configuration file that cannot be read, with one readable line without newline in `reason`; or
 * -ENOMEM.  After a failure *options is empty (nothing to free). Blocks on the configuration file
 * only.
 */
int options_parse(struct options *options, int argc, char *argv[], char *reason,
                  size_t reason_size);

/*
 * The second half, when the region is known: `found` is the region that the credentials name, or
 * NULL; the user's own word wins.  Adds fsname=cbsfs:[PROFILE@]REGION and subtype=cbsfs to the
 * libfuse options unless the user gave them; the profile is the user's, else `found_profile`.  0,
 * -EINVAL with a line in `reason` that says how to give a region, or -ENOMEM.
 */
int options_complete(struct options *options, const char *found, char *reason, size_t reason_size);

/* True if the provider is one that is logged in to as OpenStack is: Cinder, or EVS. Their region is
 * optional ("" once completed) and their endpoint may have a path. */
bool options_speak_openstack(const struct options *options);

/* True if libfuse was given this word (`allow_other`), which has no value. */
bool options_have_fuse(const struct options *options, const char *word);

/* Frees what the struct owns; harmless on a zeroed one and twice. */
void options_free(struct options *options);

/* The texts of --help and --version. */
void options_print_help(FILE *out);
void options_print_version(FILE *out);

#endif
