"""Write JSON schemas in the notation of TypeScript."""

from collections.abc import Mapping
from typing import Any

import pydantic


_NAMES = {
    "boolean": "boolean",
    "integer": "number",
    "null": "null",
    "number": "number",
    "object": "Record<string, unknown>",
    "string": "string",
}


def type_of_value(value_type: Any, *, indent: str = "") -> str:
    """Return the TypeScript type of a value that pydantic writes."""
    schema = pydantic.TypeAdapter(value_type).json_schema(mode="serialization")
    return type_of(schema, schema.get("$defs", {}), indent=indent)


def type_of(schema: Mapping[str, Any], models: Mapping[str, Any], *, indent: str) -> str:
    """Return a JSON schema as a TypeScript type."""
    if "$ref" in schema:
        return type_of(models[schema["$ref"].rpartition("/")[2]], models, indent=indent)
    choices = schema.get("anyOf", schema.get("oneOf"))
    if choices is not None:
        return " | ".join(type_of(one, models, indent=indent) for one in choices)
    if "const" in schema or "enum" in schema:
        return " | ".join(map(_literal, schema.get("enum", [schema.get("const")])))
    if "properties" in schema:
        return _object(schema, models, indent)
    if schema.get("type") == "array":
        item = type_of(schema["items"], models, indent=indent)
        return f"({item})[]" if "|" in item else f"{item}[]"
    return str(schema.get("tsType", _NAMES.get(schema.get("type", ""), "unknown")))


def _object(schema: Mapping[str, Any], models: Mapping[str, Any], indent: str) -> str:
    inner = indent + "  "
    required = schema.get("required", ())
    lines = [
        f"{inner}{name}{'' if name in required else '?'}: {type_of(one, models, indent=inner)}"
        for name, one in schema["properties"].items()
    ]
    return "\n".join(["{", *lines, f"{indent}}}"])


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"'{value}'"
