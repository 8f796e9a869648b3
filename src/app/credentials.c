/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain: which place has the keys, and whether they are still the newest.
 *
 * Once a place has answered it is kept, because keys of another account must never step in
 * silently.  A file is looked at again at most once a second and read again when it has changed, or
 * when the cloud has refused what was read; a file that is wrong or gone meanwhile (an editor is
 * saving it) leaves what is known in force until that ends.
 */
#include "cbsfs/credentials.h"

#include "credentials_parts.h"

#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "cbsfs/http.h"
#include "cbsfs/log.h"
#include "cbsfs/timestamp.h"
#include "cbsfs/wipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_INTERVAL 1000 /* ms between two looks at a file */

enum origin { ORIGIN_NONE, ORIGIN_ENVIRONMENT, ORIGIN_TCCLI, ORIGIN_INI, ORIGIN_ROLE };

struct credentials {
    struct credential_paths paths;
    struct credential environment; /* as far as it was set */
    enum origin origin;
    struct credential known; /* of the environment or a file */
    struct stat info;        /* of the file that `known` was read from */
    struct stat seen;        /* of the file at the last look */
    int64_t next_look;       /* clock_now() ms */
    struct credential_role *role;
};

/* --- the environment ----------------------------------------------------------------- */

static const char *const secret_variables[] = {"TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN",
                                               "TENCENTCLOUD_SESSION_TOKEN",
                                               "TENCENTCLOUD_SECURITY_TOKEN"};

/* Moves a variable's value out of the environment, where every child could read it. */
static int take_variable(const char *name, bool keep, char **value)
{
    char *text = getenv(name);
    if (text == NULL)
        return 0;
    int status = 0;
    if (keep && *text != '\0' && *value == NULL) {
        *value = strdup(text);
        status = *value == NULL ? -ENOMEM : 0;
    }
    wipe_text(text);
    unsetenv(name);
    return status;
}

void credentials_forget_environment(void)
{
    char *unused = NULL;
    for (size_t i = 0; i < sizeof secret_variables / sizeof *secret_variables; i++)
        take_variable(secret_variables[i], false, &unused);
}

static int take_environment(struct credentials *credentials)
{
    struct credential *found = &credentials->environment;
    bool keep = !credentials->paths.environment_ignored;
    const char *id = getenv("TENCENTCLOUD_SECRET_ID");
    int status = 0;
    if (keep && id != NULL && *id != '\0') {
        found->secret_id = strdup(id);
        status = found->secret_id == NULL ? -ENOMEM : 0;
    }
    for (size_t i = 0; i < sizeof secret_variables / sizeof *secret_variables; i++)
        if (take_variable(secret_variables[i], keep, i == 0 ? &found->secret_key : &found->token) <
            0)
            status = -ENOMEM;
    return status;
}

static int read_environment(const struct credentials *credentials, struct credential *credential,
                            struct cloud_error *error)
{
    const struct credential *found = &credentials->environment;
    if (found->secret_id == NULL && found->secret_key == NULL)
        return -ENOENT;
    if (found->secret_id == NULL || found->secret_key == NULL)
        return credential_fail(
            error, -EKEYREJECTED, "environment: %s is set, but %s is not",
            found->secret_id != NULL ? "TENCENTCLOUD_SECRET_ID" : "TENCENTCLOUD_SECRET_KEY",
            found->secret_id != NULL ? "TENCENTCLOUD_SECRET_KEY" : "TENCENTCLOUD_SECRET_ID");
    if (!credential_text_is_valid(found->secret_id) ||
        !credential_text_is_valid(found->secret_key) ||
        (found->token != NULL && !credential_text_is_valid(found->token)))
        return credential_fail(error, -EKEYREJECTED,
                               "environment: blanks or odd characters in id, key or token");
    int status = credential_copy(credential, found);
    return status < 0 ? credential_fail(error, status, "out of memory") : 0;
}

/* --- the files ----------------------------------------------------------------------- */

