/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses of API 3.0 as records and errors (tencent-cbs facts 1.1, 1.5, 1.6).
 *
 * The HTTP status says little: it is 200 for every answer of the API, also for errors; success is a
 * `Response` without `Error`.  What is not the API's (a proxy's page, half a body) is -EPROTO and,
 * because the request may have passed whoever answered so, of unknown outcome.
 *
 * Records are read with tolerance, for members come, go and change type over the years; only a
 * record without a usable id is dropped.  A listing without its array is not tolerated: read as an
 * empty one it would make every snapshot vanish.
 */
#include "tencent.h"

#include "cbsfs/fields.h"
#include "cbsfs/http.h"
#include "cbsfs/timestamp.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEIJING     (8 * 3600) /* of every time without a zone, in every region (facts 1.6) */
#define ID_MAX      64
#define EXCERPT_MAX 80

/* --- values -------------------------------------------------------------------------- */

static const char *text_of(const json_t *record, const char *key)
{
    return field_text(record, key, "");
}

/* An id becomes part of a path and of requests, so it must look like one. */
static bool id_is_valid(const char *id)
{
    size_t length = strlen(id);
    if (length == 0 || length > ID_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)id[i]) && id[i] != '-' && id[i] != '_')
            return false;
    return true;
}

static int64_t time_of(const json_t *record, const char *key)
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

