/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks: Keystone's tokens (openstack facts 2) and signed requests.
 *
 * A token says itself which project it is for and when it ends, and carries a proof that this
 * simulator's key made it; so one with the same key takes it too.
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbsfs/buffer.h"
#include "cbsfs/clock.h"
#include "cbsfs/fields.h"
#include "evs.h"
#include "evs_signature.h"

#define TOKEN_PREFIX "MIIsim"
#define TOKEN_FILL   1600 /* bytes that say nothing: the cloud's tokens have kilobytes */
#define TOKEN_LIMIT  8192
#define DIGEST_SIZE  32
#define HEX_SIZE     (2 * DIGEST_SIZE + 1)
#define NO_PROJECT   (-1)

/* What a token says. */
struct token {
    long project; /* index of the account, or NO_PROJECT */
    int64_t ends; /* ms since the epoch */
};

static void write_hex(const unsigned char *bytes, size_t count, char *hex)
{
    for (size_t i = 0; i < count; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static void digest_of(const char *kind, const char *name, char hex[EVS_PROJECT_ID_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    char text[256];

    snprintf(text, sizeof text, "%s %s", kind, name);
    EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
    write_hex(digest, (EVS_PROJECT_ID_SIZE - 1) / 2, hex);
}

void evs_project_id(const struct account *account, char id[EVS_PROJECT_ID_SIZE])
{
    digest_of("project", account->region, id);
}

/* Milliseconds, with the fault "clock". */
static int64_t server_time(const struct sim *sim)
{
    return clock_wall() + sim->faults.shift * 1000;
}

/* --- tokens -------------------------------------------------------------------------- */

static int prove(const struct sim *sim, const char *text, size_t length, char hex[HEX_SIZE])
{
    const char *key = sim->options.secret_key;
    unsigned char digest[EVP_MAX_MD_SIZE];

    if (!HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text, length, digest,
              NULL))
        return -ENOMEM;
    write_hex(digest, DIGEST_SIZE, hex);
    return 0;
}

static int write_token(struct sim *sim, const struct token *token, struct buffer *text)
{
    char proof[HEX_SIZE];

    buffer_init(text, TOKEN_LIMIT);
    buffer_printf(text, TOKEN_PREFIX ".%ld.%" PRId64 ".", token->project, token->ends);
    while (text->error == 0 && text->length < TOKEN_FILL)
        buffer_printf(text, "%016" PRIx64, random_next(&sim->random));
    if (text->error || prove(sim, text->data, text->length, proof) < 0)
        return -ENOMEM;
    return buffer_printf(text, ".%s", proof);
}

/* Whether it is one of ours and has not ended. */
static bool read_token(const struct sim *sim, const char *text, struct token *token)
{
    const char *dot = strrchr(text, '.');
    char proof[HEX_SIZE];
    char *rest;

    if (!dot || strlen(dot + 1) != HEX_SIZE - 1 ||
        prove(sim, text, (size_t)(dot - text), proof) < 0 ||
        CRYPTO_memcmp(proof, dot + 1, HEX_SIZE - 1) != 0 ||
        strncmp(text, TOKEN_PREFIX ".", strlen(TOKEN_PREFIX ".")) != 0)
        return false;
    /* We have written it, so the numbers are there. */
    token->project = strtol(text + strlen(TOKEN_PREFIX "."), &rest, 10);
    token->ends = strtoll(rest + 1, NULL, 10);
    return server_time(sim) < token->ends;
}

/* --- a login ------------------------------------------------------------------------- */

static int unauthorized(struct api_request *request)
{
    return api_refuse_plainly(request, "Unauthorized",
                              "The request you have made requires authentication.");
}

static int malformed(struct api_request *request, const char *what)
{
    return api_refuse_plainly(request, "Bad Request", "'%s' is a required property", what);
}

static bool has_method(const json_t *identity, const char *wanted)
{
    size_t index;
    json_t *method;

    json_array_foreach(json_object_get(identity, "methods"), index, method)
    {
        if (json_is_string(method) && strcmp(json_string_value(method), wanted) == 0)
            return true;
    }
    return false;
}

static bool password_is_right(const struct options *options, const json_t *identity)
{
    const json_t *user = field_object(field_object(identity, "password"), "user");
    char id[EVS_PROJECT_ID_SIZE];

    digest_of("user", options->secret_id, id);
    return (strcmp(field_text(user, "name", ""), options->secret_id) == 0 ||
            strcmp(field_text(user, "id", ""), id) == 0) &&
           strcmp(field_text(user, "password", ""), options->secret_key) == 0;
}

/* Who it is, and until when that is known. */
static int check_login(struct api_request *request, const json_t *identity, struct token *token)
{
    const char *old = field_text(field_object(identity, "token"), "id", "");

    if (has_method(identity, "password"))
        return password_is_right(&request->sim->options, identity) ? 0 : unauthorized(request);
    if (!has_method(identity, "token"))
        return api_refuse_plainly(request, "Unauthorized",
                                  "Attempted to authenticate with an unsupported method.");
    return read_token(request->sim, old, token) ? 0 : unauthorized(request);
}

static int find_project(struct api_request *request, const json_t *scope, struct token *token)
{
    const json_t *project = field_object(scope, "project");
    const char *name = field_text(project, "name", "");
    const char *wanted = field_text(project, "id", "");
    char id[EVS_PROJECT_ID_SIZE];

    token->project = NO_PROJECT;
    if (!project)
        return 0;
    for (size_t i = 0; i < request->sim->account_count; i++) {
        evs_project_id(&request->sim->accounts[i], id);
        if (strcmp(request->sim->accounts[i].region, name) == 0 || strcmp(id, wanted) == 0) {
            token->project = (long)i;
            return 0;
        }
    }
    return unauthorized(request);
}

static json_t *catalog_entry(const char *type, const char *name, const char *region,
                             const char *url)
{
    char id[EVS_PROJECT_ID_SIZE];
    char endpoint[EVS_PROJECT_ID_SIZE];

    digest_of("service", type, id);
    digest_of("endpoint", url, endpoint);
    return json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:s, s:s, s:s}]}", "type", type, "name", name,
                     "id", id, "endpoints", "id", endpoint, "interface", "public", "region", region,
                     "region_id", region, "url", url);
}