static const char *path_of(const struct credentials *credentials, enum origin origin)
{
    return origin == ORIGIN_TCCLI ? credentials->paths.tccli : credentials->paths.ini;
}

static int read_origin(const struct credentials *credentials, enum origin origin,
                       struct credential *credential, struct stat *info, struct cloud_error *error)
{
    char shown[256];
    if (origin == ORIGIN_ENVIRONMENT)
        return read_environment(credentials, credential, error);
    const char *path = path_of(credentials, origin);
    credential_path_shorten(&credentials->paths, path, shown, sizeof shown);
    if (origin == ORIGIN_TCCLI)
        return credential_file_read_tccli(path, shown, credential, info, error);
    return credential_file_read_ini(path, shown, credentials->paths.profile, credential, info,
                                    error);
}

/* The first place that has keys. -ENOENT: none but perhaps the role. */
static int find_origin(struct credentials *credentials, struct cloud_error *error)
{
    struct credential found;
    credential_init(&found);
    for (enum origin origin = ORIGIN_ENVIRONMENT; origin < ORIGIN_ROLE; origin++) {
        struct stat info = {0};
        int status = read_origin(credentials, origin, &found, &info, error);
        if (status == -ENOENT)
            continue;
        if (status == 0) {
            credential_free(&credentials->known);
            credential_free(&credentials->environment); /* one copy is enough */
            credentials->known = found;
            credentials->info = credentials->seen = info;
            credentials->origin = origin;
            credentials->next_look = clock_now() + LOOK_INTERVAL;
        }
        return status;
    }
    return -ENOENT;
}

static bool texts_are_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool credentials_are_equal(const struct credential *a, const struct credential *b)
{
    return texts_are_equal(a->secret_id, b->secret_id) &&
           texts_are_equal(a->secret_key, b->secret_key) && texts_are_equal(a->token, b->token) &&
           a->expires == b->expires;
}

/* Reads the file again. Returns true if it gave other keys than are known. */
static bool read_again(struct credentials *credentials)
{
    struct credential found;
    struct cloud_error error;
    struct stat info = {0};
    credential_init(&found);
    credentials->next_look = clock_now() + LOOK_INTERVAL;
    /* For a file that cannot be opened. */
    stat(path_of(credentials, credentials->origin), &info);
    int status = read_origin(credentials, credentials->origin, &found, &info, &error);
    bool changed = status == 0 && !credentials_are_equal(&found, &credentials->known);
    /* Also the identity of a file that is wrong is kept, so that it is complained about once. */
    if (status != -ENOENT)
        credentials->info = info;
    if (status < 0 && status != -ENOENT)
        log_warning("keeping the credentials that are known: %s", error.message);
    if (changed) {
        credential_free(&credentials->known);
        credentials->known = found;
    } else {
        credential_free(&found);
    }
    return changed;
}

static bool has_ended(const struct credential *credential)
{
    return credential->expires != TIMESTAMP_NONE && credential->expires <= clock_wall() / 1000;
}

/* A file that is written in place may be half: it is left alone until it has rested for a moment. A
 * new file under the old name is whole. */
static bool is_being_written(const struct credentials *credentials, const struct stat *info)
{
    int64_t age = clock_wall() - (int64_t)info->st_ctim.tv_sec * 1000 -
                  (int64_t)info->st_ctim.tv_nsec / 1000000;
    return info->st_dev == credentials->info.st_dev && info->st_ino == credentials->info.st_ino &&
           !credential_file_is_same(info, &credentials->seen) && age < LOOK_INTERVAL;
}

static bool file_has_changed(struct credentials *credentials, bool ended)
{
    struct stat info;
    if (clock_now() < credentials->next_look)
        return false;
    credentials->next_look = clock_now() + LOOK_INTERVAL;
    if (stat(path_of(credentials, credentials->origin), &info) < 0 ||
        credential_file_is_same(&info, &credentials->info))
        return false;
    bool wait = !ended && is_being_written(credentials, &info);
    credentials->seen = info;
    return !wait;
}

