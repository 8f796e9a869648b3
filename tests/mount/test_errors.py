# SPDX-License-Identifier: Apache-2.0
"""Errors (design 7): the errno that a command prints, and the reason in the tree."""
import errno
import json
import os
import re

import pytest

from commands import assert_done, assert_refused, run, shell, wait_until

SIMULATOR = ("--create-time", "0.2", "--rollback-time", "0.2")
OPTIONS = ("ttl=1", "timeout=3", "allow_delete")

CREATE_CODES = {
    "InsufficientSnapshotQuota": errno.EDQUOT, "InvalidAccount.InsufficientBalance": errno.EDQUOT,
    "ResourceInsufficient.OverQuota": errno.EDQUOT,
    "AuthFailure.SignatureFailure": errno.EKEYREJECTED, "AuthFailure.SecretIdNotFound": errno.EKEYREJECTED,
    "AuthFailure.InvalidSecretId": errno.EKEYREJECTED,
    "AuthFailure.UnauthorizedOperation": errno.EACCES, "UnauthorizedOperation": errno.EACCES,
    "UnauthorizedOperation.MFAExpired": errno.EACCES,
    "InvalidDisk.Busy": errno.EBUSY, "InvalidDisk.SnapshotCreating": errno.EBUSY, "ResourceInUse": errno.EBUSY,
    "ResourceInUse.DiskRollbacking": errno.EBUSY, "ResourceInUse.DiskMigrating": errno.EBUSY,
    "ResourceUnavailable.SnapshotCreating": errno.EBUSY, "ResourceBusy": errno.EBUSY,
    "InvalidDisk.NotSupportSnapshot": errno.EOPNOTSUPP, "InvalidDisk.NotSupported": errno.EOPNOTSUPP,
    "UnsupportedOperation.DiskEncrypt": errno.EOPNOTSUPP, "ResourceUnavailable.NotSupported": errno.EOPNOTSUPP,
    "InvalidDiskId.NotFound": errno.ENOENT, "ResourceNotFound.NotFound": errno.ENOENT,
    "InvalidParameterValue": errno.EINVAL, "MissingParameter": errno.EINVAL,
    "RequestLimitExceeded.UinLimitExceeded": errno.EAGAIN,
}
APPLY_CODES = {
    "InvalidDisk.Busy": errno.EBUSY, "UnsupportedOperation.InstanceNotStopped": errno.EBUSY,
    "ResourceInUse.DiskRollbacking": errno.EBUSY, "InvalidSnapshotId.NotFound": errno.ENOENT,
    "InvalidSnapshot.NotSupported": errno.EOPNOTSUPP, "UnauthorizedOperation.MFAExpired": errno.EACCES,
    "AuthFailure.SignatureFailure": errno.EKEYREJECTED,
}
DELETE_CODES = {
    "UnsupportedOperation.SnapshotHasBindedImage": errno.EBUSY, "UnsupportedOperation.SnapHasShared": errno.EBUSY,
    "InvalidSnapshot.NotSupported": errno.EOPNOTSUPP, "UnauthorizedOperation": errno.EACCES,
}


@pytest.mark.only("tencent")
@pytest.mark.core
@pytest.mark.parametrize("code", CREATE_CODES)
def test_the_errno_of_a_refused_creation(mnt, sim, disk, code):
    sim.fault("CreateSnapshot", "error", code=code, message="why it is so", times=0)
    with sim.counting() as count:
        result = assert_refused(run("mkdir", mnt.snapshot(disk, "new")), CREATE_CODES[code])
    assert result.seconds < 3 + 3
    assert count.executed["CreateSnapshot"] == 0 and mnt.snapshots(disk) == []
    reason = mnt.read(mnt.disk(disk, "error"))
    assert code in reason and "why it is so" in reason
    if code.startswith("AuthFailure"):
        # A key that was just refused is not tried again for a moment; then it recovers by itself.
        sim.faults()
        wait_until(lambda: run("mkdir", mnt.snapshot(disk, "new")).status == 0, 10, "the recovery")


