/* SPDX-License-Identifier: Apache-2.0 */
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 10)

#include "options_table.h"

#include "cbsfs/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fnmatch.h>
#include <fuse_lowlevel.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REGION_LENGTH  63 /* one label of a host name */
#define PROFILE_LENGTH 64

int option_store(char **place, const char *value)
{
    char *copy = strdup(value);

    if (copy == NULL)
        return -ENOMEM;
    free(*place);
    *place = copy;
    return 0;
}

static bool is_word(const char *text, const char *punctuation)
{
    for (const char *at = text; *at != '\0'; at++)
        if (!(isascii((unsigned char)*at) && isalnum((unsigned char)*at)) &&
            strchr(punctuation, *at) == NULL)
            return false;
    return *text != '\0';
}

bool option_is_region(const char *region)
{
    return strlen(region) <= REGION_LENGTH && is_word(region, "-_");
}

bool option_is_profile(const char *profile)
{
    return strlen(profile) <= PROFILE_LENGTH && profile[0] != '.' && is_word(profile, "-_.+");
}

static int parse_number(const char *value, int base, unsigned long highest, unsigned long *number)
{
    char *end;

    if (!isdigit((unsigned char)value[0]))
        return -EINVAL;
    errno = 0;
    *number = strtoul(value, &end, base);
    return errno != 0 || *end != '\0' || *number > highest ? -EINVAL : 0;
}

static int apply_seconds(unsigned *place, const char *value, unsigned lowest, unsigned highest,
                         char *allowed, size_t size)
{
    unsigned long number;

    if (parse_number(value, 10, highest, &number) != 0 || number < lowest) {
        snprintf(allowed, size, "must be a number of seconds from %u to %u", lowest, highest);
        return -EINVAL;
    }
    *place = (unsigned)number;
    return 0;
}

static int apply_flag(bool *place, const char *value, char *allowed, size_t size)
{
    if (value == NULL || strcmp(value, "yes") == 0)
        *place = true;
    else if (strcmp(value, "no") == 0)
        *place = false;
    else {
        snprintf(allowed, size, "must be yes or no, or stand without a value");
        return -EINVAL;
    }
    return 0;
}

void option_list_free(char **list)
{
    for (char **item = list; item != NULL && *item != NULL; item++)
        free(*item);
    free(list);
}

/* Splits `value` at colons into a NULL-terminated array; no part may be empty. */
static int list_parse(char ***place, const char *value)
{
    size_t count = 1;
    for (const char *at = value; *at != '\0'; at++)
        count += *at == ':';

    char **list = calloc(count + 1, sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    for (size_t index = 0; index < count; index++) {
        size_t length = strcspn(value, ":");
        if (length == 0) {
            option_list_free(list);
            return -EINVAL;
        }
        list[index] = strndup(value, length);
        if (list[index] == NULL) {
            option_list_free(list);
            return -ENOMEM;
        }
        value += length + 1;
    }
    option_list_free(*place);
    *place = list;
    return 0;
}

static int apply_provider(struct options *options, const char *value, char *allowed, size_t size)
{
    static const char *const names[] = {"tencent", "qcloud", "openstack", "evs"};

    options->provider = provider_find(value);
    if (options->provider != NULL)
        return 0;
    snprintf(allowed, size, "this version has only");
    for (size_t index = 0; index < sizeof(names) / sizeof(names[0]); index++)
        if (provider_find(names[index]) != NULL) {
            size_t length = strlen(allowed);
            snprintf(allowed + length, size - length, " %s", names[index]);
        }
    return -EINVAL;
}

static int apply_region(struct options *options, const char *value, char *allowed, size_t size)
{
    if (!option_is_region(value)) {
        snprintf(allowed, size, "must be a region such as ap-guangzhou");
        return -EINVAL;
    }
    return option_store(&options->region, value);
}

static int apply_profile(struct options *options, const char *value, char *allowed, size_t size)
{
    if (!option_is_profile(value)) {
        snprintf(allowed, size, "must be the name of a profile: letters, digits and -_.+");
        return -EINVAL;
    }
    return option_store(&options->profile, value);
}

/* Reads `value` into scheme, host and port ("" without one). False when it holds anything else. */
static bool split_endpoint(CURLU *url, const char *value, char **scheme, char **host, char **port,
                           char **path)
{
    bool bare = false;

    if (curl_url_set(url, CURLUPART_URL, value, CURLU_DEFAULT_SCHEME) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_SCHEME, scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, host, 0) == CURLUE_OK && **host != '\0' &&
        curl_url_get(url, CURLUPART_PATH, path, 0) == CURLUE_OK) {
        bare = true;
        for (const char *at = value; *at != '\0'; at++)
            if (strchr("@?#", *at) != NULL || !isgraph((unsigned char)*at))
                bare = false;
        if (curl_url_get(url, CURLUPART_PORT, port, 0) != CURLUE_OK)
            *port = NULL;
    }
    return bare;
}

