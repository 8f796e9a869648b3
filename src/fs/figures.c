/* SPDX-License-Identifier: Apache-2.0 */
/* What the mount tells of itself: `.cbsfs/stats`, `metrics` and what was in `events` before. */
#include "fs_internal.h"

#include "cbsfs/log.h"
#include "cbsfs/metrics.h"
#include "cbsfs/provider.h"

#include <inttypes.h>
#include <malloc.h>
#include <sys/resource.h>

int stats_render(struct fs *fs, const struct node *node, struct buffer *out)
{
    store_put_stats(node->region->store, out);
    regions_put_stats(fs, out);
    unsigned handles = 0, polls = 0;
    for (const struct handle *handle = fs->handles; handle != NULL; handle = handle->next) {
        handles++;
        polls += handle->poll != NULL;
    }
    buffer_printf(out, "jobs_running %u\nparked %u\n", store_running_jobs(node->region->store),
                  requests_parked(fs));
    buffer_printf(out, "handles %u\npolls %u\nrequests %" PRIu64 "\n", handles, polls,
                  fs->requests);
    /* What is allocated, whatever of it malloc has from the kernel: a leak shows here first. */
    struct mallinfo2 memory = mallinfo2();
    return buffer_printf(out, "memory %zu\nmemory_events %zu\n", memory.uordblks + memory.hblkhd,
                         events_memory(fs->settings.events));
}

int events_before_render(struct fs *fs, const struct node *node, struct buffer *out)
{
    (void)node;
    return events_put_before(fs->settings.events, out);
}

/* --- metrics ------------------------------------------------------------------------- */

static void put_metric(struct buffer *out, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    metrics_put_header(out, name, type, help);
    buffer_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void put_build(const struct fs *fs, struct buffer *out)
{
    metrics_put_header(out, "cbsfs_build_info", "gauge", "Always 1; what runs is in the labels.");
    buffer_puts(out, "cbsfs_build_info");
    metrics_put_label(out, true, "version", CBSFS_VERSION);
    metrics_put_label(out, false, "provider", store_provider(region_home(fs)->store)->name);
    buffer_puts(out, "} 1\n");
}

static void put_requests(const struct fs *fs, struct buffer *out)
{
    unsigned handles = 0, polls = 0;
    for (const struct handle *handle = fs->handles; handle != NULL; handle = handle->next) {
        handles++;
        polls += handle->poll != NULL;
    }
    put_metric(out, "cbsfs_fuse_requests_total", "counter", "Requests of the kernel.",
               fs->requests);
    put_metric(out, "cbsfs_fuse_parked", "gauge", "Requests that wait for the cloud.",
               requests_parked(fs));
    put_metric(out, "cbsfs_fuse_handles", "gauge", "Open files, this one included.", handles);
    put_metric(out, "cbsfs_fuse_polls", "gauge", "Open files that poll(2) waits on.", polls);
}

static void put_events(const struct fs *fs, struct buffer *out)
{
    const char *name;
    uint64_t count;
    metrics_put_header(out, "cbsfs_events_total", "counter",
                       "Events, also those of which only the number is told.");
    for (size_t i = 0; (name = events_count(fs->settings.events, i, &count)) != NULL; i++) {
        buffer_puts(out, "cbsfs_events_total");
        metrics_put_label(out, true, "event", name);
        buffer_printf(out, "} %" PRIu64 "\n", count);
    }
}

static void put_process(const struct fs *fs, struct buffer *out)
{
    struct mallinfo2 memory = mallinfo2();
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    int64_t microseconds = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
                           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    put_metric(out, "cbsfs_memory_bytes", "gauge", "Allocated memory.",
               memory.uordblks + memory.hblkhd);
    metrics_put_header(out, "cbsfs_cpu_seconds_total", "counter", "Time of the CPU.");
    buffer_printf(out, "cbsfs_cpu_seconds_total %" PRId64 ".%06d\n", microseconds / 1000000,
                  (int)(microseconds % 1000000));
    put_metric(out, "cbsfs_log_lines_lost_total", "counter",
               "Lines of the log that nobody has taken.", log_lost());
    put_metric(out, "cbsfs_mounted_time_seconds", "gauge", "When it was mounted.",
               (uint64_t)fs->mounted);
}

int metrics_render(struct fs *fs, const struct node *node, struct buffer *out)
{
    const struct store *stores[REGION_COUNT];
    size_t count = 0;
    (void)node;
    for (struct region *at = NULL; (at = region_next(fs, at)) != NULL;)
        stores[count++] = at->store;
    put_build(fs, out);
    put_process(fs, out);
    put_requests(fs, out);
    put_events(fs, out);
    return store_put_metrics(stores, count, out);
}
