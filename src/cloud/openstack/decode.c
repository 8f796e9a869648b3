/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of Cinder v3 and EVS as records (openstack facts 3, 3.1, 3.2 and 4.2): the same objects
 * in both.
 *
 * Group snapshots of Cinder say of which group they are, and their snapshots of which group
 * snapshot; volumes say in which group they are (facts found out with Cinder 21).
 *
 * A page of Cinder that is full has a link to the next one, also when nothing follows.  The link's
 * host may be one that only the server can reach, so of it only this is taken that it is there; the
 * marker is the last record's id.
 */
#include "openstack.h"

#include "../codec.h"

#include "cbsfs/fields.h"
#include "cbsfs/http.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS "os-extended-snapshot-attributes:progress"

/* --- values -------------------------------------------------------------------------- */

static const char *text_of(const json_t *record, const char *key)
{
    return field_text(record, key, "");
}

/* UTC without saying so. */
static int64_t time_of(const json_t *record, const char *key)
{
    int64_t seconds;
    timestamp_parse(text_of(record, key), 0, &seconds);
    return seconds;
}

static int64_t size_of(const json_t *record)
{
    int64_t size = field_integer(record, "size", -1);
    return size < 0 ? -1 : size;
}

/* null is how both say that something has no name. */
static bool is_name_untold(const json_t *record)
{
    const json_t *name = json_object_get(record, "name");
    return !json_is_string(name) && !json_is_null(name);
}

static const char *word_of(const char *state)
{
    static const struct {
        const char *state, *word;
    } words[] = {
        {"creating", "CREATING"},     {"available", "NORMAL"},      {"deleting", "DELETING"},
        {"deleted", "DELETING"},      {"error", "ERROR"},           {"error_deleting", "ERROR"},
        {"restoring", "ROLLBACKING"}, {"reverting", "ROLLBACKING"}, {"rollbacking", "ROLLBACKING"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].state, state) == 0)
            return words[i].word;
    return "";
}

/* "42%"; a snapshot that is ready is whole whatever it says. */
static unsigned percent_of(const json_t *record, const char *word)
{
    if (strcmp(word, "NORMAL") == 0)
        return 100;
    long percent = strtol(text_of(record, PROGRESS), NULL, 10);
    return percent < 0 ? 0 : percent > 100 ? 100 : (unsigned)percent;
}

/* --- records ------------------------------------------------------------------------- */

static bool read_disk(const json_t *record, struct disk_record *disk)
{
    const char *id = codec_id(record, "id");
    if (*id == '\0')
        return false;
    const char *state = text_of(record, "status");
    const json_t *attachments = field_array(record, "attachments");
    *disk = (struct disk_record){
        .id = id,
        .name = text_of(record, "name"),
        .name_untold = is_name_untold(record),
        .state = state,
        .usage = field_boolean(record, "bootable", false) ? "SYSTEM_DISK" : "DATA_DISK",
        .type = text_of(record, "volume_type"),
        .zone = text_of(record, "availability_zone"),
        .group = codec_id(record, "group_id"),
        .instance = text_of(json_array_get(attachments, 0), "server_id"),
        .charge_type = "",
        .project = text_of(record, "os-vol-tenant-attr:tenant_id"),
        .size = size_of(record),
        .created = time_of(record, "created_at"),
        .expires = TIMESTAMP_NONE,
        .snapshot_count = -1,
        .rolling_back = strcmp(word_of(state), "ROLLBACKING") == 0,
        .encrypted = field_boolean(record, "encrypted", false),
        .attached = json_array_size(attachments) > 0 || strcmp(state, "in-use") == 0,
        .portable = true,
        .snapshot_ability = true,
        .raw = record,
    };
    return true;
}

static bool read_snapshot(const json_t *record, struct snapshot_record *snapshot)
{
    const char *id = codec_id(record, "id");
    if (*id == '\0')
        return false;
    const char *state = text_of(record, "status"), *group = codec_id(record, "group_snapshot_id");
    const char *word = word_of(state);
    *snapshot = (struct snapshot_record){
        .id = id,
        .name = text_of(record, "name"),
        .name_untold = is_name_untold(record),
        .disk_id = codec_id(record, "volume_id"),
        .state = state,
        .word = word,
        .usage = "",
        .type = "",
        .zone = "",
        .group = group,
        .size = size_of(record),
        .created = time_of(record, "created_at"),
        .expires = TIMESTAMP_NONE,
        .percent = percent_of(record, word),
        /* Those of a group have another word for it. */
        .deletion_failed =
            strcmp(state, "error_deleting") == 0 || (*group != '\0' && strcmp(state, "error") == 0),
        .tagged = json_object_size(json_object_get(record, "metadata")) > 0,
        .raw = record,
    };
    return true;
}

