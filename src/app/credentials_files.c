/* SPDX-License-Identifier: Apache-2.0 */
#include "credentials_parts.h"

#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FILE_LIMIT (256 * 1024)

int credential_fail(struct cloud_error *error, int status, const char *format, ...)
{
    char message[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    cloud_error_set(error, status, CLOUD_NOT_SENT, CLOUD_FINAL, "", "%s", message);
    return status;
}

bool credential_text_is_valid(const char *text)
{
    if (*text == '\0')
        return false;
    for (const char *letter = text; *letter != '\0'; letter++)
        if ((unsigned char)*letter <= ' ' || (unsigned char)*letter >= 0x7f)
            return false;
    return true;
}

/* --- the file itself ----------------------------------------------------------------- */

bool credential_file_is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Whoever may write to the directory can put another file of ours in its place. */
static int check_directory(const char *path, const char *shown, struct cloud_error *error)
{
    char directory[PATH_SIZE];
    struct stat info;
    const char *slash = strrchr(path, '/');

    snprintf(directory, sizeof directory, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
             slash == NULL ? "." : path);
    if (stat(directory, &info) < 0 || (info.st_mode & (S_IWOTH | S_ISVTX)) != S_IWOTH)
        return 0;
    return credential_fail(error, -EACCES,
                           "the directory of %s may be changed by others (mode %04o); run: chmod "
                           "o-w on it",
                           shown, (unsigned)(info.st_mode & 07777));
}

int credential_file_check(const char *path, const char *shown, const struct stat *info, bool secret,
                          struct cloud_error *error)
{
    if (info->st_uid != geteuid() && info->st_uid != 0)
        return credential_fail(error, -EACCES, "%s belongs to another user (uid %u)", shown,
                               (unsigned)info->st_uid);
    if (secret && (info->st_mode & 077) != 0)
        return credential_fail(error, -EACCES,
                               "%s may be used by others (mode %04o); run: chmod 600 %s", shown,
                               (unsigned)(info->st_mode & 07777), shown);
    if ((info->st_mode & 022) != 0)
        return credential_fail(error, -EACCES,
                               "%s may be changed by others (mode %04o); run: chmod go-w %s", shown,
                               (unsigned)(info->st_mode & 07777), shown);
    return check_directory(path, shown, error);
}

int credential_file_load(const char *path, const char *shown, bool secret, struct buffer *content,
                         struct stat *info, struct cloud_error *error)
{
    /* O_NONBLOCK: a fifo must not stop the mount. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return -ENOENT;
        return credential_fail(error, errno == EACCES ? -EACCES : -EKEYREJECTED,
                               "cannot open %s: %s", shown, strerror(errno));
    }
    char block[4096];
    int status = 0;
    if (fstat(file, info) < 0)
        status =
            credential_fail(error, -EKEYREJECTED, "cannot read %s: %s", shown, strerror(errno));
    else if (!S_ISREG(info->st_mode))
        status = credential_fail(error, -EKEYREJECTED, "%s is not a regular file", shown);
    else if (secret)
        status = credential_file_check(path, shown, info, true, error);
    while (status == 0) {
        ssize_t length = read(file, block, sizeof block);
        if (length == 0)
            break;
        if (length < 0)
            status =
                credential_fail(error, -EKEYREJECTED, "cannot read %s: %s", shown, strerror(errno));
        else if (buffer_append(content, block, (size_t)length) < 0)
            status = credential_fail(error, -EKEYREJECTED, "%s: %s", shown,
                                     content->error == -EMSGSIZE ? "too large" : "out of memory");
    }
    OPENSSL_cleanse(block, sizeof block);
    close(file);
    return status;
}

/* Fills *credential from borrowed texts after a look at each. `token` may be "". */
static int take(struct credential *credential, const char *shown, const char *id, const char *key,
                const char *token, struct cloud_error *error)
{
    if (*id == '\0' || *key == '\0')
        return credential_fail(error, -EKEYREJECTED, "%s: the secret %s is missing", shown,
                               *id == '\0' ? "id" : "key");
    if (!credential_text_is_valid(id) || !credential_text_is_valid(key) ||
        (*token != '\0' && !credential_text_is_valid(token)))
        return credential_fail(error, -EKEYREJECTED,
                               "%s: blanks or odd characters in id, key or token", shown);
    credential->secret_id = strdup(id);
    credential->secret_key = strdup(key);
    credential->token = *token == '\0' ? NULL : strdup(token);
    if (credential->secret_id == NULL || credential->secret_key == NULL ||
        (*token != '\0' && credential->token == NULL)) {
        credential_free(credential);
        return credential_fail(error, -ENOMEM, "out of memory");
    }
    return 0;
}

/* --- tccli: JSON --------------------------------------------------------------------- */

static int read_tccli_document(const json_t *document, const char *shown,
                               struct credential *credential, struct cloud_error *error)
{
    /* The keys of such a profile are only the way to those of the role: used directly they would
     * act as somebody else. */
    if (*field_text(document, "role-arn", "") != '\0')
        return credential_fail(error, -EOPNOTSUPP, "%s: profiles with role-arn are not supported",
                               shown);
    int status =
        take(credential, shown, field_text(document, "secretId", ""),
             field_text(document, "secretKey", ""), field_text(document, "token", ""), error);
    int64_t expires = field_integer(document, "expiresAt", 0);
    if (status == 0 && expires > 0)
        credential->expires = expires;
    return status;
}

int credential_file_read_tccli(const char *path, const char *shown, struct credential *credential,
                               struct stat *info, struct cloud_error *error)
{
    struct buffer content;
    char reason[80];
    buffer_init(&content, FILE_LIMIT);
    buffer_hold_secret(&content);
    int status = credential_file_load(path, shown, true, &content, info, error);
    if (status == 0) {
        json_t *document = fields_parse_secret(content.data == NULL ? "" : content.data,
                                               content.length, reason, sizeof reason);
        if (document == NULL)
            status = credential_fail(error, -EKEYREJECTED, "%s: %s", shown, reason);
        else
            status = read_tccli_document(document, shown, credential, error);
        fields_free_secret(document);
    }
    buffer_cleanse(&content);
    return status;
}

/* --- the SDKs': INI ------------------------------------------------------------------ */

static char *trim(char *text)
{
    static const char blanks[] = " \t\r";
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]) != NULL)
        text[--length] = '\0';
    return text;
}

