/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/log.h"

#include "cbsfs/buffer.h"
#include "cbsfs/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_SIZE  2048 /* longer messages are cut; a pipe takes a line of PIPE_BUF whole */
#define PROGRESS_SIZE 160
#define HABITS        64
#define LAST_SIZE     200

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

/* What one place in the program says again and again. */
struct habit {
    const char *format;
    enum log_level level;
    int64_t began; /* clock ms */
    unsigned written;
    uint64_t more;
    char last[LAST_SIZE]; /* of those */
};

static struct {
    enum log_level highest;
    bool in_service, is_journal;
    const char *ident, *path; /* of syslog; NULL: stderr */
    int socket;
    unsigned limit;
    int64_t interval;
    struct habit habits[HABITS];
    uint64_t lost, lost_told;
    char progress[PROGRESS_SIZE]; /* what the terminal shows of it */
} state = {.highest = LOG_LEVEL_INFO, .socket = -1, .limit = 20, .interval = 60000};

void log_set_level(enum log_level level)
{
    state.highest = level;
}

enum log_level log_get_level(void)
{
    return state.highest;
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

void log_set_limit(unsigned lines, int64_t interval)
{
    state.limit = lines;
    state.interval = interval;
}

uint64_t log_lost(void)
{
    return state.lost;
}

/* --- where it goes ------------------------------------------------------------------- */

void log_find_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char *rest;
    state.is_journal = stream != NULL && fstat(STDERR_FILENO, &status) == 0 &&
                       strtoumax(stream, &rest, 10) == status.st_dev && *rest == ':' &&
                       strtoumax(rest + 1, &rest, 10) == status.st_ino && *rest == '\0';
}

void log_begin_service(void)
{
    state.in_service = true;
}

static void connect_syslog(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (state.socket >= 0)
        close(state.socket);
    state.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", state.path);
    if (state.socket >= 0 &&
        connect(state.socket, (struct sockaddr *)&address, sizeof address) != 0) {
        close(state.socket);
        state.socket = -1;
    }
}

void log_to_syslog(const char *ident, const char *path)
{
    tzset(); /* so that no message has to read a file */
    state.ident = ident;
    state.path = path;
    if (path != NULL)
        connect_syslog();
}

static bool send_datagram(const struct buffer *line)
{
    return state.socket >= 0 && send(state.socket, line->data, line->length,
                                     MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)line->length;
}

/* glibc's syslog() waits for a daemon that takes nothing. */
static bool write_syslog(enum log_level level, const char *text)
{
    struct buffer line;
    char when[32];
    struct tm local;
    time_t now = time(NULL);
    buffer_init(&line, 0);
    localtime_r(&now, &local);
    strftime(when, sizeof when, "%b %e %H:%M:%S", &local);
    buffer_printf(&line, "<%d>%s %s[%d]: %s", LOG_DAEMON | levels[level].priority, when,
                  state.ident, (int)getpid(), text);
    bool taken = line.error == 0 && send_datagram(&line);
    if (!taken && line.error == 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        connect_syslog(); /* it was started anew */
        taken = send_datagram(&line);
    }
    buffer_free(&line);
    return taken;
}

/* One write a line, so that lines of several processes do not mix; a closed stderr is nobody's
 * problem. */
static bool write_descriptor(const struct buffer *line)
{
    if (!state.in_service)
        return write(STDERR_FILENO, line->data, line->length) == (ssize_t)line->length;
    ssize_t written = send(STDERR_FILENO, line->data, line->length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno == ENOTSOCK) {
        /* Its flags are shared with whoever started us, so it stays as it is. */
        struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT))
            written = write(STDERR_FILENO, line->data, line->length);
    }
    return written == (ssize_t)line->length;
}

