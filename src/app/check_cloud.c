/* SPDX-License-Identifier: Apache-2.0 */
/* What of --check asks the cloud: one question tells of host, TLS, clock, key and region, and each
 * question of one permission. Nothing is changed. */
#include "check_parts.h"

#include "cbsfs/client.h"
#include "cbsfs/clock.h"
#include "cbsfs/loop.h"
#include "cbsfs/options.h"
#include "cbsfs/probe.h"
#include "cbsfs/provider.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_TOLERANCE                                                                            \
    300 /* seconds that a signature may be off (tencent-cbs facts section 2)                       \
         */
#define ID_SIZE 128

/* --- how far the first question got --------------------------------------------------- */

enum stage { STAGE_NAME, STAGE_CONNECTION, STAGE_TLS, STAGE_ANSWER, STAGES };

static enum stage stage_of(const struct cloud_error *error)
{
    if (strstr(error->message, "cannot be resolved") != NULL)
        return STAGE_NAME;
    if (error->outcome != CLOUD_NOT_SENT)
        return STAGE_ANSWER;
    return error->status == -EPROTO ? STAGE_TLS : STAGE_CONNECTION;
}

/* Whether libcurl would take a way round; its variables, and none has to do with http://. */
static bool has_proxy(const char *endpoint)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && *value != '\0')
            return strncmp(endpoint, "http://", 7) != 0;
    }
    return false;
}

static const char *stage_remedy(const struct cloud_error *error, enum stage stage,
                                const char *endpoint, bool has_own)
{
    if (stage <= STAGE_TLS && has_proxy(endpoint))
        return "a proxy is set (https_proxy, ALL_PROXY): is it right, or is the host to be in "
               "no_proxy?";
    switch (stage) {
    case STAGE_NAME:
        return has_own ? "is endpoint= right, and DNS (/etc/resolv.conf)?"
                       : "is the region right, and DNS (/etc/resolv.conf)?";
    case STAGE_TLS:
        return "are the certificates there (ca-certificates), the clock right, and is anything on "
               "the way that breaks TLS up?";
    case STAGE_ANSWER:
        return "is endpoint= this cloud's API? If it is, try again later";
    case STAGE_CONNECTION:
    case STAGES:
        break;
    }
    return error->status == -ECONNREFUSED
               ? "nothing listens there; is endpoint= right, or a proxy (https_proxy) needed?"
               : "is the network up, and does no firewall keep HTTPS from it?";
}

static const char *where(const struct check_subject *subject, const struct check_table *table,
                         char *space, size_t size)
{
    const struct options *options = subject->options;
    const struct cloud_account account = {
        .region = options->region, .endpoint = options->endpoint, .language = "en-US"};

    if (table->endpoint[0] != '\0')
        return table->endpoint;
    if (options->endpoint != NULL)
        return options->endpoint;
    if (options_speak_openstack(options) || options->provider->endpoint(&account, space, size) != 0)
        return "the block storage";
    return space;
}

/* Something that speaks HTTP, and is not the API, which says what it has against a question. */
static bool is_foreign(const struct cloud_error *error)
{
    return error->code[0] == '\0' && (error->status == -EPROTO || error->status == -EREMOTEIO);
}

