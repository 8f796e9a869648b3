/* SPDX-License-Identifier: Apache-2.0 */
#include "credentials_parts.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || *value == '\0' ? NULL : value;
}

/* The profile becomes part of a path and of a section's name. */
static bool profile_is_valid(const char *profile)
{
    if (*profile == '\0' || *profile == '.')
        return false;
    for (const char *letter = profile; *letter != '\0'; letter++)
        if ((unsigned char)*letter < ' ' || strchr("/[]\x7f", *letter) != NULL)
            return false;
    return true;
}

static int find_home(struct credential_paths *paths, const char *home)
{
    if (home == NULL)
        home = variable("HOME");
    if (home == NULL) {
        const struct passwd *user = getpwuid(geteuid());
        home = user == NULL ? "/" : user->pw_dir;
    }
    int length = snprintf(paths->home, sizeof paths->home, "%s", home);
    return length < 0 || (size_t)length >= sizeof paths->home ? -EINVAL : 0;
}

/* Absolute, because in the background the working directory is "/". */
static int join(char path[PATH_SIZE], const char *directory, const char *name, const char *ending)
{
    char here[PATH_SIZE] = "";
    if (*directory != '/' && getcwd(here, sizeof here) == NULL)
        return -EINVAL;
    int length = snprintf(path, PATH_SIZE, "%s%s%s%s%s%s", here, *here != '\0' ? "/" : "",
                          directory, *name != '\0' ? "/" : "", name, ending);
    return length < 0 || length >= PATH_SIZE ? -EINVAL : 0;
}

int credential_paths_find(struct credential_paths *paths, const char *profile, const char *home)
{
    *paths = (struct credential_paths){.environment_ignored = profile != NULL};
    if (profile == NULL)
        profile = variable("TCCLI_PROFILE");
    if (profile == NULL)
        profile = variable("TENCENTCLOUD_PROFILE");
    paths->profile_is_named = profile != NULL;
    if (profile == NULL)
        profile = "default";
    if (!profile_is_valid(profile) || strlen(profile) >= sizeof paths->profile)
        return -EINVAL;
    snprintf(paths->profile, sizeof paths->profile, "%s", profile);
    if (find_home(paths, home) < 0)
        return -EINVAL;

    char standard[PATH_SIZE];
    if (join(standard, paths->home, ".tccli", "") < 0)
        return -EINVAL;
    const char *directory = variable("TENCENTCLOUD_SHARED_CREDENTIALS_DIR");
    if (directory == NULL)
        directory = standard;
    if (join(paths->tccli, directory, profile, ".credential") < 0 ||
        join(paths->configure, directory, profile, ".configure") < 0)
        return -EINVAL;

    const char *ini = variable("TENCENTCLOUD_CREDENTIALS_FILE");
    paths->ini_is_named = ini != NULL;
    if (ini != NULL)
        return join(paths->ini, ini, "", "");
    return join(paths->ini, paths->home, ".tencentcloud/credentials", "");
}

void credential_path_shorten(const struct credential_paths *paths, const char *path, char *text,
                             size_t size)
{
    size_t length = strlen(paths->home);
    bool inside = length > 1 && strncmp(path, paths->home, length) == 0 && path[length] == '/';
    snprintf(text, size, "%s%s", inside ? "~" : "", inside ? path + length : path);
}
