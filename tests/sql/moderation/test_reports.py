"""`report_content`, `staff_decide_report`: users report, and staff decide."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.moderation.staff_actions import REASON, audited
from tests.sql.writing import new_thread, script_filter, sealed_row, wrote


def report(actor: Actor, **sent: object) -> Any:
    return actor.call("report_content", **({"reason": "It is a stolen bicycle"} | sent))


def decide(actor: Actor, report_id: object, *, uphold: bool | None, **more: object) -> Any:
    sent: dict[str, object] = {"reason": REASON, **more}
    return actor.call("staff_decide_report", report_id=report_id, uphold=uphold, **sent)


def reports_of(actor: Actor) -> list[tuple[Any, ...]]:
    query = """
      select listing_id, message_id, user_id, reason, status::text, decided_by
      from public.content_reports order by created_at
    """
    return actor.rows(query)


def test_user_reports_each_kind_of_target(
    listing_id: UUID, *, alice: Actor, seller: Actor, bob: Actor, moderator: Actor, anonymous: Actor
) -> None:
    """The reporter and staff read the report; the reported user and visitors do not."""
    message_id = new_thread(bob, listing_id, "Hello")["message_id"]
    thread_message = UUID(message_id)

    answers = [
        report(alice, listing_id=listing_id),
        report(seller, message_id=message_id),
        report(alice, user_id=seller.id),
    ]

    assert [True] * 3 == [answer["success"] for answer in answers]
    reason = "It is a stolen bicycle"
    first = (listing_id, None, None, reason, "open", None)
    second = (None, thread_message, None, reason, "open", None)
    third = (None, None, seller.id, reason, "open", None)
    assert [first, third] == reports_of(alice)
    assert [second] == reports_of(seller)
    assert [] == reports_of(bob)
    assert [first, second, third] == reports_of(moderator)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reports_of(anonymous)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        report(anonymous, listing_id=listing_id)


def test_second_report_answers_the_first_one(listing_id: UUID, alice: Actor, bob: Actor) -> None:
    """A second report of a user about a target gets the first answer."""
    first = report(alice, listing_id=listing_id)

    assert first == report(alice, listing_id=listing_id, reason="Now with another reason")
    assert 1 == len(reports_of(alice))
    assert first["report_id"] != report(bob, listing_id=listing_id)["report_id"]


def test_second_report_after_the_decision_is_refused(
    listing_id: UUID, alice: Actor, moderator: Actor
) -> None:
    """A second report after the decision is refused, because nobody would read it."""
    decide(moderator, report(alice, listing_id=listing_id)["report_id"], uphold=False)

    answer = report(alice, listing_id=listing_id, reason="Now with another reason")

    assert "CONFLICT" == answer["code"]


@pytest.mark.parametrize(
    "targets", [(), ("listing_id", "user_id"), ("listing_id", "message_id", "user_id")]
)
def test_report_has_one_target(
    targets: tuple[str, ...], listing_id: UUID, *, alice: Actor, bob: Actor, seller: Actor
) -> None:
    """A report without a target, or with two, is refused."""
    known = {
        "listing_id": listing_id,
        "message_id": new_thread(bob, listing_id, "Hello")["message_id"],
        "user_id": seller.id,
    }

    answer = report(alice, **{name: known[name] for name in targets})

    assert "VALIDATION_ERROR" == answer["code"]


@pytest.mark.parametrize("reason", [None, "too short", "x" * 501, "\u200b" * 20])
def test_report_needs_a_reason(listing_id: UUID, alice: Actor, reason: str | None) -> None:
    """A report needs a reason of 10 to 500 characters."""
    assert "VALIDATION_ERROR" == report(alice, listing_id=listing_id, reason=reason)["code"]


@pytest.mark.parametrize("name", ["listing_id", "message_id", "user_id"])
def test_unknown_target_is_not_found(name: str, alice: Actor) -> None:
    """An unknown target gets the code of its kind."""
    expected = "LISTING_NOT_FOUND" if name == "listing_id" else "RESOURCE_NOT_FOUND"

    assert expected == report(alice, **{name: uuid4()})["code"]


def test_invisible_target_is_not_found(
    owner: Connection, listing_id: UUID, *, alice: Actor, bob: Actor, seller: Actor,
    moderator: Actor,
) -> None:  # fmt: skip
    """A target that the reporter cannot see is unknown."""
    script_filter(owner)
    thread = new_thread(bob, listing_id, "Hello")
    held_id = wrote(bob, thread["thread_id"], "hold this")["message_id"]

    assert "RESOURCE_NOT_FOUND" == report(alice, message_id=thread["message_id"])["code"]
    assert "RESOURCE_NOT_FOUND" == report(seller, message_id=held_id)["code"]
    assert report(moderator, message_id=held_id)["success"]
    seller.call("cancel_listing", listing_id=listing_id)
    assert "LISTING_NOT_FOUND" == report(alice, listing_id=listing_id)["code"]
    assert report(moderator, listing_id=listing_id)["success"]
    owner.execute("update public.users set deleted_at = now() where id = %s", [bob.id])
    assert "RESOURCE_NOT_FOUND" == report(alice, user_id=bob.id)["code"]


def test_nobody_reports_themselves(listing_id: UUID, bob: Actor, seller: Actor) -> None:
    """Nobody reports an own listing, message or account."""
    message_id = new_thread(bob, listing_id, "Hello")["message_id"]

    assert "FORBIDDEN" == report(seller, listing_id=listing_id)["code"]
    assert "FORBIDDEN" == report(bob, message_id=message_id)["code"]
    assert "FORBIDDEN" == report(bob, user_id=bob.id)["code"]


def test_suspended_user_reports_nothing(
    owner: Connection, listing_id: UUID, alice: Actor, no_profile: Actor
) -> None:
    """A suspended user and a user without a profile are refused."""
    owner.execute("update public.users set suspended_at = now() where id = %s", [alice.id])

    assert "USER_SUSPENDED" == report(alice, listing_id=listing_id)["code"]
    assert "PROFILE_NOT_FOUND" == report(no_profile, listing_id=listing_id)["code"]


def test_reports_are_limited(owner: Connection, alice: Actor, seller: Actor) -> None:
    """A user makes ten reports in an hour."""
    assert "VALIDATION_ERROR" == report(alice, user_id=seller.id, reason="Bad")["code"]
    assert all(report(alice, user_id=seller.id)["success"] for _ in range(10))

    refused = report(alice, user_id=seller.id)
    move_time(owner, "1 hour")

    assert "RATE_LIMITED" == refused["code"]
    assert report(alice, user_id=seller.id)["success"]


def test_nobody_writes_reports_directly(listing_id: UUID, alice: Actor, moderator: Actor) -> None:
    """Neither the reporter nor staff insert, change or delete a row."""
    report(alice, listing_id=listing_id)
    for actor in (alice, moderator):
        for change in (
            "update public.content_reports set status = 'dismissed'",
            "delete from public.content_reports",
            "insert into public.content_reports (reason) values ('Written by hand')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                actor.change(change)


@pytest.mark.parametrize(("uphold", "status"), [(True, "upheld"), (False, "dismissed")])
def test_staff_decide_once(
    listing_id: UUID, alice: Actor, moderator: Actor, admin: Actor, *, uphold: bool, status: str
) -> None:
    """The same decision again changes nothing; the opposite one is refused."""
    report_id = report(alice, listing_id=listing_id)["report_id"]

    assert {"success": True} == decide(moderator, report_id, uphold=uphold)
    assert {"success": True} == decide(admin, report_id, uphold=uphold)
    assert "CONFLICT" == decide(moderator, report_id, uphold=not uphold)["code"]

    assert [(status, moderator.id)] == [row[4:] for row in reports_of(alice)]
    assert [(f"report_{status}", "content_reports", report_id, REASON)] == audited(moderator)
    assert [] == audited(admin)


def test_decision_is_true_or_false(listing_id: UUID, alice: Actor, moderator: Actor) -> None:
    """A decision of null is refused."""
    report_id = report(alice, listing_id=listing_id)["report_id"]

    assert "VALIDATION_ERROR" == decide(moderator, report_id, uphold=None)["code"]


def test_staff_decide_nothing_of_their_own(
    owner: Connection, listing_id: UUID, alice: Actor, seller: Actor
) -> None:
    """Neither the reporter nor the reported user decides a report."""
    owner.execute("update public.users set role = 'moderator'")
    report_id = report(alice, listing_id=listing_id)["report_id"]

    for actor in (alice.with_second_factor(), seller.with_second_factor()):
        assert "FORBIDDEN" == decide(actor, report_id, uphold=True)["code"]


@pytest.mark.parametrize("target", ["listing_id", "message_id", "user_id"])
def test_reported_staff_learn_nothing(
    owner: Connection, listing_id: UUID, *, alice: Actor, bob: Actor, seller: Actor,
    moderator: Actor, target: str,
) -> None:  # fmt: skip
    """Reported staff read neither the report nor its reporter, at any time."""
    owner.execute("update public.users set role = 'admin'")
    thread_id = new_thread(bob, listing_id, "Hello")["thread_id"]
    targets = {
        "listing_id": listing_id,
        "message_id": wrote(seller, thread_id, "Hello")["message_id"],
        "user_id": seller.id,
    }
    reporter = bob if target == "message_id" else alice
    report_id = report(reporter, **{target: targets[target]})["report_id"]
    reported = seller.with_second_factor()

    for _ in range(2):
        assert [] == reports_of(reported)
        assert [] == reported.call("staff_list_reports")["reports"]
        assert [] == reported.rows("select description from public.audit_logs")
        assert 1 == len(reports_of(moderator))
        assert decide(moderator, report_id, uphold=True)["success"]
    assert 1 == len(audited(moderator))


def test_reporter_on_the_staff_finds_the_report_outside_the_queue(
    owner: Connection, listing_id: UUID, alice: Actor, moderator: Actor
) -> None:
    """A reporter on the staff does not see the own report in the queue."""
    owner.execute("update public.users set role = 'moderator'")
    report(alice, listing_id=listing_id)

    assert [] == alice.with_second_factor().call("staff_list_reports")["reports"]
    assert 1 == len(reports_of(alice.with_second_factor()))
    assert 1 == len(moderator.call("staff_list_reports")["reports"])


def test_original_of_a_reported_message_stays(
    owner: Connection, listing_id: UUID, *, bob: Actor, seller: Actor, moderator: Actor,
    service: Actor,
) -> None:  # fmt: skip
    """The purge keeps the original until staff have decided about the report."""
    script_filter(owner)
    message_id = new_thread(bob, listing_id, "mask this")["message_id"]
    report_id = report(seller, message_id=message_id)["report_id"]
    move_time(owner, "181 days")

    service.call("purge_old_rows")
    assert sealed_row(owner, message_id)
    decide(moderator, report_id, uphold=False)
    move_time(owner, "2 hours")
    service.call("purge_old_rows")

    assert sealed_row(owner, message_id) is None


@pytest.fixture
def no_profile(owner: Connection) -> Actor:
    """Return a user whose profile is missing."""
    return Actor(connection=owner, role="authenticated", user_id=uuid4())


def test_page_of_reports_follows_the_last(
    listing_id: UUID, *, alice: Actor, bob: Actor, seller: Actor,
    moderator: Actor,
) -> None:  # fmt: skip
    """Staff get open reports, the oldest first, page by page, even after the last was decided."""
    message_id = new_thread(bob, listing_id, "Hello")["message_id"]
    ids = [
        report(alice, listing_id=listing_id)["report_id"],
        report(seller, message_id=message_id)["report_id"],
        report(bob, user_id=alice.id)["report_id"],
    ]

    first = moderator.call("staff_list_reports", max_rows=2)["reports"]
    decide(moderator, ids[1], uphold=True)
    second = moderator.call("staff_list_reports", max_rows=2, after_id=first[-1]["id"])["reports"]

    assert ids == [row["id"] for row in first + second]
    assert [str(seller.id), str(bob.id), str(alice.id)] == [
        row["reported_user_id"] for row in first + second
    ]
    assert [ids[0], ids[2]] == [
        row["id"] for row in moderator.call("staff_list_reports")["reports"]
    ]


def test_page_of_held_messages_follows_the_last(
    owner: Connection, listing_id: UUID, *, bob: Actor, alice: Actor, seller: Actor,
    moderator: Actor,
) -> None:  # fmt: skip
    """Staff get the masked text, score and codes; the recipient on the staff gets nothing."""
    script_filter(owner)
    held = [new_thread(actor, listing_id, "hold this")["message_id"] for actor in (alice, bob)]
    [first] = moderator.call("staff_list_held_messages", max_rows=1)["messages"]
    [second] = moderator.call("staff_list_held_messages", after_id=first["id"])["messages"]

    assert held == [first["id"], second["id"]]
    assert (str(alice.id), str(listing_id), "▇▇▇▇ this", ["PHONE"], 90) == tuple(
        first[key] for key in ("sender_id", "listing_id", "content", "reason_codes", "risk_score")
    )
    owner.execute("update public.users set role = 'moderator' where id = %s", [seller.id])
    assert [] == seller.with_second_factor().call("staff_list_held_messages")["messages"]


@pytest.mark.parametrize("function", ["staff_list_reports", "staff_list_held_messages"])
@pytest.mark.parametrize("max_rows", [0, 101, None])
def test_page_has_a_size(moderator: Actor, function: str, max_rows: int | None) -> None:
    """A page has 1 to 100 rows."""
    assert "VALIDATION_ERROR" == moderator.call(function, max_rows=max_rows)["code"]
