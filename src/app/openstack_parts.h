/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the OpenStack settings share. */
#ifndef CBSFS_APP_OPENSTACK_PARTS_H
#define CBSFS_APP_OPENSTACK_PARTS_H

#include "credentials_parts.h"

#include "cbsfs/openstack_settings.h"

#define SETTING_NAMES     4
#define SETTING_VARIABLES 4

/* One setting, as the file and the environment call it; the first name is the one for people. */
struct setting_entry {
    const char *keys[SETTING_NAMES];
    const char *variables[SETTING_VARIABLES];
    bool auth; /* under `auth` in the file; the environment does not complete it */
    bool secret;
};

extern const struct setting_entry setting_table[OPENSTACK_SETTING_COUNT];

struct openstack_environment {
    char *values[OPENSTACK_SETTING_COUNT];
    const char *origins[OPENSTACK_SETTING_COUNT]; /* the variables they are from; NULL: not set */
    char *cloud;                                  /* OS_CLOUD */
    char *config, *secure;        /* OS_CLIENT_CONFIG_FILE, OS_CLIENT_SECURE_FILE, absolute */
    char *folders[4];             /* where clouds.yaml is looked for, absolute, in this order */
    struct credential_paths home; /* only .home is used */
    bool warned;                  /* of variables that do not count */
};

/* An absolute path of what the user wrote: "~/FILE", or counted from `folders[0]`. NULL without
 * memory. */
char *openstack_path(const struct openstack_environment *environment, const char *path);

/* Replaces *place by a copy. 0 or -ENOMEM. */
int openstack_store(char **place, const char *text);

/* --- openstack_files.c --------------------------------------------------------------- */

/*
 * Reads the cloud `name` (NULL: the file's only one) with what secure.yaml and a vendor's profile
 * add into *settings, which must be empty. 0; -ENOENT if there is no file, with *error set for a
 * cloud that was named; or another -errno with the reason in *error.
 */
int openstack_read_cloud(const struct openstack_environment *environment, const char *name,
                         struct openstack_settings *settings, struct cloud_error *error);

#endif
