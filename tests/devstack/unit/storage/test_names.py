"""Names of buckets and objects: supabase/storage's `src/storage/limits.ts`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.storage.errors import StorageError
from devstack.gateway.storage.limits import (
    check_bucket_name,
    check_key,
    check_new_bucket_name,
    is_placeholder,
)


@pytest.mark.parametrize("name", ["a", "listing-photos", "A_1!-.*'() &$=@;:+,?", "..", "x" * 100])
def test_bucket_name_is_taken(name: str) -> None:
    """A bucket's name has letters, digits and the characters that S3 calls safe."""
    check_bucket_name(name)


@pytest.mark.parametrize("name", ["", "a/b", "ü", "a\n", "a%b", "x" * 101])
def test_odd_bucket_name_is_refused(name: str) -> None:
    """A bucket's name has no slash, nothing beyond ASCII and at most 100 characters."""
    with pytest.raises(StorageError) as caught:
        check_bucket_name(name)
    assert "InvalidBucketName" == caught.value.code


@pytest.mark.parametrize("name", [" a", "a ", "  "])
def test_new_bucket_name_has_no_edge_of_space(name: str) -> None:
    """A new bucket's name has no space at its ends; an existing one may."""
    check_bucket_name(name)

    with pytest.raises(StorageError):
        check_new_bucket_name(name)


@pytest.mark.parametrize(
    "key", ["a", "/a", "a/b/", "a//b", "...", ".a/..b", "a b/(c)?", "x" * 1024]
)
def test_key_is_taken(key: str) -> None:
    """A key has letters, digits, safe characters, and dots that name no folder."""
    check_key(key)


@pytest.mark.parametrize("key", ["", "ü", "日本/😀", "a\n", "a#b", "a%b", "a~b", "x" * 1025])
def test_odd_key_is_refused(key: str) -> None:
    """Hosted Storage refuses a key with a character beyond ASCII."""
    with pytest.raises(StorageError) as caught:
        check_key(key)
    assert "InvalidKey" == caught.value.code


@given(
    st.text(max_size=20),
    st.sampled_from(["..", ".", "../..", "a/../../b", "./.", "..\\", "\x00", "%2e%2e", "\u202e"]),
    st.text(max_size=20),
)
def test_no_key_leads_elsewhere(before: str, step: str, after: str) -> None:
    """Storage refuses a key with a step out of the folder at any place."""
    before = before.encode(errors="replace").decode()
    after = after.encode(errors="replace").decode()

    with pytest.raises(StorageError) as caught:
        check_key(f"{before}/{step}/{after}")
    assert "InvalidKey" == caught.value.code


@pytest.mark.parametrize(
    ("key", "expected"), [("a/.emptyFolderPlaceholder", True), ("a/b.txt", False)]
)
def test_placeholder_is_known_by_its_name(key: str, *, expected: bool) -> None:
    """The dashboard makes a folder by its placeholder."""
    assert expected == is_placeholder(key)
