"""Faults in the bid log."""

from tests.proof.mutation import mutation


LOG_TESTS = (
    "tests/sql/bidding/test_bid_log.py",
    "tests/sql/bidding/test_bid_log_secrecy.py",
    "tests/sql/auctions/test_outages.py",
)

LOG = "bidding/functions/bid_log.sql"
VERIFIER = "tools/verify_bid_log.py"
VERIFIER_TESTS = ("tests/unit/tools",)
READING = "bidding/functions/bid_log_reading.sql"

BID_LOG_MUTATIONS = (
    mutation(
        "log of a live auction is published",
        READING,
        "elsif v_status not in ('finalized', 'no_sale') then",
        "elsif v_status = 'scheduled' then",
        LOG_TESTS,
    ),
    mutation(
        "log of a cancelled auction is published",
        READING,
        "elsif v_status = 'cancelled' then",
        "elsif false then",
        LOG_TESTS,
        ("elsif v_status not in ('finalized', 'no_sale') then", "elsif v_status = 'live' then"),
    ),
    mutation(
        "log opens the leading maximum",
        READING,
        "where not beaten.leads or beaten.next_number <> beaten.bidder_number",
        "where beaten.next_number is distinct from beaten.bidder_number or not beaten.leads",
        LOG_TESTS,
    ),
    mutation(
        "log opens a superseded maximum",
        READING,
        "or beaten.next_number <> beaten.bidder_number",
        "or beaten.next_number is not null",
        LOG_TESTS,
    ),
    mutation(
        "log opens withdrawn maxima",
        READING,
        "from log where log.kind = 'withdrawal'",
        "from log where false",
        LOG_TESTS,
    ),
    mutation(
        "tie opens the leader's maximum",
        READING,
        "log.sealed_cents > coalesce(max(log.sealed_cents) over (",
        "log.sealed_cents >= coalesce(max(log.sealed_cents) over (",
        LOG_TESTS,
    ),
    mutation(
        "log opens every reserve",
        READING,
        "filter (where log.record ->> 'reserve' = 'lifted')",
        "filter (where log.record ->> 'reserve' is not null)",
        LOG_TESTS,
        (
            "filter (where log.record ->> 'reserve' = 'unmet'), 0)",
            "filter (where false), 0)",
        ),
    ),
    mutation(
        "log opens a reserve that is unmet again",
        READING,
        "filter (where log.record ->> 'reserve' = 'unmet'), 0)",
        "filter (where false), 0)",
        LOG_TESTS,
    ),
    mutation(
        "reserve counts as lifted whenever it is met",
        LOG,
        "when p_unlifted_cents < p_reserve_cents then 'lifted'",
        "when true then 'lifted'",
        LOG_TESTS,
    ),
    mutation(
        "own raise is logged as a bid",
        LOG,
        "  if p_after.high_bid_id is distinct from p_before.high_bid_id then\n",
        "  if true then\n",
        LOG_TESTS,
    ),
    mutation(
        "commitment without its salt",
        LOG,
        "v_at, p_before.auction_id, p_after.bidder_number, p_max_cents, p_salt",
        "v_at, p_before.auction_id, p_after.bidder_number, p_max_cents, ''",
        LOG_TESTS,
    ),
    mutation(
        "receipt has the hash of another row",
        LOG,
        "return encode(v_commitment, 'hex');",
        "return encode(p_before.log_hash, 'hex');",
        LOG_TESTS,
    ),
    mutation(
        "chain leaves out the row before",
        LOG,
        "encode(v_commitment, 'hex'), v_kind, encode(p_before.log_hash, 'hex'),",
        "encode(v_commitment, 'hex'), v_kind, '',",
        LOG_TESTS,
    ),
    mutation(
        "changed rules are not stated",
        LOG,
        "  elsif v_last.rules_hash <> v_rules.rules_hash then\n",
        "  elsif false then\n",
        LOG_TESTS,
    ),
    mutation(
        "bids after a late start begin anew",
        LOG,
        """  select max(seq) into v_standing.last_seq from public.bids
  where auction_id = p_standing.auction_id;
""",
        "",
        LOG_TESTS,
    ),
    mutation(
        "new bidder takes a number again",
        LOG,
        "greatest(p_before.bidder_count, p_after.bidder_number)",
        "p_before.bidder_count",
        LOG_TESTS,
    ),
    mutation(
        "log starts before the reserve is fixed",
        "auctions/functions/opening.sql",
        "  if p_listing.status = 'live' then\n",
        "  if true then\n",
        LOG_TESTS,
    ),
    mutation(
        "withdrawal is not logged with its price",
        "bidding/functions/withdrawals.sql",
        "'price_cents', v_ranking.price_cents, 'reserve'",
        "'price_cents', v_before.current_price_cents, 'reserve'",
        LOG_TESTS,
    ),
    mutation(
        "forced close is not marked",
        "auctions/functions/closing.sql",
        "'is_forced', p_auction.end_at > p_now",
        "'is_forced', false",
        LOG_TESTS,
    ),
    mutation(
        "extension is not logged",
        "auctions/functions/outages.sql",
        "  perform private.append_bid_log(\n    p_auction.id,\n",
        "  perform format(\n    p_auction.id::text,\n",
        LOG_TESTS,
    ),
    mutation(
        "log can be rewritten",
        "bidding/triggers.sql",
        "before update or delete or truncate on private.bid_log",
        "before truncate on private.bid_log",
        LOG_TESTS,
    ),
    mutation(
        "verifier takes any hash",
        VERIFIER,
        'if row["hash"] != digest(content):',
        "if False:",
        VERIFIER_TESTS,
    ),
    mutation(
        "verifier takes a log without its end",
        VERIFIER,
        'if self.rows[-1]["kind"] != "close":',
        "if False:",
        VERIFIER_TESTS,
    ),
    mutation(
        "verifier misses hidden openings",
        VERIFIER,
        "            raise WrongRowError(message)\n\n\n# The command.",
        "            del message\n\n\n# The command.",
        VERIFIER_TESTS,
    ),
    mutation(
        "verifier takes any opened maximum",
        VERIFIER,
        """        if digest(opened | {"auction_id": self.auction_id}) != row["commitment"]:
            raise WrongRowError("the opened maximum""",
        """        if False:
            raise WrongRowError("the opened maximum""",
        VERIFIER_TESTS,
    ),
    mutation(
        "verifier takes prices above a step",
        VERIFIER,
        "(own is not None or price > most or price < floor)",
        "(own is not None or price < floor)",
        VERIFIER_TESTS,
    ),
    mutation(
        "verifier misses a moved end",
        VERIFIER,
        'if time_of(record["end_at"]) != end_at:',
        "if False:",
        VERIFIER_TESTS,
    ),
)
