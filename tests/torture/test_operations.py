# SPDX-License-Identifier: Apache-2.0
"""Allocations that fail while something is asked of a mount: a crawl, each verb, whoever waits."""
import os
import re
import signal
import sys
import time

import pytest

from commands import assert_done, finish, run, shell, start, wait_until
from harness import REGION
from stage import Stage
from subject import MODES, Problems, Subject, needs_library, numbers, report, simulator, subject  # noqa: F401 (fixtures)

pytestmark = needs_library

LIMIT = 20  # seconds: what takes longer than a few operations, each of which ends after TIMEOUT, is stuck

POLLER = """
import os, select, sys
status = os.open(sys.argv[1], os.O_RDONLY)
os.read(status, 100)
print("ready", flush=True)
poll = select.poll()
poll.register(status, select.POLLPRI)
sys.exit(0 if poll.poll(20000) else 1)
"""


# prepare() makes what operate() needs, judge() says what is not true; by then memory is back.

class Operation:
    warm_ups = 3
    used = 0  # allocations of the last one, if it has counted them itself

    def __init__(self, subject, disk):
        self.subject = subject
        self.simulator = subject.simulator
        self.disk = disk
        self.serial = 0

    def prepare(self):
        assert_done(shell('echo 1 >"$1"', self.subject.path(".cbsfs", "refresh")))
        self.serial += 1
        self.name = f"t{self.serial}"
        self.place = self.subject.path("disks", self.disk, "snapshots", self.name)

    def add(self, **fields):
        """A snapshot that the mount knows."""
        self.identifier = self.simulator.add_snapshot(self.disk, self.name, **fields)
        assert_done(run("ls", os.path.dirname(self.place)))
        assert os.path.isdir(self.place)

    def remove(self):
        self.simulator.patch(remove=[self.identifier])

    def judge(self, result):
        return None

    def all_changes(self):
        return sum(self.simulator.stats()["changes"].values())


class Crawl(Operation):
    """What is read without an error is the same as ever, and nothing is changed by reading."""
    expected = None

    def prepare(self):
        super().prepare()
        self.before = self.all_changes()

    def operate(self):
        return shell('cd "$1" && set -o pipefail && find disks/"$2" README -type f | LC_ALL=C sort | '
                     'xargs grep -r "" && ls snapshots && cat .cbsfs/version .cbsfs/config .cbsfs/refresh && '
                     'grep -r "" .cbsfs >&2', self.subject.point, self.disk, timeout=LIMIT)

    def judge(self, result):
        if self.all_changes() != self.before:
            return f"{self.all_changes() - self.before} changes"
        if result.status == 0:
            # A failure that was met before is on record, and a dry run says how old a snapshot is.
            told = [line for line in result.out.splitlines() if not re.search(r"/error:| (days|hours) old$", line)]
            self.expected = self.expected or told
            if told != self.expected:
                return f"read something else: {sorted(set(told) ^ set(self.expected))[:5]}"
        return None


class Change(Operation):
    """One that the simulator counts as `action`.

    An answer is true if it succeeded exactly when that is so; and when cbsfs says that it could not find out
    in time, the tree shows it afterwards if it is so.  What is the same when done twice may be sent again.
    """
    action = None
    is_idempotent = False

    def changes(self):
        return self.simulator.stats()["changes"].get(self.action, 0)

    def prepare(self):
        super().prepare()
        self.arrange()
        self.before = self.changes()

    def arrange(self):
        self.add()

    def tidy(self):
        self.remove()

    def shows(self):
        """The tree shows it as done."""
        raise NotImplementedError

    def judge(self, result):
        done = self.changes() - self.before
        unknown = result.status != 0 and "timed out" in result.err
        problem = None
        happened = done == 1 or (self.is_idempotent and done > 1)
        if not happened and (done > 0 or result.status == 0) or happened and result.status != 0 and not unknown:
            problem = f"done {done} times, exit {result.status}: {result.err}"
        try:
            # Whatever was known before is asked for anew.
            assert_done(shell('echo 1 >"$1"', self.subject.path(".cbsfs", "refresh")))
            wait_until(lambda: self.shows() == happened, 10)
        except AssertionError as error:
            problem = problem or f"done {done} times, and the tree does not say so: {error}"
        self.tidy()
        return problem


