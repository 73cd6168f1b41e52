"""`market.kyc`: reading a session, and sending its redaction."""

from typing import Any
from unittest.mock import Mock, create_autospec

import pytest

from market.database import Database
from market.errors import MarketError, RejectedError, TransientError
from market.kyc import reconciliation, redaction, repository, verification
from market.outbox import OutboxRow, Sent
from market.stripe_api import StripeApi
from tests.unit.specs import spec_of


SESSION = "vs_1"
ADDRESS = {"street": "5 King St", "suburb": "Perth", "postcode": "6000", "state": "WA"}
ROW = OutboxRow(
    id="o-1",
    kind="redact_identity",
    payload={"stripe_session_id": SESSION},
    dedupe_key=f"redact_identity:{SESSION}",
    answered_errors=2,
    lease_token="t",
    order_id=None,
)


def session(**changes: Any) -> dict[str, Any]:
    usual = {
        "id": SESSION,
        "status": "requires_input",
        "metadata": {"user_id": "u-1"},
        "last_error": None,
        "last_verification_report": None,
        "redaction": None,
    }
    return usual | changes


@pytest.fixture
def stripe_api() -> Mock:
    stripe_api: Mock = spec_of(StripeApi)
    stripe_api.retrieve_verification_session.return_value = session()
    return stripe_api


@pytest.fixture
def database() -> Mock:
    database: Mock = create_autospec(Database, instance=True)
    database.call.return_value = {"read_number": 7, "address": ADDRESS}
    return database


def read(stripe_api: Mock, database: Mock) -> Any:
    return verification.read_session(stripe_api, database, stripe_session_id=SESSION)


def test_number_is_taken_before_the_read(stripe_api: Mock, database: Mock) -> None:
    """An unknown session is not read at all."""
    reading = read(stripe_api, database)
    assert (7, "requires_input", "u-1", None) == (
        reading.read_number,
        reading.status,
        reading.user_ref,
        reading.is_address_matched,
    )

    stripe_api.reset_mock()
    database.call.return_value = {"read_number": None, "address": None}
    assert None is read(stripe_api, database)
    stripe_api.retrieve_verification_session.assert_not_called()


def test_outputs_are_expanded_for_a_new_pass_only(stripe_api: Mock, database: Mock) -> None:
    """Verified outputs are requested only for a new pass."""
    answers: list[tuple[dict[str, Any], Any, bool]] = [
        (session(status="processing"), ADDRESS, False),
        (session(status="verified"), None, False),
        (session(status="verified", redaction={"status": "processing"}), ADDRESS, False),
        (session(status="verified"), ADDRESS, True),
    ]
    for answer, address, is_expanded in answers:
        stripe_api.reset_mock()
        stripe_api.retrieve_verification_session.return_value = answer
        database.call.return_value = {"read_number": 1, "address": address}

        read(stripe_api, database)

        calls = stripe_api.retrieve_verification_session.call_args_list
        expansions = [call.kwargs.get("expand") for call in calls]
        assert ([None, ["verified_outputs"]] if is_expanded else [None]) == expansions


def test_reading_holds_nothing_of_the_document(stripe_api: Mock, database: Mock) -> None:
    """A reading has no name, date or number of the document."""
    outputs = {"first_name": "Zebedee", "address": {"line1": "1 Zebedee St"}, "dob": {"day": 1}}
    stripe_api.retrieve_verification_session.return_value = session(
        status="verified",
        verified_outputs=outputs,
        last_verification_report={"id": "vr_1", "document": outputs},
        provided_details={"email": "zebedee@example.test"},
    )

    reading = read(stripe_api, database)

    assert (False, None) == (reading.is_address_matched, reading.report_id)
    assert "zebedee" not in repr(reading).lower()


