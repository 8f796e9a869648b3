/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EVS, the OpenStack of Huawei Cloud and Open Telekom Cloud (openstack facts 2 and 4), as another
 * way to the same account: its identity service, its own API below /v2/PROJECT/cloud..., and the
 * one that it shares with Cinder.  Regions are projects; ids are UUIDs (uuids.h).
 *
 * A record's member "evs" (see patch.h) is an object whose members are shown here as they are.
 */
#ifndef CBSFS_SIM_EVS_H
#define CBSFS_SIM_EVS_H

#include "answer.h"

/* In which words a request was made, and is refused: request->dialect_form. */
enum evs_form { EVS_NATIVE, EVS_CINDER, EVS_IDENTITY };

/* The dialect, see answer.h. request->parameters has the members of the path, of the query as text,
 * and of the one object in the body; those of a login are left in the body. */
int evs_read(struct api_request *request, const struct http_request *http);
const char *evs_action(const struct api_request *request, const struct http_request *http);
int evs_perform(struct api_request *request, const struct http_request *http);
json_t *evs_envelope(struct api_request *request);

/* What the table of paths points at. */
int evs_list_disks(struct api_request *request);
int evs_list_snapshots(struct api_request *request);
int evs_list_disk_names(struct api_request *request);
int evs_list_snapshots_briefly(struct api_request *request);
int evs_show_disk(struct api_request *request);
int evs_show_snapshot(struct api_request *request);
int evs_create_snapshot(struct api_request *request);
int evs_update_snapshot(struct api_request *request);
int evs_delete_snapshot(struct api_request *request);
int evs_roll_back(struct api_request *request);

#define EVS_PROJECT_ID_SIZE 33
/* The project's id, 32 hexadecimal digits that follow from the region's name. */
void evs_project_id(const struct account *account, char id[EVS_PROJECT_ID_SIZE]);

/* --- identity (evs_identity.c) -------------------------------------------------------- */

/* POST /v3/auth/tokens and GET /v3/projects. As a dialect's perform(). */
int evs_create_token(struct api_request *request, const struct http_request *http);
int evs_list_projects(struct api_request *request, const struct http_request *http);
/* Finds request->account by X-Auth-Token or by the request's signature, and has it agree with the
 * project in the path. 0 or -EREMOTEIO. */
int evs_check_caller(struct api_request *request, const struct http_request *http);
/* Only that somebody known asks. */
int evs_check_identity(struct api_request *request, const struct http_request *http);

/* --- records (evs_render.c) ------------------------------------------------------------ */

/* As EVS shows them at `at`, with every member. New reference or NULL. */
json_t *evs_snapshot(const struct account *account, const struct snapshot *snapshot, int64_t at);
json_t *evs_disk(const struct account *account, const struct disk *disk, int64_t at);
/* EVS's word for a state of API 3.0; one that has none stays. */
const char *evs_state(const char *state);
/* "2026-03-02T01:41:07.000000" */
#define EVS_TIME_SIZE 40
void evs_time(int64_t wall_ms, char text[EVS_TIME_SIZE]);

/* Refusals that several calls have. -EREMOTEIO. */
int evs_no_snapshot(struct api_request *request, const char *uuid);
int evs_no_disk(struct api_request *request, const char *uuid);

#endif
