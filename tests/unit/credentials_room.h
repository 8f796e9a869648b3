/* SPDX-License-Identifier: Apache-2.0 */
/* A room for each test of the credentials: a home directory of its own, an empty environment, and a
 * metadata service that a child process plays on loopback. For tests only. */
#ifndef CBSFS_CREDENTIALS_ROOM_H
#define CBSFS_CREDENTIALS_ROOM_H

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

/* --- the metadata service ------------------------------------------------------------ */

static inline void answer(int client, struct metadata *metadata)
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

static inline void start_metadata(struct room *room)
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

/* --- a room for each test ------------------------------------------------------------ */

static inline int enter(void **state)
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

static inline int leave(void **state)
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

static inline void put_file(const struct room *room, const char *name, mode_t mode,
                            const char *content)
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
static inline void replace_file(const struct room *room, const char *name, const char *content)
{
    char from[128], to[128];
    put_file(room, ".tccli/new", 0600, content);
    snprintf(from, sizeof from, "%s/.tccli/new", room->home);
    snprintf(to, sizeof to, "%s/%s", room->home, name);
    assert_int_equal(rename(from, to), 0);
}

static inline void open_source(struct room *room, const char *profile)
{
    const struct credentials_settings settings = {.profile = profile, .home = room->home};
    credentials_free(room->credentials);
    room->credentials = NULL;
    assert_int_equal(credentials_new(room->http, &settings, &room->source, &room->credentials), 0);
}

static inline void ready(void *data, int status)
{
    struct room *room = data;
    room->ready_count++;
    room->ready_status = status;
    loop_stop(room->loop);
}

static inline int get_once(struct room *room, const char *refused)
{
    credential_free(&room->got);
    memset(&room->error, 0, sizeof room->error);
    return room->source.get(room->source.self, refused, &room->got, &room->error, ready, room);
}

static inline void give_up(void *data)
{
    loop_stop(data);
}

/* Runs the loop until `ready` was called `count` times. */
static inline void wait_ready(struct room *room, int count)
{
    struct loop_timer patience = {.fire = give_up, .data = room->loop};
    loop_timer_start(room->loop, &patience, clock_now() + PATIENCE);
    while (room->ready_count < count && patience.armed)
        assert_int_equal(loop_run(room->loop), 0);
    loop_timer_stop(room->loop, &patience);
    assert_int_equal(room->ready_count, count);
}

static inline int get(struct room *room, const char *refused)
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
static inline void run_for(struct room *room, int64_t milliseconds)
{
    struct loop_timer end = {.fire = give_up, .data = room->loop};
    loop_timer_start(room->loop, &end, clock_now() + milliseconds);
    while (end.armed)
        assert_int_equal(loop_run(room->loop), 0);
}

static inline void assert_origin(const struct room *room, const char *expected)
{
    char text[256];
    credentials_describe(room->credentials, text, sizeof text);
    assert_string_equal(text, expected);
}

static inline void assert_message(const struct room *room, const char *part)
{
    if (strstr(room->error.message, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, room->error.message);
    assert_null(strchr(room->error.message, '\n'));
}

#define in_a_room(test) cmocka_unit_test_setup_teardown(test, enter, leave)

#endif
