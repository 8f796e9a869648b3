/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses of the legacy API v2 as records and errors (tencent-cbs facts 6.4 to 6.6).
 *
 * One flat object with a `code`: a number, or a number as a string; 0 is success.  The
 * documentation's own examples hold a comma after the last member, which is no JSON; such commas
 * are taken out before it is read.  A deletion answers 0 and tells of each id in `detail`.
 */
#include "qcloud.h"

#include "../codec.h"

#include "cbsfs/fields.h"
#include "cbsfs/http.h"
#include "cbsfs/timestamp.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEIJING (8 * 3600) /* of every time in this API (facts 1.6, 6.4) */
#define NO_CODE INT64_MIN

/* --- values -------------------------------------------------------------------------- */

static const char *text_of(const json_t *record, const char *key)
{
    return field_text(record, key, "");
}

static int64_t count_of(const json_t *record, const char *key)
{
    int64_t count = field_integer(record, key, -1);
    return count < 0 ? -1 : count;
}

/* Documented as a number, shown as a text. */
static int64_t time_of(const json_t *record, const char *key)
{
    int64_t seconds = field_integer(record, key, TIMESTAMP_NONE);
    if (seconds == TIMESTAMP_NONE)
        timestamp_parse(text_of(record, key), BEIJING, &seconds);
    return seconds;
}

struct word {
    const char *theirs, *ours;
};

/* `otherwise` for what is not in the list, which ends with {NULL, NULL}. */
static const char *translate(const struct word *words, const char *text, const char *otherwise)
{
    for (; words->theirs != NULL; words++)
        if (strcmp(words->theirs, text) == 0)
            return words->ours;
    return otherwise;
}

/* The words of API 3.0, so that `usage` and `type` read the same for both (facts 6.4). */
static const struct word usages[] = {{"root", "SYSTEM_DISK"}, {"data", "DATA_DISK"}, {NULL, NULL}};
static const struct word types[] = {{"cloudBasic", "CLOUD_BASIC"},
                                    {"cloudPremium", "CLOUD_PREMIUM"},
                                    {"cloudSSD", "CLOUD_SSD"},
                                    {NULL, NULL}};
static const struct word charges[] = {
    {"prePay", "PREPAID"}, {"postPay", "POSTPAID_BY_HOUR"}, {NULL, NULL}};
static const struct word states[] = {
    {"normal", "NORMAL"}, {"creating", "CREATING"}, {"rollbacking", "ROLLBACKING"}, {NULL, NULL}};

static const char *translated(const struct word *words, const json_t *record, const char *key)
{
    const char *text = text_of(record, key);
    return translate(words, text, text);
}

/* --- records ------------------------------------------------------------------------- */

static bool read_disk(const json_t *record, struct disk_record *disk)
{
    const char *id = codec_id(record, "storageId");
    if (*id == '\0')
        return false;
    const char *state = text_of(record, "storageStatus");
    *disk = (struct disk_record){
        .id = id,
        .name = text_of(record, "storageName"),
        .name_untold = !codec_has_text(record, "storageName"),
        .state = state,
        .usage = translated(usages, record, "diskType"),
        .type = translated(types, record, "storageType"),
        .zone = text_of(record, "zone"),
        .group = "",
        .instance = text_of(record, "uInstanceId"),
        .charge_type = translated(charges, record, "payMode"),
        .project = "",
        .size = count_of(record, "storageSize"),
        .created = time_of(record, "createTime"),
        .expires = time_of(record, "deadlineTime"),
        .snapshot_count = -1,
        .rolling_back = strcmp(state, "rollback") == 0,
        .attached = field_boolean(record, "attached", false),
        .portable = field_boolean(record, "portable", false),
        /* Unsaid is not refused: the API decides when it is asked. */
        .snapshot_ability = field_boolean(record, "snapshotAbility", true),
        .raw = record,
    };
    return true;
}

static bool read_snapshot(const json_t *record, struct snapshot_record *snapshot)
{
    const char *id = codec_id(record, "snapshotId");
    if (*id == '\0')
        return false;
    const char *state = text_of(record, "snapshotStatus");
    const char *word = translate(states, state, "");
    int64_t percent = field_integer(record, "percent", strcmp(word, "NORMAL") == 0 ? 100 : 0);
    *snapshot = (struct snapshot_record){
        .id = id,
        .name = text_of(record, "snapshotName"),
        .name_untold = !codec_has_text(record, "snapshotName"),
        .disk_id = codec_id(record, "storageId"),
        .state = state,
        .word = word,
        .usage = translated(usages, record, "diskType"),
        .type = "",
        .zone = "",
        .group = "",
        .size = count_of(record, "storageSize"),
        .created = time_of(record, "createTime"),
        .expires = TIMESTAMP_NONE,
        .percent = percent < 0     ? 0
                   : percent > 100 ? 100
                                   : (unsigned)percent,
        .raw = record,
    };
    return true;
}