@pytest.mark.parametrize(
    ("changes", "user_ref"),
    [
        ({}, "u-1"),
        ({"metadata": {}}, ""),
        ({"metadata": None}, ""),
        ({"metadata": {}, "redaction": {"status": "redacted"}}, None),
    ],
)
def test_missing_metadata_name_nobody(
    stripe_api: Mock, database: Mock, changes: Any, user_ref: str | None
) -> None:
    """A session without metadata names no user, as after a redaction."""
    stripe_api.retrieve_verification_session.return_value = session(**changes)

    assert user_ref == read(stripe_api, database).user_ref


@pytest.mark.parametrize(
    ("report_id", "kept"), [("vr_1Abc", "vr_1Abc"), ("Jo Example", None), (5, None), ("", None)]
)
def test_report_has_an_id(stripe_api: Mock, database: Mock, report_id: Any, kept: Any) -> None:
    """A report without a valid id is dropped, because its text may describe a person."""
    stripe_api.retrieve_verification_session.return_value = session(
        last_verification_report=report_id
    )

    assert kept == read(stripe_api, database).report_id


def test_session_without_status_is_unreadable(stripe_api: Mock, database: Mock) -> None:
    """The event stays open, and raises an alert in the end."""
    stripe_api.retrieve_verification_session.return_value = session(status=None)

    with pytest.raises(RejectedError, match="PAYLOAD_UNREADABLE"):
        read(stripe_api, database)


def send(stripe_api: Mock) -> Sent:
    return redaction.outbox_senders(stripe_api)["redact_identity"](ROW)


def test_redaction_is_sent_once(stripe_api: Mock) -> None:
    """A session under redaction is not sent again."""
    stripe_api.redact_verification_session.return_value = session(
        status="canceled", redaction={"status": "processing"}
    )
    sent = send(stripe_api)
    assert (SESSION, {"status": "processing"}) == (sent.stripe_object_id, sent.result)
    stripe_api.redact_verification_session.assert_called_once_with(
        SESSION, idempotency_key=f"redact_identity:{SESSION}:2"
    )

    stripe_api.reset_mock()
    stripe_api.retrieve_verification_session.return_value = session(
        redaction={"status": "redacted"}
    )
    assert {"status": "redacted"} == send(stripe_api).result
    stripe_api.redact_verification_session.assert_not_called()


def test_check_under_way_waits(stripe_api: Mock) -> None:
    """A redaction waits for a check, also if the check began during the call."""
    stripe_api.retrieve_verification_session.side_effect = [
        session(status="processing"),
        session(),
        session(status="processing"),
    ]
    stripe_api.redact_verification_session.side_effect = RejectedError("STRIPE_REFUSED")

    for _ in range(2):
        with pytest.raises(TransientError, match="VERIFICATION_UNDER_WAY"):
            send(stripe_api)


def test_refusal_of_a_redaction_is_looked_into(stripe_api: Mock) -> None:
    """A refused redaction succeeds if the session was redacted elsewhere; else it is final."""
    stripe_api.redact_verification_session.side_effect = RejectedError("STRIPE_REFUSED")
    stripe_api.retrieve_verification_session.side_effect = [
        session(),
        session(redaction={"status": "processing"}),
        session(),
        session(),
    ]

    assert {"status": "processing"} == send(stripe_api).result
    with pytest.raises(MarketError, match="STRIPE_REFUSED"):
        send(stripe_api)


def test_unreadable_session_stops_no_other(
    stripe_api: Mock, database: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unreadable session stops no other one."""
    stripe_api.retrieve_verification_session.side_effect = [
        RejectedError("RESOURCE_NOT_FOUND"),
        session(id="vs_2", status="processing"),
    ]
    applied = Mock()
    monkeypatch.setattr(repository, "claim_stale_verifications", lambda *_, **__: ["vs_1", "vs_2"])
    monkeypatch.setattr(repository, "handle_kyc_webhook_update", applied)

    assert 2 == reconciliation.reread_sessions(stripe_api, database, limit=5)

    [call] = applied.call_args_list
    assert ("vs_2", None) == (call.args[1].stripe_session_id, call.kwargs["event_id"])
