# SPDX-License-Identifier: Apache-2.0
"""Random operations under random faults against the reference model (model.py).

CBSFS_TEST_SEED repeats a run, CBSFS_TEST_FAULTS is how many faults have to strike, CBSFS_TEST_LANES how many
sequences are played side by side.  CBSFS_TEST_REPLAY names a file with a list that a failure printed.
"""
import ast
import itertools
import os
import random
import signal
import threading
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from account import LANES, figures
from model import Step, Untrue, play, random_step, replayable, shrink

pytestmark = pytest.mark.core

SEED = int(os.environ.get("CBSFS_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
FAULTS = int(os.environ.get("CBSFS_TEST_FAULTS", "150"))
REPLAY = os.environ.get("CBSFS_TEST_REPLAY")
LENGTH = 20    # operations in one sequence
PATIENT = 6    # of so many sequences one is short and waits until nothing is watched any more
SHRUNK = 2     # failures that are shrunk; the others are printed as they are
COUNTED = ("duplicate snapshots", "double rollbacks", "untrue answers", "hangs")


def sequence(number):
    """(steps, how they are played)"""
    source = random.Random(f"{SEED}-{number}")
    patiently = number % PATIENT == 0
    how = {"timeout": source.choice([1, 2, 2, 3]), "patiently": patiently, "rollback": source.choice(["0.2", "1.5"])}
    return [random_step(source) for _ in range(LENGTH // 2 if patiently else LENGTH)], how


class Run:
    """Lanes that take sequences until enough faults have struck."""

    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = itertools.count()
        self.operations = self.struck = self.near = 0
        self.answers = Counter()
        self.failures = []  # (number, steps, how, Untrue)
        self.began = time.monotonic()

    def lane(self, _):
        while True:
            with self.lock:
                if self.struck >= FAULTS:
                    return
                number = next(self.numbers)
            steps, how = sequence(number)
            try:
                outcome = play(steps, **how)
            except Exception:  # the simulator died, or the model is wrong: never passed over
                with self.lock:
                    self.failures.append((number, steps, how, Untrue("untrue answers", traceback.format_exc())))
                continue
            with self.lock:
                if self.struck // 1000 != (self.struck + outcome.struck) // 1000:
                    print(f"{self.struck + outcome.struck} faults", flush=True)
                self.operations += outcome.operations
                self.struck += outcome.struck
                self.near += outcome.near
                self.answers += outcome.answers
                if outcome.untrue:
                    self.failures.append((number, steps[:outcome.operations], how, outcome.untrue))
                    print(f"sequence {number}: {outcome.untrue.kind}: {outcome.untrue}", flush=True)

    def summary(self):
        found = Counter(untrue.kind for *_, untrue in self.failures)
        figures_of = ", ".join(f"{kind} {found[kind]}" for kind in COUNTED)
        answers = ", ".join(f"{name} {count}" for name, count in self.answers.most_common())
        return f"random faults: seed {SEED}, operations {self.operations}, faults that struck {self.struck}, " \
            f"{figures_of} ({time.monotonic() - self.began:.0f} s; not told from somebody else's {self.near}; " \
            f"changes answered: {answers})"


def explain(number, steps, how, untrue, shrinking):
    def fails(candidate):
        found = play(candidate, **how).untrue
        return found is not None and found.kind == untrue.kind

    if shrinking and untrue.kind != "hangs":
        steps = shrink(steps, fails)
    return f"seed {SEED}, sequence {number}: {untrue.kind}: {untrue}\nplayed with {how}:\n{replayable(steps)}"


def replay():
    with open(REPLAY, encoding="utf-8") as file:
        untrue = play(ast.literal_eval(file.read()), patiently=True).untrue
    assert untrue is None, f"{untrue.kind}: {untrue}"


def test_random_operations_under_random_faults():
    if REPLAY:
        replay()
        return
    print(f"seed {SEED}", flush=True)
    run = Run()
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(run.lane, range(LANES)))
    figures.append(run.summary())
    print(run.summary(), flush=True)  # shrinking takes its time
    problems = [explain(*failure, at < SHRUNK) for at, failure in enumerate(run.failures)]
    assert not problems, "\n\n".join([run.summary(), *problems])


def test_a_hang_is_reported():
    """A lane that is stuck in its mount is let go, and the run ends."""
    outcome = play([Step("ls", 0, "n0", "n1", [], False, True)] * 3, watchdog=3,
                   begin=lambda own: os.kill(own.mount.pid, signal.SIGSTOP))
    assert outcome.untrue.kind == "hangs" and outcome.operations == 1


def test_a_failing_sequence_is_shrunk():
    """What a failure needs is left, and nothing else; what is printed can be played again."""
    source = random.Random("the same steps in every run")
    steps = [random_step(source) for _ in range(LENGTH)]
    steps[4] = Step("mkdir", 1, "n3", "n0", [{"action": "CreateSnapshot", "kind": "hang", "times": 1},
                                             {"action": "DescribeDisks", "kind": "status", "times": 2}], True, True)
    steps[13] = Step("rollback", 2, "n1", "n2", [], True, False)
    played = []

    def fails(candidate):
        played.append(len(candidate))
        made = [at for at, step in enumerate(candidate) if step.verb == "mkdir" and step.name == "n3" and step.disk == 1
                and any(fault["kind"] == "hang" for fault in step.faults)]
        return bool(made) and any(step.verb == "rollback" for step in candidate[made[0]:])

    assert fails(steps)
    fewest = shrink(steps, fails)
    assert len(fewest) == 2 and len(played) <= 62, fewest
    assert fewest[0].faults == [{"action": "CreateSnapshot", "kind": "hang", "times": 1}] and not fewest[0].again
    assert fewest[1].verb == "rollback" and fewest[1].faults == [] and not fewest[1].again
    assert [Step(*step) for step in ast.literal_eval(replayable(fewest))] == fewest
