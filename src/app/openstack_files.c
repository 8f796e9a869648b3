/* SPDX-License-Identifier: Apache-2.0 */
/* clouds.yaml, and what secure.yaml and a vendor's profile in clouds-public.yaml add to it. */
#include "openstack_parts.h"
#include "openstack_yaml.h"

#include "cbsfs/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT (256 * 1024)

/* One file that was read. */
struct sheet {
    struct openstack_yaml *yaml;
    char *path;
    char shown[256];
    struct stat info;
};

static void sheet_free(struct sheet *sheet)
{
    openstack_yaml_free(sheet->yaml);
    free(sheet->path);
    *sheet = (struct sheet){0};
}

/* -ENOENT if there is none. */
static int sheet_read(const struct openstack_environment *environment, const char *path,
                      struct sheet *sheet, struct cloud_error *error)
{
    struct buffer content;
    char reason[160];

    *sheet = (struct sheet){.path = path != NULL ? strdup(path) : NULL};
    if (sheet->path == NULL)
        return credential_fail(error, -ENOMEM, "out of memory");
    credential_path_shorten(&environment->home, path, sheet->shown, sizeof sheet->shown);
    buffer_init(&content, FILE_LIMIT);
    buffer_hold_secret(&content);
    int status = credential_file_load(path, sheet->shown, false, &content, &sheet->info, error);
    if (status == 0) {
        status = openstack_yaml_parse(content.data != NULL ? content.data : "", content.length,
                                      &sheet->yaml, reason, sizeof reason);
        if (status < 0)
            credential_fail(error, status == -ENOMEM ? -ENOMEM : -EKEYREJECTED, "%s, %s",
                            sheet->shown, reason);
    }
    buffer_cleanse(&content);
    if (status < 0)
        sheet_free(sheet);
    return status == -EINVAL ? -EKEYREJECTED : status;
}

/* The first of FOLDER/NAME.yaml, .yml and .json. */
static int sheet_find(const struct openstack_environment *environment, const char *folder,
                      const char *name, struct sheet *sheet, struct cloud_error *error)
{
    static const char *const endings[] = {"yaml", "yml", "json"};
    int status = -ENOENT;

    for (size_t i = 0; i < 3 && status == -ENOENT; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s.%s", folder, name, endings[i]) < 0)
            path = NULL;
        status = sheet_read(environment, path, sheet, error);
        free(path);
    }
    return status;
}

/* The named file, or the first in the usual places. */
static int sheet_search(const struct openstack_environment *environment, const char *named,
                        const char *variable, const char *name, struct sheet *sheet,
                        struct cloud_error *error)
{
    if (named != NULL) {
        int status = sheet_read(environment, named, sheet, error);
        if (status == -ENOENT)
            return credential_fail(error, -EKEYREJECTED, "%s names %s, which does not exist",
                                   variable, named);
        return status;
    }
    int status = -ENOENT;
    for (size_t i = 0; i < 4 && status == -ENOENT; i++)
        status = sheet_find(environment, environment->folders[i], name, sheet, error);
    return status;
}

/* Takes what the mapping `cloud` tells. *secret becomes true if one was among it. */
static int take_values(struct sheet *sheet, int cloud, struct openstack_settings *settings,
                       bool *secret)
{
    int auth = openstack_yaml_member(sheet->yaml, cloud, "auth");

    for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++) {
        const struct setting_entry *entry = &setting_table[i];
        for (size_t j = 0; j < SETTING_NAMES && entry->keys[j] != NULL; j++) {
            int node =
                openstack_yaml_member(sheet->yaml, entry->auth ? auth : cloud, entry->keys[j]);
            const char *text = openstack_yaml_text(sheet->yaml, node);
            if (text == NULL)
                continue;
            if (openstack_store(&settings->values[i], text) < 0)
                return -ENOMEM;
            *secret = *secret || entry->secret;
            break;
        }
    }
    return 0;
}

/* Who may change the file may send the secret of another file to himself. */
static int take_cloud(struct sheet *sheet, int cloud, struct openstack_settings *settings,
                      struct cloud_error *error)
{
    bool secret = false;

    if (take_values(sheet, cloud, settings, &secret) < 0)
        return credential_fail(error, -ENOMEM, "out of memory");
    return credential_file_check(sheet->path, sheet->shown, &sheet->info, secret, error);
}

static void list_clouds(struct sheet *sheet, int clouds, struct buffer *list)
{
    const char *name;

    for (size_t i = 0; (name = openstack_yaml_key(sheet->yaml, clouds, i)) != NULL; i++) {
        if (list->length > 200) {
            buffer_puts(list, ", ...");
            break;
        }
        buffer_puts(list, i > 0 ? ", " : "");
        buffer_put_printable(list, name);
    }
}

