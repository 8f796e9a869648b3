/* SPDX-License-Identifier: Apache-2.0 */
/* Every error code that the API documents has an errno that the contract allows, and the right
 * remedy. */
#include "test_data.h"

#include "../../src/cloud/tencent/tencent.h"

#include <errno.h>
#include <string.h>

/* tencent-cbs facts 1.7 and 3.1. */
static const struct {
    const char *code;
    int status;
} codes[] = {
    {"ActionOffline", EOPNOTSUPP},
    {"AuthFailure", EKEYREJECTED},
    {"AuthFailure.InvalidAuthorization", EKEYREJECTED},
    {"AuthFailure.InvalidSecretId", EKEYREJECTED},
    {"AuthFailure.MFAFailure", EACCES},
    {"AuthFailure.SecretIdNotFound", EKEYREJECTED},
    {"AuthFailure.SignatureExpire", EKEYREJECTED},
    {"AuthFailure.SignatureFailure", EKEYREJECTED},
    {"AuthFailure.TokenFailure", EKEYEXPIRED},
    {"AuthFailure.UnauthorizedOperation", EACCES},
    {"DryRunOperation", EINVAL},
    {"FailedOperation", EREMOTEIO},
    {"InsufficientRefundQuota", EDQUOT},
    {"InsufficientSnapshotQuota", EDQUOT},
    {"InternalError", EREMOTEIO},
    {"InternalError.ComponentError", EREMOTEIO},
    {"InternalError.FailQueryResource", EREMOTEIO},
    {"InternalError.ResourceOpFailed", EREMOTEIO},
    {"InvalidAccount.InsufficientBalance", EDQUOT},
    {"InvalidAction", EINVAL},
    {"InvalidAutoSnapshotPolicyId.NotFound", ENOENT},
    {"InvalidDisk.AlreadyBound", EEXIST},
    {"InvalidDisk.Busy", EBUSY},
    {"InvalidDisk.Expire", EPERM},
    {"InvalidDisk.NotPortable", EOPNOTSUPP},
    {"InvalidDisk.NotSupportSnapshot", EOPNOTSUPP},
    {"InvalidDisk.NotSupported", EOPNOTSUPP},
    {"InvalidDisk.SnapshotCreating", EBUSY},
    {"InvalidDisk.TypeError", EINVAL},
    {"InvalidDiskId.NotFound", ENOENT},
    {"InvalidFilter", EINVAL},
    {"InvalidInstance.NotSupported", EBUSY},
    {"InvalidInstanceId.NotFound", ENOENT},
    {"InvalidParameter", EINVAL},
    {"InvalidParameter.DiskConfigNotSupported", EOPNOTSUPP},
    {"InvalidParameter.DiskSizeNotMatch", EINVAL},
    {"InvalidParameter.InvalidClientToken", EINVAL},
    {"InvalidParameter.ParameterError", EINVAL},
    {"InvalidParameter.ProjectIdNotExist", EINVAL},
    {"InvalidParameter.ShouldConvertSnapshotToImage", EOPNOTSUPP},
    {"InvalidParameterValue", EINVAL},
    {"InvalidParameterValue.BindDiskLimitExceeded", EDQUOT},
    {"InvalidParameterValue.InvalidAction", EINVAL},
    {"InvalidParameterValue.LimitExceeded", EINVAL},
    {"InvalidRequest", EINVAL},
    {"InvalidSnapshot.NotSupported", EOPNOTSUPP},
    {"InvalidSnapshotId.NotFound", ENOENT},
    {"IpInBlacklist", EACCES},
    {"IpNotInWhitelist", EACCES},
    {"LimitExceeded", EDQUOT},
    {"LimitExceeded.AutoSnapshotPolicyOutOfQuota", EDQUOT},
    {"LimitExceeded.InstanceAttachedDisk", EDQUOT},
    {"LimitExceeded.TagQuotaLimitExceeded", EDQUOT},
    {"MissingParameter", EINVAL},
    {"NoSuchProduct", EINVAL},
    {"NoSuchVersion", EINVAL},
    {"RequestLimitExceeded", EAGAIN},
    {"RequestLimitExceeded.GlobalRegionUinLimitExceeded", EAGAIN},
    {"RequestLimitExceeded.IPLimitExceeded", EAGAIN},
    {"RequestLimitExceeded.UinLimitExceeded", EAGAIN},
    {"RequestSizeLimitExceeded", EINVAL},
    {"ResourceBusy", EBUSY},
    {"ResourceInUse", EBUSY},
    {"ResourceInUse.CopySnapshotConflict", EBUSY},
    {"ResourceInUse.DiskMigrating", EBUSY},
    {"ResourceInUse.DiskRollbacking", EBUSY},
    {"ResourceInsufficient", EDQUOT},
    {"ResourceInsufficient.OverQuota", EDQUOT},
    {"ResourceInsufficient.OverRefundQuota", EDQUOT},
    {"ResourceInsufficient.UpgradeServiceBusy", EBUSY},
    {"ResourceNotFound", ENOENT},
    {"ResourceNotFound.NotFound", ENOENT},
    {"ResourceUnavailable", EBUSY},
    {"ResourceUnavailable.Attached", EBUSY},
    {"ResourceUnavailable.DiskBackupCreating", EBUSY},
    {"ResourceUnavailable.DiskSnapshotChainTooLarge", EDQUOT},
    {"ResourceUnavailable.Expire", EPERM},
    {"ResourceUnavailable.NotPortable", EOPNOTSUPP},
    {"ResourceUnavailable.NotSupportRefund", EPERM},
    {"ResourceUnavailable.NotSupported", EOPNOTSUPP},
    {"ResourceUnavailable.RepeatRefund", EPERM},
    {"ResourceUnavailable.SnapshotCreating", EBUSY},
    {"ResourceUnavailable.TooManyCreatingSnapshot", EAGAIN},
    {"ResourceUnavailable.TypeError", EINVAL},
    {"ResourceUnavailable.ZoneNotMatch", EINVAL},
    {"ResponseSizeLimitExceeded", EREMOTEIO},
    {"ServiceUnavailable", EREMOTEIO},
    {"TradeDealConflict", EBUSY},
    {"UnauthorizedOperation", EACCES},
    {"UnauthorizedOperation.AuthFailure", EACCES},
    {"UnauthorizedOperation.InvalidToken", EACCES},
    {"UnauthorizedOperation.MFAExpired", EACCES},
    {"UnauthorizedOperation.NotCertification", EACCES},
    {"UnauthorizedOperation.NotHavePaymentRight", EACCES},
    {"UnauthorizedOperation.RoleNotExists", EACCES},
    {"UnknownParameter", EINVAL},
    {"UnsupportedOperation", EOPNOTSUPP},
    {"UnsupportedOperation.DetachPod", EOPNOTSUPP},
    {"UnsupportedOperation.DiskEncrypt", EOPNOTSUPP},
    {"UnsupportedOperation.InstanceNotStopped", EBUSY},
    {"UnsupportedOperation.SnapHasShared", EBUSY},
    {"UnsupportedOperation.SnapshotGroupDiskAttachMultiInstance", EBUSY},
    {"UnsupportedOperation.SnapshotHasBindedImage", EBUSY},
    {"UnsupportedOperation.SnapshotNotSupportCopy", EOPNOTSUPP},
    {"UnsupportedOperation.StateError", EBUSY},
    {"UnsupportedProtocol", EINVAL},
    {"UnsupportedRegion", EINVAL},
};

