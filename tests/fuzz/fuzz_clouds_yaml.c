/* SPDX-License-Identifier: Apache-2.0 */
/* The input as clouds.yaml and as secure.yaml. */
#include "cbsfs/openstack_settings.h"

#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void read_settings(const char *profile)
{
    struct openstack_settings settings;
    struct cloud_error error = {0};
    struct openstack_environment *environment = openstack_environment_take("/nonexistent");
    char text[512];

    fuzz_require(environment != NULL);
    int status = openstack_settings_read(environment, profile, &settings, &error);
    if (status == 0) {
        fuzz_require(settings.cloud != NULL && settings.file != NULL);
        for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++)
            fuzz_require(settings.values[i] == NULL || *settings.values[i] != '\0');
        fuzz_require(settings.method == OPENSTACK_KEYS ||
                     settings.values[OPENSTACK_AUTH_URL] != NULL);
        openstack_settings_describe(&settings, text, sizeof text);
        fuzz_require(strpbrk(text, "\r\n\033") == NULL);
        (void)openstack_settings_are_evs(&settings);
        fuzz_require(openstack_settings_are_same(&settings, &settings));
        openstack_settings_free(&settings);
    } else {
        fuzz_require(error.status == status && *error.message != '\0');
        fuzz_require(strpbrk(error.message, "\r\n\033") == NULL);
        for (size_t i = 0; i < OPENSTACK_SETTING_COUNT; i++)
            fuzz_require(settings.values[i] == NULL);
    }
    openstack_environment_free(environment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);

    unsetenv("OS_CLOUD");
    setenv("OS_CLIENT_CONFIG_FILE", path, 1);
    setenv("OS_CLIENT_SECURE_FILE", path, 1);
    read_settings(NULL);
    read_settings("lab");
    return 0;
}
