/* SPDX-License-Identifier: Apache-2.0 */
/* What the environment, clouds.yaml and secure.yaml tell together; and what they are refused for.
 */
#include "test_data.h"

#include "cbsfs/openstack_settings.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static char home[64];

/* --- a home of its own --------------------------------------------------------------- */

static void clear_environment(void)
{
    static char *empty[] = {NULL};
    environ = empty;
    setenv("HOME", home, 1);
}

static int enter(void **state)
{
    char path[128];
    (void)state;
    strcpy(home, "/tmp/cbsfs-openstack-XXXXXX");
    assert_non_null(mkdtemp(home));
    snprintf(path, sizeof path, "%s/.config", home);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/.config/openstack", home);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/here", home);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chdir(path), 0);
    return 0;
}

static void remove_files(void)
{
    static const char *const folders[] = {".config/openstack", "here"};
    static const char *const names[] = {"clouds.yaml", "clouds.yml",         "clouds.json",
                                        "secure.yaml", "clouds-public.yaml", "other",
                                        "ca.pem"};
    char path[160];
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
            snprintf(path, sizeof path, "%s/%s/%s", home, folders[i], names[j]);
            unlink(path);
        }
}

static int leave(void **state)
{
    static const char *const folders[] = {"/.config/openstack", "/.config", "/here", ""};
    char path[128];
    (void)state;
    remove_files();
    assert_int_equal(chdir("/"), 0);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", home, folders[i]);
        assert_int_equal(rmdir(path), 0);
    }
    return 0;
}

static void put(const char *name, mode_t mode, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", home, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int read_settings(const char *profile, struct openstack_settings *settings,
                         struct cloud_error *error)
{
    struct openstack_environment *environment = openstack_environment_take(home);
    assert_non_null(environment);
    int status = openstack_settings_read(environment, profile, settings, error);
    openstack_environment_free(environment);
    return status;
}

/* --- the table ----------------------------------------------------------------------- */

#define CLOUDS   ".config/openstack/clouds.yaml"
#define PASSWORD "OS_AUTH_URL=https://k/v3", "OS_USERNAME=u", "OS_PASSWORD=p", "OS_PROJECT_NAME=pr"
#define LAB                                                                                        \
    "clouds:\n  lab:\n    auth:\n      auth_url: https://k\n      username: u\n"                   \
    "      password: s\n      project_name: p\n"

struct row {
    const char *name;
    const char *variables[10];
    const char *clouds, *secure, *public; /* files in ~/.config/openstack; NULL: none */
    const char *profile;
    int status;
    const char *message; /* a part of it */
    struct {
        enum openstack_setting setting;
        const char *value; /* NULL: the end; "": not told */
    } values[6];
    const char *described;
    enum openstack_method method;
};

