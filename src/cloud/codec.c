/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include "cbsfs/http.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define ID_MAX      64
#define EXCERPT_MAX 80

/* --- where --------------------------------------------------------------------------- */

/* Regions come and go, so any string is passed through that is a label of a host name. */
bool codec_region_is_valid(const char *region)
{
    if (region == NULL)
        return false;
    size_t length = strlen(region);
    if (length == 0 || length > 63 || region[0] == '-' || region[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)region[i]) && region[i] != '-')
            return false;
    return true;
}

static int url_error(CURLUcode code)
{
    return code == CURLUE_OK ? 0 : code == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
}

static bool url_has(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool present = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return present;
}

int codec_split_endpoint(const char *endpoint, char **scheme, struct buffer *host)
{
    char *name = NULL, *port = NULL, *path = NULL;
    CURLU *url = curl_url();
    int status = url == NULL ? -ENOMEM : url_error(curl_url_set(url, CURLUPART_URL, endpoint, 0));
    if (status == 0)
        status = url_error(curl_url_get(url, CURLUPART_SCHEME, scheme, 0));
    if (status == 0)
        status = url_error(curl_url_get(url, CURLUPART_HOST, &name, 0));
    if (status == 0)
        status = url_error(curl_url_get(url, CURLUPART_PATH, &path, 0));
    if (status < 0)
        goto out;
    if (strcmp(path, "/") != 0 || url_has(url, CURLUPART_USER) || url_has(url, CURLUPART_QUERY) ||
        url_has(url, CURLUPART_FRAGMENT)) {
        status = -EINVAL;
        goto out;
    }
    for (char *letter = name; *letter != '\0'; letter++)
        *letter = (char)tolower((unsigned char)*letter);
    status = buffer_puts(host, name);
    CURLUcode has_port = curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
    if (has_port == CURLUE_OK)
        status = buffer_printf(host, ":%s", port);
    else if (has_port != CURLUE_NO_PORT)
        status = url_error(has_port);
out:
    curl_free(name);
    curl_free(port);
    curl_free(path);
    curl_url_cleanup(url);
    return status;
}

/* --- what comes back ----------------------------------------------------------------- */

bool codec_has_text(const json_t *record, const char *key)
{
    return json_is_string(json_object_get(record, key));
}

static bool id_is_valid(const char *id)
{
    size_t length = strlen(id);
    if (length == 0 || length > ID_MAX || !isalnum((unsigned char)*id))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)id[i]) && id[i] != '-' && id[i] != '_')
            return false;
    return true;
}

const char *codec_id(const json_t *record, const char *key)
{
    return codec_id_of(json_object_get(record, key));
}

const char *codec_id_of(const json_t *value)
{
    const char *id = json_string_value(value);
    return id != NULL && strlen(id) == json_string_length(value) && id_is_valid(id) ? id : "";
}

/* The beginning of a body that is not the API's, for a person to recognise whose it is. */
static void take_excerpt(const struct http_reply *reply, char excerpt[EXCERPT_MAX + 1])
{
    size_t length = 0;
    for (size_t i = 0; i < reply->body_length && length < EXCERPT_MAX; i++) {
        unsigned char byte = (unsigned char)reply->body[i];
        bool blank = byte <= ' ' || byte == 0x7f;
        if (blank && (length == 0 || excerpt[length - 1] == ' '))
            continue;
        excerpt[length++] = blank ? ' ' : byte < 0x80 ? (char)byte : '?';
    }
    excerpt[length] = '\0';
}

void codec_set_foreign(const struct http_reply *reply, const char *reason,
                       struct cloud_error *error)
{
    const char *type = reply->header(reply, "Content-Type");
    char excerpt[EXCERPT_MAX + 1];
    take_excerpt(reply, excerpt);
    cloud_error_set(error, -EPROTO, CLOUD_UNKNOWN, CLOUD_FINAL, "",
                    "not an answer of the API: HTTP %ld, %.60s, %s: %s", reply->status,
                    type == NULL ? "no content type" : type, reason, excerpt);
}

void codec_set_out_of_memory(struct cloud_error *error)
{
    cloud_error_set(error, -ENOMEM, CLOUD_UNKNOWN, CLOUD_FINAL, "", "out of memory");
}

bool codec_set_status_error(const struct http_reply *reply, struct cloud_error *error)
{
    char excerpt[EXCERPT_MAX + 1];
    take_excerpt(reply, excerpt);
    if (reply->status >= 500)
        cloud_error_set(error, -EREMOTEIO, CLOUD_UNKNOWN, CLOUD_READ_AGAIN, "", "HTTP %ld: %s",
                        reply->status, excerpt);
    else if (reply->status == 429)
        cloud_error_set(error, -EAGAIN, CLOUD_REFUSED, CLOUD_LATER, "", "HTTP 429: %s", excerpt);
    else
        return false;
    return true;
}

void codec_set_unreadable(const struct http_reply *reply, int reason_number, const char *reason,
                          struct cloud_error *error)
{
    if (reason_number == ENOMEM)
        codec_set_out_of_memory(error);
    else
        codec_set_foreign(reply, reason, error);
}

void codec_decode(const struct cloud_call *call, const struct http_reply *reply,
                  struct cloud_answer *answer,
                  void (*read)(const struct cloud_call *call, const struct http_reply *reply,
                               struct cloud_answer *answer))
{
    cloud_error_set(&answer->error, 0, CLOUD_DONE, CLOUD_FINAL, "", "%s", "");
    answer->error.http_status = reply->status;
    read(call, reply, answer);
    if (answer->error.status < 0) {
        /* Not even those that were read before it. */
        struct cloud_error error = answer->error;
        cloud_answer_free(answer);
        answer->error = error;
    }
}
