# SPDX-License-Identifier: Apache-2.0
"""The `console` blocks of a document: commands after `$ `, and what they print.

All blocks of one document run in one shell, in their order, so that a later one goes on where an earlier
one ended.  `~` is an empty directory and `cbsfs` the build's.  A line `...` stands for any lines.  What
differs from run to run (ids, times, ports) may differ; everything else must be as it is written.
"""
import os
import re
import select
import subprocess
import time
from collections import namedtuple

Step = namedtuple("Step", "line command output")

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


def steps(path):
    """The document's commands, each with what it is said to print."""
    found, inside = [], False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.startswith("```"):
                inside = not inside and line == "```console"
            elif inside and line.startswith("$ "):
                found.append(Step(number, line[2:], []))
            elif inside:
                found[-1].output.append(line)
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

    def __init__(self, home, programs):
        environment = {"HOME": home, "PATH": programs + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                       "LC_ALL": "C.UTF-8", "TZ": "UTC", "USER": os.environ.get("USER", "user")}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        self.home = home
        self.process = subprocess.Popen(["bash", "--norc"], cwd=home, env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, command, timeout=60):
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
        text = printed[:-len(self.END) - 2].decode("utf-8", "replace").replace(self.home, "/home/me")
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
