"""`market.payments.reconciliation`: payments whose events are lost are read from Stripe again."""

from typing import Any

import pytest

from market.errors import RejectedError, TransientError
from market.payments import reconciliation
from tests.support.factories import (
    BUYER_ID,
    ORDER_ID,
    effect,
    make_dispute,
    make_intent,
    make_refund,
)


NOW = 1_767_225_600
GONE = RejectedError("RESOURCE_NOT_FOUND")


def calls(database: Any, function: str) -> list[dict[str, Any]]:
    return [call.kwargs for call in database.call.call_args_list if call.args == (function,)]


def test_open_intent_is_read_and_recorded(stripe_api: Any, database: Any) -> None:
    """An open intent is read and applied as its event would be, for our payment's order."""
    claimed = [{"payment_intent_id": "pi_00001", "order_id": ORDER_ID}]
    database.call.side_effect = [claimed, effect("processed")]
    metadata = {"buyer_id": BUYER_ID, "dedupe_key": f"intent:{ORDER_ID}:1"}
    stripe_api.retrieve_payment_intent.return_value = make_intent(metadata=metadata)

    assert 1 == reconciliation.reread_intents(stripe_api, database, limit=7)

    assert [{"max_rows": 7}] == calls(database, "claim_open_intents")
    assert [
        {
            "order_id": ORDER_ID,
            "payment_intent_id": "pi_00001",
            "status": "succeeded",
            "charge_id": "ch_1",
            "amount_cents": 12_500,
            "currency": "aud",
            "buyer_id": BUYER_ID,
            "dedupe_key": f"intent:{ORDER_ID}:1",
        }
    ] == calls(database, "record_intent")


def test_intent_that_stripe_lacks_stops_no_other(stripe_api: Any, database: Any) -> None:
    """An intent that Stripe does not have stops no other one."""
    claimed = [{"payment_intent_id": f"pi_{n}", "order_id": ORDER_ID} for n in range(2)]
    database.call.side_effect = [claimed, effect("ignored")]
    stripe_api.retrieve_payment_intent.side_effect = [GONE, make_intent(id="pi_1", status="x")]

    assert 2 == reconciliation.reread_intents(stripe_api, database, limit=7)

    assert ["pi_1"] == [one["payment_intent_id"] for one in calls(database, "record_intent")]


def test_outage_of_stripe_ends_the_duty(stripe_api: Any, database: Any) -> None:
    """An outage ends the duty; the claims expire, and each intent is read later."""
    database.call.return_value = [{"payment_intent_id": "pi_1", "order_id": ORDER_ID}]
    stripe_api.retrieve_payment_intent.side_effect = TransientError("STRIPE_UNREACHABLE")

    with pytest.raises(TransientError):
        reconciliation.reread_intents(stripe_api, database, limit=7)


def test_pending_refund_is_read_and_recorded(stripe_api: Any, database: Any) -> None:
    """A refund that names no intent cannot be ours, and stops no other one."""
    database.call.side_effect = [["re_0", "re_1", "re_2"], effect("processed")]
    stripe_api.retrieve_refund.side_effect = [
        make_refund(payment_intent=None),
        GONE,
        make_refund(id="re_2"),
    ]

    assert 3 == reconciliation.reread_refunds(stripe_api, database, limit=7)

    assert [
        {
            "stripe_refund_id": "re_2",
            "outbox_id": "outbox-1",
            "payment_intent_id": "pi_00001",
            "amount_cents": 500,
            "status": "succeeded",
        }
    ] == calls(database, "record_refund")


def test_open_dispute_is_read_and_recorded(stripe_api: Any, database: Any) -> None:
    """A dispute that Stripe lacks stops no other one."""
    database.call.side_effect = [["du_0", "du_1"], effect("processed")]
    stripe_api.retrieve_dispute.side_effect = [GONE, make_dispute(status="won")]

    assert 2 == reconciliation.reread_disputes(stripe_api, database, limit=7)

    assert [("du_1", "won", 12_500)] == [
        (one["stripe_dispute_id"], one["status"], one["withdrawn_cents"])
        for one in calls(database, "record_dispute")
    ]


def test_only_our_open_intents_are_canceled(stripe_api: Any, database: Any) -> None:
    """Only open intents that no order uses are canceled, after an hour."""
    window = {"since": NOW - 900, "until": NOW - 10, "now": NOW, "is_newest": True}
    database.call.side_effect = [window, 1, True]
    ours = {"order_id": ORDER_ID, "dedupe_key": f"intent:{ORDER_ID}:1"}
    stripe_api.list_payment_intents_between.return_value = iter(
        [
            [
                make_intent(id="pi_open", status="requires_payment_method", metadata=ours),
                make_intent(id="pi_paid", status="succeeded", metadata=ours),
                make_intent(id="pi_else", status="requires_payment_method", metadata={}),
            ],
            [],
        ]
    )

    assert 1 == reconciliation.cancel_unused_intents(stripe_api, database)

    stripe_api.list_payment_intents_between.assert_called_once_with(
        since=NOW - 900 - 3600, until=NOW - 10 - 3600
    )
    assert [{"payment_intent_ids": ["pi_open"], "order_refs": [ORDER_ID]}] == calls(
        database, "discard_unattached_intents"
    )