class Mkdir(Change):
    action = "CreateSnapshot"

    def arrange(self):
        assert_done(run("ls", os.path.dirname(self.place)))

    def operate(self):
        return run("mkdir", self.place, timeout=LIMIT)

    def shows(self):
        return os.path.isdir(self.place)

    def tidy(self):
        if os.path.isdir(self.place):
            self.identifier = assert_done(run("cat", os.path.join(self.place, "id"))).out.strip()
            self.remove()


class Rename(Change):
    action = "ModifySnapshotAttribute"
    is_idempotent = True

    def operate(self):
        # mv looks at the target after a failure, and then tells why it could not.
        return run("perl", "-e", 'rename($ARGV[0], $ARGV[1]) or die "rename: $!\\n"', self.place, self.place + "new",
                   timeout=LIMIT)

    def shows(self):
        return os.path.isdir(self.place + "new")


class Rmdir(Change):
    action = "DeleteSnapshots"

    def operate(self):
        return run("rmdir", self.place, timeout=LIMIT)

    def shows(self):
        return not os.path.isdir(self.place)

    def tidy(self):
        if os.path.isdir(self.place):
            self.remove()


class Rollback(Change):
    action = "ApplySnapshot"

    def operate(self):
        return shell('echo 1 >"$1"', os.path.join(self.place, "rollback"), timeout=LIMIT)

    def shows(self):
        last = run("cat", os.path.join(self.place, "rollback")).out
        return self.changes() == self.before + 1 or "last" not in last


class Refresh(Operation):
    """Accepted: then what has changed in the cloud is seen."""

    def prepare(self):
        super().prepare()
        assert_done(run("ls", os.path.dirname(self.place)))
        self.identifier = self.simulator.add_snapshot(self.disk, self.name)

    def operate(self):
        return shell('echo 1 >"$1"', self.subject.path(".cbsfs", "refresh"), timeout=LIMIT)

    def judge(self, result):
        seen = run("ls", os.path.dirname(self.place))
        self.remove()
        if seen.status != 0:
            return f"ls afterwards: {seen}"
        return "accepted, and not done" if result.status == 0 and self.name not in seen.out else None


class Hangup(Refresh):
    """A signal cannot be refused: it counts as soon as memory is back, or the next one does."""

    def operate(self):
        self.subject.process.send_signal(signal.SIGHUP)
        return run("ls", os.path.dirname(self.place), timeout=LIMIT)

    def judge(self, result):
        self.subject.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.name in run("ls", os.path.dirname(self.place)).out, 10)
        self.remove()
        return None


class Watch(Operation):
    """`wait` and poll(2) on something in progress: both end when it has settled, or with an error."""
    warm_ups = 1  # each takes as long as the interval of cbsfs's polls

    def prepare(self):
        super().prepare()
        self.add(SnapshotState="CREATING", Percent=10)

    def operate(self):
        waiter = start("cat", os.path.join(self.place, "wait"))
        poller = start(sys.executable, "-c", POLLER, os.path.join(self.place, "status"))
        poller.stdout.readline()  # it has read the status, or failed to
        self.simulator.patch(snapshots={self.identifier: {"SnapshotState": "NORMAL", "Percent": 100}})
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline and None in (waiter.poll(), poller.poll()):
            time.sleep(0.02)
        # Who waits may wait for memory too.
        self.used = self.subject.allocations.count
        self.subject.allocations.fail(0)
        result = finish(waiter, LIMIT)
        told = finish(poller, LIMIT)
        if told.status != 0 and "Error" not in told.err:
            raise AssertionError("poll(2) was not told")
        return result

    def judge(self, result):
        self.remove()
        if result.status == 0 and result.out != "NORMAL 100\n":
            return f"wait said {result.out!r}"
        return None


