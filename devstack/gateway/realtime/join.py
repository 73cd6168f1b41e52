"""A join: its payload, and the checks before its reply.

A field of the payload that cannot be read counts as absent.
"""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.gateway.realtime.authorization import (
    BROADCAST,
    PRESENCE,
    AuthorizationUnavailableError,
)
from devstack.gateway.realtime.caller import RealtimeCaller, TokenRefusedError, identify
from devstack.gateway.realtime.context import FailureMode, RealtimeContext
from devstack.gateway.realtime.database_broadcasts import Replay, read_replay
from devstack.gateway.realtime.frames import UserBroadcast, dump
from devstack.gateway.realtime.pubsub import Topic


#: The number of broadcasts to replay if a join names none.
DEFAULT_REPLAYED = 10
#: A greater number of milliseconds is outside Postgres's range of timestamps.
MAX_REPLAY_NUMBER = 10**14
INVALID_REPLAY = Replay(since_ms=0, limit=0, is_valid=False)
#: A client waits 10 s for the reply to a join, so the reply must be sent before.
LIVE_TIMEOUT_S = 8
#: A public channel joins without the WAL after this time: only broadcasts from SQL need the WAL.
PUBLIC_LIVE_TIMEOUT_S = 0.5
#: A token with this prefix is the socket's API key, not a user's token.
API_KEY_PREFIX = "sb_"

PUBLIC_REPLAY = "UnableToReplayMessages: Replay is not allowed for public channels"
BAD_REPLAY = "UnableToReplayMessages: Replay params are not valid"
NO_PERMISSION = "Unauthorized: You do not have permissions to read from this Channel topic: {}"
PERMISSION_LOST = "Unauthorized: You no longer have permission to read from this Channel topic: {}"
NOT_LIVE = "InitializingProjectConnection: Connecting to the project database"
RESTARTING = "RealtimeRestarting: Realtime is restarting, please standby"
DATABASE_DOWN = "UnableToConnectToProject: Realtime was unable to connect to the project database"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """The configuration of a channel; the reply repeats the client's `bindings`."""

    is_private: bool
    wants_own_broadcasts: bool
    wants_ack: bool
    wants_replication_ready: bool
    #: True if the join must fail if its bindings do.
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
        is_private=_is_true(config.get("private")),
        wants_own_broadcasts=_is_true(broadcast.get("self")),
        wants_ack=_is_true(broadcast.get("ack")),
        wants_replication_ready=_is_true(broadcast.get("replication_ready")),
        wants_live_changes=_is_true(_object(config.get("postgres_changes_options")).get("wait")),
        replay=_replay(broadcast.get("replay")),
        presence_key=_presence_key(presence.get("key")),
        has_presence=_is_true(presence.get("enabled")),
        bindings=tuple(b for b in bindings if isinstance(b, dict))
        if isinstance(bindings, list)
        else (),
        token=_token(fields),
    )


class JoinRefusedError(Exception):
    """A join that gets an error as its reply; the text is the reason."""


def channel_caller(
    token: str | None, socket_caller: RealtimeCaller, context: RealtimeContext
) -> RealtimeCaller:
    """Return the caller with a channel's own token, or else the one with the socket's API key.

    Raises: JoinRefusedError.
    """
    if context.failure_mode is FailureMode.CLOSING:
        raise JoinRefusedError(RESTARTING)
    if token is None or token.startswith(API_KEY_PREFIX):
        return socket_caller
    try:
        caller = identify(token, context.keys)
    except TokenRefusedError as error:
        raise JoinRefusedError(str(error)) from error
    if context.failure_mode is FailureMode.EXPIRED and caller.is_user:
        raise JoinRefusedError(f"InvalidJWTToken: {caller.expired().expiry_message()}")
    return caller


async def wait_until_live(context: RealtimeContext, topic: Topic, request: JoinRequest) -> None:
    """Wait until the WAL is read, so that the channel gets all later commits.

    Raises: JoinRefusedError, unless the channel can work without the WAL.
    """
    is_needed = topic.is_private or bool(request.bindings)
    try:
        async with asyncio.timeout(LIVE_TIMEOUT_S if is_needed else PUBLIC_LIVE_TIMEOUT_S):
            await context.reader.listening()
    except TimeoutError as error:
        if is_needed:
            raise JoinRefusedError(NOT_LIVE) from error


async def readable_extensions(
    context: RealtimeContext, caller: RealtimeCaller, topic: Topic, *, has_presence: bool
) -> frozenset[str]:
    """Return the extensions that the caller may read on a topic. Every caller reads a public one.

    Raises: JoinRefusedError, if there are none or the database is down.
    """
    wanted = [BROADCAST, PRESENCE] if has_presence else [BROADCAST]
    if not topic.is_private:
        return frozenset(wanted)
    try:
        readable = await context.authorizer.readable(caller, topic.name, wanted)
    except AuthorizationUnavailableError as error:
        raise JoinRefusedError(DATABASE_DOWN) from error
    if not readable:
        raise JoinRefusedError(NO_PERMISSION.format(topic.name))
    return readable


async def replayed_broadcasts(
    context: RealtimeContext, topic: Topic, request: JoinRequest, readable: frozenset[str]
) -> list[UserBroadcast]:
    """Return the broadcasts that a join wants replayed. Raises: JoinRefusedError."""
    if request.replay is None:
        return []
    if not topic.is_private:
        raise JoinRefusedError(PUBLIC_REPLAY)
    if BROADCAST not in readable:
        raise JoinRefusedError(NO_PERMISSION.format(topic.name))
    if not request.replay.is_valid:
        raise JoinRefusedError(BAD_REPLAY)
    return await read_replay(context.pool, topic.name, request.replay)


def _replay(value: Any) -> Replay | None:
    if not isinstance(value, dict):
        return None
    since, limit = value.get("since") or 0, value.get("limit") or DEFAULT_REPLAYED
    is_valid = all(
        type(number) is int and abs(number) < MAX_REPLAY_NUMBER for number in (since, limit)
    )
    return Replay(since_ms=since, limit=limit, is_valid=True) if is_valid else INVALID_REPLAY


def _presence_key(key: Any) -> str:
    if isinstance(key, str) and key:
        return key
    return dump(key) if isinstance(key, int | float) else str(uuid.uuid4())


def _token(fields: Mapping[str, Any]) -> str | None:
    token = fields.get("access_token") or fields.get("user_token")
    return token if isinstance(token, str) else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_true(value: Any) -> bool:
    return value is True or value == "true"
