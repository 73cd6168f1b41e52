"""Print how much of each package of the product the unit tests run; exit with 1 below the target.

`make coverage` measures. Lines and branches each have the target, in each package by itself.
"""

import json
import sys
from collections import Counter
from pathlib import Path


#: Per cent of a package's lines, and of its branches.
TARGET = 95
PACKAGES = ("market", "service", "workers")
COUNTS = ("covered_lines", "num_statements", "covered_branches", "num_branches")


def main(report: str) -> int:
    """Judge a report of `coverage json`."""
    files = json.loads(Path(report).read_text())["files"]
    shares = {
        f"{kind} of {package}": share
        for package in PACKAGES
        for kind, share in _shares(files, package).items()
    }
    for name, share in shares.items():
        print(f"{share:5.1f} % of the {name}")
    missed = [name for name, share in shares.items() if share < TARGET]
    for name in missed:
        print(f"Tests run less than {TARGET} % of the {name}.", file=sys.stderr)
    return 1 if missed else 0


def _shares(files: dict[str, dict[str, dict[str, int]]], package: str) -> dict[str, float]:
    sums = Counter(dict.fromkeys(COUNTS, 0))
    for path, file in files.items():
        if path.startswith(f"{package}/"):
            sums.update({count: file["summary"][count] for count in COUNTS})
    return {
        "lines": 100 * sums["covered_lines"] / sums["num_statements"],
        "branches": 100 * sums["covered_branches"] / sums["num_branches"],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
