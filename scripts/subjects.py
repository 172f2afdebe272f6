"""Checks the subjects of commits: at most 72 characters, a capital letter first, no full stop at the end.

It looks at the commits after SINCE, or at all of a shallow clone that does not have SINCE. Without git or outside of a
repository there is nothing to check.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SINCE = "a8cb1441a8688106a760e231260092136d175c9b"
"""The last commit whose subject is older than this rule."""
LONGEST = 72


def faults(subject: str) -> list[str]:
    """The rules that a subject breaks."""
    rules = {
        f"is longer than {LONGEST} characters": len(subject) > LONGEST,
        "does not begin with a capital letter": not subject[:1].isupper(),
        "ends with a full stop": subject.endswith("."),
    }
    return [rule for rule, is_broken in rules.items() if is_broken]


def subjects() -> list[str]:
    """The subjects to check, each after the short name of its commit; the newest first."""
    if shutil.which("git") is None or _git("rev-parse", "--verify", "HEAD") is None:
        return []
    since = _git("log", "--no-merges", "--format=%h %s", f"{SINCE}..HEAD")
    found = _git("log", "--no-merges", "--format=%h %s") if since is None else since
    return (found or "").splitlines()


def _git(*arguments: str) -> str | None:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def main() -> int:
    """Prints the faults; the exit code is 1 if there are any."""
    found = [
        f"{commit}: the subject {fault}: {subject}"
        for commit, _, subject in (line.partition(" ") for line in subjects())
        for fault in faults(subject)
    ]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
