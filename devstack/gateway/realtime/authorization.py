"""Authorization of private topics: row security on realtime.messages says who may read and write.

Reading is tried on rows written for the purpose, writing by inserting one; both in a transaction
that is rolled back, so that neither is ever sent.
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
from devstack.gateway.realtime.database import borrowed
from devstack.gateway.realtime.identity import Identity


LOG = logging.getLogger(__name__)

BROADCAST = "broadcast"
PRESENCE = "presence"

PROBE = """
insert into realtime.messages (id, topic, extension)
select unnest(%(ids)s::uuid[]), %(topic)s, unnest(%(extensions)s::text[])
"""
BECOME = """
select
  set_config('realtime.topic', %(topic)s, true),
  set_config('request.jwt.claims', %(claims)s, true),
  set_config('request.headers', '{}', true),
  set_config('statement_timeout', '5s', true),
  set_config('role', %(role)s, true)
"""
READ = "select extension from realtime.messages where id = any(%(ids)s::uuid[])"
WRITE = "insert into realtime.messages (topic, extension) values (%(topic)s, %(extension)s)"


class AuthorizationUnavailableError(Exception):
    """The database could not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    """Asks the policies, as a pool of the superuser that can become anybody."""

    pool: AsyncConnectionPool[Connection]

    async def readable(
        self, caller: Identity, topic: str, extensions: Sequence[str]
    ) -> frozenset[str]:
        """Return which of the extensions the caller may hear on a topic."""
        ids = [uuid.uuid4() for _ in extensions]
        names = _names(caller, topic) | {"ids": ids, "extensions": list(extensions)}
        rows = await self._try([PROBE, BECOME, READ], names)
        return frozenset(extension for (extension,) in rows or ())

    async def may_write(self, caller: Identity, topic: str, extension: str) -> bool:
        """Say whether the caller may send on a topic."""
        names = _names(caller, topic) | {"extension": extension}
        return await self._try([BECOME, WRITE], names) is not None

    async def _try(
        self, statements: Sequence[LiteralString], names: Mapping[str, Any]
    ) -> list[tuple[Any, ...]] | None:
        """Run the statements and undo them; None if one of them is not allowed."""
        try:
            return await borrowed(self.pool, partial(_run, statements, names))
        except psycopg.OperationalError as error:
            if isinstance(error, psycopg.errors.QueryCanceled):
                return None
            raise AuthorizationUnavailableError(str(error)) from error
        except psycopg.Error as error:
            if not isinstance(error, psycopg.errors.InsufficientPrivilege):
                LOG.warning("a policy of realtime.messages failed: %s", summary(error))
            return None


async def _run(
    statements: Sequence[LiteralString], names: Mapping[str, Any], connection: Connection
) -> list[tuple[Any, ...]]:
    async with connection.transaction(force_rollback=True):
        async with connection.pipeline():
            cursors = [await connection.execute(statement, names) for statement in statements]
        last = cursors[-1]
        return await last.fetchall() if last.description else []


def _names(caller: Identity, topic: str) -> dict[str, Any]:
    return {"topic": topic, "claims": caller.claims, "role": caller.role}
