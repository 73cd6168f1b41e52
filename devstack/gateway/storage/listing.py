"""The entries of a folder: objects, and the folders that contain any.

It follows the function `storage.search` of hosted Supabase: the prefix is a folder, `search` is
the beginning of names in it, in any case of letters. By name both kinds are mixed; by a time the
folders come first.
"""

from typing import Any, Final

from psycopg import sql

from devstack.gateway.storage.bodies import Listing
from devstack.gateway.storage.context import Cursor
from devstack.gateway.storage.limits import MOST_LISTED


#: `within` is the length of the folder's own name: what is listed is named without it.
_ENTRIES: Final = """
with objects as (
  select
    o.*,
    substr(o.name, %(within)s + 1) as rest,
    strpos(substr(o.name, length(%(begin)s) + 1), '/') as slash
  from storage.objects as o
  where o.bucket_id = %(bucket_id)s and starts_with(lower(o.name), lower(%(begin)s))
),
entries as (
  (
    select distinct on (lower(left(o.rest, length(%(search)s) + o.slash)))
      left(o.rest, length(%(search)s) + o.slash - 1) as name,
      lower(left(o.rest, length(%(search)s) + o.slash)) as place,
      null::uuid as id, null::timestamptz as updated_at, null::timestamptz as created_at,
      null::timestamptz as last_accessed_at, null::jsonb as metadata
    from objects as o
    where o.slash > 0
    order by lower(left(o.rest, length(%(search)s) + o.slash)), o.name
  )
  union all
  select
    o.rest, lower(o.rest), o.id, o.updated_at, o.created_at, o.last_accessed_at, o.metadata
  from objects as o
  where o.slash = 0
)
select name, id, updated_at, created_at, last_accessed_at, metadata
from entries
"""


async def read(cursor: Cursor, bucket_id: str, listing: Listing) -> list[dict[str, Any]]:
    """Return a page of a folder's entries."""
    folder = listing.prefix
    if folder and not folder.endswith("/"):
        folder += "/"
    values = {
        "bucket_id": bucket_id,
        "begin": folder + listing.search,
        "search": listing.search,
        "within": len(folder),
        "limit": min(listing.limit, MOST_LISTED),
        "offset": listing.offset,
    }
    await cursor.execute(_statement(listing.sort_by.column, listing.sort_by.order), values)
    return await cursor.fetchall()


def _statement(column: str, order: str) -> sql.Composed:
    direction = sql.SQL(order)
    by_place = sql.SQL('place collate "C" {}').format(direction)
    sorting = by_place
    if column != "name":
        by_time = sql.SQL("id is not null, {} {}").format(sql.Identifier(column), direction)
        sorting = sql.SQL(", ").join([by_time, by_place])
    return sql.SQL("{} order by {} limit %(limit)s offset %(offset)s").format(
        sql.SQL(_ENTRIES), sorting
    )
