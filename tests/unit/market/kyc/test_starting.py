"""`market.kyc.verification.start`: one session per user, whatever answers get lost."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from market.database import Database
from market.errors import MarketError, RejectedError, TransientError
from market.kyc import verification
from market.kyc.types import Profile
from market.stripe_api import StripeApi
from tests.unit.specs import spec_of


USER = "7b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22"
ID = "00000000-0000-0000-0000-000000000001"
PROFILE = Profile(legal_name="Jo", dob="1990-01-01", address={})
CONFLICT = {"success": False, "code": "CONFLICT", "error": "No"}


def begun(session_id: str | None = None, errors: int = 0) -> dict[str, Any]:
    return {
        "success": True,
        "verification_id": ID,
        "stripe_session_id": session_id,
        "answered_errors": errors,
    }


def attached(session_id: str = "vs_1") -> dict[str, Any]:
    return {"success": True, "stripe_session_id": session_id}


def session(session_id: str = "vs_1", **changes: Any) -> dict[str, Any]:
    usual = {
        "id": session_id,
        "status": "requires_input",
        "metadata": {"user_id": USER},
        "redaction": None,
        "client_secret": "secret",
        "url": "https://verify.stripe.test",
    }
    return usual | changes


@pytest.fixture
def stripe_api() -> Any:
    stripe_api = spec_of(StripeApi)
    stripe_api.list_verification_sessions.return_value = iter([])
    stripe_api.create_verification_session.return_value = session()
    stripe_api.retrieve_verification_session.side_effect = session
    return stripe_api


@pytest.fixture
def database() -> Any:
    database = create_autospec(Database, instance=True)
    database.call.side_effect = [begun(), attached()]
    return database


def start(stripe_api: Any, database: Any) -> Any:
    return verification.start(stripe_api, database, PROFILE, user_id=USER, site="https://shop.test")


def keys(stripe_api: Any) -> list[str]:
    calls = stripe_api.create_verification_session.call_args_list
    return [call.kwargs["idempotency_key"] for call in calls]


def attempts(database: Any) -> list[str]:
    """Return the sessions that were to be attached."""
    calls = [call for call in database.call.call_args_list if call.args[0] == "attach_verification"]
    return [call.kwargs["stripe_session_id"] for call in calls]


def test_first_start_makes_the_session(stripe_api: Any, database: Any) -> None:
    """D11: the session takes three types of document, and names the user for the way back."""
    opened = start(stripe_api, database)

    assert ("vs_1", "secret", "https://verify.stripe.test") == (
        opened.stripe_session_id,
        opened.client_secret,
        opened.url,
    )
    assert "secret" not in repr(opened)
    [call] = stripe_api.create_verification_session.call_args_list
    assert {
        "type": "document",
        "options": {"document": {"allowed_types": ["driving_license", "passport", "id_card"]}},
        "client_reference_id": USER,
        "metadata": {"user_id": USER},
        "return_url": "https://shop.test/account?kyc=returned",
    } == call.args[0]
    assert [f"kyc:{ID}:0"] == keys(stripe_api)


@pytest.mark.parametrize(
    ("listed", "is_used"),
    [
        (session("vs_0"), True),
        (session("vs_0", status="processing"), True),
        (session("vs_0", metadata={"user_id": "another"}), False),
        (session("vs_0", metadata={}), False),
        (session("vs_0", status="canceled"), False),
        (session("vs_0", redaction={"status": "processing"}), False),
    ],
)
def test_lost_session_is_found(
    stripe_api: Any, database: Any, listed: dict[str, Any], *, is_used: bool
) -> None:
    """An open session of the same user is used, even if its answer was lost."""
    stripe_api.list_verification_sessions.return_value = iter([listed])
    database.call.side_effect = [begun(), attached("vs_0" if is_used else "vs_1")]

    start(stripe_api, database)

    assert ["vs_0" if is_used else "vs_1"] == attempts(database)
    assert ([] if is_used else [f"kyc:{ID}:0"]) == keys(stripe_api)


def test_session_of_an_earlier_verification_is_passed_over(stripe_api: Any, database: Any) -> None:
    """A session that the database knows already is not used again."""
    stripe_api.list_verification_sessions.return_value = iter([session("vs_0")])
    database.call.side_effect = [begun(), CONFLICT, attached()]

    assert "vs_1" == start(stripe_api, database).stripe_session_id
    assert ["vs_0", "vs_1"] == attempts(database)


def test_deleted_user_gets_no_session(stripe_api: Any, database: Any) -> None:
    """A refusal for the user ends the start."""
    deleted = {"success": False, "code": "PROFILE_NOT_FOUND", "error": "No"}
    database.call.side_effect = [begun(), deleted]

    with pytest.raises(RejectedError, match="PROFILE_NOT_FOUND"):
        start(stripe_api, database)

    stripe_api.retrieve_verification_session.assert_not_called()


def test_concurrent_start_gives_the_attached_session(stripe_api: Any, database: Any) -> None:
    """A slower start returns the session that the faster one attached."""
    database.call.side_effect = [begun(), attached("vs_9")]

    assert "vs_9" == start(stripe_api, database).stripe_session_id


def test_answered_error_moves_the_key_on(stripe_api: Any, database: Any) -> None:
    """Stripe would replay the error; the second beginning has another key."""
    stripe_api.create_verification_session.side_effect = [
        TransientError("STRIPE_ERROR"),
        session(),
    ]
    counted = {"success": True, "answered_errors": 1}
    database.call.side_effect = [begun(), counted, begun(errors=1), attached()]

    start(stripe_api, database)

    assert [f"kyc:{ID}:0", f"kyc:{ID}:1"] == keys(stripe_api)


@pytest.mark.parametrize("code", ["STRIPE_UNREACHABLE", "STRIPE_RATE_LIMITED"])
def test_missing_answer_keeps_the_key(stripe_api: Any, database: Any, code: str) -> None:
    """After a missing answer the key stays, so that the caller can repeat the call."""
    stripe_api.create_verification_session.side_effect = TransientError(code)

    with pytest.raises(MarketError, match=code):
        start(stripe_api, database)

    assert ["begin_verification"] == [call.args[0] for call in database.call.call_args_list]


def test_refused_parameters_are_final(stripe_api: Any, database: Any) -> None:
    """A refusal is counted, and not retried at once."""
    stripe_api.create_verification_session.side_effect = RejectedError("STRIPE_REFUSED")
    database.call.side_effect = [begun(), {"success": True, "answered_errors": 1}]

    with pytest.raises(RejectedError, match="STRIPE_REFUSED"):
        start(stripe_api, database)


def test_ended_session_is_recorded_and_replaced(stripe_api: Any, database: Any) -> None:
    """An ended session is recorded before its event, and replaced."""
    canceled = session("vs_0", status="canceled")
    stripe_api.retrieve_verification_session.side_effect = [canceled, canceled, session()]
    applied: dict[str, Any] = {"outcome": "processed", "order_id": None, "alerts": []}
    database.call.side_effect = [
        begun("vs_0"),
        {"read_number": 1, "address": None},
        applied,
        begun(),
        attached(),
    ]

    assert "vs_1" == start(stripe_api, database).stripe_session_id
    recorded = database.call.call_args_list[2]
    assert ("handle_kyc_webhook_update", "canceled", None) == (
        recorded.args[0],
        recorded.kwargs["p_status"],
        recorded.kwargs["p_event_id"],
    )


def test_session_that_never_opens_is_given_up(stripe_api: Any, database: Any) -> None:
    """A start ends after its tries if the session contradicts our row."""
    stripe_api.retrieve_verification_session.side_effect = lambda *_, **__: session(
        status="verified"
    )
    ignored: dict[str, Any] = {"outcome": "ignored", "order_id": None, "alerts": []}
    database.call.side_effect = [begun("vs_1"), {"read_number": 1, "address": None}, ignored] * 3

    with pytest.raises(TransientError, match="STRIPE_CONFLICT"):
        start(stripe_api, database)
