"""`supabase/seed.sql`: the data of a new local database."""

from psycopg import Connection

from devstack.supervisor.database import SEED


def test_one_seed_auction_ends_within_minutes(owner: Connection) -> None:
    """One seed auction ends within minutes, and the others run for days."""
    owner.execute(SEED.read_text().encode())

    lasts = owner.execute("""
      select status::text, (end_at - start_at) < interval '6 minutes' from public.auctions
      order by end_at
    """).fetchall()
    assert [("live", True), ("live", False), ("live", False)] == lasts


def test_seed_has_people_who_trade(owner: Connection) -> None:
    """Sellers, bidders, a moderator and an admin are verified."""
    owner.execute(SEED.read_text().encode())

    people = owner.execute("select role::text, kyc::text from public.users order by users.role")
    assert [
        ("buyer", "passed"), ("buyer", "passed"), ("seller", "passed"), ("seller", "passed"),
        ("moderator", "passed"), ("admin", "passed"),
    ] == people.fetchall()  # fmt: skip
