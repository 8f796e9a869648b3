# SPDX-License-Identifier: Apache-2.0
"""Random operations under random faults against the reference model (model.py).

CBSFS_TEST_SEED repeats a run, CBSFS_TEST_OPERATIONS makes it longer.
"""
import os
import random
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from account import LANES, figures
from model import play, random_step, shrink

SEED = int(os.environ.get("CBSFS_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
OPERATIONS = int(os.environ.get("CBSFS_TEST_OPERATIONS", "240"))
LENGTH = 20  # operations in one sequence
COUNTED = ("duplicate snapshots", "double rollbacks", "untrue answers", "hangs")


def sequence(number):
    source = random.Random(f"{SEED}-{number}")
    return [random_step(source) for _ in range(LENGTH)]


def play_one(number):
    steps = sequence(number)
    try:
        return steps, play(steps), None
    except Exception:  # the daemon died, or a command printed what it never should
        return steps, (len(steps), 0, None), traceback.format_exc()


def test_random_operations_under_random_faults():
    count = max(OPERATIONS // LENGTH, 1)
    with ThreadPoolExecutor(LANES) as pool:
        played = list(pool.map(play_one, range(count)))
    found = Counter(end[2].kind for _, end, _ in played if end[2] is not None)
    operations, faults = (sum(end[field] for _, end, _ in played) for field in (0, 1))
    summary = ", ".join(f"{kind} {found[kind]}" for kind in COUNTED)
    figures.append(f"random faults: seed {SEED}, operations {operations}, faults {faults}, {summary}")
    problems = [f"seed {SEED}:\n{trouble}" for _, _, trouble in played if trouble]
    for steps, (reached, _, untrue), _ in played:
        if untrue is not None:
            fewest = shrink(steps[:reached], untrue.kind) if len(problems) < 2 else steps[:reached]
            lines = "\n".join(map(repr, fewest))
            problems.append(f"seed {SEED}: {untrue.kind}: {untrue}\n{lines}")
    assert not problems, "\n\n".join(problems)
