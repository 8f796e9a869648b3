/* SPDX-License-Identifier: Apache-2.0 */
#include "openstack_parts.h"

#include "cbsfs/wipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct setting_entry setting_table[OPENSTACK_SETTING_COUNT] = {
    [OPENSTACK_AUTH_URL] = {{"auth_url"}, {"OS_AUTH_URL"}, true, false},
    [OPENSTACK_AUTH_TYPE] = {{"auth_type"}, {"OS_AUTH_TYPE"}, false, false},
    [OPENSTACK_USERNAME] = {{"username", "user_name"}, {"OS_USERNAME"}, true, false},
    [OPENSTACK_USER_ID] = {{"user_id"}, {"OS_USER_ID"}, true, false},
    [OPENSTACK_PASSWORD] = {{"password"}, {"OS_PASSWORD"}, true, true},
    [OPENSTACK_USER_DOMAIN_NAME] = {{"user_domain_name"}, {"OS_USER_DOMAIN_NAME"}, true, false},
    [OPENSTACK_USER_DOMAIN_ID] = {{"user_domain_id"}, {"OS_USER_DOMAIN_ID"}, true, false},
    [OPENSTACK_PROJECT_NAME] = {{"project_name", "tenant_name"},
                                {"OS_PROJECT_NAME", "OS_TENANT_NAME"},
                                true,
                                false},
    [OPENSTACK_PROJECT_ID] = {{"project_id", "tenant_id"},
                              {"OS_PROJECT_ID", "OS_TENANT_ID", "HUAWEICLOUD_SDK_PROJECT_ID"},
                              true,
                              false},
    [OPENSTACK_PROJECT_DOMAIN_NAME] = {{"project_domain_name"},
                                       {"OS_PROJECT_DOMAIN_NAME"},
                                       true,
                                       false},
    [OPENSTACK_PROJECT_DOMAIN_ID] = {{"project_domain_id"}, {"OS_PROJECT_DOMAIN_ID"}, true, false},
    [OPENSTACK_DOMAIN_NAME] = {{"domain_name"}, {"OS_DOMAIN_NAME"}, true, false},
    [OPENSTACK_DOMAIN_ID] = {{"domain_id"}, {"OS_DOMAIN_ID"}, true, false},
    [OPENSTACK_DEFAULT_DOMAIN] = {{"default_domain", "default_domain_id"},
                                  {"OS_DEFAULT_DOMAIN"},
                                  true,
                                  false},
    [OPENSTACK_APPLICATION_ID] = {{"application_credential_id"},
                                  {"OS_APPLICATION_CREDENTIAL_ID"},
                                  true,
                                  false},
    [OPENSTACK_APPLICATION_NAME] = {{"application_credential_name"},
                                    {"OS_APPLICATION_CREDENTIAL_NAME"},
                                    true,
                                    false},
    [OPENSTACK_APPLICATION_SECRET] = {{"application_credential_secret"},
                                      {"OS_APPLICATION_CREDENTIAL_SECRET"},
                                      true,
                                      true},
    [OPENSTACK_TOKEN] = {{"token"}, {"OS_TOKEN", "OS_AUTH_TOKEN"}, true, true},
    [OPENSTACK_ACCESS_KEY] = {{"ak", "access_key"},
                              {"HUAWEICLOUD_SDK_AK", "HW_ACCESS_KEY", "OS_ACCESS_KEY"},
                              true,
                              false},
    [OPENSTACK_SECRET_KEY] = {{"sk", "secret_key"},
                              {"HUAWEICLOUD_SDK_SK", "HW_SECRET_KEY", "OS_SECRET_KEY"},
                              true,
                              true},
    [OPENSTACK_SECURITY_TOKEN] = {{"security_token"},
                                  {"HUAWEICLOUD_SDK_SECURITY_TOKEN", "HW_SECURITY_TOKEN",
                                   "OS_SECURITY_TOKEN"},
                                  true,
                                  true},
    [OPENSTACK_REGION] = {{"region_name", "region"},
                          {"OS_REGION_NAME", "HW_REGION_NAME"},
                          false,
                          false},
    [OPENSTACK_INTERFACE] = {{"interface", "endpoint_type"},
                             {"OS_INTERFACE", "OS_ENDPOINT_TYPE"},
                             false,
                             false},
    [OPENSTACK_ENDPOINT] = {{"block_storage_endpoint_override", "volumev3_endpoint_override",
                             "volume_endpoint_override"},
                            {"OS_BLOCK_STORAGE_ENDPOINT_OVERRIDE", "OS_VOLUMEV3_ENDPOINT_OVERRIDE",
                             "OS_VOLUME_ENDPOINT_OVERRIDE"},
                            false,
                            false},
    [OPENSTACK_CACERT] = {{"cacert"}, {"OS_CACERT"}, false, false},
    [OPENSTACK_CERT] = {{"cert"}, {"OS_CERT"}, false, false},
    [OPENSTACK_KEY] = {{"key"}, {"OS_KEY"}, false, false},
    [OPENSTACK_VERIFY] = {{"verify"}, {NULL}, false, false},
    [OPENSTACK_INSECURE] = {{"insecure"}, {"OS_INSECURE"}, false, false},
};

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || *value == '\0' ? NULL : value;
}

