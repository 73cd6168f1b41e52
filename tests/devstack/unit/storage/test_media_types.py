"""Media types that a bucket allows."""

import pytest

from devstack.gateway.storage.errors import StorageError
from devstack.gateway.storage.limits import (
    check_header,
    check_media_type,
    check_restrictions,
)


@pytest.mark.parametrize("restriction", ["image/png", "image/*", "*", "text/csv; charset=utf-8"])
def test_restriction_is_taken(restriction: str) -> None:
    """A bucket allows a type, a first half with a wildcard, or everything."""
    check_restrictions([restriction])


@pytest.mark.parametrize("restriction", ["", "image", "image/", "*/png", "a/b/c", "x/" + "y" * 999])
def test_odd_restriction_is_refused(restriction: str) -> None:
    """Storage refuses an odd restriction, with which a bucket would allow nothing."""
    with pytest.raises(StorageError) as caught:
        check_restrictions([restriction])
    assert 415 == caught.value.status


@pytest.mark.parametrize(
    ("media_type", "restrictions"),
    [
        ("image/png", None),
        ("anything", []),
        ("image/png", ["image/jpeg", "image/png"]),
        ("Image/PNG ; q=1", ["image/*"]),
        ("image/png", ["IMAGE/PNG; charset=x"]),
        ("image/png", ["*"]),
    ],
)
def test_type_is_taken(media_type: str, restrictions: list[str] | None) -> None:
    """Case and parameters of a type do not matter."""
    check_media_type(media_type, restrictions)


@pytest.mark.parametrize("media_type", ["image/gif", "image", "", "image/*", "*/*", "ximage/png"])
def test_other_type_is_refused(media_type: str) -> None:
    """A wildcard in the upload's own type does not match."""
    with pytest.raises(StorageError) as caught:
        check_media_type(media_type, ["image/png", "text/*"])
    assert 415 == caught.value.status


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\x00", "\u0100"])
def test_text_that_breaks_a_header_is_refused(value: str) -> None:
    """Storage refuses a type that would break the headers of each download."""
    with pytest.raises(StorageError) as caught:
        check_header("cache-control", value)
    assert "invalid_header_char" == caught.value.error
