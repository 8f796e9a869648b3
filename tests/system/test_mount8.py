# SPDX-License-Identifier: Apache-2.0
"""mount(8), umount(8), findmnt(8) and fstab, with mount.fuse.cbsfs where mount(8) looks for it.

It is put there in a mount namespace of the test's own, so that nothing of the machine changes, and so is the home of root:
mount(8) takes HOME and PATH out of the environment.  Each scenario is one script, as the namespace is gone when it ends.
"""
import os
import signal
import subprocess
import tempfile

import pytest

from conftest import Home
from commands import in_namespace, wait_until
from harness import CBSFS, REPOSITORY, find_process

# The directory of mount's helpers becomes one with all that it had, and ours.  $1: the link to install; $2: a directory;
# $3: the home.
PREPARE = """
set -eu
mkdir -p "$2/old" "$2/new"
mount --bind /usr/sbin "$2/old"
for program in "$2"/old/*; do ln -s "$program" "$2/new/"; done
rm -f "$2/new/mount.fuse.cbsfs"
ln -s "$1" "$2/new/mount.fuse.cbsfs"
mount --bind "$2/new" /usr/sbin
[ "$(readlink -f /sbin)" = /usr/sbin ]
mount --bind "$3" "$(getent passwd "$(id -u)" | cut -d: -f6)"
shift 3
"""

CLEAN_UP = """
trap 'while umount -l "$point" 2>/dev/null; do :; done' EXIT
"""


@pytest.fixture
def scenario(home, installed, tmp_path):
    helper = os.path.join(installed, "sbin", "mount.fuse.cbsfs")

    def run(script, **files):
        """Runs a script with $fstab, $point and $cbsfs; what it printed."""
        fstab = home.write("fstab", files.get("fstab", ""))
        child = subprocess.run(in_namespace(PREPARE + 'exec bash -eu -o pipefail -c "$1"', "sh", helper,
                                            str(tmp_path / "helpers"), home.directory, CLEAN_UP + script),
                               env={**home.environment, "fstab": fstab, "point": home.point, "cbsfs": CBSFS},
                               capture_output=True, text=True, timeout=90, check=False, stdin=subprocess.DEVNULL)
        wait_until(lambda: find_process(home.point) is None, 10, "the daemon's end")
        assert child.returncode == 0, child.stderr + child.stdout
        return child

    return run


@pytest.mark.parametrize("source", ["ap-guangzhou", "work@ap-guangzhou", "cbsfs#ap-guangzhou", "cbsfs:ap-guangzhou"])
def test_mount_by_type(scenario, source):
    done = scenario(f"""
        mount -v -t fuse.cbsfs {source} "$point" -o _netdev,nofail,noauto,ttl=5
        findmnt -n -o SOURCE,FSTYPE "$point"
        grep ^ttl "$point/.cbsfs/config"
        cat "/proc/$(pgrep -f "^cbsfs .*$point")/comm"
        umount "$point"
    """)
    assert [line.split() for line in done.stdout.splitlines()] == [[source, "fuse.cbsfs"], ["ttl", "5"], ["cbsfs"]]


def test_fstab(scenario, home):
    """mount DIRECTORY, mount -a twice, findmnt, umount: as with any other line."""
    done = scenario("""
        findmnt --verify --tab-file "$fstab" | grep -F '[E]' || echo "no errors"
        mount -T "$fstab" "$point"
        mount -T "$fstab" -a
        findmnt -n -o SOURCE,OPTIONS "$point" | grep -c "^ap-guangzhou .*ro,"
        grep -c " $point " /proc/self/mounts
        grep -E '^(read_only|rollback) ' "$point/.cbsfs/config"
        umount "$point"
        mount -T "$fstab" -a
        ls -d "$point/README"
        umount "$point"
        ! grep " $point " /proc/self/mounts
    """, fstab=f"ap-guangzhou {home.point} fuse.cbsfs _netdev,nofail,ro,user,rollback=off,x-systemd.mount-timeout=60,"
               "x-gvfs-hide,comment=cloud 0 0\n")
    assert done.stdout.splitlines() == ["no errors", "1", "1", "read_only 1", "rollback off",
                                        f"{home.point}/README"], done.stdout


