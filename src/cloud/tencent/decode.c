/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses of API 3.0 as records and errors (tencent-cbs facts 1.1, 1.5, 1.6).
 *
 * The HTTP status says little: it is 200 for every answer of the API, also for errors; success is a
 * `Response` without `Error`.  What is not the API's (a proxy's page, half a body) is -EPROTO and,
 * because the request may have passed whoever answered so, of unknown outcome.
 *
 * Records are read with tolerance, for members come, go and change type over the years.  A record
 * without a usable id cannot be shown, but it is counted: whoever compares with what was known must
 * not take for gone what could not be read.  A listing without its array is not tolerated: read as
 * an empty one it would make every snapshot vanish.
 */
#include "tencent.h"

#include "../codec.h"

#include "cbsfs/fields.h"
#include "cbsfs/http.h"
#include "cbsfs/timestamp.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEIJING (8 * 3600) /* of every time without a zone, in every region (facts 1.6) */

/* --- values -------------------------------------------------------------------------- */

static const char *text_of(const json_t *record, const char *key)
{
    return field_text(record, key, "");
}

int64_t tencent_time_of(const json_t *record, const char *key)
{
    int64_t seconds;
    timestamp_parse(text_of(record, key), BEIJING, &seconds);
    return seconds;
}

static int64_t count_of(const json_t *record, const char *key)
{
    int64_t count = field_integer(record, key, -1);
    return count < 0 ? -1 : count;
}

unsigned tencent_percent_of(const json_t *record, const char *key, unsigned fallback)
{
    int64_t percent = field_integer(record, key, fallback);
    return percent < 0 ? 0 : percent > 100 ? 100 : (unsigned)percent;
}

static const char *placement_text(const json_t *record, const char *key)
{
    return text_of(field_object(record, "Placement"), key);
}

/* --- records ------------------------------------------------------------------------- */

static bool read_disk(const json_t *record, struct disk_record *disk)
{
    const char *id = codec_id(record, "DiskId");
    if (*id == '\0')
        return false;
    const char *state = text_of(record, "DiskState");
    *disk = (struct disk_record){
        .id = id,
        .name = text_of(record, "DiskName"),
        .name_untold = !codec_has_text(record, "DiskName"),
        .state = state,
        .usage = text_of(record, "DiskUsage"),
        .type = text_of(record, "DiskType"),
        .zone = placement_text(record, "Zone"),
        .group = "",
        .instance = text_of(record, "InstanceId"),
        .charge_type = text_of(record, "DiskChargeType"),
        .project = placement_text(record, "ProjectName"),
        .size = count_of(record, "DiskSize"),
        .created = tencent_time_of(record, "CreateTime"),
        .expires = tencent_time_of(record, "DeadlineTime"),
        .snapshot_count = count_of(record, "SnapshotCount"),
        .rollback_percent = tencent_percent_of(record, "RollbackPercent", 0),
        .rolling_back = field_boolean(record, "Rollbacking", strcmp(state, "ROLLBACKING") == 0),
        .encrypted = field_boolean(record, "Encrypt", false),
        .attached = field_boolean(record, "Attached", strcmp(state, "ATTACHED") == 0),
        .portable = field_boolean(record, "Portable", false),
        /* Unsaid is not refused: the API decides when it is asked. */
        .snapshot_ability = field_boolean(record, "SnapshotAbility", true),
        .raw = record,
    };
    return true;
}

const char *tencent_word_of(const char *state)
{
    static const struct {
        const char *state, *word;
    } words[] = {
        {"NORMAL", "NORMAL"},           {"CREATING", "CREATING"},
        {"ROLLBACKING", "ROLLBACKING"}, {"COPYING_FROM_REMOTE", "COPYING"},
        {"CHECKING_COPIED", "COPYING"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].state, state) == 0)
            return words[i].word;
    return "";
}

/* Collects the ids of a snapshot's images into an array of strings that *extra owns. */
static int read_images(const json_t *record, json_t *extra, struct snapshot_record *snapshot)
{
    const json_t *images = field_array(record, "Images");
    size_t found = json_array_size(images);
    if (found > 0) {
        json_t *ids = json_array();
        if (ids == NULL || json_array_append_new(extra, ids) < 0)
            return -ENOMEM;
        for (size_t i = 0; i < found; i++) {
            const char *id = codec_id(json_array_get(images, i), "ImageId");
            if (*id != '\0' && json_array_append_new(ids, json_string(id)) < 0)
                return -ENOMEM;
        }
        snapshot->images = ids;
    }
    int64_t count = field_integer(record, "ImageCount", (int64_t)found);
    snapshot->image_count = count < 0 ? 0 : count > INT_MAX ? INT_MAX : (unsigned)count;
    return 0;
}