static struct cloud_error error_of(const char *code)
{
    struct cloud_error error = {0};
    tencent_error_set(&error, code, "a text");
    return error;
}

static void every_code_has_its_errno(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct cloud_error error = error_of(codes[i].code);
        if (error.status != -codes[i].status)
            fail_msg("%s: %s", codes[i].code, strerror(-error.status));
        assert_string_equal(error.code, codes[i].code);
        assert_string_equal(error.message, "a text");
    }
}

/* The contract's table, and no other: a shell loops on EINTR, mv copies on EXDEV, and so on. */
static void no_code_has_an_errno_outside_the_contract(void **state)
{
    (void)state;
    static const int allowed[] = {EKEYREJECTED, EKEYEXPIRED, EACCES, EBUSY,      EDQUOT, EEXIST,
                                  ENOENT,       EINVAL,      EPERM,  EOPNOTSUPP, EAGAIN, EREMOTEIO};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct cloud_error error = error_of(codes[i].code);
        size_t k = 0;
        while (k < sizeof allowed / sizeof *allowed && error.status != -allowed[k])
            k++;
        if (k == sizeof allowed / sizeof *allowed)
            fail_msg("%s: %s", codes[i].code, strerror(-error.status));
    }
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A change may be sent again after these alone, so nothing else may be among them. */
static void only_throttling_may_be_sent_again(void **state)
{
    (void)state;
    size_t found = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct cloud_error error = error_of(codes[i].code);
        bool expected = starts_with(codes[i].code, "RequestLimitExceeded") ||
                        strcmp(codes[i].code, "ResourceUnavailable.TooManyCreatingSnapshot") == 0;
        if ((error.remedy == CLOUD_LATER) != expected)
            fail_msg("%s", codes[i].code);
        if (expected)
            assert_int_equal(error.outcome, CLOUD_REFUSED);
        found += expected;
    }
    assert_int_equal(found, 5);
}

