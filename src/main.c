/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of start-up, and of the end.
 *
 * First whatever needs no cloud, so that a mistyped option is told at once; then the fork; then, in
 * the child and before anything is mounted, the question whether this account may be asked at all
 * (the probe); then the mount.  The parent has waited and ends with the child's verdict.  Every
 * failure is one line on stderr and exit status 1.
 */
#include "cbsfs/access.h"
#include "cbsfs/buffer.h"
#include "cbsfs/check.h"
#include "cbsfs/client.h"
#include "cbsfs/clock.h"
#include "cbsfs/daemon.h"
#include "cbsfs/demo.h"
#include "cbsfs/events.h"
#include "cbsfs/fs.h"
#include "cbsfs/http.h"
#include "cbsfs/log.h"
#include "cbsfs/loop.h"
#include "cbsfs/mount_helper.h"
#include "cbsfs/notify.h"
#include "cbsfs/options.h"
#include "cbsfs/other_regions.h"
#include "cbsfs/probe.h"
#include "cbsfs/provider.h"
#include "cbsfs/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_LIMIT     (16 * 1024)       /* bytes, in an answer; most have 1 to 2 KB */
#define LEAST_BODY_LIMIT (4 * 1024 * 1024) /* bytes; a catalogue of services is no listing */
#define CONNECTION_LIMIT 8
#define CONNECT_TIMEOUT  5000  /* ms */
#define START_MARGIN     15000 /* ms that the start may take beyond the probe's own timeout */
/* How long an end waits for changes that are on the wire, ms: what became of them is worth knowing.
 */
#define FAREWELL      1500
#define FAREWELL_STEP 20

struct program {
    struct options options;
    struct daemon daemon;
    struct notify notify;
    struct demo demo;
    struct loop *loop;
    struct http *http;
    struct access access;
    struct client *client;
    struct events *events;
    struct store *store;
    struct other_regions regions;
    struct fs *fs;
    struct buffer config;
    struct loop_timer farewell;
    int64_t farewell_end;
    bool ending;
    char line[512]; /* why something failed */
};

/* --- the parts that speak to the cloud ----------------------------------------------- */

static int open_http(struct program *program)
{
    const struct provider *provider = program->options.provider;
    size_t page = provider != NULL ? provider->page_limit * (size_t)RECORD_LIMIT : 0;
    struct http_settings settings = {
        .user_agent = "cbsfs/" CBSFS_VERSION,
        .body_limit = page > LEAST_BODY_LIMIT ? page : LEAST_BODY_LIMIT,
        .connect_timeout = CONNECT_TIMEOUT,
        .connection_limit = CONNECTION_LIMIT,
    };
    access_fill_http(&program->access, &settings);
    program->loop = loop_new();
    program->http = program->loop != NULL ? http_new(program->loop, &settings) : NULL;
    return program->http != NULL ? 0 : -ENOMEM;
}

static int open_access(struct program *program)
{
    return access_open(&program->access, program->http, &program->options, program->line,
                       sizeof(program->line));
}

static int open_client(struct program *program)
{
    const struct options *options = &program->options;
    struct client_settings *settings = &program->regions.client;
    *settings = (struct client_settings){
        .provider = options->provider,
        .account = {.region = options->region, .endpoint = options->endpoint, .language = "en-US"},
        .credentials = &program->access.source,
        /* So that one exchange that hangs leaves time for another. */
        .attempt_timeout = (int64_t)options->timeout * 1000 * 2 / 5,
        .rate = options->rate,
    };
    if (options->action == OPTIONS_DEMO)
        settings->account.endpoint = program->demo.endpoint;
    program->client = client_new(program->loop, program->http, settings);
    return program->client != NULL ? 0 : -ENOMEM;
}

static const char *credentials_origin(void *data)
{
    struct program *program = data;
    access_describe(&program->access, program->line, sizeof(program->line));
    return program->line;
}

/* --- the mount ----------------------------------------------------------------------- */

static int write_config(struct program *program)
{
    const struct options *options = &program->options;
    static const char *const rollback[] = {"on", "confirm", "off"};
    struct buffer *out = &program->config;
    buffer_printf(out, "provider %s\n", options->provider->name);
    access_put_config(&program->access, options, out);
    buffer_printf(
        out,
        "ttl %u\ntimeout %u\nrate %u\nread_only %d\nallow_delete %d\nallow_create_disk %d\n"
        "rollback %s\n",
        options->ttl, options->timeout,
        options->rate != 0 ? options->rate : options->provider->rate, options->read_only,
        options->allow_delete, options->allow_create_disk, rollback[options->rollback]);
    buffer_puts(out, "protect");
    for (char **at = options->protect; at != NULL && *at != NULL; at++)
        buffer_printf(out, " %s", *at);
    buffer_puts(out, "\ndisks");
    for (char **at = options->disks; at != NULL && *at != NULL; at++)
        buffer_printf(out, " %s", *at);
    return buffer_puts(out, "\n");
}

