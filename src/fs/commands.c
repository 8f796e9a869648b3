/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written into the files of a snapshot's features.
 *
 * Each command is one line, and what a file shows is none, so that an editor that saves back what
 * it has read changes nothing.  It is read first; then what has to be known is waited for; then the
 * store carries it out, or says why not.
 */
#include "fs_internal.h"

#include "cbsfs/names.h"
#include "cbsfs/provider.h"
#include "cbsfs/timestamp.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 1024
#define DAY       86400
#define MARGIN    60

/* --- reading a line ------------------------------------------------------------------- */

const char *command_line(const char *text, char *line, size_t size)
{
    text += strspn(text, " \t");
    size_t length = strcspn(text, "\n");
    if (text[length] != '\0' && text[length + strspn(text + length, "\r\n")] != '\0')
        return "a command is one line";
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
        length--;
    if (length >= size)
        return "this is no command";
    memcpy(line, text, length);
    line[length] = '\0';
    return NULL;
}

/* What a command asks for, once read. */
struct order {
    int64_t expires;
    bool cancel, is_shown;
    const char *account, *region;
    char name[NAME_ENTRY_SIZE]; /* "": none */
    struct disk_order disk;
};

/* NULL and *seconds, or why it is no date. `now`: the cloud's clock, which is what ends it. */
static const char *parse_date(const char *text, int64_t now, int64_t *seconds)
{
    static const char reason[] = "write never, a date (2027-01-31 or 2027-01-31T12:00:00Z), or how "
                                 "long from now: +30d, +8w, +1y";
    char *end;
    char whole[48], shown[TIMESTAMP_SIZE];
    if (strcmp(text, "never") == 0) {
        *seconds = TIMESTAMP_NONE;
        return NULL;
    }
    if (text[0] == '+') {
        static const struct {
            char unit;
            int64_t days;
        } units[] = {{'d', 1}, {'w', 7}, {'y', 365}};
        errno = 0;
        long count = strtol(text + 1, &end, 10);
        if (!isdigit((unsigned char)text[1]) || errno != 0 || count < 1 || count > 36500)
            return reason;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
            if (end[0] == units[i].unit && end[1] == '\0') {
                /* A day is the least that the cloud takes, and it counts from when it hears of it.
                 */
                int64_t days = count * units[i].days;
                *seconds = now + days * DAY + (days == 1 ? MARGIN : 0);
                timestamp_format(*seconds, shown);
                return shown[0] != '\0' ? NULL : reason;
            }
        }
        return reason;
    }
    /* A day means its end is not yet over when it begins: its first second, in UTC. */
    size_t length = strlen(text);
    if (length > 32)
        return reason;
    memcpy(whole, text, length + 1);
    if (length == strlen("2027-01-31"))
        memcpy(whole + length, "T00:00:00Z", sizeof("T00:00:00Z"));
    if (timestamp_parse(whole, 0, seconds) != 0 || *seconds == TIMESTAMP_NONE)
        return reason;
    timestamp_format(*seconds, shown);
    return shown[0] != '\0' ? NULL : reason;
}

static const char *read_expires(struct request *request, const struct node *node, char *line,
                                struct order *order)
{
    (void)node;
    return parse_date(line, store_server_time(request->region->store), &order->expires);
}

static const char *read_share(struct request *request, const struct node *node, char *line,
                              struct order *order)
{
    (void)request;
    (void)node;
    size_t length = strlen(line + (line[0] != '\0'));
    order->cancel = line[0] == '-';
    order->account = line + 1;
    if ((line[0] != '+' && line[0] != '-') || length == 0 || length > 32 ||
        strspn(line + 1, "0123456789") != length)
        return "write +ACCOUNT to share it, -ACCOUNT to share it no longer; an account is a number";
    return NULL;
}

/* The name as mkdir and mv take it. */
static const char *read_name(const struct request *request, const char *text, char *name)
{
    static char reason[300];
    return name_parse_new(store_provider(request->region->store), text, name, reason,
                          sizeof(reason)) != 0
               ? reason
               : NULL;
}

