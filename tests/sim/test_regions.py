# SPDX-License-Identifier: Apache-2.0
"""Several regions of one account: each has its own disks, snapshots and rate budget."""

import pytest
from tc3 import ApiError, Client

VERSION = "2022-06-27"
DISK = "disk-omp7wl2m"


def regions(client, **changes):
    changes = {"version": VERSION, "service": "region", **changes}
    return client.call("DescribeRegions", {"Product": "cbs"}, **changes)["RegionSet"]


def at(client, region):
    return Client(client.port, region=region)


def ids(client, action, name):
    return {record[name] for record in client.call(action, {"Limit": 100})[action.removeprefix("Describe")[:-1] + "Set"]}


def test_the_regions_of_the_account(client):
    found = regions(client)
    assert [(region["Region"], region["RegionState"]) for region in found] == [
        ("ap-guangzhou", "AVAILABLE"), ("ap-beijing", "AVAILABLE"), ("ap-singapore", "AVAILABLE"),
        ("ap-taipei", "UNAVAILABLE")]
    assert found[1]["RegionName"] == "华北地区(北京)"
    assert set(found[0]) == {"Region", "RegionName", "RegionState", "RegionTypeMC", "LocationMC", "RegionNameMC",
                             "RegionIdMC"}
    assert regions(at(client, None)) == found


def test_the_regions_that_were_asked_for(new):
    client = new("--region", "eu-frankfurt,xx-new-1")
    assert [(region["Region"], region["RegionName"]) for region in regions(at(client, None))] == [
        ("eu-frankfurt", "eu-frankfurt"), ("xx-new-1", "xx-new-1")]


@pytest.mark.parametrize("parameters, version, expected", [
    ({"Product": "cvm"}, VERSION, "InvalidParameter"), ({}, VERSION, "MissingParameter"),
    ({"Product": "cbs"}, "2017-03-12", "NoSuchVersion"), ({"Product": "cbs", "Limit": 1}, VERSION, "UnknownParameter"),
])
def test_what_is_wrong_with_a_question_for_regions(client, parameters, version, expected):
    with pytest.raises(ApiError) as error:
        client.call("DescribeRegions", parameters, version=version, service="region")
    assert error.value.code == expected


def test_the_other_version_is_of_regions_only(client):
    with pytest.raises(ApiError) as error:
        client.call("DescribeDisks", version=VERSION)
    assert error.value.code == "NoSuchVersion"


def test_each_region_holds_its_own(new):
    """Less than the first, some of the same names, and no id twice."""
    client = new()
    disks, snapshots = {}, {}
    for region in ("ap-guangzhou", "ap-beijing", "ap-singapore"):
        there = at(client, region)
        disks[region] = ids(there, "DescribeDisks", "DiskId")
        snapshots[region] = ids(there, "DescribeSnapshots", "SnapshotId")
        for record in there.call("DescribeSnapshots", {"Limit": 100})["SnapshotSet"]:
            assert record["Placement"]["Zone"].startswith(region + "-")
            assert record["DiskId"] in disks[region] or region == "ap-guangzhou"
    assert [len(disks[region]) for region in disks] == [4, 3, 2]
    assert [len(snapshots[region]) for region in snapshots] == [11, 5, 4]
    assert len(set().union(*disks.values())) == 9 and len(set().union(*snapshots.values())) == 20
    names = {disk["DiskName"] for disk in at(client, "ap-beijing").call("DescribeDisks")["DiskSet"]}
    assert names == {"pg-data", "logs", "mirror"}
    with pytest.raises(ApiError) as error:
        at(client, "ap-taipei").call("DescribeDisks")
    assert error.value.code == "UnsupportedRegion"


def test_the_same_seed_gives_the_same_regions(new):
    first, second, other = new(), new(), new("--seed", 2)
    for region in ("ap-beijing", "ap-singapore"):
        found = ids(at(first, region), "DescribeSnapshots", "SnapshotId")
        assert found == ids(at(second, region), "DescribeSnapshots", "SnapshotId")
        assert not found & ids(at(other, region), "DescribeSnapshots", "SnapshotId")


def test_a_change_stays_in_its_region(new):
    client = new("--create-time", 0)
    beijing = at(client, "ap-beijing")
    disk = sorted(ids(beijing, "DescribeDisks", "DiskId"))[0]
    made = beijing.call("CreateSnapshot", {"DiskId": disk, "SnapshotName": "x"})["SnapshotId"]
    assert made in ids(beijing, "DescribeSnapshots", "SnapshotId")
    assert made not in ids(client, "DescribeSnapshots", "SnapshotId")
    with pytest.raises(ApiError) as error:
        client.call("DeleteSnapshots", {"SnapshotIds": [made]})
    assert error.value.code == "InvalidSnapshotId.NotFound"


def test_each_region_has_its_own_rate(new):
    client = new("--rate", 3)
    beijing = at(client, "ap-beijing")
    for _ in range(3):
        client.call("DescribeDisks")
    with pytest.raises(ApiError) as error:
        client.call("DescribeDisks")
    assert error.value.code == "RequestLimitExceeded"
    for _ in range(3):
        beijing.call("DescribeDisks")


def test_stats_tell_regions_apart(new):
    client = new("--create-time", 0)
    beijing = at(client, "ap-beijing")
    client.call("DescribeDisks")
    regions(at(client, None))
    for _ in range(2):
        beijing.call("DescribeSnapshots")
    beijing.call("CreateSnapshot", {"DiskId": sorted(ids(beijing, "DescribeDisks", "DiskId"))[0]})
    stats = client.stats()
    assert stats["requests"] == {"DescribeDisks": 2, "DescribeRegions": 1, "DescribeSnapshots": 2, "CreateSnapshot": 1}
    assert {region: counted["requests"] for region, counted in stats["regions"].items()} == {
        "ap-guangzhou": {"DescribeDisks": 1},
        "ap-beijing": {"DescribeDisks": 1, "DescribeSnapshots": 2, "CreateSnapshot": 1}}
    assert stats["regions"]["ap-beijing"]["changes"] == {"CreateSnapshot": 1}
    assert stats["regions"]["ap-guangzhou"]["changes"] == {}
    client.control("DELETE", "stats")
    assert client.stats()["regions"] == {}


def test_a_fault_may_strike_one_region_only(new):
    client = new()
    client.faults({"action": "DescribeDisks", "kind": "error", "code": "InternalError", "region": "ap-beijing",
                   "times": 0})
    client.call("DescribeDisks")
    at(client, "ap-singapore").call("DescribeDisks")
    with pytest.raises(ApiError) as error:
        at(client, "ap-beijing").call("DescribeDisks")
    assert error.value.code == "InternalError"
    assert client.stats()["faults"] == {"error": 1}


def test_a_patch_of_another_region(new):
    client = new()
    client.patch(region="ap-beijing", disks={"disk-new00001": {"DiskName": "patched"}})
    assert "disk-new00001" in ids(at(client, "ap-beijing"), "DescribeDisks", "DiskId")
    assert "disk-new00001" not in ids(client, "DescribeDisks", "DiskId")
    with pytest.raises(ValueError, match="there is no region eu-nowhere"):
        client.patch(region="eu-nowhere", disks={})
