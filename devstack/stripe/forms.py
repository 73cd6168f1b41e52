"""Form bodies and query strings with nested names: `metadata[order_id]=…`, `expand[0]=…`."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from devstack.stripe.errors import invalid


_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
_MAX_FIELDS = 1000
_MAX_DEPTH = 8


def decode(text: str) -> dict[str, Any]:
    """Return the nested values of a form; lists stay dictionaries with numbers for keys.

    Only a reader knows whether `a[0]` is a list's first item or a key of metadata.

    Raises:
        StripeError: a name cannot be read, or two contradict each other.

    """
    try:
        fields = parse_qsl(
            text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise invalid(f"Invalid form body: {error}") from error
    return _nest(fields)


def _nest(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in fields:
        *branch, leaf = _split(name)
        target = values
        for part in branch:
            target = target.setdefault(part or str(len(target)), {})
            if not isinstance(target, dict):
                raise invalid(f"Invalid parameter: {name}", param=name)
        key = leaf or str(len(target))
        if isinstance(target.get(key), dict):
            raise invalid(f"Invalid parameter: {name}", param=name)
        target[key] = value
    return values


def _split(name: str) -> list[str]:
    match = _NAME.fullmatch(name)
    parts = [match[1], *_PART.findall(match[2])] if match else []
    if not parts or len(parts) > _MAX_DEPTH:
        raise invalid(f"Invalid parameter name: {name[:100]}")
    return parts
