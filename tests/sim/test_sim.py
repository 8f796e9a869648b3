# SPDX-License-Identifier: Apache-2.0
"""The API's actions: listing, life cycles, preconditions, limits."""

import datetime
import itertools
import json
import re
import time

import pytest
from tc3 import ApiError, query

DISK = "disk-omp7wl2m"
ATTACHED = "disk-7m2x9ufb"
serial = itertools.count(1)


def refusal(client, action, parameters=None, **changes):
    """The code and message with which the call is refused."""
    with pytest.raises(ApiError) as refused:
        client.call(action, parameters, **changes)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", refused.value.request_id)
    return refused.value.code, refused.value.message


def code(*arguments, **changes):
    return refusal(*arguments, **changes)[0]


def snapshot(client, snapshot_id):
    (record,) = client.call("DescribeSnapshots", {"SnapshotIds": [snapshot_id]})["SnapshotSet"]
    return record


def disk(client, disk_id):
    (record,) = client.call("DescribeDisks", {"DiskIds": [disk_id]})["DiskSet"]
    return record


def add_disk(client, **fields):
    disk_id = f"disk-t{next(serial):07d}"
    client.patch(disks={disk_id: fields})
    return disk_id


def add_snapshot(client, disk_id, **fields):
    snapshot_id = f"snap-t{next(serial):07d}"
    client.patch(snapshots={snapshot_id: {"DiskId": disk_id, **fields}})
    return snapshot_id


def settled(client, snapshot_id):
    client.wait_for(lambda: snapshot(client, snapshot_id)["SnapshotState"] == "NORMAL")
    return snapshot_id


def created(client, disk_id, **parameters):
    answer = client.call("CreateSnapshot", {"DiskId": disk_id, **parameters})
    return settled(client, answer["SnapshotId"])


def listed(client, **parameters):
    return [record["SnapshotId"]
            for record in client.call("DescribeSnapshots", parameters)["SnapshotSet"]]


def by(name, *values):
    return {"Filters": [{"Name": name, "Values": list(values)}]}


# --- the form of answers ------------------------------------------------------------------------


def test_an_answer_is_what_the_sdks_expect(client):
    status, headers, body = client.exchange("DescribeDisks")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body)["Response"]["RequestId"]
    date = datetime.datetime.strptime(headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")
    date = date.replace(tzinfo=datetime.timezone.utc)
    assert abs(date.timestamp() - time.time()) < 5


def test_a_refusal_is_a_success_to_http(client):
    status, headers, body = client.exchange("NoSuchAction")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body)["Response"]["Error"]["Code"] == "InvalidAction"


def test_a_message_ends_in_the_tail_of_the_request_id(client):
    with pytest.raises(ApiError) as refused:
        client.call("CreateSnapshot", {"DiskId": "disk-nosuch00"})
    assert refused.value.message.endswith(f" ({refused.value.request_id[-12:]})")


def test_records_have_all_members(client):
    record = snapshot(client, "snap-0jfkjwl1")
    assert set(record) == {
        "SnapshotId", "SnapshotName", "SnapshotState", "Percent", "DiskId", "DiskSize", "DiskUsage",
        "CreateTime", "DeadlineTime", "IsPermanent", "Encrypt", "Placement", "Tags", "Images",
        "ImageCount", "ShareReference", "SnapshotType", "TimeStartShare", "CopyFromRemote",
        "CopyingToRegions", "IsLocked", "LatestModifyTime", "AutoSnapshotPolicyId", "SnapshotMode"}
    record = disk(client, DISK)
    assert len(record) == 47 and record["DiskName"] == "pg-data"
    assert record["AutoSnapshotPolicyIds"] is None and record["DifferDaysOfDeadline"] is None
    assert record["SnapshotCount"] >= 5 and record["Placement"]["Zone"] == "ap-guangzhou-6"


def test_times_are_beijing_time(client):
    snapshot_id = created(client, add_disk(client))
    record = snapshot(client, snapshot_id)
    written = datetime.datetime.fromisoformat(record["CreateTime"] + "+08:00")
    assert abs(written.timestamp() - time.time()) < 30
    assert abs(datetime.datetime.fromisoformat(record["LatestModifyTime"]).timestamp()
               - time.time()) < 30


