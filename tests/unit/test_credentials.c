/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of credentials over real files. */
#include "credentials_room.h"

#define TCCLI(id) "{\"secretId\": \"" id "\", \"secretKey\": \"tccli-key\"}\n"

/* --- the environment ----------------------------------------------------------------- */

static void the_environment_comes_first_and_is_emptied(void **state)
{
    struct room *room = *state;
    put_file(room, ".tccli/default.credential", 0600, TCCLI("AKIDfile"));
    setenv("TENCENTCLOUD_SECRET_ID", "AKIDenvironment", 1);
    setenv("TENCENTCLOUD_SECRET_KEY", "environment-key", 1);
    setenv("TENCENTCLOUD_SECURITY_TOKEN", "third", 1);
    setenv("TENCENTCLOUD_SESSION_TOKEN", "second", 1);
    const char *memory = getenv("TENCENTCLOUD_SECRET_KEY");
    open_source(room, NULL);
    assert_string_not_equal(memory, "environment-key");
    assert_null(getenv("TENCENTCLOUD_SECRET_KEY"));
    assert_null(getenv("TENCENTCLOUD_SESSION_TOKEN"));
    assert_null(getenv("TENCENTCLOUD_SECURITY_TOKEN"));
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDenvironment");
    assert_string_equal(room->got.secret_key, "environment-key");
    assert_string_equal(room->got.token, "second");
    assert_true(room->got.expires == TIMESTAMP_NONE);
    assert_origin(room, "environment");
    assert_int_equal(get(room, "AKIDenvironment"), -EKEYREJECTED);
    assert_int_equal(get(room, "AKIDanother"), 0);
}

static void half_an_environment_is_an_error(void **state)
{
    struct room *room = *state;
    put_file(room, ".tccli/default.credential", 0600, TCCLI("AKIDfile"));
    setenv("TENCENTCLOUD_SECRET_ID", "AKIDenvironment", 1);
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), -EKEYREJECTED);
    assert_message(room, "TENCENTCLOUD_SECRET_KEY is not");
    setenv("TENCENTCLOUD_SECRET_KEY", " padded ", 1);
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), -EKEYREJECTED);
    assert_message(room, "blanks");
}

static void a_named_profile_rules_the_environment_out(void **state)
{
    struct room *room = *state;
    put_file(room, ".tccli/other.credential", 0600, TCCLI("AKIDother"));
    setenv("TENCENTCLOUD_SECRET_ID", "AKIDenvironment", 1);
    setenv("TENCENTCLOUD_SECRET_KEY", "environment-key", 1);
    open_source(room, "other");
    assert_null(getenv("TENCENTCLOUD_SECRET_KEY"));
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDother");
    assert_origin(room, "file ~/.tccli/other.credential");
    room->metadata->status = 200;
    open_source(room, "missing");
    assert_int_equal(get(room, NULL), -EKEYREJECTED);
    assert_message(room, "~/.tccli/missing.credential");
    assert_message(room, "~/.tencentcloud/credentials [missing]");
    assert_int_equal(room->metadata->requests, 0);
    struct credential_source source;
    struct credentials *credentials = NULL;
    const struct credentials_settings settings = {.profile = "../x", .home = room->home};
    assert_int_equal(credentials_new(room->http, &settings, &source, &credentials), -EINVAL);
    assert_null(credentials);
}

/* --- files --------------------------------------------------------------------------- */

