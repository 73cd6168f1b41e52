"""The buckets, and who reads their objects."""

from typing import Any

import pytest
from psycopg import Connection, errors

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import listed
from tests.sql.filing import disputed, put_object


IMAGES = ["image/jpeg", "image/png", "image/webp"]
MIB = 1024 * 1024


@pytest.fixture
def admin(owner: Connection) -> Actor:
    return signed_up(owner, "admin", role="admin").with_second_factor()


def seen(actor: Actor, bucket: str) -> list[Any]:
    return [
        name
        for (name,) in actor.rows(
            "select name from storage.objects where bucket_id = %(bucket)s", bucket=bucket
        )
    ]


def test_buckets_are_the_contracts(owner: Connection) -> None:
    """Photos and avatars have public links; the other files do not."""
    rows = owner.execute(
        "select id, public, file_size_limit, allowed_mime_types from storage.buckets"
    ).fetchall()

    pdf = [*IMAGES, "application/pdf"]
    assert {
        "listing-photos": (True, 10 * MIB, IMAGES),
        "evidence-uploads": (False, 10 * MIB, pdf),
        "profile-avatars": (True, 5 * MIB, IMAGES),
        "address-proofs": (False, 10 * MIB, pdf),
    } == {bucket: tuple(rest) for bucket, *rest in rows}


def test_photos_are_listed_with_their_listing(
    owner: Connection, seller: Actor, anonymous: Actor, alice: Actor
) -> None:
    """A cancelled listing hides them from others than its seller."""
    listing_id = listed(seller)["listing"]["id"]
    path = f"{listing_id}/0_a.jpg"
    put_object(owner, "listing-photos", path)
    put_object(owner, "listing-photos", "no-listing/a.jpg")
    for actor in (anonymous, alice, seller):
        assert [path] == seen(actor, "listing-photos")

    seller.call("cancel_listing", listing_id=listing_id)

    assert [[], [], [path]] == [
        seen(actor, "listing-photos") for actor in (anonymous, alice, seller)
    ]


def test_parties_and_staff_read_evidence(
    owner: Connection, seller: Actor, alice: Actor, bob: Actor, admin: Actor, moderator: Actor,
    anonymous: Actor,
) -> None:  # fmt: skip
    """Staff need their second factor."""
    path = f"{disputed(owner, seller, alice)}/x_a.jpg"
    put_object(owner, "evidence-uploads", path)

    for actor in (seller, alice, admin, moderator):
        assert [path] == seen(actor, "evidence-uploads")
    weak = Actor(connection=owner, role="authenticated", user_id=moderator.user_id)
    for actor in (bob, weak, anonymous):
        assert [] == seen(actor, "evidence-uploads")


def test_owner_and_staff_read_a_proof(
    owner: Connection, alice: Actor, bob: Actor, moderator: Actor, anonymous: Actor
) -> None:
    """A proof of address is nobody else's business."""
    path = f"{alice.id}/poa_a.pdf"
    put_object(owner, "address-proofs", path)

    for actor in (alice, moderator):
        assert [path] == seen(actor, "address-proofs")
    weak = Actor(connection=owner, role="authenticated", user_id=moderator.user_id)
    for actor in (bob, weak, anonymous):
        assert [] == seen(actor, "address-proofs")


def test_avatars_are_listed_by_their_owner(
    owner: Connection, alice: Actor, bob: Actor, anonymous: Actor
) -> None:
    """Everybody reads an avatar by its public link, and nobody lists those of all users."""
    path = f"{alice.id}/avatar_a.jpg"
    put_object(owner, "profile-avatars", path)

    assert [[path], [], []] == [seen(actor, "profile-avatars") for actor in (alice, bob, anonymous)]


@pytest.mark.parametrize(
    "bucket", ["listing-photos", "evidence-uploads", "profile-avatars", "address-proofs"]
)
def test_nobody_writes_an_object(owner: Connection, seller: Actor, bucket: str) -> None:
    """Only the service writes, so its checks cannot be passed by."""
    path = f"{seller.id}/a.jpg"
    with pytest.raises(errors.InsufficientPrivilege):
        seller.change(
            "insert into storage.objects (bucket_id, name) values (%(bucket)s, %(path)s)",
            bucket=bucket,
            path=path,
        )
    put_object(owner, bucket, path)

    assert 0 == seller.change("update storage.objects set name = 'x'")
    with owner.transaction(force_rollback=True):
        owner.execute("select set_config('storage.allow_delete_query', 'true', true)")
        assert 0 == seller.change("delete from storage.objects")
