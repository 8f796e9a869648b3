/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of the command line and the configuration file; private to options.c. */
#ifndef CBSFS_OPTIONS_TABLE_H
#define CBSFS_OPTIONS_TABLE_H

#include "cbsfs/options.h"

/* An option of `-o` and key of the configuration file. */
struct option_entry {
    const char *name;
    const char
        *argument; /* as --help shows it; NULL: a flag, whose value may be yes (or absent) or no */
    const char *help;
    /* Checks `value` and stores it. 0; -EINVAL with what is allowed in `allowed`; -ENOMEM. */
    int (*apply)(struct options *options, const char *value, char *allowed, size_t size);
};

enum { OPTION_COUNT = 18 };
extern const struct option_entry option_table[OPTION_COUNT];

/* Position in option_table of the first `length` bytes of `name`; -1 if it is not one of ours. */
int option_find(const char *name, size_t length);

/* True for the words that fstab may hold, or that mount(8) adds, and that mean nothing to a mount.
 */
bool option_is_dropped(const char *word);

/* True for names under which somebody might try to hand over a secret. */
bool option_is_secret(const char *word);

/* Replaces *place by a copy of `value`. 0 or -ENOMEM. */
int option_store(char **place, const char *value);

/* Frees a NULL-terminated array of strings. Harmless on NULL. */
void option_list_free(char **list);

/* True when `region` and `profile` can be what they are called: neither can leave a host name or a
 * path. */
bool option_is_region(const char *region);
bool option_is_profile(const char *profile);

#endif
