/* SPDX-License-Identifier: Apache-2.0 */
#include "parameters.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cbsfs/fields.h"

/* Deeper than any parameter; JSON values are freed by recursion. */
#define MAX_DEPTH 8

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)tolower((unsigned char)digit);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Undoes percent-encoding in place; SDKs write a space as %20 or as `+` (facts 2.4). */
static void percent_decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (*from == '%' && hex_value(from[1]) >= 0 && hex_value(from[2]) >= 0) {
            *to++ = (char)(hex_value(from[1]) * 16 + hex_value(from[2]));
            from += 2;
        } else {
            *to++ = *from == '+' ? ' ' : *from;
        }
    }
    *to = '\0';
}

/* The member of `parent` that `segment` names: an index for an array, a name for an object. */
static json_t *member_of(json_t *parent, const char *segment)
{
    if (json_is_array(parent))
        return json_array_get(parent, (size_t)strtoul(segment, NULL, 10));
    return json_object_get(parent, segment);
}

/* Takes `value` over. Indexes must come in order, as all SDKs send them. */
static int add_member(json_t *parent, const char *segment, json_t *value)
{
    if (!json_is_array(parent))
        return json_is_object(parent) ? json_object_set_new(parent, segment, value)
                                      : (json_decref(value), -1);
    if (!isdigit((unsigned char)*segment) ||
        (size_t)strtoul(segment, NULL, 10) != json_array_size(parent)) {
        json_decref(value);
        return -1;
    }
    return json_array_append_new(parent, value);
}

/* Puts `value` where the dotted `path` leads, making what is missing on the way. */
static int set_path(json_t *root, char *path, const char *value)
{
    json_t *parent = root;
    char *rest = path;
    char *segment = strsep(&rest, ".");
    int depth = 0;

    while (rest) {
        json_t *child = member_of(parent, segment);

        if (++depth > MAX_DEPTH)
            return -EINVAL;
        if (!child) {
            child = isdigit((unsigned char)*rest) ? json_array() : json_object();
            if (add_member(parent, segment, child) < 0)
                return -EINVAL;
        }
        parent = child;
        segment = strsep(&rest, ".");
    }
    return add_member(parent, segment, json_string(value)) < 0 ? -EINVAL : 0;
}

/* Calls `add` with each name and value of "a=b&c=d", until it fails. `text` is `length` bytes. */
static int each_pair(const char *text, size_t length, json_t *object,
                     int (*add)(json_t *object, char *name, const char *value))
{
    char *copy = strndup(text, length);
    char *rest = copy;
    char *pair;
    int status = 0;

    if (!copy)
        return -ENOMEM;
    while (status == 0 && (pair = strsep(&rest, "&"))) {
        char *value = strchr(pair, '=');

        if (!*pair)
            continue;
        if (value)
            *value++ = '\0';
        else
            value = pair + strlen(pair);
        percent_decode(pair);
        percent_decode(value);
        status = add(object, pair, value);
    }
    free(copy);
    return status;
}

static int read_query(struct api_request *request, const char *query)
{
    int status = each_pair(query, strlen(query), request->parameters, set_path);

    if (status == -EINVAL)
        return api_refuse_plainly(request, "InvalidParameter",
                                  "The query string is not a list of parameters.");
    return status;
}

static int set_flat(json_t *object, char *name, const char *value)
{
    return json_object_set_new(object, name, json_string(value)) < 0 ? -EINVAL : 0;
}

int parameters_read_flat(const char *text, size_t length, json_t *object)
{
    return each_pair(text, length, object, set_flat);
}

/* Text of a query as the type that the table asks for; JSON values are left alone. */
static json_t *convert(json_t *value, enum parameter_type type)
{
    const char *text = json_string_value(value);
    char *end;
    long long number;

    if (!text || (type != PARAMETER_COUNT && type != PARAMETER_BOOLEAN))
        return json_incref(value);
    if (type == PARAMETER_BOOLEAN) {
        if (strcasecmp(text, "true") == 0)
            return json_true();
        return strcasecmp(text, "false") == 0 ? json_false() : json_incref(value);
    }
    errno = 0;
    number = strtoll(text, &end, 10);
    return errno == 0 && end != text && !*end ? json_integer(number) : json_incref(value);
}

