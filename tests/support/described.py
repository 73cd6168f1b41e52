"""Check answers of the service against its own OpenAPI document."""

import functools
import re
import threading
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from service.app import create_app
from service.openapi import document
from service.route_table import json_of
from tests.support.factories import make_settings
from tests.support.seen_answers import note


_ADDRESS = "urn:document"
#: Tests send requests from several threads. functools.cache lets each of them build the document,
#: and the compiler, which builds the routes, fails now and then when two threads call it at once.
_BUILDING = threading.Lock()


def described() -> dict[str, Any]:
    """Return the document of the service, which the first call builds."""
    with _BUILDING:
        return _described()


@functools.cache
def _described() -> dict[str, Any]:
    return json_of(document(create_app(make_settings())))


def check(response: httpx.Response) -> None:
    """Fail unless the document allows this answer to this request; a hook of httpx clients.

    The document describes the methods of its paths. An answer to another path or method is an error
    that every route shares.
    """
    response.read()
    path = _template(response.request.url.path)
    operation = described()["paths"].get(path, {}).get(response.request.method.lower())
    if operation is None:
        return
    name = f"{response.request.method} {path}: {response.status_code}"
    stated = operation["responses"].get(str(response.status_code))
    assert stated is not None, f"{name} is not in the document: {response.text[:500]}"
    missing = [header for header in stated["headers"] if header not in response.headers]
    assert missing in ([], ["X-CSRF-Error"]), f"{name} lacks headers: {missing}"
    [media_type] = stated["content"]
    assert response.headers["Content-Type"].partition(";")[0] == media_type, name
    if media_type == "application/json":
        if response.is_error:
            rule = path.replace("{", "<").replace("}", ">")
            note(response.request.method, rule, response.json())
        problem = next(_validator(path, response).iter_errors(response.json()), None)
        assert problem is None, f"{name} contradicts the document: {problem}"


def _validator(path: str, response: httpx.Response) -> Any:
    return _validator_of(path, response.request.method.lower(), str(response.status_code))


@functools.cache
def _validator_of(path: str, method: str, status: str) -> Any:
    pointer = f"/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}/responses/{status}"
    schema = f"{_ADDRESS}#{pointer}/content/application~1json/schema"
    return Draft202012Validator({"$ref": schema}, registry=_registry())


@functools.cache
def _registry() -> Any:
    return Registry().with_resource(_ADDRESS, DRAFT202012.create_resource(described()))


@functools.cache
def _template(path: str) -> str:
    """Return the path of the document that serves a path."""
    for template in described()["paths"]:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path.rstrip("/")):
            return str(template)
    return path
