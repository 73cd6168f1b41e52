"""`market.kyc.addresses`: compare a document's address with the user's own."""

from typing import Any

import pytest

from market.kyc.addresses import is_match


GIVEN = {"street": "5 King St", "suburb": "Perth", "postcode": "6000", "state": "WA"}
VERIFIED = {"line1": "5 King St", "city": "Perth", "postal_code": "6000", "state": "WA"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"line1": "5 KING STREET", "city": "PERTH", "state": "wa"},
        {"line1": " 5  King St., ", "city": "perth "},
        {"line1": "5 King St", "line2": "Flat 2"},
        {"line2": None, "country": "AU"},
    ],
)
def test_same_address_matches(changes: dict[str, Any]) -> None:
    """Case, spaces, stops and a longer street do not count."""
    assert is_match(GIVEN, VERIFIED | changes)
    assert is_match(GIVEN | {"street": "5 King Street East"}, VERIFIED | {"line2": ""})


@pytest.mark.parametrize(
    "changes",
    [
        {"line1": "6 King St"},
        {"line1": "5"},
        {"line1": ""},
        {"line1": None},
        {"line1": "55 King St"},
        {"city": "Fremantle"},
        {"city": ""},
        {"postal_code": "6001"},
        {"postal_code": None},
        {"state": "NSW"},
        {"state": {"name": "WA"}},
        {"line1": "[redacted]", "city": "[redacted]"},
    ],
)
def test_other_address_does_not(changes: dict[str, Any]) -> None:
    """Addresses differ if one part differs or is missing."""
    assert not is_match(GIVEN, VERIFIED | changes)


def test_empty_addresses_do_not_match() -> None:
    """Two addresses without a part agree on nothing."""
    assert not is_match({}, {})
    assert not is_match(GIVEN, {})
    assert not is_match({}, VERIFIED)