static void say_farewell(void *data)
{
    struct program *program = data;
    if (store_running_jobs(program->store) == 0 || clock_now() >= program->farewell_end)
        loop_stop(program->loop);
    else
        loop_timer_start(program->loop, &program->farewell, clock_now() + FAREWELL_STEP);
}

static void begin_farewell(struct program *program)
{
    program->ending = true;
    notify_send(&program->notify, "STOPPING=1\nSTATUS=Ending");
    program->farewell.fire = say_farewell;
    program->farewell.data = program;
    program->farewell_end = clock_now() + FAREWELL;
    say_farewell(program);
}

/* Nobody waits any more, but a change whose caller was killed may be on the wire. */
static void session_ended(void *data)
{
    struct program *program = data;
    if (!program->ending)
        begin_farewell(program);
}

static int open_region(void *data, const char *region, struct store **store)
{
    struct program *program = data;
    return other_regions_open(&program->regions, region, store);
}

static int open_fs(struct program *program)
{
    const struct options *options = &program->options;
    program->events = events_new();
    if (program->events == NULL)
        return -ENOMEM;
    static const enum fs_rollback modes[] = {
        [ROLLBACK_ON] = FS_ROLLBACK_ON,
        [ROLLBACK_CONFIRM] = FS_ROLLBACK_CONFIRM,
        [ROLLBACK_OFF] = FS_ROLLBACK_OFF,
    };
    struct store_settings known = {
        .ttl = (int64_t)options->ttl * 1000,
        .timeout = (int64_t)options->timeout * 1000,
        .disks = (const char *const *)options->disks,
        .events = program->events,
        .region = options->region,
    };
    struct fs_settings shown = {
        .read_only = options->read_only,
        .allow_delete = options->allow_delete,
        .allow_create_disk = options->allow_create_disk,
        .protect = (const char *const *)options->protect,
        .rollback = modes[options->rollback],
        .uid = options->uid,
        .gid = options->gid,
        .umask = options->umask,
        .timeout = (int64_t)options->timeout * 1000,
        .region = options->region,
        /* `disks=` names those of one region. */
        .open_region = options->disks == NULL ? open_region : NULL,
        .events = program->events,
        .ended = session_ended,
        .data = program,
    };
    if (write_config(program) != 0)
        return -ENOMEM;
    shown.config = program->config.data;
    program->store = store_new(program->loop, program->client, &known);
    known.beside = program->store;
    program->regions.loop = program->loop;
    program->regions.http = program->http;
    program->regions.store = known;
    program->fs = program->store != NULL ? fs_new(program->loop, program->store, &shown) : NULL;
    return program->fs != NULL ? 0 : -ENOMEM;
}

static void terminate(void *data, int signal)
{
    struct program *program = data;
    (void)signal;
    /* Before the mount is up, and when somebody insists, at once. */
    if (program->store == NULL || program->ending) {
        program->ending = true;
        loop_stop(program->loop);
        return;
    }
    begin_farewell(program);
}

static void refresh(void *data)
{
    struct program *program = data;
    if (program->fs != NULL)
        fs_refresh(program->fs);
}

/* Everything fallible between the fork and the verdict. */
static int start(struct program *program)
{
    struct options *options = &program->options;
    int status = open_http(program);
    if (status == 0)
        status = daemon_watch_signals(&program->daemon, program->loop, terminate, refresh, program);
    /* A demo has an account of its own, and its simulator would inherit the keys of the user's. */
    if (options->action == OPTIONS_DEMO) {
        access_forget(&program->access);
        program->access.demo = &program->demo;
    }
    if (status == 0 && options->action == OPTIONS_DEMO)
        status = demo_start(&program->demo, program->line, sizeof(program->line));
    if (status == 0)
        status = open_access(program);
    if (status == 0)
        status = open_client(program);
    if (status == 0 && !options->lazy)
        log_progress("asking %s ...", *options->region != '\0' ? options->region : "the cloud");
    if (status == 0 && !options->lazy)
        status = probe_run(program->loop, program->client, options,
                           (int64_t)options->timeout * 1000, program->line, sizeof(program->line));
    log_progress("%s", "");
    if (status == 0)
        status = open_fs(program);
    if (status == 0)
        status = fs_mount(program->fs, &options->fuse, options->mountpoint, program->line,
                          sizeof(program->line));
    return status;
}

static void end(struct program *program)
{
    if (program->loop != NULL)
        loop_timer_stop(program->loop, &program->farewell);
    fs_free(program->fs);
    other_regions_end(&program->regions);
    store_free(program->store);
    events_free(program->events);
    client_free(program->client);
    access_end(&program->access);
    demo_stop(&program->demo);
    http_free(program->http);
    daemon_end(&program->daemon);
    notify_end(&program->notify);
    loop_free(program->loop);
    buffer_free(&program->config);
    options_free(&program->options);
}

