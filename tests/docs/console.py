# SPDX-License-Identifier: Apache-2.0
"""The commands of a document, and what they print.

In the pages (*.md) these are the blocks marked `console`, in the manual pages the literal displays (`.Bd -literal`, `.nf`)
with a `$ ` in front of commands.  After `$ ` stands a command, after `> ` what else belongs to it, and behind
that what it prints.  All of one document run in one bash, in their order, so that a later one goes on where an earlier one
ended.  A line `...` stands for any lines.  What differs from run to run (ids, times, ports) may differ; everything else
must be as it is written.  New documents are found by themselves (documents()).

What the commands of each document find:

  ~                       an empty directory, shown as /home/me; it is the working directory
  /mnt/                   a directory ~/.mnt, so that mounting there needs no root
  cbsfs, cbsfs-sim        the build's; contrib/ is in the PATH as well, as are its examples
  ports                   free ones in the place of those that the document names
  ap-guangzhou            a simulator of this document's own, with the small account; ap-shanghai is empty
  keys                    those of the simulator, in the environment and as profiles `default` and `work` in ~/.tencentcloud/credentials
  $CBSFS_SIM_ENDPOINT     where it listens; ~/.config/cbsfs/config says the same, so that `cbsfs ap-guangzhou ~/cbs` just works

A block that is no console and begins with a line `# PATH`, where PATH begins with ~/ or /mnt/, is a file of the reader's: it is
written there, before the next command runs, with the `endpoint` behind it if it is cbsfs's configuration.

A command that stands anywhere else (a block marked `sh`, a display without `$ `, code in a sentence that begins with one of OWN)
is a failure, unless NOT_RUN says why it cannot be run.
"""
import glob
import os
import re
import select
import subprocess
import sys
import time
from collections import namedtuple

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "mount"))

# pylint: disable=wrong-import-position
from commands import spare_port  # noqa: E402

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CBSFS = os.environ.get("CBSFS", os.path.join(REPOSITORY, "build", "cbsfs"))
CBSFS_SIM = os.environ.get("CBSFS_SIM", os.path.join(os.path.dirname(CBSFS), "cbsfs-sim"))

# A command, or a block of another kind: `words` are its lines, `output` what the command prints.
Step = namedtuple("Step", "line kind words output")

# The beginnings of commands that cannot be run here, and why.
NOT_RUN = {
    r"contrib/(check|coverage|bench|install-dependencies)\b": "it is what runs this, or what that runs",
    r"(VALGRIND_WHOLE=1|TORTURE_SECONDS=0|CI=true) contrib/check": "it is what runs this, for longer",
    r"contrib/demo\b": "tests/docs/test_demo.py runs it",
    r"tests/\S+( |$)": "contrib/check runs it",
    r"git clone ": "needs the network",
    r"(sudo|apt|apt-get|systemctl|journalctl) ": "changes or asks the system's own services; tests/system tries what it can",
    r"(meson|ninja) ": "contrib/check builds",
    r"\( trap 'fsfreeze |fsfreeze |timeout 20 mkdir /mnt/cbs.* \)$": "freezes a file system; tests/system does",
    r"mount |umount |findmnt ": "root's business; tests/system mounts so",
    r"\. \./openrc\.sh": "a file of an OpenStack account",
    r"export OS_|openstack ": "an OpenStack account",
    r"cbsfs .*provider=(openstack|evs)": "an OpenStack account; tests/openstack and tests/mount have one",
    r"contrib/package-debian": "tests/system builds the package",
}

# First words that make a line of a block a command, and those that make one of code in a sentence.
COMMANDS = set("""cbsfs cbsfs-sim mkdir rmdir cat echo ls find grep mv cp rm cd mount umount fusermount3 sudo systemctl curl meson
    ninja df export apt apt-get timeout for while until touch jq install tee chmod tar rsync readlink tail head journalctl
    retention freeze-snapshot-thaw""".split())
OWN = {"cbsfs", "cbsfs-sim", "fusermount3", "mount", "umount", "sudo", "systemctl", "journalctl", "meson", "ninja", "apt", "apt-get"}

