"""`send_message`: the parties of a thread write to each other."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned, move_time, set_setting
from tests.sql.writing import (
    filter_calls,
    listing_of,
    message_row,
    messages_of,
    new_messages,
    new_thread,
    sealed_row,
    wrote,
)


@pytest.fixture
def thread_id(listing_id: UUID, alice: Actor) -> Any:
    """Let Alice ask about the listing."""
    return new_thread(alice, listing_id, "A question")["thread_id"]


def last_message_at(owner: Connection, thread_id: object) -> Any:
    query = "select last_message_at from public.message_threads where id = %s"
    [(time,)] = owner.execute(query, [thread_id]).fetchall()
    return time


def test_parties_write_to_each_other(
    owner: Connection, thread_id: str, alice: Actor, seller: Actor
) -> None:
    """Each message bumps the thread and notifies the other party (A9)."""
    before = last_message_at(owner, thread_id)
    move_time(owner, "1 minute")

    answers = [wrote(seller, thread_id, "An answer"), wrote(alice, thread_id, "Thanks")]

    assert [thread_id] * 2 == [answer["thread_id"] for answer in answers]
    rows = [message_row(owner, answer["message_id"]) for answer in answers]
    assert [str(seller.id), str(alice.id)] == [row["sender_id"] for row in rows]
    assert ["A question", "An answer", "Thanks"] == messages_of(alice) == messages_of(seller)
    assert before < last_message_at(owner, thread_id)
    assert [answers[0]["message_id"]] == [
        row["metadata"]["message_id"] for row in new_messages(alice)
    ]
    assert 2 == len(new_messages(seller))


def test_outsider_writes_in_no_thread(
    owner: Connection, thread_id: str, bob: Actor, *, moderator: Actor, anonymous: Actor
) -> None:
    """Another user, staff included, gets the answer of an unknown thread (B8)."""
    refusals = [wrote(bob, thread_id), wrote(moderator, thread_id), wrote(bob, uuid4())]

    assert ["RESOURCE_NOT_FOUND"] * 3 == [answer["code"] for answer in refusals]
    assert 1 == len({str(answer) for answer in refusals})
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        wrote(anonymous, thread_id)
    assert [(1,)] == owner.execute("select count(*) from public.messages").fetchall()


@pytest.mark.parametrize(
    "content",
    [
        *(None, "", " \n\t ", "<p></p>", "<script>alert(1)</script>"),
        *("\u200b\u200d\u2060", "\ufeff", "\u3164\u115f\u2800"),
        *("x" * 1001, "x" * 100_000),
    ],
)
def test_message_without_visible_text_is_refused(
    owner: Connection, thread_id: str, alice: Actor, content: str | None
) -> None:
    """A message has 1 to 1000 visible characters; a refused one counts for no limit."""
    set_setting(owner, "rate_limits", "{}")

    assert "VALIDATION_ERROR" == wrote(alice, thread_id, content)["code"]
    listing = "select listing_id from public.message_threads"
    [(listing_id,)] = owner.execute(listing).fetchall()
    assert "VALIDATION_ERROR" == new_thread(alice, listing_id, content)["code"]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("<b>One</b>\r\ntwo ", "One\ntwo"),
        ("a<b and b>c, about <40 mm", "a<b and b>c, about <40 mm"),
        ("safe\u202etxt.exe", "safetxt.exe"),
        ("x" * 1000, "x" * 1000),
        ("👍🏽", "👍🏽"),
    ],
)
def test_text_is_cleaned(thread_id: str, alice: Actor, sent: str, stored: str) -> None:
    """Markup and hidden characters are dropped, and words stay."""
    assert stored == wrote(alice, thread_id, sent)["content"]


@pytest.mark.parametrize("function", [new_thread, wrote])
@pytest.mark.parametrize("who", ["sender", "recipient"])
def test_suspended_user_writes_nothing(
    owner: Connection, thread_id: str, listing_id: UUID, *, alice: Actor, seller: Actor,
    function: Any, who: str,
) -> None:  # fmt: skip
    """A suspended user sends nothing, and still receives what the other party must say."""
    suspended = alice if who == "sender" else seller
    owner.execute("update public.users set suspended_at = now() where id = %s", [suspended.id])

    answer = function(alice, listing_id if function is new_thread else thread_id)

    assert (who == "sender") == (answer.get("code") == "USER_SUSPENDED")
    assert (who == "recipient") == answer["success"]


@pytest.mark.parametrize("function", [new_thread, wrote])
def test_deleted_users_are_past_writing(
    owner: Connection, thread_id: str, listing_id: UUID, *, alice: Actor, seller: Actor,
    function: Any,
) -> None:  # fmt: skip
    """A message to a deleted user is refused, and so is the token of a deleted sender."""
    subject = listing_id if function is new_thread else thread_id
    owner.execute("update public.users set deleted_at = now() where id = %s", [seller.id])
    assert "RECIPIENT_NOT_FOUND" == function(alice, subject)["code"]

    owner.execute("update public.users set deleted_at = now() where id = %s", [alice.id])
    assert "PROFILE_NOT_FOUND" == function(alice, subject)["code"]


def test_repeated_call_gets_the_first_answer(
    owner: Connection, thread_id: str, alice: Actor, *, seller: Actor, moderator: Actor
) -> None:
    """A repeated call gets the first answer, with another text or after a release too."""
    message_id = uuid4()
    first = wrote(alice, thread_id, "hold this", client_message_id=message_id)
    set_setting(owner, "rate_limits", '{"send_message": {"max": 1, "window_s": 60}}')

    again = wrote(alice, thread_id, "Something else", client_message_id=message_id)
    moderator.call(
        "staff_decide_message", message_id=first["message_id"], release=True, reason="A fair offer"
    )
    later = wrote(alice, thread_id, "hold this", client_message_id=message_id)

    assert first | {"idempotent": True} == again == later
    assert [(2,)] == owner.execute("select count(*) from public.messages").fetchall()
    assert "held" == later["delivery"]
    assert wrote(seller, thread_id, client_message_id=message_id)["success"]


def test_id_of_another_call_is_refused(
    owner: Connection, thread_id: str, listing_id: UUID, *, alice: Actor, seller: Actor
) -> None:
    """An id of another thread, listing, function or RPC is refused."""
    other_listing = listing_of(owner, auctioned(seller))
    other_thread = new_thread(alice, other_listing)["thread_id"]
    sent, started = uuid4(), uuid4()
    assert wrote(alice, thread_id, client_message_id=sent)["success"]
    assert new_thread(alice, listing_id, client_message_id=started)["success"]

    refusals = [
        wrote(alice, other_thread, client_message_id=sent),
        wrote(alice, None, client_message_id=sent),
        new_thread(alice, listing_id, client_message_id=sent),
        new_thread(alice, other_listing, client_message_id=started),
        new_thread(alice, None, client_message_id=started),
        wrote(alice, thread_id, client_message_id=started),
    ]

    assert ["REQUEST_ID_REUSED"] * 6 == [answer["code"] for answer in refusals]


def test_refused_message_may_be_sent_again(thread_id: str, alice: Actor) -> None:
    """A refusal stores no receipt; a call without an id is refused."""
    message_id = uuid4()
    assert "VALIDATION_ERROR" == wrote(alice, thread_id, "", client_message_id=message_id)["code"]

    assert not wrote(alice, thread_id, "Now", client_message_id=message_id)["idempotent"]
    assert "VALIDATION_ERROR" == wrote(alice, thread_id, client_message_id=None)["code"]


def test_messages_are_limited(owner: Connection, thread_id: str, alice: Actor) -> None:
    """Each user has a limit per minute over all threads."""
    set_setting(owner, "rate_limits", '{"send_message": {"max": 2, "window_s": 60}}')

    answers = [wrote(alice, thread_id) for _ in range(3)]

    assert [None, None, "RATE_LIMITED"] == [answer.get("code") for answer in answers]


@pytest.mark.parametrize(
    ("text", "action", "content"),
    [
        ("fine", "allow", "fine"),
        ("warn me", "warn", "warn me"),
        ("mask me", "mask", "▇▇▇▇ me"),
        ("hold me", "hold", "▇▇▇▇ me"),
    ],
)
def test_verdict_decides_what_the_recipient_reads(
    owner: Connection, thread_id: str, *, alice: Actor, seller: Actor,
    text: str, action: str, content: str,
) -> None:  # fmt: skip
    """The sender gets the same text as the recipient, and the original is sealed."""
    answer = wrote(alice, thread_id, text)

    delivery = "held" if action == "hold" else "delivered"
    assert (action, content, delivery, 7) == tuple(
        answer[key] for key in ("action", "content", "delivery", "rule_version")
    )
    row = message_row(owner, answer["message_id"])
    assert (action, content, delivery) == tuple(
        row[key] for key in ("action", "content", "delivery")
    )
    assert answer["reason_codes"] == row["reason_codes"] == ([] if action == "allow" else ["PHONE"])
    assert (action != "hold") == (content in messages_of(seller))
    sealed = sealed_row(owner, answer["message_id"])
    assert (sealed is None) == (action == "allow")
    if sealed is not None:
        assert (text, 7) == (sealed["original"], sealed["rule_version"])
        assert {"warn": 40, "mask": 70, "hold": 90}[action] == sealed["risk_score"]
        assert [answer["message_id"]] == [found["message_id"] for found in sealed["findings"]]


def test_held_message_changes_nothing_for_the_recipient(
    owner: Connection, thread_id: str, alice: Actor, seller: Actor
) -> None:
    """A held message changes nothing for its recipient, and its sender sees it."""
    before = last_message_at(owner, thread_id)
    move_time(owner, "1 minute")
    unread = "select count(*) from public.messages where read_at is null"
    seen = seller.rows(unread), new_messages(seller)

    wrote(alice, thread_id, "hold this")

    assert before == last_message_at(owner, thread_id)
    assert seen == (seller.rows(unread), new_messages(seller))
    assert ["A question", "▇▇▇▇ this"] == messages_of(alice)
    assert 1 == seller.call("mark_thread_read", thread_id=thread_id)


def test_thread_of_a_held_question_is_hidden(
    listing_id: UUID, alice: Actor, *, seller: Actor, bob: Actor
) -> None:
    """The seller does not see a thread before its first message is delivered, and cannot write."""
    query = "select id from public.message_threads"
    thread_id = new_thread(alice, listing_id, "hold this")["thread_id"]

    assert ([(UUID(thread_id),)], [], []) == (
        alice.rows(query), seller.rows(query), bob.rows(query)
    )  # fmt: skip
    assert "RESOURCE_NOT_FOUND" == wrote(seller, thread_id)["code"]

    assert wrote(alice, thread_id, "A question")["success"]
    assert [(UUID(thread_id),)] == seller.rows(query)
    assert ["A question"] == messages_of(seller)


def test_filter_joins_the_threads_of_a_pair(
    owner: Connection, thread_id: str, *, alice: Actor, bob: Actor, seller: Actor
) -> None:
    """The filter reads the sender's earlier originals to this recipient alone, oldest first."""
    other_listing = listing_of(owner, auctioned(seller))
    wrote(seller, thread_id, "Not hers")
    new_thread(bob, other_listing, "Not hers either")
    wrote(alice, thread_id, "mask it")
    new_thread(alice, other_listing, "hold it")

    wrote(alice, thread_id, "Last")

    assert ("Last", ["A question", "mask it", "hold it"], "strict") == filter_calls(owner)[-1]