/* True when the API has answered, whatever it said. */
static bool check_way(const struct check_subject *subject, struct check_table *table,
                      const struct cloud_error *error)
{
    static const char *const names[] = {"DNS", "connection", "TLS", "answer"};
    char space[256];
    const char *endpoint = where(subject, table, space, sizeof(space));
    bool reached = error->http_status != 0 || error->status == 0;
    bool plain = strncmp(endpoint, "http://", 7) == 0;
    enum stage failed = !reached ? stage_of(error) : is_foreign(error) ? STAGE_ANSWER : STAGES;
    char reason[CHECK_REASON_SIZE];

    check_put(table, CHECK_PASS, "endpoint", NULL, "%s", endpoint);
    for (enum stage at = STAGE_NAME; at < STAGES && at <= failed; at++) {
        /* On loopback there need be no TLS; and what the answer says has rows of its own. */
        if ((at == STAGE_TLS && plain && failed != at) || (at == STAGE_ANSWER && failed != at))
            continue;
        if (at < failed) {
            check_put(table, CHECK_PASS, names[at], NULL, "%s",
                      at == STAGE_NAME         ? "the name has an address"
                      : at == STAGE_CONNECTION ? "made"
                                               : "the certificate is accepted");
            continue;
        }
        probe_describe(error, reason, sizeof(reason));
        check_put(table, CHECK_FAIL, names[at],
                  stage_remedy(error, at, endpoint, subject->options->endpoint != NULL), "%s",
                  reason);
    }
    return failed == STAGES;
}

/* --- what its answer tells ------------------------------------------------------------ */

static void check_clock(const struct check_subject *subject, struct check_table *table,
                        const struct cloud_error *error)
{
    struct client_stats stats;

    client_get_stats(subject->client, &stats);
    long long offset = (long long)stats.clock_offset;
    if (error->remedy == CLOUD_CLOCK || offset > CLOCK_TOLERANCE || offset < -CLOCK_TOLERANCE)
        check_put(table, CHECK_FAIL, "clock", "set it: timedatectl set-ntp true",
                  "%lld s off the server's", offset);
    else
        check_put(table, CHECK_PASS, "clock", NULL, "%+lld s off the server's", offset);
}

static void put_refusal(const struct check_subject *subject, struct check_table *table,
                        enum check_verdict verdict, const char *name,
                        const struct cloud_error *error)
{
    char reason[CHECK_REASON_SIZE], remedy[CHECK_REASON_SIZE];

    probe_describe(error, reason, sizeof(reason));
    if (error->status == -EACCES && !options_speak_openstack(subject->options))
        /* The list of regions is of a service of its own. */
        snprintf(remedy, sizeof(remedy), "allow this account name/%s:%s",
                 strcmp(name, "DescribeRegions") == 0 ? "region" : "cvm", name);
    else
        snprintf(remedy, sizeof(remedy), "%s", probe_remedy(error, subject->options));
    if (remedy[0] == '\0')
        snprintf(remedy, sizeof(remedy), "try again; if it stays, ask the cloud's support%s",
                 error->request_id[0] != '\0' ? ", with the RequestId" : "");
    check_put(table, verdict, name, remedy, "%s", reason);
}

/* --- permissions ---------------------------------------------------------------------- */

struct question {
    struct loop *loop;
    struct cloud_error *error;
    char *id; /* of a snapshot, if there is one */
    bool answered;
};

static void take_answer(void *data, struct cloud_answer *answer)
{
    struct question *question = data;

    *question->error = answer->error;
    if (answer->snapshots != NULL && answer->count > 0)
        snprintf(question->id, ID_SIZE, "%s", answer->snapshots[0].id);
    question->answered = true;
    loop_stop(question->loop);
}

/* `id`: goes with the question, and takes what the answer has. */
static void ask(const struct check_subject *subject, enum cloud_verb verb, char id[ID_SIZE],
                struct cloud_error *error)
{
    const struct cloud_call call = {
        .verb = verb, .limit = 1, .snapshot_id = verb == CLOUD_DESCRIBE_SHARES ? id : NULL};
    struct question question = {.loop = subject->loop, .error = error, .id = id};
    struct client_call *handle;
    int64_t deadline = clock_now() + 1000LL * subject->options->timeout;
    int status = client_submit(subject->client, &call, deadline, CLIENT_URGENT, take_answer,
                               &question, &handle);

