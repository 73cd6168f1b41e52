"""Errors of Storage, with the codes and messages of hosted Storage.

The HTTP status is 400 for nearly every error; `statusCode` in the body has the real one. The
messages are those of `src/internal/errors/codes.ts` in supabase/storage, and those of Fastify for
requests that it refuses before a handler runs.
"""

import psycopg


BAD_REQUEST = 400
INTERNAL_ERROR = 500
NOT_IMPLEMENTED = 501
TIMED_OUT = 544
#: An error message quotes this many characters of a header.
HEADER_EXCERPT_CHARS = 50


class StorageError(Exception):
    """An error's body, and the HTTP status of the response."""

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
        default = INTERNAL_ERROR if status == INTERNAL_ERROR else BAD_REQUEST
        self.http_status = http_status or default

    @property
    def body(self) -> dict[str, str]:
        """Return the JSON of the response."""
        return {
            "statusCode": str(self.status),
            "error": self.error,
            "message": self.message,
            "code": self.code,
        }


def no_such_bucket() -> StorageError:
    """Return the error for a bucket that does not exist or that the caller may not see."""
    return StorageError(404, "NoSuchBucket", "Bucket not found", error="Bucket not found")


def no_such_key() -> StorageError:
    """Return the error for an object that does not exist or that the caller may not see."""
    return StorageError(404, "NoSuchKey", "Object not found", error="not_found")


def invalid_key(key: str) -> StorageError:
    """Return the error for a name that no object can have."""
    return StorageError(400, "InvalidKey", f"Invalid key: {key}")


def invalid_bucket_name() -> StorageError:
    """Return the error for a name that no bucket can have."""
    return StorageError(400, "InvalidBucketName", "Bucket name invalid", error="Invalid Input")


def bucket_not_empty() -> StorageError:
    """Return the error for deleting a bucket that has objects."""
    return StorageError(409, "ResourceNotEmpty", "The bucket you tried to delete is not empty")


def duplicate(code: str) -> StorageError:
    """Return the error for a name in use; `code` says by which kind of resource."""
    return StorageError(409, code, "The resource already exists", error="Duplicate")


def access_denied(message: str, *, http_status: int | None = None) -> StorageError:
    """Return the error for a caller without permission."""
    return StorageError(403, "AccessDenied", message, error="Unauthorized", http_status=http_status)


def too_large(entity: str = "object") -> StorageError:
    """Return the error for more bytes than the limit of the bucket or the project."""
    message = f"The {entity} exceeded the maximum allowed size"
    return StorageError(413, "EntityTooLarge", message, error="Payload too large")


def invalid_mime_type(media_type: str) -> StorageError:
    """Return the error for a media type that the bucket does not accept."""
    message = f"mime type {media_type} is not supported"
    return StorageError(415, "InvalidMimeType", message, error="invalid_mime_type")


def invalid_header(name: str, value: str) -> StorageError:
    """Return the error for a value that no header of a later response could carry."""
    message = f'Invalid character in response header "{name}": {value[:HEADER_EXCERPT_CHARS]}'
    return StorageError(400, "InvalidRequest", message, error="invalid_header_char")


def unsatisfiable_range() -> StorageError:
    """Return the error for a range beyond the object's end; on hosted Supabase S3 raises it."""
    error = "The requested range is not satisfiable"
    return StorageError(416, "S3Error", "InvalidRange", error=error)


def invalid_request(message: str) -> StorageError:
    """Return the error for a request without content, or with a broken form."""
    return StorageError(400, "InvalidRequest", message)


def invalid_jwt(message: str) -> StorageError:
    """Return the error for a signed URL whose token is not valid."""
    return StorageError(400, "InvalidJWT", message)


def invalid_signature(message: str = "Invalid signature") -> StorageError:
    """Return the error for a signed URL whose token is for another object or purpose."""
    return StorageError(400, "InvalidSignature", message)


def invalid_file_size_limit() -> StorageError:
    """Return the error for a size with an unknown unit."""
    hint = "Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B"
    return StorageError(400, "InvalidRequest", hint)


def malformed(message: str, *, error: str = "Error", status: int = BAD_REQUEST) -> StorageError:
    """Return the error for a request that Fastify refuses before a handler runs."""
    return StorageError(status, "InvalidRequest", message, error=error, http_status=status)


def not_served(feature: str) -> StorageError:
    """Return the error for a feature of hosted Storage that devstack does not have."""
    message = f"{feature} is not served by devstack's Storage"
    return StorageError(NOT_IMPLEMENTED, "NotImplemented", message, http_status=NOT_IMPLEMENTED)


def timed_out() -> StorageError:
    """Return the error for a database that does not answer in time."""
    message = "The connection to the database timed out"
    return StorageError(TIMED_OUT, "DatabaseTimeout", message, http_status=TIMED_OUT)


def from_postgres(error: psycopg.Error) -> StorageError:
    """Translate an error of Postgres or of psycopg."""
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
    # psycopg raises it for a zero byte, and Postgres for a text that is no value of its type.
    if isinstance(error, psycopg.DataError):
        return StorageError(400, "InvalidParameter", message)
    if state is None:
        return StorageError(500, "InternalError", "Internal Server Error", error="Internal")
    return StorageError(500, "DatabaseError", f"database error, code: {state}")