static json_t *catalog(const struct account *account, const char *host)
{
    char project[EVS_PROJECT_ID_SIZE];
    char identity[300], second[300], third[300];

    evs_project_id(account, project);
    snprintf(identity, sizeof identity, "http://%.200s/v3", host);
    snprintf(second, sizeof second, "http://%.200s/v2/%s", host, project);
    snprintf(third, sizeof third, "http://%.200s/v3/%s", host, project);
    return json_pack("[o, o, o]", catalog_entry("volumev2", "evsv2", account->region, second),
                     catalog_entry("identity", "iam", account->region, identity),
                     catalog_entry("volumev3", "evsv3", account->region, third));
}

static json_t *user_of(const struct options *options)
{
    char id[EVS_PROJECT_ID_SIZE], domain[EVS_PROJECT_ID_SIZE];

    digest_of("user", options->secret_id, id);
    digest_of("domain", "simulator", domain);
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "id", id, "name", options->secret_id,
                     "password_expires_at", "", "domain", "id", domain, "name", "simulator");
}

static json_t *project_of(const struct account *account)
{
    char id[EVS_PROJECT_ID_SIZE], domain[EVS_PROJECT_ID_SIZE];

    evs_project_id(account, id);
    digest_of("domain", "simulator", domain);
    return json_pack("{s:s, s:s, s:{s:s, s:s}}", "id", id, "name", account->region, "domain", "id",
                     domain, "name", "simulator");
}

static void zoned_time(int64_t wall_ms, char text[EVS_TIME_SIZE])
{
    size_t length;

    evs_time(wall_ms, text);
    length = strlen(text);
    snprintf(text + length, EVS_TIME_SIZE - length, "Z");
}

/* {"token": {...}} of a new token. New reference or NULL. */
static json_t *describe_token(const struct api_request *request, const struct http_request *http,
                              const struct token *token)
{
    const struct sim *sim = request->sim;
    const char *host = http->header(http->header_context, "Host");
    char issued[EVS_TIME_SIZE], expires[EVS_TIME_SIZE];
    json_t *said;

    zoned_time(server_time(sim), issued);
    zoned_time(token->ends, expires);
    said = json_pack("{s:[s], s:o, s:s, s:s, s:[{s:s, s:s}]}", "methods", "password", "user",
                     user_of(&sim->options), "issued_at", issued, "expires_at", expires, "roles",
                     "id", "0", "name", "te_admin");
    if (said && token->project != NO_PROJECT) {
        const struct account *account = &sim->accounts[token->project];

        json_object_set_new(said, "project", project_of(account));
        if (!json_object_get(request->parameters, "nocatalog"))
            json_object_set_new(said, "catalog", catalog(account, host ? host : "127.0.0.1"));
    }
    return json_pack("{s:o}", "token", said);
}

