# SPDX-License-Identifier: Apache-2.0
"""The reference model: what a sequence of operations, faults and other people's changes must come to.

A sequence is a list of plain tuples that mean something whatever was left out before them, so that a failing
one can be shrunk by leaving parts out.
"""
import errno
import itertools
import json
import os
import threading
import time
from collections import Counter, namedtuple

from account import ACTIONS, ALLOWED, account, error_number, truth
from commands import beijing, now, wait_until
from tc3 import ApiError, Client

NAMES = [f"n{number}" for number in range(4)]
DISKS = 3
SLACK = 5      # seconds above `timeout` until an operation counts as hung; the machine may be busy
WATCHDOG = 90  # seconds for one step, its comparison included
WATCHED = 100  # seconds until nothing is watched any more
HELD = 62      # seconds: so long what was made here is shown, whatever a listing says
LAG = 30       # seconds: longer than what the listings here lag and a step takes
NEAR = 6       # seconds: what somebody else made this short before cannot be told from our own

STEP_VERBS = {"mkdir": 6, "mv": 3, "rmdir": 3, "rollback": 3, "ls": 1, "cat": 1,
              "their mkdir": 2, "their mv": 1, "their rmdir": 1, "their rollback": 1}
# verb, disk, name, new name, faults, whether an unknown outcome is answered by ordering it again, and whether the mount
# has to ask before it can begin
Step = namedtuple("Step", "verb disk name new faults again cold")
Record = namedtuple("Record", "name state created")

PROCESSED = [{"kind": "drop-after"}, {"kind": "hang", "after": True}, {"kind": "status", "after": True},
             {"kind": "status", "status": 503, "after": True}, {"kind": "html", "after": True},
             {"kind": "malformed", "after": True}, {"kind": "truncate"}, {"kind": "error", "after": True},
             {"kind": "slow-body", "ms": 2}, {"kind": "slow-body", "ms": 100}, {"kind": "delay", "ms": 100},
             {"kind": "delay", "ms": 1500}, {"kind": "delay", "ms": 9000}]
# A change that is not carried out at once may be carried out later.
UNPROCESSED = [{"kind": "drop-before"}, {"kind": "hang"}, {"kind": "status"}, {"kind": "status", "status": 500},
               {"kind": "html"}, {"kind": "malformed"}, {"kind": "error"}, {"kind": "truncate", "after": False}]
REFUSALS = [{"kind": "throttle"}, {"kind": "expired-token"}, {"kind": "envelope"}]
LATE = [100, 500, 1500, 3000, 5000]
LOOKS = [{"kind": "drop-before"}, {"kind": "status"}, {"kind": "truncate"}, {"kind": "throttle"}, {"kind": "malformed"},
         {"kind": "html"}, {"kind": "error"}, {"kind": "hang"}, {"kind": "delay", "ms": 700}, {"kind": "expired-token"},
         {"kind": "stale", "seconds": 0}, {"kind": "stale", "seconds": 1}, {"kind": "stale", "seconds": 4}]


class Untrue(Exception):
    """What was not as promised; `kind` is what the run counts it as."""

    def __init__(self, kind, what):
        super().__init__(what)
        self.kind = kind


def random_fault(random, verb):
    kind = random.choices([PROCESSED, UNPROCESSED, REFUSALS], [4, 5, 1])[0]
    fault = {"action": ACTIONS[verb], **random.choice(kind), "times": random.choice([1, 1, 1, 2, 3])}
    if kind is UNPROCESSED and random.random() < 0.4:
        fault["late"] = random.choice(LATE)
    return fault


def random_step(random):
    verb = random.choices(list(STEP_VERBS), STEP_VERBS.values())[0]
    faults = []
    if verb in ACTIONS and random.random() < 0.75:
        faults.append(random_fault(random, verb))
    if not verb.startswith("their ") and random.random() < 0.5:
        for action, chance in (("DescribeSnapshots", 1.0), ("DescribeDisks", 0.3)):
            if random.random() < chance:
                faults.append({"action": action, **random.choice(LOOKS), "times": random.choice([1, 2, 3, 6])})
    return Step(verb, random.randrange(DISKS), *random.sample(NAMES, 2), faults, random.random() < 0.5,
                random.random() < 0.5)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def differences(before, after):
    """(added, removed, renamed) between two truths: {id: (disk, name)}, {id, ...}, {id: new name}."""
    old = {key: (disk, record[0]) for disk, its in before.items() for key, record in its.items()}
    new = {key: (disk, record[0]) for disk, its in after.items() for key, record in its.items()}
    return ({key: new[key] for key in new.keys() - old.keys()}, old.keys() - new.keys(),
            {key: new[key][1] for key in new.keys() & old.keys() if new[key] != old[key]})


