"""What a method on a path means: from a request to its plan, and from the outcome to the answer."""

from collections.abc import Callable, Hashable
from dataclasses import replace

from devstack.gateway.context import Context
from devstack.gateway.rest.api_request.preferences import names_timezone
from devstack.gateway.rest.api_request.query_params import QueryParams
from devstack.gateway.rest.api_request.query_parser import parse_query
from devstack.gateway.rest.api_request.ranges import ranged
from devstack.gateway.rest.api_request.request import (
    READS,
    WRITES,
    Request,
    RequestHead,
    parse_head,
)
from devstack.gateway.rest.calls import read_call
from devstack.gateway.rest.checks import checks
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.plan.call_plan import plan_call
from devstack.gateway.rest.plan.mutate_plan import plan_write
from devstack.gateway.rest.plan.read_plan import Read, plan_read
from devstack.gateway.rest.plan.similar_names import similar
from devstack.gateway.rest.query.statement import Plan
from devstack.gateway.rest.response import (
    Answer,
    canonical,
    function_options,
    plan_answer,
    read_answer,
    relation_options,
    void_answer,
    write_answer,
)
from devstack.gateway.rest.rows import read_write
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.live_cache import LiveSchemaCache
from devstack.gateway.rest.schema_cache.tables import Relation
from devstack.gateway.rest.sessions import session_of
from devstack.gateway.rest.transaction import run


#: A client that sends a new shape with each request must not fill the memory.
MAX_PLANS = 5000


class Handlers:
    """Answers requests from the one context that it is built with."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._schema = context.service(LiveSchemaCache)
        self._plans = PlanCache()

    async def answer(self, request: Request) -> Answer:
        """Answer a request. Raises: RestError."""
        target = request.path.strip("/")
        is_call = target.startswith("rpc/") and "/" not in target[4:]
        # The path is judged before the head: who asks for the description accepts nothing else.
        if not target:
            raise RestError("PGRST126", "Root endpoint metadata is disabled")
        if "/" in target and not is_call:
            raise RestError("PGRST125", "Invalid path specified in request URL")
        asked = await self._asked(request)
        if is_call:
            return await self._on_function(request, asked, target[4:])
        relation = _relation(self._schema.cache, asked.schema, target)
        if request.method in READS:
            return await self._read(request, asked, relation)
        if request.method in WRITES:
            return await self._write(request, asked, relation)
        if request.method == "OPTIONS":
            return relation_options(relation, await self._schema.updatability(relation))
        raise RestError("PGRST117", f"Unsupported HTTP method: {request.method}")

    async def _asked(self, request: Request) -> RequestHead:
        configuration = self._schema.cache.configuration
        if not names_timezone(request.headers.get("prefer", "")):
            return parse_head(request, configuration)
        return parse_head(request, configuration, await self._schema.time_zones())

    async def _read(self, request: Request, asked: RequestHead, relation: Relation) -> Answer:
        query, values = parse_query(ranged(request.method, request.headers, request.pairs))
        read = Read(
            relation=relation,
            query=query,
            media=asked.accepted.media,
            is_stripped=asked.accepted.is_stripped,
            is_head=request.method == "HEAD",
            count=asked.preferences.count,
        )
        plan = self._planned(read, lambda cache: plan_read(cache, read))
        session = session_of(self._schema.cache, request, asked, is_read_only=True)
        if explain := asked.accepted.explain:
            outcome = await run(self._context, plan.explained(explain), session, values)
            return plan_answer(outcome, asked)
        # Nothing is changed, so it may be looked at when all is over.
        outcome = await run(self._context, plan, session, values)
        check = checks(is_single=asked.accepted.is_single, limit=None)
        if check is not None:
            check(outcome)
        location = canonical(relation.name, tuple(request.pairs))
        return read_answer(outcome, asked, _offset(query, values), "read", location)

    async def _write(self, request: Request, asked: RequestHead, relation: Relation) -> Answer:
        write, values, body = read_write(request, asked, relation)
        plan = self._planned(write, lambda cache: plan_write(cache, write))
        session = session_of(self._schema.cache, request, asked, is_read_only=False)
        if explain := asked.accepted.explain:
            outcome = await run(self._context, plan.explained(explain), session, values, body=body)
            return plan_answer(outcome, asked)
        preferences, method = asked.preferences, request.method
        check = checks(
            is_single=asked.accepted.is_single and write.is_represented,
            limit=preferences.max_affected if method in ("PATCH", "DELETE") else None,
            is_put=method == "PUT",
        )
        outcome = await run(self._context, plan, session, values, body=body, check=check)
        if not write.conflict_columns:
            asked = replace(asked, preferences=replace(preferences, resolution=None))
        return write_answer(outcome, asked, method, relation.name)

    async def _on_function(self, request: Request, asked: RequestHead, name: str) -> Answer:
        if request.method == "OPTIONS":
            overloads = self._schema.cache.functions.get((asked.schema, name), ())
            return function_options(overloads)
        if request.method not in (*READS, "POST"):
            message = f"Cannot use the {request.method} method on RPC"
            raise RestError("PGRST101", message)
        return await self._call(request, asked, name)

    async def _call(self, request: Request, asked: RequestHead, name: str) -> Answer:
        call, values, body = read_call(self._schema.cache, request, asked, name)
        function, preferences = call.function, asked.preferences
        if preferences.max_affected is not None and not function.is_set:
            raise RestError(
                "PGRST128",
                "Function must return SETOF or TABLE when max-affected preference is used with "
                "handling=strict",
            )
        plan = self._planned(call, lambda cache: plan_call(cache, call))
        session = session_of(
            self._schema.cache,
            request,
            asked,
            is_read_only=request.method in READS or function.is_read_only,
            settings=function.settings,
        )
        if explain := asked.accepted.explain:
            outcome = await run(self._context, plan.explained(explain), session, values, body=body)
            return plan_answer(outcome, asked)
        is_single = asked.accepted.is_single and function.is_set
        check = checks(is_single=is_single, limit=preferences.max_affected)
        outcome = await run(self._context, plan, session, values, body=body, check=check)
        if function.kind == "void":
            return void_answer(outcome, asked)
        return read_answer(outcome, asked, _offset(call.query, values), "call")

    def _planned(self, shape: Hashable, make: Callable[[SchemaCache], Plan]) -> Plan:
        return self._plans.plan(self._schema.cache, shape, make)


class PlanCache:
    """Keeps the plans that were made from the current state of the schema cache."""

    def __init__(self) -> None:
        self._schema: SchemaCache | None = None
        self._plans: dict[Hashable, Plan] = {}

    def plan(
        self, schema: SchemaCache, shape: Hashable, make: Callable[[SchemaCache], Plan]
    ) -> Plan:
        """Return the plan of a shape of request; a shape is planned once for each state."""
        if self._schema is not schema:
            self._schema, self._plans = schema, {}
        plan = self._plans.get(shape)
        if plan is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            plan = self._plans[shape] = make(schema)
        return plan


def _relation(cache: SchemaCache, schema: str, name: str) -> Relation:
    relation = cache.relations.get((schema, name))
    if relation is None:
        meant = similar(name, [known for owner, known in cache.relations if owner == schema])
        raise RestError(
            "PGRST205",
            f"Could not find the table '{schema}.{name}' in the schema cache",
            hint=f"Perhaps you meant the table '{schema}.{meant}'" if meant else None,
        )
    return relation


def _offset(query: QueryParams, values: list[str]) -> int:
    slot = query.root.offset_slot
    return 0 if slot is None else int(values[slot])
