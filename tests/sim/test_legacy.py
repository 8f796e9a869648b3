# SPDX-License-Identifier: Apache-2.0
"""The legacy API v2 of the simulator: the same account behind another door."""
import time

import pytest

import v2

DISK = "disk-omp7wl2m"
ATTACHED = "disk-7m2x9ufb"


def find(client, snapshot):
    return v2.call(client, "DescribeSnapshots", {"snapshotIds": [snapshot]})["snapshotSet"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("hash_name", [None, "HmacSHA1", "HmacSHA256"])
def test_every_way_to_sign(client, method, hash_name):
    parameters = {"snapshotIds": ["snap-nosuch00"], "limit": 1}
    if hash_name:
        parameters["SignatureMethod"] = hash_name
    answer = v2.call(client, "DescribeSnapshots", parameters, method=method)
    assert answer == {"code": 0, "message": "", "codeDesc": "Success", "totalCount": 0, "snapshotSet": []}


@pytest.mark.parametrize("changes, code", [
    ({"secret_key": "wrong"}, 4100),
    ({"body_changes": {"limit": "2"}}, 4100),
    ({"body_changes": {"Signature": ""}}, 4000),
    ({"body_changes": {"SecretId": "AKIDother"}}, 4104),
    ({"parameters": {"Timestamp": 1}}, 4500),
    ({"parameters": {"Timestamp": "soon"}}, 9003),
    ({"parameters": {"Nonce": None}}, 4000),
    ({"parameters": {"Region": "nowhere"}}, 4000),
    ({"action": "DescribeNothing"}, 4000),
    ({"parameters": {"limit": 101}}, 9003),
    ({"parameters": {"offset": "-1"}}, 9003),
])
def test_what_is_refused(client, changes, code):
    changes = dict(changes)
    action = changes.pop("action", "DescribeSnapshots")
    status, answer = v2.exchange(client, action, changes.pop("parameters", {}), **changes)
    assert (status, answer["code"]) == (200, code) and answer["message"]


def test_a_request_is_good_for_once(client):
    stamp = {"Timestamp": int(time.time()), "Nonce": 7}
    assert v2.call(client, "DescribeCbsStorages", stamp)["code"] == 0
    assert v2.call(client, "DescribeCbsStorages", stamp)["code"] == 4500


def test_a_token_is_checked(new):
    client = new("--token", "abc")
    assert v2.call(client, "DescribeCbsStorages")["code"] == 4105
    assert v2.call(client, "DescribeCbsStorages", {"Token": "abc"})["code"] == 0


def test_regions_have_short_names(client):
    for region in ("gz", "ap-guangzhou"):
        assert v2.call(client, "DescribeCbsStorages", {"Region": region})["code"] == 0


def test_both_doors_show_the_same(client):
    """Member for member where v2 has one."""
    new_disks = client.call("DescribeDisks", {"Limit": 100})["DiskSet"]
    old_disks = v2.call(client, "DescribeCbsStorages", {"limit": 100})["storageSet"]
    assert [(disk["DiskId"], disk["DiskName"], disk["DiskSize"], disk["CreateTime"], disk["Attached"],
             disk["Placement"]["Zone"]) for disk in new_disks] == \
        [(disk["storageId"], disk["storageName"], disk["storageSize"], disk["createTime"], disk["attached"] == 1,
          disk["zone"]) for disk in old_disks]
    assert {disk["diskType"] for disk in old_disks} == {"root", "data"}
    new_ones = client.call("DescribeSnapshots", {"Limit": 100})["SnapshotSet"]
    old_ones = v2.call(client, "DescribeSnapshots", {"limit": 100})["snapshotSet"]
    assert [(one["SnapshotId"], one["SnapshotName"], one["DiskId"], one["SnapshotState"].lower(), one["Percent"])
            for one in new_ones] == \
        [(one["snapshotId"], one["snapshotName"], one["storageId"], one["snapshotStatus"], one["percent"])
         for one in old_ones]


def test_pages_and_filters(client):
    everything = v2.call(client, "DescribeSnapshots", {"limit": 100})
    pages = [v2.call(client, "DescribeSnapshots", {"limit": 2, "offset": offset})["snapshotSet"]
             for offset in range(0, everything["totalCount"], 2)]
    assert sum(pages, []) == everything["snapshotSet"]
    assert len(v2.call(client, "DescribeSnapshots")["snapshotSet"]) == min(20, everything["totalCount"])
    its = v2.call(client, "DescribeSnapshots", {"storageIds": [DISK]})["snapshotSet"]
    assert its and all(one["storageId"] == DISK for one in its)
    one = its[0]["snapshotId"]
    assert [each["snapshotId"] for each in find(client, one)] == [one]


def test_the_life_of_a_snapshot(client):
    made = v2.call(client, "CreateSnapshot", {"storageId": DISK, "snapshotName": "每日 50% a/b+c"})
    assert made["code"] == 0
    snapshot = made["snapshotId"]
    assert find(client, snapshot)[0]["snapshotName"] == "每日 50% a/b+c"
    client.wait_for(lambda: find(client, snapshot)[0]["snapshotStatus"] == "normal")
    assert v2.call(client, "ModifySnapshot", {"snapshotId": snapshot, "snapshotName": "new"})["code"] == 0
    assert find(client, snapshot)[0]["snapshotName"] == "new"
    assert v2.call(client, "ApplySnapshot", {"snapshotId": snapshot, "storageId": DISK})["code"] == 0
    disks = v2.call(client, "DescribeCbsStorages", {"storageIds": [DISK]})["storageSet"]
    assert disks[0]["storageStatus"] == "rollback"
    client.wait_for(lambda: find(client, snapshot)[0]["snapshotStatus"] == "normal")
    assert v2.call(client, "DeleteSnapshot", {"snapshotIds": [snapshot]})["detail"][snapshot]["code"] == 0
    assert find(client, snapshot) == []


def test_a_deletion_in_part(client):
    snapshot = v2.call(client, "CreateSnapshot", {"storageId": DISK})["snapshotId"]
    assert find(client, snapshot)[0]["snapshotName"] == "Unnamed"
    client.wait_for(lambda: find(client, snapshot)[0]["snapshotStatus"] == "normal")
    answer = v2.call(client, "DeleteSnapshot", {"snapshotIds": ["snap-nosuch00", snapshot]})
    assert answer["code"] == 0
    assert {key: value["code"] for key, value in answer["detail"].items()} == {"snap-nosuch00": 16003, snapshot: 0}
    assert find(client, snapshot) == []


@pytest.mark.parametrize("action, parameters, code", [
    ("CreateSnapshot", {"storageId": "disk-nosuch00"}, 16000),
    ("ApplySnapshot", {"storageId": DISK, "snapshotId": "snap-nosuch00"}, 16003),
    ("ModifySnapshot", {"snapshotId": "snap-nosuch00", "snapshotName": "x"}, 16003),
    ("ModifySnapshot", {"snapshotId": "snap-nosuch00"}, 9003),
    ("DeleteSnapshot", {}, 9003),
])
def test_refusals_have_numbers(client, action, parameters, code):
    assert v2.call(client, action, parameters)["code"] == code


def test_the_quota_and_the_attached_disk(new):
    client = new("--quota", "1", "--create-time", "0.1")
    attached = v2.call(client, "DescribeSnapshots", {"storageIds": [ATTACHED]})["snapshotSet"][0]["snapshotId"]
    assert v2.call(client, "ApplySnapshot", {"snapshotId": attached, "storageId": ATTACHED})["code"] == 16005
    refused = v2.call(client, "CreateSnapshot", {"storageId": DISK})
    assert (refused["code"], refused["codeDesc"]) == (16006, "SnapshotQuotaExceeded")


def test_throttling_and_faults(new):
    client = new("--rate", "3")
    codes = [v2.call(client, "DescribeCbsStorages")["code"] for _ in range(8)]
    assert codes.count(4400) >= 1 and codes[:3] == [0, 0, 0]
    client.faults({"action": "CreateSnapshot", "kind": "error", "code": "16005"})
    assert v2.call(client, "CreateSnapshot", {"storageId": DISK})["code"] == 16005
    client.faults({"action": "ModifySnapshot", "kind": "expired-token"})
    assert v2.call(client, "ModifySnapshot")["code"] == 4105
    assert client.stats()["requests"]["CreateSnapshot"] == 1 and "CreateSnapshot" not in client.stats()["changes"]
