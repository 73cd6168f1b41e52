"""What a request's head asks for."""

import pytest

from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.preferences import (
    applied,
    choose_schema,
    parse_accept,
    parse_prefer,
    range_pairs,
)
from devstack.gateway.rest.query import Media


def test_prefer_takes_the_first_of_a_kind() -> None:
    """Clients may send several; a second one of a kind does not count."""
    found = parse_prefer("return=minimal, count=exact,return=representation,odd=1")

    assert (found.returns, found.count, found.unknown) == ("minimal", "exact", ("odd=1",))


def test_strict_handling_refuses_what_is_unknown() -> None:
    """With handling=strict nothing is passed over in silence."""
    with pytest.raises(RestError) as caught:
        parse_prefer("handling=strict, odd=1")

    assert caught.value.code == "PGRST122"


def test_max_affected_needs_strict_handling() -> None:
    """Without it the limit is not applied."""
    assert parse_prefer("max-affected=3").max_affected is None
    assert parse_prefer("handling=strict,max-affected=3").max_affected == 3


def test_applied_names_what_the_method_has_a_use_for() -> None:
    """A read does not echo what only a write heeds."""
    preferences = parse_prefer("return=representation,count=exact,resolution=merge-duplicates")

    assert applied(preferences, "GET") == "count=exact"
    assert applied(preferences, "PATCH") == "return=representation, count=exact"
    expected = "resolution=merge-duplicates, return=representation, count=exact"
    assert applied(preferences, "POST") == expected


@pytest.mark.parametrize(
    ("header", "media", "content_type"),
    [
        ("*/*", Media.JSON, "application/json; charset=utf-8"),
        ("text/html, application/json;q=0.9", Media.JSON, "application/json; charset=utf-8"),
        (
            "application/vnd.pgrst.object+json",
            Media.OBJECT,
            "application/vnd.pgrst.object+json; charset=utf-8",
        ),
        (
            "application/vnd.pgrst.array+json;nulls=stripped",
            Media.JSON,
            "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
        ),
        ("text/csv", Media.CSV, "text/csv; charset=utf-8"),
    ],
)
def test_accept_chooses_the_form(header: str, media: Media, content_type: str) -> None:
    """The first form that can be made is the one."""
    accepted = parse_accept(header)

    assert (accepted.media, accepted.content_type) == (media, content_type)


def test_unknown_form_is_refused() -> None:
    """What cannot be made is 406, and named."""
    with pytest.raises(RestError) as caught:
        parse_accept("image/png")

    assert (caught.value.status, caught.value.code) == (406, "PGRST107")
    assert "image/png" in caught.value.message


def test_range_becomes_limit_and_offset() -> None:
    """A Range header counts where the query says nothing."""
    assert range_pairs({"range": "10-19"}, []) == [("offset", "10"), ("limit", "10")]
    assert range_pairs({"range": "5-"}, [("limit", "2")]) == [("limit", "2"), ("offset", "5")]
    assert range_pairs({"range": "bytes=0-1"}, []) == []


def test_backward_range_is_refused() -> None:
    """A range ends where it begins, or later."""
    with pytest.raises(RestError) as caught:
        range_pairs({"range": "9-3"}, [])

    assert (caught.value.status, caught.value.code) == (416, "PGRST103")


def test_schema_has_to_be_exposed() -> None:
    """The first exposed schema is the default, and no other than these is served."""
    assert choose_schema({}, "accept-profile", ("a", "b")) == "a"
    assert choose_schema({"accept-profile": "b"}, "accept-profile", ("a", "b")) == "b"
    with pytest.raises(RestError) as caught:
        choose_schema({"accept-profile": "c"}, "accept-profile", ("a", "b"))
    assert (caught.value.status, caught.value.code) == (406, "PGRST106")
