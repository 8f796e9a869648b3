# SPDX-License-Identifier: Apache-2.0
"""Each row of docs/troubleshooting.md, made to happen: the shell says what its first column says, and `error` its second.

The cases stand in the order of the rows.  In the first column the first code is a part of the command, all others are parts of what
it prints; in the second column each is a part of the file where the reason is.  `...` stands for anything.
"""
import errno
import json
import os
import re
import urllib.request
from collections import namedtuple

import pytest

from console import REPOSITORY
from surroundings import surroundings

PAGE = os.path.join(REPOSITORY, "docs", "troubleshooting.md")
Case = namedtuple("Case", "command before options simulator faults error", defaults=["", "allow_delete", [], [], "error"])

ALL = "~/cbs/.cbsfs/errors"
OTHER = "~/cbs/disks/disk-7m2x9ufb"


def fault(kind, action="CreateSnapshot", **more):
    return {"kind": kind, "action": action, "times": 0, **more}


def refused(code):
    return [fault("error", code=code, message="as the cloud says")]


MAKE = "mkdir snapshots/new"
CHANGES = [
    Case("rmdir snapshots/nightly", options=""),
    Case("rmdir snapshots/nightly", options="allow_delete,protect=night*"),
    Case("find snapshots/nightly -delete"),
    Case("mkdir snapshots/.cache"),
    Case("mkdir ~/cbs/disks/new", error=ALL),
    Case("touch snapshots/notes.txt"),
    Case("echo 1 > snapshots/nightly/rollback", options="rollback=off"),
    Case("mkdir snapshots/nightly"),
    Case("mkdir snapshots/nightly", before="rmdir snapshots/nightly"),
    Case("cat snapshots/yesterday/status"),
    Case("mkdir snapshots/snap-0a1b2c3d"),
    Case("mkdir snapshots/$(printf %061d 0)"),
    Case("echo please > snapshots/nightly/rollback"),
    Case("echo 1 > snapshots/nightly/rollback", options="rollback=confirm"),
    Case(f"mv snapshots/nightly {OTHER}/snapshots/", error=ALL),
    Case(MAKE, before="mkdir snapshots/first"),
    Case(MAKE, before=f"{MAKE} 2>/dev/null", faults=[fault("error", code="InternalError")], options="timeout=1"),
    Case("echo 1 > snapshots/sys-base/rollback", before=f"cd {OTHER}"),
    Case("echo 1 > snapshots/new/rollback", before=MAKE),
    Case("rmdir snapshots/sys-base", before=f"cd {OTHER}"),
    Case(MAKE, simulator=["--quota", "1"]),
    Case(MAKE, before="cd ~/cbs/disks/disk-gone0a1b"),
    Case(MAKE, faults=refused("UnauthorizedOperation")),
    Case(MAKE, faults=refused("AuthFailure.SignatureFailure")),
    Case(MAKE, faults=[fault("expired-token")]),
    Case(MAKE, faults=[fault("throttle")], options="timeout=1"),
    Case(MAKE, faults=[fault("error", code="InternalError")], options="timeout=1"),
    Case(MAKE, before="kill $simulator; while curl -s $CBSFS_SIM_ENDPOINT/_sim/stats >/dev/null; do sleep 0.1; done"),
    Case(MAKE, faults=refused("SomethingNew")),
    Case("echo tomorrow > snapshots/nightly/expires"),
    Case("echo +30d > snapshots/nightly/expires", options="protect=nightly"),
    Case("echo yes > snapshots/nightly/new_disk"),
    Case("echo +100000000001 > snapshots/sys-base/shared_with", before=f"cd {OTHER}"),
    Case("mkdir ~/cbs/groups/weekly", error=ALL),
    Case(MAKE, options="ro"),
    Case("dash -c 'echo 1 > snapshots/nightly/rollback'", options="rollback=off"),
]
COLD = "lazy,timeout=1"
LOOKS = [
    Case("ls ~/cbs/disks", options=COLD, faults=[fault("html", "DescribeDisks")], error=ALL),
    Case("ls ~/cbs/disks", options=COLD, faults=[fault("error", "DescribeDisks", code="InternalError")], error=ALL),
    Case("ls ~/cbs/disks", options=COLD, faults=[fault("hang", "DescribeDisks")], error=ALL),
    Case("ls ~/cbs/disks", options="lazy,endpoint=https://cbs.invalid", error=ALL),
    Case("ls ~/cbs", error=None, before="""served="cbsfs ap-guangzhou $HOME/cbs "; kill -9 $(pgrep -f "$served")
                                           while pgrep -f "$served" >/dev/null; do sleep 0.1; done"""),
]
STARTS = [
    Case("cbsfs ap-guangzhou ~/cbs-new"),
    Case("cbsfs ap-guangzhou ~/cbs", before="unset TENCENTCLOUD_SECRET_ID TENCENTCLOUD_SECRET_KEY; rm -r ~/.tencentcloud"),
    Case("cbsfs ap-guangzhou ~/cbs", before="export TENCENTCLOUD_SECRET_KEY=mistyped"),
    Case("cbsfs work@ap-guangzhou ~/cbs", before="chmod 644 ~/.tencentcloud/credentials"),
    Case("cbsfs ap-nowhere ~/cbs"),
    Case("cbsfs ap-guangzhou ~/cbs -o endpoint=http://127.0.0.1:1"),
    Case("cbsfs ap-guangzhou ~/cbs -o endpoint=https://cbs.invalid"),
    Case("cbsfs ap-guangzhou ~/cbs -o endpoint=http://cbs.invalid"),
    Case("cbsfs ap-guangzhou ~/cbs -o alow_delete"),
]


