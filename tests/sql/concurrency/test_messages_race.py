"""Messages meet each other, the close of the auction and staff on other connections."""

from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned
from tests.sql.concurrency.crowd import OnOwnConnection, Waits, at_once, under_way
from tests.sql.writing import (
    filter_calls,
    listing_of,
    message_row,
    messages_of,
    new_thread,
    script_filter,
    wrote,
)


@pytest.fixture
def listing_id(owner: Connection, auction_id: UUID) -> UUID:
    """Create a listing, with the scripted filter."""
    script_filter(owner)
    listing_id = listing_of(owner, auction_id)
    owner.commit()
    return listing_id


@pytest.fixture
def thread_id(owner: Connection, listing_id: UUID, alice: Actor) -> str:
    """Let Alice ask about the listing."""
    thread_id = new_thread(alice, listing_id, "A question")["thread_id"]
    owner.commit()
    return str(thread_id)


@pytest.fixture
def other_listing(owner: Connection, seller: Actor) -> UUID:
    """Create a second listing of the same seller."""
    other = listing_of(owner, auctioned(seller))
    owner.commit()
    return other


def count(owner: Connection) -> int:
    [(messages,)] = owner.execute("select count(*) from public.messages").fetchall()
    assert isinstance(messages, int)
    return messages


def begin(owner: Connection) -> None:
    """Begin a transaction, so that the next call of an actor stays under way until a commit."""
    owner.execute("select")


