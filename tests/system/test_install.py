# SPDX-License-Identifier: Apache-2.0
"""What `meson install` puts down, and that the pages among it say what the programs do."""
import os
import re
import stat
import subprocess

import pytest

from harness import CBSFS, CBSFS_SIM, REPOSITORY

# Below the prefix, beside the pages of docs/.
FILES = {
    "bin/cbsfs", "bin/cbsfs-sim", "sbin/mount.fuse.cbsfs",
    "lib/systemd/system/cbsfs@.service", "lib/systemd/user/cbsfs@.service",
    "share/bash-completion/completions/cbsfs", "share/zsh/site-functions/_cbsfs",
    "share/fish/vendor_completions.d/cbsfs.fish",
    "share/man/man1/cbsfs.1", "share/man/man1/cbsfs-sim.1", "share/man/man5/cbsfs.conf.5",
    "share/man/man8/mount.fuse.cbsfs.8",
    "share/doc/cbsfs/README.md", "share/doc/cbsfs/CHANGELOG.md",
} | {f"share/doc/cbsfs/examples/{name}" for name in (
    "cbsfs.conf", "fstab", "retention", "freeze-snapshot-thaw", "prune-updatedb", "systemd/mnt-cbs.mount",
    "systemd/mnt-cbs.automount", "cam/README.md", "cam/read-only.json", "cam/read-write.json", "cam/create-disk.json",
    "openstack/roles.md", "openstack/cinder-policy.yaml")}


def read(*parts):
    with open(os.path.join(REPOSITORY, *parts), encoding="utf-8") as file:
        return file.read()


@pytest.fixture(scope="module")
def options():
    text = subprocess.run([CBSFS, "--help"], capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"^    -o (\w+)(=?)", text, re.MULTILINE))


def test_exactly_these_files(installed):
    found = {os.path.relpath(os.path.join(directory, name), installed)
             for directory, _, names in os.walk(installed) for name in names}
    pages = {name for name in os.listdir(os.path.join(REPOSITORY, "docs")) if name.endswith((".md", ".png"))}
    assert found == FILES | {f"share/doc/cbsfs/docs/{name}" for name in pages}


def test_modes(installed):
    for name in FILES:
        mode = os.stat(os.path.join(installed, name)).st_mode
        programs = name.startswith(("bin/", "sbin/")) or os.path.basename(name) in ("retention", "freeze-snapshot-thaw",
                                                                                     "prune-updatedb")
        assert stat.S_IMODE(mode) == (0o755 if programs else 0o644), name
    assert os.readlink(os.path.join(installed, "sbin/mount.fuse.cbsfs")) == "../bin/cbsfs"


def test_what_is_installed_runs(installed, home):
    program = os.path.join(installed, "bin", "cbsfs")
    assert home.run(program, "--version").stdout.startswith("cbsfs ")
    # The simulator beside it is the one that it starts.
    assert home.run(program, "--demo", home.point).returncode == 0
    assert "disks" in os.listdir(home.point)
    assert home.run("fusermount3", "-u", home.point).returncode == 0


# --- the configuration file --------------------------------------------------------------------------


def test_the_example_is_taken_line_by_line(home):
    """Each line without its # is right, and all keys are there."""
    lines = [line[1:] for line in read("contrib", "cbsfs.conf").splitlines() if re.match(r"#\w+( = .*)?$", line)]
    assert len(lines) >= 16
    config = home.write("tried.conf", "\n".join(lines) + "\n")
    child = home.run(CBSFS, home.point + "/missing", "-o", f"config={config}")
    assert child.returncode == 1 and "does not exist; make it first" in child.stderr, "it was not the configuration"
    config = home.write("tried.conf", "\n".join([*lines, "nonsense = 1"]) + "\n")
    assert "nonsense: unknown option" in home.run(CBSFS, home.point + "/missing", "-o", f"config={config}").stderr


def test_as_it_is_installed_it_changes_nothing(home):
    config = home.write("example.conf", read("contrib", "cbsfs.conf"))
    told = []
    for words in ([], ["-o", f"config={config}"]):
        endpoint = ["-o", f"endpoint={home.sim.endpoint},ttl=1"]
        assert home.run(CBSFS, "ap-guangzhou", home.point, *endpoint, *words).returncode == 0
        told.append(home.run("cat", home.point + "/.cbsfs/config").stdout)
        assert home.run("fusermount3", "-u", home.point).returncode == 0
        home.write(".config/cbsfs/config", "")
    assert told[0] == told[1]


@pytest.mark.parametrize("page", ["contrib/cbsfs.conf", "docs/cbsfs.conf.5"])
def test_the_pages_have_the_options_that_help_has(options, page):
    text = read(page)
    if page.endswith(".5"):
        section = text.partition("The keys are the options")[2].partition(".Sh FILES")[0]
        found = re.findall(r"^\.It Cm (\w+)( Ns =)?", section, re.MULTILINE)
    else:
        found = re.findall(r"^#(\w+)( =)?", text, re.MULTILINE)
    wanted = {name: bool(value) for name, value in options.items() if name != "config"}
    assert {name: bool(value) for name, value in found} == wanted


