/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

typedef int set_function(void *data, const char *origin, const char *key, const char *value,
                         char *reason, size_t reason_size);

static char *strip(char *text)
{
    text += strspn(text, " \t\r\n");

    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

static int read_line(char *line, const char *origin, set_function *set, void *data, char *reason,
                     size_t reason_size)
{
    char *key = strip(line);
    char *value = NULL;

    if (*key == '\0' || *key == '#')
        return 0;

    char *equals = strchr(key, '=');
    if (equals != NULL) {
        *equals = '\0';
        value = strip(equals + 1);
        key = strip(key);
    }
    if (*key == '\0' || strpbrk(key, " \t") != NULL) {
        snprintf(reason, reason_size, "%s: must be `key = value`", origin);
        return -EINVAL;
    }
    return set(data, origin, key, value, reason, reason_size);
}

int config_read(const char *path, set_function *set, void *data, char *reason, size_t reason_size)
{
    char origin[512];
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    int result = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        result = -errno;
        snprintf(reason, reason_size, "%s: cannot read it: %s", path, strerror(-result));
        return result;
    }
    errno = 0;
    for (unsigned number = 1; result == 0 && (length = getline(&line, &capacity, file)) >= 0;
         number++) {
        snprintf(origin, sizeof(origin), "%s:%u", path, number);
        if (strlen(line) != (size_t)length || length > CONFIG_LINE_LIMIT) {
            snprintf(reason, reason_size, "%s: the line is too long or holds a NUL", origin);
            result = -EINVAL;
        } else {
            result = read_line(line, origin, set, data, reason, reason_size);
        }
        errno = 0;
    }
    if (result == 0 && !feof(file)) {
        result = errno != 0 ? -errno : -EIO;
        snprintf(reason, reason_size, "%s: cannot read it: %s", path, strerror(-result));
    }
    free(line);
    fclose(file);
    return result;
}
