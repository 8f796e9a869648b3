/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/probe.h"

#include "cbsfs/buffer.h"
#include "cbsfs/client.h"
#include "cbsfs/clock.h"
#include "cbsfs/loop.h"
#include "cbsfs/options.h"

#include <errno.h>
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
    int result =
        client_submit(client, &call, clock_now() + timeout, true, take_answer, &question, &handle);

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

/* What helps; "" when the server's own words must do. `host` is where the question went. */
static const char *remedy(const struct cloud_error *error)
{
    if (error->remedy == CLOUD_CLOCK)
        return "the clock of this machine is wrong; set it (timedatectl set-ntp true)";
    if (strstr(error->code, "Region") != NULL)
        return "this region is not known there";
    switch (error->status) {
    case -EKEYREJECTED:
        return "the secret id or key is wrong";
    case -EKEYEXPIRED:
        return "the temporary credential has ended; fetch a new one";
    case -EACCES:
        return "the account may not do this; allow it cbs:DescribeDisks and cbs:DescribeSnapshots";
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

void probe_explain(const struct cloud_error *error, const struct options *options, char *line,
                   size_t size)
{
    const struct cloud_account account = {
        .region = options->region, .endpoint = options->endpoint, .language = "en-US"};
    const char *help = remedy(error);
    struct buffer text;
    char url[256];

    buffer_init(&text, size > 0 ? size - 1 : 1);
    if (options->endpoint == NULL && (options->region == NULL || options->provider == NULL ||
                                      options->provider->endpoint(&account, url, sizeof(url)) != 0))
        snprintf(url, sizeof(url), "the cloud");
    else if (options->endpoint != NULL)
        snprintf(url, sizeof(url), "%s", options->endpoint);

    buffer_puts(&text, url);
    if (options->region != NULL)
        buffer_printf(&text, " (region %s)", options->region);
    buffer_printf(&text, ": %s", *help != '\0' ? help : strerror(-error->status));
    if (error->code[0] != '\0' || error->message[0] != '\0') {
        buffer_puts(&text, " [");
        buffer_put_printable(&text, error->code);
        buffer_puts(&text, error->code[0] != '\0' && error->message[0] != '\0' ? ": " : "");
        buffer_put_printable(&text, error->message);
        buffer_puts(&text, "]");
    }
    /* A text over the limit keeps what did fit: its beginning says the most. */
    snprintf(line, size, "%s", text.data != NULL ? text.data : strerror(-error->status));
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
