"""Events of one person in any order and number: the end is what Stripe's session says."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.service.applicant import Applicant
from tests.integration.service.shop import Shop


pytestmark = pytest.mark.xdist_group("stack")

#: Steps of a person, of Stripe's checks or of staff; an impossible one is left out. Five failures
#: in a row use up the attempts.
STEPS = st.sampled_from(["submit", "fail", "abandon", "verify", "cancel", "start"])


@pytest.fixture(scope="module", autouse=True)
def _silent(shop: Shop) -> Iterator[None]:
    """Hold Stripe's own deliveries back; the test sends the signed events."""
    shop.command("PUT", "/delivery", mode="drop", event_types=["identity.*"])
    yield
    shop.command("PUT", "/delivery", mode="normal")


def act(person: Applicant, step: str, session: dict[str, Any]) -> None:
    """Do a step with a session, if the session allows it."""
    status, session_id = session["status"], session["id"]
    is_waiting = status == "requires_input"
    if step == "start" and status == "canceled":
        person.start()
    elif step == "submit" and is_waiting:
        person.check(session_id, "processing")
    elif step == "abandon" and is_waiting:
        person.fail(session_id, "abandoned")
    elif step == "cancel" and is_waiting:
        person.shop.stripe.v1.identity.verification_sessions.cancel(session_id)
    elif step == "fail" and status in ("requires_input", "processing"):
        person.fail(session_id)
    elif step == "verify" and status in ("requires_input", "processing"):
        person.check(session_id, "verified")


def expected(session: dict[str, Any]) -> str:
    """Return our status for a session's status at Stripe."""
    if session["status"] == "verified":
        return "passed"
    is_failed = session["status"] == "canceled" or session["last_error"] is not None
    return "failed" if is_failed else "pending"


@given(data=st.data(), steps=st.lists(STEPS, min_size=1, max_size=4))
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_order_of_events_ends_as_the_session(
    shop: Shop, data: st.DataObject, steps: list[str]
) -> None:
    """Case 21, C16: late, early, repeated and left-out events lead to the session's state."""
    person = Applicant.of_somebody_new(shop)
    person.started()
    for step in steps:
        act(person, step, person.sessions()[0])
        so_far = all_events(person)
        for event in data.draw(st.lists(st.sampled_from(so_far), max_size=2)):
            assert 200 == person.deliver(event).status_code

    news = all_events(person)
    repeated = data.draw(st.lists(st.sampled_from(news), max_size=3))
    for event in data.draw(st.permutations(news + repeated)):
        assert 200 == person.deliver(event).status_code

    shown = person.shown()
    [newest, *older] = person.sessions()
    has_passed = "verified" in {one["status"] for one in (newest, *older)}
    assert ("passed" if has_passed else expected(newest)) == shown["status"]
    if not has_passed:
        assert newest["status"] == shown["stripe_status"]


def all_events(person: Applicant) -> list[dict[str, Any]]:
    """Return Stripe's events about the person, who has the newest ones."""
    listed = [one.to_dict() for one in person.shop.stripe.v1.events.list({"limit": 30}).data]
    return [
        one
        for one in reversed(listed)
        if one["data"]["object"].get("client_reference_id") == person.user_id
    ]
