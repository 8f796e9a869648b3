/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces below the file system, each with every allocation of a sequence failing in turn: an
 * error or the right result, nothing leaked (LeakSanitizer), and the same sequence works right
 * afterwards. */
#include "torture.h"

#include "../unit/fake_client.h"

#include "../../src/app/credentials_parts.h"
#include "../../src/store/store_internal.h"
#include "cbsfs/buffer.h"
#include "cbsfs/events.h"
#include "cbsfs/fields.h"
#include "cbsfs/http.h"
#include "cbsfs/keystone.h"
#include "cbsfs/mount_helper.h"
#include "cbsfs/openstack_settings.h"
#include "cbsfs/options.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 5000 /* allocations of one sequence */

/* Runs `sequence` with each allocation failing; it returns 0 or the errno that it ended with. */
static void torture(int (*sequence)(void))
{
    unsigned number = 1;
    assert_int_equal(sequence(), 0);
    for (bool failed = true; failed; number++) {
        assert_true(number < MOST);
        torture_fail(number);
        int status = sequence();
        failed = torture_end();
        /* Either it can do without, or it says so. */
        if (status != 0 && (status != -ENOMEM || !failed))
            fail_msg("allocation %u: %d", number, status);
        assert_int_equal(sequence(), 0);
    }
    assert_true(number > 2);
    print_message("torture: %u allocations failed\n", number - 2);
}

/* --- answers and the catalogue ------------------------------------------------------------------
 */

static const char listing[] =
    "{\"Response\":{\"TotalCount\":3,\"RequestId\":\"r\",\"SnapshotSet\":["
    "{\"SnapshotId\":\"snap-0001\",\"SnapshotName\":\"a\",\"DiskId\":\"disk-0001\","
    "\"SnapshotState\":\"NORMAL\",\"Percent\":100,\"CreateTime\":\"2026-03-02 01:41:07\","
    "\"Images\":[{\"ImageId\":\"img-1\"},{\"ImageId\":\"img-2\"}]},"
    "{\"SnapshotId\":\"snap-0002\",\"SnapshotName\":\"a\",\"DiskId\":\"disk-0001\","
    "\"SnapshotState\":\"CREATING\",\"Percent\":7,\"CreateTime\":\"2026-03-02 01:42:07\"},"
    "{\"SnapshotId\":\"snap-0003\",\"SnapshotName\":\"b\",\"DiskId\":\"\","
    "\"SnapshotState\":\"ODD\",\"CreateTime\":\"2026-03-02 01:43:07\"}]}}";

static const char *no_header(const struct http_reply *reply, const char *name)
{
    (void)reply, (void)name;
    return NULL;
}

static void decode(struct cloud_answer *answer)
{
    const struct cloud_call call = {.verb = CLOUD_DESCRIBE_SNAPSHOTS, .limit = 100};
    const struct http_reply reply = {.failure = HTTP_OK,
                                     .status = 200,
                                     .body = listing,
                                     .body_length = sizeof(listing) - 1,
                                     .header = no_header};
    cloud_answer_init(answer);
    provider_tencent.decode(&call, &reply, answer);
}

static int decode_listing(void)
{
    struct cloud_answer answer;
    decode(&answer);
    int status = answer.error.status;
    bool whole = answer.count == 3;
    cloud_answer_free(&answer);
    if (status == 0)
        assert_true(whole);
    return status;
}