def help_of(program):
    return subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout


def test_the_manual_and_the_readme_have_the_options_that_help_has(options):
    """Both ways, and whether there is a value."""
    section = read("docs", "cbsfs.1").partition("The options after")[2].partition(".Sh THE TREE")[0].partition(".El")[0]
    manual = {name: bool(value) for line in re.findall(r"^\.It Cm (.*)$", section, re.MULTILINE)
              for name, value in re.findall(r"(?:^|, Cm )(\w+)( Ns =)?", line)}
    table = read("README.md").partition("### Options")[2].partition("\n## ")[0]
    readme = dict(re.findall(r"^\| `(\w+)(=?)", table, re.MULTILINE))
    wanted = {name: bool(value) for name, value in options.items()}
    assert manual == wanted
    assert {name: bool(value) for name, value in readme.items()} == wanted


@pytest.mark.parametrize("program, page, end", [(CBSFS, "cbsfs.1", "The options after"), (CBSFS_SIM, "cbsfs-sim.1", "\n.El")])
def test_the_manual_has_the_switches_that_help_has(program, page, end):
    told = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", help_of(program).partition("Credentials:")[0]))
    manual = {"-" + word.replace("\\", "") for line in
              re.findall(r"^\.It Fl (.*)$", read("docs", page).partition(end)[0], re.MULTILINE)
              for word in re.findall(r"(?:^|Fl |^\w , )(\\?-?[A-Za-z][\w\\-]*)", line.replace(" , \\", " Fl \\"))}
    # libfuse's, taken and without effect; and how options are given.
    assert manual - {"-s"} == told - {"-o"}


def test_the_limits_and_defaults_of_the_page_are_the_programs(home):
    """Each range that cbsfs.conf(5) tells is that of the refusal; each default that of .cbsfs/config."""
    page = read("docs", "cbsfs.conf.5")
    told = re.findall(r"\.It Cm (\w+) Ns = Ns Ar \w+\n[^.]*?(\d+) to (\d+); (\d+|the provider's) if not said", page)
    assert {name for name, *_ in told} == {"ttl", "timeout", "rate"}
    home.write(".config/cbsfs/config", f"endpoint = {home.sim.endpoint}\n")
    assert home.run(CBSFS, "ap-guangzhou", home.point).returncode == 0
    config = dict(line.split(" ", 1) for line in home.run("cat", home.point + "/.cbsfs/config").stdout.splitlines()
                  if " " in line)
    assert home.run("fusermount3", "-u", home.point).returncode == 0
    for name, least, most, default in told:
        refusal = home.run(CBSFS, "ap-guangzhou", home.point, "-o", f"{name}=0").stderr
        assert f"{least} to {most}" in refusal
        assert default == "the provider's" or config[name] == default


# --- manual pages ------------------------------------------------------------------------------------

PAGES = sorted(name for name in os.listdir(os.path.join(REPOSITORY, "docs")) if re.search(r"\.[158]$", name))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_sections_of_its_kind(page):
    sections = re.findall(r"^\.Sh (.*)$", read("docs", page), re.MULTILINE)
    wanted = ["NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"]
    if page == "cbsfs.1":
        wanted += ["ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES", "DIAGNOSTICS"]
    assert [name for name in wanted if name not in sections] == []


def test_references_between_pages_lead_somewhere():
    own = {tuple(page.rsplit(".", 1)) for page in PAGES}
    assert len(own) == 4
    for page in PAGES:
        for name, section in re.findall(r"^\.Xr (\S+) (\d)", read("docs", page), re.MULTILINE):
            if "cbsfs" in name:
                assert (name, section) in own, (page, name)


def test_the_variables_of_the_page_are_those_that_are_read():
    """ENVIRONMENT and CREDENTIALS name what the sources ask for, and nothing else."""
    asked = set()
    for directory, _, names in os.walk(os.path.join(REPOSITORY, "src")):
        for name in names:
            if name.endswith(".c") and not directory.endswith("sim"):
                text = read(os.path.relpath(os.path.join(directory, name), REPOSITORY))
                asked |= set(re.findall(r'(?:getenv|variable)\("([A-Z_]+)"\)', text))
    manual = set(re.findall(r"\b[A-Z][A-Z_]+\b", "\n".join(
        line for line in read("docs", "cbsfs.1").splitlines() if ".Ev" in line or "Ev " in line)))
    internal = {"CBSFS_METADATA_ENDPOINT", "CBSFS_TOKEN", "HOME", "PATH", "SSLKEYLOGFILE"}
    assert asked - manual - internal == set()
