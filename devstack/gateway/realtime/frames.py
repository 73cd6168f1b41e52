"""The frames of a WebSocket: JSON objects in protocol 1.0.0; arrays and binary frames in 2.0.0."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn


#: The kinds of binary frames: a client's broadcast, and the server's.
CLIENT_BROADCAST = 3
SERVER_BROADCAST = 4
#: The encodings of the payload in a binary frame.
BINARY, JSON = 0, 1
#: The length of a field in a binary frame is one byte.
MAX_FIELD_BYTES = 255


class FrameError(ValueError):
    """Data that is not a frame of the protocol."""


class Version(StrEnum):
    """The version of the protocol, which a client names as `vsn`."""

    V1 = "1.0.0"
    V2 = "2.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame that a client sent."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class UserBroadcast:
    """A broadcast. Its payload is JSON text, or bytes, which only 2.0.0 can carry."""

    event: str
    payload: str | bytes
    meta: Mapping[str, Any] | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A message to clients; `payload` is JSON text.

    It is encoded at most once for each version, however many clients it goes to.
    """

    topic: str
    event: str
    payload: str = "{}"
    ref: str | None = None
    join_ref: str | None = None
    broadcast: UserBroadcast | None = None
    _frames: dict[Version, str | bytes | None] = field(default_factory=dict, init=False)

    def encoded(self, version: Version) -> str | bytes | None:
        """Return the message's frame, or None if `version` cannot carry the payload."""
        if version not in self._frames:
            encode = self._encode_v1 if version is Version.V1 else self._encode_v2
            self._frames[version] = encode()
        return self._frames[version]

    @property
    def message_id(self) -> str | None:
        """Return the id of the broadcast's row in realtime.messages, if it has one."""
        meta = self.broadcast.meta if self.broadcast is not None else None
        return None if meta is None else meta.get("id")

    def _encode_v1(self) -> str | None:
        if self.broadcast is not None and isinstance(self.broadcast.payload, bytes):
            return None
        # Python's client drops a frame without the key `ref`.
        topic, event, ref = dump(self.topic), dump(self.event), dump(self.ref)
        return f'{{"topic":{topic},"event":{event},"payload":{self._json_payload()},"ref":{ref}}}'

    def _encode_v2(self) -> str | bytes | None:
        """Return an array, or a binary frame for a broadcast that fits one."""
        if self.broadcast is not None:
            binary = _binary_broadcast(self.topic, self.broadcast)
            if binary is not None or isinstance(self.broadcast.payload, bytes):
                return binary
        head = ",".join(dump(part) for part in (self.join_ref, self.ref, self.topic, self.event))
        return f"[{head},{self._json_payload()}]"

    def _json_payload(self) -> str:
        if self.broadcast is None:
            return self.payload
        meta = f',"meta":{dump(self.broadcast.meta)}' if self.broadcast.meta else ""
        event = dump(self.broadcast.event)
        return f'{{"type":"broadcast","event":{event},"payload":{self.broadcast.payload!s}{meta}}}'


def broadcast(topic: str, content: UserBroadcast) -> Message:
    """Return the message that carries a broadcast."""
    return Message(topic=topic, event="broadcast", broadcast=content)


def reply(
    frame: Frame, response: Mapping[str, Any], *, join_ref: str | None, is_ok: bool
) -> Message:
    """Return the reply to a client's frame, which repeats the frame's reference."""
    return Message(
        topic=frame.topic,
        event="phx_reply",
        payload=dump({"status": "ok" if is_ok else "error", "response": response}),
        ref=frame.ref,
        join_ref=join_ref,
    )


def dump(value: Any) -> str:
    """Return compact JSON in ASCII, because a socket cannot carry half of a surrogate pair."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def parse(data: str | bytes, version: Version) -> Frame:
    """Read a client's frame. Raises: FrameError."""
    if isinstance(data, str):
        value = parse_json(data)
        return _from_object(value) if version is Version.V1 else _from_array(value)
    if version is Version.V1:
        raise FrameError("1.0.0 has no binary frames")
    try:
        return _parse_binary(data)
    except (UnicodeDecodeError, IndexError) as error:
        raise FrameError(f"not a frame: {error}") from error


def parse_json(data: str | bytes) -> Any:
    """Read JSON that can be written again. Raises: FrameError."""
    try:
        value = json.loads(data, parse_constant=_refuse_constant)
        # A number out of range is read as infinity, which JSON cannot write.
        dump(value)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"no JSON: {error}") from error
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise FrameError(f"{name} is no JSON")


def _from_object(value: Any) -> Frame:
    if not isinstance(value, dict):
        raise FrameError("a frame of 1.0.0 is an object")
    return _frame(
        value.get("join_ref"),
        value.get("ref"),
        value.get("topic"),
        value.get("event"),
        value.get("payload"),
    )


def _from_array(value: Any) -> Frame:
    if not isinstance(value, list) or len(value) != 5:  # noqa: PLR2004 -- the fields of a Frame
        raise FrameError("a frame of 2.0.0 is an array of five")
    return _frame(*value)


def _frame(join_ref: Any, ref: Any, topic: Any, event: Any, payload: Any) -> Frame:
    if not isinstance(topic, str) or not isinstance(event, str):
        raise FrameError("a frame names its topic and its event")
    if not topic.isprintable():
        raise FrameError("a topic is printable text")
    return Frame(
        join_ref=_reference(join_ref),
        ref=_reference(ref),
        topic=topic,
        event=event,
        payload={} if payload is None else payload,
    )


def _reference(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise FrameError("a reference is a string")
    return str(value)


def _parse_binary(data: bytes) -> Frame:
    if data[0] != CLIENT_BROADCAST:
        raise FrameError(f"kind {data[0]} is not served")
    lengths, encoding, start = data[1:6], data[6], 7
    fields: list[str] = []
    for length in lengths:
        fields.append(data[start : start + length].decode())
        start += length
    if start > len(data):
        raise FrameError("a binary frame is shorter than it says")
    join_ref, ref, topic, event, metadata = fields
    body = data[start:]
    payload: Any = body
    if encoding == JSON:
        payload = parse_json(body)
    if metadata:
        parse_json(metadata)
    return Frame(
        join_ref=join_ref or None,
        ref=ref or None,
        topic=topic,
        event="broadcast",
        payload={"type": "broadcast", "event": event, "payload": payload},
    )


def _binary_broadcast(topic: str, content: UserBroadcast) -> bytes | None:
    is_json = isinstance(content.payload, str)
    meta = dump(content.meta) if content.meta else ""
    try:
        fields = [text.encode() for text in (topic, content.event, meta)]
    except UnicodeEncodeError:
        # Only the text form can escape half of a surrogate pair in an event's name.
        return None
    if max(map(len, fields)) > MAX_FIELD_BYTES:
        return None
    body = content.payload.encode() if isinstance(content.payload, str) else content.payload
    head = bytes([SERVER_BROADCAST, *map(len, fields), JSON if is_json else BINARY])
    return head + b"".join(fields) + body
