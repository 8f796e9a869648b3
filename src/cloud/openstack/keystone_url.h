/* SPDX-License-Identifier: Apache-2.0 */
/* The URLs of OpenStack's services: "SCHEME://HOST[:PORT][/PATH][/v3[/PROJECT]]". */
#ifndef CBSFS_KEYSTONE_URL_H
#define CBSFS_KEYSTONE_URL_H

#include <stdbool.h>

/* The URL up to the version in its path, then `ending`. 0, -ENOMEM, or -EINVAL for a URL with a
 * user, query or fragment and for what is none. The caller frees the result. */
int keystone_url_of(const char *url, const char *ending, char **result);

/* True if a part of the path is this version ("v2", also as v2.0). */
bool keystone_url_has_version(const char *url, const char *version);

#endif
