"""Similar names, for the hints of PostgREST's errors.

PostgREST uses the library `fuzzyset`: words that share a pair of adjacent letters, and of these
the nearest by edit distance.
"""

import re
from collections.abc import Iterable


#: The similarity that a hint needs: of two names, and of two lists of arguments.
HIGH_SIMILARITY = 0.75
LOW_SIMILARITY = 0.33
IGNORED = re.compile(r"[^\w, ]+|_")


def most_similar(word: str, words: Iterable[str], least: float = HIGH_SIMILARITY) -> str | None:
    """Return the word that is the most similar, if its similarity is at least `least`."""
    pairs = _pairs(word)
    similarity, found = max(
        (
            (_similarity(word, other, least), other)
            for other in sorted(words)
            if pairs & _pairs(other)
        ),
        default=(0.0, ""),
        key=lambda scored: scored[0],
    )
    return found if similarity >= least else None


def _pairs(word: str) -> set[str]:
    padded = f"-{IGNORED.sub('', word.lower())}-"
    return {padded[at : at + 2] for at in range(len(padded) - 1)}


def _similarity(word: str, other: str, least: float) -> float:
    longer = max(len(word), len(other))
    # The difference in length alone rules the word out; a distance of long texts costs time.
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
