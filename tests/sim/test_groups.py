# SPDX-License-Identifier: Apache-2.0
"""Snapshot groups, and the policies that make snapshots."""

import pytest
from tc3 import ApiError, Client, query

DISK = "disk-omp7wl2m"
ROOT = "disk-7m2x9ufb"  # attached to ins-5r8t2w0y
WEB = "ins-5r8t2w0y"


def code(client, action, parameters):
    with pytest.raises(ApiError) as error:
        client.call(action, parameters)
    return error.value.code


def attach(client, instance=WEB):
    client.patch(disks={DISK: {"Attached": True, "DiskState": "ATTACHED", "InstanceId": instance}})


@pytest.fixture
def two(new):
    """Two disks that are attached to one instance."""
    client = new("--create-time", 0.2, "--rollback-time", 0.3, "--rate", 0)
    attach(client)
    return client


def groups(client, **parameters):
    return client.call("DescribeSnapshotGroups", parameters)["SnapshotGroupSet"]


def snapshots(client, ids):
    found = client.call("DescribeSnapshots", {"SnapshotIds": ids})["SnapshotSet"]
    return {record["SnapshotId"]: record for record in found}


def make(client, name="all", disks=(DISK, ROOT)):
    made = client.call("CreateSnapshotGroup", {"DiskIds": list(disks), "SnapshotGroupName": name})
    return made["SnapshotGroupId"]


def settled(client, group_id):
    def state():
        group = [each for each in groups(client) if each["SnapshotGroupId"] == group_id][0]
        return group if group["SnapshotGroupState"] == "NORMAL" else None

    return client.wait_for(state)


def test_a_group_has_a_snapshot_of_each_disk(two):
    group_id = make(two)
    group = groups(two)[0]
    assert group["SnapshotGroupId"] == group_id and group_id.startswith("csnap-")
    assert group["SnapshotGroupState"] == "CREATING" and group["Percent"] < 100
    members = snapshots(two, group["SnapshotIdSet"])
    assert [(members[key]["SnapshotName"], members[key]["DiskId"]) for key in group["SnapshotIdSet"]] == [
        ("all_0", DISK), ("all_1", ROOT)]
    group = settled(two, group_id)
    assert (group["Percent"], group["SnapshotGroupName"], group["ContainRootSnapshot"]) == (100, "all", True)
    assert set(group) == {"SnapshotGroupId", "SnapshotGroupType", "SnapshotGroupName", "SnapshotGroupState",
                          "SnapshotIdSet", "ContainRootSnapshot", "Percent", "CreateTime", "ModifyTime", "Images",
                          "ImageCount", "IsPermanent", "DeadlineTime", "AutoSnapshotPolicyId"}
    assert group["CreateTime"].endswith("+08:00")


def test_groups_are_filtered_and_paged(two):
    ids = []
    for number in range(3):
        ids.append(make(two, f"g{number}", [DISK]))
        settled(two, ids[-1])

    def by(name, *values):
        return [group["SnapshotGroupName"] for group in groups(two, Filters=[{"Name": name, "Values": list(values)}])]

    member = groups(two, Filters=[{"Name": "snapshot-group-id", "Values": [ids[1]]}])[0]["SnapshotIdSet"][0]
    assert by("snapshot-id", member) == ["g1"] and by("snapshot-group-name", "g2", "g0") in (["g0", "g2"], ["g2", "g0"])
    assert len(by("snapshot-group-state", "NORMAL")) == 3 and by("snapshot-group-state", "CREATING") == []
    answer = two.call("DescribeSnapshotGroups", {"Offset": 2, "Limit": 1})
    assert answer["TotalCount"] == 3 and len(answer["SnapshotGroupSet"]) == 1
    for parameters, expected in (({"Limit": 101}, "InvalidParameterValue"), ({"Order": "ASC"}, "UnknownParameter"),
                                 ({"Filters": [{"Name": "disk-id", "Values": []}]}, "InvalidFilter")):
        assert code(two, "DescribeSnapshotGroups", parameters) == expected
    assert len(two.get("DescribeSnapshotGroups", query({"Limit": 2}))["SnapshotGroupSet"]) == 2


