/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/cinder_limits.h"

#include "openstack.h"

#include "../codec.h"

#include "cbsfs/fields.h"
#include "cbsfs/http.h"

#include <errno.h>
#include <string.h>

int cinder_limits_encode(const struct credential *credential, struct http_request *request)
{
    struct buffer url;

    if (credential->endpoint == NULL || credential->token == NULL)
        return -EINVAL;
    buffer_init(&url, 0);
    int status = openstack_put_base(credential->endpoint, "v3", credential->project, &url);
    buffer_puts(&url, "/limits");
    if (status == 0)
        status = url.error;
    request->method = strdup("GET");
    request->url = status == 0 ? strdup(url.data) : NULL;
    if (status == 0 && (request->method == NULL || request->url == NULL))
        status = -ENOMEM;
    if (status == 0)
        status = http_request_add_header(request, "Accept", "application/json");
    if (status == 0)
        status = http_request_add_header(request, "X-Auth-Token", credential->token);
    buffer_free(&url);
    if (status < 0)
        http_request_free(request);
    return status;
}

void cinder_limits_decode(const struct http_reply *reply, struct cinder_limits *limits,
                          struct cloud_error *error)
{
    char reason[160];

    cloud_error_set(error, 0, CLOUD_DONE, CLOUD_FINAL, "", "%s", "");
    json_t *document = fields_parse(reply->body, reply->body_length, reason, sizeof reason);
    int number = errno;
    const json_t *absolute = field_object(field_object(document, "limits"), "absolute");

    if (reply->status != 200)
        openstack_error_set(reply, document, error);
    else if (document == NULL)
        codec_set_unreadable(reply, number, reason, error);
    else if (absolute == NULL)
        codec_set_foreign(reply, "limits without their values", error);
    *limits = (struct cinder_limits){
        .snapshots = field_integer(absolute, "maxTotalSnapshots", -1),
        .snapshots_used = field_integer(absolute, "totalSnapshotsUsed", -1),
        .gigabytes = field_integer(absolute, "maxTotalVolumeGigabytes", -1),
        .gigabytes_used = field_integer(absolute, "totalGigabytesUsed", -1),
    };
    json_decref(document);
}
