"""`check_image_duplicate`: similar photos, by the bits in which their hashes differ."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection, Error
from psycopg.types.json import Jsonb

from tests.sql.actors import Actor
from tests.sql.auctioning import listed
from tests.sql.filing import JPEG, photographed


ZERO = 0
ALL = 2**256 - 1


def hex_of(bits: int) -> str:
    return f"{bits:064x}"


@pytest.fixture
def listing_id(seller: Actor) -> UUID:
    return UUID(listed(seller)["listing"]["id"])


@pytest.fixture
def other_id(seller: Actor) -> UUID:
    return UUID(listed(seller)["listing"]["id"])


def photo_with(seller: Actor, listing_id: UUID, bits: int) -> None:
    details = {
        "sha256": hex_of(bits), "hash": hex_of(bits), "size": 1, "media_type": JPEG,
        "width": 100, "height": 100,
    }  # fmt: skip
    answer = photographed(seller, listing_id, "x", file=Jsonb(details))
    assert answer["success"], answer


def check(service: Actor, bits: int, listing_id: UUID, **more: Any) -> Any:
    return service.call(
        "check_image_duplicate", p_hash=hex_of(bits), p_listing_id=listing_id, **more
    )


@pytest.mark.parametrize(
    ("bits", "distance"),
    [
        (ZERO, 0),
        (1, 1),
        (1 << 255 | 1 << 128 | 1 << 64 | 1, 4),
        # One hexadecimal digit is four bits.
        (0xF, 4),
        # Five bits in five of the six parts, and all five in the last one.
        (1 | 1 << 50 | 1 << 90 | 1 << 140 | 1 << 180, 5),
        (0b11111, 5),
    ],
)
def test_near_photo_is_a_duplicate(
    service: Actor, seller: Actor, listing_id: UUID, other_id: UUID, bits: int, distance: int
) -> None:
    """Known pairs have known distances over all 256 bits (D9)."""
    photo_with(seller, other_id, ZERO)

    answer = check(service, bits, listing_id)

    assert (True, 1, 5) == (
        answer["is_duplicate"], answer["similar_count"], answer["threshold_used"]
    )  # fmt: skip
    [image] = answer["similar_images"]
    assert (str(other_id), distance) == (image["listing_id"], image["hamming_distance"])
    assert image["photo_url"].startswith("https://files.test/")


@pytest.mark.parametrize("bits", [0b111111, 1 << 255 | 0b11111, ALL, 0xFF])
def test_far_photo_is_none(
    service: Actor, seller: Actor, listing_id: UUID, other_id: UUID, bits: int
) -> None:
    """A photo that differs in six bits is no duplicate."""
    photo_with(seller, other_id, ZERO)

    assert {
        "is_duplicate": False, "similar_count": 0, "similar_images": [], "threshold_used": 5
    } == check(service, bits, listing_id)  # fmt: skip


@pytest.mark.parametrize(("threshold", "is_duplicate"), [(6, True), (256, True), (0, False)])
def test_threshold_is_the_callers(
    service: Actor,
    seller: Actor,
    listing_id: UUID,
    other_id: UUID,
    threshold: int,
    is_duplicate: bool,  # noqa: FBT001 - pytest passes it by name
) -> None:
    """A wider threshold of the caller reads all photos."""
    photo_with(seller, other_id, ZERO)

    answer = check(service, 0b111111, listing_id, p_threshold=threshold)

    assert (is_duplicate, threshold) == (answer["is_duplicate"], answer["threshold_used"])


def test_own_listing_is_no_duplicate(service: Actor, seller: Actor, listing_id: UUID) -> None:
    """A photo of the same listing is no duplicate."""
    photo_with(seller, listing_id, ZERO)

    assert not check(service, ZERO, listing_id)["is_duplicate"]


def test_nearest_photos_come_first(
    service: Actor, seller: Actor, listing_id: UUID, other_id: UUID
) -> None:
    """The nearest photos come first."""
    for bits in (0b111, 0b1, ZERO):
        photo_with(seller, other_id, bits)

    images = check(service, ZERO, listing_id)["similar_images"]

    assert [0, 1, 3] == [image["hamming_distance"] for image in images]


@pytest.mark.parametrize(
    ("text", "threshold"), [("0", 5), ("g" * 64, 5), (None, 5), ("0" * 64, -1), ("0" * 64, 257)]
)
def test_impossible_argument_is_refused(
    service: Actor, listing_id: UUID, text: str | None, threshold: int
) -> None:
    """An impossible argument raises an error."""
    with pytest.raises(Error, match="INVALID_PARAMS"):
        service.call(
            "check_image_duplicate", p_hash=text, p_listing_id=listing_id, p_threshold=threshold
        )


def test_index_serves_the_search(owner: Connection) -> None:
    """The plan reads few rows of a million photos by the index."""
    owner.execute("set local enable_seqscan = off")
    plan = owner.execute(
        """
        explain select * from public.listing_photos
        where private.hash_parts(perceptual_hash) && private.hash_parts(repeat('0', 64))
        """
    ).fetchall()

    assert any("listing_photos_hash_parts_idx" in line for (line,) in plan)
