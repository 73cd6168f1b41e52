"""`check_upload`, `record_file` and `remove_file`: the rows of files, and their writers."""

import uuid
from typing import Any, LiteralString
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import ended, listed, set_setting
from tests.sql.filing import disputed, make_file, photographed, put_object, record, removed


@pytest.fixture
def listing_id(seller: Actor) -> UUID:
    return UUID(listed(seller)["listing"]["id"])


@pytest.fixture
def dispute_id(owner: Connection, seller: Actor, alice: Actor) -> UUID:
    return disputed(owner, seller, alice)


def code_of(answer: Any) -> str | None:
    return None if answer["success"] else answer["code"]


def checked(user: Actor, service: Actor, type_: str, **more: object) -> str | None:
    return code_of(service.call("check_upload", user_id=user.id, type=type_, **more))


def paths(owner: Connection, listing_id: UUID) -> list[str]:
    query = "select path from public.listing_photos where listing_id = %s order by path"
    return [path for (path,) in owner.execute(query, [listing_id])]


def evidence(user: Actor, dispute_id: UUID, name: str = "a", **more: Any) -> Any:
    path = f"{dispute_id}/{user.id}_{uuid.uuid4()}_{name}.jpg"
    return record(user, "evidence_file", path, make_file(name), dispute_id=dispute_id, **more)


def own_file(user: Actor, type_: str, name: str = "a") -> Any:
    return record(user, type_, f"{user.id}/{uuid.uuid4()}.jpg", make_file(name))


def stored_count(owner: Connection, user: Actor) -> int:
    [(count,)] = owner.execute(
        "select count(*) from private.stored_files where owner_id = %s", [user.id]
    ).fetchall()
    return int(count)


def test_photo_has_its_row(owner: Connection, seller: Actor, listing_id: UUID) -> None:
    """A photo has a row with its file."""
    answer = photographed(seller, listing_id)

    assert [answer["path"]] == paths(owner, listing_id)
    assert 1 == stored_count(owner, seller)


def test_repeated_upload_is_recorded_once(
    owner: Connection, seller: Actor, listing_id: UUID
) -> None:
    """The same bytes for the same listing are one photo."""
    first = photographed(seller, listing_id)

    repeat = photographed(seller, listing_id)
    photographed(seller, listing_id, order_idx=1)
    photographed(seller, listing_id, "b")

    assert (first["id"], first["path"]) == (repeat["id"], repeat["path"])
    assert 3 == len(paths(owner, listing_id))


def test_eleventh_photo_is_refused(owner: Connection, seller: Actor, listing_id: UUID) -> None:
    """The setting photo_max limits a listing."""
    set_setting(owner, "photo_max", "2")
    for name in "ab":
        photographed(seller, listing_id, name)

    assert "VALIDATION_ERROR" == code_of(photographed(seller, listing_id, "c"))
    assert 2 == stored_count(owner, seller)


@pytest.mark.parametrize(
    ("status", "code"),
    [("scheduled", None), ("live", None), ("ended", "CONFLICT"), ("cancelled", "CONFLICT")],
)
def test_only_a_current_listing_gets_photos(
    owner: Connection, service: Actor, seller: Actor, listing_id: UUID, status: str,
    code: str | None,
) -> None:  # fmt: skip
    """A live or scheduled listing gets photos, an ended one does not."""
    owner.execute("update public.listings set status = %s where id = %s", [status, listing_id])

    assert code == checked(seller, service, "listing_photo", listing_id=listing_id)
    assert code == code_of(photographed(seller, listing_id))


def test_another_user_adds_no_photo(service: Actor, alice: Actor, listing_id: UUID) -> None:
    """Another user adds no photo, and nobody adds one to an unknown listing."""
    assert "FORBIDDEN" == checked(alice, service, "listing_photo", listing_id=listing_id)
    assert "FORBIDDEN" == code_of(photographed(alice, listing_id))
    assert "RESOURCE_NOT_FOUND" == checked(
        alice, service, "listing_photo", listing_id=uuid.uuid4()
    )  # fmt: skip
    assert "RESOURCE_NOT_FOUND" == checked(alice, service, "listing_photo")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("update public.users set suspended_at = now() where id = %s", "USER_SUSPENDED"),
        ("update public.users set deleted_at = now() where id = %s", "PROFILE_NOT_FOUND"),
    ],
)
@pytest.mark.parametrize("type_", ["listing_photo", "evidence_file", "profile_avatar"])
def test_excluded_user_uploads_nothing(
    owner: Connection,
    service: Actor,
    seller: Actor,
    listing_id: UUID,
    query: LiteralString,
    code: str,
    type_: str,
) -> None:
    """A suspended or deleted user uploads nothing."""
    owner.execute(query, [seller.id])

    assert code == checked(seller, service, type_, listing_id=listing_id)


