"""State at each route who may call it, with which values, and the form of its answer.

`docs/api.md`, `/api/openapi.json` and the tests of all routes are made from these statements. The
decorator writes the answer; it checks neither the caller nor the request.
"""

import dataclasses
import enum
import functools
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Generic, ParamSpec, TypeVar

import pydantic
from flask import Flask, Response, jsonify


#: The limit of a route without a user: calls are counted by address in the process.
ADDRESS = "address"
#: Every call of Stripe may fail with these.
STRIPE_CODES = (
    "PAYLOAD_UNREADABLE",
    "STRIPE_CONFLICT",
    "STRIPE_ERROR",
    "STRIPE_RATE_LIMITED",
    "STRIPE_REFUSED",
    "STRIPE_UNREACHABLE",
)
#: Every call of the database may fail with these.
DATABASE_CODES = ("DATABASE_BUSY", "DATABASE_ERROR", "DATABASE_UNREACHABLE", "TIMEOUT")
#: The service reads the whole body of every request, and waits for a place to serve it.
_CODES_OF_ALL = (
    "INTERNAL_ERROR",
    "PAYLOAD_TOO_LARGE",
    "RATE_LIMITED",
    "TIMEOUT",
    "VALIDATION_ERROR",
)
_CODES_OF_USERS = ("AUTH_ERROR", "AUTH_UNREACHABLE", "UNAUTHORIZED", *DATABASE_CODES)
_HARMLESS_METHODS = ("GET", "HEAD", "OPTIONS")

P = ParamSpec("P")

#: Postgres and Python write a time with its offset; the text leaves unchanged.
Time = Annotated[str, pydantic.Field(json_schema_extra={"format": "date-time"})]
Id = Annotated[str, pydantic.Field(json_schema_extra={"format": "uuid"})]
Cents = Annotated[int, pydantic.Field(description="Whole cents.")]


class Caller(enum.StrEnum):
    """A kind of caller that a route accepts."""

    ANYONE = "anyone"
    USER = "any signed-in user"
    BUYER = "the buyer"
    SELLER = "the seller"
    PARTY = "a party"
    STAFF = "staff"
    SIGNATURE = "Stripe, by signature"
    TOKEN = "the holder of a token"  # noqa: S105 - a name, no secret


#: Callers that send the token of a user, in the header or in a cookie.
USERS = frozenset({Caller.USER, Caller.BUYER, Caller.SELLER, Caller.PARTY, Caller.STAFF})


class Answer(pydantic.BaseModel):
    """The JSON body of an answer. A field without a value in the call is no key of the answer.

    Values that the model does not name never leave the service. An error names no value, because
    the log must not hold personal data.
    """

    model_config = pydantic.ConfigDict(hide_input_in_errors=True)


class PlainText(pydantic.RootModel[str]):
    """The body of an answer that is no JSON; its route builds the response by itself."""


M = TypeVar("M", bound=Answer | PlainText)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Route(Generic[M]):
    """The statement of one route, used as the decorator of its view.

    The view returns its answer model, the model with another status out of `statuses`, or a
    response of its own. The decorator turns the model into JSON.

    `limits` are the actions that its calls count towards. `codes` are its own errors: `codes_of`
    adds those that follow from the other fields. `failures` are codes that it answers with a 500.
    `path` and `headers` describe each value by its name. `auth_header` is the header that holds the
    token of a `Caller.TOKEN`. `file` is the part of a multipart body that holds a file. `raw_body`
    describes a body that no model reads. A route that is not `is_live` also serves suspended
    users, unless SQL refuses them. A route that is `is_counted_by_rpc` leaves the count to the RPC
    that it calls.
    """

    summary: str
    callers: tuple[Caller, ...]
    answer: type[M]
    limits: tuple[str, ...] = ()
    path: Mapping[str, str] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: type[pydantic.BaseModel] | None = None
    query: type[pydantic.BaseModel] | None = None
    codes: tuple[str, ...] = ()
    statuses: tuple[HTTPStatus, ...] = ()
    failures: tuple[str, ...] = ()
    auth_header: str = ""
    file: str = ""
    raw_body: str = ""
    is_live: bool = True
    is_counted_by_rpc: bool = False

    @property
    def has_user(self) -> bool:
        """Return true if a user may call the route."""
        return not USERS.isdisjoint(self.callers)

    def codes_of(self, method: str) -> frozenset[str]:
        """Return all codes that an answer to this method may have."""
        codes = {*_CODES_OF_ALL, *self.codes}
        if self.has_user:
            codes.update(_CODES_OF_USERS)
            codes.update({"USER_SUSPENDED"} if self.is_live else ())
            codes.update(() if method in _HARMLESS_METHODS else {"CSRF_INVALID"})
        if Caller.TOKEN in self.callers:
            codes.add("UNAUTHORIZED")
        if self.body is not None:
            codes.add("UNSUPPORTED_MEDIA_TYPE")
        return frozenset(codes)

    def __call__(
        self, view: Callable[P, M | tuple[M, HTTPStatus] | Response]
    ) -> Callable[P, Response]:
        """Return the view with its statement and the JSON of its answer."""

        @functools.wraps(view)
        def serve(*args: P.args, **kwargs: P.kwargs) -> Response:
            returned = view(*args, **kwargs)
            if isinstance(returned, Response):
                return returned
            model, status = returned if isinstance(returned, tuple) else (returned, HTTPStatus.OK)
            response = jsonify(json_of(model))
            response.status_code = status
            return response

        vars(serve)["route"] = self
        return serve


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The statement of a page of the operators' console, used as the decorator of its view.

    People read pages, and no program calls them. So they are no part of the API: neither
    `/api/openapi.json` nor docs/api.md has them, and an error is a page, too. `callers` has
    `Caller.ANYONE` for what a visitor may open, `Caller.USER` for what a session without a second
    factor may, and `Caller.STAFF` for all else.
    """

    summary: str
    callers: tuple[Caller, ...] = (Caller.STAFF,)

    def __call__(self, view: Callable[P, Response]) -> Callable[P, Response]:
        """Return the view with its statement."""
        vars(view)["page"] = self
        return view


def json_of(model: pydantic.BaseModel) -> dict[str, Any]:
    """Return the JSON value of an answer, without the fields that were not given."""
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


def routes_of(app: Flask) -> Iterator[tuple[str, str, Route[Any]]]:
    """Yield method, path and statement of each route of the service, by path.

    Raises:
        KeyError: a view states neither a route nor a page.

    """
    for method, rule, stated in _statements(app):
        if "page" not in stated:
            yield method, rule, stated["route"]


def pages_of(app: Flask) -> Iterator[tuple[str, str, Page]]:
    """Yield method, path and statement of each page of the operators' console, by path."""
    for method, rule, stated in _statements(app):
        if "page" in stated:
            yield method, rule, stated["page"]


def _statements(app: Flask) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = app.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule.rule, vars(view)
