/* SPDX-License-Identifier: Apache-2.0 */
/* The input as tccli's file, as the SDKs' file, as tccli's settings and as both answers of the
 * metadata service, whose reading has no header of its own. */
#include "../../src/app/credentials_role.c"

#include "cbsfs/credentials.h"

#include "fuzz.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void require_result(int status, struct credential *credential,
                           const struct cloud_error *error)
{
    if (status == 0) {
        fuzz_require(credential_text_is_valid(credential->secret_id));
        fuzz_require(credential_text_is_valid(credential->secret_key));
        fuzz_require(credential->token == NULL || credential_text_is_valid(credential->token));
    } else {
        fuzz_require(credential->secret_id == NULL && credential->secret_key == NULL);
        fuzz_require(status == -ENOENT || (error->status == status && *error->message != '\0'));
        fuzz_require(strchr(error->message, '\n') == NULL);
    }
    credential_free(credential);
}

static void read_files(const char *path)
{
    struct credential credential;
    struct cloud_error error = {0};
    struct stat info;
    credential_init(&credential);
    int status = credential_file_read_tccli(path, "FILE", &credential, &info, &error);
    require_result(status, &credential, &error);
    status = credential_file_read_ini(path, "FILE", "default", &credential, &info, &error);
    require_result(status, &credential, &error);
}

static char home[] = "/tmp/cbsfs-fuzz-XXXXXX", folder[64], link_path[96];

static void remove_home(void)
{
    unlink(link_path);
    rmdir(folder);
    rmdir(home);
}

static void read_settings(const char *path)
{
    if (*folder == '\0') {
        fuzz_require(mkdtemp(home) != NULL);
        snprintf(folder, sizeof(folder), "%s/.tccli", home);
        snprintf(link_path, sizeof(link_path), "%s/default.configure", folder);
        fuzz_require(mkdir(folder, 0700) == 0 && symlink(path, link_path) == 0);
        atexit(remove_home);
    }
    const struct credentials_settings settings = {.home = home};
    struct credentials_place place;
    char reason[160] = "";
    int status = credentials_region(&settings, &place, reason, sizeof(reason));
    fuzz_require(status == 0 ||
                 (status == -EINVAL && *place.region == '\0' && *place.endpoint == '\0'));
    fuzz_require(status == 0 || *reason != '\0');
}

static void read_answers(const char *body, size_t size)
{
    struct credential_role role = {.endpoint = "http://x"};
    const struct http_reply reply = {.status = 200, .body = body, .body_length = size};
    credential_init(&role.credential);
    if (read_name(&role, &reply) == 0)
        fuzz_require(*role.name != '\0' && strpbrk(role.name, "/?#% \r\n") == NULL);
    char reason[160];
    json_t *document = fields_parse(body, size, reason, sizeof(reason));
    if (document != NULL && read_keys(&role, document, 0) == 0)
        fuzz_require(role.credential.expires > 0 && role.credential.token != NULL);
    json_decref(document);
    credential_free(&role.credential);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    char *text = fuzz_text(data, size), shown[64];
    read_files(path);
    read_settings(path);
    read_answers(text, size);
    credentials_mask(text, shown, sizeof(shown));
    fuzz_require(strlen(text) < 16 || strlen(shown) <= 11);
    free(text);
    return 0;
}
