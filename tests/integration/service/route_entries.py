"""A good request of each route, and the answers to users who may not touch its object.

`{name}` in a request stands for a value of the world. A route without an entry fails the tests.
"""

import dataclasses
import functools
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any, TypeAlias

import httpx

from service.app import create_app
from service.route_table import Caller, Route, routes_of
from tests.integration.service.applicant import PROFILE
from tests.integration.service.route_world import PICTURE, World
from tests.integration.service.shop import AMOUNT
from tests.support.factories import make_event_json, make_settings


#: The status and the code of an answer; a success has no code.
Refusal: TypeAlias = tuple[int, str]
OK: Refusal = (200, "")
UNAUTHORIZED: Refusal = (401, "UNAUTHORIZED")
FORBIDDEN: Refusal = (403, "FORBIDDEN")
NOT_FOUND: Refusal = (404, "RESOURCE_NOT_FOUND")
SUSPENDED: Refusal = (403, "USER_SUSPENDED")
REASON = "The seller asked for it"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request that its route accepts from the person `by`.

    `others` are people who may not send it, each with the answer. `own` says why there are none.
    `event` is the type of an event of Stripe, which is signed with `secret`.
    """

    by: str = ""
    answer: Refusal = OK
    others: Mapping[str, Refusal] = dataclasses.field(default_factory=dict)
    own: str = ""
    path: Mapping[str, str] = dataclasses.field(default_factory=dict)
    query: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    event: str = ""
    secret: str = ""

    def __post_init__(self) -> None:
        assert bool(self.others) is not bool(self.own), "an entry has others or says why not"


def _of_order(by: str, *others: str, order: str = "{order}", **more: Any) -> Entry:
    """Make the entry of a route about one order, which exists."""
    return Entry(by=by, others=dict.fromkeys(others, FORBIDDEN), path={"order_id": order}, **more)


_UNKNOWN_ORDER = Entry(
    by="buyer",
    answer=NOT_FOUND,
    own="No order has this id",
    path={"order_id": "00000000-0000-4000-8000-000000000000"},
)
_SESSION_ALONE = "The session alone names the object"
_NO_USER = "No user is involved"
_STAFF_ONLY = "Staff may act on the objects of all users"

ENTRIES: Mapping[str, tuple[Entry, ...]] = {
    "POST /api/account/delete": (Entry(by="leaver", own=_SESSION_ALONE),),
    "GET /api/admin/finalize-auctions": (Entry(by="staff", own=_STAFF_ONLY),),
    "POST /api/admin/finalize-auctions": (
        Entry(
            by="staff",
            own=_STAFF_ONLY,
            body={"auctionId": "{expired}", "reason": REASON, "force": True},
        ),
    ),
    "GET /api/admin/outbox": (Entry(by="staff", own=_STAFF_ONLY),),
    "GET /api/admin/webhook-events": (Entry(by="staff", own=_STAFF_ONLY),),
    "POST /api/admin/webhook-events": (
        Entry(
            by="staff",
            answer=NOT_FOUND,
            own=_STAFF_ONLY,
            body={"event_id": "evt_none", "reason": REASON},
        ),
    ),
    "GET /api/auctions/process-expired": (
        Entry(by="staff", own=_STAFF_ONLY),
        Entry(own=_NO_USER, headers={"x-cron-secret": "{CRON_SECRET}"}),
    ),
    "POST /api/auctions/process-expired": (
        Entry(by="staff", own=_STAFF_ONLY),
        Entry(own=_NO_USER, headers={"x-cron-secret": "{CRON_SECRET}"}),
    ),
    "POST /api/bids": (
        Entry(
            by="another",
            others={"seller": (400, "OWN_LISTING")},
            body={"listingId": "{listing}", "amount_cents": 20_000},
        ),
    ),
    "GET /api/canary/webhook-events": (
        Entry(
            answer=NOT_FOUND,
            own=_NO_USER,
            query={"event_id": "evt_none"},
            headers={"x-canary-token": "{CANARY_TOKEN}"},
        ),
    ),
    "GET /api/cron/status": (Entry(by="staff", own=_STAFF_ONLY),),
    "GET /api/health": (Entry(own=_NO_USER),),
    "GET /api/health/live": (Entry(own=_NO_USER),),
    "GET /api/health/ready": (Entry(own=_NO_USER),),
    "GET /api/kyc": (
        Entry(
            by="buyer",
            others={"another": FORBIDDEN, "staff": FORBIDDEN},
            query={"user_id": "{id of buyer}"},
        ),
        Entry(
            by="buyer",
            answer=FORBIDDEN,
            own="The session is of nobody, and the answer is that for another user's",
            query={"session_id": "vs_none"},
        ),
    ),
    "POST /api/kyc/start": (Entry(by="applicant", own=_SESSION_ALONE, body=PROFILE),),
    "GET /api/notifications": (
        Entry(
            by="buyer",
            others={"another": FORBIDDEN, "staff": FORBIDDEN},
            query={"userId": "{id of buyer}"},
        ),
    ),
    "POST /api/notifications": (
        Entry(
            by="buyer",
            others={"another": FORBIDDEN, "staff": FORBIDDEN},
            body={"action": "mark_read", "notificationId": "{notification}"},
        ),
    ),
    "GET /api/openapi.json": (Entry(own=_NO_USER),),
    "GET /api/orders/<order_id>": (
        _of_order("buyer", "another"),
        _of_order("staff", "another"),
        _UNKNOWN_ORDER,
    ),
    "POST /api/orders/<order_id>": (
        _of_order(
            "seller",
            "another",
            "buyer",
            "staff",
            order="{collected}",
            body={"action": "mark_ready"},
        ),
        dataclasses.replace(_UNKNOWN_ORDER, body={"action": "mark_ready"}),
    ),
    "POST /api/payments/confirm": (
        Entry(
            by="buyer",
            others=dict.fromkeys(("another", "seller", "staff"), FORBIDDEN),
            body={"orderId": "{order}", "paymentIntentId": "{intent}"},
        ),
    ),
    "POST /api/payments/create-intent": (
        Entry(
            by="buyer",
            others=dict.fromkeys(("another", "seller", "staff"), FORBIDDEN),
            body={"orderId": "{waiting}", "amount": AMOUNT},
        ),
    ),
    "POST /api/payments/refund": (
        Entry(
            by="seller",
            others=dict.fromkeys(("another", "buyer"), FORBIDDEN),
            body={"orderId": "{order}", "amount_cents": 100},
        ),
        Entry(
            by="staff",
            others=dict.fromkeys(("another", "buyer"), FORBIDDEN),
            body={"orderId": "{order}", "amount_cents": 100},
        ),
    ),
    "GET /api/payouts": (Entry(by="seller", own=_SESSION_ALONE),),
    "POST /api/payouts/onboard": (Entry(by="seller", own=_SESSION_ALONE),),
    "POST /api/pickup/<order_id>": (
        _of_order(
            "seller", "another", "buyer", "staff", order="{collected}", body={"action": "init"}
        ),
        _of_order(
            "buyer",
            "another",
            "seller",
            "staff",
            order="{collected}",
            answer=(400, "INVALID_CODE"),
            body={"action": "redeem", "qr_token": "00000000-0000-4000-8000-000000000000"},
        ),
        dataclasses.replace(_UNKNOWN_ORDER, body={"action": "init"}),
    ),
    "POST /api/shipments/<order_id>": (
        _of_order(
            "seller",
            "another",
            "buyer",
            "staff",
            order="{posted}",
            body={"carrier": "Australia Post", "tracking": "33ABC0123456"},
        ),
        dataclasses.replace(_UNKNOWN_ORDER, body={"carrier": "Australia Post", "tracking": "33A"}),
    ),
    "POST /api/shipments/<order_id>/events": (
        _of_order(
            "seller", "another", "buyer", "staff", order="{posted}", body={"status": "in_transit"}
        ),
        dataclasses.replace(_UNKNOWN_ORDER, body={"status": "in_transit"}),
    ),
    "DELETE /api/storage/delete": (
        Entry(
            by="buyer",
            others=dict.fromkeys(("another", "seller", "staff"), FORBIDDEN),
            body={"bucket": "profile-avatars", "path": "{avatar}"},
        ),
    ),
    "POST /api/storage/upload": (
        Entry(
            by="seller",
            others=dict.fromkeys(("another", "buyer", "staff"), FORBIDDEN),
            form={"type": "listing_photo", "listingId": "{draft}"},
        ),
        Entry(
            by="buyer",
            others=dict.fromkeys(("another", "staff"), FORBIDDEN),
            form={"type": "evidence_file", "disputeId": "{dispute}"},
        ),
    ),
    "POST /api/webhooks/stripe": (
        Entry(own=_NO_USER, event="test.none", secret="STRIPE_WEBHOOK_SECRETS"),
    ),
    "POST /api/webhooks/stripe/identity": (
        Entry(
            own=_NO_USER,
            event="identity.verification_session.none",
            secret="STRIPE_IDENTITY_WEBHOOK_SECRETS",
        ),
    ),
    "GET /metrics": (Entry(own=_NO_USER, headers={"Authorization": "Bearer {METRICS_TOKEN}"}),),
}

#: The answers of routes that serve suspended users, or that check the session in SQL.
NOT_LIVE: Mapping[str, Mapping[str, Refusal]] = {
    # The first call ends the sessions, so a deleted user may repeat it.
    "POST /api/account/delete": {"suspended": SUSPENDED, "deleted": OK},
    "GET /api/orders/<order_id>": {"suspended": FORBIDDEN},
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One method of one path, its statement and its entries."""

    method: str
    rule: str
    route: Route[Any]

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Return the requests of the table."""
        return ENTRIES[str(self)]

    @property
    def gives_staff_more(self) -> bool:
        """Return true if staff may call the route where other users may not."""
        return Caller.STAFF in self.route.callers

    def path_of(self, world: World, values: Mapping[str, str]) -> str:
        """Return the path of a request, with these values in the place of its variables."""
        path = self.rule
        for name, value in world.filled(dict(values)).items():
            path = path.replace(f"<{name}>", urllib.parse.quote(value, safe=""))
        return path

    def send(self, world: World, entry: Entry, headers: Mapping[str, str]) -> httpx.Response:
        """Send the request of an entry with these credentials instead of its own."""
        content: dict[str, Any] = {"json": world.filled(entry.body)} if entry.body else {}
        if entry.form:
            content = {"data": world.filled(entry.form), "files": {"file": ("a.png", PICTURE)}}
        if entry.event:
            content = {"content": event_of(entry.event)}
        return world.http.request(
            self.method,
            self.path_of(world, entry.path),
            params=world.filled(entry.query) if entry.query else None,
            headers=dict(headers),
            **content,
        )


#: All routes of the service.
CASES = [
    Case(method=method, rule=rule, route=route)
    for method, rule, route in routes_of(create_app(make_settings()))
]


@functools.cache
def event_of(type_: str) -> bytes:
    """Return an event; a signature fits only if it is the same each time."""
    event = make_event_json({"object": "test"}, id=f"evt_of_{type_}", type=type_)
    return json.dumps(event).encode()


def refusal_of(answer: httpx.Response) -> Refusal:
    """Return the status of an answer, and its code if it is an error of the one form."""
    if answer.is_success:
        return answer.status_code, ""
    body = answer.json()
    named = {"error", "code", "correlationId", "timestamp"}
    assert named <= body.keys(), body
    assert body["correlationId"] == answer.headers["X-Request-Id"], body
    assert (body["code"] == "CSRF_INVALID") is ("X-CSRF-Error" in answer.headers), answer.headers
    return answer.status_code, str(body["code"])