def test_filter_joins_both_roles_of_a_pair(
    owner: Connection, listing_id: UUID, alice: Actor, bob: Actor
) -> None:
    """The filter joins the messages of a pair in both roles, as buyer and as seller."""
    owner.execute("update public.users set role = 'seller'")
    at_bobs = new_thread(alice, listing_of(owner, auctioned(bob)), "As a buyer")["thread_id"]
    at_hers = new_thread(bob, listing_of(owner, auctioned(alice)), "Not hers")["thread_id"]
    new_thread(alice, listing_id, "Not to him")

    wrote(alice, at_hers, "As a seller")
    wrote(alice, at_bobs, "As a buyer again")

    assert at_bobs != at_hers
    assert [["As a buyer"], ["As a buyer", "As a seller"]] == [
        earlier for _, earlier, _ in filter_calls(owner)[-2:]
    ]


def test_filter_joins_only_recent_messages(
    owner: Connection, thread_id: str, alice: Actor, moderator: Actor
) -> None:
    """The last messages within some minutes count, but not a rejected one that nobody saw."""
    set_setting(owner, "filter_join_messages", "3")
    move_time(owner, "31 minutes")
    for text in ("One", "Two", "Three", "Four"):
        wrote(alice, thread_id, text)
    held = wrote(alice, thread_id, "hold this")["message_id"]
    moderator.call("staff_decide_message", message_id=held, release=False, reason="A phone number")
    wrote(alice, thread_id, "Last")
    move_time(owner, "29 minutes")
    wrote(alice, thread_id, "Later")
    set_setting(owner, "filter_join_minutes", "5")
    wrote(alice, thread_id, "Last of all")

    joined = [earlier for _, earlier, _ in filter_calls(owner)]
    assert [
        [],
        [],
        ["One"],
        ["One", "Two"],
        ["One", "Two", "Three"],
        ["Two", "Three", "Four"],
        ["Two", "Three", "Four"],
        ["Three", "Four", "Last"],
        ["Later"],
    ] == joined


