/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How OpenStack's own tools are told where to log in, and as whom: the OS_* variables, clouds.yaml
 * and secure.yaml (openstack facts 2.4); and the access keys of Huawei's clouds (facts 4.4).
 *
 * One place tells everything about the log-in.  A cloud that is named (by the user as profile, else
 * by OS_CLOUD) comes from the file, and what the environment says of a log-in then does not count:
 * half of one account and half of another is nobody.  Without a name it is the environment, if it
 * has OS_AUTH_URL or access keys, else the file's only cloud.  What is no log-in (region,
 * interface, endpoint, certificates) the environment tells if the file does not.
 */
#ifndef CBSFS_OPENSTACK_SETTINGS_H
#define CBSFS_OPENSTACK_SETTINGS_H

#include "cbsfs/cloud.h"

#include <stdbool.h>
#include <stddef.h>

enum openstack_method {
    OPENSTACK_PASSWORD_LOGIN,
    OPENSTACK_APPLICATION_LOGIN,
    OPENSTACK_TOKEN_LOGIN,
    OPENSTACK_KEYS /* access and secret key: nobody is asked for a token */
};

enum openstack_setting {
    OPENSTACK_AUTH_URL,
    OPENSTACK_AUTH_TYPE,
    OPENSTACK_USERNAME,
    OPENSTACK_USER_ID,
    OPENSTACK_PASSWORD,
    OPENSTACK_USER_DOMAIN_NAME,
    OPENSTACK_USER_DOMAIN_ID,
    OPENSTACK_PROJECT_NAME,
    OPENSTACK_PROJECT_ID,
    OPENSTACK_PROJECT_DOMAIN_NAME,
    OPENSTACK_PROJECT_DOMAIN_ID,
    OPENSTACK_DOMAIN_NAME,
    OPENSTACK_DOMAIN_ID,
    OPENSTACK_DEFAULT_DOMAIN,
    OPENSTACK_APPLICATION_ID,
    OPENSTACK_APPLICATION_NAME,
    OPENSTACK_APPLICATION_SECRET,
    OPENSTACK_TOKEN,
    OPENSTACK_ACCESS_KEY,
    OPENSTACK_SECRET_KEY,
    OPENSTACK_SECURITY_TOKEN,
    OPENSTACK_REGION,
    OPENSTACK_INTERFACE,
    OPENSTACK_ENDPOINT,
    OPENSTACK_CACERT,
    OPENSTACK_CERT,
    OPENSTACK_KEY,
    OPENSTACK_VERIFY,
    OPENSTACK_INSECURE,
    OPENSTACK_SETTING_COUNT
};

struct openstack_settings {
    enum openstack_method method;
    char *values[OPENSTACK_SETTING_COUNT]; /* NULL: not told; never "" */
    char *cloud;                           /* its name in the file; NULL: the environment */
    char *file;                            /* clouds.yaml, "~" for the home; NULL likewise */
};

/* What the environment told at the start, with the names of the files; holds secrets. */
struct openstack_environment;

/*
 * Copies the variables, and overwrites and removes the secret ones.  `home`: NULL for $HOME, else
 * the password database.  Relative names of files count from the working directory of now.  NULL
 * without memory.
 */
struct openstack_environment *openstack_environment_take(const char *home);
/* Overwrites the secrets. Harmless on NULL. */
void openstack_environment_free(struct openstack_environment *environment);
/* Overwrites what it holds of secrets. What is read from a file is the same afterwards; what the
 * environment alone told cannot be read again. */
void openstack_environment_drop_secrets(struct openstack_environment *environment);
/* Overwrites and removes the secret variables without a look at them. */
void openstack_environment_forget(void);

/*
 * Reads the settings; blocks on the files.  *settings need not be initialised, and is empty after a
 * failure.  `profile`: the cloud that the user named, or NULL.  0; -ENOMEM; or, with the reason in
 * *error: -EACCES for a file that belongs to somebody else, that others may change, or that holds
 * a secret and that others may read; -EOPNOTSUPP for a way to log in that is not spoken, a vendor's
 * profile that is not there and for TLS without verification; else -EKEYREJECTED: nothing there,
 * not enough, or malformed (the message names the file and line).
 */
int openstack_settings_read(struct openstack_environment *environment, const char *profile,
                            struct openstack_settings *settings, struct cloud_error *error);
/* Overwrites the secrets; harmless on zeroed settings and twice. */
void openstack_settings_free(struct openstack_settings *settings);

/* True if both log in in the same way, as the same and with the same secret. */
bool openstack_settings_are_same(const struct openstack_settings *a,
                                 const struct openstack_settings *b);

/* True for the clouds of Huawei and Deutsche Telekom, by the host that is asked for tokens, and for
 * access keys: their block storage is EVS. */
bool openstack_settings_are_evs(const struct openstack_settings *settings);

/* "environment (OS_*)", "clouds.yaml cloud lab in ~/.config/openstack/clouds.yaml". */
void openstack_settings_describe(const struct openstack_settings *settings, char *text,
                                 size_t size);

#endif