@pytest.mark.parametrize("parameters, expected", [
    ({"DiskIds": []}, "InvalidParameterValue"), ({"DiskIds": ["disk-nosuch00"]}, "InvalidDiskId.NotFound"),
    ({"DiskIds": [ROOT, ROOT]}, "InvalidParameterValue"), ({"DiskIds": [ROOT, "disk-0k6v4b2m"]}, "InvalidParameterValue"),
    ({"DiskIds": [ROOT], "SnapshotGroupName": "x" * 61}, "InvalidParameter"), ({}, "MissingParameter"),
])
def test_what_group_cannot_be_made(client, parameters, expected):
    assert code(client, "CreateSnapshotGroup", parameters) == expected
    assert client.call("DescribeSnapshots")["TotalCount"] == 11 and groups(client) == []


def test_a_group_of_disks_on_two_instances(two):
    attach(two, "ins-other000")
    assert code(two, "CreateSnapshotGroup", {"DiskIds": [DISK, ROOT]}) == "InvalidParameterValue"


def test_a_disk_that_is_busy_refuses_the_whole_group(two):
    make(two, "first", [DISK])
    assert code(two, "CreateSnapshotGroup", {"DiskIds": [ROOT, DISK]}) == "InvalidDisk.SnapshotCreating"
    assert len(groups(two)) == 1


def pairs(two, group):
    return [{"SnapshotId": key, "DiskId": record["DiskId"]}
            for key, record in snapshots(two, group["SnapshotIdSet"]).items()]


def test_the_disks_of_a_group_are_rolled_back_together(two):
    group = settled(two, make(two))
    wanted = {"SnapshotGroupId": group["SnapshotGroupId"], "ApplyDisks": pairs(two, group)}
    assert code(two, "ApplySnapshotGroup", wanted) == "UnsupportedOperation.StateError"
    two.call("ApplySnapshotGroup", {**wanted, "AutoStopInstance": True})
    states = {disk["DiskId"]: disk["Rollbacking"] for disk in two.call("DescribeDisks")["DiskSet"]}
    assert states[DISK] and states[ROOT] and sum(states.values()) == 2
    assert groups(two)[0]["SnapshotGroupState"] == "ROLLBACKING"
    for action in ("ApplySnapshotGroup", "DeleteSnapshotGroup"):
        parameters = wanted if action == "ApplySnapshotGroup" else {"SnapshotGroupId": group["SnapshotGroupId"]}
        assert code(two, action, parameters) == "UnsupportedOperation.StateError"
    settled(two, group["SnapshotGroupId"])


def test_part_of_a_group_is_rolled_back(two):
    group = settled(two, make(two))
    one = pairs(two, group)[:1]
    two.call("ApplySnapshotGroup", {"SnapshotGroupId": group["SnapshotGroupId"], "ApplyDisks": one,
                                    "AutoStopInstance": True})
    assert [disk["DiskId"] for disk in two.call("DescribeDisks")["DiskSet"] if disk["Rollbacking"]] == [one[0]["DiskId"]]


def test_what_rollback_of_a_group_is_refused(two):
    group = settled(two, make(two))
    both = pairs(two, group)
    crossed = [{"SnapshotId": both[0]["SnapshotId"], "DiskId": both[1]["DiskId"]}]
    foreign = [{"SnapshotId": "snap-0jfkjwl1", "DiskId": DISK}]
    base = {"SnapshotGroupId": group["SnapshotGroupId"], "ApplyDisks": both, "AutoStopInstance": True}
    for changes, expected in (({"ApplyDisks": crossed}, "InvalidParameter"), ({"ApplyDisks": foreign}, "InvalidParameter"),
                              ({"ApplyDisks": []}, "InvalidParameter"), ({"ApplyDisks": both[:1] * 2}, "InvalidParameter"),
                              ({"SnapshotGroupId": "csnap-nosuch0"}, "InvalidParameter"),
                              ({"ApplyDisks": [{"SnapshotId": "x"}]}, "InvalidParameter"),
                              ({"ApplyDisks": None}, "MissingParameter")):
        assert code(two, "ApplySnapshotGroup", {**base, **changes}) == expected
    attach(two, "ins-other000")
    assert code(two, "ApplySnapshotGroup", base) == "UnsupportedOperation.SnapshotGroupDiskAttachMultiInstance"
    assert not any(disk["Rollbacking"] for disk in two.call("DescribeDisks")["DiskSet"])


