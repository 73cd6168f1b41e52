"""Subscriptions to rows: the bindings of each channel."""

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
PLACE = ("schema", "table")

NO_PLACE = (
    "No subscription params provided."
    " Please provide at least a `schema` or `table` to subscribe to: {}"
)
NO_LIST = (
    "Error parsing `select` params: expected a list of column name strings,"
    ' e.g. select: ["col1", "col2"]'
)
NO_COLUMNS = (
    "Column selection is not supported for wildcard subscriptions."
    " Provide an explicit schema and table name."
)


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
    """The receiver of a change."""

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
    schema, table = _place(params)
    select = _select(params.get("select"))
    if select is not None and ANY in (schema, table):
        raise BindingError(NO_COLUMNS)
    try:
        conditions = parse_filter(params.get("filter") or "")
    except FilterError as error:
        raise BindingError(f"Error parsing `filter` params: {error}") from error
    return Binding(
        id=binding_id(params),
        action=_action(params.get("event")),
        schema=None if schema == ANY else schema,
        table=None if table == ANY else table,
        conditions=conditions,
        select=select,
    )


def _action(event: Any) -> Action | None:
    """Read an event; as on hosted Supabase, one that there is not means any."""
    known = {action.value: action for action in Action}
    return known.get(event.upper()) if isinstance(event, str) else None


def _place(params: Mapping[str, Any]) -> tuple[str, str]:
    """Return the schema and the table that are named; either is enough, but for a filter."""
    named = {name: params[name] for name in (*PLACE, "filter") if params.get(name) is not None}
    is_enough = named.keys() >= set(PLACE) if "filter" in named else bool(named)
    if not is_enough or not all(isinstance(value, str) for value in named.values()):
        raise BindingError(NO_PLACE.format(dump(params)))
    return named.get("schema", DEFAULT_SCHEMA), named.get("table", ANY)


def _select(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        raise BindingError(NO_LIST)
    if not isinstance(value, list):
        return None
    return tuple(name for name in value if isinstance(name, str)) or None
