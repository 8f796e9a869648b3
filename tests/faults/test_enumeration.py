# SPDX-License-Identifier: Apache-2.0
"""Every change, every fault, every point (design, tenet 3): the answer is true, in time and given once.

The cases are enumerated.  They mostly wait, so they run side by side, each on an account of its own, before
the first test; the tests then say what became of each.
"""
import errno
import itertools
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from account import ACTIONS, ALLOWED, LANES, TIMEOUT, account, error_number, figures
from commands import wait_until

SENDS_MOST = 5  # of a rename or a deletion
FOR_EVER = {"times": 0}
AFTER = {"after": True}

# The fault that the change itself meets, by the point where it strikes.
BEFORE_PROCESSING = {
    "drop-before": {"kind": "drop-before"}, "hang": {"kind": "hang"},
    "500": {"kind": "status", "status": 500}, "502": {"kind": "status", "status": 502},
    "503": {"kind": "status", "status": 503}, "504": {"kind": "status", "status": 504},
    "html": {"kind": "html"}, "malformed": {"kind": "malformed"}, "envelope": {"kind": "envelope"},
    "truncate-unprocessed": {"kind": "truncate", "after": False}, "InternalError": {"kind": "error"},
    "throttle": {"kind": "throttle"}, "throttle-for-ever": {"kind": "throttle", **FOR_EVER},
    "expired-token": {"kind": "expired-token"}, "expired-token-for-ever": {"kind": "expired-token", **FOR_EVER},
    "502-for-ever": {"kind": "status", **FOR_EVER}, "InternalError-for-ever": {"kind": "error", **FOR_EVER},
    "drop-before-for-ever": {"kind": "drop-before", **FOR_EVER},
}
# Given up by whoever asked, and carried out all the same: while it is being looked for, or when time is up.
LATE = {f"{name}-late-{late}": {**kind, "late": late} for late in (400, 2500) for name, kind in {
    "drop": {"kind": "drop-before"}, "hang": {"kind": "hang"}, "502": {"kind": "status"},
    "InternalError": {"kind": "error"}}.items()}
LATE["InternalError-late-4000"] = {"kind": "error", "late": 4000}
# Refusals (throttle, expired-token, the gateway's envelope) are not here: a cloud that refuses what it carries
# out cannot be told from one that refuses.
AFTER_PROCESSING = {
    "drop-after": {"kind": "drop-after"}, "hang-after": {"kind": "hang", **AFTER},
    "500-after": {"kind": "status", "status": 500, **AFTER}, "502-after": {"kind": "status", **AFTER},
    "503-after": {"kind": "status", "status": 503, **AFTER}, "html-after": {"kind": "html", **AFTER},
    "malformed-after": {"kind": "malformed", **AFTER},
    "InternalError-after": {"kind": "error", **AFTER}, "drop-after-for-ever": {"kind": "drop-after", **FOR_EVER},
    "502-after-for-ever": {"kind": "status", **AFTER, **FOR_EVER},
}
IN_THE_ANSWER = {"truncate": {"kind": "truncate"}, "slow-body": {"kind": "slow-body", "ms": 2},
                 "slow-body-without-end": {"kind": "slow-body", "ms": 400}}
DEADLINE = {"delay": {"kind": "delay", "ms": 400}, "delay-beyond": {"kind": "delay", "ms": 20000}}
NONE = {"none": None, "clock-ahead": {"kind": "clock", "seconds": 3600},
        "clock-behind": {"kind": "clock", "seconds": -3600}}
# What a gate (gate.py) does to the connection; None: nobody listens.
CONNECTION = {"refused": None, "refused-for-a-moment": None,
              "reset-at-connect": ("reset", 1), "reset-for-ever": ("reset", 999),
              "reset-when-sent": ("reset-sent", 1), "reset-when-done": ("reset-done", 1),
              "reset-in-the-answer": ("reset-answer", 1), "never-read": ("silent", 1)}
FAULTS = {**NONE, **BEFORE_PROCESSING, **LATE, **AFTER_PROCESSING, **IN_THE_ANSWER, **DEADLINE,
          **dict.fromkeys(CONNECTION)}

# What whoever looks for the outcome meets.
LISTINGS = {
    "silent": {"kind": "hang"}, "down": {"kind": "drop-before"}, "502": {"kind": "status"},
    "throttled": {"kind": "throttle"}, "html": {"kind": "html"}, "InternalError": {"kind": "error"},
    "lagging-1s": {"kind": "stale", "seconds": 1}, "lagging": {"kind": "stale", "seconds": 0},
    "clock-ahead": {"kind": "clock", "seconds": 3600}, "clock-behind": {"kind": "clock", "seconds": -3600},
    "20s-ahead": {"kind": "clock", "seconds": 20}, "20s-behind": {"kind": "clock", "seconds": -20},
}
UNKNOWN = ("drop-before", "drop-after", "502-after", "InternalError", "InternalError-after")
UNKNOWN_FOR_EVER = ("drop-after-for-ever", "InternalError-for-ever", "502-after-for-ever")
TRUE_AFTER_ALL = ("true", "lagging-1s", "clock-ahead", "clock-behind", "20s-ahead", "20s-behind")

