/* SPDX-License-Identifier: Apache-2.0 */
/* Who tells the events (cbsfs/events.h) what. Each of these is harmless in a store without events.
 */
#ifndef CBSFS_NEWS_H
#define CBSFS_NEWS_H

#include <stdbool.h>

struct cloud_error;
struct job;
struct store;

/* From now on what the catalogue and the client learn becomes events. */
void news_begin(struct store *store);
void news_end(struct store *store);

void news_job_begun(const struct job *job);
void news_job_cancelled(const struct job *job);
/* It has got a state in which its caller was told something; `again`: something else before. */
void news_job_told(const struct job *job, bool again);
/* Something failed or was refused that is no job. */
void news_failed(struct store *store, const char *disk_id, const char *snapshot_id,
                 const char *path, const char *operation, const struct cloud_error *error);

#endif
