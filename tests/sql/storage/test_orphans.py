"""`find_orphan_files`: objects that no row names, once they are old enough."""

import uuid
from typing import Any

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import listed, move_time
from tests.sql.filing import disputed, make_file, photographed, put_object, record


def found(service: Actor, **more: object) -> list[Any]:
    return [file["path"] for file in service.call("find_orphan_files", **more)["files"]]


@pytest.mark.parametrize(
    "bucket", ["listing-photos", "evidence-uploads", "profile-avatars", "address-proofs"]
)
def test_old_object_without_a_row_is_found(owner: Connection, service: Actor, bucket: str) -> None:
    """An object without a row is found after an hour."""
    put_object(owner, bucket, "x/a.jpg")
    move_time(owner, "59 minutes")
    assert [] == found(service)

    move_time(owner, "2 minutes")
    answer = service.call("find_orphan_files")

    assert {
        "files": [{"bucket": bucket, "path": "x/a.jpg"}], "after_bucket": None, "after_path": None
    } == answer  # fmt: skip


def test_object_with_a_row_is_kept(
    owner: Connection, service: Actor, seller: Actor, alice: Actor
) -> None:
    """An object with a row of any type is kept; the row of a photo is enough."""
    listing_id = listed(seller)["listing"]["id"]
    dispute_id = disputed(owner, seller, alice)
    kept = {
        "listing-photos": photographed(seller, listing_id)["path"],
        "evidence-uploads": record(
            alice, "evidence_file", f"{dispute_id}/a.jpg", dispute_id=dispute_id
        )["path"],
        "profile-avatars": record(alice, "profile_avatar", f"{alice.id}/a.jpg")["path"],
        "address-proofs": record(alice, "address_proof", f"{alice.id}/p.jpg")["path"],
    }
    for bucket, path in kept.items():
        put_object(owner, bucket, path)
    owner.execute("delete from private.stored_files where bucket_id = 'listing-photos'")
    move_time(owner, "2 hours")

    assert [] == found(service)


def test_replaced_object_is_found(owner: Connection, service: Actor, alice: Actor) -> None:
    """The object of a replaced avatar is found."""
    paths = [f"{alice.id}/{name}.jpg" for name in "ab"]
    for path in paths:
        record(alice, "profile_avatar", path, make_file(path))
        put_object(owner, "profile-avatars", path)
    move_time(owner, "2 hours")

    assert [paths[0]] == found(service)


def test_relisted_photo_is_kept(owner: Connection, service: Actor, seller: Actor) -> None:
    """The object of a relisted photo is kept; its path ends with the new listing's id."""
    listing_id = listed(seller)["listing"]["id"]
    path = photographed(seller, listing_id)["path"]
    put_object(owner, "listing-photos", path)
    owner.execute("update public.listing_photos set path = path || '#' || %s", [uuid.uuid4()])
    owner.execute("delete from private.stored_files")
    move_time(owner, "2 hours")

    assert [] == found(service)


def test_own_files_end_with_the_account(
    owner: Connection, service: Actor, seller: Actor, alice: Actor
) -> None:
    """Avatar and proofs are personal data; photos of a sale and evidence stay."""
    dispute_id = disputed(owner, seller, alice)
    evidence = record(alice, "evidence_file", f"{dispute_id}/a.jpg", dispute_id=dispute_id)
    proof = record(alice, "address_proof", f"{alice.id}/p.jpg")
    put_object(owner, "evidence-uploads", evidence["path"])
    put_object(owner, "address-proofs", proof["path"])
    owner.execute("update public.users set deleted_at = now() where id = %s", [alice.id])
    move_time(owner, "2 hours")

    assert [proof["path"]] == found(service)


def test_other_buckets_are_left_alone(owner: Connection, service: Actor) -> None:
    """Objects in other buckets are kept."""
    owner.execute("insert into storage.buckets (id, name) values ('own', 'own')")
    put_object(owner, "own", "a.jpg")
    move_time(owner, "2 hours")

    assert [] == found(service)


def test_search_goes_on_where_it_ended(owner: Connection, service: Actor) -> None:
    """A page has a limit, and the next page begins after it."""
    for bucket, path in (
        ("address-proofs", "a"), ("listing-photos", "a"), ("listing-photos", "b"),
    ):  # fmt: skip
        put_object(owner, bucket, path)
    move_time(owner, "2 hours")

    seen: list[str] = []
    place: dict[str, Any] = {}
    for _ in range(2):
        answer = service.call("find_orphan_files", max_rows=2, **place)
        seen += [f"{file['bucket']}/{file['path']}" for file in answer["files"]]
        place = {key: answer[key] for key in ("after_bucket", "after_path")}

    assert ["address-proofs/a", "listing-photos/a", "listing-photos/b"] == seen
    assert {"after_bucket": None, "after_path": None} == place
