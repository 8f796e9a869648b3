/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reason is in the tree: what failed, kept for the `error` files and `.cbsfs/errors`.
 *
 * Kept in memory only: a log on a file system that somebody has frozen would stop the mount.
 */
#include "jobs_internal.h"

#include "cbsfs/buffer.h"
#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "cbsfs/log.h"
#include "cbsfs/timestamp.h"
#include "news.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct failure {
    uint64_t number;                                /* of all there ever were in this mount */
    int64_t time;                                   /* seconds */
    char *disk_id, *snapshot_id, *path, *operation; /* ids NULL if it concerned none */
    struct cloud_error error;
};

static void free_failure(struct failure *failure)
{
    if (failure == NULL)
        return;
    free(failure->disk_id);
    free(failure->snapshot_id);
    free(failure->path);
    free(failure->operation);
    free(failure);
}

static int copy_text(char **to, const char *from)
{
    *to = from != NULL ? strdup(from) : NULL;
    return from != NULL && *to == NULL ? -1 : 0;
}

static const char *errno_name(int status)
{
    const char *name = strerrorname_np(-status);
    return name != NULL ? name : "?";
}

void failure_note(struct store *store, const char *disk_id, const char *snapshot_id,
                  const char *path, const char *operation, const struct cloud_error *error)
{
    static uint64_t number;
    /* Two formats: many refusals of our own must not keep the log from what the cloud says. */
    if (error->http_status == 0 && error->code[0] == '\0' && error->outcome == CLOUD_REFUSED)
        log_warning("%s %s: %s: %s", operation, path, errno_name(error->status), error->message);
    else
        log_warning("%s %s: %s%s%s %s%s%s", operation, path, errno_name(error->status),
                    error->code[0] != '\0' ? " " : "", error->code, error->message,
                    error->request_id[0] != '\0' ? " RequestId " : "", error->request_id);
    if (error->status < 0 && -error->status < ERRNO_COUNT)
        store->failed_by_errno[-error->status]++;
    struct failure *failure = calloc(1, sizeof(*failure));
    if (failure == NULL)
        return; /* the caller has its errno, the log has the line */
    failure->number = ++number;
    failure->time = client_server_time(store->client);
    failure->error = *error;
    if (copy_text(&failure->disk_id, disk_id) != 0 ||
        copy_text(&failure->snapshot_id, snapshot_id) != 0 ||
        copy_text(&failure->path, path) != 0 || copy_text(&failure->operation, operation) != 0) {
        free_failure(failure);
        return;
    }
    free_failure(store->failures[store->failure_next]);
    store->failures[store->failure_next] = failure;
    store->failure_next = (store->failure_next + 1) % FAILURE_COUNT;
}

void store_fail(struct store *store, const char *disk_id, const char *snapshot_id, const char *path,
                const char *operation, const struct cloud_error *error)
{
    failure_note(store, disk_id, snapshot_id, path, operation, error);
    news_failed(store, disk_id, snapshot_id, path, operation, error);
}

int store_refuse(struct store *store, const char *disk_id, const char *snapshot_id,
                 const char *path, const char *operation, int status, const char *message)
{
    struct cloud_error error = {0};
    cloud_error_set(&error, status, CLOUD_REFUSED, CLOUD_FINAL, "", "%s", message);
    store_fail(store, disk_id, snapshot_id, path, operation, &error);
    return status;
}

void failures_drop(struct store *store)
{
    for (size_t i = 0; i < FAILURE_COUNT; i++) {
        free_failure(store->failures[i]);
        store->failures[i] = NULL;
    }
}

/* --- showing ------------------------------------------------------------------------- */

/* The newest failure that `concerns` accepts, or NULL. */
static const struct failure *newest(const struct store *store, const char *disk_id,
                                    const char *snapshot_id, const char *operation)
{
    for (size_t i = 1; i <= FAILURE_COUNT; i++) {
        const struct failure *at =
            store->failures[(store->failure_next + FAILURE_COUNT - i) % FAILURE_COUNT];
        if (at == NULL)
            return NULL;
        const char *its = snapshot_id != NULL ? at->snapshot_id : at->disk_id;
        const char *wanted = snapshot_id != NULL ? snapshot_id : disk_id;
        if (its != NULL && wanted != NULL && strcmp(its, wanted) == 0 &&
            (operation == NULL || strcmp(at->operation, operation) == 0))
            return at;
    }
    return NULL;
}

