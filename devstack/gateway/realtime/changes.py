"""From rows that changed to the channels that may know of them: the Postgres Changes feed."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import psycopg

from devstack.gateway.context import Connection, summary
from devstack.gateway.realtime.database import ReconnectingConnection
from devstack.gateway.realtime.evaluation import JudgedRow, NamedRow, Questions, judge, named
from devstack.gateway.realtime.events import JudgedChange, event_data
from devstack.gateway.realtime.frames import Message, dump
from devstack.gateway.realtime.pgoutput import Action, Change
from devstack.gateway.realtime.subscriptions import Binding, Subscription, Subscriptions
from devstack.gateway.realtime.tables import Table, read_tables
from devstack.gateway.realtime.visibility import INSTALL, Visibility


LOG = logging.getLogger(__name__)
EXTENSION = "postgres_changes"
#: A filter or a policy that takes longer, or waits longer for a lock, shows nothing.
PATIENCE = """
select set_config('statement_timeout', '5s', false), set_config('lock_timeout', '2s', false)
"""
#: So many rows are judged by one statement.
BATCH_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A change and who may want it."""

    change: Change
    concerned: Sequence[tuple[Subscription, list[Binding]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A change on its way to one channel, for those of its bindings that match."""

    judged: JudgedChange
    subscription: Subscription
    bindings: Sequence[Binding]


class ChangeFeed:
    """Delivers the changes of each batch, in commit order."""

    def __init__(self, url: str, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions
        self._session = ReconnectingConnection(url, _prepare)

    async def close(self) -> None:
        """Let go of the database."""
        await self._session.close()

    async def deliver(self, changes: Iterable[Change]) -> None:
        """Send each change to the subscribers that may see it."""
        candidates = [c for change in changes if (c := self._candidate(change)) is not None]
        for start in range(0, len(candidates), BATCH_ROWS):
            batch = candidates[start : start + BATCH_ROWS]
            deliveries = await self._session.run(partial(_judged_batch, batch))
            for number in sorted(deliveries):
                _send(deliveries[number])

    def _candidate(self, change: Change) -> Candidate | None:
        concerned = [
            (s, bindings) for s in self._subscriptions if (bindings := s.concerned(change))
        ]
        return Candidate(change=change, concerned=concerned) if concerned else None


async def _prepare(connection: Connection) -> None:
    await connection.execute(PATIENCE)
    await connection.execute(INSTALL)


async def _judged_batch(
    batch: Sequence[Candidate], connection: Connection
) -> dict[int, list[Delivery]]:
    """Find out who gets what; the deliveries are by number, which is commit order."""
    groups: dict[int, dict[int, Candidate]] = defaultdict(dict)
    for number, candidate in enumerate(batch):
        groups[candidate.change.relation.oid][number] = candidate
    roles = {s.listener.identity.role for c in batch for s, _ in c.concerned}
    tables = await read_tables(connection, list(groups), roles)

    deliveries: dict[int, list[Delivery]] = {}
    for oid, group in groups.items():
        if oid in tables:
            deliveries |= await _judged_group(connection, tables[oid], group)
    return deliveries


async def _judged_group(
    connection: Connection, table: Table, group: dict[int, Candidate]
) -> dict[int, list[Delivery]]:
    """Find out who gets which of one table's changes; what cannot be judged goes to nobody."""
    try:
        judged = await _judge(connection, table, group)
        return await _visible(connection, table, _matching(group, judged))
    except psycopg.Error as error:
        if connection.closed:
            raise
        # A column changed its type, or a filter takes too long: those who asked must ask anew.
        why = summary(error)
        LOG.warning("changes of %s were lost: %s", table.name.as_string(connection), why)
        for subscription in {s for c in group.values() for s, _ in c.concerned}:
            subscription.listener.report(EXTENSION, f"Unable to read changes: {why}", is_ok=False)
        return {}


async def _judge(
    connection: Connection, table: Table, group: dict[int, Candidate]
) -> dict[int, JudgedChange]:
    questions = Questions()
    rows: list[NamedRow] = []
    for candidate in group.values():
        rows += [row for row in _named_rows(candidate.change) if row is not None]
        for _, bindings in candidate.concerned:
            for binding in bindings:
                questions.add(binding.conditions)
    judged = iter(await judge(connection, table, rows, questions))
    return {number: _take(candidate.change, table, judged) for number, candidate in group.items()}


def _named_rows(change: Change) -> tuple[NamedRow | None, NamedRow | None]:
    """Return the new and the old row by names; the old one may carry its identity alone."""
    columns = change.relation.columns
    new = None if change.new is None else named([c.name for c in columns], change.new)
    if change.old is None:
        return new, None
    old = named([c.name for c in columns], change.old)
    if not change.has_whole_old:
        old = {c.name: old[c.name] for c in columns if c.is_identity and c.name in old}
    return new, old


def _take(change: Change, table: Table, judged: Iterator[JudgedRow]) -> JudgedChange:
    new = None if change.new is None else next(judged)
    old = None if change.old is None else next(judged)
    return JudgedChange(change=change, table=table, new=new, old=old)


def _matching(
    group: dict[int, Candidate], judged: dict[int, JudgedChange]
) -> dict[int, list[Delivery]]:
    """Keep the bindings whose filters hold: for the new row, and for the old one of a delete."""
    matching: dict[int, list[Delivery]] = {}
    for number, candidate in group.items():
        change = judged[number]
        row = change.old if candidate.change.action is Action.DELETE else change.new
        for subscription, bindings in candidate.concerned:
            held = [b for b in bindings if row is not None and all(map(row.matches, b.conditions))]
            if held:
                delivery = Delivery(judged=change, subscription=subscription, bindings=held)
                matching.setdefault(number, []).append(delivery)
    return matching


async def _visible(
    connection: Connection, table: Table, matching: dict[int, list[Delivery]]
) -> dict[int, list[Delivery]]:
    """Keep what row security shows. It knows nothing of deleted rows, and tables without it."""
    if not table.has_row_security or not table.key:
        return matching
    visibility = Visibility()
    for number, deliveries in matching.items():
        for delivery in deliveries:
            row = delivery.judged.new
            if delivery.judged.change.action is not Action.DELETE and row is not None:
                visibility.ask(delivery.subscription.listener.identity, number, row.text)
    await visibility.find_out(connection, table)
    return {
        number: [
            d
            for d in deliveries
            if d.judged.change.action is Action.DELETE
            or (d.subscription.listener.identity, number) in visibility.allowed
        ]
        for number, deliveries in matching.items()
    }


def _send(deliveries: Iterable[Delivery]) -> None:
    """Queue one change for its channels. Equal ones share a message, which is encoded once."""
    data: dict[tuple[str, tuple[str, ...] | None], str] = {}
    messages: dict[tuple[str, str, tuple[int, ...], tuple[str, ...] | None], Message] = {}
    for delivery in deliveries:
        listener = delivery.subscription.listener
        role = listener.identity.role
        for select in dict.fromkeys(binding.select for binding in delivery.bindings):
            if (role, select) not in data:
                data[role, select] = event_data(delivery.judged, role, select)
            ids = tuple(dict.fromkeys(b.id for b in delivery.bindings if b.select == select))
            key = (listener.topic, role, ids, select)
            if key not in messages:
                payload = f'{{"ids":{dump(ids)},"data":{data[role, select]}}}'
                messages[key] = Message(topic=listener.topic, event=EXTENSION, payload=payload)
            listener.send(messages[key])
