"""Presence: the clients that track themselves on each topic, with their states."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.gateway.realtime.frames import Message, dump
from devstack.gateway.realtime.pubsub import Topic


Metas = dict[str, list[dict[str, Any]]]


@dataclass(slots=True, kw_only=True)
class Presence:
    """The keys and states of present clients, by topic and then by channel."""

    _topics: dict[Topic, dict[int, tuple[str, dict[str, Any]]]] = field(default_factory=dict)

    def track(self, topic: Topic, member: object, key: str, state: Mapping[str, Any]) -> Message:
        """Store a member's state in place of an older one; return the message for the topic."""
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
        """Remove a member; return the message for the topic, if the member was present."""
        present = self._topics.get(topic, {})
        before = present.pop(id(member), None)
        if topic in self._topics and not present:
            del self._topics[topic]
        return None if before is None else _diff(topic, {}, {before[0]: [before[1]]})

    def state(self, topic: Topic) -> Message:
        """Return the message that tells a new member all keys and states of the topic."""
        metas: Metas = {}
        for key, meta in self._topics.get(topic, {}).values():
            metas.setdefault(key, []).append(meta)
        return Message(
            topic=topic.frame_name, event="presence_state", payload=dump(_entries(metas))
        )


def _diff(topic: Topic, joins: Metas, leaves: Metas) -> Message:
    payload = {"joins": _entries(joins), "leaves": _entries(leaves)}
    return Message(topic=topic.frame_name, event="presence_diff", payload=dump(payload))


def _entries(metas: Metas) -> dict[str, Any]:
    return {key: {"metas": list(values)} for key, values in metas.items()}
