# SPDX-License-Identifier: Apache-2.0
"""One suite, several back ends: CBSFS_TEST_PROVIDER says through which API the mounts speak (tencent).

Tests count and spoil actions by their names in API 3.0; here these become the provider's own and back.
"""
import os
import re
import uuid

CHANGES = ("CreateSnapshot", "ApplySnapshot", "ModifySnapshotAttribute", "DeleteSnapshots",
           # Of API 3.0 only:
           "ModifySnapshotsSharePermission", "CopySnapshotCrossRegions", "CreateDisks", "CreateSnapshotGroup",
           "ApplySnapshotGroup", "DeleteSnapshotGroup")
PROVIDER = os.environ.get("CBSFS_TEST_PROVIDER", "tencent")
OWN_NAMES = {"tencent": {},
             "qcloud": {"DescribeDisks": ["DescribeCbsStorages"], "ModifySnapshotAttribute": ["ModifySnapshot"],
                        "DeleteSnapshots": ["DeleteSnapshot"]},
             "openstack": {"DescribeDisks": ["ListVolumes", "ShowVolume"],
                           "DescribeSnapshots": ["ListSnapshots", "ShowSnapshot"],
                           "ApplySnapshot": ["RevertToSnapshot"], "ModifySnapshotAttribute": ["UpdateSnapshot"],
                           "DeleteSnapshots": ["DeleteSnapshot"], "DescribeSnapshotGroups": ["ListGroupSnapshots"],
                           "CreateSnapshotGroup": ["CreateGroupSnapshot"],
                           "DeleteSnapshotGroup": ["DeleteGroupSnapshot"]},
             "evs": {"DescribeDisks": ["ListVolumes"], "DescribeSnapshots": ["ListSnapshots"],
                     "ApplySnapshot": ["RollbackSnapshot"], "ModifySnapshotAttribute": ["UpdateSnapshot"],
                     "DeleteSnapshots": ["DeleteSnapshot"]}}[PROVIDER]
COMMON_NAMES = {own: common for common, names in OWN_NAMES.items() for own in names}
OPTIONS = [] if PROVIDER == "tencent" else [f"provider={PROVIDER}"]
OWN_STATES = {"qcloud": {"UNATTACHED": "normal", "ATTACHED": "normal"},
              "openstack": {"NORMAL": "available", "UNATTACHED": "available", "ATTACHED": "in-use",
                            "ROLLBACKING": "restoring"},
              "evs": {"NORMAL": "available", "UNATTACHED": "available", "ATTACHED": "in-use"}}
OWN_CODES = {"openstack": {"UnauthorizedOperation": "forbidden", "InternalError": "computeFault"},
             "evs": {"UnauthorizedOperation": "EVS.1027", "InternalError": "EVS.5500"}}.get(PROVIDER, {})
HAS_UUIDS = PROVIDER in ("openstack", "evs")
A_SNAPSHOT = "0b6c8c9a-94b5-4dd8-9d5e-27be81a8a9ff" if HAS_UUIDS else "snap-0jfkjwl1"  # of nobody
NAME_LIMIT = {"openstack": 255, "evs": 64}.get(PROVIDER, 60)
WIDE_NAME_LIMIT = {"openstack": 85, "evs": 64}.get(PROVIDER, 20)  # characters of three bytes
QUOTA = 7 if PROVIDER == "evs" else 64
DEFAULT_NAMES = [] if HAS_UUIDS else ["Unnamed", "未命名"]
# What every simulator is started with: tests fill disks further than EVS allows.
SIMULATOR = ["--quota", "64"] if PROVIDER == "evs" else []

