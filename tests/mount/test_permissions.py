# SPDX-License-Identifier: Apache-2.0
"""Who may do what: modes and owners, strangers, and mounts that somebody else than root made (design 2, 3).

/etc/fuse.conf is replaced in a mount namespace of the test's own, where a test needs one.
"""
import errno
import os
import shlex

import pytest

from commands import assert_done, assert_refused, in_namespace, run, wait_until
from conftest import open_stage
from harness import CBSFS, mount_type
from providers import OPTIONS, own_state
from person import NEEDS_ROOT, Person, PersonalMount, closed_device, open_device, personal_mount, public_directory

SIMULATOR = ("--create-time", "0.2", "--rollback-time", "0.2", "--rate", "0")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason=NEEDS_ROOT)


# What every kind of thing in the tree may be used for, before umask= takes bits away.
MODES = {
    "": 0o555, "README": 0o444, "disks": 0o555, "snapshots": 0o555, ".cbsfs": 0o555, ".cbsfs/stats": 0o444,
    ".cbsfs/refresh": 0o644, ".cbsfs/log_level": 0o644, "DISK": 0o555, "DISK/id": 0o444, "DISK/disk.json": 0o444,
    "DISK/error": 0o444, "DISK/snapshots": 0o755, "DISK/snapshots/a": 0o755, "DISK/snapshots/a/status": 0o444,
    "DISK/snapshots/a/error": 0o444, "DISK/snapshots/a/wait": 0o444, "DISK/snapshots/a/rollback": 0o644,
}

# Every way to change something, by whoever `run` is.
CHANGES = {
    "mkdir": 'mkdir "$1/snapshots/new"', "mv": 'mv -T "$1/snapshots/a" "$1/snapshots/renamed"',
    "rmdir": 'rmdir "$1/snapshots/b"', "rollback": 'echo 1 > "$1/snapshots/a/rollback"',
    "append": 'echo 1 >> "$1/snapshots/a/rollback"', "truncate": 'truncate -s 0 "$1/snapshots/a/rollback"',
    "rm -rf": 'rm -rf "$1/snapshots/a"', "refresh": 'echo now > "$1/../../.cbsfs/refresh"',
    "level": 'echo debug > "$1/../../.cbsfs/log_level"', "touch": 'touch "$1/snapshots"',
    "touch -d": 'touch -d 2001-01-01 "$1/snapshots/a"', "chmod": 'chmod 777 "$1/snapshots"',
    "chown": 'chown "$(id -u)" "$1/snapshots"',
}


@pytest.fixture(scope="module")
def stage():
    """Where other users can come as far as the mounts."""
    yield from open_stage(public_directory("cbsfs-stage-"))


@pytest.fixture(scope="module")
def somebody():
    return Person("nobody")


@pytest.fixture(scope="module")
def stranger():
    return Person("daemon")


@pytest.fixture(scope="module")
def mounted(stage, sim):
    """Mounts by options; each is made once."""
    mounts = {}

    def mount(*options):
        if options not in mounts:
            mounts[options] = stage.mount(sim, "ttl=600", *options)
        return mounts[options]

    return mount


@pytest.fixture
def disk(sim):
    disk = sim.spare_disks.pop()
    for name in "ab":
        sim.add_snapshot(disk, name)
    return disk


def known(mount, disk):
    """The path of a disk whose snapshots the mount shows."""
    mount.show(mount.snapshot(disk, "b"))
    return mount.disk(disk)


def works(run, path):
    """Which of the changes work for whoever `run` is."""
    return [name for name, script in CHANGES.items() if run("bash", "-c", script, "bash", path).status == 0]


def run_cbsfs(sim, directory, *options):
    point = directory / "mnt"
    point.mkdir(exist_ok=True)
    result = run(CBSFS, sim.region, point, "-o", ",".join([*sim.mount_options(), *OPTIONS, *options]),
                 env=sim.credentials)
    assert mount_type(str(point)) is None
    return result


# --- modes and owners -------------------------------------------------------------------------------


@pytest.mark.parametrize("options, taken, owner", [
    ((), 0, None), (("umask=022",), 0o022, None), (("umask=027", "uid=1234"), 0o027, (1234, None)),
    (("umask=077", "gid=2345"), 0o077, (None, 2345)), (("umask=0", "uid=1", "gid=2"), 0, (1, 2)),
    (("umask=777",), 0o777, None), (("umask=222",), 0o222, None)], ids=lambda value: str(value))