int openstack_store(char **place, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return -ENOMEM;
    wipe_text(*place);
    free(*place);
    *place = copy;
    return 0;
}

char *openstack_path(const struct openstack_environment *environment, const char *path)
{
    const char *folder = environment->folders[0];
    char *absolute = NULL;

    if (strncmp(path, "~/", 2) == 0) {
        folder = environment->home.home;
        path += 2;
    }
    if (*path == '/')
        return strdup(path);
    return asprintf(&absolute, "%s/%s", folder, path) < 0 ? NULL : absolute;
}

static int take_variables(struct openstack_environment *environment)
{
    for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++)
        for (size_t j = 0; j < SETTING_VARIABLES && setting_table[i].variables[j] != NULL; j++) {
            const char *value = variable(setting_table[i].variables[j]);
            if (value == NULL || environment->values[i] != NULL)
                continue;
            if (openstack_store(&environment->values[i], value) < 0)
                return -ENOMEM;
            environment->origins[i] = setting_table[i].variables[j];
        }
    const char *cloud = variable("OS_CLOUD");
    return cloud != NULL ? openstack_store(&environment->cloud, cloud) : 0;
}

/* Absolute, because in the background the working directory is "/". */
static int find_folders(struct openstack_environment *environment)
{
    char here[PATH_SIZE];
    const char *xdg = variable("XDG_CONFIG_HOME");
    char *settings = NULL;

    if (getcwd(here, sizeof here) == NULL)
        snprintf(here, sizeof here, "/");
    if (asprintf(&settings, "%s/openstack", xdg != NULL && *xdg == '/' ? xdg : "/etc") < 0)
        return -ENOMEM;
    environment->folders[0] = strdup(here);
    environment->folders[1] = settings;
    if (asprintf(&environment->folders[2], "%s/.config/openstack", environment->home.home) < 0)
        environment->folders[2] = NULL;
    environment->folders[3] = strdup("/etc/openstack");
    if (xdg == NULL || *xdg != '/') { /* then /etc comes last */
        environment->folders[1] = environment->folders[2];
        environment->folders[2] = settings;
    }
    for (size_t i = 0; i < 4; i++)
        if (environment->folders[i] == NULL)
            return -ENOMEM;
    return 0;
}

static int find_file(const struct openstack_environment *environment, const char *name, char **path)
{
    const char *value = variable(name);
    if (value == NULL)
        return 0;
    *path = openstack_path(environment, value);
    return *path == NULL ? -ENOMEM : 0;
}

struct openstack_environment *openstack_environment_take(const char *home)
{
    struct openstack_environment *environment = calloc(1, sizeof *environment);
    if (environment == NULL)
        return NULL;
    if (credential_paths_find(&environment->home, NULL, home) < 0)
        snprintf(environment->home.home, sizeof environment->home.home, "/");
    if (take_variables(environment) < 0 || find_folders(environment) < 0 ||
        find_file(environment, "OS_CLIENT_CONFIG_FILE", &environment->config) < 0 ||
        find_file(environment, "OS_CLIENT_SECURE_FILE", &environment->secure) < 0) {
        openstack_environment_free(environment);
        environment = NULL;
    }
    openstack_environment_forget();
    return environment;
}

void openstack_environment_free(struct openstack_environment *environment)
{
    if (environment == NULL)
        return;
    for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++) {
        wipe_text(environment->values[i]);
        free(environment->values[i]);
    }
    for (size_t i = 0; i < 4; i++)
        free(environment->folders[i]);
    free(environment->cloud);
    free(environment->config);
    free(environment->secure);
    free(environment);
}

void openstack_environment_drop_secrets(struct openstack_environment *environment)
{
    for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++)
        if (setting_table[i].secret) {
            wipe_text(environment->values[i]);
            free(environment->values[i]);
            environment->values[i] = NULL;
        }
}

void openstack_environment_forget(void)
{
    for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++)
        for (size_t j = 0; j < SETTING_VARIABLES && setting_table[i].variables[j] != NULL; j++)
            if (setting_table[i].secret) {
                wipe_text(getenv(setting_table[i].variables[j]));
                unsetenv(setting_table[i].variables[j]);
            }
}
