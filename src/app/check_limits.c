/* SPDX-License-Identifier: Apache-2.0 */
/* What of --check tells how many snapshots there may still be. */
#include "check_parts.h"

#include "cbsfs/cinder_limits.h"
#include "cbsfs/clock.h"
#include "cbsfs/http.h"
#include "cbsfs/loop.h"
#include "cbsfs/options.h"
#include "cbsfs/probe.h"

#include <inttypes.h>
#include <string.h>

struct question {
    struct loop *loop;
    struct cinder_limits limits;
    struct cloud_error error;
};

static void take_answer(void *data, const struct http_reply *reply)
{
    struct question *question = data;

    if (reply->failure == HTTP_OK)
        cinder_limits_decode(reply, &question->limits, &question->error);
    else
        cloud_error_set(&question->error, reply->error, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s",
                        reply->message);
    http_redact(reply, question->error.message);
    loop_stop(question->loop);
}

/* What was answered, or why nothing was, is in the question. */
static void ask(const struct check_subject *subject, struct question *question)
{
    int64_t deadline = clock_now() + 1000LL * subject->options->timeout;
    struct http_exchange *exchange = NULL;
    struct http_request request;
    struct credential credential;

    credential_init(&credential);
    http_request_init(&request);
    int status = check_get_credential(subject, &credential, &question->error);
    if (status == 0)
        status = cinder_limits_encode(&credential, &request);
    if (status == 0)
        status =
            http_start(subject->http, &request, deadline, false, take_answer, question, &exchange);
    if (status == 0)
        status = loop_run(subject->loop);
    http_request_free(&request);
    credential_free(&credential);
    if (status != 0 && question->error.status == 0)
        cloud_error_set(&question->error, status, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s",
                        strerror(-status));
}

/* "8 of 1000", or without an end. */
static void describe(char *text, size_t size, int64_t used, int64_t most)
{
    if (most < 0)
        snprintf(text, size, "%" PRId64 ", without a limit", used);
    else
        snprintf(text, size, "%" PRId64 " of %" PRId64, used, most);
}

void check_limits(const struct check_subject *subject, struct check_table *table)
{
    struct question question = {.loop = subject->loop};
    const struct cinder_limits *limits = &question.limits;
    char snapshots[64], gigabytes[64], reason[CHECK_REASON_SIZE];

    check_begin("quota");
    ask(subject, &question);
    if (question.error.status != 0 || limits->snapshots_used < 0) {
        probe_describe(&question.error, reason, sizeof(reason));
        check_put(table, CHECK_SKIP, "quota", NULL, "the cloud does not tell it: %s", reason);
        return;
    }
    describe(snapshots, sizeof(snapshots), limits->snapshots_used, limits->snapshots);
    describe(gigabytes, sizeof(gigabytes), limits->gigabytes_used, limits->gigabytes);
    bool full = (limits->snapshots >= 0 && limits->snapshots_used >= limits->snapshots) ||
                (limits->gigabytes >= 0 && limits->gigabytes_used >= limits->gigabytes);
    check_put(table, full ? CHECK_WARN : CHECK_PASS, "quota",
              full ? "delete snapshots, or ask whoever runs the cloud for more: mkdir is refused"
                   : NULL,
              "snapshots: %s; GiB of volumes and snapshots: %s", snapshots, gigabytes);
}
