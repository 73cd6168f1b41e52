"""Serve the OpenAPI document of the service, made from the statements at its routes."""

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

import pydantic
from flask import Blueprint, Flask
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from market import VERSION
from service.errors import STATUS_OF_CODE, ErrorAnswer
from service.limits import AddressLimits
from service.route_table import ADDRESS, Answer, Caller, PlainText, Route, routes_of


_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_TEXT = {"type": "string"}
_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of Supabase Auth.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sb-<project>-auth-token",
        "description": "The session cookie of Supabase, also in chunks `.0`, `.1`. A write with it "
        "needs an `Origin` or `Referer` of the site.",
    },
    "signature": {"type": "apiKey", "in": "header", "name": "Stripe-Signature"},
}
_HEADERS = {
    "RequestId": {"description": "The id of the request in our logs.", "schema": _TEXT},
    "RetryAfter": {
        "description": "Seconds to wait before the next call.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "CsrfError": {
        "description": "The fault of a `CSRF_INVALID`.",
        "schema": {"enum": ["origin-missing", "origin-mismatch"]},
    },
    "Challenge": {"description": "The scheme to authenticate with.", "schema": _TEXT},
}
_HEADERS_OF_CODES = {
    "CSRF_INVALID": ("X-CSRF-Error", "CsrfError"),
    "KYC_COOLDOWN": ("Retry-After", "RetryAfter"),
    "RATE_LIMITED": ("Retry-After", "RetryAfter"),
    "UNAUTHORIZED": ("WWW-Authenticate", "Challenge"),
}


class DocumentAnswer(Answer):
    """An OpenAPI document."""

    openapi: Literal["3.1.0"]
    info: dict[str, str]
    paths: dict[str, dict[str, Any]]
    components: dict[str, Any]


def openapi_blueprint(app: Flask, limits: AddressLimits) -> Blueprint:
    """Build the blueprint that serves the document of all routes of `app`."""
    blueprint = Blueprint("openapi", __name__, url_prefix="/api")
    # Later blueprints add routes, so the first request makes the document.
    made = functools.cache(lambda: document(app))

    @blueprint.get("/openapi.json")
    @Route(
        summary="Read this document.",
        callers=(Caller.ANYONE,),
        limits=(ADDRESS,),
        answer=DocumentAnswer,
    )
    def show() -> DocumentAnswer:
        limits.hit()
        return made()

    return blueprint


def document(app: Flask) -> DocumentAnswer:
    """Return the OpenAPI document of an app's routes."""
    routes = list(routes_of(app))
    schemas = _Schemas(routes)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for method, rule, route in routes:
        operation = _operation(method, rule, route, schemas)
        paths[_VARIABLE.sub(r"{\1}", rule)][method.lower()] = operation
    auth_headers = sorted({route.auth_header for _, _, route in routes if route.auth_header})
    return DocumentAnswer(
        openapi="3.1.0",
        info={
            "title": "Aussie Market",
            "version": VERSION,
            "description": "The routes of the service. docs/api.md has the RPCs of Supabase.",
        },
        paths=paths,
        components={
            "schemas": schemas.components,
            "headers": _HEADERS,
            "securitySchemes": {
                **_SECURITY,
                **{_scheme_of(header): _token_scheme(header) for header in auth_headers},
            },
        },
    )


class _Schemas:
    """The JSON schemas of all models, under the names that the document gives them."""

    def __init__(self, routes: Sequence[tuple[str, str, Route[Any]]]) -> None:
        inputs = {model for _, _, route in routes for model in (route.body, route.query) if model}
        outputs: set[type[pydantic.BaseModel]] = {route.answer for _, _, route in routes}
        outputs.discard(PlainText)
        outputs.add(ErrorAnswer)
        named: list[tuple[type[pydantic.BaseModel], JsonSchemaMode]] = [
            *((model, "validation") for model in sorted(inputs, key=repr)),
            *((model, "serialization") for model in sorted(outputs, key=repr)),
        ]
        self._references, made = models_json_schema(
            named,
            ref_template="#/components/schemas/{model}",
        )
        self.components: dict[str, Any] = made["$defs"]

    def of_input(self, model: type[pydantic.BaseModel]) -> dict[str, Any]:
        """Return a reference to the schema of a body or query."""
        return dict(self._references[model, "validation"])

    def of_form(self, model: type[pydantic.BaseModel]) -> dict[str, Any] | None:
        """Return the schema of a form, or None if the body has fields inside of a field.

        A form has no null: a field without a value is left out.
        """
        schema = self.resolved(model)
        fields = {name: _without_null(field) for name, field in schema["properties"].items()}
        if any(self._is_object(field) for field in fields.values()):
            return None
        return schema | {"properties": fields}

    def _is_object(self, schema: Mapping[str, Any]) -> bool:
        name = schema.get("$ref", "").rpartition("/")[2]
        kind: object = self.components.get(name, schema).get("type")
        return kind == "object"

    def of_answer(self, model: type[pydantic.BaseModel]) -> dict[str, Any]:
        """Return a reference to the schema of an answer."""
        return dict(self._references[model, "serialization"])

    def resolved(self, model: type[pydantic.BaseModel]) -> dict[str, Any]:
        """Return the schema of a body or query itself."""
        name = self.of_input(model)["$ref"].rpartition("/")[2]
        return dict(self.components[name])


