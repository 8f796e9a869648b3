/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of credentials over real files in a directory of its own, and over a metadata service
 * that a child process plays on loopback. */
#include "test_data.h"

#include "cbsfs/clock.h"
#include "cbsfs/credentials.h"
#include "cbsfs/http.h"
#include "cbsfs/loop.h"
#include "cbsfs/timestamp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 10000 /* ms until a test that waits has failed */

/* What the metadata service answers; shared with the child that plays it. */
struct metadata {
    volatile int status; /* HTTP status of every answer */
    volatile int requests;
    volatile int lifetime; /* seconds that new keys live */
};

struct room {
    char home[64];
    struct loop *loop;
    struct http *http;
    struct metadata *metadata;
    pid_t server;
    char endpoint[64];
    struct credential_source source;
    struct credentials *credentials;
    struct credential got;
    struct cloud_error error;
    int ready_count, ready_status;
};

/* --- the metadata service --------------------------------------------------------------------- */

static void answer(int client, struct metadata *metadata)
{
    char request[4096] = "", body[512] = "", head[256];
    size_t length = 0;
    while (strstr(request, "\r\n\r\n") == NULL && length < sizeof request - 1) {
        ssize_t got = read(client, request + length, sizeof request - 1 - length);
        if (got <= 0)
            return;
        length += (size_t)got;
        request[length] = '\0';
    }
    static const char path[] = "GET /latest/meta-data/cam/security-credentials/";
    int status = metadata->status;
    int number = ++metadata->requests;
    if (strncmp(request, path, sizeof path - 1) != 0)
        status = 400;
    else if (request[sizeof path - 1] == ' ')
        snprintf(body, sizeof body, "cbs-role");
    else if (strncmp(request + sizeof path - 1, "cbs-role ", 9) == 0)
        snprintf(body, sizeof body,
                 "{\"TmpSecretId\":\"AKIDtemporary%d\",\"TmpSecretKey\":\"temporary-key\","
                 "\"ExpiredTime\":%lld,\"Token\":\"temporary-token\",\"Code\":\"Success\"}",
                 number, (long long)(clock_wall() / 1000 + metadata->lifetime));
    else
        status = 404;
    int size = snprintf(head, sizeof head,
                        "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                        status, strlen(body));
    if (write(client, head, (size_t)size) != size ||
        write(client, body, strlen(body)) != (ssize_t)strlen(body))
        return;
    shutdown(client, SHUT_WR);
}

static void start_metadata(struct room *room)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    room->metadata = mmap(NULL, sizeof *room->metadata, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(room->metadata != MAP_FAILED);
    *room->metadata = (struct metadata){.status = 200, .lifetime = 3600};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    snprintf(room->endpoint, sizeof room->endpoint, "http://127.0.0.1:%u", ntohs(address.sin_port));
    pid_t parent = getpid();
    room->server = fork();
    assert_true(room->server >= 0);
    if (room->server == 0) {
        alarm(60);
        while (getppid() == parent) {
            int client = accept(listener, NULL, NULL);
            if (client < 0)
                break;
            answer(client, room->metadata);
            close(client);
        }
        _exit(0);
    }
    close(listener);
    setenv("CBSFS_METADATA_ENDPOINT", room->endpoint, 1);
}

/* --- a room for each test --------------------------------------------------------------------- */

static int enter(void **state)
{
    static const char *const variables[] = {
        "TENCENTCLOUD_SECRET_ID",
        "TENCENTCLOUD_SECRET_KEY",
        "TENCENTCLOUD_TOKEN",
        "TENCENTCLOUD_SESSION_TOKEN",
        "TENCENTCLOUD_SECURITY_TOKEN",
        "TENCENTCLOUD_REGION",
        "TENCENTCLOUD_CREDENTIALS_FILE",
        "TENCENTCLOUD_SHARED_CREDENTIALS_DIR",
        "TCCLI_PROFILE",
        "TENCENTCLOUD_PROFILE",
    };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    struct room *room = calloc(1, sizeof *room);
    assert_non_null(room);
    strcpy(room->home, "/tmp/cbsfs-credentials-XXXXXX");
    assert_non_null(mkdtemp(room->home));
    char path[128];
    snprintf(path, sizeof path, "%s/.tccli", room->home);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/.tencentcloud", room->home);
    assert_int_equal(mkdir(path, 0700), 0);
    credential_init(&room->got);
    start_metadata(room);
    room->metadata->status = 404;
    room->loop = loop_new();
    assert_non_null(room->loop);
    const struct http_settings settings = {.user_agent = "cbsfs-test",
                                           .body_limit = 65536,
                                           .connect_timeout = 2000,
                                           .connection_limit = 4};
    room->http = http_new(room->loop, &settings);
    assert_non_null(room->http);
    *state = room;
    return 0;
}

static int leave(void **state)
{
    struct room *room = *state;
    credential_free(&room->got);
    credentials_free(room->credentials);
    http_free(room->http);
    loop_free(room->loop);
    kill(room->server, SIGKILL);
    waitpid(room->server, NULL, 0);
    munmap(room->metadata, sizeof *room->metadata);
    static const char *const names[] = {".tccli/default.credential",
                                        ".tccli/other.credential",
                                        ".tccli/default.configure",
                                        ".tccli/new",
                                        ".tccli/other.configure",
                                        ".tencentcloud/credentials",
                                        "elsewhere",
                                        ".tccli",
                                        ".tencentcloud"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", room->home, names[i]);
        remove(path);
    }
    assert_int_equal(rmdir(room->home), 0);
    free(room);
    return 0;
}

static void put_file(const struct room *room, const char *name, mode_t mode, const char *content)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", room->home, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* As tools replace a file: a new one under the old name. */
static void replace_file(const struct room *room, const char *name, const char *content)
{
    char from[128], to[128];
    put_file(room, ".tccli/new", 0600, content);
    snprintf(from, sizeof from, "%s/.tccli/new", room->home);
    snprintf(to, sizeof to, "%s/%s", room->home, name);
    assert_int_equal(rename(from, to), 0);
}

static void open_source(struct room *room, const char *profile)
{
    const struct credentials_settings settings = {.profile = profile, .home = room->home};
    credentials_free(room->credentials);
    room->credentials = NULL;
    assert_int_equal(credentials_new(room->http, &settings, &room->source, &room->credentials), 0);
}

static void ready(void *data, int status)
{
    struct room *room = data;
    room->ready_count++;
    room->ready_status = status;
    loop_stop(room->loop);
}

static int get_once(struct room *room, const char *refused)
{
    credential_free(&room->got);
    memset(&room->error, 0, sizeof room->error);
    return room->source.get(room->source.self, refused, &room->got, &room->error, ready, room);
}

static void give_up(void *data)
{
    loop_stop(data);
}

/* Runs the loop until `ready` was called `count` times. */
static void wait_ready(struct room *room, int count)
{
    struct loop_timer patience = {.fire = give_up, .data = room->loop};
    loop_timer_start(room->loop, &patience, clock_now() + PATIENCE);
    while (room->ready_count < count && patience.armed)
        assert_int_equal(loop_run(room->loop), 0);
    loop_timer_stop(room->loop, &patience);
    assert_int_equal(room->ready_count, count);
}

static int get(struct room *room, const char *refused)
{
    int status = get_once(room, refused);
    if (status == -EINPROGRESS) {
        room->ready_count = 0;
        wait_ready(room, 1);
        status = get_once(room, refused);
    }
    return status;
}

/* Lets the loop run for a moment. */
static void run_for(struct room *room, int64_t milliseconds)
{
    struct loop_timer end = {.fire = give_up, .data = room->loop};
    loop_timer_start(room->loop, &end, clock_now() + milliseconds);
    while (end.armed)
        assert_int_equal(loop_run(room->loop), 0);
}

static void assert_origin(const struct room *room, const char *expected)
{
    char text[256];
    credentials_describe(room->credentials, text, sizeof text);
    assert_string_equal(text, expected);
}

static void assert_message(const struct room *room, const char *part)
{
    if (strstr(room->error.message, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, room->error.message);
    assert_null(strchr(room->error.message, '\n'));
}

#define TCCLI(id) "{\"secretId\": \"" id "\", \"secretKey\": \"tccli-key\"}\n"

/* --- the environment -------------------------------------------------------------------------- */

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

/* --- files ------------------------------------------------------------------------------------ */

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

static void a_malformed_file_is_named_with_its_line(void **state)
{
    struct room *room = *state;
    static const struct {
        const char *content, *message;
    } files[] = {
        {"{\n  \"secretId\": \"AKIDfile\",\n  \"secretKey\" \"s3cret\"\n}", "line 3"},
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

/* --- the role --------------------------------------------------------------------------------- */

static void nothing_found_names_every_place(void **state)
{
    struct room *room = *state;
    open_source(room, NULL);
    assert_int_equal(get_once(room, NULL), -EINPROGRESS);
    wait_ready(room, 1);
    assert_true(room->ready_status < 0);
    assert_int_equal(get_once(room, NULL), -EKEYREJECTED);
    assert_message(room, "TENCENTCLOUD_SECRET_ID");
    assert_message(room, "~/.tccli/default.credential");
    assert_message(room, "~/.tencentcloud/credentials [default]");
    assert_message(room, "CAM role: no role is bound to this instance");
    assert_origin(room, "none");
}

static void the_role_gives_keys_to_all_who_wait(void **state)
{
    struct room *room = *state;
    room->metadata->status = 200;
    open_source(room, NULL);
    assert_int_equal(get_once(room, NULL), -EINPROGRESS);
    assert_int_equal(get_once(room, NULL), -EINPROGRESS);
    int other;
    assert_int_equal(
        room->source.get(room->source.self, NULL, &room->got, &room->error, ready, &other),
        -EINPROGRESS);
    room->source.cancel(room->source.self, &other);
    assert_int_equal(room->ready_count, 0);
    wait_ready(room, 2);
    assert_int_equal(room->ready_status, 0);
    assert_int_equal(get_once(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDtemporary2");
    assert_string_equal(room->got.secret_key, "temporary-key");
    assert_string_equal(room->got.token, "temporary-token");
    assert_origin(room, "CAM role cbs-role");
    assert_int_equal(room->metadata->requests, 2);
    run_for(room, 50);
    assert_int_equal(get_once(room, NULL), 0);
    assert_int_equal(room->metadata->requests, 2);
}

static void keys_near_their_end_are_renewed_behind_the_scenes(void **state)
{
    struct room *room = *state;
    room->metadata->status = 200;
    room->metadata->lifetime = 200;
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDtemporary2");
    int64_t deadline = clock_now() + PATIENCE;
    do {
        run_for(room, 20);
        assert_int_equal(get_once(room, NULL), 0);
    } while (strcmp(room->got.secret_id, "AKIDtemporary2") == 0 && clock_now() < deadline);
    assert_string_equal(room->got.secret_id, "AKIDtemporary4");

    /* The service fails: the old keys stay. */
    room->metadata->status = 500;
    int before = room->metadata->requests;
    do {
        run_for(room, 20);
        assert_int_equal(get_once(room, NULL), 0);
    } while (room->metadata->requests == before && clock_now() < deadline);
    assert_true(room->metadata->requests > before);
    run_for(room, 100);
    assert_int_equal(get_once(room, NULL), 0);
}

static void ended_keys_that_cannot_be_renewed_have_expired(void **state)
{
    struct room *room = *state;
    room->metadata->status = 200;
    room->metadata->lifetime = 2;
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), 0);
    room->metadata->status = 503;
    int64_t deadline = clock_now() + PATIENCE;
    int status;
    do {
        run_for(room, 50);
        status = get(room, NULL);
    } while (status == 0 && clock_now() < deadline);
    assert_int_equal(status, -EKEYEXPIRED);
    assert_message(room, "CAM role cbs-role");
    assert_message(room, "503");
}

static void refused_keys_of_the_role_are_fetched_anew(void **state)
{
    struct room *room = *state;
    room->metadata->status = 200;
    open_source(room, NULL);
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKIDtemporary2");
    int64_t deadline = clock_now() + PATIENCE;
    int status;
    while ((status = get(room, "AKIDtemporary2")) == -EKEYREJECTED && clock_now() < deadline)
        run_for(room, 50);
    assert_int_equal(status, 0);
    assert_string_equal(room->got.secret_id, "AKIDtemporary4");
}

/* --- the place -------------------------------------------------------------------------------- */

static void the_place_is_what_the_tools_were_told(void **state)
{
    struct room *room = *state;
    struct credentials_place place;
    char reason[256];
    struct credentials_settings settings = {.home = room->home};
    assert_int_equal(credentials_place(&settings, &place, reason, sizeof reason), 0);
    assert_string_equal(place.region, "");
    assert_string_equal(place.endpoint, "");

    put_file(room, ".tccli/default.configure", 0644,
             "{\"_sys_param\":{\"region\":\"ap-tokyo\"},"
             "\"cbs\":{\"endpoint\":\"cbs.tencentcloudapi.com\"}}");
    put_file(room, ".tccli/other.configure", 0644,
             "{\"region\":\"ap-seoul\",\"cbs\":{\"endpoint\":\"cbs.intl.tencentcloudapi.com\"}}");
    assert_int_equal(credentials_place(&settings, &place, reason, sizeof reason), 0);
    assert_string_equal(place.region, "ap-tokyo");
    assert_string_equal(place.endpoint, "");
    setenv("TENCENTCLOUD_REGION", "ap-jakarta", 1);
    assert_int_equal(credentials_place(&settings, &place, reason, sizeof reason), 0);
    assert_string_equal(place.region, "ap-jakarta");
    settings.profile = "other";
    assert_int_equal(credentials_place(&settings, &place, reason, sizeof reason), 0);
    assert_string_equal(place.region, "ap-seoul");
    assert_string_equal(place.endpoint, "https://cbs.intl.tencentcloudapi.com");

    put_file(room, ".tccli/other.configure", 0644, "{\n\"a\"\n}");
    assert_int_equal(credentials_place(&settings, &place, reason, sizeof reason), -EINVAL);
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

#define in_a_room(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_a_room(the_environment_comes_first_and_is_emptied),
        in_a_room(half_an_environment_is_an_error),
        in_a_room(a_named_profile_rules_the_environment_out),
        in_a_room(the_tccli_file_is_read),
        in_a_room(the_ini_file_is_read),
        in_a_room(a_file_that_others_may_read_is_refused),
        in_a_room(a_malformed_file_is_named_with_its_line),
        in_a_room(a_rotated_file_is_read_again),
        in_a_room(nothing_found_names_every_place),
        in_a_room(the_role_gives_keys_to_all_who_wait),
        in_a_room(keys_near_their_end_are_renewed_behind_the_scenes),
        in_a_room(ended_keys_that_cannot_be_renewed_have_expired),
        in_a_room(refused_keys_of_the_role_are_fetched_anew),
        in_a_room(the_place_is_what_the_tools_were_told),
        cmocka_unit_test(a_secret_id_is_shown_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
