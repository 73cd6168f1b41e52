"""Write JSON schemas in the notation of TypeScript."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic


#: Keywords that restrict a value, for which TypeScript has no notation.
DROPPED = frozenset(
    {
        "$defs",
        "default",
        "description",
        "format",
        "maxLength",
        "maximum",
        "minLength",
        "minimum",
        "pattern",
        "title",
    }
)
_EXPRESSED = frozenset(
    {
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "enum",
        "items",
        "oneOf",
        "properties",
        "required",
        "tsType",
        "type",
    }
)
#: A part in brackets without inner brackets, or a text.
_INSIDE = re.compile(r"\{[^{}]*\}|<[^<>]*>|\([^()]*\)|'[^']*'")
_NAMES = {
    "boolean": "boolean",
    "integer": "number",
    "null": "null",
    "number": "number",
    "string": "string",
}


def type_of_value(value_type: Any, *, indent: str = "") -> str:
    """Return the TypeScript type of a value that pydantic writes."""
    schema = pydantic.TypeAdapter(value_type).json_schema(mode="serialization")
    return type_of(schema, schema.get("$defs", {}), indent=indent)


def type_of(schema: Mapping[str, Any], models: Mapping[str, Any], *, indent: str) -> str:
    """Return a JSON schema as a TypeScript type: all its conditions, joined by `&`.

    Raises:
        ValueError: the schema has a keyword that the type would lose.

    """
    lost = schema.keys() - DROPPED - _EXPRESSED
    if lost:
        raise ValueError(f"no notation for {', '.join(sorted(lost))}")
    parts = list(_parts(schema, models, indent))
    if len(parts) == 1:
        return parts[0]
    return " & ".join(_grouped(part, "|") for part in parts) or "unknown"


def _parts(schema: Mapping[str, Any], models: Mapping[str, Any], indent: str) -> Iterator[str]:
    if {"properties", "required"} & schema.keys():
        yield _object(schema, models, indent)
    elif {"const", "enum", "tsType", "type"} & schema.keys():
        yield _value(schema, models, indent)
    if "$ref" in schema:
        yield type_of(models[schema["$ref"].rpartition("/")[2]], models, indent=indent)
    for keyword in {"anyOf", "oneOf"} & schema.keys():
        yield " | ".join(type_of(one, models, indent=indent) for one in schema[keyword])
    for one in schema.get("allOf", ()):
        yield type_of(one, models, indent=indent)


def _value(schema: Mapping[str, Any], models: Mapping[str, Any], indent: str) -> str:
    if "tsType" in schema:
        return str(schema["tsType"])
    if {"const", "enum"} & schema.keys():
        return " | ".join(map(_literal, schema.get("enum", [schema.get("const")])))
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " | ".join(_named(kind, schema, models, indent) for kind in kinds)


def _named(kind: str, schema: Mapping[str, Any], models: Mapping[str, Any], indent: str) -> str:
    if kind == "array":
        item = type_of(schema.get("items", {}), models, indent=indent)
        return f"{_grouped(item, '|&')}[]"
    if kind == "object":
        value = schema.get("additionalProperties")
        inner = type_of(value if isinstance(value, Mapping) else {}, models, indent=indent)
        return f"Record<string, {inner}>"
    return _NAMES[kind]


def _object(schema: Mapping[str, Any], models: Mapping[str, Any], indent: str) -> str:
    inner = indent + "  "
    required = schema.get("required", ())
    fields: Mapping[str, Any] = schema.get("properties", {})
    fields = {**fields, **{name: {} for name in required if name not in fields}}
    lines = [
        f"{inner}{_key(name)}{'' if name in required else '?'}: "
        f"{type_of(one, models, indent=inner)}"
        for name, one in fields.items()
    ]
    return "\n".join(["{", *lines, f"{indent}}}"])


def _key(name: str) -> str:
    return name if name.isidentifier() else f"'{name}'"


def _grouped(text: str, signs: str) -> str:
    """Return a type, in brackets if one of the signs joins its parts."""
    outside, found = text, 1
    while found:
        outside, found = _INSIDE.subn("", outside)
    return f"({text})" if any(sign in outside for sign in signs) else text


def _literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)
