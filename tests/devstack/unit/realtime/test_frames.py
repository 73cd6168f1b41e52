"""Frames of both protocol versions, in text and in binary."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.realtime.frames import (
    Frame,
    FrameError,
    Message,
    UserBroadcast,
    Version,
    broadcast,
    parse,
)


JOIN = Frame(join_ref="1", ref="2", topic="realtime:w", event="phx_join", payload={"config": {}})


def binary_frame(*fields: str, encoding: int, payload: bytes, kind: int = 3) -> bytes:
    """Build a client's broadcast from join_ref, ref, topic, event and metadata."""
    texts = [field.encode() for field in fields]
    return bytes([kind, *map(len, texts), encoding]) + b"".join(texts) + payload


def test_version_1_is_an_object() -> None:
    """A frame of version 1 is an object with its keys in any order."""
    text = (
        '{"event":"phx_join","payload":{"config":{}},"topic":"realtime:w","ref":"2","join_ref":"1"}'
    )

    assert JOIN == parse(text, Version.V1)


def test_version_2_is_an_array() -> None:
    """A frame of version 2 is an array with its fields in order."""
    assert JOIN == parse('["1","2","realtime:w","phx_join",{"config":{}}]', Version.V2)


def test_a_heartbeat_may_have_no_reference() -> None:
    """Python's client sends a heartbeat with a null reference."""
    text = '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":null,"join_ref":null}'

    assert parse(text, Version.V1).ref is None


def test_a_binary_broadcast_carries_json() -> None:
    """JavaScript's client sends each broadcast as a binary frame with JSON."""
    data = binary_frame("1", "7", "realtime:w", "grüß", "", encoding=1, payload=b'{"a":[1]}')

    frame = parse(data, Version.V2)

    assert ("1", "7", "realtime:w", "broadcast") == (
        frame.join_ref,
        frame.ref,
        frame.topic,
        frame.event,
    )
    assert {"type": "broadcast", "event": "grüß", "payload": {"a": [1]}} == frame.payload


def test_a_binary_broadcast_carries_bytes() -> None:
    """A binary frame keeps a payload of bytes."""
    data = binary_frame("1", "7", "realtime:w", "e", "", encoding=0, payload=b"\x00\xff")

    assert b"\x00\xff" == parse(data, Version.V2).payload["payload"]


@pytest.mark.parametrize(
    "data",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"topic":1,"event":"x","payload":{}}',
        '{"topic":"t","event":"x","payload":NaN}',
        '{"topic":"t","event":"x","payload":1e999}',
        '{"topic":"t\\ud800","event":"x","payload":{}}',
        '{"topic":"t","event":"x","ref":{}}',
        "[" * 100_000,
        b"",
        b"\x03",
        b"\x03\x01\x01\x09",
        b"\x09" * 40,
    ],
)
@pytest.mark.parametrize("version", Version)
def test_a_broken_frame_is_refused(data: str | bytes, version: Version) -> None:
    """The parser returns a frame or raises this one error."""
    with pytest.raises(FrameError):
        parse(data, version)


@given(data=st.binary(max_size=60).map(lambda tail: b"\x03" + tail))
def test_no_binary_breaks_the_parser(data: bytes) -> None:
    """The parser returns a frame or a refusal for any bytes."""
    try:
        frame = parse(data, Version.V2)
    except FrameError:
        return
    assert "broadcast" == frame.event


@given(text=st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    """The parser returns a frame or a refusal for any text."""
    for version in Version:
        with pytest.raises(FrameError):
            parse(text, version)


def test_a_push_to_version_1_has_a_null_reference() -> None:
    """Python's client drops a frame without the key `ref`."""
    message = Message(topic="realtime:w", event="system", payload='{"status":"ok"}')

    assert {
        "topic": "realtime:w",
        "event": "system",
        "payload": {"status": "ok"},
        "ref": None,
    } == json.loads(message.encoded(Version.V1) or "")


def test_a_reply_to_version_2_names_the_join() -> None:
    """JavaScript's client drops a reply to an earlier join of the topic."""
    message = Message(topic="realtime:w", event="phx_reply", ref="2", join_ref="1")

    assert ["1", "2", "realtime:w", "phx_reply", {}] == json.loads(
        message.encoded(Version.V2) or ""
    )


def test_a_broadcast_to_version_1_is_an_object() -> None:
    """A broadcast to version 1 is an object whose payload repeats the type."""
    content = UserBroadcast(event="e", payload='{"a":1}', meta={"id": "x"})

    assert {
        "topic": "realtime:w",
        "event": "broadcast",
        "payload": {"type": "broadcast", "event": "e", "payload": {"a": 1}, "meta": {"id": "x"}},
        "ref": None,
    } == json.loads(broadcast("realtime:w", content).encoded(Version.V1) or "")


def test_a_broadcast_to_version_2_is_binary() -> None:
    """A broadcast to version 2 has kind 4, then the lengths, the texts and the payload."""
    content = UserBroadcast(event="e", payload='{"a":1}')

    expected = bytes([4, 10, 1, 0, 1]) + b'realtime:we{"a":1}'
    assert expected == broadcast("realtime:w", content).encoded(Version.V2)


def test_bytes_do_not_reach_version_1() -> None:
    """A broadcast of bytes does not reach version 1, which cannot express them."""
    message = broadcast("realtime:w", UserBroadcast(event="e", payload=b"\x00"))

    assert message.encoded(Version.V1) is None
    assert bytes([4, 10, 1, 0, 0]) + b"realtime:we\x00" == message.encoded(Version.V2)


@pytest.mark.parametrize("event", ["e" * 300, "\ud800"])
def test_a_broadcast_that_no_binary_frame_holds_is_text(event: str) -> None:
    """A broadcast is text if its event's name is too long for a byte, or has half a character."""
    message = broadcast("realtime:w", UserBroadcast(event=event, payload="{}"))

    frame = message.encoded(Version.V2)

    assert isinstance(frame, str)
    assert frame.isascii()
    assert event == json.loads(frame)[4]["event"]
