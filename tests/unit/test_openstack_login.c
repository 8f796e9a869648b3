/* SPDX-License-Identifier: Apache-2.0 */
/* The source of tokens, against a Keystone that a child process plays on loopback. */
#include "test_data.h"

#include "cbsfs/clock.h"
#include "cbsfs/http.h"
#include "cbsfs/loop.h"
#include "cbsfs/openstack_login.h"
#include "cbsfs/timestamp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE   10000 /* ms until a test that waits has failed */
#define TOKEN_SIZE 3000

extern char **environ;

/* What the child answers, and has seen; shared with it. */
struct keystone {
    volatile int status;  /* of an answer to a log-in */
    volatile int life;    /* seconds of a token */
    volatile int logins;  /* requests for a token */
    volatile int asked;   /* requests for the versions */
    volatile int minor;   /* 3.N; -1: the versions answer 404 */
    volatile bool silent; /* no answer to a log-in */
    volatile bool echo;   /* a refusal repeats what was sent */
    char body[2048];      /* of the last log-in */
};

struct room {
    char home[64], url[64];
    struct loop *loop;
    struct http *http;
    struct keystone *keystone;
    pid_t server;
    struct openstack_environment *environment;
    struct openstack_login *login;
    struct credential_source source;
    struct credential got;
    struct cloud_error error;
    int ready_count;
};

/* --- Keystone ------------------------------------------------------------------------ */

static void write_all(int client, const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        ssize_t done = write(client, text, length);
        if (done <= 0)
            return;
        text += done;
        length -= (size_t)done;
    }
}

static void answer_login(int client, struct keystone *keystone, const char *url)
{
    char expires[TIMESTAMP_SIZE], body[4096], head[512], token[TOKEN_SIZE + 1];
    int status = keystone->status;

    timestamp_format(clock_wall() / 1000 + keystone->life, expires);
    memset(token, 'g', TOKEN_SIZE);
    token[TOKEN_SIZE] = '\0';
    snprintf(token, 16, "token%d", keystone->logins);
    token[strlen(token)] = '-';
    if (status == 201)
        snprintf(body, sizeof body,
                 "{\"token\":{\"expires_at\":\"%s\",\"project\":{\"id\":\"p1\"},\"catalog\":["
                 "{\"type\":\"block-storage\",\"endpoints\":[{\"interface\":\"public\",\"region\":"
                 "\"R\",\"url\":\"%s/volume/v3/p1\"}]}]}}",
                 expires, url);
    else
        snprintf(body, sizeof body, "{\"error\":{\"code\":%d,\"message\":\"no: %s\"}}", status,
                 keystone->echo ? "'password': 'hunter2'" : "so");
    snprintf(head, sizeof head,
             "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\nConnection: close\r\n", status,
             strlen(body));
    write_all(client, head);
    if (status == 201) {
        write_all(client, "X-Subject-Token: ");
        write_all(client, token);
        write_all(client, "\r\n");
    }
    write_all(client, "\r\n");
    write_all(client, body);
}

static void answer_versions(int client, const struct keystone *keystone)
{
    char body[128], text[256];
    snprintf(body, sizeof body, "{\"versions\":[{\"version\":\"3.%d\"}]}", keystone->minor);
    snprintf(text, sizeof text,
             "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
             keystone->minor < 0 ? 404 : 300, strlen(body), body);
    write_all(client, text);
}

static void answer(int client, struct keystone *keystone, const char *url)
{
    char request[8192] = "";
    size_t length = 0, expected = SIZE_MAX;
    while (length < expected && length < sizeof request - 1) {
        ssize_t got = read(client, request + length, sizeof request - 1 - length);
        if (got <= 0)
            return;
        length += (size_t)got;
        request[length] = '\0';
        const char *end = strstr(request, "\r\n\r\n"), *size = strstr(request, "Content-Length: ");
        if (end != NULL)
            expected =
                (size_t)(end + 4 - request) + (size != NULL ? strtoul(size + 16, NULL, 10) : 0);
    }
    const char *body = strstr(request, "\r\n\r\n");
    if (strncmp(request, "POST /v3/auth/tokens ", 21) == 0 && body != NULL) {
        snprintf(keystone->body, sizeof keystone->body, "%s", body + 4);
        keystone->logins++;
        if (keystone->status == 0)
            ; /* hangs up */
        else if (!keystone->silent)
            answer_login(client, keystone, url);
        else
            sleep(2);
    } else if (strncmp(request, "GET /volume/ ", 13) == 0) {
        keystone->asked++;
        answer_versions(client, keystone);
    }
    shutdown(client, SHUT_WR);
}

