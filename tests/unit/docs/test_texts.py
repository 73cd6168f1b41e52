"""The web app rewrites an error whose text has one of its words, so no other error has one."""

import re
from collections.abc import Iterator

import pytest

from devstack.paths import ROOT
from market.errors import MarketError
from service import errors


#: The words of the web app, each with the codes whose texts mean it.
WORDS: dict[str, set[str]] = {
    "not authorized": set(),
    "permission denied": set(),
    "auction ended": {"AUCTION_ENDED"},
    "below minimum": set(),
    "minimum bid": {"BID_TOO_LOW"},
    "reserve": {"VALIDATION_ERROR"},
    "payment failed": set(),
    "card declined": set(),
    "insufficient funds": set(),
    "expired card": set(),
    "order not found": {"RESOURCE_NOT_FOUND"},
    "refund failed": set(),
    "network": set(),
    "connection": set(),
    "timeout": {"TIMEOUT"},
    "offline": set(),
    "rate limit": set(),
    "webhook": set(),
    "processing": set(),
}
_SQL = re.compile(r"(?:refusal\(|array\[)\s*'([A-Z_]+)',\s*'((?:[^']|'')+)'")
_RULE = re.compile(r"^\s+\(?'([a-z_]+)', '([A-Z][^']+)'", re.MULTILINE)
_PYTHON = re.compile(r"RejectedError\(\s*\"([A-Z_]+)\"[^)]*?\btext=f?\"([^\"]+)\"")


def texts() -> Iterator[tuple[str, str]]:
    """Yield each code with a text that a caller may read."""
    for path in (ROOT / "sql").rglob("*.sql"):
        yield from _SQL.findall(path.read_text())
    for _field, text in _RULE.findall((ROOT / "sql/listings/functions/offers.sql").read_text()):
        yield "VALIDATION_ERROR", text
    for folder in ("service", "market"):
        for path in (ROOT / folder).rglob("*.py"):
            yield from _PYTHON.findall(path.read_text())
    for code in errors.STATUS_OF_CODE:
        yield code, errors.body_of(MarketError(code))["error"]


TEXTS = sorted(set(texts()))


def test_texts_are_found() -> None:
    """Each source has texts."""
    assert {
        ("AUCTION_ENDED", "Auction has ended"),
        ("BAD_AMOUNT", "Bid must be whole cents, 100 to 99999999"),
        ("RESOURCE_NOT_FOUND", "Order not found"),
        ("UNAUTHORIZED", "No valid session found"),
        ("VALIDATION_ERROR", "Reserve must be above the start price"),
        ("VALIDATION_ERROR", "Amount does not match the order"),
    } <= set(TEXTS)


@pytest.mark.parametrize("word", WORDS)
def test_word_of_the_web_app_is_only_where_meant(word: str) -> None:
    """A word of the web app appears only in the text of its own error."""
    codes = {code for code, text in TEXTS if word in text.lower()}

    assert codes <= WORDS[word]
