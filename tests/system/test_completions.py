# SPDX-License-Identifier: Apache-2.0
"""Tab in bash, zsh and fish offers what `cbsfs --help` has, and nothing that cbsfs does not take."""
import os
import re
import subprocess

import pytest

from harness import CBSFS

SHELLS = ["bash", "zsh", "fish"]

# Completes $2 as bash does at the end of the line $1, in an interactive shell's function with the usual word breaks.
BASH = r"""
source "$1"
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:@'
COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9 COMP_KEY=9
read -r -a COMP_WORDS <<<"$2"
[[ $2 == *[[:space:]] ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
_cbsfs
last=${COMP_WORDS[-1]}
kept=${last%"${last##*[=:@]}"}
printf '%s\n' "${COMPREPLY[@]/#/$kept}"
"""

# In a terminal of its own: zsh completes nowhere else.  Every match is printed between two marks.
ZSH = r"""
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; zstyle ':completion:*' list-colors ''"
zpty -w z 'setopt no_list_ambiguous; unsetopt auto_menu'
zpty -w z 'show() { local word; compstate[insert]=; compstate[list]=; print; print -r -- MATCHES-BEGIN; print -rl -- $found; print -r -- MATCHES-END; exit }'
zpty -w z 'compadd() { local -a got; builtin compadd -A got "$@" 2>/dev/null; found+=($got); builtin compadd "$@" }'
zpty -w z 'typeset -ga found; zle -C reveal complete-word reveal; reveal() { found=(); _main_complete; show }; bindkey "^I" reveal'
zpty -w z 'print READY-NOW'
while zpty -r z line; do [[ $line == *READY-NOW* && $line != *print* ]] && break; done
zpty -w -n z "$2"$'\t'
text=
while zpty -r z line; do text+=$line; [[ $line == *MATCHES-END* ]] && break; done
print -r -- "$text"
"""


@pytest.fixture
def complete(installed, home):
    """complete(shell, line): the words that Tab offers there."""
    share = os.path.join(installed, "share")
    program = os.path.abspath(CBSFS)

    def run(shell, line):
        line = re.sub(r"^cbsfs", program, line) if shell != "zsh" else line
        if shell == "bash":
            words = ["bash", "--norc", "-c", BASH, "bash",
                     os.path.join(share, "bash-completion", "completions", "cbsfs"), line]
        elif shell == "zsh":
            words = ["zsh", "-f", "-c", ZSH, "zsh", os.path.join(share, "zsh", "site-functions"), line]
        else:
            line = re.sub(r"^\S+", "cbsfs", line)
            words = ["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]",
                     os.path.join(share, "fish", "vendor_completions.d", "cbsfs.fish"), line]
        done = subprocess.run(words, env=home.environment, capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, cwd=home.directory)
        assert done.returncode == 0, done.stderr
        found = done.stdout.replace("\r", "").splitlines()
        if shell == "zsh":
            begin, end = found.index("MATCHES-BEGIN"), found.index("MATCHES-END")
            found = found[begin + 1:end]
        return [word.split("\t")[0] for word in found if word]

    return run


@pytest.fixture(scope="module")
def options():
    """{name: whether it takes a value} as --help has them."""
    text = subprocess.run([CBSFS, "--help"], capture_output=True, text=True, check=True).stdout
    found = {name: bool(value) for name, value in re.findall(r"^    -o (\w+)(=?)", text, re.MULTILINE)}
    assert len(found) >= 17
    return found


def names(words):
    """What is offered without what zsh and fish add for people."""
    return {re.sub(r"[=,]$", "", word.rpartition(",")[2] if "," in word.rstrip(",") else word) for word in words}


@pytest.mark.parametrize("shell", SHELLS)
def test_options(complete, options, shell):
    offered = names(complete(shell, "cbsfs ap-guangzhou /mnt -o "))
    assert set(options) <= offered
    assert offered - set(options) == {"allow_other", "allow_root", "default_permissions", "noexec", "nodev", "nosuid",
                                      "fsname"}


@pytest.mark.parametrize("shell", SHELLS)
def test_one_more_option(complete, shell):
    assert "lazy" in names(complete(shell, "cbsfs ap-guangzhou /mnt -o ro,la"))


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("option", ["provider", "rollback"])
def test_values_are_those_that_are_taken(complete, home, shell, option):
    words = complete(shell, f"cbsfs ap-guangzhou /mnt -o {option}=")
    values = {word.rpartition("=")[2] for word in words}
    refusal = home.run(CBSFS, "ap-guangzhou", home.point, "-o", f"{option}=nonsense").stderr
    taken = set(re.findall(r"\w+", re.sub(r"must be|this version has only|\bor\b", "", refusal.partition("nonsense:")[2])))
    assert values == taken, refusal


@pytest.mark.parametrize("shell", SHELLS)
def test_sources(complete, shell):
    words = complete(shell, "cbsfs ap-g")
    assert "ap-guangzhou" in words
    profiles = {word.rstrip("@").partition("@")[0] for word in complete(shell, "cbsfs wor")}
    assert "work" in profiles
    assert any(word.rpartition("@")[2] == "ap-shanghai" for word in complete(shell, "cbsfs work@ap-sha"))


@pytest.mark.parametrize("shell", SHELLS)
def test_names_are_no_commands(complete, home, shell):
    """compgen -W expands what it is given."""
    home.write(".tencentcloud/credentials", "[$(touch ran)]\nsecret_id = x\n[`touch ran`]\nsecret_id = x\n[work]\nsecret_id = x\n", 0o600)
    home.write(".tccli/$(touch ran).credential", "{}", 0o600)
    for line in ("cbsfs wor", "cbsfs ap-guangzhou /mnt -o profile=wor"):
        assert any("work" in word for word in complete(shell, line))
    assert not os.path.exists(os.path.join(home.directory, "ran"))


@pytest.mark.parametrize("shell", SHELLS)
def test_mount_points(complete, shell):
    for line in ("cbsfs ap-guangzhou mn", "cbsfs --demo mn", "cbsfs --clean mn", "cbsfs mn",
                 "cbsfs --check ap-guangzhou mn"):
        assert {word.rstrip("/") for word in complete(shell, line)} == {"mnt"}, line


@pytest.mark.parametrize("shell", SHELLS)
def test_switches(complete, shell):
    usage = subprocess.run([CBSFS, "--help"], capture_output=True, text=True, check=True).stdout
    switches = set(re.findall(r"--[a-z]+", usage.partition("options of cbsfs")[0]))
    assert switches == {"--demo", "--check", "--clean", "--help", "--version"}
    offered = set(complete(shell, "cbsfs --"))
    assert switches == {word for word in offered if word.startswith("--")}


def test_the_regions_are_the_same_everywhere(installed):
    lists = []
    for path in ("bash-completion/completions/cbsfs", "zsh/site-functions/_cbsfs", "fish/vendor_completions.d/cbsfs.fish"):
        with open(os.path.join(installed, "share", path), encoding="utf-8") as file:
            lists.append(re.findall(r"\b[a-z]{2}-[a-z]+(?:-fsi)?\b(?=[ \n\")])", file.read().partition("sa-saopaulo")[0]))
    assert lists[0] == lists[1] == lists[2] and len(lists[0]) == 17