/* The mapping of the cloud that is meant; its name is kept in *settings. */
static int choose_cloud(struct sheet *sheet, const char *name, struct openstack_settings *settings,
                        int *cloud, struct cloud_error *error)
{
    int clouds = openstack_yaml_member(sheet->yaml, openstack_yaml_root(sheet->yaml), "clouds");
    const char *first = openstack_yaml_key(sheet->yaml, clouds, 0);
    int status = 0;

    if (first == NULL)
        return credential_fail(error, -EKEYREJECTED, "%s has no clouds", sheet->shown);
    struct buffer list;
    buffer_init(&list, 0);
    list_clouds(sheet, clouds, &list);
    if (name == NULL && openstack_yaml_key(sheet->yaml, clouds, 1) != NULL)
        status = credential_fail(error, -EKEYREJECTED,
                                 "%s has several clouds: %s; name one (CLOUD@ before the "
                                 "mountpoint, profile=CLOUD or OS_CLOUD)",
                                 sheet->shown, list.data != NULL ? list.data : "");
    name = name != NULL ? name : first;
    *cloud = openstack_yaml_member(sheet->yaml, clouds, name);
    if (status == 0 && openstack_yaml_key(sheet->yaml, *cloud, 0) == NULL)
        status = credential_fail(error, -EKEYREJECTED, "%s has no cloud of this name; it has: %s",
                                 sheet->shown, list.data != NULL ? list.data : "");
    buffer_free(&list);
    if (status == 0 && (openstack_store(&settings->cloud, name) < 0 ||
                        openstack_store(&settings->file, sheet->shown) < 0))
        status = credential_fail(error, -ENOMEM, "out of memory");
    return status;
}

/* What the openstacksdk knows of public clouds is its own; only a file beside ours can tell it. */
static int take_vendor(const struct openstack_environment *environment, struct sheet *sheet,
                       const char *vendor, struct openstack_settings *settings,
                       struct cloud_error *error)
{
    struct sheet public = {0};
    char *slash = strrchr(sheet->path, '/');
    char *folder = strndup(sheet->path, slash != NULL ? (size_t)(slash - sheet->path) : 0);
    struct buffer name;

    if (folder == NULL)
        return credential_fail(error, -ENOMEM, "out of memory");
    int status = sheet_find(environment, folder, "clouds-public", &public, error);
    free(folder);
    int entry = 0;
    if (status == 0) {
        int root = openstack_yaml_root(public.yaml);
        int list = openstack_yaml_member(public.yaml, root, "public-clouds");
        entry = openstack_yaml_member(public.yaml, list, vendor);
    }
    if (status == 0 && openstack_yaml_key(public.yaml, entry, 0) != NULL) {
        status = take_cloud(&public, entry, settings, error);
    } else if (status == 0 || status == -ENOENT) {
        buffer_init(&name, 128);
        buffer_put_printable(&name, vendor);
        status = credential_fail(error, -EOPNOTSUPP,
                                 "%s: the vendor's profile %s is not in a clouds-public.yaml "
                                 "beside it; write its auth_url here and leave `profile` out",
                                 sheet->shown, name.data != NULL ? name.data : "");
        buffer_free(&name);
    }
    sheet_free(&public);
    return status;
}

/* Over the cloud's own values. */
static int take_secure(const struct openstack_environment *environment,
                       struct openstack_settings *settings, struct cloud_error *error)
{
    struct sheet secure = {0};

    int status = sheet_search(environment, environment->secure, "OS_CLIENT_SECURE_FILE", "secure",
                              &secure, error);
    if (status == -ENOENT)
        return 0;
    if (status == 0) {
        int clouds = openstack_yaml_member(secure.yaml, openstack_yaml_root(secure.yaml), "clouds");
        int cloud = openstack_yaml_member(secure.yaml, clouds, settings->cloud);
        if (cloud != 0)
            status = take_cloud(&secure, cloud, settings, error);
    }
    sheet_free(&secure);
    return status;
}

int openstack_read_cloud(const struct openstack_environment *environment, const char *name,
                         struct openstack_settings *settings, struct cloud_error *error)
{
    struct sheet sheet = {0};
    int cloud = 0;

    int status = sheet_search(environment, environment->config, "OS_CLIENT_CONFIG_FILE", "clouds",
                              &sheet, error);
    if (status == 0)
        status = choose_cloud(&sheet, name, settings, &cloud, error);
    if (status == 0) {
        static const char *const words[] = {"profile", "cloud"};
        const char *vendor = NULL;
        for (size_t i = 0; i < 2 && vendor == NULL; i++)
            vendor =
                openstack_yaml_text(sheet.yaml, openstack_yaml_member(sheet.yaml, cloud, words[i]));
        if (vendor != NULL)
            status = take_vendor(environment, &sheet, vendor, settings, error);
    }
    if (status == 0)
        status = take_cloud(&sheet, cloud, settings, error);
    if (status == 0)
        status = take_secure(environment, settings, error);
    sheet_free(&sheet);
    return status;
}