def test_a_group_is_deleted_with_its_snapshots(two):
    first, second = settled(two, make(two)), settled(two, make(two, "second", [DISK]))
    assert code(two, "DeleteSnapshotGroup", {}) == "MissingParameter"
    assert code(two, "DeleteSnapshotGroup", {"SnapshotGroupId": first["SnapshotGroupId"],
                                             "SnapshotGroupIds": ["csnap-nosuch0"]}) == "InvalidSnapshotId.NotFound"
    assert len(groups(two)) == 2
    two.call("DeleteSnapshotGroup", {"SnapshotGroupId": first["SnapshotGroupId"]})
    assert snapshots(two, first["SnapshotIdSet"]) == {} and len(groups(two)) == 1
    # One whose snapshots went on their own is deleted as well.
    two.call("DeleteSnapshots", {"SnapshotIds": second["SnapshotIdSet"]})
    assert groups(two)[0]["SnapshotIdSet"] == []
    two.call("DeleteSnapshotGroup", {"SnapshotGroupIds": [second["SnapshotGroupId"]]})
    assert groups(two) == [] and two.call("DescribeSnapshots")["TotalCount"] == 11


def test_what_holds_a_member_holds_the_group(two):
    group = settled(two, make(two))
    member = group["SnapshotIdSet"][0]
    two.patch(snapshots={member: {"Images": [{"ImageId": "img-1", "ImageName": "x"}]}})
    parameters = {"SnapshotGroupId": group["SnapshotGroupId"]}
    assert code(two, "DeleteSnapshotGroup", parameters) == "UnsupportedOperation.SnapshotHasBindedImage"
    two.call("ModifySnapshotsSharePermission", {"SnapshotIds": [member], "AccountIds": ["100001122000"],
                                                "Permission": "SHARE"})
    parameters["DeleteBindImages"] = True
    assert code(two, "DeleteSnapshotGroup", parameters) == "UnsupportedOperation.SnapHasShared"
    two.call("ModifySnapshotsSharePermission", {"SnapshotIds": [member], "AccountIds": ["100001122000"],
                                                "Permission": "CANCEL"})
    two.call("DeleteSnapshotGroup", parameters)


def test_the_groups_of_another_region(client):
    found = groups(Client(client.port, region="ap-beijing"))
    assert [(group["SnapshotGroupName"], len(group["SnapshotIdSet"])) for group in found] == [("web-all", 2)]


# --- policies -----------------------------------------------------------------------------------


def test_policies(client):
    found = client.call("DescribeAutoSnapshotPolicies", {"Order": "ASC"})
    assert found["TotalCount"] == 2
    nightly, sundays = found["AutoSnapshotPolicySet"]
    assert (nightly["AutoSnapshotPolicyName"], nightly["DiskIdSet"], nightly["RetentionDays"]) == (
        "nightly-7d", [DISK], 7)
    assert nightly["NextTriggerTime"].endswith(" 02:00:00") and nightly["IsActivated"] is True
    assert (sundays["IsActivated"], sundays["IsPermanent"], sundays["DiskIdSet"]) == (False, True, [])
    assert set(nightly) == {
        "AutoSnapshotPolicyId", "AutoSnapshotPolicyName", "AutoSnapshotPolicyState", "IsActivated", "IsPermanent",
        "RetentionDays", "RetentionMonths", "RetentionAmount", "AdvancedRetentionPolicy", "Policy", "NextTriggerTime",
        "CreateTime", "DiskIdSet", "InstanceIdSet", "Tags", "IsCopyToRemote", "CopyToAccountUin", "CopyFromAccountUin"}
    made = [record for record in client.call("DescribeSnapshots")["SnapshotSet"]
            if record["AutoSnapshotPolicyId"] == nightly["AutoSnapshotPolicyId"]]
    assert [record["DiskId"] for record in made] == [DISK]


def test_policies_by_id_and_filter(client):
    def names(**parameters):
        found = client.call("DescribeAutoSnapshotPolicies", parameters)["AutoSnapshotPolicySet"]
        return [policy["AutoSnapshotPolicyName"] for policy in found]

    assert names(AutoSnapshotPolicyIds=["asp-w3e8k1p5", "asp-nosuch00"]) == ["sundays"]
    assert names(Filters=[{"Name": "auto-snapshot-policy-name", "Values": ["nightly-7d"]}]) == ["nightly-7d"]
    assert names(Filters=[{"Name": "auto-snapshot-policy-state", "Values": ["ISOLATED"]}]) == []
    assert names(Limit=1, Offset=1) == ["nightly-7d"]