def test_modes_and_owners(mounted, disk, options, taken, owner):
    mount = mounted(*options)
    path = known(mount, disk)
    uid, gid = (value if value is not None else mine
                for value, mine in zip(owner or (None, None), (os.getuid(), os.getgid())))
    for name, mode in MODES.items():
        shown = run("stat", "-c", "%a %u %g", name.replace("DISK", path) if "DISK" in name else mount.path(name))
        assert shown.out.split() == [f"{mode & ~taken:o}", str(uid), str(gid)], name
    listed = assert_done(run("ls", "-ln", f"{path}/snapshots")).out.splitlines()[1:]
    letters = "".join(letter if (0o755 & ~taken) >> (8 - bit) & 1 else "-" for bit, letter in enumerate("rwxrwxrwx"))
    assert [line.split()[0] for line in listed] == ["d" + letters] * 2
    assert {tuple(line.split()[2:4]) for line in listed} == {(str(uid), str(gid))}
    assert run("stat", "-c", "%A", f"{path}/latest").out == "lrwxrwxrwx\n"


@pytest.mark.parametrize("option", ["uid=x", "uid=-1", "uid=4294967295", "uid=", "gid=1.5", "gid=root", "umask=8",
                                    "umask=1000", "umask=rwx", "umask=-1"])
def test_owners_and_masks_that_are_none(sim, tmp_path, option):
    result = run_cbsfs(sim, tmp_path, option)
    assert result.status == 1 and option.split("=")[0] in result.err
    assert len(result.err.splitlines()) == 1


# --- strangers --------------------------------------------------------------------------------------


def mount_options(mount):
    with open("/proc/self/mounts", encoding="utf-8") as table:
        (line,) = [line.split() for line in table if line.split()[1] == mount.point]
    return line[3].split(",")


@pytest.mark.core
def test_nobody_else_comes_in_unasked(mounted, disk, stranger):
    mount = mounted()
    path = known(mount, disk)
    words = mount_options(mount)
    assert "allow_other" not in words and "default_permissions" in words
    for command in (["ls", mount.point], ["cat", f"{path}/id"], ["stat", mount.point], ["df", mount.point],
                    ["find", mount.point], ["test", "-e", f"{path}/snapshots/a"]):
        assert stranger.run(*command).status != 0
    assert_refused(stranger.run("ls", mount.point), errno.EACCES)
    assert works(stranger.run, path) == []


@pytest.mark.core
@pytest.mark.parametrize("options", [
    ("allow_other",), ("allow_other", "default_permissions"), ("allow_other", "umask=022")], ids=",".join)
def test_others_may_look_and_no_more(mounted, sim, disk, stranger, options):
    mount = mounted("allow_delete", *options)
    path = known(mount, disk)
    assert {"allow_other", "default_permissions"} <= set(mount_options(mount))
    with sim.counting() as count:
        assert_done(stranger.run("find", path, "-type", "f", "-exec", "cat", "{}", "+"))
        assert_done(stranger.run("ls", "-lR", path))
        assert stranger.run("cat", f"{path}/snapshots/a/status").out == "NORMAL 100\n"
        assert_refused(stranger.run("mkdir", f"{path}/snapshots/new"), errno.EACCES)
        assert_refused(stranger.run("rmdir", f"{path}/snapshots/a"), errno.EACCES)
        assert_refused(stranger.shell('echo 1 > "$1/snapshots/a/rollback"', path), errno.EACCES)
        assert works(stranger.run, path) == []
    # Not even a question: what a stranger does costs nothing.
    assert count.total == 0, count.requests
    assert mount.snapshots(disk) == ["a", "b"]


def test_a_mask_shuts_the_door(mounted, sim, disk, somebody, stranger):
    """Everything belongs to one user and to nobody else; root made the mount."""
    mount = mounted("allow_delete", "allow_other", f"uid={somebody.uid}", f"gid={somebody.gid}", "umask=077")
    path = known(mount, disk)
    for command in (["ls", path], ["cat", f"{path}/id"], ["ls", mount.point]):
        assert_refused(stranger.run(*command), errno.EACCES)
    assert works(stranger.run, path) == []
    tour(mount, sim, disk, somebody)


def test_a_group_may_look(mounted, disk, somebody, stranger):
    mount = mounted("allow_other", f"gid={somebody.gid}", "umask=027")
    path = known(mount, disk)
    assert somebody.run("cat", f"{path}/snapshots/a/status").out == "NORMAL 100\n"
    assert works(somebody.run, path) == []
    assert_refused(stranger.run("ls", mount.point), errno.EACCES)


