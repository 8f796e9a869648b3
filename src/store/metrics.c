/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `.cbsfs/metrics`: the figures of every store, in Prometheus's text format 0.0.4.
 *
 * A metric's samples must stand together, so the table of metrics is walked, and the stores within
 * each.  What counts since the start ends in _total and never becomes less; sizes and times are in
 * bytes and seconds.
 */
#include "jobs_internal.h"

#include "cbsfs/buffer.h"
#include "cbsfs/clock.h"
#include "cbsfs/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
    const struct store *store;
    struct client_stats stats;
};

struct metric {
    const char *name, *type, *help;
    void (*put)(const struct metric *metric, const struct source *source, struct buffer *out);
};

/* --- one sample ---------------------------------------------------------------------- */

void metrics_put_header(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_put_label(struct buffer *out, bool first, const char *key, const char *value)
{
    buffer_printf(out, "%s%s=\"", first ? "{" : ",", key);
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\n')
            buffer_puts(out, "\\n");
        else if (*at == '\\' || *at == '"')
            buffer_append(out, (const char[]){'\\', *at}, 2);
        else
            buffer_append(out, at, 1);
    }
    buffer_puts(out, "\"");
}

static void begin_sample(struct buffer *out, const char *name, const struct source *source)
{
    const char *region = source->store->settings.region;
    buffer_puts(out, name);
    metrics_put_label(out, true, "region", region != NULL ? region : "");
}

static void end_sample(struct buffer *out, uint64_t value)
{
    buffer_printf(out, "} %" PRIu64 "\n", value);
}

static void end_seconds(struct buffer *out, int64_t milliseconds)
{
    buffer_printf(out, "} %s%" PRId64 ".%03d\n", milliseconds < 0 ? "-" : "",
                  milliseconds < 0 ? -milliseconds / 1000 : milliseconds / 1000,
                  abs((int)(milliseconds % 1000)));
}

static void put_plain(const struct metric *metric, const struct source *source, struct buffer *out,
                      uint64_t value)
{
    begin_sample(out, metric->name, source);
    end_sample(out, value);
}

/* --- by action ----------------------------------------------------------------------- */

static const char *action_of(const struct source *source, int verb)
{
    return source->store->provider->action((enum cloud_verb)verb);
}

/* Several verbs may be one action: it is told with the first. */
static bool is_first(const struct source *source, int verb)
{
    const char *action = action_of(source, verb);
    for (int other = 0; other < verb; other++) {
        if (strcmp(action_of(source, other), action) == 0)
            return false;
    }
    return action[0] != '\0';
}

/* The `index`-th counter of all verbs of the action of `verb`; `table` has `width` a verb. */
static uint64_t sum(const struct source *source, int verb, const uint64_t *table, size_t width,
                    size_t index)
{
    uint64_t total = 0;
    for (int other = verb; other < CLOUD_VERB_COUNT; other++) {
        if (strcmp(action_of(source, other), action_of(source, verb)) == 0)
            total += table[(size_t)other * width + index];
    }
    return total;
}

static void put_calls(const struct metric *metric, const struct source *source, struct buffer *out)
{
    for (int verb = 0; verb < CLOUD_VERB_COUNT; verb++) {
        if (!is_first(source, verb))
            continue;
        begin_sample(out, metric->name, source);
        metrics_put_label(out, false, "action", action_of(source, verb));
        end_sample(out, sum(source, verb, source->stats.calls, 1, 0));
    }
}

static void put_errors(const struct metric *metric, const struct source *source, struct buffer *out)
{
    for (int verb = 0; verb < CLOUD_VERB_COUNT; verb++) {
        for (size_t i = 0; i < CLIENT_STATUS_COUNT && is_first(source, verb); i++) {
            uint64_t count = sum(source, verb, source->stats.failed[0], CLIENT_STATUS_COUNT, i);
            if (count == 0)
                continue;
            begin_sample(out, metric->name, source);
            metrics_put_label(out, false, "action", action_of(source, verb));
            metrics_put_label(out, false, "errno", strerrorname_np(-client_status(i)));
            end_sample(out, count);
        }
    }
}

static void begin_part(struct buffer *out, const struct metric *metric, const char *suffix,
                       const struct source *source, int verb)
{
    char name[96];
    snprintf(name, sizeof(name), "%s%s", metric->name, suffix);
    begin_sample(out, name, source);
    metrics_put_label(out, false, "action", action_of(source, verb));
}

