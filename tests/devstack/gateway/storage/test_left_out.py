"""Storage refuses by name what hosted Storage has and this one lacks."""

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
def test_missing_feature_is_named(http: httpx.Client, method: str, path: str, what: str) -> None:
    """The error names the missing feature, so nobody takes it for a bug."""
    answer = http.request(method, path)

    assert 501 == answer.status_code
    assert f"{what} is not served by devstack's Storage" == answer.json()["message"]


def test_transformed_link_is_named(http: httpx.Client) -> None:
    """Storage refuses to sign a link with a transformation."""
    body = {"expiresIn": 60, "transform": {"width": 10}}
    answer = http.post("/object/sign/notes/x", json=body)

    assert 501 == answer.status_code
    assert "Image transformation is not served by devstack's Storage" == answer.json()["message"]


def test_unknown_path_is_not_found(http: httpx.Client) -> None:
    """An unknown path has the error of Fastify, as on hosted Storage."""
    answer = http.get("/nowhere/at/all")

    assert 404 == answer.status_code
    assert "Route GET:/nowhere/at/all not found" == answer.json()["message"]
