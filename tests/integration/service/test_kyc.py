"""A person is verified over HTTP, by a session of Stripe Identity and its webhooks."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.service.applicant import ADDRESS, DOCUMENT, KYC, Applicant
from tests.integration.service.browser import Browser
from tests.integration.service.shop import Shop


pytestmark = pytest.mark.xdist_group("stack")


def test_person_is_verified_and_sells(shop: Shop, person: Applicant) -> None:
    """Case 21: a person whose document passes becomes a seller, and the address is verified."""
    answer = person.start()
    assert (200, {"success", "verificationId", "clientSecret", "verificationUrl"}) == (
        answer.status_code,
        set(answer.json()),
    )
    session_id = answer.json()["verificationId"]
    assert answer.json()["clientSecret"].startswith(f"{session_id}_secret_")
    assert answer.json()["verificationUrl"].startswith("http")
    assert ("pending", "requires_input") == tuple(
        person.shown()[key] for key in ("status", "stripe_status")
    )

    person.check(session_id, "verified", verified_outputs={"address": DOCUMENT})

    person.wait_for_status("passed")
    shown = person.shown(f"?session_id={session_id}&user_id={person.user_id}")
    assert {"success", "status", "stripe_status", "details"} == set(shown)
    assert ("verified", None) == (shown["stripe_status"], shown["details"]["reason_code"])
    assert None is not shown["details"]["completed_at"]
    user = person.user()
    assert ("seller", True, "identity", session_id) == tuple(
        user[key]
        for key in (
            "role",
            "address_verified",
            "address_verification_method",
            "stripe_identity_session_id",
        )
    )
    assert {key: value.upper() for key, value in ADDRESS.items()} == user["address_normalized"]
    query = "select count(*) from public.notifications where user_id = %s and type = 'kyc_updated'"
    assert 1 == shop.value(query, person.user_id)
    again = person.start()
    assert (409, "CONFLICT") == (again.status_code, again.json()["code"])


def test_stripe_accepts_what_we_send(person: Applicant) -> None:
    """D11: the parameters are Stripe's, and name the user for the way back."""
    person.started()

    [session] = person.sessions()
    assert ("document", {"user_id": person.user_id}, person.user_id) == (
        session["type"],
        session["metadata"],
        session["client_reference_id"],
    )
    assert {"document": {"allowed_types": ["driving_license", "passport", "id_card"]}} == session[
        "options"
    ]


def test_other_address_is_not_verified(person: Applicant) -> None:
    """A verification with another address passes, and leaves the address unverified."""
    session_id = person.started()

    person.check(session_id, "verified", verified_outputs={"address": DOCUMENT | {"city": "Roe"}})

    person.wait_for_status("passed")
    assert (False, None) == tuple(
        person.user()[key] for key in ("address_verified", "address_normalized")
    )


def test_parallel_starts_make_one_session(person: Applicant) -> None:
    """Every answer names the same session."""
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: person.start(), range(6)))

    assert {200} == {answer.status_code for answer in answers}
    assert 1 == len({answer.json()["verificationId"] for answer in answers})
    assert 1 == len(person.sessions())


def test_starts_are_limited(shop: Shop, person: Applicant) -> None:
    """D5: each start counts, also one that is given the open session again."""
    with shop.limited("start_verification", 2):
        answers = [person.start() for _ in range(3)]

    assert [200, 200, 429] == [answer.status_code for answer in answers]
    assert 0 < int(answers[-1].headers["Retry-After"])
    assert "Too many requests. Please slow down." == answers[-1].json()["error"]
    assert 1 == len(person.sessions())


def test_open_session_is_given_again(person: Applicant) -> None:
    """A start returns the open session.

    The session has a new URL after a failed check, and none while Stripe checks.
    """
    session_id = person.started()
    person.fail(session_id)
    person.wait_for_status("failed")
    assert "document_expired" == person.shown()["details"]["reason_code"]

    failed = person.start().json()
    person.check(session_id, "processing")
    under_way = person.start().json()

    assert session_id == failed["verificationId"]
    assert failed["clientSecret"]
    assert [session_id, None, None] == [
        under_way[key] for key in ("verificationId", "clientSecret", "verificationUrl")
    ]


def test_canceled_session_is_replaced(shop: Shop, person: Applicant) -> None:
    """A start reads the session, so it replaces a canceled one before its event arrives."""
    shop.command("PUT", "/delivery", mode="drop", event_types=["identity.*"])
    try:
        session_id = person.started()
        shop.stripe.v1.identity.verification_sessions.cancel(session_id)
        second = person.started()
    finally:
        shop.command("PUT", "/delivery", mode="normal")

    assert session_id != second
    assert ["requires_input", "canceled"] == [one["status"] for one in person.sessions()]


