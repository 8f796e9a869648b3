/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what is taken, what is refused and with which words, what libfuse gets. */
#include "cbsfs/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char config_path[] = "/tmp/cbsfs-test-options-XXXXXX";
static char reason[512];

static int parse(struct options *options, const char *line)
{
    char text[512];
    char *words[16] = {(char[]){"cbsfs"}};
    int count = 1;

    snprintf(text, sizeof(text), "%s", line);
    for (char *at = strtok(text, " "); at != NULL && count < 15; at = strtok(NULL, " "))
        words[count++] = at;
    return options_parse(options, count, words, reason, sizeof(reason));
}

static void write_config(const char *text)
{
    FILE *file = fopen(config_path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* libfuse's part as one string: " -o a,b -oc". */
static const char *fuse_words(const struct options *options)
{
    static char words[512];

    words[0] = '\0';
    for (int index = 1; index < options->fuse.argc; index++) {
        size_t length = strlen(words);
        snprintf(words + length, sizeof(words) - length, " %s", options->fuse.argv[index]);
    }
    return words;
}

static void test_defaults(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(parse(&options, "/mnt/cbs"), 0);
    assert_int_equal(options.action, OPTIONS_MOUNT);
    assert_string_equal(options.mountpoint, "/mnt/cbs");
    assert_string_equal(options.provider->name, "tencent");
    assert_null(options.region);
    assert_null(options.profile);
    assert_null(options.endpoint);
    assert_null(options.protect);
    assert_null(options.disks);
    assert_null(options.config);
    assert_int_equal(options.ttl, 30);
    assert_int_equal(options.timeout, 10);
    assert_int_equal(options.rate, 0); /* the provider's */
    assert_int_equal(options.rollback, ROLLBACK_ON);
    assert_int_equal(options.uid, getuid());
    assert_int_equal(options.gid, getgid());
    assert_int_equal(options.umask, 0);
    assert_false(options.allow_delete || options.read_only || options.lazy || options.foreground);
    options_free(&options);
    options_free(&options);
}

static void test_source(void **state)
{
    static const struct {
        const char *line, *profile, *region;
    } rows[] = {
        {"ap-guangzhou /m", NULL, "ap-guangzhou"},
        {"work@ap-guangzhou /m", "work", "ap-guangzhou"},
        {"work@ /m", "work", NULL},
        {"cbsfs#ap-guangzhou /m", NULL, "ap-guangzhou"},
        {"cbsfs#work@na-ashburn /m", "work", "na-ashburn"},
        {"cbsfs:ap-guangzhou /m", NULL, "ap-guangzhou"},
        {"cbsfs:work@ap-guangzhou /m", "work", "ap-guangzhou"},
        {"cbsfs# /m", NULL, NULL},
        {"cbsfs /m", NULL, NULL},
        {"none /m", NULL, NULL},
        {"cbsfs# /m", NULL, NULL},
        {"/m -o region=ap-guangzhou,profile=work", "work", "ap-guangzhou"},
        {"-o ttl=5 ap-guangzhou /m", NULL, "ap-guangzhou"},
        {"ap-guangzhou /m -o region=ap-guangzhou", NULL, "ap-guangzhou"},
    };

    (void)state;
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++) {
        struct options options;
        assert_int_equal(parse(&options, rows[index].line), 0);
        assert_string_equal(options.mountpoint, "/m");
        assert_string_equal(options.profile != NULL ? options.profile : "-",
                            rows[index].profile != NULL ? rows[index].profile : "-");
        assert_string_equal(options.region != NULL ? options.region : "-",
                            rows[index].region != NULL ? rows[index].region : "-");
        options_free(&options);
    }
}

static void test_own_options(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(parse(&options,
                           "/m -o ttl=86400,timeout=600,rate=1000,allow_delete,rollback=confirm -f "
                           "-o protect=keep-*:base,disks=disk-a:disk-b,uid=7,gid=8 -s "
                           "-o umask=027,lazy,ro,provider=tencent,endpoint=cbs.example.com"),
                     0);
    assert_int_equal(options.ttl, 86400);
    assert_int_equal(options.timeout, 600);
    assert_int_equal(options.rate, 1000);
    assert_true(options.allow_delete && options.lazy && options.read_only && options.foreground);
    assert_false(options.debug);
    assert_int_equal(options.rollback, ROLLBACK_CONFIRM);
    assert_string_equal(options.protect[0], "keep-*");
    assert_string_equal(options.protect[1], "base");
    assert_null(options.protect[2]);
    assert_string_equal(options.disks[0], "disk-a");
    assert_string_equal(options.disks[1], "disk-b");
    assert_null(options.disks[2]);
    assert_int_equal(options.uid, 7);
    assert_int_equal(options.gid, 8);
    assert_int_equal(options.umask, 027);
    assert_string_equal(options.endpoint, "https://cbs.example.com");
    assert_string_equal(fuse_words(&options), " -oro");
    options_free(&options);
}

static void test_last_one_counts(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(parse(&options, "/m -o ttl=5,allow_delete -o ttl=7,allow_delete=no"), 0);
    assert_int_equal(options.ttl, 7);
    assert_false(options.allow_delete);
    options_free(&options);
}

static void test_endpoint(void **state)
{
    static const struct {
        const char *given, *taken;
    } rows[] = {
        {"https://cbs.tencentcloudapi.com", "https://cbs.tencentcloudapi.com"},
        {"https://cbs.tencentcloudapi.com/", "https://cbs.tencentcloudapi.com"},
        {"https://h:8443", "https://h:8443"},
        {"h:8443", "https://h:8443"},
        {"http://127.0.0.1:9000", "http://127.0.0.1:9000"},
        {"http://localhost:9000", "http://localhost:9000"},
        {"http://[::1]:9000", "http://[::1]:9000"},
        {"http://example.com", NULL},
        {"http://127.0.0.1.example.com", NULL},
        {"ftp://h", NULL},
        {"https://h/path", NULL},
        {"https://h?x", NULL},
        {"https://h#x", NULL},
        {"https://user:hunter2@h", NULL},
        {"https://", NULL},
        {"https://h:99999", NULL},
    };

    (void)state;
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++) {
        struct options options;
        char line[128];
        snprintf(line, sizeof(line), "/m -o endpoint=%s", rows[index].given);
        if (rows[index].taken != NULL) {
            assert_int_equal(parse(&options, line), 0);
            assert_string_equal(options.endpoint, rows[index].taken);
            options_free(&options);
        } else {
            assert_int_equal(parse(&options, line), -EINVAL);
            assert_non_null(strstr(reason, "endpoint"));
            assert_null(strstr(reason, "hunter2"));
        }
    }
}

