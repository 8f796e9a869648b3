/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes back.
 *
 * The catalogue's order is arbitrary and several services may call themselves block storage, so the
 * endpoint is chosen by the order of types, then by interface and region.  An answer is believed as
 * far as it can be used safely: no token with a line break, no id that is a path, no URL in the
 * clear.
 */
#include "cbsfs/keystone.h"

#include "keystone_url.h"

#include "../codec.h"

#include "cbsfs/fields.h"
#include "cbsfs/http.h"
#include "cbsfs/timestamp.h"
#include "cbsfs/wipe.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINOR_MAX 9999

void keystone_token_init(struct keystone_token *token)
{
    memset(token, 0, sizeof *token);
    token->expires = TIMESTAMP_NONE;
}

void keystone_token_free(struct keystone_token *token)
{
    wipe_text(token->token);
    free(token->token);
    free(token->project);
    free(token->endpoint);
    keystone_token_init(token);
}

static void refuse(struct cloud_error *error, int status, const char *code, const char *message)
{
    cloud_error_set(error, status, CLOUD_REFUSED, CLOUD_FINAL, code, "%s", message);
}

/* --- what Keystone says of a failure ------------------------------------------------- */

/* The first line: the rest is a schema. */
static void take_line(const char *text, char *line, size_t size)
{
    snprintf(line, size, "%.*s", (int)strcspn(text, "\r\n"), text);
}

static void set_refusal(const struct http_reply *reply, const json_t *document,
                        struct cloud_error *error)
{
    const json_t *envelope = field_object(document, "error");
    /* The second is what stands before Huawei's IAM. */
    const char *message = field_text(envelope, "message", field_text(document, "error_msg", ""));
    char line[256];
    take_line(message, line, sizeof line);
    switch (reply->status) {
    case 400:
        refuse(error, -EINVAL, "", line);
        break;
    case 401:
        refuse(error, -EKEYREJECTED, "", line);
        break;
    case 403:
        refuse(error, -EACCES, "", line);
        break;
    default:
        codec_set_foreign(reply, "no answer of Keystone v3", error);
    }
}

/* --- the catalogue ------------------------------------------------------------------- */

#define TYPE_COUNT 4

static const char *const types[TYPE_COUNT] = {"block-storage", "volumev3", "volume", "block-store"};
static const char *const evs_types[TYPE_COUNT] = {"volumev3", "block-storage", "volume",
                                                  "block-store"};

struct found {
    const json_t *endpoint;
    bool several_regions;
};

static const char *region_of(const json_t *endpoint)
{
    const char *id = field_text(endpoint, "region_id", "");
    return *id != '\0' ? id : field_text(endpoint, "region", "");
}

static bool is_in_region(const json_t *endpoint, const char *region)
{
    return region == NULL || *region == '\0' ||
           strcmp(field_text(endpoint, "region_id", ""), region) == 0 ||
           strcmp(field_text(endpoint, "region", ""), region) == 0;
}

/* "publicURL" is what files of the days of v2 say. */
static bool is_interface(const json_t *endpoint, const char *wanted)
{
    const char *interface = field_text(endpoint, "interface", "");
    size_t length = strlen(interface);

    if (wanted == NULL || *wanted == '\0')
        wanted = "public";
    return length > 0 && strncmp(wanted, interface, length) == 0 &&
           (wanted[length] == '\0' || strcmp(wanted + length, "URL") == 0);
}

/* The names without a version have been those of every version. */
static bool is_version_3(const char *type, const char *url)
{
    if (strcmp(type, "volumev3") == 0)
        return true;
    if (strcmp(type, "block-storage") == 0)
        return !keystone_url_has_version(url, "v2") && !keystone_url_has_version(url, "v1");
    return keystone_url_has_version(url, "v3");
}

