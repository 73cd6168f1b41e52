"""Plans the reads of tables and views."""

from dataclasses import dataclass

from devstack.gateway.rest.api_request.media_types import Media
from devstack.gateway.rest.api_request.query_params import QueryParams
from devstack.gateway.rest.plan.embed_planner import Reader, table_level
from devstack.gateway.rest.query.statement import Parameters, Plan, body_sql, reporting
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.tables import Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The shape of a read, but for its query."""

    relation: Relation
    query: QueryParams
    media: Media
    is_stripped: bool
    is_head: bool
    #: exact, planned, estimated or None.
    count: str | None


def plan_read(cache: SchemaCache, read: Read) -> Plan:
    """Return the statement of a read, and for an estimate the one to explain. Raises: RestError."""
    parameters, max_rows = Parameters(), cache.configuration.max_rows
    reader = Reader(cache, read.query, parameters, max_rows)
    level, source = table_level(read.relation)
    rows = reader.select(level, source)
    total = None
    if read.count == "exact":
        total = reader.count(level, source)
    elif read.count == "estimated":
        # As many as a page may hold are counted; the planner is asked for what is beyond.
        total = f"{reader.count(level, source)} limit {max_rows + 1}"
    body = "''"
    if not read.is_head:
        is_single = read.media is Media.OBJECT
        body = body_sql(
            read.media, is_scalar=False, is_single=is_single, is_stripped=read.is_stripped
        )
    sql = reporting(rows, source=None, total=total, body=body)
    if read.count not in ("planned", "estimated"):
        return Plan(sql=sql.encode(), slots=parameters.slots)
    guessed = Parameters()
    explained = Reader(cache, read.query, guessed, max_rows).count(level, source)
    return Plan(
        sql=sql.encode(),
        slots=parameters.slots,
        count_sql=f"explain (format json) {explained}".encode(),
        count_slots=guessed.slots,
        count_ceiling=max_rows,
    )
