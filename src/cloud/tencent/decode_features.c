/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What API 3.0 answers about groups, policies, shares and regions, as lists of the contract's own
 * objects (cloud_answer.list), what a change of theirs made, and what a snapshot's record tells of
 * them (tencent-cbs facts 1.4.7 to 1.4.12, 1.4.17, 1.5, section 5).
 */
#include "tencent.h"

#include "../codec.h"

#include "cbsfs/fields.h"
#include "cbsfs/timestamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAYS_IN_A_MONTH 30 /* where only months are told */

/* --- values -------------------------------------------------------------------------- */

/* Takes `value` over; NULL is taken as no memory. */
static int put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

static int put_text(json_t *object, const char *key, const char *text)
{
    return put(object, key, json_string(text));
}

static int put_time(json_t *object, const char *key, const json_t *record, const char *member)
{
    int64_t seconds = tencent_time_of(record, member);
    return put(object, key,
               seconds == TIMESTAMP_NONE ? json_null() : json_integer((json_int_t)seconds));
}

static int add_id(json_t *ids, json_t *known, const char *id)
{
    if (json_object_get(known, id) != NULL)
        return 0;
    return json_object_set_new(known, id, json_true()) < 0 ||
                   json_array_append_new(ids, json_string(id)) < 0
               ? -ENOMEM
               : 0;
}

/* The array's ids, each once; what is none is left out, and *left_out then. */
static int put_ids(json_t *object, const char *key, const json_t *set, bool *left_out)
{
    json_t *ids = json_array(), *known = json_object();
    int status = put(object, key, ids);
    if (known == NULL)
        status = -ENOMEM;
    for (size_t i = 0; status == 0 && i < json_array_size(set); i++) {
        const char *id = codec_id_of(json_array_get(set, i));
        *left_out |= *id == '\0';
        if (*id != '\0')
            status = add_id(ids, known, id);
    }
    json_decref(known);
    return status;
}

/* A copy that outlives the answer's document, whose memory is its own. Not json_deep_copy():
 * Jansson 2.14 goes on without a member when there is no memory for it. */
static int put_raw(json_t *object, const json_t *record)
{
    char reason[80];
    char *text = fields_print(record);
    json_t *copy = text == NULL ? NULL : fields_parse(text, strlen(text), reason, sizeof reason);
    free(text);
    return put(object, "raw", copy);
}

/* --- records ------------------------------------------------------------------------- */

/* Each fills *object from a record that has an id, which is in it already. 0 or -ENOMEM. */

static int read_share(const json_t *record, json_t *object)
{
    return put_time(object, "since", record, "CreatedTime");
}

static int read_group(const json_t *record, json_t *object)
{
    const char *state = field_text(record, "SnapshotGroupState", "");
    const char *word = tencent_word_of(state);
    unsigned fallback = strcmp(word, "NORMAL") == 0 ? 100 : 0;
    const json_t *members = field_array(record, "SnapshotIdSet");
    bool left_out = members == NULL;
    int status = put_text(object, "name", field_text(record, "SnapshotGroupName", ""));
    if (status == 0)
        status = put_text(object, "state", state);
    if (status == 0)
        status = put_text(object, "word", word);
    if (status == 0)
        status =
            put(object, "percent", json_integer(tencent_percent_of(record, "Percent", fallback)));
    if (status == 0)
        status = put_time(object, "created", record, "CreateTime");
    if (status == 0)
        status = put_ids(object, "snapshots", members, &left_out);
    if (status == 0 && left_out)
        status = put(object, "incomplete", json_true());
    if (status == 0)
        status = put_text(object, "policy", codec_id(record, "AutoSnapshotPolicyId"));
    return status == 0 ? put_raw(object, record) : status;
}

static int64_t days_kept(const json_t *record)
{
    if (field_boolean(record, "IsPermanent", false))
        return 0;
    int64_t days = field_integer(record, "RetentionDays", 0);
    int64_t months = field_integer(record, "RetentionMonths", 0);
    if (days > 0)
        return days;
    return months > 0 && months < INT32_MAX ? months * DAYS_IN_A_MONTH : 0;
}

static int read_policy(const json_t *record, json_t *object)
{
    bool left_out = false;
    int status = put_text(object, "name", field_text(record, "AutoSnapshotPolicyName", ""));
    if (status == 0)
        status = put_text(object, "state", field_text(record, "AutoSnapshotPolicyState", ""));
    if (status == 0)
        status = put(object, "active", json_boolean(field_boolean(record, "IsActivated", true)));
    if (status == 0)
        status = put_time(object, "next", record, "NextTriggerTime");
    if (status == 0)
        status = put(object, "days", json_integer((json_int_t)days_kept(record)));
    if (status == 0)
        status = put_ids(object, "disks", field_array(record, "DiskIdSet"), &left_out);
    return status == 0 ? put_raw(object, record) : status;
}

static int read_region(const json_t *record, json_t *object)
{
    const char *state = field_text(record, "RegionState", "AVAILABLE");
    int status = put_text(object, "name", field_text(record, "RegionName", ""));
    return status == 0 ? put(object, "available", json_boolean(strcasecmp(state, "AVAILABLE") == 0))
                       : status;
}

/* --- lists --------------------------------------------------------------------------- */

static const struct list_form {
    enum cloud_verb verb;
    const char *set, *id, *key; /* the array, a record's id, and what it is called here */
    bool may_be_null;           /* an array without anything in it is sent so */
    int (*read)(const json_t *record, json_t *object);
} list_forms[] = {
    {CLOUD_DESCRIBE_SHARES, "SharePermissionSet", "AccountId", "account", true, read_share},
    {CLOUD_DESCRIBE_GROUPS, "SnapshotGroupSet", "SnapshotGroupId", "id", false, read_group},
    {CLOUD_DESCRIBE_POLICIES, "AutoSnapshotPolicySet", "AutoSnapshotPolicyId", "id", false,
     read_policy},
    {CLOUD_DESCRIBE_REGIONS, "RegionSet", "Region", "id", false, read_region},
};

