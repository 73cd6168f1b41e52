"""The handlers, which take a request once through each phase that its method and path need."""

from collections.abc import Callable, Hashable

from devstack.gateway.context import Context
from devstack.gateway.rest.api_request.payload import Payload, read_arguments, read_rows
from devstack.gateway.rest.api_request.preferences import names_time_zone
from devstack.gateway.rest.api_request.query_params import QueryParams
from devstack.gateway.rest.api_request.query_parser import parse_query, split_arguments
from devstack.gateway.rest.api_request.request import (
    READS,
    WRITES,
    Request,
    RequestHead,
    narrow_to_range,
    parse_head,
)
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.plan.call_plan import call_of, plan_call
from devstack.gateway.rest.plan.mutate_plan import mutation_of, plan_mutation
from devstack.gateway.rest.plan.read_plan import Read, plan_read
from devstack.gateway.rest.plan.resolution import find_relation
from devstack.gateway.rest.query.statement import Statement
from devstack.gateway.rest.response import (
    Response,
    content_location,
    explain_response,
    function_options_response,
    mutation_response,
    read_response,
    relation_options_response,
    void_response,
)
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.live_cache import LiveSchemaCache
from devstack.gateway.rest.schema_cache.tables import Relation
from devstack.gateway.rest.transaction import (
    check_single,
    outcome_check,
    run,
    transaction_settings,
)
from devstack.gateway.transaction_settings import TransactionSettings


#: The limit keeps a client that sends a new shape with each request from filling the memory.
MAX_STATEMENTS = 5000


class Handlers:
    """Handles the requests to one schema cache."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._live_cache = context.service(LiveSchemaCache)
        self._statements = StatementCache()

    async def handle(self, request: Request) -> Response:
        """Return the response to a request. Raises: RestError."""
        target = request.path.strip("/")
        is_call = target.startswith("rpc/") and "/" not in target[4:]
        # The path is checked before the headers, because a request for the OpenAPI description
        # accepts a media type that `parse_head` would refuse.
        if not target:
            raise RestError("PGRST126", "Root endpoint metadata is disabled")
        if "/" in target and not is_call:
            raise RestError("PGRST125", "Invalid path specified in request URL")
        head = await self._head(request)
        if is_call:
            return await self._on_function(request, head, target[4:])
        relation = find_relation(self._live_cache.cache, head.schema, target)
        if request.method in READS:
            return await self._read(request, head, relation)
        if request.method in WRITES:
            return await self._write(request, head, relation)
        if request.method == "OPTIONS":
            updatability = await self._live_cache.updatability(relation)
            return relation_options_response(relation, updatability)
        raise RestError("PGRST117", f"Unsupported HTTP method: {request.method}")

    async def _head(self, request: Request) -> RequestHead:
        configuration = self._live_cache.cache.configuration
        if not names_time_zone(request.headers.get("prefer", "")):
            return parse_head(request, configuration)
        return parse_head(request, configuration, await self._live_cache.time_zones())

    async def _read(self, request: Request, head: RequestHead, relation: Relation) -> Response:
        query, values = parse_query(narrow_to_range(request.method, request.headers, request.pairs))
        read = Read(
            relation=relation,
            query=query,
            media=head.accepted.media,
            is_stripped=head.accepted.is_stripped,
            is_head=request.method == "HEAD",
            count=head.preferences.count,
        )
        cache = self._live_cache.cache
        statement = self._statements.get(cache, read, lambda: plan_read(cache, read))
        settings = transaction_settings(cache, request, head, is_read_only=True)
        if explain := head.accepted.explain:
            return await self._explain(statement.explained(explain), settings, values, head)
        outcome = await run(self._context, statement, settings, values)
        if head.accepted.is_single:
            # A read changes nothing, so its outcome may be checked after the commit.
            check_single(outcome)
        location = content_location(relation.name, tuple(request.pairs))
        return read_response(outcome, head, _offset(query, values), "read", location)

    async def _write(self, request: Request, head: RequestHead, relation: Relation) -> Response:
        query, values = parse_query(request.pairs)
        payload = read_rows(request, query)
        values.append(payload.text)
        mutation = mutation_of(request.method, head, relation, query, payload)
        cache = self._live_cache.cache
        statement = self._statements.get(cache, mutation, lambda: plan_mutation(cache, mutation))
        settings = transaction_settings(cache, request, head, is_read_only=False)
        if explain := head.accepted.explain:
            return await self._explain(statement.explained(explain), settings, values, head)
        is_limited = request.method in ("PATCH", "DELETE")
        check = outcome_check(
            is_single=head.accepted.is_single and mutation.is_represented,
            max_affected=head.preferences.max_affected if is_limited else None,
            is_put=request.method == "PUT",
        )
        outcome = await run(self._context, statement, settings, values, check)
        return mutation_response(outcome, head, mutation)

    async def _on_function(self, request: Request, head: RequestHead, name: str) -> Response:
        if request.method == "OPTIONS":
            overloads = self._live_cache.cache.functions.get((head.schema, name), ())
            return function_options_response(overloads)
        if request.method not in (*READS, "POST"):
            raise RestError("PGRST101", f"Cannot use the {request.method} method on RPC")
        return await self._call(request, head, name)

    async def _call(self, request: Request, head: RequestHead, name: str) -> Response:
        query, values, payload = _parse_call(request)
        cache = self._live_cache.cache
        call, arguments = call_of(cache, head, name, query, payload, slot_count=len(values))
        values += arguments
        function = call.function
        statement = self._statements.get(cache, call, lambda: plan_call(cache, call))
        is_read_only = request.method in READS or function.is_read_only
        settings = transaction_settings(
            cache, request, head, is_read_only=is_read_only, function_settings=function.settings
        )
        if explain := head.accepted.explain:
            return await self._explain(statement.explained(explain), settings, values, head)
        check = outcome_check(
            is_single=head.accepted.is_single and function.is_set,
            max_affected=head.preferences.max_affected,
        )
        outcome = await run(self._context, statement, settings, values, check)
        if function.kind == "void":
            return void_response(outcome, head)
        return read_response(outcome, head, _offset(query, values), "call")

    async def _explain(
        self,
        explained: Statement,
        settings: TransactionSettings,
        values: list[str],
        head: RequestHead,
    ) -> Response:
        return explain_response(await run(self._context, explained, settings, values), head)


class StatementCache:
    """Keeps the statements that were planned with the current state of the schema cache."""

    def __init__(self) -> None:
        self._schema: SchemaCache | None = None
        self._statements: dict[Hashable, Statement] = {}

    def get(self, schema: SchemaCache, shape: Hashable, plan: Callable[[], Statement]) -> Statement:
        """Return the statement for a shape of request, planned at its first use."""
        if self._schema is not schema:
            self._schema, self._statements = schema, {}
        statement = self._statements.get(shape)
        if statement is None:
            if len(self._statements) >= MAX_STATEMENTS:
                self._statements.clear()
            statement = self._statements[shape] = plan()
        return statement


def _parse_call(request: Request) -> tuple[QueryParams, list[str], Payload]:
    pairs = narrow_to_range(request.method, request.headers, request.pairs)
    if request.method in READS:
        arguments, pairs = split_arguments(pairs)
        query, values = parse_query(pairs)
        return query, values, Payload(media_type=None, arguments=arguments)
    query, values = parse_query(pairs)
    return query, values, read_arguments(request, query)


def _offset(query: QueryParams, values: list[str]) -> int:
    slot = query.root.offset_slot
    return 0 if slot is None else int(values[slot])
