/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_client.h"

#include "cbsfs/buffer.h"
#include "cbsfs/log.h"
#include "cbsfs/loop.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CALLS  256
#define MOST_TIMERS 256

struct client_call {
    struct cloud_call call;
    char *ids[FAKE_IDS];
    char disk_id[32], snapshot_id[32], name[128], new_id[32], marker[32];
    char account[40], region[64], group_id[32], zone[32], type[32], token[72];
    json_t *list;
    int64_t execute_at, answer_at;
    struct fake_script script;
    bool is_sent, is_executed;
    void (*done)(void *data, struct cloud_answer *answer);
    void *data;
    /* The answer, as it was when the call was carried out. */
    struct fake_disk *disks;
    struct fake_snapshot *snapshots;
    size_t count;
    int64_t total;
    bool is_full;
};

struct fake_cloud fake;
struct store *store;

static struct client_call *calls[MOST_CALLS]; /* in the order of their submission */
static size_t call_count;
static struct loop_timer *timers[MOST_TIMERS];
static size_t timer_count;
static json_t *raw;

/* --- clock and timers ---------------------------------------------------------------- */

int64_t clock_now(void)
{
    return fake.now;
}

int64_t world_wall(void)
{
    return FAKE_EPOCH + fake.now / 1000;
}

int64_t clock_wall(void)
{
    return world_wall() * 1000;
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    if (!timer->armed)
        return;
    timer->armed = false;
    for (size_t i = 0; i < timer_count; i++) {
        if (timers[i] == timer) {
            memmove(timers + i, timers + i + 1, (timer_count - i - 1) * sizeof(*timers));
            timer_count--;
            return;
        }
    }
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t at)
{
    loop_timer_stop(loop, timer);
    if (timer_count == MOST_TIMERS)
        abort();
    timer->at = at;
    timer->armed = true;
    timers[timer_count++] = timer;
}

/* --- the cloud ----------------------------------------------------------------------- */

static const char *action(enum cloud_verb verb)
{
    static const char *const names[CLOUD_VERB_COUNT] = {
        [CLOUD_DESCRIBE_DISKS] = "DescribeDisks",
        [CLOUD_DESCRIBE_SNAPSHOTS] = "DescribeSnapshots",
        [CLOUD_DESCRIBE_SHARES] = "DescribeShares",
        [CLOUD_DESCRIBE_GROUPS] = "DescribeGroups",
        [CLOUD_DESCRIBE_POLICIES] = "DescribePolicies",
        [CLOUD_DESCRIBE_REGIONS] = "DescribeRegions",
        [CLOUD_CREATE_SNAPSHOT] = "Create",
        [CLOUD_APPLY_SNAPSHOT] = "Apply",
        [CLOUD_RENAME_SNAPSHOT] = "Rename",
        [CLOUD_DELETE_SNAPSHOT] = "Delete",
        [CLOUD_EXPIRE_SNAPSHOT] = "Expire",
        [CLOUD_SHARE_SNAPSHOT] = "Share",
        [CLOUD_COPY_SNAPSHOT] = "Copy",
        [CLOUD_CREATE_DISK] = "CreateDisk",
        [CLOUD_CREATE_GROUP] = "CreateGroup",
        [CLOUD_APPLY_GROUP] = "ApplyGroup",
        [CLOUD_DELETE_GROUP] = "DeleteGroup",
    };
    return names[verb];
}

static const char *const default_names[] = {"Unnamed", NULL};

static const struct provider usual_provider = {
    .name = "fake",
    .title = "a cloud in memory",
    .page_limit = FAKE_PAGE,
    .id_limit = FAKE_IDS,
    .rate = 20,
    .snapshot_quota = 64,
    .name_limit = 60,
    .snapshot_prefix = "snap-",
    .disk_prefix = "disk-",
    .creating_state = "CREATING",
    .default_names = default_names,
    .action = action,
    .put_feature = fake_put_feature,
};

struct provider fake_store_provider;

void fake_add_disk(const char *id, const char *name)
{
    if (fake.disk_count == FAKE_LEGION)
        abort();
    struct fake_disk *disk = &fake.disks[fake.disk_count++];
    *disk = (struct fake_disk){.percent = 0};
    snprintf(disk->id, sizeof(disk->id), "%s", id);
    snprintf(disk->name, sizeof(disk->name), "%s", name);
}