/* Of OpenStack's block storage, which may have a path. */
static void test_endpoint_with_path(void **state)
{
    static const struct {
        const char *given, *taken;
    } rows[] = {
        {"https://h/v3/p1", "https://h/v3/p1"},
        {"https://h:8776/volume/v3/", "https://h:8776/volume/v3"},
        {"http://127.0.0.1/v3", "http://127.0.0.1/v3"},
        {"h", "https://h"},
        {"https://h/v3/%(project)s", NULL},
        {"https://h/v3?x", NULL},
        {"https://me@h/v3", NULL},
        {"http://example.com/v3", NULL},
    };

    (void)state;
    for (size_t index = 0; index < 2 * sizeof(rows) / sizeof(rows[0]); index++) {
        struct options options;
        char line[128];
        snprintf(line, sizeof(line), "/m -o endpoint=%s,provider=%s", rows[index / 2].given,
                 index % 2 == 0 ? "openstack" : "evs");
        if (rows[index / 2].taken == NULL) {
            assert_int_equal(parse(&options, line), -EINVAL);
            continue;
        }
        assert_int_equal(parse(&options, line), 0);
        assert_true(options_speak_openstack(&options));
        assert_string_equal(options.endpoint, rows[index / 2].taken);
        options_free(&options);
    }
}

