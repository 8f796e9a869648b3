# SPDX-License-Identifier: Apache-2.0
"""Dates, shares, copies, new disks and groups under every kind of fault: as test_enumeration.py, for what came later.

Each kind of fault once, where that one has each of its forms: the way of a change is the same.
"""
import errno
import time
import traceback
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import pytest

from account import ALLOWED, LANES, TIMEOUT, account, error_number, figures
from commands import run, shell, wait_until
from tc3 import Client
from test_enumeration import FAULTS, LISTINGS

REGIONS = ("ap-guangzhou", "ap-beijing")
SENDS_MOST = 5
ACCOUNT = "100001122000"
# What is done, by which action, whether it may be sent again, and whether what the cloud lists shows that it happened.
Change = namedtuple("Change", "action again shows")
CHANGES = {"expires": Change("ModifySnapshotAttribute", True, True),
           "shared_with": Change("ModifySnapshotsSharePermission", True, True),
           "copy_to": Change("CopySnapshotCrossRegions", False, True),
           "new_disk": Change("CreateDisks", True, False),
           "mkdir": Change("CreateSnapshotGroup", False, True),
           "rollback": Change("ApplySnapshotGroup", False, True),
           "rmdir": Change("DeleteSnapshotGroup", True, True)}
WORDS = {"expires": "+30d", "shared_with": "+" + ACCOUNT, "copy_to": REGIONS[1], "new_disk": "yes"}
REFUSED_FIRST = ("throttle", "expired-token-for-ever")
KINDS = ("none", "drop-before", "hang", "502", "InternalError", "malformed", *REFUSED_FIRST, "drop-before-for-ever",
         "drop-late-400", "InternalError-late-2500", "drop-after", "hang-after", "html-after", "InternalError-after",
         "truncate", "delay-beyond", "502-after-for-ever")
LOOKS = ("DescribeSnapshots", "DescribeSnapshotGroups", "DescribeSnapshotSharePermission")
CASES = [(verb, fault, "true") for verb in CHANGES for fault in KINDS] + \
        [(verb, fault, "down") for verb in CHANGES for fault in ("drop-before", "drop-after")]