struct fake_snapshot *fake_add_snapshot(const char *id, const char *disk, const char *name,
                                        int64_t created)
{
    if (fake.snapshot_count == FAKE_LEGION)
        abort();
    struct fake_snapshot *snapshot = &fake.snapshots[fake.snapshot_count++];
    *snapshot =
        (struct fake_snapshot){.word = "NORMAL", .percent = 100, .created = FAKE_EPOCH + created};
    snprintf(snapshot->id, sizeof(snapshot->id), "%s", id);
    snprintf(snapshot->disk, sizeof(snapshot->disk), "%s", disk);
    snprintf(snapshot->name, sizeof(snapshot->name), "%s", name);
    return snapshot;
}

void fake_add_many(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char id[32], name[32];
        snprintf(id, sizeof(id), "snap-%08zu", i);
        snprintf(name, sizeof(name), "s%zu", i);
        fake_add_snapshot(id, "disk-0001", name, (int64_t)i - 100000);
    }
}

struct fake_snapshot *fake_find(const char *id)
{
    for (size_t i = 0; i < fake.snapshot_count; i++) {
        if (strcmp(fake.snapshots[i].id, id) == 0)
            return &fake.snapshots[i];
    }
    return NULL;
}

struct fake_disk *fake_find_disk(const char *id)
{
    for (size_t i = 0; i < fake.disk_count; i++) {
        if (strcmp(fake.disks[i].id, id) == 0)
            return &fake.disks[i];
    }
    return NULL;
}

void fake_remove(const char *id)
{
    struct fake_snapshot *snapshot = fake_find(id);
    if (snapshot == NULL)
        return;
    size_t at = (size_t)(snapshot - fake.snapshots);
    memmove(snapshot, snapshot + 1, (fake.snapshot_count - at - 1) * sizeof(*snapshot));
    fake.snapshot_count--;
}

void fake_forget_calls(void)
{
    memset(fake.calls, 0, sizeof(fake.calls));
    memset(fake.executed, 0, sizeof(fake.executed));
    memset(fake.script, 0, sizeof(fake.script));
    fake.most_in_flight = 0;
}

void fake_fate(enum cloud_verb verb, unsigned nth, enum fake_fate fate, int status)
{
    fake.script[verb][nth] = (struct fake_script){fate, status};
}

static bool is_asked_for(const struct cloud_call *call, const char *id, const char *disk)
{
    if (call->id_count == 0)
        return disk == NULL || call->disk_id == NULL || strcmp(call->disk_id, disk) == 0;
    for (size_t i = 0; i < call->id_count; i++) {
        if (strcmp(call->ids[i], id) == 0)
            return true;
    }
    return false;
}

/* Whether the record with this index among those asked for is on the page. */
static bool is_on_page(const struct cloud_call *call, int64_t index)
{
    return call->id_count > 0 ||
           (index >= call->offset && index < (int64_t)call->offset + call->limit);
}

/* Of pages that follow markers. */
static void describe_after(struct client_call *call)
{
    size_t at = 0, most = call->call.limit;
    if (fake.page_most > 0 && fake.page_most < most)
        most = fake.page_most;
    while (call->marker[0] != '\0' && at < fake.snapshot_count &&
           strcmp(fake.snapshots[at].id, call->marker) != 0)
        at++;
    if (call->marker[0] != '\0' && at++ == fake.snapshot_count) {
        call->script = (struct fake_script){FATE_REFUSED, -ENOENT};
        return;
    }
    for (; at < fake.snapshot_count && call->count < most; at++)
        call->snapshots[call->count++] = fake.snapshots[at];
    call->is_full = call->count == most;
    call->total = fake.total_unknown ? -1 : (int64_t)fake.snapshot_count + fake.total_lie;
}

