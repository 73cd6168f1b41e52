"""Claims on ports: one stack at a time, without files."""

import tempfile
from pathlib import Path

import pytest

from devstack.supervisor.ports import STEP, claimed_base, free_base


def test_claim_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim on ports is no file, so a stack leaves nothing in the temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with claimed_base(free_base(1), 1, is_fixed=False):
        assert [] == list(tmp_path.iterdir())


def test_claimed_base_is_passed_over_until_its_claim_ends() -> None:
    """Two stacks that start at once choose different ports, although none is in use yet."""
    first = free_base(4 * STEP)

    with claimed_base(first, 1, is_fixed=False) as base:
        assert first == base
        with claimed_base(first, 1, is_fixed=False) as other:
            assert first + STEP == other
    with claimed_base(first, 1, is_fixed=False) as base:
        assert first == base
