"""`add_dispute_message`, and the readers of a dispute."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import set_setting
from tests.sql.disputing import dispute_row, report_dispute
from tests.sql.paying import complained, paid


@pytest.fixture
def dispute_id(owner: Connection, order_id: UUID) -> str:
    paid(owner, order_id)
    return str(complained(owner, order_id)["dispute_id"])


def said(actor: Actor, dispute_id: object, content: str | None, **more: object) -> Any:
    return actor.call("add_dispute_message", dispute_id=dispute_id, content=content, **more)


def heard(actor: Actor) -> list[str]:
    query = "select content from public.dispute_messages order by created_at, content"
    return [str(content) for (content,) in actor.rows(query)]


def test_parties_and_staff_write(
    owner: Connection, dispute_id: str, alice: Actor, *, seller: Actor, moderator: Actor
) -> None:
    """Each message has its author, and staff are shown as such."""
    ids = [
        said(alice, dispute_id, "A crack")["message_id"],
        said(seller, dispute_id, "B no crack")["message_id"],
        said(moderator, dispute_id, "C photos, please")["message_id"],
    ]

    query = """
      select id::text, sender_id, message_type::text, is_internal from public.dispute_messages
      order by content
    """
    assert [
        (ids[0], alice.id, "user", False),
        (ids[1], seller.id, "user", False),
        (ids[2], moderator.id, "admin", False),
    ] == owner.execute(query).fetchall()
    everything = ["A crack", "B no crack", "C photos, please"]
    assert [everything] * 3 == [heard(actor) for actor in (alice, seller, moderator)]


def test_internal_messages_are_for_staff(
    dispute_id: str, alice: Actor, *, seller: Actor, moderator: Actor, bob: Actor
) -> None:
    """Parties neither write nor read internal messages, and another user reads none at all."""
    assert said(moderator, dispute_id, "Looks like fraud", is_internal=True)["success"]
    assert said(alice, dispute_id, "Open")["success"]

    assert "FORBIDDEN" == said(alice, dispute_id, "Secret", is_internal=True)["code"]
    assert ["Open"] == heard(alice) == heard(seller)
    assert {"Looks like fraud", "Open"} == set(heard(moderator))
    assert [] == heard(bob)


def test_party_on_the_staff_reads_no_internal_messages(
    owner: Connection, dispute_id: str, *, alice: Actor, seller: Actor, moderator: Actor
) -> None:
    """Staff discuss a dispute without its parties, also if these are staff."""
    said(moderator, dispute_id, "Looks like fraud", is_internal=True)
    said(alice, dispute_id, "Open")
    owner.execute("update public.users set role = 'admin'")

    for party in (alice.with_second_factor(), seller.with_second_factor()):
        assert ["Open"] == heard(party)


def test_others_do_not_write(
    dispute_id: str, bob: Actor, *, anonymous: Actor, service: Actor, alice: Actor
) -> None:
    """A user who is no party writes no message."""
    assert "FORBIDDEN" == said(bob, dispute_id, "Hello")["code"]
    assert "RESOURCE_NOT_FOUND" == said(alice, uuid4(), "Hello")["code"]
    for actor in (anonymous, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            said(actor, dispute_id, "Hello")
    for actor in (alice, bob):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change("insert into public.dispute_messages (content) values ('Hello')")


def test_suspended_party_does_not_write(owner: Connection, dispute_id: str, seller: Actor) -> None:
    """A suspended party writes no message."""
    owner.execute("update public.users set suspended_at = created_at where id = %s", [seller.id])

    assert "USER_SUSPENDED" == said(seller, dispute_id, "Hello")["code"]


def test_decided_dispute_takes_messages_of_staff_alone(
    dispute_id: str, alice: Actor, moderator: Actor
) -> None:
    """After the decision only staff write messages."""
    moderator.call("resolve_dispute", dispute_id=dispute_id, decision="deny", note="No crack.")

    assert "CONFLICT" == said(alice, dispute_id, "But I say")["code"]
    assert said(moderator, dispute_id, "Called the buyer", is_internal=True)["success"]


@pytest.mark.parametrize("content", [None, "", " \n ", "<p></p>", "x" * 1_001, "x" * 100_000])
def test_message_without_content_is_refused(
    dispute_id: str, alice: Actor, content: str | None
) -> None:
    """A message has 1 to 1000 visible characters."""
    assert "VALIDATION_ERROR" == said(alice, dispute_id, content)["code"]


def test_message_is_cleaned_and_stored_once(dispute_id: str, alice: Actor) -> None:
    """Markup is dropped. The same request id writes one message, and no other text."""
    request, text = uuid4(), " <b>One</b>\ntwo "

    first = said(alice, dispute_id, text, client_request_id=request)

    assert first == said(alice, dispute_id, text, client_request_id=request)
    other = said(alice, dispute_id, "Something else", client_request_id=request)
    assert "REQUEST_ID_REUSED" == other["code"]
    assert ["One\ntwo"] == heard(alice)


def test_messages_are_limited(owner: Connection, dispute_id: str, alice: Actor) -> None:
    """Each user has a limit per minute."""
    set_setting(owner, "rate_limits", '{"add_dispute_message": {"max": 1, "window_s": 60}}')
    assert said(alice, dispute_id, "One")["success"]

    assert "RATE_LIMITED" == said(alice, dispute_id, "Two")["code"]


def test_parties_and_staff_read_a_dispute(
    owner: Connection, dispute_id: str, alice: Actor, *, seller: Actor, moderator: Actor,
    bob: Actor, anonymous: Actor,
) -> None:  # fmt: skip
    """Parties and staff read own disputes and those at Stripe; nobody writes the table."""
    report_dispute(owner, "needs_response", 10_000)
    query = "select id::text from public.disputes"

    for actor in (alice, seller, moderator):
        assert {dispute_id, dispute_row(owner)["id"]} == {id_ for (id_,) in actor.rows(query)}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change("update public.disputes set status = 'resolved'")
    assert [] == bob.rows(query)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        anonymous.rows(query)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("open", "open"),
        ("under_review", "review"),
        ("escalated", "needs_evidence"),
        ("resolved", "resolved"),
        ("closed", "resolved"),
    ],
)
def test_state_and_status_never_disagree(
    owner: Connection, dispute_id: str, *, status: str, state: str
) -> None:
    """A change of either column changes the other (D8)."""
    owner.execute("update public.disputes set status = %s", [status])
    assert (status, state) == tuple(
        dispute_row(owner, dispute_id)[name] for name in ("status", "state")
    )

    owner.execute("update public.disputes set status = 'open'")
    owner.execute("update public.disputes set state = %s", [state])

    row = dispute_row(owner, dispute_id)
    assert (state, "resolved" if status == "closed" else status) == (row["state"], row["status"])
    owner.execute("update public.disputes set status = 'open'")


def test_payment_detail_is_refused(
    dispute_id: str, alice: Actor, seller: Actor, moderator: Actor
) -> None:
    """A party's message with a payment detail is refused; phone numbers and staff's quotes pass."""
    text = "Let us settle it, my PayID is 0412 345 678"

    refused = said(alice, dispute_id, text)

    assert ("PAYMENT_IN_TEXT", "content") == (refused["code"], refused["field"])
    assert "0412 345 678" in text[refused["start"] : refused["end"]]
    assert said(seller, dispute_id, "Call me on 0412 345 678")["success"]
    assert said(moderator, dispute_id, f"You wrote: {text}")["success"]


def test_payment_detail_over_two_messages_is_refused(
    dispute_id: str, alice: Actor, seller: Actor
) -> None:
    """The last message would complete the detail; what the other party wrote is no part of it."""
    assert said(alice, dispute_id, "Let us settle it by PayID")["success"]
    assert said(alice, dispute_id, "Here it comes")["success"]

    assert "PAYMENT_IN_TEXT" == said(alice, dispute_id, "0412 345 678")["code"]
    assert said(seller, dispute_id, "0412 345 678")["success"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("It arrived broken. I want my money back.", "Call me on 0412 345 678"),
        ("The seller closed his account.", "Call me on 0412 345 678"),
        ("I paid by bank transfer before.", "My number is +61 412 345 678"),
        ("Please send the payment", "1300 123 456 is the number of the carrier"),
        ("The seller will not pay", "The parcel is 123 456 789 012"),
        ("I paid with my Westpac card", "The parcel number is 331234 56789012"),
        ("Refund never reached my account", "DHL 1234567890 shows it was returned"),
        ("I did a bank transfer.", "StarTrack 1234567890 has no scan"),
        ("He only takes PayPal", "Update: still no parcel"),
        ("A crack", "I want my money back, call me on 0412 345 678"),
        ("A crack", "I want my money back, call me on +61 412 345 678"),
    ],
)
def test_honest_text_passes_after_any_message(
    dispute_id: str, alice: Actor, *, first: str, second: str
) -> None:
    """A word about money in one message makes no account of an honest number in the next."""
    assert said(alice, dispute_id, first)["success"]

    assert said(alice, dispute_id, second)["success"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Pay it to my account", "12345678"),
        ("My BSB is", "062-000 12345678"),
        ("By bank transfer", "1234 5678"),
        ("Please send the money", "062-000 12345678"),
        ("Westpac, Bob Smith", "032123 456789"),
        ("Please send the money", "12345678 is my account"),
        ("Please send it by bank transfer", "062000 12345678"),
        ("Use my card 4111 1111", "1111 1111"),
        ("Pay it to Beem", "0412 345 678"),
    ],
)
def test_account_in_two_messages_is_refused(
    dispute_id: str, alice: Actor, *, first: str, second: str
) -> None:
    """The first message names the bank, card or service, and the second its number."""
    assert said(alice, dispute_id, first)["success"]

    assert "PAYMENT_IN_TEXT" == said(alice, dispute_id, second)["code"]


def test_old_messages_complete_no_payment_detail(
    owner: Connection, dispute_id: str, alice: Actor
) -> None:
    """The filter joins only the texts of the last half an hour, as in conversations."""
    said(alice, dispute_id, "The seller asked for PayID")
    owner.execute("update public.dispute_messages set created_at = created_at - interval '31 min'")

    assert said(alice, dispute_id, "Call me on 0412 345 678")["success"]


def test_party_on_the_staff_moves_no_money_elsewhere(
    owner: Connection, dispute_id: str, moderator: Actor
) -> None:
    """A party on the staff is refused a payment detail too."""
    owner.execute("update public.disputes set initiator_id = %s", [moderator.id])

    assert "PAYMENT_IN_TEXT" == said(moderator, dispute_id, "My PayID is 0412 345 678")["code"]