static int get_known(struct credentials *credentials, const char *refused, struct credential *out,
                     struct cloud_error *error)
{
    const struct credential *known = &credentials->known;
    bool is_file = credentials->origin != ORIGIN_ENVIRONMENT;
    bool is_refused = refused != NULL && strcmp(known->secret_id, refused) == 0;
    if (is_file && (is_refused || file_has_changed(credentials, has_ended(known))) &&
        read_again(credentials))
        is_refused = false;
    char origin[512];
    credentials_describe(credentials, origin, sizeof origin);
    if (is_refused)
        return credential_fail(error, -EKEYREJECTED, "the cloud refuses the credentials from %s",
                               origin);
    if (has_ended(known))
        return credential_fail(error, -EKEYEXPIRED,
                               "the credentials from %s have ended; log in again", origin);
    int status = credential_copy(out, known);
    return status < 0 ? credential_fail(error, status, "out of memory") : 0;
}

/* --- the chain ----------------------------------------------------------------------- */

static void say_none(const struct credentials *credentials, const char *role,
                     struct cloud_error *error)
{
    const struct credential_paths *paths = &credentials->paths;
    char tccli[256], ini[256];
    credential_path_shorten(paths, paths->tccli, tccli, sizeof tccli);
    credential_path_shorten(paths, paths->ini, ini, sizeof ini);
    credential_fail(error, -EKEYREJECTED, "no credentials: not in %s%s, not in %s [%s]%s%s",
                    paths->environment_ignored ? "" : "TENCENTCLOUD_SECRET_ID, not in ", tccli, ini,
                    paths->profile, role == NULL ? "" : ", ", role == NULL ? "" : role);
}

static int get_role(struct credentials *credentials, const char *refused, struct credential *out,
                    struct cloud_error *error, void (*ready)(void *data, int status), void *data)
{
    int status = credential_role_get(credentials->role, refused, out, error, ready, data);
    if (status == 0)
        credentials->origin = ORIGIN_ROLE;
    else if (status != -EINPROGRESS && credentials->origin == ORIGIN_NONE) {
        char reason[sizeof error->message];
        snprintf(reason, sizeof reason, "%s", error->message);
        say_none(credentials, reason, error);
        status = -EKEYREJECTED;
    }
    return status;
}

static int source_get(void *self, const char *refused, struct credential *out,
                      struct cloud_error *error, void (*ready)(void *data, int status), void *data)
{
    struct credentials *credentials = self;
    if (credentials->origin == ORIGIN_NONE) {
        int status = find_origin(credentials, error);
        if (status < 0 && status != -ENOENT)
            return status;
        bool named = credentials->paths.profile_is_named || credentials->paths.ini_is_named;
        if (status == -ENOENT && named) {
            say_none(credentials, NULL, error);
            return -EKEYREJECTED;
        }
    }
    if (credentials->origin == ORIGIN_NONE || credentials->origin == ORIGIN_ROLE)
        return get_role(credentials, refused, out, error, ready, data);
    return get_known(credentials, refused, out, error);
}

static void source_cancel(void *self, void *data)
{
    struct credentials *credentials = self;
    credential_role_cancel(credentials->role, data);
}

