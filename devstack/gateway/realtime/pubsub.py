"""The channels on each topic. A private and a public topic of one name are two topics."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from devstack.gateway.realtime.frames import Message, UserBroadcast, broadcast


#: Topics in frames have this prefix; policies and SQL see them without it.
PREFIX = "realtime:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic, by its name in policies and SQL."""

    name: str
    is_private: bool

    @property
    def frame_name(self) -> str:
        """Return the topic's name in frames."""
        return PREFIX + self.name


class Member(Protocol):
    """A channel on a topic."""

    can_read_broadcasts: bool
    wants_own_broadcasts: bool
    has_presence: bool

    def send(self, message: Message) -> None:
        """Queue a message without waiting."""


class PubSub:
    """The members of every topic, in the order of their joins."""

    def __init__(self) -> None:
        self._members: dict[Topic, dict[int, Member]] = defaultdict(dict)

    def join(self, topic: Topic, member: Member) -> None:
        """Add a member, which gets all later broadcasts."""
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
        """Iterate over the members that the topic has now."""
        return iter(list(self._members.get(topic, {}).values()))

    def broadcast(
        self, topic: Topic, content: UserBroadcast, *, sender: Member | None = None
    ) -> None:
        """Send to all members that can read broadcasts, and to the sender only if it wants them."""
        message = broadcast(topic.frame_name, content)
        for member in self.members(topic):
            is_recipient = member is not sender or member.wants_own_broadcasts
            if member.can_read_broadcasts and is_recipient:
                member.send(message)
