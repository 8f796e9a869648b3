/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/cloud.h"

#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cloud_verb_is_change(enum cloud_verb verb)
{
    return verb >= CLOUD_FIRST_CHANGE;
}

void cloud_answer_init(struct cloud_answer *answer)
{
    *answer = (struct cloud_answer){.total = -1, .created_id = ""};
}

void cloud_answer_free(struct cloud_answer *answer)
{
    free(answer->disks);
    free(answer->snapshots);
    json_decref(answer->extra);
    json_decref(answer->list);
    /* A document with memory of its own goes with it. */
    if (answer->memory == NULL)
        json_decref(answer->document);
    fields_memory_free(answer->memory);
    cloud_answer_init(answer);
}

/* A message is put into JSON later, which takes only whole characters. */
static void drop_partial_character(char *text)
{
    size_t end = strlen(text);
    size_t start = end;
    while (start > 0 && end - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (end - start + 1 < length)
        text[start - 1] = '\0';
}

void cloud_error_set(struct cloud_error *error, int status, enum cloud_outcome outcome,
                     enum cloud_remedy remedy, const char *code, const char *format, ...)
{
    error->status = status;
    error->outcome = outcome;
    error->remedy = remedy;
    snprintf(error->code, sizeof error->code, "%s", code);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    if (length < 0)
        error->message[0] = '\0';
    else if ((size_t)length >= sizeof error->message)
        drop_partial_character(error->message);
}

void credential_init(struct credential *credential)
{
    memset(credential, 0, sizeof *credential);
    credential->expires = TIMESTAMP_NONE;
}

static void free_secret(char *text)
{
    if (text != NULL)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

void credential_free(struct credential *credential)
{
    free_secret(credential->secret_id);
    free_secret(credential->secret_key);
    free_secret(credential->token);
    free(credential->endpoint);
    free(credential->project);
    credential_init(credential);
}

static int copy_text(char **to, const char *from)
{
    if (from == NULL)
        return 0;
    *to = strdup(from);
    return *to == NULL ? -ENOMEM : 0;
}

int credential_copy(struct credential *to, const struct credential *from)
{
    credential_free(to);
    if (copy_text(&to->secret_id, from->secret_id) < 0 ||
        copy_text(&to->secret_key, from->secret_key) < 0 ||
        copy_text(&to->token, from->token) < 0 || copy_text(&to->endpoint, from->endpoint) < 0 ||
        copy_text(&to->project, from->project) < 0) {
        credential_free(to);
        return -ENOMEM;
    }
    to->expires = from->expires;
    to->api_minor = from->api_minor;
    return 0;
}
