"""Store a file: the object first, then its row. Remove a file: the row first, then the object."""

import re
import threading
import uuid
from collections.abc import Sequence

import structlog

from market.database import Database
from market.errors import MarketError, RejectedError, TransientError
from market.files import decoding, repository
from market.files.decoding import Kind
from market.files.types import Bucket, FileType, Prepared, RecordedFile, StoredFile, Upload
from market.storage import Storage


log = structlog.get_logger(__name__)

_MIB = 1024 * 1024
_BUCKETS = {
    FileType.LISTING_PHOTO: Bucket.LISTING_PHOTOS,
    FileType.EVIDENCE_FILE: Bucket.EVIDENCE_UPLOADS,
    FileType.PROFILE_AVATAR: Bucket.PROFILE_AVATARS,
    FileType.ADDRESS_PROOF: Bucket.ADDRESS_PROOFS,
}
_PUBLIC = frozenset({Bucket.LISTING_PHOTOS, Bucket.PROFILE_AVATARS})
_LIMIT = 10 * _MIB
_AVATAR_LIMIT = 5 * _MIB
#: An upload waits this long for its turn to be decoded. Then its user may try again.
_TURN_LIMIT_S = 3.0
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_LENGTH = 60


class Uploads:
    """Stores and removes files for users. One file is decoded at a time, for it takes memory."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage
        self._turn = threading.Lock()

    def store(self, upload: Upload) -> StoredFile:
        """Store a file and write its row. A repeat of the same upload answers the first row.

        Raises:
            RejectedError: the user may not, or the file is not acceptable; nothing is left behind.
            TransientError: the object or the row may exist; a repeat or the reconcile job mends it.

        """
        repository.check_upload(self._database, upload)
        file = self._prepared(upload)
        bucket = _BUCKETS[upload.type]
        path, name = _place_of(upload, file)
        self._storage.put(bucket, path, file.data, file.media_type)
        row = self._recorded(upload, file, bucket, path, name)
        # The row is committed, so no row names these objects any more.
        self._discard(bucket, [*row.displaced_paths, *({path} - {row.path})])
        similar_count = 0
        if upload.type is FileType.LISTING_PHOTO:
            similar_count = self._count_similar(upload, file)
        url = (
            self._storage.public_link(bucket, row.path)
            if bucket in _PUBLIC
            else self._storage.sign(bucket, row.path, download_as=name)
        )
        log.info("file_stored", type=upload.type, id=row.id, is_repeat=row.path != path)
        return StoredFile(id=row.id, path=row.path, url=url, file=file, similar_count=similar_count)

    def remove(
        self,
        *,
        user_id: str,
        bucket: Bucket,
        path: str,
        photo_id: str | None,
        listing_id: str | None,
    ) -> None:
        """Remove a file. A crash after the row leaves an object that the reconcile job removes.

        In the other order a crash would leave a row that names nothing.

        Raises:
            RejectedError: the user may not, or there is no such file.

        """
        path_of_object = repository.remove_file(
            self._database,
            user_id=user_id,
            bucket=bucket,
            path=path,
            photo_id=photo_id,
            listing_id=listing_id,
        )
        if path_of_object is not None:
            self._storage.delete(bucket, [path_of_object])
        log.info("file_removed", bucket=bucket, user_id=user_id)

    def _prepared(self, upload: Upload) -> Prepared:
        is_avatar = upload.type is FileType.PROFILE_AVATAR
        limit = _AVATAR_LIMIT if is_avatar else _LIMIT
        if len(upload.data) > limit:
            raise RejectedError(
                "PAYLOAD_TOO_LARGE", text=f"This file may have {limit // _MIB} MB at most"
            )
        kind = Kind.AVATAR if is_avatar else Kind.PHOTO
        if decoding.is_pdf(upload.data) and _BUCKETS[upload.type] not in _PUBLIC:
            kind = Kind.DOCUMENT
        if not self._turn.acquire(timeout=_TURN_LIMIT_S):
            raise TransientError("TIMEOUT", "decoder")
        try:
            return decoding.decode(upload.data, kind)
        finally:
            self._turn.release()

    def _recorded(
        self, upload: Upload, file: Prepared, bucket: Bucket, path: str, name: str
    ) -> RecordedFile:
        link = self._storage.public_link if bucket in _PUBLIC else self._storage.private_link
        try:
            return repository.record_file(
                self._database, upload, file, path=path, url=link(bucket, path), title=name
            )
        except TransientError:
            # The row may have been committed, so the object must stay. The reconcile job removes it
            # if there is no row.
            raise
        except MarketError:
            self._discard(bucket, [path])
            raise

    def _discard(self, bucket: Bucket, paths: Sequence[str]) -> None:
        if not paths:
            return
        try:
            self._storage.delete(bucket, paths)
        except MarketError as error:
            # The reconcile job removes the objects.
            log.warning("files_not_discarded", bucket=bucket, code=error.code)

    def _count_similar(self, upload: Upload, file: Prepared) -> int:
        if file.hash is None or upload.listing_id is None:
            return 0
        count = repository.count_similar(self._database, file.hash, upload.listing_id)
        if count:
            log.info("similar_photo_uploaded", listing_id=upload.listing_id, count=count)
        return count


def _place_of(upload: Upload, file: Prepared) -> tuple[str, str]:
    """Return a new path for a file, and the name under which a browser saves it."""
    name = safe_name(upload.name, file.extension)
    unique = uuid.uuid4()
    match upload.type:
        case FileType.LISTING_PHOTO:
            path = f"{upload.listing_id}/{upload.order_index}_{unique}{file.extension}"
        case FileType.EVIDENCE_FILE:
            path = f"{upload.dispute_id}/{upload.user_id}_{unique}_{name}"
        case FileType.PROFILE_AVATAR:
            path = f"{upload.user_id}/avatar_{unique}{file.extension}"
        case FileType.ADDRESS_PROOF:
            path = f"{upload.user_id}/poa_{unique}{file.extension}"
    return path, name


def safe_name(name: str, extension: str) -> str:
    """Return the last part of a name in harmless characters, with the extension of the content."""
    last = re.split(r"[/\\]", name)[-1]
    stem = _UNSAFE.sub("_", last.rpartition(".")[0] or last)
    return (stem.strip("._-")[:_NAME_LENGTH] or "file") + extension