@pytest.mark.only("tencent")
@pytest.mark.parametrize("code", APPLY_CODES)
def test_the_errno_of_a_refused_rollback(mnt, sim, disk, code):
    mnt.add_snapshot(disk, "good")
    sim.fault("ApplySnapshot", "error", code=code, message="why it is so", times=0)
    with sim.counting() as count:
        assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "good", "rollback")), APPLY_CODES[code])
    assert count.executed["ApplySnapshot"] == 0
    assert code in mnt.read(mnt.snapshot(disk, "good", "error"))


@pytest.mark.needs("words")
@pytest.mark.parametrize("code", DELETE_CODES)
def test_the_errno_of_a_refused_deletion(mnt, sim, disk, code):
    mnt.add_snapshot(disk, "good")
    sim.fault("DeleteSnapshots", "error", code=code, message="why it is so", times=0)
    assert_refused(run("rmdir", mnt.snapshot(disk, "good")), DELETE_CODES[code])
    assert mnt.snapshots(disk) == ["good"]


@pytest.mark.only("tencent")
def test_a_code_nobody_has_heard_of_is_not_eio(mnt, sim, disk):
    for code in ("FailedOperation.Brandnew", "Brandnew"):
        sim.fault("CreateSnapshot", "error", code=code, message="surprise", times=0)
        result = run("mkdir", mnt.snapshot(disk, "new"))
        assert result.status == 1 and "Input/output error" not in result.err
        assert code in mnt.read(mnt.disk(disk, "error"))


@pytest.mark.only("tencent")
def test_a_code_is_known_by_its_first_word(mnt, sim, disk):
    sim.fault("CreateSnapshot", "error", code="UnauthorizedOperation.NeverSeen", message="no", times=1)
    assert_refused(run("mkdir", mnt.snapshot(disk, "new")), errno.EACCES)


@pytest.mark.only("tencent", "qcloud")
def test_an_expired_token(own):
    sim = own.simulator("--token", "session-token", "--create-time", "0.2")
    mount = own.mount(sim, "ttl=1", "timeout=3", environment={"TENCENTCLOUD_TOKEN": "session-token"})
    disk = mount.add_disk()
    sim.fault("CreateSnapshot", "expired-token", times=0)
    assert_refused(run("mkdir", mount.snapshot(disk, "new")), errno.EKEYEXPIRED)


@pytest.mark.parametrize("fault, numbers", [
    ({"kind": "malformed"}, [errno.EPROTO]), ({"kind": "html"}, [errno.EPROTO]),
    ({"kind": "truncate"}, [errno.EPROTO, errno.ETIMEDOUT]),
    ({"kind": "status", "status": 500}, [errno.EREMOTEIO]), ({"kind": "status", "status": 503}, [errno.EREMOTEIO]),
    ({"kind": "error", "code": "InternalError", "message": "inside"}, [errno.EREMOTEIO]),
    ({"kind": "error", "code": "UnauthorizedOperation", "message": "no"}, [errno.EACCES]),
    ({"kind": "error", "code": "AuthFailure.SignatureFailure", "message": "no"}, [errno.EKEYREJECTED]),
    ({"kind": "throttle"}, [errno.EAGAIN]), ({"kind": "hang"}, [errno.ETIMEDOUT]),
    pytest.param({"kind": "envelope"}, None, marks=pytest.mark.needs("words"))],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "")
def test_the_errno_of_a_question(own, sim, fault, numbers):
    """A cold mount, so that there is nothing known to serve instead."""
    mount = own.mount(sim, "ttl=1", "timeout=2", "lazy")
    sim.faults(*({"action": action, "times": 0, **fault} for action in ("DescribeDisks", "DescribeSnapshots")))
    result = run("ls", mount.path("disks"))
    assert result.status == 2 and result.seconds < 2 + 3
    if numbers:
        assert any(os.strerror(number) in result.err for number in numbers), result.err
    assert "Input/output error" not in result.err
    sim.faults()
    wait_until(lambda: run("ls", mount.path("disks")).status == 0, 20, "the recovery")


@pytest.mark.core
def test_a_refused_connection(own):
    sim = own.simulator()
    mount = own.mount(sim, "ttl=1", "timeout=2", "lazy", endpoint="http://127.0.0.1:1")
    result = assert_refused(run("ls", mount.path("disks")), errno.ECONNREFUSED)
    assert result.seconds < 4
    assert_done(run("cat", mount.path("README")))


