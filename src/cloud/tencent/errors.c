/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an error code of the API means: an errno for the caller and a remedy for the client.
 *
 * The codes are those of tencent-cbs facts 1.7 and 3.1.  They are hierarchical and grow new endings
 * over the years, so a code that is not listed counts as its first part; what has no listed first
 * part either is EREMOTEIO: the cloud refused, and only its own words can say why.
 *
 * A refusal comes before execution, except for internal errors (remedy CLOUD_READ_AGAIN here):
 * after those a change may have happened.  CLOUD_LATER is given only for what a change may safely
 * wait for.
 */
#include "tencent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct meaning {
    const char *code;
    int status; /* positive errno */
    enum cloud_remedy remedy;
};

/* Sorted by strcmp(): it is searched by halving. */
static const struct meaning meanings[] = {
    {"ActionOffline", EOPNOTSUPP, CLOUD_FINAL},
    {"AuthFailure", EKEYREJECTED, CLOUD_CREDENTIAL},
    {"AuthFailure.InvalidAuthorization", EKEYREJECTED, CLOUD_CREDENTIAL},
    {"AuthFailure.InvalidSecretId", EKEYREJECTED, CLOUD_CREDENTIAL},
    {"AuthFailure.MFAFailure", EACCES, CLOUD_FINAL},
    {"AuthFailure.SecretIdNotFound", EKEYREJECTED, CLOUD_CREDENTIAL},
    {"AuthFailure.SignatureExpire", EKEYREJECTED, CLOUD_CLOCK},
    {"AuthFailure.SignatureFailure", EKEYREJECTED, CLOUD_CREDENTIAL},
    {"AuthFailure.TokenFailure", EKEYEXPIRED, CLOUD_CREDENTIAL},
    {"AuthFailure.UnauthorizedOperation", EACCES, CLOUD_FINAL},
    {"DryRunOperation", EINVAL, CLOUD_FINAL},
    {"FailedOperation", EREMOTEIO, CLOUD_FINAL},
    {"InsufficientRefundQuota", EDQUOT, CLOUD_FINAL},
    {"InsufficientSnapshotQuota", EDQUOT, CLOUD_FINAL},
    {"InternalError", EREMOTEIO, CLOUD_READ_AGAIN},
    {"InvalidAccount.InsufficientBalance", EDQUOT, CLOUD_FINAL},
    {"InvalidAction", EINVAL, CLOUD_FINAL},
    {"InvalidAutoSnapshotPolicyId", EINVAL, CLOUD_FINAL},
    {"InvalidAutoSnapshotPolicyId.NotFound", ENOENT, CLOUD_FINAL},
    {"InvalidDisk", EINVAL, CLOUD_FINAL},
    {"InvalidDisk.AlreadyBound", EEXIST, CLOUD_FINAL},
    {"InvalidDisk.Busy", EBUSY, CLOUD_FINAL},
    {"InvalidDisk.Expire", EPERM, CLOUD_FINAL},
    {"InvalidDisk.NotPortable", EOPNOTSUPP, CLOUD_FINAL},
    {"InvalidDisk.NotSupportSnapshot", EOPNOTSUPP, CLOUD_FINAL},
    {"InvalidDisk.NotSupported", EOPNOTSUPP, CLOUD_FINAL},
    {"InvalidDisk.SnapshotCreating", EBUSY, CLOUD_FINAL},
    {"InvalidDisk.TypeError", EINVAL, CLOUD_FINAL},
    {"InvalidDiskId", EINVAL, CLOUD_FINAL},
    {"InvalidDiskId.NotFound", ENOENT, CLOUD_FINAL},
    {"InvalidFilter", EINVAL, CLOUD_FINAL},
    {"InvalidInstance", EINVAL, CLOUD_FINAL},
    /* The instance runs, or is of a kind that cannot: the usual cause is the first. */
    {"InvalidInstance.NotSupported", EBUSY, CLOUD_FINAL},
    {"InvalidInstanceId", EINVAL, CLOUD_FINAL},
    {"InvalidInstanceId.NotFound", ENOENT, CLOUD_FINAL},
    {"InvalidParameter", EINVAL, CLOUD_FINAL},
    {"InvalidParameter.DiskConfigNotSupported", EOPNOTSUPP, CLOUD_FINAL},
    {"InvalidParameter.ShouldConvertSnapshotToImage", EOPNOTSUPP, CLOUD_FINAL},
    {"InvalidParameterValue", EINVAL, CLOUD_FINAL},
    {"InvalidParameterValue.BindDiskLimitExceeded", EDQUOT, CLOUD_FINAL},
    {"InvalidRequest", EINVAL, CLOUD_FINAL},
    {"InvalidSnapshot", EINVAL, CLOUD_FINAL},
    {"InvalidSnapshot.NotSupported", EOPNOTSUPP, CLOUD_FINAL},
    {"InvalidSnapshotId", EINVAL, CLOUD_FINAL},
    {"InvalidSnapshotId.NotFound", ENOENT, CLOUD_FINAL},
    {"IpInBlacklist", EACCES, CLOUD_FINAL},
    {"IpNotInWhitelist", EACCES, CLOUD_FINAL},
    {"LimitExceeded", EDQUOT, CLOUD_FINAL},
    {"MissingParameter", EINVAL, CLOUD_FINAL},
    {"NoSuchProduct", EINVAL, CLOUD_FINAL},
    {"NoSuchVersion", EINVAL, CLOUD_FINAL},
    {"RequestLimitExceeded", EAGAIN, CLOUD_LATER},
    {"RequestSizeLimitExceeded", EINVAL, CLOUD_FINAL},
    {"ResourceBusy", EBUSY, CLOUD_FINAL},
    {"ResourceInUse", EBUSY, CLOUD_FINAL},
    {"ResourceInsufficient", EDQUOT, CLOUD_FINAL},
    {"ResourceInsufficient.UpgradeServiceBusy", EBUSY, CLOUD_FINAL},
    {"ResourceNotFound", ENOENT, CLOUD_FINAL},
    {"ResourceUnavailable", EBUSY, CLOUD_FINAL},
    {"ResourceUnavailable.DiskSnapshotChainTooLarge", EDQUOT, CLOUD_FINAL},
    {"ResourceUnavailable.Expire", EPERM, CLOUD_FINAL},
    {"ResourceUnavailable.NotPortable", EOPNOTSUPP, CLOUD_FINAL},
    {"ResourceUnavailable.NotSupportRefund", EPERM, CLOUD_FINAL},
    {"ResourceUnavailable.NotSupported", EOPNOTSUPP, CLOUD_FINAL},
    {"ResourceUnavailable.RepeatRefund", EPERM, CLOUD_FINAL},
    {"ResourceUnavailable.TooManyCreatingSnapshot", EAGAIN, CLOUD_LATER},
    {"ResourceUnavailable.TypeError", EINVAL, CLOUD_FINAL},
    {"ResourceUnavailable.ZoneNotMatch", EINVAL, CLOUD_FINAL},
    {"ResponseSizeLimitExceeded", EREMOTEIO, CLOUD_FINAL},
    {"ServiceUnavailable", EREMOTEIO, CLOUD_READ_AGAIN},
    {"TradeDealConflict", EBUSY, CLOUD_FINAL},
    {"UnauthorizedOperation", EACCES, CLOUD_FINAL},
    {"UnknownParameter", EINVAL, CLOUD_FINAL},
    {"UnsupportedOperation", EOPNOTSUPP, CLOUD_FINAL},
    {"UnsupportedOperation.InstanceNotStopped", EBUSY, CLOUD_FINAL},
    {"UnsupportedOperation.SnapHasShared", EBUSY, CLOUD_FINAL},
    {"UnsupportedOperation.SnapshotGroupDiskAttachMultiInstance", EBUSY, CLOUD_FINAL},
    {"UnsupportedOperation.SnapshotHasBindedImage", EBUSY, CLOUD_FINAL},
    {"UnsupportedOperation.StateError", EBUSY, CLOUD_FINAL},
    {"UnsupportedProtocol", EINVAL, CLOUD_FINAL},
    {"UnsupportedRegion", EINVAL, CLOUD_FINAL},
};