def test_the_demo_account_has_every_oddity(client):
    records = client.call("DescribeSnapshots", {"Limit": 100})["SnapshotSet"]
    records = [record for record in records if not record["SnapshotId"].startswith("snap-t")]
    disks = {record["DiskId"] for record in client.call("DescribeDisks")["DiskSet"]}
    names = [record["SnapshotName"] for record in records if record["DiskId"] == DISK]
    assert names.count("nightly") == 2 and {"before-upgrade", "每日快照", "未命名"} <= set(names)
    assert any(record["DiskId"] and record["DiskId"] not in disks for record in records)
    assert any(record["DiskId"] == "" and record["CopyFromRemote"] for record in records)
    assert any(record["ImageCount"] for record in records)
    assert any(record["Encrypt"] and not record["IsPermanent"] for record in records)
    assert disk(client, ATTACHED)["DiskState"] == "ATTACHED"


# --- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("action, parameters, expected", [
    ("DescribeSnapshots", {"Limits": 1}, "UnknownParameter"),
    ("DescribeSnapshots", {"DiskIds": []}, "UnknownParameter"),
    ("DescribeSnapshots", {"Limit": "20"}, "InvalidParameter"),
    ("DescribeSnapshots", {"Limit": 1.5}, "InvalidParameter"),
    ("DescribeSnapshots", {"Limit": 101}, "InvalidParameterValue"),
    ("DescribeSnapshots", {"Limit": 0}, "InvalidParameterValue"),
    ("DescribeSnapshots", {"Offset": -1}, "InvalidParameterValue"),
    ("DescribeSnapshots", {"Order": "desc"}, "InvalidParameterValue"),
    ("DescribeSnapshots", {"OrderField": "SIZE"}, "InvalidParameterValue"),
    ("DescribeSnapshots", {"SnapshotIds": "snap-0jfkjwl1"}, "InvalidParameter"),
    ("DescribeSnapshots", {"SnapshotIds": [1]}, "InvalidParameter"),
    ("DescribeSnapshots", {"SnapshotIds": ["snap-00000000"] * 101}, "InvalidParameterValue"),
    ("DescribeSnapshots", {"SnapshotIds": ["snap-0jfkjwl1"], **by("disk-id", DISK)},
     "InvalidParameterValue"),
    ("DescribeSnapshots", by("tag-key", "env"), "InvalidFilter"),
    ("DescribeSnapshots", by("disk-id", *["disk-00000000"] * 11), "InvalidParameterValue"),
    ("DescribeSnapshots", {"Filters": [{"Name": "disk-id"}]}, "InvalidParameter"),
    ("DescribeSnapshots", {"Filters": {"Name": "disk-id", "Values": []}}, "InvalidParameter"),
    ("DescribeDisks", by("snapshot-id", "snap-0jfkjwl1"), "InvalidFilter"),
    ("DescribeDisks", {"ReturnBindAutoSnapshotPolicy": "true"}, "InvalidParameter"),
    ("ApplySnapshot", {"SnapshotId": "snap-0jfkjwl1"}, "MissingParameter"),
    ("ApplySnapshot", {"SnapshotId": None, "DiskId": DISK}, "MissingParameter"),
    ("ApplySnapshot", {"SnapshotId": "snap-0jfkjwl1", "DiskId": DISK, "AutoStopInstance": 1},
     "InvalidParameter"),
    ("DeleteSnapshots", {}, "MissingParameter"),
    ("DeleteSnapshots", {"SnapshotIds": []}, "InvalidParameterValue"),
    ("CreateSnapshot", {}, "MissingParameter"),
    ("CreateSnapshot", {"DiskId": DISK, "ClientToken": "x"}, "UnknownParameter"),
    ("CreateSnapshot", {"DiskId": DISK, "Tags": [{"key": "a", "value": "b"}]}, "InvalidParameter"),
    ("CreateSnapshot", {"DiskBackupId": "dbp-00000000"}, "ResourceNotFound.NotFound"),
    ("AttachDisks", {}, "InvalidAction"),
    ("describesnapshots", {}, "InvalidAction"),
])
def test_parameters_are_checked(client, action, parameters, expected):
    assert code(client, action, parameters) == expected


