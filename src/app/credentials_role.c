/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the CAM role that is bound to the instance we run on (tencent-cbs facts 4.4): the
 * metadata service tells the role's name, then temporary keys for it.
 *
 * One fetch at a time serves everybody who waits.  Keys that still work are given out while newer
 * ones are fetched; a failed fetch changes nothing until they end.  Between two fetches lies at
 * least a second, so that callers who ask again at once are answered from the last result; after
 * failures it becomes more, and most while the keys still work.
 *
 * When keys end is told by the service's clock, which its answers tell, not by ours, which may be
 * wrong.
 */
#include "credential_waiters.h"
#include "credentials_parts.h"

#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "cbsfs/http.h"
#include "cbsfs/log.h"
#include "cbsfs/timestamp.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define METADATA_HOST  "metadata.tencentyun.com"
#define METADATA_PATH  "/latest/meta-data/cam/security-credentials/"
#define FETCH_TIMEOUT  2000  /* ms for each of the two requests */
#define FETCH_INTERVAL 1000  /* ms at least from the end of a fetch to the next */
#define LONGEST_PAUSE  5000  /* ms, after failures that leave us without keys */
#define CALM_PAUSE     30000 /* ms, after failures while the old keys work */
#define RENEW_BEFORE   300   /* seconds */
#define ANSWER_LIMIT   65536 /* bytes; keys have about 1000 */
#define CODE_LIMIT     24    /* shorter than any key or token, which must not be shown */

struct credential_role {
    struct http *http;
    const char *endpoint;
    char *own_endpoint;
    char name[128];
    struct credential credential; /* empty until a fetch succeeded */
    int64_t clock_offset;         /* seconds: the service's clock minus ours */
    int failure;                  /* of the last fetch; 0 */
    int64_t pause;                /* ms from the last fetch to the next */
    struct cloud_error error;     /* its reason */
    int64_t next_fetch;           /* clock_now() ms */
    struct http_exchange *exchange;
    struct credential_waiters waiters;
};

struct credential_role *credential_role_new(struct http *http, const char *endpoint)
{
    struct credential_role *role = calloc(1, sizeof *role);
    if (role == NULL)
        return NULL;
    role->http = http;
    credential_init(&role->credential);
    role->endpoint = "http://" METADATA_HOST;
    if (endpoint != NULL) {
        role->endpoint = role->own_endpoint = strdup(endpoint);
        if (role->own_endpoint == NULL) {
            free(role);
            return NULL;
        }
    }
    http_allow_plain_host(http, METADATA_HOST);
    return role;
}

void credential_role_free(struct credential_role *role)
{
    if (role == NULL)
        return;
    http_cancel(role->exchange);
    credential_waiters_free(&role->waiters);
    credential_free(&role->credential);
    free(role->own_endpoint);
    free(role);
}

const char *credential_role_name(const struct credential_role *role)
{
    return role->name;
}

/* --- fetching ------------------------------------------------------------------------ */

static int64_t seconds_left(const struct credential_role *role)
{
    if (role->credential.secret_id == NULL)
        return 0;
    return role->credential.expires - (clock_wall() / 1000 + role->clock_offset);
}

static void plan_fetch(struct credential_role *role, int status)
{
    int64_t longest = seconds_left(role) > 0 ? CALM_PAUSE : LONGEST_PAUSE;

    role->pause = status == 0 || role->pause == 0 ? FETCH_INTERVAL : role->pause * 2;
    if (role->pause > longest)
        role->pause = longest;
    if (status < 0 && role->failure == 0 && role->credential.secret_id != NULL)
        log_warning("the keys of the CAM role %s cannot be renewed: %s", role->name,
                    role->error.message);
    role->failure = status;
    role->next_fetch = clock_now() + role->pause;
}

static void finish_fetch(struct credential_role *role, int status)
{
    plan_fetch(role, status);
    credential_waiters_tell(&role->waiters, status);
}

static int request_part(struct credential_role *role, const char *name,
                        void (*done)(void *data, const struct http_reply *reply))
{
    struct http_request request;
    struct buffer url;
    http_request_init(&request);
    buffer_init(&url, 0);
    buffer_printf(&url, "%s" METADATA_PATH "%s", role->endpoint, name);
    request.method = strdup("GET");
    request.url = buffer_steal(&url);
    buffer_free(&url);
    int status = -ENOMEM;
    if (request.method != NULL && request.url != NULL)
        status = http_start(role->http, &request, clock_now() + FETCH_TIMEOUT, false, done, role,
                            &role->exchange);
    http_request_free(&request);
    if (status < 0) {
        role->exchange = NULL;
        credential_fail(&role->error, -EKEYREJECTED, "cannot ask %s: %s", role->endpoint,
                        strerror(-status));
        return -EKEYREJECTED;
    }
    return 0;
}

/* Fails unless the reply is an answer with content. */
static int check_reply(struct credential_role *role, const struct http_reply *reply)
{
    if (reply->failure != HTTP_OK)
        return credential_fail(&role->error, -EKEYREJECTED, "%s", reply->message);
    if (reply->status == 404)
        return credential_fail(&role->error, -EKEYREJECTED, "no role is bound to this instance");
    if (reply->status != 200)
        return credential_fail(&role->error, -EKEYREJECTED, "%s answers HTTP %ld", role->endpoint,
                               reply->status);
    if (reply->body_length > ANSWER_LIMIT)
        return credential_fail(&role->error, -EKEYREJECTED, "%s answers more than keys",
                               role->endpoint);
    return 0;
}

