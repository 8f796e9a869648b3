# SPDX-License-Identifier: Apache-2.0
"""The units, and what they have to rely on: sd_notify's protocol, --clean, and a start that takes a dead mount away.

The test is the manager: it reads the unit and does with its lines what systemd does, and so sees each message.  test_systemd.py
has the real one.
"""
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

from commands import wait_until
from harness import CBSFS, find_process, mount_type

# They give a service a mount namespace, in which its mounts stay.
NAMESPACED = ("ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateMounts", "ProtectKernelTunables",
              "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups", "ProtectProc", "ReadOnlyPaths",
              "ReadWritePaths", "InaccessiblePaths", "TemporaryFileSystem", "BindPaths", "BindReadOnlyPaths", "RootDirectory",
              "RootImage", "ProcSubset", "MountFlags", "DynamicUser", "PrivateUsers")


class Manager:
    """A socket as $NOTIFY_SOCKET, and the messages that came."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.settimeout(15)
        self.name = "@" + name[1:] if name.startswith("\0") else name

    def message(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def until(self, key):
        """The next message that has `key`."""
        for _ in range(200):
            message = self.message()
            if key in message:
                return message
        raise AssertionError(f"{key} never came")

    def nothing(self):
        self.socket.settimeout(0.3)
        with pytest.raises(socket.timeout):
            self.socket.recv(4096)


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    found = Manager(str(tmp_path / "notify") if request.param == "path" else f"\0cbsfs-test-{os.getpid()}")
    yield found
    found.socket.close()


class Service:
    """A process in the foreground with a manager, as Type=notify starts it."""

    def __init__(self, home, manager, *words, **environment):
        self.process = subprocess.Popen([CBSFS, "-f", *words, home.point], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True,
                                        env={**home.environment, "NOTIFY_SOCKET": manager.name, **environment})

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(10)
        self.process.stderr.close()
        return status


def test_ready_is_said_when_it_is_mounted(home, manager):
    service = Service(home, manager, "ap-guangzhou")
    message = manager.message()
    assert mount_type(home.point) == "fuse.cbsfs"
    assert message == {"READY": "1", "STATUS": f"Mounted tencent@ap-guangzhou at {home.point}"}
    with open(f"/proc/{service.process.pid}/environ", encoding="utf-8") as file:
        assert "NOTIFY_SOCKET" in file.read(), "the start of the process had it"
    assert service.end() == 0
    assert manager.message()["STOPPING"] == "1"
    assert mount_type(home.point) is None
    manager.nothing()


def test_an_unmount_is_an_end(home, manager):
    service = Service(home, manager, "ap-guangzhou")
    manager.until("READY")
    assert home.run("umount", home.point).returncode == 0
    assert manager.message()["STOPPING"] == "1"
    assert service.process.wait(10) == 0
    service.process.stderr.close()


def test_a_failed_start_says_why(home, manager):
    service = Service(home, manager, "ap-nowhere")
    message = manager.message()
    assert "READY" not in message and "ap-nowhere" in message["STATUS"] and int(message["ERRNO"]) > 0
    assert service.process.wait(10) == 1
    assert "ap-nowhere" in service.process.stderr.read()
    service.process.stderr.close()
    manager.nothing()


def test_signs_of_life(home, manager):
    """Twice in the time that was asked for; and none from a loop that stands still."""
    service = Service(home, manager, "ap-guangzhou", WATCHDOG_USEC="400000")
    manager.until("READY")
    for _ in range(3):
        assert manager.message() == {"WATCHDOG": "1"}
    service.process.send_signal(signal.SIGSTOP)
    manager.socket.settimeout(0)
    while True:
        try:
            manager.socket.recv(4096)
        except BlockingIOError:
            break
    manager.nothing()
    service.process.send_signal(signal.SIGCONT)
    assert service.end() == 0


def test_no_signs_of_life_unasked(home, manager):
    service = Service(home, manager, "ap-guangzhou", WATCHDOG_USEC="200000", WATCHDOG_PID="1")
    manager.until("READY")
    manager.nothing()
    assert service.end() == 0


@pytest.mark.parametrize("name", ["relative", "@", "/" + "x" * 200, "vsock:2:1234"])
def test_a_socket_that_is_none(home, name):
    child = home.run(CBSFS, "-f", "ap-guangzhou", home.point, NOTIFY_SOCKET=name)
    assert child.returncode == 1 and "NOTIFY_SOCKET" in child.stderr
    assert mount_type(home.point) is None


def test_a_manager_that_is_gone_is_no_reason_to_fail(home, tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    manager.socket.close()
    service = Service(home, manager, "ap-guangzhou")
    wait_until(lambda: mount_type(home.point), 10, "the mount")
    assert service.end() == 0


# --- the units ---------------------------------------------------------------------------------------


def unit_path(installed, kind):
    return os.path.join(installed, "lib", "systemd", kind, "cbsfs@.service")


def lines_of(path):
    """{key: [values]} of a unit."""
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = re.match(r"([A-Za-z]+)=(.*)", line)
            if match:
                found.setdefault(match[1], []).append(match[2])
    return found


class Unit:
    """What systemd does with cbsfs@INSTANCE.service of the installed tree."""

    def __init__(self, installed, kind, home, **variables):
        self.home = home
        self.lines = lines_of(unit_path(installed, kind))
        self.variables = dict(word.split("=", 1) for word in self.lines["Environment"])
        self.variables.update(variables)
        self.program = os.path.join(installed, "bin", "cbsfs")

    def words(self, line):
        """Its words: %f is the path, ${NAME} one word, $NAME as many as it has."""
        words = []
        for word in line.replace("/usr/local/bin/cbsfs", self.program).split():
            plain = re.fullmatch(r"\$([A-Z_]+)", word)
            if plain:
                words += self.variables.get(plain[1], "").split()
            else:
                words.append(re.sub(r"\$\{([A-Z_]+)\}", lambda found: self.variables.get(found[1], ""),
                                    word.replace("%f", self.home.point)))
        return words

    def run_all(self, key):
        for line in self.lines.get(key, []):
            child = self.home.run(*self.words(line))
            assert child.returncode == 0, (line, child.stderr)

    def start(self, manager):
        self.run_all("ExecStartPre")
        (line,) = self.lines["ExecStart"]
        process = subprocess.Popen(self.words(line), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                   env={**self.home.environment, "NOTIFY_SOCKET": manager.name})
        manager.until("READY")
        return process

    def stopped(self, process, number):
        process.send_signal(number)
        status = process.wait(10)
        process.stderr.close()
        self.run_all("ExecStopPost")
        return status


@pytest.mark.parametrize("kind", ["system", "user"])
def test_the_unit_starts_stops_and_starts_again_after_a_crash(home, installed, manager, kind):
    unit = Unit(installed, kind, home, CBSFS_SOURCE="work@ap-guangzhou", CBSFS_OPTIONS="ro,ttl=7")
    os.rmdir(home.point)
    process = unit.start(manager)
    config = home.run("cat", home.point + "/.cbsfs/config").stdout
    assert "ttl 7\n" in config and "read_only 1\n" in config
    process.kill()
    process.wait(10)
    process.stderr.close()
    assert "not connected" in home.run("ls", home.point).stderr
    # Restart=on-failure: ExecStopPost, and later ExecStartPre and ExecStart; each alone has to do.
    unit.run_all("ExecStopPost")
    assert mount_type(home.point) is None
    process = unit.start(manager)
    process.kill()
    process.wait(10)
    process.stderr.close()
    process = unit.start(manager)
    assert {"README", "disks", "snapshots"} <= set(home.run("ls", home.point).stdout.split())
    assert unit.stopped(process, signal.SIGTERM) == 0
    assert mount_type(home.point) is None


def test_a_unit_without_settings_takes_the_configuration_file(home, installed, manager):
    home.write(".config/cbsfs/config", f"endpoint = {home.sim.endpoint}\nregion = ap-guangzhou\nttl = 9\n")
    unit = Unit(installed, "system", home)
    process = unit.start(manager)
    assert "ttl 9\n" in home.run("cat", home.point + "/.cbsfs/config").stdout
    assert unit.stopped(process, signal.SIGTERM) == 0


def test_a_unit_that_cannot_start_leaves_a_living_mount_alone(home, installed, manager):
    """ExecStopPost runs then as well."""
    assert home.run(CBSFS, "ap-guangzhou", home.point).returncode == 0
    unit = Unit(installed, "system", home, CBSFS_SOURCE="ap-guangzhou")
    unit.run_all("ExecStartPre")
    (line,) = unit.lines["ExecStart"]
    child = home.run(*unit.words(line), NOTIFY_SOCKET=manager.name)
    assert child.returncode == 1 and "mounted there already" in child.stderr
    unit.run_all("ExecStopPost")
    assert home.run("ls", home.point).returncode == 0 and find_process(home.point)


def test_the_units_say_what_they_have_to(installed):
    for kind in ("system", "user"):
        unit = lines_of(unit_path(installed, kind))
        assert unit["Type"] == ["notify"] and unit["Restart"] == ["on-failure"]
        assert unit["ExecStart"][0].startswith("/usr/local/bin/cbsfs -f ")
        assert [key for key in unit if key in NAMESPACED] == []
    assert "NoNewPrivileges" not in unit, "the user's: fusermount3 is a program of root's"


def test_the_capabilities_that_are_left_are_enough(home, installed, manager):
    unit = lines_of(unit_path(installed, "system"))
    (left,) = unit["CapabilityBoundingSet"]
    bounds = ",".join(["-all", *("+" + name.lower().removeprefix("cap_") for name in left.split())])
    process = subprocess.Popen(["setpriv", f"--bounding-set={bounds}", "--inh-caps=-all", "--no-new-privs", CBSFS, "-f",
                                "ap-guangzhou", home.point], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**home.environment, "NOTIFY_SOCKET": manager.name})
    manager.until("READY")
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
        assert re.search(r"^CapEff:\t0*200006$", file.read(), re.MULTILINE)
    assert home.run("ls", home.point + "/disks").returncode == 0
    process.kill()
    process.wait(10)
    child = home.run("setpriv", f"--bounding-set={bounds}", "--inh-caps=-all", "--no-new-privs", CBSFS, "--clean", home.point)
    assert (child.returncode, child.stderr) == (0, "") and mount_type(home.point) is None


def calls_of(group):
    """The system calls of a group of systemd's, and of the groups in it."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", group], capture_output=True, text=True,
                          check=True).stdout
    words = [line.strip() for line in text.splitlines() if line.startswith("    ") and not line.strip().startswith("#")]
    return {call for word in words for call in (calls_of(word) if word.startswith("@") else {word})}