def test_the_message_names_the_parameter(client):
    assert refusal(client, "ApplySnapshot", {"DiskId": DISK}) == (
        "MissingParameter", "The request is missing a required parameter `SnapshotId`.")


def test_null_is_as_good_as_absent(client):
    assert client.call("DescribeSnapshots", {"Limit": 1, "SnapshotIds": None, "Filters": None})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}x", b'{"Limit":1,}', b"\xff\xfe",
                                  b'{"Order":"\xff"}', b"[" * 5000])
def test_a_body_that_is_not_json(client, body):
    _, _, answer = client.send("POST", "/", body, client.headers("DescribeDisks", body))
    assert json.loads(answer)["Response"]["Error"]["Code"] == "InvalidParameter"


def test_version_region_and_method(client):
    assert code(client, "DescribeDisks", version="2017-03-13") == "NoSuchVersion"
    client.region = "eu-nowhere"
    try:
        assert code(client, "DescribeDisks") == "UnsupportedRegion"
        client.region = None
        assert code(client, "DescribeDisks") == "MissingParameter"
    finally:
        client.region = "ap-guangzhou"
    client.region = "\xe9"
    try:
        assert code(client, "DescribeDisks") == "UnsupportedRegion"
    finally:
        client.region = "ap-guangzhou"
    assert client.send("PUT", "/", b"{}")[0] == 405
    assert client.send("GET", "/v3/index.php")[0] == 404


def test_a_query_string_is_as_good_as_a_body(client):
    parameters = {"Limit": 2, "Offset": 1, "Order": "ASC",
                  "Filters": [{"Name": "disk-id", "Values": [DISK, ATTACHED]},
                              {"Name": "encrypt", "Values": ["FALSE"]}]}
    answer = client.get("DescribeSnapshots", query(parameters))
    assert len(answer["SnapshotSet"]) == 2
    assert answer["SnapshotSet"] == client.call("DescribeSnapshots", parameters)["SnapshotSet"]
    assert client.get("DescribeDisks", "ReturnBindAutoSnapshotPolicy=TRUE")["TotalCount"]


@pytest.mark.parametrize("text, expected", [
    ("Limit=x", "InvalidParameter"),
    ("Limit=", "InvalidParameter"),
    ("Nonsense=1", "UnknownParameter"),
    ("Filters.1.Name=disk-id", "InvalidParameter"),
    ("Filters=1&Filters.0.Name=disk-id", "InvalidParameter"),
    ("Filters.0.Name=%ff", "InvalidParameter"),
    (".".join(["a"] * 20000), "InvalidParameter"),
])
def test_a_query_string_that_makes_no_sense(client, text, expected):
    with pytest.raises(ApiError) as refused:
        client.get("DescribeSnapshots", text)
    assert refused.value.code == expected


@pytest.mark.parametrize("encoded", ["two+words", "two%20words"])
def test_a_space_in_a_query_string(client, encoded):
    snapshot_id = add_snapshot(client, DISK, SnapshotName="two words")
    found = client.get("DescribeSnapshots",
                       f"Filters.0.Name=snapshot-name&Filters.0.Values.0={encoded}")
    assert snapshot_id in [record["SnapshotId"] for record in found["SnapshotSet"]]
    client.patch(remove=[snapshot_id])


# --- listings -----------------------------------------------------------------------------------


def test_pages_cover_everything_once(new):
    client = new("--disks", 7, "--snapshots", 45, "--rate", 0)
    for order in ("ASC", "DESC"):
        seen, times = [], []
        for offset in itertools.count(0, 100):
            page = client.call("DescribeSnapshots",
                               {"Offset": offset, "Limit": 100, "Order": order})
            assert page["TotalCount"] == 7 * 45
            if not page["SnapshotSet"]:
                break
            seen += [record["SnapshotId"] for record in page["SnapshotSet"]]
            times += [record["CreateTime"] for record in page["SnapshotSet"]]
        assert len(seen) == len(set(seen)) == 7 * 45
        assert times == sorted(times, reverse=order == "DESC")
    assert len(client.call("DescribeSnapshots")["SnapshotSet"]) == 20
    assert listed(client, Limit=3) == seen[:3], "the newest come first unless told otherwise"
    records = client.call("DescribeDisks")["DiskSet"]
    assert sorted(record["DiskName"] for record in records) == [f"data-{i:04}" for i in range(1, 8)]
    assert {record["SnapshotCount"] for record in records} == {45}