static void the_tccli_file_is_read(void **state)
{
    struct room *room = *state;
    char content[256];
    put_file(room, ".tencentcloud/credentials", 0600,
             "[default]\nsecret_id=AKIDini\nsecret_key=k\n");
    snprintf(content, sizeof content,
             "{\"secretId\":\"AKIDt\",\"secretKey\":\"k\",\"token\":\"t\",\"expiresAt\":%lld}",
             (long long)(clock_wall() / 1000 + 100));
    put_file(room, ".tccli/default.credential", 0600, content);
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDt");
    assert_string_equal(room->got.token, "t");
    assert_true(room->got.expires > clock_wall() / 1000);
    assert_origin(room, "file ~/.tccli/default.credential");

    put_file(room, ".tccli/other.credential", 0600,
             "{\"secretId\":\"AKIDt\",\"secretKey\":\"k\",\"token\":\"t\",\"expiresAt\":1000}");
    setenv("TCCLI_PROFILE", "other", 1);
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), -EKEYEXPIRED);
    assert_message(room, "~/.tccli/other.credential");
    replace_file(room, ".tccli/other.credential",
                 "{\"secretId\":\"AKIDt\",\"secretKey\":\"k\",\"role-arn\":\"qcs::cam\"}");
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), -EOPNOTSUPP);
}

static void the_ini_file_is_read(void **state)
{
    struct room *room = *state;
    put_file(room, ".tencentcloud/credentials", 0600,
             "# keys\n[other]\nsecret_id = AKIDother\nsecret_key = ko\n\n[default]\r\n"
             "secret_id =  AKIDini \r\nsecret_key\t= ini-key\t\r\n; the end\n");
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDini");
    assert_string_equal(room->got.secret_key, "ini-key");
    assert_null(room->got.token);
    assert_origin(room, "file ~/.tencentcloud/credentials");
    open_source(room, "other");
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDother");

    char path[128];
    snprintf(path, sizeof path, "%s/elsewhere", room->home);
    setenv("TENCENTCLOUD_CREDENTIALS_FILE", path, 1);
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), -EKEYREJECTED);
    assert_message(room, "~/elsewhere");
    put_file(room, "elsewhere", 0600, "[default]\nsecret_id=AKIDelse\nsecret_key=k\ntoken=t\n");
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDelse");
    assert_string_equal(room->got.token, "t");
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    struct room *room = *state;
    put_file(room, ".tencentcloud/credentials", 0600,
             "[default]\nsecret_id=AKIDini\nsecret_key=k\n");
    static const mode_t modes[] = {0640, 0604, 0660, 0620, 0601};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        put_file(room, ".tccli/default.credential", modes[i], TCCLI("AKIDfile"));
        open_source(room, NULL);
        assert_int_equal(get(room, NULL), -EACCES);
        assert_message(room, "~/.tccli/default.credential");
        assert_message(room, "chmod 600");
    }
    put_file(room, ".tccli/default.credential", 0400, TCCLI("AKIDfile"));
    assert_int_equal(get(room, NULL), 0);
    if (geteuid() == 0) {
        char path[128];
        snprintf(path, sizeof path, "%s/.tccli/default.credential", room->home);
        assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
        open_source(room, NULL);
        assert_int_equal(get(room, NULL), -EACCES);
        assert_message(room, "uid 12345");
    }
}

static void a_directory_that_everybody_may_change_is_refused(void **state)
{
    struct room *room = *state;
    static const struct {
        mode_t mode;
        int status;
    } modes[] = {{0777, -EACCES}, {0702, -EACCES}, {01777, 0}, {0775, 0}, {0700, 0}};
    char path[128];
    snprintf(path, sizeof path, "%s/.tccli", room->home);
    put_file(room, ".tccli/default.credential", 0600, TCCLI("AKIDfile"));
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(path, modes[i].mode), 0);
        open_source(room, NULL);
        assert_int_equal(get(room, NULL), modes[i].status);
        if (modes[i].status < 0)
            assert_message(room, "the directory of ~/.tccli/default.credential");
    }
}

static void secrets_of_the_environment_can_be_forgotten(void **state)
{
    (void)state;
    static const char *const names[] = {"TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN",
                                        "TENCENTCLOUD_SESSION_TOKEN",
                                        "TENCENTCLOUD_SECURITY_TOKEN"};
    const char *values[4];
    for (size_t i = 0; i < 4; i++) {
        setenv(names[i], "s3cret", 1);
        values[i] = getenv(names[i]);
    }
    credentials_forget_environment();
    for (size_t i = 0; i < 4; i++) {
        assert_null(getenv(names[i]));
        assert_int_equal(values[i][0], '\0');
    }
    credentials_forget_environment();
}

