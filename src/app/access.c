/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/access.h"

#include "cbsfs/buffer.h"
#include "cbsfs/credentials.h"
#include "cbsfs/demo.h"
#include "cbsfs/http.h"
#include "cbsfs/openstack_login.h"
#include "cbsfs/openstack_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- OpenStack ----------------------------------------------------------------------- */

static int copy(char **place, const char *text)
{
    free(*place);
    *place = text != NULL ? strdup(text) : NULL;
    return text != NULL && *place == NULL ? -ENOMEM : 0;
}

/* Access keys are sent to a host that is made of the region, if nobody tells another. */
static bool has_place(const struct openstack_settings *settings, const struct options *options)
{
    return settings->method != OPENSTACK_KEYS || options->endpoint != NULL ||
           options->region != NULL || settings->values[OPENSTACK_REGION] != NULL ||
           settings->values[OPENSTACK_ENDPOINT] != NULL ||
           settings->values[OPENSTACK_AUTH_URL] != NULL;
}

/* A word of mount options cannot hold everything that the name of a cloud or profile may have. */
static const char *plain_name(const char *name)
{
    const size_t most = 100;
    const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    bool is_plain = name != NULL && *name != '\0' && strlen(name) <= most &&
                    name[strspn(name, letters)] == '\0';
    return is_plain ? name : NULL;
}

static int take_settings(struct access *access, const struct openstack_settings *settings,
                         struct options *options, char *reason, size_t size)
{
    if (openstack_settings_are_evs(settings))
        options->provider = &provider_evs;
    if (!has_place(settings, options)) {
        snprintf(reason, size,
                 "no region: give one before the mountpoint (cbsfs eu-de MOUNTPOINT), as "
                 "-o region=REGION, or in OS_REGION_NAME or region_name");
        return -EINVAL;
    }
    if (copy(&options->found_profile, plain_name(settings->cloud)) < 0 ||
        copy(&access->ca_file, settings->values[OPENSTACK_CACERT]) < 0 ||
        copy(&access->cert_file, settings->values[OPENSTACK_CERT]) < 0 ||
        copy(&access->key_file, settings->values[OPENSTACK_KEY]) < 0)
        return -ENOMEM;
    return options_complete(options, settings->values[OPENSTACK_REGION], reason, size);
}

static int find_openstack(struct access *access, struct options *options, char *reason, size_t size)
{
    struct openstack_settings settings;

    access->environment = openstack_environment_take(NULL);
    if (access->environment == NULL)
        return -ENOMEM;
    int status =
        openstack_settings_read(access->environment, options->profile, &settings, &access->error);
    if (status == 0) {
        status = take_settings(access, &settings, options, reason, size);
        openstack_settings_free(&settings);
        return status;
    }
    if (options->action == OPTIONS_CHECK)
        return options_complete(options, NULL, reason, size);
    snprintf(reason, size, "%s", access->error.message);
    return status;
}

/* The source of somebody who cannot log in: it says why. */
static int say_why(void *self, const char *refused, struct credential *out,
                   struct cloud_error *error, void (*ready)(void *data, int status), void *data)
{
    const struct access *access = self;
    (void)refused, (void)out, (void)ready, (void)data;
    *error = access->error;
    return error->status;
}

static void cancel_nothing(void *self, void *data)
{
    (void)self, (void)data;
}

static int open_why(struct access *access)
{
    access->source =
        (struct credential_source){.get = say_why, .cancel = cancel_nothing, .self = access};
    return 0;
}

static int open_openstack(struct access *access, struct http *http, const struct options *options,
                          char *reason, size_t size)
{
    const struct openstack_login_settings settings = {
        .environment = access->environment,
        .profile = options->profile,
        .region = options->region,
        .endpoint = options->endpoint,
        .evs = options->provider == &provider_evs,
        /* So that an exchange that hangs leaves time for the other and for the question itself. */
        .timeout = (int64_t)options->timeout * 1000 * 2 / 5,
    };
    int status =
        openstack_login_new(http, &settings, &access->source, &access->login, &access->error);
    if (status < 0 && options->action == OPTIONS_CHECK)
        return open_why(access);
    if (status < 0)
        snprintf(reason, size, "%s", access->error.message);
    return status;
}

/* --- Tencent ------------------------------------------------------------------------- */

