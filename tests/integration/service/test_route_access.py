"""Every route against every bad token, every wrong user and every bad origin.

The cases follow from the statements at the routes. `route_entries` has a good request of each
route; a new route fails here until it has one.
"""

import base64
import time
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import pytest

from service.route_table import Caller
from tests.integration.service.browser import cookie_of
from tests.integration.service.route_entries import (
    CASES,
    ENTRIES,
    FORBIDDEN,
    NOT_LIVE,
    OK,
    SUSPENDED,
    UNAUTHORIZED,
    Case,
    Entry,
    Refusal,
    event_of,
    refusal_of,
)
from tests.integration.service.route_world import World, quiet_world
from tests.integration.service.rows import COUNTERS, changed
from tests.integration.service.shop import Shop
from tests.support.factories import signed
from tests.support.tokens import forged_tokens


pytestmark = pytest.mark.xdist_group("stack")

#: The headers of each bad caller by name, with the answer.
BadCallers: TypeAlias = dict[str, tuple[Mapping[str, str], Refusal]]
CSRF_INVALID: Refusal = (403, "CSRF_INVALID")


@pytest.fixture(scope="module")
def world(shop: Shop) -> Iterator[World]:
    with quiet_world(shop) as world:
        yield world


@pytest.fixture
def nothing_changes(world: World, request: pytest.FixtureRequest) -> Iterator[None]:
    """Compare all rows before and after a test; the counts of the limits may have changed."""
    case: Case = request.node.callspec.params["case"]
    before = world.rows.digests()
    yield
    but = () if case.route.is_live and not case.entries[0].others else COUNTERS
    assert [] == changed(before, world.rows.digests(), but=but)


def test_each_route_has_an_entry() -> None:
    """Each route has an entry in `route_entries`, and each entry a route."""
    assert set(map(str, CASES)) == set(ENTRIES)
    assert {str(case) for case in CASES if case.route.has_user and not case.route.is_live} == set(
        NOT_LIVE
    )
    # Otherwise the refusals of staff without a second factor would prove nothing.
    for case in CASES:
        served = {entry.by for entry in case.entries if entry.answer != FORBIDDEN}
        assert case.gives_staff_more is ("staff" in served), case


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def callers_without_identity(world: World) -> BadCallers:
    """Return callers without a token, or with one that proves nothing."""
    environment = world.shop.environment
    api_keys = {
        name: environment[name]
        for name in (
            "SUPABASE_PUBLISHABLE_KEY",
            "SUPABASE_SECRET_KEY",
            "SUPABASE_ANON_KEY",
            "SUPABASE_SERVICE_ROLE_KEY",
        )
    }
    forged = forged_tokens(world.claims("buyer")) | api_keys
    basic = base64.b64encode(b"buyer:password").decode()
    good = world.token("buyer")
    headers: dict[str, Mapping[str, str]] = {
        "nobody": {},
        "empty token": bearer(""),
        "another scheme": {"Authorization": f"Basic {basic}"},
        "token without a scheme": {"Authorization": good},
        "token in the header of API keys": {"apikey": good},
        "token in a header of our own": {"X-Access-Token": good, "X-User-Id": "1"},
        "unreadable cookie": {"Cookie": "sb-127-auth-token=base64-x", "Origin": world.origin},
        **{name: bearer(token) for name, token in forged.items()},
        **{
            f"cookie: {name}": from_site(world, forged[name])
            for name in ("expired", "unsigned", "another key under our id", "SUPABASE_ANON_KEY")
        },
    }
    return {name: (sent, UNAUTHORIZED) for name, sent in headers.items()}


def from_site(world: World, token: str) -> dict[str, str]:
    """Return the headers of a page of the site whose session has this token."""
    return cookie_of({"access_token": token}) | {"Origin": world.origin}


def callers_without_session(world: World, case: Case) -> BadCallers:
    """Return people whose tokens are valid, but not their sessions or accounts."""
    session_of_another = {"session_id": world.claims("another")["session_id"]}
    callers: BadCallers = {
        "signed out": (world.bearer("signed out"), UNAUTHORIZED),
        "session past its end": (world.bearer("ended"), UNAUTHORIZED),
        "deleted": (world.bearer("deleted"), UNAUTHORIZED),
        "without profile": (world.bearer("without profile"), UNAUTHORIZED),
        "suspended": (world.bearer("suspended"), SUSPENDED),
        "no session": (world.bearer("buyer", session_id=None), UNAUTHORIZED),
        "session of another": (world.bearer("buyer", **session_of_another), UNAUTHORIZED),
        "signed-out cookie": (from_site(world, world.token("signed out")), UNAUTHORIZED),
    }
    own = NOT_LIVE.get(str(case), {})
    return {name: (sent, own.get(name, answer)) for name, (sent, answer) in callers.items()}


def callers_from_elsewhere(world: World, by: str) -> BadCallers:
    """Return a good caller's browser on pages of other sites, which sends the cookie along."""
    cookie = cookie_of({"access_token": world.token(by)})
    pages: dict[str, Mapping[str, str]] = {
        "no origin": {},
        "foreign origin": {"Origin": "https://evil.test"},
        "opaque origin": {"Origin": "null"},
        "origin of another port": {"Origin": f"{world.origin}0"},
        "foreign referer alone": {"Referer": f"https://evil.test/{world.origin}"},
        "foreign origin, own referer": {
            "Origin": "https://evil.test",
            "Referer": f"{world.origin}/",
        },
        "token beside the cookie": world.bearer(by),
    }
    return {f"page: {name}": ({**cookie, **sent}, CSRF_INVALID) for name, sent in pages.items()}


