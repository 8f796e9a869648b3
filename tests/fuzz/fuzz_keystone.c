/* SPDX-License-Identifier: Apache-2.0 */
/* The input as what Keystone answers to a log-in and what the block storage says of its versions;
 * its first byte chooses the status and what is wished for. */
#include "cbsfs/buffer.h"
#include "cbsfs/http.h"
#include "cbsfs/keystone.h"

#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *header(const struct http_reply *reply, const char *name)
{
    return strcmp(name, "X-Subject-Token") == 0 ? reply->internal : NULL;
}

static void log_in(const struct http_reply *reply, const struct keystone_wish *wish)
{
    struct keystone_token token;
    struct cloud_error error;
    struct http_request request;

    keystone_token_init(&token);
    keystone_decode(reply, wish, &token, &error);
    if (error.status < 0) {
        fuzz_require(token.token == NULL && token.project == NULL && token.endpoint == NULL);
        fuzz_require(reply->status >= 300 || *error.message != '\0');
    } else {
        fuzz_require(error.status == 0 && *token.token != '\0' && *token.project != '\0');
        fuzz_require(strpbrk(token.token, " \r\n") == NULL);
        fuzz_require(strpbrk(token.project, "/?#% \r\n") == NULL);
        fuzz_require(http_is_allowed(token.endpoint, NULL));
        fuzz_require(strpbrk(token.endpoint, "@?# \r\n") == NULL);
        http_request_init(&request);
        fuzz_require(keystone_encode_versions(token.endpoint, &request) == 0);
        fuzz_require(http_is_allowed(request.url, NULL));
        http_request_free(&request);
    }
    keystone_token_free(&token);
}

/* Whatever the texts are, the request is none or whole. */
static void ask(char *text)
{
    struct http_request request;
    const struct keystone_login login = {.method = KEYSTONE_PASSWORD,
                                         .auth_url = "https://k/v3",
                                         .user_name = text,
                                         .password = text,
                                         .project_name = text};
    const struct keystone_login other = {
        .method = KEYSTONE_TOKEN, .auth_url = text, .token = "t", .project_id = text};

    http_request_init(&request);
    if (keystone_encode(&login, &request) == 0) {
        json_error_t error;
        json_t *body = json_loadb(request.body, request.body_length, 0, &error);
        fuzz_require(body != NULL);
        json_decref(body);
        char *copy = strdup(text);
        http_request_redact_login(&request, copy, strlen(copy));
        fuzz_require(strlen(copy) < 4 || strcmp(copy, text) != 0 ||
                     strspn(text, "*") == strlen(text));
        free(copy);
    }
    http_request_free(&request);
    if (keystone_encode(&other, &request) == 0)
        fuzz_require(strpbrk(request.url, " \r\n") == NULL);
    http_request_free(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const long statuses[] = {201, 201, 200, 400, 401, 403, 404, 500};
    static char plain[] = "token", broken[] = "a b";
    static const struct keystone_wish wishes[] = {
        {0},
        {.interface = "internalURL", .region = "RegionOne"},
        {.fallback = "https://evs.eu-de.example", .evs = true},
        {.endpoint = "https://volume.example/v3"},
    };
    unsigned choice = size > 0 ? data[0] : 0;
    char *text = size > 0 ? fuzz_text(data + 1, size - 1) : fuzz_text(data, size);
    struct http_reply reply = {.status = statuses[choice % 8],
                               .body = text,
                               .body_length = strlen(text),
                               .header = header,
                               .internal = choice >= 128 ? broken : plain};

    log_in(&reply, &wishes[choice / 8 % 4]);
    reply.status = 300;
    fuzz_require(keystone_decode_versions(&reply) <= 9999);
    ask(text);
    free(text);
    return 0;
}
