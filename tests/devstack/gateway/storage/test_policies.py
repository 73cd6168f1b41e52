"""The service writes the files of the sample market, and policies decide who reads them."""

import uuid
from dataclasses import dataclass

import httpx
import psycopg
import pytest
from storage3.exceptions import StorageApiError
from storage3.types import FileOptions
from supabase import Client

from tests.devstack.gateway.storage.clients import client_error
from tests.devstack.market import ALICE, BOB, DISPUTE
from tests.support.gateways import ClientFor, Gateway


PDF: FileOptions = {"content-type": "application/pdf"}
JPEG: FileOptions = {"content-type": "image/jpeg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Two parties of a dispute, a member of the staff, and another user."""

    buyer: str
    seller: str
    staff: str
    other_user: str
    dispute: str


@pytest.fixture(scope="module")
def people(gateway: Gateway) -> People:
    staff, other_user = str(uuid.uuid4()), str(uuid.uuid4())
    with psycopg.connect(gateway.owner_url) as owner:
        owner.execute("insert into public.staff values (%s)", [staff])
    return People(buyer=BOB, seller=ALICE, staff=staff, other_user=other_user, dispute=DISPUTE)


def readers(client_for: ClientFor, people: People, bucket: str, key: str) -> set[str]:
    """Return the names of the people who can download an object."""
    found = set()
    for name in ("buyer", "seller", "staff", "other_user", "visitor"):
        user_id = None if name == "visitor" else getattr(people, name)
        try:
            client_for(user_id).storage.from_(bucket).download(key)
            found.add(name)
        except StorageApiError as error:
            assert ("404", "not_found") == (error.status, error.code)  # noqa: PT017 -- each of five
    return found


@pytest.mark.parametrize("bucket", ["listing-photos", "profile-avatars"])
def test_public_buckets_are_everybodys(
    client_for: ClientFor, service: Client, people: People, bucket: str, transport: httpx.Client
) -> None:
    """Everybody reads photos of listings and avatars."""
    key = f"{people.buyer}/avatar_{uuid.uuid4()}.jpg"
    service.storage.from_(bucket).upload(key, b"x", JPEG)

    everybody = {"buyer", "seller", "staff", "other_user", "visitor"}
    assert everybody == readers(client_for, people, bucket, key)
    assert b"x" == transport.get(service.storage.from_(bucket).get_public_url(key)).content


def test_evidence_is_the_parties(
    client_for: ClientFor, service: Client, people: People, transport: httpx.Client
) -> None:
    """The parties of the dispute in the first folder read the evidence; staff uses a link."""
    key = f"{people.dispute}/{people.buyer}_{uuid.uuid4()}_invoice.pdf"
    service.storage.from_("evidence-uploads").upload(key, b"x", PDF)

    assert {"buyer", "seller"} == readers(client_for, people, "evidence-uploads", key)
    link = service.storage.from_("evidence-uploads").create_signed_url(key, 3600)["signedUrl"]
    assert link is not None
    assert b"x" == transport.get(link).content


def test_proofs_are_the_owners_and_staffs(
    client_for: ClientFor, service: Client, people: People
) -> None:
    """The owner of the first folder and the staff read a proof."""
    key = f"{people.seller}/poa_{uuid.uuid4()}.pdf"
    service.storage.from_("address-proofs").upload(key, b"x", PDF)

    assert {"seller", "staff"} == readers(client_for, people, "address-proofs", key)


def test_listing_shows_readable_folders(
    client_for: ClientFor, service: Client, people: People
) -> None:
    """A listing shows a folder to those who may read an object in it."""
    key = f"{people.other_user}/poa_{uuid.uuid4()}.pdf"
    service.storage.from_("address-proofs").upload(key, b"x", PDF)

    def folders(user_id: str | None) -> set[str]:
        listed = client_for(user_id).storage.from_("address-proofs").list()
        return {entry["name"] for entry in listed}

    assert {people.other_user} == folders(people.other_user)
    assert people.other_user in folders(people.staff)
    assert people.other_user not in folders(people.buyer)
    assert set() == folders(None)


def test_link_is_made_for_readers(client_for: ClientFor, service: Client, people: People) -> None:
    """Storage signs a link only for a reader, alone or among several."""
    key = f"{people.seller}/poa_{uuid.uuid4()}.pdf"
    service.storage.from_("address-proofs").upload(key, b"x", PDF)

    assert client_for(people.seller).storage.from_("address-proofs").create_signed_url(key, 60)
    other = client_for(people.buyer).storage.from_("address-proofs")
    with pytest.raises(StorageApiError) as caught:
        other.create_signed_url(key, 60)
    assert ("404", "not_found") == client_error(caught)
    [line] = other.create_signed_urls([key], 60)
    assert (None, key) == (line["signedURL"], line["path"])
    assert "Either the object does not exist or you do not have access to it" == line["error"]


@pytest.mark.parametrize(
    "bucket", ["listing-photos", "evidence-uploads", "profile-avatars", "address-proofs"]
)
def test_only_the_service_writes(
    client_for: ClientFor, service: Client, people: People, bucket: str
) -> None:
    """A user cannot upload, replace, move or remove, even in a folder of their own."""
    folder = people.dispute if bucket == "evidence-uploads" else people.seller
    key, new = f"{folder}/{uuid.uuid4()}.jpg", f"{folder}/{uuid.uuid4()}.jpg"
    service.storage.from_(bucket).upload(key, b"kept", JPEG)
    mine = client_for(people.seller).storage.from_(bucket)

    for attempt in (
        lambda: mine.upload(new, b"x", JPEG),
        lambda: mine.upload(key, b"x", {**JPEG, "upsert": "true"}),
        lambda: mine.update(key, b"x", JPEG),
        lambda: mine.copy(key, new),
        lambda: mine.create_signed_upload_url(new),
    ):
        with pytest.raises(StorageApiError) as caught:
            attempt()
        assert client_error(caught) in {("403", "Unauthorized"), ("404", "not_found")}
    with pytest.raises(StorageApiError) as caught:
        mine.move(key, new)
    assert ("404", "not_found") == client_error(caught)
    assert [] == mine.remove([key])
    assert b"kept" == service.storage.from_(bucket).download(key)
    assert not service.storage.from_(bucket).exists(new)