class Play:
    """One sequence on an account of its own."""

    def __init__(self, own):
        self.own = own
        self.client = Client(own.simulator.port)
        self.disks = [own.disk] + [own.simulator.add_disk() for _ in range(DISKS - 1)]
        for disk, name in itertools.product(self.disks, NAMES[:2]):
            own.simulator.add_snapshot(disk, name, CreateTime=beijing(now()))
        self.refresh()
        self.operations = self.near = 0
        self.began = time.monotonic()
        self.past = []                 # (when, what the cloud had)
        self.later = {}                # id: the name that a remembered rename will give it
        self.compared = set()          # ids that the mount has shown
        self.theirs = {}               # what somebody else did: when
        self.ours = {}                 # id: when this mount renamed it
        self.removed = {}              # id: (when, disk, what it was), removed without this mount being told
        self.made = Counter()          # verb: how often it was executed for this mount
        self.answers = Counter()       # errno: how often
        self.model = truth(own.simulator.port)

    # --- the steps ---------------------------------------------------------------------------

    def step(self, step):
        step = Step(*step)
        disk = self.disks[step.disk]
        self.operations += 1
        self.model = truth(self.own.simulator.port)
        self.past.append((time.monotonic(), self.model))
        if step.verb.startswith("their "):
            self.somebody_else(step.verb[6:], disk, step.name, step.new)
            return
        if step.verb in ("ls", "cat"):
            self.look(step, disk)
        else:
            self.change(step, disk)
        self.compare(step)

    def named(self, disk, name):
        return [key for key, record in self.model.get(disk, {}).items() if record[0] == name]

    def somebody_else(self, verb, disk, name, new):
        """Through the API, and behind the mount's back: twins are allowed, and the mount may know none of it."""
        its = self.named(disk, name)
        now = time.monotonic()
        try:
            if verb == "mkdir":
                self.client.call("CreateSnapshot", {"DiskId": disk, "SnapshotName": name})
                self.theirs["mkdir", disk, name] = now
            elif its and verb == "rmdir":
                self.client.call("DeleteSnapshots", {"SnapshotIds": its[:1]})
                self.removed[its[0]] = (now, disk, self.model[disk][its[0]])
            elif its and verb == "rollback":
                self.client.call("ApplySnapshot", {"SnapshotId": its[0], "DiskId": disk})
                self.theirs["rollback", its[0]] = now
            # For half a minute the mount takes another name for a listing that lags behind its own.
            elif its and verb == "mv" and its[0] not in self.later and now - self.ours.get(its[0], -99) > 40:
                self.client.call("ModifySnapshotAttribute", {"SnapshotId": its[0], "SnapshotName": new})
                if its[0] not in self.compared:
                    self.theirs["mkdir", disk, new] = now  # the mount never knew it under another name
        except ApiError:
            pass  # busy or CREATING: nothing has changed

    def look(self, step, disk):
        """Whatever becomes of a question, it ends in time and with an errno of the contract."""
        self.refresh()
        self.own.simulator.faults(*step.faults)
        began = time.monotonic()
        try:
            if step.verb == "ls":
                os.listdir(self.own.mount.disk(disk, "snapshots"))
            else:
                read(self.own.mount.snapshot(disk, step.name, "status"))
        except OSError as error:
            self.expect(error.errno in ALLOWED, f"{step.verb}: {error}")
        self.in_time(step.verb, time.monotonic() - began)
        self.own.simulator.faults()

    def change(self, step, disk):
        own, verb = self.own, step.verb
        target, status = self.identify(disk, step.name)
        before = own.simulator.stats()
        known = self.last_job()["job"]
        if step.cold:
            self.refresh()
        own.simulator.faults(*step.faults)
        result = own.change(verb, step.name, disk, step.new)
        number = error_number(result)
        self.answers[errno.errorcode.get(number, "success")] += 1
        job = self.last_job()
        watched = number == errno.ETIMEDOUT and job["job"] > known and job["state"] == "watching"
        if watched and step.again and verb in ("mkdir", "rollback"):
            second = own.change(verb, step.name, disk)
            self.in_time(verb, second.seconds)
            self.expect(second.status != 0, f"a second {verb} while the first is unknown: {job}")
        own.simulator.faults()
        after = wait_until(lambda: (lambda now: now if now["late"] == 0 else None)(own.simulator.stats()), 20)
        executed = {action: after["changes"].get(action, 0) - before["changes"].get(action, 0)
                    for action in ACTIONS.values()}
        self.in_time(verb, result.seconds)
        self.expect(number == 0 or number in ALLOWED, f"not an errno of the contract: {result.err!r}")
        real = truth(own.simulator.port)
        # What the entry led to: as the mount had it, or as it found when it asked again, of a listing that may lag.
        self.past = [(then, truths) for then, truths in self.past if time.monotonic() - then < LAG]
        targets = {key: record[1] for _, truths in self.past for key, record in truths.get(disk, {}).items()
                   if step.name in (record[0], self.later.get(key))}
        if target:
            targets[target] = "CREATING" if status == "CREATING" else targets.get(target, "")
        # No answer, and nothing to be watched: it was not sent.
        possible = watched or self.last_job()["state"] == "done" or number in (0, None)
        self.expect(possible or not executed[ACTIONS[verb]] or verb == "mv", f"{verb} was not watched: {job}")
        self.judge(step, disk, number, executed, differences(self.model, real), real, targets)
        self.model = real

    def last_job(self):
        lines = read(self.own.mount.path(".cbsfs", "jobs")).splitlines()
        return json.loads(lines[-1]) if lines else {"job": 0, "state": ""}

    def identify(self, disk, name):
        """The id behind an entry, and the word of its status, as the mount has them."""
        try:
            return [read(self.own.mount.snapshot(disk, name, file)).split()[0] for file in ("id", "status")]
        except OSError:
            return None, ""

    # --- what is expected --------------------------------------------------------------------

    @staticmethod
    def expect(condition, what, kind="untrue answers"):
        if not condition:
            raise Untrue(kind, what)

    def in_time(self, what, seconds):
        self.expect(seconds < self.own.timeout + SLACK, f"{what} took {seconds:.1f} s", "hangs")

    def judge(self, step, disk, number, executed, difference, real, targets):
        verb, count = step.verb, executed[ACTIONS[step.verb]]
        added, removed, renamed = difference
        said = f"{verb} {step.name}: {errno.errorcode.get(number, 'success')}, executed {count} times, {difference}"
        for key in [key for key in renamed if self.later.get(key) == renamed[key] and key not in targets]:
            del self.later[key], renamed[key]  # its time has come
        if verb == "mkdir":
            self.expect(count <= 1, said, "duplicate snapshots")
            self.expect(sorted(added.values()) == [(disk, step.name)] * count and not removed and not renamed, said)
            done, possible = count == 1, self.is_near("mkdir", disk, step.name)
        elif verb == "rollback":
            self.expect(count <= 1, said, "double rollbacks")
            self.expect(not added and not removed and not renamed, said)
            done, possible = count == 1, any(self.is_near("rollback", target) for target in targets)
            if done:
                asked = self.asked("ApplySnapshot", lambda params: params["SnapshotId"])
                self.expect(set(targets) & set(asked), f"{said}: {asked}, not {targets}")
        elif verb == "rmdir":
            self.expect(not added and not renamed and len(removed) == count <= 1 and removed <= set(targets), said)
            asked = self.asked("DeleteSnapshots", lambda params: params["SnapshotIds"][0])[-1:] or list(targets)
            done, possible = count > 0, bool(set(asked) - set(real.get(disk, {})))
            if number == errno.ETIMEDOUT:
                self.removed.update((key, (time.monotonic(), disk, self.model[disk][key])) for key in removed)
        else:
            self.expect(not added and not removed and len(renamed) <= 1 and set(renamed) <= set(targets) and
                        set(renamed.values()) <= {step.new}, said)
            done = bool(renamed)
            possible = any(real.get(disk, {}).get(target, ("",))[0] == step.new for target in targets)
            waiting = [target for target, state in targets.items() if state == "CREATING"]
            if waiting and number == 0 and not done:
                self.later[waiting[0]], possible = step.new, True
            for target in renamed:
                self.ours[target] = time.monotonic()
                self.later.pop(target, None)
        if number == 0:
            self.expect(done or possible, said)
            self.near += not done and verb in ("mkdir", "rollback")
        elif number != errno.ETIMEDOUT:
            self.expect(not done, said)
        self.made[verb] += done

    def asked(self, action, what):
        """What the requests that were read asked for, oldest first."""
        return [what(entry["params"]) for entry in self.own.simulator.log(action) if entry["params"]]

    def is_near(self, *key):
        """Somebody else has just done the same, and the API has nothing to tell the two apart by."""
        is_first = key[0] == "mkdir" and key[2] in NAMES[:2]
        made = max(self.theirs.get(key, -99), self.began if is_first else -99)
        return time.monotonic() - made < NEAR + self.own.timeout

    # --- the whole tree ----------------------------------------------------------------------

    def refresh(self):
        with open(self.own.mount.path(".cbsfs", "refresh"), "w", encoding="utf-8") as file:
            file.write("now\n")

    def compare(self, step, settled=False):
        """The tree becomes what the cloud has."""
        found = []

        def agrees():
            self.refresh()
            real = truth(self.own.simulator.port)
            self.compared = {key for records in real.values() for key in records}
            try:
                found[:] = self.disagreements(real, settled)
            except OSError as error:  # after a refused key cbsfs asks again a second later
                found[:] = [str(error)]
            return not found

        try:
            wait_until(agrees, 20)
        except AssertionError:
            raise Untrue("untrue answers", f"{step}: the tree and the cloud differ: {found}") from None

    def held(self, disk, entries):
        """What is gone and, as far as the mount knows, was made here less than a minute ago: it takes that for a listing
        that lags, and may go on showing it."""
        ours = {job["snapshot"] for job in self.own.jobs() if job["operation"] == "mkdir"}
        words = {key: word for key, _, word in entries.values() if key in ours}
        return {key: Record(record[0], words[key], record[2]) for key, (when, its_disk, record) in self.removed.items()
                if its_disk == disk and key in words and time.monotonic() - when < HELD}

    def disagreements(self, real, settled):
        found, mount, real = [], self.own.mount, dict(real)
        for disk in self.disks:
            entries = {entry: self.seen(disk, entry) for entry in os.listdir(mount.disk(disk, "snapshots"))}
            real[disk] = {**real.get(disk, {}), **self.held(disk, entries)}
            its = {key: Record(*record) for key, record in real[disk].items()}
            names = {key: self.one_of(key, name, its) for key, name, _ in entries.values()}
            if names != {key: record.name for key, record in its.items()} or len(names) != len(entries):
                found.append((disk, entries, its))
                continue
            for entry, (key, name, word) in entries.items():
                if entry not in (name, f"{name}@{key}", key):
                    found.append(("entry", entry, key, name))
                if settled and word != its[key].state:
                    found.append(("state", entry, word, its[key].state))
            listed = json.loads(read(mount.disk(disk, "snapshots.json")))
            if sorted(record["id"] for record in listed) != sorted(its):
                found.append(("snapshots.json", disk))
            found += self.latest(disk, its) if settled else []
        links = {key: os.path.realpath(mount.path("snapshots", key)) for key in os.listdir(mount.path("snapshots"))}
        if sorted(links) != sorted(key for its in real.values() for key in its) or \
                any(read(os.path.join(path, "id")) != f"{key}\n" for key, path in links.items()):
            found.append(("snapshots/", links))
        return found

    def seen(self, disk, entry):
        words = [read(self.own.mount.snapshot(disk, entry, file)).split() for file in ("id", "name", "status")]
        return tuple(word[0] for word in words)

    def one_of(self, key, name, its):
        """A rename that waits for NORMAL shows before the cloud has it."""
        record = its.get(key)
        return record.name if record and name == self.later.get(key) else name

    def latest(self, disk, its):
        normal = sorted((record.created, key) for key, record in its.items() if record.state == "NORMAL")
        link = self.own.mount.disk(disk, "latest")
        if not normal:
            return [("latest", disk)] if os.path.lexists(link) else []
        shown = read(os.path.join(link, "id")).strip()
        newest = [key for created, key in normal if created == normal[-1][0]]  # a second does not tell which of them
        return [] if shown in newest else [("latest", shown, newest)]

    # --- the end -----------------------------------------------------------------------------

    def finish(self, patiently):
        """Everything settles, and what `.cbsfs/jobs` says then is true as well."""
        self.compare("the end", settled=True)
        if not patiently:
            return
        open_states = ("later", "sending", "settling", "watching")
        try:
            wait_until(lambda: not any(job["state"] in open_states for job in self.own.jobs()), WATCHED)
        except AssertionError:
            raise Untrue("hangs", f"not settled after {WATCHED} s: {self.own.jobs()}") from None
        jobs = self.own.jobs()
        ended = Counter((job["operation"], job["state"]) for job in jobs)
        made = [job["snapshot"] for job in jobs if (job["operation"], job["state"]) == ("mkdir", "done")]
        near = self.near + len([key for key in self.theirs if key[0] == "mkdir"])
        self.expect(len(made) == len(set(made)), f"two mkdir for one snapshot: {jobs}")
        self.expect(self.made["mkdir"] <= len(made) <= self.made["mkdir"] + near, f"{self.made}: {jobs}")
        rolled = ended["rollback", "done"], ended["rollback", "unknown"]
        others = len([key for key in self.theirs if key[0] == "rollback"])
        self.expect(rolled[0] - others <= self.made["rollback"] <= sum(rolled), f"{self.made}: {jobs}")
        self.model = truth(self.own.simulator.port)
        failed = {job["snapshot"] for job in jobs if (job["operation"], job["state"]) == ("rename", "failed")}
        for key, name in self.later.items():
            names = [its[key][0] for its in self.model.values() if key in its]
            self.expect(not names or names == [name] or key in failed, f"{key} is not renamed to {name}: {jobs}")
        self.later = {}
        self.compare("the end of all jobs", settled=True)