/* A path as OpenStack's endpoints have one ("/volume/v3/PROJECT"), without slashes at its end. */
static bool shorten_path(char *path)
{
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        path[--length] = '\0';
    return *path == '\0' || is_word(path, "/-_.~");
}

static int apply_endpoint(struct options *options, const char *value, char *allowed, size_t size)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *endpoint = NULL;
    bool may_have_path = options_speak_openstack(options);
    int result = -EINVAL;
    CURLU *url = curl_url();

    if (url == NULL)
        return -ENOMEM;
    if (!split_endpoint(url, value, &scheme, &host, &port, &path) || !shorten_path(path) ||
        (*path != '\0' && !may_have_path) ||
        (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)) {
        snprintf(allowed, size,
                 may_have_path ? "must be https://HOST[:PORT][/PATH], as /v3/PROJECT"
                               : "must be https://HOST or https://HOST:PORT and nothing more");
        goto out;
    }
    if (asprintf(&endpoint, "%s://%s%s%s%s", scheme, host, port == NULL ? "" : ":",
                 port == NULL ? "" : port, path) < 0) {
        endpoint = NULL;
        result = -ENOMEM;
        goto out;
    }
    if (!http_is_allowed(endpoint, NULL)) {
        snprintf(allowed, size, "http:// is only for this machine (localhost); use https://");
        goto out;
    }
    free(options->endpoint);
    options->endpoint = endpoint;
    endpoint = NULL;
    result = 0;
out:
    free(endpoint);
    curl_free(path);
    curl_free(port);
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(url);
    return result;
}

static int apply_config(struct options *options, const char *value, char *allowed, size_t size)
{
    if (*value == '\0') {
        snprintf(allowed, size, "must name a file");
        return -EINVAL;
    }
    return option_store(&options->config, value);
}

static int apply_ttl(struct options *options, const char *value, char *allowed, size_t size)
{
    return apply_seconds(&options->ttl, value, OPTIONS_TTL_MIN, OPTIONS_TTL_MAX, allowed, size);
}

static int apply_timeout(struct options *options, const char *value, char *allowed, size_t size)
{
    return apply_seconds(&options->timeout, value, OPTIONS_TIMEOUT_MIN, OPTIONS_TIMEOUT_MAX,
                         allowed, size);
}

static int apply_rate(struct options *options, const char *value, char *allowed, size_t size)
{
    unsigned long number;

    if (parse_number(value, 10, OPTIONS_RATE_MAX, &number) != 0 || number < OPTIONS_RATE_MIN) {
        snprintf(allowed, size, "must be a number of calls a second from %d to %d",
                 OPTIONS_RATE_MIN, OPTIONS_RATE_MAX);
        return -EINVAL;
    }
    options->rate = (unsigned)number;
    return 0;
}

static int apply_allow_create_disk(struct options *options, const char *value, char *allowed,
                                   size_t size)
{
    return apply_flag(&options->allow_create_disk, value, allowed, size);
}

static int apply_allow_delete(struct options *options, const char *value, char *allowed,
                              size_t size)
{
    return apply_flag(&options->allow_delete, value, allowed, size);
}

