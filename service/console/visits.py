"""The session of a browser in the console: its cookies, its forms, and who may open a page."""

import hashlib
import hmac
import secrets
import time
from http import HTTPStatus

from flask import Response, g, request

from market.auth_api import AuthApi, Tokens
from market.errors import RejectedError
from service.admin import STAFF_ACTION
from service.limits import AddressLimits, UserLimits
from service.session import Session, Sessions


PATH = "/api/admin/console"
ACCESS_COOKIE = "console_access"
REFRESH_COOKIE = "console_refresh"
#: The key of the form tokens. A page of another site can read neither the cookie nor the token.
FORM_COOKIE = "console_form"
FORM_FIELD = "form_token"

_VISITOR = "visitor"
#: A page opens in a tab, and it loads a style and a script. Where a browser expects one of these
#: two, it refuses a page for its type, so a script of the web app cannot read the page that way.
_DESTINATIONS = ("document", "style", "script")
#: A token that expires so soon is refreshed first, or it could expire before its last use.
_REFRESH_BEFORE_S = 60
#: Tries of a password or a code by one address in a minute.
_TRIES = 10


class Visits:
    """Lets browsers into the console.

    The tokens of Auth stand in two cookies that no script reads and no other path or site gets.
    """

    def __init__(self, auth_api: AuthApi, sessions: Sessions, limits: UserLimits) -> None:
        self._auth_api = auth_api
        self._sessions = sessions
        self._limits = limits
        self._address_limits = AddressLimits()
        self._tries = AddressLimits(hits=_TRIES)

    def count_visitor(self) -> None:
        """Count a request that needs no session.

        Raises:
            RejectedError: `RATE_LIMITED`.

        """
        self._address_limits.hit()

    def count_try(self) -> None:
        """Count a try of a password or a code.

        Raises:
            RejectedError: `RATE_LIMITED`.

        """
        self._tries.hit()

    def require_session(self) -> Session:
        """Return the session of the cookies, and refresh it if its token expires.

        A POST must bring the token of its form, which only a page of this session has.

        Raises:
            RejectedError: `UNAUTHORIZED`, `CSRF_INVALID`, or `RATE_LIMITED`.

        """
        session: Session = self._known_session()
        g.console_session = session
        if request.method == "POST":
            self.check_form()
        return session

    def require_staff(self) -> Session:
        """Return the session of a member of staff.

        Raises:
            RejectedError: as `require_session`, `SECOND_FACTOR_REQUIRED`, `FORBIDDEN`, or
                `USER_SUSPENDED`.

        """
        session = self.require_session()
        role = self._sessions.check_staff(session)
        self._limits.hit(STAFF_ACTION, session.user_id)
        g.console_role = role
        return session

    def check_source(self) -> None:
        """Refuse what a script or a frame asks for, and a form of another site.

        Raises:
            RejectedError: `FORBIDDEN`, or `CSRF_INVALID`.

        """
        # A script of the web app has the same origin, so its fetch would bring the cookies and
        # read the token of a form. No script can change this header; old browsers do not send it.
        if request.headers.get("Sec-Fetch-Dest", "document") not in _DESTINATIONS:
            text = "Open this page in a tab of the browser"
            raise RejectedError("FORBIDDEN", "sec-fetch-dest", text=text)
        if request.method == "POST":
            self._sessions.check_origin(request.headers.get("Origin"))

    def check_form(self) -> None:
        """Refuse a form without the token of this browser and session.

        Raises:
            RejectedError: `CSRF_INVALID`.

        """
        given = request.form.get(FORM_FIELD, "")
        if FORM_COOKIE not in request.cookies or not hmac.compare_digest(
            given.encode(errors="replace"), self.form_token().encode()
        ):
            raise RejectedError("CSRF_INVALID", "form-token")

    def form_token(self) -> str:
        """Return the token that the forms of this page carry."""
        session: Session | None = g.get("console_session")
        owner = _VISITOR if session is None or session.session_id is None else session.session_id
        return hmac.new(_form_key().encode(), owner.encode(), hashlib.sha256).hexdigest()

    def begin(self, tokens: Tokens) -> Session:
        """Keep the tokens of a session in the browser, and return it.

        Raises:
            RejectedError: `UNAUTHORIZED` for a token that is none of ours.

        """
        # A page from before the sign-in keeps no key that still counts.
        _set_cookie(FORM_COOKIE, secrets.token_urlsafe(32))
        return self._kept(tokens)

    def forget(self) -> None:
        """Drop the session that the browser has sent, for it has ended.

        A request that another site has led here sends no cookie, and drops none.
        """
        g.pop("console_session", None)
        g.pop("console_role", None)
        for name in (ACCESS_COOKIE, REFRESH_COOKIE):
            if name in {*request.cookies, *_changed_cookies()}:
                _set_cookie(name, "")

    def add_cookies(self, response: Response) -> None:
        """Add the cookies that this request has changed."""
        for name, value in g.get("console_cookies", {}).items():
            response.set_cookie(
                name,
                value,
                max_age=None if value else 0,
                path=PATH,
                secure=True,
                httponly=True,
                # A link in another site opens the page of the sign-in. It must not replace the key.
                samesite="Lax" if name == FORM_COOKIE else "Strict",
            )

    def _known_session(self) -> Session:
        token = request.cookies.get(ACCESS_COOKIE, "")
        try:
            session = self._sessions.session_of(token)
        except RejectedError:
            return self._refreshed()
        is_near_its_end = session.expires_at - time.time() < _REFRESH_BEFORE_S
        return self._refreshed() if is_near_its_end else session

    def _refreshed(self) -> Session:
        # Without a session, a request costs a call of Auth, so the address is counted first.
        self._address_limits.hit()
        refresh_token = request.cookies.get(REFRESH_COOKIE)
        if not refresh_token:
            raise RejectedError("UNAUTHORIZED", "console_cookie_missing")
        return self._kept(self._auth_api.refresh(refresh_token))

    def _kept(self, tokens: Tokens) -> Session:
        _set_cookie(ACCESS_COOKIE, tokens.access_token)
        _set_cookie(REFRESH_COOKIE, tokens.refresh_token)
        return self._sessions.session_of(tokens.access_token)


def _form_key() -> str:
    """Return the key of this browser's forms; a browser without one gets one."""
    key = _changed_cookies().get(FORM_COOKIE) or request.cookies.get(FORM_COOKIE)
    if key is None:
        key = secrets.token_urlsafe(32)
        _set_cookie(FORM_COOKIE, key)
    return key


def _set_cookie(name: str, value: str) -> None:
    _changed_cookies()[name] = value


def _changed_cookies() -> dict[str, str]:
    if "console_cookies" not in g:
        g.console_cookies = {}
    cookies: dict[str, str] = g.console_cookies
    return cookies


def redirect_to(path: str) -> Response:
    """Return the answer to a form that has succeeded: the browser opens a page of the console."""
    # The location has no host, so the caller's Host is not echoed.
    return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"{PATH}{path}"})
