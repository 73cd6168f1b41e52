"""The committed snapshot of everything that the API reaches."""

from psycopg import Connection

from tests.sql.access.snapshot import SNAPSHOT, text


def test_api_reaches_what_the_snapshot_names(owner: Connection) -> None:
    """A new table, column, function, policy, bucket or channel is reviewed (B3, B8, B12).

    `make snapshot` writes the file.
    """
    expected = SNAPSHOT.read_text().splitlines()

    found = text(owner).splitlines()

    assert expected == found
