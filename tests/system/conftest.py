# SPDX-License-Identifier: Apache-2.0
"""cbsfs as a part of a system: with the harness of tests/mount, and what `meson install` puts down."""
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "mount")]

# pylint: disable=wrong-import-position
import pytest  # noqa: E402

from commands import end_all, wait_until  # noqa: E402
from harness import CBSFS, REPOSITORY, SECRET_ID, SECRET_KEY, find_process, mount_type  # noqa: E402
from stage import Stage, watchdog  # noqa: E402


@pytest.fixture(scope="module")
def sim(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("account"))
    yield stage.simulator("--create-time", "1", "--rollback-time", "1")
    assert stage.close() == []


@pytest.fixture
def own(tmp_path):
    """For simulators and mounts of one test."""
    stage = Stage(tmp_path)
    try:
        yield stage
    finally:
        end_all()
        problems = stage.close()
    assert problems == []


@pytest.fixture(autouse=True)
def supervision(request):
    marker = request.node.get_closest_marker("limit")
    with watchdog(marker.args[0] if marker else 120):
        yield
        end_all()


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """What `meson install` of the build makes, as DESTDIR plus prefix."""
    destination = tmp_path_factory.mktemp("destination")
    build = os.path.dirname(os.path.abspath(CBSFS))
    done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", destination],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    prefix = os.path.join(destination, "usr", "local")
    assert os.path.isdir(prefix), "the tests know the prefix /usr/local"
    return prefix


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The Debian package, built from the tree without a network."""
    directory = tmp_path_factory.mktemp("package")
    done = subprocess.run([os.path.join(REPOSITORY, "contrib", "package-debian"), directory], capture_output=True, text=True,
                          env={**os.environ, "http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"},
                          check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    (found,) = glob.glob(f"{directory}/*.deb")
    return found


class Home:
    """A user's home with keys and a configuration, and a mount point; unmounts whatever is left."""

    def __init__(self, directory, sim):
        self.directory = str(directory)
        self.point = os.path.join(self.directory, "mnt")
        self.sim = sim
        os.makedirs(self.point)
        self.write(".tencentcloud/credentials",
                   f"[default]\nsecret_id = {SECRET_ID}\nsecret_key = {SECRET_KEY}\n"
                   f"[work]\nsecret_id = {SECRET_ID}\nsecret_key = {SECRET_KEY}\n", 0o600)
        self.write(".config/cbsfs/config", f"endpoint = {sim.endpoint}\nttl = 1\n")

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    @property
    def environment(self):
        """Nothing of this machine's but the way to its programs."""
        kept = {name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ}
        return {**kept, "HOME": self.directory, "LC_ALL": "C.UTF-8",
                "PATH": os.path.dirname(os.path.abspath(CBSFS)) + ":/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

    def run(self, *words, **environment):
        return subprocess.run([str(word) for word in words], env={**self.environment, **environment},
                              capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)

    def end(self):
        while mount_type(self.point):
            subprocess.run(["fusermount3", "-uz", self.point], check=True)
        wait_until(lambda: find_process(self.point) is None, 10, "the daemon's end")


@pytest.fixture
def home(tmp_path, sim):
    place = Home(tmp_path / "home", sim)
    yield place
    place.end()
