"""The plan of a read of a table or a view."""

from dataclasses import dataclass

from devstack.gateway.rest.api_request.media_types import Media
from devstack.gateway.rest.api_request.query_params import QueryParams
from devstack.gateway.rest.plan.embed_planner import EmbedPlanner, root_table
from devstack.gateway.rest.query.statement import Parameters, Statement, body_sql, statement_sql
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.tables import Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The shape of a read."""

    relation: Relation
    query: QueryParams
    media: Media
    is_stripped: bool
    is_head: bool
    #: exact, planned, estimated or None.
    count: str | None


def plan_read(cache: SchemaCache, read: Read) -> Statement:
    """Return the statement of a read. Raises: RestError."""
    parameters, max_rows = Parameters(), cache.configuration.max_rows
    planner = EmbedPlanner(cache, read.query, parameters, max_rows)
    table, source = root_table(read.relation)
    rows = planner.select(table, source)
    total = None
    if read.count == "exact":
        total = planner.count(table, source)
    elif read.count == "estimated":
        # Rows are counted up to the limit of a page. Postgres estimates a larger number.
        total = f"{planner.count(table, source)} limit {max_rows + 1}"
    body = "''"
    if not read.is_head:
        is_single = read.media is Media.OBJECT
        body = body_sql(
            read.media, is_scalar=False, is_single=is_single, is_stripped=read.is_stripped
        )
    sql = statement_sql(rows, source=None, total=total, body=body)
    if read.count not in ("planned", "estimated"):
        return Statement(sql=sql.encode(), slots=parameters.slots)
    estimate_parameters = Parameters()
    estimate = EmbedPlanner(cache, read.query, estimate_parameters, max_rows).count(table, source)
    return Statement(
        sql=sql.encode(),
        slots=parameters.slots,
        count_sql=f"explain (format json) {estimate}".encode(),
        count_slots=estimate_parameters.slots,
        count_ceiling=max_rows,
    )
