# SPDX-License-Identifier: Apache-2.0
"""The package on a machine that systemd boots: fstab, automount, the services, a process that dies or hangs, and the end.

test_service.py looks at the same units line by line; here systemd itself does with them what it does.
"""
import pytest

from machine import Machine

pytestmark = pytest.mark.limit(400)

PREPARE = r"""
mkdir -p /root/.tencentcloud /etc/cbsfs
printf '[default]\nsecret_id = AKIDSIMULATOR\nsecret_key = simulator\n' >/root/.tencentcloud/credentials
chmod 600 /root/.tencentcloud/credentials
echo 'endpoint = http://127.0.0.1:8650' >>/etc/cbsfs.conf
# The network of this machine is the simulator.
cat >/etc/systemd/system/simulator.service <<'UNIT'
[Unit]
Before=network-online.target
DefaultDependencies=no
[Service]
ExecStart=/usr/bin/cbsfs-sim --port 8650 --port-file /run/simulator.port --rate 0
ExecStartPost=/bin/sh -c 'until [ -s /run/simulator.port ]; do sleep 0.02; done'
[Install]
WantedBy=network-online.target
UNIT
systemctl enable simulator
"""

AT_BOOT = r"""
cat >/etc/fstab <<'FSTAB'
ap-guangzhou  /srv/boot  fuse.cbsfs  _netdev,nofail  0  0
ap-beijing  /srv/use  fuse.cbsfs  _netdev,nofail,noauto,x-systemd.automount,x-systemd.idle-timeout=1s  0  0
work@ap-guangzhou  /srv/wrong  fuse.cbsfs  _netdev,nofail  0  0
FSTAB
echo 'CBSFS_SOURCE=ap-singapore' >/etc/cbsfs/srv-service.env
systemctl enable cbsfs@srv-service.service
# As it is but for the times.
for kind in system user; do
    mkdir -p /etc/systemd/$kind/cbsfs@.service.d
    printf '[Service]\nRestartSec=200ms\nWatchdogSec=2\nTimeoutAbortSec=1\n' >/etc/systemd/$kind/cbsfs@.service.d/quick.conf
done
"""


@pytest.fixture(scope="module")
def machine(package, tmp_path_factory):
    booted = Machine(tmp_path_factory.mktemp("machine") / "it", package, PREPARE + AT_BOOT)
    yield booted
    booted.close()


def mounted(point):
    """Without a look at the mount point: that would be a use."""
    return f"grep -q ' {point} fuse.cbsfs ' /proc/mounts"


def another(unit, point, before, systemctl="systemctl"):
    """That the unit has another process, and the mount answers."""
    return (f"now=$({systemctl} show -p MainPID --value {unit}); [ \"$now\" != 0 ] && [ \"$now\" != {before} ] && "
            f"{systemctl.replace('systemctl', '').replace('--user', '')} timeout 5 ls {point}/README")


def test_what_is_there_after_the_boot(machine):
    """What fstab and the enabled service say; a line that cannot be mounted stops nothing, and says why."""
    assert machine.run("systemctl is-system-running || systemctl list-units --plain --no-legend --state=failed") \
        .split()[:2] == ["degraded", "srv-wrong.mount"]
    assert "/credentials [work]" in machine.run("journalctl --no-pager -o cat -u srv-wrong.mount")
    assert machine.run("findmnt -n -o SOURCE,FSTYPE /srv/boot; findmnt -n -o SOURCE,FSTYPE /srv/service").split() == \
        ["ap-guangzhou", "fuse.cbsfs", "cbsfs:ap-singapore", "fuse.cbsfs"]
    assert machine.run("ls -d /srv/boot/disks/disk-omp7wl2m") == "/srv/boot/disks/disk-omp7wl2m\n"
    assert "Mounted tencent@ap-singapore" in machine.run("systemctl status cbsfs@srv-service")


def test_at_the_first_use(machine):
    """Nothing runs until somebody looks, and nothing when nobody has looked for a while; then again."""
    for _ in range(2):
        machine.until("grep -q ' /srv/use autofs ' /proc/mounts && ! " + mounted("/srv/use"), "only the trap at the mount point")
        machine.until("! pgrep -f '[a]p-beijing /srv/use'", "the end of the process")
        assert "README" in machine.run("ls /srv/use")
        machine.run(mounted("/srv/use"))


def test_a_killed_service_comes_back(machine):
    for signal in ("KILL", "SEGV"):
        before = machine.main_process("cbsfs@srv-service")
        machine.run(f"kill -{signal} {before}")
        machine.until(another("cbsfs@srv-service", "/srv/service", before), "another process")
    assert machine.run("grep -c ' /srv/service ' /proc/mounts") == "1\n", "the dead mounts are gone"


def test_a_service_that_hangs_comes_back(machine):
    before = machine.main_process("cbsfs@srv-service")
    machine.run(f"kill -STOP {before}")
    machine.until(another("cbsfs@srv-service", "/srv/service", before), "another process")
    assert "watchdog" in machine.run("journalctl --no-pager -o cat -u cbsfs@srv-service")
    assert machine.run("grep -c ' /srv/service ' /proc/mounts") == "1\n"


