/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ids of disks and snapshots as UUIDs, for clouds that have no others.
 *
 * "snap-0jfkjwl1" is 736e6170-306a-4000-8000-666b6a776c31: the prefix, the first two bytes behind
 * the hyphen and the other six, in hexadecimal.  So neither needs a table, and the order stays.
 */
#ifndef CBSFS_SIM_UUIDS_H
#define CBSFS_SIM_UUIDS_H

#include "records.h"

/* An id with another shape than "snap-" or "disk-" and one to eight bytes stays as it is. */
void uuid_of_id(const char *id, char uuid[RECORD_ID_SIZE]);
/* Undoes uuid_of_id(); what it has not made stays as it is, cut at RECORD_ID_SIZE - 1. */
void id_of_uuid(const char *uuid, char id[RECORD_ID_SIZE]);

#endif
