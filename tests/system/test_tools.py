# SPDX-License-Identifier: Apache-2.0
"""contrib/retention, contrib/freeze-snapshot-thaw and contrib/prune-updatedb on a mount of the simulator."""
import os
import shutil
import signal
import subprocess
import time
from datetime import timedelta

import pytest

from commands import beijing, now, run, start, wait_until
from harness import REPOSITORY
from stage import Stage

RETENTION = os.path.join(REPOSITORY, "contrib", "retention")
FREEZE = os.path.join(REPOSITORY, "contrib", "freeze-snapshot-thaw")
PRUNE = os.path.join(REPOSITORY, "contrib", "prune-updatedb")


@pytest.fixture(scope="module")
def the_mount(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield stage.mount(stage.simulator("--create-time", "1"), "ttl=1", "allow_delete", "protect=golden*")
    assert stage.close() == []


@pytest.fixture
def mount(the_mount):
    yield the_mount
    the_mount.simulator.faults()


def add(mount, disk, name, days, hours=0, **fields):
    """A snapshot made so many days ago, at noon in UTC."""
    moment = (now() - timedelta(days=days)).replace(hour=12, minute=0, second=0) + timedelta(hours=hours)
    mount.simulator.add_snapshot(disk, name, CreateTime=beijing(moment), **fields)


@pytest.fixture
def disk(mount):
    """One snapshot for each of the last 40 days but today, and more on one of them."""
    made = mount.simulator.add_disk()
    for days in range(1, 41):
        add(mount, made, f"auto-{days:02}", days)
    add(mount, made, "auto-05-early", 5, -6)
    add(mount, made, "by-hand", 35, 1)
    add(mount, made, "golden", 39, 1)
    mount.show(mount.snapshot(made, "golden"))
    return made


# --- retention ---------------------------------------------------------------------------------------


def retention(mount, disk, *words):
    return run(RETENTION, *words, mount.disk(disk))


def names(mount, disk):
    return set(mount.snapshots(disk))


def test_it_only_says_what_it_would_do(mount, disk):
    before = names(mount, disk)
    with mount.simulator.counting() as count:
        said = retention(mount, disk, "--keep", "3", "--name", "auto-*")
    assert said.status == 0 and said.err == "" and count.changes == 0
    # auto-05-early is older than auto-05: 41 of that name, 3 stay.
    assert len(said.out.splitlines()) == 38 and all(line.startswith("would delete /") for line in said.out.splitlines())
    assert names(mount, disk) == before


def test_keep_the_newest(mount, disk):
    before = names(mount, disk)
    done = retention(mount, disk, "--keep", "36", "--name", "auto-*", "--apply")
    assert (done.status, done.err) == (0, "")
    assert before - names(mount, disk) == {f"auto-{days}" for days in (36, 37, 38, 39, 40)}


def test_days_weeks_and_months(mount, disk):
    done = retention(mount, disk, "--daily", "5", "--weekly", "3", "--name", "auto-*", "--apply")
    assert (done.status, done.err) == (0, "")
    left = {name for name in names(mount, disk) if name.startswith("auto-")}
    days = {f"auto-{day:02}" for day in range(1, 6)}
    weeks = {}
    for day in range(1, 41):
        weeks.setdefault((now() - timedelta(days=day)).isocalendar()[:2], f"auto-{day:02}")
    assert left == days | set(list(weeks.values())[:3])
    assert {"by-hand", "golden"} <= names(mount, disk), "other names are not its business"


def test_only_what_is_old(mount, disk):
    done = retention(mount, disk, "--older", "38", "--name", "auto-*", "--apply")
    gone = {"auto-39", "auto-40"} | ({"auto-38"} if now().hour >= 12 else set())
    assert done.status == 0 and {line.rpartition("/")[2] for line in done.out.splitlines()} == gone
    assert not gone & names(mount, disk)


def test_what_is_protected_is_refused_and_said(mount, disk):
    done = retention(mount, disk, "--older", "38", "--name", "golden", "--apply")
    assert done.status == 1 and "Operation not permitted" in done.err and "golden" in names(mount, disk)


def test_the_newest_normal_one_stays(mount):
    disk = mount.simulator.add_disk()
    add(mount, disk, "old", 50)
    add(mount, disk, "older", 60)
    mount.simulator.add_snapshot(disk, "made-now", CreateTime=beijing(now()), SnapshotState="CREATING", Percent=10)
    mount.show(mount.snapshot(disk, "made-now"))
    done = retention(mount, disk, "--older", "0", "--apply")
    assert (done.status, done.err) == (0, "")
    assert "older" not in names(mount, disk) and "old" in names(mount, disk)


def test_odd_names_are_taken_as_they_are(mount):
    disk = mount.simulator.add_disk()
    odd = ["-rf", "a b", "$(touch x)", "*", "每日快照", "tab in\\name"]
    for number, name in enumerate(odd):
        add(mount, disk, name, 50 + number)
    add(mount, disk, "newest", 1)
    mount.show(mount.snapshot(disk, "newest"))
    done = retention(mount, disk, "--older", "30", "--apply")
    assert (done.status, done.err) == (0, "")
    assert names(mount, disk) == {"newest"}


def test_where_nothing_is_mounted_nothing_is_done(mount, disk, tmp_path):
    place = tmp_path / "disk"
    (place / "snapshots" / "one").mkdir(parents=True)
    (place / "id").write_text("disk-x\n")
    done = run(RETENTION, "--older", "0", "--apply", place, mount.path("disks", "missing"), mount.path("disks", "none"))
    assert done.status == 1 and done.err.count("is it mounted?") == 2
    assert (place / "snapshots" / "one").is_dir()


@pytest.mark.parametrize("words", [[], ["--apply"], ["--keep"], ["--keep", "x", "d"], ["--nonsense", "d"], ["d"]])
def test_wrong_usage(words):
    done = run(RETENTION, *words)
    assert done.status == 2 and "usage: retention" in done.err


# --- freeze-snapshot-thaw ----------------------------------------------------------------------------


@pytest.fixture
def fake(tmp_path):
    """An fsfreeze that writes down what it was told: a frozen file system of its own would need a loop device."""
    programs = tmp_path / "programs"
    programs.mkdir()
    log = tmp_path / "log"
    log.touch()
    script = programs / "fsfreeze"
    script.write_text(f'#!/bin/sh\necho "$(basename "$0") $*" >>{log}\n[ ! -e {tmp_path}/broken ] || exit 1\n')
    script.chmod(0o755)

    class Fake:
        environment = {"PATH": f"{programs}:{os.environ['PATH']}"}

        @staticmethod
        def calls():
            return log.read_text().splitlines()

        @staticmethod
        def note(word):
            return f"echo {word} >>{log}"

        @staticmethod
        def break_it():
            (tmp_path / "broken").touch()

    return Fake


FROZEN, THAWED = "fsfreeze --freeze /data", "fsfreeze --unfreeze /data"


@pytest.fixture
def place(mount):
    return mount.snapshot(mount.add_disk(), "consistent")


def test_freeze_snapshot_thaw(mount, fake, place):
    done = run(FREEZE, "--before", fake.note("before"), "--after", fake.note("after"), "--wait", "/data", place,
               env=fake.environment)
    assert (done.status, done.err, done.out) == (0, "", "NORMAL 100\n")
    assert fake.calls() == ["before", FROZEN, THAWED, "after"]
    assert mount.exists(place)


def test_without_a_file_system_only_the_commands_run(fake, place):
    done = run(FREEZE, "--before", fake.note("before"), "--after", fake.note("after"), place, env=fake.environment)
    assert done.status == 0 and fake.calls() == ["before", "after"]


def test_what_cannot_be_frozen_is_not_snapshotted(mount, fake, place):
    fake.break_it()
    done = run(FREEZE, "--after", fake.note("after"), "--before", fake.note("before"), "/data", place,
               env=fake.environment)
    assert done.status == 1 and "could not be frozen" in done.err
    assert fake.calls() == ["before", FROZEN, "after"] and not mount.exists(place)


def test_a_refused_snapshot_thaws(mount, fake, place):
    mount.simulator.fault("CreateSnapshot", "error", code="InsufficientSnapshotQuota", times=1)
    done = run(FREEZE, "/data", place, env=fake.environment)
    assert done.status == 1 and "Disk quota exceeded" in done.err and "was not made" in done.err
    assert fake.calls() == [FROZEN, THAWED]


def test_a_cloud_that_hangs_is_not_waited_for(mount, fake, place):
    mount.simulator.fault("CreateSnapshot", "hang", times=0)
    done = run(FREEZE, "--limit", "1", "/data", place, env=fake.environment)
    assert done.status == 1 and "outcome is not known" in done.err and done.seconds < 8
    assert fake.calls() == [FROZEN, THAWED]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_thaws_at_once(mount, fake, place, number):
    mount.simulator.fault("CreateSnapshot", "hang", times=0)
    process = start("env", "--default-signal", FREEZE, "--before", fake.note("before"), "--after", fake.note("after"), "/data", place,
                    env=fake.environment)
    wait_until(lambda: FROZEN in fake.calls(), 10, "the freeze")
    time.sleep(0.2)  # into the mkdir
    process.send_signal(number)
    assert process.wait(10) == 1
    assert fake.calls() == ["before", FROZEN, THAWED, "after"]


def test_a_script_that_was_killed_is_thawed_by_its_guard(mount, fake, place):
    mount.simulator.fault("CreateSnapshot", "hang", times=0)
    process = start(FREEZE, "--limit", "1", "/data", place, env=fake.environment)
    wait_until(lambda: FROZEN in fake.calls(), 10, "the freeze")
    process.kill()
    process.wait()
    wait_until(lambda: THAWED in fake.calls(), 10, "the guard's thaw")


def test_no_guard_is_left_behind(fake, place):
    assert run(FREEZE, "--limit", "98", "/data", place, env=fake.environment).status == 0
    wait_until(lambda: run("pgrep", "-f", "^sleep 99$").status == 1, 5, "the guard's end")


def test_no_mount_no_freeze(fake, tmp_path, mount, place):
    done = run(FREEZE, "/data", tmp_path / "snapshots" / "x", env=fake.environment)
    assert done.status == 1 and "is it mounted?" in done.err
    os.mkdir(place)
    done = run(FREEZE, "/data", place, env=fake.environment)
    assert done.status == 1 and "exists already" in done.err
    assert fake.calls() == [] and mount.exists(place)


def test_a_real_file_system(mount, place, tmp_path):
    image, point = tmp_path / "image", tmp_path / "data"
    point.mkdir()
    with open(image, "wb") as file:
        file.truncate(8 << 20)
    ready = shutil.which("mkfs.ext4") and run("mkfs.ext4", "-q", image).status == 0 and \
        run("mount", "-o", "loop", image, point).status == 0
    if not ready:
        pytest.skip("no loop device: the freeze is tried with an fsfreeze that only writes down what it is told")
    try:
        assert run(FREEZE, point, place).status == 0
        assert run("touch", point / "thawed", timeout=5).status == 0
    finally:
        run("umount", point)


# --- updatedb ----------------------------------------------------------------------------------------


def test_locate_stays_out(mount, tmp_path):
    config = tmp_path / "updatedb.conf"
    config.write_text('PRUNEPATHS="/nowhere"\nPRUNEFS="NFS tmpfs fuse.sshfs"\n# the end\n')
    above = os.path.dirname(mount.point)

    def listed():
        database = tmp_path / "database"
        done = subprocess.run(["updatedb.plocate", "-U", above, "-o", database, "--require-visibility", "no", "--prunefs",
                               config.read_text().split('PRUNEFS="')[1].split('"')[0], "--prunepaths", ""],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return run("plocate", "-d", database, f"{mount.point}/disks").out

    assert "disks" in listed(), "without the word it does go in"
    assert run(PRUNE, config).out == f"{config}: fuse.cbsfs is in PRUNEFS now\n"
    assert config.read_text() == 'PRUNEPATHS="/nowhere"\nPRUNEFS="fuse.cbsfs NFS tmpfs fuse.sshfs"\n# the end\n'
    assert listed() == ""
    again = run(PRUNE, config)
    assert (again.status, again.out) == (0, "") and config.read_text().count("fuse.cbsfs") == 1


@pytest.mark.parametrize("before, after", [
    ("PRUNE_BIND_MOUNTS = \"yes\"\n", 'PRUNE_BIND_MOUNTS = "yes"\nPRUNEFS="fuse.cbsfs"\n'),
    ('PRUNEFS = "nfs"\n', 'PRUNEFS = "fuse.cbsfs nfs"\n'), ('PRUNEFS="fuse.cbsfs"\n', 'PRUNEFS="fuse.cbsfs"\n')])
def test_other_forms_of_the_file(tmp_path, before, after):
    config = tmp_path / "updatedb.conf"
    config.write_text(before)
    config.chmod(0o640)
    assert run(PRUNE, config).status == 0
    assert config.read_text() == after and config.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["updatedb.conf"]


def test_a_file_that_is_not_understood_is_left_alone(tmp_path):
    config = tmp_path / "updatedb.conf"
    config.write_text("PRUNEFS=$OTHER\n")
    done = run(PRUNE, config)
    assert done.status == 1 and "quoted" in done.err and config.read_text() == "PRUNEFS=$OTHER\n"
    assert run(PRUNE, tmp_path / "missing").status == 0