static int add_record(const struct list_form *form, const json_t *record,
                      struct cloud_answer *answer)
{
    const char *id = codec_id(record, form->id);
    /* A region becomes part of a host's name too. */
    if (*id == '\0' || (form->verb == CLOUD_DESCRIBE_REGIONS && !codec_region_is_valid(id))) {
        answer->unreadable++;
        return 0;
    }
    json_t *object = json_object();
    int status = object == NULL ? -ENOMEM : put_text(object, form->key, id);
    if (status == 0)
        status = form->read(record, object);
    if (status < 0) {
        json_decref(object);
        return status;
    }
    return json_array_append_new(answer->list, object) < 0 ? -ENOMEM : 0;
}

int tencent_read_list(const struct cloud_call *call, const json_t *response,
                      struct cloud_answer *answer)
{
    const struct list_form *form = list_forms;
    while (form->verb != call->verb)
        if (++form == list_forms + sizeof list_forms / sizeof *list_forms)
            return -EPROTO;
    const json_t *set = json_object_get(response, form->set);
    bool empty = (set == NULL && answer->total == 0) ||
                 (json_is_null(set) && (answer->total == 0 || form->may_be_null));
    if (!json_is_array(set) && !empty)
        return -EPROTO;
    answer->list = json_array();
    int status = answer->list == NULL ? -ENOMEM : 0;
    for (size_t i = 0; status == 0 && i < json_array_size(set); i++)
        status = add_record(form, json_array_get(set, i), answer);
    return status;
}

/* --- what a change made -------------------------------------------------------------- */

/* What is told of another region is no answer about this one. */
static const json_t *result_for(const json_t *results, const char *region)
{
    for (size_t i = 0; region != NULL && i < json_array_size(results); i++) {
        const json_t *result = json_array_get(results, i);
        if (strcmp(field_text(result, "DestinationRegion", ""), region) == 0)
            return result;
    }
    const json_t *first = json_array_get(results, 0);
    return *field_text(first, "DestinationRegion", "") == '\0' ? first : NULL;
}

/* What became of a copy is told for each region apart, inside of a success (facts 1.4.9). */
static const char *read_copy(const struct cloud_call *call, const json_t *response,
                             struct cloud_error *error)
{
    const json_t *result = result_for(field_array(response, "SnapshotCopyResultSet"), call->region);
    const char *id = codec_id(result, "SnapshotId");
    const char *code = field_text(result, "Code", "");
    if (result == NULL || strcasecmp(code, "Success") == 0 || (*code == '\0' && *id != '\0'))
        return id;
    tencent_error_set(error, code, field_text(result, "Message", ""));
    /* The call as such was taken, so nothing that helps a call helps here but to wait.  Whether a
     * copy goes on that has met an internal error, or of which nothing is said, nobody knows. */
    bool is_unknown = error->outcome == CLOUD_UNKNOWN || *code == '\0';
    error->outcome = is_unknown ? CLOUD_UNKNOWN : CLOUD_REFUSED;
    if (error->remedy != CLOUD_LATER)
        error->remedy = CLOUD_FINAL;
    return "";
}

const char *tencent_created_id(const struct cloud_call *call, const json_t *response,
                               struct cloud_error *error)
{
    switch (call->verb) {
    case CLOUD_CREATE_SNAPSHOT:
        return codec_id(response, "SnapshotId");
    case CLOUD_COPY_SNAPSHOT:
        return read_copy(call, response, error);
    case CLOUD_CREATE_DISK:
        return codec_id_of(json_array_get(field_array(response, "DiskIdSet"), 0));
    case CLOUD_CREATE_GROUP:
        return codec_id(response, "SnapshotGroupId");
    default:
        return "";
    }
}

/* --- what a snapshot's record tells -------------------------------------------------- */

void tencent_read_features(const json_t *record, struct snapshot_record *snapshot)
{
    snapshot->tagged = json_array_size(field_array(record, "Tags")) > 0;
    snapshot->made_by_policy = *codec_id(record, "AutoSnapshotPolicyId") != '\0';
    snapshot->copying_away = json_array_size(field_array(record, "CopyingToRegions")) > 0;
    snapshot->shared_out = !snapshot->shared_in && field_integer(record, "ShareReference", 0) > 0;
}

static void put_tag(const json_t *tag, struct buffer *out)
{
    if (!json_is_object(tag))
        return;
    buffer_put_printable(out, field_text(tag, "Key", ""));
    buffer_puts(out, "=");
    buffer_put_printable(out, field_text(tag, "Value", ""));
    buffer_puts(out, "\n");
}

static void put_line(const char *text, struct buffer *out)
{
    if (*text == '\0')
        return;
    buffer_put_printable(out, text);
    buffer_puts(out, "\n");
}

int tencent_put_feature(const json_t *raw, enum snapshot_feature feature, struct buffer *out)
{
    const json_t *tags = field_array(raw, "Tags");
    const json_t *regions = field_array(raw, "CopyingToRegions");
    switch (feature) {
    case FEATURE_TAGS:
        for (size_t i = 0; i < json_array_size(tags); i++)
            put_tag(json_array_get(tags, i), out);
        break;
    case FEATURE_POLICY:
        put_line(codec_id(raw, "AutoSnapshotPolicyId"), out);
        break;
    case FEATURE_COPYING:
        for (size_t i = 0; i < json_array_size(regions); i++)
            put_line(codec_id_of(json_array_get(regions, i)), out);
        break;
    }
    return out->error;
}
