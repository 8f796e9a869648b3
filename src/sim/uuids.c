/* SPDX-License-Identifier: Apache-2.0 */
#include "uuids.h"

#include <stdio.h>
#include <string.h>

#define TAIL      8  /* bytes behind the prefix */
#define UUID_SIZE 36 /* characters */

static const struct {
    const char *prefix;
    const char *digits; /* its first four bytes */
} kinds[] = {{"snap-", "736e6170"}, {"disk-", "6469736b"}};

#define KINDS (sizeof kinds / sizeof *kinds)

void uuid_of_id(const char *id, char uuid[RECORD_ID_SIZE])
{
    size_t kind = 0;
    unsigned char tail[TAIL] = {0};
    size_t length;

    while (kind < KINDS && strncmp(id, kinds[kind].prefix, 5) != 0)
        kind++;
    length = kind < KINDS ? strlen(id + 5) : 0;
    if (length == 0 || length > TAIL) {
        snprintf(uuid, RECORD_ID_SIZE, "%s", id);
        return;
    }
    memcpy(tail, id + 5, length);
    snprintf(uuid, RECORD_ID_SIZE, "%s-%02x%02x-4000-8000-%02x%02x%02x%02x%02x%02x",
             kinds[kind].digits, tail[0], tail[1], tail[2], tail[3], tail[4], tail[5], tail[6],
             tail[7]);
}

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = digit ? strchr(digits, digit) : NULL;

    return found ? (int)(found - digits) : -1;
}

static bool read_byte(const char *digits, char *byte)
{
    int high = hex_value(digits[0]);
    int low = hex_value(digits[1]);

    if (high < 0 || low < 0)
        return false;
    *byte = (char)(high * 16 + low);
    return true;
}

/* The bytes that the digits stand for, up to the zeros at their end. */
static bool read_tail(const char *uuid, char tail[TAIL + 1])
{
    static const unsigned char places[TAIL] = {9, 11, 24, 26, 28, 30, 32, 34};

    memset(tail, 0, TAIL + 1);
    for (size_t i = 0; i < TAIL; i++) {
        if (!read_byte(uuid + places[i], &tail[i]))
            return false;
    }
    for (size_t i = strlen(tail); i < TAIL; i++) {
        if (tail[i])
            return false;
    }
    return *tail != '\0';
}

void id_of_uuid(const char *uuid, char id[RECORD_ID_SIZE])
{
    char tail[TAIL + 1];

    if (strlen(uuid) == UUID_SIZE && uuid[8] == '-' && strncmp(uuid + 13, "-4000-8000-", 11) == 0) {
        for (size_t i = 0; i < KINDS; i++) {
            if (strncmp(uuid, kinds[i].digits, 8) == 0 && read_tail(uuid, tail)) {
                snprintf(id, RECORD_ID_SIZE, "%s%s", kinds[i].prefix, tail);
                return;
            }
        }
    }
    snprintf(id, RECORD_ID_SIZE, "%s", uuid);
}