@pytest.mark.parametrize(
    "changes",
    [
        {"legal_name": ""},
        {"legal_name": 5},
        {"dob": "1990-02-30"},
        {"dob": "01/02/1990"},
        {"dob": "2030-01-01"},
        {"address": None},
        {"address": {"street": "5 King St"}},
        {"address": ADDRESS | {"postcode": "60000"}},
        {"address": ADDRESS | {"state": "XX"}},
        {"address": ADDRESS | {"country": "AU"}},
    ],
)
def test_wrong_profile_is_refused(person: Applicant, changes: Any) -> None:
    """A wrong profile is not stored, and Stripe makes no session."""
    answer = person.start(**changes)

    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.json()["code"])
    assert ("none", None, []) == (
        person.user()["kyc"],
        person.user()["legal_name"],
        person.sessions(),
    )


def test_nobody_sees_or_uses_the_session_of_another_user(shop: Shop, person: Applicant) -> None:
    """Case 21, B19: another user's verified session never passes the caller."""
    other = Applicant.of_somebody_new(shop)
    session_id = person.started()
    person.check(session_id, "verified")
    person.wait_for_status("passed")

    answers = [
        other.browser.get(f"{KYC}?{query}")
        for query in (
            f"session_id={session_id}",
            f"user_id={person.user_id}",
            f"session_id={session_id}&user_id={person.user_id}",
            f"session_id={session_id}&user_id={other.user_id}",
            "session_id=vs_none",
        )
    ]
    started = other.start(user_id=person.user_id, session_id=session_id, verificationId=session_id)

    assert [403] * 5 == [answer.status_code for answer in answers]
    assert session_id != started.json()["verificationId"]
    assert "pending" == other.shown()["status"]


def test_session_with_the_metadata_of_another_user_passes_nobody(
    shop: Shop, person: Applicant
) -> None:
    """Case 21, B19: our row and Stripe's metadata must name the same user."""
    other = Applicant.of_somebody_new(shop)
    session_id = person.started()
    shop.stripe.v1.identity.verification_sessions.update(
        session_id, {"metadata": {"user_id": other.user_id}}
    )

    person.check(session_id, "verified")

    [verified] = [one for one in person.events(session_id) if one["type"].endswith(".verified")]
    shop.wait_for(lambda: shop.is_settled(verified["id"]))
    assert ["pending", "none"] == [one.shown()["status"] for one in (person, other)]
    shop.wait_for(lambda: "identity_user_contradicted" in shop.alerts_of(verified["id"]))


def test_unknown_session_is_ignored(shop: Shop, person: Applicant) -> None:
    """C16: another session of our account answers 200, and Stripe sends it once."""
    session = shop.stripe.v1.identity.verification_sessions.create(
        {"type": "document", "metadata": {"user_id": person.user_id}}
    )
    person.check(session.id, "verified")

    answers = [person.deliver(event) for event in person.events(session.id)]

    assert [200] * 3 == [answer.status_code for answer in answers]
    assert {"ignored", "already_processed"} >= {answer.json()["status"] for answer in answers}
    assert "none" == person.shown()["status"]


def test_event_counts_only_with_the_identity_secret(shop: Shop, person: Applicant) -> None:
    """C16: the endpoint has secrets of its own, and a repeated event has one effect."""
    shop.command("PUT", "/delivery", mode="drop", event_types=["identity.*"])
    try:
        session_id = person.started()
        person.check(session_id, "verified")
    finally:
        shop.command("PUT", "/delivery", mode="normal")
    verified = person.events(session_id)[-1]

    refused = shop.post(verified)
    assert ("ignored", "pending") == (refused.json()["status"], person.shown()["status"])
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: person.deliver(verified), range(5)))

    assert {200} == {answer.status_code for answer in answers}
    assert ["processed"] == [
        answer.json()["status"] for answer in answers if not answer.json()["idempotent"]
    ] or "processed" == shop.event_row(verified["id"])["outcome"]
    assert "passed" == person.shown()["status"]
    late = person.deliver(person.events(session_id)[1])
    assert (200, "passed") == (late.status_code, person.shown()["status"])


@pytest.mark.parametrize("query", ["?user_id=x", "?session_id=x", "?session_id="])
def test_malformed_question_is_refused(person: Applicant, query: str) -> None:
    """A malformed id gets a 400."""
    assert 400 == person.browser.get(f"{KYC}{query}").status_code


def test_verified_user_without_session_is_shown(buyer: Browser) -> None:
    """The page shows a verified user without a session, such as one of the seed data."""
    answer = buyer.get(f"{KYC}?user_id={uuid.UUID(str(buyer.actor.id))}").json()

    assert ("passed", None) == (answer["status"], answer["stripe_status"])
