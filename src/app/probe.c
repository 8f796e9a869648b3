/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/probe.h"

#include "cbsfs/buffer.h"
#include "cbsfs/client.h"
#include "cbsfs/clock.h"
#include "cbsfs/loop.h"
#include "cbsfs/openstack_login.h"
#include "cbsfs/options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct question {
    struct loop *loop;
    struct cloud_error *error;
    bool answered;
};

static void take_answer(void *data, struct cloud_answer *answer)
{
    struct question *question = data;

    *question->error = answer->error;
    question->answered = true;
    loop_stop(question->loop);
}

int probe_ask(struct loop *loop, struct client *client, enum cloud_verb verb, int64_t timeout,
              struct cloud_error *error)
{
    struct question question = {.loop = loop, .error = error};
    struct cloud_call call = {.verb = verb, .limit = 1};
    struct client_call *handle;
    int result = client_submit(client, &call, clock_now() + timeout, CLIENT_URGENT, take_answer,
                               &question, &handle);

    if (result != 0) {
        cloud_error_set(error, result, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s", strerror(-result));
        return result;
    }
    result = loop_run(loop);
    if (question.answered)
        return error->status;
    client_cancel(handle);
    if (result == 0)
        result = -EINTR;
    cloud_error_set(error, result, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s", strerror(-result));
    return result;
}

/* What helps with Cinder and EVS; NULL: the same as elsewhere. */
static const char *openstack_remedy(const struct cloud_error *error, const struct options *options)
{
    bool evs = options->provider == &provider_evs;

    switch (error->status) {
    case -EKEYREJECTED:
    case -EKEYEXPIRED:
        return evs ? "the token, or the access key and what it signs, is not accepted there"
                   : "the token is not accepted there; does this block storage belong to that "
                     "Keystone?";
    case -EACCES:
        return evs ? "the user may not do this; give it EVS ReadOnlyAccess, or EVS FullAccess to "
                     "change snapshots"
                   : "the user may not do this; it needs the role reader in the project, or member "
                     "to change snapshots (openstack role add)";
    case -EHOSTUNREACH:
        return "the host is not reachable; is the network up? Another interface (OS_INTERFACE) may "
               "be";
    default:
        return NULL;
    }
}

/* What helps; "" when the server's own words must do. */
const char *probe_remedy(const struct cloud_error *error, const struct options *options)
{
    const char *other = options_speak_openstack(options) ? openstack_remedy(error, options) : NULL;

    if (other != NULL && error->remedy != CLOUD_CLOCK)
        return other;
    if (error->remedy == CLOUD_CLOCK)
        return "the clock of this machine is wrong; set it (timedatectl set-ntp true)";
    if (strstr(error->code, "Region") != NULL)
        return "this region is not known there";
    if (strncmp(error->code, "Ip", 2) == 0)
        return "the key may not be used from this machine's address";
    switch (error->status) {
    case -EKEYREJECTED:
        return "the secret id or key is wrong";
    case -EKEYEXPIRED:
        return "the temporary credential has ended; fetch a new one";
    case -EACCES:
        return "the account may not do this; allow it name/cvm:DescribeDisks and "
               "name/cvm:DescribeSnapshots";
    case -EHOSTUNREACH:
        return "the host is not reachable; is the region right, and the network up?";
    case -ECONNREFUSED:
        return "nothing listens there; is endpoint= right?";
    case -ETIMEDOUT:
        return "no answer in time; is the network up?";
    case -EPROTO:
        return error->http_status != 0 ? "that is no API of this provider; is endpoint= right?"
                                       : "no secure connection (TLS) could be made";
    case -EAGAIN:
        return "the cloud is throttling this account; try again later";
    default:
        return "";
    }
}

/* True for what a source of credentials says before any server was asked: its words are enough, and
 * those for the server's refusals would mislead. */
static bool is_local(const struct cloud_error *error)
{
    if (strcmp(error->code, OPENSTACK_LOGIN_CODE) == 0)
        return true;
    return error->http_status == 0 && error->code[0] == '\0' && error->message[0] != '\0' &&
           (error->status == -EKEYREJECTED || error->status == -EKEYEXPIRED ||
            error->status == -EACCES || error->status == -EOPNOTSUPP);
}

static void put_where(struct buffer *text, const struct options *options)
{
    const struct cloud_account account = {
        .region = options->region, .endpoint = options->endpoint, .language = "en-US"};
    char url[256];

    if (options->endpoint != NULL)
        snprintf(url, sizeof(url), "%s", options->endpoint);
    else if (options->region == NULL || options->provider == NULL ||
             options->provider->endpoint(&account, url, sizeof(url)) != 0)
        snprintf(url, sizeof(url), "%s",
                 options_speak_openstack(options) ? "the block storage" : "the cloud");
    buffer_puts(text, url);
    if (options->region != NULL && *options->region != '\0')
        buffer_printf(text, " (region %s)", options->region);
    buffer_puts(text, ": ");
}

static void put_why(struct buffer *text, const struct cloud_error *error,
                    const struct options *options)
{
    const char *help = probe_remedy(error, options);

    buffer_puts(text, *help != '\0' ? help : strerror(-error->status));
    if (error->code[0] == '\0' && error->message[0] == '\0')
        return;
    buffer_puts(text, " [");
    buffer_put_printable(text, error->code);
    buffer_puts(text, error->code[0] != '\0' && error->message[0] != '\0' ? ": " : "");
    buffer_put_printable(text, error->message);
    buffer_puts(text, "]");
}

void probe_describe(const struct cloud_error *error, char *line, size_t size)
{
    struct buffer text;

    buffer_init(&text, 0);
    buffer_put_printable(&text, error->code);
    buffer_puts(&text, error->code[0] != '\0' && error->message[0] != '\0' ? ": " : "");
    buffer_put_printable(&text, error->message);
    if (text.length == 0)
        buffer_puts(&text, strerror(-error->status));
    if (error->request_id[0] != '\0') {
        buffer_puts(&text, " (RequestId ");
        buffer_put_printable(&text, error->request_id);
        buffer_puts(&text, ")");
    }
    snprintf(line, size, "%s", text.error == 0 ? text.data : strerror(-error->status));
    buffer_free(&text);
}

void probe_explain(const struct cloud_error *error, const struct options *options, char *line,
                   size_t size)
{
    struct buffer text;

    buffer_init(&text, 0);
    if (is_local(error)) {
        buffer_put_printable(&text, error->message);
    } else {
        put_where(&text, options);
        put_why(&text, error, options);
    }
    snprintf(line, size, "%s", text.error == 0 ? text.data : strerror(-error->status));
    buffer_free(&text);
}

int probe_run(struct loop *loop, struct client *client, const struct options *options,
              int64_t timeout, char *line, size_t size)
{
    struct cloud_error error;
    int result = probe_ask(loop, client, CLOUD_DESCRIBE_DISKS, timeout, &error);

    if (result == -EINTR)
        snprintf(line, size, "interrupted");
    else if (result != 0)
        probe_explain(&error, options, line, size);
    return result;
}