def test_ids_are_found_and_unknown_ones_are_not_an_error(client):
    ids = ["snap-nosuch00", "snap-0jfkjwl1", "snap-0jfkjwl1", "snap-q8d2m5xa"]
    answer = client.call("DescribeSnapshots", {"SnapshotIds": ids})
    assert answer["TotalCount"] == 2
    assert {r["SnapshotId"] for r in answer["SnapshotSet"]} == {"snap-0jfkjwl1", "snap-q8d2m5xa"}
    assert client.call("DescribeDisks", {"DiskIds": ["disk-nosuch00"]})["DiskSet"] == []


@pytest.mark.parametrize("name, values, expected", [
    ("snapshot-id", ["snap-0jfkjwl1"], {"snap-0jfkjwl1"}),
    ("snapshot-name", ["nightly"], {"snap-q8d2m5xa", "snap-k4t7w9ce"}),
    ("disk-id", ["disk-gone0a1b", ATTACHED], {"snap-h7s1o4lp", "snap-1p7y5e9w", "snap-r5u0x2jd"}),
    ("disk-usage", ["SYSTEM_DISK"], {"snap-1p7y5e9w", "snap-r5u0x2jd"}),
    ("encrypt", ["TRUE"], {"snap-9f6a3v7k", "snap-2z8m4d0c"}),
    ("snapshot-state", ["CREATING"], set()),
    ("snapshot-type", ["SHARED_SNAPSHOT"], set()),
    ("project-id", ["1"], set()),
    ("zone", ["ap-guangzhou-1"], set()),
    ("snapshot-name", [], set()),
])
def test_filters_of_snapshots(new, name, values, expected):
    client = new()
    assert set(listed(client, **by(name, *values))) == expected


def test_filters_see_patched_members_and_life_cycles(new):
    client = new("--create-time", 60)
    client.patch(snapshots={"snap-0jfkjwl1": {"SnapshotType": "SHARED_SNAPSHOT", "Encrypt": True}})
    snapshot_id = client.call("CreateSnapshot", {"DiskId": DISK})["SnapshotId"]
    assert listed(client, **by("snapshot-type", "SHARED_SNAPSHOT")) == ["snap-0jfkjwl1"]
    assert "snap-0jfkjwl1" in listed(client, **by("encrypt", "true"))
    assert listed(client, **by("snapshot-state", "CREATING")) == [snapshot_id]


@pytest.mark.parametrize("name, values, expected", [
    ("disk-id", [DISK], {DISK}),
    ("disk-name", ["archive"], {"disk-0k6v4b2m"}),
    ("disk-usage", ["SYSTEM_DISK"], {ATTACHED}),
    ("disk-state", ["ATTACHED"], {ATTACHED}),
    ("disk-charge-type", ["PREPAID"], {"disk-0k6v4b2m"}),
    ("portable", ["FALSE"], {ATTACHED}),
    ("instance-id", ["ins-5r8t2w0y"], {ATTACHED}),
    ("tag-key", ["role"], {ATTACHED}),
    ("tag-value", ["prod"], {DISK}),
    ("tag:env", ["prod", "test"], {DISK}),
    ("tag:env", ["web"], set()),
    ("zone", ["ap-guangzhou-1"], set()),
])
def test_filters_of_disks(new, name, values, expected):
    answer = new().call("DescribeDisks", by(name, *values))
    assert {record["DiskId"] for record in answer["DiskSet"]} == expected
    assert answer["TotalCount"] == len(expected)


def test_filters_are_anded(client):
    filters = [{"Name": "disk-id", "Values": [DISK]}, {"Name": "snapshot-name", "Values": ["sys-base"]}]
    assert listed(client, Filters=filters) == []


def test_overview(new):
    answer = new().call("DescribeSnapshotOverview")
    assert answer["TotalNums"] == 11
    assert answer["RealTradeSize"] == pytest.approx(answer["TotalSize"] - answer["FreeQuota"])