static bool write_stderr(enum log_level level, const char *text)
{
    struct buffer line;
    buffer_init(&line, 0);
    if (state.progress[0] != '\0')
        buffer_puts(&line, "\r\033[K");
    if (state.is_journal)
        buffer_printf(&line, "<%d>", levels[level].priority);
    else
        buffer_puts(&line, levels[level].prefix);
    buffer_puts(&line, text);
    buffer_puts(&line, "\n");
    buffer_puts(&line, state.progress);
    bool taken = line.error == 0 && write_descriptor(&line);
    buffer_free(&line);
    return taken;
}

static bool put(enum log_level level, const char *text)
{
    return state.path != NULL ? write_syslog(level, text) : write_stderr(level, text);
}

/* `text` is printable. */
static void put_or_count(enum log_level level, const char *text)
{
    char words[80];
    if (state.lost > state.lost_told) {
        uint64_t lost = state.lost - state.lost_told;
        snprintf(words, sizeof words, "%" PRIu64 " lines before this one were not taken", lost);
        if (put(LOG_LEVEL_WARNING, words))
            state.lost_told += lost;
    }
    if (!put(level, text))
        state.lost++;
}

/* --- what is said again and again ---------------------------------------------------- */

static struct habit *habit_of(const char *format, enum log_level level)
{
    for (size_t i = 0; i < HABITS; i++) {
        struct habit *habit = &state.habits[i];
        if (habit->format == NULL)
            *habit = (struct habit){.format = format, .level = level, .began = clock_now()};
        if (habit->format == format)
            return habit;
    }
    return NULL;
}

static void tell_more(struct habit *habit)
{
    char words[LAST_SIZE + 80];
    snprintf(words, sizeof words, "%" PRIu64 " more like this one: %s", habit->more, habit->last);
    habit->more = 0;
    put_or_count(habit->level, words);
}

/* Begins the next interval where one is over. */
static void look_at_habits(int64_t now)
{
    for (size_t i = 0; i < HABITS && state.habits[i].format != NULL; i++) {
        struct habit *habit = &state.habits[i];
        if (now - habit->began < state.interval)
            continue;
        if (habit->more > 0)
            tell_more(habit);
        habit->began = now;
        habit->written = 0;
    }
}

/* True if this one is only counted. */
static bool is_too_much(enum log_level level, const char *format, const char *text)
{
    if (!state.in_service || state.limit == 0 || level == LOG_LEVEL_DEBUG)
        return false;
    look_at_habits(clock_now());
    struct habit *habit = habit_of(format, level);
    if (habit == NULL || habit->written++ < state.limit)
        return false;
    habit->more++;
    snprintf(habit->last, sizeof habit->last, "%s", text);
    return true;
}

void log_end(void)
{
    for (size_t i = 0; i < HABITS; i++) {
        if (state.habits[i].more > 0)
            tell_more(&state.habits[i]);
    }
    log_progress("%s", "");
    if (state.socket >= 0)
        close(state.socket);
    state.socket = -1;
}

void log_message(enum log_level level, const char *format, ...)
{
    int saved_errno = errno;
    char text[MESSAGE_SIZE];
    struct buffer clean;
    va_list arguments;

    if (level > state.highest)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    buffer_init(&clean, 0);
    if (buffer_put_printable(&clean, text) == 0 && !is_too_much(level, format, clean.data))
        put_or_count(level, clean.data);
    buffer_free(&clean);
    errno = saved_errno;
}

/* --- progress ------------------------------------------------------------------------ */

void log_progress(const char *format, ...)
{
    int saved_errno = errno;
    struct buffer line;
    va_list arguments;
    if (state.path != NULL || state.is_journal || !isatty(STDERR_FILENO)) {
        errno = saved_errno;
        return;
    }
    bool was_shown = state.progress[0] != '\0';
    va_start(arguments, format);
    vsnprintf(state.progress, sizeof state.progress, format, arguments);
    va_end(arguments);
    buffer_init(&line, 0);
    if (was_shown)
        buffer_puts(&line, "\r\033[K");
    buffer_puts(&line, state.progress);
    if (line.error == 0 && line.length > 0)
        (void)write_descriptor(&line);
    buffer_free(&line);
    errno = saved_errno;
}
