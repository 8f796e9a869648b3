# SPDX-License-Identifier: Apache-2.0
"""Every shell and language sees the error of a write, and sends one command an open (design 4).

The rows are ways to write into a file, the tests are what can become of that: the file cannot be opened, the command is
refused here or by the cloud, or it is accepted. Errors come from open and write alone, never from closing.
"""
import errno
import os
import time

import pytest

from commands import assert_done, finish, run, shell, start, wait_until

SIMULATOR = ("--rollback-time", "0.1", "--create-time", "0.1", "--rate", "0")
OPTIONS = ("ttl=600", "timeout=4")

POSIX_SHELLS = ["bash", "dash", "zsh", "mksh", "busybox"]
SHELLS = [*POSIX_SHELLS, "fish"]

PYTHON = {
    "with": "with open(path, 'w') as f:\n f.write('1\\n')",
    "pathlib": "import pathlib\npathlib.Path(path).write_text('1\\n')",
    "shutil": "import shutil\nshutil.copyfile(word, path)",
    "print": "f = open(path, 'a')\nprint(1, file=f, flush=True)",
    "unbuffered": "open(path, 'wb', buffering=0).write(b'1\\n')",
    "os.write": "import os\nos.write(os.open(path, os.O_WRONLY), b'1\\n')",
    "never closed": "f = open(path, 'w')\nf.write('1\\n')\nimport os\nos.environ['kept'] = str(f)",
}
PERL = {
    "perl": "open(F, '>', $ARGV[0]) or die $!; print F \"1\\n\"; close(F) or die $!",
    "perl syswrite": "open(F, '>', $ARGV[0]) or die $!; syswrite(F, \"1\\n\") or die $!",
    "perl autodie": "use autodie; open(F, '>', $ARGV[0]); print F \"1\\n\"; close(F)",
    "perl without close": "open(F, '>', $ARGV[0]) or die $!; print F \"1\\n\"",
}
NODE = {
    "node writeFileSync": "fs.writeFileSync(process.argv[1], '1\\n')",
    "node appendFileSync": "fs.appendFileSync(process.argv[1], '1\\n')",
    "node promises": "fs.promises.writeFile(process.argv[1], '1\\n')",
    "node stream": "fs.createWriteStream(process.argv[1]).end('1\\n')",
}


def in_shell(name, script):
    if name == "fish":
        return ["fish", "-c", script.replace("$1", "$argv[1]"), "CONTROL"]
    return [*(["busybox", "ash"] if name == "busybox" else [name]), "-c", script, name, "CONTROL", "WORD"]


def everywhere(what, script, shells=tuple(POSIX_SHELLS)):
    return {f"{name} {what}": in_shell(name, script) for name in shells}


WRITERS = {
    **everywhere("echo", 'echo 1 > "$1"', SHELLS),
    **everywhere("append", 'echo 1 >> "$1"', SHELLS),
    **everywhere("printf", 'printf 1 > "$1"', SHELLS),
    **everywhere("clobber", 'set -C; echo 1 >| "$1"'),
    **everywhere("exec", 'exec 3> "$1"; echo 1 >&3'),
    **everywhere("read-write", 'echo 1 1<> "$1"'),
    **everywhere("subshell", '(echo 1) > "$1"'),
    **everywhere("here-document", 'cat > "$1" <<END\n1\nEND'),
    **everywhere("set -e", 'set -e; echo 1 > "$1"; exit 0'),
    **{f"python {name}": ["/usr/bin/python3", "-c", f"import sys\npath, word = sys.argv[1:]\n{script}", "CONTROL",
                          "WORD"] for name, script in PYTHON.items()},
    **{name: ["perl", "-e", script, "CONTROL"] for name, script in PERL.items()},
    **{name: ["node", "-e", script, "CONTROL"] for name, script in NODE.items()},
    "/bin/echo": in_shell("dash", '/bin/echo 1 > "$1"'),
    "cat": in_shell("dash", 'cat "$2" > "$1"'),
    "tee": in_shell("dash", 'echo 1 | tee "$1" > /dev/null'),
    "tee -a": in_shell("dash", 'echo 1 | tee -a "$1" > /dev/null'),
    "dd": in_shell("dash", 'echo 1 | dd of="$1" status=none'),
    "dd fsync": in_shell("dash", 'echo 1 | dd of="$1" status=none conv=notrunc,fsync oflag=append'),
    "head": in_shell("dash", 'head -n 1 "$2" > "$1"'),
    "cp": ["cp", "WORD", "CONTROL"],
    "cp -p": ["cp", "-p", "WORD", "CONTROL"],
    "cp -f": ["cp", "-f", "WORD", "CONTROL"],
    "busybox cp": ["busybox", "cp", "WORD", "CONTROL"],
    "busybox tee": in_shell("dash", 'echo 1 | busybox tee "$1" > /dev/null'),
    "sed w": ["sed", "-n", "w CONTROL", "WORD"],
    "gawk": ["gawk", "-v", "file=CONTROL", "BEGIN { print 1 > file }"],
    "gawk append": ["gawk", "-v", "file=CONTROL", "BEGIN { print 1 >> file; exit close(file) ? 2 : 0 }"],
    "rsync --inplace": ["rsync", "--inplace", "WORD", "CONTROL"],
    "ed": in_shell("dash", r"printf ',c\n1\n.\nw\nq\n' | ed -s " + '"$1"'),
}
# They do not look whether the write worked, and end with 0; the command is sent once all the same.
CARELESS = {"python never closed", "perl without close"}
# These lose the errno, or say nothing at all.
WORDLESS = ("dash", "busybox", "ed", "gawk", "perl autodie")


