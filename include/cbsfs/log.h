/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: stderr while a person is watching, syslog once in the background.
 *
 * One line a message.  Control characters and invalid UTF-8 are replaced, so that no server can
 * forge a line or drive a terminal.  Nobody may pass a secret; URLs are logged without their query.
 *
 * Once log_begin_service() was called no message waits for whoever takes it (a pager that nobody
 * turns, a syslog that hangs): what is not taken is lost, and how much is told. Only a file waits
 * for its disk. And of what is said over and over again, as while a cloud is down, a minute's first
 * lines are written, and then how many more there were.
 */
#ifndef CBSFS_LOG_H
#define CBSFS_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Messages above this level are dropped. Default LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "error", "warning", "info", "debug"; -EINVAL for another word. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *word, enum log_level *level);

/* If stderr is the journal's (JOURNAL_STREAM), each line says its priority as sd-daemon(3) has it.
 */
void log_find_journal(void);
/* A mount depends on us from now on, see above. */
void log_begin_service(void);
/* From now on to the datagram socket `path` ("/dev/log"; facility daemon) under `ident`, instead of
 * stderr. Both must stay valid. NULL: to stderr again. */
void log_to_syslog(const char *ident, const char *path);
/* Writes what has only been counted so far, and closes what is open. */
void log_end(void);

/* As many lines of one kind are written in `interval` ms; 0: all. Default 20 in a minute. */
void log_set_limit(unsigned lines, int64_t interval);
/* How many lines nobody has taken. */
uint64_t log_lost(void);

void log_message(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* What is being done, for a person who waits: the last line of the terminal that stderr is, kept
 * below the messages; "" takes it away. Nothing at all where stderr is no terminal. Printable text.
 */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