static void describe(struct client_call *call)
{
    call->disks = calloc(FAKE_LEGION, sizeof(*call->disks));
    call->snapshots = calloc(FAKE_LEGION, sizeof(*call->snapshots));
    if (call->disks == NULL || call->snapshots == NULL)
        abort();
    if (fake.marks && call->call.verb == CLOUD_DESCRIBE_SNAPSHOTS && call->call.id_count == 0) {
        describe_after(call);
        return;
    }
    if (call->call.verb == CLOUD_DESCRIBE_DISKS) {
        for (size_t i = 0; i < fake.disk_count; i++) {
            if (is_asked_for(&call->call, fake.disks[i].id, NULL) &&
                is_on_page(&call->call, call->total++))
                call->disks[call->count++] = fake.disks[i];
        }
    } else {
        for (size_t i = 0; i < fake.snapshot_count; i++) {
            if (is_asked_for(&call->call, fake.snapshots[i].id, fake.snapshots[i].disk) &&
                is_on_page(&call->call, call->total++))
                call->snapshots[call->count++] = fake.snapshots[i];
        }
    }
    call->total = fake.total_unknown ? -1 : call->total + fake.total_lie;
}

static void change(struct client_call *call)
{
    static unsigned number;
    struct fake_snapshot *snapshot = fake_find(call->snapshot_id);
    switch (call->call.verb) {
    case CLOUD_CREATE_SNAPSHOT:
        snprintf(call->new_id, sizeof(call->new_id), "snap-new%05u", number++);
        snapshot =
            fake_add_snapshot(call->new_id, call->disk_id, call->name, world_wall() - FAKE_EPOCH);
        snprintf(snapshot->word, sizeof(snapshot->word), "CREATING");
        snapshot->percent = 0;
        break;
    case CLOUD_APPLY_SNAPSHOT: {
        struct fake_disk *disk = fake_find_disk(call->disk_id);
        snprintf(snapshot->word, sizeof(snapshot->word), "ROLLBACKING");
        if (disk != NULL)
            disk->rolling_back = true;
        break;
    }
    case CLOUD_RENAME_SNAPSHOT:
        snprintf(snapshot->name, sizeof(snapshot->name), "%s", call->name);
        break;
    case CLOUD_DELETE_SNAPSHOT:
        if (fake.deletes_slowly)
            snprintf(snapshot->word, sizeof(snapshot->word), "DELETING");
        else
            fake_remove(call->snapshot_id);
        break;
    default:
        break;
    }
}

static void describe_list(struct client_call *call)
{
    call->list = fake_list(&call->call, &call->total);
    if (call->list == NULL)
        call->script = (struct fake_script){FATE_REFUSED, -ENOENT};
    call->is_full = fake.marks && call->call.verb == CLOUD_DESCRIBE_GROUPS &&
                    json_array_size(call->list) == call->call.limit;
}

static void execute(struct client_call *call)
{
    enum fake_fate fate = call->script.fate;
    call->is_executed = true;
    if (fate == FATE_REFUSED || fate == FATE_NOT_SENT || fate == FATE_LOST_REQUEST ||
        fate == FATE_INTERNAL || fate == FATE_HELD)
        return;
    if (fake.before != NULL)
        fake.before(&call->call);
    fake.executed[call->call.verb]++;
    if (call->call.verb >= CLOUD_DESCRIBE_SHARES && call->call.verb < CLOUD_FIRST_CHANGE)
        describe_list(call);
    else if (!cloud_verb_is_change(call->call.verb))
        describe(call);
    else if (call->call.verb >= CLOUD_EXPIRE_SNAPSHOT) {
        if (!fake_change_feature(&call->call, call->new_id))
            call->script = (struct fake_script){FATE_REFUSED, -ENOENT};
    } else if (call->call.verb == CLOUD_CREATE_SNAPSHOT || fake_find(call->snapshot_id) != NULL)
        change(call);
    else
        call->script = (struct fake_script){FATE_REFUSED, -ENOENT};
}

/* --- answers ------------------------------------------------------------------------- */

