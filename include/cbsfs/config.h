/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: `key = value` or a bare `key` on each line, `#` starts a comment line,
 * blank lines count for nothing.  Which keys there are is not its business.
 */
#ifndef CBSFS_CONFIG_H
#define CBSFS_CONFIG_H

#include <stddef.h>

#define CONFIG_LINE_LIMIT 4096 /* bytes of a line at most */

/*
 * Reads the file and calls `set` for each line that holds something, with key and value stripped of
 * white space (value NULL for a bare key; both valid only during the call) and `origin` =
 * "FILE:LINE". `set` returns 0 or a negative errno, which ends the reading and is returned, having
 * filled `reason` itself. Returns 0; -errno when the file cannot be opened or read; -EINVAL for a
 * line that is neither form, too long or holds a NUL.  After each of these `reason` has a readable
 * line that begins with the origin.
 */
int config_read(const char *path,
                int (*set)(void *data, const char *origin, const char *key, const char *value,
                           char *reason, size_t reason_size),
                void *data, char *reason, size_t reason_size);

#endif
