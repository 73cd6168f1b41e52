"""Names of buckets and objects: supabase/storage's `src/storage/limits.ts`."""

import pytest
from hypothesis import given, settings
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
    """Letters, digits and what S3 calls safe."""
    check_bucket_name(name)


@pytest.mark.parametrize("name", ["", "a/b", "ü", "a\n", "a%b", "x" * 101])
def test_odd_bucket_name_is_refused(name: str) -> None:
    """No slash, nothing beyond ASCII, and not too long."""
    with pytest.raises(StorageError) as caught:
        check_bucket_name(name)
    assert "InvalidBucketName" == caught.value.code


@pytest.mark.parametrize("name", [" a", "a ", "  "])
def test_new_bucket_name_has_no_edge_of_space(name: str) -> None:
    """An old one may have."""
    check_bucket_name(name)

    with pytest.raises(StorageError):
        check_new_bucket_name(name)


@pytest.mark.parametrize(
    "key", ["a", "/a", "a/b/", "a//b", "...", ".a/..b", "a b/(c)?", "x" * 1024]
)
def test_key_is_taken(key: str) -> None:
    """Letters, digits and what S3 calls safe; dots that are no folder's."""
    check_key(key)


@pytest.mark.parametrize("key", ["", "ü", "日本/😀", "a\n", "a#b", "a%b", "a~b", "x" * 1025])
def test_odd_key_is_refused(key: str) -> None:
    """Hosted Storage takes nothing beyond ASCII."""
    with pytest.raises(StorageError) as caught:
        check_key(key)
    assert "InvalidKey" == caught.value.code


@settings(deadline=None)
@given(
    st.text(max_size=20),
    st.sampled_from(["..", ".", "../..", "a/../../b", "./.", "..\\", "\x00", "%2e%2e", "\u202e"]),
    st.text(max_size=20),
)
def test_no_key_leads_elsewhere(before: str, step: str, after: str) -> None:
    """Wherever a step out of the folder stands, the key is refused."""
    before = before.encode(errors="replace").decode()
    after = after.encode(errors="replace").decode()

    with pytest.raises(StorageError) as caught:
        check_key(f"{before}/{step}/{after}")
    assert "InvalidKey" == caught.value.code


@pytest.mark.parametrize(
    ("key", "expected"), [("a/.emptyFolderPlaceholder", True), ("a/b.txt", False)]
)
def test_placeholder_is_known_by_its_name(key: str, *, expected: bool) -> None:
    """It is how the dashboard makes a folder."""
    assert expected == is_placeholder(key)
