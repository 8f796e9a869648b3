# SPDX-License-Identifier: Apache-2.0
"""Mounts of a real cloud, with the harness of tests/mount.

test_services.py stops services and changes their settings: nothing else may use the cloud of CBSFS_TEST_CLOUD meanwhile.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["CBSFS_TEST_PROVIDER"] = "openstack"
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "mount")]

# pylint: disable=wrong-import-position
import pytest  # noqa: E402

from commands import end_all  # noqa: E402
from harness import SLOWER  # noqa: E402
from peer import OPTIONS, Peer  # noqa: E402
from real_cloud import the_cloud  # noqa: E402
from stage import Stage, watchdog  # noqa: E402


@pytest.fixture(scope="session")
def cloud():
    return the_cloud()


@pytest.fixture
def own(tmp_path):
    """For accounts and mounts of one test."""
    stage = Stage(tmp_path)
    problems = []
    try:
        yield stage
    finally:
        end_all()
        try:
            problems = stage.leftovers()
        finally:
            problems = problems + stage.close()
    assert not problems, "\n".join(problems)


@pytest.fixture
def account(own):
    return own.simulator("--create-time", "0.3", "--rollback-time", "0.5", "--disks", "0")


@pytest.fixture
def peer(account):
    return Peer(account)


@pytest.fixture
def disk(account):
    return account.direct.create_volume("web-data")


@pytest.fixture
def mnt(own, account, disk):
    mount = own.mount(account, *OPTIONS)
    assert mount.snapshots(disk) == []
    return mount


@pytest.fixture(autouse=True)
def supervision(request):
    marker = request.node.get_closest_marker("limit")
    with watchdog((marker.args[0] if marker else 60) * SLOWER):
        yield
        end_all()
