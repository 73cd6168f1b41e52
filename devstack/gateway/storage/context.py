"""The context that every handler of Storage gets, and its transactions."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request

from devstack.emulation.tokens import Keys
from devstack.gateway.caller import Caller
from devstack.gateway.context import Connection, pooled_connection
from devstack.gateway.storage.caller import SERVICE
from devstack.gateway.storage.files import Files
from devstack.gateway.transaction_settings import SETTING_NAMES, TransactionSettings


Cursor = AsyncCursor[DictRow]

#: A trigger of Storage's schema lets only a transaction with the last setting delete rows.
_SETTINGS = (*SETTING_NAMES, "storage.allow_delete_query")
_CALLS = ", ".join(f"set_config('{name}', %s, true)" for name in _SETTINGS)
_SET_LOCAL = f"select {_CALLS}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageContext:
    """The database, the keys and the files of Storage."""

    pool: AsyncConnectionPool[Connection]
    keys: Keys
    files: Files

    @asynccontextmanager
    async def transaction(
        self, request: Request, caller: Caller = SERVICE, *, is_rolled_back: bool = False
    ) -> AsyncIterator[Cursor]:
        """Begin a transaction as the caller, or by default as Storage itself.

        One with `is_rolled_back` only tests if the caller has a permission.
        """
        async with (
            pooled_connection(self.pool) as connection,
            connection.transaction(force_rollback=is_rolled_back),
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            await cursor.execute(
                _SET_LOCAL, [*_transaction_settings(request, caller).values, "true"]
            )
            yield cursor


def _transaction_settings(request: Request, caller: Caller) -> TransactionSettings:
    headers: dict[str, Any] = dict(request.headers)
    return TransactionSettings(
        schema="storage",
        role=caller.role,
        claims=json.dumps(caller.claims),
        method=request.method,
        # The path stays encoded, because no setting can hold a zero byte.
        path=request.scope["raw_path"].decode("latin-1"),
        headers=json.dumps(headers),
        cookies=json.dumps(request.cookies),
        extra_settings=(),
        timezone=None,
        is_read_only=False,
    )