static void only_internal_errors_leave_the_outcome_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct cloud_error error = error_of(codes[i].code);
        bool open = starts_with(codes[i].code, "InternalError") ||
                    strcmp(codes[i].code, "ServiceUnavailable") == 0;
        if (error.outcome != (open ? CLOUD_UNKNOWN : CLOUD_REFUSED))
            fail_msg("%s", codes[i].code);
        assert_int_equal(error.remedy == CLOUD_READ_AGAIN, open);
    }
}

static void credentials_and_clock_have_their_remedy(void **state)
{
    (void)state;
    assert_int_equal(error_of("AuthFailure.SignatureExpire").remedy, CLOUD_CLOCK);
    assert_int_equal(error_of("AuthFailure.SignatureFailure").remedy, CLOUD_CREDENTIAL);
    assert_int_equal(error_of("AuthFailure.SecretIdNotFound").remedy, CLOUD_CREDENTIAL);
    assert_int_equal(error_of("AuthFailure.TokenFailure").remedy, CLOUD_CREDENTIAL);
    assert_int_equal(error_of("AuthFailure.UnauthorizedOperation").remedy, CLOUD_FINAL);
    assert_int_equal(error_of("UnauthorizedOperation").remedy, CLOUD_FINAL);
}

static void an_unknown_code_counts_as_its_family(void **state)
{
    (void)state;
    assert_int_equal(error_of("ResourceInUse.NewReason").status, -EBUSY);
    assert_int_equal(error_of("RequestLimitExceeded.NewScope").remedy, CLOUD_LATER);
    assert_int_equal(error_of("InternalError.A.B").outcome, CLOUD_UNKNOWN);
    assert_int_equal(error_of("UnauthorizedOperation.New").status, -EACCES);
    assert_int_equal(error_of("LimitExceeded.New").status, -EDQUOT);
    struct cloud_error error = error_of("Quite.New");
    assert_int_equal(error.status, -EREMOTEIO);
    assert_int_equal(error.outcome, CLOUD_REFUSED);
    assert_int_equal(error.remedy, CLOUD_FINAL);
    assert_int_equal(error_of("").status, -EREMOTEIO);
    assert_int_equal(error_of(".").status, -EREMOTEIO);
    char huge[4096];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 2] = '.';
    huge[sizeof huge - 1] = '\0';
    assert_int_equal(error_of(huge).status, -EREMOTEIO);
}

static void a_message_is_cut_at_a_whole_character(void **state)
{
    (void)state;
    struct cloud_error error = {0};
    char message[1200];
    /* Three bytes each, behind 0, 1 and 2 bytes of ASCII: the cut falls everywhere in a character.
     */
    for (size_t shift = 0; shift < 3; shift++) {
        memset(message, 'a', shift);
        for (size_t i = 0; i < 300; i++)
            memcpy(message + shift + 3 * i, "快", 3);
        message[shift + 900] = '\0';
        tencent_error_set(&error, "FailedOperation", message);
        size_t length = strlen(error.message);
        assert_in_range(length, sizeof error.message - 3, sizeof error.message - 1);
        assert_int_equal((length - shift) % 3, 0);
        assert_memory_equal(error.message, message, length);
    }
}

static void the_gateway_numbers_are_known(void **state)
{
    (void)state;
    struct cloud_error error = {0};
    tencent_gateway_error_set(&error, 4104, "SecretIdNotFound", "(4104) SecretId not found");
    assert_int_equal(error.status, -EKEYREJECTED);
    assert_string_equal(error.code, "SecretIdNotFound");
    tencent_gateway_error_set(&error, 4105, "", "");
    assert_int_equal(error.status, -EKEYEXPIRED);
    assert_string_equal(error.code, "4105");
    tencent_gateway_error_set(&error, 4400, "", "");
    assert_int_equal(error.remedy, CLOUD_LATER);
    tencent_gateway_error_set(&error, 6000, "", "");
    assert_int_equal(error.outcome, CLOUD_UNKNOWN);
    tencent_gateway_error_set(&error, 12345, "ResourceBusy", "");
    assert_int_equal(error.status, -EBUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_errno),
        cmocka_unit_test(no_code_has_an_errno_outside_the_contract),
        cmocka_unit_test(only_throttling_may_be_sent_again),
        cmocka_unit_test(only_internal_errors_leave_the_outcome_open),
        cmocka_unit_test(credentials_and_clock_have_their_remedy),
        cmocka_unit_test(an_unknown_code_counts_as_its_family),
        cmocka_unit_test(a_message_is_cut_at_a_whole_character),
        cmocka_unit_test(the_gateway_numbers_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