def test_other_regions_are_empty(new):
    client = new("--region", "ap-guangzhou,ap-shanghai")
    client.region = "ap-shanghai"
    assert client.call("DescribeDisks")["TotalCount"] == 0
    assert code(client, "CreateSnapshot", {"DiskId": DISK}) == "InvalidDiskId.NotFound"


# --- creating -----------------------------------------------------------------------------------


def test_a_snapshot_is_created(new):
    client = new("--create-time", 1, "--rate", 0)
    before = disk(client, DISK)["SnapshotCount"]
    parameters = {"DiskId": DISK, "SnapshotName": "每日 a/b", "Tags": [{"Key": "k", "Value": "v"}]}
    snapshot_id = client.call("CreateSnapshot", parameters)["SnapshotId"]
    record = snapshot(client, snapshot_id)
    assert record["SnapshotState"] == "CREATING" and record["Percent"] < 100
    assert (record["SnapshotName"], record["DiskId"], record["Tags"]) == (
        "每日 a/b", DISK, parameters["Tags"])
    assert (record["DiskSize"], record["IsPermanent"], record["DeadlineTime"]) == (50, True, "")
    assert disk(client, DISK)["SnapshotCount"] == before + 1
    assert listed(client, Limit=1) == [snapshot_id]
    seen = set()

    def done():
        latest = snapshot(client, snapshot_id)
        seen.add((latest["SnapshotState"], latest["Percent"]))
        return latest["SnapshotState"] == "NORMAL"

    client.wait_for(done)
    percents = [percent for state, percent in sorted(seen) if state == "CREATING"]
    assert len(percents) > 2 and max(percents) < 100 and ("NORMAL", 100) in seen


@pytest.mark.parametrize("given", [{}, {"SnapshotName": ""}])
def test_a_snapshot_without_a_name(client, given):
    assert snapshot(client, created(client, add_disk(client), **given))["SnapshotName"] == "未命名"


def test_names_are_sixty_characters(client):
    disk_id = add_disk(client)
    created(client, disk_id, SnapshotName="每" * 60)
    refused = refusal(client, "CreateSnapshot", {"DiskId": disk_id, "SnapshotName": "x" * 61})
    assert refused[0] == "InvalidParameter" and "length is 61, out of range [0,60]" in refused[1]
    for length in range(1, 300):  # a message that is cut in the middle of a character is no JSON
        name = "x" * length + "每" * 300
        assert code(client, "CreateSnapshot", {"DiskId": disk_id, "SnapshotName": name}) == "InvalidParameter"


def iso(days):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return moment.isoformat(timespec="seconds")


def test_a_deadline(client):
    disk_id = add_disk(client)
    record = snapshot(client, created(client, disk_id, Deadline=iso(3)))
    assert record["IsPermanent"] is False
    deadline = datetime.datetime.fromisoformat(record["DeadlineTime"] + "+08:00").timestamp()
    assert abs(deadline - time.time() - 3 * 86400) < 30
    for wrong in (iso(0.5), "2030-01-01 00:00:00", "soon", ""):
        assert code(client, "CreateSnapshot",
                    {"DiskId": disk_id, "Deadline": wrong}) == "InvalidParameterValue"


def test_a_data_snapshot_of_a_system_disk(client):
    disk_id = add_disk(client, DiskUsage="SYSTEM_DISK")
    assert snapshot(client, created(client, disk_id))["DiskUsage"] == "SYSTEM_DISK"
    snapshot_id = created(client, disk_id, DiskUsage="DATA_DISK")
    assert snapshot(client, snapshot_id)["DiskUsage"] == "DATA_DISK"


@pytest.mark.parametrize("fields, expected", [
    ({"SnapshotAbility": False}, "InvalidDisk.NotSupportSnapshot"),
    ({"Migrating": True}, "ResourceInUse.DiskMigrating"),
    ({"DiskState": "ROLLBACKING"}, "ResourceInUse.DiskRollbacking"),
    ({"Rollbacking": True}, "ResourceInUse.DiskRollbacking"),
    ({"SnapshotCount": 64}, "InsufficientSnapshotQuota"),
])
def test_what_a_disk_must_be_like_for_a_snapshot(client, fields, expected):
    disk_id = add_disk(client, **fields)
    before = client.stats()
    assert code(client, "CreateSnapshot", {"DiskId": disk_id}) == expected
    after = client.stats()
    assert (after["snapshots"], after["changes"]) == (before["snapshots"], before["changes"])
    assert after["errors"][expected] == before["errors"].get(expected, 0) + 1