static const char *read_copy(struct request *request, const struct node *node, char *line,
                             struct order *order)
{
    (void)node;
    char *rest = line + strcspn(line, " \t");
    if (*rest != '\0')
        *rest++ = '\0';
    rest += strspn(rest, " \t");
    order->region = line;
    size_t length = strlen(line);
    if (length == 0 || length > 63 ||
        strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
        return "write REGION [NAME]: ap-shanghai, for example";
    return *rest != '\0' ? read_name(request, rest, order->name) : NULL;
}

/* What an editor saves that has read it: a name can have what is shown in other words. */
static bool is_what_it_shows(const struct request *request, const struct node *node)
{
    struct buffer shown;
    buffer_init(&shown, 0);
    bool is_same =
        file_render(request->fs, node, &shown) == 0 && strcmp(shown.data, request->text) == 0;
    buffer_free(&shown);
    return is_same;
}

static const char *read_new_name(struct request *request, const struct node *node, char *line,
                                 struct order *order)
{
    order->is_shown = is_what_it_shows(request, node);
    if (order->is_shown)
        return NULL;
    /* Any text is a name, also the noise that shred(1) overwrites files with; a line ends. */
    if (strchr(request->text, '\n') == NULL)
        return "write the name as a whole line, with its end";
    return read_name(request, line, order->name);
}

static const char *read_new_disk(struct request *request, const struct node *node, char *line,
                                 struct order *order)
{
    (void)node;
    char *rest = NULL, *end;
    const char *word = strtok_r(line, " \t", &rest);
    if (word == NULL || (strcmp(word, "1") != 0 && strcmp(word, "yes") != 0))
        return "write yes, then what is to be different: zone=... type=... size=GIB name=...";
    while ((word = strtok_r(NULL, " \t", &rest)) != NULL) {
        const char *value = strchr(word, '=');
        size_t key = value != NULL ? (size_t)(value++ - word) : 0;
        if (key == 4 && strncmp(word, "zone", key) == 0 && *value != '\0') {
            order->disk.zone = value;
        } else if (key == 4 && strncmp(word, "type", key) == 0 && *value != '\0') {
            order->disk.type = value;
        } else if (key == 4 && strncmp(word, "size", key) == 0 && isdigit((unsigned char)*value)) {
            order->disk.size = strtol(value, &end, 10);
            if (*end != '\0' || order->disk.size < 1 || order->disk.size > 1000000)
                return "size= is in GiB";
        } else if (key == 4 && strncmp(word, "name", key) == 0 && *value != '\0') {
            const char *reason = read_name(request, value, order->name);
            if (reason != NULL)
                return reason;
            order->disk.name = order->name;
        } else {
            return "the words after it may be zone=, type=, size= and name=";
        }
    }
    return NULL;
}

/* --- carrying it out ------------------------------------------------------------------- */

static void answer_done(struct request *request)
{
    command_finish(request, request->status);
}

void command_done(void *data, const struct job_result *result)
{
    struct request *request = data;
    request->job = NULL;
    request->status = result->status;
    request->answer = answer_done;
    request_wake(request);
}

#define ASKED_ANEW 2

/* What is known may be a ttl old, and somebody else may have changed it since: where it decides, it
 * is asked for anew, once. 0: it is as new as the command; ASKED_ANEW; or why it is not known. */
static int confirm(struct request *request, const struct node *node)
{
    const struct snapshot *snapshot = node->snapshot;
    if (snapshot_fetched(snapshot) >= request->began || snapshot->in_progress)
        return 0;
    if (request->confirmed)
        return request->status != 0 ? request->status : -ETIMEDOUT;
    request->confirmed = true;
    request->status = 0;
    store_refresh_disk(request->region->store, disk_text(node->disk, DISK_ID));
    request->waited &= ~(1u << WANT_STATUS);
    if (request_wait(request, WANT_STATUS, snapshot_text(snapshot, SNAPSHOT_ID)))
        return ASKED_ANEW;
    return request->status != 0 ? request->status : -ETIMEDOUT;
}

/* Why the snapshot must not be deleted by this mount, or NULL. */
static const char *kept_because(const struct fs *fs, const struct snapshot *snapshot)
{
    if (!fs->settings.allow_delete)
        return "a date is a deletion: without -o allow_delete it may only become later, or never";
    if (snapshot_is_protected(fs, snapshot))
        return "the name is protected (protect=): the date may only become later, or never";
    return NULL;
}

static int carry_expires(struct request *request, const struct node *node,
                         const struct order *order, const char *path)
{
    struct store *store = request->region->store;
    const char *id = snapshot_text(node->snapshot, SNAPSHOT_ID);
    const char *kept = kept_because(request->fs, node->snapshot);
    const struct cloud_call call = {.verb = CLOUD_EXPIRE_SNAPSHOT};
    const struct provider *provider = store_provider(store);
    bool exists = provider->refusal == NULL || provider->refusal(&call) == NULL;
    /* That none is told need not mean that there is none, and `never` is sent as cheaply as it is
     * asked for.  Of those without a disk only the list of all tells, which costs more. */
    bool is_date = order->expires != TIMESTAMP_NONE;
    bool is_so = is_date && order->expires == snapshot_expires(node->snapshot) &&
                 strcmp(disk_text(node->disk, DISK_ID), CATALOGUE_NO_DISK) != 0 &&
                 !store_is_changing(store, CLOUD_EXPIRE_SNAPSHOT, id);
    if (exists && (is_so || (kept != NULL && is_date))) {
        int status = confirm(request, node);
        if (status < 0)
            return fs_refuse(request->fs, node, NULL, "expires", status,
                             "the cloud did not tell what holds now");
        if (status != 0 || is_so)
            return status == ASKED_ANEW ? ASKED_ANEW : 1;
    }
    return store_expire(store, id, order->expires, kept, path, command_done, request,
                        &request->job);
}

static int carry_share(struct request *request, const struct node *node, const struct order *order,
                       const char *path)
{
    return store_share(request->region->store, snapshot_text(node->snapshot, SNAPSHOT_ID),
                       order->account, order->cancel, path, command_done, request, &request->job);
}

/* The copy is there at once, and the list of the region that it went to may be a ttl old. */
static void copy_done(void *data, const struct job_result *result)
{
    struct request *request = data;
    const char *region = request->text + strspn(request->text, " \t");
    if (result->status == 0)
        regions_outdate(request->fs, region, strcspn(region, " \t\r\n"));
    command_done(data, result);
}

static int carry_copy(struct request *request, const struct node *node, const struct order *order,
                      const char *path)
{
    return store_copy(request->region->store, snapshot_text(node->snapshot, SNAPSHOT_ID),
                      order->region, order->name[0] != '\0' ? order->name : NULL, path, copy_done,
                      request, &request->job);
}

static int carry_name(struct request *request, const struct node *node, const struct order *order,
                      const char *path)
{
    const char *wanted = snapshot_more(node->snapshot)->wanted_name;
    const char *its = wanted != NULL ? wanted : snapshot_text(node->snapshot, SNAPSHOT_NAME);
    const char *name = order->is_shown ? its : order->name;
    if (strcmp(its, name) == 0 && !store_is_changing(request->region->store, CLOUD_RENAME_SNAPSHOT,
                                                     snapshot_text(node->snapshot, SNAPSHOT_ID)))
        return 1;
    return store_rename(request->region->store, snapshot_text(node->snapshot, SNAPSHOT_ID), name,
                        path, command_done, request, &request->job);
}

static int carry_new_disk(struct request *request, const struct node *node,
                          const struct order *order, const char *path)
{
    return store_new_disk(request->region->store, snapshot_text(node->snapshot, SNAPSHOT_ID),
                          &order->disk, path, command_done, request, &request->job);
}

static const struct command {
    const char *file;
    /* What the line asks for, or why it asks for nothing. The line is changed and outlives *order.
     */
    const char *(*read)(struct request *request, const struct node *node, char *line,
                        struct order *order);
    /* As the orders of store.h, or 1: there is nothing to do, or ASKED_ANEW: parked until what
     * decides is known. */
    int (*carry_out)(struct request *request, const struct node *node, const struct order *order,
                     const char *path);
} commands[] = {
    {"expires", read_expires, carry_expires},    {"shared_with", read_share, carry_share},
    {"copy_to", read_copy, carry_copy},          {"name", read_new_name, carry_name},
    {"new_disk", read_new_disk, carry_new_disk},
};

static const struct command *find_command(const struct node *node)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (node->kind == NODE_SNAPSHOT && strcmp(commands[i].file, node->type->name) == 0)
            return &commands[i];
    }
    return NULL;
}

