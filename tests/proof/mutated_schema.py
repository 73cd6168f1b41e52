"""A pytest plugin: the fault that MUTANT names is in the SQL of databases or in a Python module.

Processes that a test starts import the module as it is.
"""

import atexit
import importlib.abc
import importlib.machinery
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

import devstack.postgres.schema
from tests.proof.mutation import Mutation
from tests.proof.mutations import MUTATIONS


DECLARED_FILES = devstack.postgres.schema.declared_files


class MutatedModule(importlib.abc.MetaPathFinder):
    """Finds one module by its mutated text."""

    def __init__(self, mutation: Mutation) -> None:
        self.mutation = mutation
        self.name = mutation.file.removesuffix(".py").replace("/", ".")

    def find_spec(
        self,
        fullname: str,
        _path: Sequence[str] | None,
        _target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the mutated module's spec, and none for others."""
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(
            fullname, self.mutation.path, loader=_MutatedLoader(self.mutation, fullname)
        )


class _MutatedLoader(importlib.machinery.SourceFileLoader):
    """Compiles the mutated text, never what is cached."""

    def __init__(self, mutation: Mutation, fullname: str) -> None:
        super().__init__(fullname, str(mutation.path))
        self.mutation = mutation

    def get_code(self, _fullname: str) -> CodeType:
        return compile(self.mutation.applied(), str(self.mutation.path), "exec")


def _mutated_files(mutation: Mutation) -> list[Path]:
    """Return the declared files, one of them replaced by its mutated copy."""
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    atexit.register(shutil.rmtree, folder)
    copy = folder / mutation.path.name
    copy.write_text(mutation.applied())
    return [copy if path == mutation.path else path for path in DECLARED_FILES()]


def _plant(mutation: Mutation) -> None:
    if mutation.is_python:
        sys.meta_path.insert(0, MutatedModule(mutation))
    else:
        # The tests' fixtures import the name later than pytest imports its plugins.
        devstack.postgres.schema.declared_files = lambda: _mutated_files(mutation)


if "MUTANT" in os.environ:
    _plant(next(m for m in MUTATIONS if m.name == os.environ["MUTANT"]))