def test_one_snapshot_at_a_time(new):
    client = new("--create-time", 60, "--rollback-time", 60)
    client.call("CreateSnapshot", {"DiskId": DISK})
    assert code(client, "CreateSnapshot", {"DiskId": DISK}) == "InvalidDisk.SnapshotCreating"
    apply = {"DiskId": DISK, "SnapshotId": "snap-0jfkjwl1"}
    assert code(client, "ApplySnapshot", apply) == "InvalidDisk.SnapshotCreating"
    assert client.call("CreateSnapshot", {"DiskId": ATTACHED})["SnapshotId"]


def test_the_quota(new):
    client = new("--disks", 1, "--snapshots", 2, "--quota", 3, "--create-time", 0)
    disk_id = client.call("DescribeDisks")["DiskSet"][0]["DiskId"]
    snapshot_id = client.call("CreateSnapshot", {"DiskId": disk_id})["SnapshotId"]
    assert code(client, "CreateSnapshot", {"DiskId": disk_id}) == "InsufficientSnapshotQuota"
    client.call("DeleteSnapshots", {"SnapshotIds": [snapshot_id]})
    assert client.call("CreateSnapshot", {"DiskId": disk_id})


# --- rolling back -------------------------------------------------------------------------------


@pytest.mark.parametrize("full_record", [False, True], ids=["derived", "patched"])
def test_a_rollback(new, full_record):
    client = new("--rollback-time", 1, "--rate", 0)
    if full_record:
        client.patch(disks={DISK: {"DiskState": "UNATTACHED", "Rollbacking": False, "RollbackPercent": 0}},
                     snapshots={"snap-0jfkjwl1": {"SnapshotState": "NORMAL", "Percent": 100}})
    client.call("ApplySnapshot", {"DiskId": DISK, "SnapshotId": "snap-0jfkjwl1"})
    record = disk(client, DISK)
    assert (record["DiskState"], record["Rollbacking"]) == ("ROLLBACKING", True)
    assert snapshot(client, "snap-0jfkjwl1")["SnapshotState"] == "ROLLBACKING"
    assert snapshot(client, "snap-q8d2m5xa")["SnapshotState"] == "NORMAL"
    assert code(client, "ApplySnapshot", {"DiskId": DISK, "SnapshotId": "snap-q8d2m5xa"}) \
        == "ResourceInUse.DiskRollbacking"
    assert code(client, "CreateSnapshot", {"DiskId": DISK}) == "ResourceInUse.DiskRollbacking"
    assert code(client, "DeleteSnapshots", {"SnapshotIds": ["snap-0jfkjwl1"]}) == "ResourceBusy"
    percents = set()

    def done():
        latest = disk(client, DISK)
        percents.add(latest["RollbackPercent"])
        return latest["DiskState"] == "UNATTACHED" and not latest["Rollbacking"]

    client.wait_for(done)
    assert len(percents) > 3 and max(percents) < 100
    assert snapshot(client, "snap-0jfkjwl1")["SnapshotState"] == "NORMAL"


@pytest.mark.parametrize("disk_fields, snapshot_fields, parameters, expected", [
    ({}, {}, {"AutoStartInstance": True}, "InvalidParameterValue"),
    ({"Attached": True}, {}, {}, "InvalidDisk.Busy"),
    ({"Attached": True}, {}, {"AutoStopInstance": False}, "InvalidDisk.Busy"),
    ({"Migrating": True}, {}, {}, "ResourceBusy"),
    ({"DiskState": "ROLLBACKING"}, {}, {}, "ResourceInUse.DiskRollbacking"),
    ({"DiskSize": 20}, {"DiskSize": 10}, {}, "InvalidParameter.DiskSizeNotMatch"),
    ({}, {"DiskId": DISK}, {}, "InvalidParameterValue"),
    ({}, {"SnapshotState": "CREATING"}, {}, "ResourceUnavailable.SnapshotCreating"),
    ({}, {"SnapshotState": "TORECYCLE"}, {}, "InvalidSnapshot.NotSupported"),
    ({}, {"SnapshotType": "SHARED_SNAPSHOT"}, {}, "InvalidSnapshot.NotSupported"),
])
def test_what_a_rollback_needs(client, disk_fields, snapshot_fields, parameters, expected):
    disk_id = add_disk(client, **disk_fields)
    snapshot_id = add_snapshot(client, disk_id, **snapshot_fields)
    call = {"DiskId": disk_id, "SnapshotId": snapshot_id, **parameters}
    assert code(client, "ApplySnapshot", call) == expected
    client.patch(remove=[snapshot_id])


