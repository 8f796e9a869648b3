# SPDX-License-Identifier: Apache-2.0
"""Fixtures.  A mount that does not come up fails every test that asked for it; nothing is ever skipped for it.

A module says what its shared mount looks like with SIMULATOR (arguments) and OPTIONS (words for -o).
"""
from collections import Counter

import pytest

from commands import SLOWER, end_all
from harness import WRAPPER
from providers import is_for_this
from stage import Stage, watchdog


left_out = Counter()  # reasons of @pytest.mark.without_valgrind, and of how many cases


def pytest_collection_modifyitems(config, items):
    """What this provider cannot have is not part of its suite, nor what valgrind cannot run part of valgrind's."""
    kept, others = [], []
    for item in items:
        marker = item.get_closest_marker("without_valgrind") if WRAPPER else None
        if marker and is_for_this(item):
            left_out[marker.args[0]] += 1
        (kept if is_for_this(item) and not marker else others).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = kept


def pytest_terminal_summary(terminalreporter):
    for reason, cases in left_out.items():
        terminalreporter.write_line(f"left out under {WRAPPER.split()[0]}: {cases}: {reason}")


def open_stage(directory, leaves_jobs=False):
    stage = Stage(directory)
    problems = []
    try:
        yield stage
    finally:
        end_all()
        try:
            problems = stage.leftovers(leaves_jobs)
        finally:
            problems = problems + stage.close()
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """For daemons that the tests of a module share."""
    yield from open_stage(tmp_path_factory.mktemp("stage"))


@pytest.fixture
def own(tmp_path, request):
    """For daemons of one test."""
    yield from open_stage(tmp_path, leaves_jobs(request))


def leaves_jobs(request):
    return request.node.get_closest_marker("leaves_jobs") is not None


@pytest.fixture(scope="module")
def sim(stage, request):
    simulator = stage.simulator(*getattr(request.module, "SIMULATOR", ("--create-time", "1", "--rollback-time", "1")))
    simulator.add_spare_disks(80)
    return simulator


@pytest.fixture(scope="module")
def mnt(stage, sim, request):
    return stage.mount(sim, *getattr(request.module, "OPTIONS", ("ttl=1",)))


@pytest.fixture
def disk(mnt):
    """A disk that no other test touches: one that was there before the mount, as long as there are any."""
    spare = mnt.simulator.spare_disks
    return spare.pop() if spare else mnt.add_disk()


@pytest.fixture(autouse=True)
def supervision(request):
    """No test outlives its limit, or leaves faults, a dead daemon or anything in a living one behind."""
    marker = request.node.get_closest_marker("limit")
    with watchdog((marker.args[0] if marker else 60) * SLOWER):
        yield
        end_all()
    for stage in list(Stage.running):
        for mount in stage.mounts():
            assert mount.process is None or mount.pid is None or mount.is_running(), \
                f"the daemon died: {mount.stderr()}"
        for simulator in stage.simulators():
            assert simulator.process.poll() is None, f"the simulator died: {simulator.stderr()}"
            simulator.faults()
        problems = stage.leftovers(leaves_jobs(request))
        assert not problems, "\n".join(problems)
