/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as the clouds write them and as the tree shows them. Pure: no clock, no locale, no
 * TZ. */
#ifndef CBSFS_TIMESTAMP_H
#define CBSFS_TIMESTAMP_H

#include <stdint.h>

/* "No time": an absent, null, empty or all-zero time. */
#define TIMESTAMP_NONE INT64_MIN

/* Enough for "2026-03-02T01:41:07Z" and its NUL, for any year that int64_t seconds within 0..9999
 * give. */
#define TIMESTAMP_SIZE 24

/*
 * Parses "YYYY-MM-DD hh:mm:ss" or ISO 8601 with `T`, an optional fraction (dropped) and an optional
 * zone
 * (`Z`, `+08:00`, `+0800`).  A text without a zone is `zone_offset` seconds east of UTC (Tencent: 8
 * * 3600 in every region, tencent-cbs facts 1.6).  NULL, "" and "0000-00-00 00:00:00" give
 * TIMESTAMP_NONE. Returns 0 and seconds since the epoch in *seconds, or -EINVAL (and
 * TIMESTAMP_NONE).
 */
int timestamp_parse(const char *text, int zone_offset, int64_t *seconds);

/* Parses the IMF-fixdate of an HTTP `Date` header (RFC 9110 5.6.7). Returns 0 or -EINVAL. */
int timestamp_parse_http(const char *text, int64_t *seconds);

/* Writes RFC 3339 in UTC, "2026-03-02T01:41:07Z"; TIMESTAMP_NONE and years outside 0..9999 give "".
 */
void timestamp_format(int64_t seconds, char text[TIMESTAMP_SIZE]);

/* Writes the UTC date, "2026-03-02". */
void timestamp_format_date(int64_t seconds, char text[TIMESTAMP_SIZE]);

#endif