static void put_histogram(const struct metric *metric, const struct source *source,
                          struct buffer *out, int verb)
{
    uint64_t count = 0;
    char limit[32];
    for (size_t i = 0; i < CLIENT_LATENCY_COUNT; i++) {
        count += sum(source, verb, source->stats.latency[0], CLIENT_LATENCY_COUNT, i);
        if (i + 1 < CLIENT_LATENCY_COUNT)
            snprintf(limit, sizeof(limit), "%g", (double)client_latency_limits[i] / 1000.0);
        else
            snprintf(limit, sizeof(limit), "+Inf");
        begin_part(out, metric, "_bucket", source, verb);
        metrics_put_label(out, false, "le", limit);
        end_sample(out, count);
    }
    begin_part(out, metric, "_sum", source, verb);
    end_seconds(out, (int64_t)sum(source, verb, source->stats.latency_sum, 1, 0));
    begin_part(out, metric, "_count", source, verb);
    end_sample(out, count);
}

static void put_durations(const struct metric *metric, const struct source *source,
                          struct buffer *out)
{
    for (int verb = 0; verb < CLOUD_VERB_COUNT; verb++) {
        /* Of what was never asked there is nothing to be seen. */
        if (is_first(source, verb) && sum(source, verb, source->stats.calls, 1, 0) > 0)
            put_histogram(metric, source, out, verb);
    }
}

static void put_rates(const struct metric *metric, const struct source *source, struct buffer *out,
                      unsigned (*pick)(const struct client_rate *rate))
{
    for (int verb = 0; verb < CLOUD_VERB_COUNT; verb++) {
        struct client_rate rate;
        if (!is_first(source, verb))
            continue;
        client_get_rate(source->store->client, (enum cloud_verb)verb, &rate);
        begin_sample(out, metric->name, source);
        metrics_put_label(out, false, "action", action_of(source, verb));
        end_sample(out, pick(&rate));
    }
}

#define RATE(field)                                                                                \
    static unsigned pick_##field(const struct client_rate *rate)                                   \
    {                                                                                              \
        return rate->field;                                                                        \
    }                                                                                              \
    static void put_rate_##field(const struct metric *metric, const struct source *source,         \
                                 struct buffer *out)                                               \
    {                                                                                              \
        put_rates(metric, source, out, pick_##field);                                              \
    }
RATE(limit)
RATE(used)
RATE(pace)

/* --- single figures ------------------------------------------------------------------ */

static size_t count_disks(const struct store *store)
{
    size_t count = 0;
    for (size_t i = 0; i < store->catalogue.disk_count; i++)
        count += disk_is_visible(store->catalogue.disks[i]);
    return count;
}

static size_t count_snapshots(const struct store *store)
{
    size_t count = 0;
    for (size_t i = 0; i < store->catalogue.disk_count; i++)
        count += catalogue_visible_count(store->catalogue.disks[i]);
    return count;
}

static size_t count_progress(const struct store *store)
{
    size_t count = 0;
    for (const struct snapshot *at = store->catalogue.progress; at != NULL;
         at = snapshot_more(at)->progress_next)
        count++;
    return count;
}

static bool is_stale(const struct store *store)
{
    return store->failed[0].failed != 0 || store->failed[1].failed != 0;
}

#define FIGURE(name, value)                                                                        \
    static void put_##name(const struct metric *metric, const struct source *source,               \
                           struct buffer *out)                                                     \
    {                                                                                              \
        put_plain(metric, source, out, (uint64_t)(value));                                         \
    }
FIGURE(throttled, source->stats.throttled)
FIGURE(connections, source->stats.connections)
FIGURE(in_flight, source->stats.in_flight)
FIGURE(queued, source->stats.queued)
FIGURE(breaker, source->stats.breaker_open)
FIGURE(refused, source->stats.credential_refused)
FIGURE(disks, count_disks(source->store))
FIGURE(snapshots, count_snapshots(source->store))
FIGURE(progress, count_progress(source->store))
FIGURE(stale, is_stale(source->store))
FIGURE(listings, source->store->listings_done)
FIGURE(repeated, source->store->passes_repeated)
FIGURE(ttl, source->store->settings.ttl / 1000)

static void put_clock(const struct metric *metric, const struct source *source, struct buffer *out)
{
    begin_sample(out, metric->name, source);
    end_seconds(out, source->stats.clock_offset * 1000);
}

static void put_age(const struct metric *metric, const struct source *source, struct buffer *out,
                    const char *of, int64_t asked)
{
    if (asked == 0)
        return; /* what was never listed has no age */
    begin_sample(out, metric->name, source);
    metrics_put_label(out, false, "of", of);
    end_seconds(out, clock_now() - asked);
}

static void put_ages(const struct metric *metric, const struct source *source, struct buffer *out)
{
    put_age(metric, source, out, "disks", source->store->catalogue.disks_listed);
    put_age(metric, source, out, "snapshots", source->store->catalogue.snapshots_listed);
}

