# SPDX-License-Identifier: Apache-2.0
"""Whoever starts daemons ends them: stages, and the watchdog for tests that hang."""
import os
import threading
from contextlib import contextmanager

import providers
from harness import Mount, Simulator

if providers.PROVIDER == "openstack":
    from real_cloud import CloudAccount as Account
else:
    Account = Simulator


class Stage:
    """Starts simulators and mounts in one directory and ends them all, whatever happened."""

    running = []  # every open stage, for the watchdog

    def __init__(self, directory):
        self.directory = str(directory)
        self.daemons = []
        Stage.running.append(self)

    def place(self, kind):
        return os.path.join(self.directory, f"{kind}{len(self.daemons)}")

    def simulator(self, *arguments, **keywords):
        simulator = Account.__new__(Account)
        self.daemons.append(simulator)
        simulator.__init__(self.place("simulator"), *arguments, **keywords)
        return simulator

    def mount(self, simulator, *options, **keywords):
        mount = Mount.__new__(Mount)
        self.daemons.append(mount)
        mount.__init__(self.place("mount"), simulator, *options, **keywords)
        return mount

    def remove(self, daemon):
        """Ends one daemon now; returns what was wrong."""
        self.daemons.remove(daemon)
        return daemon.stop()

    def mounts(self):
        return [daemon for daemon in self.daemons if isinstance(daemon, Mount)]

    def simulators(self):
        return [daemon for daemon in self.daemons if isinstance(daemon, Account)]

    def leftovers(self, jobs=False):
        """What tests have left behind in the daemons of this stage."""
        for simulator in self.simulators():
            if simulator.process is not None and simulator.process.poll() is None:
                simulator.faults()
        return [problem for mount in self.mounts() if hasattr(mount, "first") for problem in mount.leftovers(jobs)]

    def close(self):
        problems = []
        for daemon in reversed(self.daemons):
            if daemon.process is not None:
                problems += [f"{daemon.directory}: {problem}" for problem in daemon.stop()]
        Stage.running.remove(self)
        return problems


@contextmanager
def watchdog(seconds):
    """Kills every daemon when a test hangs: each process stuck in a mount then gets ENOTCONN."""
    fired = []

    def bite():
        fired.append(True)
        for stage in list(Stage.running):
            for mount in stage.mounts():
                mount.kill()

    timer = threading.Timer(seconds, bite)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    assert not fired, f"the test took more than {seconds} s; its daemons were killed"
