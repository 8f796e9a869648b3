# SPDX-License-Identifier: Apache-2.0
"""The reference model: what a sequence of operations, faults and out-of-band changes must come to.

A sequence is a list of plain tuples that mean something whatever was left out before them, so that a failing
one can be shrunk by leaving parts out.
"""
import errno

from account import ACTIONS, ALLOWED, BOUND, account, error_number, truth
from commands import run, wait_until

NAMES = [f"n{number}" for number in range(6)]
DISKS = 2
KINDS = [{"kind": "drop-before"}, {"kind": "drop-after"}, {"kind": "hang"}, {"kind": "hang", "after": True},
         {"kind": "status"}, {"kind": "status", "after": True}, {"kind": "status", "status": 503, "after": True},
         {"kind": "html", "after": True}, {"kind": "malformed"}, {"kind": "malformed", "after": True},
         {"kind": "truncate"}, {"kind": "envelope"}, {"kind": "error"}, {"kind": "error", "after": True},
         {"kind": "throttle"}, {"kind": "expired-token"}, {"kind": "slow-body", "ms": 2}, {"kind": "delay", "ms": 100}]
LISTING_KINDS = [{"kind": "drop-before"}, {"kind": "status"}, {"kind": "truncate"}, {"kind": "throttle"},
                 {"kind": "malformed"}, {"kind": "stale", "seconds": 0}, {"kind": "error"}]


class Untrue(Exception):
    """What was not as promised; `kind` is what the run counts it as."""

    def __init__(self, kind, what):
        super().__init__(what)
        self.kind = kind


def random_step(random):
    verb = random.choices(["mkdir", "mv", "rmdir", "rollback", "add", "remove", "rename"], [6, 3, 3, 2, 1, 1, 1])[0]
    faults = []
    if random.random() < 0.6:
        faults.append({"action": ACTIONS.get(verb, "*"), **random.choice(KINDS)})
    if random.random() < 0.3:
        faults.append({"action": "DescribeSnapshots", **random.choice(LISTING_KINDS), "times": random.choice([1, 2, 3])})
    return (verb, random.randrange(DISKS), random.choice(NAMES), random.choice(NAMES), faults)