class Case:
    """One change under one fault, judged; what is not as promised is in `problems`."""

    def __init__(self, verb, fault, listing):
        self.verb, self.fault, self.listing = verb, fault, listing
        self.change = CHANGES[verb]
        self.problems = []
        self.status = None

    def expect(self, condition, what):
        if not condition:
            self.problems.append(what)

    def run(self):
        arguments = ("--region", ",".join(REGIONS), "--create-time", "0.2", "--rollback-time", "30", "--copy-time", "30")
        try:
            with account(arguments=arguments, options=("allow_create_disk",)) as own:
                self.prepare(own)
                self.play(own)
        except Exception:  # whatever it is, it belongs to this case
            self.problems.append(traceback.format_exc())
        return self

    def prepare(self, own):
        """Two disks of one instance, and, unless it is to be made, a group of their snapshots."""
        self.client = Client(own.simulator.port)
        self.disks = [own.simulator.disk_record(Attached=True, DiskState="ATTACHED", InstanceId="ins-1")
                      for _ in range(2)]
        own.simulator.patch(disks={disk["DiskId"]: disk for disk in self.disks})
        ids = [disk["DiskId"] for disk in self.disks]
        if self.verb in ("rollback", "rmdir"):
            self.client.call("CreateSnapshotGroup", {"DiskIds": ids, "SnapshotGroupName": "good"})
            wait_until(lambda: self.groups()[0]["SnapshotGroupState"] == "NORMAL", 10, "the group")
        own.mount.refresh()
        own.mount.list("groups")
        own.mount.snapshots(own.disk)
        own.mount.list("disks")
        self.path = own.mount.snapshot(own.disk, "good", self.verb)
        if self.verb == "mkdir":
            self.path = own.mount.path("groups", f"new@{','.join(ids)}")
        elif self.verb in ("rollback", "rmdir"):
            self.path = own.mount.path("groups", "good")
        self.disks_before = self.client.call("DescribeDisks")["TotalCount"]

    def groups(self):
        return self.client.call("DescribeSnapshotGroups", {})["SnapshotGroupSet"]

    def order(self):
        """What a user types."""
        if self.verb in ("mkdir", "rmdir"):
            return run(self.verb, self.path)
        if self.verb == "rollback":
            return shell('echo yes stop > "$1"', self.path + "/rollback")
        return shell('echo "$2" > "$1"', self.path, WORDS[self.verb])

    def effects(self, own):
        """How often it has happened, as the cloud has it."""
        if self.verb == "expires":
            good, = self.client.call("DescribeSnapshots", {"SnapshotIds": [own.good]})["SnapshotSet"]
            return int(not good["IsPermanent"])
        if self.verb == "shared_with":
            shares = self.client.call("DescribeSnapshotSharePermission", {"SnapshotId": own.good})
            return len(shares["SharePermissionSet"])
        if self.verb == "copy_to":
            return Client(own.simulator.port, region=REGIONS[1]).call("DescribeSnapshots")["TotalCount"]
        if self.verb == "new_disk":
            return self.client.call("DescribeDisks")["TotalCount"] - self.disks_before
        if self.verb == "mkdir":
            return len(self.groups())
        if self.verb == "rmdir":
            return 1 - len(self.groups())
        return int(self.groups()[0]["SnapshotGroupState"] == "ROLLBACKING")

    def play(self, own):
        faults = [{"action": self.change.action, **FAULTS[self.fault]}] if FAULTS[self.fault] else []
        if self.listing != "true":
            faults += [{"action": action, "times": 0, **LISTINGS[self.listing]} for action in LOOKS]
        requests = own.simulator.requests(self.change.action)
        executed = self.executed(own)
        own.simulator.faults(*faults)
        result = self.order()
        self.status = error_number(result)
        requests = own.simulator.requests(self.change.action) - requests
        executed = self.executed(own) - executed
        own.simulator.faults()
        self.judge(own, result, requests, executed)
        if self.status == errno.ETIMEDOUT:
            self.follow(own)

    def executed(self, own):
        return own.simulator.stats()["changes"].get(self.change.action, 0)

    def judge(self, own, result, requests, executed):
        said = f"{result.err.strip()!r}, sent {requests} times, executed {executed} times"
        self.expect(result.seconds < TIMEOUT + 2, f"took {result.seconds:.1f} s")
        self.expect(self.status == 0 or self.status in ALLOWED, f"not an errno of the contract: {said}")
        most = SENDS_MOST if self.change.again or self.fault in REFUSED_FIRST else 1
        self.expect(1 <= requests <= most and executed <= most, said)
        effects = self.effects(own)
        self.expect(effects <= 1, f"happened {effects} times: {said}")
        if self.status == 0:
            self.expect(effects == 1, f"did not happen: {said}")
        elif self.status != errno.ETIMEDOUT:
            self.expect(effects == 0, f"happened: {said}")
        elif self.listing == "true" and self.change.shows and "late" not in self.fault:
            self.expect(effects == 0, f"it could have been found out in time: {said}")
        if self.fault in ("none", "throttle"):
            self.expect(self.status == 0, f"failed: {said}")
        if self.status != 0:
            name = errno.errorcode.get(self.status, "?")
            self.expect(any(entry["errno"] == name for entry in own.journal()), f"{name} is not in .cbsfs/errors")

    def follow(self, own):
        """It is watched, and shows by itself where it happened."""
        jobs = own.jobs()
        self.expect(jobs and jobs[-1]["state"] in ("watching", "done"), f"unknown, and {jobs}")
        wait_until(lambda: own.simulator.stats()["late"] == 0, 10, "the late change")
        effects = self.effects(own)
        self.expect(effects <= 1, f"happened {effects} times in the end")
        if effects == 1 and self.change.shows:
            try:
                wait_until(lambda: own.jobs()[-1]["state"] == "done", 20, "the end of the job")
            except AssertionError as failure:
                self.problems.append(f"{failure}: {own.jobs()}")


@pytest.fixture(scope="module")
def verdicts(request):
    wanted = [item.callspec.params["case"] for item in request.session.items
              if item.originalname == "test_a_feature_answers_truly"]
    began = time.monotonic()
    with ThreadPoolExecutor(LANES) as pool:
        judged = dict(zip(wanted, pool.map(lambda case: Case(*case).run(), wanted)))
    unknown = sum(case.status == errno.ETIMEDOUT for case in judged.values())
    figures.append(f"faults of features: {len(judged)} cases in {time.monotonic() - began:.0f} s, {unknown} unknown in time, "
                   f"{sum(bool(case.problems) for case in judged.values())} not as promised")
    return judged


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_feature_answers_truly(verdicts, case):
    assert not verdicts[case].problems, "\n".join(verdicts[case].problems)
