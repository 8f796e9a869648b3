/* SPDX-License-Identifier: Apache-2.0 */
/* The command line and the environment of cbsfs-sim. */
#ifndef CBSFS_SIM_OPTIONS_H
#define CBSFS_SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    uint16_t port; /* 0: the system chooses */
    const char *port_file;
    const char *fault_file;
    const char *regions;   /* comma list; the first holds the account; NULL: see regions.c */
    const char *token;     /* NULL: any or none is accepted */
    const char *secret_id; /* from the environment, like secret_key */
    const char *secret_key;
    long disks;     /* -1: the hand-made account */
    long snapshots; /* per disk */
    uint64_t seed;
    long rate;                       /* requests per action in any second; 0: no limit */
    long quota;                      /* -1: each dialect's own */
    int64_t latency;                 /* ms */
    int64_t create_time;             /* ms */
    int64_t rollback_time;           /* ms */
    int64_t copy_time;               /* ms, to another region */
    int64_t delete_time;             /* ms, in the EVS dialect */
    int64_t token_life;              /* ms; of tokens of the EVS dialect */
    bool no_cloudsnapshots_rollback; /* EVS as a region that has only the older path */
};

/*
 * Fills `options`, whose strings belong to argv and the environment.  Returns 0; 1 when --help or
 * --version was asked for and has been printed; -EINVAL when the reason has been printed to stderr.
 */
int options_parse(struct options *options, int argc, char **argv);

#endif
