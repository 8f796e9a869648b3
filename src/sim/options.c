/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SNAPSHOTS 1000000

static const char usage[] =
    "usage: cbsfs-sim [OPTION]...\n"
    "A cloud account with block storage on 127.0.0.1, to try scripts and tests on.\n"
    "\n"
    "  --port N           listen on this port (default: any free one)\n"
    "  --port-file FILE   write the port to FILE once listening\n"
    "  --disks N          N generated disks instead of the hand-made account\n"
    "  --snapshots N      N snapshots for each of them (default 0)\n"
    "  --seed N           another account and other ids (default 1)\n"
    "  --region R[,R]     the only regions; the first has the data (default ap-guangzhou, and\n"
    "                     in API 3.0 ap-beijing and ap-singapore with a little)\n"
    "  --rate N           requests a second for each action (default 20; 0: no limit)\n"
    "  --quota N          snapshots that a disk may have (default 64; EVS 7)\n"
    "  --latency MS       every answer takes this long (default 0)\n"
    "  --create-time S    how long a snapshot is CREATING (default 5)\n"
    "  --rollback-time S  how long a disk is ROLLBACKING (default 5)\n"
    "  --copy-time S      how long a copy to another region takes (default 5)\n"
    "  --delete-time S    how long a snapshot of EVS is deleting (default 1)\n"
    "  --token T          requests must carry this session token\n"
    "  --token-life S     how long a token of EVS is good for (default 86400)\n"
    "  --no-cloudsnapshots-rollback  EVS rolls back at its older path only\n"
    "  --fault-file FILE  start with this fault script\n"
    "  --help, --version\n"
    "\n"
    "Credentials: CBSFS_SIM_SECRET_ID and CBSFS_SIM_SECRET_KEY, else AKIDSIMULATOR and "
    "simulator.\n";

enum option_key {
    OPTION_PORT = 256,
    OPTION_PORT_FILE,
    OPTION_DISKS,
    OPTION_SNAPSHOTS,
    OPTION_SEED,
    OPTION_REGION,
    OPTION_RATE,
    OPTION_QUOTA,
    OPTION_LATENCY,
    OPTION_CREATE_TIME,
    OPTION_ROLLBACK_TIME,
    OPTION_COPY_TIME,
    OPTION_DELETE_TIME,
    OPTION_TOKEN,
    OPTION_TOKEN_LIFE,
    OPTION_NO_CLOUDSNAPSHOTS_ROLLBACK,
    OPTION_FAULT_FILE,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"port", required_argument, NULL, OPTION_PORT},
    {"port-file", required_argument, NULL, OPTION_PORT_FILE},
    {"disks", required_argument, NULL, OPTION_DISKS},
    {"snapshots", required_argument, NULL, OPTION_SNAPSHOTS},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"region", required_argument, NULL, OPTION_REGION},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"quota", required_argument, NULL, OPTION_QUOTA},
    {"latency", required_argument, NULL, OPTION_LATENCY},
    {"create-time", required_argument, NULL, OPTION_CREATE_TIME},
    {"rollback-time", required_argument, NULL, OPTION_ROLLBACK_TIME},
    {"copy-time", required_argument, NULL, OPTION_COPY_TIME},
    {"delete-time", required_argument, NULL, OPTION_DELETE_TIME},
    {"token", required_argument, NULL, OPTION_TOKEN},
    {"token-life", required_argument, NULL, OPTION_TOKEN_LIFE},
    {"no-cloudsnapshots-rollback", no_argument, NULL, OPTION_NO_CLOUDSNAPSHOTS_ROLLBACK},
    {"fault-file", required_argument, NULL, OPTION_FAULT_FILE},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0}};

static int parse_count(const char *name, const char *text, long max, long *value)
{
    char *end;

    errno = 0;
    *value = strtol(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && *value >= 0 && *value <= max)
        return 0;
    fprintf(stderr, "cbsfs-sim: --%s %s: must be a whole number from 0 to %ld\n", name, text, max);
    return -EINVAL;
}