static bool read_snapshot(const json_t *record, struct snapshot_record *snapshot)
{
    const char *id = codec_id(record, "SnapshotId");
    if (*id == '\0')
        return false;
    const char *state = text_of(record, "SnapshotState");
    const char *word = tencent_word_of(state);
    const char *type = text_of(record, "SnapshotType");
    *snapshot = (struct snapshot_record){
        .id = id,
        .name = text_of(record, "SnapshotName"),
        .name_untold = !codec_has_text(record, "SnapshotName"),
        /* A disk id that is none would name a directory: better known as having no disk. */
        .disk_id = codec_id(record, "DiskId"),
        .state = state,
        .word = word,
        .usage = text_of(record, "DiskUsage"),
        .type = type,
        .zone = placement_text(record, "Zone"),
        .group = "",
        .size = count_of(record, "DiskSize"),
        .created = tencent_time_of(record, "CreateTime"),
        /* A date beside IsPermanent is a leftover: the flag is what the API acts on (facts 0.7). */
        .expires = field_boolean(record, "IsPermanent", false)
                       ? TIMESTAMP_NONE
                       : tencent_time_of(record, "DeadlineTime"),
        .percent = tencent_percent_of(record, "Percent", strcmp(word, "NORMAL") == 0 ? 100 : 0),
        .encrypted = field_boolean(record, "Encrypt", false),
        .shared_in = strcmp(type, "SHARED_SNAPSHOT") == 0,
        .raw = record,
    };
    tencent_read_features(record, snapshot);
    return true;
}

static int read_disks(const json_t *set, struct cloud_answer *answer)
{
    size_t size = json_array_size(set);
    answer->disks = calloc(size + 1, sizeof *answer->disks);
    if (answer->disks == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        if (read_disk(json_array_get(set, i), &answer->disks[answer->count]))
            answer->count++;
    answer->unreadable = size - answer->count;
    return 0;
}

static int read_snapshots(const json_t *set, struct cloud_answer *answer)
{
    size_t size = json_array_size(set);
    answer->snapshots = calloc(size + 1, sizeof *answer->snapshots);
    answer->extra = json_array();
    if (answer->snapshots == NULL || answer->extra == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++) {
        const json_t *record = json_array_get(set, i);
        struct snapshot_record *snapshot = &answer->snapshots[answer->count];
        if (!read_snapshot(record, snapshot))
            continue;
        if (read_images(record, answer->extra, snapshot) < 0)
            return -ENOMEM;
        answer->count++;
    }
    answer->unreadable = size - answer->count;
    return 0;
}

/* --- errors -------------------------------------------------------------------------- */

/* The envelope of the older gateway, {"code", "message", "codeDesc"}, which some failures before
 * the API still have. Its code 0 would be a success that this API cannot have sent. */
static void read_gateway_envelope(const struct http_reply *reply, const json_t *document,
                                  struct cloud_error *error)
{
    int64_t number = field_integer(document, "code", 0);
    if (number == 0)
        codec_set_foreign(reply, "neither Response nor code", error);
    else
        tencent_gateway_error_set(error, number, text_of(document, "codeDesc"),
                                  text_of(document, "message"));
}

/* --- the whole ----------------------------------------------------------------------- */

/* 0, -ENOMEM, or -EPROTO for a listing without its array. */
static int read_records(const struct cloud_call *call, const json_t *response,
                        struct cloud_answer *answer)
{
    bool disks = call->verb == CLOUD_DESCRIBE_DISKS;
    const json_t *set = json_object_get(response, disks ? "DiskSet" : "SnapshotSet");
    bool is_absent = set == NULL || json_is_null(set);
    if (!json_is_array(set) && !(is_absent && answer->total == 0))
        return -EPROTO;
    return disks ? read_disks(set, answer) : read_snapshots(set, answer);
}

static void read_listing(const struct cloud_call *call, const struct http_reply *reply,
                         const json_t *response, struct cloud_answer *answer)
{
    answer->total = count_of(response, "TotalCount");
    int status = call->verb == CLOUD_DESCRIBE_DISKS || call->verb == CLOUD_DESCRIBE_SNAPSHOTS
                     ? read_records(call, response, answer)
                     : tencent_read_list(call, response, answer);
    if (status == -ENOMEM)
        codec_set_out_of_memory(&answer->error);
    else if (status < 0)
        codec_set_foreign(reply, "a listing without its array", &answer->error);
}

static void read_response(const struct cloud_call *call, const struct http_reply *reply,
                          const json_t *response, struct cloud_answer *answer)
{
    struct cloud_error *error = &answer->error;
    snprintf(error->request_id, sizeof error->request_id, "%s", text_of(response, "RequestId"));
    const json_t *refusal = json_object_get(response, "Error");
    if (json_is_object(refusal)) {
        tencent_error_set(error, text_of(refusal, "Code"), text_of(refusal, "Message"));
        return;
    }
    if (reply->status != 200 || (refusal != NULL && !json_is_null(refusal))) {
        codec_set_foreign(reply, "neither a success nor an error", error);
        return;
    }
    if (cloud_verb_is_change(call->verb))
        answer->created_id = tencent_created_id(call, response, error);
    else
        read_listing(call, reply, response, answer);
}

static void read_reply(const struct cloud_call *call, const struct http_reply *reply,
                       struct cloud_answer *answer)
{
    if (codec_set_status_error(reply, &answer->error))
        return;
    char reason[160];
    answer->document = fields_parse_page(reply->body, reply->body_length, true, &answer->memory,
                                         reason, sizeof reason);
    if (answer->document == NULL) {
        codec_set_unreadable(reply, errno, reason, &answer->error);
        return;
    }
    const json_t *response = field_object(answer->document, "Response");
    if (response == NULL)
        read_gateway_envelope(reply, answer->document, &answer->error);
    else
        read_response(call, reply, response, answer);
}

void tencent_decode(const struct cloud_call *call, const struct http_reply *reply,
                    struct cloud_answer *answer)
{
    codec_decode(call, reply, answer, read_reply);
}
