/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/check.h"

#include "cbsfs/client.h"
#include "cbsfs/clock.h"
#include "cbsfs/credentials.h"
#include "cbsfs/daemon.h"
#include "cbsfs/loop.h"
#include "cbsfs/options.h"
#include "cbsfs/probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REASON_SIZE 512
#define CLOCK_TOLERANCE                                                                            \
    300 /* seconds that a signature may be off (tencent-cbs facts section 2)                       \
         */

struct table {
    FILE *out;
    unsigned failures;
};

static void __attribute__((format(printf, 4, 5)))
put_row(struct table *table, bool passed, const char *name, const char *format, ...)
{
    va_list arguments;

    fprintf(table->out, "%s  %-18s ", passed ? "PASS" : "FAIL", name);
    va_start(arguments, format);
    vfprintf(table->out, format, arguments);
    va_end(arguments);
    fputc('\n', table->out);
    if (!passed)
        table->failures++;
}

/* --- credentials --------------------------------------------------------------------- */

struct waiting {
    struct loop *loop;
    bool ready;
};

static void credential_ready(void *data, int status)
{
    struct waiting *waiting = data;

    (void)status;
    waiting->ready = true;
    loop_stop(waiting->loop);
}

static void give_up(void *data)
{
    loop_stop(data);
}

/* Asks the source, waiting for it once if it has to ask somebody else. */
static int get_credential(const struct check_subject *subject, struct credential *credential,
                          struct cloud_error *error)
{
    const struct credential_source *source = subject->credentials;
    struct waiting waiting = {.loop = subject->loop};
    struct loop_timer limit = {.fire = give_up, .data = subject->loop};
    int result = source->get(source->self, NULL, credential, error, credential_ready, &waiting);

    if (result != -EINPROGRESS)
        return result;
    loop_timer_start(subject->loop, &limit, clock_now() + 1000LL * subject->options->timeout);
    result = loop_run(subject->loop);
    loop_timer_stop(subject->loop, &limit);
    if (waiting.ready)
        result = source->get(source->self, NULL, credential, error, credential_ready, &waiting);
    if (!waiting.ready || result == -EINPROGRESS) {
        source->cancel(source->self, &waiting);
        cloud_error_set(error, -ETIMEDOUT, CLOUD_NOT_SENT, CLOUD_FINAL, "",
                        "whoever gives out the credential did not answer");
        result = -ETIMEDOUT;
    }
    return result;
}

static bool check_credentials(const struct check_subject *subject, struct table *table)
{
    struct credential credential;
    struct cloud_error error;

    credential_init(&credential);
    cloud_error_set(&error, 0, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s", "");
    int result = get_credential(subject, &credential, &error);
    const char *origin = subject->credentials_origin != NULL
                             ? subject->credentials_origin(subject->origin_data)
                             : NULL;
    char id[16] = "";
    if (result == 0)
        credentials_mask(credential.secret_id, id, sizeof(id));
    if (result == 0)
        put_row(table, true, "credentials", "%s, id %s%s", origin != NULL ? origin : "found", id,
                credential.token != NULL ? ", temporary" : "");
    else
        put_row(table, false, "credentials", "%s",
                error.message[0] != '\0' ? error.message : strerror(-result));
    credential_free(&credential);
    return result == 0;
}

/* --- the cloud ----------------------------------------------------------------------- */

static void check_clock(const struct check_subject *subject, struct table *table,
                        const struct cloud_error *error)
{
    struct client_stats stats;

    client_get_stats(subject->client, &stats);
    long long offset = (long long)stats.clock_offset;
    if (error->remedy == CLOUD_CLOCK || offset > CLOCK_TOLERANCE || offset < -CLOCK_TOLERANCE)
        put_row(table, false, "clock", "%lld s off the server's; set it: timedatectl set-ntp true",
                offset);
    else
        put_row(table, true, "clock", "%+lld s off the server's", offset);
}

static void check_answer(const struct check_subject *subject, struct table *table, const char *name,
                         const struct cloud_error *error)
{
    char reason[REASON_SIZE];

    if (error->status == 0) {
        put_row(table, true, name, "allowed");
        return;
    }
    probe_explain(error, subject->options, reason, sizeof(reason));
    put_row(table, false, name, "%s", reason);
}

/* One question tells of host, TLS, clock, region and permission; the second is only for the other
 * permission, and is left out when the first did not get through. */
static void check_cloud(const struct check_subject *subject, struct table *table)
{
    int64_t timeout = 1000LL * subject->options->timeout;
    struct cloud_error error;
    char reason[REASON_SIZE];
    const struct provider *provider = subject->options->provider;
    bool openstack = options_speak_openstack(subject->options);

    if (subject->client == NULL || subject->options->region == NULL) {
        put_row(table, false, "region", "none; give one: cbsfs --check %s",
                openstack ? "eu-de" : "ap-guangzhou");
        return;
    }
    probe_ask(subject->loop, subject->client, CLOUD_DESCRIBE_DISKS, timeout, &error);
    if (error.http_status == 0 && error.status != 0) {
        probe_explain(&error, subject->options, reason, sizeof(reason));
        put_row(table, false, "endpoint", "%s", reason);
        return;
    }
    put_row(table, true, "endpoint", "%s",
            subject->options->endpoint != NULL ? subject->options->endpoint
            : openstack                        ? "reached"
                                               : "reached over TLS");
    check_clock(subject, table, &error);
    if (strstr(error.code, "Region") != NULL) {
        put_row(table, false, "region", "%s is not a region there", subject->options->region);
        return;
    }
    if (error.status == -EKEYREJECTED || error.status == -EKEYEXPIRED) {
        check_answer(subject, table, openstack ? "token" : "key", &error);
        return;
    }
    put_row(table, true, openstack ? "token" : "key", "accepted");
    if (*subject->options->region != '\0')
        put_row(table, true, "region", "%s", subject->options->region);
    check_answer(subject, table, provider->action(CLOUD_DESCRIBE_DISKS), &error);
    probe_ask(subject->loop, subject->client, CLOUD_DESCRIBE_SNAPSHOTS, timeout, &error);
    check_answer(subject, table, provider->action(CLOUD_DESCRIBE_SNAPSHOTS), &error);
}

/* --- this machine -------------------------------------------------------------------- */

static void check_machine(struct table *table)
{
    char reason[REASON_SIZE];

    if (daemon_check_fuse_device(reason, sizeof(reason)) == 0)
        put_row(table, true, "/dev/fuse", "can be opened");
    else
        put_row(table, false, "/dev/fuse", "%s", reason);
    if (daemon_check_fusermount(reason, sizeof(reason)) == 0)
        put_row(table, true, "fusermount3", "installed");
    else
        put_row(table, false, "fusermount3", "%s", reason);
}

unsigned check_run(const struct check_subject *subject, FILE *out)
{
    struct table table = {.out = out};

    if (check_credentials(subject, &table))
        check_cloud(subject, &table);
    check_machine(&table);
    fprintf(out, "%u failed\n", table.failures);
    return table.failures;
}
