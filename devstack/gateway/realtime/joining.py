"""What a client asks for when it joins. What cannot be read counts as not asked for."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.gateway.realtime.database_broadcasts import MAX_REPLAYED, Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """The configuration of a channel; `bindings` are the client's own objects, to be echoed."""

    is_private: bool
    hears_itself: bool
    wants_ack: bool
    wants_replication_ready: bool
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
    key = presence.get("key")
    return JoinRequest(
        is_private=_truth(config.get("private")),
        hears_itself=_truth(broadcast.get("self")),
        wants_ack=_truth(broadcast.get("ack")),
        wants_replication_ready=_truth(broadcast.get("replication_ready")),
        replay=_replay(broadcast.get("replay")),
        presence_key=key if isinstance(key, str) and key else str(uuid.uuid4()),
        has_presence=_truth(presence.get("enabled")),
        bindings=tuple(b for b in bindings if isinstance(b, dict))
        if isinstance(bindings, list)
        else (),
        token=_token(fields),
    )


def _replay(value: Any) -> Replay | None:
    since: Any = _object(value).get("since")
    limit: Any = _object(value).get("limit", MAX_REPLAYED)
    if not _is_number(since) or not _is_number(limit):
        return None
    return Replay(since_ms=since, limit=int(limit))


def _token(fields: Mapping[str, Any]) -> str | None:
    token = fields.get("access_token") or fields.get("user_token")
    return token if isinstance(token, str) else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _truth(value: Any) -> bool:
    return value is True or value == "true"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