class Play:
    """One sequence on an account of its own."""

    def __init__(self, own):
        self.own = own
        self.disks = [own.disk] + [own.simulator.add_disk() for _ in range(DISKS - 1)]
        self.own.mount.refresh()
        self.faults = self.operations = 0
        self.model = truth(own.simulator.port)

    def names(self, disk):
        return self.model.get(disk, {})

    def step(self, step):
        verb, disk, name, new, faults = step
        disk = self.disks[disk]
        self.operations += 1
        self.faults += len(faults)
        self.own.simulator.faults(*faults)
        before, requests = self.own.simulator.stats()["changes"], 0
        if verb in ACTIONS:
            requests = self.own.requests(verb)
            result = self.own.change(verb, name, disk, new)
            executed = {action: count - before.get(action, 0)
                        for action, count in self.own.simulator.stats()["changes"].items()}
            executed = {action: count for action, count in executed.items() if count}
            requests = self.own.requests(verb) - requests
            self.own.simulator.faults()
            self.judge(verb, result, executed, requests, disk, name, new)
        else:
            self.out_of_band(verb, disk, name, new)
        self.compare(step)

    def judge(self, verb, result, executed, requests, disk, name, new):
        number, count = error_number(result), executed.pop(ACTIONS[verb], 0)
        if result.seconds >= BOUND:
            raise Untrue("hangs", f"{verb} took {result.seconds:.1f} s")
        if number != 0 and number not in ALLOWED:
            raise Untrue("untrue answers", f"not an errno of the contract: {result.err!r}")
        if count > (2 if verb == "mv" else 1):
            raise Untrue({"mkdir": "duplicate snapshots", "rollback": "double rollbacks"}.get(verb, "untrue answers"),
                         f"{verb} executed {count} times, sent {requests} times")
        if number == 0 and count == 0 and not (verb == "mv" and self.is_silent_mv(disk, name, new)):
            raise Untrue("untrue answers", f"{verb} succeeded, and was not executed")
        if number not in (0, errno.ETIMEDOUT) and count:
            raise Untrue("untrue answers", f"{result.err.strip()!r}, and it was executed")
        if set(executed) - {ACTIONS["mv"]}:
            raise Untrue("untrue answers", f"{verb} executed {executed}")
        if count:
            self.apply(verb, disk, name, new)

    def is_silent_mv(self, disk, name, new):
        """mv -n of what must not be replaced says nothing; a rename while CREATING is applied later."""
        return name == new or new in self.names(disk).values() or name in self.names(disk).values()

    def apply(self, verb, disk, name, new):
        """The model's own idea of what an executed change did."""
        its = [key for key, value in self.names(disk).items() if value == name]
        if verb == "mkdir" and its:
            raise Untrue("duplicate snapshots", f"a second {name}")
        if verb == "mv" and its:
            self.model[disk][its[0]] = new
        if verb == "rmdir" and its:
            del self.model[disk][its[0]]

    def out_of_band(self, verb, disk, name, new):
        its = [key for key, value in self.names(disk).items() if value == name]
        if verb == "add" and not its:
            self.own.simulator.add_snapshot(disk, name)
        elif verb == "remove" and its:
            self.own.simulator.patch(remove=its)
        elif verb == "rename" and its and new not in self.names(disk).values():
            self.own.simulator.patch(snapshots={its[0]: {"SnapshotName": new}})
        self.own.mount.refresh()
        result = run("ls", self.own.mount.disk(disk, "snapshots"))
        if result.seconds >= BOUND:
            raise Untrue("hangs", f"ls took {result.seconds:.1f} s")
        self.own.simulator.faults()
        self.model = truth(self.own.simulator.port)

    def compare(self, step):
        """The tree becomes what the cloud has; and what the cloud has is what the model says."""
        real = truth(self.own.simulator.port)
        for disk in self.disks:
            here, there = sorted(self.names(disk).values()), sorted(real.get(disk, {}).values())
            if step[0] == "mkdir" and disk == self.disks[step[1]] and step[2] in there and step[2] not in here:
                here = sorted([*here, step[2]])
            if here != there and not self.later(disk):
                raise Untrue("untrue answers", f"{step}: the model has {here}, the cloud {there}")
        self.model = real
        self.own.mount.refresh()
        different = []

        def agrees():
            now = truth(self.own.simulator.port)
            try:
                shown = {disk: self.own.shown(disk) for disk in self.disks}
            except AssertionError as failure:  # after a refused key cbsfs asks again a second later
                different[:] = [str(failure)]
                return False
            different[:] = [(disk, shown[disk], now.get(disk, {})) for disk in self.disks
                            if shown[disk] != now.get(disk, {})]
            self.model = now
            return not different

        try:
            wait_until(agrees, 15)
        except AssertionError:
            raise Untrue("untrue answers", f"{step}: the tree and the cloud differ: {different}") from None

    def later(self, disk):
        """A rename that waits for NORMAL reaches the cloud at a time of its own."""
        return any(job["operation"] == "rename" and job["disk"] == disk for job in self.own.jobs())


def play(steps):
    """(operations, faults, None or the Untrue that ended it)."""
    with account(arguments=("--create-time", "0.1", "--rollback-time", "3", "--quota", "64")) as own:
        player = Play(own)
        try:
            for step in steps:
                player.step(step)
        except Untrue as untrue:
            return player.operations, player.faults, untrue
        return player.operations, player.faults, None


def shrink(steps, kind, tries=40):
    """Delta debugging: the fewest steps found that still end in the same kind of untruth."""
    chunk = max(len(steps) // 2, 1)
    while tries > 0:
        for at in range(0, len(steps), chunk):
            candidate = steps[:at] + steps[at + chunk:]
            tries -= 1
            untrue = play(candidate)[2] if candidate else None
            if untrue is not None and untrue.kind == kind:
                steps = candidate[:play(candidate)[0]] or candidate
                break
            if tries <= 0:
                break
        else:
            if chunk == 1:
                break
            chunk = max(chunk // 2, 1)
    return steps
