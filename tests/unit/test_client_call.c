/* SPDX-License-Identifier: Apache-2.0 */
/* A call outlives what it was made from. */
#include "../../src/cloud/client_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define LENGTH 16

/* Every pointer of a call that points to a text, and nothing else of it, shows into `space`. */
static void test_every_text_is_copied(void **state)
{
    (void)state;
    char space[14][LENGTH];
    for (size_t i = 0; i < sizeof space / sizeof *space; i++) {
        memset(space[i], 'a' + (int)i, LENGTH - 1);
        space[i][LENGTH - 1] = '\0';
    }
    const char *ids[] = {space[0], space[1]};
    struct cloud_member members[] = {{space[2], space[3]}};
    const struct cloud_call call = {
        .verb = CLOUD_APPLY_GROUP,
        .ids = ids,
        .id_count = 2,
        .disk_id = space[4],
        .snapshot_id = space[5],
        .name = space[6],
        .account = space[7],
        .region = space[8],
        .group_id = space[9],
        .members = members,
        .member_count = 1,
        .zone = space[10],
        .type = space[11],
        .token = space[12],
        .marker = space[13],
        .size = 10,
        .expires = 20,
        .cancel = true,
        .limit = 30,
    };
    struct client_call *copy = client_call_new(&call);
    assert_non_null(copy);
    memset(space, 'z', sizeof space);
    memset(ids, 0, sizeof ids);
    memset(members, 0, sizeof members);
    const struct cloud_call *its = &copy->call;
    const char *const texts[] = {its->ids[0],
                                 its->ids[1],
                                 its->members[0].snapshot_id,
                                 its->members[0].disk_id,
                                 its->disk_id,
                                 its->snapshot_id,
                                 its->name,
                                 its->account,
                                 its->region,
                                 its->group_id,
                                 its->zone,
                                 its->type,
                                 its->token,
                                 its->marker};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(strlen(texts[i]), LENGTH - 1);
        assert_int_equal(texts[i][0], 'a' + (int)i);
    }
    assert_int_equal(its->size, 10);
    assert_int_equal(its->expires, 20);
    assert_true(its->cancel);
    assert_int_equal(its->limit, 30);
    client_call_free(copy);
}

static void test_what_is_not_there(void **state)
{
    (void)state;
    struct client_call *copy =
        client_call_new(&(struct cloud_call){.verb = CLOUD_DESCRIBE_DISKS, .limit = 1});
    assert_non_null(copy);
    assert_null(copy->call.ids);
    assert_null(copy->call.members);
    assert_null(copy->call.name);
    client_call_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_text_is_copied),
        cmocka_unit_test(test_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
