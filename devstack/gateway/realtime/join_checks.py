"""The checks of a join before its answer: the token, the live source, the policies."""

import asyncio

from devstack.gateway.realtime.authorization import (
    BROADCAST,
    PRESENCE,
    AuthorizationUnavailableError,
)
from devstack.gateway.realtime.context import RealtimeContext
from devstack.gateway.realtime.database_broadcasts import recent
from devstack.gateway.realtime.failure_mode import FailureMode
from devstack.gateway.realtime.frames import UserBroadcast
from devstack.gateway.realtime.identity import Identity, TokenRefusedError, identify
from devstack.gateway.realtime.join import JoinRequest
from devstack.gateway.realtime.pubsub import Topic


#: A client gives a join 10 s, so its answer must be there before.
LIVE_TIMEOUT_S = 8
#: A public channel works without the database, and waits only for its broadcasts.
PUBLIC_LIVE_TIMEOUT_S = 0.5
#: A token with this prefix is the socket's API key, not a user's token.
API_KEY_PREFIX = "sb_"

NO_REPLAY = "UnableToReplayMessages: Replay is not allowed for public channels"
BAD_REPLAY = "UnableToReplayMessages: Replay params are not valid"
NOT_LIVE = "InitializingProjectConnection: Connecting to the project database"
RESTARTING = "RealtimeRestarting: Realtime is restarting, please standby"
NOT_ASKED = "DatabaseLackOfConnections: The database cannot be asked"


class JoinRefusedError(Exception):
    """A join that is answered with an error; the text is the reason."""


def no_permission(place: Topic) -> str:
    """Say that the policies keep a topic closed."""
    return f"You do not have permissions to read from this Channel topic: {place.name}"


def caller_of(token: str | None, opener: Identity, services: RealtimeContext) -> Identity:
    """Return the identity of a channel: its own token's user, else the socket's.

    Raises: JoinRefusedError.
    """
    if services.failure_mode is FailureMode.CLOSING:
        raise JoinRefusedError(RESTARTING)
    if token is None or token.startswith(API_KEY_PREFIX):
        return opener
    try:
        caller = identify(token, services.keys)
    except TokenRefusedError as error:
        raise JoinRefusedError(str(error)) from error
    if services.failure_mode is FailureMode.EXPIRED and caller.is_user:
        raise JoinRefusedError(f"InvalidJWTToken: {caller.expired().expiry_message()}")
    return caller


def no_longer(place: Topic) -> str:
    """Say that the policies close a topic to who could hear it before."""
    return f"You no longer have permission to read from this Channel topic: {place.name}"


async def wait_until_live(services: RealtimeContext, place: Topic, request: JoinRequest) -> None:
    """Return when what commits from now on will be heard. Raises: JoinRefusedError."""
    is_needed = place.is_private or bool(request.bindings)
    try:
        async with asyncio.timeout(LIVE_TIMEOUT_S if is_needed else PUBLIC_LIVE_TIMEOUT_S):
            await services.reader.listening()
    except TimeoutError as error:
        if is_needed:
            raise JoinRefusedError(NOT_LIVE) from error


async def readable(
    services: RealtimeContext, caller: Identity, place: Topic, *, has_presence: bool
) -> frozenset[str]:
    """Return what the caller may hear on a topic; a public one is open to all.

    Raises: JoinRefusedError, when that is nothing or nobody can say.
    """
    wanted = [BROADCAST, PRESENCE] if has_presence else [BROADCAST]
    if not place.is_private:
        return frozenset(wanted)
    try:
        heard = await services.authorizer.readable(caller, place.name, wanted)
    except AuthorizationUnavailableError as error:
        raise JoinRefusedError(NOT_ASKED) from error
    if not heard:
        raise JoinRefusedError(f"Unauthorized: {no_permission(place)}")
    return heard


async def replayed(
    services: RealtimeContext, place: Topic, request: JoinRequest, heard: frozenset[str]
) -> list[UserBroadcast]:
    """Return the broadcasts that a join wants to hear again. Raises: JoinRefusedError."""
    if request.replay is None:
        return []
    if not place.is_private:
        raise JoinRefusedError(NO_REPLAY)
    if BROADCAST not in heard:
        raise JoinRefusedError(f"Unauthorized: {no_permission(place)}")
    if not request.replay.is_valid:
        raise JoinRefusedError(BAD_REPLAY)
    return await recent(services.pool, place.name, request.replay)
