# SPDX-License-Identifier: Apache-2.0
"""Fixtures.  A mount that does not come up fails every test that asked for it; nothing is ever skipped for it.

A module says what its shared mount looks like with SIMULATOR (arguments) and OPTIONS (words for -o).
"""
import pytest

from commands import end_all
from stage import Stage, watchdog


def open_stage(directory):
    stage = Stage(directory)
    try:
        yield stage
    finally:
        end_all()
        problems = stage.close()
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """For daemons that the tests of a module share."""
    yield from open_stage(tmp_path_factory.mktemp("stage"))


@pytest.fixture
def own(tmp_path):
    """For daemons of one test."""
    yield from open_stage(tmp_path)


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
    """No test outlives its limit, leaves faults behind or a dead daemon unnoticed."""
    marker = request.node.get_closest_marker("limit")
    with watchdog(marker.args[0] if marker else 60):
        yield
        end_all()
    for stage in list(Stage.running):
        for mount in stage.mounts():
            assert mount.process is None or mount.pid is None or mount.is_running(), \
                f"the daemon died: {mount.stderr()}"
        for simulator in stage.simulators():
            assert simulator.process.poll() is None, f"the simulator died: {simulator.stderr()}"
            simulator.faults()
