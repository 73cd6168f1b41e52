"""People of every kind, objects of theirs, and the service in this process that serves them."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import create_autospec

import httpx
import jwt
import psycopg

from market.adapters import Adapters, connect
from market.auth_api import AuthApi
from market.database import SERVICE_TIMEOUTS
from market.settings import Settings
from service.app import create_app
from tests.integration.service.browser import Browser
from tests.integration.service.processes import stopped, workers_of
from tests.integration.service.rows import Rows
from tests.integration.service.shop import Shop
from tests.sql.auctioning import listed
from tests.support import described
from tests.support.pictures import encoded, plain
from tests.support.tokens import JWKS, signed_token


#: The people by name, each with the role that the table of users has.
ROLES = {
    "buyer": "buyer",
    "seller": "seller",
    "another": "buyer",
    "staff": "moderator",
    "suspended": "buyer",
    "signed out": "buyer",
    "ended": "buyer",
    "deleted": "buyer",
    "without profile": "buyer",
    "leaver": "buyer",
    "applicant": "buyer",
}
PICTURE = encoded(plain(), "PNG")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class World:
    """The values that a request of `route_entries` may name."""

    shop: Shop
    http: httpx.Client
    rows: Rows
    people: Mapping[str, Browser]
    values: Mapping[str, str]

    @property
    def origin(self) -> str:
        """Return the origin of the site."""
        return self.shop.environment["SITE_ORIGINS"].split(",")[0]

    def claims(self, person: str, **changes: Any) -> dict[str, Any]:
        """Return what the token of a person says, with changes."""
        token = self.people[person].session["access_token"]
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        return claims | changes

    def token(self, person: str, **changes: Any) -> str:
        """Return the token of a person; staff have proved a second factor unless `changes` say."""
        if person == "staff":
            changes = {"aal": "aal2"} | changes
        if not changes:
            return str(self.people[person].session["access_token"])
        return signed_token(self.claims(person, **changes))

    def bearer(self, person: str, **changes: Any) -> dict[str, str]:
        """Return the header that an app sends."""
        return {"Authorization": f"Bearer {self.token(person, **changes)}"}

    def filled(self, value: Any) -> Any:
        """Return a value whose texts have the world's values in the place of `{name}`."""
        return json.loads(_filled(json.dumps(value), self.values))

    def filled_bytes(self, content: bytes) -> bytes:
        """Return a body that may be no text, with the world's values in the place of `{name}`."""
        for name, value in self.values.items():
            content = content.replace(f"{{{name}}}".encode(), value.encode())
        return content


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@contextlib.contextmanager
def quiet_world(shop: Shop) -> Iterator[World]:
    """Build a world in which nothing but the caller's requests changes a row."""
    people = {
        name: Browser.of_somebody_new(
            shop, role=role, kyc="none" if name == "applicant" else "passed"
        )
        for name, role in ROLES.items()
    }
    with (
        shop.setting("require_staff_aal2", value=True),
        _client_of_own_service(shop) as http,
        psycopg.connect(shop.environment["ADMIN_DATABASE_URL"], autocommit=True) as admin,
    ):
        world = World(
            shop=shop, http=http, rows=Rows(admin), people=people, values=_objects(shop, people)
        )
        _prepare_people(world)
        with _silence(shop):
            yield world


@contextlib.contextmanager
def _client_of_own_service(shop: Shop) -> Iterator[httpx.Client]:
    """Serve in this process, with the adapters of the stack and with keys of tests beside its own.

    Each request comes from an address of its own, because the limits per address would soon
    refuse all.
    """
    settings = Settings.from_environment({**shop.environment, "TRUSTED_PROXIES": "1"})
    adapters = connect(settings, SERVICE_TIMEOUTS, stripe_timeout_s=10)
    keys = [*adapters.auth_api.signing_keys(), *JWKS]
    auth_api: Any = create_autospec(AuthApi, instance=True)
    auth_api.signing_keys.return_value = keys
    auth_api.soft_delete_user.side_effect = adapters.auth_api.soft_delete_user
    app = create_app(settings, dataclasses.replace(adapters, auth_api=auth_api))
    numbers = itertools.count()

    def serve(environ: Any, start_response: Any) -> Any:
        # httpx passes the path as text; a server passes its bytes, each as one letter.
        environ["PATH_INFO"] = environ["PATH_INFO"].encode().decode("latin-1")
        return app(environ, start_response)

    def from_new_address(request: httpx.Request) -> None:
        number = next(numbers)
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        request.headers["X-Forwarded-For"] = address

    try:
        with httpx.Client(
            transport=httpx.WSGITransport(app=serve),
            base_url="http://shop.test",
            event_hooks={"request": [from_new_address], "response": [described.check]},
        ) as http:
            yield http
    finally:
        _close(adapters)


