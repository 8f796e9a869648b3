# SPDX-License-Identifier: Apache-2.0
"""How cbsfs is started, and how it says that it cannot (design 2)."""
import json
import os
import re
import signal
import subprocess

import pytest

from commands import assert_done, run, shell, wait_until
from harness import (CBSFS, SECRET_ID, SECRET_KEY, clean_environment, find_process, mount_type,
                     process_is_running, read_text)

pytestmark = pytest.mark.needs("simulator")

SIMULATOR = ("--region", "ap-guangzhou")


@pytest.fixture
def place(tmp_path):
    """Runs cbsfs by hand at tmp_path/mnt, and unmounts whatever it left there."""
    (tmp_path / "mnt").mkdir()
    (tmp_path / "home").mkdir()
    yield Place(str(tmp_path))
    point = str(tmp_path / "mnt")
    while mount_type(point):
        assert run("fusermount3", "-uz", point).status == 0


class Place:
    def __init__(self, directory):
        self.directory = directory
        self.point = os.path.join(directory, "mnt")
        self.home = os.path.join(directory, "home")

    def cbsfs(self, *arguments, timeout=30, **environment):
        return subprocess.run([CBSFS, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout, cwd=self.directory, check=False,
                              env=clean_environment(self.home, self.directory, environment))

    def mount(self, sim, *options, source="ap-guangzhou", **environment):
        words = ",".join([f"endpoint={sim.endpoint}", *options])
        return self.cbsfs(*([source] if source else []), self.point, "-o", words, **environment)

    def refused(self, child, *patterns):
        """One readable line, exit 1, and nothing mounted."""
        assert child.returncode == 1, (child.returncode, child.stderr)
        (line,) = child.stderr.splitlines()
        assert line.startswith("cbsfs: ") and child.stdout == ""
        for pattern in patterns:
            assert re.search(pattern, line, re.IGNORECASE), line
        assert SECRET_KEY not in line.replace("cbsfs-simulator", "")
        assert mount_type(self.point) is None and find_process(self.point) is None
        return line

    def end(self):
        pid = find_process(self.point)
        assert_done(run("fusermount3", "-u", self.point))
        wait_until(lambda: find_process(self.point) is None, 10, "the daemon's end")
        assert mount_type(self.point) is None
        return pid


@pytest.mark.core
def test_it_goes_into_the_background_when_mounted(sim, place):
    child = place.mount(sim)
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")
    assert mount_type(place.point) == "fuse.cbsfs"
    assert "disks" in os.listdir(place.point)
    with open("/proc/self/mounts", encoding="utf-8") as table:
        (line,) = [line for line in table if f" {place.point} " in line]
    assert line.startswith("cbsfs:ap-guangzhou ")
    place.end()


@pytest.mark.core
def test_a_background_mount_works_and_ends(own, sim):
    mount = own.mount(sim, "ttl=1", background=True)
    disk = mount.add_disk()
    assert_done(run("mkdir", mount.snapshot(disk, "in-the-background")))
    assert mount.snapshots(disk) == ["in-the-background"]


@pytest.mark.core
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_unmounts(own, sim, number):
    mount = own.mount(sim)
    os.kill(mount.pid, number)
    wait_until(lambda: not mount.is_running(), 5, "its end")
    assert mount.process.wait() == 0 and not mount.is_mounted()
    own.daemons.remove(mount)


@pytest.mark.core
def test_version_and_help(place):
    version = place.cbsfs("--version")
    assert version.returncode == 0 and re.search(r"^cbsfs \d+\.\d+", version.stdout)
    text = place.cbsfs("--help")
    assert text.returncode == 0 and text.stderr == ""
    for word in ("provider=", "region=", "profile=", "endpoint=", "config=", "ttl=", "timeout=", "rate=",
                 "allow_delete", "protect=", "rollback=", "disks=", "uid=", "lazy", "--demo", "--check", "allow_other"):
        assert word in text.stdout, word
    assert max(map(len, text.stdout.splitlines())) <= 100


@pytest.mark.core
def test_words_of_fstab_are_dropped(sim, place):
    words = ("defaults,auto,noauto,user,users,nouser,owner,group,_netdev,nofail,rw,comment=x,"
             "x-systemd.automount,x-gvfs-show")
    child = place.mount(sim, words)
    assert (child.returncode, child.stderr) == (0, "")
    place.end()


@pytest.mark.parametrize("options", [["-o", "ro"], ["-o", "allow_other"], ["-o", "default_permissions"], ["-s"],
                                     ["-o", "nosuid,nodev"]], ids=" ".join)
def test_switches_of_libfuse(sim, place, options):
    child = place.cbsfs("ap-guangzhou", place.point, "-o", f"endpoint={sim.endpoint}", *options)
    assert (child.returncode, child.stderr) == (0, "")
    place.end()


@pytest.mark.parametrize("option, pattern", [
    ("nonsense=1", "nonsense"), ("ttl=soon", "ttl"), ("ttl=-1", "ttl"), ("timeout=0", "timeout"),
    ("rate=0", "rate"), ("rate=1001", "rate"),
    ("provider=nimbus", "nimbus"), ("rollback=maybe", "rollback"), ("umask=999", "umask"), ("secret=x", "secret"),
    ("config=/nonexistent/file", "/nonexistent/file")])
def test_options_that_are_wrong(sim, place, option, pattern):
    child = place.mount(sim, option)
    assert child.returncode != 0 and mount_type(place.point) is None
    assert pattern in child.stderr and len(child.stderr.splitlines()) <= 2


@pytest.mark.core
def test_wrong_key(sim, place):
    place.refused(place.mount(sim, TENCENTCLOUD_SECRET_KEY="not-the-key"), "key|secret|signature|credential")


@pytest.mark.core
def test_wrong_id(sim, place):
    place.refused(place.mount(sim, TENCENTCLOUD_SECRET_ID="AKIDNOBODY"), "key|secret|signature|credential")


@pytest.mark.core
def test_wrong_region(sim, place):
    place.refused(place.mount(sim, source="ap-nowhere"), "ap-nowhere|region")


@pytest.mark.core
def test_unreachable_host(sim, place):
    child = place.cbsfs("ap-guangzhou", place.point, "-o", "endpoint=http://127.0.0.1:1")
    place.refused(child, "127.0.0.1:1|refused|connect")


@pytest.mark.core
def test_a_host_that_does_not_answer(own, place):
    sim = own.simulator()
    sim.fault("*", "hang", times=0)
    place.refused(place.mount(sim, "timeout=2"), "answer|timed out|timeout")


def test_a_host_that_is_something_else(own, place):
    sim = own.simulator()
    sim.fault("*", "html", times=0)
    place.refused(place.mount(sim, "timeout=2"))


@pytest.mark.core
@pytest.mark.parametrize("endpoint", [
    "http://192.0.2.1", "http://cbs.tencentcloudapi.com", "http://127.0.0.1.example.com",
    "http://127.0.0.1@192.0.2.1/", "ftp://127.0.0.1"])
def test_unencrypted_endpoints_elsewhere_are_refused(place, endpoint):
    child = place.cbsfs("ap-guangzhou", place.point, "-o", f"endpoint={endpoint}", timeout=5)
    place.refused(child, "endpoint|http|loopback")


@pytest.mark.core
def test_missing_mountpoint(sim, place):
    child = place.cbsfs("ap-guangzhou", place.point + "/missing", "-o", f"endpoint={sim.endpoint}")
    place.refused(child, "missing", "no such|not exist")


@pytest.mark.core
def test_a_mountpoint_that_is_a_file(sim, place):
    path = os.path.join(place.directory, "file")
    assert_done(run("touch", path))
    place.refused(place.cbsfs("ap-guangzhou", path, "-o", f"endpoint={sim.endpoint}"), "director")


def test_no_mountpoint(place):
    child = place.cbsfs()
    assert child.returncode == 1 and "MOUNTPOINT" in child.stderr.upper()


@pytest.mark.core
@pytest.mark.limit(90)
def test_no_credentials(sim, place):
    child = place.mount(sim, "timeout=3", TENCENTCLOUD_SECRET_ID=None, TENCENTCLOUD_SECRET_KEY=None)
    place.refused(child, "credential|secret|key")


def credential_file(place, name, text, mode=0o600):
    path = os.path.join(place.home, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


TCCLI = json.dumps({"secretId": SECRET_ID, "secretKey": SECRET_KEY})
INI = f"[default]\nsecret_id = {SECRET_ID}\nsecret_key = {SECRET_KEY}\n"
NO_ENVIRONMENT = {"TENCENTCLOUD_SECRET_ID": None, "TENCENTCLOUD_SECRET_KEY": None}


@pytest.mark.core
@pytest.mark.parametrize("name, text, source", [
    (".tccli/default.credential", TCCLI, "ap-guangzhou"), (".tccli/work.credential", TCCLI, "work@ap-guangzhou"),
    (".tencentcloud/credentials", INI, "ap-guangzhou")])
def test_credential_files(sim, place, name, text, source):
    path = credential_file(place, name, text)
    child = place.mount(sim, source=source, **NO_ENVIRONMENT)
    assert (child.returncode, child.stderr) == (0, "")
    place.end()
    os.chmod(path, 0o644)
    child = place.mount(sim, source=source, **NO_ENVIRONMENT)
    place.refused(child, re.escape(os.path.basename(name)), "read|permission|mode|0644|600")


def test_the_profile_of_the_option(sim, place):
    credential_file(place, ".tccli/other.credential", TCCLI)
    assert place.mount(sim, "profile=other", **NO_ENVIRONMENT).returncode == 0
    place.end()


def test_the_region_of_the_profile(sim, place):
    credential_file(place, ".tccli/default.credential", TCCLI)
    credential_file(place, ".tccli/default.configure", json.dumps({"_sys_param": {"region": "ap-guangzhou"}}))
    assert place.mount(sim, source=None, **NO_ENVIRONMENT).returncode == 0
    place.end()


@pytest.mark.core
def test_the_region_of_the_option_and_of_the_environment(sim, place):
    assert place.mount(sim, "region=ap-guangzhou", source=None).returncode == 0
    place.end()
    assert place.mount(sim, source=None, TENCENTCLOUD_REGION="ap-guangzhou").returncode == 0
    place.end()


def test_the_environment_wins_over_a_file(sim, place):
    credential_file(place, ".tccli/default.credential", json.dumps({"secretId": "AKIDWRONG", "secretKey": "wrong"}))
    assert place.mount(sim).returncode == 0
    place.end()


@pytest.mark.core
@pytest.mark.parametrize("name", ["TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SESSION_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN"])
def test_session_tokens(own, place, name):
    sim = own.simulator("--token", "a-session-token")
    assert place.mount(sim, **{name: "a-session-token"}).returncode == 0
    place.end()
    place.refused(place.mount(sim, **{name: "another-token"}))


@pytest.mark.core
def test_secrets_stay_secret(own):
    key = "correct-horse-battery-staple"
    sim = own.simulator(secret_key=key)
    mount = own.mount(sim, "ttl=1", environment={"TENCENTCLOUD_SECRET_KEY": key})
    mount.list("disks")
    texts = [mount.read(mount.path(".cbsfs", name)) for name in ("config", "stats", "errors", "jobs")]
    texts += [shell("cat /proc/self/mounts").out, shell('tr "\\0" " " < "$1"', f"/proc/{mount.pid}/cmdline").out]
    assert key not in "".join(texts) and "ap-guangzhou" in texts[0]
    assert key not in mount.stderr()


@pytest.mark.core
def test_lazy_mounts_without_asking(place):
    child = place.cbsfs("ap-guangzhou", place.point, "-o", "endpoint=http://127.0.0.1:1,lazy")
    assert (child.returncode, child.stderr) == (0, "")
    place.end()


@pytest.mark.core
def test_owner_and_permissions(own, sim):
    mount = own.mount(sim, "uid=1234", "gid=2345", "umask=027", "ttl=1")
    disk = mount.add_disk()
    mount.add_snapshot(disk, "one")
    assert run("stat", "-c", "%u %g %a", mount.disk(disk)).out == "1234 2345 550\n"
    assert run("stat", "-c", "%u %g %a", mount.snapshot(disk, "one")).out == "1234 2345 750\n"
    assert run("stat", "-c", "%u %g", mount.snapshot(disk, "one", "status")).out == "1234 2345\n"


@pytest.mark.core
def test_only_some_disks(own, sim):
    shown, hidden, also = (sim.add_disk() for _ in range(3))
    sim.add_snapshot(hidden, "hidden")
    snapshot = sim.add_snapshot(shown, "shown")
    mount = own.mount(sim, f"disks={shown}:{also}")
    assert set(mount.list("disks")) == {shown, also}
    assert not mount.exists(mount.disk(hidden))
    assert mount.list("snapshots") == [snapshot]


@pytest.mark.core
def test_check(own, sim, place):
    command = ("--check", "ap-guangzhou", "-o", f"endpoint={sim.endpoint}")
    good = place.cbsfs(*command)
    assert good.returncode == 0 and len(good.stdout.splitlines()) >= 3, good.stderr
    assert "FAIL" not in good.stdout
    with sim.counting() as count:
        bad = place.cbsfs(*command, TENCENTCLOUD_SECRET_KEY="wrong")
    assert bad.returncode == 1 and "FAIL" in bad.stdout
    assert count.change_requests == 0


@pytest.mark.core
def test_demo(place):
    child = place.cbsfs("--demo", place.point, TENCENTCLOUD_SECRET_ID=None, TENCENTCLOUD_SECRET_KEY=None)
    assert child.returncode == 0, child.stderr
    assert mount_type(place.point) == "fuse.cbsfs"
    disks = run("ls", os.path.join(place.point, "disks")).out.split()
    assert disks
    assert len(simulators(place.home)) == 1
    assert_done(run("mkdir", os.path.join(place.point, "disks", disks[0], "snapshots", "from-the-demo")))
    place.end()
    wait_until(lambda: not simulators(place.home), 10, "the simulator's end")


def simulators(home):
    """Pids of the running cbsfs-sim processes with this $HOME; other tests have theirs."""
    found = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            name = read_text(f"/proc/{entry}/comm").strip()
            environment = read_text(f"/proc/{entry}/environ").split("\0")
        except OSError:
            continue
        if name == "cbsfs-sim" and f"HOME={home}" in environment and process_is_running(int(entry)):
            found.add(int(entry))
    return found


@pytest.mark.core
@pytest.mark.parametrize("command", [["mount.fuse3", "ap-guangzhou", "MOUNTPOINT", "-t", "fuse.cbsfs"],
                                     ["mount", "-t", "fuse", "CBSFS#ap-guangzhou", "MOUNTPOINT"]],
                         ids=lambda words: words[0])
def test_mount_8(sim, place, command):
    """Both ways of fstab: by type (cbsfs is then looked for in PATH) and by a path before the source."""
    environment = clean_environment(place.home, place.directory)
    environment["PATH"] = os.path.dirname(os.path.abspath(CBSFS)) + ":/usr/sbin:/sbin:" + environment["PATH"]
    words = [word.replace("MOUNTPOINT", place.point).replace("CBSFS", os.path.abspath(CBSFS)) for word in command]
    child = subprocess.run([*words, "-o", f"endpoint={sim.endpoint},_netdev,nofail,noauto"], capture_output=True,
                           text=True, timeout=30, env=environment, check=False)
    assert child.returncode == 0, child.stderr
    assert mount_type(place.point) == "fuse.cbsfs"
    assert "disks" in os.listdir(place.point)
    assert_done(run("umount", place.point))
    wait_until(lambda: find_process(place.point) is None, 10, "the daemon's end")


def test_a_daemon_that_was_killed_leaves_a_clear_error(own, sim):
    mount = own.mount(sim)
    own.daemons.remove(mount)
    mount.kill()
    mount.process.wait()
    assert "Transport endpoint is not connected" in run("ls", mount.point).err
    assert_done(run("fusermount3", "-u", mount.point))
    assert not mount.is_mounted()
