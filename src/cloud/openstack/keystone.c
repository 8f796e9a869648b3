/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked.  The body is written by hand, because a JSON library would leave copies of the
 * password in memory. */
#include "cbsfs/keystone.h"

#include "keystone_url.h"

#include "cbsfs/buffer.h"
#include "cbsfs/http.h"
#include "cbsfs/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_LIMIT (1 << 20)

static bool is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

/* A JSON string; -EINVAL for bytes that JSON cannot carry. */
static int put_text(struct buffer *body, const char *text)
{
    buffer_puts(body, "\"");
    while (*text != '\0') {
        uint32_t point = 0;
        size_t length = utf8_decode(text, &point);
        if (length == 0)
            return -EINVAL;
        if (point < ' ' || point == '"' || point == '\\')
            buffer_printf(body, "\\u%04x", point);
        else
            buffer_append(body, text, length);
        text += length;
    }
    return buffer_puts(body, "\"");
}

/* {"id": ...}, or {"name": ..., "domain": {...}}, without the closing brace. */
static int put_named(struct buffer *body, const char *id, const char *name, const char *domain_id,
                     const char *domain_name)
{
    if (is_given(id)) {
        buffer_puts(body, "{\"id\":");
        return put_text(body, id);
    }
    buffer_puts(body, "{\"name\":");
    int status = put_text(body, name != NULL ? name : "");
    if (status < 0)
        return status;
    buffer_puts(body, is_given(domain_id) ? ",\"domain\":{\"id\":" : ",\"domain\":{\"name\":");
    status = put_text(body, is_given(domain_id)     ? domain_id
                            : is_given(domain_name) ? domain_name
                                                    : "Default");
    return status < 0 ? status : buffer_puts(body, "}");
}

static int put_user(struct buffer *body, const struct keystone_login *login)
{
    return put_named(body, login->user_id, login->user_name, login->user_domain_id,
                     login->user_domain_name);
}

static int put_secret(struct buffer *body, const char *key, const char *secret)
{
    buffer_printf(body, ",\"%s\":", key);
    return put_text(body, secret != NULL ? secret : "");
}

static int put_password(struct buffer *body, const struct keystone_login *login)
{
    buffer_puts(body, "\"methods\":[\"password\"],\"password\":{\"user\":");
    int status = put_user(body, login);
    if (status == 0)
        status = put_secret(body, "password", login->password);
    return status < 0 ? status : buffer_puts(body, "}}");
}

static int put_application(struct buffer *body, const struct keystone_login *login)
{
    bool by_id = is_given(login->application_id);

    buffer_puts(body, "\"methods\":[\"application_credential\"],\"application_credential\":{");
    buffer_puts(body, by_id ? "\"id\":" : "\"name\":");
    int status = put_text(body, by_id                             ? login->application_id
                                : login->application_name != NULL ? login->application_name
                                                                  : "");
    if (status == 0)
        status = put_secret(body, "secret", login->application_secret);
    if (status == 0 && !by_id) {
        buffer_puts(body, ",\"user\":");
        status = put_user(body, login);
        buffer_puts(body, "}");
    }
    return status < 0 ? status : buffer_puts(body, "}");
}

static int put_token(struct buffer *body, const struct keystone_login *login)
{
    buffer_puts(body, "\"methods\":[\"token\"],\"token\":{\"id\":");
    int status = put_text(body, login->token != NULL ? login->token : "");
    return status < 0 ? status : buffer_puts(body, "}");
}

static int put_scope(struct buffer *body, const struct keystone_login *login)
{
    if (login->method == KEYSTONE_APPLICATION_CREDENTIAL ||
        (!is_given(login->project_id) && !is_given(login->project_name)))
        return 0;
    buffer_puts(body, ",\"scope\":{\"project\":");
    int status = put_named(body, login->project_id, login->project_name, login->project_domain_id,
                           login->project_domain_name);
    return status < 0 ? status : buffer_puts(body, "}}");
}

static int put_body(struct buffer *body, const struct keystone_login *login)
{
    static int (*const methods[])(struct buffer *, const struct keystone_login *) = {
        [KEYSTONE_PASSWORD] = put_password,
        [KEYSTONE_APPLICATION_CREDENTIAL] = put_application,
        [KEYSTONE_TOKEN] = put_token,
    };
    buffer_puts(body, "{\"auth\":{\"identity\":{");
    int status = methods[login->method](body, login);
    buffer_puts(body, "}");
    if (status == 0)
        status = put_scope(body, login);
    buffer_puts(body, "}}");
    return status < 0 ? status : body->error;
}

/* Fills an empty request; `body` may be NULL, and is taken over in every case. */
static int make_request(struct http_request *request, const char *method, char *url,
                        struct buffer *body)
{
    int status = 0;

    request->url = url;
    request->method = strdup(method);
    if (request->url == NULL || request->method == NULL)
        status = -ENOMEM;
    if (status == 0 && body != NULL) {
        request->body_length = body->length;
        request->body = buffer_steal(body);
        status = request->body == NULL
                     ? -ENOMEM
                     : http_request_add_header(request, "Content-Type", "application/json");
    }
    if (status == 0)
        status = http_request_add_header(request, "Accept", "application/json");
    if (status < 0)
        http_request_free(request);
    return status;
}

int keystone_encode(const struct keystone_login *login, struct http_request *request)
{
    struct buffer body;
    char *url = NULL;

    int status = keystone_url_of(login->auth_url, "/v3/auth/tokens", &url);
    if (status < 0)
        return status;
    buffer_init(&body, BODY_LIMIT);
    buffer_hold_secret(&body);
    status = put_body(&body, login);
    if (status == 0)
        status = make_request(request, "POST", url, &body);
    else
        free(url);
    buffer_cleanse(&body);
    return status == -EMSGSIZE ? -EINVAL : status;
}

int keystone_encode_versions(const char *endpoint, struct http_request *request)
{
    char *url = NULL;
    int status = keystone_url_of(endpoint, "/", &url);

    return status < 0 ? status : make_request(request, "GET", url, NULL);
}
