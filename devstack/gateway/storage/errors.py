"""Refusals of Storage, in its own words.

As hosted, the answer's status is 400 for nearly everything and the body's `statusCode` tells the
truth. The words are those of supabase/storage, `src/internal/errors/codes.ts`, and of Fastify
where that speaks first.
"""

import psycopg

from devstack.gateway.storage.limits import HEADER_EXCERPT


BAD_REQUEST = 400
INTERNAL_ERROR = 500
NOT_IMPLEMENTED = 501
TIMED_OUT = 544


class StorageError(Exception):
    """A refusal: what the body says, and the status of the answer that carries it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        error: str | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.error = error or code
        told = INTERNAL_ERROR if status == INTERNAL_ERROR else BAD_REQUEST
        self.http_status = http_status or told

    @property
    def body(self) -> dict[str, str]:
        """Return the JSON of the answer."""
        return {
            "statusCode": str(self.status),
            "error": self.error,
            "message": self.message,
            "code": self.code,
        }


def no_such_bucket() -> StorageError:
    """Return the refusal of a bucket that is not there, or not for this caller."""
    return StorageError(404, "NoSuchBucket", "Bucket not found", error="Bucket not found")


def no_such_key() -> StorageError:
    """Return the refusal of an object that is not there, or not for this caller."""
    return StorageError(404, "NoSuchKey", "Object not found", error="not_found")


def invalid_key(key: str) -> StorageError:
    """Return the refusal of a name that no object may have."""
    return StorageError(400, "InvalidKey", f"Invalid key: {key}")


def invalid_bucket_name() -> StorageError:
    """Return the refusal of a name that no bucket may have."""
    return StorageError(400, "InvalidBucketName", "Bucket name invalid", error="Invalid Input")


def bucket_not_empty() -> StorageError:
    """Return the refusal to delete what still holds something."""
    return StorageError(409, "ResourceNotEmpty", "The bucket you tried to delete is not empty")


def duplicate(code: str) -> StorageError:
    """Return the refusal of a name that is taken; `code` says by what."""
    return StorageError(409, code, "The resource already exists", error="Duplicate")


def access_denied(message: str, *, http_status: int | None = None) -> StorageError:
    """Return the refusal of a caller who may not."""
    return StorageError(403, "AccessDenied", message, error="Unauthorized", http_status=http_status)


def too_large(entity: str = "object") -> StorageError:
    """Return the refusal of more bytes than the bucket or the project takes."""
    message = f"The {entity} exceeded the maximum allowed size"
    return StorageError(413, "EntityTooLarge", message, error="Payload too large")


def invalid_mime_type(media_type: str) -> StorageError:
    """Return the refusal of a media type that the bucket does not take."""
    message = f"mime type {media_type} is not supported"
    return StorageError(415, "InvalidMimeType", message, error="invalid_mime_type")


def invalid_header(name: str, value: str) -> StorageError:
    """Return the refusal of a text that no header of a later answer could carry."""
    message = f'Invalid character in response header "{name}": {value[:HEADER_EXCERPT]}'
    return StorageError(400, "InvalidRequest", message, error="invalid_header_char")


def unsatisfiable_range() -> StorageError:
    """Return the refusal of a range beyond the object's end, which S3 words on hosted Supabase."""
    error = "The requested range is not satisfiable"
    return StorageError(416, "S3Error", "InvalidRange", error=error)


def no_content(message: str) -> StorageError:
    """Return the refusal of an upload that brings no file, or a broken one."""
    return StorageError(400, "InvalidRequest", message)


def invalid_jwt(message: str) -> StorageError:
    """Return the refusal of a link whose token cannot be believed."""
    return StorageError(400, "InvalidJWT", message)


def invalid_signature(message: str = "Invalid signature") -> StorageError:
    """Return the refusal of a link whose token is for something else."""
    return StorageError(400, "InvalidSignature", message)


def invalid_file_size_limit() -> StorageError:
    """Return the refusal of a size with an unknown unit."""
    hint = "Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B"
    return StorageError(400, "InvalidRequest", hint)


def malformed(message: str, *, error: str = "Error", status: int = BAD_REQUEST) -> StorageError:
    """Return the refusal of a request that Fastify would not let through."""
    return StorageError(status, "InvalidRequest", message, error=error, http_status=status)


def not_served(what: str) -> StorageError:
    """Return the refusal of what this stack leaves out."""
    message = f"{what} is not served by devstack's Storage"
    return StorageError(NOT_IMPLEMENTED, "NotImplemented", message, http_status=NOT_IMPLEMENTED)


def timed_out() -> StorageError:
    """Return the answer when the database does not."""
    message = "The connection to the database timed out"
    return StorageError(TIMED_OUT, "DatabaseTimeout", message, http_status=TIMED_OUT)


def from_postgres(error: psycopg.Error) -> StorageError:
    """Return what Storage makes of an error that Postgres reported."""
    state, message = error.sqlstate, error.diag.message_primary or str(error)
    if state == "42501":
        is_policy = "row-level security" in message
        return access_denied("new row violates row-level security policy" if is_policy else message)
    if state == "23503" and "is still referenced" in (error.diag.message_detail or ""):
        return bucket_not_empty()
    known = {
        "23505": duplicate("ResourceAlreadyExists"),
        "23503": StorageError(404, "InvalidRequest", "The related resource does not exist"),
        "55P03": StorageError(423, "ResourceLocked", "The resource is locked"),
        "57014": timed_out(),
    }
    if state in known:
        return known[state]
    # psycopg itself refuses a zero byte; Postgres calls what is no value of a type class 22.
    if isinstance(error, psycopg.DataError):
        return StorageError(400, "InvalidParameter", message)
    if state is None:
        return StorageError(500, "InternalError", "Internal Server Error", error="Internal")
    return StorageError(500, "DatabaseError", f"database error, code: {state}")