static void start_keystone(struct room *room)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    room->keystone = mmap(NULL, sizeof *room->keystone, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(room->keystone != MAP_FAILED);
    *room->keystone = (struct keystone){.status = 201, .life = 3600, .minor = 70};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    snprintf(room->url, sizeof room->url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    pid_t parent = getpid();
    room->server = fork();
    assert_true(room->server >= 0);
    if (room->server == 0) {
        alarm(60);
        while (getppid() == parent) {
            int client = accept(listener, NULL, NULL);
            if (client < 0)
                break;
            answer(client, room->keystone, room->url);
            close(client);
        }
        _exit(0);
    }
    close(listener);
}

static void stop_keystone(struct room *room)
{
    if (room->server <= 0)
        return;
    kill(room->server, SIGKILL);
    waitpid(room->server, NULL, 0);
    room->server = 0;
}

/* --- a room for each test ------------------------------------------------------------ */

static int enter(void **state)
{
    static char *empty[] = {NULL};
    struct room *room = calloc(1, sizeof *room);
    assert_non_null(room);
    strcpy(room->home, "/tmp/cbsfs-login-XXXXXX");
    assert_non_null(mkdtemp(room->home));
    assert_int_equal(chdir(room->home), 0);
    environ = empty;
    start_keystone(room);
    setenv("OS_AUTH_URL", room->url, 1);
    setenv("OS_USERNAME", "demo", 1);
    setenv("OS_PASSWORD", "hunter2", 1);
    setenv("OS_PROJECT_NAME", "demo", 1);
    room->loop = loop_new();
    const struct http_settings settings = {.user_agent = "cbsfs-test",
                                           .body_limit = 65536,
                                           .connect_timeout = 2000,
                                           .connection_limit = 4};
    room->http = http_new(room->loop, &settings);
    assert_non_null(room->http);
    credential_init(&room->got);
    *state = room;
    return 0;
}

static int leave(void **state)
{
    struct room *room = *state;
    credential_free(&room->got);
    openstack_login_free(room->login);
    openstack_environment_free(room->environment);
    http_free(room->http);
    loop_free(room->loop);
    stop_keystone(room);
    munmap(room->keystone, sizeof *room->keystone);
    unlink("clouds.yaml");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(room->home), 0);
    free(room);
    return 0;
}

static int open_login(struct room *room, bool evs)
{
    room->environment = openstack_environment_take(room->home);
    assert_non_null(room->environment);
    const struct openstack_login_settings settings = {
        .environment = room->environment, .timeout = 1000, .evs = evs};
    return openstack_login_new(room->http, &settings, &room->source, &room->login, &room->error);
}

static void put_clouds(const struct room *room, const char *password)
{
    FILE *file = fopen("clouds.new", "w");
    assert_non_null(file);
    fprintf(file,
            "clouds: {lab: {auth: {auth_url: '%s', username: u, password: %s, project_id: p}}}",
            room->url, password);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod("clouds.new", 0600), 0);
    assert_int_equal(rename("clouds.new", "clouds.yaml"), 0);
}

static void ready(void *data, int status)
{
    struct room *room = data;
    (void)status;
    room->ready_count++;
    loop_stop(room->loop);
}

static void give_up(void *data)
{
    loop_stop(data);
}

static void run_for(struct room *room, int64_t milliseconds)
{
    struct loop_timer end = {.fire = give_up, .data = room->loop};
    loop_timer_start(room->loop, &end, clock_now() + milliseconds);
    while (end.armed)
        assert_int_equal(loop_run(room->loop), 0);
}

