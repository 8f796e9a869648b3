/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which credential an attempt is signed with.
 *
 * A refused credential is remembered by its id, and from then on the source is asked for a newer
 * one. While it has none, callers get the server's refusal at once; one a second is let through
 * with the old credential, because a refusal may also end on the server's side (a key that was
 * enabled again).
 */
#include "client_internal.h"

#include "cbsfs/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_INTERVAL 1000

static void credential_ready(void *data, int status)
{
    struct client *client = data;
    (void)status; /* asking again tells it, with the reason */
    client->credential.pending = false;
    client_wake(client, clock_now());
}

static int ask(struct client_call *call, const char *refused, struct credential *out)
{
    struct client *client = call->client;
    const struct credential_source *source = client->settings.credentials;

    cloud_error_set(&call->error, 0, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s", "");
    int status = source->get(source->self, refused, out, &call->error, credential_ready, client);
    if (status == -EINPROGRESS) {
        client->credential.pending = true;
        call->error.status = 0;
    } else if (status && call->error.status == 0) {
        call->error.status = status;
    }
    return status;
}

static int fail_refused(struct client_call *call)
{
    call->error = call->client->credential.refusal;
    return call->error.status;
}

/* There is a refused credential: something newer, a probe with the same, or the refusal again. */
static int replace_refused(struct client_call *call, struct credential *out)
{
    struct credential_state *state = &call->client->credential;
    bool was_refused_itself = call->credential_renewed;
    int64_t now = clock_now();

    if (now < state->probe_at)
        return fail_refused(call);
    int status = ask(call, state->refused, out);
    if (status == 0) {
        free(state->refused);
        state->refused = NULL;
        state->probe_at = 0;
        return 0;
    }
    if (status != -EKEYREJECTED)
        return status;
    state->probe_at = now + PROBE_INTERVAL;
    if (was_refused_itself)
        return fail_refused(call);
    call->credential_renewed = true; /* nothing newer to try after this probe */
    return ask(call, NULL, out);
}

int client_get_credential(struct client_call *call, struct credential *out)
{
    struct credential_state *state = &call->client->credential;
    struct cloud_error last = call->error;

    if (state->pending)
        return -EINPROGRESS;
    int status = state->refused ? replace_refused(call, out) : ask(call, NULL, out);
    if (status == 0 || status == -EINPROGRESS)
        call->error = last;
    if (status)
        return status;

    char *current = strdup(out->secret_id);
    char *used = strdup(out->secret_id);
    if (!current || !used) {
        free(current);
        free(used);
        cloud_error_set(&call->error, -ENOMEM, CLOUD_NOT_SENT, CLOUD_FINAL, "", "out of memory");
        return -ENOMEM;
    }
    if (state->current != NULL && strcmp(state->current, current) != 0)
        client_tell(call->client, CLIENT_RENEWED, NULL);
    free(state->current);
    state->current = current;
    free(call->secret_id);
    call->secret_id = used;
    return 0;
}

void client_credential_refused(struct client_call *call, const struct cloud_error *error)
{
    struct credential_state *state = &call->client->credential;

    /* Another call has moved on to a newer one meanwhile: nothing is known against that. */
    if (!call->secret_id || !state->current || strcmp(call->secret_id, state->current) != 0)
        return;
    state->refusal = *error;
    if (state->refused && strcmp(state->refused, call->secret_id) == 0)
        return;
    char *refused = strdup(call->secret_id);
    if (!refused)
        return;
    free(state->refused);
    state->refused = refused;
    state->probe_at = 0;
    client_tell(call->client, CLIENT_REFUSED, error);
}

void client_credential_accepted(struct client_call *call)
{
    struct credential_state *state = &call->client->credential;

    if (!state->refused || !call->secret_id || strcmp(call->secret_id, state->refused) != 0)
        return;
    free(state->refused);
    state->refused = NULL;
    client_tell(call->client, CLIENT_ACCEPTED, NULL);
}

void client_credential_free(struct client *client)
{
    const struct credential_source *source = client->settings.credentials;

    if (client->credential.pending)
        source->cancel(source->self, client);
    free(client->credential.current);
    free(client->credential.refused);
}
