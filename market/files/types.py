"""Values of the files domain."""

import dataclasses
import enum


class FileType(enum.StrEnum):
    """The purpose of a file, as callers of the upload route name it."""

    LISTING_PHOTO = "listing_photo"
    EVIDENCE_FILE = "evidence_file"
    PROFILE_AVATAR = "profile_avatar"
    ADDRESS_PROOF = "address_proof"

    @property
    def is_personal(self) -> bool:
        """Return true if the file is about its user alone. A newer one replaces it."""
        return self in {FileType.PROFILE_AVATAR, FileType.ADDRESS_PROOF}


class Bucket(enum.StrEnum):
    """The buckets of Storage; a migration makes them."""

    LISTING_PHOTOS = "listing-photos"
    EVIDENCE_UPLOADS = "evidence-uploads"
    PROFILE_AVATARS = "profile-avatars"
    ADDRESS_PROOFS = "address-proofs"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as a user sent it. `listing_id` or `dispute_id` names what it is about."""

    type: FileType
    user_id: str
    name: str
    data: bytes = dataclasses.field(repr=False)
    listing_id: str | None = None
    dispute_id: str | None = None
    order_index: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A file that is safe to store. Only a picture has a hash, a width and a height."""

    data: bytes = dataclasses.field(repr=False)
    media_type: str
    extension: str
    hash: str | None = None
    width: int | None = None
    height: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile:
    """The row of a stored object. `path` is another one if the same file has a row already.

    `displaced_paths` name objects of the same bucket that have lost their rows to this file.
    """

    id: str | None
    path: str
    displaced_paths: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that has its object and its row. `id` is null for a file without a public row."""

    id: str | None
    path: str
    url: str
    file: Prepared
    similar_count: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OrphanPage:
    """Objects of one page that have no row, by bucket, and the place of the next page if any."""

    paths: dict[str, list[str]]
    after_bucket: str | None
    after_path: str | None