class Watchdog:
    """Kills a lane's mount when a step hangs: whatever is stuck in it then gets ENOTCONN."""

    def __init__(self, own):
        self.own = own
        self.bitten = False
        self.timer = None

    def bite(self):
        self.bitten = True
        self.own.mount.kill()

    def reset(self, seconds):
        self.stop()
        self.timer = threading.Timer(seconds, self.bite)
        self.timer.daemon = True
        self.timer.start()

    def stop(self):
        if self.timer:
            self.timer.cancel()


Outcome = namedtuple("Outcome", "operations struck near answers untrue")


def play(steps, timeout=2, patiently=False, rollback="1.5", watchdog=WATCHDOG, begin=lambda own: None):
    """What became of a sequence; `untrue` is None or the Untrue that ended it."""
    untrue, player, struck, dog = None, None, 0, None
    arguments = ("--create-time", "0.3", "--rollback-time", rollback, "--quota", "64")
    try:
        with account(timeout=timeout, arguments=arguments) as own:
            player, dog = Play(own), Watchdog(own)
            try:
                begin(own)
                for step in steps:
                    dog.reset(watchdog)
                    player.step(step)
                dog.reset(WATCHED + watchdog)
                player.finish(patiently)
            except Untrue as found:
                untrue = found
            except (AssertionError, OSError) as found:  # a command that did not end, or a dead mount
                untrue = Untrue("hangs" if dog.bitten or "did not end" in str(found) else "untrue answers", repr(found))
            finally:
                dog.stop()
                struck = sum(own.simulator.stats()["faults"].values())
    except AssertionError as problem:  # what the daemons left behind
        if untrue is None:
            untrue = Untrue("untrue answers", f"the daemon: {problem}")
    if dog is not None and dog.bitten:
        untrue = Untrue("hangs", f"step {player.operations} did not end within {watchdog} s")
    if player is None:
        raise untrue
    return Outcome(player.operations, struck, player.near, player.answers, untrue)