static const struct meaning unknown = {"", EREMOTEIO, CLOUD_FINAL};

static int compare_code(const void *key, const void *element)
{
    return strcmp(key, ((const struct meaning *)element)->code);
}

static const struct meaning *find_exactly(const char *code)
{
    return bsearch(code, meanings, sizeof meanings / sizeof *meanings, sizeof *meanings,
                   compare_code);
}

static const struct meaning *find_meaning(const char *code)
{
    const struct meaning *meaning = find_exactly(code);
    const char *dot = strchr(code, '.');
    char family[sizeof((struct cloud_error *)NULL)->code];
    if (meaning == NULL && dot != NULL && (size_t)(dot - code) < sizeof family) {
        memcpy(family, code, (size_t)(dot - code));
        family[dot - code] = '\0';
        meaning = find_exactly(family);
    }
    return meaning == NULL ? &unknown : meaning;
}

static void apply_meaning(struct cloud_error *error, const struct meaning *meaning,
                          const char *code, const char *message)
{
    enum cloud_outcome outcome =
        meaning->remedy == CLOUD_READ_AGAIN ? CLOUD_UNKNOWN : CLOUD_REFUSED;
    cloud_error_set(error, -meaning->status, outcome, meaning->remedy, code, "%s", message);
}

void tencent_error_set(struct cloud_error *error, const char *code, const char *message)
{
    apply_meaning(error, find_meaning(code), code, message);
}

/* The gateway numbers what it refuses before the API sees it (tencent-cbs facts 6.5). */
static const struct {
    int64_t number;
    struct meaning meaning;
} gateway_meanings[] = {
    {4000, {"", EINVAL, CLOUD_FINAL}},           {4100, {"", EKEYREJECTED, CLOUD_CREDENTIAL}},
    {4101, {"", EACCES, CLOUD_FINAL}},           {4102, {"", EACCES, CLOUD_FINAL}},
    {4103, {"", EACCES, CLOUD_FINAL}},           {4104, {"", EKEYREJECTED, CLOUD_CREDENTIAL}},
    {4105, {"", EKEYEXPIRED, CLOUD_CREDENTIAL}}, {4106, {"", EACCES, CLOUD_FINAL}},
    {4110, {"", EACCES, CLOUD_FINAL}},           {4200, {"", EKEYREJECTED, CLOUD_CLOCK}},
    {4300, {"", EACCES, CLOUD_FINAL}},           {4400, {"", EAGAIN, CLOUD_LATER}},
    {4500, {"", EKEYREJECTED, CLOUD_CLOCK}},     {4600, {"", EINVAL, CLOUD_FINAL}},
    {6000, {"", EREMOTEIO, CLOUD_READ_AGAIN}},   {6200, {"", EREMOTEIO, CLOUD_READ_AGAIN}},
};

void tencent_gateway_error_set(struct cloud_error *error, int64_t number, const char *word,
                               const char *message)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, number);
    const char *code = *word != '\0' ? word : digits;
    for (size_t i = 0; i < sizeof gateway_meanings / sizeof *gateway_meanings; i++) {
        if (gateway_meanings[i].number == number) {
            apply_meaning(error, &gateway_meanings[i].meaning, code, message);
            return;
        }
    }
    tencent_error_set(error, code, message);
}