# What a test may need beyond what every cloud can do, and what the real one cannot: tests that are marked with `needs`
# and one of these words are not part of its suite.
BEYOND_A_REAL_CLOUD = {
    "any snapshot": "a rollback to another snapshot than the newest",
    "attributes": "values that Cinder does not have: images, usage, expiry, encryption, what an account may do",
    "emoji": "characters beyond the basic plane, which Cinder's tables do not take",
    "gaps": "records without values that they always have",
    "orphans": "snapshots without their disk",
    "percents": "progress between 0 and 100",
    "polls together": "one question for the state of many",
    "quota": "a quota for each disk",
    "simulator": "a simulator that is started with options, is stopped, or is reached another way",
    "staleness": "listings that lag behind",
    "words": "error codes, names and limits of API 3.0",
}
LACKS = {"openstack": set(BEYOND_A_REAL_CLOUD), "evs": {"attributes", "words"}}.get(PROVIDER, set())


def credentials(endpoint, region, name, secret):
    """Variables for whoever mounts the account of a simulator there."""
    if PROVIDER != "evs":
        return {"TENCENTCLOUD_SECRET_ID": name, "TENCENTCLOUD_SECRET_KEY": secret}
    return {"OS_AUTH_URL": f"{endpoint}/v3", "OS_USERNAME": name, "OS_PASSWORD": secret,
            "OS_USER_DOMAIN_NAME": "simulator", "OS_PROJECT_DOMAIN_NAME": "simulator", "OS_PROJECT_NAME": region}


def own_id(identifier):
    """The id of a simulator's record as the provider shows it, of one like disk-t0000001; see cbsfs-sim(1)."""
    if PROVIDER != "evs":
        return identifier
    digits = identifier[5:].encode().ljust(8, b"\0").hex()
    return f"{identifier[:4].encode().hex()}-{digits[:4]}-4000-8000-{digits[4:]}"


def own_names(action):
    return OWN_NAMES.get(action, [action])


def own_name(action):
    return own_names(action)[0]


def own_state(word):
    """The provider's own word for a state of a snapshot or a disk."""
    return word if PROVIDER == "tencent" else OWN_STATES[PROVIDER].get(word, word.lower())


def own_code(code):
    """The provider's own word for an error."""
    return OWN_CODES.get(code, code)


def own_instance(name):
    """The id that an instance has, of one whose name is an id of Tencent's."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name)) if PROVIDER == "openstack" else name


def is_snapshot_id(text):
    return re.fullmatch("[0-9a-f-]{36}" if HAS_UUIDS else "snap-.*", text) is not None


def with_common_names(counters):
    found = {}
    for name, count in counters.items():
        if name == "CreateToken":
            continue  # a login is no question to the account
        common = COMMON_NAMES.get(name, name)
        found[common] = found.get(common, 0) + count
    return found


def with_common_parameters(action, own):
    """The parameters of a change as API 3.0 would have got them."""
    if PROVIDER == "tencent" or action not in CHANGES:
        return own
    names = {"storageId": "DiskId", "snapshotId": "SnapshotId", "snapshotName": "SnapshotName",
             "volume_id": "DiskId", "snapshot_id": "SnapshotId", "name": "SnapshotName"}
    common = {names[name]: value for name, value in own.items() if name in names}
    if "snapshotIds.0" in own:
        common["SnapshotIds"] = [own["snapshotIds.0"]]
    if PROVIDER == "evs" and action == "DeleteSnapshots":
        common["SnapshotIds"] = [common.pop("SnapshotId")]
    return common


def can(word):
    """For fixtures: whether this provider's cloud can have what `needs` would be marked with."""
    assert word in BEYOND_A_REAL_CLOUD
    return word not in LACKS


def is_for_this(item):
    """A test may say @pytest.mark.only("tencent") where the other APIs have other words or cannot do it, and
    @pytest.mark.needs("orphans") where a real cloud cannot."""
    marker = item.get_closest_marker("only")
    needed = [word for marker in item.iter_markers("needs") for word in marker.args]
    unknown = set(needed) - set(BEYOND_A_REAL_CLOUD)
    assert not unknown, f"{item.nodeid} needs {unknown}, which providers.py does not know"
    return (marker is None or PROVIDER in marker.args) and not LACKS & set(needed)