static int read_disks(const json_t *set, struct cloud_answer *answer)
{
    size_t size = json_array_size(set);
    answer->disks = calloc(size + 1, sizeof *answer->disks);
    if (answer->disks == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        answer->count += read_disk(json_array_get(set, i), &answer->disks[answer->count]);
    answer->unreadable = size - answer->count;
    return 0;
}

static int read_snapshots(const json_t *set, struct cloud_answer *answer)
{
    size_t size = json_array_size(set);
    answer->snapshots = calloc(size + 1, sizeof *answer->snapshots);
    if (answer->snapshots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        answer->count += read_snapshot(json_array_get(set, i), &answer->snapshots[answer->count]);
    answer->unreadable = size - answer->count;
    return 0;
}

/* --- the whole ----------------------------------------------------------------------- */

/* Leaves out each comma that only white space separates from a closing bracket. */
static size_t drop_last_commas(char *text, size_t length)
{
    size_t kept = 0, comma = 0; /* comma: where the last one was kept, plus 1; 0: none */
    bool inside = false;
    for (size_t at = 0; at < length; at++) {
        char byte = text[at];
        if (inside) {
            if (byte == '\\' && at + 1 < length)
                text[kept++] = text[at++];
            inside = byte != '"';
        } else if (byte == ',') {
            comma = kept + 1;
        } else if ((byte == '}' || byte == ']') && comma > 0) {
            text[comma - 1] = ' ';
            comma = 0;
        } else if (!isspace((unsigned char)byte)) {
            comma = 0;
            inside = byte == '"';
        }
        text[kept++] = text[at];
    }
    return kept;
}

/* NULL with errno and a reason, as fields_parse_page() gives them. */
static json_t *parse(const struct http_reply *reply, struct fields_memory **memory, char *reason,
                     size_t size)
{
    json_t *document =
        fields_parse_page(reply->body, reply->body_length, false, memory, reason, size);
    if (document != NULL || errno == ENOMEM)
        return document;
    char *copy = malloc(reply->body_length + 1);
    if (copy == NULL)
        return NULL; /* errno is ENOMEM */
    memcpy(copy, reply->body, reply->body_length);
    size_t length = drop_last_commas(copy, reply->body_length);
    document = fields_parse_page(copy, length, true, memory, reason, size);
    int number = errno;
    free(copy);
    errno = number;
    return document;
}

static void read_listing(const struct cloud_call *call, const struct http_reply *reply,
                         struct cloud_answer *answer)
{
    bool disks = call->verb == CLOUD_DESCRIBE_DISKS;
    answer->total = count_of(answer->document, "totalCount");
    const json_t *set = json_object_get(answer->document, disks ? "storageSet" : "snapshotSet");
    bool is_absent = set == NULL || json_is_null(set);
    if (!json_is_array(set) && !(is_absent && answer->total == 0))
        codec_set_foreign(reply, "a listing without its array", &answer->error);
    else if ((disks ? read_disks(set, answer) : read_snapshots(set, answer)) < 0)
        codec_set_out_of_memory(&answer->error);
}

/* What became of the one id: 0 at the top says only that the list was looked through. */
static void read_deletion(const struct cloud_call *call, const json_t *document,
                          struct cloud_error *error)
{
    const json_t *its = field_object(field_object(document, "detail"), call->snapshot_id);
    int64_t code = field_integer(its, "code", 0);
    if (code != 0)
        qcloud_error_set(error, code, text_of(its, "codeDesc"), text_of(its, "message"));
}

static void read_reply(const struct cloud_call *call, const struct http_reply *reply,
                       struct cloud_answer *answer)
{
    if (codec_set_status_error(reply, &answer->error))
        return;
    char reason[160];
    answer->document = parse(reply, &answer->memory, reason, sizeof reason);
    if (answer->document == NULL) {
        codec_set_unreadable(reply, errno, reason, &answer->error);
        return;
    }
    int64_t code = field_integer(answer->document, "code", NO_CODE);
    if (code == NO_CODE || (code == 0 && reply->status != 200))
        codec_set_foreign(reply, "neither a success nor an error", &answer->error);
    else if (code != 0)
        qcloud_error_set(&answer->error, code, text_of(answer->document, "codeDesc"),
                         text_of(answer->document, "message"));
    else if (!cloud_verb_is_change(call->verb))
        read_listing(call, reply, answer);
    else if (call->verb == CLOUD_DELETE_SNAPSHOT)
        read_deletion(call, answer->document, &answer->error);
    else if (call->verb == CLOUD_CREATE_SNAPSHOT) {
        answer->created_id = codec_id(answer->document, "snapshotId");
    }
}

void qcloud_decode(const struct cloud_call *call, const struct http_reply *reply,
                   struct cloud_answer *answer)
{
    codec_decode(call, reply, answer, read_reply);
}
