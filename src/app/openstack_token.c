/* SPDX-License-Identifier: Apache-2.0 */
/* The two exchanges of a log-in: a token, with where the block storage is; then what is spoken
 * there. */
#include "openstack_token.h"

#include "cbsfs/clock.h"
#include "cbsfs/http.h"
#include "cbsfs/log.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RENEW_BEFORE   60 /* seconds */
#define SECRET_ID_SIZE 17 /* 16 hexadecimal digits */

static int out_of_memory(struct openstack_login *login)
{
    return openstack_login_fail(&login->error, -ENOMEM, "out of memory");
}

/* --- the second exchange: which versions --------------------------------------------- */

/* Tells tokens apart and is none. */
static int write_secret_id(const char *token, char id[SECRET_ID_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t length = 0;

    if (EVP_Q_digest(NULL, "SHA256", NULL, token, strlen(token), digest, &length) != 1)
        return -ENOMEM;
    for (size_t i = 0; i < (SECRET_ID_SIZE - 1) / 2; i++)
        snprintf(id + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

static int take_token(struct openstack_login *login)
{
    struct keystone_token *token = &login->pending;
    struct credential made;
    char id[SECRET_ID_SIZE];

    credential_init(&made);
    if (write_secret_id(token->token, id) < 0)
        return out_of_memory(login);
    made.secret_id = strdup(id);
    made.secret_key = strdup("");
    if (made.secret_id == NULL || made.secret_key == NULL) {
        credential_free(&made);
        return out_of_memory(login);
    }
    made.token = token->token;
    made.expires = token->expires;
    made.project = token->project;
    made.endpoint = token->endpoint;
    made.api_minor = login->api_minor;
    memcpy(login->region_found, token->region, sizeof login->region_found);
    keystone_token_init(token);
    credential_free(&login->credential);
    login->credential = made;
    login->since = clock_now();
    int64_t tenth = openstack_login_seconds_left(login) / 10;
    /* A token that was had for a token ends with it: there is nothing to be had before. */
    login->renew_before = login->settings.method == OPENSTACK_TOKEN_LOGIN ? 0
                          : tenth < RENEW_BEFORE                          ? tenth
                                                                          : RENEW_BEFORE;
    return 0;
}

static void versions_arrived(void *data, const struct http_reply *reply)
{
    struct openstack_login *login = data;
    login->exchange = NULL;
    login->api_minor = keystone_decode_versions(reply);
    free(login->versions_of);
    login->versions_of = NULL;
    if (login->api_minor > 0)
        login->versions_of = strdup(login->pending.endpoint); /* without memory: asked again */
    else
        log_info("the block storage does not tell its versions: 3.0 is spoken");
    openstack_login_finish(login, take_token(login));
}

static int start_exchange(struct openstack_login *login, struct http_request *request, bool once,
                          void (*done)(void *data, const struct http_reply *reply))
{
    int status = http_start(login->http, request, clock_now() + login->timeout, once, done, login,
                            &login->exchange);
    if (status < 0)
        login->exchange = NULL;
    return status;
}

/* 0: under way; else it is not to be had, which is no reason to fail. */
static int ask_versions(struct openstack_login *login)
{
    struct http_request request;

    http_request_init(&request);
    int status = keystone_encode_versions(login->pending.endpoint, &request);
    if (status == 0)
        status = start_exchange(login, &request, false, versions_arrived);
    return status;
}

/* --- the first exchange: the token --------------------------------------------------- */

/* What Keystone's refusal means here. */
static int explain_refusal(struct openstack_login *login, const struct cloud_error *refusal)
{
    static const char *const wrong[] = {
        [OPENSTACK_PASSWORD_LOGIN] = "user, password, project or domain is wrong",
        [OPENSTACK_APPLICATION_LOGIN] = "the application credential is wrong, ended or deleted",
        [OPENSTACK_TOKEN_LOGIN] = "the token has ended, or is not for this project",
        [OPENSTACK_KEYS] = "",
    };
    char place[384];
    const char *url = openstack_login_value(login, OPENSTACK_AUTH_URL);

    openstack_settings_describe(&login->settings, place, sizeof place);
    switch (refusal->status) {
    case -EKEYREJECTED:
        if (refusal->http_status != 401)
            return openstack_login_fail(&login->error, -EKEYREJECTED, "%s", refusal->message);
        login->refused = true;
        return openstack_login_fail(
            &login->error, -EKEYREJECTED,
            "%.128s refuses the log-in: %s (%s); it is not sent again for 5 minutes unless "
            "that changes",
            url, wrong[login->settings.method], place);
    case -EINVAL:
        return openstack_login_fail(&login->error, -EKEYREJECTED,
                                    "%.128s does not understand the log-in: %s", url,
                                    refusal->message);
    case -EACCES:
        return openstack_login_fail(&login->error, -EACCES, "%.128s does not allow the log-in: %s",
                                    url, refusal->message);
    case -EADDRNOTAVAIL:
        return openstack_login_fail(&login->error, -EHOSTUNREACH, "%s", refusal->message);
    default:
        return openstack_login_fail(&login->error, refusal->status, "cannot log in at %.128s: %s",
                                    url, refusal->message);
    }
}

void openstack_token_guess_endpoint(const struct openstack_login *login, char *url, size_t size)
{
    static const char iam[] = "https://iam.";
    const char *auth_url = openstack_login_value(login, OPENSTACK_AUTH_URL);
    const char *region = openstack_login_wanted_region(login);

    *url = '\0';
    if (!login->evs || auth_url == NULL || strncmp(auth_url, iam, sizeof iam - 1) != 0)
        return;
    const char *rest = auth_url + sizeof iam - 1;
    size_t length = strcspn(rest, ":/");
    bool is_global = strncmp(rest, "myhuaweicloud.", 14) == 0;
    if (!is_global)
        snprintf(url, size, "https://evs.%.*s", (int)length, rest);
    else if (region != NULL)
        snprintf(url, size, "https://evs.%s.%.*s", region, (int)length, rest);
}

/* As the client tells them: no answer is no answer, whether by silence or by hanging up. */
static int status_of(const struct http_reply *reply)
{
    switch (reply->error) {
    case -ECONNRESET:
        return -ETIMEDOUT;
    case -EMSGSIZE:
        return -EPROTO;
    default:
        return reply->error;
    }
}

static void token_arrived(void *data, const struct http_reply *reply)
{
    struct openstack_login *login = data;
    struct cloud_error error;
    char guess[256];
    int64_t now = reply->date != TIMESTAMP_NONE ? reply->date : clock_wall() / 1000;

    login->exchange = NULL;
    if (reply->failure != HTTP_OK) {
        openstack_login_finish(login, openstack_login_fail(&login->error, status_of(reply),
                                                           "cannot log in: %s", reply->message));
        return;
    }
    openstack_token_guess_endpoint(login, guess, sizeof guess);
    const struct keystone_wish wish = {
        .interface = openstack_login_value(login, OPENSTACK_INTERFACE),
        .region = openstack_login_wanted_region(login),
        .endpoint = login->endpoint != NULL ? login->endpoint
                                            : openstack_login_value(login, OPENSTACK_ENDPOINT),
        .fallback = *guess != '\0' ? guess : NULL,
        .evs = login->evs,
    };
    keystone_decode(reply, &wish, &login->pending, &error);
    http_redact(reply, error.message);
    if (error.status < 0) {
        openstack_login_finish(login, explain_refusal(login, &error));
        return;
    }
    login->clock_offset = now - clock_wall() / 1000;
    bool known =
        login->versions_of != NULL && strcmp(login->versions_of, login->pending.endpoint) == 0;
    if (!known)
        login->api_minor = 0;
    /* EVS has no microversions. */
    if (known || login->evs || ask_versions(login) < 0)
        openstack_login_finish(login, take_token(login));
}

static void fill_login(const struct openstack_login *login, struct keystone_login *out)
{
    static const enum keystone_method methods[] = {
        [OPENSTACK_PASSWORD_LOGIN] = KEYSTONE_PASSWORD,
        [OPENSTACK_APPLICATION_LOGIN] = KEYSTONE_APPLICATION_CREDENTIAL,
        [OPENSTACK_TOKEN_LOGIN] = KEYSTONE_TOKEN,
        [OPENSTACK_KEYS] = KEYSTONE_PASSWORD,
    };
    *out = (struct keystone_login){
        .method = methods[login->settings.method],
        .auth_url = openstack_login_value(login, OPENSTACK_AUTH_URL),
        .user_id = openstack_login_value(login, OPENSTACK_USER_ID),
        .user_name = openstack_login_value(login, OPENSTACK_USERNAME),
        .user_domain_id = openstack_login_value(login, OPENSTACK_USER_DOMAIN_ID),
        .user_domain_name = openstack_login_value(login, OPENSTACK_USER_DOMAIN_NAME),
        .password = openstack_login_value(login, OPENSTACK_PASSWORD),
        .application_id = openstack_login_value(login, OPENSTACK_APPLICATION_ID),
        .application_name = openstack_login_value(login, OPENSTACK_APPLICATION_NAME),
        .application_secret = openstack_login_value(login, OPENSTACK_APPLICATION_SECRET),
        .token = openstack_login_value(login, OPENSTACK_TOKEN),
        .project_id = openstack_login_value(login, OPENSTACK_PROJECT_ID),
        .project_name = openstack_login_value(login, OPENSTACK_PROJECT_NAME),
        .project_domain_id = openstack_login_value(login, OPENSTACK_PROJECT_DOMAIN_ID),
        .project_domain_name = openstack_login_value(login, OPENSTACK_PROJECT_DOMAIN_NAME),
    };
}

int openstack_token_fetch(struct openstack_login *login)
{
    struct keystone_login words;
    struct http_request request;

    http_request_init(&request);
    fill_login(login, &words);
    int status = keystone_encode(&words, &request);
    /* A connection of its own: libcurl must not send a password twice by itself. */
    if (status == 0)
        status = start_exchange(login, &request, true, token_arrived);
    if (status == -ENOMEM)
        return out_of_memory(login);
    if (status < 0)
        return openstack_login_fail(&login->error, -EKEYREJECTED,
                                    "%.128s cannot be asked: it is no URL", words.auth_url);
    return 0;
}
