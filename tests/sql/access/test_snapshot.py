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


def test_new_kind_of_topic_changes_the_snapshot(owner: Connection) -> None:
    """A policy that keeps its name and lets clients join further topics is reviewed too."""
    policy = "everyone_joins_channels_of_changes"
    [(rule,)] = owner.execute("select qual from pg_policies where policyname = %s", [policy])
    widened = rule.replace("^(auction|", "^(auction|wallet|")

    owner.execute(f"alter policy {policy} on realtime.messages using ({widened})".encode())

    expected = SNAPSHOT.read_text().splitlines()
    [new] = set(text(owner).splitlines()) - {*expected}
    assert new.startswith(f"policy on realtime.messages: {policy} ")
    assert "wallet" in new


def test_grant_on_another_schema_changes_the_snapshot(owner: Connection) -> None:
    """A schema that is neither ours nor Postgres's, such as pg_cron's, is reviewed too (B12)."""
    owner.execute("create schema cron")

    owner.execute("grant usage on schema cron to anon")

    expected = SNAPSHOT.read_text().splitlines()
    assert {"anon uses schema cron"} == set(text(owner).splitlines()) - {*expected}