static void fill_snapshots(const struct client_call *call, struct cloud_answer *answer)
{
    answer->snapshots = calloc(call->count + 1, sizeof(*answer->snapshots));
    answer->extra = json_array();
    for (size_t i = 0; i < call->count; i++) {
        const struct fake_snapshot *from = &call->snapshots[i];
        answer->snapshots[i] = (struct snapshot_record){
            .id = from->id,
            .name = from->name,
            .disk_id = from->disk,
            .state = from->word,
            .word = from->word,
            .usage = "DATA_DISK",
            .type = "SSD",
            .zone = "zone-1",
            .group = from->group,
            .size = 10,
            .created = from->created,
            .expires = from->expires != 0 ? from->expires : TIMESTAMP_NONE,
            .percent = from->percent,
            .image_count = from->images,
            .deletion_failed = from->deletion_failed,
            .shared_in = from->shared_in,
            .shared_out = fake_is_shared(from->id, NULL),
            .copying_away = from->copying[0] != '\0',
            .raw = raw,
        };
        if (from->of_system)
            answer->snapshots[i].usage = "SYSTEM_DISK";
        if (from->copying[0] == '\0')
            continue;
        json_t *own = fake_raw(from);
        answer->snapshots[i].raw = own;
        json_array_append_new(answer->extra, own);
    }
}

static void fill_disks(const struct client_call *call, struct cloud_answer *answer)
{
    answer->disks = calloc(call->count + 1, sizeof(*answer->disks));
    for (size_t i = 0; i < call->count; i++) {
        const struct fake_disk *from = &call->disks[i];
        answer->disks[i] = (struct disk_record){
            .id = from->id,
            .name = from->name,
            .state = "UNATTACHED",
            .usage = "DATA_DISK",
            .type = "SSD",
            .zone = "zone-1",
            .group = from->group,
            .instance = from->instance,
            .attached = from->instance[0] != '\0',
            .charge_type = "",
            .project = "",
            .size = 10,
            .created = FAKE_EPOCH - 1000000,
            .expires = TIMESTAMP_NONE,
            .snapshot_count = -1,
            .rollback_percent = from->percent,
            .rolling_back = from->rolling_back,
            .raw = raw,
        };
    }
}

static void fill_error(const struct client_call *call, struct cloud_error *error)
{
    switch (call->script.fate) {
    case FATE_DONE:
    case FATE_NO_ID:
        error->http_status = 200;
        break;
    case FATE_REFUSED:
        cloud_error_set(error, call->script.status, CLOUD_REFUSED, CLOUD_FINAL, "Refused", "no");
        error->http_status = 200;
        break;
    case FATE_NOT_SENT:
        cloud_error_set(error, call->script.status, CLOUD_NOT_SENT, CLOUD_FINAL, "", "not sent");
        break;
    case FATE_HELD:
        cloud_error_set(error, -EAGAIN, CLOUD_NOT_SENT, CLOUD_FINAL, "", "still throttled");
        break;
    case FATE_LOST_REQUEST:
    case FATE_LOST_ANSWER:
        cloud_error_set(error, -ETIMEDOUT, CLOUD_UNKNOWN, CLOUD_FINAL, "", "no answer in time");
        break;
    case FATE_INTERNAL:
    case FATE_INTERNAL_DONE:
        cloud_error_set(error, -EREMOTEIO, CLOUD_UNKNOWN, CLOUD_FINAL, "InternalError", "oops");
        error->http_status = 500;
        break;
    }
}

static void free_call(struct client_call *call)
{
    for (size_t i = 0; i < call_count; i++) {
        if (calls[i] == call) {
            memmove(calls + i, calls + i + 1, (call_count - i - 1) * sizeof(*calls));
            call_count--;
            break;
        }
    }
    fake.in_flight--;
    for (size_t i = 0; i < call->call.id_count; i++)
        free(call->ids[i]);
    for (size_t i = 0; i < call->call.member_count; i++) {
        free((char *)call->call.members[i].snapshot_id);
        free((char *)call->call.members[i].disk_id);
    }
    free((struct cloud_member *)call->call.members);
    free(call->disks);
    free(call->snapshots);
    json_decref(call->list);
    free(call);
}

