/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the credentials module share. */
#ifndef CBSFS_APP_CREDENTIALS_PARTS_H
#define CBSFS_APP_CREDENTIALS_PARTS_H

#include "cbsfs/buffer.h"
#include "cbsfs/client.h"

#include <stdbool.h>
#include <sys/stat.h>

#define PATH_SIZE 4096

/* --- credentials_paths.c: the names of profile and files ----------------------------- */

struct credential_paths {
    char home[PATH_SIZE];
    char profile[128];
    bool profile_is_named;    /* by the option or by a variable: its absence is an error */
    bool environment_ignored; /* the option named it */
    bool ini_is_named;        /* by TENCENTCLOUD_CREDENTIALS_FILE */
    char tccli[PATH_SIZE];    /* PROFILE.credential */
    char configure[PATH_SIZE];
    char ini[PATH_SIZE];
};

/* 0, or -EINVAL for a profile or path that cannot be. */
int credential_paths_find(struct credential_paths *paths, const char *profile, const char *home);

/* `path` with the home directory as "~", for people. */
void credential_path_shorten(const struct credential_paths *paths, const char *path, char *text,
                             size_t size);

/* --- credentials_files.c: what a file holds ------------------------------------------ */

/*
 * Each returns 0 and fills *credential (which must be empty), -ENOENT if the file, or in it the
 * profile, does not exist, or another -errno with the reason in *error.  *info gets the file's
 * identity whenever it could be opened.  `shown` is the file's name for people.
 */
int credential_file_read_tccli(const char *path, const char *shown, struct credential *credential,
                               struct stat *info, struct cloud_error *error);
int credential_file_read_ini(const char *path, const char *shown, const char *profile,
                             struct credential *credential, struct stat *info,
                             struct cloud_error *error);

/* Reads a file of at most 256 KiB into *content; `secret`: refuses it unless it is ours or root's
 * and nobody else may read it. 0, -ENOENT, or another -errno with the reason in *error. */
int credential_file_load(const char *path, const char *shown, bool secret, struct buffer *content,
                         struct stat *info, struct cloud_error *error);

/* Refuses a file that is neither ours nor root's, that others may change, or (`secret`) that others
 * may read. 0, or -EACCES with the reason in *error. */
int credential_file_check(const char *path, const char *shown, const struct stat *info, bool secret,
                          struct cloud_error *error);

/* True if both describe the same state of the same file. */
bool credential_file_is_same(const struct stat *a, const struct stat *b);

/* True if `text` can be an id, a key or a token: not empty, no blanks, no control characters. */
bool credential_text_is_valid(const char *text);

/* Sets a refusal that the caller cannot mend; returns `status`. */
int credential_fail(struct cloud_error *error, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- credentials_role.c: the CAM role of the instance -------------------------------- */

struct credential_role;

/* `endpoint`: "http://host[:port]" of the metadata service, or NULL for Tencent's. NULL without
 * memory. */
struct credential_role *credential_role_new(struct http *http, const char *endpoint);
void credential_role_free(struct credential_role *role);

/* As struct credential_source has them. */
int credential_role_get(struct credential_role *role, const char *refused, struct credential *out,
                        struct cloud_error *error, void (*ready)(void *data, int status),
                        void *data);
void credential_role_cancel(struct credential_role *role, void *data);

/* "" until it is known. */
const char *credential_role_name(const struct credential_role *role);

#endif
