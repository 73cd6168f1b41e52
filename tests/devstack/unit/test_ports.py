"""Claims on ports: one stack at a time, and no trace in the temporary folder."""

import tempfile
from pathlib import Path

import pytest

from devstack.supervisor.ports import STEP, claimed_base, free_base


def test_claim_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that ends leaves nothing behind, so its claim on ports is no file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with claimed_base(free_base(1), 1, is_fixed=False):
        assert [] == list(tmp_path.iterdir())


def test_claimed_base_is_passed_over_until_its_claim_ends() -> None:
    """Two stacks that start at once find no port in use yet, and still choose different ones."""
    first = free_base(4 * STEP)

    with claimed_base(first, 1, is_fixed=False) as base:
        assert first == base
        with claimed_base(first, 1, is_fixed=False) as other:
            assert first + STEP == other
    with claimed_base(first, 1, is_fixed=False) as base:
        assert first == base