static const struct row rows[] = {
    {"nothing", {NULL}, .status = -EKEYREJECTED, .message = "neither OS_CLOUD nor OS_AUTH_URL"},
    {"environment",
     {PASSWORD, "OS_REGION_NAME=R"},
     .values = {{OPENSTACK_AUTH_URL, "https://k/v3"},
                {OPENSTACK_PASSWORD, "p"},
                {OPENSTACK_REGION, "R"},
                {OPENSTACK_USER_DOMAIN_NAME, "Default"},
                {OPENSTACK_PROJECT_DOMAIN_NAME, "Default"}},
     .described = "environment (OS_*)"},
    {"old names of variables",
     {"OS_AUTH_URL=https://k", "OS_USER_ID=i", "OS_PASSWORD=p", "OS_TENANT_NAME=t",
      "OS_ENDPOINT_TYPE=internalURL", "OS_DEFAULT_DOMAIN=dd", "OS_PROJECT_DOMAIN_NAME=pd"},
     .values = {{OPENSTACK_PROJECT_NAME, "t"},
                {OPENSTACK_INTERFACE, "internalURL"},
                {OPENSTACK_USER_DOMAIN_ID, "dd"},
                {OPENSTACK_USER_DOMAIN_NAME, ""},
                {OPENSTACK_PROJECT_DOMAIN_NAME, "pd"}}},
    {"no url", {"OS_PASSWORD=p"}, .status = -EKEYREJECTED, .message = "OS_AUTH_URL is not"},
    {"no user",
     {"OS_AUTH_URL=https://k", "OS_PASSWORD=p"},
     .status = -EKEYREJECTED,
     .message = "OS_USERNAME is not set"},
    {"no password",
     {"OS_AUTH_URL=https://k", "OS_USERNAME=u", "OS_PROJECT_NAME=p"},
     .status = -EKEYREJECTED,
     .message = "OS_PASSWORD is not set"},
    {"empty password",
     {"OS_AUTH_URL=https://k", "OS_USERNAME=u", "OS_PROJECT_NAME=p", "OS_PASSWORD="},
     .status = -EKEYREJECTED,
     .message = "OS_PASSWORD is not set"},
    {"no project",
     {"OS_AUTH_URL=https://k", "OS_USERNAME=u", "OS_PASSWORD=p"},
     .status = -EKEYREJECTED,
     .message = "OS_PROJECT_NAME is not set"},
    {"in the clear",
     {PASSWORD, "OS_AUTH_URL=http://keystone.example"},
     .status = -EKEYREJECTED,
     .message = "https://"},
    {"insecure", {PASSWORD, "OS_INSECURE=true"}, .status = -EOPNOTSUPP, .message = "OS_CACERT"},
    {"not insecure", {PASSWORD, "OS_INSECURE=False"}, .status = 0},
    {"no such CA",
     {PASSWORD, "OS_CACERT=/nonexistent"},
     .status = -EKEYREJECTED,
     .message = "`cacert` cannot be read"},
    {"not UTF-8", {PASSWORD, "OS_USERNAME=\xff"}, .status = -EKEYREJECTED, .message = "UTF-8"},
    {"application credential",
     {"OS_AUTH_URL=https://k", "OS_AUTH_TYPE=v3applicationcredential",
      "OS_APPLICATION_CREDENTIAL_ID=i", "OS_APPLICATION_CREDENTIAL_SECRET=s"},
     .method = OPENSTACK_APPLICATION_LOGIN,
     .values = {{OPENSTACK_APPLICATION_SECRET, "s"}}},
    {"application credential without its type",
     {"OS_AUTH_URL=https://k", "OS_APPLICATION_CREDENTIAL_NAME=n",
      "OS_APPLICATION_CREDENTIAL_SECRET=s", "OS_USERNAME=u"},
     .method = OPENSTACK_APPLICATION_LOGIN},
    {"application credential by name only",
     {"OS_AUTH_URL=https://k", "OS_APPLICATION_CREDENTIAL_NAME=n",
      "OS_APPLICATION_CREDENTIAL_SECRET=s"},
     .status = -EKEYREJECTED,
     .message = "OS_USERNAME is not set"},
    {"token",
     {"OS_AUTH_URL=https://k", "OS_AUTH_TYPE=token", "OS_TOKEN=t", "OS_PROJECT_ID=p"},
     .method = OPENSTACK_TOKEN_LOGIN},
    {"another type",
     {PASSWORD, "OS_AUTH_TYPE=v3oidcpassword"},
     .status = -EOPNOTSUPP,
     .message = "not spoken"},
    {"access keys",
     {"HUAWEICLOUD_SDK_AK=a", "HUAWEICLOUD_SDK_SK=s", "HUAWEICLOUD_SDK_PROJECT_ID=p",
      "HUAWEICLOUD_SDK_SECURITY_TOKEN=t"},
     .method = OPENSTACK_KEYS,
     .values = {{OPENSTACK_ACCESS_KEY, "a"},
                {OPENSTACK_SECRET_KEY, "s"},
                {OPENSTACK_PROJECT_ID, "p"},
                {OPENSTACK_SECURITY_TOKEN, "t"}}},
    {"access keys of terraform",
     {"HW_ACCESS_KEY=a", "HW_SECRET_KEY=s", "OS_PROJECT_ID=p"},
     .method = OPENSTACK_KEYS},
    {"access keys without a project",
     {"OS_ACCESS_KEY=a", "OS_SECRET_KEY=s"},
     .status = -EKEYREJECTED,
     .message = "OS_PROJECT_ID is not set"},
    {"half of the access keys",
     {"HW_ACCESS_KEY=a"},
     .status = -EKEYREJECTED,
     .message = "HW_ACCESS_KEY is set, but the secret key"},
    {"access keys beside a password",
     {PASSWORD, "HUAWEICLOUD_SDK_AK=a", "HUAWEICLOUD_SDK_SK=s", "HUAWEICLOUD_SDK_PROJECT_ID=x"},
     .method = OPENSTACK_PASSWORD_LOGIN,
     .values = {{OPENSTACK_PROJECT_ID, ""}, {OPENSTACK_PROJECT_NAME, "pr"}}},
    {"the only cloud",
     {NULL},
     .clouds = LAB,
     .values = {{OPENSTACK_PASSWORD, "s"}},
     .described = "clouds.yaml cloud lab in ~/" CLOUDS},
    {"the environment before the only cloud",
     {PASSWORD},
     .clouds = LAB,
     .values = {{OPENSTACK_PASSWORD, "p"}}},
    {"OS_CLOUD before the rest of the environment",
     {PASSWORD, "OS_CLOUD=lab", "OS_REGION_NAME=R"},
     .clouds = LAB,
     .values = {{OPENSTACK_PASSWORD, "s"}, {OPENSTACK_REGION, "R"}}},
    {"the option before OS_CLOUD",
     {"OS_CLOUD=nonesuch"},
     .clouds = LAB,
     .profile = "lab",
     .values = {{OPENSTACK_PASSWORD, "s"}}},
    {"no such cloud",
     {"OS_CLOUD=nonesuch"},
     .clouds = LAB,
     .status = -EKEYREJECTED,
     .message = "no cloud of this name; it has: lab"},
    {"no file for the cloud",
     {"OS_CLOUD=lab", PASSWORD},
     .status = -EKEYREJECTED,
     .message = "no clouds.yaml for the cloud lab"},
    {"several clouds",
     {NULL},
     .clouds = LAB "  two: {}\n",
     .status = -EKEYREJECTED,
     .message = "several clouds: lab, two; name one"},
    {"no clouds", {NULL}, .clouds = "{}", .status = -EKEYREJECTED, .message = "has no clouds"},
    {"empty file", {NULL}, .clouds = "", .status = -EKEYREJECTED, .message = "has no clouds"},
    {"a missing key",
     {NULL},
     .clouds = "clouds: {lab: {auth: {auth_url: https://k, username: u, project_id: p}}}",
     .status = -EKEYREJECTED,
     .message = "cloud lab in ~/" CLOUDS ": auth.password is missing"},
    {"secure.yaml over it",
     {NULL},
     .clouds = "clouds: {lab: {auth: {auth_url: https://k, username: u, project_id: p}}}",
     .secure = "clouds: {lab: {auth: {password: 1234}}}",
     .values = {{OPENSTACK_PASSWORD, "1234"}, {OPENSTACK_USERNAME, "u"}}},
    {"numbers, booleans and nulls",
     {NULL},
     .clouds = "clouds:\n  1: {auth: {auth_url: https://k, username: 007, password: true,"
               " project_name: 1e3, project_id: null, user_domain_name: ~}, region_name: 'null'}",
     .values = {{OPENSTACK_USERNAME, "007"},
                {OPENSTACK_PASSWORD, "true"},
                {OPENSTACK_PROJECT_NAME, "1e3"},
                {OPENSTACK_PROJECT_ID, ""},
                {OPENSTACK_REGION, "null"},
                {OPENSTACK_USER_DOMAIN_NAME, "Default"}}},
    {"JSON",
     {NULL},
     .clouds = "{\n\t\"clouds\": {\"lab\": {\"auth\": {\"auth_url\": \"https://k\",\n"
               "\t\"username\": \"u\", \"password\": \"a\\\"\\u00e9\", \"project_id\": \"p\"}}}}",
     .values = {{OPENSTACK_PASSWORD, "a\"\xc3\xa9"}}},
    {"anchors and merges",
     {NULL},
     .clouds = "base: &base {auth_url: https://k, username: u, password: old}\n"
               "clouds:\n  lab:\n    auth:\n      <<: *base\n      password: new\n"
               "      project_name: p\n",
     .values = {{OPENSTACK_USERNAME, "u"}, {OPENSTACK_PASSWORD, "new"}}},
    {"a cycle",
     {NULL},
     .clouds = "clouds: &c {lab: {auth: &a {<<: *a, auth_url: https://k, username: u}}}",
     .status = -EKEYREJECTED,
     .message = "auth.password is missing"},
    {"malformed",
     {NULL},
     .clouds = "clouds:\n  lab:\n   a: b\n  - c\n",
     .status = -EKEYREJECTED,
     .message = "~/" CLOUDS ", line 4: "},
    {"endpoint",
     {NULL},
     .clouds = LAB "    volume_endpoint_override: https://c/v3\n",
     .values = {{OPENSTACK_ENDPOINT, "https://c/v3"}}},
    {"another endpoint",
     {NULL},
     .clouds = LAB "    volumev3_endpoint_override: https://c/v3\n",
     .values = {{OPENSTACK_ENDPOINT, "https://c/v3"}}},
    {"a third",
     {NULL},
     .clouds = LAB "    block_storage_endpoint_override: https://c/v3\n",
     .values = {{OPENSTACK_ENDPOINT, "https://c/v3"}}},
    {"an endpoint in the clear",
     {NULL},
     .clouds = LAB "    block_storage_endpoint_override: http://c/v3\n",
     .status = -EKEYREJECTED,
     .message = "endpoint of the block storage must begin with https://"},
    {"interface",
     {NULL},
     .clouds = LAB "    interface: internal\n    region_name: R\n",
     .values = {{OPENSTACK_INTERFACE, "internal"}, {OPENSTACK_REGION, "R"}}},
    {"verify: false",
     {NULL},
     .clouds = LAB "    verify: no\n",
     .status = -EOPNOTSUPP,
     .message = "cacert"},
    {"verify: true", {NULL}, .clouds = LAB "    verify: true\n", .status = 0},
    {"a vendor's profile",
     {NULL},
     .clouds = LAB "    profile: vexxhost\n",
     .status = -EOPNOTSUPP,
     .message = "the vendor's profile vexxhost is not in a clouds-public.yaml beside it"},
    {"a vendor's profile that is there",
     {NULL},
     .clouds = "clouds: {lab: {profile: v, auth: {username: u, password: p, project_id: p}}}",
     .public = "public-clouds: {v: {auth: {auth_url: https://v, username: x}, region_name: R}}",
     .values = {{OPENSTACK_AUTH_URL, "https://v"},
                {OPENSTACK_USERNAME, "u"},
                {OPENSTACK_REGION, "R"}}},
    {"access keys in the file",
     {NULL},
     .clouds = "clouds: {otc: {auth: {ak: a, sk: s, project_id: p}, region_name: eu-de}}",
     .method = OPENSTACK_KEYS,
     .values = {{OPENSTACK_SECRET_KEY, "s"}, {OPENSTACK_REGION, "eu-de"}}},
    {"a domain for everything",
     {NULL},
     .clouds = "clouds: {otc: {auth: {auth_url: 'https://iam.eu-de.otc.t-systems.com:443/v3',"
               " username: u, password: p, project_name: eu-de, user_domain_name: OTC1}}}",
     .values = {{OPENSTACK_USER_DOMAIN_NAME, "OTC1"}, {OPENSTACK_PROJECT_DOMAIN_NAME, "OTC1"}}},
};

