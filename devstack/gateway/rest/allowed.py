"""Which methods an OPTIONS request says that a relation or a function has."""

from collections.abc import Sequence

from devstack.gateway.rest.schema_cache import Function, Relation


#: The bits of Postgres's pg_relation_is_updatable.
UPDATABLE, INSERTABLE, DELETABLE = 4, 8, 16


def allowed_on_relation(relation: Relation) -> bytes:
    """Return what may be done to a relation's rows."""
    writable = relation.writable
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