def test_unknown_type_is_refused(service: Actor, alice: Actor) -> None:
    """An unknown type of file is refused."""
    assert "VALIDATION_ERROR" == checked(alice, service, "invoice")


def test_parties_add_evidence(seller: Actor, alice: Actor, dispute_id: UUID) -> None:
    """Both parties add evidence, whose type follows from the file's."""
    evidence(alice, dispute_id)
    evidence(seller, dispute_id)
    record(
        alice, "evidence_file", f"{dispute_id}/x.pdf",
        make_file("b", media_type="application/pdf"), dispute_id=dispute_id,
    )  # fmt: skip

    rows = alice.rows("select user_id, evidence_type from public.dispute_evidence")
    assert sorted(
        [(str(alice.id), "photo"), (str(seller.id), "photo"), (str(alice.id), "document")]
    ) == sorted((str(user), type_) for user, type_ in rows)


def test_party_repeats_an_upload_of_evidence(
    owner: Connection, alice: Actor, dispute_id: UUID
) -> None:
    """The same bytes of one party are one piece of evidence."""
    first = evidence(alice, dispute_id)

    assert first == evidence(alice, dispute_id)
    assert 1 == stored_count(owner, alice)


def test_same_evidence_of_both_parties_is_two_pieces(
    owner: Connection, seller: Actor, alice: Actor, dispute_id: UUID
) -> None:
    """The same bytes of both parties are two pieces of evidence."""
    paths = {evidence(user, dispute_id)["path"] for user in (alice, seller)}

    assert 2 == len(paths)
    assert [1, 1] == [stored_count(owner, user) for user in (alice, seller)]


def test_another_user_adds_no_evidence(
    owner: Connection, service: Actor, bob: Actor, moderator: Actor, alice: Actor, dispute_id: UUID
) -> None:
    """Neither staff nor other users add evidence, and nobody to a decided dispute."""
    for user in (bob, moderator):
        assert "FORBIDDEN" == checked(user, service, "evidence_file", dispute_id=dispute_id)
        assert "FORBIDDEN" == code_of(evidence(user, dispute_id))

    owner.execute("update public.disputes set status = 'resolved' where id = %s", [dispute_id])
    assert "CONFLICT" == code_of(evidence(alice, dispute_id))


def test_evidence_of_a_party_is_limited(owner: Connection, alice: Actor, dispute_id: UUID) -> None:
    """The setting evidence_max limits each party."""
    set_setting(owner, "evidence_max", "1")
    evidence(alice, dispute_id)

    assert "VALIDATION_ERROR" == code_of(evidence(alice, dispute_id, "b"))


def test_name_of_evidence_has_no_payment_details(alice: Actor, dispute_id: UUID) -> None:
    """A name with a payment detail is refused, because the other party reads it."""
    answer = evidence(alice, dispute_id, title="PayID 0412 345 678.jpg")

    assert "PAYMENT_IN_TEXT" == code_of(answer)


def test_name_of_evidence_completes_no_payment_details(
    alice: Actor, seller: Actor, dispute_id: UUID
) -> None:
    """The other party reads the names one below the other, and the messages beside them."""
    evidence(alice, dispute_id, title="My PayID.jpg")
    message = {"dispute_id": dispute_id, "content": "It is 0412 345 678"}

    answer = evidence(alice, dispute_id, "b", title="0412_345_678.jpg")

    assert "PAYMENT_IN_TEXT" == code_of(answer)
    assert "PAYMENT_IN_TEXT" == code_of(alice.call("add_dispute_message", **message))
    assert code_of(evidence(seller, dispute_id, "b", title="0412_345_678.jpg")) is None


