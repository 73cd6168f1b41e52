"""The gateway's baseline: a handler that runs the statements of one fixed select.

`python -m bench.select_baseline PORT DATABASE_URL` serves it until a signal ends it.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


#: The statements that every gateway sends: role, claims and request, then one select.
SETTINGS = """
  select set_config('search_path', '"public"', true), set_config('role', 'anon', true),
    set_config('request.jwt.claims', '{"role":"anon"}', true),
    set_config('request.method', 'GET', true), set_config('request.path', '/listings', true),
    set_config('request.headers', '{}', true)
"""
SELECT = """
  select coalesce(json_agg(r), '[]')::text
  from (select id, title, start_cents, status from public.listings limit 20) as r
"""


def baseline_app(database_url: str) -> Starlette:
    """Build the handler, with one process and a pool as the gateway has."""
    pool = AsyncConnectionPool(
        database_url, min_size=1, max_size=24, open=False, kwargs={"autocommit": True}
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with pool:
            yield

    async def answer(_request: Request) -> Response:
        async with pool.connection() as connection, connection.pipeline():
            await connection.execute("begin read only")
            await connection.execute(SETTINGS, prepare=True)
            rows = await connection.execute(SELECT, prepare=True)
            await connection.execute("commit")
            row = await rows.fetchone()
        return Response(row[0] if row else "[]", media_type="application/json")

    return Starlette(routes=[Route("/", answer)], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(
        baseline_app(sys.argv[2]), port=int(sys.argv[1]), access_log=False, log_level="error"
    )
