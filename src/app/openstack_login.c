/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/openstack_login.h"

#include "openstack_parts.h"

#include "cbsfs/clock.h"
#include "cbsfs/http.h"
#include "cbsfs/keystone.h"
#include "cbsfs/log.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOGIN_INTERVAL 1000   /* ms at least from the end of a log-in to the next */
#define LONGEST_PAUSE  5000   /* ms, after failures that leave us without a token */
#define CALM_PAUSE     30000  /* ms, after failures while the old token works */
#define LOCKOUT_PAUSE  300000 /* ms until a refused log-in is sent again */
#define YOUNG          60000  /* ms: a token that is refused sooner was never good */
#define RENEW_BEFORE   60     /* seconds */
#define SECRET_ID_SIZE 17     /* 16 hexadecimal digits */

struct waiter {
    void (*ready)(void *data, int status);
    void *data;
    struct waiter *next;
};

struct openstack_login {
    struct http *http;
    struct openstack_environment *environment;
    char *profile, *region, *endpoint; /* the user's own words, or NULL */
    bool evs;
    int64_t timeout;
    struct openstack_settings settings;
    int64_t next_look; /* clock_now() ms: when the files are read again at the soonest */

    struct credential credential; /* empty until a log-in succeeded */
    char region_found[128];
    int64_t renew_before; /* seconds */
    int64_t clock_offset; /* seconds: Keystone's clock minus ours */
    int64_t since;        /* clock_now() ms of the credential */
    unsigned young;       /* tokens in a row that were refused soon */

    struct keystone_token pending; /* during the second exchange */
    char *versions_of;             /* the endpoint that api_minor is of */
    unsigned api_minor;

    bool refused;       /* Keystone refused the log-in with these settings */
    int failure;        /* of the last log-in; 0 */
    int64_t pause;      /* ms from the last log-in to the next */
    int64_t next_login; /* clock_now() ms */
    struct cloud_error error;
    struct http_exchange *exchange;
    struct waiter *waiting, *due;
};