@pytest.mark.parametrize(
    "title",
    [
        "20261130_104344.jpg", "PXL_20261130_104344123.jpg", "IMG-20261130-WA0007.jpg",
        "IMG_4021.jpg", "DSC01234.jpg", "PayPal_receipt.pdf", "paypal-screenshot.png",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "text",
    [
        "It was broken, and I paid by bank account. I want my money back.",
        "The seller asked me to pay by PayPal",
    ],
)
def test_ordinary_name_of_a_file_passes_after_any_text(
    owner: Connection, *, alice: Actor, dispute_id: UUID, title: str, text: str
) -> None:
    """The day and time of a photo are no account, and the name of a file is no handle."""
    owner.execute("update public.disputes set description = %s", [text])

    assert code_of(evidence(alice, dispute_id, title=title)) is None


@pytest.mark.parametrize(("type_", "kept"), [("profile_avatar", 1), ("address_proof", 5)])
def test_newer_file_replaces_the_oldest(
    owner: Connection, alice: Actor, type_: str, kept: int
) -> None:
    """A user has one avatar and five proofs. The answer names the older one to remove."""
    first = own_file(alice, type_)
    assert first == own_file(alice, type_)
    answers = [first] + [own_file(alice, type_, f"n{number}") for number in range(kept)]

    query = "select path from private.stored_files where owner_id = %s"
    left = {path for (path,) in owner.execute(query, [alice.id])}
    [gone] = {answer["path"] for answer in answers} - left
    assert [*[[]] * kept, [gone]] == [answer["displaced"] for answer in answers]
    assert kept == len(left)


def test_newer_file_leaves_those_of_others_and_other_types(
    owner: Connection, alice: Actor, bob: Actor
) -> None:
    """A new avatar replaces the avatar of its own user alone."""
    own_file(bob, "profile_avatar")
    own_file(alice, "address_proof")
    own_file(alice, "profile_avatar", "b")

    assert [2, 1] == [stored_count(owner, user) for user in (alice, bob)]


def test_seller_removes_a_photo(owner: Connection, seller: Actor, listing_id: UUID) -> None:
    """The answer names the object, which the service removes next."""
    photo = photographed(seller, listing_id)

    answer = removed(
        seller, "listing-photos", photo["path"], photo_id=photo["id"], listing_id=listing_id
    )

    assert {"success": True, "object": photo["path"]} == answer
    assert [] == paths(owner, listing_id)
    assert 0 == stored_count(owner, seller)


def test_photo_of_a_cancelled_listing_is_unknown_to_others(
    seller: Actor, alice: Actor, listing_id: UUID
) -> None:
    """A photo of a cancelled listing is unknown to others than seller and staff."""
    photo = photographed(seller, listing_id)
    assert seller.call("cancel_listing", listing_id=listing_id)["success"]
    unknown = f"{listing_id}/0_{uuid.uuid4()}.jpg"

    answers = [
        removed(alice, "listing-photos", path, photo_id=None, listing_id=None)
        for path in (photo["path"], unknown)
    ]

    assert "RESOURCE_NOT_FOUND" == answers[0]["code"]
    assert answers[0] == answers[1]


def test_removal_repeats_until_the_object_is_gone(
    owner: Connection, seller: Actor, alice: Actor, listing_id: UUID
) -> None:
    """A repeated removal succeeds; without row and object it is refused."""
    path = photographed(seller, listing_id)["path"]
    put_object(owner, "listing-photos", path)
    removed(seller, "listing-photos", path)

    assert {"success": True, "object": path} == removed(seller, "listing-photos", path)
    assert "FORBIDDEN" == code_of(removed(alice, "listing-photos", path))
    assert "RESOURCE_NOT_FOUND" == code_of(removed(seller, "listing-photos", path + "x"))


@pytest.mark.parametrize("bucket", ["evidence-uploads", "profile-avatars", "address-proofs"])
def test_leftover_is_its_users(
    owner: Connection, alice: Actor, bob: Actor, dispute_id: UUID, bucket: str
) -> None:
    """The user that a path names may remove an object without a row."""
    is_evidence = bucket == "evidence-uploads"
    path = f"{dispute_id}/{alice.id}_a.jpg" if is_evidence else f"{alice.id}/a.jpg"
    put_object(owner, bucket, path)

    assert "FORBIDDEN" == code_of(removed(bob, bucket, path))
    for other in (f"{bob.id}/../{path}", f"/{path}", f"{path}/", path.upper()):
        assert "RESOURCE_NOT_FOUND" == code_of(removed(bob, bucket, other))
    assert {"success": True, "object": path} == removed(alice, bucket, path)


def test_listing_with_bids_keeps_its_photos(
    owner: Connection, seller: Actor, alice: Actor, listing_id: UUID
) -> None:
    """Photos of a listing with bids are not removed."""
    path = photographed(seller, listing_id)["path"]
    [(auction_id,)] = owner.execute(
        "select id from public.auctions where listing_id = %s", [listing_id]
    ).fetchall()
    assert alice.call("place_bid", auction_id=auction_id, amount_cents=1000)["success"]

    assert "CONFLICT" == code_of(removed(seller, "listing-photos", path))
    assert [path] == paths(owner, listing_id)


@pytest.mark.parametrize("wrong", ["photo_id", "listing_id"])
def test_ids_must_name_the_photo(
    owner: Connection, seller: Actor, listing_id: UUID, wrong: str
) -> None:
    """A removal whose id and path disagree removes nothing."""
    path = photographed(seller, listing_id)["path"]
    put_object(owner, "listing-photos", path)

    answer = removed(seller, "listing-photos", path, **{wrong: uuid.uuid4()})

    assert "RESOURCE_NOT_FOUND" == code_of(answer)
    assert [path] == paths(owner, listing_id)


def test_shared_object_stays(owner: Connection, seller: Actor, listing_id: UUID) -> None:
    """An object that a relisted photo still uses stays."""
    path = photographed(seller, listing_id)["path"]
    ended(owner, listing_id)
    again = seller.call("relist_listing", listing_id=listing_id)["listing"]["id"]
    [copy] = paths(owner, again)

    assert {"success": True, "object": None} == removed(seller, "listing-photos", copy)
    assert [path] == paths(owner, listing_id)
    assert 1 == stored_count(owner, seller)


def test_party_removes_own_evidence_until_the_review(
    owner: Connection, seller: Actor, alice: Actor, bob: Actor, dispute_id: UUID
) -> None:
    """A party removes own evidence until staff review the dispute."""
    path = evidence(alice, dispute_id)["path"]
    for user in (seller, bob):
        assert "FORBIDDEN" == code_of(removed(user, "evidence-uploads", path))
    owner.execute("update public.disputes set status = 'under_review' where id = %s", [dispute_id])
    assert "CONFLICT" == code_of(removed(alice, "evidence-uploads", path))

    owner.execute("update public.disputes set status = 'open' where id = %s", [dispute_id])
    assert {"success": True, "object": path} == removed(alice, "evidence-uploads", path)
    assert [] == alice.rows("select id from public.dispute_evidence")


def test_another_path_of_evidence_removes_nothing(
    owner: Connection, alice: Actor, dispute_id: UUID
) -> None:
    """A path of evidence with a # is refused; only photos have such paths."""
    path = evidence(alice, dispute_id)["path"]
    put_object(owner, "evidence-uploads", path)
    owner.execute("update public.disputes set status = 'under_review' where id = %s", [dispute_id])

    for other in (f"{path}#x", f"{path}#", f"{path}/x"):
        assert "RESOURCE_NOT_FOUND" == code_of(removed(alice, "evidence-uploads", other))
    assert "CONFLICT" == code_of(removed(alice, "evidence-uploads", path))
    assert [(1,)] == owner.execute("select count(*) from private.stored_files").fetchall()


@pytest.mark.parametrize(
    ("type_", "bucket"),
    [("profile_avatar", "profile-avatars"), ("address_proof", "address-proofs")],
)
def test_owner_removes_own_file(
    owner: Connection, alice: Actor, bob: Actor, type_: str, bucket: str
) -> None:
    """A user removes the own file, and another user does not."""
    path = own_file(alice, type_)["path"]
    assert "FORBIDDEN" == code_of(removed(bob, bucket, path))

    assert {"success": True, "object": path} == removed(alice, bucket, path)
    assert 0 == stored_count(owner, alice)
    assert "RESOURCE_NOT_FOUND" == code_of(removed(alice, bucket, path))
