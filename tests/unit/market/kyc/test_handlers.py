"""`market.kyc.handlers`: the effect of an event about an Identity session."""

from typing import Any

import pytest

from market import inbox
from market.inbox import Outcome
from market.kyc.handlers import stripe_handlers
from market.stripe_api import StripeApi
from tests.support.factories import effect, make_event
from tests.unit.specs import spec_of


CREATED = 1_767_225_600
VERIFIED = "identity.verification_session.verified"


@pytest.fixture
def stripe_api() -> Any:
    stripe_api = spec_of(StripeApi)
    stripe_api.retrieve_verification_session.return_value = {
        "id": "vs_1",
        "status": "processing",
        "metadata": {"user_id": "u-1"},
    }
    return stripe_api


def handle(stripe_api: Any, database: Any, data: dict[str, Any]) -> Outcome:
    event = make_event(type=VERIFIED, data=data, created=CREATED)
    return inbox.handle(database, event, stripe_handlers(stripe_api, database))


def test_session_is_read_again(stripe_api: Any, database: Any) -> None:
    """Events may arrive out of order, so the present state is applied, under the event's id."""
    database.call.side_effect = [{"read_number": 7, "address": None}, effect()]

    outcome = handle(stripe_api, database, {"id": "vs_1", "status": "verified"})

    assert Outcome.PROCESSED == outcome
    applied = database.call.call_args
    assert ("handle_kyc_webhook_update",) == applied.args
    assert ("evt_1", CREATED, "vs_1", "processing", 7) == tuple(
        applied.kwargs[f"p_{name}"]
        for name in ("event_id", "event_created", "stripe_session_id", "status", "read_number")
    )


@pytest.mark.parametrize("data", [{"id": "vs_9"}, {"id": None}, {}])
def test_unknown_session_is_ignored(stripe_api: Any, database: Any, data: dict[str, Any]) -> None:
    """Stripe is not called about a session that no user has."""
    database.call.side_effect = lambda function, **_: (
        {"read_number": None, "address": None}
        if function == "begin_verification_read"
        else effect("ignored")
    )

    assert Outcome.IGNORED == handle(stripe_api, database, data)
    stripe_api.retrieve_verification_session.assert_not_called()
    assert "session_unknown" == database.call.call_args.kwargs["reason"]
