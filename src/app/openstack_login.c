/* SPDX-License-Identifier: Apache-2.0 */
#include "openstack_token.h"

#include "cbsfs/clock.h"
#include "cbsfs/http.h"
#include "cbsfs/log.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOGIN_INTERVAL 1000   /* ms at least from the end of a log-in to the next */
#define LONGEST_PAUSE  5000   /* ms, after failures that leave us without a token */
#define CALM_PAUSE     30000  /* ms, after failures while the old token works */
#define LOCKOUT_PAUSE  300000 /* ms until a refused log-in is sent again */
#define YOUNG          60000  /* ms: a token that is refused sooner was never good */

int openstack_login_fail(struct cloud_error *error, int status, const char *format, ...)
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

const char *openstack_login_value(const struct openstack_login *login,
                                  enum openstack_setting setting)
{
    return login->settings.values[setting];
}

const char *openstack_login_wanted_region(const struct openstack_login *login)
{
    return login->region != NULL && *login->region != '\0'
               ? login->region
               : openstack_login_value(login, OPENSTACK_REGION);
}

/* --- the settings -------------------------------------------------------------------- */

/* Reads the files again, at most once a second. True if they tell another log-in now. */
static bool look_again(struct openstack_login *login)
{
    struct openstack_settings found;
    struct cloud_error error;

    /* The environment does not change, and its secrets are in one place only. */
    if (login->settings.cloud == NULL || clock_now() < login->next_look)
        return false;
    login->next_look = clock_now() + LOGIN_INTERVAL;
    int status = openstack_settings_read(login->environment, login->profile, &found, &error);
    if (status < 0 && !login->complained)
        log_warning("keeping the settings that are known: %s", error.message);
    login->complained = status < 0;
    if (status < 0 || openstack_settings_are_same(&found, &login->settings)) {
        openstack_settings_free(&found);
        return false;
    }
    openstack_settings_free(&login->settings);
    login->settings = found;
    return true;
}

/* --- the end of a log-in ------------------------------------------------------------- */

int64_t openstack_login_seconds_left(const struct openstack_login *login)
{
    if (login->credential.secret_id == NULL)
        return 0;
    if (login->credential.expires == TIMESTAMP_NONE)
        return INT64_MAX;
    return login->credential.expires - (clock_wall() / 1000 + login->clock_offset);
}

static int64_t pause_after(const struct openstack_login *login, int status)
{
    int64_t longest = openstack_login_seconds_left(login) > 0 ? CALM_PAUSE : LONGEST_PAUSE;

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
    if (status < 0 && login->failure == 0 && openstack_login_seconds_left(login) > 0)
        log_warning("the token cannot be renewed: %s", login->error.message);
    login->pause = pause_after(login, status);
    login->failure = status;
    login->next_login = clock_now() + login->pause;
}

void openstack_login_finish(struct openstack_login *login, int status)
{
    plan_login(login, status);
    credential_waiters_tell(&login->waiters, status);
}

/* --- giving out ---------------------------------------------------------------------- */

static int give(const struct credential *known, struct credential *out, struct cloud_error *error)
{
    int status = credential_copy(out, known);
    return status < 0 ? openstack_login_fail(error, status, "out of memory") : 0;
}

static int copy(char **place, const char *text)
{
    return text != NULL ? openstack_store(place, text) : 0;
}

/* The secrets are copied from the settings for each caller; the login keeps the rest. */
static int make_keys(struct openstack_login *login, struct credential *out)
{
    const char *endpoint = login->endpoint != NULL
                               ? login->endpoint
                               : openstack_login_value(login, OPENSTACK_ENDPOINT);
    struct credential *known = &login->credential;
    char guess[256];

    openstack_token_guess_endpoint(login, guess, sizeof guess);
    if (endpoint == NULL && *guess != '\0')
        endpoint = guess;
    credential_free(known);
    credential_free(out);
    if (copy(&known->secret_id, openstack_login_value(login, OPENSTACK_ACCESS_KEY)) < 0 ||
        copy(&known->project, openstack_login_value(login, OPENSTACK_PROJECT_ID)) < 0)
        return -ENOMEM;
    int status = endpoint != NULL
                     ? keystone_complete_endpoint(endpoint, known->project, &known->endpoint)
                     : 0;
    if (status == 0)
        status = credential_copy(out, known);
    if (status == 0 &&
        (copy(&out->secret_key, openstack_login_value(login, OPENSTACK_SECRET_KEY)) < 0 ||
         copy(&out->token, openstack_login_value(login, OPENSTACK_SECURITY_TOKEN)) < 0))
        status = -ENOMEM;
    return status;
}

