/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that answer other actions on disks and snapshots: what must happen when one of them comes
 * where it was not asked for.  A listing is never made from it; a change reads the RequestId and
 * what it knows, and ignores the rest.
 */
#include "cbsfs/http.h"
#include "cbsfs/provider.h"
#include "test_data.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

static const char *header_of(const struct http_reply *reply, const char *name)
{
    (void)reply;
    return strcmp(name, "Content-Type") == 0 ? "application/json" : NULL;
}

static void decode(enum cloud_verb verb, const char *body, size_t length,
                   struct cloud_answer *answer)
{
    const struct cloud_call call = {.verb = verb, .limit = 100};
    const struct http_reply reply = {.failure = HTTP_OK,
                                     .status = 200,
                                     .body = body,
                                     .body_length = length,
                                     .header = header_of};
    cloud_answer_init(answer);
    provider_tencent.decode(&call, &reply, answer);
}

static void check_body(const char *name)
{
    char path[300];
    size_t length;
    snprintf(path, sizeof path, "tencent/others/%s", name);
    char *body = read_test_data(path, &length);
    for (int verb = 0; verb < CLOUD_VERB_COUNT; verb++) {
        struct cloud_answer answer;
        decode((enum cloud_verb)verb, body, length, &answer);
        if (cloud_verb_is_change((enum cloud_verb)verb)) {
            assert_int_equal(answer.error.status, 0);
            assert_int_equal(strlen(answer.error.request_id), 36);
        } else {
            assert_int_equal(answer.error.status, -EPROTO);
            assert_int_equal(answer.count, 0);
        }
        cloud_answer_free(&answer);
    }
    free(body);
}

static void no_listing_is_made_from_them(void **state)
{
    (void)state;
    char path[1024];
    const char *data = getenv("CBSFS_TEST_DATA");
    snprintf(path, sizeof path, "%s/tencent/others", data == NULL ? "tests/data" : data);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    size_t count = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (entry->d_name[0] == '.')
            continue;
        check_body(entry->d_name);
        count++;
    }
    closedir(directory);
    assert_int_equal(count, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_listing_is_made_from_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
