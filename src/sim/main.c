/* SPDX-License-Identifier: Apache-2.0 */
/* cbsfs-sim: an account that lives in one process. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cbsfs/clock.h"
#include "late.h"
#include "options.h"
#include "regions.h"
#include "server.h"
#include "sim.h"

static int write_port(const char *path, uint16_t port)
{
    FILE *file = fopen(path, "we");
    bool written;

    if (!file)
        return -errno;
    written = fprintf(file, "%u\n", port) > 0;
    return fclose(file) == 0 && written ? 0 : -EIO;
}

/* Readers see the old file or the whole new one. */
static int write_port_file(const char *path, uint16_t port)
{
    char *temporary = NULL;
    int status;

    if (asprintf(&temporary, "%s.%ld", path, (long)getpid()) < 0)
        return -ENOMEM;
    status = write_port(temporary, port);
    if (status == 0 && rename(temporary, path) < 0)
        status = -errno;
    if (status < 0)
        unlink(temporary);
    free(temporary);
    return status;
}

static int load_faults(struct sim *sim, const char *path)
{
    char reason[200] = "out of memory";
    json_error_t error;
    json_t *script = json_load_file(path, 0, &error);
    int status;

    if (!script) {
        fprintf(stderr, "cbsfs-sim: %s: %s\n", path, error.text);
        return -EINVAL;
    }
    status = faults_replace(&sim->faults, script, clock_now(), reason, sizeof reason);
    if (status < 0)
        fprintf(stderr, "cbsfs-sim: %s: %s\n", path, reason);
    json_decref(script);
    return status;
}

static int serve(struct sim *sim)
{
    struct server *server = NULL;
    int status = server_start(sim, sim->options.port, &server);

    if (status < 0) {
        fprintf(stderr, "cbsfs-sim: cannot listen on port %u: %s\n", sim->options.port,
                strerror(-status));
        return status;
    }
    if (sim->options.port_file) {
        status = write_port_file(sim->options.port_file, server_port(server));
        if (status < 0)
            fprintf(stderr, "cbsfs-sim: %s: %s\n", sim->options.port_file, strerror(-status));
    }
    if (status == 0) {
        printf("cbsfs-sim: listening on http://127.0.0.1:%u\n", server_port(server));
        fflush(stdout);
        status = server_run(server);
    }
    server_stop(server);
    return status;
}

int main(int argc, char **argv)
{
    struct sim sim = {0};
    int status = options_parse(&sim.options, argc, argv);

    if (status != 0)
        return status > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    sim.random = ~sim.options.seed;
    status = traffic_init(&sim.traffic);
    if (status == 0)
        status = regions_make(&sim);
    if (status == -ENOMEM)
        fputs("cbsfs-sim: out of memory\n", stderr);
    if (status == 0 && sim.options.fault_file)
        status = load_faults(&sim, sim.options.fault_file);
    if (status == 0)
        status = serve(&sim);
    late_free(&sim);
    regions_free(&sim);
    faults_free(&sim.faults);
    traffic_free(&sim.traffic);
    return status < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