    if (status == 0) {
        status = loop_run(subject->loop);
        if (question.answered)
            return;
        client_cancel(handle);
        status = status != 0 ? status : -EINTR;
    }
    cloud_error_set(error, status, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s", strerror(-status));
}

static void check_permission(const struct check_subject *subject, struct check_table *table,
                             enum cloud_verb verb, char id[ID_SIZE])
{
    const char *action = subject->options->provider->action(verb);
    bool needed = verb == CLOUD_DESCRIBE_DISKS || verb == CLOUD_DESCRIBE_SNAPSHOTS;
    struct cloud_error error;

    if (verb == CLOUD_DESCRIBE_SHARES && *id == '\0') {
        check_put(table, CHECK_SKIP, action, NULL, "there is no snapshot to ask about");
        return;
    }
    check_begin(action);
    ask(subject, verb, id, &error);
    if (error.status == 0)
        check_put(table, CHECK_PASS, action, NULL, "allowed");
    else
        put_refusal(subject, table, needed ? CHECK_FAIL : CHECK_WARN, action, &error);
}

/* What changes something cannot be tried. */
static void list_changes(const struct check_subject *subject, struct check_table *table)
{
    static const enum cloud_verb verbs[] = {CLOUD_CREATE_SNAPSHOT, CLOUD_APPLY_SNAPSHOT,
                                            CLOUD_RENAME_SNAPSHOT, CLOUD_DELETE_SNAPSHOT};
    char text[CHECK_REASON_SIZE] = "";

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? ", " : "",
                 subject->options->provider->action(verbs[i]));
    }
    check_put(table, CHECK_SKIP, "changes", NULL, "would be needed, and cannot be tried: %s", text);
}

static void check_permissions(const struct check_subject *subject, struct check_table *table)
{
    static const enum cloud_verb verbs[] = {CLOUD_DESCRIBE_SNAPSHOTS, CLOUD_DESCRIBE_SHARES,
                                            CLOUD_DESCRIBE_GROUPS, CLOUD_DESCRIBE_POLICIES,
                                            CLOUD_DESCRIBE_REGIONS};
    const struct provider *provider = subject->options->provider;
    char id[ID_SIZE] = "";

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        const struct cloud_call call = {.verb = verbs[i]};
        if (provider->action(verbs[i])[0] != '\0' &&
            (provider->refusal == NULL || provider->refusal(&call) == NULL))
            check_permission(subject, table, verbs[i], id);
    }
    list_changes(subject, table);
}

void check_cloud(const struct check_subject *subject, struct check_table *table)
{
    struct cloud_error error;
    char id[ID_SIZE] = "";
    const struct options *options = subject->options;
    bool openstack = options_speak_openstack(options);
    const char *token = openstack ? "token" : "key";

    if (subject->client == NULL || options->region == NULL) {
        check_put(table, CHECK_FAIL, "region",
                  openstack ? "give one: cbsfs --check eu-de"
                            : "give one: cbsfs --check ap-guangzhou",
                  "none");
        return;
    }
    check_begin("endpoint");
    ask(subject, CLOUD_DESCRIBE_DISKS, id, &error);
    if (!check_way(subject, table, &error))
        return;
    check_clock(subject, table, &error);
    if (strstr(error.code, "Region") != NULL) {
        check_put(table, CHECK_FAIL, "region", "the region's id, as ap-guangzhou",
                  "%s is not a region there", options->region);
        return;
    }
    if (error.status == -EKEYREJECTED || error.status == -EKEYEXPIRED) {
        put_refusal(subject, table, CHECK_FAIL, token, &error);
        return;
    }
    check_put(table, CHECK_PASS, token, NULL, "accepted");
    if (*options->region != '\0')
        check_put(table, CHECK_PASS, "region", NULL, "%s", options->region);
    if (error.status == 0)
        check_put(table, CHECK_PASS, options->provider->action(CLOUD_DESCRIBE_DISKS), NULL,
                  "allowed");
    else
        put_refusal(subject, table, CHECK_FAIL, options->provider->action(CLOUD_DESCRIBE_DISKS),
                    &error);
    check_permissions(subject, table);
    if (options->provider == &provider_openstack)
        check_limits(subject, table);
}