static int fail(struct cloud_error *error, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct cloud_error *error, int status, const char *format, ...)
{
    char message[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    cloud_error_set(error, status, CLOUD_NOT_SENT, CLOUD_FINAL, OPENSTACK_LOGIN_CODE, "%s",
                    message);
    error->http_status = 0;
    return status;
}

static const char *value_of(const struct openstack_login *login, enum openstack_setting setting)
{
    return login->settings.values[setting];
}

/* --- the settings -------------------------------------------------------------------- */

/* Reads the files again, at most once a second. True if they tell another log-in now. */
static bool look_again(struct openstack_login *login)
{
    struct openstack_settings found;
    struct cloud_error error;

    if (clock_now() < login->next_look)
        return false;
    login->next_look = clock_now() + LOGIN_INTERVAL;
    int status = openstack_settings_read(login->environment, login->profile, &found, &error);
    if (status < 0)
        log_warning("keeping the settings that are known: %s", error.message);
    if (status < 0 || openstack_settings_are_same(&found, &login->settings)) {
        openstack_settings_free(&found);
        return false;
    }
    openstack_settings_free(&login->settings);
    login->settings = found;
    return true;
}

/* --- the end of a log-in ------------------------------------------------------------- */

static int64_t seconds_left(const struct openstack_login *login)
{
    if (login->credential.secret_id == NULL)
        return 0;
    if (login->credential.expires == TIMESTAMP_NONE)
        return INT64_MAX;
    return login->credential.expires - (clock_wall() / 1000 + login->clock_offset);
}

static int64_t pause_after(const struct openstack_login *login, int status)
{
    int64_t longest = seconds_left(login) > 0 ? CALM_PAUSE : LONGEST_PAUSE;

    if (login->refused)
        return LOCKOUT_PAUSE;
    if (status == 0) {
        int64_t pause = (int64_t)LOGIN_INTERVAL << (login->young < 5 ? login->young : 5);
        return pause < CALM_PAUSE ? pause : CALM_PAUSE;
    }
    int64_t pause = login->failure == 0 || login->pause == 0 ? LOGIN_INTERVAL : login->pause * 2;
    return pause < longest ? pause : longest;
}

static void plan_login(struct openstack_login *login, int status)
{
    if (status < 0 && login->failure == 0 && seconds_left(login) > 0)
        log_warning("the token cannot be renewed: %s", login->error.message);
    login->pause = pause_after(login, status);
    login->failure = status;
    login->next_login = clock_now() + login->pause;
}

/* A waiter may ask or cancel again from its call: those who are due stand in a list of their own.
 */
static void finish_login(struct openstack_login *login, int status)
{
    plan_login(login, status);
    struct waiter **end = &login->due;
    while (*end != NULL)
        end = &(*end)->next;
    *end = login->waiting;
    login->waiting = NULL;
    while (login->due != NULL) {
        struct waiter *waiter = login->due;
        login->due = waiter->next;
        waiter->ready(waiter->data, status);
        free(waiter);
    }
}

static int out_of_memory(struct openstack_login *login)
{
    return fail(&login->error, -ENOMEM, "out of memory");
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
    int64_t tenth = seconds_left(login) / 10;
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
    finish_login(login, take_token(login));
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
    const char *url = value_of(login, OPENSTACK_AUTH_URL);

    openstack_settings_describe(&login->settings, place, sizeof place);
    switch (refusal->status) {
    case -EKEYREJECTED:
        if (refusal->http_status != 401)
            return fail(&login->error, -EKEYREJECTED, "%s", refusal->message);
        login->refused = true;
        return fail(&login->error, -EKEYREJECTED,
                    "%.128s refuses the log-in: %s (%s); it is not sent again for 5 minutes unless "
                    "that changes",
                    url, wrong[login->settings.method], place);
    case -EINVAL:
        return fail(&login->error, -EKEYREJECTED, "%.128s does not understand the log-in: %s", url,
                    refusal->message);
    case -EACCES:
        return fail(&login->error, -EACCES, "%.128s does not allow the log-in: %s", url,
                    refusal->message);
    case -EADDRNOTAVAIL:
        return fail(&login->error, -EHOSTUNREACH, "%s", refusal->message);
    default:
        return fail(&login->error, refusal->status, "cannot log in at %.128s: %s", url,
                    refusal->message);
    }
}

/* "https://evs.REGION.DOMAIN" for "https://iam.REGION.DOMAIN" (openstack facts 4.1), or "". */
static void guess_endpoint(const struct openstack_login *login, const char *region, char *url,
                           size_t size)
{
    static const char iam[] = "https://iam.";
    const char *auth_url = value_of(login, OPENSTACK_AUTH_URL);

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

static void token_arrived(void *data, const struct http_reply *reply)
{
    struct openstack_login *login = data;
    struct cloud_error error;
    char guess[256];
    int64_t now = reply->date != TIMESTAMP_NONE ? reply->date : clock_wall() / 1000;

    login->exchange = NULL;
    if (reply->failure != HTTP_OK) {
        finish_login(login, fail(&login->error, reply->error, "cannot log in: %s", reply->message));
        return;
    }
    const char *region = login->region != NULL && *login->region != '\0'
                             ? login->region
                             : value_of(login, OPENSTACK_REGION);
    guess_endpoint(login, region, guess, sizeof guess);
    const struct keystone_wish wish = {
        .interface = value_of(login, OPENSTACK_INTERFACE),
        .region = region,
        .endpoint = login->endpoint != NULL ? login->endpoint : value_of(login, OPENSTACK_ENDPOINT),
        .fallback = *guess != '\0' ? guess : NULL,
        .evs = login->evs,
    };
    keystone_decode(reply, &wish, &login->pending, &error);
    http_redact(reply, error.message);
    if (error.status < 0) {
        finish_login(login, explain_refusal(login, &error));
        return;
    }
    login->clock_offset = now - clock_wall() / 1000;
    bool known =
        login->versions_of != NULL && strcmp(login->versions_of, login->pending.endpoint) == 0;
    if (!known)
        login->api_minor = 0;
    /* EVS has no microversions. */
    if (known || login->evs || ask_versions(login) < 0)
        finish_login(login, take_token(login));
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
        .auth_url = value_of(login, OPENSTACK_AUTH_URL),
        .user_id = value_of(login, OPENSTACK_USER_ID),
        .user_name = value_of(login, OPENSTACK_USERNAME),
        .user_domain_id = value_of(login, OPENSTACK_USER_DOMAIN_ID),
        .user_domain_name = value_of(login, OPENSTACK_USER_DOMAIN_NAME),
        .password = value_of(login, OPENSTACK_PASSWORD),
        .application_id = value_of(login, OPENSTACK_APPLICATION_ID),
        .application_name = value_of(login, OPENSTACK_APPLICATION_NAME),
        .application_secret = value_of(login, OPENSTACK_APPLICATION_SECRET),
        .token = value_of(login, OPENSTACK_TOKEN),
        .project_id = value_of(login, OPENSTACK_PROJECT_ID),
        .project_name = value_of(login, OPENSTACK_PROJECT_NAME),
        .project_domain_id = value_of(login, OPENSTACK_PROJECT_DOMAIN_ID),
        .project_domain_name = value_of(login, OPENSTACK_PROJECT_DOMAIN_NAME),
    };
}

static int begin_login(struct openstack_login *login)
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
        return fail(&login->error, -EKEYREJECTED, "%.128s cannot be asked: it is no URL",
                    words.auth_url);
    return 0;
}

