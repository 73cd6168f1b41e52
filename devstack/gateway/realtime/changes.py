"""The Postgres Changes feed: it sends changed rows to the channels whose bindings match them."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import psycopg

from devstack.gateway.context import Connection, summary
from devstack.gateway.realtime.caller import RealtimeCaller
from devstack.gateway.realtime.database import ReconnectingConnection
from devstack.gateway.realtime.evaluation import (
    CREATE_VISIBLE_ROWS,
    Comparisons,
    EvaluatedRow,
    NamedRow,
    evaluate,
    find_visible,
    named,
)
from devstack.gateway.realtime.frames import Message, dump
from devstack.gateway.realtime.pgoutput import Action, Change
from devstack.gateway.realtime.subscriptions import Binding, Subscription, Subscriptions
from devstack.gateway.realtime.tables import Table, TableColumn, read_tables


LOG = logging.getLogger(__name__)
EXTENSION = "postgres_changes"
#: A filter or policy that exceeds these limits matches nothing.
SET_TIMEOUTS = """
select set_config('statement_timeout', '5s', false), set_config('lock_timeout', '2s', false)
"""
#: One statement evaluates up to this number of changes.
MAX_BATCH_CHANGES = 500
#: A change with larger values is sent without its long values, so that its frame fits in 1 MiB.
MAX_RECORD_BYTES = 1024 * 1024 - 16 * 1024
MAX_SHORT_VALUE_BYTES = 64
TOO_LARGE = "Error 413: Payload Too Large"
NO_KEY = "Error 400: Bad Request, no primary key"
KEY_NOT_READABLE = "Error 401: Unauthorized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A change, and the subscriptions with bindings for its action and table."""

    change: Change
    subscribers: Sequence[tuple[Subscription, list[Binding]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedChange:
    """A change, its table, and its rows as Postgres has evaluated them."""

    change: Change
    table: Table
    new: EvaluatedRow | None
    old: EvaluatedRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A change for one channel, and the channel's bindings that match it."""

    evaluated: EvaluatedChange
    subscription: Subscription
    bindings: Sequence[Binding]

    @property
    def caller(self) -> RealtimeCaller:
        """Return the caller of the channel."""
        return self.subscription.listener.caller


#: The deliveries of each change, by the change's number. Numbers follow the commit order.
Deliveries = dict[int, list[Delivery]]


class ChangeFeed:
    """Sends the changes of each batch, in commit order."""

    def __init__(self, url: str, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions
        self._connection = ReconnectingConnection(url, _prepare)

    async def close(self) -> None:
        """Close the connection to the database."""
        await self._connection.close()

    async def deliver(self, changes: Iterable[Change]) -> None:
        """Send each change to the subscribers that may see it."""
        candidates = [c for change in changes if (c := self._candidate(change)) is not None]
        for start in range(0, len(candidates), MAX_BATCH_CHANGES):
            batch = candidates[start : start + MAX_BATCH_CHANGES]
            deliveries = await self._connection.run(partial(_find_deliveries, batch))
            for number in sorted(deliveries):
                _send(deliveries[number])

    def _candidate(self, change: Change) -> Candidate | None:
        subscribers = [
            (s, bindings) for s in self._subscriptions if (bindings := s.bindings_for(change))
        ]
        return Candidate(change=change, subscribers=subscribers) if subscribers else None


async def _prepare(connection: Connection) -> None:
    await connection.execute(SET_TIMEOUTS)
    await connection.execute(CREATE_VISIBLE_ROWS)


async def _find_deliveries(batch: Sequence[Candidate], connection: Connection) -> Deliveries:
    """Return the deliveries of a batch, which is evaluated table by table."""
    groups: dict[int, dict[int, Candidate]] = defaultdict(dict)
    for number, candidate in enumerate(batch):
        groups[candidate.change.relation.oid][number] = candidate
    roles = {s.listener.caller.role for c in batch for s, _ in c.subscribers}
    tables = await read_tables(connection, list(groups), roles)

    deliveries: Deliveries = {}
    for oid, group in groups.items():
        if oid in tables:
            deliveries |= await _find_table_deliveries(connection, tables[oid], group)
    return deliveries


async def _find_table_deliveries(
    connection: Connection, table: Table, group: dict[int, Candidate]
) -> Deliveries:
    """Return the deliveries of one table's changes.

    If Postgres cannot evaluate them, they are lost, and their subscribers get an error. It happens
    after a column has changed its type, and with a filter that takes too long.
    """
    try:
        evaluated = await _evaluate(connection, table, group)
        return await _visible(connection, table, _matching(group, evaluated))
    except psycopg.Error as error:
        if connection.closed:
            raise
        problem = summary(error)
        LOG.warning("changes of %s were lost: %s", table.name.as_string(connection), problem)
        for subscription in {s for c in group.values() for s, _ in c.subscribers}:
            message = f"Unable to read changes: {problem}"
            subscription.listener.report(EXTENSION, message, is_ok=False)
        return {}


async def _evaluate(
    connection: Connection, table: Table, group: dict[int, Candidate]
) -> dict[int, EvaluatedChange]:
    candidates = group.values()
    rows = [row for c in candidates for row in _named_rows(c.change) if row is not None]
    bindings = (b for c in candidates for _, bindings in c.subscribers for b in bindings)
    comparisons = Comparisons.of(condition for b in bindings for condition in b.conditions)
    evaluated = iter(await evaluate(connection, table, rows, comparisons))
    return {number: _take(c.change, table, evaluated) for number, c in group.items()}


def _named_rows(change: Change) -> tuple[NamedRow | None, NamedRow | None]:
    """Return the new and the old row; the old one may have its identity columns only."""
    columns = change.relation.columns
    new = None if change.new is None else named([c.name for c in columns], change.new)
    if change.old is None:
        return new, None
    old = named([c.name for c in columns], change.old)
    if not change.has_whole_old:
        old = {c.name: old[c.name] for c in columns if c.is_identity and c.name in old}
    return new, old


def _take(change: Change, table: Table, rows: Iterator[EvaluatedRow]) -> EvaluatedChange:
    """Take the rows of a change from the iterator, in the order of `_named_rows`."""
    new = None if change.new is None else next(rows)
    old = None if change.old is None else next(rows)
    return EvaluatedChange(change=change, table=table, new=new, old=old)


def _matching(group: dict[int, Candidate], evaluated: dict[int, EvaluatedChange]) -> Deliveries:
    """Keep the bindings whose filters match the new row or, for a delete, the old row."""
    matching: Deliveries = {}
    for number, candidate in group.items():
        change = evaluated[number]
        row = change.old if candidate.change.action is Action.DELETE else change.new
        if row is None:
            continue
        for subscription, bindings in candidate.subscribers:
            matched = [b for b in bindings if all(map(row.matches, b.conditions))]
            if matched:
                delivery = Delivery(evaluated=change, subscription=subscription, bindings=matched)
                matching.setdefault(number, []).append(delivery)
    return matching


async def _visible(connection: Connection, table: Table, matching: Deliveries) -> Deliveries:
    """Keep the deliveries of rows that row security shows to the caller.

    A deleted row cannot be tested any more, so every matching delete is kept.
    """
    if not table.has_row_security or not table.key:
        return matching
    rows: dict[RealtimeCaller, dict[int, NamedRow]] = {}
    for number, deliveries in matching.items():
        for delivery in deliveries:
            row = delivery.evaluated.new
            if row is not None:
                rows.setdefault(delivery.caller, {})[number] = row.text
    visible = await find_visible(connection, table, rows) if rows else set()
    return {
        number: [d for d in deliveries if d.evaluated.new is None or (d.caller, number) in visible]
        for number, deliveries in matching.items()
    }


def _send(deliveries: Iterable[Delivery]) -> None:
    """Queue one change for its channels; channels with equal messages share one."""
    data: dict[tuple[str, tuple[str, ...] | None], str] = {}
    messages: dict[tuple[str, str, tuple[int, ...], tuple[str, ...] | None], Message] = {}
    for delivery in deliveries:
        listener, role = delivery.subscription.listener, delivery.caller.role
        topic = listener.topic.frame_name
        for select in dict.fromkeys(binding.select for binding in delivery.bindings):
            if (role, select) not in data:
                data[role, select] = _event_data(delivery.evaluated, role, select)
            ids = tuple(dict.fromkeys(b.id for b in delivery.bindings if b.select == select))
            key = (topic, role, ids, select)
            if key not in messages:
                payload = f'{{"ids":{dump(ids)},"data":{data[role, select]}}}'
                messages[key] = Message(topic=topic, event=EXTENSION, payload=payload)
            listener.send(messages[key])


def _event_data(evaluated: EvaluatedChange, role: str, select: Iterable[str] | None) -> str:
    """Return the event's `data`, with those columns of `select` that `role` may read."""
    key = evaluated.table.key
    if not key:
        return _error_data(evaluated, NO_KEY)
    if not all(role in column.readers for column in key):
        return _error_data(evaluated, KEY_NOT_READABLE)
    return _row_data(evaluated, _event_columns(evaluated, role, select))


def _event_columns(
    evaluated: EvaluatedChange, role: str, select: Iterable[str] | None
) -> list[TableColumn]:
    published = {column.name for column in evaluated.change.relation.columns}
    chosen = None if select is None else set(select)
    return [
        column
        for column in evaluated.table.columns.values()
        if column.name in published
        and role in column.readers
        and (chosen is None or column.is_key or column.name in chosen)
    ]


def _row_data(evaluated: EvaluatedChange, columns: list[TableColumn]) -> str:
    names = [column.name for column in columns]
    record, old_record = _record(evaluated, names), _old_record(evaluated, names)
    errors = None
    values = (*record.values(), *old_record.values())
    if sum(len(value.encode()) for value in values) > MAX_RECORD_BYTES:
        record, old_record, errors = _short(record), _short(old_record), [TOO_LARGE]

    parts = _head(evaluated)
    timestamp = evaluated.change.committed_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    parts["commit_timestamp"] = dump(timestamp)
    parts["columns"] = dump([{"name": c.name, "type": c.type_name} for c in columns])
    parts["errors"] = dump(errors)
    action = evaluated.change.action
    # Python's client drops a change whose old_record is null, so the key is absent instead.
    if action is not Action.DELETE:
        parts["record"] = _object(record)
    if action is not Action.INSERT:
        parts["old_record"] = _object(old_record)
    return _object(parts)


def _record(evaluated: EvaluatedChange, names: Iterable[str]) -> dict[str, str]:
    """Return the new row; values that the WAL left out come from a whole old row."""
    if evaluated.new is None:
        return {}
    known = dict(evaluated.new.json)
    if evaluated.old is not None and evaluated.change.has_whole_old:
        known = {**evaluated.old.json, **known}
    return {name: known[name] for name in names if name in known}


def _old_record(evaluated: EvaluatedChange, names: Iterable[str]) -> dict[str, str]:
    keys = {column.name for column in evaluated.table.key}
    if evaluated.old is None:
        # The WAL has no old row if the key did not change, so the new row has the old key.
        known = evaluated.new.json if evaluated.new is not None else {}
        return {name: known[name] for name in names if name in keys and name in known}
    is_secret = evaluated.change.action is Action.DELETE and evaluated.table.has_row_security
    return {
        name: evaluated.old.json[name]
        for name in names
        if name in evaluated.old.json and (name in keys or not is_secret)
    }


def _error_data(evaluated: EvaluatedChange, error: str) -> str:
    parts = _head(evaluated)
    parts["commit_timestamp"] = "null"
    parts["columns"] = "[]"
    parts["errors"] = dump([error])
    parts["record"] = parts["old_record"] = "{}"
    return _object(parts)


def _head(evaluated: EvaluatedChange) -> dict[str, str]:
    relation = evaluated.change.relation
    return {
        "schema": dump(relation.schema),
        "table": dump(relation.table),
        "type": dump(str(evaluated.change.action)),
    }


def _short(record: Mapping[str, str]) -> dict[str, str]:
    """Return a record without its long values."""
    return {
        name: text for name, text in record.items() if len(text.encode()) <= MAX_SHORT_VALUE_BYTES
    }


def _object(parts: Mapping[str, str]) -> str:
    """Return a JSON object of values that are JSON already."""
    return "{" + ",".join(f"{dump(name)}:{text}" for name, text in parts.items()) + "}"
