/* SPDX-License-Identifier: Apache-2.0 */
/* Makes events of what the catalogue, the jobs and the client learn. */
#include "news.h"

#include "cbsfs/clock.h"
#include "cbsfs/events.h"
#include "jobs_internal.h"

#include <stdio.h>
#include <string.h>

/* A cloud that throttles does so many times a second, ms. */
#define THROTTLED_INTERVAL 60000

static int64_t wall(const struct store *store)
{
    return client_server_time(store->client);
}

static const char *prefix(const struct store *store)
{
    return store->settings.prefix != NULL ? store->settings.prefix : "";
}

/* --- the catalogue ------------------------------------------------------------------- */

static void tell_of_disk(struct store *store, enum catalogue_news news, const struct disk *disk,
                         const char *was)
{
    static const char *const names[] = {[CATALOGUE_DISK_APPEARED] = "disk_appeared",
                                        [CATALOGUE_DISK_CHANGED] = "disk_changed",
                                        [CATALOGUE_DISK_GONE] = "disk_gone"};
    bool gone = news == CATALOGUE_DISK_GONE;
    char path[512];
    snprintf(path, sizeof(path), "%sdisks/%s", prefix(store), disk_text(disk, DISK_ID));
    events_add(store->settings.events, wall(store), names[news], "region", store->settings.region,
               "disk", disk_text(disk, DISK_ID), "name", disk_text(disk, DISK_NAME), "path", path,
               "was", was, "state", gone ? NULL : disk_text(disk, DISK_STATE), (char *)NULL);
}

static void tell_of_snapshot(struct store *store, enum catalogue_news news,
                             const struct snapshot *snapshot, const char *was)
{
    static const char *const names[] = {[CATALOGUE_SNAPSHOT_APPEARED] = "snapshot_appeared",
                                        [CATALOGUE_SNAPSHOT_CHANGED] = "snapshot_changed",
                                        [CATALOGUE_SNAPSHOT_RENAMED] = "snapshot_renamed",
                                        [CATALOGUE_SNAPSHOT_GONE] = "snapshot_gone"};
    const char *disk = disk_text(snapshot->disk, DISK_ID), *entry = snapshot_entry(snapshot);
    bool settled = news == CATALOGUE_SNAPSHOT_CHANGED && snapshot_is_settled(snapshot);
    bool gone = news == CATALOGUE_SNAPSHOT_GONE;
    char path[1024] = "";
    if (entry != NULL)
        snprintf(path, sizeof(path), "%sdisks/%s/snapshots/%s", prefix(store), disk, entry);
    events_add(store->settings.events, wall(store), settled ? "snapshot_settled" : names[news],
               "region", store->settings.region, "disk",
               strcmp(disk, CATALOGUE_NO_DISK) != 0 ? disk : NULL, "snapshot",
               snapshot_text(snapshot, SNAPSHOT_ID), "name", snapshot_text(snapshot, SNAPSHOT_NAME),
               "path", path, "was", was, "status", gone ? NULL : snapshot_word(snapshot), "state",
               gone ? NULL : snapshot_text(snapshot, SNAPSHOT_STATE), (char *)NULL);
}

static void hear_catalogue(void *data, enum catalogue_news news, const struct disk *disk,
                           const struct snapshot *snapshot, const char *was)
{
    if (snapshot != NULL)
        tell_of_snapshot(data, news, snapshot, was);
    else
        tell_of_disk(data, news, disk, was);
}

/* --- the client ---------------------------------------------------------------------- */

static const char *errno_name(int status)
{
    return status != 0 ? strerrorname_np(-status) : NULL;
}

static void hear_client(void *data, enum client_news news, const struct cloud_error *error)
{
    static const char *const names[] = {
        [CLIENT_UNREACHABLE] = "cloud_unreachable", [CLIENT_REACHABLE] = "cloud_reachable",
        [CLIENT_THROTTLED] = "throttled",           [CLIENT_REFUSED] = "credential_refused",
        [CLIENT_ACCEPTED] = "credential_accepted",  [CLIENT_RENEWED] = "credential_renewed",
    };
    struct store *store = data;
    int64_t now = clock_now();
    if (news == CLIENT_THROTTLED) {
        if (store->throttled_told != 0 && now - store->throttled_told < THROTTLED_INTERVAL)
            return;
        store->throttled_told = now;
    }
    const struct cloud_error none = {0};
    const struct cloud_error *why = error != NULL ? error : &none;
    events_add(store->settings.events, wall(store), names[news], "region", store->settings.region,
               "errno", errno_name(why->status), "code", why->code, "message", why->message,
               "request_id", why->request_id, (char *)NULL);
}

void news_begin(struct store *store)
{
    if (store->settings.events == NULL)
        return;
    store->catalogue.news = hear_catalogue;
    store->catalogue.news_data = store;
    client_on_news(store->client, hear_client, store);
}

void news_end(struct store *store)
{
    store->catalogue.news = NULL;
    if (store->settings.events != NULL)
        client_on_news(store->client, NULL, NULL);
}

/* --- changes and failures ------------------------------------------------------------ */

static void tell_of_job(const struct job *job, const char *event, const char *outcome)
{
    const struct store *store = job->store;
    const struct cloud_error none = {0}, *error = job->status != 0 ? &job->error : &none;
    char number[24];
    snprintf(number, sizeof(number), "%lld", (long long)job->number);
    events_add(store->settings.events, wall(store), event, "region", store->settings.region, "disk",
               job->disk_id, "snapshot", job->snapshot_id, "name", job->name, "path", job->path,
               "#job", number, "operation", job_verb_name(job->verb), "outcome", outcome, "errno",
               errno_name(job->status), "code", error->code, "message", error->message,
               "request_id", error->request_id, (char *)NULL);
}

void news_job_begun(const struct job *job)
{
    tell_of_job(job, "job_begun", NULL);
}

void news_job_cancelled(const struct job *job)
{
    tell_of_job(job, "job_cancelled", NULL);
}

void news_job_told(const struct job *job, bool again)
{
    static const int outcomes[] = {
        [JOB_DONE] = 0, [JOB_FAILED] = 1, [JOB_WATCHING] = 2, [JOB_UNKNOWN] = 2};
    if (!again)
        job->store->outcomes[job->verb][outcomes[job->state]]++;
    switch (job->state) {
    case JOB_DONE:
        tell_of_job(job, again ? "job_settled" : "job_accepted", again ? "done" : NULL);
        break;
    case JOB_FAILED:
        tell_of_job(job, again ? "job_settled" : "job_failed", again ? "did not happen" : NULL);
        break;
    case JOB_UNKNOWN: /* always again */
        tell_of_job(job, "job_settled", "not seen to happen");
        break;
    case JOB_WATCHING:
        tell_of_job(job, "job_unknown", NULL);
        break;
    case JOB_LATER:
    case JOB_SENDING:
    case JOB_SETTLING:
        break;
    }
}

void news_failed(struct store *store, const char *disk_id, const char *snapshot_id,
                 const char *path, const char *operation, const struct cloud_error *error)
{
    /* What was never asked of the cloud is our own word. */
    bool ours =
        error->http_status == 0 && error->outcome == CLOUD_REFUSED && error->code[0] == '\0';
    events_add(store->settings.events, wall(store), ours ? "refused" : "failed", "region",
               store->settings.region, "disk", disk_id, "snapshot", snapshot_id, "path", path,
               "operation", operation, "errno", errno_name(error->status), "code", error->code,
               "message", error->message, "request_id", error->request_id, (char *)NULL);
}