static void answer_call(struct client_call *call)
{
    struct cloud_answer answer;
    cloud_answer_init(&answer);
    fill_error(call, &answer.error);
    if (answer.error.status == 0) {
        answer.count = call->count;
        answer.total = call->total;
        if (call->call.verb == CLOUD_DESCRIBE_DISKS)
            fill_disks(call, &answer);
        else if (call->call.verb == CLOUD_DESCRIBE_SNAPSHOTS)
            fill_snapshots(call, &answer);
        answer.list = json_incref(call->list);
        if (call->is_full && call->list != NULL)
            answer.next = json_string_value(
                json_object_get(json_array_get(call->list, json_array_size(call->list) - 1), "id"));
        else if (call->is_full && answer.count > 0)
            answer.next = call->snapshots[answer.count - 1].id;
        if (fake.spoil != NULL)
            fake.spoil(&call->call, &answer);
    }
    /* As in the real client, the handle is dead before `done`. */
    struct client_call dead = *call;
    call->disks = NULL;
    call->snapshots = NULL;
    if (answer.error.status == 0 && dead.script.fate != FATE_NO_ID)
        answer.created_id = dead.new_id;
    free_call(call);
    dead.done(dead.data, &answer);
    free(dead.disks);
    free(dead.snapshots);
    cloud_answer_free(&answer);
}

/* --- client.h ------------------------------------------------------------------------ */

static int64_t answer_time(const struct client_call *call, int64_t latency, int64_t deadline)
{
    enum fake_fate fate = call->script.fate;
    bool is_question = !cloud_verb_is_change(call->call.verb);
    if (fate == FATE_NOT_SENT)
        return fake.now;
    if (fate == FATE_HELD || fate == FATE_LOST_ANSWER || fate == FATE_LOST_REQUEST)
        return deadline;
    return is_question && fake.silent ? deadline : fake.now + latency;
}

static const char *copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from != NULL ? from : "");
    return from != NULL ? to : NULL;
}

static void copy_feature(struct client_call *copy, const struct cloud_call *call)
{
    struct cloud_call *its = &copy->call;
    its->account = copy_text(copy->account, sizeof(copy->account), call->account);
    its->region = copy_text(copy->region, sizeof(copy->region), call->region);
    its->group_id = copy_text(copy->group_id, sizeof(copy->group_id), call->group_id);
    its->zone = copy_text(copy->zone, sizeof(copy->zone), call->zone);
    its->type = copy_text(copy->type, sizeof(copy->type), call->type);
    its->token = copy_text(copy->token, sizeof(copy->token), call->token);
    struct cloud_member *members = calloc(call->member_count + 1, sizeof(*members));
    if (members == NULL)
        abort();
    for (size_t i = 0; i < call->member_count; i++) {
        members[i].snapshot_id = strdup(call->members[i].snapshot_id);
        members[i].disk_id = strdup(call->members[i].disk_id);
    }
    its->members = members;
}

int client_submit(struct client *client, const struct cloud_call *call, int64_t deadline,
                  enum client_turn turn, void (*done)(void *data, struct cloud_answer *answer),
                  void *data, struct client_call **handle)
{
    (void)client;
    (void)turn;
    struct client_call *copy = calloc(1, sizeof(*copy));
    if (copy == NULL || call_count == MOST_CALLS || call->id_count > FAKE_IDS)
        abort();
    copy->call = *call;
    for (size_t i = 0; i < call->id_count; i++)
        copy->ids[i] = strdup(call->ids[i]);
    copy->call.ids = (const char *const *)copy->ids;
    snprintf(copy->disk_id, sizeof(copy->disk_id), "%s", call->disk_id ? call->disk_id : "");
    snprintf(copy->name, sizeof(copy->name), "%s", call->name ? call->name : "");
    snprintf(copy->snapshot_id, sizeof(copy->snapshot_id), "%s",
             call->snapshot_id ? call->snapshot_id : "");
    snprintf(copy->marker, sizeof(copy->marker), "%s", call->marker ? call->marker : "");
    copy->call.disk_id = call->disk_id ? copy->disk_id : NULL;
    copy->call.marker = call->marker ? copy->marker : NULL;
    copy->call.name = copy->name;
    copy->call.snapshot_id = copy->snapshot_id;
    copy_feature(copy, call);
    unsigned nth = fake.calls[call->verb]++;
    if (nth < FAKE_FATES)
        copy->script = fake.script[call->verb][nth];
    if (fake.silent && !cloud_verb_is_change(call->verb))
        copy->script.fate = FATE_LOST_REQUEST;
    int64_t latency = fake.latency;
    if (fake.submitted != NULL)
        fake.submitted(call, &latency);
    copy->is_sent = copy->script.fate != FATE_HELD && copy->script.fate != FATE_NOT_SENT;
    copy->execute_at = fake.now + latency / 2;
    copy->answer_at = answer_time(copy, latency, deadline);
    copy->done = done;
    copy->data = data;
    calls[call_count++] = copy;
    if (++fake.in_flight > fake.most_in_flight)
        fake.most_in_flight = fake.in_flight;
    *handle = copy;
    return 0;
}

