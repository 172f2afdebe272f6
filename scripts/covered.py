"""Prints how much of the code the measured tests ran in their own processes.

``scripts/check`` runs it after the tests. It fails if they took too few branches of `bundler.core` and
`bundler.bundle`, and names the others. `tests/support/measuring.py` says which tests are measured. No command in
another process is: there are thousands of them, and each would write a file.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from coverage import Coverage

ROOT = Path(__file__).parents[1]
BOUND = ("bundler/core/", "bundler/bundle/")
LEAST_PERCENT = 95.0

Files = dict[str, dict[str, Any]]
"""The figures of coverage.py for each file."""


def main() -> int:
    files = measured(ROOT)
    bound = {name: file for name, file in files.items() if name.startswith(BOUND)}
    branches = percent(bound.values(), "covered_branches", "num_branches")
    print(f"{' and '.join(BOUND)}: {branches:.1f} % of the branches,", end=" ")
    print(f"{percent(bound.values(), 'covered_lines', 'num_statements'):.1f} % of the lines")
    lines = percent(files.values(), "covered_lines", "num_statements")
    print(f"all of bundler, without most of tests/real: {lines:.1f} % of the lines")
    if branches >= LEAST_PERCENT:
        return 0
    for name, file in sorted(bound.items()):
        if file["missing_branches"]:
            print(f"{name}: never from line {', '.join('{} to {}'.format(*pair) for pair in file['missing_branches'])}")
    print(f"the tests take fewer branches than {LEAST_PERCENT:.0f} %", file=sys.stderr)
    return 1


def measured(folder: Path) -> Files:
    """Puts the data of all processes together."""
    coverage = Coverage(config_file=str(ROOT / "pyproject.toml"), data_file=str(folder / ".coverage"))
    coverage.combine([str(folder)])
    with tempfile.NamedTemporaryFile() as report:
        coverage.json_report(outfile=report.name)
        files: Files = json.load(report)["files"]
    return files


def percent(files: Iterable[dict[str, Any]], part: str, whole: str) -> float:
    summaries = [file["summary"] for file in files]
    return 100 * sum(each[part] for each in summaries) / sum(each[whole] for each in summaries)


if __name__ == "__main__":
    sys.exit(main())