def test_order_that_differs_is_read_whole(stripe_api: Any, database: Any) -> None:
    """An order that differs has its intent, refunds and disputes read again, oldest first."""
    claimed = [{"payment_intent_id": "pi_00001", "order_id": ORDER_ID}]
    database.call.side_effect = [claimed, *[effect("processed")] * 5]
    stripe_api.retrieve_payment_intent.return_value = make_intent()
    stripe_api.list_disputes.return_value = [make_dispute(id="du_2"), make_dispute(id="du_1")]
    stripe_api.list_refunds.return_value = [make_refund(id="re_2"), make_refund(id="re_1")]

    assert 1 == reconciliation.reread_differing_orders(stripe_api, database, limit=7)

    assert ["succeeded"] == [one["status"] for one in calls(database, "record_intent")]
    assert ["re_1", "re_2"] == [one["stripe_refund_id"] for one in calls(database, "record_refund")]
    assert ["du_1", "du_2"] == [
        one["stripe_dispute_id"] for one in calls(database, "record_dispute")
    ]


CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "payment_intent": "pi_1",
    "transfer_group": "group",
    "metadata": {"order_id": ORDER_ID},
}
TRANSACTION = {
    "id": "txn_1",
    "object": "balance_transaction",
    "amount": 12_500,
    "net": 12_257,
    "fee": 243,
    "currency": "aud",
    "created": NOW,
    "source": CHARGE,
}
RECORDED = {
    "id": "txn_1",
    "source_id": "ch_1",
    "kind": "charge",
    "amount_cents": 12_500,
    "currency": "aud",
    "payment_intent_id": "pi_1",
    "transfer_id": None,
    "order_ref": ORDER_ID,
    "created": NOW,
}


def read_balance(stripe_api: Any, database: Any, *transactions: Any) -> list[dict[str, Any]]:
    window = {"since": NOW - 900, "until": NOW - 10, "now": NOW, "is_newest": True}
    database.call.side_effect = lambda function, **_more: (
        window if function == "reading_window" else 1
    )
    stripe_api.list_balance_transactions.return_value = iter([list(transactions), []])
    reconciliation.read_balance(stripe_api, database)
    return [
        row
        for call in calls(database, "record_balance_transactions")
        for row in call["transactions"]
    ]


def test_movement_is_recorded_before_the_fee(stripe_api: Any, database: Any) -> None:
    """A movement is recorded without Stripe's fee."""
    assert [RECORDED] == read_balance(stripe_api, database, TRANSACTION)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (
            {"id": "re_1", "object": "refund", "payment_intent": "pi_1", "metadata": {}},
            {"source_id": "re_1", "kind": "refund", "order_ref": None},
        ),
        (
            {"id": "dp_1", "object": "dispute", "payment_intent": "pi_1"},
            {"source_id": "dp_1", "kind": "dispute", "order_ref": None},
        ),
        (
            {"id": "tr_1", "object": "transfer", "transfer_group": "group"},
            {
                "source_id": "tr_1",
                "kind": "transfer",
                "transfer_id": "tr_1",
                "payment_intent_id": None,
                "order_ref": "group",
            },
        ),
        (
            {"id": "trr_1", "object": "transfer_reversal", "transfer": "tr_1"},
            {
                "source_id": "trr_1",
                "kind": "transfer_reversal",
                "transfer_id": "tr_1",
                "payment_intent_id": None,
                "order_ref": None,
            },
        ),
    ],
)
def test_each_kind_of_source_leads_to_its_order(
    stripe_api: Any, database: Any, source: dict[str, Any], found: dict[str, Any]
) -> None:
    """Each kind of source leads to its order, by intent, transfer or metadata."""
    [row] = read_balance(stripe_api, database, TRANSACTION | {"source": source})

    assert RECORDED | found == row


@pytest.mark.parametrize(
    "changes",
    [
        {"source": None},
        {"source": "fee_1"},
        {"source": {"id": "po_1", "object": "payout"}},
        {"amount": "12"},
        {"amount": True},
        {"created": None},
        {"currency": "?"},
    ],
)
def test_movement_that_no_order_can_have_is_left_out(
    stripe_api: Any, database: Any, changes: dict[str, Any]
) -> None:
    """Fees, payouts to our bank and unreadable movements are skipped."""
    assert [RECORDED] == read_balance(stripe_api, database, TRANSACTION | changes, TRANSACTION)