def test_a_rollback_of_what_does_not_exist(client):
    assert code(client, "ApplySnapshot", {"DiskId": DISK, "SnapshotId": "snap-nosuch00"}) \
        == "InvalidSnapshotId.NotFound"
    assert code(client, "ApplySnapshot", {"DiskId": "disk-nosuch00", "SnapshotId": "snap-0jfkjwl1"}) \
        == "InvalidDiskId.NotFound"


def test_a_rollback_of_an_attached_disk_that_may_stop_its_instance(client):
    disk_id = add_disk(client, Attached=True)
    snapshot_id = add_snapshot(client, disk_id)
    client.call("ApplySnapshot", {"DiskId": disk_id, "SnapshotId": snapshot_id,
                                  "AutoStopInstance": True, "AutoStartInstance": True})
    assert disk(client, disk_id)["DiskState"] == "ROLLBACKING"
    client.wait_for(lambda: disk(client, disk_id)["DiskState"] == "ATTACHED")


# --- deleting and renaming ----------------------------------------------------------------------


@pytest.mark.parametrize("fields, expected", [
    ({"SnapshotState": "CREATING"}, "ResourceUnavailable.SnapshotCreating"),
    ({"SnapshotState": "COPYING_FROM_REMOTE"}, "InvalidSnapshot.NotSupported"),
    ({"SnapshotType": "SHARED_SNAPSHOT"}, "InvalidSnapshot.NotSupported"),
    ({"ShareReference": 1}, "UnsupportedOperation.SnapHasShared"),
    ({"IsLocked": True}, "UnsupportedOperation"),
    ({"Images": [{"ImageName": "i", "ImageId": "img-1"}]}, "UnsupportedOperation.SnapshotHasBindedImage"),
    (None, "InvalidSnapshotId.NotFound"),
])
def test_a_deletion_is_all_or_nothing(client, fields, expected):
    disk_id = add_disk(client)
    good = add_snapshot(client, disk_id)
    bad = "snap-nosuch00" if fields is None else add_snapshot(client, disk_id, **fields)
    for ids in ([good, bad], [bad, good]):
        assert code(client, "DeleteSnapshots", {"SnapshotIds": ids}) == expected
    assert snapshot(client, good)
    client.call("DeleteSnapshots", {"SnapshotIds": [good, good]})
    assert good not in listed(client, **by("disk-id", disk_id))
    assert disk(client, disk_id)["SnapshotCount"] == (fields is not None)
    client.patch(remove=[bad])


def test_images_can_be_deleted_along(client):
    snapshot_id = add_snapshot(client, DISK, Images=[{"ImageName": "i", "ImageId": "img-1"}])
    client.call("DeleteSnapshots", {"SnapshotIds": [snapshot_id], "DeleteBindImages": True})
    assert listed(client, SnapshotIds=[snapshot_id]) == []


def test_a_rename(client):
    snapshot_id = add_snapshot(client, DISK, SnapshotName="patched")
    client.call("ModifySnapshotAttribute", {"SnapshotId": snapshot_id, "SnapshotName": "新名字"})
    assert snapshot(client, snapshot_id)["SnapshotName"] == "新名字"
    for parameters, expected in (({"SnapshotName": "x" * 61}, "InvalidParameter"),
                                 ({}, "MissingParameter")):
        assert code(client, "ModifySnapshotAttribute",
                    {"SnapshotId": snapshot_id, **parameters}) == expected
    client.patch(remove=[snapshot_id])
    assert code(client, "ModifySnapshotAttribute", {"SnapshotId": snapshot_id, "SnapshotName": "x"}) \
        == "InvalidSnapshotId.NotFound"


