# SPDX-License-Identifier: Apache-2.0
import pytest
from tc3 import Simulator


@pytest.fixture(scope="module")
def shared():
    """One simulator for the tests that change nothing that others look at."""
    with Simulator("--rate", 0, "--create-time", 0.2, "--rollback-time", 0.2,
                   "--delete-time", 0.2) as client:
        yield client


@pytest.fixture
def client(shared):
    shared.faults()
    yield shared
    shared.faults()


@pytest.fixture
def new():
    """Starts simulators of a test's own: new("--disks", 3) gives a Client."""
    running = []

    def start(*arguments, **keywords):
        running.append(Simulator(*arguments, **keywords))
        return running[-1].__enter__()

    yield start
    for simulator in running:
        simulator.__exit__()
