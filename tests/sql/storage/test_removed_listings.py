"""Photos of a listing that staff remove: rows go, and objects become orphans."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import ended, listed, move_time
from tests.sql.filing import disputed, photographed, put_object, record
from tests.sql.moderation.staff_actions import REASON, suspend
from tests.sql.paying import brought_to


@pytest.fixture
def listing_id(seller: Actor) -> UUID:
    return UUID(listed(seller)["listing"]["id"])


@pytest.fixture
def path(owner: Connection, seller: Actor, listing_id: UUID) -> str:
    """Return the path of a photo that has its object."""
    path = str(photographed(seller, listing_id)["path"])
    put_object(owner, "listing-photos", path)
    return path


def remove(staff: Actor, seller: Actor, listing_id: UUID) -> Any:
    del seller
    return staff.call("staff_remove_listing", listing_id=listing_id, reason=REASON)


def cancel(staff: Actor, seller: Actor, listing_id: UUID) -> Any:
    del seller
    return staff.call("cancel_listing", listing_id=listing_id)


def exclude(staff: Actor, seller: Actor, listing_id: UUID) -> Any:
    del listing_id
    return suspend(staff, seller)


def close(staff: Actor, seller: Actor, listing_id: UUID) -> Any:
    """Close an auction whose seller was suspended by a plain update."""
    owner = staff.connection
    owner.execute("update public.users set suspended_at = now() where id = %s", [seller.id])
    [(answer,)] = owner.execute(
        "select private.end_auction(id, true) from public.auctions where listing_id = %s",
        [listing_id],
    ).fetchall()
    return answer


def orphans(owner: Connection, service: Actor) -> list[str]:
    move_time(owner, "2 hours")
    return [file["path"] for file in service.call("find_orphan_files")["files"]]


def photo_count(owner: Connection, listing_id: UUID) -> int:
    [(count,)] = owner.execute(
        "select count(*) from public.listing_photos where listing_id = %s", [listing_id]
    ).fetchall()
    return int(count)


def reported(user: Actor, listing_id: UUID) -> Any:
    answer = user.call("report_content", listing_id=listing_id, reason="A stolen bicycle")
    return answer["report_id"]


def decide(staff: Actor, report_id: object, *, uphold: bool = True) -> None:
    answer = staff.call("staff_decide_report", report_id=report_id, uphold=uphold, reason=REASON)
    assert answer["success"]


@pytest.mark.parametrize("take_away", [remove, cancel, exclude, close])
def test_photos_go_with_the_listing(
    owner: Connection, service: Actor, listing_id: UUID, *, seller: Actor, moderator: Actor,
    path: str, take_away: Callable[[Actor, Actor, UUID], Any],
) -> None:  # fmt: skip
    """The photos' rows are deleted, because their public links would stay valid."""
    assert take_away(moderator, seller, listing_id)["success"]

    assert 0 == photo_count(owner, listing_id)
    assert [path] == orphans(owner, service)


def test_seller_keeps_the_photos_of_a_cancelled_listing(
    owner: Connection, service: Actor, seller: Actor, listing_id: UUID, path: str
) -> None:
    """A listing that its seller cancelled keeps its photos."""
    assert path
    assert seller.call("cancel_listing", listing_id=listing_id)["success"]

    assert 1 == photo_count(owner, listing_id)
    assert [] == orphans(owner, service)


def test_photo_of_another_listing_stays(
    owner: Connection, service: Actor, listing_id: UUID, *, seller: Actor, moderator: Actor,
    path: str,
) -> None:  # fmt: skip
    """A relisted item keeps the photos that its removed predecessor had."""
    assert path
    ended(owner, listing_id)
    again = UUID(seller.call("relist_listing", listing_id=listing_id)["listing"]["id"])
    own_path = photographed(seller, again, "own")["path"]
    put_object(owner, "listing-photos", own_path)

    assert remove(moderator, seller, again)["success"]

    assert [1, 0] == [photo_count(owner, each) for each in (listing_id, again)]
    assert [own_path] == orphans(owner, service)


@pytest.mark.parametrize("uphold", [False, True])
def test_photos_stay_until_the_last_report_is_decided(
    owner: Connection, service: Actor, listing_id: UUID, *, seller: Actor, moderator: Actor,
    alice: Actor, bob: Actor, path: str, uphold: bool,
) -> None:  # fmt: skip
    """Photos stay until the last report about the listing is decided."""
    reports = [reported(user, listing_id) for user in (alice, bob)]
    assert remove(moderator, seller, listing_id)["success"]
    decide(moderator, reports[0], uphold=uphold)
    assert [] == orphans(owner, service)

    decide(moderator, reports[1], uphold=uphold)

    assert 0 == photo_count(owner, listing_id)
    assert [path] == orphans(owner, service)


def test_decision_about_a_running_listing_removes_nothing(
    owner: Connection, listing_id: UUID, *, moderator: Actor, alice: Actor, path: str
) -> None:
    """A decision about a report of a running listing removes no photos."""
    assert path

    decide(moderator, reported(alice, listing_id))

    assert 1 == photo_count(owner, listing_id)


def remove_photos(staff: Actor, listing_id: UUID) -> Any:
    return staff.call("staff_remove_photos", listing_id=listing_id, reason=REASON)


def called_off(owner: Connection, listing_id: UUID) -> None:
    [(seller_id,)] = owner.execute(
        "select seller_id from public.listings where id = %s", [listing_id]
    ).fetchall()
    seller = Actor(connection=owner, role="authenticated", user_id=seller_id)
    assert seller.call("cancel_listing", listing_id=listing_id)["success"]


