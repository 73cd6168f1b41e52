"""The policies of objects in Storage, beside the access matrix."""

from typing import Any

import pytest
from psycopg import Connection, errors

from tests.sql.actors import Actor
from tests.sql.auctioning import listed
from tests.sql.filing import put_object


def seen(actor: Actor, bucket: str) -> list[Any]:
    return [
        name
        for (name,) in actor.rows(
            "select name from storage.objects where bucket_id = %(bucket)s", bucket=bucket
        )
    ]


def test_photos_are_listed_with_their_listing(
    owner: Connection, seller: Actor, anonymous: Actor, alice: Actor
) -> None:
    """Others than the seller see no photos of a cancelled or missing listing."""
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


@pytest.mark.parametrize(
    "bucket", ["listing-photos", "evidence-uploads", "profile-avatars", "address-proofs"]
)
def test_nobody_writes_an_object(owner: Connection, seller: Actor, bucket: str) -> None:
    """No client writes an object, so each passes the service's checks."""
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