/* --- giving out ---------------------------------------------------------------------- */

static int give(const struct credential *known, struct credential *out, struct cloud_error *error)
{
    int status = credential_copy(out, known);
    return status < 0 ? fail(error, status, "out of memory") : 0;
}

static int give_keys(struct openstack_login *login, const char *refused, struct credential *out,
                     struct cloud_error *error)
{
    const char *endpoint =
        login->endpoint != NULL ? login->endpoint : value_of(login, OPENSTACK_ENDPOINT);
    char guess[256], place[384];
    const char *region = login->region != NULL && *login->region != '\0'
                             ? login->region
                             : value_of(login, OPENSTACK_REGION);
    struct credential *made = &login->credential;

    if (refused != NULL && strcmp(refused, value_of(login, OPENSTACK_ACCESS_KEY)) == 0) {
        openstack_settings_describe(&login->settings, place, sizeof place);
        return fail(error, -EKEYREJECTED, "the cloud refuses the access key of %s", place);
    }
    guess_endpoint(login, region, guess, sizeof guess);
    if (endpoint == NULL && *guess != '\0')
        endpoint = guess;
    credential_free(made);
    made->secret_id = strdup(value_of(login, OPENSTACK_ACCESS_KEY));
    made->secret_key = strdup(value_of(login, OPENSTACK_SECRET_KEY));
    made->project = strdup(value_of(login, OPENSTACK_PROJECT_ID));
    const char *token = value_of(login, OPENSTACK_SECURITY_TOKEN);
    made->token = token != NULL ? strdup(token) : NULL;
    int status = made->secret_id == NULL || made->secret_key == NULL || made->project == NULL ||
                         (token != NULL && made->token == NULL)
                     ? -ENOMEM
                     : 0;
    if (status == 0 && endpoint != NULL)
        status = keystone_complete_endpoint(endpoint, made->project, &made->endpoint);
    if (status == 0)
        return give(made, out, error);
    credential_free(made);
    return status == -ENOMEM ? fail(error, status, "out of memory")
                             : fail(error, -EKEYREJECTED, "the endpoint is no URL");
}

static int explain(const struct openstack_login *login, bool refused, struct cloud_error *error)
{
    if (login->failure < 0) {
        *error = login->error;
        return error->status;
    }
    char place[384];
    openstack_settings_describe(&login->settings, place, sizeof place);
    if (refused)
        return fail(error, -EKEYREJECTED, "the block storage refuses the token that %.128s gives",
                    value_of(login, OPENSTACK_AUTH_URL));
    return fail(error, -EKEYEXPIRED, "the token has ended, and another is not to be had yet (%s)",
                place);
}

static int wait_for_login(struct openstack_login *login, struct cloud_error *error,
                          void (*ready)(void *data, int status), void *data)
{
    struct waiter *waiter = malloc(sizeof *waiter);
    if (waiter == NULL)
        return fail(error, -ENOMEM, "out of memory");
    *waiter = (struct waiter){.ready = ready, .data = data, .next = login->waiting};
    login->waiting = waiter;
    return -EINPROGRESS;
}

/* Whether Keystone may be asked now: not too soon, and never again with what it has refused. */
static bool may_log_in(struct openstack_login *login)
{
    if (login->exchange != NULL)
        return false;
    if (login->refused && look_again(login)) {
        login->refused = false;
        return true;
    }
    if (clock_now() < login->next_login)
        return false;
    look_again(login);
    login->refused = false;
    return true;
}

