"""Hold the migrations that have landed: none is edited, removed or preceded by a new one.

`supabase/migrations.sha256` has a line for each migration, in their order and in the form of
`sha256sum --check`. `make landed` adds the lines of new migrations at the end.

    python .ci/landed.py                 compare the migrations with the record
    python .ci/landed.py --add           the same, after adding the lines of new migrations
    python .ci/landed.py --since COMMIT  the same, and the record of COMMIT begins that of today
"""

import argparse
import hashlib
import re
import subprocess
import sys
from pathlib import Path


ROOT = Path(__file__).parents[1]
RECORD = "supabase/migrations.sha256"
LINE = re.compile(r"([0-9a-f]{64})  (migrations/\d{14}_\w+\.sql)")


def main() -> None:
    """Print each fault; exit with 1 if there is one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--add", action="store_true", help="record the new migrations")
    parser.add_argument("--since", metavar="COMMIT", help="a commit whose migrations have landed")
    given = parser.parse_args()
    if given.add:
        add()
    found = faults()
    if given.since and not (ROOT / RECORD).read_text().startswith(record_of(given.since)):
        found.append(
            f"{RECORD} has lost or changed a line of {given.since}, or has a line before one"
        )
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)


def faults() -> list[str]:
    """Return a sentence for each difference between the migrations and their record."""
    lines = (ROOT / RECORD).read_text().splitlines()
    found = [
        f"{RECORD}: {line!r} is no line of sha256sum" for line in lines if not LINE.fullmatch(line)
    ]
    recorded = {name: digest for digest, name in LINE.findall("\n".join(lines))}
    if list(recorded) != sorted(recorded) or len(recorded) != len(lines):
        found.append(f"{RECORD} is not in the order of the versions, or has a version twice")
    present = migrations()
    last = max(recorded, default="")
    for name in sorted({*recorded, *present}):
        if name not in present:
            found.append(f"supabase/{name} was removed after it had landed")
        elif name not in recorded and name < last:
            found.append(
                f"supabase/{name} is older than the last one that landed: give it a newer version"
            )
        elif name not in recorded:
            found.append(f"supabase/{name} has no line in {RECORD}: `make landed` adds it")
        elif present[name] != recorded[name]:
            found.append(f"supabase/{name} was edited after it had landed: write a new migration")
    return found


def add() -> None:
    """Add a line at the end of the record for each migration that is newer than the last one."""
    record = ROOT / RECORD
    names = LINE.findall(record.read_text())
    last = max((name for _, name in names), default="")
    with record.open("a") as file:
        file.writelines(
            f"{digest}  {name}\n" for name, digest in migrations().items() if name > last
        )


def migrations() -> dict[str, str]:
    """Return the hash of each migration by its name, oldest first."""
    folder = ROOT / "supabase"
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("migrations/*.sql"))
    }


def record_of(commit: str) -> str:
    """Return the record in a commit; one that is older than the record has none.

    GitHub names zeros as the commit before the first one.
    """
    if set(commit) == {"0"}:
        return ""
    git = ["git", "-C", str(ROOT)]
    listed = [*git, "ls-tree", "-r", "--name-only", commit, "--", RECORD]
    if not subprocess.check_output(listed, text=True):
        return ""
    return subprocess.check_output([*git, "show", f"{commit}:{RECORD}"], text=True)


if __name__ == "__main__":
    main()
