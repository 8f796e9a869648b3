/* SPDX-License-Identifier: Apache-2.0 */
/* `.cbsfs/stats` and `.cbsfs/jobs`: what the mount is doing, for people and scripts. */
#include "jobs_internal.h"

#include "cbsfs/buffer.h"
#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void report_put_member(json_t *object, const char *key, const char *value)
{
    struct buffer clean;
    buffer_init(&clean, 0);
    buffer_put_printable(&clean, value);
    json_object_set_new(object, key, json_string(clean.data != NULL ? clean.data : ""));
    buffer_free(&clean);
}

static void put_age(struct buffer *out, const char *key, int64_t asked)
{
    if (asked == 0)
        buffer_printf(out, "%s never\n", key);
    else
        buffer_printf(out, "%s %" PRId64 ".%03d\n", key, (clock_now() - asked) / 1000,
                      (int)((clock_now() - asked) % 1000));
}

/* Several verbs may be one action of the API: told with the first of them. False: this is not the
 * first, or there is no such action. */
static bool sum_action(const struct provider *provider, const struct client_stats *stats,
                       enum cloud_verb verb, uint64_t *calls, uint64_t *errors)
{
    const char *action = provider->action(verb);
    *calls = *errors = 0;
    if (action[0] == '\0')
        return false;
    for (int other = 0; other < CLOUD_VERB_COUNT; other++) {
        if (strcmp(provider->action((enum cloud_verb)other), action) != 0)
            continue;
        if (other < (int)verb)
            return false;
        *calls += stats->calls[other];
        *errors += stats->errors[other];
    }
    return true;
}

static void put_calls(const struct store *store, const struct client_stats *stats,
                      struct buffer *out)
{
    uint64_t calls = 0, errors = 0;
    for (int verb = 0; verb < CLOUD_VERB_COUNT; verb++) {
        const char *action = store->provider->action((enum cloud_verb)verb);
        uint64_t its_calls, its_errors;
        if (!sum_action(store->provider, stats, (enum cloud_verb)verb, &its_calls, &its_errors))
            continue;
        buffer_printf(out, "calls_%s %" PRIu64 "\n", action, its_calls);
        buffer_printf(out, "errors_%s %" PRIu64 "\n", action, its_errors);
        calls += its_calls;
        errors += its_errors;
    }
    buffer_printf(out, "calls %" PRIu64 "\nerrors %" PRIu64 "\n", calls, errors);
}

int store_put_stats(const struct store *store, struct buffer *out)
{
    struct client_stats stats;
    client_get_stats(store->client, &stats);
    size_t disks = 0, snapshots = 0;
    for (size_t i = 0; i < store->catalogue.disk_count; i++) {
        disks += disk_is_visible(store->catalogue.disks[i]);
        snapshots += catalogue_visible_count(store->catalogue.disks[i]);
    }
    buffer_printf(out, "disks %zu\nsnapshots %zu\n", disks, snapshots);
    put_age(out, "age", store->last_success);
    put_age(out, "disks_age", store->catalogue.disks_listed);
    put_age(out, "snapshots_age", store->catalogue.snapshots_listed);
    buffer_printf(out, "ttl %" PRId64 "\n", store->settings.ttl / 1000);
    buffer_printf(out, "stale %d\n", store->failed[0].failed != 0 || store->failed[1].failed != 0);
    listings_put_progress(store, out);
    buffer_printf(out, "listings %" PRIu64 "\npasses_repeated %" PRIu64 "\n", store->listings_done,
                  store->passes_repeated);
    put_calls(store, &stats, out);
    buffer_printf(out, "throttled %" PRIu64 "\nconnections %" PRIu64 "\n", stats.throttled,
                  stats.connections);
    buffer_printf(out, "in_flight %u\nqueued %u\n", stats.in_flight, stats.queued);
    buffer_printf(out, "latency_ms %" PRId64 "\nclock_offset %" PRId64 "\n", stats.latency_last,
                  stats.clock_offset);
    buffer_printf(out, "breaker %s\ncredential %s\n", stats.breaker_open ? "open" : "closed",
                  stats.credential_refused ? "refused" : "accepted");
    return out->error;
}

static const char *state_name(enum job_state state)
{
    static const char *const names[] = {
        [JOB_LATER] = "later",       [JOB_SENDING] = "sending", [JOB_SETTLING] = "settling",
        [JOB_WATCHING] = "watching", [JOB_DONE] = "done",       [JOB_FAILED] = "failed",
        [JOB_UNKNOWN] = "unknown",
    };
    return names[state];
}

static void put_job(const struct job *job, struct buffer *out)
{
    char time[TIMESTAMP_SIZE];
    timestamp_format(job->began_wall, time);
    const struct cloud_error none = {0}, *error = job->status != 0 ? &job->error : &none;
    json_t *object = json_object();
    json_object_set_new(object, "job", json_integer((json_int_t)job->number));
    report_put_member(object, "time", time);
    report_put_member(object, "operation", job_verb_name(job->verb));
    report_put_member(object, "state", state_name(job->state));
    report_put_member(object, "path", job->path);
    report_put_member(object, "disk", job->disk_id);
    report_put_member(object, "snapshot", job->snapshot_id);
    if (job->created_id != NULL)
        report_put_member(object, "created", job->created_id);
    report_put_member(object, "errno", job->status != 0 ? strerrorname_np(-job->status) : "");
    report_put_member(object, "code", error->code);
    report_put_member(object, "message", error->message);
    report_put_member(object, "request_id", error->request_id);
    char *line = object != NULL ? fields_print(object) : NULL;
    if (line != NULL) {
        buffer_puts(out, line);
        buffer_puts(out, "\n");
    }
    free(line);
    json_decref(object);
}

/* The oldest behind number `after`, of this store and those beside it, or NULL. */
static const struct job *next_job(const struct store *store, int64_t after)
{
    const struct job *next = NULL;
    const struct store *at = store;
    do {
        for (const struct job *job = at->jobs; job != NULL && job->number > after;
             job = job->next) {
            if (next == NULL || job->number < next->number)
                next = job;
        }
        at = at->beside;
    } while (at != store);
    return next;
}

int store_put_jobs(const struct store *store, struct buffer *out)
{
    /* Oldest first, as a log reads; the lists are newest first. */
    const struct job *job = NULL;
    while ((job = next_job(store, job != NULL ? job->number : 0)) != NULL)
        put_job(job, out);
    return out->error;
}