def _close(adapters: Adapters) -> None:
    # A process of ours keeps its connections for life, so the adapters cannot close them.
    adapters.database._client.postgrest.session.close()  # noqa: SLF001 - see above
    adapters.auth_api._client.close()  # noqa: SLF001 - see above
    adapters.storage._client.close()  # noqa: SLF001 - see above


def _objects(shop: Shop, people: Mapping[str, Browser]) -> dict[str, str]:
    """Make the objects that requests name."""
    buyer, seller = people["buyer"], people["seller"]
    orders = {
        name: shop.paid(buyer.actor, seller.actor) for name in ("order", "collected", "posted")
    }
    waiting = shop.awaiting(buyer=buyer.actor, seller=seller.actor)
    dispute = buyer.actor.call(
        "open_dispute",
        order_id=shop.paid(buyer.actor, seller.actor).id,
        dispute_type="item_not_received",
        reason="It never came",
        description=None,
    )
    auction = shop.auction(buyer.actor, seller.actor)
    expired = shop.auction(buyer.actor, seller.actor)
    query = "select id::text from public.notifications where user_id = %s limit 1"
    return {
        **{name: order.id for name, order in orders.items()},
        "intent": orders["order"].intent_id,
        "waiting": waiting.id,
        "dispute": dispute["dispute_id"],
        "auction": str(auction),
        "expired": str(expired),
        "listing": str(shop.value("select listing_id from public.auctions where id = %s", auction)),
        "draft": str(listed(seller.actor)["listing"]["id"]),
        "notification": shop.value(query, buyer.actor.id),
        "avatar": _avatar(buyer),
        **{f"id of {name}": str(person.actor.id) for name, person in people.items()},
        **{name: shop.environment[name].split(",")[0] for name in _SECRETS},
    }


_SECRETS = (
    "CANARY_TOKEN",
    "CRON_SECRET",
    "METRICS_TOKEN",
    "STRIPE_WEBHOOK_SECRETS",
    "STRIPE_IDENTITY_WEBHOOK_SECRETS",
)


def _avatar(person: Browser) -> str:
    answer = person.shop.http.post(
        "/api/storage/upload",
        data={"type": "profile_avatar"},
        files={"file": ("a.png", PICTURE, "image/png")},
        headers=person.bearer,
    )
    return str(answer.raise_for_status().json()["path"])


def _prepare_people(world: World) -> None:
    """Give each person the state that its name says."""
    people, db = world.people, world.shop.db
    applicant = people["applicant"].actor
    db.execute("update public.users set kyc = 'none' where id = %s", [applicant.id])
    people["signed out"].sign_out()
    people["deleted"].post("/api/account/delete", {}).raise_for_status()
    suspend = "update public.users set suspended_at = now() where id = %s"
    db.execute(suspend, [people["suspended"].actor.id])
    db.execute("delete from public.users where id = %s", [people["without profile"].actor.id])
    end = "update auth.sessions set not_after = now() where user_id = %s"
    db.execute(end, [people["ended"].actor.id])


@contextlib.contextmanager
def _silence(shop: Shop) -> Iterator[None]:
    """Stop the workers and Stripe's events."""
    shop.command("PUT", "/delivery", mode="hold")
    shop.wait_for(lambda: all(one["attempts"] for one in shop.deliveries(count=0, state="waiting")))
    try:
        with stopped(workers_of(shop.environment["SERVICE_URL"])):
            yield
    finally:
        shop.command("PUT", "/delivery", mode="normal")
        shop.command("POST", "/deliveries/release")
