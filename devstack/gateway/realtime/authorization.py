"""Authorization of private topics, by the policies of realtime.messages.

To test the right to read, it inserts rows and selects them as the caller. To test the right to
write, it inserts a row as the caller. Both transactions are rolled back, so no row is ever sent.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, LiteralString

import psycopg
from psycopg_pool import AsyncConnectionPool

from devstack.gateway.context import Connection, summary
from devstack.gateway.realtime.caller import RealtimeCaller
from devstack.gateway.realtime.database import run_in_pool


LOG = logging.getLogger(__name__)

BROADCAST = "broadcast"
PRESENCE = "presence"

INSERT_ROWS = """
insert into realtime.messages (id, topic, extension)
select unnest(%(ids)s::uuid[]), %(topic)s, unnest(%(extensions)s::text[])
"""
SET_CALLER = """
select
  set_config('realtime.topic', %(topic)s, true),
  set_config('request.jwt.claims', %(claims)s, true),
  set_config('request.headers', '{}', true),
  set_config('statement_timeout', '5s', true),
  set_config('role', %(role)s, true)
"""
READ_ROWS = "select extension from realtime.messages where id = any(%(ids)s::uuid[])"
WRITE_ROW = "insert into realtime.messages (topic, extension) values (%(topic)s, %(extension)s)"


class AuthorizationUnavailableError(Exception):
    """The database cannot evaluate the policies now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    """Evaluates the policies. Its pool connects as the superuser, who can take every role."""

    pool: AsyncConnectionPool[Connection]

    async def readable(
        self, caller: RealtimeCaller, topic: str, extensions: Sequence[str]
    ) -> frozenset[str]:
        """Return those of the extensions that the caller may read on a topic.

        Raises: AuthorizationUnavailableError.
        """
        ids = [uuid.uuid4() for _ in extensions]
        parameters = _parameters(caller, topic) | {"ids": ids, "extensions": list(extensions)}
        rows = await self._try([INSERT_ROWS, SET_CALLER, READ_ROWS], parameters)
        return frozenset(extension for (extension,) in rows or ())

    async def may_write(self, caller: RealtimeCaller, topic: str, extension: str) -> bool:
        """Return true if the caller may send messages of the extension on a topic.

        Raises: AuthorizationUnavailableError.
        """
        parameters = _parameters(caller, topic) | {"extension": extension}
        return await self._try([SET_CALLER, WRITE_ROW], parameters) is not None

    async def _try(
        self, statements: Sequence[LiteralString], parameters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]] | None:
        """Run the statements and roll them back; return None if a policy refuses one."""
        try:
            return await run_in_pool(self.pool, partial(_run, statements, parameters))
        except psycopg.OperationalError as error:
            if isinstance(error, psycopg.errors.QueryCanceled):
                return None
            raise AuthorizationUnavailableError(str(error)) from error
        except psycopg.Error as error:
            if not isinstance(error, psycopg.errors.InsufficientPrivilege):
                LOG.warning("a policy of realtime.messages failed: %s", summary(error))
            return None


async def _run(
    statements: Sequence[LiteralString], parameters: Mapping[str, Any], connection: Connection
) -> list[tuple[Any, ...]]:
    async with connection.transaction(force_rollback=True):
        async with connection.pipeline():
            cursors = [await connection.execute(statement, parameters) for statement in statements]
        last = cursors[-1]
        return await last.fetchall() if last.description else []


def _parameters(caller: RealtimeCaller, topic: str) -> dict[str, Any]:
    return {"topic": topic, "claims": caller.claims, "role": caller.role}
