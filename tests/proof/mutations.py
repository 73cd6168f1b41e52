"""Small faults that the tests have to notice, each a change in the text of one SQL function."""

import dataclasses
from pathlib import Path


SQL = Path(__file__).parents[2] / "sql"

BIDDING = ("tests/sql/bidding", "tests/sql/concurrency/test_bidding_crowd.py")
CLOSING = ("tests/sql/auctions", "tests/sql/bidding/test_bidding_oracle.py")
RACES = ("tests/sql/concurrency",)
MONEY = ("tests/sql/ledger", "tests/sql/payments", "tests/sql/orders")
EVENTS = ("tests/sql/inbox", "tests/sql/payments", "tests/sql/outbox")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A fault: `before` stands once in the file, and `after` instead of it is wrong."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]

    def applied(self) -> str:
        """Return the file's text with the fault in it."""
        text = (SQL / self.file).read_text()
        for before, after in self.changes:
            if text.count(before) != 1:
                message = f"{self.name}: not once in {self.file}: {before!r}"
                raise ValueError(message)
            text = text.replace(before, after)
        return text


def mutation(
    name: str, file: str, before: str, after: str, tests: tuple[str, ...], *more: tuple[str, str]
) -> Mutation:
    """Make a mutation of one change, and of `more` where it needs them."""
    return Mutation(name=name, file=file, changes=((before, after), *more), tests=tests)


RULES = "bidding/functions/rules.sql"
PLACE_BID = "bidding/functions/place_bid.sql"
RECEIPTS = "bidding/functions/receipts.sql"
CLOSE = "auctions/functions/closing.sql"
CAPTURES = "payments/functions/captures.sql"
LINES = "ledger/functions/lines.sql"

