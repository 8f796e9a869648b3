/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbsfs/fields.h"
#include "spoil.h"

static const struct {
    const char *name;
    bool processed; /* unless the script says otherwise with "after" */
} kinds[] = {
    [FAULT_DELAY] = {"delay", true},
    [FAULT_DROP_BEFORE] = {"drop-before", false},
    [FAULT_DROP_AFTER] = {"drop-after", true},
    [FAULT_STATUS] = {"status", false},
    [FAULT_TRUNCATE] = {"truncate", true},
    [FAULT_MALFORMED] = {"malformed", false},
    [FAULT_HTML] = {"html", false},
    [FAULT_ERROR] = {"error", false},
    [FAULT_THROTTLE] = {"throttle", false},
    [FAULT_EXPIRED_TOKEN] = {"expired-token", false},
    [FAULT_CLOCK] = {"clock", true},
    [FAULT_STALE] = {"stale", true},
    [FAULT_SLOW_BODY] = {"slow-body", true},
    [FAULT_HANG] = {"hang", false},
    [FAULT_ENVELOPE] = {"envelope", false},
    [FAULT_BODY] = {"body", false},
    [FAULT_EDIT] = {"edit", true},
    [FAULT_PATCH] = {"patch", true},
    [FAULT_FAIL] = {"fail", true},
};

const char *fault_name(enum fault_kind kind)
{
    return kinds[kind].name;
}

static int parse_kind(const char *name, struct fault *fault)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            fault->kind = (enum fault_kind)i;
            fault->processed = kinds[i].processed;
            return 0;
        }
    }
    return -EINVAL;
}

/* A misspelt member would silently make another fault than the tester meant. */
static const char *unknown_member(json_t *entry)
{
    static const char *const known[] = {
        "kind",    "action",  "skip",   "times", "after",   "ms",   "status", "seconds",
        "code",    "message", "where",  "edits", "patch",   "body", "hex",    "repeat",
        "closing", "prefix",  "suffix", "type",  "headers", "late", "region",
    };
    const char *key;
    json_t *value;

    json_object_foreach(entry, key, value)
    {
        size_t i = 0;

        while (i < sizeof known / sizeof *known && strcmp(known[i], key) != 0)
            i++;
        if (i == sizeof known / sizeof *known)
            return key;
    }
    return NULL;
}

static int parse_fault(json_t *entry, struct fault *fault, char *reason, size_t reason_size)
{
    const char *kind = field_text(entry, "kind", "");
    const char *unknown = unknown_member(entry);
    int64_t times = field_integer(entry, "times", 1);
    int64_t skip = field_integer(entry, "skip", 0);
    int64_t status = field_integer(entry, "status", strcmp(kind, "body") == 0 ? 200 : 502);
    int64_t ms = field_integer(entry, "ms", 0);
    int64_t late = field_integer(entry, "late", 0);

    if (!json_is_object(entry) || parse_kind(kind, fault) < 0) {
        snprintf(reason, reason_size, "no such kind of fault: \"%s\"", kind);
        return -EINVAL;
    }
    if (unknown) {
        snprintf(reason, reason_size, "a fault has no member \"%s\"", unknown);
        return -EINVAL;
    }
    if (times < 0 || times > INT32_MAX || skip < 0 || skip > INT32_MAX || status < 200 ||
        status > 599 || ms < 0 || ms > 86400000 || late < 0 || late > 86400000) {
        snprintf(reason, reason_size, "%s: a number is out of range", kind);
        return -EINVAL;
    }
    if (fault->kind == FAULT_BODY && spoil_check_body(entry, reason, reason_size) < 0)
        return -EINVAL;
    if (fault->kind == FAULT_EDIT && spoil_check_edits(entry, reason, reason_size) < 0)
        return -EINVAL;
    fault->entry = json_incref(entry);
    fault->times = times == 0 ? -1 : (long)times;
    fault->skip = (long)skip;
    fault->status = (unsigned int)status;
    fault->ms = ms;
    fault->seconds = field_integer(entry, "seconds", 0);
    fault->late = late;
    fault->processed = field_boolean(entry, "after", fault->processed);
    if (late > 0 && fault->processed) {
        snprintf(reason, reason_size, "%s: what is carried out at once cannot be late", kind);
        return -EINVAL;
    }
    snprintf(fault->action, sizeof fault->action, "%s", field_text(entry, "action", "*"));
    snprintf(fault->code, sizeof fault->code, "%s", field_text(entry, "code", "InternalError"));
    snprintf(fault->message, sizeof fault->message, "%s",
             field_text(entry, "message", "An internal error has occurred. Retry your request."));
    return 0;
}

int faults_replace(struct faults *faults, const json_t *script, int64_t now, char *reason,
                   size_t reason_size)
{
    const json_t *entries = field_array(script, "faults");
    size_t count = json_array_size(entries);
    struct faults next = {.count = count, .posted = now};

    if (!entries) {
        snprintf(reason, reason_size, "the script must be {\"faults\": [...]}");
        return -EINVAL;
    }
    next.list = calloc(count + 1, sizeof *next.list);
    if (!next.list)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int status = parse_fault(json_array_get(entries, i), &next.list[i], reason, reason_size);

        if (status < 0) {
            faults_free(&next);
            return status;
        }
        if (next.list[i].kind == FAULT_CLOCK)
            next.shift += next.list[i].seconds;
    }
    faults_free(faults);
    *faults = next;
    return 0;
}

void faults_free(struct faults *faults)
{
    for (size_t i = 0; i < faults->count; i++)
        json_decref(faults->list[i].entry);
    free(faults->list);
    memset(faults, 0, sizeof *faults);
}

/* True if the request has the parameters that the fault asks for. */
static bool has_parameters(const struct fault *fault, json_t *parameters, const char *body,
                           size_t body_length)
{
    const json_t *wanted = field_object(fault->entry, "where");
    json_t *given = json_incref(parameters);
    char reason[160];
    bool has = true;
    const char *name;
    json_t *value;

    if (wanted && !given)
        given = fields_parse(body ? body : "", body_length, reason, sizeof reason);

    json_object_foreach((json_t *)wanted, name, value)
    {
        has = has && json_equal(value, json_object_get(given, name));
    }
    json_decref(given);
    return has;
}

bool faults_take(struct faults *faults, const char *action, const char *region, json_t *parameters,
                 const char *body, size_t body_length, struct fault *fault)
{
    for (size_t i = 0; i < faults->count; i++) {
        struct fault *candidate = &faults->list[i];
        const char *where = field_text(candidate->entry, "region", NULL);

        if (candidate->kind == FAULT_CLOCK || candidate->times == 0)
            continue;
        if (strcmp(candidate->action, "*") != 0 && strcmp(candidate->action, action) != 0)
            continue;
        if (where && (!region || strcmp(where, region) != 0))
            continue;
        if (!has_parameters(candidate, parameters, body, body_length))
            continue;
        if (candidate->skip > 0) {
            candidate->skip--;
            continue;
        }
        if (candidate->times > 0)
            candidate->times--;
        *fault = *candidate;
        return true;
    }
    return false;
}
