"""A `Range` header, limit and offset together select the rows that lie in all of them.

PostgREST: https://docs.postgrest.org/en/stable/references/api/pagination_count.html
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.rest.api_request.request import narrow_to_range
from devstack.gateway.rest.errors import RestError


@pytest.mark.parametrize(
    ("header", "pairs", "expected"),
    [
        ("10-19", [], {"offset": "10", "limit": "10"}),
        ("items=0-4", [], {"offset": "0", "limit": "5"}),
        ("5-", [], {"offset": "5"}),
        ("5-", [("limit", "9")], {"offset": "5", "limit": "4"}),
        ("0-5", [("limit", "2")], {"offset": "0", "limit": "2"}),
        ("1-3", [("limit", "3"), ("offset", "2")], {"offset": "2", "limit": "2"}),
        ("0-5", [("offset", "-4")], {"offset": "0", "limit": "6"}),
        ("0-5", [("limit", "0")], {"limit": "0"}),
        ("bytes=0-1", [], {}),
    ],
)
def test_range_narrows_the_query(
    header: str, pairs: list[tuple[str, str]], expected: dict[str, str]
) -> None:
    """The header's range is intersected with the query's."""
    assert dict(narrow_to_range("GET", {"range": header}, pairs)) == expected


@pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH"])
def test_range_is_for_get_alone(method: str) -> None:
    """RFC 9110 defines a range for GET alone."""
    assert narrow_to_range(method, {"range": "1-1"}, [("limit", "5")]) == [("limit", "5")]


@pytest.mark.parametrize(
    ("header", "pairs", "details"),
    [
        (
            "9-3",
            [],
            (
                "The lower boundary must be lower than or equal to the upper boundary in the Range "
                "header."
            ),
        ),
        ("9-12", [("limit", "3")], "Limit should be greater than or equal to zero."),
    ],
)
def test_empty_range_is_refused(header: str, pairs: list[tuple[str, str]], details: str) -> None:
    """PostgREST refuses an empty range and reads nothing."""
    with pytest.raises(RestError) as caught:
        narrow_to_range("GET", {"range": header}, pairs)

    assert (caught.value.status, caught.value.code) == (416, "PGRST103")
    assert caught.value.details == details


@given(
    st.integers(0, 20),
    st.integers(0, 20),
    st.one_of(st.none(), st.integers(1, 20)),
    st.integers(0, 20),
)
def test_range_is_an_intersection(first: int, length: int, limit: int | None, offset: int) -> None:
    """Each row of the result lies in the header's range and in the query's."""
    last = first + length
    pairs = [("offset", str(offset))] + ([] if limit is None else [("limit", str(limit))])
    end = 1000 if limit is None else offset + limit
    wanted = [row for row in range(1000) if first <= row <= last and offset <= row < end]
    try:
        found = dict(narrow_to_range("GET", {"range": f"{first}-{last}"}, pairs))
    except RestError:
        assert wanted == []
    else:
        start = int(found["offset"])
        assert list(range(start, start + int(found["limit"]))) == wanted
