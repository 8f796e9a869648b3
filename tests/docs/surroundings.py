# SPDX-License-Identifier: Apache-2.0
"""What the commands of a document find; see console.py."""
import os
import subprocess
import time
from contextlib import contextmanager

from console import CBSFS_SIM, Shell

KEYS = {"TENCENTCLOUD_SECRET_ID": "AKIDSIMULATOR", "TENCENTCLOUD_SECRET_KEY": "simulator"}
CONFIGURATION = "~/.config/cbsfs/config"


def unmount(directory):
    with open("/proc/self/mounts", encoding="utf-8") as table:
        points = [line.split()[1] for line in table if line.split()[1].startswith(directory)]
    for point in points:
        subprocess.run(["fusermount3", "-u", "-z", point], check=False)


class Simulator:
    def __init__(self, directory, *arguments):
        port_file = os.path.join(directory, ".port")
        self.process = subprocess.Popen([CBSFS_SIM, "--port-file", port_file, *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not os.path.exists(port_file):
            assert time.monotonic() < deadline and self.process.poll() is None, "the simulator did not start"
            time.sleep(0.02)
        with open(port_file, encoding="ascii") as file:
            self.endpoint = f"http://127.0.0.1:{int(file.read())}"
        os.unlink(port_file)

    def end(self):
        self.process.terminate()
        self.process.wait(10)


class Place:
    """A home with everything in it, a simulator and a shell."""

    def __init__(self, home, simulator):
        self.home = home
        self.simulator = simulator
        os.makedirs(os.path.join(home, ".mnt"))
        self.write([f"# {CONFIGURATION}"])
        keys = [f"secret_id = {KEYS['TENCENTCLOUD_SECRET_ID']}", f"secret_key = {KEYS['TENCENTCLOUD_SECRET_KEY']}"]
        self.write(["# ~/.tencentcloud/credentials", "[default]", *keys, "[work]", *keys])
        self.shell = Shell(home, {**KEYS, "CBSFS_SIM_ENDPOINT": simulator.endpoint})

    def write(self, lines):
        """A file, named by its first line."""
        name = lines[0][2:]
        lines = lines + ([f"endpoint = {self.simulator.endpoint}"] if name == CONFIGURATION else [])
        path = name.replace("~/", f"{self.home}/", 1).replace("/mnt/", f"{self.home}/.mnt/", 1)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        os.chmod(path, 0o600)


@contextmanager
def surroundings(home, *arguments):
    simulator = Simulator(home, "--region", "ap-guangzhou,ap-shanghai", *arguments)
    place = None
    try:
        place = Place(home, simulator)
        yield place
    finally:
        if place:
            place.shell.end()
        unmount(home)
        simulator.end()