def test_an_owner_whose_mask_takes_writing_away(mounted, sim, disk, somebody):
    """With directories of 0555 the kernel keeps unlink from the guard, and rmdir from the cloud as well."""
    mount = mounted("allow_delete", "allow_other", f"uid={somebody.uid}", "umask=222")
    path = known(mount, disk)
    with sim.counting() as count:
        for script in (CHANGES["mkdir"], CHANGES["mv"], CHANGES["rmdir"], CHANGES["rollback"],
                       'find "$1" -delete', 'rm -rf "$1"'):
            assert_refused(somebody.shell(script, path), errno.EACCES)
    assert count.change_requests == 0
    assert mount.snapshots(disk) == ["a", "b"]


def test_the_superuser_is_not_held_by_modes(mounted, sim, disk, somebody):
    mount = mounted("allow_delete", "allow_other", f"uid={somebody.uid}", f"gid={somebody.gid}", "umask=077")
    path = known(mount, disk)
    with sim.counting() as count:
        assert_done(run("mkdir", f"{path}/snapshots/new"))
    assert count.executed["CreateSnapshot"] == 1


# --- a mount of somebody's own ----------------------------------------------------------------------


def tour(mount, sim, disk, person):
    """Everything that can be done, done by that person; each change is made once."""
    path = mount.disk(disk)
    with sim.counting() as count:
        assert person.run("ls", f"{path}/snapshots").out.split() == ["a", "b"]
        assert_done(person.run("mkdir", f"{path}/snapshots/new"))
        assert person.run("cat", f"{path}/snapshots/new/wait").out == "NORMAL 100\n"
        assert_done(person.run("mv", f"{path}/snapshots/new", f"{path}/snapshots/named"))
        assert_done(person.shell('echo 1 > "$1/snapshots/named/rollback"', path))
        wait_until(lambda: person.run("cat", f"{path}/state").out == own_state("UNATTACHED") + "\n", 10, "the end of the rollback")
        assert person.run("rm", "-rf", path).status == 1
        assert person.run("find", path, "-delete").status == 1
        assert_done(person.run("rmdir", f"{path}/snapshots/a"))
        assert person.run("ls", f"{path}/snapshots").out.split() == ["b", "named"]
        for words in (["chmod", "700"], ["touch"], ["chown", str(person.uid)]):
            assert_done(person.run(*words, f"{path}/snapshots"))
        assert_done(person.shell('echo now > "$1/../../.cbsfs/refresh"', path))
    made = ("CreateSnapshot", "ApplySnapshot", "ModifySnapshotAttribute", "DeleteSnapshots")
    assert count.executed == dict.fromkeys(made, 1)
    assert count.change_requests == len(made)


@pytest.fixture(scope="module")
def own_mount(stage, sim, somebody):
    """Made by somebody in the background, as people do."""
    with open_device():
        return personal_mount(stage, sim, somebody, "ttl=600", "allow_delete", background=True)


@pytest.mark.core
@pytest.mark.only("tencent")
def test_a_tour_by_somebody_else_than_root(own_mount, sim, disk, somebody):
    known(own_mount, disk)
    words = mount_options(own_mount)
    assert {"nosuid", "nodev", "default_permissions", f"user_id={somebody.uid}"} <= set(words)
    assert "allow_other" not in words
    shown = somebody.run("stat", "-c", "%a %u %g", own_mount.disk(disk, "snapshots")).out.split()
    assert shown == ["755", str(somebody.uid), str(somebody.gid)]
    tour(own_mount, sim, disk, somebody)


def test_his_mount_is_his_alone(own_mount, sim, disk, stranger):
    """Other users stay outside, and so does root."""
    path = known(own_mount, disk)
    for who in (stranger.run, run):
        for command in (["ls", own_mount.point], ["cat", f"{path}/id"], ["mkdir", f"{path}/snapshots/new"],
                        ["rmdir", f"{path}/snapshots/a"]):
            assert_refused(who(*command), errno.EACCES)
        assert works(who, path) == []
    assert stranger.run("fusermount3", "-u", own_mount.point).status != 0
    assert own_mount.is_mounted() and own_mount.is_running()


def test_he_ends_it_himself(stage, sim, somebody):
    with open_device():
        mount = personal_mount(stage, sim, somebody, background=True)
    # The device is needed for mounting only.
    assert somebody.run("ls", mount.point).out.split() == ["README", "disks", "groups", "regions", "snapshots"]
    assert_done(somebody.run("fusermount3", "-u", mount.point))
    wait_until(lambda: not mount.is_running(), 10, "the end of the daemon")
    stage.daemons.remove(mount)
    assert not mount.complaints()


