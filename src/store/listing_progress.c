/* SPDX-License-Identifier: Apache-2.0 */
/* How far a listing is, for who waits for a large account. */
#include "listing_internal.h"

#include "cbsfs/buffer.h"
#include "cbsfs/log.h"
#include "cbsfs/provider.h"

#include <inttypes.h>
#include <stdio.h>

#define FIGURE_SIZE 32

static const char *kind_of(const struct listing *listing)
{
    return listing->verb == CLOUD_DESCRIBE_DISKS ? "disks" : "snapshots";
}

static bool is_long(const struct listing *listing)
{
    int64_t page = listing->store->provider->page_limit;
    return listing->told_most > page || listing->records > page;
}

/* "12,300" */
static void put_figure(int64_t figure, char text[FIGURE_SIZE])
{
    char digits[FIGURE_SIZE];
    int length = snprintf(digits, sizeof(digits), "%" PRId64, figure), used = 0;
    for (int i = 0; i < length && used + 2 < FIGURE_SIZE; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
}

void listing_show_progress(const struct listing *listing)
{
    char records[FIGURE_SIZE], total[FIGURE_SIZE];
    if (!is_long(listing))
        return;
    put_figure(listing->records, records);
    put_figure(listing->told_most, total);
    if (listing->told_most >= 0)
        log_progress("listing %s: %s of %s", kind_of(listing), records, total);
    else
        log_progress("listing %s: %s", kind_of(listing), records);
}

void listings_put_progress(const struct store *store, struct buffer *out)
{
    bool told[2] = {false, false};
    for (const struct listing *at = store->listings; at != NULL; at = at->next) {
        bool *is_told = &told[at->verb == CLOUD_DESCRIBE_DISKS];
        if (at->disk_id != NULL || at->status != 0 || *is_told || !is_long(at))
            continue;
        *is_told = true;
        buffer_printf(out, "listing_%s %" PRId64, kind_of(at), at->records);
        if (at->told_most >= 0)
            buffer_printf(out, " of %" PRId64, at->told_most);
        buffer_puts(out, "\n");
    }
}