static int find_tencent(struct access *access, struct options *options, char *reason, size_t size)
{
    struct credentials_settings settings = {.profile = options->profile};
    struct credentials_place place = {"", "", ""};
    int status = 0;

    if (options->action == OPTIONS_DEMO)
        snprintf(place.region, sizeof place.region, "%s", "ap-guangzhou");
    else
        status = credentials_region(&settings, &place, reason, size);
    if (status < 0 && options->action == OPTIONS_CHECK)
        cloud_error_set(&access->error, status, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s", reason);
    else if (status < 0)
        return status;
    if (copy(&options->found_profile, plain_name(place.profile)) < 0)
        return -ENOMEM;
    status = options_complete(options, *place.region != '\0' ? place.region : NULL, reason, size);
    if (status == 0 && options->endpoint == NULL && *place.endpoint != '\0')
        status = copy(&options->endpoint, place.endpoint);
    return status;
}

/* --- whichever it is ----------------------------------------------------------------- */

int access_find(struct access *access, struct options *options, char *reason, size_t size)
{
    if (options_speak_openstack(options))
        return find_openstack(access, options, reason, size);
    return find_tencent(access, options, reason, size);
}

void access_forget(struct access *access)
{
    credentials_forget_environment();
    openstack_environment_forget();
    openstack_environment_free(access->environment);
    access->environment = NULL;
}

void access_fill_http(const struct access *access, struct http_settings *settings)
{
    settings->ca_file = access->ca_file;
    settings->cert_file = access->cert_file;
    settings->key_file = access->key_file;
}

int access_open(struct access *access, struct http *http, const struct options *options,
                char *reason, size_t size)
{
    if (access->demo != NULL) {
        access->source = access->demo->credentials;
        return 0;
    }
    if (options_speak_openstack(options)) {
        credentials_forget_environment();
        return open_openstack(access, http, options, reason, size);
    }
    struct credentials_settings settings = {.profile = options->profile};
    openstack_environment_forget();
    if (access->error.status != 0)
        return open_why(access);
    return credentials_new(http, &settings, &access->source, &access->credentials);
}

void access_end(struct access *access)
{
    credentials_free(access->credentials);
    openstack_login_free(access->login);
    openstack_environment_free(access->environment);
    free(access->ca_file);
    free(access->cert_file);
    free(access->key_file);
    *access = (struct access){0};
}

static void put_source(const struct access *access, char *text, size_t size)
{
    if (access->demo != NULL)
        snprintf(text, size, "demo");
    else if (access->login != NULL)
        openstack_login_describe(access->login, text, size);
    else if (access->credentials != NULL)
        credentials_describe(access->credentials, text, size);
    else
        snprintf(text, size, "none");
}

void access_describe(const struct access *access, char *text, size_t size)
{
    put_source(access, text, size);
    if (access->login == NULL || *openstack_login_project(access->login) == '\0')
        return;
    size_t length = strlen(text);
    snprintf(text + length, size - length, ", project %s", openstack_login_project(access->login));
    length = strlen(text);
    if (*openstack_login_endpoint(access->login) != '\0')
        snprintf(text + length, size - length, " at %s", openstack_login_endpoint(access->login));
}

void access_put_config(const struct access *access, const struct options *options,
                       struct buffer *out)
{
    const char *region = options->region, *endpoint = options->endpoint;
    char text[512];

    if (access->login != NULL && *region == '\0')
        region = openstack_login_region(access->login);
    if (access->demo != NULL)
        endpoint = access->demo->endpoint;
    else if (access->login != NULL && *openstack_login_endpoint(access->login) != '\0')
        endpoint = openstack_login_endpoint(access->login);
    put_source(access, text, sizeof text);
    buffer_puts(out, "region ");
    buffer_put_printable(out, region);
    const char *profile = options->profile != NULL ? options->profile : options->found_profile;
    buffer_printf(out, "\nprofile %s\nendpoint ", profile != NULL ? profile : "");
    buffer_put_printable(out, endpoint != NULL ? endpoint : "");
    buffer_puts(out, "\ncredentials ");
    buffer_put_printable(out, text);
    if (access->login != NULL)
        buffer_printf(out, "\nproject %s", openstack_login_project(access->login));
    buffer_puts(out, "\n");
}
