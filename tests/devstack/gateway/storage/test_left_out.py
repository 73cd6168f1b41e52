"""What hosted Storage does and this one does not is refused by name."""

import httpx
import pytest


@pytest.mark.parametrize(
    ("method", "path", "what"),
    [
        ("GET", "/render/image/public/listing-photos/x?width=10", "Image transformation"),
        ("GET", "/render/image/authenticated/notes/x", "Image transformation"),
        ("POST", "/upload/resumable", "Resumable upload (TUS)"),
        ("PUT", "/s3/notes/x", "The S3 protocol"),
        ("POST", "/object/list-v2/notes", "Listing by cursor (list-v2)"),
        ("DELETE", "/cdn/notes/x", "Purging a cache"),
        ("GET", "/iceberg/v1/config", "An analytics bucket"),
        ("POST", "/vector/CreateIndex", "A vector bucket"),
    ],
)
def test_what_is_left_out_is_named(http: httpx.Client, method: str, path: str, what: str) -> None:
    """Nobody takes it for a bug of their own."""
    answer = http.request(method, path)

    assert 501 == answer.status_code
    assert f"{what} is not served by devstack's Storage" == answer.json()["message"]


def test_transformed_link_is_named(http: httpx.Client) -> None:
    """A link that transforms is refused when it is made."""
    body = {"expiresIn": 60, "transform": {"width": 10}}
    answer = http.post("/object/sign/notes/x", json=body)

    assert 501 == answer.status_code
    assert "Image transformation is not served by devstack's Storage" == answer.json()["message"]


def test_unknown_path_is_not_found(http: httpx.Client) -> None:
    """In the words of Fastify, which hosted Storage runs on."""
    answer = http.get("/nowhere/at/all")

    assert 404 == answer.status_code
    assert "Route GET:/nowhere/at/all not found" == answer.json()["message"]
