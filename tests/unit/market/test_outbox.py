"""`market.outbox`: sending and settling rows, and each kind of failure."""

from typing import Any

import pytest

from market import outbox
from market.errors import MarketError, RejectedError, TransientError
from market.outbox import OutboxRow, Sent
from tests.support.factories import ORDER_ID, make_outbox_row
from tests.support.metrics import count_of


CLAIMED = {
    "id": "outbox-1",
    "kind": "refund",
    "payload": {"payment_intent_id": "pi_00001", "order_id": ORDER_ID},
    "dedupe_key": "refund:1",
    "attempts": 3,
    "answered_errors": 2,
    "lease_token": "token-1",
    "order_id": ORDER_ID,
}
MAY = {"may_send": True, "stale": False, "reason": None}
DONE = {"stale": False, "status": "done", "alerts": []}


def send(_row: OutboxRow) -> Sent:
    return Sent(stripe_object_id="re_1", result={"status": "pending"})


def never(row: OutboxRow) -> Sent:
    pytest.fail(f"sent {row.id}")


def called(database: Any) -> list[str]:
    return [call.args[0] for call in database.call.call_args_list]


def test_row_is_sent_and_finished(database: Any) -> None:
    """A claimed row is permitted, sent and finished with Stripe's result."""
    database.call.side_effect = [[CLAIMED], MAY, DONE]
    sent = []

    def note(row: OutboxRow) -> Sent:
        sent.append(row)
        return send(row)

    assert 1 == outbox.drain(database, {"refund": note}, limit=5)
    assert ["claim_outbox", "claim_send_permission", "finish_outbox"] == called(database)
    assert {
        "outbox_id": "outbox-1",
        "lease_token": "token-1",
        "stripe_object_id": "re_1",
        "result": {"status": "pending"},
    } == database.call.call_args.kwargs
    assert ["refund:1:2"] == [row.idempotency_key for row in sent]


def test_payload_is_the_one_that_the_permission_fixed(database: Any) -> None:
    """The amount of a transfer is known only under the order's lock."""
    database.call.side_effect = [[CLAIMED], MAY | {"payload": {"amount_cents": 7}}, DONE]
    sent = []

    def note(row: OutboxRow) -> Sent:
        sent.append(row)
        return send(row)

    outbox.drain(database, {"refund": note}, limit=5)

    assert [{"amount_cents": 7}] == [row.payload for row in sent]


@pytest.mark.parametrize("reason", ["REFUND_IS_SETTLED", None])
def test_row_that_may_not_go_out_is_left(database: Any, reason: str | None) -> None:
    """A row that was canceled, or that another worker has leased by now, is not sent."""
    database.call.side_effect = [[CLAIMED], {"may_send": False, "stale": True, "reason": reason}]

    assert 1 == outbox.drain(database, {"refund": never}, limit=5)
    assert ["claim_outbox", "claim_send_permission"] == called(database)


@pytest.mark.parametrize(
    ("error", "function", "code"),
    [
        (TransientError("STRIPE_UNREACHABLE"), "fail_outbox", "STRIPE_UNREACHABLE"),
        (TransientError("STRIPE_ERROR"), "fail_outbox", "STRIPE_ERROR"),
        (MarketError("STRIPE_ERROR"), "fail_outbox", "STRIPE_ERROR"),
        (RejectedError("STRIPE_REFUSED"), "reject_outbox", "STRIPE_REFUSED"),
    ],
)
def test_failure_is_recorded(database: Any, error: Exception, function: str, code: str) -> None:
    """A refusal of Stripe ends the row, and another failure is retried later."""
    database.call.side_effect = [[CLAIMED], MAY, DONE]

    def fail(_row: OutboxRow) -> Sent:
        raise error

    outbox.drain(database, {"refund": fail}, limit=5)

    assert function == called(database)[-1]
    assert {
        "outbox_id": "outbox-1",
        "lease_token": "token-1",
        "error_code": code,
    } == database.call.call_args.kwargs


def test_unknown_kind_is_left_to_newer_workers(database: Any) -> None:
    """A row of an unknown kind is left to workers of the next release."""
    database.call.side_effect = [[CLAIMED], MAY, DONE]

    outbox.drain(database, {}, limit=5)

    assert "UNKNOWN_KIND" == database.call.call_args.kwargs["error_code"]


def test_one_failure_holds_up_no_other(database: Any) -> None:
    """A failed row does not stop the batch."""
    other = CLAIMED | {"id": "outbox-2", "kind": "other"}
    database.call.side_effect = [[other, CLAIMED], MAY, DONE, MAY, DONE]

    assert 2 == outbox.drain(database, {"refund": send}, limit=5)
    assert ["fail_outbox", "claim_send_permission", "finish_outbox"] == called(database)[2:]


def test_row_that_wakes_a_bug_is_failed(database: Any) -> None:
    """A row whose sender has a bug is failed like any other, and the worker goes on."""
    database.call.side_effect = [[CLAIMED], MAY, DONE]

    def crash(row: OutboxRow) -> Sent:
        raise KeyError(row.id)

    assert 1 == outbox.drain(database, {"refund": crash}, limit=5)
    assert "fail_outbox" == called(database)[-1]
    assert "INTERNAL_ERROR" == database.call.call_args.kwargs["error_code"]