VARIABLE = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "REQUEST-ID"),
    (re.compile(r"\([0-9a-f]{12}\)"), "(REQUEST)"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\b[A-Z][a-z]{2} [ \d]\d (\d\d:\d\d| \d{4})"), "DATE"),
    (re.compile(r"\bsnap-[a-z0-9]{8}\b"), "SNAPSHOT"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+"), "PORT"),
    (re.compile(r"\b(CREATING|ROLLBACKING) \d+"), r"\1 PERCENT"),
    (re.compile(r"\d+ (hours|days) old"), "AGE"),
    (re.compile(r"^([dl-][rwx-]{9} 1) \S+ \S+ "), r"\1 USER GROUP "),
    (re.compile(r"^calls \d+$"), "calls NUMBER"),
    (re.compile(r"\b(disks_age|snapshots_age) \d+\.\d+"), r"\1 AGE"),
]


def documents():
    """All pages and manual pages, from the repository's root."""
    found = [path for pattern in ("docs/*.md", "contrib/*/*.md") for path in glob.glob(os.path.join(REPOSITORY, pattern))]
    found += glob.glob(os.path.join(REPOSITORY, "docs", "*.[1-8]"))
    return ["README.md", *sorted(os.path.relpath(path, REPOSITORY) for path in found)]


def page_blocks(lines):
    """Those between fences, as (line, mark, lines)."""
    mark, start, inside = None, 0, []
    for number, line in enumerate(lines, 1):
        if line.startswith("```"):
            if mark is not None:
                yield start, mark, inside
            mark, start, inside = (line[3:].strip(), number + 1, []) if mark is None else (None, 0, [])
        elif mark is not None:
            inside.append(line)


ESCAPES = [(r"\\e", "\\"), (r"\\-", "-"), (r"\\\(dq", '"'), (r"\\\(aq", "'"),
           (r"\\\(oq", "‘"), (r"\\\(cq", "’"), (r"\\\(ti", "~"), (r"\\&", "")]


def manual_blocks(lines):
    """The literal displays of a manual page, as (line, mark, lines)."""
    start, inside = 0, None
    for number, line in enumerate(lines, 1):
        if re.match(r"\.(Bd -(literal|unfilled)|nf\b)", line):
            start, inside = number + 1, []
        elif re.match(r"\.(Ed|fi)\b", line) and inside is not None:
            yield start, "console" if any(text.startswith("$ ") for text in inside) else "", inside
            inside = None
        elif line.startswith(".Dl "):
            yield number, "", [unescaped(line[4:])]
        elif inside is not None:
            inside.append(unescaped(line))


def unescaped(line):
    for pattern, text in ESCAPES:
        line = re.sub(pattern, lambda _, text=text: text, line)
    return line


def blocks(path):
    with open(os.path.join(REPOSITORY, path), encoding="utf-8") as file:
        lines = file.read().splitlines()
    return list(page_blocks(lines) if path.endswith(".md") else manual_blocks(lines))


def steps(path):
    """The document's commands and files, in their order."""
    found = []
    for start, mark, lines in blocks(path):
        if mark != "console":
            if lines and re.match(r"# (~|/mnt)/\S+$", lines[0]):
                found.append(Step(start, "file", lines, []))
            continue
        for number, line in enumerate(lines, start):
            if line.startswith("$ "):
                found.append(Step(number, "command", [line[2:]], []))
            elif line.startswith("> ") and not found[-1].output:
                found[-1].words.append(line[2:])
            else:
                found[-1].output.append(line)
    return found


def left_out(command):
    """Why a command is not run, or None."""
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, command)), None)


def is_command(line, words):
    line = re.sub(r"^(\$ |\( ?)?(\w+=\S* )*", "", line)
    word = line.split(" ")[0]
    return word in words or re.match(r"(contrib|tests|build)/[\w-]+( |$)", line) is not None


def not_run(path):
    """The commands of a document that stand where nothing runs them, as (line, command)."""
    found = []
    for start, mark, lines in blocks(path):
        if mark == "console":
            continue
        numbered = [(start + number, line.split("  #")[0].strip()) for number, line in enumerate(lines)]
        commands = [(number, line) for number, line in numbered
                    if line and not line.startswith("#") and (mark == "sh" or is_command(line, COMMANDS))]
        found += [(number, line) for number, line in commands if not left_out(line)]
    return found


def in_sentences(path):
    """This project's own commands, with arguments, in the sentences of a page."""
    with open(os.path.join(REPOSITORY, path), encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"^```.*?^```$", lambda block: "\n" * block.group().count("\n"), text, flags=re.MULTILINE | re.DOTALL)
    found = []
    for match in re.finditer(r"`([^`\n]+)`", text):
        code = match.group(1)
        if " " in code and is_command(code, OWN) and not left_out(code):
            found.append((text.count("\n", 0, match.start()) + 1, code))
    return found


def normalized(line):
    for pattern, word in VARIABLE:
        line = pattern.sub(word, line)
    return re.sub(r" +", " ", line).rstrip()


def matches(written, printed):
    """True if `printed` is what is written, where `...` is any number of lines."""
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(normalized(line)) + r"\n" for line in written)
    return re.fullmatch(pattern, "".join(normalized(line) + "\n" for line in printed)) is not None


class Shell:
    """A bash that runs one command after the other and tells what each printed, errors included."""

    END = "the-command-has-ended"

    def __init__(self, home, variables=None):
        programs = ":".join([os.path.dirname(os.path.abspath(CBSFS)), os.path.join(REPOSITORY, "contrib")])
        environment = {"HOME": home, "PATH": programs + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                       "LC_ALL": "C.UTF-8", "TZ": "UTC", "USER": os.environ.get("USER", "user"),
                       **(variables or {})}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        self.home = home
        self.ports = {}
        self.process = subprocess.Popen(["bash", "--norc"], cwd=home, env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def own_port(self, match):
        """A free one in the place of one that a document names: others may read the same document."""
        if match.group() not in self.ports:
            self.ports[match.group()] = str(spare_port())
        return self.ports[match.group()]

    def run(self, command, timeout=60):
        command = re.sub(r"(?<=--port )\d+|(?<=127\.0\.0\.1:)\d{4,}", self.own_port, command)
        command = re.sub(r"(?<![\w.])/mnt/", f"{self.home}/.mnt/", command)
        self.process.stdin.write(f"{command}\necho; echo {self.END}\n".encode())
        self.process.stdin.flush()
        printed, deadline = b"", time.monotonic() + timeout
        while not printed.endswith(f"\n{self.END}\n".encode()):
            left = deadline - time.monotonic()
            ready = select.select([self.process.stdout], [], [], max(left, 0))[0]
            assert ready, f"`{command}` did not end within {timeout} s; so far: {printed!r}"
            piece = os.read(self.process.stdout.fileno(), 65536)
            assert piece, f"the shell ended in `{command}`: {printed!r}"
            printed += piece
        text = printed[:-len(self.END) - 2].decode("utf-8", "replace")
        text = text.replace(f"{self.home}/.mnt/", "/mnt/").replace(self.home, "/home/me")
        # What a person at a terminal would see; a script's shell names the line as well.
        return re.sub(r"^bash: line \d+: ", "bash: ", text, flags=re.MULTILINE).removesuffix("\n").splitlines()

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
