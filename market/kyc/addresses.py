"""Compare the address of a document with the one that a person gave, in memory only."""

import re
from collections.abc import Mapping
from typing import Any


_SEPARATORS = re.compile(r"[\s.,]+")
#: The shorter street needs a number and a name. Otherwise "1" would match "12 King Street".
_FEWEST_WORDS = 2


def is_match(given: Mapping[str, Any], verified: Mapping[str, Any]) -> bool:
    """Return true if both have one postcode, state and suburb, and streets that agree.

    Streets agree if they are equal or one begins with the other, such as "5 King St" and
    "5 King Street". Case, full stops, commas and repeated spaces do not count.
    """
    pairs = [
        (_plain(given.get(ours)), _plain(verified.get(stripes)))
        for ours, stripes in (("postcode", "postal_code"), ("state", "state"), ("suburb", "city"))
    ]
    is_same_place = all(ours and ours == stripes for ours, stripes in pairs)
    whole = f"{_plain(verified.get('line1'))} {_plain(verified.get('line2'))}".strip()
    return is_same_place and _is_same_street(_plain(given.get("street")), whole)


def _is_same_street(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter.split()) >= _FEWEST_WORDS and longer.startswith(shorter)


def _plain(value: object) -> str:
    return _SEPARATORS.sub(" ", value).strip().casefold() if isinstance(value, str) else ""
