"""Which part of the rows is wanted: a `Range` header together with the query's limit and offset."""

import re
from collections.abc import Mapping

from devstack.gateway.rest.errors import RestError


RANGE = re.compile(r"(?:items=)?(\d{1,18})-(\d{1,18})?")
NUMBER = re.compile(r"-?[0-9]{1,18}")

Pairs = list[tuple[str, str]]


def ranged(method: str, headers: Mapping[str, str], pairs: Pairs) -> Pairs:
    """Return a query's pairs, narrowed to what lies within the `Range` of a GET as well.

    Raises: RestError PGRST103 when nothing can lie in both.
    """
    header = headers.get("range") if method == "GET" else None
    found = RANGE.fullmatch(header.strip()) if header else None
    if found is None:
        # What is no range of items, such as bytes, is passed over.
        return pairs
    first, last = int(found[1]), int(found[2]) if found[2] else None
    if last is not None and last < first:
        raise unsatisfiable(
            "The lower boundary must be lower than or equal to the upper boundary in the Range "
            "header."
        )
    limit, offset = _number(pairs, "limit"), max(_number(pairs, "offset") or 0, 0)
    if limit == 0:
        return pairs
    ends = [end for end in (last, None if limit is None else offset + limit - 1) if end is not None]
    start, end = max(first, offset), min(ends, default=None)
    if end is not None and end < start:
        raise unsatisfiable("Limit should be greater than or equal to zero.")
    kept = [pair for pair in pairs if pair[0] not in ("limit", "offset")]
    kept.append(("offset", str(start)))
    return kept if end is None else [*kept, ("limit", str(end - start + 1))]


def unsatisfiable(details: str, total: int | None = None) -> RestError:
    """Return PGRST103, with how many rows there are where that is known."""
    headers = None if total is None else {"content-range": f"*/{total}"}
    return RestError(
        416, "PGRST103", "Requested range not satisfiable", details=details, headers=headers
    )


def _number(pairs: Pairs, name: str) -> int | None:
    value = dict(pairs).get(name, "")
    return int(value) if NUMBER.fullmatch(value) else None
