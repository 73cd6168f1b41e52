"""The JSON of a `postgres_changes` event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devstack.gateway.realtime.evaluation import JudgedRow
from devstack.gateway.realtime.frames import dump
from devstack.gateway.realtime.pgoutput import Action, Change
from devstack.gateway.realtime.tables import Table, TableColumn


#: Above this a change travels without its long values; the frame around it has to fit, too.
MAX_RECORD_BYTES = 1024 * 1024 - 16 * 1024
MAX_SHORT_VALUE_BYTES = 64
TOO_LARGE = "Error 413: Payload Too Large"
NO_KEY = "Error 400: Bad Request, no primary key"
KEY_NOT_READABLE = "Error 401: Unauthorized"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedChange:
    """A change whose rows Postgres has turned into JSON."""

    change: Change
    table: Table
    new: JudgedRow | None
    old: JudgedRow | None


def event_data(judged: JudgedChange, role: str, select: Iterable[str] | None) -> str:
    """Return the event's `data` as `role` may see it, cut down to the columns of `select`."""
    key = judged.table.key
    if not key:
        return _refusal(judged, NO_KEY)
    if not all(role in column.readers for column in key):
        return _refusal(judged, KEY_NOT_READABLE)
    columns = _visible_columns(judged, role, select)
    return _data(judged, columns)


def _visible_columns(
    judged: JudgedChange, role: str, select: Iterable[str] | None
) -> list[TableColumn]:
    published = {column.name for column in judged.change.relation.columns}
    chosen = None if select is None else set(select)
    return [
        column
        for column in judged.table.columns.values()
        if column.name in published
        and role in column.readers
        and (chosen is None or column.is_key or column.name in chosen)
    ]


def _data(judged: JudgedChange, columns: list[TableColumn]) -> str:
    names = [column.name for column in columns]
    record, old_record = _record(judged, names), _old_record(judged, names)
    errors = None
    values = (*record.values(), *old_record.values())
    if sum(len(value.encode()) for value in values) > MAX_RECORD_BYTES:
        record, old_record, errors = _short(record), _short(old_record), [TOO_LARGE]

    parts = _head(judged)
    timestamp = judged.change.committed_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    parts["commit_timestamp"] = dump(timestamp)
    parts["columns"] = dump([{"name": c.name, "type": c.type_name} for c in columns])
    parts["errors"] = dump(errors)
    action = judged.change.action
    # Python's client drops a change whose old_record is null: it is an object or not there.
    if action is not Action.DELETE:
        parts["record"] = _object(record)
    if action is not Action.INSERT:
        parts["old_record"] = _object(old_record)
    return _object(parts)


def _record(judged: JudgedChange, names: Iterable[str]) -> dict[str, str]:
    """Return the new row; what the log did not repeat is taken from a whole old one."""
    if judged.new is None:
        return {}
    known = dict(judged.new.json)
    if judged.old is not None and judged.change.has_whole_old:
        known = {**judged.old.json, **known}
    return {name: known[name] for name in names if name in known}


def _old_record(judged: JudgedChange, names: Iterable[str]) -> dict[str, str]:
    keys = {column.name for column in judged.table.key}
    if judged.old is None:
        # The key did not change, so the log has it in the new row alone.
        known = judged.new.json if judged.new is not None else {}
        return {name: known[name] for name in names if name in keys and name in known}
    is_secret = judged.change.action is Action.DELETE and judged.table.has_row_security
    return {
        name: judged.old.json[name]
        for name in names
        if name in judged.old.json and (name in keys or not is_secret)
    }


def _refusal(judged: JudgedChange, error: str) -> str:
    parts = _head(judged)
    parts["commit_timestamp"] = "null"
    parts["columns"] = "[]"
    parts["errors"] = dump([error])
    parts["record"] = parts["old_record"] = "{}"
    return _object(parts)


def _head(judged: JudgedChange) -> dict[str, str]:
    relation = judged.change.relation
    return {
        "schema": dump(relation.schema),
        "table": dump(relation.table),
        "type": dump(str(judged.change.action)),
    }


def _short(record: Mapping[str, str]) -> dict[str, str]:
    return {
        name: text for name, text in record.items() if len(text.encode()) <= MAX_SHORT_VALUE_BYTES
    }


def _object(parts: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{dump(name)}:{text}" for name, text in parts.items()) + "}"
