"""Personal data in Stripe's events: nothing of it reaches a table, a log or an answer."""

import uuid
from typing import Any

import pytest

from tests.integration.service.planting import (
    DOCUMENT_NUMBER,
    MARK,
    NUMBER,
    assert_nothing_is_kept,
    error_of,
    event,
    person,
    post,
    post_identity,
    report,
    session,
)
from tests.integration.service.shop import Shop


pytestmark = pytest.mark.xdist_group("stack")

SESSION_TYPES = [
    f"identity.verification_session.{change}"
    for change in ("created", "processing", "requires_input", "verified", "canceled", "redacted")
]
#: Stripe may add types, and operators may choose types that we do not use.
OTHER_IDENTITY_TYPES = [
    "identity.verification_session.some_new_change",
    "identity.verification_report.verified",
]
ACCOUNT_TYPES = ["account.updated", "account.external_account.updated", "account.some_new_change"]
OWN_TYPES = [
    "account.updated",
    "person.created",
    "person.updated",
    "person.deleted",
    "capability.updated",
    "customer.created",
    "customer.updated",
    "payment_method.attached",
    "some_new_kind.created",
]


def account(account_id: str) -> dict[str, Any]:
    return person(
        id=account_id,
        object="account",
        business_profile={"support_address": person(), "name": MARK},
        company=person(),
        external_accounts={"data": [{"account_holder_name": f"Zebedee {MARK}", "last4": MARK}]},
        individual=person(),
        metadata={"user_id": MARK},
        status={"status": MARK},
        last_error=MARK,
        requirements={"errors": [error_of()]},
        settings={"dashboard": {"display_name": MARK}},
        tos_acceptance={"ip": MARK, "user_agent": MARK},
    )


@pytest.mark.parametrize("type_", SESSION_TYPES)
def test_identity_event_keeps_id_status_and_code(shop: Shop, type_: str) -> None:
    """The inbox keeps only the fields with which the handler reads the session again."""
    session_id = f"vs_{uuid.uuid4().hex}"
    body = event(shop, session(session_id), type=type_)

    answer = post_identity(shop, body)

    assert (200, "ignored") == (answer.status_code, answer.json()["status"])
    row = shop.event_row(body["id"])
    assert {
        "id": session_id,
        "object": "identity.verification_session",
        "status": "requires_input",
        "last_error": {"code": "document_unverified_other"},
    } == row["payload"]
    assert (session_id, None, None) == tuple(
        row[key] for key in ("object_id", "payment_intent_id", "order_ref")
    )
    assert_nothing_is_kept(shop, answer)


def test_no_other_event_keeps_personal_data(shop: Shop) -> None:
    """The inbox keeps an allow-list of fields, so it drops unknown fields and types."""
    account_id = f"acct_{uuid.uuid4().hex}"
    bodies = [
        (event(shop, account(account_id), type=type_, account=account_id), "CONNECT_")
        for type_ in [*ACCOUNT_TYPES, "person.updated"]
    ] + [(event(shop, account(account_id), type=type_), "") for type_ in OWN_TYPES]

    answers = [
        post(shop, body, secrets=f"STRIPE_{which}WEBHOOK_SECRETS") for body, which in bodies
    ] + [
        post_identity(shop, event(shop, report() | person(id="vr_1"), type=type_))
        for type_ in OTHER_IDENTITY_TYPES
    ]

    assert {(200, "ignored")} == {
        (answer.status_code, answer.json()["status"]) for answer in answers
    }
    assert [{"id": account_id, "object": "account"}] * len(OWN_TYPES) == [
        shop.event_row(body["id"])["payload"] for body, which in bodies if not which
    ]
    assert_nothing_is_kept(shop, *answers)


def test_field_of_another_form_is_dropped(shop: Shop) -> None:
    """A kept field has one form; a name in its place is dropped."""
    planted = [
        f"Zebedee {MARK}",
        MARK.lower() + " street",
        person(),
        [MARK],
        NUMBER,
        DOCUMENT_NUMBER,
    ]
    bodies = [
        event(
            shop,
            {"id": value, "object": value, "status": value, "last_error": {"code": value}},
            type=SESSION_TYPES[0],
        )
        for value in planted
    ]

    answers = [post_identity(shop, body) for body in bodies]

    assert [{}] * len(planted) == [shop.event_row(body["id"])["payload"] for body in bodies]
    assert_nothing_is_kept(shop, *answers)


def test_refused_event_is_not_logged(shop: Shop) -> None:
    """A refused event leaves no personal data in the log, whatever the reason of the refusal."""
    body = event(shop, session("vs_1"), type=SESSION_TYPES[3])
    identity = "STRIPE_IDENTITY_WEBHOOK_SECRETS"

    answers = [
        post(shop, body, secrets="STRIPE_WEBHOOK_SECRETS"),
        post(shop, body, secrets="STRIPE_WEBHOOK_SECRETS", path="/identity"),
        post_identity(shop, body | {"livemode": True}),
        post_identity(shop, body | {"created": 1}),
        post_identity(shop, body | {"id": person()}),
        post_identity(shop, body | {"type": person()}),
        post_identity(shop, body | {"api_version": person()}),
        post_identity(shop, body | {"account": person()}),
        post_identity(shop, {"id": f"id of {MARK}"}),
        post(shop, body | {"account": "acct_1"}, secrets=identity, path="/identity"),
    ]

    assert {200, 400} == {answer.status_code for answer in answers}
    assert_nothing_is_kept(shop, *answers)


@pytest.mark.parametrize("status", [500, 503, 400])
def test_event_that_cannot_be_stored_is_not_logged(shop: Shop, status: int) -> None:
    """The log of a database failure names the function and no argument."""
    body = event(shop, session("vs_1"), type=SESSION_TYPES[3])

    with shop.gateway() as control:
        control.add_fault(
            status=status, times=20, method="POST", path="/rest/v1/rpc/store_webhook_event"
        )
        answer = post_identity(shop, body)

    assert (500, "Webhook processing failed") == (answer.status_code, answer.json()["error"])
    assert_nothing_is_kept(shop, answer)


def test_redelivery_is_the_same_event(shop: Shop) -> None:
    """Neither the order of keys nor the dropped data make a redelivery another event."""
    body = event(shop, session(f"vs_{uuid.uuid4().hex}"), type=SESSION_TYPES[3])
    assert "ignored" == post_identity(shop, body).json()["status"]
    before = shop.event_row(body["id"])
    data = body["data"]["object"]
    reordered = dict(reversed(data.items())) | {"last_error": dict(reversed(error_of().items()))}

    answers = [
        post_identity(shop, body | {"data": {"object": changed}})
        for changed in (reordered, data | {"verified_outputs": None})
    ]

    assert ["already_processed"] * 2 == [answer.json()["status"] for answer in answers]
    assert before == shop.event_row(body["id"])
    assert [] == shop.alerts_of(body["id"])
