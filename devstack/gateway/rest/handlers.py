"""What a method on a path means: from a request to its plan, and from the outcome to the answer."""

import functools
import json
from collections.abc import Callable, Hashable
from http.cookies import CookieError, SimpleCookie

from devstack.gateway.context import Context
from devstack.gateway.rest.answers import (
    Answer,
    check_affected,
    check_single,
    read_answer,
    void_answer,
    write_answer,
)
from devstack.gateway.rest.calls import read_call
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.filters import parse_query
from devstack.gateway.rest.functions import plan_call
from devstack.gateway.rest.live_schema import LiveSchema
from devstack.gateway.rest.payload import as_json, content_type, row_keys
from devstack.gateway.rest.preferences import range_pairs
from devstack.gateway.rest.query import Query
from devstack.gateway.rest.reads import Read, plan_read
from devstack.gateway.rest.request import READS, WRITES, Asked, Request, read_head
from devstack.gateway.rest.run import Check, Outcome, Session, Settings, run
from devstack.gateway.rest.schema_cache import Relation, SchemaCache, similar
from devstack.gateway.rest.statement import Plan
from devstack.gateway.rest.writes import Write, plan_write


#: A client that makes up a new shape for each request must not fill the memory.
MAX_PLANS = 5000


class Handlers:
    """Answers requests from the one context that it is built with."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._schema = context.service(LiveSchema)
        self._max_rows = context.config.max_rows

    async def answer(self, request: Request) -> Answer:
        """Answer a request. Raises: RestError."""
        asked = read_head(request, self._context.config.schemas)
        target = request.path.strip("/")
        if target.startswith("rpc/") and "/" not in target[4:]:
            return await self._call(request, asked, target[4:])
        if "/" in target:
            raise RestError(404, "PGRST125", "Invalid path specified in request URL")
        if not target:
            raise RestError(404, "PGRST126", "Root endpoint metadata is disabled")
        relation = _relation(self._schema.cache, asked.schema, target)
        if request.method in READS:
            return await self._read(request, asked, relation)
        if request.method in WRITES:
            return await self._write(request, asked, relation)
        if request.method == "OPTIONS":
            allowed = b"OPTIONS,GET,HEAD,POST,PATCH,DELETE"
            return Answer(200, b"", [(b"allow", allowed)])
        raise RestError(405, "PGRST117", f"Unsupported HTTP method: {request.method}")

    async def _read(self, request: Request, asked: Asked, relation: Relation) -> Answer:
        query, values = parse_query(range_pairs(request.headers, request.pairs))
        read = Read(
            relation=relation,
            query=query,
            media=asked.accepted.media,
            is_stripped=asked.accepted.is_stripped,
            is_head=request.method == "HEAD",
            count=asked.preferences.count,
        )
        plan = self._planned(read, lambda cache: plan_read(cache, read, self._max_rows))
        session = self._session(request, asked, is_read_only=True)
        outcome = await run(self._context, plan, session, values)
        if asked.accepted.is_single:
            check_single(outcome)
        offset = _offset(query, values)
        return read_answer(outcome, asked.accepted, asked.preferences, offset, request.method)

    async def _write(self, request: Request, asked: Asked, relation: Relation) -> Answer:
        query, values = parse_query(request.pairs)
        preferences, is_single = asked.preferences, asked.accepted.is_single
        body, keys, is_array = _rows(request, query)
        write = Write(
            method=request.method,
            relation=relation,
            query=query,
            keys=keys,
            is_array=is_array,
            media=asked.accepted.media,
            is_stripped=asked.accepted.is_stripped,
            is_represented=preferences.returns == "representation",
            is_default_for_missing=preferences.missing == "default",
            resolution=preferences.resolution if request.method == "POST" else None,
        )
        plan = self._planned(write, lambda cache: plan_write(cache, write, self._max_rows))
        session = self._session(request, asked, is_read_only=False)
        limit = preferences.max_affected if request.method != "POST" else None
        check = _check(is_single=is_single and write.is_represented, limit=limit)
        outcome = await run(self._context, plan, session, values, body=body, check=check)
        return write_answer(
            outcome,
            asked.accepted,
            preferences,
            request.method,
            is_represented=write.is_represented,
        )

    async def _call(self, request: Request, asked: Asked, name: str) -> Answer:
        if request.method not in (*READS, "POST"):
            message = f"Cannot use the {request.method} method on RPC"
            raise RestError(405, "PGRST101", message)
        call, values, body = read_call(self._schema.cache, request, asked, name)
        function, preferences = call.function, asked.preferences
        if preferences.max_affected is not None and not function.is_set:
            raise RestError(
                400,
                "PGRST128",
                "Function must return SETOF or TABLE when max-affected preference is used with "
                "handling=strict",
            )
        plan = self._planned(call, lambda cache: plan_call(cache, call, self._max_rows))
        is_read_only = request.method in READS or function.is_read_only
        session = self._session(
            request, asked, is_read_only=is_read_only, settings=function.settings
        )
        is_single = asked.accepted.is_single and function.is_set
        check = _check(is_single=is_single, limit=preferences.max_affected)
        outcome = await run(self._context, plan, session, values, body=body, check=check)
        if function.kind == "void":
            return void_answer(outcome, preferences, request.method)
        offset = _offset(call.query, values)
        return read_answer(outcome, asked.accepted, preferences, offset, request.method)

    def _planned(self, shape: Hashable, make: Callable[[SchemaCache], Plan]) -> Plan:
        """Return the plan of a shape; it is made once for each state of the schema."""
        cache = self._schema.cache
        plan = cache.plans.get(shape)
        if plan is None:
            if len(cache.plans) >= MAX_PLANS:
                cache.plans.clear()
            plan = cache.plans[shape] = make(cache)
        return plan

    def _session(
        self, request: Request, asked: Asked, *, is_read_only: bool, settings: Settings = ()
    ) -> Session:
        caller, preferences = request.caller, asked.preferences
        cookie = request.headers.get("cookie")
        settings = self._schema.cache.role_settings.get(caller.role, ()) + settings
        return Session(
            schema=asked.schema,
            role=caller.role,
            claims=json.dumps(caller.claims),
            method=request.method,
            path=request.path,
            headers=json.dumps(request.headers),
            cookies=_cookies(cookie) if cookie else "{}",
            settings=settings,
            timezone=preferences.timezone,
            is_read_only=is_read_only,
            is_rolled_back=preferences.tx == "rollback",
        )


def _relation(cache: SchemaCache, schema: str, name: str) -> Relation:
    relation = cache.relations.get((schema, name))
    if relation is None:
        meant = similar(name, cache.names_in(schema))
        raise RestError(
            404,
            "PGRST205",
            f"Could not find the table '{schema}.{name}' in the schema cache",
            hint=f"Perhaps you meant the table '{schema}.{meant}'" if meant else None,
        )
    return relation


def _rows(request: Request, query: Query) -> tuple[str, tuple[str, ...], bool]:
    """Return the body of a write as JSON, the keys of its rows and whether it is an array."""
    if request.method == "DELETE":
        return "", (), False
    body, value = as_json(request.body, content_type(request.headers.get("content-type")))
    is_array = isinstance(value, list)
    if query.columns is not None:
        return body, query.columns, is_array
    return body, row_keys(value), is_array


def _check(*, is_single: bool, limit: int | None) -> Check | None:
    if not is_single and limit is None:
        return None

    def check(outcome: Outcome) -> None:
        if is_single:
            check_single(outcome)
        if limit is not None:
            check_affected(outcome, limit)

    return check


def _offset(query: Query, values: list[str]) -> int:
    slot = query.root.offset_slot
    return 0 if slot is None else int(values[slot])


@functools.lru_cache(256)
def _cookies(header: str) -> str:
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return "{}"
    return json.dumps({name: morsel.value for name, morsel in cookies.items()})
