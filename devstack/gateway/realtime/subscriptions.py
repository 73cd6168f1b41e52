"""Who wants to hear of which rows: the bindings of each channel."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from devstack.gateway.realtime.filters import Condition, FilterError, parse_filter
from devstack.gateway.realtime.frames import Message, dump
from devstack.gateway.realtime.identity import Identity
from devstack.gateway.realtime.pgoutput import Action, Change, Relation


ANY = "*"
DEFAULT_SCHEMA = "public"


class BindingError(ValueError):
    """Parameters that cannot be subscribed to; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One `postgres_changes` entry of a join. None stands for any."""

    id: int
    action: Action | None
    schema: str | None
    table: str | None
    conditions: tuple[Condition, ...]
    select: tuple[str, ...] | None

    def names(self, relation: Relation) -> bool:
        """Say whether the table is one of those meant."""
        return self.schema in (None, relation.schema) and self.table in (None, relation.table)

    def concerns(self, change: Change) -> bool:
        """Say whether the change could match, its values apart."""
        return self.action in (None, change.action) and self.names(change.relation)


class Listener(Protocol):
    """Whom a change is sent to."""

    topic: str
    identity: Identity

    def send(self, message: Message) -> None:
        """Queue a message; never waits."""

    def report(self, extension: str, message: str, *, is_ok: bool = True) -> None:
        """Tell the client how it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """The bindings of one channel; what committed before `since_lsn` is no news to it."""

    listener: Listener
    bindings: tuple[Binding, ...]
    since_lsn: int

    def concerned(self, change: Change) -> list[Binding]:
        """Return the bindings that the change could match."""
        if change.commit_lsn < self.since_lsn:
            return []
        return [binding for binding in self.bindings if binding.concerns(change)]


class Subscriptions:
    """All that is subscribed to now."""

    def __init__(self) -> None:
        self._by_listener: dict[int, Subscription] = {}

    def __iter__(self) -> Iterator[Subscription]:
        return iter(list(self._by_listener.values()))

    def put(self, subscription: Subscription) -> None:
        """Add a channel's subscription, in place of an older one."""
        self._by_listener[id(subscription.listener)] = subscription

    def remove(self, listener: Listener) -> None:
        """Forget a channel."""
        self._by_listener.pop(id(listener), None)


def binding_id(params: Mapping[str, Any]) -> int:
    """Return the number a client knows a binding by: equal parameters, equal number, never 0."""
    return zlib.crc32(dump(sorted(params.items())).encode()) % (2**31 - 1) + 1


def read_binding(params: Mapping[str, Any]) -> Binding:
    """Read one entry of a join's `postgres_changes`. Raises: BindingError."""
    table = _text(params, "table")
    if table == ANY:
        table = None
    schema = _text(params, "schema") or DEFAULT_SCHEMA
    filter_text, select = _text(params, "filter"), params.get("select")
    if table is None and (filter_text or select):
        raise BindingError("filter and select need a table")
    if select is not None and not _is_names(select):
        raise BindingError("select is a list of columns")
    try:
        conditions = parse_filter(filter_text) if filter_text else ()
    except FilterError as error:
        raise BindingError(str(error)) from error
    return Binding(
        id=binding_id(params),
        action=_action(_text(params, "event") or ANY),
        schema=None if schema == ANY else schema,
        table=table,
        conditions=conditions,
        select=tuple(select) if select else None,
    )


def _action(event: str) -> Action | None:
    if event == ANY:
        return None
    try:
        return Action(event.upper())
    except ValueError as error:
        raise BindingError(f"event {event!r} is not one of *, INSERT, UPDATE, DELETE") from error


def _text(params: Mapping[str, Any], name: str) -> str | None:
    value = params.get(name)
    if value is not None and not isinstance(value, str):
        raise BindingError(f"{name} is a string")
    return value or None


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