def test_a_read_only_mount_of_his_own(stage, sim, disk, somebody):
    with open_device():
        mount = personal_mount(stage, sim, somebody, "ttl=600", "allow_delete", "ro")
    path = mount.disk(disk)
    with sim.counting() as count:
        for name in ("mkdir", "mv", "rmdir", "rollback"):
            assert_refused(somebody.shell(CHANGES[name], path), errno.EROFS)
    assert count.change_requests == 0
    assert not stage.remove(mount)


def refused_mount(sim, person, *options, point_owner=None):
    """What cbsfs says: one line, and nothing is mounted."""
    directory = person.directory("refused")
    if point_owner is not None:
        os.makedirs(f"{directory}/mnt", exist_ok=True)
    mount = PersonalMount.__new__(PersonalMount)
    mount.start = lambda: None
    mount.__init__(directory, sim, *options, person=person, background=True)
    if point_owner is not None:
        os.chown(mount.point, point_owner, point_owner)
    result = person.run(*mount.argv, env=sim.credentials)
    assert result.status == 1 and result.out == ""
    assert len(result.err.splitlines()) == 1 and result.err.startswith("cbsfs: "), result.err
    assert mount_type(mount.point) is None
    return result.err


def test_without_the_device(sim, somebody):
    with closed_device():
        assert "/dev/fuse cannot be opened: Permission denied" in refused_mount(sim, somebody)


def test_on_a_directory_of_somebody_else(sim, somebody):
    with open_device():
        assert "no write access to mountpoint" in refused_mount(sim, somebody, point_owner=0)


# --- /etc/fuse.conf ---------------------------------------------------------------------------------


@pytest.fixture
def with_fuse_conf(sim, somebody, stranger):
    """Runs a script where /etc/fuse.conf has another text and nobody else sees the mounts that are made.

    $1 is cbsfs and $2 a directory for a mount; $SOMEBODY and $STRANGER before a command run it as that user.
    """
    if not os.path.exists("/etc/fuse.conf"):
        pytest.skip("/etc/fuse.conf is not there, so none can be put in its place")

    def runs(text, script, *options):
        mount = PersonalMount.__new__(PersonalMount)
        mount.start = lambda: None
        mount.__init__(somebody.directory("private"), sim, *options, person=somebody, background=True)
        conf = os.path.join(mount.directory, "fuse.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(conf, 0o644)
        prepare = 'mount --bind "$1" /etc/fuse.conf && shift && cd / && exec bash -c "$@"'
        return run(*in_namespace(prepare, "sh", conf, script, "bash", mount.point, *mount.argv),
                   env={**sim.credentials, "HOME": mount.home, "SOMEBODY": shlex.join(somebody.words()),
                        "STRANGER": shlex.join(stranger.words())})

    with open_device():
        yield runs


def test_allow_other_that_the_machine_forbids(with_fuse_conf):
    """The reason is told in one line, with what to do."""
    result = with_fuse_conf("", 'shift; $SOMEBODY "$@"', "allow_other")
    assert result.status == 1 and len(result.err.splitlines()) == 1
    assert result.err.startswith("cbsfs: cannot mount at ")
    assert "allow_other only allowed if 'user_allow_other' is set in /etc/fuse.conf" in result.err


AFTER_MOUNTING = """
point=$1; shift
$SOMEBODY "$@" || exit 9
$SOMEBODY mkdir "$point/disks/$DISK/snapshots/mine" || echo "not even the owner"
$STRANGER ls "$point"
$STRANGER mkdir "$point/disks/$DISK/snapshots/new" && echo "made by a stranger"
ls "$point" > /dev/null && echo "root comes in"
$SOMEBODY fusermount3 -u "$point"
"""


@pytest.mark.parametrize("option, seen", [
    ("allow_other", ["README", "disks", "groups", "regions", "snapshots", "root comes in"]), ("allow_root", ["root comes in"])])
def test_others_in_a_mount_that_somebody_made(with_fuse_conf, sim, disk, option, seen):
    """With allow_other they may look, with allow_root nobody but root."""
    with sim.counting() as count:
        result = with_fuse_conf("user_allow_other\n", f"DISK={disk}\n{AFTER_MOUNTING}", option)
    assert result.out.split("\n")[:-1] == seen, result
    assert result.err.count(os.strerror(errno.EACCES)) == (1 if option == "allow_other" else 2)
    assert count.executed == {"CreateSnapshot": 1}
