"""A pytest plugin: databases are built from `sql/` with the fault that MUTANT names in it."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import devstack.schema
from tests.proof.mutation import SQL
from tests.proof.mutations import MUTATIONS


DECLARED_FILES = devstack.schema.declared_files


def _mutated_files() -> list[Path]:
    """Return the declared files, one of them replaced by its mutated copy."""
    [mutation] = [m for m in MUTATIONS if m.name == os.environ["MUTANT"]]
    original = SQL / mutation.file
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    atexit.register(shutil.rmtree, folder)
    copy = folder / original.name
    copy.write_text(mutation.applied())
    return [copy if path == original else path for path in DECLARED_FILES()]


if "MUTANT" in os.environ:
    # The tests' fixtures import the name later than pytest imports its plugins.
    devstack.schema.declared_files = _mutated_files