static void put_line(struct buffer *out, const char *key, const char *value)
{
    buffer_printf(out, "%s: ", key);
    buffer_put_printable(out, value);
    buffer_puts(out, "\n");
}

int store_put_error(const struct store *store, const char *disk_id, const char *snapshot_id,
                    struct buffer *out)
{
    const struct failure *failure = newest(store, disk_id, snapshot_id, NULL);
    if (failure == NULL)
        return out->error;
    char time[TIMESTAMP_SIZE];
    timestamp_format(failure->time, time);
    put_line(out, "time", time);
    put_line(out, "path", failure->path);
    put_line(out, "operation", failure->operation);
    put_line(out, "errno", errno_name(failure->error.status));
    put_line(out, "code", failure->error.code);
    put_line(out, "message", failure->error.message);
    put_line(out, "request_id", failure->error.request_id);
    return out->error;
}

static void put_json_line(const struct failure *failure, struct buffer *out)
{
    json_t *object = json_object();
    char time[TIMESTAMP_SIZE];
    timestamp_format(failure->time, time);
    report_put_member(object, "time", time);
    report_put_member(object, "path", failure->path);
    report_put_member(object, "operation", failure->operation);
    report_put_member(object, "errno", errno_name(failure->error.status));
    report_put_member(object, "code", failure->error.code);
    report_put_member(object, "message", failure->error.message);
    report_put_member(object, "request_id", failure->error.request_id);
    char *line = fields_print(object);
    if (line != NULL) {
        buffer_puts(out, line);
        buffer_puts(out, "\n");
    }
    free(line);
    json_decref(object);
}

/* The first behind number `after` of one store, or NULL. Numbers rise with the ring's places. */
static const struct failure *next_of(const struct store *store, uint64_t after)
{
    size_t low = 0, high = FAILURE_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct failure *at = store->failures[(store->failure_next + middle) % FAILURE_COUNT];
        if (at == NULL || at->number <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low < FAILURE_COUNT ? store->failures[(store->failure_next + low) % FAILURE_COUNT]
                               : NULL;
}

int store_put_errors(const struct store *store, struct buffer *out)
{
    const struct failure *failure = NULL;
    do {
        uint64_t after = failure != NULL ? failure->number : 0;
        const struct store *at = store;
        failure = NULL;
        do {
            const struct failure *its = next_of(at, after);
            if (its != NULL && (failure == NULL || its->number < failure->number))
                failure = its;
            at = at->beside;
        } while (at != store);
        if (failure != NULL)
            put_json_line(failure, out);
    } while (failure != NULL);
    return out->error;
}

/* --- the last of a kind, for the dry runs -------------------------------------------- */

static const struct job *last_done(const struct store *store, const char *operation,
                                   const char *snapshot_id)
{
    for (const struct job *job = store->jobs; job != NULL; job = job->next) {
        if (job->state == JOB_DONE && strcmp(job_verb_name(job->verb), operation) == 0 &&
            strcmp(job->snapshot_id, snapshot_id) == 0)
            return job;
    }
    return NULL;
}

int store_put_last_result(const struct store *store, const char *operation, const char *snapshot_id,
                          struct buffer *out)
{
    const struct failure *failure = newest(store, NULL, snapshot_id, operation);
    const struct job *job = last_done(store, operation, snapshot_id);
    char time[TIMESTAMP_SIZE];
    if (job != NULL && (failure == NULL || failure->time <= job->ended_wall)) {
        timestamp_format(job->began_wall, time);
        buffer_printf(out, "%s accepted", time);
        if (job->created_id != NULL)
            buffer_printf(out, ": %s", job->created_id);
        return job->order.region != NULL ? buffer_printf(out, " in %s", job->order.region)
                                         : out->error;
    }
    if (failure == NULL)
        return out->error;
    timestamp_format(failure->time, time);
    buffer_printf(out, "%s %s ", time, errno_name(failure->error.status));
    buffer_put_printable(out, failure->error.code);
    buffer_puts(out, failure->error.code[0] != '\0' ? " " : "");
    buffer_put_printable(out, failure->error.message);
    return out->error;
}
