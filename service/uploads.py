"""Routes by which people store and remove files."""

import uuid
from collections.abc import Callable
from typing import Annotated, Literal, Self

import pydantic
from flask import Blueprint, request

from market.errors import RejectedError
from market.files.types import Bucket, FileType, StoredFile, Upload
from market.files.uploads import Uploads
from service.bodies import needs_one_of, read_body
from service.limits import UserLimits
from service.requests import UPLOAD_PATH
from service.route_table import Answer, Caller, Id, Route
from service.session import Session, Sessions


_PATH_LENGTH = 500
_SESSION_KEY = "market.uploading_session"
_CODES = (
    "CONFLICT",
    "FORBIDDEN",
    "PROFILE_NOT_FOUND",
    "RESOURCE_NOT_FOUND",
    "STORAGE_ERROR",
    "STORAGE_UNREACHABLE",
)


class UploadForm(pydantic.BaseModel):
    """The fields beside the file. A photo names its listing, evidence its dispute."""

    model_config = needs_one_of(
        {"type": [FileType.PROFILE_AVATAR, FileType.ADDRESS_PROOF]},
        {"type": [FileType.LISTING_PHOTO], "listingId": []},
        {"type": [FileType.EVIDENCE_FILE], "disputeId": []},
    )

    type: FileType
    listing_id: Annotated[uuid.UUID | None, pydantic.Field(alias="listingId")] = None
    dispute_id: Annotated[uuid.UUID | None, pydantic.Field(alias="disputeId")] = None
    order_index: Annotated[int, pydantic.Field(alias="orderIndex", ge=0, le=100)] = 0

    @pydantic.field_validator("listing_id", "dispute_id", mode="before")
    @classmethod
    def _read_empty(cls, value: object) -> object:
        # A form sends an empty text for a field without a value.
        return value or None

    @pydantic.model_validator(mode="after")
    def _require_subject(self) -> Self:
        if self.type is FileType.LISTING_PHOTO and self.listing_id is None:
            raise ValueError("listingId")
        if self.type is FileType.EVIDENCE_FILE and self.dispute_id is None:
            raise ValueError("disputeId")
        return self


class FileMetadata(Answer):
    """Facts about a stored file. Only a picture has a width and a height.

    `isDuplicate` means that another listing shows a photo that looks the same.
    """

    id: Id | None
    size: int
    mime_type: str = pydantic.Field(alias="mimeType")
    width: int | None
    height: int | None
    is_duplicate: bool = pydantic.Field(alias="isDuplicate")
    similar_count: int = pydantic.Field(alias="similarCount")


class UploadAnswer(Answer):
    """The stored file. `url` of a private file is a link that ends after an hour."""

    success: Literal[True]
    url: str
    path: str
    hash: str | None
    metadata: FileMetadata


class DeleteBody(pydantic.BaseModel):
    """The file to remove. The ids, if given, must be those of its photo."""

    bucket: Bucket
    path: Annotated[str, pydantic.Field(min_length=1, max_length=_PATH_LENGTH)]
    photo_id: Annotated[uuid.UUID | None, pydantic.Field(alias="photoId")] = None
    listing_id: Annotated[uuid.UUID | None, pydantic.Field(alias="listingId")] = None


class DeleteAnswer(Answer):
    """The file is removed."""

    success: Literal[True]


def admission(sessions: Sessions, limits: UserLimits) -> Callable[[], str]:
    """Build the check that an upload passes before its body is read; it returns the user's id."""

    def admit() -> str:
        session = sessions.require_live_session()
        limits.hit("upload_file", session.user_id)
        request.environ[_SESSION_KEY] = session
        return session.user_id

    return admit


def uploads_blueprint(uploads: Uploads, sessions: Sessions, limits: UserLimits) -> Blueprint:
    """Build the blueprint that serves `/api/storage`; `admission` has checked each upload."""
    blueprint = Blueprint("uploads", __name__)

    @blueprint.post(UPLOAD_PATH)
    @Route(
        summary="Store a file. JPEG, PNG and WebP of 100 to 5,000 pixels a side become a JPEG of "
        "at most 1920 by 1080 (avatars 400 by 400) without metadata. Evidence and proofs of "
        "address may be PDFs without scripts, which are written anew and so lose signatures; "
        "their `hash` is null. A file that is an archive, a program, a web page or another PDF at "
        "the same time is refused with `VALIDATION_ERROR`; previews and films that phones add to "
        "photos are dropped. A file has at most 10 MB, an avatar 5. A newer avatar replaces the "
        "older one, and a sixth proof of address the oldest. The same file for the same place is "
        "stored once. The link of a private file ends after an hour; `createSignedUrl` makes "
        "another. Uploads of one user run one after the other: at most ten wait, for eight "
        "seconds at most.",
        callers=(Caller.USER, Caller.SELLER, Caller.PARTY),
        limits=("upload_file", "upload_personal_file", "upload_shared_file"),
        body=UploadForm,
        file="file",
        answer=UploadAnswer,
        codes=("PAYMENT_IN_TEXT", *_CODES),
    )
    def upload() -> UploadAnswer:
        session: Session = request.environ[_SESSION_KEY]
        form = read_body(UploadForm)
        upload_ = _upload_of(session, form)
        # A file costs a process even if it is refused, so each one counts before it is decoded.
        kind = "personal" if form.type.is_personal else "shared"
        limits.hit(f"upload_{kind}_file", session.user_id)
        return _answer_of(uploads.store(upload_))

    @blueprint.delete("/api/storage/delete")
    @Route(
        summary="Remove a file of the caller. A listing with bids, or that is over, keeps its "
        "photos. Evidence stays once staff review it.",
        callers=(Caller.USER, Caller.SELLER, Caller.PARTY),
        limits=("delete_file",),
        body=DeleteBody,
        answer=DeleteAnswer,
        codes=_CODES,
    )
    def delete() -> DeleteAnswer:
        session = sessions.require_live_session()
        limits.hit("delete_file", session.user_id)
        body = read_body(DeleteBody)
        uploads.remove(
            user_id=session.user_id,
            bucket=body.bucket,
            path=body.path,
            photo_id=_text(body.photo_id),
            listing_id=_text(body.listing_id),
        )
        return DeleteAnswer(success=True)

    return blueprint


def _upload_of(session: Session, form: UploadForm) -> Upload:
    files = [*request.files.items(multi=True)]
    if [name for name, _ in files] != ["file"]:
        raise RejectedError("VALIDATION_ERROR", text="Invalid request: file")
    [(_, file)] = files
    return Upload(
        type=form.type,
        user_id=session.user_id,
        name=file.filename or "",
        data=file.read(),
        listing_id=_text(form.listing_id),
        dispute_id=_text(form.dispute_id),
        order_index=form.order_index,
    )


def _answer_of(stored: StoredFile) -> UploadAnswer:
    metadata = {
        "id": stored.id,
        "size": len(stored.file.data),
        "mimeType": stored.file.media_type,
        "width": stored.file.width,
        "height": stored.file.height,
        "isDuplicate": stored.similar_count > 0,
        "similarCount": stored.similar_count,
    }
    return UploadAnswer(
        success=True,
        url=stored.url,
        path=stored.path,
        hash=stored.file.hash,
        metadata=FileMetadata.model_validate(metadata),
    )


def _text(value: uuid.UUID | None) -> str | None:
    return None if value is None else str(value)
