"""Drawn requests to Storage reveal no file and no name but the reader's, and change nothing."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.secrecy.conftest import Clients
from tests.integration.secrecy.planting import Side
from tests.sql.access.test_matrix import MATRIX
from tests.sql.access.world import GROUPS, Reader, World, readers_in
from tests.support.fuzzing import fuzzed
from tests.support.gateways import Gateway


#: The objects of the world: bucket, row that the first segment names, and the rest of the path.
OBJECTS: Mapping[str, tuple[str, str, str]] = {
    "photo_object_live": ("listing-photos", "live", "0.jpg"),
    "photo_object_cancelled": ("listing-photos", "cancelled", "0.jpg"),
    "evidence_object": ("evidence-uploads", "dispute", "box.jpg"),
    "avatar_of_buyer": ("profile-avatars", "buyer", "avatar.jpg"),
    "proof_of_buyer": ("address-proofs", "buyer", "poa.pdf"),
}
#: Everybody downloads from the public buckets; the policies decide who lists.
PUBLIC = ("listing-photos", "profile-avatars")
#: devstack answers this on the routes that it leaves out.
NOT_SERVED = 501
CLIENTS = sorted(GROUPS["everybody"])
UNCHANGED = """
  select
    (select md5(string_agg(o::text, '|' order by o::text)) from storage.objects as o),
    (select md5(string_agg(b::text, '|' order by b::text)) from storage.buckets as b)
"""
READS = (
    "/object/{}", "/object/authenticated/{}", "/object/public/{}", "/object/info/{}",
    "/object/info/public/{}", "/object/info/authenticated/{}", "/object/sign/{}?token=x",
    "/render/image/authenticated/{}", "/render/image/public/{}", "/object/public/listing-photos/{}",
    "/object/public/listing-photos/../{}", "/object/public/listing-photos/%2e%2e/{}",
    "/object/public/listing-photos/..%2f{}", "/object/public/../authenticated/{}",
    "/s3/{}", "/bucket/{}", "/bucket", "/upload/resumable/{}",
)  # fmt: skip
WRITES = (
    ("POST", "/object/{}"), ("PUT", "/object/{}"), ("DELETE", "/object/{}"),
    ("POST", "/object/upload/sign/{}"), ("PUT", "/object/upload/sign/{}?token=x"),
    ("POST", "/object/sign/{}"), ("POST", "/object/sign/@bucket"), ("POST", "/object/list/@bucket"),
    ("POST", "/object/list-v2/@bucket"), ("DELETE", "/object/@bucket"), ("POST", "/object/move"),
    ("POST", "/object/copy"), ("POST", "/bucket"), ("PUT", "/bucket/@bucket"),
    ("POST", "/bucket/@bucket/empty"), ("DELETE", "/bucket/@bucket"),
    ("POST", "/upload/resumable"), ("PATCH", "/object/{}"),
)  # fmt: skip
FORMS = (
    "{bucket}/{path}", "{bucket}//{path}", "{bucket}/./{path}", "{bucket}/x/../{path}",
    "{bucket}/{path}/", "{bucket}/{path}%00", "{bucket}/{path}%00.jpg", "{BUCKET}/{path}",
    "{bucket}/{PATH}", "{bucket}/%2f{path}", "{bucket}%2f{path}", "{bucket}\\{path}",
    "/{bucket}/{path}", "{bucket}/{path}?download", "{bucket}/{path}?width=10", "{bucket}/{coded}",
    "{bucket}/%252e%252e/{path}", "{bucket}/\uff0e\uff0e/{path}", "{bucket}/{path}%20",
    "{bucket}/%", "{bucket}/*", "{bucket}/{path}%23", "{bucket};x/{path}", "{bucket}",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRequest:
    """A request about an object of the world."""

    method: str
    route: str
    form: str
    name: str
    body: Any


def drawn() -> st.SearchStrategy[DrawnRequest]:
    """Draw a request to a route of Storage."""
    route = st.one_of(
        st.tuples(st.sampled_from(("GET", "HEAD")), st.sampled_from(READS)), st.sampled_from(WRITES)
    )
    return st.builds(
        lambda pair, **rest: DrawnRequest(method=pair[0], route=pair[1], **rest),
        route,
        form=st.sampled_from(FORMS),
        name=st.sampled_from(sorted(OBJECTS)),
        body=st.sampled_from(("object", "paths", "prefix", "root", "copy", "bucket", "file")),
    )


@pytest.fixture(scope="module")
def paths(world: World) -> Mapping[str, str]:
    """Return the path of each object in its bucket."""
    return {name: f"{world.value(row)}/{rest}" for name, (_, row, rest) in OBJECTS.items()}


@pytest.fixture(scope="module")
def files(
    worlds: tuple[World, Mapping[Side, str]], clients: Clients, paths: Mapping[str, str]
) -> Iterator[psycopg.Connection]:
    """Store the file of each object, with its name as content; connect as the owner."""
    for name, (bucket, _, rest) in OBJECTS.items():
        kind = "application/pdf" if rest.endswith("pdf") else "image/jpeg"
        stored = clients[Reader.SERVICE][Side.A].post(
            f"/storage/v1/object/{bucket}/{paths[name]}",
            content=f"content of {name}".encode(),
            headers={"Content-Type": kind, "x-upsert": "true"},
        )
        assert stored.is_success, stored.text
    with psycopg.connect(worlds[1][Side.A], autocommit=True) as owner:
        yield owner


def body_of(request: DrawnRequest, paths: Mapping[str, str]) -> dict[str, Any]:
    """Return the parts of the request's body, as arguments for the client."""
    bucket, _, rest = OBJECTS[request.name]
    path = paths[request.name]
    if request.body == "file":
        return {
            "content": b"hostile",
            "headers": {"Content-Type": "image/jpeg", "x-upsert": "true"},
        }
    bodies: dict[str, Any] = {
        "object": {"expiresIn": 60},
        "paths": {"expiresIn": 60, "paths": [path], "prefixes": [path]},
        "prefix": {"prefix": path.partition("/")[0], "limit": 100, "search": rest[:1]},
        "root": {"prefix": "", "limit": 100},
        "copy": {
            "bucketId": bucket, "sourceKey": path, "destinationBucket": "listing-photos",
            "destinationKey": "mine/1.jpg",
        },
        "bucket": {"id": bucket, "name": bucket, "public": True},
    }  # fmt: skip
    return {"json": bodies[request.body]}


