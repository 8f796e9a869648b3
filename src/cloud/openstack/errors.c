/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a refusal means (openstack facts 3.4 and 4.3): an errno for the caller and a remedy for the
 * client.
 *
 * Cinder has one member whose key is a word ("badRequest") and inside of it a code, which is the
 * HTTP status, and a message.  EVS puts its own codes ("EVS.1047") into the same place, and the
 * gateway before it has members of its own.  Cinder has one code for a request that is wrong and
 * for one that comes at the wrong time; only its words tell.
 */
#include "openstack.h"

#include "../codec.h"

#include "cbsfs/fields.h"
#include "cbsfs/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct complaint {
    char code[96];
    const char *word; /* "badRequest"; "" where there is none */
    const char *message;
};

/* A code may be a number or a text; the key stands for those that only repeat the status. */
static void take_code(const json_t *record, const char *key, const char *member,
                      struct complaint *complaint)
{
    const char *code = field_text(record, member, "");
    bool is_status = strspn(code, "0123456789") == strlen(code);
    snprintf(complaint->code, sizeof complaint->code, "%s", is_status ? key : code);
}

static bool find_complaint(const json_t *document, struct complaint *complaint)
{
    const char *key;
    json_t *value;
    *complaint = (struct complaint){.word = "", .message = ""};
    if (codec_has_text(document, "error_msg")) {
        take_code(document, "", "error_code", complaint);
        complaint->message = field_text(document, "error_msg", "");
        return true;
    }
    json_object_foreach((json_t *)document, key, value)
    {
        if (json_is_object(value) && codec_has_text(value, "message")) {
            complaint->word = key;
            /* Keystone's word for what went wrong is no better than that. */
            key = strcmp(key, "error") == 0 ? field_text(value, "title", key) : key;
            complaint->message = field_text(value, "message", "");
            take_code(value, key, "code", complaint);
            return true;
        }
    }
    return false;
}

struct meaning {
    const char *code; /* of EVS and of the gateway */
    int status;       /* positive errno */
    enum cloud_remedy remedy;
};

static const struct meaning codes[] = {
    {"EVS.0001", EACCES, CLOUD_FINAL},         {"EVS.0002", EKEYREJECTED, CLOUD_CREDENTIAL},
    {"EVS.0003", EACCES, CLOUD_FINAL},         {"EVS.1027", EACCES, CLOUD_FINAL},
    {"EVS.1034", EDQUOT, CLOUD_FINAL},         {"EVS.1042", EDQUOT, CLOUD_FINAL},
    {"EVS.1047", EBUSY, CLOUD_FINAL},          {"EVS.2019", EBUSY, CLOUD_FINAL},
    {"EVS.2020", EBUSY, CLOUD_FINAL},          {"EVS.2043", EBUSY, CLOUD_FINAL},
    {"EVS.2045", ENOENT, CLOUD_FINAL},         {"EVS.5401", EKEYREJECTED, CLOUD_CREDENTIAL},
    {"EVS.5404", ENOENT, CLOUD_FINAL},         {"EVS.5413", EDQUOT, CLOUD_FINAL},
    {"APIGW.0101", EOPNOTSUPP, CLOUD_FINAL},   {"APIGW.0301", EKEYREJECTED, CLOUD_CREDENTIAL},
    {"APIGW.0303", EKEYREJECTED, CLOUD_CLOCK}, {"APIGW.0308", EAGAIN, CLOUD_LATER},
    {"APIG.0308", EAGAIN, CLOUD_LATER},
};

static const struct meaning statuses[] = {
    {"400", EINVAL, CLOUD_FINAL},         {"401", EKEYREJECTED, CLOUD_CREDENTIAL},
    {"403", EACCES, CLOUD_FINAL},         {"404", ENOENT, CLOUD_FINAL},
    {"406", EOPNOTSUPP, CLOUD_FINAL},     {"409", EBUSY, CLOUD_FINAL},
    {"413", EDQUOT, CLOUD_FINAL},         {"429", EAGAIN, CLOUD_LATER},
    {"500", EREMOTEIO, CLOUD_READ_AGAIN},
};

static const struct meaning *find(const struct meaning *meanings, size_t count, const char *code)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(meanings[i].code, code) == 0)
            return &meanings[i];
    return NULL;
}

/* Of a 400: that it would be right at another time, or that there are too many already. */
static int status_of_words(const char *message)
{
    static const struct {
        const char *part;
        int status;
    } words[] = {
        {"status must be", EBUSY},
        {"not the latest", EBUSY},
        {"current status is", EBUSY},
        {"Invalid snapshot:", EBUSY},
        {"Source group cannot be", EBUSY},
        {"Quota", EDQUOT},
        {"quota", EDQUOT},
        {"LimitExceeded", EDQUOT},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(message, words[i].part) != NULL)
            return words[i].status;
    return EINVAL;
}

static void take_request_id(const struct http_reply *reply, const json_t *document,
                            struct cloud_error *error)
{
    static const char *const headers[] = {"X-Openstack-Request-Id", "X-Compute-Request-Id",
                                          "X-Request-Id"};
    const char *id = NULL;
    for (size_t i = 0; id == NULL && i < sizeof headers / sizeof *headers; i++)
        id = reply->header(reply, headers[i]);
    snprintf(error->request_id, sizeof error->request_id, "%s",
             id != NULL ? id : field_text(document, "request_id", ""));
}

bool openstack_is_gone(const struct http_reply *reply, const json_t *document)
{
    struct complaint complaint;
    if (reply->status != 404 || document == NULL || !find_complaint(document, &complaint))
        return false;
    return strcmp(complaint.word, "itemNotFound") == 0 ||
           strncmp(complaint.code, "EVS.", strlen("EVS.")) == 0;
}

void openstack_error_set(const struct http_reply *reply, const json_t *document,
                         struct cloud_error *error)
{
    struct complaint complaint;
    char text[16];
    if (document == NULL || !find_complaint(document, &complaint)) {
        if (!codec_set_status_error(reply, error))
            codec_set_foreign(reply, "neither a success nor an error", error);
        take_request_id(reply, document, error);
        return;
    }
    snprintf(text, sizeof text, "%ld", reply->status);
    const struct meaning *meaning = find(codes, sizeof codes / sizeof *codes, complaint.code);
    if (meaning == NULL)
        meaning = find(statuses, sizeof statuses / sizeof *statuses, text);
    if (meaning == NULL && codec_set_status_error(reply, error)) {
        take_request_id(reply, document, error);
        return;
    }
    int status = meaning != NULL ? meaning->status : EREMOTEIO;
    enum cloud_remedy remedy = meaning != NULL ? meaning->remedy : CLOUD_FINAL;
    if (status == EINVAL)
        status = status_of_words(complaint.message);
    bool unknown = reply->status >= 500 && status == EREMOTEIO;
    cloud_error_set(error, -status, unknown ? CLOUD_UNKNOWN : CLOUD_REFUSED, remedy, complaint.code,
                    "%s", complaint.message);
    take_request_id(reply, document, error);
}