static int apply_protect(struct options *options, const char *value, char *allowed, size_t size)
{
    int result = list_parse(&options->protect, value);

    if (result == -EINVAL)
        snprintf(allowed, size, "must be shell patterns with a colon between them");
    return result;
}

static int apply_rollback(struct options *options, const char *value, char *allowed, size_t size)
{
    if (strcmp(value, "on") == 0)
        options->rollback = ROLLBACK_ON;
    else if (strcmp(value, "confirm") == 0)
        options->rollback = ROLLBACK_CONFIRM;
    else if (strcmp(value, "off") == 0)
        options->rollback = ROLLBACK_OFF;
    else {
        snprintf(allowed, size, "must be on, confirm or off");
        return -EINVAL;
    }
    return 0;
}

static int apply_disks(struct options *options, const char *value, char *allowed, size_t size)
{
    int result = is_word(value, "-_:") ? list_parse(&options->disks, value) : -EINVAL;

    if (result == -EINVAL)
        snprintf(allowed, size, "must be ids of disks with a colon between them");
    return result;
}

static int apply_owner(unsigned *place, const char *value, char *allowed, size_t size)
{
    unsigned long number;

    /* The highest one is (uid_t)-1, which means "nobody in particular" to chown(2). */
    if (parse_number(value, 10, UINT32_MAX - 1UL, &number) != 0) {
        snprintf(allowed, size, "must be a number");
        return -EINVAL;
    }
    *place = (unsigned)number;
    return 0;
}

static int apply_uid(struct options *options, const char *value, char *allowed, size_t size)
{
    return apply_owner(&options->uid, value, allowed, size);
}

static int apply_gid(struct options *options, const char *value, char *allowed, size_t size)
{
    return apply_owner(&options->gid, value, allowed, size);
}

static int apply_umask(struct options *options, const char *value, char *allowed, size_t size)
{
    unsigned long number;

    if (parse_number(value, 8, 0777, &number) != 0) {
        snprintf(allowed, size, "must be an octal number from 0 to 777");
        return -EINVAL;
    }
    options->umask = (mode_t)number;
    return 0;
}

static int apply_lazy(struct options *options, const char *value, char *allowed, size_t size)
{
    return apply_flag(&options->lazy, value, allowed, size);
}

static int apply_read_only(struct options *options, const char *value, char *allowed, size_t size)
{
    return apply_flag(&options->read_only, value, allowed, size);
}

const struct option_entry option_table[OPTION_COUNT] = {
    {"provider", "NAME", "whose cloud: tencent, qcloud, openstack, evs (tencent)", apply_provider},
    {"region", "REGION", "the region, if SOURCE does not name it", apply_region},
    {"profile", "PROFILE", "which credentials, if SOURCE does not name them", apply_profile},
    {"endpoint", "URL", "another API host: https://HOST[:PORT]", apply_endpoint},
    {"config", "FILE", "read options from FILE", apply_config},
    {"ttl", "SECONDS", "how old a listing may be, 1 to 86400 (30)", apply_ttl},
    {"timeout", "SECONDS", "longest wait of one operation, 1 to 600 (10)", apply_timeout},
    {"rate", "CALLS", "API calls a second for each action, 1 to 1000 (20)", apply_rate},
    {"allow_create_disk", NULL,
     "new_disk makes a disk, which costs money; without it, it is refused",
     apply_allow_create_disk},
    {"allow_delete", NULL, "rmdir deletes a snapshot; without it, it is refused",
     apply_allow_delete},
    {"protect", "GLOB[:GLOB]", "snapshots of these names are never deleted", apply_protect},
    {"rollback", "MODE", "on, off, or confirm: takes only the disk's id (on)", apply_rollback},
    {"disks", "ID[:ID]", "show only these disks", apply_disks},
    {"uid", "NUMBER", "owner of the files (whoever mounts)", apply_uid},
    {"gid", "NUMBER", "group of the files (whoever mounts)", apply_gid},
    {"umask", "OCTAL", "permission bits to take away (0)", apply_umask},
    {"lazy", NULL, "mount without asking the cloud first", apply_lazy},
    {"ro", NULL, "read-only: every change is refused", apply_read_only},
};