static int give_keys(struct openstack_login *login, const char *refused, struct credential *out,
                     struct cloud_error *error)
{
    char place[384];

    if (refused != NULL &&
        strcmp(refused, openstack_login_value(login, OPENSTACK_ACCESS_KEY)) == 0) {
        openstack_settings_describe(&login->settings, place, sizeof place);
        return openstack_login_fail(error, -EKEYREJECTED, "the cloud refuses the access key of %s",
                                    place);
    }
    int status = make_keys(login, out);
    if (status == 0)
        return 0;
    credential_free(&login->credential);
    credential_free(out);
    return status == -ENOMEM ? openstack_login_fail(error, status, "out of memory")
                             : openstack_login_fail(error, -EKEYREJECTED, "the endpoint is no URL");
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
        return openstack_login_fail(error, -EKEYREJECTED,
                                    "the block storage refuses the token that %.128s gives",
                                    openstack_login_value(login, OPENSTACK_AUTH_URL));
    return openstack_login_fail(
        error, -EKEYEXPIRED, "the token has ended, and another is not to be had yet (%s)", place);
}

static int wait_for_login(struct openstack_login *login, struct cloud_error *error,
                          void (*ready)(void *data, int status), void *data)
{
    if (credential_waiters_add(&login->waiters, ready, data) < 0)
        return openstack_login_fail(error, -ENOMEM, "out of memory");
    return -EINPROGRESS;
}

/* Whether Keystone may be asked now: not too soon, but for the first token that is refused; and
 * never again with what it has refused. */
static bool may_log_in(struct openstack_login *login, bool token_is_refused)
{
    bool first = token_is_refused && login->young == 0 && login->failure == 0;

    if (login->exchange != NULL)
        return false;
    if (login->refused && look_again(login)) {
        login->refused = false;
        return true;
    }
    if (clock_now() < login->next_login && !first)
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
    int64_t left = openstack_login_seconds_left(login);
    bool usable = have && !is_refused && left > 0;
    if ((!usable || left <= login->renew_before) && may_log_in(login, is_refused)) {
        login->young = is_refused && clock_now() - login->since < YOUNG ? login->young + 1 : 0;
        if (login->settings.method == OPENSTACK_KEYS)
            return give_keys(login, NULL, out, error);
        int status = openstack_token_fetch(login);
        if (status < 0)
            plan_login(login, status);
    }
    if (usable)
        return give(known, out, error);
    if (login->exchange != NULL)
        return wait_for_login(login, error, ready, data);
    return explain(login, is_refused, error);
}

static void source_cancel(void *self, void *data)
{
    struct openstack_login *login = self;
    credential_waiters_cancel(&login->waiters, data);
}

/* --- the whole ----------------------------------------------------------------------- */

int openstack_login_new(struct http *http, const struct openstack_login_settings *settings,
                        struct credential_source *source, struct openstack_login **login,
                        struct cloud_error *error)
{
    struct openstack_login *made = calloc(1, sizeof *made);
    if (made == NULL)
        return openstack_login_fail(error, -ENOMEM, "out of memory");
    made->http = http;
    made->environment = settings->environment;
    made->evs = settings->evs;
    made->timeout = settings->timeout;
    credential_init(&made->credential);
    keystone_token_init(&made->pending);
    int status = 0;
    if (copy(&made->profile, settings->profile) < 0 || copy(&made->region, settings->region) < 0 ||
        copy(&made->endpoint, settings->endpoint) < 0)
        status = openstack_login_fail(error, -ENOMEM, "out of memory");
    if (status == 0)
        status = openstack_settings_read(made->environment, made->profile, &made->settings, error);
    if (status < 0) {
        openstack_login_free(made);
        return status;
    }
    openstack_environment_drop_secrets(made->environment);
    made->next_look = clock_now() + LOGIN_INTERVAL;
    *source = (struct credential_source){.get = source_get, .cancel = source_cancel, .self = made};
    *login = made;
    return 0;
}

void openstack_login_free(struct openstack_login *login)
{
    if (login == NULL)
        return;
    http_cancel(login->exchange);
    credential_waiters_free(&login->waiters);
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