def send(client: httpx.Client, request: DrawnRequest, paths: Mapping[str, str]) -> httpx.Response:
    """Send a request; its path goes out as it is spelled here."""
    bucket, path = OBJECTS[request.name][0], paths[request.name]
    place = request.form.format(
        bucket=bucket, path=path, BUCKET=bucket.upper(), PATH=path.upper(),
        coded="".join(f"%{byte:02x}" for byte in path.encode()),
    )  # fmt: skip
    target = request.route.replace("@bucket", bucket).replace("{}", place)
    sent = client.build_request(
        request.method,
        "/storage/v1/x",
        **({} if request.method in ("GET", "HEAD") else body_of(request, paths)),
    )
    raw = quote(f"/storage/v1{target}", safe="/%?=&;*.")
    sent.url = sent.url.copy_with(raw_path=raw.encode())
    return client.send(sent)


def may_read(name: str) -> frozenset[Reader]:
    """Return the readers that the matrix lets read an object."""
    return readers_in(MATRIX["select"]["storage.objects"]["rows"][name])


@fuzzed(25)
@given(drawn(), st.sampled_from(CLIENTS))
def test_files_are_read_by_their_readers(
    clients: Clients,
    files: psycopg.Connection,
    paths: Mapping[str, str],
    request: DrawnRequest,
    reader: Reader,
) -> None:
    """A file that the reader may not read is neither sent, listed, signed, copied nor changed."""
    before = files.execute(UNCHANGED).fetchone()

    answer = send(clients[reader][Side.A], request, paths)

    assert answer.status_code < 500 or answer.status_code == NOT_SERVED, answer.text
    assert before == files.execute(UNCHANGED).fetchone()
    for name, (bucket, _, rest) in OBJECTS.items():
        if reader not in may_read(name):
            is_sent = f"content of {name}" in answer.text
            assert not is_sent or bucket in PUBLIC
            if answer.is_success and "/list" in request.route and bucket == bucket_of(request):
                folder = paths[name].partition("/")[0]
                assert folder not in answer.text
                assert name != request.name or request.body != "prefix" or rest not in answer.text


def bucket_of(request: DrawnRequest) -> str:
    """Return the bucket that a request names."""
    return OBJECTS[request.name][0]


@pytest.mark.usefixtures("files")
@fuzzed(8)
@given(st.sampled_from(sorted(OBJECTS)), st.sampled_from(CLIENTS))
def test_links_are_signed_for_readers(
    gateways: Mapping[Side, Gateway],
    clients: Clients,
    paths: Mapping[str, str],
    name: str,
    reader: Reader,
) -> None:
    """A reader of an object gets a link to it, and nobody else does."""
    client = clients[reader][Side.A]

    answer = client.post(
        f"/storage/v1/object/sign/{OBJECTS[name][0]}/{paths[name]}", json={"expiresIn": 60}
    )

    assert (reader in may_read(name)) == answer.is_success
    if answer.is_success:
        file = httpx.get(f"{gateways[Side.A].url}/storage/v1{answer.json()['signedURL']}")
        assert f"content of {name}" == file.text
