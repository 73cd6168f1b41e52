"""Byte ranges: RFC 9110, section 14.1."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.gateway.storage.errors import StorageError
from devstack.gateway.storage.file_response import span_of


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_range_is_a_slice(total: int, first: int, last: int) -> None:
    """What a range names is what Python's slice names, or it is beyond the end."""
    contents = bytes(range(total))
    expected = contents[first : last + 1]

    if last < first:
        assert span_of(f"bytes={first}-{last}", total) is None
    elif not expected:
        with pytest.raises(StorageError):
            span_of(f"bytes={first}-{last}", total)
    else:
        span = span_of(f"bytes={first}-{last}", total)
        assert span is not None
        assert expected == contents[span.start : span.end]
        assert f"bytes {first}-{first + len(expected) - 1}/{total}" == span.content_range


@pytest.mark.parametrize(("header", "expected"), [("bytes=-3", (7, 10)), ("bytes=-99", (0, 10))])
def test_end_of_a_file_is_a_range(header: str, expected: tuple[int, int]) -> None:
    """A suffix longer than the file is all of it."""
    span = span_of(header, 10)

    assert span is not None
    assert expected == (span.start, span.end)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_range_or_passed_over(header: str) -> None:
    """Nothing but a range beyond the end is refused."""
    try:
        span = span_of(header, 10)
    except StorageError as error:
        assert 416 == error.status  # noqa: PT017 -- most texts are none
    else:
        assert span is None or 0 <= span.start < span.end <= 10
