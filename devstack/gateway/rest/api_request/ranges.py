"""The `Range` header, combined with the query's limit and offset."""

import re
from collections.abc import Mapping

from devstack.gateway.rest.errors import range_not_satisfiable


RANGE = re.compile(r"(?:items=)?(\d{1,18})-(\d{1,18})?")
NUMBER = re.compile(r"-?[0-9]{1,18}")

Pairs = list[tuple[str, str]]


def ranged(method: str, headers: Mapping[str, str], pairs: Pairs) -> Pairs:
    """Return the query's pairs, their limit and offset narrowed to the `Range` of a GET.

    Raises: RestError PGRST103 when no row can lie in both.
    """
    header = headers.get("range") if method == "GET" else None
    found = RANGE.fullmatch(header.strip()) if header else None
    if found is None:
        # PostgREST ignores a range of another unit, such as bytes.
        return pairs
    first, last = int(found[1]), int(found[2]) if found[2] else None
    if last is not None and last < first:
        raise range_not_satisfiable(
            "The lower boundary must be lower than or equal to the upper boundary in the Range "
            "header."
        )
    limit, offset = _number(pairs, "limit"), max(_number(pairs, "offset") or 0, 0)
    if limit == 0:
        return pairs
    ends = [end for end in (last, None if limit is None else offset + limit - 1) if end is not None]
    start, end = max(first, offset), min(ends, default=None)
    if end is not None and end < start:
        raise range_not_satisfiable("Limit should be greater than or equal to zero.")
    kept = [pair for pair in pairs if pair[0] not in ("limit", "offset")]
    kept.append(("offset", str(start)))
    return kept if end is None else [*kept, ("limit", str(end - start + 1))]


def _number(pairs: Pairs, name: str) -> int | None:
    value = dict(pairs).get(name, "")
    return int(value) if NUMBER.fullmatch(value) else None