@pytest.mark.only("tencent")
@pytest.mark.core
def test_the_error_file_of_a_disk(mnt, sim, disk):
    assert mnt.read(mnt.disk(disk, "error")) == ""
    sim.fault("CreateSnapshot", "error", code="InvalidDisk.Busy", message="disk is busy, please retry later", times=1)
    assert_refused(run("mkdir", mnt.snapshot(disk, "new")), errno.EBUSY)
    text = mnt.read(mnt.disk(disk, "error"))
    assert "InvalidDisk.Busy" in text and "disk is busy, please retry later" in text
    assert re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", text), "the RequestId"
    assert run("stat", "-c", "%s", mnt.disk(disk, "error")).out.strip() == str(len(text.encode()))


@pytest.mark.only("tencent")
@pytest.mark.core
def test_the_error_file_of_a_snapshot(mnt, sim, disk):
    mnt.add_snapshot(disk, "good")
    mnt.add_snapshot(disk, "uninvolved")
    sim.fault("ApplySnapshot", "error", code="ResourceInUse.DiskMigrating", message="on the move", times=1)
    assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "good", "rollback")), errno.EBUSY)
    assert "ResourceInUse.DiskMigrating" in mnt.read(mnt.snapshot(disk, "good", "error"))
    assert mnt.read(mnt.snapshot(disk, "uninvolved", "error")) == ""


def test_a_refusal_of_our_own_has_a_reason_too(mnt, disk):
    mnt.add_snapshot(disk, "unready", SnapshotState="CREATING")
    assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "unready", "rollback")), errno.EBUSY)
    text = mnt.read(mnt.snapshot(disk, "unready", "error"))
    assert "EBUSY" in text and "NORMAL" in text


@pytest.mark.only("tencent")
@pytest.mark.core
def test_the_journal_of_errors(mnt, sim, disk):
    sim.fault("CreateSnapshot", "error", code="InvalidDisk.Busy", message='say "busy"\n', times=1)
    assert_refused(run("mkdir", mnt.snapshot(disk, "journalled")), errno.EBUSY)
    entries = [json.loads(line) for line in mnt.read(mnt.path(".cbsfs", "errors")).splitlines()]
    members = {"time", "path", "operation", "errno", "code", "message", "request_id"}
    assert all(set(entry) >= members for entry in entries)
    (entry,) = [entry for entry in entries if "journalled" in entry["path"]]
    assert entry["code"] == "InvalidDisk.Busy" and "busy" in entry["message"] and entry["request_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", entry["time"])
    assert entry["errno"] in (errno.EBUSY, "EBUSY")


def test_the_journal_is_bounded(mnt, disk):
    path = mnt.snapshot(disk, ".refused")
    assert shell('for i in $(seq 3000); do mkdir "$1"; done 2>/dev/null; :', path).status == 0
    assert len(mnt.read(mnt.path(".cbsfs", "errors"))) < 4 * 1024 * 1024


def test_a_server_cannot_drive_a_terminal(mnt, sim, disk):
    sim.fault("CreateSnapshot", "error", code="InvalidDisk.Busy", message="\x1b[31mred\x07\r\x9b", times=1)
    assert_refused(run("mkdir", mnt.snapshot(disk, "new")), errno.EBUSY)
    for path in (mnt.disk(disk, "error"), mnt.path(".cbsfs", "errors")):
        text = mnt.read(path)
        assert "red" in text and not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


def test_a_hidden_file_of_an_editor_leaves_the_reason_alone(mnt, disk):
    assert_refused(run("mkdir", mnt.disk(disk, "snapshots", ".hidden")), errno.EPERM)
    reason = mnt.read(mnt.disk(disk, "error"))
    assert_refused(run("touch", mnt.disk(disk, "snapshots", ".goutputstream-0A1B2C")), errno.EPERM)
    assert mnt.read(mnt.disk(disk, "error")) == reason
    assert_refused(run("touch", mnt.disk(disk, "snapshots", "file")), errno.EPERM)
    assert "files cannot be made here" in mnt.read(mnt.disk(disk, "error"))
