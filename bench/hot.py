"""A hot auction over HTTP: 200 bidders bid past its end, and an oracle checks the result."""

import dataclasses
import datetime as dt
import itertools
import json
import random
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import psycopg

from bench import load
from bench.figures import Figure, Steps, percentile
from bench.fixtures import create_fixtures, token_of
from bench.oracle import Bid, result_of


BIDDERS = 200
#: The bidders go on for so long after the end.
PAST_END_S = 1.0
#: The distance of two bids, and the greatest distance of a maximum from its bid: some bids meet a
#: higher maximum, and most are still high enough when they arrive.
STEP_CENTS, MOST_ABOVE_CENTS = 10, 30
RPC = "/rest/v1/rpc/place_bid"
RESULT = """
  select a.high_bidder_id::text, a.current_price_cents, o.buyer_id::text, o.amount_cents,
    (select count(*) from public.bids as b
      where b.auction_id = a.id and b.accepted and b.placed_at >= a.end_at)
  from public.auctions as a left join public.orders as o on o.auction_id = a.id
  where a.id = %s
"""


def figures(env: Mapping[str, str], *, seconds: float, show: Steps) -> Iterator[Figure]:
    """Let everybody bid until after the end, close the auction, and compare it with the oracle."""
    show(f"hot auction over HTTP, {BIDDERS} bidders")
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as owner:
        owner.execute("update private.app_settings set value = '0' where key = 'snipe_window_s'")
        auction = _HotAuction(env, seconds)
        hot = load.Load(port=auction.port, make=auction.bid, connections=BIDDERS, take=auction.take)
        load.send_together([hot], seconds + PAST_END_S)
        owner.execute("select private.end_expired_auctions(10)")
        [row] = owner.execute(RESULT, [auction.auction_id]).fetchall()
        owner.execute("update private.app_settings set value = '300' where key = 'snipe_window_s'")
    yield from _latencies(auction, seconds)
    leader_id, price_cents, buyer_id, amount_cents, late_count = row
    results = [(leader_id, price_cents), (buyer_id, amount_cents)]
    yield from _faults(auction, results, late_count)


@dataclasses.dataclass(slots=True)
class _SentBid:
    key: str
    amount_cents: int
    maximum_cents: int


class _HotAuction:
    """The bidders, their bids, and the answers to these."""

    def __init__(self, env: Mapping[str, str], seconds: float) -> None:
        self.bidder_ids = create_fixtures(
            env["DATABASE_URL"], bidders=BIDDERS, auctions=0
        ).bidder_ids
        self.port = int(env["SUPABASE_URL"].rsplit(":", 1)[1])
        self.bids: list[Bid] = []
        self.latencies_s: list[float] = []
        self.codes: Counter[str] = Counter()
        self._random = random.Random(BIDDERS)  # noqa: S311 -- the same load in each run
        self._prices = itertools.count(200, STEP_CENTS)
        self._sent: dict[int, _SentBid] = {}
        self._headers = [
            {
                "apikey": env["SUPABASE_PUBLISHABLE_KEY"],
                "authorization": f"Bearer {token_of(env, bidder_id)}",
                "content-type": "application/json",
            }
            for bidder_id in self.bidder_ids
        ]
        # The auction opens last, so that the preparations take none of its time.
        [self.auction_id] = create_fixtures(
            env["DATABASE_URL"], bidders=0, auctions=1, last_s=seconds
        ).auction_ids

    def bid(self, bidder: int) -> load.Request:
        """Return a bidder's next bid; after AUCTION_BUSY it is the same one again."""
        if bidder not in self._sent:
            amount_cents = next(self._prices)
            maximum_cents = amount_cents + self._random.randrange(MOST_ABOVE_CENTS)
            self._sent[bidder] = _SentBid(str(uuid.uuid4()), amount_cents, maximum_cents)
        sent = self._sent[bidder]
        body = {
            "auction_id": self.auction_id,
            "amount_cents": sent.amount_cents,
            "max_proxy_cents": sent.maximum_cents,
            "client_bid_id": sent.key,
        }
        headers = self._headers[bidder]
        return load.Request(
            method="POST", path=RPC, headers=headers, body=json.dumps(body).encode()
        )

    def take(self, answer: load.Answer) -> None:
        """Count an answer by its code; remember an accepted bid."""
        receipt = json.loads(answer.body)
        code = "accepted" if receipt.get("success") else str(receipt.get("code"))
        self.codes[code if answer.is_success else f"error {answer.status} {code}"] += 1
        if code == "AUCTION_BUSY":
            return
        sent = self._sent.pop(answer.connection)
        if code != "AUCTION_ENDED":
            self.latencies_s.append(answer.latency_s)
        if code == "accepted":
            self.bids.append(
                Bid(
                    received_at=dt.datetime.fromisoformat(receipt["received_at"]),
                    bidder=answer.connection,
                    amount_cents=sent.amount_cents,
                    maximum_cents=sent.maximum_cents,
                )
            )


def _latencies(auction: _HotAuction, seconds: float) -> Iterator[Figure]:
    name = f"hot auction over HTTP, {BIDDERS} bidders"
    yield Figure(
        key="hot_http_rate",
        name=f"{name}, throughput",
        value=len(auction.bids) / seconds,
        unit="bids/s",
        note=f"accepted; {len(auction.latencies_s) / seconds:,.0f} answers/s",
    )
    latencies_ms = [1000 * each for each in auction.latencies_s]
    for percent, note, samples in (
        (95, f"each of {BIDDERS} bids again at once", latencies_ms),
        (99, "", ()),
    ):
        yield Figure(
            key=f"hot_http_p{percent}",
            name=f"{name}, p{percent}",
            value=percentile(latencies_ms, percent),
            unit="ms",
            note=note,
            samples=samples,
        )


def _faults(
    auction: _HotAuction, results: Sequence[tuple[str, int]], late_count: int
) -> Iterator[Figure]:
    """Count what must not happen: errors, late bids, and a result unlike the oracle's."""
    name = f"hot auction over HTTP, {BIDDERS} bidders"
    expected = result_of(auction.bids)
    winner = (auction.bidder_ids[expected.bidder], expected.price_cents) if expected else None
    wrong_count = sum(result != winner for result in results)
    codes = ", ".join(f"{code} {count:,}" for code, count in auction.codes.most_common())
    errors = sum(count for code, count in auction.codes.items() if code.startswith("error "))
    for key, what, count, note in (
        ("hot_http_errors", "serialization and other errors", errors, codes),
        ("hot_http_late", "late bids", late_count, f"{PAST_END_S:g} s of bids after the end"),
        ("hot_http_wrong", "results unlike the oracle's", wrong_count, "leader and order"),
    ):
        yield Figure(
            key=key,
            name=f"{name}, {what}",
            value=count,
            unit="",
            target=0.0,
            is_ceiling=True,
            note=note,
        )
