"""Faults in bidding and closing."""

from tests.proof.mutation import mutation


BIDDING = ("tests/sql/bidding", "tests/sql/concurrency/test_bidding_crowd.py")
CLOSING = ("tests/sql/auctions", "tests/sql/bidding/test_bidding_oracle.py")
RACES = ("tests/sql/concurrency",)
STAFF_RACES = ("tests/sql/concurrency/test_staff_race.py",)

RULES = "bidding/functions/rules.sql"
PLACE_BID = "bidding/functions/place_bid.sql"
RECEIPTS = "bidding/functions/receipts.sql"
CLOSE = "auctions/functions/closing.sql"
WITHDRAW = "bidding/functions/withdrawals.sql"

MARKET_MUTATIONS = (
    mutation(
        "tie goes to the challenger",
        PLACE_BID,
        "p_max_cents > coalesce(p_standing.leader_max_cents, 0)",
        "p_max_cents >= coalesce(p_standing.leader_max_cents, 0)",
        BIDDING,
    ),
    mutation(
        "increment of the step below",
        RULES,
        "while p_price_cents >= (",
        "while p_price_cents > (",
        BIDDING,
    ),
    mutation(
        "price half a step too high",
        RULES,
        "v_loser_cents + private.step_cents(v_loser_cents, p_ladder)",
        "v_loser_cents + private.step_cents(v_winner_cents, p_ladder)",
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
        "v_auction_id <> p_auction_id",
        "false",
        BIDDING,
    ),
    mutation(
        "rate limit before the receipt",
        PLACE_BID,
        """    private.stored_receipt(v_bidder_id, p_client_bid_id, p_auction_id),
    private.use_rate_limit('place_bid', v_bidder_id)
""",
        """    private.use_rate_limit('place_bid', v_bidder_id),
    private.stored_receipt(v_bidder_id, p_client_bid_id, p_auction_id)
""",
        BIDDING,
    ),
    mutation(
        "own raise is a bid like any other",
        PLACE_BID,
        "  if v_standing.leader_id = v_bidder_id then\n",
        "  if false then\n",
        BIDDING,
    ),
    mutation(
        "automatic bids: leader before loser",
        PLACE_BID,
        "v_loser_last_cents, true, v_seq + 1)",
        "v_loser_last_cents, true, v_seq + 2)",
        BIDDING,
        (
            "v_seq + 1 + coalesce(v_loser_cents > v_loser_last_cents, false)::integer",
            "v_seq + 1",
        ),
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
        "when high_bidder_id is not null and reserve_met",
        "when high_bidder_id is not null",
        CLOSING,
    ),
    mutation(
        "late bid stands at the very end",
        RULES,
        "when p_standing.end_at <= p_now\n",
        "when p_standing.end_at < p_now\n",
        BIDDING,
    ),
    mutation(
        "soft close misses the start of its window",
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
        "when p_standing.seller_id = p_standing.bidder_id\n",
        "when false\n",
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
  -- Read the clock after the lock: the bid that held it may have moved the end.
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
        "withdrawal keeps automatic bids above the price",
        WITHDRAW,
        "or is_proxy and amount_cents > p_price_cents",
        "or false",
        BIDDING,
    ),
    mutation(
        "withdrawal forgets the runner-up",
        WITHDRAW,
        "v_top.next_cents, v_top.open_cents, v_top.max_cents, v_reserve_cents",
        "null, v_top.open_cents, v_top.max_cents, v_reserve_cents",
        BIDDING,
    ),
    mutation(
        "withdrawal keeps the version",
        WITHDRAW,
        "    version = version + 1,\n",
        "",
        BIDDING,
    ),
    mutation(
        "close sells to a suspended leader",
        CLOSE,
        "  perform private.withdraw_suspended_bids(p_auction.id);\n",
        "",
        CLOSING,
    ),
    mutation(
        "bid reads the standing while it waits",
        PLACE_BID,
        "  from public.auctions where id = p_auction_id for no key update;\n",
        "  from public.auctions where id = p_auction_id;\n",
        RACES,
        (
            "  return v_standing;\n",
            """  perform from public.auctions where id = p_auction_id for no key update;
  return v_standing;
""",
        ),
    ),
    mutation(
        "of two settings changed at once, bids miss one",
        RULES,
        "  lock table private.bidding_rules in share row exclusive mode;\n",
        "",
        RACES,
    ),
    mutation(
        "bid does not wait for a suspension of the bidder",
        PLACE_BID,
        " and u.deleted_at is null\n  for key share of u;\n",
        " and u.deleted_at is null;\n",
        STAFF_RACES,
    ),
    mutation(
        "admin acts with rights that are gone",
        "moderation/functions/roles.sql",
        "  -- Another admin may have taken the caller's role during the wait for the locks.\n"
        "  perform private.refuse_unless_admin();\n",
        "",
        STAFF_RACES,
    ),
    mutation(
        "listing keeps the old end",
        PLACE_BID,
        """      bid_count = p_after.bid_count,
      end_at = p_after.end_at,
""",
        """      bid_count = p_after.bid_count,
""",
        BIDDING,
    ),
)
