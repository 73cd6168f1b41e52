"""The checks of `make chaos` pass on a correct market, and find each planted error."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.proof.chaos.bidding import AnsweredBid
from tests.proof.chaos.checks import CHECKS, check
from tests.proof.chaos.facts import AtStripe, OutsideRecords, Sale, read_facts
from tests.proof.chaos.plan import Ending
from tests.proof.chaos.planting import CHANGES, ROWS, plant_all
from tests.proof.stripe_comparison import StripeObjects
from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned, move_time
from tests.sql.paying import attached, order_row, service_of, succeeded
from tests.sql.payouts.paying_out import claimed, lease, onboarded, permission, sent


SALES = {Ending.RELEASED: None, Ending.UNPAID: None, Ending.REFUNDED: 1_300}


class SmallMarket:
    """A market of three sales, one auction without a bid, and one below its reserve."""

    def __init__(self, owner: Connection, seller: Actor, bidders: list[Actor]) -> None:
        self.owner = owner
        self.seller = seller
        self.bidders = bidders
        self.sales: dict[UUID, Sale] = {}
        self.answered: list[AnsweredBid] = []
        self.intents: dict[str, list[dict[str, Any]]] = {}
        self.refunds: dict[str, list[dict[str, Any]]] = {}
        self.transfers: dict[str, list[dict[str, Any]]] = {}
        self.stripe = AtStripe(
            objects=StripeObjects(
                intents=self.intents,
                refunds=self.refunds,
                disputes={},
                transfers=self.transfers,
            )
        )
        onboarded(owner, seller)
        self.sold = {ending: self.auction(ending, reserve) for ending, reserve in SALES.items()}
        self.auction(Ending.UNPAID, 99_999)
        self.auction(Ending.UNPAID, None, bids=0)
        move_time(owner, "2 hours")
        answer = service_of(owner).call("end_expired_auctions", max_rows=100)
        assert (5, 0) == (answer["auctions_processed"], answer["failed"])

    @property
    def outside(self) -> OutsideRecords:
        """Return the facts that the people of this market know."""
        return OutsideRecords(sales=self.sales, answered=self.answered, soft_close_s=300)

    def auction(self, ending: Ending, reserve: int | None, bids: int = 3) -> UUID:
        """Open an auction, and let two bidders bid in turns."""
        auction_id = auctioned(self.seller, reserve_cents=reserve)
        query = "select end_at from public.auctions where id = %s"
        [(end_at,)] = self.owner.execute(query, [auction_id]).fetchall()
        self.sales[auction_id] = Sale(listed_end_at=end_at, is_scheduled=False, ending=ending)
        for number in range(bids):
            bidder = self.bidders[number % 2]
            self.bid(bidder, auction_id, 1_000 + 200 * number)
        return auction_id

    def bid(self, bidder: Actor, auction_id: UUID, amount: int) -> None:
        """Place a bid with a maximum, and keep its receipt."""
        key = uuid4()
        receipt = bidder.call(
            "place_bid",
            auction_id=auction_id,
            amount_cents=amount,
            max_proxy_cents=amount + 50,
            client_bid_id=key,
        )
        assert receipt["success"], receipt
        self.answered.append(
            AnsweredBid(
                auction_id=auction_id,
                bidder_id=bidder.id,
                client_bid_id=key,
                amount_cents=amount,
                max_cents=amount + 50,
                receipt=receipt,
            )
        )

    def order_of(self, ending: Ending) -> dict[str, Any]:
        """Return the order of the auction with this ending."""
        query = "select id from public.orders where auction_id = %s"
        [(order_id,)] = self.owner.execute(query, [self.sold[ending]]).fetchall()
        return order_row(self.owner, order_id)

    def pay(self, ending: Ending) -> dict[str, Any]:
        """Let Stripe take the price, and apply the event."""
        order = self.order_of(ending)
        intent = f"pi_{ending}"
        attached(self.owner, order["id"], intent)
        done = succeeded(self.owner, order["id"], intent, amount_cents=order["amount_cents"])
        assert done["outcome"] == "processed", done
        self.intents[order["id"]] = [
            {
                "id": intent,
                "status": "succeeded",
                "amount_received": order["amount_cents"],
                "metadata": {"order_id": order["id"]},
            }
        ]
        return order

    def act(self, order: dict[str, Any], party: str, action: str) -> None:
        """Let a party take an action."""
        answer = service_of(self.owner).call(
            "act_on_order", order_id=order["id"], user_id=order[f"{party}_id"], action=action
        )
        assert answer["success"], answer


def refund_sent(owner: Connection, stripe_refund_id: str) -> None:
    """Let Stripe make the one due refund."""
    job = claimed(owner, "refund")
    assert permission(owner, job)["may_send"]
    service_of(owner).call(
        "finish_outbox",
        stripe_object_id=stripe_refund_id,
        result='{"status": "succeeded"}',
        **lease(job),
    )


@pytest.fixture
def market(owner: Connection, seller: Actor, alice: Actor, bob: Actor) -> SmallMarket:
    """Finish a small market: one order is released, one refunded, one not paid."""
    market = SmallMarket(owner, seller, [alice, bob])
    order = market.pay(Ending.RELEASED)
    for party, action in (
        ("seller", "mark_ready"),
        ("seller", "mark_shipped"),
        ("buyer", "confirm_delivery"),
        ("buyer", "release_funds"),
    ):
        market.act(order, party, action)
    sent(owner, "tr_released")
    transfer = {
        "id": "tr_released",
        "amount": order["seller_amount_cents"],
        "amount_reversed": 0,
        "destination": f"acct_seller_{seller.id}",
    }
    market.transfers[order["id"]] = [transfer]
    refunded = market.pay(Ending.REFUNDED)
    market.act(refunded, "seller", "refund")
    refund_sent(owner, "re_refunded")
    refund = {"id": "re_refunded", "amount": refunded["amount_cents"], "status": "succeeded"}
    market.refunds[f"pi_{Ending.REFUNDED}"] = [refund]
    return market


def test_checks_find_nothing_in_a_sound_market(owner: Connection, market: SmallMarket) -> None:
    """Every check looked at something, and found no problem."""
    facts = read_facts(owner, market.outside, market.stripe)

    assert {} == {result.name: result.problems for result in check(facts) if result.problems}


def test_each_check_finds_what_is_planted(owner: Connection, market: SmallMarket) -> None:
    """Each check finds its planted errors, such as one cent or one late bid."""
    planted = list(plant_all(owner, market.outside, market.stripe))

    assert [] == [(one.check, one.what) for one in planted if not one.is_found]


def test_each_check_has_something_planted() -> None:
    """Each check has a planted error, or its success would prove nothing."""
    assert set(CHECKS) == set(ROWS) | set(CHANGES)
