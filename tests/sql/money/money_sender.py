"""A worker that sends outbox rows to Stripe, with possible faults."""

import itertools
import json
from typing import Any
from uuid import UUID

from tests.sql.money.bank import BankRefund, BankReversal, BankTransfer, Intent
from tests.sql.money.money_harness import Event, MoneyHarness
from tests.sql.money.records import Order, Payment, Refund


#: done, slow: Stripe does it, and a refund succeeds at once or later. lost: Stripe does it, and its
#: answer is lost. killed: the worker ends before it sends. The others are errors.
OUTCOMES = ("done", "slow", "lost", "killed", "error", "unreachable", "poor")
CODES = {
    "error": "STRIPE_ERROR",
    "unreachable": "STRIPE_UNREACHABLE",
    "poor": "STRIPE_BALANCE_INSUFFICIENT",
}
LEASE_S = 60


class MoneySender:
    """Sends due rows, in the database and in the oracle."""

    def __init__(self, harness: MoneyHarness) -> None:
        self.harness = harness
        self.market = harness.market
        self.transfers: list[BankTransfer] = []
        #: Reversals that the seller's account did not cover; the seller's transfers wait for them.
        self.unpaid: set[str] = set()
        self.tokens: dict[str, str] = {}
        self.late: list[tuple[dict[str, Any], str, dict[str, Any]]] = []

    def send(self, outcomes: list[str]) -> int:
        """Claim and send all due rows, each with one of these outcomes; return their number."""
        self.harness.learn_outbox_ids()
        rows = self.harness.service.call("claim_outbox", max_rows=100, lease_s=LEASE_S)
        # Ids are random, and a run with the same seed must be the same.
        for row, outcome in zip(
            sorted(rows, key=self._place_of), itertools.cycle(outcomes), strict=False
        ):
            self.tokens[row["id"]] = row["lease_token"]
            if outcome != "killed":
                self._send(row, outcome)
            self.harness.count(f"{row['kind']} {outcome}")
        return len(rows)

    def send_all(self) -> None:
        """Send all due rows without faults, and also those that were dead."""
        query = "select id from public.outbox where status = 'dead' order by id"
        for (outbox_id,) in self.harness.owner.execute(query).fetchall():
            reason = "Tried again by a test of the oracle"
            self.harness.service.call("requeue_outbox", outbox_id=outbox_id, reason=reason)
        while self.send(["done"]):
            pass

    def _place_of(self, row: dict[str, Any]) -> tuple[str, list[int], str, int]:
        """Return a key by which rows are sorted, without any of the ids that the database makes."""
        ids = [str(order_id) for order_id in self.market.orders]
        refunds = [refund for order in self.market.orders.values() for refund in order.refunds]
        payload = row["payload"]
        return (
            row["kind"],
            [ids.index(row["order_id"])]
            + [i for i, refund in enumerate(refunds) if refund.outbox_id == row["id"]],
            str(payload.get("payment_intent_id") or payload.get("transfer_id")),
            payload.get("amount_cents", 0),
        )

    def answer_late(self, which: int) -> None:
        """Let a delayed worker report Stripe's answer."""
        row, stripe_id, result = self.late.pop(which % len(self.late))
        answer = self._finish(row, stripe_id, result)
        assert answer["stale"] or self.tokens[row["id"]] == row["lease_token"]
        self.harness.count("late answer: " + ("stale" if answer["stale"] else "taken"))

    def forget_paid(self) -> None:
        """Note which reversals went through after all, by Stripe's events."""
        made = {
            reversal.outbox_id
            for transfer in self.transfers
            for reversal in transfer.reversals
            if reversal.id in self._known_reversals(transfer)
        }
        self.unpaid -= {outbox_id for outbox_id in made if outbox_id is not None}

    def _send(self, row: dict[str, Any], outcome: str) -> None:
        answer = self.harness.service.call("claim_send_permission", **_lease(row))
        assert not answer["stale"]
        send = {
            "refund": self._send_refund,
            "auto_refund": self._send_refund,
            "cancel_intent": self._cancel_intent,
            "transfer": self._send_transfer,
            "transfer_reversal": self._send_reversal,
        }[row["kind"]]
        send(row, answer, outcome)

    def _send_refund(self, row: dict[str, Any], answer: dict[str, Any], outcome: str) -> None:
        order, payment, refund = self._refund(row["id"])
        assert answer["may_send"] == (refund.status == "pending")
        if not answer["may_send"]:
            return
        intent = self._intent(payment.intent_id)
        made = next((r for r in intent.refunds if r.outbox_id == row["id"]), None)
        if made is None and outcome in CODES:
            self._fail(row, outcome)
            return
        if made is None and intent.refundable < refund.cents:
            self.market.refused(refund, order, payment, self.harness.now)
            self._reject(row)
            return
        if made is None:
            status = "pending" if outcome == "slow" else "succeeded"
            made = BankRefund(
                id=self.harness.new_id("re"),
                cents=refund.cents,
                outbox_id=row["id"],
                history=[status],
            )
            intent.refunds.append(made)
            self.harness.events.append(Event(kind="refund", intent=intent, subject=made))
        self._answer(row, outcome, made.id, {"status": made.status})

    def _cancel_intent(self, row: dict[str, Any], answer: dict[str, Any], outcome: str) -> None:
        intent = self._intent(row["payload"]["payment_intent_id"])
        known = self.market.payment(intent.id)
        assert answer["may_send"] == (known is None or not known[1].is_captured)
        if not answer["may_send"]:
            return
        if outcome in CODES:
            self._fail(row, outcome)
        elif intent.status == "succeeded":
            self._reject(row)
        else:
            if intent.status == "open":
                intent.status = "canceled"
                self.harness.events.append(Event(kind="canceled", intent=intent))
            self._answer(row, outcome, intent.id, {"status": "canceled"})

    def _send_transfer(self, row: dict[str, Any], answer: dict[str, Any], outcome: str) -> None:
        order = self.market.orders[UUID(row["order_id"])]
        must_wait = not self.market.is_seller_ready or bool(self.unpaid)
        is_refused = self.market.transfer_refusal(order)
        assert answer["may_send"] == (not is_refused and not must_wait), answer
        if not answer["may_send"]:
            return
        made = next((t for t in self.transfers if t.outbox_id == row["id"]), None)
        if made is None and outcome in CODES:
            self._fail(row, outcome)
            return
        if made is None:
            assert answer["payload"]["amount_cents"] == self.market.due(order)
            made = self.transfer(order, self.market.due(order), row["id"], row["dedupe_key"])
        self._answer(row, outcome, made.id, {"amount_cents": made.cents})

    def _send_reversal(self, row: dict[str, Any], answer: dict[str, Any], outcome: str) -> None:
        order = self.market.orders[UUID(row["order_id"])]
        excess = order.transferred - order.money().final_seller_part
        assert not answer["may_send"] or excess > 0
        if not answer["may_send"]:
            self.unpaid.discard(row["id"])
            return
        cents = answer["payload"]["amount_cents"]
        transfer = next(t for t in self.transfers if t.id == row["payload"]["transfer_id"])
        assert 0 < cents <= min(excess, order.transfers[transfer.id].left)
        made = next((r for r in transfer.reversals if r.outbox_id == row["id"]), None)
        if made is None and outcome in CODES:
            self._fail(row, outcome)
            if outcome == "poor":
                self.unpaid.add(row["id"])
            return
        if made is None and transfer.left < cents:
            self._reject(row)
            return
        made = made or self.reverse(transfer, cents, row["id"], row["dedupe_key"])
        self._answer(row, outcome, made.id, {"amount_cents": made.cents})

    def transfer(
        self, order: Order, cents: int, outbox_id: str | None, dedupe_key: str | None
    ) -> BankTransfer:
        """Make a transfer at Stripe."""
        made = BankTransfer(
            id=self.harness.new_id("tr"),
            order_id=order.id,
            cents=cents,
            outbox_id=outbox_id,
            dedupe_key=dedupe_key,
        )
        self.transfers.append(made)
        self._add_event(made)
        return made

    def reverse(
        self, transfer: BankTransfer, cents: int, outbox_id: str | None, dedupe_key: str | None
    ) -> BankReversal:
        """Reverse a part of a transfer at Stripe."""
        made = BankReversal(
            id=self.harness.new_id("trr"), cents=cents, outbox_id=outbox_id, dedupe_key=dedupe_key
        )
        transfer.reversals.append(made)
        self._add_event(transfer)
        return made

    def _add_event(self, transfer: BankTransfer) -> None:
        settling = self.market.orders[transfer.order_id].settling
        assert settling is not None
        self.harness.events.append(
            Event(kind="transfer", intent=self._intent(settling.intent_id), subject=transfer)
        )

    def _answer(
        self, row: dict[str, Any], outcome: str, stripe_id: str, result: dict[str, Any]
    ) -> None:
        """Report what Stripe has done, now or later."""
        if outcome == "lost":
            self.late.append((row, stripe_id, result))
        else:
            assert not self._finish(row, stripe_id, result)["stale"]

    def _finish(
        self, row: dict[str, Any], stripe_id: str, result: dict[str, Any]
    ) -> dict[str, Any]:
        answer: dict[str, Any] = self.harness.service.call(
            "finish_outbox",
            **_lease(row),
            stripe_object_id=stripe_id,
            result=json.dumps(result),
        )
        if not answer["stale"]:
            self._apply(row, stripe_id, result)
        return answer

    def _apply(self, row: dict[str, Any], stripe_id: str, result: dict[str, Any]) -> None:
        """Apply Stripe's answer to the oracle."""
        now = self.harness.now
        match row["kind"]:
            case "refund" | "auto_refund":
                _, payment, _ = self._refund(row["id"])
                intent = self._intent(payment.intent_id)
                made = next(r for r in intent.refunds if r.id == stripe_id)
                self.market.refunded(intent, made, result["status"], now, is_event=False)
            case "cancel_intent":
                intent = self._intent(stripe_id)
                self.market.canceled(self.market.orders[intent.order_id], intent)
            case "transfer":
                made_transfer = next(t for t in self.transfers if t.id == stripe_id)
                self.market.sent(made_transfer)
            case "transfer_reversal":
                transfer_id = row["payload"]["transfer_id"]
                transfer = next(t for t in self.transfers if t.id == transfer_id)
                made_reversal = next(r for r in transfer.reversals if r.id == stripe_id)
                ours = self.market.orders[transfer.order_id].transfers[transfer_id]
                ours.reversals[stripe_id] = made_reversal.cents
                self.unpaid.discard(row["id"])

    def _fail(self, row: dict[str, Any], outcome: str) -> None:
        answer = self.harness.service.call("fail_outbox", **_lease(row), error_code=CODES[outcome])
        assert not answer["stale"]

    def _reject(self, row: dict[str, Any]) -> None:
        answer = self.harness.service.call(
            "reject_outbox", **_lease(row), error_code="STRIPE_REFUSED"
        )
        assert not answer["stale"]

    def _refund(self, outbox_id: str) -> tuple[Order, Payment, Refund]:
        return next(
            (order, payment, refund)
            for order in self.market.orders.values()
            for payment in order.payments.values()
            for refund in payment.refunds
            if refund.outbox_id == outbox_id
        )

    def _intent(self, intent_id: str) -> Intent:
        return next(intent for intent in self.harness.intents if intent.id == intent_id)

    def _known_reversals(self, transfer: BankTransfer) -> set[str]:
        ours = self.market.orders[transfer.order_id].transfers.get(transfer.id)
        return set() if ours is None else set(ours.reversals)


def _lease(row: dict[str, Any]) -> dict[str, Any]:
    return {"outbox_id": row["id"], "lease_token": row["lease_token"]}