static bool all_texts(const json_t *list)
{
    size_t index;
    json_t *value;

    json_array_foreach(list, index, value)
    {
        if (!json_is_string(value))
            return false;
    }
    return json_is_array(list);
}

/* Whether `list` holds objects of exactly these two members. */
static bool all_pairs(const json_t *list, const char *key, const char *value_key, bool many)
{
    size_t index;
    json_t *entry;

    json_array_foreach(list, index, entry)
    {
        const json_t *value = json_object_get(entry, value_key);

        if (!json_is_string(json_object_get(entry, key)) || json_object_size(entry) != 2 ||
            !(many ? all_texts(value) : json_is_string(value)))
            return false;
    }
    return json_is_array(list);
}

static bool has_type(const json_t *value, enum parameter_type type)
{
    switch (type) {
    case PARAMETER_TEXT:
        return json_is_string(value);
    case PARAMETER_COUNT:
        return json_is_integer(value);
    case PARAMETER_BOOLEAN:
        return json_is_boolean(value);
    case PARAMETER_TEXTS:
        return all_texts(value);
    case PARAMETER_FILTERS:
        return all_pairs(value, "Name", "Values", true);
    case PARAMETER_TAGS:
        return all_pairs(value, "Key", "Value", false);
    case PARAMETER_MEMBERS:
        return all_pairs(value, "SnapshotId", "DiskId", false);
    case PARAMETER_OBJECT:
        return json_is_object(value);
    }
    return false;
}

static const struct parameter *find_parameter(const struct parameter *table, const char *name)
{
    while (table->name && strcmp(table->name, name) != 0)
        table++;
    return table->name ? table : NULL;
}

static int check_one(struct api_request *request, const struct parameter *parameter, json_t *value)
{
    if (!has_type(value, parameter->type))
        return api_refuse_plainly(request, "InvalidParameter",
                                  "The value type of parameter `%s` is not valid.",
                                  parameter->name);
    if (parameter->type == PARAMETER_COUNT && json_integer_value(value) < 0)
        return api_refuse_plainly(request, "InvalidParameterValue",
                                  "The value of parameter `%s` is not valid.", parameter->name);
    return 0;
}

static int check_all(struct api_request *request, const struct parameter *table, bool from_query)
{
    json_t *given = request->parameters;
    json_t *checked = json_object();
    const char *name;
    json_t *value;
    int status = checked ? 0 : -ENOMEM;

    request->parameters = checked;
    json_object_foreach(given, name, value)
    {
        const struct parameter *parameter = find_parameter(table, name);

        if (status < 0 || json_is_null(value))
            continue;
        if (!parameter) {
            status = api_refuse_plainly(request, "UnknownParameter",
                                        "The parameter `%s` is not recognized.", name);
            continue;
        }
        value = from_query ? convert(value, parameter->type) : json_incref(value);
        status = check_one(request, parameter, value);
        if (json_object_set_new(checked, name, value) < 0 && status == 0)
            status = -ENOMEM;
    }
    json_decref(given);
    for (; status == 0 && table->name; table++) {
        if (table->required && !json_object_get(checked, table->name))
            status = api_refuse_plainly(request, "MissingParameter",
                                        "The request is missing a required parameter `%s`.",
                                        table->name);
    }
    return status;
}

int parameters_read(struct api_request *request, const struct http_request *http,
                    const struct parameter *table)
{
    bool from_query = strcmp(http->method, "GET") == 0;
    char reason[160];
    int status = 0;

    if (from_query) {
        request->parameters = json_object();
        status = request->parameters ? read_query(request, http->query) : -ENOMEM;
    } else {
        request->parameters =
            fields_parse(http->body ? http->body : "", http->body_length, reason, sizeof reason);
        if (!request->parameters)
            status = api_refuse_plainly(request, "InvalidParameter",
                                        "The request body is not a JSON object: %s", reason);
    }
    return status < 0 ? status : check_all(request, table, from_query);
}