static void look_at_service(const json_t *service, const char *type,
                            const struct keystone_wish *wish, struct found *found)
{
    const json_t *endpoint;
    size_t index;

    if (strcmp(field_text(service, "type", ""), type) != 0)
        return;
    json_array_foreach(field_array(service, "endpoints"), index, endpoint)
    {
        const char *url = field_text(endpoint, "url", "");
        if (*url == '\0' || !is_version_3(type, url) || !is_interface(endpoint, wish->interface) ||
            !is_in_region(endpoint, wish->region))
            continue;
        if (found->endpoint == NULL)
            found->endpoint = endpoint;
        else if (strcmp(region_of(found->endpoint), region_of(endpoint)) != 0)
            found->several_regions = true;
    }
}

static struct found find_endpoint(const json_t *catalog, const struct keystone_wish *wish)
{
    struct found found = {NULL, false};
    const json_t *service;
    size_t index;

    for (size_t i = 0; i < TYPE_COUNT && found.endpoint == NULL; i++)
        json_array_foreach(catalog, index, service)
        {
            look_at_service(service, wish->evs ? evs_types[i] : types[i], wish, &found);
        }
    return found;
}

/* Appends a word to a list of words, once, as far as it can be shown. */
static void note_word(struct buffer *list, const char *word)
{
    char with_comma[80];

    snprintf(with_comma, sizeof with_comma, "%.64s,", word);
    if (*word == '\0' || list->length > 256)
        return;
    if (list->data != NULL)
        for (const char *at = list->data; (at = strstr(at, with_comma)) != NULL; at++)
            if (at == list->data || at[-1] == ' ')
                return;
    if (list->length > 0)
        buffer_puts(list, " ");
    buffer_put_printable(list, with_comma);
}

static const char *words(struct buffer *list)
{
    if (list->length == 0 || list->error != 0)
        return "none";
    list->data[list->length - 1] = '\0'; /* the last comma */
    return list->data;
}

static bool is_block_storage(const char *type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return strcmp(type, "volumev2") == 0;
}

/* Why nothing, or too much, was found: what the catalogue has. */
static void set_no_endpoint(const json_t *catalog, const struct keystone_wish *wish,
                            bool several_regions, struct cloud_error *error)
{
    struct buffer services, regions, interfaces;
    const json_t *service, *endpoint;
    size_t i, j;

    buffer_init(&services, 0);
    buffer_init(&regions, 0);
    buffer_init(&interfaces, 0);
    json_array_foreach(catalog, i, service)
    {
        const char *type = field_text(service, "type", "");
        note_word(&services, type);
        if (!is_block_storage(type))
            continue;
        json_array_foreach(field_array(service, "endpoints"), j, endpoint)
        {
            note_word(&regions, region_of(endpoint));
            note_word(&interfaces, field_text(endpoint, "interface", ""));
        }
    }
    if (several_regions)
        cloud_error_set(error, -EADDRNOTAVAIL, CLOUD_REFUSED, CLOUD_FINAL, "",
                        "the cloud has several regions: %s; name one (region= or OS_REGION_NAME)",
                        words(&regions));
    else if (regions.length == 0)
        cloud_error_set(error, -EADDRNOTAVAIL, CLOUD_REFUSED, CLOUD_FINAL, "",
                        "the catalogue has no block storage; it has: %s", words(&services));
    else
        cloud_error_set(
            error, -EADDRNOTAVAIL, CLOUD_REFUSED, CLOUD_FINAL, "",
            "the catalogue has no %s endpoint of block storage v3%s%s; it has "
            "regions: %s; interfaces: %s",
            wish->interface != NULL && *wish->interface != '\0' ? wish->interface : "public",
            wish->region != NULL && *wish->region != '\0' ? " in region " : "",
            wish->region != NULL ? wish->region : "", words(&regions), words(&interfaces));
    buffer_free(&services);
    buffer_free(&regions);
    buffer_free(&interfaces);
}

static void set_endpoint(const char *url, struct keystone_token *token, struct cloud_error *error)
{
    int status = keystone_complete_endpoint(url, token->project, &token->endpoint);

    if (status == 0 && !http_is_allowed(token->endpoint, NULL))
        status = -EINVAL;
    if (status == -ENOMEM)
        codec_set_out_of_memory(error);
    else if (status < 0)
        cloud_error_set(error, -EADDRNOTAVAIL, CLOUD_REFUSED, CLOUD_FINAL, "",
                        "the endpoint of the block storage, %.200s, cannot be used: it must begin "
                        "with https:// (http:// is only for this machine)",
                        url);
}

