"""`time_or_null`: a time from outside carries its offset."""

import pytest
from psycopg import Connection


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-02T09:00:00Z",
        "2026-12-02T20:00+11:00",
        "2026-12-02T20:00:00.000+1100",
        "2026-12-02 09:00:00+00",
        "2026-12-02t09:00:00.123456z",
    ],
)
def test_time_with_an_offset_is_read(owner: Connection, text: str) -> None:
    """A time with an offset means the same in every session."""
    query = "select private.time_or_null(%s) - '2026-12-02T09:00Z' < '1 second'"
    for setting in ("timezone = 'Australia/Sydney'", "datestyle = 'SQL, DMY'"):
        owner.execute(f"set local {setting}")

        assert [(True,)] == owner.execute(query, [text]).fetchall()


@pytest.mark.parametrize(
    "text",
    [
        None, "", "2026-12-02T20:00", "2026-12-02", "tomorrow", "now", "infinity", "-infinity",
        "epoch", "2026-12-02T20:00 Australia/Sydney", "2026-12-02T20:00:00 AEST",
        "0001-01-01T00:00Z", "1999-12-31T00:00Z", "9999-01-01T00:00Z", "12026-01-01T00:00Z",
        "2026-02-30T00:00Z",
        "2026-13-01T00:00Z", "2026-12-02T24:00Z", "2026-12-02T23:60Z", "2026-12-02T23:59:60Z",
        "2026-12-02T20:00+15:00", "02/12/2026 20:00Z", "20261202T200000Z", "1796205600",
        "2026-12-02T20:00Z\n", "\u0662\u0660\u0662\u0666-12-02T20:00Z", "2026-12-02T20:00Z BC",
    ],
)  # fmt: skip
def test_other_text_is_no_time(owner: Connection, text: str | None) -> None:
    """A naive, relative, infinite, impossible or far time becomes null."""
    assert [(None,)] == owner.execute("select private.time_or_null(%s)", [text]).fetchall()
