"""Realtime answers any frame, or closes that socket with a code.

Nothing may make the server err: that would show as 1011 on the connection, or as `phx_error` on a
channel. Afterwards a healthy client joins, and hears a change.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.support.fuzzing import fuzzed
from tests.support.gateways import Gateway
from tests.support.waits import ANSWER_S
from tests.support.wires import binary, join_frame, wire


#: The server closes a socket with these codes, for a broken or a too large frame.
REFUSALS = {1007, 1008, 1009}

#: Values for each slot, besides the right ones.
SQL = (
    "'; drop table public.notes; --",
    '"; drop table public.notes; --',
    "1) or 1=1 --",
    "$1",
    "%s",
    "{0}",
    "\x00",
    "\ud800",
    "public.notes",
    "pg_catalog",
)
DEEP: Any = json.loads("[" * 500 + "]" * 500)
TEXTS = st.one_of(st.sampled_from(SQL), st.text(max_size=30))
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
        st.just(DEEP),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)
EVENTS = ("phx_join", "phx_leave", "access_token", "broadcast", "presence", "heartbeat", "nothing")
OPERATORS = ("eq", "in", "like", "match", "is", "isdistinct", "not.eq", "not.in", "gt", "between")
COLUMNS = ("id", "title", "price", "details", "owner_id", "tags", "seen_at", "ctid", "nothing")


def slot(*usual: Any) -> st.SearchStrategy[Any]:
    """Return the right value of a slot, or any other."""
    return st.one_of(st.sampled_from(usual), VALUES)


@st.composite
def filters(draw: st.DrawFn) -> str:
    """Return the text of a filter, or a similar one."""
    parts = draw(
        st.lists(
            st.tuples(
                st.one_of(st.sampled_from(COLUMNS), TEXTS),
                st.one_of(st.sampled_from(OPERATORS), TEXTS),
                st.one_of(st.sampled_from(("(1,2)", "1", "null", '"a,b"', "(", '"')), TEXTS),
            ),
            max_size=3,
        )
    )
    return ",".join(f"{column}={operator}.{value}" for column, operator, value in parts)


BINDINGS = st.fixed_dictionaries(
    {},
    optional={
        "event": slot("*", "INSERT"),
        "schema": slot("public", "*"),
        "table": slot("things", "notes", "*"),
        "filter": st.one_of(filters(), VALUES),
        "select": slot(["id"], ["title"], []),
    },
)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "private": slot("true", "false", 1) | st.booleans(),
        "broadcast": slot(
            {"self": True, "ack": True, "replay": {"since": -(2**60), "limit": 3}},
            {"replay": {"since": 0}},
        ),
        "presence": slot({"key": "k", "enabled": True}, {"key": 1, "enabled": "true"}),
        "postgres_changes": st.one_of(st.lists(BINDINGS, max_size=3), VALUES),
        "postgres_changes_options": slot({"wait": True, "timeout": -1}),
    },
)
PAYLOADS = st.one_of(
    st.fixed_dictionaries(
        {"config": st.one_of(CONFIGS, VALUES)},
        optional={"access_token": slot("sb_x", "a.b.c"), "user_token": VALUES},
    ),
    st.fixed_dictionaries(
        {}, optional={"type": VALUES, "event": slot("track", "untrack", "e"), "payload": VALUES}
    ),
    VALUES,
)


class Conversation:
    """The frames that one socket sends and receives."""

    def __init__(self, socket: Connection, vsn: str) -> None:
        self._socket = socket
        self._vsn = vsn

    def send_all(self, *frames: Any) -> bool:
        """Send all frames; return true if the server still answers and has not failed."""
        try:
            for frame in frames:
                self._socket.send(frame if isinstance(frame, str | bytes) else self._text(frame))
            self._socket.send(self._text([None, "alive", "phoenix", "heartbeat", {}]))
            while self._receive_reply()[0] != "alive":
                pass
        except ConnectionClosed:
            assert self._socket.close_code in REFUSALS
            return False
        return True

    def leave(self, join: list[Any]) -> None:
        """Leave the topic of a join; Realtime has then answered every earlier frame on it."""
        self._socket.send(self._text([None, "left", join[2], "phx_leave", {}]))
        while self._receive_reply() != ("left", "ok"):
            pass

    def _receive_reply(self) -> tuple[str | None, str]:
        """Return the reference and status of the next reply."""
        frame = self._socket.recv(ANSWER_S)
        if isinstance(frame, bytes):
            return None, "broadcast"
        value = json.loads(frame)
        if self._vsn == "1.0.0":
            value = [None, *(value[key] for key in ("ref", "topic", "event", "payload"))]
        _, ref, _, event, payload = value
        assert "phx_error" != event
        return ref, payload["status"] if event == "phx_reply" else event

    def _text(self, frame: list[Any]) -> str:
        names = ("join_ref", "ref", "topic", "event", "payload")
        is_old = self._vsn == "1.0.0"
        return json.dumps(dict(zip(names, frame, strict=True)) if is_old else frame)


@contextlib.contextmanager
def conversation(gateway: Gateway, vsn: str = "2.0.0") -> Iterator[Conversation]:
    key = gateway.keys.publishable_key
    url = f"{gateway.socket_url}/websocket?apikey={key}&vsn={vsn}"
    with connect(url, compression=None, max_size=None, open_timeout=ANSWER_S) as socket:
        yield Conversation(socket, vsn)


@pytest.fixture(scope="module")
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    url = f"{gateway.url}/realtime/v1/api"
    headers = {"apikey": gateway.keys.publishable_key}
    with httpx.Client(base_url=url, headers=headers, timeout=ANSWER_S) as client:
        yield client


@fuzzed(20)
@given(data=st.one_of(st.binary(max_size=300), TEXTS, VALUES.map(json.dumps)))
@example(data="")
@example(data=b"")
@example(data=b"\x03")
@example(data=json.dumps(DEEP))
def test_any_frame_is_answered_or_ends_its_socket(gateway: Gateway, data: str | bytes) -> None:
    """Realtime answers any bytes and text in both versions, or closes the socket."""
    frame = data if isinstance(data, bytes) else data.encode("utf-8", "ignore").decode()
    for vsn in ("1.0.0", "2.0.0"):
        with conversation(gateway, vsn) as talk:
            talk.send_all(frame)


@fuzzed(20)
@given(
    join_ref=slot("1", None),
    ref=slot("2", None),
    topic=slot("realtime:fuzz", "phoenix", "realtime:"),
    event=slot(*EVENTS),
    payload=PAYLOADS,
)
def test_anything_in_any_slot_is_answered_or_ends_its_socket(
    gateway: Gateway, join_ref: Any, ref: Any, topic: Any, event: Any, payload: Any
) -> None:
    """Realtime answers any value in any slot of a frame, before and after a join."""
    frame = [join_ref, ref, topic, event, payload]
    with conversation(gateway, "1.0.0") as talk:
        talk.send_all(frame)
    join = ["1", "1", "realtime:fuzz", "phx_join", {"config": {"presence": {"enabled": True}}}]
    with conversation(gateway) as talk:
        if talk.send_all(join, frame):
            talk.leave(join)


@fuzzed(20)
@given(payload=PAYLOADS, name=st.sampled_from(("fuzz", "room:fuzz", "auction:fuzz")))
@example(payload={"config": {"postgres_changes": [{"table": "\x00"}]}}, name="fuzz")
@example(payload={"config": {"postgres_changes": [{"table": "\ud800"}]}}, name="fuzz")
@example(
    payload={
        "config": {
            "postgres_changes": [
                {"schema": "public", "table": "things", "filter": "title=eq.\x00"},
                {"schema": "public", "table": "things", "filter": "title=eq.\ud800"},
                {"schema": "public", "table": "things", "filter": "seen_at=eq.infinity"},
                {"schema": "public", "table": "things", "select": ["\x00"]},
            ]
        }
    },
    name="fuzz",
)
def test_any_join_is_answered(gateway: Gateway, payload: Any, name: str) -> None:
    """Realtime accepts or refuses any join."""
    join = ["1", "1", f"realtime:{name}", "phx_join", payload]
    with conversation(gateway) as talk:
        assert talk.send_all(join)
        talk.leave(join)


@fuzzed(20)
@given(
    event=st.sampled_from(("broadcast", "presence", "access_token")),
    payload=PAYLOADS,
    name=st.sampled_from(("fuzz", "auction:fuzz")),
)
def test_anything_may_be_sent_on_a_channel(
    gateway: Gateway, event: str, payload: Any, name: str
) -> None:
    """Realtime answers any frame on a channel, even on one without permission to send."""
    config = {
        "broadcast": {"ack": True, "self": True},
        "presence": {"enabled": True},
        "private": name != "fuzz",
    }
    join = ["1", "1", f"realtime:{name}", "phx_join", {"config": config}]
    with conversation(gateway) as talk:
        assert talk.send_all(join, ["1", "2", join[2], event, payload])
        talk.leave(join)


@fuzzed(20)
@given(fields=st.lists(st.text(max_size=20), min_size=5, max_size=5), encoding=st.integers(0, 255))
def test_any_binary_broadcast_is_answered_or_ends_its_socket(
    gateway: Gateway, fields: list[str], encoding: int
) -> None:
    """Realtime answers a binary broadcast with any fields, or closes the socket."""
    join = ["1", "1", "realtime:fuzz", "phx_join", {"config": {"broadcast": {"self": True}}}]
    texts = [text.encode("utf-8", "ignore").decode() for text in fields]
    with conversation(gateway) as talk:
        talk.send_all(join, binary(*texts, encoding=encoding, payload=texts[0].encode()))


@pytest.mark.parametrize("path", ["", "/t/events/e", "/%00/events/%00", "/t/events/e?private=true"])
@fuzzed(20)
@given(body=st.one_of(st.binary(max_size=100), VALUES))
def test_any_body_over_http_is_taken_or_refused(http: httpx.Client, path: str, body: Any) -> None:
    """Realtime accepts or refuses any body over HTTP, and never answers 5xx."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    answer = http.post(f"/broadcast{path}", content=content)

    assert answer.status_code == 202 or 400 <= answer.status_code < 500


@pytest.mark.anyio
async def test_a_healthy_client_is_served_after_all_that(
    owner: psycopg.Connection, gateway: Gateway, numbers: Iterator[int]
) -> None:
    """A healthy client joins and gets a change after all these frames."""
    id_ = next(numbers)
    async with wire(gateway) as client:
        binding = {"schema": "public", "table": "notes"}
        await client.send(join_frame("1", "healthy", postgres_changes=[binding]))
        assert "ok" == (await client.receive())[4]["status"]
        assert "Subscribed to PostgreSQL" == (await client.receive())[4]["message"]

        owner.execute("insert into notes values (%s)", [id_])

        assert id_ == (await client.receive())[4]["data"]["record"]["id"]