struct ini_values {
    const char *id, *key, *token;
    bool found; /* the section */
};

static void keep_value(struct ini_values *values, const char *name, const char *value)
{
    if (strcasecmp(name, "secret_id") == 0)
        values->id = value;
    else if (strcasecmp(name, "secret_key") == 0)
        values->key = value;
    else if (strcasecmp(name, "token") == 0)
        values->token = value;
}

/* Splits `text` in place. Returns 0, or the number of the first line that is none. */
static unsigned parse_ini(char *text, const char *profile, struct ini_values *values)
{
    bool inside = false;
    unsigned number = 0;
    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        number++;
        if (number == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
            line += 3;
        line = trim(line);
        if (*line == '\0' || *line == '#' || *line == ';')
            continue;
        if (*line == '[') {
            char *end = strchr(line, ']');
            if (end == NULL || end[1] != '\0')
                return number;
            *end = '\0';
            inside = strcmp(trim(line + 1), profile) == 0;
            values->found = values->found || inside;
            continue;
        }
        char *equals = strchr(line, '=');
        if (equals == NULL || equals == line)
            return number;
        *equals = '\0';
        if (inside)
            keep_value(values, trim(line), trim(equals + 1));
    }
    return 0;
}

int credential_file_read_ini(const char *path, const char *shown, const char *profile,
                             struct credential *credential, struct stat *info,
                             struct cloud_error *error)
{
    struct buffer content;
    buffer_init(&content, FILE_LIMIT);
    buffer_hold_secret(&content);
    int status = credential_file_load(path, shown, true, &content, info, error);
    if (status == 0 && content.data == NULL)
        status = -ENOENT;
    if (status == 0) {
        struct ini_values values = {.id = "", .key = "", .token = ""};
        unsigned wrong = parse_ini(content.data, profile, &values);
        if (wrong != 0)
            status =
                credential_fail(error, -EKEYREJECTED,
                                "%s, line %u: neither a [section] nor NAME = VALUE", shown, wrong);
        else if (!values.found)
            status = -ENOENT;
        else
            status = take(credential, shown, values.id, values.key, values.token, error);
    }
    buffer_cleanse(&content);
    return status;
}
