"""The tools of the pages, which the product does not have.

They change the database directly, so that a person need not wait for the end of an auction.
`tools/verify_bid_log.py` reports such a change, because the auction's bid log has no entry for it.
"""

import uuid
from http import HTTPStatus

import psycopg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from devstack.saleroom.config import SaleroomConfig


#: The time that is left to bid.
LEFT_S = 60
#: Moves the end of a live auction; `left_s` seconds remain.
MOVE_END = """
with moved as (
  update public.auctions as a
  set
    end_at = new.end_at,
    scheduled_end_at = least(a.scheduled_end_at, new.end_at),
    version = a.version + 1,
    updated_at = now()
  from (select clock_timestamp() + make_interval(secs => %(left_s)s) as end_at) as new
  where a.id = %(auction_id)s and a.status = 'live'
  returning a.listing_id, a.end_at
)
update public.listings as l set end_at = moved.end_at
from moved where l.id = moved.listing_id
returning l.end_at
"""


async def end_soon(config: SaleroomConfig, request: Request) -> Response:
    """Move the end of a live auction to a minute from now, and return the new end.

    Only a page of this origin can send JSON here, because other origins get no CORS headers.
    """
    if request.headers.get("content-type") != "application/json":
        return JSONResponse({"error": "JSON is needed."}, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        auction_id = uuid.UUID((await request.json())["auction_id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return JSONResponse({"error": "An auction_id is needed."}, HTTPStatus.BAD_REQUEST)
    async with await psycopg.AsyncConnection.connect(config.database_url) as connection:
        cursor = await connection.execute(MOVE_END, {"auction_id": auction_id, "left_s": LEFT_S})
        row = await cursor.fetchone()
    if row is None:
        return JSONResponse({"error": "The auction is not live."}, HTTPStatus.CONFLICT)
    return JSONResponse({"end_at": row[0].isoformat()})
