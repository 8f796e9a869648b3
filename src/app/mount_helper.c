/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/mount_helper.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM    "cbsfs"
#define WORD_LIMIT 8 /* cbsfs SOURCE DIRECTORY -o OPTIONS -o fsname=SOURCE NULL */

bool mount_helper_is(const char *name)
{
    const char *slash = name != NULL ? strrchr(name, '/') : NULL;
    const char *base = slash != NULL ? slash + 1 : name;

    return base != NULL && strncmp(base, "mount.", strlen("mount.")) == 0;
}

/* The end of the first option of a comma-separated list, in which a backslash takes a comma's
 * meaning away. */
static const char *end_of_option(const char *list)
{
    for (; *list != '\0' && *list != ','; list++)
        list += *list == '\\' && list[1] != '\0';
    return list;
}

/* True when the list has `name` itself or, with a value, as "name=". */
static bool has_option(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = list; at != NULL && *at != '\0'; at = end_of_option(at)) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && strchr(",=", at[length]) != NULL)
            return true;
    }
    return false;
}

/* Adds `list` to *all (malloc'ed or NULL).  name="a,b", as mount(8) wants values with commas,
 * becomes name=a\,b, as libfuse does. */
static int take_options(char **all, const char *list)
{
    size_t used = *all != NULL ? strlen(*all) : 0;
    char *text = calloc(1, used + 1 + 2 * strlen(list) + 1);
    bool quoted = false;

    if (text == NULL)
        return -ENOMEM;
    if (used > 0) {
        memcpy(text, *all, used);
        text[used++] = ',';
    }
    free(*all);
    *all = text;
    for (const char *at = list; *at != '\0'; at++) {
        if (*at == '"' && (quoted || (at > list && at[-1] == '='))) {
            quoted = !quoted;
            continue;
        }
        if (quoted && strchr(",\\", *at) != NULL)
            text[used++] = '\\';
        text[used++] = *at;
    }
    return 0;
}

static int add(struct mount_helper *helper, const char *prefix, const char *word)
{
    char *text;

    if (asprintf(&text, "%s%s", prefix, word) < 0)
        return -ENOMEM;
    helper->words[helper->count++] = text;
    return 0;
}

/* Names that stand for nothing in the first column of fstab. */
static bool is_placeholder(const char *source)
{
    return *source == '\0' || strcmp(source, "none") == 0 || strcmp(source, PROGRAM) == 0 ||
           strcmp(source, PROGRAM "#") == 0;
}

static int put_together(struct mount_helper *helper, const char *source, const char *directory,
                        const char *options)
{
    helper->words = calloc(WORD_LIMIT, sizeof(*helper->words));
    if (helper->words == NULL || add(helper, "", PROGRAM) != 0 || add(helper, "", source) != 0 ||
        add(helper, "", directory) != 0)
        return -ENOMEM;
    if (options != NULL && *options != '\0' &&
        (add(helper, "", "-o") != 0 || add(helper, "", options) != 0))
        return -ENOMEM;
    if (!is_placeholder(source) && !has_option(options, "fsname") &&
        (add(helper, "", "-o") != 0 || add(helper, "fsname=", source) != 0))
        return -ENOMEM;
    return 0;
}

/* The letters of one word of switches. `value` is the word after it, for those that take one; 1
 * when it was used, 0, -EINVAL or -ENOMEM. */
static int hear_switches(struct mount_helper *helper, const char *word, const char *value,
                         char **options, char *reason, size_t reason_size)
{
    for (const char *letter = word + 1; *letter != '\0'; letter++)
        switch (*letter) {
        case 'f':
            helper->fake = true;
            break;
        case 'n': /* there is no mtab to leave alone */
        case 's': /* what cbsfs does not know is a mistake all the same */
        case 'v':
            break;
        case 'o':
        case 't':
            if (letter[1] != '\0' || value == NULL) {
                snprintf(reason, reason_size, "%s: needs a word after it", word);
                return -EINVAL;
            }
            return *letter == 'o' && take_options(options, value) != 0 ? -ENOMEM : 1;
        case 'N':
            snprintf(reason, reason_size,
                     "-N: cannot mount in another namespace; use nsenter(1) around mount");
            return -EINVAL;
        default:
            snprintf(reason, reason_size, "%s: unknown switch of mount(8)", word);
            return -EINVAL;
        }
    return 0;
}

static int translate(struct mount_helper *helper, int argc, char *argv[], char **options,
                     char *reason, size_t reason_size)
{
    const char *places[2] = {NULL, NULL};
    size_t count = 0;

    for (int index = 1; index < argc; index++) {
        if (argv[index][0] != '-' || argv[index][1] == '\0') {
            if (count == sizeof(places) / sizeof(places[0])) {
                snprintf(reason, reason_size, "%s: one word too many", argv[index]);
                return -EINVAL;
            }
            places[count++] = argv[index];
            continue;
        }
        int used = hear_switches(helper, argv[index], index + 1 < argc ? argv[index + 1] : NULL,
                                 options, reason, reason_size);
        if (used < 0)
            return used;
        index += used;
    }
    if (count != sizeof(places) / sizeof(places[0])) {
        snprintf(reason, reason_size,
                 "usage: mount.fuse.cbsfs SOURCE DIRECTORY [-fnsv] [-o OPTIONS]");
        return -EINVAL;
    }
    if (has_option(*options, "remount")) {
        snprintf(reason, reason_size,
                 "%s: options cannot be changed while it is mounted: umount and mount again "
                 "(only ro: mount -i -o remount,ro %s)",
                 places[1], places[1]);
        return -EINVAL;
    }
    return put_together(helper, places[0], places[1], *options);
}

int mount_helper_translate(struct mount_helper *helper, int argc, char *argv[], char *reason,
                           size_t reason_size)
{
    char *options = NULL;

    *helper = (struct mount_helper){.fake = false};
    reason[0] = '\0';
    int result = translate(helper, argc, argv, &options, reason, reason_size);
    free(options);
    if (result != 0)
        mount_helper_free(helper);
    return result;
}

void mount_helper_free(struct mount_helper *helper)
{
    for (int index = 0; index < helper->count; index++)
        free(helper->words[index]);
    free(helper->words);
    *helper = (struct mount_helper){.fake = false};
}

int mount_helper_become(const struct mount_helper *helper)
{
    char path[PATH_MAX];
    /* By its path, as the kernel takes a process's name from there. */
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (length < 0)
        return -errno;
    path[length] = '\0';
    execv(path, helper->words);
    return -errno;
}
