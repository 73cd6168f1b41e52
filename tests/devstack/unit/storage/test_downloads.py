"""Storage reads the header `Range` as RFC 9110, section 14.1, says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.storage.downloads import read_range
from devstack.gateway.storage.errors import StorageError


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_range_is_a_slice(total: int, first: int, last: int) -> None:
    """A range is the slice that Python's indexes name, or lies beyond the end."""
    contents = bytes(range(total))
    expected = contents[first : last + 1]

    if last < first:
        assert read_range(f"bytes={first}-{last}", total) is None
    elif not expected:
        with pytest.raises(StorageError):
            read_range(f"bytes={first}-{last}", total)
    else:
        part = read_range(f"bytes={first}-{last}", total)
        assert part is not None
        assert expected == contents[part.start : part.end]
        assert f"bytes {first}-{first + len(expected) - 1}/{total}" == part.content_range


@pytest.mark.parametrize(("header", "expected"), [("bytes=-3", (7, 10)), ("bytes=-99", (0, 10))])
def test_end_of_a_file_is_a_range(header: str, expected: tuple[int, int]) -> None:
    """A suffix longer than the file is the whole file."""
    part = read_range(header, 10)

    assert part is not None
    assert expected == (part.start, part.end)


@given(st.text(max_size=30))
def test_any_text_is_a_range_or_passed_over(header: str) -> None:
    """Storage refuses a range beyond the end, and ignores any other odd text."""
    try:
        part = read_range(header, 10)
    except StorageError as error:
        assert 416 == error.status  # noqa: PT017 -- most texts are none
    else:
        assert part is None or 0 <= part.start < part.end <= 10
