/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP on loopback: one thread, one poll(2); nothing that waits holds anything else up. */
#ifndef CBSFS_SIM_SERVER_H
#define CBSFS_SIM_SERVER_H

#include "sim.h"

struct server;

/* Listens on 127.0.0.1. `sim` must outlive the server. 0 or -errno. */
int server_start(struct sim *sim, uint16_t port, struct server **server);
uint16_t server_port(const struct server *server);
/* Serves until SIGINT or SIGTERM. 0 or -errno. */
int server_run(struct server *server);
/* NULL is fine. */
void server_stop(struct server *server);

#endif