static void choose_endpoint(const json_t *catalog, const struct keystone_wish *wish,
                            struct keystone_token *token, struct cloud_error *error)
{
    if (wish->endpoint != NULL && *wish->endpoint != '\0') {
        set_endpoint(wish->endpoint, token, error);
        return;
    }
    struct found found = find_endpoint(catalog, wish);
    if (found.endpoint != NULL && !found.several_regions) {
        snprintf(token->region, sizeof token->region, "%s", region_of(found.endpoint));
        set_endpoint(field_text(found.endpoint, "url", ""), token, error);
    } else if (found.endpoint == NULL && wish->fallback != NULL) {
        set_endpoint(wish->fallback, token, error);
    } else {
        set_no_endpoint(catalog, wish, found.several_regions, error);
    }
}

/* --- the token ----------------------------------------------------------------------- */

/* It becomes part of a header. */
static bool is_token(const char *text)
{
    if (text == NULL || *text == '\0')
        return false;
    for (const char *letter = text; *letter != '\0'; letter++)
        if (!isgraph((unsigned char)*letter))
            return false;
    return true;
}

static void read_token(const struct http_reply *reply, const json_t *document,
                       const struct keystone_wish *wish, struct keystone_token *token,
                       struct cloud_error *error)
{
    const json_t *body = field_object(document, "token");
    const json_t *project = field_object(body, "project");
    const char *secret = reply->header(reply, "X-Subject-Token");

    if (body == NULL || !is_token(secret)) {
        codec_set_foreign(reply, "no token in it", error);
        return;
    }
    if (project == NULL) {
        refuse(error, -EKEYREJECTED, "",
               "the log-in is good, but for no project: set OS_PROJECT_NAME (or project_name in "
               "clouds.yaml)");
        return;
    }
    const char *id = codec_id(project, "id");
    if (*id == '\0') {
        codec_set_foreign(reply, "a project without an id", error);
        return;
    }
    timestamp_parse(field_text(body, "expires_at", ""), 0, &token->expires);
    token->token = strdup(secret);
    token->project = strdup(id);
    if (token->token == NULL || token->project == NULL)
        codec_set_out_of_memory(error);
    else
        choose_endpoint(field_array(body, "catalog"), wish, token, error);
}

void keystone_decode(const struct http_reply *reply, const struct keystone_wish *wish,
                     struct keystone_token *token, struct cloud_error *error)
{
    char reason[80];

    cloud_error_set(error, 0, CLOUD_DONE, CLOUD_FINAL, "", "%s", "");
    error->http_status = reply->status;
    if (codec_set_status_error(reply, error))
        return;
    json_t *document = fields_parse_secret(reply->body, reply->body_length, reason, sizeof reason);
    if (document == NULL && errno == ENOMEM)
        codec_set_out_of_memory(error);
    else if (reply->status == 201 || reply->status == 200)
        read_token(reply, document, wish, token, error);
    else
        set_refusal(reply, document, error);
    fields_free_secret(document);
    if (error->status < 0)
        keystone_token_free(token);
}

/* --- the versions -------------------------------------------------------------------- */

static unsigned minor_of(const char *version)
{
    if (strncmp(version, "3.", 2) != 0)
        return 0;
    size_t digits = strspn(version + 2, "0123456789");
    unsigned long minor = strtoul(version + 2, NULL, 10);
    return digits == 0 || version[2 + digits] != '\0' || minor > MINOR_MAX ? 0 : (unsigned)minor;
}

unsigned keystone_decode_versions(const struct http_reply *reply)
{
    char reason[80];
    unsigned newest = 0;
    const json_t *version;
    size_t index;

    if (reply->failure != HTTP_OK || (reply->status != 300 && reply->status != 200))
        return 0;
    json_t *document = fields_parse(reply->body, reply->body_length, reason, sizeof reason);
    json_array_foreach(field_array(document, "versions"), index, version)
    {
        unsigned minor = minor_of(field_text(version, "version", ""));
        newest = minor > newest ? minor : newest;
    }
    json_decref(document);
    return newest;
}