static void wait_ready(struct room *room, int count)
{
    struct loop_timer patience = {.fire = give_up, .data = room->loop};
    loop_timer_start(room->loop, &patience, clock_now() + PATIENCE);
    while (room->ready_count < count && patience.armed)
        assert_int_equal(loop_run(room->loop), 0);
    loop_timer_stop(room->loop, &patience);
    assert_int_equal(room->ready_count, count);
}

static int get_once(struct room *room, const char *refused)
{
    credential_free(&room->got);
    memset(&room->error, 0, sizeof room->error);
    return room->source.get(room->source.self, refused, &room->got, &room->error, ready, room);
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

static void assert_message(const struct room *room, const char *part)
{
    if (strstr(room->error.message, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, room->error.message);
    assert_null(strstr(room->error.message, "hunter2"));
    assert_string_equal(room->error.code, OPENSTACK_LOGIN_CODE);
}

/* --- tests --------------------------------------------------------------------------- */

static void test_a_token(void **state)
{
    struct room *room = *state;
    char text[128];
    assert_int_equal(open_login(room, false), 0);
    assert_string_equal(openstack_login_project(room->login), "");
    assert_int_equal(room->keystone->logins, 0);
    assert_int_equal(get(room, NULL), 0);
    assert_int_equal(strlen(room->got.token), TOKEN_SIZE);
    assert_int_equal(strncmp(room->got.token, "token1-ggg", 10), 0);
    assert_int_equal(strlen(room->got.secret_id), 16);
    assert_null(strstr(room->got.token, room->got.secret_id));
    assert_string_equal(room->got.secret_key, "");
    assert_string_equal(room->got.project, "p1");
    snprintf(text, sizeof text, "%s/volume/v3/p1", room->url);
    assert_string_equal(room->got.endpoint, text);
    assert_int_equal(room->got.api_minor, 70);
    assert_true(room->got.expires > clock_wall() / 1000 + 3500);
    assert_string_equal(openstack_login_project(room->login), "p1");
    assert_string_equal(openstack_login_endpoint(room->login), text);
    assert_string_equal(openstack_login_region(room->login), "R");
    openstack_login_describe(room->login, text, sizeof text);
    assert_string_equal(text, "environment (OS_*)");
    assert_non_null(strstr(room->keystone->body, "\"password\":\"hunter2\""));
    /* It is kept. */
    assert_int_equal(get_once(room, NULL), 0);
    assert_int_equal(get_once(room, "another"), 0);
    assert_int_equal(room->keystone->logins, 1);
}

static void test_one_login_for_all(void **state)
{
    struct room *room = *state;
    int other = 0;
    assert_int_equal(open_login(room, false), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(get_once(room, NULL), -EINPROGRESS);
    struct credential none;
    credential_init(&none);
    assert_int_equal(room->source.get(room->source.self, NULL, &none, &room->error, ready, &other),
                     -EINPROGRESS);
    room->source.cancel(room->source.self, &other);
    wait_ready(room, 5);
    assert_int_equal(room->keystone->logins, 1);
    assert_int_equal(room->keystone->asked, 1);
    assert_int_equal(get_once(room, NULL), 0);
}

static void test_versions_that_are_not_told(void **state)
{
    struct room *room = *state;
    room->keystone->minor = -1;
    assert_int_equal(open_login(room, false), 0);
    assert_int_equal(get(room, NULL), 0);
    assert_int_equal(room->got.api_minor, 0);
}

static void test_evs_has_no_versions(void **state)
{
    struct room *room = *state;
    assert_int_equal(open_login(room, true), 0);
    assert_int_equal(get(room, NULL), 0);
    assert_int_equal(room->keystone->asked, 0);
}

static void test_a_refused_token_is_replaced(void **state)
{
    struct room *room = *state;
    char first[32];
    assert_int_equal(open_login(room, false), 0);
    assert_int_equal(get(room, NULL), 0);
    strcpy(first, room->got.secret_id);
    assert_int_equal(get(room, first), 0);
    assert_string_not_equal(room->got.secret_id, first);
    assert_int_equal(room->keystone->logins, 2);
    /* The versions are those of the same place. */
    assert_int_equal(room->keystone->asked, 1);
    assert_int_equal(room->got.api_minor, 70);
    /* Nothing is known against the new one. */
    assert_int_equal(get_once(room, first), 0);
    /* If that is refused as well, not at once: it would go on without end. */
    strcpy(first, room->got.secret_id);
    assert_int_equal(get(room, first), -EKEYREJECTED);
    assert_message(room, "refuses the token");
    run_for(room, 2100);
    assert_int_equal(get(room, first), 0);
    assert_int_equal(room->keystone->logins, 3);
}

static void test_renewal_at_the_end(void **state)
{
    struct room *room = *state;
    room->keystone->life = 2;
    assert_int_equal(open_login(room, false), 0);
    assert_int_equal(get(room, NULL), 0);
    assert_int_equal(get_once(room, NULL), 0);
    assert_int_equal(room->keystone->logins, 1);
    run_for(room, 2100);
    assert_int_equal(get_once(room, NULL), -EINPROGRESS);
    wait_ready(room, 2);
    assert_int_equal(get_once(room, NULL), 0);
    assert_int_equal(room->keystone->logins, 2);
}

/* In its last tenth a token is used on while the next is fetched. */
static void test_renewal_before_the_end(void **state)
{
    struct room *room = *state;
    room->keystone->life = 12;
    assert_int_equal(open_login(room, false), 0);
    assert_int_equal(get(room, NULL), 0);
    room->keystone->life = 3600;
    char first[32];
    strcpy(first, room->got.secret_id);
    int64_t give_up_at = clock_now() + 14000;
    while (room->keystone->logins < 2 && clock_now() < give_up_at) {
        assert_int_equal(get_once(room, NULL), 0);
        assert_string_equal(room->got.secret_id, first);
        run_for(room, 100);
    }
    assert_int_equal(room->keystone->logins, 2);
    run_for(room, 300);
    assert_int_equal(get_once(room, NULL), 0);
    assert_string_not_equal(room->got.secret_id, first);
}

static void test_a_refused_password_is_not_sent_again(void **state)
{
    struct room *room = *state;
    room->keystone->status = 401;
    assert_int_equal(open_login(room, false), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(room, NULL), -EKEYREJECTED);
        assert_message(room, "refuses the log-in: user, password, project or domain is wrong "
                             "(environment (OS_*)); it is not sent again for 5 minutes");
        run_for(room, 1100);
    }
    assert_int_equal(room->keystone->logins, 1);
}

static void test_a_changed_file_is_tried_at_once(void **state)
{
    struct room *room = *state;
    unsetenv("OS_AUTH_URL");
    put_clouds(room, "wrong");
    room->keystone->status = 401;
    assert_int_equal(open_login(room, false), 0);
    assert_int_equal(get(room, NULL), -EKEYREJECTED);
    assert_message(room, "clouds.yaml cloud lab in ~/clouds.yaml");
    run_for(room, 1100);
    assert_int_equal(get(room, NULL), -EKEYREJECTED);
    assert_int_equal(room->keystone->logins, 1);
    room->keystone->status = 201;
    put_clouds(room, "right");
    run_for(room, 1100);
    assert_int_equal(get(room, NULL), 0);
    assert_int_equal(room->keystone->logins, 2);
    assert_non_null(strstr(room->keystone->body, "\"password\":\"right\""));
}

static void test_other_refusals(void **state)
{
    struct room *room = *state;
    static const struct {
        int status, expected;
        const char *words;
    } cases[] = {
        {400, -EKEYREJECTED, "does not understand the log-in: no: so"},
        {403, -EACCES, "does not allow the log-in: no: so"},
        {429, -EAGAIN, "cannot log in at"},
        {503, -EREMOTEIO, "cannot log in at"},
        {404, -EPROTO, "cannot log in at"},
        {0, -ETIMEDOUT, "cannot log in: 127.0.0.1:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        room->keystone->status = cases[i].status;
        openstack_login_free(room->login);
        openstack_environment_free(room->environment);
        setenv("OS_PASSWORD", "hunter2", 1);
        assert_int_equal(open_login(room, false), 0);
        assert_int_equal(get(room, NULL), cases[i].expected);
        assert_message(room, cases[i].words);
        /* At a bounded pace. */
        assert_int_equal(get_once(room, NULL), cases[i].expected);
        assert_int_equal(room->keystone->logins, i + 1);
    }
}

static void test_a_password_that_is_repeated(void **state)
{
    struct room *room = *state;
    room->keystone->status = 400;
    room->keystone->echo = true;
    assert_int_equal(open_login(room, false), 0);
    assert_int_equal(get(room, NULL), -EKEYREJECTED);
    assert_message(room, "no: 'password': '*******'");
}

static void test_a_keystone_that_is_away(void **state)
{
    struct room *room = *state;
    stop_keystone(room);
    assert_int_equal(open_login(room, false), 0);
    assert_int_equal(get(room, NULL), -ECONNREFUSED);
    assert_message(room, "cannot log in: 127.0.0.1:");
    assert_int_equal(get_once(room, NULL), -ECONNREFUSED);
}

static void test_a_keystone_that_is_silent(void **state)
{
    struct room *room = *state;
    room->keystone->silent = true;
    assert_int_equal(open_login(room, false), 0);
    assert_int_equal(get(room, NULL), -ETIMEDOUT);
    assert_message(room, "no complete answer within");
}

static void test_access_keys(void **state)
{
    struct room *room = *state;
    unsetenv("OS_AUTH_URL");
    unsetenv("OS_PASSWORD");
    setenv("HUAWEICLOUD_SDK_AK", "AKAKAKAK", 1);
    setenv("HUAWEICLOUD_SDK_SK", "SKSKSKSK", 1);
    setenv("HUAWEICLOUD_SDK_PROJECT_ID", "p7", 1);
    assert_int_equal(open_login(room, true), 0);
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.secret_id, "AKAKAKAK");
    assert_string_equal(room->got.secret_key, "SKSKSKSK");
    assert_string_equal(room->got.project, "p7");
    assert_null(room->got.token);
    assert_null(room->got.endpoint);
    assert_int_equal(get(room, "AKAKAKAK"), -EKEYREJECTED);
    assert_message(room, "the cloud refuses the access key of environment");
    assert_int_equal(room->keystone->logins, 0);
}

static void test_access_keys_and_where(void **state)
{
    struct room *room = *state;
    unsetenv("OS_PASSWORD");
    setenv("OS_AUTH_URL", "https://iam.eu-de.otc.t-systems.com/v3", 1);
    setenv("OS_ACCESS_KEY", "AKAKAKAK", 1);
    setenv("OS_SECRET_KEY", "SKSKSKSK", 1);
    setenv("OS_SECURITY_TOKEN", "STSTSTST", 1);
    setenv("OS_PROJECT_ID", "p7", 1);
    assert_int_equal(open_login(room, true), 0);
    assert_int_equal(get(room, NULL), 0);
    assert_string_equal(room->got.endpoint, "https://evs.eu-de.otc.t-systems.com/v3/p7");
    assert_string_equal(room->got.token, "STSTSTST");
}

int main(void)
{
#define in_a_room(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        in_a_room(test_a_token),
        in_a_room(test_one_login_for_all),
        in_a_room(test_versions_that_are_not_told),
        in_a_room(test_evs_has_no_versions),
        in_a_room(test_a_refused_token_is_replaced),
        in_a_room(test_renewal_at_the_end),
        in_a_room(test_renewal_before_the_end),
        in_a_room(test_a_refused_password_is_not_sent_again),
        in_a_room(test_a_changed_file_is_tried_at_once),
        in_a_room(test_other_refusals),
        in_a_room(test_a_password_that_is_repeated),
        in_a_room(test_a_keystone_that_is_away),
        in_a_room(test_a_keystone_that_is_silent),
        in_a_room(test_access_keys),
        in_a_room(test_access_keys_and_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