@pytest.fixture(scope="module")
def stock(sim, mnt):
    """Disks with one snapshot, `good`, that the mount shows."""
    disks = list(sim.spare_disks)
    sim.spare_disks.clear()
    more = [sim.disk_record() for _ in range(100)]
    disks += [record["DiskId"] for record in more]
    snapshots = [sim.snapshot_record(disk, "good") for disk in disks]
    sim.patch(disks={record["DiskId"]: record for record in more},
              snapshots={record["SnapshotId"]: record for record in snapshots})
    mnt.show(mnt.snapshot(disks[-1], "good"))
    return disks


@pytest.fixture(scope="module")
def busy(sim, mnt, stock):
    disk = stock.pop()
    mnt.add_snapshot(disk, "slow", SnapshotState="CREATING", Percent=5)
    return mnt.snapshot(disk, "slow", "rollback")


@pytest.fixture
def fresh(mnt, stock):
    """The control file of a snapshot that no other test rolls back to."""
    return mnt.snapshot(stock.pop(), "good", "rollback")


@pytest.fixture
def control(mnt, stock):
    """One to be refused: it is used again."""
    return mnt.snapshot(stock[0], "good", "rollback")


@pytest.fixture
def words(tmp_path):
    (tmp_path / "word").write_text("1\n")

    def command(writer, control):
        return [word.replace("CONTROL", control).replace("WORD", str(tmp_path / "word")) for word in WRITERS[writer]]

    return command


def refuse(sim, code):
    sim.fault("ApplySnapshot", "error", code=code, message="no", times=0)


def assert_noticed(writer, result, number):
    if writer in CARELESS:
        assert result.status == 0
        return
    assert result.status > 0, f"{writer} did not notice"
    if not writer.startswith(WORDLESS):
        # Node knows some errors by their code, and others by their number only.
        words = (os.strerror(number), errno.errorcode[number], f"error -{number}")
        assert any(word.lower() in result.err.lower() for word in words), result.err


@pytest.mark.core
@pytest.mark.parametrize("writer", WRITERS)
def test_what_the_cloud_refuses_is_seen_and_sent_once(sim, control, words, writer):
    refuse(sim, "InvalidDisk.Busy")
    with sim.counting() as count:
        result = run(*words(writer, control))
    assert_noticed(writer, result, errno.EBUSY)
    assert count.requests["ApplySnapshot"] == 1
    refuse(sim, "InvalidParameterValue")
    with sim.counting() as count:
        result = run(*words(writer, control))
    assert_noticed(writer, result, errno.EINVAL)
    assert count.requests["ApplySnapshot"] == 1


@pytest.mark.needs("words")
@pytest.mark.parametrize("writer", [*(f"{name} echo" for name in SHELLS), "python with", "perl", "node writeFileSync",
                                    "cp", "tee", "rsync --inplace"])
def test_a_key_that_is_refused_is_seen_and_tried_once(sim, mnt, control, words, writer):
    # A key that was refused is left alone for a second, so that nothing storms.
    later = time.monotonic() + 1.1
    wait_until(lambda: time.monotonic() > later)
    refuse(sim, "AuthFailure.SignatureFailure")
    with sim.counting() as count:
        result = run(*words(writer, control))
    assert_noticed(writer, result, errno.EKEYREJECTED)
    assert count.requests["ApplySnapshot"] == 1


