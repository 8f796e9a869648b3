/* SPDX-License-Identifier: Apache-2.0 */
/* What the options become once it is known where the credentials are, and their end. */
#include "cbsfs/options.h"

#include "options_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* True when the user gave libfuse an option that begins with `name`, or (whole) is it. */
static bool has_fuse_word(const struct fuse_args *arguments, const char *name, bool whole)
{
    size_t length = strlen(name);

    for (int index = 1; index < arguments->argc; index++)
        for (const char *at = arguments->argv[index]; at != NULL; at = strchr(at, ',')) {
            at += *at == ',';
            at += strncmp(at, "-o", 2) == 0 ? 2 : 0;
            if (strncmp(at, name, length) == 0 && (!whole || strchr(",", at[length]) != NULL))
                return true;
        }
    return false;
}

bool options_have_fuse(const struct options *options, const char *word)
{
    return has_fuse_word(&options->fuse, word, true);
}

bool options_speak_openstack(const struct options *options)
{
    return options->provider == &provider_openstack || options->provider == &provider_evs;
}

int options_complete(struct options *options, const char *found, char *reason, size_t reason_size)
{
    if (options->region == NULL && found == NULL)
        found = options->provider->default_region;
    bool optional = options_speak_openstack(options);
    if (options->region == NULL && found == NULL && optional)
        found = "";
    if (options->region == NULL && found == NULL) {
        snprintf(reason, reason_size,
                 "no region: give one before the mountpoint (cbsfs ap-guangzhou MOUNTPOINT), as "
                 "-o region=REGION, or in TENCENTCLOUD_REGION");
        return -EINVAL;
    }
    if (options->region == NULL) {
        if (!option_is_region(found) && !(optional && *found == '\0')) {
            snprintf(reason, reason_size, "the region that the credentials name is not one");
            return -EINVAL;
        }
        if (option_store(&options->region, found) != 0)
            return -ENOMEM;
    }

    struct fuse_args *arguments = &options->fuse;
    int failed = 0;
    if (!has_fuse_word(arguments, "fsname=", false)) {
        char word[256];
        const char *profile = options->profile != NULL ? options->profile : options->found_profile;
        /* The colon makes df and tail (gnulib) take it for a remote file system. */
        snprintf(word, sizeof(word), "-ofsname=cbsfs:%s%s%s", profile != NULL ? profile : "",
                 profile != NULL ? "@" : "",
                 *options->region != '\0' ? options->region : options->provider->name);
        failed |= fuse_opt_add_arg(arguments, word);
    }
    if (!has_fuse_word(arguments, "subtype=", false))
        failed |= fuse_opt_add_arg(arguments, "-osubtype=cbsfs");
    /* Without the kernel's own checks allow_other would let everybody do everything. */
    if (options_have_fuse(options, "allow_other") &&
        !options_have_fuse(options, "default_permissions"))
        failed |= fuse_opt_add_arg(arguments, "-odefault_permissions");
    return failed != 0 ? -ENOMEM : 0;
}

void options_free(struct options *options)
{
    free(options->mountpoint);
    free(options->region);
    free(options->profile);
    free(options->found_profile);
    free(options->endpoint);
    free(options->config);
    option_list_free(options->protect);
    option_list_free(options->disks);
    fuse_opt_free_args(&options->fuse);
    memset(options, 0, sizeof(*options));
}