CASES = [(verb, fault, "true", TIMEOUT) for verb in ACTIONS for fault in FAULTS] + \
        list(itertools.product(ACTIONS, UNKNOWN, LISTINGS, [TIMEOUT])) + \
        list(itertools.product(ACTIONS, ("drop-late-400", "InternalError-late-2500"), ("lagging-1s", "lagging", "down"),
                               [TIMEOUT])) + \
        list(itertools.product(("mv", "rmdir"), UNKNOWN_FOR_EVER, ("lagging-1s", "lagging", "down"), [TIMEOUT])) + \
        list(itertools.product(ACTIONS, ("drop-after", "InternalError", "InternalError-after", "hang-late-2500",
                                         "InternalError-late-4000"), ("true", "lagging-1s", "lagging"), [5]))


def script(verb, fault, listing):
    faults = [{"action": ACTIONS[verb], **FAULTS[fault]}] if FAULTS[fault] else []
    if "clock" in listing:
        faults[0]["skip"] = 1  # the first request is refused for its time, the second one is executed
    if listing != "true":
        looks = ("*",) if LISTINGS[listing]["kind"] == "clock" else ("DescribeSnapshots", "DescribeDisks")
        faults += [{"action": action, **FOR_EVER, **LISTINGS[listing]} for action in looks]
    return faults