/* The name goes into a URL and before people's eyes. */
static int read_name(struct credential_role *role, const struct http_reply *reply)
{
    char name[sizeof role->name];
    size_t start = 0, length = 0;
    while (isspace((unsigned char)reply->body[start]))
        start++;
    while (isalnum((unsigned char)reply->body[start + length]) ||
           (reply->body[start + length] != '\0' &&
            strchr("-_.+=@,", reply->body[start + length]) != NULL))
        length++;
    char end = reply->body[start + length];
    if (length == 0 || length >= sizeof name || (end != '\0' && !isspace((unsigned char)end)))
        return credential_fail(&role->error, -EKEYREJECTED, "%s does not answer with a role's name",
                               role->endpoint);
    memcpy(role->name, reply->body + start, length);
    role->name[length] = '\0';
    return 0;
}

/* Whatever else may be there, it could be a key. */
static bool code_is_word(const char *code)
{
    size_t length = 0;
    while (isalpha((unsigned char)code[length]) || code[length] == '.')
        length++;
    return length > 0 && code[length] == '\0' && length <= CODE_LIMIT;
}

static int read_keys(struct credential_role *role, const json_t *document, int64_t now)
{
    const char *code = field_text(document, "Code", "");
    const char *id = field_text(document, "TmpSecretId", "");
    const char *key = field_text(document, "TmpSecretKey", "");
    const char *token = field_text(document, "Token", "");
    int64_t expires = field_integer(document, "ExpiredTime", 0);
    if (strcmp(code, "Success") != 0)
        return credential_fail(&role->error, -EKEYREJECTED, "the role's keys are refused%s%s",
                               code_is_word(code) ? ": " : "", code_is_word(code) ? code : "");
    if (!credential_text_is_valid(id) || !credential_text_is_valid(key) ||
        !credential_text_is_valid(token) || expires <= 0)
        return credential_fail(&role->error, -EKEYREJECTED, "the role's keys are incomplete");
    if (expires <= now)
        return credential_fail(&role->error, -EKEYREJECTED, "the role's keys have already ended");
    struct credential fetched;
    credential_init(&fetched);
    fetched.secret_id = strdup(id);
    fetched.secret_key = strdup(key);
    fetched.token = strdup(token);
    fetched.expires = expires;
    if (fetched.secret_id == NULL || fetched.secret_key == NULL || fetched.token == NULL) {
        credential_free(&fetched);
        return credential_fail(&role->error, -ENOMEM, "out of memory");
    }
    credential_free(&role->credential);
    role->credential = fetched;
    return 0;
}

static void keys_arrived(void *data, const struct http_reply *reply)
{
    struct credential_role *role = data;
    role->exchange = NULL;
    int status = check_reply(role, reply);
    if (status == 0) {
        char reason[80];
        int64_t now = reply->date != TIMESTAMP_NONE ? reply->date : clock_wall() / 1000;
        json_t *document =
            fields_parse_secret(reply->body, reply->body_length, reason, sizeof reason);
        if (document == NULL)
            status = credential_fail(&role->error, -EKEYREJECTED, "the role's keys are %s", reason);
        else
            status = read_keys(role, document, now);
        fields_free_secret(document);
        if (status == 0)
            role->clock_offset = now - clock_wall() / 1000;
    }
    finish_fetch(role, status);
}

static void name_arrived(void *data, const struct http_reply *reply)
{
    struct credential_role *role = data;
    role->exchange = NULL;
    int status = check_reply(role, reply);
    if (status == 0)
        status = read_name(role, reply);
    if (status == 0)
        status = request_part(role, role->name, keys_arrived);
    if (status < 0)
        finish_fetch(role, status);
}

/* --- giving out ---------------------------------------------------------------------- */

static int explain(const struct credential_role *role, bool refused, struct cloud_error *error)
{
    if (role->credential.secret_id == NULL)
        return credential_fail(error, role->failure, "CAM role: %s", role->error.message);
    if (refused)
        return credential_fail(error, -EKEYREJECTED,
                               "the cloud refuses the keys of the CAM role %s", role->name);
    return credential_fail(error, -EKEYEXPIRED,
                           "the keys of the CAM role %s have ended and cannot be renewed: %s",
                           role->name, role->failure < 0 ? role->error.message : "got old ones");
}

static int wait_for_fetch(struct credential_role *role, struct cloud_error *error,
                          void (*ready)(void *data, int status), void *data)
{
    if (credential_waiters_add(&role->waiters, ready, data) < 0)
        return credential_fail(error, -ENOMEM, "out of memory");
    return -EINPROGRESS;
}

int credential_role_get(struct credential_role *role, const char *refused, struct credential *out,
                        struct cloud_error *error, void (*ready)(void *data, int status),
                        void *data)
{
    const struct credential *known = &role->credential;
    bool have = known->secret_id != NULL;
    bool is_refused = have && refused != NULL && strcmp(known->secret_id, refused) == 0;
    int64_t left = seconds_left(role);
    bool usable = have && !is_refused && left > 0;

    if ((!usable || left < RENEW_BEFORE) && role->exchange == NULL &&
        clock_now() >= role->next_fetch) {
        int status = request_part(role, "", name_arrived);
        if (status < 0)
            plan_fetch(role, status);
    }
    if (usable) {
        int status = credential_copy(out, known);
        return status < 0 ? credential_fail(error, status, "out of memory") : 0;
    }
    if (role->exchange != NULL)
        return wait_for_fetch(role, error, ready, data);
    return explain(role, is_refused, error);
}

void credential_role_cancel(struct credential_role *role, void *data)
{
    credential_waiters_cancel(&role->waiters, data);
}