@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_refused_here_is_seen_and_not_sent(sim, busy, words, writer):
    """The snapshot is not ready."""
    with sim.counting() as count:
        assert_noticed(writer, run(*words(writer, busy)), errno.EBUSY)
    assert count.change_requests == 0


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_cannot_be_opened(sim, mnt, control, words, writer):
    """A value file, which nobody may write; the same for its truncation."""
    path = control.replace("/rollback", "/status")
    with sim.counting() as count:
        result = run(*words(writer, path))
    assert result.status > 0 and (result.err != "" or writer == "ed"), f"{writer} did not notice"
    assert count.change_requests == 0
    assert mnt.read(path) == "NORMAL 100\n"


@pytest.mark.core
@pytest.mark.parametrize("writer", WRITERS)
def test_a_good_write_succeeds_and_is_sent_once(sim, fresh, words, writer):
    with sim.counting() as count:
        result = run(*words(writer, fresh))
    assert result.status == 0, result
    assert count.requests["ApplySnapshot"] == count.executed["ApplySnapshot"] == 1
    assert count.change_requests == 1


# --- scripts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHELLS)
def test_a_wrong_word_is_seen(sim, control, name):
    script = "echo nonsense > $argv[1]" if name == "fish" else 'echo nonsense > "$1"'
    with sim.counting() as count:
        assert shell(script, control, program=name).status > 0
    assert count.change_requests == 0


@pytest.mark.core
@pytest.mark.parametrize("name", POSIX_SHELLS)
def test_scripts_take_the_right_branch(sim, control, name):
    refuse(sim, "InvalidDisk.Busy")
    assert shell('if echo 1 > "$1"; then echo YES; else echo NO; fi', control, program=name).out == "NO\n"
    assert shell('echo 1 > "$1" && echo YES', control, program=name).out == ""
    assert shell('! echo 1 > "$1" || echo YES', control, program=name).out == ""
    result = shell('set -e; echo 1 > "$1"; echo CONTINUED', control, program=name)
    assert result.status > 0 and result.out == ""


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("script", [': > "$1"', 'true > "$1"', 'true >> "$1"', 'echo > "$1"', 'printf "" > "$1"',
                                    'touch "$1"', 'truncate -s 0 "$1"', 'cp /dev/null "$1"', 'tee "$1" < /dev/null',
                                    'dd if=/dev/null of="$1" status=none'])
def test_nothing_written_is_no_command(sim, control, name, script):
    if name == "fish":
        script = script.replace("$1", "$argv[1]").replace(": >", "true >")
    with sim.counting() as count:
        assert_done(shell(script, control, program=name))
    assert count.change_requests == 0


@pytest.mark.parametrize("name", SHELLS)
def test_noclobber_refuses_by_itself(sim, control, name):
    script = 'echo 1 >? $argv[1]' if name == "fish" else 'set -C; echo 1 > "$1"'
    with sim.counting() as count:
        result = shell(script, control, program=name)
    assert result.status > 0 and "exist" in result.err
    assert count.change_requests == 0


@pytest.mark.parametrize("name", POSIX_SHELLS)
def test_scripts_see_a_failing_mkdir(mnt, sim, disk_for_mkdir, name):
    sim.fault("CreateSnapshot", "error", code="InsufficientSnapshotQuota", message="full", times=0)
    result = shell('mkdir "$1" || echo "failed $?"', mnt.snapshot(disk_for_mkdir, "new"), program=name)
    assert result.out == "failed 1\n" and os.strerror(errno.EDQUOT) in result.err


@pytest.fixture
def disk_for_mkdir(stock):
    return stock[0]


@pytest.mark.core
@pytest.mark.parametrize("name", POSIX_SHELLS)
def test_read_takes_status_apart(control, name):
    script = 'read -r word percent < "$1"; echo "$percent,$word"'
    assert shell(script, control.replace("/rollback", "/status"), program=name).out == "100,NORMAL\n"


@pytest.mark.parametrize("script", ['until grep -q "^NORMAL" "$1/status"; do :; done',
                                    'case $(cat "$1/status") in NORMAL*) ;; *) exit 9;; esac',
                                    pytest.param('test "$(cat "$1/state")" = NORMAL', marks=pytest.mark.only("tencent")),
                                    'timeout 20 cat "$1/wait"'])
def test_recipes(control, script):
    assert shell(script, control.replace("/rollback", ""), program="dash").status == 0


# --- what replaces a file, and what edits one -------------------------------------------------------