MUTATIONS = (
    mutation(
        "tie goes to the challenger",
        PLACE_BID,
        "p_max_cents > coalesce(p_standing.leader_max_cents, 0)",
        "p_max_cents >= coalesce(p_standing.leader_max_cents, 0)",
        BIDDING,
    ),
    mutation(
        "step of the rung below",
        RULES,
        "while p_price_cents >= (",
        "while p_price_cents > (",
        BIDDING,
    ),
    mutation(
        "price half a step too high",
        RULES,
        "p_leader_max_cents, p_max_cents + private.step_cents(p_max_cents, p_ladder)",
        "p_leader_max_cents, p_max_cents + private.step_cents(p_leader_max_cents, p_ladder)",
        BIDDING,
    ),
    mutation(
        "bid reads the clock before the lock",
        PLACE_BID,
        "  v_now timestamptz;\n  v_answer jsonb;",
        "  v_now timestamptz := private.clock();\n  v_answer jsonb;",
        BIDDING + RACES,
        ("  v_now := private.clock();\n", ""),
    ),
    mutation(
        "receipt is not looked up",
        RECEIPTS,
        "if p_client_bid_id is null then",
        "if true then",
        BIDDING,
    ),
    mutation(
        "receipt of another auction is given",
        RECEIPTS,
        "v_stored.auction_id <> p_auction_id",
        "false",
        BIDDING,
    ),
    mutation(
        "rate limit before the receipt",
        PLACE_BID,
        """    private.stored_receipt(v_bidder_id, p_client_bid_id, p_auction_id),
    private.rate_limit_refusal('place_bid')
""",
        """    private.rate_limit_refusal('place_bid'),
    private.stored_receipt(v_bidder_id, p_client_bid_id, p_auction_id)
""",
        BIDDING,
    ),
    mutation(
        "own raise is a bid like any other",
        PLACE_BID,
        "if (v_standing.auction).high_bidder_id = v_bidder_id then",
        "if false then",
        BIDDING,
    ),
    mutation(
        "automatic bids: leader before loser",
        PLACE_BID,
        "row_number() over (order by level.step)",
        "row_number() over (order by level.step in (2), level.step)",
        BIDDING,
    ),
    mutation(
        "price is not lifted to the reserve",
        RULES,
        "return greatest(v_price_cents, p_reserve_cents);",
        "return v_price_cents;",
        BIDDING,
    ),
    mutation(
        "sold below the reserve",
        CLOSE,
        "when p_auction.high_bidder_id is not null and p_auction.reserve_met",
        "when p_auction.high_bidder_id is not null",
        CLOSING,
    ),
    mutation(
        "late bid stands at the very end",
        RULES,
        "elsif v_auction.end_at <= p_now then",
        "elsif v_auction.end_at < p_now then",
        BIDDING,
    ),
    mutation(
        "soft close misses its first moment",
        RULES,
        "if p_end_at - p_now > (",
        "if p_end_at - p_now >= (",
        BIDDING,
    ),
    mutation(
        "soft close without a cap",
        RULES,
        "return greatest(p_end_at, least(",
        "return greatest(p_end_at, greatest(",
        BIDDING,
    ),
    mutation(
        "seller may bid",
        RULES,
        "elsif p_standing.seller_id = p_standing.bidder_id then",
        "elsif false then",
        BIDDING,
    ),
    mutation(
        "closer reads the clock before the lock",
        CLOSE,
        """declare
  v_auction public.auctions;
  v_now timestamptz;
begin
  select * into v_auction from public.auctions where id = p_auction_id for no key update;
  -- Read after the lock: the bid that was waited for may have moved the end.
  v_now := private.clock();
""",
        """declare
  v_auction public.auctions;
  v_now timestamptz := private.clock();
begin
  select * into v_auction from public.auctions where id = p_auction_id;
  perform from public.auctions where id = p_auction_id for no key update;
""",
        CLOSING + RACES,
    ),
    mutation(
        "poison fails at the commit of all",
        CLOSE,
        "      set constraints all immediate;\n",
        "",
        CLOSING + RACES,
    ),
    mutation(
        "closer waits for what is locked",
        CLOSE,
        "for no key update of a skip locked",
        "for no key update of a",
        CLOSING + RACES,
    ),
    mutation(
        "listing keeps the old end",
        PLACE_BID,
        """    end_at = v_end_at,
    updated_at = p_now
""",
        """    updated_at = p_now
""",
        BIDDING,
    ),
    mutation(
        "fee rounds half a cent down",
        LINES,
        "select round(p_amount_cents::numeric * p_bps / 10000)::bigint",
        "select ceil(p_amount_cents::numeric * p_bps / 10000 - 0.5)::bigint",
        (*CLOSING, *MONEY),
    ),
    mutation(
        "capture booked a cent short",
        LINES,
        "('stripe_clearing', 'CAPTURE', p_amount_cents), ('buyer', 'CAPTURE', -p_amount_cents)",
        "('stripe_clearing', 'CAPTURE', p_amount_cents - 1), "
        "('buyer', 'CAPTURE', 1 - p_amount_cents)",
        MONEY,
    ),
    mutation(
        "release gives the seller the fee's odd cent",
        LINES,
        """    ('seller_payable', 'RELEASE', private.fee_cents(p_base_cents, p_bps) - p_base_cents),
    ('platform_fee', 'FEE', -private.fee_cents(p_base_cents, p_bps))
""",
        """    ('seller_payable', 'RELEASE', private.fee_cents(p_base_cents, p_bps) - p_base_cents
      - 1),
    ('platform_fee', 'FEE', 1 - private.fee_cents(p_base_cents, p_bps))
""",
        MONEY,
    ),
    mutation(
        "books need not balance",
        "ledger/triggers.sql",
        "having sum(amount_cents) <> 0",
        "having false",
        MONEY,
    ),
    mutation(
        "event is not marked processed",
        "inbox/functions/settling.sql",
        "    processed_at = v_now\n",
        "    processed_at = null\n",
        EVENTS,
    ),
    mutation(
        "stray is kept",
        CAPTURES,
        "outbox_ids := array[private.return_stray(p_order, v_payment)];",
        "outbox_ids := '{}';",
        EVENTS,
    ),
    mutation(
        "amount paid is not compared",
        CAPTURES,
        "when p_amount_cents is distinct from p_order.amount_cents then 'amount_differs'",
        "when false then 'amount_differs'",
        EVENTS,
    ),
    mutation(
        "stale lease may fail an event",
        "inbox/functions/retries.sql",
        "or v_event.lease_token is distinct from p_lease_token then",
        "then",
        EVENTS,
    ),
    mutation(
        "stale lease may finish outbox rows",
        "outbox/functions.sql",
        "where id = p_outbox_id and status = 'leased' and lease_token = p_lease_token",
        "where id = p_outbox_id and status = 'leased'",
        EVENTS,
    ),
    mutation(
        "refund beyond what is left",
        "payments/functions/refund_requests.sql",
        "elsif p_amount_cents not between 1 and p_base_cents then",
        "elsif p_amount_cents < 1 then",
        MONEY,
    ),
)