def test_blanks_and_commas(scenario, home):
    """Of the mount point and of values, as fstab and mount(8) have them; and a command that helps can be copied."""
    done = scenario("""
        spaced="$point/it's a b,c"
        mkdir "$spaced"
        trap 'umount -l "$spaced" 2>/dev/null || true' EXIT
        mount -T "$fstab" -a
        mount -T "$fstab" -a
        findmnt -n -o SOURCE,TARGET -t fuse.cbsfs | grep -F "$spaced" | cut -d' ' -f1
        grep ^protect "$spaced/.cbsfs/config"
        refusal=$("$cbsfs" ap-guangzhou "$spaced" 2>&1 || true)
        bash -c "${refusal##*unmount it first: }"
        mount -t fuse.cbsfs ap-guangzhou "$spaced" -o 'protect="x,remount",ttl=9'
        grep -E '^(protect|ttl) ' "$spaced/.cbsfs/config"
        kill -9 "$(pgrep -f "^cbsfs .*it's a b")"
        while ls "$spaced" >/dev/null 2>&1; do sleep 0.05; done
        "$cbsfs" --clean "$spaced"
        ls "$spaced"
        rmdir "$spaced"
        refusal=$("$cbsfs" ap-guangzhou "$spaced" 2>&1 || true)
        bash -c "${refusal##*make it first: }"
        ls -d "$spaced"
    """, fstab=f"work@ap-guangzhou {home.point}/it's\\040a\\040b,c fuse.cbsfs "
               "_netdev,nofail,protect=golden\\040one:a\\134,b 0 0\n")
    assert done.stdout.splitlines() == ["work@ap-guangzhou", "protect golden one a,b", "ttl 9", "protect x,remount",
                                        f"{home.point}/it's a b,c"]


def test_a_killed_mount_is_replaced(scenario, home):
    done = scenario("""
        mount -T "$fstab" "$point"
        kill -KILL "$(pgrep -f "^cbsfs .*$point")"
        for round in $(seq 100); do ls "$point" 2>/dev/null || break; sleep 0.05; done
        (! ls "$point" 2>&1) | grep -o 'Transport endpoint is not connected'
        mount -T "$fstab" "$point"
        ls -d "$point/disks"
        grep -c " $point " /proc/self/mounts
        umount "$point"
    """, fstab=f"ap-guangzhou {home.point} fuse.cbsfs defaults 0 0\n")
    assert done.stdout.splitlines()[-3:] == ["Transport endpoint is not connected", f"{home.point}/disks", "1"]


def test_pretending_mounts_nothing(scenario, home):
    """-f of mount(8) is not -f of cbsfs."""
    with home.sim.counting() as count:
        done = scenario("""
            mount -f -t fuse.cbsfs ap-guangzhou "$point"
            mount -f -t fuse.cbsfs ap-guangzhou "$point" -o nonsense=1 2>&1 || echo "exit $?"
            mount -f -t fuse.cbsfs ap-guangzhou "$point" -o ttl=soon 2>&1 || echo "exit $?"
            ! grep " $point " /proc/self/mounts
        """)
    assert done.stdout.splitlines()[-2:] == ["cbsfs: -o: ttl=soon: must be a number of seconds from 1 to 86400", "exit 1"]
    assert count.total == 0


@pytest.mark.parametrize("options, words", [
    ("remount,ro", "options cannot be changed while it is mounted"), ("secret_key=x", "no secret"),
    ("endpoint=http://127.0.0.1:1", "refused")])
def test_what_cannot_be_is_said_in_one_line(scenario, options, words):
    done = scenario(f"""
        mount -t fuse.cbsfs ap-guangzhou "$point" -o {options} 2>&1 || echo "exit $?"
        ! grep " $point " /proc/self/mounts
    """)
    line, status = done.stdout.splitlines()
    assert line.startswith("cbsfs: ") and words in line and status == "exit 1"


def test_only_the_kernel_can_be_told_to_refuse_changes(scenario):
    done = scenario("""
        mount -t fuse.cbsfs ap-guangzhou "$point"
        mount -i -o remount,ro "$point"
        disk=$(ls "$point/disks" | head -n 1)
        (! mkdir "$point/disks/$disk/snapshots/new" 2>&1) | grep -o 'Read-only file system'
        umount "$point"
    """)
    assert done.stdout == "Read-only file system\n"


def test_clean_removes_what_is_dead_and_nothing_else(home):
    clean = ("cbsfs", "--clean", home.point)
    assert home.run(*clean).returncode == 0
    for _ in range(2):
        assert home.run("cbsfs", "ap-guangzhou", home.point).returncode == 0
        pid = find_process(home.point)
        assert home.run(*clean).returncode == 0 and find_process(home.point) == pid, "a living mount is left alone"
        os.kill(pid, 9)
        wait_until(lambda: find_process(home.point) is None, 10, "its end")
        assert "not connected" in home.run("ls", home.point).stderr
        assert home.run(*clean, ).returncode == 0
        assert home.run("ls", home.point).returncode == 0
    missing = home.run("cbsfs", "--clean", home.point + "/missing")
    assert (missing.returncode, missing.stderr) == (0, "")
    assert home.run("cbsfs", "--clean").returncode == 1


