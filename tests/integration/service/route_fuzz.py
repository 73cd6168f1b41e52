"""Drawn requests of every route as every kind of person, against the whole stack.

`make fuzz` runs it. schemathesis draws what fits or breaks a schema; these requests also break the
form of JSON, the type of the content, and the ids in a path. A refused request leaves no row.
"""

from collections.abc import Iterator

import httpx
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.service.hostile_bodies import MARK, RequestParts, requests_near
from tests.integration.service.route_entries import CASES, Case, Entry
from tests.integration.service.route_world import World, quiet_world
from tests.integration.service.rows import COUNTERS, changed
from tests.integration.service.shop import Shop
from tests.support.fuzzing import fuzzed


pytestmark = pytest.mark.xdist_group("stack")

PEOPLE = ("", "another", "buyer", "seller", "staff", "staff at aal1", "suspended")
SECRETS = (
    "CANARY_TOKEN",
    "CRON_SECRET",
    "METRICS_TOKEN",
    "PICKUP_PEPPER",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRETS",
    "SUPABASE_JWT_SECRET",
    "SUPABASE_SECRET_KEY",
)


@pytest.fixture(scope="module")
def world(shop: Shop) -> Iterator[World]:
    with quiet_world(shop) as world:
        yield world


class Watch:
    """Looks for changed rows once per request, because a look takes longer than the request."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._rows = world.rows
        self._last = self._rows.digests()

    def changes(self) -> list[str]:
        """Return the tables that have changed since the last look, but for the limits' counts."""
        before, self._last = self._last, self._rows.digests()
        return changed(before, self._last, but=COUNTERS)


@pytest.fixture(scope="module")
def watch(world: World) -> Watch:
    return Watch(world)


def headers_of(world: World, person: str) -> dict[str, str]:
    if not person:
        return {}
    if person == "staff at aal1":
        return world.bearer("staff", aal="aal1")
    return world.bearer(person)


def sent_to(
    world: World, case: Case, entry: Entry, sent: RequestParts, person: str
) -> httpx.Response:
    """Send a drawn request as a person."""
    path = case.path_of(world, sent.path if sent.path and case.route.path else entry.path)
    headers = world.filled(dict(entry.headers)) | headers_of(world, person) | dict(sent.headers)
    return world.http.request(
        case.method,
        path,
        params=sent.query if sent.query is not None else world.filled(entry.query or {}),
        headers=headers | {"Content-Type": sent.content_type},
        content=world.filled_bytes(sent.content),
    )


def drawn(case: Case) -> st.SearchStrategy[tuple[Case, Entry, RequestParts]]:
    """Return requests of a route."""
    return st.sampled_from(case.entries).flatmap(
        lambda entry: st.tuples(
            st.just(case), st.just(entry), requests_near(case.route, entry.body or {})
        )
    )


@given(person=st.sampled_from(PEOPLE), request=st.sampled_from(CASES).flatmap(drawn))
@fuzzed(150)
def test_drawn_request_has_a_documented_answer(
    watch: Watch, person: str, request: tuple[Case, Entry, RequestParts]
) -> None:
    """No request gets a 500, and a refusal changes nothing.

    Neither an answer nor the log repeats a secret.
    """
    # Hypothesis prints the fields of a dataclass, and those of the world are too many.
    world = watch.world
    case, entry, sent = request
    if case.rule == "/api/account/delete" and person:
        # A closed account would end the part of this person.
        person = "suspended"

    with structlog.testing.capture_logs() as lines:
        answer = sent_to(world, case, entry, sent, person)

    assert answer.status_code < 500, answer.text
    changes = watch.changes()
    assert answer.is_success or [] == changes
    assert_no_secret(world, person, f"{answer.headers} {answer.text} {lines}")
    assert MARK not in str(lines)


def assert_no_secret(world: World, person: str, text: str) -> None:
    secrets = {name: world.shop.environment[name] for name in SECRETS}
    if person:
        secrets["token"] = headers_of(world, person)["Authorization"].removeprefix("Bearer ")
    assert [] == [name for name, secret in secrets.items() if secret in text]