@pytest.mark.parametrize("error", [MarketError("DATABASE_ERROR"), RejectedError("CONFLICT")])
def test_row_that_cannot_be_closed_holds_up_no_other(database: Any, error: Exception) -> None:
    """A row that cannot be finished raises an alert and stops no other row."""
    before = count_of("alerts", alert="outbox_row_not_closed")
    other = CLAIMED | {"id": "outbox-2"}
    database.call.side_effect = [[CLAIMED, other], MAY, error, MAY, DONE]

    assert 2 == outbox.drain(database, {"refund": send}, limit=5)
    assert [
        "claim_send_permission",
        "finish_outbox",
        "claim_send_permission",
        "finish_outbox",
    ] == called(database)[1:]
    assert before + 1 == count_of("alerts", alert="outbox_row_not_closed")


def test_dead_row_is_an_alert(database: Any) -> None:
    """A row without tries left, or refused for good, raises an alert."""
    before = count_of("alerts", alert="outbox_row_dead")
    database.call.side_effect = [[CLAIMED], MAY, DONE | {"alerts": ["outbox_row_dead"]}, 1]

    outbox.drain(database, {}, limit=5)

    assert before + 1 == count_of("alerts", alert="outbox_row_dead")
    assert {"subject": "outbox-1", "names": ["outbox_row_dead"]} == database.call.call_args.kwargs


def test_alert_of_a_lost_answer_is_raised_with_the_next_try(database: Any) -> None:
    """An earlier try closed the row and lost its answer; the permission answers its alerts."""
    before = count_of("alerts", alert="outbox_row_rejected")
    permission = {"may_send": False, "stale": True, "alerts": ["outbox_row_rejected"]}
    database.call.side_effect = [[CLAIMED], permission, 1]

    outbox.drain(database, {"refund": never}, limit=5)

    assert before + 1 == count_of("alerts", alert="outbox_row_rejected")
    assert "confirm_alerts" == called(database)[-1]


def test_lost_lease_is_no_matter(database: Any) -> None:
    """A lost lease is no failure; its new holder finds our object at Stripe."""
    database.call.side_effect = [[CLAIMED], MAY, {"stale": True}]

    assert 1 == outbox.drain(database, {"refund": send}, limit=5)


def test_unrecorded_result_is_left_to_the_lease(database: Any) -> None:
    """A row that was sent and not closed comes back, under the same key."""
    database.call.side_effect = [[CLAIMED], MAY, TransientError("DATABASE_UNREACHABLE")]

    with pytest.raises(TransientError):
        outbox.drain(database, {"refund": send}, limit=5)

    assert "finish_outbox" == called(database)[-1]


@pytest.mark.parametrize(
    ("order_id", "expected"),
    [
        (
            ORDER_ID,
            {"outbox_id": "outbox-1", "dedupe_key": "refund:1", "order_id": ORDER_ID},
        ),
        (None, {"outbox_id": "outbox-1", "dedupe_key": "refund:1"}),
    ],
)
def test_object_is_marked_with_its_row(order_id: str | None, expected: dict[str, str]) -> None:
    """By its metadata an object is found again when its key is long forgotten."""
    assert expected == make_outbox_row(order_id=order_id).metadata


def test_missing_entry_of_a_payload_is_told() -> None:
    """A row with an unreadable payload is failed, and the worker goes on."""
    with pytest.raises(MarketError) as caught:
        make_outbox_row(payload={}).value("amount_cents")

    assert ("BAD_PAYLOAD", "amount_cents") == (caught.value.code, caught.value.detail)


def crash(_row: OutboxRow) -> Sent:
    raise KeyError("bug")


def reject(_row: OutboxRow) -> Sent:
    raise RejectedError("STRIPE_REFUSED")


def fail(_row: OutboxRow) -> Sent:
    raise TransientError("STRIPE_UNREACHABLE")


@pytest.mark.parametrize(
    ("sender", "result"),
    [(send, "sent"), (reject, "rejected"), (fail, "failed"), (crash, "crashed")],
)
def test_each_try_is_counted(database: Any, sender: Any, result: str) -> None:
    """A rising share of failures shows a fault long before a row is dead."""
    before = count_of("outbox_rows", kind="refund", result=result)
    database.call.side_effect = [[CLAIMED], MAY, DONE]

    outbox.drain(database, {"refund": sender}, limit=5)

    assert before + 1 == count_of("outbox_rows", kind="refund", result=result)


def test_kind_of_a_newer_database_is_no_label(database: Any) -> None:
    """The labels are the kinds that this version sends."""
    before = count_of("outbox_rows", kind="unknown", result="failed")
    database.call.side_effect = [[CLAIMED | {"kind": "of_tomorrow"}], MAY, DONE]

    outbox.drain(database, {"refund": never}, limit=5)

    assert before + 1 == count_of("outbox_rows", kind="unknown", result="failed")


@pytest.mark.parametrize(
    "answers", [[MAY, {"stale": True}], [{"may_send": False, "stale": True, "reason": None}]]
)
def test_lost_lease_is_counted(database: Any, answers: list[Any]) -> None:
    """Many lost leases mean that the lease is too short for the work."""
    before = count_of("leases_lost", queue="outbox")
    database.call.side_effect = [[CLAIMED], *answers]

    outbox.drain(database, {"refund": send}, limit=5)

    assert before + 1 == count_of("leases_lost", queue="outbox")
