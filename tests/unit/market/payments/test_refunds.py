"""`market.payments.refunds`: the calls to Stripe for a row of the outbox."""

from typing import Any

import pytest

from market.errors import MarketError, RejectedError, TransientError
from market.outbox import Sent
from market.payments.refunds import outbox_senders
from market.stripe_api import StripeApi
from tests.support.factories import ORDER_ID, make_intent, make_outbox_row, make_refund
from tests.unit.specs import spec_of


@pytest.fixture
def stripe_api() -> Any:
    stripe_api = spec_of(StripeApi)
    stripe_api.list_refunds.return_value = []
    return stripe_api


def send(stripe_api: Any, **changes: Any) -> Sent:
    row = make_outbox_row(**changes)
    return outbox_senders(stripe_api)[row.kind](row)


@pytest.mark.parametrize("kind", ["refund", "auto_refund"])
def test_refund_is_sent_under_its_key(stripe_api: Any, kind: str) -> None:
    """Amount and intent come from the row, and the refund says which row it is for."""
    stripe_api.create_refund.return_value = make_refund(status="pending")

    sent = send(stripe_api, kind=kind, answered_errors=2)

    assert Sent(stripe_object_id="re_1", result={"status": "pending"}) == sent
    stripe_api.create_refund.assert_called_once_with(
        {
            "payment_intent": "pi_00001",
            "amount": 500,
            "metadata": {
                "outbox_id": "outbox-1",
                "dedupe_key": "refund:1",
                "order_id": ORDER_ID,
            },
        },
        idempotency_key="refund:1:2",
    )


@pytest.mark.parametrize("status", ["succeeded", "pending", "failed"])
def test_refund_that_was_made_is_not_made_again(stripe_api: Any, status: str) -> None:
    """A row finds the refund that it made earlier, in any state, as after a restore."""
    stripe_api.list_refunds.return_value = [
        make_refund(id="re_0", metadata=None),
        make_refund(id="re_2", metadata={"dedupe_key": "refund:2"}),
        make_refund(id="re_1", status=status),
    ]

    sent = send(stripe_api)

    assert Sent(stripe_object_id="re_1", result={"status": status}) == sent
    stripe_api.create_refund.assert_not_called()


def test_refund_is_not_sent_blindly(stripe_api: Any) -> None:
    """No refund is sent if Stripe's refunds cannot be listed."""
    stripe_api.list_refunds.side_effect = TransientError("STRIPE_UNREACHABLE")

    with pytest.raises(TransientError):
        send(stripe_api)

    stripe_api.create_refund.assert_not_called()


@pytest.mark.parametrize(
    "status",
    ["requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"],
)
def test_open_intent_is_canceled(stripe_api: Any, status: str) -> None:
    """An open intent is canceled."""
    stripe_api.retrieve_payment_intent.return_value = make_intent(status=status)
    stripe_api.cancel_payment_intent.return_value = make_intent(status="canceled")

    sent = send(stripe_api, kind="cancel_intent", dedupe_key="cancel_intent:pi_00001")

    assert Sent(stripe_object_id="pi_00001", result={"status": "canceled"}) == sent
    stripe_api.cancel_payment_intent.assert_called_once_with(
        "pi_00001", idempotency_key="cancel_intent:pi_00001:0"
    )


def test_canceled_intent_is_done_with(stripe_api: Any) -> None:
    """A canceled intent is not canceled again."""
    stripe_api.retrieve_payment_intent.return_value = make_intent(status="canceled")

    sent = send(stripe_api, kind="cancel_intent")

    assert Sent(stripe_object_id="pi_00001", result={"status": "canceled"}) == sent
    stripe_api.cancel_payment_intent.assert_not_called()


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        ("succeeded", RejectedError, "INTENT_SUCCEEDED"),
        ("processing", TransientError, "INTENT_UNDECIDED"),
    ],
)
def test_intent_that_cannot_be_canceled_is_left(
    stripe_api: Any, status: str, kind: type[MarketError], code: str
) -> None:
    """A paid or processing intent is not canceled."""
    stripe_api.retrieve_payment_intent.return_value = make_intent(status=status)

    with pytest.raises(MarketError) as caught:
        send(stripe_api, kind="cancel_intent")

    assert (kind, code) == (caught.type, caught.value.code)
    stripe_api.cancel_payment_intent.assert_not_called()


@pytest.mark.parametrize("kind", ["refund", "auto_refund", "cancel_intent"])
def test_row_without_an_intent_is_told(stripe_api: Any, kind: str) -> None:
    """A row without an intent fails without a call of Stripe."""
    with pytest.raises(MarketError, match="BAD_PAYLOAD"):
        send(stripe_api, kind=kind, payload={})

    assert [] == stripe_api.mock_calls


@pytest.mark.parametrize("value", [None, 7, [], {}, "", "x" * 256])
@pytest.mark.parametrize("kind", ["refund", "cancel_intent"])
def test_answer_without_a_status_is_sent_all_the_same(
    stripe_api: Any, kind: str, value: Any
) -> None:
    """An answer without a status is passed on; SQL takes it for pending or open."""
    stripe_api.list_refunds.return_value = [make_refund(id="re_0", metadata=value)]
    stripe_api.create_refund.return_value = make_refund(status=value)
    stripe_api.retrieve_payment_intent.return_value = make_intent(status=value)
    stripe_api.cancel_payment_intent.return_value = make_intent(status=value)

    sent = send(stripe_api, kind=kind)

    assert {"status": None} == sent.result
