/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: stderr while a person is watching, syslog once in the background.
 *
 * One line a message.  Control characters and invalid UTF-8 are replaced, so that no server can
 * forge a line or drive a terminal.  Nobody may pass a secret; URLs are logged without their query.
 * No message may block on a user's file system (a log on a frozen disk would stop the mount).
 */
#ifndef CBSFS_LOG_H
#define CBSFS_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Messages above this level are dropped. Default LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "error", "warning", "info", "debug"; -EINVAL for another word. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *word, enum log_level *level);

/* From now on to syslog(3) (facility daemon) under `ident`, which must stay valid, instead of
 * stderr. */
void log_to_syslog(const char *ident);

void log_message(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