def test_reload_stop_and_start(machine):
    before = machine.main_process("cbsfs@srv-service")
    machine.run("systemctl reload cbsfs@srv-service")
    assert machine.main_process("cbsfs@srv-service") == before
    machine.run("systemctl stop cbsfs@srv-service")
    assert machine.try_run(mounted("/srv/service")).returncode == 1
    assert machine.try_run("pgrep -f '[/]srv/service'").stdout == ""
    machine.run("systemctl start cbsfs@srv-service; " + mounted("/srv/service"))  # it returns when the mount is there
    machine.run("systemctl restart cbsfs@srv-service; ls /srv/service/README")
    # Unmounted by hand it has ended well, and stays so.
    machine.run("umount /srv/service")
    machine.until("[ \"$(systemctl is-active cbsfs@srv-service)\" = inactive ]", "the service's end")
    machine.run("systemctl start cbsfs@srv-service")


def test_a_cloud_that_comes_late(machine):
    """The service tries until the cloud answers."""
    machine.run("systemctl stop simulator; ! systemctl restart cbsfs@srv-service 2>/dev/null")
    machine.run("rm /run/simulator.port; systemctl start simulator")
    machine.until("systemctl is-active cbsfs@srv-service && ls /srv/service/README", "the mount")


def test_fstab_after_a_killed_process(machine):
    machine.run("pkill -KILL -f '[a]p-guangzhou /srv/boot'")
    machine.until("! ls /srv/boot", "the dead mount")
    machine.run("mount /srv/boot; ls /srv/boot/README")
    machine.until("systemctl is-active srv-boot.mount", "that systemd has seen it")
    machine.run("systemctl restart srv-boot.mount; ls /srv/boot/README")


def test_the_units_of_the_examples(machine):
    for unit in ("mnt-cbs.mount", "mnt-cbs.automount"):
        machine.run(f"cp /usr/share/doc/cbsfs/examples/systemd/{unit} /etc/systemd/system/")
    machine.run("sed -i s/10min/1s/ /etc/systemd/system/mnt-cbs.automount; systemctl daemon-reload; mkdir -p /mnt/cbs")
    machine.run("systemctl enable --now mnt-cbs.automount")
    machine.run("ls /mnt/cbs/README; " + mounted("/mnt/cbs"))
    machine.until("! " + mounted("/mnt/cbs"), "the unmount after the idle second")
    machine.run("systemctl disable --now mnt-cbs.automount; systemctl enable --now mnt-cbs.mount; ls /mnt/cbs/README")
    machine.run("systemctl disable --now mnt-cbs.mount; ! ls /mnt/cbs/README 2>/dev/null")


def test_a_user_s_own_service(machine):
    """systemd --user, with the user's own keys, at ~/cbs."""
    machine.run(r"""
        useradd -m -d /home/someone -s /bin/sh cbsfs-someone
        install -d -m 700 -o cbsfs-someone /run/someone /home/someone/.tencentcloud /home/someone/.config /home/someone/.config/cbsfs
        cp /root/.tencentcloud/credentials /home/someone/.tencentcloud/
        echo CBSFS_SOURCE=ap-beijing >/home/someone/.config/cbsfs/home-someone-cbs.env
        chown -R cbsfs-someone /home/someone
        systemd-run -q --unit=session -p Delegate=yes -p User=cbsfs-someone -p Type=notify -E HOME=/home/someone \
            -E XDG_RUNTIME_DIR=/run/someone /lib/systemd/systemd --user
    """)
    me = "setpriv --reuid cbsfs-someone --regid cbsfs-someone --clear-groups env HOME=/home/someone XDG_RUNTIME_DIR=/run/someone "
    unit = "cbsfs@home-someone-cbs.service"
    machine.run(f"{me} systemctl --user enable --now {unit}; {me} ls /home/someone/cbs/README")
    assert machine.run(f"{me} findmnt -n -o SOURCE /home/someone/cbs") == "cbsfs:ap-beijing\n"
    assert machine.try_run("ls /home/someone/cbs").returncode != 0, "root has no business there"
    before = machine.main_process(unit, f"{me} systemctl --user")
    machine.run(f"kill -KILL {before}")
    machine.until(another(unit, "/home/someone/cbs", before, f"{me} systemctl --user"), "another process")
    machine.run(f"{me} systemctl --user stop {unit}; ! findmnt /home/someone/cbs")


def test_the_end_waits_for_nobody(machine):
    """Last: everything is mounted, somebody has files open, the cloud is down; the machine is off within seconds."""
    machine.run("ls /srv/boot /srv/use /srv/service")
    machine.run("systemd-run -q --working-directory=/srv/boot/disks/disk-omp7wl2m sleep 600; systemctl stop simulator")
    machine.run("systemctl --no-block poweroff")
    machine.process.wait(40)
