# SPDX-License-Identifier: Apache-2.0
"""A machine with systemd as its first process: a copy of this one, in namespaces of its own.

Its files are an overlay in memory, and /tmp, /run, /dev, the network and the control groups are its own, so whatever systemd
cleans, mounts or kills stays inside.  /proc/sys is read-only, as settings of the kernel would be this machine's too.  It is gone
with its first process.
"""
import os
import subprocess

from commands import wait_until

BOOT = r"""
set -euo pipefail
mount --make-rprivate /
# The mounts of other tests would last as long as their copies here.
umount -a -l -t fuse.cbsfs
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs sysfs -o ro sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for place in dev run tmp home mnt srv root; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
chmod 1777 tmp
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
for node in null zero full random urandom tty fuse autofs; do touch "dev/$node"; mount --bind "/dev/$node" "dev/$node"; done
# Of this machine's services none is wanted there.
rm -rf etc/systemd/system etc/systemd/user etc/cbsfs etc/cbsfs.conf
mkdir -p etc/systemd/system
for unit in console-getty getty@ systemd-logind systemd-udevd systemd-udev-trigger systemd-networkd systemd-resolved \
    systemd-timesyncd dbus ssh cron e2scrub_reap; do ln -s /dev/null "etc/systemd/system/$unit.service"; done
ln -s /dev/null etc/systemd/system/dbus.socket
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root
: >etc/machine-id
: >etc/fstab
chroot . systemctl -q enable remote-fs.target  # as it is on a new machine
cp "$2" run/cbsfs.deb
chroot . dpkg -P cbsfs >/dev/null 2>&1 || true
chroot . dpkg --force-unsafe-io -i /run/cbsfs.deb >&2
chroot . bash -euc "$3" >&2
mkdir -p mnt/before
pivot_root . mnt/before
umount -l /mnt/before
rmdir /mnt/before
exec setpriv --bounding-set=-sys_module,-sys_time,-syslog env -i container=lxc PATH="$PATH" \
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal
"""


class Machine:
    """Boots at once; `prepare` is a script that is run in the copy before that.  close() ends it."""

    def __init__(self, directory, package, prepare):
        os.mkdir(directory)
        self.directory = directory
        self.console = os.path.join(directory, "console")
        with open(self.console, "wb") as console:
            self.process = subprocess.Popen(
                ["unshare", "-m", "-p", "-u", "-i", "-n", "-C", "--fork", "--kill-child", "bash", "-c", BOOT, "bash",
                 str(directory), package, prepare], stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        try:
            wait_until(self.is_up, 60, "the machine's boot")
        except AssertionError as error:
            self.close()
            raise AssertionError(f"{error}\n{self.said()}") from error

    def said(self):
        with open(self.console, encoding="utf-8", errors="replace") as file:
            return file.read()

    def first(self):
        """The process number of its first process, seen from here; None before it is and after it was."""
        try:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
                return file.read().split()[0]
        except (OSError, IndexError):
            return None

    def is_up(self):
        assert self.process.poll() is None, f"it has ended\n{self.said()}"
        first = self.first()
        if first is None or os.readlink(f"/proc/{first}/exe") != "/usr/lib/systemd/systemd":
            return False
        return self.try_run("systemctl is-system-running").stdout.strip() in ("running", "degraded")

    def try_run(self, script):
        return subprocess.run(["nsenter", "-t", self.first(), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "env", "-i",
                               "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "bash", "-euc", script],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
                              start_new_session=True)

    def run(self, script):
        """What a script prints that root runs there; it has to succeed."""
        done = self.try_run(script)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}\n{self.journal()}"
        return done.stdout

    def main_process(self, unit, systemctl="systemctl"):
        number = int(self.run(f"{systemctl} show -p MainPID --value {unit}"))
        assert number > 1, f"{unit} has no process\n{self.journal()}"
        return number

    def journal(self):
        return self.try_run("journalctl --no-pager -o cat -t cbsfs | tail -n 30").stdout

    def until(self, script, what, seconds=30):
        """Waits until a script ends with 0."""
        try:
            wait_until(lambda: self.try_run(script).returncode == 0, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.journal()}") from error

    def close(self):
        self.process.kill()  # its first process dies of that, and everything in it
        self.process.wait(20)
