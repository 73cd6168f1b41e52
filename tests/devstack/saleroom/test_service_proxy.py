"""The saleroom passes `/api` on to the service."""

import dataclasses
import gzip

import httpx

from devstack.saleroom.config import SaleroomConfig
from devstack.supervisor.ports import free_port
from tests.devstack.saleroom.conftest import RecordingService, serving


def test_request_reaches_the_service_unchanged(
    client: httpx.Client, service: RecordingService
) -> None:
    """Method, path, query, headers and body are the browser's own."""
    client.post(
        "/api/bids%20x?b=2&a=%2F1",
        content=b'{"a": 1}',
        headers={"Authorization": "Bearer token", "Content-Type": "application/json"},
    )

    [seen] = service.seen
    assert ("POST", "/api/bids%20x?b=2&a=%2F1", b'{"a": 1}') == (
        seen.method, seen.target, seen.body,
    )  # fmt: skip
    assert ["Bearer token"] == seen.header("authorization")
    assert ["application/json"] == seen.header("content-type")
    assert [client.base_url.netloc.decode()] == seen.header("host")


def test_service_learns_the_address_of_the_browser(
    client: httpx.Client, service: RecordingService
) -> None:
    """The proxy appends the address that it sees to those that the request names."""
    client.get("/api/health", headers={"X-Forwarded-For": "198.51.100.1"})

    [seen] = service.seen
    assert ["198.51.100.1, 127.0.0.1"] == seen.header("x-forwarded-for")


def test_headers_of_the_connection_end_here(
    client: httpx.Client, service: RecordingService
) -> None:
    """Hop-by-hop headers, and those that Connection names, go no further."""
    service.headers = [("Keep-Alive", "timeout=5"), ("X-Kept", "yes")]

    answer = client.get(
        "/api/health",
        headers={"Connection": "x-private", "X-Private": "1", "TE": "trailers", "X-Own": "2"},
    )

    [seen] = service.seen
    assert ([], [], ["2"]) == (seen.header("x-private"), seen.header("te"), seen.header("x-own"))
    assert "yes" == answer.headers["x-kept"]
    assert "keep-alive" not in answer.headers


def test_upload_reaches_the_service_whole(client: httpx.Client, service: RecordingService) -> None:
    """A photo of several megabytes arrives byte for byte, with its length."""
    photo = bytes(range(256)) * 20_000

    client.post("/api/storage/upload", files={"file": ("photo.jpg", photo)})

    [seen] = service.seen
    assert photo in seen.body
    assert [str(len(seen.body))] == seen.header("content-length")
    assert [] == seen.header("transfer-encoding")


def test_answer_of_the_service_is_the_browsers(
    client: httpx.Client, service: RecordingService
) -> None:
    """Status, headers and compressed bytes are the service's own, without our page headers."""
    service.status = 429
    service.body = gzip.compress(b'{"error":"Too many requests"}')
    service.headers = [("Content-Encoding", "gzip"), ("Retry-After", "7"), ("Set-Cookie", "a=1"),
                       ("Set-Cookie", "b=2")]  # fmt: skip

    answer = client.get("/api/notifications")

    assert (429, {"error": "Too many requests"}) == (answer.status_code, answer.json())
    assert "7" == answer.headers["retry-after"]
    assert ["a=1", "b=2"] == answer.headers.get_list("set-cookie")
    assert "content-security-policy" not in answer.headers


def test_cookies_of_one_person_reach_no_other(
    client: httpx.Client, service: RecordingService
) -> None:
    """The proxy keeps no cookie of an answer for the next request."""
    service.headers = [("Set-Cookie", "session=own; Path=/")]
    client.get("/api/health")
    client.cookies.clear()

    client.get("/api/health")

    assert [] == service.seen[1].header("cookie")


def test_redirects_are_the_browsers_to_follow(
    client: httpx.Client, service: RecordingService
) -> None:
    """The proxy passes a redirect on and does not follow it."""
    service.status = 303
    service.headers = [("Location", "/api/admin/console/sign-in")]

    answer = client.get("/api/admin/console", follow_redirects=False)

    assert (303, "/api/admin/console/sign-in") == (answer.status_code, answer.headers["location"])
    assert 1 == len(service.seen)


def test_service_that_is_down_gives_502(config: SaleroomConfig) -> None:
    """While the service restarts, the browser gets a JSON error."""
    down = dataclasses.replace(config, service_url=f"http://127.0.0.1:{free_port()}")
    with serving(down) as client:
        answer = client.get("/api/health")

    assert (502, "The service does not answer.") == (answer.status_code, answer.json()["error"])
