"""Ephemeral data folders: made, removed, and cleared of those that killed stacks left behind."""

import tempfile
from pathlib import Path

import pytest

from devstack.supervisor.data_folder import ephemeral_data


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which ephemeral data go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_folder_that_its_stack_removes_meanwhile_is_passed_over(temporary: Path) -> None:
    """A stack that ends removes its folder while the next one looks for abandoned folders."""
    # A link to nothing has a name, as such a folder had when the search read the names.
    (temporary / "devstack-ended").symlink_to(temporary / "gone")

    with ephemeral_data() as folder:
        assert folder.parent == temporary


def test_abandoned_folder_is_removed(temporary: Path) -> None:
    """A killed stack leaves its folder; one that has not written its state yet may still run."""
    abandoned, starting = temporary / "devstack-abandoned", temporary / "devstack-starting"
    for folder in (abandoned, starting):
        folder.mkdir()
    (abandoned / "running.json").write_text("{}")

    with ephemeral_data() as own:
        assert {own, starting} == set(temporary.iterdir())

    assert {starting} == set(temporary.iterdir())
