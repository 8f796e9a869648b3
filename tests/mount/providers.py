# SPDX-License-Identifier: Apache-2.0
"""One suite, several back ends: CBSFS_TEST_PROVIDER says through which API the mounts speak (tencent).

Tests count and spoil actions by their names in API 3.0; here these become the provider's own and back.
"""
import os

CHANGES = ("CreateSnapshot", "ApplySnapshot", "ModifySnapshotAttribute", "DeleteSnapshots")
PROVIDER = os.environ.get("CBSFS_TEST_PROVIDER", "tencent")
OWN_NAMES = {"tencent": {},
             "qcloud": {"DescribeDisks": "DescribeCbsStorages", "ModifySnapshotAttribute": "ModifySnapshot",
                        "DeleteSnapshots": "DeleteSnapshot"}}[PROVIDER]
COMMON_NAMES = {own: common for common, own in OWN_NAMES.items()}
OPTIONS = [] if PROVIDER == "tencent" else [f"provider={PROVIDER}"]


def own_name(action):
    return OWN_NAMES.get(action, action)


def own_state(word):
    """The provider's own word for a state of a snapshot or a disk."""
    if PROVIDER != "qcloud":
        return word
    return {"UNATTACHED": "normal", "ATTACHED": "normal"}.get(word, word.lower())


def with_common_names(counters):
    return {COMMON_NAMES.get(name, name): count for name, count in counters.items()}


def with_common_parameters(action, own):
    """The parameters of a change as API 3.0 would have got them."""
    if PROVIDER == "tencent" or action not in CHANGES:
        return own
    names = {"storageId": "DiskId", "snapshotId": "SnapshotId", "snapshotName": "SnapshotName"}
    common = {names[name]: value for name, value in own.items() if name in names}
    if "snapshotIds.0" in own:
        common["SnapshotIds"] = [own["snapshotIds.0"]]
    return common


def is_for_this(item):
    """A test may say @pytest.mark.only("tencent") where the other APIs have other words or cannot do it."""
    marker = item.get_closest_marker("only")
    return marker is None or PROVIDER in marker.args
