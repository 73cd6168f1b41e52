"""`market.storage`: the calls to Supabase Storage, and their errors."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import respx

from market import storage
from market.errors import MarketError, TransientError
from market.storage import Storage
from tests.support.factories import make_settings


BASE = "http://project.test:54321/storage/v1/object"


@pytest.fixture
def router() -> Iterator[Any]:
    with respx.mock() as router:
        yield router


@pytest.fixture
def adapter() -> Storage:
    return storage.connect(make_settings())


CALLS: list[Callable[[Storage], object]] = [
    lambda adapter: adapter.put("b", "p", b"x", "image/jpeg"),
    lambda adapter: adapter.delete("b", ["p"]),
    lambda adapter: adapter.sign("b", "p", download_as="a.pdf"),
]


def test_object_is_put(router: Any, adapter: Storage) -> None:
    """An upload has the secret key, and a retry replaces the object."""
    route = router.post(f"{BASE}/b/u/a%20b.jpg").respond(json={"Key": "b/u/a b.jpg"})

    adapter.put("b", "u/a b.jpg", b"bytes", "image/jpeg")

    request = route.calls.last.request
    key = make_settings().supabase_secret_key
    assert (b"bytes", "image/jpeg", "true", key, f"Bearer {key}") == (
        request.content,
        *(
            request.headers[name]
            for name in ("Content-Type", "x-upsert", "apikey", "Authorization")
        ),
    )


def test_objects_are_deleted(router: Any, adapter: Storage) -> None:
    """The call names the objects by their whole paths."""
    route = router.delete(f"{BASE}/b").respond(json=[])

    adapter.delete("b", ["a", "c/d"])

    assert {"prefixes": ["a", "c/d"]} == json.loads(route.calls.last.request.content)


def test_link_is_signed(router: Any, adapter: Storage) -> None:
    """A signed link expires after an hour, and makes a browser save the file."""
    route = router.post(f"{BASE}/sign/b/p.pdf").respond(
        json={"signedURL": "/object/sign/b/p.pdf?token=t"}
    )

    link = adapter.sign("b", "p.pdf", download_as="a&b.pdf")

    assert f"{BASE}/sign/b/p.pdf?token=t&download=a%26b.pdf" == link
    assert {"expiresIn": 3600} == json.loads(route.calls.last.request.content)


def test_links_name_the_project_as_browsers_reach_it() -> None:
    """Links use the address that browsers reach."""
    adapter = storage.connect(make_settings(supabase_jwt_issuer="https://a.test/auth/v1"))

    assert "https://a.test/storage/v1/object/public/b/p" == adapter.public_link("b", "p")
    assert "https://a.test/storage/v1/object/authenticated/b/p" == adapter.private_link("b", "p")
    other = storage.connect(make_settings(supabase_jwt_issuer="https://issuer.test"))
    assert f"{BASE}/public/b/p" == other.public_link("b", "p")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [408, 429, 500, 503, 544])
def test_unwell_storage_is_asked_again(
    router: Any, adapter: Storage, call: Callable[[Storage], object], status: int
) -> None:
    """Each call is retried after a 5xx."""
    route = router.route().mock(
        side_effect=[
            httpx.Response(status),
            httpx.ReadTimeout("x"),
            httpx.Response(200, json={"signedURL": "/x?token=t"}),
        ]
    )

    call(adapter)

    assert 3 == route.call_count


@pytest.mark.parametrize("call", CALLS)
def test_lost_storage_is_transient(
    router: Any, adapter: Storage, call: Callable[[Storage], object]
) -> None:
    """An outage of Storage is a transient error."""
    router.route().mock(side_effect=httpx.ConnectError("x"))

    with pytest.raises(TransientError, match="STORAGE_UNREACHABLE"):
        call(adapter)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_refusal_of_storage_is_a_bug(
    router: Any, adapter: Storage, call: Callable[[Storage], object], status: int
) -> None:
    """A refusal of Storage is an error of ours, and is not retried."""
    route = router.route().respond(status, json={"message": "secret"})

    with pytest.raises(MarketError, match=f"STORAGE_ERROR: .*{status}") as caught:
        call(adapter)

    assert 1 == route.call_count
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"<h1>", "STORAGE_UNREACHABLE"), (b"[]", "STORAGE_ERROR"), (b"{}", "STORAGE_ERROR")],
)
def test_answer_without_a_link_is_an_error(
    router: Any, adapter: Storage, body: bytes, code: str
) -> None:
    """An answer without a link is an error."""
    router.route().respond(200, content=body)

    with pytest.raises(MarketError, match=code):
        adapter.sign("b", "p", download_as="a.pdf")
