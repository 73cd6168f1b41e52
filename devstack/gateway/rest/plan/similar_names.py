"""What a name that is not there was perhaps meant to be: the hints of PostgREST's errors.

PostgREST asks its `fuzzyset` library: words that have two letters in a row in common, the nearest
of them by the number of letters that would have to change.
"""

import re
from collections.abc import Iterable


#: How alike two names have to be for a hint, and two lists of arguments.
ALIKE = 0.75
SOMEWHAT_ALIKE = 0.33
IGNORED = re.compile(r"[^\w, ]+|_")


def similar(word: str, words: Iterable[str], least: float = ALIKE) -> str | None:
    """Return the word that is the most like this one, if it is as much like it as `least`."""
    pairs = _pairs(word)
    likeness, found = max(
        (
            (_likeness(word, other, least), other)
            for other in sorted(words)
            if pairs & _pairs(other)
        ),
        default=(0.0, ""),
        key=lambda scored: scored[0],
    )
    return found if likeness >= least else None


def _pairs(word: str) -> set[str]:
    padded = f"-{IGNORED.sub('', word.lower())}-"
    return {padded[at : at + 2] for at in range(len(padded) - 1)}


def _likeness(word: str, other: str, least: float) -> float:
    longer = max(len(word), len(other))
    # So many letters more cannot be alike, whichever they are; and long texts cost time.
    if 1 - abs(len(word) - len(other)) / longer < least:
        return 0
    return 1 - _distance(word.lower(), other.lower()) / longer


def _distance(word: str, other: str) -> int:
    """Return Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(word, start=1):
        before, row[0] = row[0], at
        for column, against in enumerate(other, start=1):
            changed = before + (letter != against)
            before = row[column]
            row[column] = min(changed, row[column] + 1, row[column - 1] + 1)
    return row[-1]
