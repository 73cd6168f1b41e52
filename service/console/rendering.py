"""Render the console's pages, and write money and times as people read them."""

import datetime as dt
import uuid
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from flask import Blueprint, Response, g, render_template, request

from market import log as logs
from market.errors import MarketError, RejectedError
from service.console.actions import ACTIONS
from service.console.visits import FORM_FIELD, PATH, Visits
from service.errors import answer_to, body_of


log = structlog.get_logger(__name__)

_NOTHING = "none"
_STATIC = Path(__file__).with_name("static")
_SIGN_IN = "sign_in.html"
_SECOND_FACTOR = "second_factor.html"
#: The page that lets a person mend the cause; any other code gets a page of its own.
_PAGES = {
    "INVALID_CODE": _SECOND_FACTOR,
    "SECOND_FACTOR_REQUIRED": _SECOND_FACTOR,
    "SIGN_IN_REFUSED": _SIGN_IN,
    "UNAUTHORIZED": _SIGN_IN,
}
_SILENT = ("SECOND_FACTOR_REQUIRED", "UNAUTHORIZED")
#: Sentences for the people who read these pages.
_TEXTS = {
    "CSRF_INVALID": "This form is out of date, or it comes from another site. Open its page again.",
    "FORBIDDEN": "You are signed in, but this is not for you.",
    "INVALID_CODE": "This code is wrong or too old. Try the next one.",
    "SIGN_IN_REFUSED": "E-mail or password is wrong.",
}
#: Nothing but what stands here may load, no other site may frame a page, and no page may send a
#: form elsewhere. Pages have neither inline scripts nor inline styles.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    # With no-referrer a browser would send `Origin: null` with a form.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


def install(blueprint: Blueprint, visits: Visits) -> None:
    """Give the pages of a blueprint their filters, error pages, cookies and headers."""
    for name, function in (("money", money), ("time_in_utc", time_in_utc), ("words", words)):
        blueprint.add_app_template_filter(function, name)
    blueprint.before_request(visits.check_source)

    @blueprint.errorhandler(Exception)
    def answer_bug(error: Exception) -> Response:
        log.error("request_crashed", path=request.path, exc_info=error)
        return answer_error(MarketError("INTERNAL_ERROR"))

    @blueprint.errorhandler(MarketError)
    def answer_error(error: MarketError) -> Response:
        if not request.environ["PATH_INFO"].startswith(PATH):
            # Flask takes `//api` for `/api`, and the service refuses it: no page has such a path.
            return answer_to(error)
        if error.code == "UNAUTHORIZED":
            # The form of the sign-in that follows is that of a visitor.
            visits.forget()
        name = _PAGES.get(error.code, "error.html")
        if name == _SECOND_FACTOR and "console_role" in g:
            # This member of staff has proved a factor. Another user lacks one.
            name = "error.html"
        page = _rendered(
            visits,
            name,
            error=_text_of(error),
            code=error.code,
            correlation_id=logs.request_id(),
            factor_id=request.form.get("factor_id", ""),
            # A refusal is certain. Any other error of an action may have come after its commit.
            is_uncertain=request.method == "POST"
            and "console_role" in g
            and not isinstance(error, RejectedError),
        )
        return answer_to(error, page=page)

    @blueprint.after_request
    def add_headers(response: Response) -> Response:
        visits.add_cookies(response)
        images = "data:" if g.get("console_has_image") else "'none'"
        response.headers["Content-Security-Policy"] = _POLICY.format(images=images)
        response.headers.update(_HEADERS)
        return response


def _text_of(error: MarketError) -> str | None:
    """Return the sentence for a person, or None where the page itself says what to do."""
    text = error.text if isinstance(error, RejectedError) else None
    if text is None and error.code in _SILENT:
        return None
    return text or _TEXTS.get(error.code) or str(body_of(error)["error"])


def page(visits: Visits, name: str, *, has_image: bool = False, **values: Any) -> Response:
    """Return a page. `has_image` lets it show an image that stands in the page itself."""
    g.console_has_image = has_image
    return Response(_rendered(visits, name, **values), mimetype="text/html")


def asset(name: str, mimetype: str) -> Response:
    """Return one of the files that the pages load."""
    return Response((_STATIC / name).read_bytes(), HTTPStatus.OK, mimetype=mimetype)


def _rendered(visits: Visits, name: str, **values: Any) -> str:
    done = request.args.get("done")
    return render_template(
        f"console/{name}",
        path=PATH,
        form_field=FORM_FIELD,
        form_token=visits.form_token(),
        session=g.get("console_session"),
        is_staff="console_role" in g,
        is_admin=g.get("console_role") == "admin",
        new_id=uuid.uuid4,
        # Any other word in the query string is no action of ours, and the page does not repeat it.
        done=done if done in ACTIONS else None,
        **values,
    )


def money(cents: int | None) -> str:
    """Return an amount in Australian dollars."""
    if cents is None:
        return _NOTHING
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02}"


def time_in_utc(time: str | None) -> str:
    """Return a time of the database to the second, in UTC."""
    if time is None:
        return _NOTHING
    return f"{dt.datetime.fromisoformat(time).astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"


def words(value: object) -> str:
    """Return a value as words: a code without underscores, a truth as yes or no."""
    if value is None or value == "":
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("_", " ")