bool command_is_feature(const struct node *node)
{
    return find_command(node) != NULL;
}

/* Why this mount does not do it whoever asks, or NULL. */
static const char *mount_refusal(const struct fs *fs, const struct command *command)
{
    if (command->carry_out == carry_new_disk && !fs->settings.allow_create_disk)
        return "disks cost money: they are only made when mounted with -o allow_create_disk";
    return NULL;
}

void command_feature(struct request *request)
{
    struct fs *fs = request->fs;
    struct order order = {0};
    struct node node;
    char path[1024], line[LINE_SIZE];
    int status = node_find(fs, request->number, &node);
    if (status != 0) {
        command_finish(request, status);
        return;
    }
    const struct command *command = find_command(&node);
    if (command == NULL) {
        command_finish(request, -EPERM);
        return;
    }
    const char *reason = mount_refusal(fs, command);
    if (reason != NULL)
        status = fs_refuse(fs, &node, NULL, command->file, -EPERM, reason);
    if (status == 0) {
        reason = command_line(request->text, line, sizeof(line));
        if (reason == NULL)
            reason = command->read(request, &node, line, &order);
        if (reason != NULL)
            status = fs_refuse(fs, &node, NULL, command->file, -EINVAL, reason);
    }
    if (status != 0) {
        command_finish(request, status);
        return;
    }
    const char *id = snapshot_text(node.snapshot, SNAPSHOT_ID);
    if (request_wait(request, WANT_STATUS, id) ||
        (node.disk->exists && request_wait(request, WANT_DISK, disk_text(node.disk, DISK_ID))))
        return;
    /* Waiting may have taken it away. */
    status = node_find(fs, request->number, &node);
    if (status == 0) {
        node_path(&node, path, sizeof(path));
        status = command->carry_out(request, &node, &order, path);
    }
    if (status == 0)
        request_park(request);
    else if (status != ASKED_ANEW)
        command_finish(request, status < 0 ? status : 0);
}