/* Each is refused with one line that holds these words. */
static void test_refused(void **state)
{
    static const struct {
        const char *line, *words;
    } rows[] = {
        {"", "no mountpoint"},
        {"a b c", "one word too many"},
        {"/etc /m", "[PROFILE@]REGION"},
        {"a/b@ap-guangzhou /m", "[PROFILE@]REGION"},
        {"@ap-guangzhou /m", "[PROFILE@]REGION"},
        {"ap-guangzhou /m -o region=ap-shanghai", "SOURCE says ap-guangzhou"},
        {"/m -o ttl=0", "-o: ttl=0: must be a number of seconds from 1 to 86400"},
        {"/m -o ttl=86401", "from 1 to 86400"},
        {"/m -o ttl=-1", "from 1 to 86400"},
        {"/m -o ttl=5s", "from 1 to 86400"},
        {"/m -o ttl=99999999999999999999", "from 1 to 86400"},
        {"/m -o ttl", "ttl needs a value"},
        {"/m -o ttl=", "ttl needs a value"},
        {"/m -o timeout=601", "timeout=601: must be a number of seconds from 1 to 600"},
        {"/m -o rate=0", "rate=0: must be a number of calls a second from 1 to 1000"},
        {"/m -o rate=1001", "calls a second from 1 to 1000"},
        {"/m -o rate=20/s", "calls a second from 1 to 1000"},
        {"/m -o allow_delete=maybe", "allow_delete=maybe: must be yes or no"},
        {"/m -o rollback=never", "rollback=never: must be on, confirm or off"},
        {"/m -o provider=aws", "provider=aws: this version has only tencent"},
        {"/m -o region=a.b", "region=a.b"},
        {"/m -o profile=../x", "profile=../x"},
        {"/m -o disks=disk-a::disk-b", "must be ids of disks"},
        {"/m -o disks=a/b", "must be ids of disks"},
        {"/m -o protect=:a", "must be shell patterns"},
        {"/m -o umask=888", "umask=888: must be an octal number"},
        {"/m -o umask=1777", "umask=1777"},
        {"/m -o uid=root", "uid=root: must be a number"},
        {"/m -o gid=4294967295", "gid=4294967295"},
        {"/m -o", "-o needs an option"},
        {"/m --delete", "--delete: unknown switch"},
        {"/m -x", "-x: unknown switch"},
        {"--demo", "no mountpoint"},
        {"--demo ap-guangzhou /m", "--demo takes a MOUNTPOINT only"},
        {"--demo /m -o endpoint=https://h", "not with --demo"},
        {"--check ap-guangzhou /m more", "more: one word too many"},
        {"/m -o config=/nonexistent/cbsfs", "/nonexistent/cbsfs: cannot read it"},
    };

    (void)state;
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++) {
        struct options options;
        assert_true(parse(&options, rows[index].line) < 0);
        if (strstr(reason, rows[index].words) == NULL)
            fail_msg("`%s` gave: %s", rows[index].line, reason);
        assert_null(strchr(reason, '\n'));
        assert_null(options.mountpoint);
    }
}

static void test_secrets(void **state)
{
    static const char *const names[] = {"secret_id", "secret_key", "password",   "passwd",
                                        "token",     "SecretKey",  "access_key", "session_token"};

    (void)state;
    for (size_t index = 0; index < sizeof(names) / sizeof(names[0]); index++) {
        struct options options;
        char line[96];
        snprintf(line, sizeof(line), "/m -o %s=hunter2", names[index]);
        assert_int_equal(parse(&options, line), -EINVAL);
        assert_non_null(strstr(reason, names[index]));
        assert_non_null(strstr(reason, "CREDENTIALS"));
        assert_null(strstr(reason, "hunter2"));
    }
}

static void test_fstab_words(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(parse(&options,
                           "cbsfs#ap-guangzhou /m -o rw,_netdev,nofail,noauto,user,users "
                           "-o x-systemd.automount,X-foo=1,comment=hello,user=me,defaults "
                           "-o nosuid,nodev,noatime,relatime,allow_root"),
                     0);
    assert_string_equal(fuse_words(&options), " -o nosuid,nodev,noatime,allow_root");
    options_free(&options);
}

static void test_unknown_words_go_to_libfuse(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(parse(&options, "/m -o frobnicate,max_read=4096 -o ttls=5"), 0);
    assert_string_equal(fuse_words(&options), " -o frobnicate,max_read=4096,ttls=5");
    options_free(&options);
}

static void test_actions(void **state)
{
    static const struct {
        const char *line;
        enum options_action action;
    } rows[] = {
        {"--help", OPTIONS_HELP},
        {"-h", OPTIONS_HELP},
        {"-V", OPTIONS_VERSION},
        {"--version", OPTIONS_VERSION},
        {"a b --help", OPTIONS_HELP},
        {"--check", OPTIONS_CHECK},
        {"--check work@ap-guangzhou", OPTIONS_CHECK},
        {"--demo /m", OPTIONS_DEMO},
        {"--demo --help", OPTIONS_HELP},
    };

    (void)state;
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++) {
        struct options options;
        assert_int_equal(parse(&options, rows[index].line), 0);
        assert_int_equal(options.action, rows[index].action);
        options_free(&options);
    }
}