static int parse_seconds(const char *name, const char *text, int64_t *milliseconds)
{
    char *end;
    double value = strtod(text, &end);

    if (end != text && *end == '\0' && isfinite(value) && value >= 0 && value <= 86400) {
        *milliseconds = (int64_t)(value * 1000);
        return 0;
    }
    fprintf(stderr, "cbsfs-sim: --%s %s: must be a number of seconds\n", name, text);
    return -EINVAL;
}

static int set_number(struct options *options, int key, const char *name, const char *text)
{
    long value = 0;
    int status;

    switch (key) {
    case OPTION_PORT:
        status = parse_count(name, text, UINT16_MAX, &value);
        options->port = (uint16_t)value;
        return status;
    case OPTION_DISKS:
        return parse_count(name, text, 100000, &options->disks);
    case OPTION_SNAPSHOTS:
        return parse_count(name, text, MAX_SNAPSHOTS, &options->snapshots);
    case OPTION_SEED:
        status = parse_count(name, text, INT32_MAX, &value);
        options->seed = (uint64_t)value;
        return status;
    case OPTION_RATE:
        return parse_count(name, text, 100000, &options->rate);
    case OPTION_QUOTA:
        return parse_count(name, text, MAX_SNAPSHOTS, &options->quota);
    case OPTION_LATENCY:
        status = parse_count(name, text, 3600000, &value);
        options->latency = value;
        return status;
    case OPTION_CREATE_TIME:
        return parse_seconds(name, text, &options->create_time);
    case OPTION_ROLLBACK_TIME:
        return parse_seconds(name, text, &options->rollback_time);
    case OPTION_COPY_TIME:
        return parse_seconds(name, text, &options->copy_time);
    case OPTION_DELETE_TIME:
        return parse_seconds(name, text, &options->delete_time);
    case OPTION_TOKEN_LIFE:
        return parse_seconds(name, text, &options->token_life);
    default:
        return -EINVAL;
    }
}

static int set_option(struct options *options, int key, const char *name, const char *text)
{
    switch (key) {
    case OPTION_PORT_FILE:
        options->port_file = text;
        return 0;
    case OPTION_REGION:
        options->regions = text;
        return 0;
    case OPTION_TOKEN:
        options->token = text;
        return 0;
    case OPTION_NO_CLOUDSNAPSHOTS_ROLLBACK:
        options->no_cloudsnapshots_rollback = true;
        return 0;
    case OPTION_FAULT_FILE:
        options->fault_file = text;
        return 0;
    case OPTION_HELP:
        fputs(usage, stdout);
        return 1;
    case OPTION_VERSION:
        puts("cbsfs-sim " CBSFS_VERSION);
        return 1;
    default:
        return set_number(options, key, name, text);
    }
}

static const char *environment(const char *name, const char *fallback)
{
    const char *value = getenv(name);

    return value && *value ? value : fallback;
}

static int check(const struct options *options)
{
    if (options->snapshots > 0 && options->disks < 0) {
        fputs("cbsfs-sim: --snapshots needs --disks\n", stderr);
        return -EINVAL;
    }
    if (options->disks > 0 && options->snapshots > MAX_SNAPSHOTS / options->disks) {
        fprintf(stderr, "cbsfs-sim: at most %d snapshots in total\n", MAX_SNAPSHOTS);
        return -EINVAL;
    }
    if (options->regions && !*options->regions) {
        fputs("cbsfs-sim: --region needs a region\n", stderr);
        return -EINVAL;
    }
    return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
    int key;
    int index = 0;

    *options = (struct options){.secret_id = environment("CBSFS_SIM_SECRET_ID", "AKIDSIMULATOR"),
                                .secret_key = environment("CBSFS_SIM_SECRET_KEY", "simulator"),
                                .disks = -1,
                                .seed = 1,
                                .rate = 20,
                                .quota = -1,
                                .create_time = 5000,
                                .rollback_time = 5000,
                                .copy_time = 5000,
                                .delete_time = 1000,
                                .token_life = 86400000};
    while ((key = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        int status;

        if (key == '?')
            return -EINVAL;
        status = set_option(options, key, long_options[index].name, optarg);
        if (status != 0)
            return status;
    }
    if (optind < argc) {
        fprintf(stderr, "cbsfs-sim: unexpected argument: %s\n", argv[optind]);
        return -EINVAL;
    }
    return check(options);
}
