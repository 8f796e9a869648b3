# SPDX-License-Identifier: Apache-2.0
"""What the documents say is what the programs do."""
import errno
import glob
import os
import re
import subprocess

import pytest

from console import CBSFS, REPOSITORY, Shell, documents, in_sentences, matches, not_run, steps
from surroundings import surroundings, unmount

PAGES = ["README.md", "CHANGELOG.md", *sorted(os.path.relpath(page, REPOSITORY)
                                              for page in glob.glob(os.path.join(REPOSITORY, "docs", "*.md")))]
MANUAL = "docs/cbsfs.1"


def read(page):
    with open(os.path.join(REPOSITORY, page), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("page", [page for page in documents() if steps(page)])
def test_commands_print_what_is_written(page, tmp_path):
    with surroundings(str(tmp_path)) as place:
        wrong = []
        for step in steps(page):
            if step.kind == "file":
                place.write(step.words)
                continue
            command = "\n".join(step.words)
            printed = place.shell.run(command)
            if not matches(step.output, printed):
                wrong.append("\n".join([f"{page}:{step.line}: $ {command}", "written:", *step.output,
                                        "printed:", *printed]))
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("page", documents())
def test_no_command_stands_where_it_is_not_run(page):
    assert not_run(page) == []


def test_commands_in_sentences_are_run_somewhere():
    """Where a word in capitals stands for anything, and what is in brackets may be left out."""
    run = [" ".join(step.words) for page in documents() for step in steps(page) if step.kind == "command"]
    missing = []
    for page in documents():
        for line, code in in_sentences(page) if page.endswith(".md") else []:
            code = re.sub(r" \[.*", "", code)
            pattern = re.sub(r"\b[A-Z]{2,}\b|\\\.\\\.\\\.", r"\\S+", re.escape(code))
            if not any(re.search(pattern, command) for command in run):
                missing.append(f"{page}:{line}: {code}")
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = read(page)
    targets = [target for target in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in target]
    named = re.findall(r"`((?:tests|src|docs|contrib|include)/[\w./-]*\w)`", text)
    directory = os.path.dirname(os.path.join(REPOSITORY, page))
    missing = [target for target in targets if not os.path.exists(os.path.join(directory, target))]
    missing += [name for name in named if not os.path.exists(os.path.join(REPOSITORY, name))]
    assert not missing


def test_every_option_is_described():
    listing = subprocess.run([CBSFS, "--help"], capture_output=True, text=True, check=True).stdout
    options = re.findall(r"^    -o (\w+)", listing, re.MULTILINE)
    assert len(options) > 10
    table = re.findall(r"^\| `(\w+)", read("README.md"), re.MULTILINE)
    manual = re.findall(r"^\.It Cm (\w+)", read(MANUAL), re.MULTILINE) + \
        re.findall(r" , Cm (\w+)", read(MANUAL))
    assert [option for option in options if option not in table or option not in manual] == []


def test_every_file_of_the_tree_is_described(tmp_path):
    shell = Shell(str(tmp_path))
    try:
        assert shell.run("mkdir m && cbsfs --demo m") == []
        names = shell.run("ls m m/.cbsfs m/disks/pg-data m/disks/pg-data/snapshots/nightly | grep -v :")
    finally:
        shell.end()
        unmount(str(tmp_path))
    names = [name for name in names if name and not name.startswith("total")]
    assert len(names) > 40
    manual, semantics = read(MANUAL).replace("\\-", "-"), read("docs/semantics.md")
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", semantics)] == []
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", manual)] == []


def test_the_manual_names_every_errno_that_the_pages_name():
    def named(page):
        return {word for word in re.findall(r"\bE[A-Z0-9]+\b", read(page)) if word in errno.errorcode.values()}

    never_given = {"EIO", "ESTALE", "EXDEV", "ENOTEMPTY"}
    assert named("docs/semantics.md") - never_given == named(MANUAL) - never_given
    assert named("README.md") <= named(MANUAL)