def test_copies_of_a_call_send_one_message(
    owner: Connection,
    listing_id: UUID,
    thread_id: str,
    alice: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """Parallel copies of a call send one message and get one answer, in both functions."""
    people = [on_own_connection(alice) for _ in range(4)]
    for call in (partial(new_thread, listing_id=listing_id), partial(wrote, thread_id=thread_id)):
        before, message_id = count(owner), uuid4()
        owner.commit()

        answers = at_once([partial(call, one, client_message_id=message_id) for one in people])

        assert 1 == count(owner) - before
        assert [False, True, True, True] == sorted(answer["idempotent"] for answer in answers)
        assert 1 == len({answer["message_id"] for answer in answers})


def test_one_of_two_calls_keeps_the_id(
    owner: Connection,
    thread_id: str,
    other_listing: UUID,
    alice: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """Two calls about different things with one id, at once: one of them sends."""
    first, second, third = (on_own_connection(alice) for _ in range(3))
    other_thread = new_thread(alice, other_listing)["thread_id"]
    before, message_id = count(owner), uuid4()
    owner.commit()

    answers = at_once(
        [
            partial(wrote, first, thread_id, client_message_id=message_id),
            partial(wrote, second, other_thread, client_message_id=message_id),
            partial(new_thread, third, other_listing, client_message_id=message_id),
        ]
    )

    assert 1 == count(owner) - before
    assert [None, "REQUEST_ID_REUSED", "REQUEST_ID_REUSED"] == sorted(
        (answer.get("code") for answer in answers), key=str
    )


def test_split_detail_is_joined_although_sent_at_once(
    owner: Connection,
    thread_id: str,
    other_listing: UUID,
    alice: Actor,
    *,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """The second half of a detail waits for the first, in another thread of the pair."""
    other_tab = on_own_connection(alice)

    begin(owner)
    first = new_thread(alice, other_listing, "first half")
    with under_way(
        partial(watcher, other_tab), partial(wrote, other_tab, thread_id, "second half")
    ) as second:
        owner.commit()

    assert ("mask", "▇▇▇▇") == (second.result()["action"], second.result()["content"])
    assert ("second half", ["A question", "first half"], "strict") == filter_calls(owner)[-1]
    rows = [message_row(owner, one["message_id"]) for one in (first, second.result())]
    assert rows[0]["created_at"] < rows[1]["created_at"]


def test_messages_to_others_do_not_wait(
    owner: Connection,
    listing_id: UUID,
    other_listing: UUID,
    *,
    alice: Actor,
    bob: Actor,
    seller: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """A message under way delays neither another sender nor the other direction."""
    other_thread = new_thread(alice, other_listing)["thread_id"]
    owner.commit()
    people = [on_own_connection(person) for person in (bob, seller)]

    begin(owner)
    new_thread(alice, listing_id, "Under way")
    answers = [new_thread(people[0], listing_id), wrote(people[1], other_thread)]
    owner.commit()

    assert [True, True] == [answer["success"] for answer in answers]


def test_close_meets_a_first_question(
    owner: Connection,
    auction_id: UUID,
    listing_id: UUID,
    alice: Actor,
    *,
    service: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """The close waits for the new thread and links it."""
    closer = on_own_connection(service)
    alice.call("place_bid", auction_id=auction_id, amount_cents=2000)
    owner.commit()

    begin(owner)
    thread_id = new_thread(alice, listing_id, "hold this")["thread_id"]
    with under_way(
        partial(watcher, closer),
        partial(closer.call, "end_auction", auction_id=auction_id, force=True),
    ) as closed:
        owner.commit()

    order_id = closed.result()["order_id"]
    query = "select id::text, order_id::text, is_visible_to_seller from public.message_threads"
    assert [(thread_id, order_id, True)] == owner.execute(query).fetchall()


def test_first_question_meets_a_close(
    owner: Connection,
    auction_id: UUID,
    listing_id: UUID,
    alice: Actor,
    *,
    service: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A question waits for the thread that the close opens, and is written there."""
    browser = on_own_connection(alice)
    alice.call("place_bid", auction_id=auction_id, amount_cents=2000)
    owner.commit()

    begin(owner)
    order = service.call("end_auction", auction_id=auction_id, force=True)
    with under_way(partial(watcher, browser), partial(new_thread, browser, listing_id)) as answer:
        owner.commit()

    query = "select id::text, order_id::text from public.message_threads"
    assert [(answer.result()["thread_id"], order["order_id"])] == owner.execute(query).fetchall()


def test_chat_of_a_crowd_keeps_its_order(
    owner: Connection,
    thread_id: str,
    alice: Actor,
    seller: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """Parallel writes and reads lose no message, and the thread has the last time."""

    def chat(actor: Actor) -> list[Any]:
        answers = []
        for n in range(10):
            answers.append(wrote(actor, thread_id, ("first half", "second half")[n % 2]))
            actor.call("mark_thread_read", thread_id=thread_id)
        return answers

    people = [on_own_connection(person) for person in (alice, seller) * 2]
    answers = at_once([partial(chat, person) for person in people])

    assert all(answer["success"] for chat_ in answers for answer in chat_)
    assert 41 == count(owner)
    query = """
      select max(message.created_at) = max(thread.last_message_at)
      from public.messages as message join public.message_threads as thread on true
    """
    assert [(True,)] == owner.execute(query).fetchall()


def test_decision_waits_for_a_message_of_the_pair(
    owner: Connection,
    thread_id: str,
    other_listing: UUID,
    alice: Actor,
    *,
    moderator: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A new message may complete the held one, also in another thread, and then changes it."""
    held = wrote(alice, thread_id, "hold this")["message_id"]
    owner.commit()
    staff = on_own_connection(moderator)

    begin(owner)
    new_thread(alice, other_listing, "Under way")
    with under_way(
        partial(watcher, staff),
        partial(
            staff.call,
            "staff_decide_message",
            message_id=held,
            release=True,
            reason="The review queue",
        ),
    ) as decision:
        owner.commit()

    assert decision.result()["success"]


def test_two_releases_in_a_thread_do_not_deadlock(
    owner: Connection,
    thread_id: str,
    alice: Actor,
    *,
    moderator: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """One message completes the detail of the other, so its release changes both."""
    first = wrote(alice, thread_id, "first half")["message_id"]
    second = wrote(alice, thread_id, "hold second half")["message_id"]
    owner.execute("update public.messages set action = 'hold', delivery = 'held'")
    owner.commit()
    people = [on_own_connection(moderator) for _ in range(2)]

    def release(person: Actor, message_id: str) -> Any:
        return person.call(
            "staff_decide_message",
            message_id=message_id,
            release=True,
            reason="The review queue",
        )

    owner.execute("select from public.message_threads for update")
    with (
        under_way(partial(watcher, people[0]), partial(release, people[0], second)) as later,
        under_way(partial(watcher, people[1]), partial(release, people[1], first)) as earlier,
    ):
        owner.commit()

    assert later.result() == earlier.result() == {"success": True, "delivery": "delivered"}
    assert ["PHONE"] == message_row(owner, first)["reason_codes"]


@pytest.mark.parametrize("releases", [(True, False), (False, True), (True, True)])
def test_staff_decide_once(
    owner: Connection,
    thread_id: str,
    alice: Actor,
    *,
    seller: Actor,
    moderator: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
    releases: tuple[bool, bool],
) -> None:
    """A second decision waits for the first, and repeats it or is refused."""
    held = wrote(alice, thread_id, "hold this")["message_id"]
    owner.commit()
    colleague = on_own_connection(moderator)
    decision = {"message_id": held, "reason": "The review queue"}

    begin(owner)
    first = moderator.call("staff_decide_message", release=releases[0], **decision)
    with under_way(
        partial(watcher, colleague),
        partial(colleague.call, "staff_decide_message", release=releases[1], **decision),
    ) as second:
        owner.commit()

    assert first["success"]
    assert (releases[0] == releases[1]) == second.result()["success"]
    assert 1 + releases[0] == len(messages_of(seller))
