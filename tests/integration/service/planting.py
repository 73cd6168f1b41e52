"""Personal data planted where Stripe may send some, and the search for what was kept of it."""

from collections.abc import Mapping
from typing import Any

import httpx
import psycopg
from psycopg import sql

from tests.integration.service.processes import logs_of
from tests.integration.service.shop import PAYMENTS_PATH, Shop
from tests.support.factories import signed


#: Each planted text holds this word, and each planted number is this one.
MARK = "Quartermaine"
NUMBER = 19_611_117
DOCUMENT_NUMBER = f"PA0940443{MARK}"


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
            is not None
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