static unsigned percent_of(const json_t *record, const char *key, unsigned fallback)
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
    const char *id = text_of(record, "DiskId");
    if (!id_is_valid(id))
        return false;
    const char *state = text_of(record, "DiskState");
    *disk = (struct disk_record){
        .id = id,
        .name = text_of(record, "DiskName"),
        .state = state,
        .usage = text_of(record, "DiskUsage"),
        .type = text_of(record, "DiskType"),
        .zone = placement_text(record, "Zone"),
        .instance = text_of(record, "InstanceId"),
        .charge_type = text_of(record, "DiskChargeType"),
        .project = placement_text(record, "ProjectName"),
        .size = count_of(record, "DiskSize"),
        .created = time_of(record, "CreateTime"),
        .expires = time_of(record, "DeadlineTime"),
        .snapshot_count = count_of(record, "SnapshotCount"),
        .rollback_percent = percent_of(record, "RollbackPercent", 0),
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

static const char *word_of(const char *state)
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
            const char *id = text_of(json_array_get(images, i), "ImageId");
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
    const char *id = text_of(record, "SnapshotId");
    if (!id_is_valid(id))
        return false;
    /* A disk id that is none would name a directory: better known as having no disk. */
    const char *disk_id = text_of(record, "DiskId");
    const char *state = text_of(record, "SnapshotState");
    const char *word = word_of(state);
    const char *type = text_of(record, "SnapshotType");
    *snapshot = (struct snapshot_record){
        .id = id,
        .name = text_of(record, "SnapshotName"),
        .disk_id = id_is_valid(disk_id) ? disk_id : "",
        .state = state,
        .word = word,
        .usage = text_of(record, "DiskUsage"),
        .type = type,
        .zone = placement_text(record, "Zone"),
        .size = count_of(record, "DiskSize"),
        .created = time_of(record, "CreateTime"),
        /* A date beside IsPermanent is a leftover: the flag is what the API acts on (facts 0.7). */
        .expires = field_boolean(record, "IsPermanent", false) ? TIMESTAMP_NONE
                                                               : time_of(record, "DeadlineTime"),
        .percent = percent_of(record, "Percent", strcmp(word, "NORMAL") == 0 ? 100 : 0),
        .encrypted = field_boolean(record, "Encrypt", false),
        .shared_in = strcmp(type, "SHARED_SNAPSHOT") == 0,
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
        if (read_disk(json_array_get(set, i), &answer->disks[answer->count]))
            answer->count++;
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
    return 0;
}

/* --- errors -------------------------------------------------------------------------- */

/* The beginning of a body that is not the API's, for a person to recognise whose it is. */
static void take_excerpt(const struct http_reply *reply, char excerpt[EXCERPT_MAX + 1])
{
    size_t length = 0;
    for (size_t i = 0; i < reply->body_length && length < EXCERPT_MAX; i++) {
        unsigned char byte = (unsigned char)reply->body[i];
        bool blank = byte <= ' ' || byte == 0x7f;
        if (blank && (length == 0 || excerpt[length - 1] == ' '))
            continue;
        excerpt[length++] = blank ? ' ' : byte < 0x80 ? (char)byte : '?';
    }
    excerpt[length] = '\0';
}

static void set_foreign(const struct http_reply *reply, const char *reason,
                        struct cloud_error *error)
{
    const char *type = reply->header(reply, "Content-Type");
    char excerpt[EXCERPT_MAX + 1];
    take_excerpt(reply, excerpt);
    cloud_error_set(error, -EPROTO, CLOUD_UNKNOWN, CLOUD_FINAL, "",
                    "not an answer of the API: HTTP %ld, %.60s, %s: %s", reply->status,
                    type == NULL ? "no content type" : type, reason, excerpt);
}

static void set_out_of_memory(struct cloud_error *error)
{
    cloud_error_set(error, -ENOMEM, CLOUD_UNKNOWN, CLOUD_FINAL, "", "out of memory");
}

/* Answers whose status alone decides: they come from whoever stands before the API. */
static bool set_status_error(const struct http_reply *reply, struct cloud_error *error)
{
    char excerpt[EXCERPT_MAX + 1];
    take_excerpt(reply, excerpt);
    if (reply->status >= 500)
        cloud_error_set(error, -EREMOTEIO, CLOUD_UNKNOWN, CLOUD_READ_AGAIN, "", "HTTP %ld: %s",
                        reply->status, excerpt);
    else if (reply->status == 429)
        cloud_error_set(error, -EAGAIN, CLOUD_REFUSED, CLOUD_LATER, "", "HTTP 429: %s", excerpt);
    else
        return false;
    return true;
}

/* The envelope of the older gateway, {"code", "message", "codeDesc"}, which some failures before
 * the API still have. Its code 0 would be a success that this API cannot have sent. */
static void read_gateway_envelope(const struct http_reply *reply, const json_t *document,
                                  struct cloud_error *error)
{
    int64_t number = field_integer(document, "code", 0);
    if (number == 0)
        set_foreign(reply, "neither Response nor code", error);
    else
        tencent_gateway_error_set(error, number, text_of(document, "codeDesc"),
                                  text_of(document, "message"));
}

/* --- the whole ----------------------------------------------------------------------- */

static void read_listing(const struct cloud_call *call, const struct http_reply *reply,
                         const json_t *response, struct cloud_answer *answer)
{
    bool disks = call->verb == CLOUD_DESCRIBE_DISKS;
    answer->total = count_of(response, "TotalCount");
    const json_t *set = field_array(response, disks ? "DiskSet" : "SnapshotSet");
    if (set == NULL && answer->total != 0) {
        set_foreign(reply, "a listing without its array", &answer->error);
        return;
    }
    if ((disks ? read_disks(set, answer) : read_snapshots(set, answer)) < 0)
        set_out_of_memory(&answer->error);
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
        set_foreign(reply, "neither a success nor an error", error);
        return;
    }
    if (!cloud_verb_is_change(call->verb)) {
        read_listing(call, reply, response, answer);
    } else if (call->verb == CLOUD_CREATE_SNAPSHOT) {
        const char *id = text_of(response, "SnapshotId");
        answer->snapshot_id = id_is_valid(id) ? id : "";
    }
}

static void read_reply(const struct cloud_call *call, const struct http_reply *reply,
                       struct cloud_answer *answer)
{
    if (set_status_error(reply, &answer->error))
        return;
    char reason[160];
    answer->document = fields_parse(reply->body, reply->body_length, reason, sizeof reason);
    if (answer->document == NULL) {
        set_foreign(reply, reason, &answer->error);
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
    cloud_error_set(&answer->error, 0, CLOUD_DONE, CLOUD_FINAL, "", "%s", "");
    answer->error.http_status = reply->status;
    read_reply(call, reply, answer);
    if (answer->error.status < 0) {
        /* A failure carries no records, not even those that were read before it. */
        struct cloud_error error = answer->error;
        cloud_answer_free(answer);
        answer->error = error;
    }
}