class Case:
    """One change under one fault, judged; what is not as promised is in `problems`."""

    def __init__(self, verb, fault, listing, timeout):
        self.verb, self.fault, self.listing, self.timeout = verb, fault, listing, timeout
        self.bound = timeout + 2
        self.problems = []
        self.executed = self.status = None

    def expect(self, condition, what):
        if not condition:
            self.problems.append(what)
        return condition

    def run(self):
        try:
            with account(timeout=self.timeout, gated=self.fault in CONNECTION) as own:
                self.play(own)
        except Exception:  # whatever it is, it belongs to this case
            self.problems.append(traceback.format_exc())
        return self

    def play(self, own):
        if self.listing == "lagging-1s":  # the snapshot has to be older than the lag, as its date says
            wait_until(lambda: time.monotonic() - own.began > 1.1)
        own.simulator.faults(*script(self.verb, self.fault, self.listing))
        if self.fault in CONNECTION:
            self.cut(own)
        result = own.change(self.verb, "new" if self.verb == "mkdir" else "good")
        self.executed, requests = own.executed(self.verb), own.requests(self.verb)
        self.status = error_number(result)
        self.judge(result, requests)
        if self.verb == "mkdir" and self.status != 0:
            self.try_again(own)
        if self.status != 0:
            self.check_reason(own)
        own.simulator.faults()
        if self.fault.startswith("refused"):
            self.reopen(own)
        if "late" in self.fault:
            wait_until(lambda: own.simulator.stats()["late"] == 0, 10, "the late change")
            self.expect(self.status in (0, errno.ETIMEDOUT) or own.executed(self.verb) == 0,
                        f"{errno.errorcode.get(self.status)}, and it was executed afterwards")
        if self.status == errno.ETIMEDOUT and own.executed(self.verb):
            self.follow(own)
        elif self.status == errno.ETIMEDOUT:
            self.expect(own.jobs()[0]["state"] == "watching", f"not executed, and {own.jobs()}")
        elif self.status == 0:
            self.expect(self.is_visible(own), "done, and it cannot be seen")

    def cut(self, own):
        if CONNECTION[self.fault]:
            own.gate.fail(*CONNECTION[self.fault])
            return
        own.gate.close()
        if self.fault == "refused-for-a-moment":
            threading.Timer(0.3, self.reopen, (own,)).start()

    @staticmethod
    def reopen(own):
        with own.gate.lock:
            if own.gate.listener is None:
                own.gate.open()

    def judge(self, result, requests):
        once = range(1, SENDS_MOST + 1) if self.verb == "mv" else (1,)  # a name given again is the same name
        self.expect(result.seconds < self.bound, f"took {result.seconds:.1f} s")
        self.expect(self.status == 0 or self.status in ALLOWED, f"not an errno of the contract: {result.err!r}")
        self.expect(self.executed in (0, *once), f"executed {self.executed} times")
        if self.status == 0:
            self.expect(self.executed in once, f"success, executed {self.executed} times")
        elif self.status != errno.ETIMEDOUT:
            self.expect(self.executed == 0, f"{result.err.strip()!r}, and it was executed")
        elif self.listing in TRUE_AFTER_ALL and "late" not in self.fault:
            self.expect(self.executed == 0, "it could have been found out in time")
        if self.verb in ("mkdir", "rollback") and "throttle" not in self.fault and "clock" not in \
                self.fault + self.listing and "token" not in self.fault:
            never = self.fault in ("refused", "reset-for-ever", "reset-at-connect", "reset-when-sent", "never-read")
            self.expect(requests == 1 or (requests == 0 and (never or self.fault == "refused-for-a-moment")),
                        f"sent {requests} times")
        if self.fault in ("none", "clock-ahead", "clock-behind", "throttle", "delay", "slow-body"):
            self.expect(self.status == 0, f"failed: {result.err!r}")
        if self.fault == "refused":
            self.expect(self.status == errno.ECONNREFUSED and requests == 0, f"{result.err!r}, sent {requests} times")

    def try_again(self, own):
        """While the first is unknown no second one can be made; whatever happens, there are no twins."""
        second = own.change("mkdir")
        total = own.executed("mkdir")
        self.expect(second.seconds < self.bound, f"the second mkdir took {second.seconds:.1f} s")
        if self.status == errno.ETIMEDOUT:
            self.expect(second.status != 0 and total == self.executed, "a second mkdir while the first is unknown")
        self.expect(total <= 1, f"{total} snapshots of one name")

    def check_reason(self, own):
        name = errno.errorcode[self.status] if self.status else "?"
        reason = own.mount.read(own.mount.disk(own.disk, "error"))
        self.expect(reason, "no reason in the disk's error file")
        if self.verb != "mkdir" and self.expect(own.mount.exists(own.mount.snapshot(own.disk, own.good)), "gone"):
            reason = own.mount.read(own.mount.snapshot(own.disk, own.good, "error"))
        if self.verb != "mkdir":
            self.expect(f"errno: {name}" in reason, f"{name}, the error file says {reason!r}")
        self.expect(any(entry["errno"] == name for entry in own.journal()), f"{name} is not in .cbsfs/errors")
        if self.status == errno.ETIMEDOUT and self.fault not in ("throttle-for-ever",):
            states = [job["state"] for job in own.jobs()]
            self.expect("watching" in states, f"unknown, and .cbsfs/jobs says {states}")

    def follow(self, own):
        """It did happen: that shows by itself."""
        try:
            wait_until(lambda: own.jobs()[0]["state"] == "done", 20, "the end of the job")
            self.expect(self.is_visible(own), "found, and it cannot be seen")
        except AssertionError as failure:
            self.problems.append(f"{failure}: {own.jobs()}")
        self.expect(own.executed(self.verb) <= max(self.executed, 1), "executed again afterwards")

    def is_visible(self, own):
        names = own.mount.snapshots(own.disk)
        if self.verb == "rollback":
            return own.mount.read(own.mount.snapshot(own.disk, "good", "status")).startswith("ROLLBACKING")
        return sorted(names) == {"mkdir": ["good", "new"], "mv": ["moved"], "rmdir": []}[self.verb]


def name_of(case):
    return "-".join(map(str, case[:3 if case[3] == TIMEOUT else 4]))


@pytest.fixture(scope="module")
def verdicts(request):
    wanted = [item.callspec.params["case"] for item in request.session.items
              if item.originalname == "test_the_answer_is_true"]
    with ThreadPoolExecutor(LANES) as pool:
        judged = dict(zip(wanted, pool.map(lambda case: Case(*case).run(), wanted)))
    unknown = [case for case in judged.values() if case.status == errno.ETIMEDOUT]
    figures.append(f"fault enumeration: {len(judged)} cases, {len(unknown)} unknown in time, "
                   f"{sum(bool(case.problems) for case in judged.values())} not as promised")
    return judged


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_answer_is_true(verdicts, case):
    assert not verdicts[case].problems, "\n".join(verdicts[case].problems)


@pytest.mark.long
@pytest.mark.parametrize("verb", ACTIONS)
def test_what_did_not_happen_can_be_ordered_again(verb):
    """Watched for a minute and not seen: the job ends, and the way is free."""
    with account() as own:
        own.simulator.faults(*script(verb, "drop-before-for-ever", "down"))
        name = "new" if verb == "mkdir" else "good"
        assert error_number(own.change(verb, name)) == errno.ETIMEDOUT
        own.simulator.faults()
        wait_until(lambda: own.jobs()[0]["state"] != "watching", 100, "the end of the job")
        ended = "unknown" if verb == "rollback" else "failed"  # a rollback that is over leaves no trace
        assert own.jobs()[0]["state"] == ended and own.executed(verb) == 0
        assert own.change(verb, name).status == 0 and own.executed(verb) == 1