static void test_demo(void **state)
{
    struct options options;

    (void)state;
    write_config("provider = tencent\nregion = na-ashburn\nprofile = work\nendpoint = https://h\n"
                 "allow_delete = no\ndisks = disk-a\nttl = 4\n");
    char line[96];
    snprintf(line, sizeof(line), "--demo /m -o config=%s", config_path);
    assert_int_equal(parse(&options, line), 0);
    assert_int_equal(options.ttl, 4);
    assert_null(options.endpoint);
    assert_null(options.profile);
    assert_null(options.disks);
    assert_non_null(options.region);
    options_free(&options);

    assert_int_equal(parse(&options, "--demo /m"), 0);
    assert_true(options.allow_delete);
    options_free(&options);
}

static void test_config_file(void **state)
{
    struct options options;
    char line[128];

    (void)state;
    write_config("# a comment\n\n  ttl = 5 \nallow_delete\nregion=ap-shanghai\nro = yes\n");
    snprintf(line, sizeof(line), "/m -o config=%s", config_path);
    assert_int_equal(parse(&options, line), 0);
    assert_int_equal(options.ttl, 5);
    assert_true(options.allow_delete && options.read_only);
    assert_string_equal(options.region, "ap-shanghai");
    assert_string_equal(options.config, config_path);
    options_free(&options);

    /* The command line wins, SOURCE included. */
    snprintf(line, sizeof(line), "ap-guangzhou /m -o config=%s,ttl=6,allow_delete=no", config_path);
    assert_int_equal(parse(&options, line), 0);
    assert_int_equal(options.ttl, 6);
    assert_false(options.allow_delete);
    assert_string_equal(options.region, "ap-guangzhou");
    options_free(&options);
}

static void test_config_errors(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"\nttl = 0\n", ":2: ttl must be"},
        {"tll = 5\n", ":1: tll: unknown option"},
        {"ttl 5\n", ":1: must be `key = value`"},
        {"ttl\n", ":1: ttl needs a value"},
        {"secret_key = hunter2\n", ":1: secret_key: no secret"},
        {"config = /etc/other\n", ":1: config: unknown option"},
        /* A key in the wrong place is not repeated where others may read it. */
        {"AKIDhunter2\n", ":1: unknown option"},
        {"hunter2 = x\n", ":1: unknown option"},
        {"hunter2secret = x\n", ":1: a secret: no secret"},
        {"ttl = hunter2\n", ":1: ttl must be"},
        {"endpoint = hunter2:\n", ":1: endpoint must be"},
        {"region = /hunter2\n", ":1: region must be"},
    };

    (void)state;
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++) {
        struct options options;
        char line[96];
        write_config(rows[index].text);
        snprintf(line, sizeof(line), "/m -o config=%s", config_path);
        assert_int_equal(parse(&options, line), -EINVAL);
        if (strstr(reason, rows[index].words) == NULL || strstr(reason, config_path) != reason)
            fail_msg("`%s` gave: %s", rows[index].text, reason);
        assert_null(strstr(reason, "hunter2"));
    }
}

static void test_default_config_file(void **state)
{
    char directory[] = "/tmp/cbsfs-test-home-XXXXXX";
    char path[128], command[512];
    struct options options;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/cbsfs", directory);
    snprintf(command, sizeof(command), "mkdir %s && echo ttl = 9 > %s/config", path, path);
    assert_int_equal(system(command), 0);
    setenv("XDG_CONFIG_HOME", directory, 1);
    assert_int_equal(parse(&options, "/m"), 0);
    assert_int_equal(options.ttl, 9);
    options_free(&options);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    snprintf(command, sizeof(command), "rm -r %s", directory);
    assert_int_equal(system(command), 0);
}

/* Without a usable HOME the user's own home counts, and no file there is no error. */
static void test_no_home(void **state)
{
    static const char *const homes[] = {NULL, "", "relative/home"};
    char *home = getenv("HOME") != NULL ? strdup(getenv("HOME")) : NULL;

    (void)state;
    unsetenv("XDG_CONFIG_HOME");
    for (size_t index = 0; index < sizeof(homes) / sizeof(homes[0]); index++) {
        struct options options;
        if (homes[index] == NULL)
            unsetenv("HOME");
        else
            setenv("HOME", homes[index], 1);
        assert_int_equal(parse(&options, "/m -o ttl=7"), 0);
        assert_int_equal(options.ttl, 7);
        options_free(&options);
    }
    if (home != NULL)
        setenv("HOME", home, 1);
    free(home);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
}

