# SPDX-License-Identifier: Apache-2.0
"""Retention, sharing, copies to other regions, and disks from snapshots."""

import time

import pytest
from tc3 import ApiError, Client

DAY = 86400
DISK = "disk-omp7wl2m"
DATA = "snap-0jfkjwl1"      # of pg-data, 50 GiB
SYSTEM = "snap-1p7y5e9w"    # of a system disk
SHARED = "snap-2z8m4d0c"    # encrypted, shared with two accounts
EXPIRING = "snap-8c5t0r6z"  # in seven days
ACCOUNT = "100001122000"


def code(client, action, parameters, **changes):
    with pytest.raises(ApiError) as error:
        client.call(action, parameters, **changes)
    return error.value.code


def snapshot(client, snapshot_id, **changes):
    found = client.call("DescribeSnapshots", {"SnapshotIds": [snapshot_id]}, **changes)["SnapshotSet"]
    return found[0] if found else None


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


# --- retention ----------------------------------------------------------------------------------


def test_a_snapshot_goes_when_its_deadline_has_passed(new):
    client = new()
    client.call("ModifySnapshotAttribute", {"SnapshotId": DATA, "IsPermanent": False,
                                            "Deadline": iso(time.time() + 2 * DAY)})
    assert snapshot(client, DATA)["IsPermanent"] is False

    def later(days):
        client.faults({"kind": "clock", "seconds": days * DAY})
        return {"timestamp": int(time.time()) + days * DAY}

    assert snapshot(client, DATA, **later(1))
    assert snapshot(client, DATA, **later(3)) is None
    assert code(client, "DeleteSnapshots", {"SnapshotIds": [DATA]}, **later(3)) == "InvalidSnapshotId.NotFound"
    assert snapshot(client, EXPIRING, **later(6))
    assert snapshot(client, EXPIRING, **later(8)) is None
    # What is for good stays, and the disk's count is right.
    assert snapshot(client, "snap-q8d2m5xa", **later(9))
    disk = client.call("DescribeDisks", {"DiskIds": [DISK]}, **later(9))["DiskSet"][0]
    assert disk["SnapshotCount"] == 3


def test_what_was_made_permanent_stays(new):
    client = new()
    client.call("ModifySnapshotAttribute", {"SnapshotId": EXPIRING, "IsPermanent": True})
    client.faults({"kind": "clock", "seconds": 60 * DAY})
    assert snapshot(client, EXPIRING, timestamp=int(time.time()) + 60 * DAY)["DeadlineTime"] == ""


def test_a_deadline_is_at_least_a_day_ahead(client):
    for deadline in (iso(time.time() + DAY - 60), iso(time.time() - DAY), "tomorrow", "2030-01-01 00:00:00"):
        parameters = {"SnapshotId": DATA, "IsPermanent": False, "Deadline": deadline}
        assert code(client, "ModifySnapshotAttribute", parameters) == "InvalidParameterValue"
    assert snapshot(client, DATA)["IsPermanent"] is True


# --- sharing ------------------------------------------------------------------------------------


def shares(client, snapshot_id):
    return client.call("DescribeSnapshotSharePermission", {"SnapshotId": snapshot_id})["SharePermissionSet"]


def share(client, *accounts, permission="SHARE", snapshot_id=DATA):
    client.call("ModifySnapshotsSharePermission", {"SnapshotIds": [snapshot_id], "AccountIds": list(accounts),
                                                   "Permission": permission})


def test_a_snapshot_is_shared_and_no_longer(new):
    client = new()
    assert shares(client, DATA) == []
    share(client, ACCOUNT, "100004884912")
    share(client, ACCOUNT)
    assert [entry["AccountId"] for entry in shares(client, DATA)] == [ACCOUNT, "100004884912"]
    assert all(set(entry) == {"AccountId", "CreatedTime"} for entry in shares(client, DATA))
    record = snapshot(client, DATA)
    assert (record["ShareReference"], record["TimeStartShare"]) == (2, shares(client, DATA)[0]["CreatedTime"][:10])
    assert "shares" not in record
    assert code(client, "DeleteSnapshots", {"SnapshotIds": [DATA]}) == "UnsupportedOperation.SnapHasShared"
    share(client, ACCOUNT, "100009999999", permission="CANCEL")
    share(client, "100004884912", permission="CANCEL")
    assert shares(client, DATA) == [] and snapshot(client, DATA)["ShareReference"] == 0
    client.call("DeleteSnapshots", {"SnapshotIds": [DATA]})


def test_what_is_shared_from_the_start(client):
    assert len(shares(client, SHARED)) == 2 and snapshot(client, SHARED)["ShareReference"] == 2


def test_at_most_fifty_accounts(new):
    client = new()
    share(client, *[str(100000000000 + number) for number in range(50)])
    parameters = {"SnapshotIds": [DATA], "AccountIds": ["100000000050"], "Permission": "SHARE"}
    assert code(client, "ModifySnapshotsSharePermission", parameters) == "ResourceInsufficient.OverQuota"
    share(client, "100000000007")
    assert snapshot(client, DATA)["ShareReference"] == 50


