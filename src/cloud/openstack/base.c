/* SPDX-License-Identifier: Apache-2.0 */
/* The address of the block storage, whichever way it was told (openstack facts 2.3, 4.2). */
#include "openstack.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* "/v3", "/v2.0" as a whole segment at `at`. */
static bool is_version(const char *at, size_t *length)
{
    if (at[0] != '/' || at[1] != 'v' || !isdigit((unsigned char)at[2]))
        return false;
    *length = 2 + strspn(at + 2, "0123456789.");
    return at[*length] == '\0' || at[*length] == '/';
}

int openstack_put_base(const char *endpoint, const char *version, const char *project,
                       struct buffer *out)
{
    const char *host = strstr(endpoint, "://");
    if (host == NULL)
        return -EINVAL;
    const char *end = endpoint + strlen(endpoint), *found = NULL, *rest = "";
    while (end > host + 3 && end[-1] == '/')
        end--;
    for (const char *at = strchr(host + 3, '/'); at != NULL && at < end; at = strchr(at + 1, '/')) {
        size_t length;
        if (is_version(at, &length)) {
            found = at;
            rest = at + length;
        }
    }
    size_t prefix = (size_t)((found != NULL ? found : end) - endpoint);
    buffer_append(out, endpoint, prefix);
    buffer_printf(out, "/%s", version);
    if (rest[0] == '/' && rest + 1 < end)
        buffer_append(out, rest, (size_t)(end - rest));
    else if (project != NULL && *project != '\0')
        buffer_printf(out, "/%s", project);
    return out->error;
}
