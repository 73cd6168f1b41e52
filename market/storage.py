"""The adapter for Supabase Storage: put, delete and link to files."""

import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from market import log, retry, tls
from market.errors import MarketError, TransientError
from market.settings import Settings


#: A link to a file of a private bucket ends after this time.
LINK_LIFETIME_S = 3600
_OBJECTS = "/storage/v1/object"
_AUTH_PATH = "/auth/v1"
#: The service waits this long for Storage to keep a file of ten megabytes, and workers do too.
_TIMEOUT_S = 5.0


class Storage:
    """Calls Storage over HTTP, through a client whose base address is the project's.

    `site` is the address by which browsers reach the project. It begins every link.
    """

    def __init__(self, client: httpx.Client, *, site: str) -> None:
        self._client = client
        self._site = site

    @retry.transient
    def put(self, bucket: str, path: str, data: bytes, media_type: str) -> None:
        """Store an object. A retry replaces it, so `path` must be new for each file.

        Raises:
            TransientError: `STORAGE_UNREACHABLE` after the last try; the object may exist.

        """
        # Without upsert, the retry of a call that lost its answer would be refused.
        headers = {"Content-Type": media_type, "x-upsert": "true"}
        self._ask("POST", f"/{bucket}/{_quoted(path)}", "put", content=data, headers=headers)

    @retry.transient
    def delete(self, bucket: str, paths: Sequence[str]) -> None:
        """Delete at most 1,000 objects. One that does not exist counts as deleted.

        Raises:
            TransientError: `STORAGE_UNREACHABLE` after the last try.

        """
        self._ask("DELETE", f"/{bucket}", "delete", json={"prefixes": list(paths)})

    @retry.transient
    def sign(self, bucket: str, path: str, *, download_as: str) -> str:
        """Return a link to an object of a private bucket, which a browser downloads as a file.

        Raises:
            TransientError: `STORAGE_UNREACHABLE` after the last try.

        """
        body = {"expiresIn": LINK_LIFETIME_S}
        answer = self._ask("POST", f"/sign/{bucket}/{_quoted(path)}", "sign", json=body)
        link = _link_in(answer)
        # The parameter makes Storage send Content-Disposition: attachment.
        return f"{self._site}/storage/v1{link}&download={urllib.parse.quote(download_as)}"

    def public_link(self, bucket: str, path: str) -> str:
        """Return the lasting link to an object of a public bucket."""
        return f"{self._site}{_OBJECTS}/public/{bucket}/{_quoted(path)}"

    def private_link(self, bucket: str, path: str) -> str:
        """Return the lasting address of an object of a private bucket; a request needs a token."""
        return f"{self._site}{_OBJECTS}/authenticated/{bucket}/{_quoted(path)}"

    def _ask(self, method: str, path: str, function: str, **request: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, _OBJECTS + path, **request)
        except httpx.RequestError as error:
            raise TransientError("STORAGE_UNREACHABLE", function) from error
        if answer.is_success:
            return answer
        detail = f"{function}: {answer.status_code}"
        if retry.is_transient_status(answer.status_code):
            raise TransientError("STORAGE_UNREACHABLE", detail)
        raise MarketError("STORAGE_ERROR", detail)


def _quoted(path: str) -> str:
    return urllib.parse.quote(path, safe="/")


def _link_in(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except (ValueError, RecursionError) as error:
        # Storage answers with JSON, so this is a proxy's page or an incomplete answer.
        raise TransientError("STORAGE_UNREACHABLE", "sign: not JSON") from error
    link = body.get("signedURL") if isinstance(body, Mapping) else None
    if not isinstance(link, str) or "?" not in link:
        raise MarketError("STORAGE_ERROR", "sign: no link")
    return link


def connect(settings: Settings) -> Storage:
    """Build the adapter, for one process and all of its threads."""
    key = settings.supabase_secret_key
    client = httpx.Client(
        base_url=settings.supabase_url,
        headers={"apikey": key, "Authorization": f"Bearer {key}"},
        timeout=_TIMEOUT_S,
        verify=tls.context(),
        event_hooks={"request": [log.send_request_id_on]},
    )
    # Tokens name Auth as browsers reach it, even where the service reaches it by another name.
    issuer = settings.supabase_jwt_issuer
    is_standard = issuer.endswith(_AUTH_PATH)
    site = issuer.removesuffix(_AUTH_PATH) if is_standard else settings.supabase_url
    return Storage(client, site=site)