int option_find(const char *name, size_t length)
{
    for (int index = 0; index < OPTION_COUNT; index++)
        if (strncmp(option_table[index].name, name, length) == 0 &&
            option_table[index].name[length] == '\0')
            return index;
    return -1;
}

bool option_is_dropped(const char *word)
{
    /* The atime and lazytime family changes nothing here, and libfuse 3.14 refuses most of it. */
    static const char *const patterns[] = {
        "defaults",      "rw",         "auto",       "noauto",     "user",
        "user=*",        "nouser",     "users",      "nousers",    "owner",
        "noowner",       "group",      "nogroup",    "_netdev",    "nofail",
        "comment=*",     "x-*",        "X-*",        "helper=*",   "uhelper=*",
        "diratime",      "nodiratime", "relatime",   "norelatime", "strictatime",
        "nostrictatime", "lazytime",   "nolazytime", "iversion",   "noiversion",
        "mand",          "nomand",     "silent",     "loud",       "symfollow",
        "nosymfollow",
    };

    for (size_t index = 0; index < sizeof(patterns) / sizeof(patterns[0]); index++)
        if (fnmatch(patterns[index], word, 0) == 0)
            return true;
    return false;
}

bool option_is_secret(const char *word)
{
    static const char *const patterns[] = {"*secret*", "*passw*", "*token*",
                                           "key",      "*_key",   "*accesskey*"};
    char name[64];
    size_t length = strcspn(word, "=");

    snprintf(name, sizeof(name), "%.*s", (int)(length < 63 ? length : 63), word);
    for (size_t index = 0; index < sizeof(patterns) / sizeof(patterns[0]); index++)
        if (fnmatch(patterns[index], name, FNM_CASEFOLD) == 0)
            return true;
    return false;
}

void options_print_help(FILE *out)
{
    fputs("usage: cbsfs [SOURCE] MOUNTPOINT [-o OPT[,OPT...]]\n"
          "       cbsfs --demo MOUNTPOINT\n"
          "       cbsfs --check [SOURCE [MOUNTPOINT]]\n"
          "       cbsfs --clean MOUNTPOINT\n"
          "       cbsfs --help | --version\n"
          "\n"
          "Mounts the disks of a cloud account: a directory is a snapshot.\n"
          "SOURCE is [PROFILE@]REGION, for example ap-guangzhou.\n"
          "\n"
          "    --demo           mount a simulated account; snapshots may be deleted in it\n"
          "    --check          try credentials, clock, region and permissions\n"
          "    --clean          remove what a killed cbsfs has left at MOUNTPOINT\n"
          "    -f               stay in the foreground\n"
          "    -d               like -f, and show what the kernel asks\n"
          "    -h, --help       show this text\n"
          "    -V, --version    show the version\n"
          "\n"
          "options of cbsfs, after -o or as `key = value` in a configuration file\n"
          "(~/.config/cbsfs/config, else /etc/cbsfs.conf); defaults in parentheses:\n",
          out);
    for (int index = 0; index < OPTION_COUNT; index++) {
        const struct option_entry *entry = &option_table[index];
        char word[40];
        snprintf(word, sizeof(word), "%s%s%s", entry->name, entry->argument != NULL ? "=" : "",
                 entry->argument != NULL ? entry->argument : "");
        fprintf(out, "    -o %-20s  %s\n", word, entry->help);
    }
    fputs("\n"
          "Options of FUSE (allow_other, default_permissions, noexec, ...) are taken as well.\n"
          "No option carries a secret: see CREDENTIALS in cbsfs(1).\n",
          out);
}

void options_print_version(FILE *out)
{
    fprintf(out, "cbsfs %s (libfuse %s)\n", CBSFS_VERSION, fuse_pkgversion());
}
