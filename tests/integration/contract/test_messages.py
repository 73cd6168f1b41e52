"""Messages through the official clients: the recipient reads and hears what is delivered alone."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from postgrest.exceptions import APIError

from tests.integration.contract.conversation import Conversation, Participant
from tests.integration.contract.embeds import QUERIES
from tests.integration.contract.market import Market
from tests.support.listening import Heard


#: The number in the messages that the filter changes. No id or time contains a piece of it.
NUMBER = "0412 345 678"
PIECES = ("0412 345", "345 678")


@pytest.fixture
def talk(market: Market) -> Iterator[Conversation]:
    """Open a conversation of new people."""
    with Conversation.opened(market.shop) as talk:
        yield talk


@contextlib.asynccontextmanager
async def thread_page(participant: Participant, thread_id: str) -> AsyncIterator[Heard]:
    """Open a page with a thread, the list of own threads, and the bell."""
    bindings = [
        *(
            {"event": event, "table": "messages", "filter": f"thread_id=eq.{thread_id}"}
            for event in ("INSERT", "UPDATE")
        ),
        *(
            {"event": "*", "table": "message_threads", "filter": f"{party}=eq.{participant.id}"}
            for party in ("buyer_id", "seller_id")
        ),
        {"event": "INSERT", "table": "notifications", "filter": f"user_id=eq.{participant.id}"},
    ]
    async with participant.listening(f"thread-{thread_id}", *bindings) as heard:
        yield heard


async def until(heard: Heard, table: str, key: str, value: object) -> list[dict[str, Any]]:
    """Collect changes up to one with this value in its row."""
    changes = []
    while True:
        changes.append(await heard.change())
        if changes[-1]["table"] == table and changes[-1]["record"].get(key) == value:
            return changes


def summary(changes: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(change["type"], change["table"]) for change in changes]


@pytest.mark.anyio
async def test_delivered_message_reaches_its_recipient(talk: Conversation) -> None:
    """The page hears the message, the moved thread and the notification (A9)."""
    thread_id = talk.ask("Is the lid whole?")["thread_id"]

    async with thread_page(talk.seller, thread_id) as heard:
        sent = talk.buyer.write("send_message", thread_id=thread_id, content="And the foot?")
        changes = await until(heard, "notifications", "type", "new_message")

    assert [("INSERT", "messages"), ("UPDATE", "message_threads"), ("INSERT", "notifications")] == (
        summary(changes)
    )
    message = changes[0]["record"]
    assert (sent["message_id"], talk.buyer.id, "And the foot?", "delivered") == tuple(
        message[key] for key in ("id", "sender_id", "content", "delivery")
    )


@pytest.mark.anyio
async def test_held_message_reaches_nobody_until_its_release(talk: Conversation) -> None:
    """No INSERT tells the recipient of it. The release sends an UPDATE with the original."""
    thread_id = talk.ask("Is the lid whole?")["thread_id"]

    async with (
        thread_page(talk.seller, thread_id) as heard,
        thread_page(talk.buyer, thread_id) as own,
    ):
        with talk.holding():
            held = talk.buyer.write("send_message", thread_id=thread_id, content=f"Call {NUMBER}")
        assert "held" == held["delivery"]
        assert talk.decide(held["message_id"], release=True)["success"]
        released = await until(heard, "notifications", "type", "new_message")
        seen = await until(own, "messages", "delivery", "delivered")

    assert [("UPDATE", "message_threads"), ("UPDATE", "messages"), ("INSERT", "notifications")] == (
        sorted(summary(released), key=lambda change: (change[0] == "INSERT", change[1]))
    )
    [message] = [change for change in released if change["table"] == "messages"]
    assert f"Call {NUMBER}" == message["record"]["content"]
    assert ("INSERT", "messages") == summary(seen)[0]
    assert "held" == seen[0]["record"]["delivery"]
    assert NUMBER not in seen[0]["record"]["content"]


@pytest.mark.anyio
async def test_held_question_shows_no_thread(talk: Conversation) -> None:
    """The seller hears of the thread with its first delivered message."""
    async with talk.seller.listening(
        f"user-threads-{talk.seller.id}",
        {"event": "*", "table": "message_threads", "filter": f"seller_id=eq.{talk.seller.id}"},
    ) as heard:
        with talk.holding():
            held = talk.ask(f"Call {NUMBER}")
        assert [] == rows_of(talk.seller, "message_threads")
        other = talk.outsider.write("start_thread", listing_id=talk.listing_id, content="Hello")
        talk.ask("Is the lid whole?")
        changes = [await heard.change(), await heard.change()]

    assert [("INSERT", other["thread_id"]), ("UPDATE", held["thread_id"])] == [
        (change["type"], change["record"]["id"]) for change in changes
    ]


@pytest.mark.anyio
async def test_outsider_hears_and_writes_nothing(talk: Conversation) -> None:
    """A user who joins the channel of another thread receives only the own messages (B8)."""
    thread_id = talk.ask("Is the lid whole?")["thread_id"]

    async with thread_page(talk.outsider, thread_id) as heard:
        talk.seller.write("send_message", thread_id=thread_id, content="It is.")
        refused = talk.outsider.write("send_message", thread_id=thread_id, content="Buy mine")
        own = talk.outsider.write("start_thread", listing_id=talk.listing_id, content="Hello")
        changes = await until(heard, "message_threads", "id", own["thread_id"])

    assert [("INSERT", "message_threads")] == summary(changes)
    assert "RESOURCE_NOT_FOUND" == refused["code"]
    messages, threads = (talk.outsider.client.table(f"message{s}") for s in ("s", "_threads"))
    for request in (
        messages.insert({"thread_id": thread_id, "sender_id": talk.outsider.id, "content": "x"}),
        messages.insert({"thread_id": own["thread_id"], "sender_id": talk.seller.id}),
        messages.update({"content": "x"}).eq("thread_id", own["thread_id"]),
        messages.delete().eq("thread_id", own["thread_id"]),
        threads.insert({"listing_id": talk.listing_id, "buyer_id": talk.outsider.id}),
        threads.update({"seller_id": talk.outsider.id}).eq("id", thread_id),
    ):
        with pytest.raises(APIError) as raised:
            request.execute()
        assert "42501" == raised.value.code
    assert thread_id not in everything_readable(talk, talk.outsider)


@pytest.mark.anyio
async def test_recipient_gets_the_original_on_no_path(talk: Conversation) -> None:
    """Tables, embeds, RPCs, Realtime and notifications have no piece of the original (case 22)."""
    thread_id = talk.ask("Is the lid whole?")["thread_id"]

    async with thread_page(talk.seller, thread_id) as heard:
        masked = talk.buyer.write("send_message", thread_id=thread_id, content=f"Mine: {NUMBER}")
        with talk.holding():
            held = [
                talk.buyer.write("send_message", thread_id=thread_id, content=f"Call {NUMBER}")
                for _ in range(2)
            ]
        talk.decide(held[1]["message_id"], release=False)
        talk.buyer.write("send_message", thread_id=thread_id, content="The last one")
        changes = await until(heard, "messages", "content", "The last one")
        changes.append(await heard.change())

    assert ["mask", "hold", "hold"] == [answer["action"] for answer in (masked, *held)]
    read = everything_readable(talk, talk.seller)
    calls = everything_answered(talk, thread_id, [masked, *held])
    for text in (json.dumps(changes), read, calls, json.dumps([masked, *held])):
        assert [] == [piece for piece in PIECES if piece in text]
    assert "The last one" in read
    assert "The last one" in json.dumps(changes)


def test_recipient_finds_no_piece_by_a_filter(talk: Conversation) -> None:
    """A filter compares with the text that the recipient may read."""
    with talk.holding():
        talk.ask(f"Call {NUMBER}")
    thread_id = talk.ask("Is the lid whole?")["thread_id"]
    talk.buyer.write("send_message", thread_id=thread_id, content=f"Mine: {NUMBER}")

    query = talk.seller.client.table("messages").select("*", count="exact")  # type: ignore[arg-type]  # the library takes the word too
    found = query.like("content", "%345%").execute()
    held = talk.seller.client.table("messages").select("*").neq("delivery", "delivered").execute()

    assert (0, [], []) == (found.count, found.data, held.data)


def test_first_answer_is_repeated(talk: Conversation) -> None:
    """A client that lost the answer sends the same call again."""
    key = "6a2f41a3-c54c-4f0e-8c7a-8d1d3a3f1f10"
    first = talk.buyer.write(
        "start_thread", listing_id=talk.listing_id, content="Hello", client_message_id=key
    )

    again = talk.buyer.write(
        "start_thread", listing_id=talk.listing_id, content="Hello", client_message_id=key
    )

    assert first | {"idempotent": True} == again


def test_call_cannot_be_undone_by_a_filter(talk: Conversation) -> None:
    """A filter on the answer could undo the call, once its caller knows the verdict."""
    arguments = {
        "listing_id": talk.listing_id,
        "content": "Hello",
        "client_message_id": "6a2f41a3-c54c-4f0e-8c7a-8d1d3a3f1f11",
    }
    with pytest.raises(APIError, match="FILTER_REFUSED"):
        talk.buyer.client.rpc("start_thread", arguments).eq(
            "pgrst_scalar->>action", "mask"
        ).execute()

    assert [] == rows_of(talk.buyer, "message_threads")


def test_staff_read_nothing_without_an_audit(talk: Conversation) -> None:
    """A filter that fails for one original only would reveal it, and undo the audit."""
    question = talk.ask(f"Mine: {NUMBER}")
    talk.shop.db.execute(
        "update public.users set role = 'moderator' where id = %s", [talk.outsider.id]
    )
    subject = {"message_id": question["message_id"], "reason": "The review queue"}
    path = "rpc/staff_read_message"

    with talk.shop.setting("require_staff_aal2", value=False):
        refused = talk.outsider.post(f"{path}?pgrst_scalar->>original=like.Mine%5C", subject)
        answer = talk.outsider.post(path, subject).json()

    assert (400, "FILTER_REFUSED") == (refused.status_code, refused.json()["message"])
    assert f"Mine: {NUMBER}" == answer["original"]


def rows_of(participant: Participant, table: str) -> list[Any]:
    """Return all rows of a table that a person may read."""
    rows: Any = participant.client.table(table).select("*").execute().data
    return list(rows)


def everything_readable(talk: Conversation, reader: Participant) -> str:
    """Return as one text all columns of all tables, and all embeds of the web app."""
    tables = talk.shop.db.execute(
        """
        select relname::text from pg_catalog.pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'p')
        """
    ).fetchall()
    selects = [(str(table), "*") for (table,) in tables]
    selects += [(query.table, query.select) for query in QUERIES.values()]
    selects += [
        ("message_threads", "*,messages(*,sender:public_profiles!messages_sender_id_fkey(*))"),
        ("listings", "id,message_threads(*,messages(*))"),
        ("orders", "*,message_threads(*,messages(*))"),
    ]
    read = []
    for table, select in selects:
        with contextlib.suppress(APIError):
            read.append(reader.client.table(table).select(select).execute().data)
    return json.dumps(read)


def everything_answered(talk: Conversation, thread_id: str, messages: list[dict[str, Any]]) -> str:
    """Return as one text the answers of the seller's calls about messages of the buyer."""
    answers: list[Any] = []
    for message in messages:
        subject = {"message_id": message["message_id"], "reason": "I want to know it"}
        for function, more in (
            ("staff_read_message", {}),
            ("staff_decide_message", {"release": True}),
        ):
            with pytest.raises(APIError, match="FORBIDDEN") as raised:
                talk.seller.client.rpc(function, subject | more).execute()
            answers.append(str(raised.value))
    answers += [
        talk.seller.write("send_message", thread_id=thread_id, content="What did you say?"),
        talk.seller.client.rpc("mark_thread_read", {"thread_id": thread_id}).execute().data,
    ]
    return json.dumps(answers)