/* Lists are the answer's own, in pieces that fail one by one. */
static const struct {
    enum cloud_verb verb;
    const char *body;
    const struct provider *provider; /* NULL: Tencent */
} list_answers[] = {
    {.verb = CLOUD_DESCRIBE_GROUPS,
     .body = "{\"group_snapshots\":[{\"id\":\"1\",\"name\":\"a\",\"status\":\"available\","
             "\"created_at\":\"2026-01-21T10:12:45\"},{\"id\":\"2\",\"name\":null}]}",
     .provider = &provider_openstack},
    {.verb = CLOUD_DESCRIBE_SHARES,
     .body = "{\"Response\":{\"SharePermissionSet\":[{\"AccountId\":\"1\","
             "\"CreatedTime\":\"2026-01-21 10:12:45\"},{\"AccountId\":\"2\"}]}}"},
    {.verb = CLOUD_DESCRIBE_GROUPS,
     .body =
         "{\"Response\":{\"TotalCount\":2,\"SnapshotGroupSet\":[{\"SnapshotGroupId\":\"csnap-1\","
         "\"SnapshotGroupName\":\"a\",\"SnapshotIdSet\":[\"snap-1\",\"snap-2\"]},"
         "{\"SnapshotGroupId\":\"csnap-2\"}]}}"},
    {.verb = CLOUD_DESCRIBE_POLICIES,
     .body = "{\"Response\":{\"TotalCount\":2,\"AutoSnapshotPolicySet\":[{\"AutoSnapshotPolicyId\":"
             "\"asp-1\",\"DiskIdSet\":[\"disk-1\"],\"Policy\":[{\"Hour\":[2]}]},"
             "{\"AutoSnapshotPolicyId\":\"asp-2\"}]}}"},
    {.verb = CLOUD_DESCRIBE_REGIONS,
     .body = "{\"Response\":{\"TotalCount\":2,\"RegionSet\":[{\"Region\":\"ap-a\","
             "\"RegionName\":\"A\"},{\"Region\":\"ap-b\"}]}}"},
};
static size_t list_number;

/* The whole list, or an error and none. */
static int decode_list(void)
{
    const struct cloud_call call = {.verb = list_answers[list_number].verb, .limit = 100};
    const struct http_reply reply = {.failure = HTTP_OK,
                                     .status = 200,
                                     .body = list_answers[list_number].body,
                                     .body_length = strlen(list_answers[list_number].body),
                                     .header = no_header};
    struct cloud_answer answer;
    cloud_answer_init(&answer);
    const struct provider *provider = list_answers[list_number].provider;
    (provider != NULL ? provider : &provider_tencent)->decode(&call, &reply, &answer);
    int status = answer.error.status;
    assert_int_equal(json_array_size(answer.list), status == 0 ? 2 : 0);
    assert_int_equal(answer.unreadable, 0);
    const json_t *first = json_array_get(answer.list, 0);
    if (status == 0 && call.verb == CLOUD_DESCRIBE_GROUPS && provider == NULL)
        assert_int_equal(json_array_size(json_object_get(first, "snapshots")), 2);
    if (status == 0 && call.verb == CLOUD_DESCRIBE_POLICIES)
        assert_int_equal(json_object_size(json_object_get(first, "raw")), 3);
    cloud_answer_free(&answer);
    return status;
}

static void lists_are_decoded(void **state)
{
    (void)state;
    for (list_number = 0; list_number < sizeof(list_answers) / sizeof(*list_answers); list_number++)
        torture(decode_list);
}

static json_t *record;

/* Either the whole text or none: never one with something left out. */
static int print_record(void)
{
    char *text = fields_print(record);
    if (text == NULL)
        return -ENOMEM;
    assert_string_equal(text,
                        "{\"a-long-key-that-needs-more-room\":\"and its value, which does too\","
                        "\"another-long-key-that-needs-more-room\":[1,2,{\"key\":null}]}");
    free(text);
    return 0;
}

/* Not even a byte is left out. */
static int parse_record(void)
{
    static const char name[] =
        "a name that has more than thirty-two bytes, so that room is made twice";
    char text[128], reason[128];
    int length = snprintf(text, sizeof(text), "{\"name\":\"%s\"}", name);
    json_t *document = fields_parse(text, (size_t)length, reason, sizeof(reason));
    if (document == NULL) {
        assert_string_equal(reason, "out of memory");
        return -ENOMEM;
    }
    assert_string_equal(field_text(document, "name", ""), name);
    json_decref(document);
    return 0;
}

static void a_record_is_parsed(void **state)
{
    (void)state;
    torture(parse_record);
}

static struct cloud_call encoded;

