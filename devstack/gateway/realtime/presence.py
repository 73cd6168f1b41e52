"""Presence: who says of itself that it is on a topic, and with what."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.gateway.realtime.frames import Message, dump
from devstack.gateway.realtime.pubsub import PREFIX, Topic


#: So many calls are a client's in a window of time; one more closes its channel.
MAX_CALLS, WINDOW_S = 5, 30

Metas = dict[str, list[dict[str, Any]]]


@dataclass(slots=True, kw_only=True)
class Presence:
    """Everybody who is present, by topic, then by the channel that said so."""

    _topics: dict[Topic, dict[int, tuple[str, dict[str, Any]]]] = field(default_factory=dict)

    def track(self, topic: Topic, member: object, key: str, state: Mapping[str, Any]) -> Message:
        """Note a member's state, in place of an older one; return what to tell the others."""
        present = self._topics.setdefault(topic, {})
        before = present.get(id(member))
        meta = {**state, "phx_ref": secrets.token_urlsafe(12)}
        leaves: Metas = {}
        if before is not None:
            meta["phx_ref_prev"] = before[1]["phx_ref"]
            leaves = {before[0]: [before[1]]}
        present[id(member)] = (key, meta)
        return _diff(topic, {key: [meta]}, leaves)

    def untrack(self, topic: Topic, member: object) -> Message | None:
        """Forget a member; return what to tell the others, if it was present at all."""
        present = self._topics.get(topic, {})
        before = present.pop(id(member), None)
        if topic in self._topics and not present:
            del self._topics[topic]
        return None if before is None else _diff(topic, {}, {before[0]: [before[1]]})

    def state(self, topic: Topic) -> Message:
        """Return the message that tells a newcomer who is there."""
        metas: Metas = {}
        for key, meta in self._topics.get(topic, {}).values():
            metas.setdefault(key, []).append(meta)
        return Message(
            topic=PREFIX + topic.name, event="presence_state", payload=dump(_entries(metas))
        )


@dataclass(slots=True)
class CallLimit:
    """The rate limit of one channel's presence messages."""

    _calls: int = 0
    _ends_at: float = 0

    def allows_one_more(self) -> bool:
        """Count a call; say whether there were not too many."""
        now = time.monotonic()
        if now > self._ends_at:
            self._calls, self._ends_at = 0, now + WINDOW_S
        self._calls += 1
        return self._calls <= MAX_CALLS


def _diff(topic: Topic, joins: Metas, leaves: Metas) -> Message:
    payload = {"joins": _entries(joins), "leaves": _entries(leaves)}
    return Message(topic=PREFIX + topic.name, event="presence_diff", payload=dump(payload))


def _entries(metas: Metas) -> dict[str, Any]:
    return {key: {"metas": list(values)} for key, values in metas.items()}
