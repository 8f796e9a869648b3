# SPDX-License-Identifier: Apache-2.0
"""Every shell and language sees the error of a write, and sends one command an open (design 4)."""
import errno
import os

import pytest

from commands import assert_done, run, shell

SIMULATOR = ("--rollback-time", "0.1")
OPTIONS = ("ttl=1", "timeout=4")

POSIX_SHELLS = ["bash", "dash", "zsh", "mksh", "busybox"]
SHELLS = [*POSIX_SHELLS, "fish"]

PYTHON_WITH = "import sys\nwith open(sys.argv[1], 'w') as f:\n f.write('1\\n')"
PYTHON_PATH = "import pathlib, sys\npathlib.Path(sys.argv[1]).write_text('1\\n')"
PYTHON_PRINT = "import sys\nf = open(sys.argv[1], 'a')\nprint(1, file=f, flush=True)"
PERL = "open(F, '>', $ARGV[0]) or die $!; print F \"1\\n\"; close(F) or die $!"
NODE = "require('fs').writeFileSync(process.argv[1], '1\\n')"


def in_shell(name, script):
    return [*(["busybox", "ash"] if name == "busybox" else [name]), "-c", script, name, "CONTROL"]


WRITERS = {
    **{f"{name} echo": in_shell(name, 'echo 1 > "$1"') for name in POSIX_SHELLS},
    **{f"{name} append": in_shell(name, 'echo 1 >> "$1"') for name in POSIX_SHELLS},
    **{f"{name} printf": in_shell(name, 'printf 1 > "$1"') for name in POSIX_SHELLS},
    "fish echo": ["fish", "-c", "echo 1 > $argv[1]", "CONTROL"],
    "python with": ["/usr/bin/python3", "-c", PYTHON_WITH, "CONTROL"],
    "python pathlib": ["/usr/bin/python3", "-c", PYTHON_PATH, "CONTROL"],
    "python print": ["/usr/bin/python3", "-c", PYTHON_PRINT, "CONTROL"],
    "perl": ["perl", "-e", PERL, "CONTROL"],
    "node": ["node", "-e", NODE, "CONTROL"],
    "tee": ["sh", "-c", 'echo 1 | tee "$1" > /dev/null', "sh", "CONTROL"],
    "dd": ["sh", "-c", 'echo 1 | dd of="$1" status=none', "sh", "CONTROL"],
    "/bin/echo": ["sh", "-c", '/bin/echo 1 > "$1"', "sh", "CONTROL"],
    "cat": ["sh", "-c", 'cat "$2" > "$1"', "sh", "CONTROL", "WORD"],
    "cp": ["cp", "WORD", "CONTROL"],
    "busybox cp": ["busybox", "cp", "WORD", "CONTROL"],
    "rsync --inplace": ["rsync", "--inplace", "WORD", "CONTROL"],
}


@pytest.fixture
def control(mnt, disk):
    mnt.add_snapshot(disk, "good")
    return mnt.snapshot(disk, "good", "rollback")


def command(writer, control, tmp_path):
    (tmp_path / "word").write_text("1\n")
    return [word.replace("CONTROL", control).replace("WORD", str(tmp_path / "word")) for word in WRITERS[writer]]


@pytest.mark.core
@pytest.mark.parametrize("writer", WRITERS)
def test_a_failing_write_is_seen_and_sent_once(mnt, sim, control, writer, tmp_path):
    sim.fault("ApplySnapshot", "error", code="InvalidDisk.Busy", message="busy", times=0)
    with sim.counting() as count:
        result = run(*command(writer, control, tmp_path))
    assert result.status > 0, f"{writer} did not notice"
    assert count.requests["ApplySnapshot"] == 1
    # dash and busybox lose the errno or the message altogether; the others say it.
    if not writer.startswith(("dash", "busybox")):
        assert "resource busy" in result.err or "EBUSY" in result.err


@pytest.mark.core
@pytest.mark.parametrize("writer", WRITERS)
def test_a_good_write_succeeds_and_is_sent_once(mnt, sim, control, writer, tmp_path):
    with sim.counting() as count:
        assert_done(run(*command(writer, control, tmp_path)))
    assert count.requests["ApplySnapshot"] == count.executed["ApplySnapshot"] == 1


@pytest.mark.parametrize("name", SHELLS)
def test_a_wrong_word_is_seen(mnt, sim, control, name):
    script = "echo nonsense > $argv[1]" if name == "fish" else 'echo nonsense > "$1"'
    with sim.counting() as count:
        assert shell(script, control, program=name).status > 0
    assert count.change_requests == 0


@pytest.mark.core
@pytest.mark.parametrize("name", POSIX_SHELLS)
def test_scripts_take_the_right_branch(mnt, sim, control, name):
    sim.fault("ApplySnapshot", "error", code="InvalidDisk.Busy", message="busy", times=0)
    assert shell('if echo 1 > "$1"; then echo YES; else echo NO; fi', control, program=name).out == "NO\n"
    result = shell('set -e; echo 1 > "$1"; echo CONTINUED', control, program=name)
    assert result.status > 0 and result.out == ""


@pytest.mark.parametrize("name", POSIX_SHELLS)
def test_scripts_see_a_failing_mkdir(mnt, sim, disk, name):
    sim.fault("CreateSnapshot", "error", code="InsufficientSnapshotQuota", message="full", times=0)
    result = shell('mkdir "$1" || echo "failed $?"', mnt.snapshot(disk, "new"), program=name)
    assert result.out == "failed 1\n" and os.strerror(errno.EDQUOT) in result.err


@pytest.mark.core
@pytest.mark.parametrize("name", POSIX_SHELLS)
def test_read_takes_status_apart(mnt, control, name):
    script = 'read -r word percent < "$1"; echo "$percent,$word"'
    assert shell(script, control.replace("/rollback", "/status"), program=name).out == "100,NORMAL\n"


@pytest.mark.parametrize("script", ['until grep -q "^NORMAL" "$1/status"; do :; done',
                                    'case $(cat "$1/status") in NORMAL*) ;; *) exit 9;; esac',
                                    'test "$(cat "$1/state")" = NORMAL', 'timeout 20 cat "$1/wait"'])
def test_recipes(control, script):
    assert shell(script, control.replace("/rollback", ""), program="dash").status == 0


@pytest.mark.parametrize("words", [["install", "-m", "644", "WORD", "CONTROL"], ["mv", "-f", "WORD", "CONTROL"],
                                   ["sed", "-i", "s/./1/", "CONTROL"], ["perl", "-i", "-pe", "1", "CONTROL"],
                                   ["cp", "--remove-destination", "WORD", "CONTROL"], ["rsync", "WORD", "CONTROL"]],
                         ids=lambda words: " ".join(words[:2]))
def test_what_replaces_a_file_is_refused(mnt, sim, control, words, tmp_path):
    """They need create or unlink in the directory, which the mount refuses; nothing is triggered."""
    (tmp_path / "word").write_text("1\n")
    with sim.counting() as count:
        result = run(*[word.replace("CONTROL", control).replace("WORD", str(tmp_path / "word")) for word in words])
    assert result.status > 0 or "Operation not permitted" in result.err
    assert count.change_requests == 0
