"""Personal data in Stripe's events: nothing of it reaches a table, a log or an answer."""

import uuid
from collections.abc import Mapping
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.factories import signed
from tests.integration.service.processes import logs_of
from tests.integration.service.shop import PAYMENTS_PATH, Shop
from tests.integration.trouble import commanded


pytestmark = pytest.mark.xdist_group("stack")

#: Each planted text holds this word, and each planted number is this one.
MARK = "Quartermaine"
NUMBER = 19_611_117
DOCUMENT_NUMBER = f"PA0940443{MARK}"

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


def person(**changes: Any) -> dict[str, Any]:
    """Return a person as Stripe describes one, and with fields that Stripe may add."""
    found = {
        "first_name": f"Zebedee {MARK}",
        "last_name": MARK,
        "name": f"Zebedee {MARK}",
        "email": f"zebedee@{MARK}.example",
        "phone": f"+61 412 {MARK}",
        "dob": {"day": NUMBER, "month": NUMBER, "year": NUMBER},
        "id_number": DOCUMENT_NUMBER,
        "id_number_type": f"au_{MARK}",
        "address": {"line1": f"1 {MARK} Street", "city": MARK, "postal_code": NUMBER},
        "registered_address": [f"2 {MARK} Street"],
        "verification": {"document": {"front": MARK, "details": f"of {MARK}"}},
        "some_new_field": [{"nested": [{MARK: MARK}]}],
        MARK: True,
    }
    return found | changes


def error_of(code: str = "document_unverified_other") -> dict[str, Any]:
    return {"code": code, "reason": f"The document of {MARK} has expired.", "some_new_field": MARK}


def report() -> dict[str, Any]:
    document = person(
        number=DOCUMENT_NUMBER,
        expiration_date={"day": NUMBER, "month": NUMBER, "year": NUMBER},
        issued_date={"day": NUMBER, "month": NUMBER, "year": NUMBER},
        error=error_of(),
        files=[f"file_{MARK}"],
    )
    return {
        "id": "vr_1",
        "object": "identity.verification_report",
        "document": document,
        "id_number": person(),
        "selfie": {"error": error_of(), "selfie": f"file_{MARK}"},
        "email": {"email": f"zebedee@{MARK}.example", "error": error_of()},
        "phone": {"phone": f"+61 412 {MARK}", "error": error_of()},
    }


def session(session_id: str) -> dict[str, Any]:
    """Return an Identity session with everything that Stripe, or an expansion, may put into it."""
    return person(
        id=session_id,
        object="identity.verification_session",
        status="requires_input",
        client_reference_id=f"Zebedee {MARK}",
        client_secret=f"vs_secret_{MARK}",
        url=f"https://verify.stripe.com/start/{MARK}",
        metadata={"user_id": f"user {MARK}", "order_id": MARK, "buyer_id": MARK},
        payment_intent={"id": MARK, "shipping": person()},
        provided_details=person(),
        related_person=person(),
        verified_outputs=person(),
        last_error=error_of(),
        last_verification_report=report(),
    )


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


def event(shop: Shop, data: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return an event that has personal data outside of its object too."""
    made = shop.event(data, **changes)
    made["data"]["previous_attributes"] = person()
    return made | {"request": {"idempotency_key": f"key of {MARK}"}, "some_new_field": person()}


def post(shop: Shop, body: Mapping[str, Any], *, secrets: str, path: str = "") -> httpx.Response:
    payload, signature = signed(body, secret=shop.secret(secrets))
    return shop.http.post(
        f"{PAYMENTS_PATH}{path}", content=payload, headers={"Stripe-Signature": signature}
    )


def post_identity(shop: Shop, body: Mapping[str, Any]) -> httpx.Response:
    return post(shop, body, secrets="STRIPE_IDENTITY_WEBHOOK_SECRETS", path="/identity")


def tables_with_marks(shop: Shop) -> list[str]:
    """Return every table of every schema that holds a planted value."""
    with psycopg.connect(shop.environment["ADMIN_DATABASE_URL"], autocommit=True) as admin:
        tables = admin.execute(
            """
            select n.nspname, c.relname
            from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p', 'm')
            """
        ).fetchall()
        assert ("public", "webhook_events") in tables
        return [
            f"{schema}.{table}"
            for schema, table in tables
            if admin.execute(
                sql.SQL(
                    "select from {} as row where row::text ~* %s or row::text ~ %s limit 1"
                ).format(sql.Identifier(schema, table)),
                [MARK, str(NUMBER)],
            ).fetchone()
        ]


def lines_with_marks(shop: Shop) -> list[str]:
    """Return every line of every log of the stack that holds a planted value."""
    logs = logs_of(shop.environment["SERVICE_URL"])
    assert {"postgres.log", "service.log"} <= {log.name for log in logs}
    return [
        line
        for log in logs
        for line in log.read_text(errors="replace").splitlines()
        if MARK.lower() in line.lower() or str(NUMBER) in line
    ]


def assert_nothing_is_kept(shop: Shop, *answers: httpx.Response) -> None:
    assert [] == [answer.text for answer in answers if MARK in answer.text]
    assert ([], []) == (tables_with_marks(shop), lines_with_marks(shop))


@pytest.mark.parametrize("type_", SESSION_TYPES)
def test_identity_event_keeps_id_status_and_code(shop: Shop, type_: str) -> None:
    """Only what the handler needs to read the session from Stripe again is kept."""
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
    """An allow-list: fields and types that we do not know are dropped too."""
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
    """A field that is kept has one form; a name in its place is not kept."""
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
    """Neither where it does not belong, nor without a signature, nor in a form that is none."""
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
    """A failure of the database names the function, and no argument."""
    body = event(shop, session("vs_1"), type=SESSION_TYPES[3])

    with commanded(shop.environment["SUPABASE_URL"]) as trouble:
        trouble.strike(
            status=status, times=20, method="POST", path="/rest/v1/rpc/store_webhook_event"
        )
        answer = post_identity(shop, body)

    assert (500, "Webhook processing failed") == (answer.status_code, answer.json()["error"])
    assert_nothing_is_kept(shop, answer)


def test_redelivery_is_the_same_event(shop: Shop) -> None:
    """Neither the order of keys nor the dropped data make another event of it."""
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