static void a_malformed_file_is_named_with_its_line(void **state)
{
    struct room *room = *state;
    static const struct {
        const char *content, *message;
    } files[] = {
        {"{\n  \"secretId\": \"AKIDfile\",\n  \"secretKey\" \"s3cret\"\n}", "line 3"},
        {"{\"secretKey\" \"(s3cret\"}", "line 1"},
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{\"secretId\": \"AKIDfile\"}", "key is missing"},
        {"{\"secretKey\": \"s3cret\"}", "id is missing"},
        {"{\"secretId\": \"AKIDfile\", \"secretKey\": \" s3cret\"}", "blanks"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        put_file(room, ".tccli/default.credential", 0600, files[i].content);
        open_source(room, NULL);
        assert_int_equal(get(room, NULL), -EKEYREJECTED);
        assert_message(room, "~/.tccli/default.credential");
        assert_message(room, files[i].message);
        assert_null(strstr(room->error.message, "s3cret"));
    }
    put_file(room, ".tencentcloud/credentials", 0600, "[other]\nsecret_id=a\ns3cret\n");
    open_source(room, "other");
    assert_int_equal(get(room, NULL), -EKEYREJECTED);
    assert_message(room, "~/.tencentcloud/credentials, line 3");
    assert_null(strstr(room->error.message, "s3cret"));
}

static void a_rotated_file_is_read_again(void **state)
{
    struct room *room = *state;
    put_file(room, ".tccli/default.credential", 0600, TCCLI("AKIDfirst"));
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), 0);
    assert_int_equal(get(room, "AKIDfirst"), -EKEYREJECTED);
    assert_message(room, "~/.tccli/default.credential");

    /* At once when the old one was refused. */
    replace_file(room, ".tccli/default.credential", TCCLI("AKIDsecond"));
    assert_int_equal(get(room, "AKIDfirst"), 0);
    assert_string_equal(room->got.secret_id, "AKIDsecond");

    /* By itself within a moment. */
    replace_file(room, ".tccli/default.credential", TCCLI("AKIDthird"));
    int64_t deadline = clock_now() + PATIENCE;
    do {
        usleep(20000);
        assert_int_equal(get(room, NULL), 0);
    } while (strcmp(room->got.secret_id, "AKIDthird") != 0 && clock_now() < deadline);
    assert_string_equal(room->got.secret_id, "AKIDthird");

    /* What is wrong or gone meanwhile does not take away what is known. */
    replace_file(room, ".tccli/default.credential", "{");
    assert_int_equal(get(room, "AKIDother"), 0);
    assert_int_equal(get(room, "AKIDthird"), -EKEYREJECTED);
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDthird");
}

/* Written in place it may be half; a new file under the old name is whole. */
static void a_file_in_the_making_is_left_alone(void **state)
{
    struct room *room = *state;
    put_file(room, ".tccli/default.credential", 0600, TCCLI("AKIDfirst"));
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), 0);
    usleep(1050000);
    put_file(room, ".tccli/default.credential", 0600, TCCLI("AKIDsecond"));
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDfirst");
    usleep(1050000);
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDsecond");
    usleep(1050000);
    replace_file(room, ".tccli/default.credential", TCCLI("AKIDthird"));
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDthird");
    /* A refusal cannot wait. */
    put_file(room, ".tccli/default.credential", 0600, TCCLI("AKIDfourth"));
    assert_int_equal(get(room, "AKIDthird"), 0);
    assert_string_equal(room->got.secret_id, "AKIDfourth");
}

/* --- the place ----------------------------------------------------------------------- */