@pytest.mark.parametrize("words", [("--clean",), ("ap-guangzhou",)])
def test_a_mount_that_hangs_is_told_of(home, words):
    """Neither waits for it, and neither takes it away: it may go on."""
    assert home.run("cbsfs", "ap-guangzhou", home.point).returncode == 0
    process = find_process(home.point)
    os.kill(process, signal.SIGSTOP)
    try:
        child = home.run("timeout", "20", "cbsfs", *words, home.point)
        assert child.returncode == 1 and f"does not answer; remove it first: fusermount3 -u -z {home.point}" in child.stderr
    finally:
        os.kill(process, signal.SIGCONT)
    assert home.run("ls", home.point).returncode == 0 and find_process(home.point) == process


@pytest.mark.parametrize("words", [("--clean",), ("ap-guangzhou",)])
def test_a_dead_mount_behind_links(home, words):
    """Where ~/cbs leads elsewhere, as the mount point itself."""
    os.symlink("mnt", os.path.join(home.directory, "one"))
    link = os.path.join(home.directory, "two")
    os.symlink(os.path.join(home.directory, "one"), link)
    assert home.run("cbsfs", "ap-guangzhou", link).returncode == 0
    os.kill(find_process(link), 9)
    wait_until(lambda: find_process(link) is None, 10, "its end")
    child = home.run("cbsfs", *words, link + "/")
    assert (child.returncode, child.stderr) == (0, "")
    assert home.run("ls", home.point).returncode == 0
    # In a circle there is nothing to clean.
    os.symlink("circle", os.path.join(home.directory, "circle"))
    assert home.run("cbsfs", "--clean", os.path.join(home.directory, "circle")).returncode == 0


def test_a_dead_mount_of_something_else_is_not_ours(home):
    """With another type it is somebody else's, who is told how to remove it."""
    assert home.run("cbsfs", "ap-guangzhou", home.point, "-o", "subtype=other").returncode == 0
    os.kill(find_process(home.point), 9)
    wait_until(lambda: find_process(home.point) is None, 10, "its end")
    for words in (("--clean",), ("ap-guangzhou",)):
        child = home.run("cbsfs", *words, home.point)
        assert child.returncode == 1 and f"remove it first: fusermount3 -u -z {home.point}" in child.stderr


@pytest.fixture
def open_home(sim):
    """A home below directories that everybody may pass."""
    with tempfile.TemporaryDirectory(prefix="cbsfs-system.") as directory:
        os.chmod(directory, 0o755)
        place = Home(os.path.join(directory, "home"), sim)
        yield place
        place.end()


def test_a_user_without_rights_can_clean_up(open_home):
    """Then fusermount3 does it."""
    home = open_home
    for directory, _, files in os.walk(home.directory):
        for name in ["", *files]:
            os.chown(os.path.join(directory, name), 65534, 65534)
    as_nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--")
    for _ in range(2):
        child = home.run(*as_nobody, CBSFS, "ap-guangzhou", home.point)
        assert child.returncode == 0, child.stderr
        os.kill(find_process(home.point), 9)
        wait_until(lambda: find_process(home.point) is None, 10, "its end")
    assert home.run(*as_nobody, CBSFS, "--clean", home.point).returncode == 0
    assert home.run(*as_nobody, "ls", home.point).returncode == 0


# --- the example -------------------------------------------------------------------------------------

EXAMPLE = os.path.join(REPOSITORY, "contrib", "fstab")


def example_lines():
    with open(EXAMPLE, encoding="utf-8") as file:
        return [line.split() for line in file if line.strip() and not line.startswith("#")]


def test_every_line_of_the_example_is_taken(home, installed):
    lines = example_lines()
    assert len(lines) >= 4
    for source, point, kind, options, *numbers in lines:
        assert kind == "fuse.cbsfs" and numbers == ["0", "0"]
        child = home.run(os.path.join(installed, "sbin", "mount.fuse.cbsfs"), source, point, "-f", "-o", options)
        assert (child.returncode, child.stderr) == (0, "")


def test_systemd_makes_units_of_the_example(tmp_path):
    """Its generator, which does at boot what fstab says."""
    child = subprocess.run(["/lib/systemd/system-generators/systemd-fstab-generator", *3 * [str(tmp_path)]],
                           env={**os.environ, "SYSTEMD_FSTAB": EXAMPLE}, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    mount = (tmp_path / "mnt-cbs.mount").read_text()
    assert "What=ap-guangzhou\n" in mount and "Type=fuse.cbsfs\n" in mount and "TimeoutSec=1min\n" in mount
    assert "TimeoutIdleSec=10min\n" in (tmp_path / r"mnt-cbs\x2dshanghai.automount").read_text()
    wanted = set(os.listdir(tmp_path / "remote-fs.target.wants"))
    assert wanted == {r"mnt-cbs\x2dshanghai.automount", r"mnt-cbs\x2dwork.mount", "mnt-cbs.mount"}