def test_the_system_calls_that_are_left_are_enough(home, installed, manager, tmp_path):
    """Whatever it calls from its start to its end, with a look and a change between, is in the unit's filter."""
    (groups,) = lines_of(unit_path(installed, "system"))["SystemCallFilter"]
    allowed = set().union(*(calls_of(group) for group in [*groups.split(), "@default"]))
    trace = tmp_path / "trace"
    process = subprocess.Popen(["strace", "-f", "-o", trace, CBSFS, "-f", "ap-guangzhou", home.point], stdin=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env={**home.environment, "NOTIFY_SOCKET": manager.name})
    manager.until("READY")
    assert home.run("ls", "-lR", home.point).returncode == 0
    (disk, *_) = os.listdir(home.point + "/disks")
    home.run("mkdir", f"{home.point}/disks/{disk}/snapshots/traced")
    assert home.run("umount", home.point).returncode == 0
    assert process.wait(10) == 0
    called = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", trace.read_text(), re.MULTILINE))
    assert {"mount", "sendto", "execve"} <= called and called - allowed == set()


def test_systemd_understands_the_units(installed, tmp_path):
    """With the paths of the installed tree instead of /usr/local, and its examples."""
    examples = os.path.join(installed, "share", "doc", "cbsfs", "examples", "systemd")
    units = tmp_path / "units"
    units.mkdir()
    for name in ("mnt-cbs.mount", "mnt-cbs.automount"):
        shutil.copy(os.path.join(examples, name), units)
    with open(unit_path(installed, "system"), encoding="utf-8") as file:
        text = file.read().replace("/usr/local/bin", os.path.join(installed, "bin"))
    (units / "cbsfs@.service").write_text(text)
    for name in ("mnt-cbs.mount", "mnt-cbs.automount", "cbsfs@mnt-cbs.service"):
        child = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(units / name)],
                               env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}, capture_output=True, text=True,
                               timeout=60, check=False)
        ours = [line for line in child.stderr.splitlines() if str(units) in line or "cbsfs" in line or "mnt-cbs" in line]
        assert child.returncode == 0 and ours == [], child.stderr
    # It does not pass everything.
    (units / "cbsfs@.service").write_text(text.replace("Type=notify", "Type=nonsense"))
    child = subprocess.run(["systemd-analyze", "verify", "--man=no", str(units / "cbsfs@mnt-cbs.service")],
                           env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}, capture_output=True, text=True,
                           timeout=60, check=False)
    assert "nonsense" in child.stderr


def test_the_hardening_is_worth_it(installed):
    """systemd's own figure of exposure: 9.6 for a unit without anything; what is left is CAP_SYS_ADMIN and the namespaces."""
    child = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=70", "--no-pager",
                            unit_path(installed, "system")], capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode == 0, child.stdout[-300:] + child.stderr