static void the_place_is_what_the_tools_were_told(void **state)
{
    struct room *room = *state;
    struct credentials_place place;
    char reason[256];
    struct credentials_settings settings = {.home = room->home};
    assert_int_equal(credentials_region(&settings, &place, reason, sizeof reason), 0);
    assert_string_equal(place.region, "");
    assert_string_equal(place.endpoint, "");

    put_file(room, ".tccli/default.configure", 0644,
             "{\"_sys_param\":{\"region\":\"ap-tokyo\"},"
             "\"cbs\":{\"endpoint\":\"cbs.tencentcloudapi.com\"}}");
    put_file(room, ".tccli/other.configure", 0644,
             "{\"region\":\"ap-seoul\",\"cbs\":{\"endpoint\":\"cbs.intl.tencentcloudapi.com\"}}");
    assert_int_equal(credentials_region(&settings, &place, reason, sizeof reason), 0);
    assert_string_equal(place.region, "ap-tokyo");
    assert_string_equal(place.endpoint, "");
    setenv("TENCENTCLOUD_REGION", "ap-jakarta", 1);
    assert_int_equal(credentials_region(&settings, &place, reason, sizeof reason), 0);
    assert_string_equal(place.region, "ap-jakarta");
    assert_string_equal(place.profile, "");
    setenv("TCCLI_PROFILE", "other", 1);
    assert_int_equal(credentials_region(&settings, &place, reason, sizeof reason), 0);
    assert_string_equal(place.profile, "other");
    unsetenv("TCCLI_PROFILE");
    settings.profile = "other";
    assert_int_equal(credentials_region(&settings, &place, reason, sizeof reason), 0);
    assert_string_equal(place.region, "ap-seoul");
    assert_string_equal(place.profile, "");
    assert_string_equal(place.endpoint, "https://cbs.intl.tencentcloudapi.com");

    static const char *const elsewhere[] = {"http://evil.example", "http://localhost@evil.example",
                                            "http://metadata.tencentyun.com", "ftp://localhost"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"cbs\":{\"endpoint\":\"%s\"}}", elsewhere[i]);
        put_file(room, ".tccli/other.configure", 0644, text);
        assert_int_equal(credentials_region(&settings, &place, reason, sizeof reason), -EINVAL);
        assert_non_null(strstr(reason, "~/.tccli/other.configure: the endpoint"));
        assert_string_equal(place.endpoint, "");
    }
    put_file(room, ".tccli/other.configure", 0644, "{\n\"a\"\n}");
    assert_int_equal(credentials_region(&settings, &place, reason, sizeof reason), -EINVAL);
    assert_non_null(strstr(reason, "~/.tccli/other.configure"));
    assert_non_null(strstr(reason, "line 3"));
}

static void a_secret_id_is_shown_masked(void **state)
{
    (void)state;
    char text[64];
    credentials_mask("AKIDabcdefghijklmnopqrstuvwxyz1234", text, sizeof text);
    assert_string_equal(text, "AKID...1234");
    credentials_mask("AKIDshort", text, sizeof text);
    assert_string_equal(text, "****");
    credentials_mask("", text, sizeof text);
    assert_string_equal(text, "****");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_a_room(the_environment_comes_first_and_is_emptied),
        in_a_room(half_an_environment_is_an_error),
        in_a_room(a_named_profile_rules_the_environment_out),
        in_a_room(the_tccli_file_is_read),
        in_a_room(the_ini_file_is_read),
        in_a_room(a_file_that_others_may_read_is_refused),
        in_a_room(a_directory_that_everybody_may_change_is_refused),
        in_a_room(secrets_of_the_environment_can_be_forgotten),
        in_a_room(a_malformed_file_is_named_with_its_line),
        in_a_room(a_rotated_file_is_read_again),
        in_a_room(a_file_in_the_making_is_left_alone),
        in_a_room(the_place_is_what_the_tools_were_told),
        cmocka_unit_test(a_secret_id_is_shown_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