def sections():
    with open(PAGE, encoding="utf-8") as file:
        return re.split(r"^## ", file.read(), flags=re.MULTILINE)[1:]


def rows(number):
    """The tables' rows of a section, as lists of cells."""
    lines = [line for line in sections()[number].splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells[1:] if not row[0].startswith("---")]


def codes(cell):
    return re.findall(r"`([^`]+)`", cell)


def is_part(code, text):
    return re.search(r".*".join(re.escape(part) for part in code.split("...")), text) is not None


def compare(row, case, printed, reason):
    command, *words = codes(row[0])
    assert is_part(command, case.command)
    assert [word for word in words if not is_part(word, printed)] == [], printed
    if row[1].startswith("nothing"):
        assert reason == ""
    else:
        assert [code for code in codes(row[1]) if not is_part(code, reason)] == [], reason


def play(case, home):
    """What the command prints, and the text of the file with the reason."""
    with surroundings(home, *case.simulator) as place:
        place.shell.run(f"simulator={place.simulator.process.pid}; mkdir ~/cbs")
        if case.command.startswith("cbsfs"):
            place.shell.run(case.before)
            return "\n".join(place.shell.run(case.command)), None
        options = f" -o {case.options}" if case.options else " -o ttl=30"
        assert place.shell.run(f"cbsfs ap-guangzhou ~/cbs {options}") == []
        if "lazy" not in case.options:
            assert place.shell.run("cd ~/cbs/disks/disk-omp7wl2m && ls snapshots >/dev/null") == []
        request = urllib.request.Request(f"{place.simulator.endpoint}/_sim/faults", method="POST",
                                         data=json.dumps({"faults": case.faults}).encode())
        with urllib.request.urlopen(request, timeout=10):
            pass
        place.shell.run(case.before)
        printed = "\n".join(place.shell.run(case.command))
        return printed, "\n".join(place.shell.run(f"cat {case.error}")) if case.error else ""


@pytest.mark.parametrize("section, number", [(section, number) for section, cases in enumerate((CHANGES, LOOKS, STARTS))
                                             for number in range(len(cases))])
def test_a_row(section, number, tmp_path):
    case = (CHANGES, LOOKS, STARTS)[section][number]
    printed, reason = play(case, str(tmp_path))
    if reason is None:
        row = rows(section)[number]
        compare([row[0], ""], case, printed, "")
    else:
        compare(rows(section)[number], case, printed, reason)


def test_every_row_has_a_case():
    assert [len(rows(section)) for section in range(3)] == [len(CHANGES), len(LOOKS), len(STARTS)]


def test_every_errno_has_a_row():
    """Those of the contract, but for what is no failure of cbsfs: an interruption, and a machine without memory."""
    with open(os.path.join(REPOSITORY, "docs", "semantics.md"), encoding="utf-8") as file:
        table = re.search(r"^## 8\. Errors$.*?(?=^`EIO`)", file.read(), re.MULTILINE | re.DOTALL).group()
    named = {word for word in re.findall(r"`(E[A-Z]+)`", table) if word in errno.errorcode.values()} - {"EINTR", "ENOMEM"}
    told = {code for section in range(2) for row in rows(section) for code in codes(row[1])}
    assert len(named) > 12 and named - told == set()
