"""Write the routes of the service as Markdown, from the statements at the routes."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydantic


sys.path.insert(0, str(Path(__file__).parents[1]))

from service.app import create_app
from service.route_table import Caller, PlainText, Route, routes_of
from tests.support.factories import make_settings
from tests.support.typescript import type_of


_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


def routes_page() -> str:
    """Return a table of all routes, then a section for each."""
    routes = list(routes_of(create_app(make_settings())))
    rows = [
        f"| `{method} {path_of(rule)}` | {callers_of(route)} | {route.summary} |"
        for method, rule, route in routes
    ]
    sections = [section(method, path_of(rule), route) for method, rule, route in routes]
    return "\n".join(["| route | caller | effect |", "|---|---|---|", *rows, "", *sections])


def path_of(rule: str) -> str:
    """Return a path as people write it: `/api/orders/:order_id`."""
    return _VARIABLE.sub(r":\1", rule)


def callers_of(route: Route[Any]) -> str:
    """Return the callers of a route in words."""
    words = [
        f"the holder of the token in `{route.auth_header}`"
        if caller is Caller.TOKEN
        else caller.value
        for caller in route.callers
    ]
    return ", ".join(words)


def section(method: str, path: str, route: Route[Any]) -> str:
    """Return the section of one route."""
    own = sorted(set(route.codes))
    facts = [
        f"Callers: {callers_of(route)}.",
        f"Limit: {', '.join(f'`{limit}`' for limit in route.limits) or 'none'}.",
        f"Own codes: {', '.join(f'`{code}`' for code in own) or 'none'}.",
    ]
    lines = [f"### {method} {path}", "", route.summary, "", " ".join(facts)]
    if not route.is_live:
        lines += ["", "It also serves suspended users."]
    lines += ["", "```ts", *declarations(route), "```"]
    return "\n".join(lines) + "\n"


def declarations(route: Route[Any]) -> Iterable[str]:
    """Yield the types of the request and of the answer, in the notation of TypeScript."""
    if route.query is not None:
        yield f"type Query = {type_of_model(route.query, 'validation')}"
    if route.headers:
        yield f"type Headers = {{ {', '.join(f'{name!r}?: string' for name in route.headers)} }}"
    if route.body is not None:
        file = f" & {{ {route.file}: File }} // multipart/form-data" if route.file else ""
        yield f"type Body = {type_of_model(route.body, 'validation')}{file}"
    if route.raw_body:
        yield f"type Body = string // {route.raw_body}"
    is_text = issubclass(route.answer, PlainText)
    yield f"type Answer = {'string' if is_text else type_of_model(route.answer, 'serialization')}"


def type_of_model(model: type[pydantic.BaseModel], mode: Any) -> str:
    """Return a model as a TypeScript type."""
    schema = model.model_json_schema(by_alias=True, mode=mode)
    return type_of(schema, schema.get("$defs", {}), indent="")
