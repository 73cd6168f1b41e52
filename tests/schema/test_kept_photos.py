"""A migration removes the photos of removed listings that an earlier release kept."""

from uuid import UUID

import psycopg
from psycopg import Connection

from devstack.postgres.schema import build_database, extend_database, migration_files
from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import listed
from tests.sql.moderation.staff_actions import REASON


CHANGE = "photos_without_purge"


def kept_photo(owner: Connection, listing_id: UUID) -> None:
    """Leave a photo as a release did that removed listings and kept their photos."""
    owner.execute(
        """
        insert into public.listing_photos (
          listing_id, url, path, file_size, mime_type, width, height
        )
        values (%(id)s, 'https://files.test/old.jpg', %(id)s::text, 10, 'image/jpeg', 100, 100)
        """,
        {"id": listing_id},
    )


def test_kept_photos_of_removed_listings_go(admin_url: str) -> None:
    """Photos stay while a report is open, and with a listing that runs or that its seller ended."""
    files = migration_files()
    [number] = [at for at, file in enumerate(files) if file.stem.endswith(CHANGE)]
    url = build_database(admin_url, "market_kept_photos", files[:number])
    with psycopg.connect(url, options="-c search_path=") as owner:
        seller = signed_up(owner, "seller", role="seller")
        staff = signed_up(owner, "staff", role="moderator").with_second_factor()
        names = ("removed", "cancelled", "reported", "ended by the seller", "running")
        ids = {name: UUID(listed(seller)["listing"]["id"]) for name in names}
        remove_all(staff, seller, ids)
        for listing_id in ids.values():
            kept_photo(owner, listing_id)

    extend_database(url, files[: number + 1])

    with psycopg.connect(url) as owner:
        left = {row[0] for row in owner.execute("select listing_id from public.listing_photos")}
    assert {"reported", "ended by the seller", "running"} == {
        name for name, listing_id in ids.items() if listing_id in left
    }


def remove_all(staff: Actor, seller: Actor, ids: dict[str, UUID]) -> None:
    reporter = signed_up(staff.connection, "reporter")
    reporter.call("report_content", listing_id=ids["reported"], reason="A stolen bicycle")
    for name in ("removed", "reported"):
        staff.call("staff_remove_listing", listing_id=ids[name], reason=REASON)
    staff.call("cancel_listing", listing_id=ids["cancelled"])
    seller.call("cancel_listing", listing_id=ids["ended by the seller"])