static void put_jobs(const struct metric *metric, const struct source *source, struct buffer *out)
{
    static const struct {
        enum job_state state;
        const char *name;
    } states[] = {{JOB_LATER, "later"},
                  {JOB_SENDING, "sending"},
                  {JOB_SETTLING, "settling"},
                  {JOB_WATCHING, "watching"}};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        uint64_t count = 0;
        for (const struct job *job = source->store->jobs; job != NULL; job = job->next)
            count += job->state == states[i].state;
        begin_sample(out, metric->name, source);
        metrics_put_label(out, false, "state", states[i].name);
        end_sample(out, count);
    }
}

static void put_outcomes(const struct metric *metric, const struct source *source,
                         struct buffer *out)
{
    static const char *const names[] = {"accepted", "failed", "unknown"};
    for (int verb = CLOUD_FIRST_CHANGE; verb < CLOUD_VERB_COUNT; verb++) {
        for (size_t i = 0; i < JOB_OUTCOMES && action_of(source, verb)[0] != '\0'; i++) {
            begin_sample(out, metric->name, source);
            metrics_put_label(out, false, "operation", job_verb_name((enum cloud_verb)verb));
            metrics_put_label(out, false, "action", action_of(source, verb));
            metrics_put_label(out, false, "outcome", names[i]);
            end_sample(out, source->store->outcomes[verb][i]);
        }
    }
}

static void put_failures(const struct metric *metric, const struct source *source,
                         struct buffer *out)
{
    for (int i = 1; i < ERRNO_COUNT; i++) {
        const char *name = strerrorname_np(i);
        if (source->store->failed_by_errno[i] == 0 || name == NULL)
            continue;
        begin_sample(out, metric->name, source);
        metrics_put_label(out, false, "errno", name);
        end_sample(out, source->store->failed_by_errno[i]);
    }
}

/* --- the table ----------------------------------------------------------------------- */

static const struct metric metrics[] = {
    {"cbsfs_api_calls_total", "counter", "Requests put on the wire, repetitions included.",
     put_calls},
    {"cbsfs_api_errors_total", "counter", "Requests that did not succeed, by what they came to.",
     put_errors},
    {"cbsfs_api_duration_seconds", "histogram", "How long requests took.", put_durations},
    {"cbsfs_api_throttled_total", "counter", "Answers that said that it was too much.",
     put_throttled},
    {"cbsfs_api_connections_total", "counter", "Connections opened.", put_connections},
    {"cbsfs_api_in_flight", "gauge", "Requests on the wire.", put_in_flight},
    {"cbsfs_api_queued", "gauge", "Requests that wait for their turn.", put_queued},
    {"cbsfs_api_rate_limit", "gauge", "Requests of this action in a window of 1.026 s at most.",
     put_rate_limit},
    {"cbsfs_api_rate_used", "gauge", "Requests of this action in the last window.", put_rate_used},
    {"cbsfs_api_rate_pace", "gauge",
     "As many are tried in a window: fewer than the limit after the cloud has throttled.",
     put_rate_pace},
    {"cbsfs_api_breaker_open", "gauge", "1 while a cloud that does not answer is not asked.",
     put_breaker},
    {"cbsfs_api_credential_refused", "gauge", "1 while the cloud refuses the credential.",
     put_refused},
    {"cbsfs_clock_offset_seconds", "gauge", "The cloud's clock minus this machine's.", put_clock},
    {"cbsfs_cache_age_seconds", "gauge", "Age of the listing of everything.", put_ages},
    {"cbsfs_cache_ttl_seconds", "gauge", "Nothing older is shown while the cloud answers.",
     put_ttl},
    {"cbsfs_cache_stale", "gauge", "1 if the last listing has failed.", put_stale},
    {"cbsfs_listings_total", "counter", "Listings that have ended, well or not.", put_listings},
    {"cbsfs_listing_repetitions_total", "counter",
     "Listings read once more because they changed meanwhile.", put_repeated},
    {"cbsfs_disks", "gauge", "Disks known.", put_disks},
    {"cbsfs_snapshots", "gauge", "Snapshots known.", put_snapshots},
    {"cbsfs_snapshots_in_progress", "gauge", "Snapshots known that have not settled.",
     put_progress},
    {"cbsfs_jobs", "gauge", "Changes under way.", put_jobs},
    {"cbsfs_jobs_total", "counter", "Changes by what their caller was told.", put_outcomes},
    {"cbsfs_failures_total", "counter", "Operations that failed or were refused, looks included.",
     put_failures},
};

int store_put_metrics(const struct store *const *stores, size_t count, struct buffer *out)
{
    struct source *sources = calloc(count, sizeof(*sources));
    if (sources == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        sources[i].store = stores[i];
        client_get_stats(stores[i]->client, &sources[i].stats);
    }
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        metrics_put_header(out, metrics[i].name, metrics[i].type, metrics[i].help);
        for (size_t at = 0; at < count; at++)
            metrics[i].put(&metrics[i], &sources[at], out);
    }
    free(sources);
    return out->error;
}