@pytest.mark.parametrize("fields", [{"SnapshotState": "CREATING"}, {"SnapshotType": "SHARED_SNAPSHOT"}])
def test_what_cannot_be_renamed(client, fields):
    snapshot_id = add_snapshot(client, DISK, **fields)
    assert code(client, "ModifySnapshotAttribute", {"SnapshotId": snapshot_id, "SnapshotName": "x"}) \
        == "InvalidSnapshot.NotSupported"
    client.patch(remove=[snapshot_id])


def test_retention(client):
    snapshot_id = add_snapshot(client, DISK)
    modify = lambda **parameters: client.call(
        "ModifySnapshotAttribute", {"SnapshotId": snapshot_id, **parameters})
    with pytest.raises(ApiError, match="MissingParameter"):
        modify(IsPermanent=False)
    modify(Deadline=iso(2))
    record = snapshot(client, snapshot_id)
    assert record["IsPermanent"] is False and record["DeadlineTime"]
    modify(SnapshotName="kept")
    assert snapshot(client, snapshot_id)["DeadlineTime"] == record["DeadlineTime"]
    modify(IsPermanent=True)
    record = snapshot(client, snapshot_id)
    assert record["IsPermanent"] is True and record["DeadlineTime"] == ""
    client.patch(remove=[snapshot_id])


# --- limits -------------------------------------------------------------------------------------


def test_the_rate_limit_is_for_each_action(new):
    client = new("--rate", 5)
    answers = [client.exchange("DescribeDisks")[2] for _ in range(8)]
    errors = [json.loads(answer)["Response"].get("Error") for answer in answers]
    assert [error for error in errors if error] == [{
        "Code": "RequestLimitExceeded",
        "Message": "Your current request times equals to `6` in a second, which exceeds the "
                   "frequency limit `5` for a second. Please reduce the frequency of calls."}] * 3
    assert client.call("DescribeSnapshots")
    stats = client.stats()
    assert stats["peak_per_second"] == {"DescribeDisks": 8, "DescribeSnapshots": 1}
    assert stats["errors"] == {"RequestLimitExceeded": 3}
    client.wait_for(lambda: "Error" not in json.loads(client.exchange("DescribeDisks")[2])["Response"])


def test_latency(new):
    client = new("--latency", 300)
    began = time.monotonic()
    client.call("DescribeDisks")
    assert time.monotonic() - began >= 0.3
    began = time.monotonic()
    client.stats()
    assert time.monotonic() - began < 0.3, "the side door is not slowed down"


def test_a_large_account(new):
    client = new("--disks", 1000, "--snapshots", 100, "--rate", 0)
    page = client.call("DescribeSnapshots", {"Offset": 99950, "Limit": 100})
    assert page["TotalCount"] == 100000 and len(page["SnapshotSet"]) == 50
    disk_id = page["SnapshotSet"][0]["DiskId"]
    assert client.call("DescribeSnapshots", by("disk-id", disk_id))["TotalCount"] == 100
    names = [record["SnapshotName"] for record in
             client.call("DescribeSnapshots", {"Limit": 100, **by("disk-id", disk_id)})["SnapshotSet"]]
    assert len(set(names)) == 100 and all(re.fullmatch(r"daily-\d{8}", name) for name in names)
    assert len(client.call("DescribeDisks", {"Offset": 900, "Limit": 100})["DiskSet"]) == 100


def test_a_body_that_is_too_large(client):
    body = b"{" + b" " * (11 << 20) + b"}"
    _, _, answer = client.send("POST", "/", body, client.headers("DescribeDisks", body))
    assert json.loads(answer)["Response"]["Error"]["Code"] == "RequestSizeLimitExceeded"


def test_the_same_seed_gives_the_same_account(new):
    def shape(*arguments):
        client = new("--disks", 2, "--snapshots", 3, *arguments)
        answer = client.call("DescribeSnapshots")
        new_id = client.call("CreateSnapshot", {"DiskId": answer["SnapshotSet"][0]["DiskId"]})["SnapshotId"]
        return [(r["SnapshotId"], r["DiskId"], r["DiskSize"]) for r in answer["SnapshotSet"]], new_id

    assert shape() == shape("--seed", 1) != shape("--seed", 2)
