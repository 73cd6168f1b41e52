"""The `Prefer` header, and the preferences that an answer names as applied.

PostgREST: https://docs.postgrest.org/en/stable/references/api/preferences.html
"""

import pytest

from devstack.gateway.rest.api_request.preferences import applied, parse_prefer
from devstack.gateway.rest.api_request.request import choose_schema
from devstack.gateway.rest.errors import RestError


ZONES = frozenset(("Australia/Sydney", "UTC"))


def test_prefer_takes_the_first_of_a_kind() -> None:
    """The first preference of a kind counts."""
    found = parse_prefer("return=minimal, count=exact,return=representation,odd=1")

    assert (found.returns, found.count) == ("minimal", "exact")


def test_strict_handling_refuses_an_unknown_preference() -> None:
    """handling=strict refuses an unknown preference."""
    with pytest.raises(RestError) as caught:
        parse_prefer("handling=strict, odd=1, even")

    assert (caught.value.status, caught.value.code) == (400, "PGRST122")
    assert caught.value.message == "Invalid preferences given with handling=strict"
    assert caught.value.details == "Invalid preferences: odd=1, even"


def test_time_zone_has_to_be_known() -> None:
    """An unknown time zone is ignored, or refused with handling=strict."""
    assert parse_prefer("timezone=Australia/Sydney", ZONES).timezone == "Australia/Sydney"
    assert parse_prefer("timezone=Jupiter/Red_Spot", ZONES).timezone is None
    with pytest.raises(RestError) as caught:
        parse_prefer("handling=strict,timezone=Jupiter/Red_Spot", ZONES)
    assert caught.value.details == "Invalid preferences: timezone=Jupiter/Red_Spot"


def test_max_affected_needs_strict_handling() -> None:
    """max-affected counts only with handling=strict."""
    assert parse_prefer("max-affected=3").max_affected is None
    assert parse_prefer("handling=strict,max-affected=3").max_affected == 3


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("read", "count=exact, tx=commit, handling=strict"),
        ("call", "count=exact, tx=commit, handling=strict, max-affected=3"),
        (
            "POST",
            (
                "resolution=merge-duplicates, missing=default, return=representation, count=exact, "
                "tx=commit, handling=strict"
            ),
        ),
        ("PUT", "return=representation, count=exact, tx=commit, handling=strict"),
        (
            "PATCH",
            (
                "missing=default, return=representation, count=exact, tx=commit, handling=strict, "
                "max-affected=3"
            ),
        ),
        (
            "DELETE",
            "return=representation, count=exact, tx=commit, handling=strict, max-affected=3",
        ),
    ],
)
def test_applied_names_the_effective_preferences(kind: str, expected: str) -> None:
    """An answer names the preferences that matter to its method."""
    preferences = parse_prefer(
        "return=representation,count=exact,resolution=merge-duplicates,missing=default,tx=commit,"
        "handling=strict,max-affected=3"
    )

    assert applied(preferences, kind) == expected


def test_nothing_applied_is_no_header() -> None:
    """An answer without an applied preference has no header."""
    assert applied(parse_prefer("return=minimal"), "read") is None


def test_schema_has_to_be_exposed() -> None:
    """The first exposed schema is the default, and PostgREST serves no unexposed one."""
    assert choose_schema({}, "accept-profile", ("a", "b")) == "a"
    assert choose_schema({"accept-profile": "b"}, "accept-profile", ("a", "b")) == "b"
    with pytest.raises(RestError) as caught:
        choose_schema({"accept-profile": "c"}, "accept-profile", ("a", "b"))
    assert (caught.value.status, caught.value.code) == (406, "PGRST106")
