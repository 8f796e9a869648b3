/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The legacy API v2 (facts 6) as another way to the same account: a request is checked as v2 checks
 * it, carried out by the action of API 3.0 that does the same, and its answer is translated back.
 */
#ifndef CBSFS_SIM_LEGACY_H
#define CBSFS_SIM_LEGACY_H

#include "sim.h"

/* Reads the request's form or query into request->parameters, flat and as text: {"ids.0": "x"}.
 * 0, -ENOMEM, or -EREMOTEIO after a refusal. */
int legacy_read(struct api_request *request, const struct http_request *http);

/* v2's own name of the action that the parameters ask for, or NULL. It lives as long as the
 * program. */
const char *legacy_action(const struct api_request *request);

/* Checks and carries out what legacy_read() has read; request->reply is then v2's answer but for
 * its envelope. 0, -EREMOTEIO with code and message (those of API 3.0), -ENOMEM. */
int legacy_perform(struct api_request *request, const struct http_request *http);

/* The whole answer: request->reply with {"code", "message", "codeDesc"}. Takes the reply over. New
 * reference, or NULL without memory. */
json_t *legacy_envelope(struct api_request *request);

/* Whether the parameters carry the signature that the key gives (facts 6.2). */
bool legacy_signature_matches(const struct http_request *http, const json_t *parameters,
                              const char *secret_key);

/* {"totalCount", "snapshotSet" or "storageSet"} for an answer of API 3.0. New reference or NULL. */
json_t *legacy_listing(const json_t *reply, bool disks);

/* v2's number for a code of API 3.0, or for one that is a number already; and its word. */
int legacy_number(const char *code, const char **word);

#endif
