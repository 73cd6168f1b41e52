"""The SQL functions of the files domain: one function here for each.

Every call may be repeated.
"""

import hashlib
from typing import Any

from market.database import Database, accepted
from market.files.types import Bucket, OrphanPage, Prepared, RecordedFile, Upload


def check_upload(database: Database, upload: Upload) -> None:
    """Check that a user may upload a file, before it costs anything.

    Raises:
        RejectedError: `PROFILE_NOT_FOUND`, `USER_SUSPENDED`, `RESOURCE_NOT_FOUND`, `FORBIDDEN`,
            `CONFLICT`.

    """
    accepted(
        database.call(
            "check_upload",
            user_id=upload.user_id,
            type=upload.type,
            listing_id=upload.listing_id,
            dispute_id=upload.dispute_id,
        )
    )


def record_file(
    database: Database, upload: Upload, file: Prepared, *, path: str, url: str, title: str
) -> RecordedFile:
    """Write the row of a stored object.

    Raises:
        RejectedError: as `check_upload`, `VALIDATION_ERROR`, `PAYMENT_IN_TEXT`.

    """
    answer = accepted(
        database.call(
            "record_file",
            user_id=upload.user_id,
            type=upload.type,
            path=path,
            url=url,
            title=title,
            file=_description(file),
            listing_id=upload.listing_id,
            dispute_id=upload.dispute_id,
            order_idx=upload.order_index,
        )
    )
    return RecordedFile(
        id=answer["id"], path=answer["path"], displaced_paths=tuple(answer["displaced"])
    )


def _description(file: Prepared) -> dict[str, Any]:
    return {
        "sha256": hashlib.sha256(file.data).hexdigest(),
        "size": len(file.data),
        "media_type": file.media_type,
        "hash": file.hash,
        "width": file.width,
        "height": file.height,
    }


def count_similar(database: Database, hash_: str, listing_id: str) -> int:
    """Return the number of photos of other listings that look the same."""
    answer = database.call("check_image_duplicate", p_hash=hash_, p_listing_id=listing_id)
    return int(answer["similar_count"])


def remove_file(
    database: Database,
    *,
    user_id: str,
    bucket: Bucket,
    path: str,
    photo_id: str | None,
    listing_id: str | None,
) -> str | None:
    """Remove the row of a file; return the path of the object to delete, if nothing else uses it.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN`, `CONFLICT`.

    """
    answer = accepted(
        database.call(
            "remove_file",
            user_id=user_id,
            bucket=bucket,
            path=path,
            photo_id=photo_id,
            listing_id=listing_id,
        )
    )
    path_of_object: str | None = answer["object"]
    return path_of_object


def find_orphans(
    database: Database, *, after_bucket: str | None, after_path: str | None
) -> OrphanPage:
    """Return the objects without a row among the next ones after a place."""
    answer = database.call("find_orphan_files", after_bucket=after_bucket, after_path=after_path)
    paths: dict[str, list[str]] = {}
    for file in answer["files"]:
        paths.setdefault(file["bucket"], []).append(file["path"])
    return OrphanPage(
        paths=paths, after_bucket=answer["after_bucket"], after_path=answer["after_path"]
    )