int credentials_new(struct http *http, const struct credentials_settings *settings,
                    struct credential_source *source, struct credentials **credentials)
{
    const char *metadata = getenv("CBSFS_METADATA_ENDPOINT");
    struct credentials *made = calloc(1, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    credential_init(&made->environment);
    credential_init(&made->known);
    int status = credential_paths_find(&made->paths, settings->profile, settings->home);
    if (status < 0)
        goto fail;
    status = take_environment(made);
    if (status < 0)
        goto fail;
    made->role = credential_role_new(http, metadata);
    if (made->role == NULL) {
        status = -ENOMEM;
        goto fail;
    }
    *source = (struct credential_source){.get = source_get, .cancel = source_cancel, .self = made};
    *credentials = made;
    return 0;
fail:
    credentials_free(made);
    return status;
}

void credentials_free(struct credentials *credentials)
{
    if (credentials == NULL)
        return;
    credential_role_free(credentials->role);
    credential_free(&credentials->environment);
    credential_free(&credentials->known);
    free(credentials);
}

/* --- for people ---------------------------------------------------------------------- */

void credentials_describe(const struct credentials *credentials, char *text, size_t size)
{
    char shown[256];
    switch (credentials->origin) {
    case ORIGIN_NONE:
        snprintf(text, size, "none");
        break;
    case ORIGIN_ENVIRONMENT:
        snprintf(text, size, "environment");
        break;
    case ORIGIN_TCCLI:
    case ORIGIN_INI:
        credential_path_shorten(&credentials->paths, path_of(credentials, credentials->origin),
                                shown, sizeof shown);
        snprintf(text, size, "file %s", shown);
        break;
    case ORIGIN_ROLE:
        snprintf(text, size, "CAM role %s", credential_role_name(credentials->role));
        break;
    }
}

void credentials_mask(const char *secret_id, char *text, size_t size)
{
    size_t length = strlen(secret_id);
    if (length < 16)
        snprintf(text, size, "****");
    else
        snprintf(text, size, "%.4s...%s", secret_id, secret_id + length - 4);
}

/* --- the place ----------------------------------------------------------------------- */

static bool read_configure(const json_t *document, struct credentials_place *place)
{
    const json_t *common = field_object(document, "_sys_param");
    /* Very old files have it at the top. */
    const char *region = field_text(common, "region", field_text(document, "region", ""));
    const char *host = field_text(field_object(document, "cbs"), "endpoint", "");
    if (*place->region == '\0')
        snprintf(place->region, sizeof place->region, "%s", region);
    /* tccli writes the general host into every file; named, it would keep finance regions from
     * theirs. */
    if (*host != '\0' && strcmp(host, "cbs.tencentcloudapi.com") != 0)
        snprintf(place->endpoint, sizeof place->endpoint, "%s%s",
                 strstr(host, "://") == NULL ? "https://" : "", host);
    return *place->endpoint == '\0' || http_is_allowed(place->endpoint, NULL);
}

int credentials_region(const struct credentials_settings *settings, struct credentials_place *place,
                       char *reason, size_t reason_size)
{
    struct credential_paths paths;
    *place = (struct credentials_place){0};
    if (credential_paths_find(&paths, settings->profile, settings->home) < 0) {
        snprintf(reason, reason_size, "the profile's name cannot be part of a file name");
        return -EINVAL;
    }
    const char *region = getenv("TENCENTCLOUD_REGION");
    if (region != NULL && !paths.environment_ignored)
        snprintf(place->region, sizeof place->region, "%s", region);
    if (paths.profile_is_named && settings->profile == NULL &&
        getenv("TENCENTCLOUD_SECRET_ID") == NULL)
        snprintf(place->profile, sizeof place->profile, "%s", paths.profile);

    char shown[256], detail[256];
    struct stat info;
    struct cloud_error error;
    struct buffer content;
    buffer_init(&content, 1 << 20);
    credential_path_shorten(&paths, paths.configure, shown, sizeof shown);
    int status = credential_file_load(paths.configure, shown, false, &content, &info, &error);
    if (status < 0 && status != -ENOENT)
        snprintf(reason, reason_size, "%s", error.message);
    if (status == 0) {
        json_t *document = fields_parse(content.data == NULL ? "" : content.data, content.length,
                                        detail, sizeof detail);
        if (document == NULL) {
            snprintf(reason, reason_size, "%s: %s", shown, detail);
            status = -EINVAL;
        } else if (!read_configure(document, place)) {
            snprintf(reason, reason_size,
                     "%s: the endpoint of cbs must be https://HOST; http:// is only for this "
                     "machine (localhost)",
                     shown);
            status = -EINVAL;
        }
        json_decref(document);
    }
    buffer_free(&content);
    if (status == 0 || status == -ENOENT)
        return 0;
    *place = (struct credentials_place){0};
    return -EINVAL;
}
