"""The payload of a join. A field that cannot be read counts as absent."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.gateway.realtime.database_broadcasts import Replay
from devstack.gateway.realtime.frames import dump


#: The number of broadcasts to replay if a join names none.
REPLAYED = 10
#: Beyond it milliseconds are no time that Postgres knows.
MAX_REPLAY_NUMBER = 10**14
NO_REPLAY = Replay(since_ms=0, limit=0, is_valid=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """The configuration of a channel; `bindings` are the client's own objects, to be echoed."""

    is_private: bool
    hears_itself: bool
    wants_ack: bool
    wants_replication_ready: bool
    #: The join is to fail where its bindings do.
    wants_live_changes: bool
    replay: Replay | None
    presence_key: str
    has_presence: bool
    bindings: tuple[Mapping[str, Any], ...]
    token: str | None


def read_join(payload: Any) -> JoinRequest:
    """Read the payload of `phx_join`."""
    fields = _object(payload)
    config = _object(fields.get("config"))
    broadcast, presence = _object(config.get("broadcast")), _object(config.get("presence"))
    bindings = config.get("postgres_changes")
    return JoinRequest(
        is_private=_truth(config.get("private")),
        hears_itself=_truth(broadcast.get("self")),
        wants_ack=_truth(broadcast.get("ack")),
        wants_replication_ready=_truth(broadcast.get("replication_ready")),
        wants_live_changes=_truth(_object(config.get("postgres_changes_options")).get("wait")),
        replay=_replay(broadcast.get("replay")),
        presence_key=_presence_key(presence.get("key")),
        has_presence=_truth(presence.get("enabled")),
        bindings=tuple(b for b in bindings if isinstance(b, dict))
        if isinstance(bindings, list)
        else (),
        token=_token(fields),
    )


def _replay(value: Any) -> Replay | None:
    if not isinstance(value, dict):
        return None
    since, limit = value.get("since") or 0, value.get("limit") or REPLAYED
    is_valid = all(
        type(number) is int and abs(number) < MAX_REPLAY_NUMBER for number in (since, limit)
    )
    return Replay(since_ms=since, limit=limit, is_valid=True) if is_valid else NO_REPLAY


def _presence_key(key: Any) -> str:
    if isinstance(key, str) and key:
        return key
    return dump(key) if isinstance(key, int | float) else str(uuid.uuid4())


def _token(fields: Mapping[str, Any]) -> str | None:
    token = fields.get("access_token") or fields.get("user_token")
    return token if isinstance(token, str) else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _truth(value: Any) -> bool:
    return value is True or value == "true"
