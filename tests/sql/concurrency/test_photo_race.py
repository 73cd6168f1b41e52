"""Photos are added while staff remove their listing, on other connections."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import listed
from tests.sql.concurrency.crowd import OnOwnConnection, Waits, under_way
from tests.sql.filing import photographed
from tests.sql.moderation.staff_actions import REASON


@pytest.fixture
def listing_id(seller: Actor) -> UUID:
    return UUID(listed(seller)["listing"]["id"])


def remove(staff: Actor, listing_id: UUID) -> Any:
    return staff.call("staff_remove_listing", listing_id=listing_id, reason=REASON)


def decide(staff: Actor, report_id: str) -> Any:
    return staff.call("staff_decide_report", report_id=report_id, uphold=True, reason=REASON)


def photo_count(owner: Connection) -> int:
    [(count,)] = owner.execute("select count(*) from public.listing_photos").fetchall()
    return int(count)


def test_removal_waits_for_a_photo_under_way(
    owner: Connection, listing_id: UUID, *, seller: Actor, moderator: Actor,
    on_own_connection: OnOwnConnection, watcher: Waits,
) -> None:  # fmt: skip
    """A removal deletes a photo that is under way."""
    owner.commit()
    staff = on_own_connection(moderator)
    owner.execute("set local statement_timeout = '30s'")
    assert photographed(seller, listing_id)["success"]

    with under_way(partial(watcher, staff), partial(remove, staff, listing_id)) as answer:
        owner.commit()

    assert {"success": True} == answer.result()
    assert 0 == photo_count(owner)


def test_photo_waits_for_a_removal_under_way(
    owner: Connection, listing_id: UUID, *, seller: Actor, moderator: Actor,
    on_own_connection: OnOwnConnection, watcher: Waits,
) -> None:  # fmt: skip
    """A photo that waited for a removal is refused."""
    owner.commit()
    uploader = on_own_connection(seller)
    owner.execute("set local statement_timeout = '30s'")
    assert remove(moderator, listing_id)["success"]

    with under_way(partial(watcher, uploader), partial(photographed, uploader, listing_id)) as late:
        owner.commit()

    assert "CONFLICT" == late.result()["code"]
    assert 0 == photo_count(owner)


@pytest.mark.parametrize("does_decide", [False, True])
def test_last_decision_removes_the_photos(
    owner: Connection, listing_id: UUID, *, seller: Actor, moderator: Actor, alice: Actor,
    bob: Actor, on_own_connection: OnOwnConnection, watcher: Waits, does_decide: bool,
) -> None:  # fmt: skip
    """Of two decisions, or a decision and a removal, the later one sees that no report is open."""
    photographed(seller, listing_id)
    reports = [
        user.call("report_content", listing_id=listing_id, reason="A stolen bicycle")["report_id"]
        for user in ([alice, bob] if does_decide else [alice])
    ]
    if does_decide:
        assert remove(moderator, listing_id)["success"]
    owner.commit()
    staff = on_own_connection(moderator)
    owner.execute("set local statement_timeout = '30s'")
    last = (
        partial(decide, staff, reports[-1]) if does_decide else partial(remove, staff, listing_id)
    )
    assert decide(moderator, reports[0])["success"]

    with under_way(partial(watcher, staff), last) as answer:
        owner.commit()

    assert {"success": True} == answer.result()
    assert 0 == photo_count(owner)
