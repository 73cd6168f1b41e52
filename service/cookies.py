"""Read the session cookie of Supabase's SSR library, which splits it into chunks."""

import base64
import binascii
import json
import re
import urllib.parse
from collections.abc import Mapping


_NAME = re.compile(r"(sb-[A-Za-z0-9_-]+-auth-token)(?:\.(\d{1,2}))?")
_ENCODED = "base64-"
_MOST_CHUNKS = 20


def is_present(cookies: Mapping[str, str]) -> bool:
    """Return true if there is a session cookie, even an unreadable one."""
    return any(_NAME.fullmatch(name) for name in cookies)


def access_token(cookies: Mapping[str, str], *, project: str) -> str | None:
    """Return the access token in the session cookie, or None if no cookie has a readable one.

    The cookie of our project comes first. Cookies of other projects count too, because the browser
    may reach the project by another name than the service. The caller checks the signature.
    """
    names = {match[1] for match in map(_NAME.fullmatch, cookies) if match is not None}
    own = f"sb-{project}-auth-token"
    for name in sorted(names, key=lambda name: (name != own, name)):
        token = _token_in(_joined(cookies, name))
        if token is not None:
            return token
    return None


def _joined(cookies: Mapping[str, str], name: str) -> str:
    if name in cookies:
        return cookies[name]
    chunks = []
    for number in range(_MOST_CHUNKS):
        chunk = cookies.get(f"{name}.{number}")
        if chunk is None:
            break
        chunks.append(chunk)
    return "".join(chunks)


def _token_in(value: str) -> str | None:
    try:
        session = json.loads(_decoded(value))
    except (ValueError, RecursionError):
        return None
    # Older versions of the library store an array that begins with the access token.
    if isinstance(session, list) and session:
        token = session[0]
    else:
        token = session.get("access_token") if isinstance(session, dict) else None
    return token if isinstance(token, str) and token else None


def _decoded(value: str) -> str:
    if not value.startswith(_ENCODED):
        return urllib.parse.unquote(value)
    encoded = value.removeprefix(_ENCODED)
    padded = encoded + "=" * (-len(encoded) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except binascii.Error as error:
        raise ValueError(error) from error
