/* SPDX-License-Identifier: Apache-2.0 */
#include "keystone_url.h"

#include "cbsfs/keystone.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the path begins, or where it would. */
static const char *path_of(const char *url)
{
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    return host + strcspn(host, "/");
}

/* The "/v3" of the path, or NULL. */
static const char *find_version(const char *url, const char *version)
{
    size_t length = strlen(version);

    for (const char *at = path_of(url); (at = strchr(at, '/')) != NULL; at++) {
        const char *end = at + 1 + length;
        if (strncmp(at + 1, version, length) != 0)
            continue;
        if (*end == '.')
            end += 1 + strspn(end + 1, "0123456789");
        if (*end == '\0' || *end == '/')
            return at;
    }
    return NULL;
}

bool keystone_url_has_version(const char *url, const char *version)
{
    return find_version(url, version) != NULL;
}

static bool is_plain(const char *url)
{
    bool plain = strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;

    for (const char *letter = url; *letter != '\0'; letter++)
        if (!isgraph((unsigned char)*letter) || strchr("@?#\\\"<>", *letter) != NULL)
            plain = false;
    if (!plain)
        return false;
    CURLU *parsed = curl_url();
    plain = parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK;
    curl_url_cleanup(parsed);
    return plain;
}

static size_t length_without_slashes(const char *url, size_t length)
{
    while (length > 0 && url[length - 1] == '/')
        length--;
    return length;
}

/* What asprintf() leaves in its place after a failure is nothing to go by. */
static int finish(int printed, char **text)
{
    *text = printed < 0 ? NULL : *text;
    return printed < 0 ? -ENOMEM : 0;
}

int keystone_url_of(const char *url, const char *ending, char **result)
{
    if (url == NULL || !is_plain(url))
        return -EINVAL;
    const char *version = find_version(url, "v3");
    size_t length = version != NULL ? (size_t)(version - url) : strlen(url);
    length = length_without_slashes(url, length);
    *result = NULL;
    return finish(asprintf(result, "%.*s%s", (int)length, url, ending), result);
}

int keystone_complete_endpoint(const char *url, const char *project, char **endpoint)
{
    *endpoint = NULL;
    if (!is_plain(url))
        return -EINVAL;
    size_t length = length_without_slashes(url, strlen(url));
    const char *version = find_version(url, "v3");
    bool has_project = version != NULL && strchr(version + 1, '/') != NULL &&
                       strchr(version + 1, '/') < url + length;
    const char *middle = version == NULL ? "/v3/" : has_project ? "" : "/";
    return finish(
        asprintf(endpoint, "%.*s%s%s", (int)length, url, middle, has_project ? "" : project),
        endpoint);
}