@pytest.mark.parametrize("changes, expected", [
    ({"SnapshotIds": [SYSTEM]}, "InvalidSnapshot.NotSupported"), ({"AccountIds": ["me"]}, "InvalidParameter"),
    ({"SnapshotIds": ["snap-nosuch00"]}, "InvalidSnapshotId.NotFound"), ({"AccountIds": []}, "InvalidParameter"),
    ({"SnapshotIds": [DATA, "snap-nosuch00"]}, "InvalidSnapshotId.NotFound"), ({"AccountIds": [1]}, "InvalidParameter"),
    ({"Permission": "share"}, "InvalidParameter"), ({"Permission": None}, "MissingParameter"),
])
def test_what_cannot_be_shared(client, changes, expected):
    parameters = {"SnapshotIds": [DATA], "AccountIds": [ACCOUNT], "Permission": "SHARE", **changes}
    assert code(client, "ModifySnapshotsSharePermission", parameters) == expected
    assert shares(client, DATA) == []


def test_the_shares_of_nothing(client):
    assert code(client, "DescribeSnapshotSharePermission", {"SnapshotId": "snap-nosuch00"}) == "InvalidParameterValue"
    assert code(client, "DescribeSnapshotSharePermission", {}) == "MissingParameter"


# --- copies -------------------------------------------------------------------------------------


def copy(client, *regions, snapshot_id=DATA, **more):
    parameters = {"SnapshotId": snapshot_id, "DestinationRegions": list(regions), **more}
    return client.call("CopySnapshotCrossRegions", parameters)["SnapshotCopyResultSet"]


def test_a_copy_arrives_in_the_other_region(new):
    client = new("--copy-time", 0.6, "--rate", 0)
    beijing = Client(client.port, region="ap-beijing")
    result = copy(client, "ap-beijing")[0]
    assert (result["Code"], result["DestinationRegion"]) == ("Success", "ap-beijing")
    record = snapshot(beijing, result["SnapshotId"])
    assert record["SnapshotState"] == "COPYING_FROM_REMOTE" and record["Percent"] < 100
    assert (record["DiskId"], record["DiskSize"], record["CopyFromRemote"]) == ("", 50, True)
    assert record["SnapshotName"] == f"Copied {DATA} from ap-guangzhou"
    assert snapshot(client, DATA)["CopyingToRegions"] == ["ap-beijing"]
    assert code(client, "CopySnapshotCrossRegions", {"SnapshotId": DATA, "DestinationRegions": ["ap-beijing"]}) == \
        "ResourceInUse.CopySnapshotConflict"
    percents = []

    def arrived():
        now = snapshot(beijing, result["SnapshotId"])
        percents.append(now["Percent"])
        return now["SnapshotState"] == "NORMAL"

    client.wait_for(arrived)
    assert percents == sorted(percents) and len(set(percents)) > 2 and percents[-1] == 100
    assert snapshot(client, DATA)["CopyingToRegions"] == [] and "copies" not in snapshot(client, DATA)
    assert copy(client, "ap-beijing", SnapshotName="again")[0]["Code"] == "Success"
    assert snapshot(client, result["SnapshotId"]) is None


def test_what_one_region_refuses_is_told_inside_of_a_success(new):
    client = new("--copy-time", 0)
    results = copy(client, "ap-nowhere", "ap-singapore", "ap-guangzhou", SnapshotName="每日")
    assert [(result["DestinationRegion"], result["Code"], bool(result["SnapshotId"])) for result in results] == [
        ("ap-nowhere", "InvalidParameterValue", False), ("ap-singapore", "Success", True),
        ("ap-guangzhou", "InvalidParameterValue", False)]
    assert "ap-nowhere" in results[0]["Message"]
    assert client.stats()["changes"] == {"CopySnapshotCrossRegions": 1}
    assert copy(client, "ap-nowhere")[0]["Code"] == "InvalidParameterValue"
    assert client.stats()["changes"] == {"CopySnapshotCrossRegions": 1} and client.stats()["errors"] == {}
    assert snapshot(Client(client.port, region="ap-singapore"), results[1]["SnapshotId"])["SnapshotName"] == "每日"


@pytest.mark.parametrize("changes, expected", [
    ({"SnapshotId": SHARED}, "UnsupportedOperation.SnapshotNotSupportCopy"),
    ({"SnapshotId": "snap-nosuch00"}, "InvalidSnapshotId.NotFound"), ({"DestinationRegions": []}, "InvalidParameterValue"),
    ({"SnapshotName": "x" * 61}, "InvalidParameter"), ({"DestinationRegions": "ap-beijing"}, "InvalidParameter"),
])
def test_what_cannot_be_copied(client, changes, expected):
    parameters = {"SnapshotId": DATA, "DestinationRegions": ["ap-beijing"], **changes}
    assert code(client, "CopySnapshotCrossRegions", parameters) == expected