REPLACERS = {
    "install": ["install", "-m", "644", "WORD", "CONTROL"],
    "busybox install": ["busybox", "install", "WORD", "CONTROL"],
    "mv": ["mv", "-f", "WORD", "CONTROL"], "busybox mv": ["busybox", "mv", "-f", "WORD", "CONTROL"],
    "cp --remove-destination": ["cp", "--remove-destination", "WORD", "CONTROL"],
    "ln -sf": ["ln", "-sf", "WORD", "CONTROL"], "ln -f": ["ln", "-f", "WORD", "CONTROL"],
    "sed -i": ["sed", "-i", "s/./1/", "CONTROL"], "busybox sed -i": ["busybox", "sed", "-i", "s/./1/", "CONTROL"],
    "perl -i": ["perl", "-i", "-pe", "$_ = 1", "CONTROL"], "gawk inplace": ["gawk", "-i", "inplace", "1", "CONTROL"],
    "rsync": ["rsync", "WORD", "CONTROL"], "rsync -a": ["rsync", "-a", "WORD", "CONTROL"],
    "python replace": ["/usr/bin/python3", "-c", "import os, sys; os.replace(*sys.argv[1:])", "WORD", "CONTROL"],
    "node renameSync": ["node", "-e", "fs.renameSync(process.argv[1], process.argv[2])", "WORD", "CONTROL"],
    # Editors save what they have read, which is no command.
    "ed": ["sh", "-c", "printf 'w\nq\n' | ed -s CONTROL"],
    "vim": ["vim.tiny", "-es", "-u", "NONE", "-c", "wq!", "CONTROL"],
    "editor's copy": ["sh", "-c", "cat CONTROL > WORD && cat WORD > CONTROL"],
}


@pytest.mark.parametrize("name", REPLACERS)
def test_what_replaces_or_saves_a_file_is_refused(sim, control, name, tmp_path):
    """Most need create or unlink in the directory, which the mount refuses; nothing is triggered."""
    (tmp_path / "word").write_text("1\n")
    before = run("cat", control.replace("/rollback", "/id")).out
    with sim.counting() as count:
        result = run(*[word.replace("CONTROL", control).replace("WORD", str(tmp_path / "word"))
                       for word in REPLACERS[name]])
    assert result.status > 0 or "Operation not permitted" in result.err
    assert count.change_requests == 0
    assert run("cat", control.replace("/rollback", "/id")).out == before


# --- what one open file may be given ----------------------------------------------------------------

OPENED = """
import os, sys, threading
path = sys.argv[1]
def attempt(call, *arguments):
    try:
        call(*arguments)
        answer = "done"
    except OSError as error:
        answer = os.strerror(error.errno)
    os.write(1, (answer + "\\n").encode())
def open_(flags=os.O_WRONLY):
    return os.open(path, flags)
fd = open_()
def write(text, to=None):
    attempt(os.write, fd if to is None else to, text)
"""
INVALID = os.strerror(errno.EINVAL)
BUSY = os.strerror(errno.EBUSY)

