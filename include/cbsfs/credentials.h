/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the account's keys come from: the places that Tencent's own tools use (tencent-cbs facts
 * section 4).
 *
 * The first place that has keys is taken, and kept for the life of the mount:
 *   1. the environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY and a session token;
 *   2. tccli's file, ~/.tccli/PROFILE.credential;
 *   3. the SDKs' file, $TENCENTCLOUD_CREDENTIALS_FILE or ~/.tencentcloud/credentials, section
 * [PROFILE];
 *   4. the CAM role of the instance we run on, from its metadata service.
 * A profile named by the user rules out the environment and the role: keys of another account must
 * not step in for one that is missing.  A place that is there but wrong (a readable-by-others or
 * malformed file, an id without a key) is an error and not a reason to look further.
 */
#ifndef CBSFS_CREDENTIALS_H
#define CBSFS_CREDENTIALS_H

#include "cbsfs/client.h"

#include <stddef.h>

struct credentials;

struct credentials_settings {
    const char
        *profile; /* NULL: none was named; then TCCLI_PROFILE, TENCENTCLOUD_PROFILE, "default" */
    const char *home; /* NULL: $HOME, else the password database */
};

/*
 * Makes the source and fills *source, which is valid until credentials_free().  Reads the
 * environment and removes the secret variables from it; opens no file and sends nothing: what is
 * missing or wrong is told by source->get().  `http` must outlive it.  0, -ENOMEM, or -EINVAL for a
 * profile that cannot be part of a file name.  Once in a process, for what it takes from the
 * environment is gone.
 *
 * source->get() reads files (and so may block on a slow home directory): first of all when it looks
 * for the place, later at most once a second and only if the file has changed (and, if it is
 * written in place, has rested since).  Errors: -EACCES for a file that others may read or that is
 * not ours, -EKEYEXPIRED for keys that have ended, -EOPNOTSUPP for a profile of a kind that is not
 * spoken, else -EKEYREJECTED.
 */
int credentials_new(struct http *http, const struct credentials_settings *settings,
                    struct credential_source *source, struct credentials **credentials);

/* Overwrites the secret variables and takes them out of the environment without a look at them: for
 * a process that has no use for them. */
void credentials_forget_environment(void);

/* Overwrites the secrets and drops waiters without a call. Harmless on NULL. Not from within
 * `ready`. */
void credentials_free(struct credentials *credentials);

/* "environment", "file ~/.tccli/default.credential", "CAM role NAME", or "none" before the first
 * successful get. */
void credentials_describe(const struct credentials *credentials, char *text, size_t size);

/* What may be shown of a secret id: its first and last four characters, or "****" if it is short.
 */
void credentials_mask(const char *secret_id, char *text, size_t size);

/* Region and endpoint as the user told the other tools. "" for what they do not say. */
struct credentials_place {
    char region[64];
    char endpoint[256]; /* "https://host" */
    char profile[128];  /* that TCCLI_PROFILE or TENCENTCLOUD_PROFILE names, if keys are looked for
                           there, and not in the environment as well */
};

/* From TENCENTCLOUD_REGION (unless a profile was named) and tccli's PROFILE.configure. 0, or
 * -EINVAL with the reason, which names file and line, in `reason`; *place is "" then. Reads files
 * and the environment, so it comes before credentials_forget_environment(). */
int credentials_region(const struct credentials_settings *settings, struct credentials_place *place,
                       char *reason, size_t reason_size);

#endif