static int read_disks(const json_t *const *records, size_t size, struct cloud_answer *answer)
{
    answer->disks = calloc(size + 1, sizeof *answer->disks);
    if (answer->disks == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        answer->count += read_disk(records[i], &answer->disks[answer->count]);
    answer->unreadable = size - answer->count;
    return 0;
}

static int read_snapshots(const json_t *const *records, size_t size, struct cloud_answer *answer)
{
    answer->snapshots = calloc(size + 1, sizeof *answer->snapshots);
    if (answer->snapshots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        answer->count += read_snapshot(records[i], &answer->snapshots[answer->count]);
    answer->unreadable = size - answer->count;
    return 0;
}

/* --- groups -------------------------------------------------------------------------- */

/* Takes `value` over; NULL is taken as no memory. */
static int put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

static int put_text(json_t *object, const char *key, const char *text)
{
    return put(object, key, json_string(text));
}

/* The answer's document is gone before the list is. */
static int put_copy(json_t *object, const char *key, const json_t *record)
{
    char reason[80];
    char *text = fields_print(record);
    json_t *copy = text == NULL ? NULL : fields_parse(text, strlen(text), reason, sizeof reason);
    free(text);
    return put(object, key, copy);
}

/* Which snapshots it has is in the records of those. */
static int read_group(const json_t *record, json_t *object)
{
    const char *state = text_of(record, "status");
    const char *word = word_of(state);
    int64_t created = time_of(record, "created_at");
    int status = put_text(object, "id", codec_id(record, "id"));
    if (status == 0)
        status = put_text(object, "name", text_of(record, "name"));
    if (status == 0)
        status = put_text(object, "state", state);
    if (status == 0)
        status = put_text(object, "word", word);
    if (status == 0)
        status = put(object, "percent", json_integer(strcmp(word, "NORMAL") == 0 ? 100 : 0));
    if (status == 0)
        status = put(object, "created",
                     created == TIMESTAMP_NONE ? json_null() : json_integer((json_int_t)created));
    if (status == 0)
        status = put(object, "snapshots", json_array());
    if (status == 0)
        status = put_text(object, "policy", "");
    return status == 0 ? put_copy(object, "raw", record) : status;
}

static int read_groups(const json_t *const *records, size_t size, struct cloud_answer *answer)
{
    answer->list = json_array();
    int status = answer->list != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; i < size && status == 0; i++) {
        if (*codec_id(records[i], "id") == '\0') {
            answer->unreadable++;
            continue;
        }
        json_t *object = json_object();
        status = object != NULL ? read_group(records[i], object) : -ENOMEM;
        if (status == 0)
            status = json_array_append(answer->list, object) < 0 ? -ENOMEM : 0;
        json_decref(object);
    }
    return status;
}

/* --- pages --------------------------------------------------------------------------- */

static void read_records(const struct cloud_call *call, const json_t *const *records, size_t size,
                         struct cloud_answer *answer)
{
    int status = call->verb == CLOUD_DESCRIBE_DISKS    ? read_disks(records, size, answer)
                 : call->verb == CLOUD_DESCRIBE_GROUPS ? read_groups(records, size, answer)
                                                       : read_snapshots(records, size, answer);
    if (status < 0)
        codec_set_out_of_memory(&answer->error);
}

/* How a listing is called, the one of its records, and what leads to the next page. */
static const struct listing_form {
    enum cloud_verb verb;
    const char *set, *one, *links;
} forms[] = {
    {CLOUD_DESCRIBE_DISKS, "volumes", "volume", "volumes_links"},
    {CLOUD_DESCRIBE_SNAPSHOTS, "snapshots", "snapshot", "snapshots_links"},
    {CLOUD_DESCRIBE_GROUPS, "group_snapshots", "group_snapshot", "group_snapshot_links"},
};

static const struct listing_form *form_of(const struct cloud_call *call)
{
    const struct listing_form *form = forms;
    while (form->verb != call->verb && form + 1 < forms + sizeof forms / sizeof *forms)
        form++;
    return form;
}

static bool has_next(const json_t *links)
{
    size_t index;
    json_t *link;
    json_array_foreach((json_t *)links, index, link)
    {
        if (strcmp(text_of(link, "rel"), "next") == 0)
            return true;
    }
    return false;
}

static void read_page(const struct cloud_call *call, const struct http_reply *reply,
                      struct cloud_answer *answer)
{
    const json_t *set = field_array(answer->document, form_of(call)->set);
    size_t size = json_array_size(set);
    if (set == NULL) {
        codec_set_foreign(reply, "a listing without its array", &answer->error);
        return;
    }
    const json_t **records = malloc((size + 1) * sizeof *records);
    if (records == NULL) {
        codec_set_out_of_memory(&answer->error);
        return;
    }
    for (size_t i = 0; i < size; i++)
        records[i] = json_array_get(set, i);
    int64_t count = field_integer(answer->document, "count", -1);
    answer->total = count < 0 ? -1 : count;
    read_records(call, records, size, answer);
    free(records);
}

/* The marker of the page behind this one. */
static void read_next(const struct cloud_call *call, const struct http_reply *reply,
                      struct cloud_answer *answer)
{
    const json_t *set = field_array(answer->document, form_of(call)->set);
    size_t size = json_array_size(set);
    if (!has_next(field_array(answer->document, form_of(call)->links)))
        return;
    answer->next = codec_id(size > 0 ? json_array_get(set, size - 1) : NULL, "id");
    if (*answer->next == '\0')
        codec_set_foreign(reply, "a page that does not say where the next one begins",
                          &answer->error);
}

/* By id: one object, or that there is none. */
static void read_one(const struct cloud_call *call, const struct http_reply *reply,
                     struct cloud_answer *answer)
{
    const json_t *record = field_object(answer->document, form_of(call)->one);
    if (record == NULL)
        codec_set_foreign(reply, "an answer without its object", &answer->error);
    else
        read_records(call, &record, 1, answer);
    answer->total = (int64_t)(answer->count + answer->unreadable);
}

/* --- the whole ----------------------------------------------------------------------- */

static bool is_success(const struct http_reply *reply)
{
    return reply->status >= 200 && reply->status < 300;
}

/* Both answer a deletion and a rollback with this status and, but for EVS's rollback, nothing else;
 * a page of somebody else's comes with 200. */
static bool is_accepted(const struct cloud_call *call, const struct http_reply *reply)
{
    bool says_nothing = call->verb == CLOUD_DELETE_SNAPSHOT || call->verb == CLOUD_APPLY_SNAPSHOT ||
                        call->verb == CLOUD_DELETE_GROUP;
    return says_nothing && (reply->status == 202 || reply->status == 204);
}

/* What was made or renamed. */
static void read_changed(const struct cloud_call *call, const struct http_reply *reply,
                         struct cloud_answer *answer)
{
    bool is_group = call->verb == CLOUD_CREATE_GROUP;
    const json_t *changed =
        field_object(answer->document, is_group ? "group_snapshot" : "snapshot");
    if (changed == NULL)
        codec_set_foreign(reply, "an answer without its object", &answer->error);
    else if (call->verb == CLOUD_CREATE_SNAPSHOT || is_group)
        answer->created_id = codec_id(changed, "id");
}

static void read_reply(const struct cloud_call *call, const struct http_reply *reply,
                       struct cloud_answer *answer)
{
    char reason[160] = "";
    bool by_id = call->id_count > 0;
    if (is_accepted(call, reply))
        return;
    answer->document = fields_parse_page(reply->body, reply->body_length, true, &answer->memory,
                                         reason, sizeof reason);
    if (answer->document == NULL && errno == ENOMEM)
        codec_set_out_of_memory(&answer->error);
    else if (by_id && openstack_is_gone(reply, answer->document))
        answer->total = 0;
    else if (!is_success(reply))
        openstack_error_set(reply, answer->document, &answer->error);
    else if (answer->document == NULL)
        codec_set_foreign(reply, reason, &answer->error);
    else if (cloud_verb_is_change(call->verb))
        read_changed(call, reply, answer);
    else if (by_id)
        read_one(call, reply, answer);
    else
        read_page(call, reply, answer);
}

static void read_cinder_reply(const struct cloud_call *call, const struct http_reply *reply,
                              struct cloud_answer *answer)
{
    read_reply(call, reply, answer);
    if (answer->error.status == 0 && !cloud_verb_is_change(call->verb) && call->id_count == 0)
        read_next(call, reply, answer);
}

void openstack_decode(const struct cloud_call *call, const struct http_reply *reply,
                      struct cloud_answer *answer)
{
    codec_decode(call, reply, answer, read_cinder_reply);
}

/* Pages of EVS are counted by offsets: its links lead to hosts of its own, or are null. */
void evs_decode(const struct cloud_call *call, const struct http_reply *reply,
                struct cloud_answer *answer)
{
    codec_decode(call, reply, answer, read_reply);
    const char *code = answer->error.code;
    /* Not each region has the newer rollback; that the snapshot is not there says something else.
     */
    if (call->verb == CLOUD_APPLY_SNAPSHOT && !call->other_way && reply->status == 404 &&
        strncmp(code, "EVS.", strlen("EVS.")) != 0 && strcmp(code, "itemNotFound") != 0) {
        answer->error.remedy = CLOUD_OTHER_WAY;
        answer->error.outcome = CLOUD_REFUSED;
        answer->error.status = -EOPNOTSUPP;
    }
}
