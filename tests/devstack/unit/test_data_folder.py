"""Ephemeral data folders: devstack makes, removes and sweeps them."""

import tempfile
from pathlib import Path

import pytest

from devstack.supervisor.data_folder import ephemeral_data


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the parent folder of ephemeral data."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_folder_that_its_stack_removes_meanwhile_is_passed_over(temporary: Path) -> None:
    """A stack may remove its folder while another one looks for abandoned folders."""
    # A dangling link has a name and no contents, as a folder that was removed during the search.
    (temporary / "devstack-ended").symlink_to(temporary / "gone")

    with ephemeral_data() as folder:
        assert folder.parent == temporary


def test_abandoned_folder_is_removed(temporary: Path) -> None:
    """Devstack removes a killed stack's folder, but none without a state, which may still start."""
    abandoned, starting = temporary / "devstack-abandoned", temporary / "devstack-starting"
    for folder in (abandoned, starting):
        folder.mkdir()
    (abandoned / "running.json").write_text("{}")

    with ephemeral_data() as own:
        assert {own, starting} == set(temporary.iterdir())

    assert {starting} == set(temporary.iterdir())