def test_completed_detail_flags_its_earlier_part(
    owner: Connection, thread_id: str, alice: Actor
) -> None:
    """The completing message is masked. The part that was seen keeps its text and gets the flag."""
    first = wrote(alice, thread_id, "first half")["message_id"]
    wrote(alice, thread_id, "Between")

    second = wrote(alice, thread_id, "second half")

    assert ("mask", "▇▇▇▇") == (second["action"], second["content"])
    row = message_row(owner, first)
    assert ("first half", ["PHONE"], "allow") == tuple(
        row[key] for key in ("content", "reason_codes", "action")
    )
    sealed = sealed_row(owner, first)
    assert sealed is not None
    [finding] = sealed["findings"]
    assert (first, second["message_id"], 0, 10) == tuple(
        finding[key] for key in ("message_id", "completed_by", "start", "end")
    )
    assert [] == message_row(owner, message_of(owner, "Between"))["reason_codes"]
    completing = sealed_row(owner, second["message_id"])
    assert completing is not None
    assert [second["message_id"], first] == [
        found["message_id"] for found in completing["findings"]
    ]


def test_held_completion_flags_for_staff_alone(
    owner: Connection, thread_id: str, alice: Actor, moderator: Actor
) -> None:
    """The change of an earlier message would tell its recipient of the held one."""
    first = wrote(alice, thread_id, "first half")["message_id"]
    before = message_row(owner, first)

    second = wrote(alice, thread_id, "hold second half")["message_id"]

    assert before == message_row(owner, first)
    assert sealed_row(owner, first) is not None
    moderator.call("staff_decide_message", message_id=second, release=True, reason="A fair offer")
    assert ["PHONE"] == message_row(owner, first)["reason_codes"]


def message_of(owner: Connection, content: str) -> Any:
    query = "select id from public.messages where content = %s"
    [(message_id,)] = owner.execute(query, [content]).fetchall()
    return message_id
