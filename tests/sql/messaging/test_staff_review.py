"""`staff_read_message` and `staff_decide_message`: staff look at held messages and decide."""

import dataclasses
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection, sql

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.writing import (
    message_row,
    messages_of,
    new_messages,
    new_thread,
    sealed_row,
    wrote,
)


REASON = "The review queue"


@pytest.fixture
def thread_id(listing_id: UUID, alice: Actor) -> Any:
    """Let Alice ask about the listing."""
    return new_thread(alice, listing_id, "A question")["thread_id"]


@pytest.fixture
def held_id(thread_id: str, alice: Actor) -> str:
    """Let the filter hold a message."""
    return str(wrote(alice, thread_id, "hold this")["message_id"])


def read(actor: Actor, message_id: object, reason: str | None = REASON) -> Any:
    return actor.call("staff_read_message", message_id=message_id, reason=reason)


def decide(actor: Actor, message_id: object, *, release: bool | None, **more: object) -> Any:
    sent: dict[str, object] = {"reason": REASON, **more}
    return actor.call("staff_decide_message", message_id=message_id, release=release, **sent)


def audited(moderator: Actor) -> list[tuple[str, ...]]:
    query = """
      select action, entity, entity_id, description from public.audit_logs
      order by created_at, action
    """
    return moderator.rows(query)


def test_staff_read_the_original(
    thread_id: str, held_id: str, *, alice: Actor, moderator: Actor
) -> None:
    """Staff get the text, the findings and the score, and each call is audited."""
    answer = read(moderator, held_id)

    assert ("hold this", "▇▇▇▇ this", "hold", "held", 90, 7) == tuple(
        answer[key]
        for key in ("original", "content", "action", "delivery", "risk_score", "rule_version")
    )
    assert (held_id, thread_id, str(alice.id), ["PHONE"]) == tuple(
        answer[key] for key in ("message_id", "thread_id", "sender_id", "reason_codes")
    )
    assert [("script", "PHONE", 0, 4)] == [
        (found["rule"], found["reason_code"], found["start"], found["end"])
        for found in answer["findings"]
    ]
    read(moderator, held_id)
    assert [("message_read", "messages", held_id, REASON)] * 2 == audited(moderator)
    [(logged,)] = moderator.rows("select string_agg(l::text, '') from public.audit_logs as l")
    assert "hold this" not in logged


def test_cast_shows_no_original(held_id: str, moderator: Actor) -> None:
    """A cast of the answer is refused, because its error would show the text and undo the audit."""
    call = """
      with pgrst_source as (
        select public.staff_read_message(%(message_id)s, %(reason)s) as pgrst_scalar
      )
      select cast(pgrst_scalar ->> 'original' as integer) from pgrst_source
    """
    with pytest.raises(psycopg.Error, match="FILTER_REFUSED"):
        moderator.rows(call, message_id=UUID(held_id), reason=REASON)


def test_ordinary_message_is_its_own_original(
    thread_id: str, *, alice: Actor, moderator: Actor
) -> None:
    """Staff read a message without findings by the same call."""
    message_id = wrote(alice, thread_id, "Fine")["message_id"]

    answer = read(moderator, message_id)

    assert ("Fine", None, []) == (answer["original"], answer["risk_score"], answer["findings"])