@pytest.mark.parametrize("end", [ended, called_off])
def test_staff_remove_the_photos_of_a_listing_that_is_over(
    owner: Connection, service: Actor, listing_id: UUID, *, seller: Actor, moderator: Actor,
    path: str, end: Callable[[Connection, UUID], None],
) -> None:  # fmt: skip
    """Staff remove the photos of a listing that is over. A repeat changes nothing."""
    end(owner, listing_id)

    assert [{"success": True}] * 2 == [remove_photos(moderator, listing_id) for _ in "ab"]

    assert 0 == photo_count(owner, listing_id)
    assert [path] == orphans(owner, service)
    query = "select action, entity_id, description, metadata from public.audit_logs"
    assert [
        ("photos_removed", str(listing_id), REASON, {"seller_id": str(seller.id), "photos": 1})
    ] == owner.execute(query).fetchall()


def test_photos_of_a_running_listing_go_with_the_listing(
    owner: Connection, listing_id: UUID, moderator: Actor, path: str
) -> None:
    """Staff remove no photos of a running listing, because bidders rely on them."""
    assert path

    assert "CONFLICT" == remove_photos(moderator, listing_id)["code"]

    assert 1 == photo_count(owner, listing_id)


def test_open_report_keeps_the_photos_of_a_listing_that_is_over(
    owner: Connection, listing_id: UUID, *, moderator: Actor, alice: Actor, path: str
) -> None:
    """Staff decide the open reports about a listing before they remove its photos."""
    assert path
    report_id = reported(alice, listing_id)
    ended(owner, listing_id)

    assert "CONFLICT" == remove_photos(moderator, listing_id)["code"]
    decide(moderator, report_id)
    assert 1 == photo_count(owner, listing_id)
    assert remove_photos(moderator, listing_id)["success"]
    assert 0 == photo_count(owner, listing_id)


@pytest.fixture
def sold_id(owner: Connection, order_id: UUID) -> UUID:
    """Return the listing of an unpaid order, with a photo."""
    [(sold_id,)] = owner.execute(
        "select listing_id from public.orders where id = %s", [order_id]
    ).fetchall()
    owner.execute(
        """
        insert into public.listing_photos (
          listing_id, url, path, file_size, mime_type, width, height
        )
        values (%s, 'https://files.test/a.jpg', %s, 10, 'image/jpeg', 100, 100)
        """,
        [sold_id, f"{sold_id}/0_{order_id}.jpg"],
    )
    return UUID(str(sold_id))


@pytest.mark.parametrize("state", ["paid", "delivered", "disputed"])
def test_photos_of_a_sale_stay_until_its_order_is_finished(
    owner: Connection, order_id: UUID, *, moderator: Actor, sold_id: UUID, state: str
) -> None:
    """Photos of a sale show what the buyer was promised, so a dispute may need them."""
    brought_to(owner, order_id, state)

    assert "CONFLICT" == remove_photos(moderator, sold_id)["code"]
    assert 1 == photo_count(owner, sold_id)


def test_admin_removes_the_photos_of_an_open_sale(
    owner: Connection, order_id: UUID, *, moderator: Actor, sold_id: UUID
) -> None:
    """The law may demand the removal of a photo before its order is finished."""
    brought_to(owner, order_id, "paid")
    owner.execute("update public.users set role = 'admin' where id = %s", [moderator.id])

    assert {"success": True} == remove_photos(moderator, sold_id)

    assert 0 == photo_count(owner, sold_id)


def test_photos_of_a_finished_sale_stay_while_money_or_a_dispute_is_open(
    owner: Connection, order_id: UUID, moderator: Actor, sold_id: UUID
) -> None:
    """A finished order may have a refund under way, or an open dispute."""
    brought_to(owner, order_id, "released")
    owner.execute("update public.orders set refund_pending = true where id = %s", [order_id])
    assert "CONFLICT" == remove_photos(moderator, sold_id)["code"]
    owner.execute("update public.orders set refund_pending = false where id = %s", [order_id])
    owner.execute(
        """
        insert into public.disputes (
          order_id, initiator_id, respondent_id, dispute_type, reason, amount_cents, currency
        )
        select id, buyer_id, seller_id, 'other', 'Not as shown', amount_cents, 'aud'
        from public.orders where id = %s
        """,
        [order_id],
    )
    assert "CONFLICT" == remove_photos(moderator, sold_id)["code"]
    assert 1 == photo_count(owner, sold_id)
    owner.execute("update public.disputes set status = 'resolved', resolved_at = now()")

    assert {"success": True} == remove_photos(moderator, sold_id)

    assert 0 == photo_count(owner, sold_id)


def test_seller_on_the_staff_removes_no_own_photos(
    owner: Connection, seller: Actor, listing_id: UUID, path: str
) -> None:
    """A seller on the staff keeps the photos of their own sale, which show what was sold."""
    assert path
    ended(owner, listing_id)
    owner.execute("update public.users set role = 'admin' where id = %s", [seller.id])

    answer = remove_photos(seller.with_second_factor(), listing_id)

    assert "FORBIDDEN" == answer["code"]
    assert 1 == photo_count(owner, listing_id)


def test_evidence_stays_when_its_listing_is_gone(
    owner: Connection, service: Actor, *, seller: Actor, moderator: Actor, alice: Actor
) -> None:
    """Evidence of a removed listing's dispute stays."""
    dispute_id = disputed(owner, seller, alice)
    evidence = record(seller, "evidence_file", f"{dispute_id}/a.jpg", dispute_id=dispute_id)
    put_object(owner, "evidence-uploads", evidence["path"])
    owner.execute("update public.disputes set status = 'under_review' where id = %s", [dispute_id])

    assert suspend(moderator, seller)["success"]

    assert [] == orphans(owner, service)