/* Each way of asking for libfuse's messages keeps the terminal, and tells libfuse. */
static void test_debug(void **state)
{
    static const struct {
        const char *line;
        bool debug;
    } rows[] = {{"-f ap-guangzhou /m", false},
                {"-d ap-guangzhou /m", true},
                {"ap-guangzhou /m -o debug", true},
                {"ap-guangzhou /m -d -o debug", true}};

    (void)state;
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++) {
        struct options options;
        assert_int_equal(parse(&options, rows[index].line), 0);
        assert_true(options.foreground);
        assert_int_equal(options.debug, rows[index].debug);
        assert_int_equal(options_complete(&options, NULL, reason, sizeof(reason)), 0);
        assert_int_equal(strstr(fuse_words(&options), "debug") != NULL, rows[index].debug);
        options_free(&options);
    }
}

static void test_complete(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(parse(&options, "work@ap-guangzhou /m"), 0);
    assert_int_equal(options_complete(&options, "ap-shanghai", reason, sizeof(reason)), 0);
    assert_string_equal(options.region, "ap-guangzhou");
    assert_string_equal(fuse_words(&options), " -ofsname=cbsfs:work@ap-guangzhou -osubtype=cbsfs");
    options_free(&options);

    assert_int_equal(parse(&options, "/m -o fsname=mine,subtype=x,allow_other"), 0);
    assert_int_equal(options_complete(&options, "ap-shanghai", reason, sizeof(reason)), 0);
    assert_string_equal(options.region, "ap-shanghai");
    assert_string_equal(fuse_words(&options),
                        " -o fsname=mine,subtype=x,allow_other -odefault_permissions");
    options_free(&options);

    assert_int_equal(parse(&options, "/m"), 0);
    assert_int_equal(options_complete(&options, NULL, reason, sizeof(reason)), -EINVAL);
    assert_non_null(strstr(reason, "no region"));
    assert_int_equal(options_complete(&options, "a/b", reason, sizeof(reason)), -EINVAL);
    options_free(&options);
}

/* The catalogue may tell it. */
static void test_region_is_optional_for_openstack(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(parse(&options, "lab@ /m -o provider=openstack"), 0);
    assert_int_equal(options_complete(&options, NULL, reason, sizeof(reason)), 0);
    assert_string_equal(options.region, "");
    assert_string_equal(options.profile, "lab");
    assert_string_equal(fuse_words(&options), " -ofsname=cbsfs:lab@openstack -osubtype=cbsfs");
    options_free(&options);

    /* What was found is told as what was given is, which comes first. */
    assert_int_equal(parse(&options, "/m -o provider=openstack"), 0);
    options.found_profile = strdup("lab");
    assert_int_equal(options_complete(&options, "RegionOne", reason, sizeof(reason)), 0);
    assert_string_equal(fuse_words(&options), " -ofsname=cbsfs:lab@RegionOne -osubtype=cbsfs");
    options_free(&options);

    assert_int_equal(parse(&options, "/m -o provider=evs"), 0);
    assert_int_equal(options_complete(&options, "eu-de", reason, sizeof(reason)), 0);
    assert_string_equal(options.region, "eu-de");
    options_free(&options);
}

/* The table is the help: whatever can be given is in it. */
static void test_help_names_every_option(void **state)
{
    static const char *const names[] = {
        "provider=", "region=",      "profile=", "endpoint=", "config=", "ttl=",     "timeout=",
        "rate=",     "allow_delete", "protect=", "rollback=", "disks=",  "uid=",     "gid=",
        "umask=",    "lazy",         "ro ",      "--demo",    "--check", "--version"};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    options_print_help(out);
    options_print_version(out);
    fclose(out);
    for (size_t index = 0; index < sizeof(names) / sizeof(names[0]); index++)
        if (strstr(text, names[index]) == NULL)
            fail_msg("--help does not name %s", names[index]);
    free(text);
}

static int set_up(void **state)
{
    int file = mkstemp(config_path);

    (void)state;
    /* Whoever runs the tests may have a configuration of his own. */
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    return file < 0 ? -1 : close(file);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(config_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_own_options),
        cmocka_unit_test(test_last_one_counts),
        cmocka_unit_test(test_endpoint),
        cmocka_unit_test(test_endpoint_with_path),
        cmocka_unit_test(test_region_is_optional_for_openstack),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_fstab_words),
        cmocka_unit_test(test_unknown_words_go_to_libfuse),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_demo),
        cmocka_unit_test(test_config_file),
        cmocka_unit_test(test_config_errors),
        cmocka_unit_test(test_default_config_file),
        cmocka_unit_test(test_no_home),
        cmocka_unit_test(test_debug),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_help_names_every_option),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