def _without_null(field: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in field.items() if (key, value) != ("default", None)}
    choices = [choice for choice in kept.pop("anyOf", ()) if choice != {"type": "null"}]
    return kept | (choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})


def _operation(method: str, rule: str, route: Route[Any], schemas: _Schemas) -> dict[str, Any]:
    words = [method.lower(), *re.findall(r"\w+", rule.removeprefix("/api"))]
    operation: dict[str, Any] = {
        "operationId": "_".join(words),
        "summary": route.summary,
        "security": _security(route),
        "parameters": list(_parameters(route, schemas)),
        "responses": _responses(method, route, schemas),
    }
    body = _request_body(route, schemas)
    return operation if body is None else operation | {"requestBody": body}


def _security(route: Route[Any]) -> list[dict[str, list[str]]]:
    schemes = ["bearer", "cookie"] if route.has_user else []
    schemes += ["signature"] if Caller.SIGNATURE in route.callers else []
    schemes += [_scheme_of(route.auth_header)] if route.auth_header else []
    return [{scheme: []} for scheme in schemes]


def _scheme_of(header: str) -> str:
    return header.lower().replace("x-", "").replace("authorization", "metrics-token")


def _token_scheme(header: str) -> Mapping[str, str]:
    if header == "Authorization":
        return {"type": "http", "scheme": "bearer"}
    return {"type": "apiKey", "in": "header", "name": header}


def _parameters(route: Route[Any], schemas: _Schemas) -> Iterable[dict[str, Any]]:
    for name, text in route.path.items():
        described = {"name": name, "in": "path", "required": True, "description": text}
        yield described | {"schema": _TEXT}
    if route.query is not None:
        model = schemas.resolved(route.query)
        for name, schema in model["properties"].items():
            required = name in model.get("required", ())
            yield {"name": name, "in": "query", "required": required, "schema": schema}
    for name, text in route.headers.items():
        yield {"name": name, "in": "header", "description": text, "schema": _TEXT}


def _request_body(route: Route[Any], schemas: _Schemas) -> dict[str, Any] | None:
    if route.raw_body:
        event = {"application/json": {"schema": {"type": "object"}}}
        return {"required": True, "description": route.raw_body, "content": event}
    if route.body is None:
        return None
    form = schemas.of_form(route.body)
    if form is not None and route.file:
        schema = _with_file(form, route.file)
        return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    types = {"application/json": schemas.of_input(route.body)}
    types |= {type_: form for type_ in _FORM_TYPES if form is not None}
    return {
        "required": bool(schemas.resolved(route.body).get("required")),
        "content": {type_: {"schema": schema} for type_, schema in types.items()},
    }


def _with_file(form: Mapping[str, Any], name: str) -> dict[str, Any]:
    # Generators of clients know a file by its format, those of OpenAPI 3.1 by its media type.
    file = {
        "type": "string",
        "format": "binary",
        "contentMediaType": "application/octet-stream",
    }
    required = [*form.get("required", ()), name]
    return {**form, "properties": {**form["properties"], name: file}, "required": required}


def _responses(method: str, route: Route[Any], schemas: _Schemas) -> dict[str, Any]:
    bodies: dict[HTTPStatus, list[Any]] = defaultdict(list)
    headers: dict[HTTPStatus, dict[str, Any]] = defaultdict(dict)
    is_text = issubclass(route.answer, PlainText)
    for status in (HTTPStatus.OK, *route.statuses):
        bodies[status].append(_TEXT if is_text else schemas.of_answer(route.answer))
    for status, codes in _codes_by_status(method, route).items():
        bodies[status].append(_error(codes, schemas))
        for code in codes & _HEADERS_OF_CODES.keys():
            name, header = _HEADERS_OF_CODES[code]
            headers[status][name] = _reference(header)
    return {
        str(int(status)): {
            "description": status.phrase,
            "headers": {"X-Request-Id": _reference("RequestId"), **headers[status]},
            "content": _content(status, choices, is_text=is_text),
        }
        for status, choices in sorted(bodies.items())
    }


def _codes_by_status(method: str, route: Route[Any]) -> Mapping[HTTPStatus, set[str]]:
    codes: dict[HTTPStatus, set[str]] = defaultdict(set)
    for code in route.codes_of(method):
        codes[STATUS_OF_CODE.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)].add(code)
    codes[HTTPStatus.INTERNAL_SERVER_ERROR].update(route.failures)
    return codes


def _error(codes: Iterable[str], schemas: _Schemas) -> dict[str, Any]:
    named = {"properties": {"code": {"enum": sorted(codes)}}}
    return {"allOf": [schemas.of_answer(ErrorAnswer), named]}


def _content(status: HTTPStatus, choices: list[Any], *, is_text: bool) -> dict[str, Any]:
    schema = choices[0] if len(choices) == 1 else {"anyOf": choices}
    is_plain = is_text and status is HTTPStatus.OK
    return {"text/plain" if is_plain else "application/json": {"schema": schema}}


def _reference(header: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{header}"}
