/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/names.h"

#include "cbsfs/provider.h"
#include "cbsfs/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

size_t name_utf8_length(const char *text)
{
    uint32_t point;
    return utf8_decode(text, &point);
}

static bool is_hidden(const char *at)
{
    uint32_t point;
    return utf8_decode(at, &point) > 0 && utf8_is_hidden(point);
}

static bool is_escape(const char *at)
{
    return at[0] == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2]);
}

static bool is_uuid(const char *text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (shape[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != shape[i])
            return false;
    }
    return text[sizeof(shape) - 1] == '\0';
}

bool name_is_id(const char *text, const char *prefix)
{
    if (prefix == NULL)
        return is_uuid(text);
    size_t length = strlen(prefix);
    if (strncmp(text, prefix, length) != 0)
        return false;
    size_t rest = 0;
    for (const char *at = text + length; *at != '\0'; at++, rest++) {
        if (!isalnum((unsigned char)*at))
            return false;
    }
    return rest >= 4 && rest <= 40;
}

bool name_is_default(const struct provider *provider, const char *name)
{
    if (name[0] == '\0')
        return true;
    for (const char *const *at = provider->default_names; at != NULL && *at != NULL; at++) {
        if (strcmp(*at, name) == 0)
            return true;
    }
    return false;
}

bool name_is_backup(const struct provider *provider, const char *name)
{
    return provider->backup_prefix != NULL &&
           strncmp(name, provider->backup_prefix, strlen(provider->backup_prefix)) == 0;
}

static bool ends_like_twin(const struct provider *provider, const char *name)
{
    const char *at = strrchr(name, '@');
    return at != NULL && name_is_id(at + 1, provider->snapshot_prefix);
}

/* One character of the name, encoded where it must be; at most 12 bytes and a NUL in `out`. Returns
 * how many bytes of the name it took. */
static size_t encode_character(const char *at, bool whole_is_dots, char out[13])
{
    size_t length = name_utf8_length(at);
    bool literal = length > 0 && !is_hidden(at) && *at != '/' && !is_escape(at) &&
                   !(whole_is_dots && *at == '.');
    if (length == 0)
        length = 1;
    if (literal) {
        memcpy(out, at, length);
        out[length] = '\0';
        return length;
    }
    for (size_t i = 0; i < length; i++)
        snprintf(out + 3 * i, 4, "%%%02X", (unsigned)(unsigned char)at[i]);
    return length;
}

/* Encodes as much of `name` as fits `room` bytes, cut between characters. True if all of it did. */
static bool encode(const char *name, size_t room, char *entry)
{
    bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    size_t used = 0;
    entry[0] = '\0';
    while (*name != '\0') {
        char piece[13];
        size_t taken = encode_character(name, dots, piece);
        size_t length = strlen(piece);
        if (used + length > room)
            return false;
        memcpy(entry + used, piece, length + 1);
        used += length;
        name += taken;
    }
    return true;
}

void name_entry(const struct provider *provider, const char *name, const char *id, bool twin,
                char entry[NAME_ENTRY_SIZE])
{
    if (name_is_default(provider, name)) {
        snprintf(entry, NAME_ENTRY_SIZE, "%s", id);
        return;
    }
    bool marked =
        twin || name_is_id(name, provider->snapshot_prefix) || ends_like_twin(provider, name);
    if (!marked && encode(name, NAME_ENTRY_LIMIT, entry))
        return;
    encode(name, NAME_ENTRY_LIMIT - strlen(id) - 1, entry);
    size_t used = strlen(entry);
    snprintf(entry + used, NAME_ENTRY_SIZE - used, "@%s", id);
}

static void decode(const char *entry, char *name)
{
    while (*entry != '\0') {
        unsigned byte;
        /* NOLINTNEXTLINE(cert-err34-c): two hexadecimal digits always fit */
        if (is_escape(entry) && sscanf(entry + 1, "%2x", &byte) == 1) {
            *name++ = (char)byte;
            entry += 3;
        } else {
            *name++ = *entry++;
        }
    }
    *name = '\0';
}

static int refuse(int status, char *reason, size_t size, const char *text)
{
    snprintf(reason, size, "%s", text);
    return status;
}

int name_parse_new(const struct provider *provider, const char *entry, char *name, char *reason,
                   size_t reason_size)
{
    if (entry[0] == '.')
        return refuse(-EPERM, reason, reason_size, "names that begin with a dot are refused");
    if (strlen(entry) > NAME_ENTRY_LIMIT)
        return refuse(-ENAMETOOLONG, reason, reason_size, "the name is too long");
    if (strstr(entry, "%00") != NULL)
        return refuse(-EINVAL, reason, reason_size, "the name has a NUL byte");
    decode(entry, name);
    if (name[0] == '.')
        return refuse(-EPERM, reason, reason_size, "names that begin with a dot are refused");
    if (strlen(name) > provider->name_limit) {
        snprintf(reason, reason_size, "the name has %zu bytes, %s takes %zu", strlen(name),
                 provider->title, provider->name_limit);
        return -ENAMETOOLONG;
    }
    size_t characters = 0;
    for (const char *at = name; *at != '\0';) {
        size_t length = name_utf8_length(at);
        if (length == 0)
            return refuse(-EINVAL, reason, reason_size, "the name is not valid UTF-8");
        if (is_hidden(at))
            return refuse(-EINVAL, reason, reason_size,
                          "the name has a control character or an invisible one");
        at += length;
        characters++;
    }
    if (provider->name_characters > 0 && characters > provider->name_characters) {
        snprintf(reason, reason_size, "the name has %zu characters, %s takes %zu", characters,
                 provider->title, provider->name_characters);
        return -ENAMETOOLONG;
    }
    if (provider->trims_names && (name[0] == ' ' || name[strlen(name) - 1] == ' '))
        return refuse(-EINVAL, reason, reason_size,
                      "the cloud would drop the blanks at the name's end or beginning");
    if (name_is_backup(provider, name))
        return refuse(-EINVAL, reason, reason_size,
                      "names of this form are the cloud's backup service's");
    if (name_is_id(name, provider->snapshot_prefix) || ends_like_twin(provider, name))
        return refuse(-EINVAL, reason, reason_size, "the name looks like a snapshot's id");
    if (name_is_default(provider, name))
        return refuse(-EINVAL, reason, reason_size,
                      "the cloud gives this name to what has none: it would appear as its id");
    char again[NAME_ENTRY_SIZE];
    if (!encode(name, NAME_ENTRY_LIMIT, again) || strcmp(again, entry) != 0)
        return refuse(-EINVAL, reason, reason_size,
                      "the name would appear otherwise: % before two hex digits is written %25");
    return 0;
}