static int source_get(void *self, const char *refused, struct credential *out,
                      struct cloud_error *error, void (*ready)(void *data, int status), void *data)
{
    struct openstack_login *login = self;
    const struct credential *known = &login->credential;
    bool have = known->secret_id != NULL;
    bool is_refused = have && refused != NULL && strcmp(known->secret_id, refused) == 0;

    if (login->settings.method == OPENSTACK_KEYS) {
        if (is_refused)
            look_again(login);
        if (login->settings.method == OPENSTACK_KEYS)
            return give_keys(login, refused, out, error);
        have = is_refused = false;
        credential_free(&login->credential);
    }
    int64_t left = seconds_left(login);
    bool usable = have && !is_refused && left > 0;
    if ((!usable || left <= login->renew_before) && may_log_in(login)) {
        login->young = is_refused && clock_now() - login->since < YOUNG ? login->young + 1 : 0;
        if (login->settings.method == OPENSTACK_KEYS)
            return give_keys(login, NULL, out, error);
        int status = begin_login(login);
        if (status < 0)
            plan_login(login, status);
    }
    if (usable)
        return give(known, out, error);
    if (login->exchange != NULL)
        return wait_for_login(login, error, ready, data);
    return explain(login, is_refused, error);
}

static void remove_waiters(struct waiter **list, const void *data)
{
    while (*list != NULL) {
        struct waiter *waiter = *list;
        if (waiter->data == data) {
            *list = waiter->next;
            free(waiter);
        } else {
            list = &waiter->next;
        }
    }
}

static void source_cancel(void *self, void *data)
{
    struct openstack_login *login = self;
    remove_waiters(&login->waiting, data);
    remove_waiters(&login->due, data);
}

/* --- the whole ----------------------------------------------------------------------- */

static int copy(char **place, const char *text)
{
    return text != NULL ? openstack_store(place, text) : 0;
}

int openstack_login_new(struct http *http, const struct openstack_login_settings *settings,
                        struct credential_source *source, struct openstack_login **login,
                        struct cloud_error *error)
{
    struct openstack_login *made = calloc(1, sizeof *made);
    if (made == NULL)
        return fail(error, -ENOMEM, "out of memory");
    made->http = http;
    made->environment = settings->environment;
    made->evs = settings->evs;
    made->timeout = settings->timeout;
    credential_init(&made->credential);
    keystone_token_init(&made->pending);
    int status = 0;
    if (copy(&made->profile, settings->profile) < 0 || copy(&made->region, settings->region) < 0 ||
        copy(&made->endpoint, settings->endpoint) < 0)
        status = fail(error, -ENOMEM, "out of memory");
    if (status == 0)
        status = openstack_settings_read(made->environment, made->profile, &made->settings, error);
    if (status < 0) {
        openstack_login_free(made);
        return status;
    }
    made->next_look = clock_now() + LOGIN_INTERVAL;
    *source = (struct credential_source){.get = source_get, .cancel = source_cancel, .self = made};
    *login = made;
    return 0;
}

static void free_waiters(struct waiter *list)
{
    while (list != NULL) {
        struct waiter *waiter = list;
        list = waiter->next;
        free(waiter);
    }
}

void openstack_login_free(struct openstack_login *login)
{
    if (login == NULL)
        return;
    http_cancel(login->exchange);
    free_waiters(login->waiting);
    free_waiters(login->due);
    credential_free(&login->credential);
    keystone_token_free(&login->pending);
    openstack_settings_free(&login->settings);
    free(login->versions_of);
    free(login->profile);
    free(login->region);
    free(login->endpoint);
    free(login);
}

void openstack_login_describe(const struct openstack_login *login, char *text, size_t size)
{
    openstack_settings_describe(&login->settings, text, size);
}

static const char *or_nothing(const char *text)
{
    return text != NULL ? text : "";
}

const char *openstack_login_project(const struct openstack_login *login)
{
    return or_nothing(login->credential.project);
}

const char *openstack_login_endpoint(const struct openstack_login *login)
{
    return or_nothing(login->credential.endpoint);
}

const char *openstack_login_region(const struct openstack_login *login)
{
    return login->region_found;
}