/* Each verb as a signed request, or none at all. */
static int encode_call(void)
{
    static char id[] = "AKIDxxxx", key[] = "keyxxxx", token[] = "token";
    const struct cloud_account account = {.region = "ap-guangzhou", .language = "en-US"};
    const struct credential credential = {.secret_id = id, .secret_key = key, .token = token};
    struct http_request request;
    http_request_init(&request);
    int status = provider_tencent.encode(&account, &credential, 1700000000, &encoded, &request);
    if (status == 0)
        assert_non_null(request.headers);
    else
        assert_null(request.body);
    http_request_free(&request);
    return status;
}

static void calls_are_encoded(void **state)
{
    static const char *const ids[] = {"snap-0001", "snap-0002"};
    static const struct cloud_member members[] = {{"snap-1", "disk-1"}, {"snap-2", "disk-2"}};
    const struct cloud_call calls[] = {
        {.verb = CLOUD_DESCRIBE_DISKS, .limit = 100},
        {.verb = CLOUD_DESCRIBE_SNAPSHOTS, .limit = 100, .disk_id = "disk-0001"},
        {.verb = CLOUD_DESCRIBE_SNAPSHOTS, .ids = ids, .id_count = 2},
        {.verb = CLOUD_CREATE_SNAPSHOT, .disk_id = "disk-0001", .name = "a"},
        {.verb = CLOUD_APPLY_SNAPSHOT,
         .disk_id = "disk-0001",
         .snapshot_id = "snap-0001",
         .stop_instance = true,
         .start_instance = true},
        {.verb = CLOUD_RENAME_SNAPSHOT, .snapshot_id = "snap-0001", .name = "b"},
        {.verb = CLOUD_DELETE_SNAPSHOT, .snapshot_id = "snap-0001"},
        {.verb = CLOUD_DESCRIBE_GROUPS, .ids = ids, .id_count = 2},
        {.verb = CLOUD_DESCRIBE_POLICIES, .limit = 100},
        {.verb = CLOUD_DESCRIBE_REGIONS},
        {.verb = CLOUD_EXPIRE_SNAPSHOT, .snapshot_id = "snap-0001", .expires = 1735689599},
        {.verb = CLOUD_SHARE_SNAPSHOT, .snapshot_id = "snap-0001", .account = "1"},
        {.verb = CLOUD_COPY_SNAPSHOT, .snapshot_id = "snap-0001", .region = "r", .name = "c"},
        {.verb = CLOUD_CREATE_DISK,
         .snapshot_id = "snap-0001",
         .zone = "z",
         .type = "t",
         .size = 1,
         .token = "t"},
        {.verb = CLOUD_CREATE_GROUP, .ids = ids, .id_count = 2, .name = "g"},
        {.verb = CLOUD_APPLY_GROUP,
         .group_id = "csnap-1",
         .members = members,
         .member_count = 2,
         .stop_instance = true},
        {.verb = CLOUD_DELETE_GROUP, .group_id = "csnap-1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        encoded = calls[i];
        torture(encode_call);
    }
}

static int change_catalogue(struct catalogue *catalogue, const struct cloud_answer *answer)
{
    int64_t asked = 1000;
    for (size_t i = 0; i < answer->count; i++) {
        int status =
            catalogue_put_snapshot(catalogue, &answer->snapshots[i], asked, 1, asked, FAKE_EPOCH);
        if (status != 0)
            return status;
    }
    for (size_t i = 0; i < catalogue->disk_count; i++) {
        int status = catalogue_name_new(catalogue, catalogue->disks[i]);
        if (status != 0)
            return status;
    }
    struct disk *disk = catalogue_disk(catalogue, "disk-0001");
    struct snapshot *made = catalogue_created(catalogue, disk, "snap-0004", "c", asked, FAKE_EPOCH);
    if (made == NULL)
        return -ENOMEM;
    int status = catalogue_rename_later(catalogue, made, "d", FAKE_EPOCH);
    if (status == 0)
        status = catalogue_renamed(catalogue, made, "e", asked, FAKE_EPOCH);
    if (status != 0)
        return status;
    catalogue_deleted(catalogue, catalogue_snapshot(catalogue, "snap-0001"), asked, FAKE_EPOCH);
    catalogue_sweep_snapshots(catalogue, NULL, 2, asked + PENDING_UNSEEN_GRACE + 1,
                              asked + PENDING_UNSEEN_GRACE + 1, FAKE_EPOCH);
    return 0;
}

static struct cloud_answer decoded;

static int use_catalogue(void)
{
    struct catalogue catalogue;
    catalogue_init(&catalogue, &provider_tencent);
    int status = change_catalogue(&catalogue, &decoded);
    if (status == 0)
        assert_int_equal(catalogue.snapshot_count, 0);
    /* What is left is consistent, and can be freed. */
    size_t count = 0, entries = 0;
    for (size_t i = 0; i < catalogue.disk_count; i++) {
        struct disk *disk = catalogue.disks[i];
        count += disk->count;
        for (size_t j = 0; j < disk->count; j++) {
            struct snapshot *snapshot = disk_snapshot(disk, j);
            entries += snapshot_entry(snapshot) != NULL;
            if (snapshot_is_visible(snapshot))
                assert_ptr_equal(catalogue_entry(&catalogue, disk, snapshot_entry(snapshot)),
                                 snapshot);
        }
    }
    assert_int_equal(catalogue.snapshot_count, count);
    assert_int_equal(catalogue.entries.count, entries);
    catalogue_free(&catalogue);
    return status;
}

static void a_listing_is_decoded(void **state)
{
    (void)state;
    torture(decode_listing);
}

static void a_record_is_printed(void **state)
{
    (void)state;
    record = json_pack("{s:s, s:[i, i, {s:n}]}", "a-long-key-that-needs-more-room",
                       "and its value, which does too", "another-long-key-that-needs-more-room", 1,
                       2, "key");
    torture(print_record);
    json_decref(record);
}

static json_t *two_groups;

/* None has fewer than it has, and none has them twice. */
static int join_members(void)
{
    int status = members_join(store, two_groups);
    const json_t *first = json_object_get(json_array_get(two_groups, 0), "snapshots");
    if (status == 0)
        assert_int_equal(json_array_size(first), 2);
    return status;
}

static void groups_get_their_members(void **state)
{
    static const char *const groups[] = {"group-1", "", "group-1", "group-gone"};
    fake_world_set_up(state);
    fake_add_disk("disk-0001", "one");
    for (int i = 0; i < 4; i++) {
        char id[32];
        snprintf(id, sizeof(id), "snap-0000000%d", i);
        struct fake_snapshot *snapshot = fake_add_snapshot(id, "disk-0001", id, -1000 + i);
        snprintf(snapshot->group, sizeof(snapshot->group), "%s", groups[i]);
    }
    assert_int_equal(look(WANT_SNAPSHOTS, NULL), 0);
    two_groups = json_pack("[{s:s, s:[]}, {s:s, s:[]}]", "id", "group-1", "snapshots", "id",
                           "group-2", "snapshots");
    torture(join_members);
    json_decref(two_groups);
    fake_world_tear_down(state);
}

static void the_catalogue_learns_and_changes(void **state)
{
    (void)state;
    decode(&decoded);
    assert_int_equal(decoded.count, 3);
    torture(use_catalogue);
    cloud_answer_free(&decoded);
}

/* That a name was freed is remembered, with or without memory: or a twin would get the name. */
static void a_freed_name_is_noted(void **state)
{
    (void)state;
    struct catalogue catalogue;
    catalogue_init(&catalogue, &provider_tencent);
    decode(&decoded);
    decoded.snapshots[1].name = "a";
    for (size_t i = 0; i < decoded.count; i++)
        assert_int_equal(
            catalogue_put_snapshot(&catalogue, &decoded.snapshots[i], 1000, 1, 1000, FAKE_EPOCH),
            0);
    struct disk *disk = catalogue_disk(&catalogue, "disk-0001");
    assert_int_equal(catalogue_name_new(&catalogue, disk), 0);
    assert_string_equal(snapshot_entry(catalogue_snapshot(&catalogue, "snap-0001")), "a");
    assert_int_equal(catalogue_prepare_change(catalogue_snapshot(&catalogue, "snap-0001")), 0);
    torture_fail(1);
    catalogue_deleted(&catalogue, catalogue_snapshot(&catalogue, "snap-0001"), 1000,
                      FAKE_EPOCH + 100000000);
    /* There was a spare note for it. */
    assert_true(torture_end());
    assert_true(catalogue.freed_unnoted < 0);
    /* One that nobody knew yet, and that was there. */
    decoded.snapshots[2].name = "a";
    decoded.snapshots[2].disk_id = "disk-0001";
    decoded.snapshots[2].id = "snap-0009";
    assert_int_equal(
        catalogue_put_snapshot(&catalogue, &decoded.snapshots[2], 1000, 1, 1000, FAKE_EPOCH), 0);
    assert_int_equal(catalogue_name_new(&catalogue, disk), 0);
    assert_string_equal(snapshot_entry(catalogue_snapshot(&catalogue, "snap-0009")), "a@snap-0009");
    catalogue_free(&catalogue);
    cloud_answer_free(&decoded);
}

/* --- the store -----------------------------------------------------------------------------------
 */

static void ready(void *data, int status)
{
    *(int *)data = status;
}

static int want(enum store_want what, const char *id)
{
    int result = 1;
    struct store_waiter waiter = {.ready = ready, .data = &result};
    int status = store_want(store, what, id, &waiter);
    if (status != -EINPROGRESS)
        return status;
    world_run(11000);
    if (result == 1)
        fail_msg("nobody was told");
    return result;
}

static int finish(struct order *order, int status)
{
    if (status != 0)
        return status;
    world_run(11000);
    assert_int_equal(order->done, 1);
    return order->status;
}

static int use_store_once(void)
{
    struct order order = {.done = 0};
    int status = want(WANT_DISKS, NULL);
    if (status == 0)
        status = want(WANT_DISK_SNAPSHOTS, "disk-0001");
    if (status != 0)
        return status;
    unsigned before = fake.executed[CLOUD_CREATE_SNAPSHOT];
    status = finish(
        &order, store_create(store, "disk-0001", "made", "path", order_done, &order, &order.job));
    /* An answer is true. */
    assert_int_equal(fake.executed[CLOUD_CREATE_SNAPSHOT] - before, status == 0);
    if (status != 0)
        return status;
    char id[64];
    snprintf(id, sizeof(id), "%s", order.id);
    /* Without memory for the id the caller looks it up. */
    if (id[0] == '\0')
        return -ENOMEM;
    snprintf(fake_find(id)->word, sizeof(fake_find(id)->word), "NORMAL");
    store_refresh(store);
    status = want(WANT_DISK_SNAPSHOTS, "disk-0001");
    if (status == 0)
        status = want(WANT_STATUS, id);
    if (status != 0)
        return status;
    assert_string_equal(entry_id("disk-0001", "made"), id);
    order = (struct order){.done = 0};
    before = fake.executed[CLOUD_RENAME_SNAPSHOT];
    status =
        finish(&order, store_rename(store, id, "renamed", "path", order_done, &order, &order.job));
    assert_int_equal(fake.executed[CLOUD_RENAME_SNAPSHOT] - before, status == 0);
    /* Where there was no memory for the new entry, looking finds it. */
    if (status == 0)
        status = want(WANT_DISK_SNAPSHOTS, "disk-0001");
    if (status != 0)
        return status;
    assert_string_equal(entry_id("disk-0001", "renamed"), id);
    order = (struct order){.done = 0};
    before = fake.executed[CLOUD_DELETE_SNAPSHOT];
    status = finish(&order, store_delete(store, id, "path", order_done, &order, &order.job));
    assert_int_equal(fake.executed[CLOUD_DELETE_SNAPSHOT] - before, status == 0);
    return status;
}

static int use_store(void)
{
    fake = (struct fake_cloud){.now = FAKE_START, .latency = 20};
    fake_add_disk("disk-0001", "root");
    fake_add_many(12);
    struct store_settings settings = {.ttl = 30000, .timeout = 10000};
    store = store_new(NULL, NULL, &settings);
    if (store == NULL)
        return -ENOMEM;
    int status = use_store_once();
    store_free(store);
    store = NULL;
    return status;
}

static void the_store_asks_and_changes(void **state)
{
    (void)state;
    /* Its own store is not needed. */
    store_free(store);
    store = NULL;
    torture(use_store);
}

/* --- options and credentials ---------------------------------------------------------------------
 */

static int file_with(const char *content)
{
    int file = memfd_create("torture", MFD_CLOEXEC);
    assert_true(file >= 0 && fchmod(file, 0600) == 0);
    assert_int_equal(write(file, content, strlen(content)), (ssize_t)strlen(content));
    return file;
}

static char config_word[128];

static int parse_options(void)
{
    static char program[] = "cbsfs", region[] = "ap-guangzhou", point[] = "/mnt", o[] = "-o";
    char *words[] = {program, region, point, o, config_word, NULL};
    struct options options;
    char reason[512] = "";
    int status = options_parse(&options, 5, words, reason, sizeof(reason));
    if (status == 0) {
        status = options_complete(&options, NULL, reason, sizeof(reason));
        if (status == 0)
            assert_string_equal(options.disks[1], "disk-0002");
    }
    options_free(&options);
    return status;
}

static void options_are_parsed(void **state)
{
    (void)state;
    int file = file_with("protect=daily-*:weekly-*\ndisks=disk-0001:disk-0002\nttl=5\n");
    snprintf(config_word, sizeof(config_word),
             "config=/proc/self/fd/%d,endpoint=http://127.0.0.1:80,profile=x,allow_other", file);
    torture(parse_options);
    close(file);
}

static int translate_words(void)
{
    static char program[] = "mount.fuse.cbsfs", region[] = "ap-guangzhou", point[] = "/mnt";
    static char o[] = "-o", list[] = "rw,_netdev";
    char *words[] = {program, region, point, o, list, NULL};
    struct mount_helper helper;
    char reason[256];
    int status = mount_helper_translate(&helper, 5, words, reason, sizeof(reason));
    if (status == 0)
        assert_string_equal(helper.words[6], "fsname=ap-guangzhou");
    else
        assert_null(helper.words);
    mount_helper_free(&helper);
    return status;
}

static void mounts_words_are_translated(void **state)
{
    (void)state;
    torture(translate_words);
}

static char json_path[64], ini_path[64];

static int read_files(void)
{
    struct credential credential;
    struct cloud_error error;
    struct stat info;
    credential_init(&credential);
    int status = credential_file_read_tccli(json_path, "FILE", &credential, &info, &error);
    credential_free(&credential);
    if (status == 0)
        status = credential_file_read_ini(ini_path, "FILE", "default", &credential, &info, &error);
    credential_free(&credential);
    /* A file that cannot be read is a key that cannot be had. */
    return status == -EKEYREJECTED ? -ENOMEM : status;
}

/* --- OpenStack ----------------------------------------------------------------------- */

static int read_clouds(void)
{
    struct openstack_settings settings;
    struct cloud_error error;
    struct openstack_environment *environment = openstack_environment_take("/nonexistent");
    if (environment == NULL)
        return -ENOMEM;
    int status = openstack_settings_read(environment, NULL, &settings, &error);
    if (status == 0) {
        assert_string_equal(settings.values[OPENSTACK_PASSWORD], "a-long-password-of-somebody");
        assert_string_equal(settings.values[OPENSTACK_USER_DOMAIN_NAME], "Default");
        openstack_settings_free(&settings);
    }
    openstack_environment_free(environment);
    return status == -EKEYREJECTED ? -ENOMEM : status; /* as above */
}

static void clouds_are_read(void **state)
{
    char path[64];
    (void)state;
    int file = file_with("base: &b {auth_url: https://k, username: u}\nclouds:\n  lab:\n    auth:\n"
                         "      <<: *b\n      password: a-long-password-of-somebody\n"
                         "      project_name: p\n    region_name: R\n");
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    setenv("OS_CLIENT_CONFIG_FILE", path, 1);
    setenv("OS_CLIENT_SECURE_FILE", path, 1);
    torture(read_clouds);
    unsetenv("OS_CLIENT_CONFIG_FILE");
    unsetenv("OS_CLIENT_SECURE_FILE");
    close(file);
}

static const char *subject_token(const struct http_reply *reply, const char *name)
{
    (void)reply;
    return strcmp(name, "X-Subject-Token") == 0 ? "token" : NULL;
}

static int log_in(void)
{
    static const struct keystone_login login = {
        .auth_url = "https://k", .user_name = "u", .password = "p\"", .project_name = "p"};
    static const struct keystone_wish wish = {.region = "R"}, other = {.region = "S"};
    static const char body[] =
        "{\"token\":{\"project\":{\"id\":\"p\"},\"catalog\":[{\"type\":\"volumev3\",\"endpoints\":["
        "{"
        "\"interface\":\"public\",\"region\":\"R\",\"url\":\"https://v/v3\"}]}]}}";
    const struct http_reply reply = {
        .status = 201, .body = body, .body_length = sizeof(body) - 1, .header = subject_token};
    struct http_request request;
    struct keystone_token token;
    struct cloud_error error;
    http_request_init(&request);
    int status = keystone_encode(&login, &request);
    http_request_free(&request);
    if (status < 0)
        return status;
    keystone_token_init(&token);
    keystone_decode(&reply, &wish, &token, &error);
    status = error.status;
    if (status == 0)
        status = keystone_encode_versions(token.endpoint, &request);
    http_request_free(&request);
    keystone_token_free(&token);
    if (status < 0)
        return status;
    keystone_decode(&reply, &other, &token, &error);
    return error.status == -EADDRNOTAVAIL ? 0 : error.status;
}

static void a_login_is_encoded_and_decoded(void **state)
{
    (void)state;
    torture(log_in);
}

static void credential_files_are_read(void **state)
{
    (void)state;
    int json = file_with("{\"secretId\":\"AKIDxxxx\",\"secretKey\":\"keyxxxx\",\"token\":\"t\"}");
    int ini = file_with("[default]\nsecret_id=AKIDxxxx\nsecret_key=keyxxxx\ntoken=t\n");
    snprintf(json_path, sizeof(json_path), "/proc/self/fd/%d", json);
    snprintf(ini_path, sizeof(ini_path), "/proc/self/fd/%d", ini);
    torture(read_files);
    close(json);
    close(ini);
}

/* --- events -------------------------------------------------------------------------------------
 */

/* A line is there as a whole, or not at all. */
static int tell_and_follow(void)
{
    struct events *events = events_new();
    struct events_reader reader = {0};
    const char *bytes;
    size_t at = 0, length;
    if (events == NULL)
        return -ENOMEM;
    events_open(events, &reader);
    for (int i = 0; i < 40; i++)
        events_add(events, i, "told", "path", "disks/disk-1\n", "#job", "7", "message",
                   "a text that is long enough for the first piece of memory to be too small for "
                   "all of these lines, so that it has to grow while somebody reads along",
                   (char *)NULL);
    while ((length = events_read(&reader, at, 1 << 20, &bytes)) > 0) {
        for (const char *line = bytes, *end; line < bytes + length; line = end + 1) {
            end = memchr(line, '\n', (size_t)(bytes + length - line));
            assert_non_null(end);
            assert_memory_equal(line, "{\"number\":", 10);
            assert_memory_equal(end - 10, "ds along\"}", 10);
            assert_non_null(memmem(line, (size_t)(end - line), "\"job\":7,\"message\":", 18));
        }
        at += length;
    }
    events_close(&reader);
    events_free(events);
    return 0;
}

static void events_are_told(void **state)
{
    (void)state;
    torture(tell_and_follow);
}

int main(void)
{
    torture_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listing_is_decoded),
        cmocka_unit_test(lists_are_decoded),
        cmocka_unit_test(groups_get_their_members),
        cmocka_unit_test(a_record_is_printed),
        cmocka_unit_test(a_record_is_parsed),
        cmocka_unit_test(calls_are_encoded),
        cmocka_unit_test(the_catalogue_learns_and_changes),
        cmocka_unit_test(a_freed_name_is_noted),
        WORLD_TEST(the_store_asks_and_changes),
        cmocka_unit_test(options_are_parsed),
        cmocka_unit_test(mounts_words_are_translated),
        cmocka_unit_test(credential_files_are_read),
        cmocka_unit_test(events_are_told),
        cmocka_unit_test(clouds_are_read),
        cmocka_unit_test(a_login_is_encoded_and_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
