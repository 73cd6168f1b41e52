"""Verify the token of a request and return the signed-in user as a typed value."""

import dataclasses
import time
import urllib.parse
import uuid
from collections.abc import Mapping
from typing import Any

import jwt
import structlog
from flask import request

from market.database import Database
from market.errors import RejectedError
from market.settings import Settings
from service import cookies
from service.keys import ALGORITHMS, KeyRing


log = structlog.get_logger(__name__)

_AUDIENCE = "authenticated"
_HARMLESS_METHODS = ("GET", "HEAD", "OPTIONS")
_BEARER = "bearer "
#: The roles only tell a weak session from a user without rights; SQL alone grants the rights.
_STAFF_ROLES = ("moderator", "admin")
_WARNING_GAP_S = 60.0
#: `iat` is not checked: the clock of the machine that issued the token may be ahead of ours.
_CHECKS: Any = {"require": ["exp", "iss", "aud", "sub"], "verify_iat": False}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The signed-in user, taken from a verified token.

    `aal` is the strength of the sign-in, `expires_at` is in Unix seconds. `session_id` names the
    session of the token; tokens of old projects have none. `access_token` is the token itself, for
    calls with the user's own rights.
    """

    user_id: str
    role: str
    aal: str
    session_id: str | None
    expires_at: int
    access_token: str = dataclasses.field(default="", repr=False, compare=False)


class Sessions:
    """Verifies the token in the header or the cookie of a request."""

    def __init__(self, database: Database, keys: KeyRing, settings: Settings) -> None:
        self._database = database
        self._keys = keys
        self._issuer = settings.supabase_jwt_issuer
        self._warned_at = -float("inf")
        self._shared_secret = settings.supabase_jwt_secret
        self._origins = settings.site_origins
        host = urllib.parse.urlsplit(settings.supabase_url).hostname or ""
        self._project = host.split(".")[0]

    def require_session(self) -> Session:
        """Return the session of the request.

        Raises:
            RejectedError: `UNAUTHORIZED`, or `CSRF_INVALID` if a write with a cookie does not come
                from the site.

        """
        bearer = _bearer_token()
        if cookies.is_present(request.cookies):
            # A request with both a cookie and a token comes from a browser, so it is checked too.
            self._check_source()
        token = bearer or cookies.access_token(request.cookies, project=self._project)
        if token is None:
            raise RejectedError("UNAUTHORIZED", "token_missing")
        return self.session_of(token)

    def require_live_session(self) -> Session:
        """Return the session if the database still knows it and the user is not suspended.

        A token stays valid until it expires, even after a sign-out. Routes of money and identity
        must not accept it for so long.

        Raises:
            RejectedError: as `require_session`, or `USER_SUSPENDED`.

        """
        session = self.require_session()
        _refuse_suspended(session, self._live(session, "session_is_live"))
        return session

    def require_known_session(self) -> Session:
        """Return the session if the database still knows it, also that of a suspended user.

        Raises:
            RejectedError: as `require_session`.

        """
        session = self.require_session()
        self._live(session, "session_is_live")
        return session

    def require_staff(self) -> Session:
        """Return the live session of a moderator or an admin.

        The row of the user decides, never the token. A second factor is needed where the setting
        `require_staff_aal2` is true.

        Raises:
            RejectedError: as `require_live_session`, or `FORBIDDEN`.

        """
        session = self.require_session()
        if not self._staff_answer(session)["is_staff"]:
            raise RejectedError("FORBIDDEN", session.user_id)
        return session

    def session_of(self, token: str) -> Session:
        """Return the session of a token, wherever it comes from.

        Raises:
            RejectedError: `UNAUTHORIZED`.

        """
        try:
            return _session(self._claims_of(token), token)
        except (jwt.PyJWTError, ValueError) as error:
            if isinstance(error, jwt.InvalidIssuerError):
                self._warn_of_issuer(token)
            raise RejectedError("UNAUTHORIZED", type(error).__name__) from error

    def check_staff(self, session: Session) -> str:
        """Return the role of a live session that has the rights of staff.

        Raises:
            RejectedError: as `require_staff`, or `SECOND_FACTOR_REQUIRED` if the user is on the
                staff and the session is too weak.

        """
        answer = self._staff_answer(session)
        role: str = answer["role"]
        if answer["is_staff"]:
            return role
        is_weak = role in _STAFF_ROLES
        raise RejectedError("SECOND_FACTOR_REQUIRED" if is_weak else "FORBIDDEN", session.user_id)

    def check_origin(self, origin: str | None) -> None:
        """Refuse a write that does not come from a page of the site.

        Raises:
            RejectedError: `CSRF_INVALID`.

        """
        if origin is None:
            raise RejectedError("CSRF_INVALID", "origin-missing")
        if origin.lower() not in self._origins:
            raise RejectedError("CSRF_INVALID", "origin-mismatch")

    def _staff_answer(self, session: Session) -> Mapping[str, Any]:
        answer = self._live(session, "session_is_staff", aal=session.aal)
        _refuse_suspended(session, answer)
        return answer

    def _live(self, session: Session, function: str, **more: str) -> Mapping[str, Any]:
        if session.session_id is None:
            raise RejectedError("UNAUTHORIZED", "session_id_missing")
        answer: Mapping[str, Any] = self._database.call(
            function, user_id=session.user_id, session_id=session.session_id, **more
        )
        if not answer["is_live"]:
            raise RejectedError("UNAUTHORIZED", "session_ended")
        return answer

    def _check_source(self) -> None:
        if request.method in _HARMLESS_METHODS:
            return
        origin = request.headers.get("Origin")
        if origin is None:
            origin = _origin_of(request.headers.get("Referer", ""))
        self.check_origin(origin)

    def _warn_of_issuer(self, token: str) -> None:
        """Log the issuer of a token and the one that we expect, at most once a minute.

        The signature was valid, so Auth issued the token under another name. With a wrong setting
        this happens at every request.
        """
        now = time.monotonic()
        if now - self._warned_at < _WARNING_GAP_S:
            return
        self._warned_at = now
        claims = jwt.decode(token, options={"verify_signature": False})
        log.warning("token_issuer_refused", issuer=claims["iss"], expected_issuer=self._issuer)

    def _claims_of(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") == "HS256":
            if not self._shared_secret:
                raise jwt.InvalidAlgorithmError
            return self._verified(token, self._shared_secret, "HS256")
        key_id = header.get("kid")
        key = self._keys.find(key_id) if isinstance(key_id, str) else None
        if key is None or key.algorithm_name not in ALGORITHMS:
            raise jwt.InvalidKeyError
        # The algorithm comes from the key, never from the token.
        return self._verified(token, key, key.algorithm_name)

    def _verified(self, token: str, key: jwt.PyJWK | str, algorithm: str) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=_AUDIENCE,
            issuer=self._issuer,
            options=_CHECKS,
        )
        return claims


def _refuse_suspended(session: Session, answer: Mapping[str, Any]) -> None:
    if answer["is_suspended"]:
        raise RejectedError("USER_SUSPENDED", session.user_id)


def _bearer_token() -> str | None:
    authorization = request.headers.get("Authorization", "")
    if not authorization.lower().startswith(_BEARER):
        return None
    return authorization[len(_BEARER) :].strip() or None


def _origin_of(address: str) -> str | None:
    try:
        parts = urllib.parse.urlsplit(address)
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else None


def _session(claims: Mapping[str, Any], token: str) -> Session:
    if claims.get("role") != _AUDIENCE:
        raise ValueError(claims.get("role"))
    session_id = claims.get("session_id")
    return Session(
        user_id=str(uuid.UUID(claims["sub"])),
        role=claims["role"],
        aal=str(claims.get("aal", "aal1")),
        session_id=None if session_id is None else str(uuid.UUID(str(session_id))),
        expires_at=int(claims["exp"]),
        access_token=token,
    )
