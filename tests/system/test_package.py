# SPDX-License-Identifier: Apache-2.0
"""The Debian package: built from the tree, judged by lintian, and installed, used and purged in a copy of this machine.

The copy is an overlay that is gone with its mount namespace; what dpkg and the programs write goes into its upper directory,
which is what the tests look at.
"""
import glob
import os
import re
import subprocess

import pytest

from harness import REPOSITORY

pytestmark = pytest.mark.limit(400)

ENTER = r"""
set -euo pipefail
mount --make-rprivate /
umount -a -l -t fuse.cbsfs
layers=$1
mount -t tmpfs tmpfs "$layers"
mkdir "$layers/upper" "$layers/work" "$layers/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" "$layers/root"
root=$layers/root
for place in proc sys dev; do mount --rbind "/$place" "$root/$place"; done
# What the machine has of it, and what man-db does for minutes, is not the question.
rm -f "$root/var/lib/man-db/auto-update"
chroot "$root" dpkg -P cbsfs >/dev/null 2>&1 || true
[ ! -e "$root/etc/cbsfs.conf" ] || rm "$root/etc/cbsfs.conf"
mkdir -p "$root/run/package"
cp "$2" "$root/run/package/cbsfs.deb"
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
changed() { (cd "$layers/upper" && find . -mindepth 1 ! -type d ! -path './var/lib/dpkg/*' ! -path './var/log/*' \
    ! -path './var/cache/*' ! -path './run/*' ! -path './var/lib/man-db/*' ! -path './etc/fstab' ! -path './root/*' | sort); }
inside() { chroot "$root" "$@"; }
inside dpkg --force-unsafe-io -i /run/package/cbsfs.deb >"$layers/dpkg.log" 2>&1 || { cat "$layers/dpkg.log"; exit 1; }
"""


