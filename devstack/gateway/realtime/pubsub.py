"""The channels on each topic. A private and a public topic of one name are two topics."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from devstack.gateway.realtime.frames import Message, UserBroadcast, broadcast


#: The prefix of topics on a WebSocket.
PREFIX = "realtime:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic's name as policies and SQL know it."""

    name: str
    is_private: bool


class Member(Protocol):
    """A channel on a topic."""

    hears_broadcasts: bool
    hears_itself: bool
    has_presence: bool

    def send(self, message: Message) -> None:
        """Queue a message; never waits."""


class PubSub:
    """The members of every topic, in the order they came."""

    def __init__(self) -> None:
        self._members: dict[Topic, dict[int, Member]] = defaultdict(dict)

    def join(self, topic: Topic, member: Member) -> None:
        """Add a member: what is broadcast from now on reaches it."""
        self._members[topic][id(member)] = member

    def leave(self, topic: Topic, member: Member) -> None:
        """Remove a member, if it is one."""
        members = self._members.get(topic)
        if members is None:
            return
        members.pop(id(member), None)
        if not members:
            del self._members[topic]

    def members(self, topic: Topic) -> Iterator[Member]:
        """Iterate over those who are on the topic now."""
        return iter(list(self._members.get(topic, {}).values()))

    def broadcast(
        self, topic: Topic, content: UserBroadcast, *, sender: Member | None = None
    ) -> None:
        """Send to all members; to the sender only if it asked to hear itself."""
        message = broadcast(PREFIX + topic.name, content)
        for member in self.members(topic):
            if member.hears_broadcasts and (member is not sender or member.hears_itself):
                member.send(message)