def simpler(step):
    """The same step with less in it."""
    step = Step(*step)
    yield from (step._replace(faults=step.faults[:at] + step.faults[at + 1:]) for at in range(len(step.faults)))
    yield from (step._replace(**{flag: False}) for flag in ("again", "cold") if getattr(step, flag))


def shrink(steps, fails, tries=60):
    """Delta debugging: leaves out what `fails(steps)` does not need, whole steps first, then what is in them."""
    chunk = max(len(steps) // 2, 1)
    while tries > 0 and len(steps) > 1:
        for at in range(0, len(steps), chunk):
            candidate = steps[:at] + steps[at + chunk:]
            tries -= 1
            if candidate and fails(candidate):
                steps = candidate
                break
            if tries <= 0:
                break
        else:
            if chunk == 1:
                break
            chunk = max(chunk // 2, 1)
    at = 0
    while tries > 0 and at < len(steps):
        for less in simpler(steps[at]):
            tries -= 1
            if fails(steps[:at] + [less] + steps[at + 1:]):
                steps = steps[:at] + [less] + steps[at + 1:]
                break
        else:
            at += 1
    return steps


def replayable(steps):
    """The list as CBSFS_TEST_REPLAY takes it."""
    return "[" + ",\n ".join(repr(tuple(step)) for step in steps) + "]"
