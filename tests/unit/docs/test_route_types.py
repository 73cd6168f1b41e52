"""`docs/api.md`: the type of each body, query and answer says what the JSON schema says."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pydantic
import pytest
from pydantic.json_schema import JsonSchemaMode

from devstack.paths import ROOT
from service.app import create_app
from service.route_table import PlainText, routes_of
from tests.support.factories import make_settings
from tests.support.typescript import type_of


Type = tuple[object, ...]

PAGE = (ROOT / "docs/api.md").read_text()
SECTION = re.compile(r"^### ([A-Z]+ /\S*)\n.*?^```ts\n(.*?)^```", re.MULTILINE | re.DOTALL)
DECLARATION = re.compile(r"^type (\w+) = (.*?)(?=^type |\Z)", re.MULTILINE | re.DOTALL)
TOKEN = re.compile(r"[\w$]+|'[^']*'|\S")
VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer"}
NULL: dict[str, Any] = {"type": "null"}
NAMED: dict[str, Any] = {"type": "object", "properties": {"name": TEXT}, "required": ["name"]}


class Parser:
    """Read a type back into its parts."""

    def __init__(self, text: str) -> None:
        self._tokens = TOKEN.findall(text)

    def whole(self) -> Type:
        """Return the type, which ends with the text."""
        read = self._union()
        assert [] == self._tokens
        return read

    def _union(self) -> Type:
        return joined("|", self._separated("|", self._intersection))

    def _intersection(self) -> Type:
        return joined("&", self._separated("&", self._item))

    def _item(self) -> Type:
        token = self._tokens.pop(0)
        if token == "(":
            read = self._union()
            self._take(")")
        elif token == "{":
            read = self._object()
        elif token == "Record":
            for expected in ("<", "string", ","):
                self._take(expected)
            read = ("record", self._union())
            self._take(">")
        else:
            read = ("word", token)
        while self._tokens[:2] == ["[", "]"]:
            del self._tokens[:2]
            read = ("array", read)
        return read

    def _object(self) -> Type:
        fields = set()
        while self._tokens[0] != "}":
            name = self._tokens.pop(0).strip("'")
            is_optional = self._tokens[0] == "?"
            if is_optional:
                self._take("?")
            self._take(":")
            fields.add((name, not is_optional, self._union()))
        self._take("}")
        return ("object", frozenset(fields))

    def _separated(self, separator: str, read: Any) -> set[Type]:
        parts = {read()}
        while self._tokens[:1] == [separator]:
            self._take(separator)
            parts.add(read())
        return parts

    def _take(self, expected: str) -> None:
        assert expected == self._tokens.pop(0)


def joined(sign: str, parts: set[Type]) -> Type:
    """Return a union or intersection. One in another of its kind is flat, and one part is alone."""
    flat: set[Any] = set()
    for part in parts:
        inner: Any = part[1] if part[0] == sign else {part}
        flat |= inner
    return next(iter(flat)) if len(flat) == 1 else (sign, frozenset(flat))


def meaning(schema: Mapping[str, Any], models: Mapping[str, Any]) -> Type:
    """Return the parts of a JSON schema of pydantic."""
    references = [{**models[schema["$ref"].rpartition("/")[2]]}] if "$ref" in schema else []
    parts = {meaning(one, models) for one in (*references, *schema.get("allOf", ()))}
    for keyword in {"anyOf", "oneOf"} & schema.keys():
        parts.add(joined("|", {meaning(one, models) for one in schema[keyword]}))
    if "properties" in schema:
        fields = schema["properties"].items()
        required = schema.get("required", ())
        read = ((name, name in required, meaning(one, models)) for name, one in fields)
        parts.add(("object", frozenset(read)))
    elif {"enum", "const"} & schema.keys():
        values = schema.get("enum", [schema.get("const")])
        parts.add(joined("|", {("word", json.dumps(value).replace('"', "'")) for value in values}))
    elif "type" in schema:
        parts.add(meaning_of_type(schema, models))
    return joined("&", parts) if parts else ("word", "unknown")


def meaning_of_type(schema: Mapping[str, Any], models: Mapping[str, Any]) -> Type:
    """Return the meaning of a schema that only names its type."""
    if schema["type"] == "array":
        return ("array", meaning(schema["items"], models))
    if schema["type"] == "object":
        inner = schema["additionalProperties"]
        return ("record", meaning({} if inner is True else inner, models))
    return ("word", {"integer": "number"}.get(schema["type"], schema["type"]))


def stated() -> dict[tuple[str, str], type[pydantic.BaseModel]]:
    """Return the model of each type on the page, by route and name."""
    models = {}
    for method, rule, route in routes_of(create_app(make_settings())):
        path = VARIABLE.sub(r":\1", rule)
        for kind, model in (("Query", route.query), ("Body", route.body), ("Answer", route.answer)):
            if model is not None and not issubclass(model, PlainText):
                models[f"{method} {path}", kind] = model
    return models


WRITTEN = {
    (route, name): text
    for route, block in SECTION.findall(PAGE)
    for name, text in DECLARATION.findall(block)
}


@pytest.mark.parametrize(("place", "model"), stated().items(), ids=map(" ".join, stated()))
def test_type_says_what_the_schema_says(
    place: tuple[str, str], model: type[pydantic.BaseModel]
) -> None:
    """A caller who writes a body by the page, or reads an answer by it, misses no field."""
    mode: JsonSchemaMode = "serialization" if place[1] == "Answer" else "validation"
    schema = model.model_json_schema(by_alias=True, mode=mode)
    written = WRITTEN[place].partition(" & { file: File }")[0]

    assert meaning(schema, schema.get("$defs", {})) == Parser(written).whole()


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (NAMED | {"anyOf": [NAMED, NUMBER]}, "{ name: string } & ({ name: string } | number)"),
        ({"oneOf": [NAMED, NULL]}, "{ name: string } | null"),
        ({"allOf": [NAMED, {"$ref": "#/$defs/Other"}]}, "{ name: string } & { other?: number }"),
        ({"required": ["name"]}, "{ name: unknown }"),
        (NAMED | {"$ref": "#/$defs/Other"}, "{ name: string } & { other?: number }"),
        ({"enum": ["a", 1, True, None]}, "'a' | 1 | true | null"),
        ({"const": 7}, "7"),
        ({"type": "array", "items": {"anyOf": [TEXT, NULL]}}, "(string | null)[]"),
        ({"type": "array", "items": {"allOf": [NAMED, TEXT]}}, "({ name: string } & string)[]"),
        ({"type": "array"}, "unknown[]"),
        ({"type": "object"}, "Record<string, unknown>"),
        ({"type": "object", "additionalProperties": NUMBER}, "Record<string, number>"),
        ({"type": ["string", "null"]}, "string | null"),
        (
            {"type": "object", "properties": {"a-b": TEXT}, "additionalProperties": False},
            "{ 'a-b'?: string }",
        ),
        ({"anyOf": [{"allOf": [TEXT, NUMBER]}, NULL]}, "string & number | null"),
        ({}, "unknown"),
    ],
)
def test_notation_of_a_schema(schema: Mapping[str, Any], expected: str) -> None:
    """Each keyword of JSON schema that TypeScript can express keeps its meaning."""
    models = {"Other": {"type": "object", "properties": {"other": NUMBER}}}

    written = type_of(schema, models, indent="")

    assert expected == " ".join(written.split())


def test_form_has_its_file() -> None:
    """The part of a multipart body that holds the file is no field of the model."""
    body = WRITTEN["POST /api/storage/upload", "Body"]

    assert body.endswith(") & { file: File } // multipart/form-data\n")


def test_unknown_keyword_is_refused() -> None:
    """A keyword that would be lost ends `make docs`."""
    with pytest.raises(ValueError, match="prefixItems"):
        type_of({"type": "array", "prefixItems": [TEXT]}, {}, indent="")
