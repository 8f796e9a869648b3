/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/log.h"

#include "cbsfs/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define MESSAGE_SIZE 2048 /* longer messages are cut */

static const struct {
    const char *name;
    const char *prefix;
    int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", "cbsfs: error: ", LOG_ERR},
    [LOG_LEVEL_WARNING] = {"warning", "cbsfs: warning: ", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", "cbsfs: ", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", "cbsfs: debug: ", LOG_DEBUG},
};

static enum log_level highest = LOG_LEVEL_INFO;
static int use_syslog;

void log_set_level(enum log_level level)
{
    highest = level;
}

enum log_level log_get_level(void)
{
    return highest;
}

const char *log_level_name(enum log_level level)
{
    return levels[level].name;
}

int log_level_parse(const char *word, enum log_level *level)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(word, levels[i].name) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

void log_to_syslog(const char *ident)
{
    openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
    use_syslog = 1;
}

void log_message(enum log_level level, const char *format, ...)
{
    int saved_errno = errno;
    char text[MESSAGE_SIZE];
    struct buffer line;
    va_list arguments;

    if (level > highest)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    buffer_init(&line, 0);
    if (!use_syslog)
        buffer_puts(&line, levels[level].prefix);
    buffer_put_printable(&line, text);
    if (line.error)
        goto out;
    if (use_syslog) {
        syslog(levels[level].priority, "%s", line.data);
    } else if (buffer_puts(&line, "\n") == 0) {
        /* One write a line, so that lines of several processes do not mix; a closed stderr is
         * nobody's problem. */
        ssize_t ignored = write(STDERR_FILENO, line.data, line.length);
        (void)ignored;
    }
out:
    buffer_free(&line);
    errno = saved_errno;
}