def callers_who_are_no_staff(world: World) -> BadCallers:
    """Return users, and staff who have not proved a second factor."""
    metadata = {"user_metadata": {"role": "admin"}, "app_metadata": {"role": "admin"}}
    # Some routes also serve the parties of an order, and this user is a party of none.
    return {
        "user": (world.bearer("another"), FORBIDDEN),
        "user at aal2": (world.bearer("another", aal="aal2"), FORBIDDEN),
        "user who calls himself an admin": (world.bearer("another", **metadata), FORBIDDEN),
        "staff at aal1": (world.bearer("staff", aal="aal1"), FORBIDDEN),
        "staff without a level": (world.bearer("staff", aal=None), FORBIDDEN),
    }


def holders_of_wrong_secrets(world: World, case: Case) -> BadCallers:
    """Return callers whose secret is wrong; not even the token of staff mends it."""
    header = case.route.auth_header
    prefix = "Bearer " if header == "Authorization" else ""
    secrets = {
        name: world.values[name] for name in ("CANARY_TOKEN", "CRON_SECRET", "METRICS_TOKEN")
    }
    [entry] = [entry for entry in case.entries if header in entry.headers]
    good = world.filled(entry.headers[header])
    wrong = {name: f"{prefix}{secret}" for name, secret in secrets.items()} | {
        "empty secret": prefix,
        "prefix of the secret": good[:-1],
        "longer secret": f"{good}x",
        "secret in capitals": good.upper(),
        "publishable key": f"{prefix}{world.shop.environment['SUPABASE_PUBLISHABLE_KEY']}",
    }
    staff = {} if prefix else world.bearer("staff")
    return {
        f"secret: {name}": (staff | {header: sent}, UNAUTHORIZED)
        for name, sent in wrong.items()
        if sent != good
    }


def forgers_of_signatures(world: World, entry: Entry) -> BadCallers:
    """Return senders of an event that Stripe did not sign."""
    body = event_of(entry.event).decode()
    old = int(time.time()) - 3_600
    invalid: Refusal = (400, "INVALID_SIGNATURE")
    secret = world.values[entry.secret]
    [other] = {"STRIPE_WEBHOOK_SECRETS", "STRIPE_IDENTITY_WEBHOOK_SECRETS"} - {entry.secret}
    signatures = {
        "nonsense": "nonsense",
        "empty": "t=1,v1=",
        "of the other endpoint": signed(body, secret=world.values[other])[1],
        "of a guessed secret": signed(body, secret="whsec_test")[1],
        "of another body": signed(f"{body} ", secret=secret)[1],
        "of an hour ago": signed(body, secret=secret, signed_at=old)[1],
        "in another scheme": signed(body, secret=secret)[1].replace("v1=", "v0="),
    }
    missing: Refusal = (400, "MISSING_SIGNATURE")
    return {
        "no signature": ({}, missing),
        "token of staff": (world.bearer("staff"), missing),
        "token of the service": (bearer(world.shop.environment["SUPABASE_SECRET_KEY"]), missing),
        **{name: ({"Stripe-Signature": sent}, invalid) for name, sent in signatures.items()},
    }


def bad_callers(world: World, case: Case, entry: Entry) -> BadCallers:
    """Return all bad callers of a route, as its statement implies."""
    callers: BadCallers = {}
    if case.route.has_user:
        callers |= callers_without_identity(world) | callers_without_session(world, case)
    if case.route.has_user and case.method != "GET":
        callers |= callers_from_elsewhere(world, entry.by)
    if case.gives_staff_more:
        callers |= callers_who_are_no_staff(world)
    if Caller.TOKEN in case.route.callers:
        callers |= holders_of_wrong_secrets(world, case)
        callers["nobody"] = ({}, UNAUTHORIZED)
    if Caller.SIGNATURE in case.route.callers:
        callers |= forgers_of_signatures(world, entry)
    if Caller.ANYONE in case.route.callers:
        names = ("nobody", "nonsense", "expired", "cookie: expired", "SUPABASE_SECRET_KEY")
        identities = callers_without_identity(world)
        callers |= {name: (identities[name][0], OK) for name in names}
    return callers


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_caller_is_refused(world: World, case: Case) -> None:
    """A bad caller gets a refusal for a good request (case 13, B15, B16)."""
    entry = case.entries[0]
    callers = bad_callers(world, case, entry)

    answers = {
        name: refusal_of(case.send(world, entry, headers)) for name, (headers, _) in callers.items()
    }

    assert {name: expected for name, (_, expected) in callers.items()} == answers


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("case", [case for case in CASES if case.entries[0].others], ids=str)
def test_object_of_another_user_is_refused(world: World, case: Case) -> None:
    """A good token gives no access to another user's object."""
    for entry in case.entries:
        answers = {
            person: refusal_of(case.send(world, entry, world.bearer(person)))
            for person in entry.others
        }

        assert entry.others == answers


@pytest.mark.parametrize("case", CASES, ids=str)
def test_good_caller_is_served(world: World, case: Case) -> None:
    """Each entry's request succeeds, or the refusals of the other tests would prove nothing."""
    for entry in case.entries:
        headers = world.filled(dict(entry.headers)) | (world.bearer(entry.by) if entry.by else {})
        if entry.secret:
            body = event_of(entry.event).decode()
            headers["Stripe-Signature"] = signed(body, secret=world.values[entry.secret])[1]

        assert entry.answer == refusal_of(case.send(world, entry, headers))