def test_only_staff_review(
    held_id: str, moderator: Actor, *, alice: Actor, seller: Actor, bob: Actor,
    anonymous: Actor, service: Actor,
) -> None:  # fmt: skip
    """Only staff with a second factor call the functions."""
    one_factor = dataclasses.replace(moderator, aal="aal1")
    for actor in (alice, seller, bob, one_factor):
        with pytest.raises(psycopg.Error, match="FORBIDDEN"):
            read(actor, held_id)
        with pytest.raises(psycopg.Error, match="FORBIDDEN"):
            decide(actor, held_id, release=True)
    for actor in (anonymous, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            read(actor, held_id)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            decide(actor, held_id, release=True)
    assert [] == audited(moderator)


def test_party_is_no_reviewer(owner: Connection, held_id: str, seller: Actor, alice: Actor) -> None:
    """Staff who are a party of the thread read and decide nothing in it."""
    owner.execute("update public.users set role = 'moderator'")
    for actor in (seller.with_second_factor(), alice.with_second_factor()):
        assert "FORBIDDEN" == read(actor, held_id)["code"]
        assert "FORBIDDEN" == decide(actor, held_id, release=True)["code"]
    assert "held" == message_row(owner, held_id)["delivery"]


def test_peer_on_the_staff_sees_no_held_message(
    owner: Connection, held_id: str, seller: Actor
) -> None:
    """Staff see held messages of others, but not those that were sent to themselves."""
    owner.execute("update public.users set role = 'moderator' where id = %s", [seller.id])

    assert ["A question"] == messages_of(seller.with_second_factor())
    assert "held" == message_row(owner, held_id)["delivery"]


def test_seller_on_the_staff_sees_no_thread_of_a_held_question(
    owner: Connection, listing_id: UUID, *, alice: Actor, seller: Actor, moderator: Actor
) -> None:
    """Staff see the hidden threads of others, but a first message to themselves stays unknown."""
    owner.execute("update public.users set role = 'moderator' where id = %s", [seller.id])
    thread_id = UUID(new_thread(alice, listing_id, "hold this")["thread_id"])
    query = "select id from public.message_threads"
    peer = seller.with_second_factor()

    assert [(thread_id,)] == moderator.rows(query)
    assert [] == peer.rows(query)

    assert wrote(alice, str(thread_id), "A question")["success"]
    assert [(thread_id,)] == peer.rows(query)


@pytest.mark.parametrize("reason", [None, "", "too short", "x" * 501, "\u200b" * 20, "  spaces   "])
def test_review_needs_a_reason(held_id: str, moderator: Actor, reason: str | None) -> None:
    """A reason has 10 to 500 characters."""
    assert "VALIDATION_ERROR" == read(moderator, held_id, reason)["code"]
    assert "VALIDATION_ERROR" == decide(moderator, held_id, release=True, reason=reason)["code"]
    assert "RESOURCE_NOT_FOUND" == read(moderator, uuid4())["code"]
    assert "RESOURCE_NOT_FOUND" == decide(moderator, uuid4(), release=True)["code"]
    assert "VALIDATION_ERROR" == decide(moderator, held_id, release=None)["code"]


def test_release_delivers_the_original(
    owner: Connection, thread_id: str, held_id: str, *, alice: Actor, seller: Actor,
    moderator: Actor,
) -> None:  # fmt: skip
    """A release delivers the original text, moves the thread up and notifies the recipient."""
    query = "select last_message_at from public.message_threads where id = %s"
    before = owner.execute(query, [thread_id]).fetchall()
    move_time(owner, "1 hour")

    answer = decide(moderator, held_id, release=True)

    assert {"success": True, "delivery": "delivered"} == answer
    row = message_row(owner, held_id)
    assert ("hold this", "delivered", "hold", None) == tuple(
        row[key] for key in ("content", "delivery", "action", "read_at")
    )
    assert ["A question", "hold this"] == messages_of(seller) == messages_of(alice)
    assert before < owner.execute(query, [thread_id]).fetchall()
    assert held_id == new_messages(seller)[-1]["metadata"]["message_id"]
    assert [("message_released", "messages", held_id, REASON)] == audited(moderator)
    assert 2 == seller.call("mark_thread_read", thread_id=thread_id)


def test_release_shows_a_hidden_thread(
    listing_id: UUID, *, bob: Actor, seller: Actor, moderator: Actor
) -> None:
    """The seller sees the thread with its first delivered message."""
    held = new_thread(bob, listing_id, "hold this")

    decide(moderator, held["message_id"], release=True)

    query = "select id::text from public.message_threads"
    assert [(held["thread_id"],)] == seller.rows(query)
    assert ["hold this"] == messages_of(seller)


def test_rejected_message_reaches_nobody(
    held_id: str, *, alice: Actor, seller: Actor, moderator: Actor
) -> None:
    """A rejected message is not delivered, and its sender reads the masked text."""
    answer = decide(moderator, held_id, release=False)

    assert {"success": True, "delivery": "rejected"} == answer
    assert ["A question"] == messages_of(seller)
    assert ["A question", "▇▇▇▇ this"] == messages_of(alice)
    assert 1 == len(new_messages(seller))
    assert [("message_rejected", "messages", held_id, REASON)] == audited(moderator)


@pytest.mark.parametrize("release", [True, False])
def test_decision_is_made_once(
    held_id: str, moderator: Actor, seller: Actor, *, release: bool
) -> None:
    """The same decision again changes nothing; the opposite one is refused."""
    first = decide(moderator, held_id, release=release)

    assert first == decide(moderator, held_id, release=release)
    assert "CONFLICT" == decide(moderator, held_id, release=not release)["code"]
    assert 1 == len(audited(moderator))
    assert 1 + release == len(new_messages(seller))


def test_id_of_a_release_does_not_serve_for_a_rejection(held_id: str, moderator: Actor) -> None:
    """The request id of a release is refused for a rejection."""
    request = uuid4()
    first = decide(moderator, held_id, release=True, client_request_id=request)

    assert first == decide(moderator, held_id, release=True, client_request_id=request)
    other = decide(moderator, held_id, release=False, client_request_id=request)
    assert "REQUEST_ID_REUSED" == other["code"]


@pytest.mark.parametrize("text", ["Fine", "warn me", "mask me"])
def test_delivered_message_is_past_a_decision(
    thread_id: str, alice: Actor, moderator: Actor, text: str
) -> None:
    """A delivered message cannot be rejected."""
    message_id = wrote(alice, thread_id, text)["message_id"]

    for release in (True, False):
        assert "CONFLICT" == decide(moderator, message_id, release=release)["code"]


def test_nobody_reads_the_sealed_table(
    held_id: str, *, alice: Actor, moderator: Actor, anonymous: Actor, service: Actor
) -> None:
    """Staff too read an original only by the audited function (case 20)."""
    for actor in (alice, moderator.with_second_factor(), anonymous, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.rows("select original from private.message_originals")
    assert held_id


def test_originals_are_purged(
    owner: Connection, thread_id: str, *, alice: Actor, moderator: Actor, service: Actor
) -> None:
    """Originals are deleted after 180 days, except those that await a decision."""
    texts = ("warn me", "mask me", "hold me", "hold me too")
    ids = [wrote(alice, thread_id, text)["message_id"] for text in texts]
    decide(moderator, ids[3], release=False)
    move_time(owner, "179 days")
    service.call("purge_old_rows")
    assert all(sealed_row(owner, message_id) for message_id in ids)
    new = wrote(alice, thread_id, "mask this")["message_id"]
    move_time(owner, "25 hours")

    assert 3 == service.call("purge_old_rows")

    assert [False, False, True, False, True] == [
        sealed_row(owner, message_id) is not None for message_id in (*ids, new)
    ]
    assert ["warn me", None, "hold me", None] == [
        read(moderator, message_id)["original"] for message_id in ids
    ]
    assert "▇▇▇▇ me" == message_row(owner, ids[1])["content"]
    decide(moderator, ids[2], release=True)
    assert "hold me" == message_row(owner, ids[2])["content"]


def test_purge_has_a_limit(owner: Connection, thread_id: str, alice: Actor, service: Actor) -> None:
    """A batch deletes the oldest originals up to its limit, and reports that more are left."""
    ids = [wrote(alice, thread_id, "mask me")["message_id"] for _ in range(3)]
    owner.execute("delete from private.request_receipts")
    owner.execute("delete from private.rate_limits")
    move_time(owner, "181 days")
    # The planner then joins by a nested loop, which runs a subquery of locks once for each row.
    for plan in ("hashjoin", "mergejoin", "hashagg", "sort", "material"):
        owner.execute(sql.SQL("set local {} = off").format(sql.Identifier(f"enable_{plan}")))

    assert 2 == service.call("purge_old_rows", max_rows=2)
    assert [False, False, True] == [sealed_row(owner, i) is not None for i in ids]
    assert 1 == service.call("purge_old_rows", max_rows=2)
