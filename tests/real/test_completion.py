"""Real shells that source the script complete commands, flags, choices, codes and files."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.parts import require

CASES = [
    ("imp", ["import"]),
    ("receipt v", ["verify"]),
    ("import --on-con", ["--on-conflict"]),
    ("import --on-conflict s", ["skip", "suffix"]),
    ("export --chunk-s", ["--chunk-size"]),
    ("explain tag-", ["tag-immutable", "tag-taken"]),
    ("completion z", ["zsh"]),
    ("--vers", ["--version"]),
    ("nonsense --x", []),
]


@pytest.fixture
def shell(bundler, tmp_path, monkeypatch):
    """Runs a script in a shell that finds `bundler` on its path; $SCRIPT is the completion script."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "bundler"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m bundler "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))

    def run(name: str, text: str, *flags: str) -> list[str]:
        require(name)
        script = tmp_path / f"completion.{name}"
        made = bundler("completion", name)
        assert (made.code, made.err) == (0, "")
        script.write_text(made.out)
        done = subprocess.run(
            [name, *flags, "-c", text],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "SCRIPT": str(script), "XDG_DATA_HOME": str(tmp_path), "TERM": "dumb"},
            cwd=tmp_path,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return [line.split("\t")[0] for line in done.stdout.splitlines() if line]

    return run


@pytest.mark.parametrize(("typed", "expected"), CASES)
def test_bash(shell, typed, expected):
    words = ["bundler", *typed.split()]
    text = f"""source "$SCRIPT"
    complete -p bundler > /dev/null || exit 1
    COMP_WORDS=({" ".join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}
    _bundler_completion bundler
    printf '%s\\n' "${{COMPREPLY[@]}}" """
    assert sorted(shell("bash", text, "--norc", "--noprofile")) == expected


@pytest.mark.parametrize(("typed", "expected"), CASES)
def test_zsh(shell, typed, expected):
    words = ["bundler", *typed.split()]
    text = f"""autoload -Uz compinit && compinit -u -D
    source "$SCRIPT"
    [[ $_comps[bundler] == _bundler_completion ]] || exit 1
    compadd() {{ print -rl -- $completions }}
    _describe() {{ print -rl -- ${{completions_with_descriptions%%:*}} }}
    words=({" ".join(map(shlex.quote, words))}); CURRENT={len(words)}
    _bundler_completion; true"""
    assert sorted(shell("zsh", text, "-f")) == expected


def test_zsh_finds_no_fault_in_the_script(shell):
    assert shell("zsh", 'zsh -n "$SCRIPT"', "-f") == []


@pytest.mark.parametrize(("typed", "expected"), CASES)
def test_fish(shell, typed, expected):
    text = f'source "$SCRIPT"; complete -C {shlex.quote(f"bundler {typed}")}'
    assert sorted(shell("fish", text, "--no-config")) == expected


@pytest.mark.parametrize("typed", ["import pl", "import x --trust pl", "export --key pl", "receipt show pl"])
def test_names_of_files_are_completed(shell, tmp_path, typed):
    (tmp_path / "platform.pub").touch()
    text = f'source "$SCRIPT"; complete -C {shlex.quote(f"bundler {typed}")}'
    assert shell("fish", text, "--no-config") == ["platform.pub"]


def test_the_protocol_answers_with_help_for_each_word(bundler):
    environment = {"_BUNDLER_COMPLETE": "zsh_complete", "COMP_WORDS": "bundler imp", "COMP_CWORD": "1"}
    done = bundler(environment=environment)
    assert (done.code, done.err) == (0, "")
    kind, word, text = done.out.splitlines()
    assert (kind, word) == ("plain", "import")
    assert text.startswith("Verify a bundle")


def test_an_instruction_that_is_not_known_is_no_bug(bundler):
    done = bundler(environment={"_BUNDLER_COMPLETE": "nonsense_complete"})
    assert (done.code, done.out, done.err) == (1, "", "")


def test_a_shell_that_is_not_known_is_misuse(bundler):
    assert bundler("completion", "tcsh").code == 2


def test_completing_loads_no_library_but_click(bundler):
    code = (
        "import os, sys; os.environ.update(_BUNDLER_COMPLETE='bash_complete', COMP_WORDS='bundler imp', COMP_CWORD='1')\n"
        "from bundler.cli import run\ntry:\n run([])\nexcept SystemExit: pass\nprint(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "plain,import" in done.stdout
    for library in ("yaml", "urllib3", "docker", "cryptography", "tqdm", "py7zr", "requests"):
        assert f"'{library}'" not in done.stdout