def operate_once(subject, operation, number, mode):  # noqa: F811
    """What is wrong with an operation whose number-th allocation fails, and then with it as such."""
    try:
        operation.prepare()
    except AssertionError as error:
        return f"not usable any more: {error}"
    subject.allocations.fail(number, mode)
    try:
        result = operation.operate()
    except AssertionError as error:
        return f"stuck: {error}"
    finally:
        subject.allocations.fail(0)
    if subject.process.poll() is not None:
        return f"cbsfs ended with {subject.process.returncode}: {subject.words()}"
    try:
        return operation.judge(result)
    except AssertionError as error:
        return f"afterwards: {error}"


def warm_up(subject, operation):  # noqa: F811
    """Until connections and tables have their size; returns the allocations of one operation."""
    total = 0
    for _ in range(operation.warm_ups):
        operation.prepare()
        subject.allocations.fail(0)
        result = operation.operate()
        total = max(total, operation.used or subject.allocations.count)
        assert result.status == 0 and not operation.judge(result), result
    return total


KINDS = [Crawl, Mkdir, Rename, Rmdir, Rollback, Refresh, Hangup, Watch]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.lower())
def test_operation(subject, simulator, kind, mode):  # noqa: F811
    disk = simulator.add_disk()
    simulator.add_snapshot(disk, "older")

    def launch():
        subject.launch()
        assert subject.wait(), subject.words()

    # What is left at the end of a mount on which nothing fails is left to the system on purpose.
    launch()
    warm_up(subject, kind(subject, disk))
    assert subject.stop() == 0
    left = subject.allocations.live

    launch()
    operation = kind(subject, disk)
    total = warm_up(subject, operation)
    problems = Problems()
    died = False
    tried = 0
    for number in numbers(total):
        tried += 1
        problem = operate_once(subject, operation, number, mode)
        if problem:
            problems.append(f"allocation {number}: {problem}")
        if subject.process.poll() is not None:
            died = True
            subject.stop()
            launch()
    # The next one works.
    problem = operate_once(subject, operation, 0, mode)
    if problem:
        problems.append(f"afterwards: {problem}")
    status = subject.stop()
    if status != 0:
        problems.append(f"ended with {status}: {subject.words()}")
    leaked = subject.allocations.live - left
    if not died and leaked > 0:
        problems.append(f"{leaked} blocks leaked in {tried} operations")
    report(f"{kind.__name__.lower()} ({mode})", tried, total, problems)


@pytest.mark.parametrize("mode", MODES)
def test_entering_a_region(tmp_path, mode):
    """Once in the life of a mount: so each number has a mount of its own."""
    stage = Stage(tmp_path / "simulator")
    region = "ap-beijing"
    problems = Problems()

    def launch():
        victim.launch()
        assert victim.wait(), victim.words()

    def enter():
        return run("ls", victim.path("regions", region, "disks"), timeout=LIMIT)

    def enters_again():
        return enter().out == f"{disk}\n" and run("ls", victim.path("regions")).out == f"{region}\n"

    try:
        cloud = stage.simulator("--region", f"{REGION},{region}", "--rate", "0")
        record = cloud.disk_record()
        disk = record["DiskId"]
        cloud.patch(region=region, disks={disk: record})
        victim = Subject(str(tmp_path), cloud)
        launch()
        victim.allocations.fail(0)
        assert enter().out == f"{disk}\n"
        total = victim.allocations.count
        assert enters_again() and victim.stop() == 0
        left = victim.allocations.live
        tried = 0
        for number in numbers(total):
            tried += 1
            launch()
            victim.allocations.fail(number, mode)
            result = enter()
            victim.allocations.fail(0)
            if result.status == 0 and result.out != f"{disk}\n":
                problems.append(f"allocation {number}: {result}")
            try:
                wait_until(enters_again, 10)
            except AssertionError:
                problems.append(f"allocation {number}: not usable any more: {enter()} {victim.words()}")
            status = victim.stop()
            if status != 0 or victim.allocations.live > left:
                problems.append(f"allocation {number}: ended with {status}, {victim.allocations.live - left} more blocks")
        report(f"entering a region ({mode})", tried, total, problems)
    finally:
        victim.clear()
        problems_of_simulator = stage.close()
    assert not problems_of_simulator
