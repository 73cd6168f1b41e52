"""Files through the running service, Storage and the official client."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from storage3.exceptions import StorageApiError
from supabase import Client, ClientOptions

from market import database, storage
from market.database import Database
from market.files.reconciliation import OrphanSearch
from market.settings import Settings
from market.storage import Storage
from tests.integration.service.browser import Browser
from tests.integration.service.sale import Sale
from tests.integration.service.shop import Shop
from tests.sql.actors import Actor
from tests.sql.auctioning import listed
from tests.support.pictures import encoded, halves, opened, pdf, plain, raw_pdf


pytestmark = pytest.mark.xdist_group("stack")

BUCKETS = ("listing-photos", "evidence-uploads", "profile-avatars", "address-proofs")


@pytest.fixture
def listing_id(sale: Sale) -> str:
    return str(listed(sale.seller.actor)["listing"]["id"])


@pytest.fixture
def dispute_id(sale: Sale) -> str:
    answer = sale.buyer.actor.call(
        "open_dispute",
        order_id=sale.paid().id,
        dispute_type="item_not_received",
        reason="It never came",
        description=None,
    )
    return str(answer["dispute_id"])


@pytest.fixture(scope="module")
def client_of(shop: Shop) -> Iterator[Callable[[Browser], Client]]:
    """Give a way to build the official client with a person's session."""
    url, key = (shop.environment[name] for name in ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY"))
    with httpx.Client() as http:
        yield lambda person: Client(
            url, key, ClientOptions(headers=person.bearer, httpx_client=http)
        )


@pytest.fixture(scope="module")
def adapters(shop: Shop) -> Iterator[tuple[Database, Storage]]:
    """Build the adapters as a worker does."""
    settings = Settings.from_environment(shop.environment)
    postgres = database.connect(settings, database.WORKER_TIMEOUTS)
    files = storage.connect(settings)
    yield postgres, files
    postgres._client.postgrest.session.close()  # noqa: SLF001 - a worker never closes it
    files._client.close()  # noqa: SLF001 - see above


@pytest.fixture(scope="module")
def staff(shop: Shop) -> Browser:
    return Browser.of_somebody_new(shop, role="moderator")


@pytest.fixture
def without_second_factor(shop: Shop) -> Iterator[None]:
    """Let staff work with a password alone: Auth cannot raise the session of these tests."""
    with shop.setting("require_staff_aal2", value=False):
        yield


def upload(person: Browser, data: bytes, name: str = "a.png", **fields: str) -> httpx.Response:
    return person.shop.http.post(
        "/api/storage/upload",
        data=fields,
        files={"file": (name, data, "image/png")},
        headers=person.bearer,
    )


def stored(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def delete(person: Browser, **body: object) -> httpx.Response:
    return person.shop.http.request(
        "DELETE", "/api/storage/delete", json=body, headers=person.bearer
    )


def photo(person: Browser, listing_id: str, data: bytes, **fields: str) -> httpx.Response:
    return upload(person, data, type="listing_photo", listingId=listing_id, **fields)


def objects(shop: Shop, folder: object) -> set[str]:
    query = "select name from storage.objects where split_part(name, '/', 1) = %s"
    return {name for (name,) in shop.db.execute(query, [str(folder)])}


def photo_rows(shop: Shop, listing_id: str) -> set[str]:
    query = "select path from public.listing_photos where listing_id = %s"
    return {path for (path,) in shop.db.execute(query, [listing_id])}


def coloured(red: int) -> bytes:
    return encoded(plain(colour=(red, 0, 0)), "PNG")


def test_photo_is_shown_with_its_listing(sale: Sale, listing_id: str) -> None:
    """Everybody reads the row, and the file by its public link."""
    answer = stored(photo(sale.seller, listing_id, encoded(halves(), "PNG"), orderIndex="2"))

    visitor = Actor(connection=sale.shop.db, role="anon")
    [(url, path, index, hash_)] = visitor.rows(
        "select url, path, order_idx, perceptual_hash from public.listing_photos"
        " where listing_id = %(id)s",
        id=listing_id,
    )
    assert (answer["url"], answer["path"], 2, answer["hash"]) == (url, path, index, hash_)
    page = httpx.get(url)
    assert (200, "image/jpeg") == (page.status_code, page.headers["Content-Type"])
    assert "JPEG" == opened(page.content).format


def test_repeated_upload_is_one_photo(sale: Sale, listing_id: str) -> None:
    """A repeated upload leaves one photo and one object, even if both run at once."""
    data = encoded(halves())
    with ThreadPoolExecutor(4) as pool:
        answers = [*pool.map(lambda _: stored(photo(sale.seller, listing_id, data)), range(4))]

    [path] = {answer["path"] for answer in answers}
    assert {path} == photo_rows(sale.shop, listing_id) == objects(sale.shop, listing_id)


def test_parallel_uploads_keep_the_limit(sale: Sale, listing_id: str) -> None:
    """Ten photos are in, and a refused one leaves no object (A17)."""
    with ThreadPoolExecutor(4) as pool:
        answers = [
            *pool.map(lambda red: photo(sale.seller, listing_id, coloured(red * 20)), range(12))
        ]

    assert [200] * 10 + [400] * 2 == sorted(answer.status_code for answer in answers)
    assert photo_rows(sale.shop, listing_id) == objects(sale.shop, listing_id)
    assert 10 == len(objects(sale.shop, listing_id))


def test_similar_photo_of_another_listing_is_reported(sale: Sale, listing_id: str) -> None:
    """An upload that resembles another listing's photo succeeds, and the answer says so."""
    data = encoded(halves(900, 300), "PNG")
    other_id = str(listed(sale.seller.actor)["listing"]["id"])
    stored(photo(sale.seller, other_id, data))

    metadata = stored(photo(sale.seller, listing_id, data))["metadata"]

    assert metadata["isDuplicate"]
    assert metadata["similarCount"] >= 1


def test_another_user_adds_and_removes_nothing(sale: Sale, listing_id: str) -> None:
    """Another user gets 403 for both (A17)."""
    path = stored(photo(sale.seller, listing_id, encoded(halves())))["path"]

    assert 403 == photo(sale.another, listing_id, encoded(halves(300))).status_code
    assert 403 == delete(sale.another, bucket="listing-photos", path=path).status_code
    assert {path} == photo_rows(sale.shop, listing_id) == objects(sale.shop, listing_id)


def test_seller_removes_a_photo(sale: Sale, listing_id: str) -> None:
    """Row and object go, and so does the public link."""
    answer = stored(photo(sale.seller, listing_id, encoded(halves())))

    removal = delete(
        sale.seller,
        bucket="listing-photos",
        path=answer["path"],
        photoId=answer["metadata"]["id"],
        listingId=listing_id,
    )

    assert (200, {"success": True}) == (removal.status_code, removal.json())
    assert set() == photo_rows(sale.shop, listing_id) | objects(sale.shop, listing_id)
    assert not httpx.get(answer["url"]).is_success
    assert 404 == delete(sale.seller, bucket="listing-photos", path=answer["path"]).status_code


@pytest.mark.usefixtures("without_second_factor")
def test_evidence_is_read_by_the_parties_and_staff(
    sale: Sale, dispute_id: str, staff: Browser, client_of: Callable[[Browser], Client]
) -> None:
    """A party's upload succeeds, another user's does not (A17). Readers make signed links."""
    answer = stored(
        upload(sale.buyer, pdf(), "../My bill.pdf", type="evidence_file", disputeId=dispute_id)
    )
    refused = upload(sale.another, pdf(), type="evidence_file", disputeId=dispute_id)

    assert 403 == refused.status_code
    page = httpx.get(answer["url"])
    assert (200, pdf(), "application/pdf") == (
        page.status_code, page.content, page.headers["Content-Type"]
    )  # fmt: skip
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert answer["path"].endswith("_My_bill.pdf")
    for person in (sale.buyer, sale.seller, staff):
        bucket = client_of(person).storage.from_("evidence-uploads")
        link = str(bucket.create_signed_url(answer["path"], 60)["signedURL"])
        assert pdf() == httpx.get(link).content
    with pytest.raises(StorageApiError):
        client_of(sale.another).storage.from_("evidence-uploads").create_signed_url(
            answer["path"], 60
        )
    plain_link = answer["url"].partition("?")[0].replace("/sign/", "/public/")
    assert not httpx.get(plain_link).is_success


def test_party_removes_own_evidence(sale: Sale, dispute_id: str) -> None:
    """A party removes its own evidence, and the other party cannot."""
    answer = stored(upload(sale.seller, coloured(9), type="evidence_file", disputeId=dispute_id))
    body = {"bucket": "evidence-uploads", "path": answer["path"]}

    assert 403 == delete(sale.buyer, **body).status_code
    assert 200 == delete(sale.seller, **body).status_code
    assert set() == objects(sale.shop, dispute_id)


def test_proof_of_address_is_its_owners(sale: Sale, client_of: Callable[[Browser], Client]) -> None:
    """Another user gets no link; the owner removes it."""
    answer = stored(upload(sale.buyer, pdf(), type="address_proof"))

    bucket = client_of(sale.buyer).storage.from_("address-proofs")
    assert bucket.create_signed_url(answer["path"], 60)["signedURL"]
    with pytest.raises(StorageApiError):
        client_of(sale.seller).storage.from_("address-proofs").create_signed_url(answer["path"], 60)
    assert 403 == delete(sale.seller, bucket="address-proofs", path=answer["path"]).status_code
    assert 200 == delete(sale.buyer, bucket="address-proofs", path=answer["path"]).status_code


def test_replaced_avatar_leaves_no_object(sale: Sale) -> None:
    """The upload of an avatar removes the object of the former one."""
    first, second = (
        stored(upload(sale.another, coloured(red), type="profile_avatar")) for red in (40, 80)
    )

    assert {second["path"]} == objects(sale.shop, sale.another.actor.id)
    assert not httpx.get(first["url"]).is_success
    assert httpx.get(second["url"]).is_success


@pytest.mark.parametrize("bucket", BUCKETS)
def test_client_writes_no_object(
    sale: Sale, listing_id: str, bucket: str, client_of: Callable[[Browser], Client]
) -> None:
    """A signed-in user's official client cannot write objects past the service's checks."""
    files = client_of(sale.seller).storage.from_(bucket)
    folder = listing_id if bucket == "listing-photos" else str(sale.seller.actor.id)
    with pytest.raises(StorageApiError):
        files.upload(f"{folder}/a.jpg", encoded(halves()), {"content-type": "image/jpeg"})
    with pytest.raises(StorageApiError):
        files.create_signed_upload_url(f"{folder}/a.jpg")
    path = stored(photo(sale.seller, listing_id, encoded(halves())))["path"]
    files = client_of(sale.seller).storage.from_("listing-photos")

    assert [] == files.remove([path])
    with pytest.raises(StorageApiError):
        files.update(path, coloured(1), {"content-type": "image/png"})
    assert {path} == objects(sale.shop, listing_id)


def test_upload_has_a_limit(sale: Sale, signed_in: Callable[[], Browser]) -> None:
    """Uploads are limited per user, in the database."""
    user = signed_in()
    with sale.shop.limited("upload_file", 1):
        answers = [upload(user, b"x", type="profile_avatar") for _ in range(2)]

    assert [400, 429] == [answer.status_code for answer in answers]


def test_refused_files_use_up_the_hour(sale: Sale, listing_id: str) -> None:
    """A refused file counts towards the limit, because its check costs a process."""
    with sale.shop.limited("upload_shared_file", 2):
        answers = [photo(sale.seller, listing_id, data) for data in (b"x", b"x", encoded(halves()))]

    assert [400, 400, 429] == [answer.status_code for answer in answers]
    assert set() == objects(sale.shop, listing_id)


def test_file_of_ten_megabytes_is_stored(sale: Sale) -> None:
    """The limit of the body leaves room for the form."""
    filling = b"%" + b"x" * (10 * 1024 * 1024 - len(raw_pdf()) - 2) + b"\n"
    data = raw_pdf()[:9] + filling + raw_pdf()[9:]
    assert 10 * 1024 * 1024 == len(data)

    assert 200 == upload(sale.buyer, data, "big.pdf", type="address_proof").status_code
    assert 413 == upload(sale.buyer, data + b"\n", "big.pdf", type="address_proof").status_code


def test_job_removes_exactly_the_objects_without_a_row(
    sale: Sale, listing_id: str, adapters: tuple[Database, Storage]
) -> None:
    """After a walk through all pages, objects and rows agree, and young objects stay."""
    shop = sale.shop
    postgres, files = adapters
    kept = {stored(photo(sale.seller, listing_id, coloured(red)))["path"] for red in (10, 90)}
    proof = stored(upload(sale.buyer, pdf(), type="address_proof"))["path"]
    for bucket in BUCKETS:
        for _ in range(3):
            files.put(bucket, f"{uuid.uuid4()}/{uuid.uuid4()}.jpg", b"x", "image/jpeg")
    _age_all_objects(shop)
    young = f"{uuid.uuid4()}/{uuid.uuid4()}.jpg"
    files.put("listing-photos", young, b"x", "image/jpeg")
    search = OrphanSearch(postgres, files)

    count = search.go_on()

    assert count >= 12
    assert _objects_without_a_row(shop) == {young}
    assert kept == objects(shop, listing_id)
    assert proof in objects(shop, sale.buyer.actor.id)
    files.delete("listing-photos", [young])


def _age_all_objects(shop: Shop) -> None:
    with psycopg.connect(shop.environment["ADMIN_DATABASE_URL"], autocommit=True) as superuser:
        superuser.execute("update storage.objects set created_at = now() - interval '2 hours'")


def _objects_without_a_row(shop: Shop) -> set[str]:
    query = """
      select name from storage.objects
      where bucket_id = any(%s) and not exists (
        select from private.stored_files where bucket_id = objects.bucket_id and path = name
      )
    """
    return {name for (name,) in shop.db.execute(query, [list(BUCKETS)])}