# A script, the rollbacks that it asks of the cloud, and what its writes are told.
HANDLES = {
    "a line": ("write(b'1\\n')", 1, ["done"]),
    "no newline": ("write(b'1')", 1, ["done"]),
    "spaces": ("write(b'  1 \\t \\n')", 1, ["done"]),
    "a carriage return": ("write(b'1\\r\\n')", 1, ["done"]),
    "empty lines behind": ("write(b'yes\\n\\n\\n')", 1, ["done"]),
    "byte by byte": ("write(b'1'); write(b'\\n')", 1, ["done", "done"]),
    "a word byte by byte": ("write(b'y'); write(b'e'); write(b's'); write(b'\\n')", 0, [INVALID] * 4),
    "an empty line first": ("write(b'\\n'); write(b'1\\n')", 1, ["done", "done"]),
    "nothing first": ("write(b''); write(b'1\\n')", 1, ["done", "done"]),
    "two lines": ("write(b'1\\n1\\n')", 0, [INVALID]),
    "two lines, one by one": ("write(b'1\\n'); write(b'1\\n')", 1, ["done", "done"]),
    "a wrong line first": ("write(b'nonsense\\n'); write(b'1\\n')", 0, [INVALID, INVALID]),
    "a wrong line behind": ("write(b'1\\n'); write(b'nonsense\\n')", 1, ["done", "done"]),
    "NUL": ("write(b'1\\0\\n')", 0, [INVALID]),
    "only NUL": ("write(b'\\0')", 0, [INVALID]),
    "bytes that are no text": ("write(b'1\\xff\\n')", 0, [INVALID]),
    "5000 bytes": ("write(b'1' + b' ' * 5000)", 0, [INVALID]),
    "5000 bytes, empty lines at first": ("write(b'1' + b'\\n' * 4999 + b'x')", 0, [INVALID]),
    "5000 blanks and a word": ("write(b' ' * 5000 + b'1')", 0, [INVALID]),
    "a megabyte": ("write(bytes(1 << 20))", 0, [INVALID]),
    "at an offset": ("attempt(os.pwrite, fd, b'1\\n', 4321)", 1, ["done"]),
    "behind the end": ("os.lseek(fd, 0, os.SEEK_END); write(b'1\\n')", 1, ["done"]),
    "appended": ("write(b'1\\n', open_(os.O_WRONLY | os.O_APPEND))", 1, ["done"]),
    "truncated": ("os.ftruncate(fd, 0); write(b'1\\n', open_(os.O_WRONLY | os.O_TRUNC))", 1, ["done"]),
    "read and written": ("f = open_(os.O_RDWR); os.read(f, 9999); write(b'1\\n', f)", 1, ["done"]),
    "synchronous": ("write(b'1\\n', open_(os.O_WRONLY | os.O_SYNC))", 1, ["done"]),
    "gathered": ("attempt(os.writev, fd, [b'1', b'\\n'])", 1, ["done"]),
    "gathered, wrong": ("attempt(os.writev, fd, [b'1', b'0', b'\\n'])", 0, [INVALID]),
    "two handles": ("write(b'1\\n'); write(b'1\\n', open_())", 1, ["done", BUSY]),
    "two handles, one wrong": ("write(b'0\\n'); write(b'1\\n', open_())", 1, [INVALID, "done"]),
    "duplicates": ("write(b'1\\n', os.dup(fd)); write(b'1\\n', os.dup(fd)); write(b'1\\n')", 1, ["done"] * 3),
    "a child": ("child = os.fork(); write(b'1\\n')\nif child: os.wait()", 1,
                ["done"] * 2),
    "threads": ("all = [threading.Thread(target=write, args=(b'1\\n',)) for _ in range(8)]\n"
                "[one.start() for one in all]; [one.join() for one in all]", 1, ["done"] * 8),
    "closed and synced": ("attempt(os.fsync, fd); write(b'1\\n'); attempt(os.fsync, fd); attempt(os.close, fd)", 1,
                          ["done"] * 4),
    "refused, closed and synced": ("write(b'0\\n'); attempt(os.fsync, fd); attempt(os.close, os.dup(fd)); "
                                   "attempt(os.close, fd)", 0, [INVALID, "done", "done", "done"]),
}


@pytest.mark.parametrize("name", HANDLES)
def test_an_open_file_takes_one_command(mnt, sim, stock, name):
    script, calls, answers = HANDLES[name]
    control = mnt.snapshot(stock.pop() if calls else stock[0], "good", "rollback")
    with sim.counting() as count:
        result = run("/usr/bin/python3", "-c", OPENED + script, control)
    assert (result.out.splitlines(), result.err) == (answers, "")
    assert count.requests["ApplySnapshot"] == count.executed["ApplySnapshot"] == calls


@pytest.mark.parametrize("name", POSIX_SHELLS)
@pytest.mark.parametrize("text, least, most", [(r"1\n1\n", 0, 1), (r"nonsense\n1\n", 0, 0), (r"\n1\n", 0, 1)])
def test_printf_of_several_lines(sim, mnt, stock, name, text, least, most):
    """bash writes line by line, the others at once; whichever it is, what is told is what happened."""
    control = mnt.snapshot(stock.pop() if most else stock[0], "good", "rollback")
    with sim.counting() as count:
        result = shell('printf "$2" > "$1"', control, text, program=name)
    assert least <= count.requests["ApplySnapshot"] <= most
    assert (result.status == 0) == (count.executed["ApplySnapshot"] == 1)


def test_two_processes_at_once_roll_back_once(sim, fresh):
    with sim.counting() as count:
        writers = [start("bash", "-c", 'echo 1 > "$1"', "bash", fresh) for _ in range(4)]
        results = sorted(finish(writer).status for writer in writers)
    assert results == [0, 1, 1, 1]
    assert count.requests["ApplySnapshot"] == 1


@pytest.mark.parametrize("failing", [True, False])
def test_only_write_tells(sim, fresh, failing):
    """What closes a file is never told of an error, so nobody may rely on it: write was told already."""
    if failing:
        refuse(sim, "InvalidDisk.Busy")
    script = OPENED + "write(b'1\\n'); attempt(os.fsync, fd); attempt(os.close, os.dup(fd)); attempt(os.close, fd)"
    result = run("/usr/bin/python3", "-c", script, fresh)
    assert result.out.splitlines() == [BUSY if failing else "done", "done", "done", "done"]
