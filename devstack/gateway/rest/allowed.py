"""Which methods an OPTIONS request says that a relation or a function has."""

from collections.abc import Sequence

import psycopg

from devstack.gateway.context import Context, lent
from devstack.gateway.rest.errors import from_postgres
from devstack.gateway.rest.schema_cache.cache import Function, Relation
from devstack.gateway.rest.schema_cache.catalogue import WRITABLE


#: The bits of Postgres's pg_relation_is_updatable.
UPDATABLE, INSERTABLE, DELETABLE = 4, 8, 16
#: The connections are few, and shared with the other services.
LIMIT = "set local lock_timeout = '2s'"


async def allowed_on_relation(context: Context, relation: Relation) -> bytes:
    """Return what may be done to a relation's rows. Raises: RestError.

    Postgres is asked at the request, for a view has to be locked to tell.
    """
    try:
        async with lent(context.admin_pool) as connection, connection.transaction():
            await connection.execute(LIMIT)
            cursor = await connection.execute(WRITABLE, (relation.schema, relation.name))
            [writable] = await cursor.fetchone() or (0,)
    except psycopg.Error as error:
        raise from_postgres(error, "") from error
    methods = ["OPTIONS", "GET", "HEAD"]
    if writable & INSERTABLE:
        methods.append("POST")
    if writable & INSERTABLE and writable & UPDATABLE and relation.primary_key:
        methods.append("PUT")
    if writable & UPDATABLE:
        methods.append("PATCH")
    if writable & DELETABLE:
        methods.append("DELETE")
    return ",".join(methods).encode()


def allowed_on_function(overloads: Sequence[Function]) -> bytes:
    """Return how the functions of a name may be called: what may write, not by GET."""
    if overloads and all(function.is_read_only for function in overloads):
        return b"OPTIONS,GET,HEAD,POST"
    return b"OPTIONS,POST"