static void check_row(const struct row *row)
{
    struct openstack_settings settings;
    struct cloud_error error = {0};
    clear_environment();
    remove_files();
    for (const char *const *at = row->variables; *at != NULL; at++) {
        char *copy = strdup(*at), *equals = strchr(copy, '=');
        *equals = '\0';
        setenv(copy, equals + 1, 1);
        free(copy);
    }
    if (row->clouds != NULL)
        put(CLOUDS, 0600, row->clouds);
    if (row->secure != NULL)
        put(".config/openstack/secure.yaml", 0600, row->secure);
    if (row->public != NULL)
        put(".config/openstack/clouds-public.yaml", 0644, row->public);
    int status = read_settings(row->profile, &settings, &error);
    if (status != row->status)
        fail_msg("%s: %d, %s", row->name, status, error.message);
    if (status < 0) {
        assert_null(settings.values[OPENSTACK_PASSWORD]);
        if (strstr(error.message, row->message) == NULL)
            fail_msg("%s: \"%s\" is not in \"%s\"", row->name, row->message, error.message);
    }
    for (size_t i = 0; status == 0 && i < 6 && row->values[i].value != NULL; i++) {
        const char *got = settings.values[row->values[i].setting];
        if (strcmp(got != NULL ? got : "", row->values[i].value) != 0)
            fail_msg("%s: value %zu is %s", row->name, i, got);
    }
    if (status == 0)
        assert_int_equal(settings.method, row->method);
    if (row->described != NULL) {
        char text[256];
        openstack_settings_describe(&settings, text, sizeof text);
        assert_string_equal(text, row->described);
    }
    openstack_settings_free(&settings);
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i]);
}