def test_a_copy_is_not_made_of_what_is_not_there_yet(new):
    client = new("--create-time", 600, "--copy-time", 600)
    made = client.call("CreateSnapshot", {"DiskId": DISK})["SnapshotId"]
    assert code(client, "CopySnapshotCrossRegions", {"SnapshotId": made, "DestinationRegions": ["ap-beijing"]}) == \
        "ResourceBusy"
    beijing = Client(client.port, region="ap-beijing")
    copied = copy(client, "ap-beijing")[0]["SnapshotId"]
    for action, parameters in (("DeleteSnapshots", {"SnapshotIds": [copied]}),
                               ("CopySnapshotCrossRegions", {"SnapshotId": copied,
                                                             "DestinationRegions": ["ap-singapore"]})):
        assert code(beijing, action, parameters) == "InvalidSnapshot.NotSupported"


# --- disks from snapshots -----------------------------------------------------------------------

ORDER = {"Placement": {"Zone": "ap-guangzhou-6"}, "DiskChargeType": "POSTPAID_BY_HOUR", "DiskType": "CLOUD_SSD",
         "DiskCount": 1, "SnapshotId": DATA, "DiskSize": 60, "DiskName": "restored", "ClientToken": "token-1"}


def disks(client):
    return {disk["DiskId"]: disk for disk in client.call("DescribeDisks", {"Limit": 100})["DiskSet"]}


def test_a_disk_is_made_of_a_snapshot_once(new):
    client = new()
    before = disks(client)
    made = client.call("CreateDisks", ORDER)["DiskIdSet"]
    assert client.call("CreateDisks", ORDER)["DiskIdSet"] == made
    new_ones = {key: disk for key, disk in disks(client).items() if key not in before}
    assert list(new_ones) == made
    disk = new_ones[made[0]]
    assert (disk["DiskName"], disk["DiskSize"], disk["DiskType"]) == ("restored", 60, "CLOUD_SSD")
    assert (disk["DiskState"], disk["Placement"]["Zone"], disk["SnapshotCount"]) == ("UNATTACHED", "ap-guangzhou-6", 0)
    assert set(disk) == set(before[DISK])
    assert code(client, "CreateDisks", {**ORDER, "DiskSize": 70}) == "InvalidParameter.InvalidClientToken"
    assert len(disks(client)) == len(before) + 1
    assert client.call("CreateDisks", {**ORDER, "ClientToken": "token-2"})["DiskIdSet"] != made


def test_an_order_whose_answer_was_lost_is_not_carried_out_twice(new):
    client = new()
    client.faults({"action": "CreateDisks", "kind": "drop-after"})
    with pytest.raises(OSError):
        client.call("CreateDisks", ORDER)
    assert len(client.call("CreateDisks", ORDER)["DiskIdSet"]) == 1
    assert len(disks(client)) == 5 and client.stats()["changes"] == {"CreateDisks": 1}


def test_without_a_token_each_order_counts(new):
    client = new()
    order = {key: value for key, value in ORDER.items() if key not in ("ClientToken", "DiskName", "DiskSize")}
    first, second = (client.call("CreateDisks", order)["DiskIdSet"][0] for _ in range(2))
    assert first != second
    assert (disks(client)[first]["DiskSize"], disks(client)[first]["DiskName"]) == (50, "未命名")


@pytest.mark.parametrize("changes, expected", [
    ({"SnapshotId": SYSTEM, "DiskSize": 100}, "InvalidParameterValue"), ({"DiskSize": 49}, "InvalidParameterValue"),
    ({"SnapshotId": "snap-nosuch00"}, "InvalidSnapshotId.NotFound"), ({"Placement": {}}, "MissingParameter"),
    ({"Placement": {"Zone": "ap-beijing-1"}}, "InvalidParameterValue"), ({"Placement": "x"}, "InvalidParameter"),
    ({"DiskType": "CLOUD_FAST"}, "InvalidParameter.DiskConfigNotSupported"),
    ({"DiskChargeType": "PREPAID"}, "InvalidParameter.DiskConfigNotSupported"),
    ({"DiskCount": 0}, "InvalidParameterValue"), ({"DiskName": "x" * 61}, "InvalidParameter"),
    ({"ClientToken": "x" * 65}, "InvalidParameter.InvalidClientToken"),
    ({"ClientToken": "tökén"}, "InvalidParameter.InvalidClientToken"),
    ({"SnapshotId": None, "DiskSize": None}, "MissingParameter"), ({"DiskType": None}, "MissingParameter"),
])
def test_what_disk_cannot_be_made(client, changes, expected):
    assert code(client, "CreateDisks", {**ORDER, **changes}) == expected
    assert len(disks(client)) == 4


# --- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize("action, parameters", [
    ("DescribeSnapshotSharePermission", {"SnapshotId": DATA}), ("CreateDisks", ORDER),
    ("CopySnapshotCrossRegions", {"SnapshotId": DATA, "DestinationRegions": ["ap-beijing"]}),
    ("DescribeSnapshotGroups", {}), ("DescribeAutoSnapshotPolicies", {}),
])
def test_the_fault_script_knows_the_new_actions(client, action, parameters):
    client.faults({"action": action, "kind": "error", "code": "ResourceBusy"})
    assert code(client, action, parameters) == "ResourceBusy"
