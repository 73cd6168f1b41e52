"""Broadcasts from SQL: rows of realtime.messages, sent at their commit and replayed at a join."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg_pool import AsyncConnectionPool

from devstack.gateway.context import Connection
from devstack.gateway.realtime.database import run_in_pool
from devstack.gateway.realtime.evaluation import NamedRow, named
from devstack.gateway.realtime.frames import UserBroadcast, dump
from devstack.gateway.realtime.pgoutput import Action, Change, Relation
from devstack.gateway.realtime.pubsub import PubSub, Topic


#: The largest number of broadcasts that a join can have replayed.
MAX_REPLAYED = 25

#: The newest broadcasts, oldest first.
SELECT_REPLAY = """
select id::text, event, payload::text, binary_payload from (
  select * from realtime.messages
  where topic = %(topic)s and private and extension = 'broadcast'
    and inserted_at >= to_timestamp(%(since_ms)s / 1000.0) at time zone 'utc'
  order by inserted_at desc
  limit %(limit)s
) as newest
order by inserted_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A join's request to replay broadcasts; `is_valid` is false if its values are not usable."""

    since_ms: int
    limit: int
    is_valid: bool


def broadcast_changes(pubsub: PubSub, changes: Iterable[Change]) -> None:
    """Broadcast the messages among the changes, in commit order."""
    for change in changes:
        is_insert = change.action is Action.INSERT and _is_messages_table(change.relation)
        if not is_insert or change.new is None:
            continue
        row = named([column.name for column in change.relation.columns], change.new)
        topic, content = row.get("topic"), _content(row)
        if topic is not None and content is not None and row.get("extension") == "broadcast":
            pubsub.broadcast(Topic(name=topic, is_private=row.get("private") == "t"), content)


async def read_replay(
    pool: AsyncConnectionPool[Connection], topic: str, replay: Replay
) -> list[UserBroadcast]:
    """Return the latest broadcasts on a private topic, oldest first."""
    parameters = {
        "topic": topic,
        "since_ms": replay.since_ms,
        "limit": max(1, min(replay.limit, MAX_REPLAYED)),
    }

    async def read(connection: Connection) -> list[tuple[Any, ...]]:
        return await (await connection.execute(SELECT_REPLAY, parameters)).fetchall()

    rows = await run_in_pool(pool, read)
    return [
        _broadcast(id_, event, payload, binary, {"replayed": True})
        for id_, event, payload, binary in rows
    ]


def _is_messages_table(relation: Relation) -> bool:
    """Return true for realtime.messages and for its partitions, of which hosted has one a day."""
    return relation.schema == "realtime" and relation.table.startswith("messages")


def _content(row: NamedRow) -> UserBroadcast | None:
    id_, event, payload = row.get("id"), row.get("event"), row.get("payload")
    binary = row.get("binary_payload")
    if id_ is None or (payload is None and binary is None):
        return None
    body = None if binary is None else bytes.fromhex(binary.removeprefix("\\x"))
    return _broadcast(id_, event or "", payload, body, {})


def _broadcast(
    id_: str, event: str | None, payload: str | None, binary: bytes | None, meta: Mapping[str, Any]
) -> UserBroadcast:
    body = binary if payload is None and binary is not None else _with_id(payload or "{}", id_)
    return UserBroadcast(event=event or "", payload=body, meta={"id": id_, **meta})


def _with_id(payload: str, id_: str) -> str:
    """Add the message's id to a payload, unless the payload has an id."""
    value = json.loads(payload)
    if not isinstance(value, dict) or "id" in value:
        return payload
    return dump({**value, "id": id_})