static int hand_out(struct api_request *request, const struct http_request *http,
                    const struct token *token)
{
    struct buffer text;
    int status = write_token(request->sim, token, &text);

    if (status == 0) {
        json_decref(request->reply);
        request->reply = describe_token(request, http, token);
        request->headers = json_pack("{s:s}", "X-Subject-Token", text.data);
        request->status = 201;
        if (!request->reply || !request->headers)
            status = -ENOMEM;
    }
    buffer_free(&text);
    return status;
}

int evs_create_token(struct api_request *request, const struct http_request *http)
{
    struct token token = {.ends = server_time(request->sim) + request->sim->options.token_life};
    char reason[160];
    json_t *body =
        fields_parse(http->body ? http->body : "", http->body_length, reason, sizeof reason);
    const json_t *auth = field_object(body, "auth");
    const json_t *identity = field_object(auth, "identity");
    int status;

    if (!identity)
        status = malformed(request, auth ? "identity" : "auth");
    else if (!field_array(identity, "methods"))
        status = malformed(request, "methods");
    else
        status = check_login(request, identity, &token);
    if (status == 0)
        status = find_project(request, field_object(auth, "scope"), &token);
    if (status == 0)
        status = hand_out(request, http, &token);
    json_decref(body);
    return status;
}

/* --- who asks ------------------------------------------------------------------------ */

static int check_signed(struct api_request *request, const struct http_request *http)
{
    const struct options *options = &request->sim->options;
    const char *token = http->header(http->header_context, "X-Security-Token");
    const struct signature_key key = {options->secret_id, options->secret_key};
    struct signature_problem problem;

    if (evs_signature_check(http, &key, request->wall, &problem) < 0)
        return api_refuse_plainly(request, problem.code, "%s", problem.message);
    if (options->token && (!token || strcmp(token, options->token) != 0))
        return api_refuse_plainly(request, "APIGW.0301",
                                  "Incorrect IAM authentication information: x-security-token is"
                                  " missing or wrong");
    return 0;
}

/* Either way; *project is the one that the caller has named or has a token for, "" if none. */
static int identify(struct api_request *request, const struct http_request *http,
                    char project[EVS_PROJECT_ID_SIZE])
{
    const char *text = http->header(http->header_context, "X-Auth-Token");
    const char *named = http->header(http->header_context, "X-Project-Id");
    struct token token;

    /* A longer one is not cut to one that fits. */
    snprintf(project, EVS_PROJECT_ID_SIZE, "%s",
             named && strlen(named) < EVS_PROJECT_ID_SIZE ? named : "");
    if (!text && http->header(http->header_context, "Authorization"))
        return check_signed(request, http);
    if (!text)
        return api_refuse_plainly(request, "APIGW.0301",
                                  "Incorrect IAM authentication information: x-auth-token not"
                                  " found");
    if (!read_token(request->sim, text, &token))
        return api_refuse_plainly(request, "APIGW.0301",
                                  "Incorrect IAM authentication information: decrypt token fail");
    if (token.project == NO_PROJECT)
        return api_refuse_plainly(request, "EVS.0003", "The token has no roles in this project.");
    evs_project_id(&request->sim->accounts[token.project], project);
    return 0;
}

int evs_check_identity(struct api_request *request, const struct http_request *http)
{
    char project[EVS_PROJECT_ID_SIZE];

    return identify(request, http, project);
}

int evs_check_caller(struct api_request *request, const struct http_request *http)
{
    const char *in_path = field_text(request->parameters, "project_id", "");
    char project[EVS_PROJECT_ID_SIZE], id[EVS_PROJECT_ID_SIZE];
    int status = identify(request, http, project);

    if (status < 0)
        return status;
    for (size_t i = 0; strcmp(project, in_path) == 0 && i < request->sim->account_count; i++) {
        evs_project_id(&request->sim->accounts[i], id);
        if (strcmp(id, in_path) == 0) {
            request->account = &request->sim->accounts[i];
            return 0;
        }
    }
    return api_refuse_plainly(request, "EVS.0001", "The project id in the URL is wrong.");
}

int evs_list_projects(struct api_request *request, const struct http_request *http)
{
    const char *name = field_text(request->parameters, "name", NULL);
    struct sim *sim = request->sim;
    json_t *list = json_array();
    int status = list ? evs_check_identity(request, http) : -ENOMEM;

    for (size_t i = 0; status == 0 && i < sim->account_count; i++) {
        if ((!name || strcmp(name, sim->accounts[i].region) == 0) &&
            json_array_append_new(list, project_of(&sim->accounts[i])) < 0)
            status = -ENOMEM;
    }
    if (status == 0 && json_object_set(request->reply, "projects", list) < 0)
        status = -ENOMEM;
    json_decref(list);
    return status;
}