void client_hurry(struct client_call *handle, enum client_turn turn)
{
    (void)handle, (void)turn;
}

bool client_cancel(struct client_call *handle)
{
    bool unsent = !handle->is_sent;
    free_call(handle);
    return unsent;
}

bool client_call_is_sent(const struct client_call *handle)
{
    return handle->is_sent;
}

void client_get_stats(const struct client *client, struct client_stats *stats)
{
    (void)client;
    *stats = (struct client_stats){.latency_last = -1};
}

void client_get_rate(const struct client *client, enum cloud_verb verb, struct client_rate *rate)
{
    (void)client, (void)verb;
    *rate = (struct client_rate){.limit = 20, .pace = 20};
}

void client_on_news(struct client *client,
                    void (*news)(void *data, enum client_news news,
                                 const struct cloud_error *error),
                    void *data)
{
    (void)client, (void)news, (void)data;
}

const struct provider *client_provider(const struct client *client)
{
    (void)client;
    return &fake_store_provider;
}

int64_t client_server_time(const struct client *client)
{
    (void)client;
    return world_wall();
}

/* --- events -------------------------------------------------------------------------- */

/* The next thing to happen not later than `end`. False: there is none. */
static bool step(int64_t end)
{
    struct client_call *call = NULL;
    struct loop_timer *timer = NULL;
    int64_t first = end + 1;
    for (size_t i = 0; i < call_count; i++) {
        int64_t at = calls[i]->is_executed ? calls[i]->answer_at : calls[i]->execute_at;
        if (!calls[i]->is_executed && calls[i]->answer_at < at)
            at = calls[i]->answer_at;
        if (at < first) {
            first = at;
            call = calls[i];
        }
    }
    for (size_t i = 0; i < timer_count; i++) {
        if (timers[i]->at < first) {
            first = timers[i]->at;
            timer = timers[i];
        }
    }
    if (call == NULL && timer == NULL)
        return false;
    if (first > fake.now)
        fake.now = first;
    if (timer != NULL) {
        loop_timer_stop(NULL, timer);
        timer->fire(timer->data);
    } else if (!call->is_executed) {
        execute(call);
    } else {
        answer_call(call);
    }
    return true;
}

void world_run(int64_t milliseconds)
{
    int64_t end = fake.now + milliseconds;
    for (unsigned steps = 0; step(end); steps++)
        assert_true(steps < 100000);
    fake.now = end;
}

void world_run_until(const unsigned *flag, int64_t most)
{
    int64_t end = fake.now + most;
    for (unsigned steps = 0; *flag == 0 && step(end); steps++)
        assert_true(steps < 100000);
    assert_true(*flag != 0);
}

int fake_world_set_up(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    fake = (struct fake_cloud){.now = FAKE_START, .latency = 20};
    raw = json_pack("{s:s}", "a", "b");
    fake_store_provider = usual_provider;
    world_reopen(NULL);
    return 0;
}

int fake_world_tear_down(void **state)
{
    (void)state;
    store_free(store);
    store = NULL;
    json_decref(raw);
    (void)shown(NULL);
    /* The store takes everything back. */
    return call_count == 0 && timer_count == 0 ? 0 : -1;
}

void world_reopen(const char *const *disks)
{
    struct store_settings settings = {.ttl = 30000, .timeout = 10000, .disks = disks};
    store_free(store);
    store = store_new(NULL, NULL, &settings);
    if (store == NULL)
        abort();
}