@pytest.fixture
def scenario(package, tmp_path):
    def run(script):
        layers = tmp_path / "layers"
        layers.mkdir()
        done = subprocess.run(["unshare", "-m", "bash", "-c", ENTER + script, "bash", str(layers), package],
                              capture_output=True, text=True, timeout=200, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    return run


def contents(package):
    listing = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    return {line.split()[5].lstrip("."): line.split()[0] for line in listing.splitlines()}


def test_lintian_has_nothing_to_say(package):
    (changes,) = glob.glob(os.path.join(os.path.dirname(package), "*.changes"))
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning,info", "-I", changes], capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_version_and_dependencies(package):
    with open(os.path.join(REPOSITORY, "meson.build"), encoding="utf-8") as file:
        version = re.search(r"version: '(.*?)'", file.read())[1]
    fields = subprocess.run(["dpkg-deb", "-f", package, "Version", "Depends"], capture_output=True, text=True, check=True)
    assert f"Version: {version}\n" in fields.stdout
    for library in ("fuse3", "libcurl4", "libfuse3-3", "libjansson4", "libssl3", "libyaml-0-2", "ca-certificates"):
        assert library in fields.stdout


def test_what_is_in_it(package):
    files = contents(package)
    for name in ("/usr/bin/cbsfs", "/usr/bin/cbsfs-sim", "/usr/sbin/mount.fuse.cbsfs", "/etc/cbsfs.conf",
                 "/usr/lib/systemd/system/cbsfs@.service", "/usr/lib/systemd/user/cbsfs@.service",
                 "/usr/share/bash-completion/completions/cbsfs", "/usr/share/zsh/vendor-completions/_cbsfs",
                 "/usr/share/fish/vendor_completions.d/cbsfs.fish", "/usr/share/man/man1/cbsfs.1.gz",
                 "/usr/share/man/man1/cbsfs-sim.1.gz", "/usr/share/man/man5/cbsfs.conf.5.gz",
                 "/usr/share/man/man8/mount.fuse.cbsfs.8.gz", "/usr/share/doc/cbsfs/README.md",
                 "/usr/share/doc/cbsfs/docs/semantics.md", "/usr/share/doc/cbsfs/examples/cam/read-only.json"):
        assert name in files, name
    for name in ("retention", "freeze-snapshot-thaw", "prune-updatedb"):
        assert files[f"/usr/share/doc/cbsfs/examples/{name}"] == "-rwxr-xr-x"
    assert not [name for name in files if "/local" in name or "debug" in name]


def test_install_use_and_purge(scenario):
    """As a new user: install, a line in fstab, look, make a snapshot; then remove without a trace."""
    out = scenario(r"""
        chroot "$root" cbsfs-sim --port 0 --port-file /run/package/port >/dev/null 2>&1 &  # not `inside`: $! is then a shell
        simulator=$!
        trap 'kill $simulator; umount -l "$root/mnt" 2>/dev/null || true' EXIT
        for round in $(seq 100); do [ -s "$root/run/package/port" ] && break; sleep 0.05; done
        mkdir -p "$root/root/.tencentcloud"
        printf '[default]\nsecret_id = AKIDSIMULATOR\nsecret_key = simulator\n' >"$root/root/.tencentcloud/credentials"
        chmod 600 "$root/root/.tencentcloud/credentials"
        echo "endpoint = http://127.0.0.1:$(cat "$root/run/package/port")" >>"$root/etc/cbsfs.conf"
        echo "ap-guangzhou /mnt fuse.cbsfs _netdev,nofail 0 0" >"$root/etc/fstab"
        inside mount -a
        inside mount -a
        inside findmnt -n -o SOURCE,FSTYPE /mnt
        inside sh -c 'mkdir /mnt/disks/pg-data/snapshots/first && cat /mnt/disks/pg-data/snapshots/first/status' | cut -d' ' -f1
        inside umount /mnt
        inside cbsfs --check ap-guangzhou | grep -c FAIL || true
        inside man -w 1 cbsfs; inside man -w 5 cbsfs.conf; inside man -w 8 mount.fuse.cbsfs
        echo SECOND
        # An upgrade leaves the changed configuration as it is.
        inside dpkg --force-unsafe-io -i /run/package/cbsfs.deb >/dev/null 2>&1
        grep -c '^endpoint' "$root/etc/cbsfs.conf"
        inside dpkg -r cbsfs >/dev/null
        changed
        echo PURGED
        inside dpkg -P cbsfs >/dev/null
        changed
        [ ! -e "$root/usr/share/doc/cbsfs" ]
    """)
    used, second = out.split("SECOND\n")
    lines = used.splitlines()
    assert lines[0].split() == ["ap-guangzhou", "fuse.cbsfs"] and lines[1] in ("CREATING", "NORMAL")
    assert lines[2] == "0", "lines of --check that say FAIL"
    assert [os.path.basename(line) for line in lines[3:]] == ["cbsfs.1.gz", "cbsfs.conf.5.gz", "mount.fuse.cbsfs.8.gz"]
    removed, purged = second.split("PURGED\n")
    assert removed.splitlines() == ["1", "./etc/cbsfs.conf"]
    assert purged == ""


def test_a_live_mount_outlives_an_upgrade_and_a_purge(scenario):
    """The process goes on with the programs that it was started from, and whoever unmounts needs none of them."""
    out = scenario(r"""
        chroot "$root" cbsfs-sim --port 0 --port-file /run/package/port >/dev/null 2>&1 &
        simulator=$!
        trap 'kill $simulator; umount -l "$root/mnt" 2>/dev/null || true' EXIT
        for round in $(seq 100); do [ -s "$root/run/package/port" ] && break; sleep 0.05; done
        mkdir -p "$root/root/.tencentcloud"
        printf '[default]\nsecret_id = AKIDSIMULATOR\nsecret_key = simulator\n' >"$root/root/.tencentcloud/credentials"
        chmod 600 "$root/root/.tencentcloud/credentials"
        inside cbsfs ap-guangzhou /mnt -o "endpoint=http://127.0.0.1:$(cat "$root/run/package/port"),ttl=1"
        process=$(pgrep -f '^cbsfs ap-guangzhou /mnt -o endpoint')
        for act in -i -r -P; do
            package=cbsfs
            [ $act != -i ] || package=/run/package/cbsfs.deb
            inside dpkg --force-unsafe-io $act $package 2>&1 | grep -i -E 'warning|error' || true
            inside sh -c 'echo 1 >/mnt/.cbsfs/refresh; ls /mnt/disks/pg-data/snapshots' | wc -l
            kill -0 $process
        done
        inside umount /mnt
        for round in $(seq 100); do kill -0 $process 2>/dev/null || break; sleep 0.05; done
        ! kill -0 $process 2>/dev/null
        changed
    """)
    assert out.splitlines() == ["5"] * 3


def test_a_user_mounts_by_a_line_of_fstab(scenario):
    """mount(8) gives up root's rights before it runs the helper, and the keys are the user's own."""
    out = scenario(r"""
        inside useradd -m -d /home/someone -s /bin/sh cbsfs-someone
        chroot "$root" cbsfs-sim --port 0 --port-file /run/package/port >/dev/null 2>&1 &  # not `inside`: $! is then a shell
        simulator=$!
        trap 'kill $simulator; umount -l "$root/home/someone/cbs" 2>/dev/null || true' EXIT
        for round in $(seq 100); do [ -s "$root/run/package/port" ] && break; sleep 0.05; done
        echo "endpoint = http://127.0.0.1:$(cat "$root/run/package/port")" >>"$root/etc/cbsfs.conf"
        echo "work@ap-guangzhou /home/someone/cbs fuse.cbsfs noauto,user 0 0" >"$root/etc/fstab"
        as_me() { inside su cbsfs-someone -c "$1"; }
        as_me 'mkdir -p ~/cbs ~/.tencentcloud; umask 077
            printf "[work]\nsecret_id = AKIDSIMULATOR\nsecret_key = simulator\n" >~/.tencentcloud/credentials'
        as_me 'mount ~/cbs; ls -d ~/cbs/README; stat -c %U ~/cbs/disks; findmnt -n -o SOURCE,OPTIONS ~/cbs'
        ! inside ls /home/someone/cbs 2>&1
        as_me 'umount ~/cbs'
        inside findmnt /home/someone/cbs || echo gone
    """)
    lines = out.splitlines()
    assert lines[:2] == ["/home/someone/cbs/README", "cbsfs-someone"]
    assert lines[2].startswith("work@ap-guangzhou ") and "nosuid,nodev" in lines[2]
    assert lines[3:] == ["ls: cannot access '/home/someone/cbs': Permission denied", "gone"]


def test_systemd_takes_the_installed_units(scenario):
    out = scenario(r"""
        for kind in system user; do
            XDG_RUNTIME_DIR=/run inside systemd-analyze verify "--$kind" --recursive-errors=no \
                "/usr/lib/systemd/$kind/cbsfs@.service" 2>&1 | grep cbsfs || echo fine
        done
    """)
    assert out == "fine\nfine\n"