static int fail(const struct program *program, int status)
{
    fprintf(stderr, "cbsfs: %s\n", program->line[0] != '\0' ? program->line : strerror(-status));
    return EXIT_FAILURE;
}

/* In the parent, which only waits for the verdict. */
static void forget(void *data)
{
    struct program *program = data;
    access_forget(&program->access);
}

/* Only the process that was started is the service; one in the background is not its business. */
static int open_notify(struct program *program)
{
    int status = notify_open(&program->notify);
    if (status != 0)
        snprintf(program->line, sizeof(program->line), "NOTIFY_SOCKET cannot be used: %s",
                 strerror(-status));
    if (!program->options.foreground)
        notify_end(&program->notify);
    return status;
}

static int mount(struct program *program)
{
    struct options *options = &program->options;
    int status =
        access_find(&program->access, &program->options, program->line, sizeof(program->line));
    if (status == 0)
        status =
            daemon_check_mountpoint(&options->mountpoint, program->line, sizeof(program->line));
    if (status == 0)
        status = daemon_begin(&program->daemon, options->foreground,
                              (int64_t)options->timeout * 1000 + START_MARGIN, forget, program);
    if (status == 0)
        status = open_notify(program);
    if (status != 0)
        return fail(program, status);
    if (options->debug)
        log_set_level(LOG_LEVEL_DEBUG);
    status = start(program);
    if (status != 0) {
        const char *line = program->line[0] != '\0' ? program->line : strerror(-status);
        notify_send(&program->notify, "STATUS=%s\nERRNO=%d", line, -status);
        daemon_fail(&program->daemon, line);
        return EXIT_FAILURE;
    }
    if (daemon_ready(&program->daemon) != 0)
        return EXIT_FAILURE;
    notify_send(&program->notify, "READY=1\nSTATUS=Mounted %s@%s at %s", options->provider->name,
                options->region, options->mountpoint);
    notify_watch(&program->notify, program->loop);
    events_add(program->events, client_server_time(program->client), "mounted", "region",
               options->region, "version", CBSFS_VERSION, (char *)NULL);
    log_info("mounted %s@%s at %s", options->provider->name, options->region, options->mountpoint);
    status = loop_run(program->loop);
    log_info("ended");
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- the other actions --------------------------------------------------------------- */

static int check(struct program *program)
{
    int status =
        access_find(&program->access, &program->options, program->line, sizeof(program->line));
    /* Without a region the table says so; anything else wrong is told here. */
    if (status != 0 && program->options.region != NULL)
        return fail(program, status);
    bool complete = status == 0;
    if (!complete)
        fail(program, status);
    status = open_http(program);
    if (status == 0)
        status = open_access(program);
    if (status == 0 && complete)
        status = open_client(program);
    if (status != 0)
        return fail(program, status);
    struct check_subject subject = {
        .options = &program->options,
        .loop = program->loop,
        .http = program->http,
        .client = program->client,
        .credentials = &program->access.source,
        .credentials_origin = credentials_origin,
        .origin_data = program,
    };
    return check_run(&subject, stdout) == 0 && complete ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Started by mount(8): becomes cbsfs, or says what was wrong with the words. */
static int help_mount(struct program *program, int argc, char *argv[])
{
    struct mount_helper helper;
    int status = mount_helper_translate(&helper, argc, argv, program->line, sizeof(program->line));
    if (status == 0 && helper.fake)
        status = options_parse(&program->options, helper.count, helper.words, program->line,
                               sizeof(program->line));
    else if (status == 0)
        status = mount_helper_become(&helper);
    mount_helper_free(&helper);
    if (status != 0)
        return fail(program, status);
    options_free(&program->options);
    return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
    struct program program = {
        .daemon = {.verdict = -1, .signals = -1}, .notify = {.fd = -1}, .demo = {.pid = -1}};
    buffer_init(&program.config, 0);
    if (argc > 0 && mount_helper_is(argv[0]))
        return help_mount(&program, argc, argv);
    int status = daemon_protect();
    if (status == 0)
        status = options_parse(&program.options, argc, argv, program.line, sizeof(program.line));
    if (status != 0)
        return fail(&program, status);
    switch (program.options.action) {
    case OPTIONS_HELP:
        options_print_help(stdout);
        status = EXIT_SUCCESS;
        break;
    case OPTIONS_VERSION:
        options_print_version(stdout);
        status = EXIT_SUCCESS;
        break;
    case OPTIONS_CHECK:
        status = check(&program);
        break;
    case OPTIONS_CLEAN:
        status =
            daemon_clear_dead_mount(program.options.mountpoint, program.line, sizeof(program.line));
        status = status != 0 ? fail(&program, status) : EXIT_SUCCESS;
        break;
    case OPTIONS_MOUNT:
    case OPTIONS_DEMO:
        status = mount(&program);
        break;
    }
    end(&program);
    log_end();
    return status;
}
