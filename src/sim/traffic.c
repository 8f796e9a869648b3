/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LIMIT 1000
#define SECOND    1000

static void add_to(json_t *counters, const char *key, json_int_t number)
{
    json_t *counter = json_object_get(counters, key);

    if (counter)
        json_integer_set(counter, json_integer_value(counter) + number);
    else
        json_object_set_new(counters, key, json_integer(number));
}

static void forget(struct traffic *traffic)
{
    json_decref(traffic->requests);
    json_decref(traffic->errors);
    json_decref(traffic->peaks);
    json_decref(traffic->changes);
    json_decref(traffic->faults);
    json_decref(traffic->regions);
    json_decref(traffic->log);
}

int traffic_reset(struct traffic *traffic)
{
    forget(traffic);
    traffic->requests = json_object();
    traffic->errors = json_object();
    traffic->peaks = json_object();
    traffic->changes = json_object();
    traffic->faults = json_object();
    traffic->regions = json_object();
    traffic->log = json_array();
    if (traffic->requests && traffic->errors && traffic->peaks && traffic->changes &&
        traffic->faults && traffic->regions && traffic->log)
        return 0;
    return -ENOMEM;
}

int traffic_init(struct traffic *traffic)
{
    memset(traffic, 0, sizeof *traffic);
    return traffic_reset(traffic);
}

void traffic_free(struct traffic *traffic)
{
    forget(traffic);
    for (size_t i = 0; i < TRAFFIC_WINDOWS; i++) {
        free(traffic->windows[i].arrived.times);
        free(traffic->windows[i].accepted.times);
    }
}

static void window_expire(struct window *window, int64_t now)
{
    while (window->count > 0 && window->times[window->first] <= now - SECOND) {
        window->first++;
        window->count--;
    }
}

static int window_add(struct window *window, int64_t now)
{
    if (window->first + window->count == window->capacity) {
        if (window->first > 0) {
            memmove(window->times, window->times + window->first,
                    window->count * sizeof *window->times);
            window->first = 0;
        } else {
            size_t capacity = window->capacity ? window->capacity * 2 : 64;
            int64_t *grown = reallocarray(window->times, capacity, sizeof *grown);

            if (!grown)
                return -ENOMEM;
            window->times = grown;
            window->capacity = capacity;
        }
    }
    window->times[window->first + window->count++] = now;
    return 0;
}

static bool is_same(const char *left, const char *right)
{
    return left && right ? strcmp(left, right) == 0 : left == right;
}

/* The slot of an action in a region; all there are fit. */
static size_t slot_of(struct traffic *traffic, const char *action, const char *region)
{
    size_t slot = 0;

    while (slot < TRAFFIC_WINDOWS - 1 && traffic->windows[slot].action &&
           (strcmp(traffic->windows[slot].action, action) != 0 ||
            !is_same(traffic->windows[slot].region, region)))
        slot++;
    traffic->windows[slot].action = action;
    traffic->windows[slot].region = region;
    return slot;
}

/* The region's own counters of that name. */
static json_t *counters_of(struct traffic *traffic, const char *region, const char *name)
{
    json_t *all = json_object_get(traffic->regions, region);

    if (!all) {
        all = json_pack("{s:{}, s:{}, s:{}}", "requests", "peak_per_second", "changes");
        json_object_set_new(traffic->regions, region, all);
    }
    return json_object_get(all, name);
}

static void count_arrival(struct traffic *traffic, const char *action, const char *region,
                          json_t *requests, json_t *peaks, int64_t now)
{
    struct window *window = &traffic->windows[slot_of(traffic, action, region)].arrived;
    json_int_t peak = json_integer_value(json_object_get(peaks, action));

    add_to(requests, action, 1);
    window_expire(window, now);
    window_add(window, now);
    if ((json_int_t)window->count > peak)
        add_to(peaks, action, (json_int_t)window->count - peak);
}

void traffic_arrived(struct traffic *traffic, const char *action, const char *region, int64_t now)
{
    count_arrival(traffic, action, NULL, traffic->requests, traffic->peaks, now);
    if (region)
        count_arrival(traffic, action, region, counters_of(traffic, region, "requests"),
                      counters_of(traffic, region, "peak_per_second"), now);
}

bool traffic_accept(struct traffic *traffic, const char *action, const char *region, long limit,
                    int64_t now, size_t *count)
{
    struct window *window = &traffic->windows[slot_of(traffic, action, region)].accepted;

    if (limit == 0)
        return true;
    window_expire(window, now);
    *count = window->count + 1;
    return *count <= (size_t)limit && window_add(window, now) == 0;
}

void traffic_error(struct traffic *traffic, const char *code)
{
    add_to(traffic->errors, code, 1);
}

void traffic_change(struct traffic *traffic, const char *action, const char *region)
{
    add_to(traffic->changes, action, 1);
    if (region)
        add_to(counters_of(traffic, region, "changes"), action, 1);
}

void traffic_fault(struct traffic *traffic, const char *kind)
{
    add_to(traffic->faults, kind, 1);
}

void traffic_log(struct traffic *traffic, const char *action, json_t *parameters, const char *note,
                 int64_t wall_ms)
{
    json_t *entry = json_pack("{s:s, s:O?, s:s, s:f}", "action", action, "params", parameters,
                              "code", note, "t", (double)wall_ms / 1000);

    if (json_array_size(traffic->log) >= LOG_LIMIT)
        json_array_remove(traffic->log, 0);
    json_array_append_new(traffic->log, entry);
}