/* --- the files ----------------------------------------------------------------------- */

static void expect(const char *profile, int expected, const char *part)
{
    struct openstack_settings settings;
    struct cloud_error error = {0};
    char text[256] = "";
    int status = read_settings(profile, &settings, &error);
    if (status != expected)
        fail_msg("%d, %s", status, error.message);
    if (status == 0)
        openstack_settings_describe(&settings, text, sizeof text);
    const char *told = status == 0 ? text : error.message;
    if (strstr(told, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, told);
    openstack_settings_free(&settings);
}

static void test_order_of_files(void **state)
{
    (void)state;
    clear_environment();
    put(".config/openstack/clouds.json", 0600,
        "{\"clouds\":{\"lab\":{\"auth\":{\"auth_url\":\"https://k\",\"username\":\"u\","
        "\"password\":\"p\",\"project_id\":\"p\"}}}}");
    expect(NULL, 0, "~/.config/openstack/clouds.json");
    put(".config/openstack/clouds.yml", 0600, LAB);
    expect(NULL, 0, "~/.config/openstack/clouds.yml");
    put(CLOUDS, 0600, LAB);
    expect(NULL, 0, "~/" CLOUDS);
    put("here/clouds.yaml", 0600, LAB);
    expect(NULL, 0, "~/here/clouds.yaml");
    put("here/other", 0600, LAB);
    setenv("OS_CLIENT_CONFIG_FILE", "other", 1);
    expect(NULL, 0, "~/here/other");
    setenv("OS_CLIENT_CONFIG_FILE", "~/nonesuch", 1);
    expect(NULL, -EKEYREJECTED, "OS_CLIENT_CONFIG_FILE names");
    clear_environment();
    setenv("OS_CLIENT_SECURE_FILE", "/nonexistent", 1);
    expect(NULL, -EKEYREJECTED, "OS_CLIENT_SECURE_FILE names");
}

static void test_files_of_others(void **state)
{
    (void)state;
    clear_environment();
    put(CLOUDS, 0644, LAB);
    expect(NULL, -EACCES, "may be used by others (mode 0644); run: chmod 600 ~/" CLOUDS);
    put(CLOUDS, 0640, LAB);
    expect(NULL, -EACCES, "may be used by others");
    /* Without a secret it may be read. */
    put(CLOUDS, 0644, "clouds: {lab: {auth: {auth_url: https://k, username: u, project_id: p}}}");
    put(".config/openstack/secure.yaml", 0600, "clouds: {lab: {auth: {password: s}}}");
    expect(NULL, 0, "lab");
    put(".config/openstack/secure.yaml", 0604, "clouds: {lab: {auth: {password: s}}}");
    expect(NULL, -EACCES, "secure.yaml may be used by others");
    put(".config/openstack/secure.yaml", 0600, "clouds: {lab: {auth: {password: s}}}");
    put(CLOUDS, 0664, "clouds: {lab: {auth: {auth_url: https://k, username: u, project_id: p}}}");
    expect(NULL, -EACCES, "may be changed by others");
    put(CLOUDS, 0600, "clouds: {lab: {auth: {auth_url: https://k, username: u, project_id: p}}}");
    expect(NULL, 0, "lab");
    if (geteuid() == 0) {
        assert_int_equal(chown(".config/openstack/clouds.yaml", 1, 1), -1);
        char path[160];
        snprintf(path, sizeof path, "%s/" CLOUDS, home);
        assert_int_equal(chown(path, 12345, 12345), 0);
        expect(NULL, -EACCES, "belongs to another user (uid 12345)");
    }
}

static void test_the_environment_is_left_without_secrets(void **state)
{
    static const char *const secrets[] = {
        "OS_PASSWORD",   "OS_TOKEN",           "OS_APPLICATION_CREDENTIAL_SECRET",
        "OS_SECRET_KEY", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"};
    (void)state;
    for (int forget = 0; forget < 2; forget++) {
        clear_environment();
        for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
            setenv(secrets[i], "s3cret", 1);
        setenv("OS_USERNAME", "u", 1);
        const char *raw = getenv("OS_PASSWORD");
        if (forget)
            openstack_environment_forget();
        else
            openstack_environment_free(openstack_environment_take(home));
        assert_string_equal(raw, "");
        for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
            assert_null(getenv(secrets[i]));
        assert_string_equal(getenv("OS_USERNAME"), "u");
    }
}

/* A few hundred bytes that would be gigabytes if they were written out; and depth without end. */
static void test_files_that_explode(void **state)
{
    char *text = malloc(200001);
    (void)state;
    assert_non_null(text);
    clear_environment();
    char *at = stpcpy(text, "a0: &a0 {x: y}\n");
    for (int i = 1; i < 40; i++)
        at += sprintf(at, "a%d: &a%d {<<: [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d]}\n", i, i, i - 1,
                      i - 1, i - 1, i - 1, i - 1, i - 1);
    strcpy(at, "clouds: {lab: {auth: *a39}}\n");
    put(CLOUDS, 0600, text);
    expect(NULL, -EKEYREJECTED, "auth.auth_url is missing");
    memset(text, '[', 200000);
    text[200000] = '\0';
    put(CLOUDS, 0600, text);
    expect(NULL, -EKEYREJECTED, "line 1: too many levels");
    for (int i = 0; i < 100000; i++)
        memcpy(text + 2 * i, "- ", 2);
    put(CLOUDS, 0600, text);
    expect(NULL, -EKEYREJECTED, "line 1: too many levels");
    at = text;
    for (int i = 0; i < 20000; i++)
        at += sprintf(at, "- &a%05d\n", i);
    put(CLOUDS, 0600, text);
    expect(NULL, -EKEYREJECTED, "line 1001: too many anchors");
    free(text);
}

static void test_comparison(void **state)
{
    struct openstack_settings a, b;
    struct cloud_error error;
    (void)state;
    clear_environment();
    put(CLOUDS, 0600, LAB);
    assert_int_equal(read_settings(NULL, &a, &error), 0);
    assert_int_equal(read_settings("lab", &b, &error), 0);
    assert_true(openstack_settings_are_same(&a, &b));
    openstack_settings_free(&b);
    put(CLOUDS, 0600, LAB "    region_name: R\n");
    assert_int_equal(read_settings(NULL, &b, &error), 0);
    assert_true(openstack_settings_are_same(&a, &b));
    b.values[OPENSTACK_PASSWORD][0]++;
    assert_false(openstack_settings_are_same(&a, &b));
    openstack_settings_free(&a);
    openstack_settings_free(&b);
    openstack_settings_free(&b);
}

static void test_whose_cloud(void **state)
{
    static const struct {
        const char *url;
        bool evs;
    } cases[] = {
        {"https://keystone.example/v3", false},
        {"https://iam.eu-de.otc.t-systems.com/v3", true},
        {"https://iam.eu-de.OTC.t-systems.com:443", true},
        {"https://iam.myhuaweicloud.com/v3", true},
        {"https://iam.eu-west-101.myhuaweicloud.eu/v3", true},
        {"https://keystone.example/.myhuaweicloud.com", false},
        {"https://xmyhuaweicloud.com", false},
        {".myhuaweicloud.com", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct openstack_settings settings = {.method = OPENSTACK_PASSWORD_LOGIN};
        settings.values[OPENSTACK_AUTH_URL] = strdup(cases[i].url);
        assert_int_equal(openstack_settings_are_evs(&settings), cases[i].evs);
        settings.method = OPENSTACK_KEYS;
        assert_true(openstack_settings_are_evs(&settings));
        openstack_settings_free(&settings);
    }
}

int main(void)
{
#define in_a_home(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        in_a_home(test_table),
        in_a_home(test_order_of_files),
        in_a_home(test_files_of_others),
        in_a_home(test_the_environment_is_left_without_secrets),
        in_a_home(test_files_that_explode),
        in_a_home(test_comparison),
        cmocka_unit_test(test_whose_cloud),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
