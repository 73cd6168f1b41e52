"""The bid log over REST and Realtime: nothing while the auction runs, everything afterwards."""

from collections.abc import Iterator, Mapping

import httpx
import pytest

from tests.integration.contract.conversation import Conversation
from tests.integration.contract.market import Market, Role, Visitor
from tests.sql.bidding.bidding_log import verified
from tests.support.waits import ANSWER_S


@pytest.fixture
def talk(market: Market) -> Iterator[Conversation]:
    """Sign up a seller with an auction, and two more people."""
    with Conversation.opened(market.shop) as talk:
        yield talk


@pytest.mark.parametrize("role", list(Role))
def test_everybody_checks_the_log_of_a_closed_auction(
    market: Market, visitors: Mapping[Role, Visitor], role: Role
) -> None:
    """Everybody reads the log of a closed auction; the log of a running one is refused."""

    def read(auction: str) -> dict[str, object]:
        arguments = {"auction_id": market.ids[auction]}
        answer = visitors[role].client.rpc("get_bid_log", arguments).execute().data
        assert isinstance(answer, dict)
        return dict(answer)

    checker, _steps = verified(read("sold"))

    assert 2 == checker.auction.leader
    assert "AUCTION_NOT_OVER" == read("live")["code"]


def test_log_is_read_by_get(market: Market) -> None:
    """A GET request reads the log, as a browser or curl sends it."""
    environment = market.shop.environment

    answer = httpx.get(
        f"{environment['SUPABASE_URL']}/rest/v1/rpc/get_bid_log",
        params={"auction_id": market.ids["sold"]},
        headers={"apikey": environment["SUPABASE_PUBLISHABLE_KEY"]},
        timeout=ANSWER_S,
    )

    assert market.ids["sold"] == answer.json()["auction_id"]
    verified(answer.json())


@pytest.mark.anyio
async def test_rival_hears_nothing_of_a_raise(talk: Conversation) -> None:
    """The leader raises, then the rival bids: the first change heard is the rival's own bid."""
    auction_id = talk.shop.value(
        "select id from public.auctions where listing_id = %s", talk.listing_id
    )
    leader, rival = talk.buyer.browser.actor, talk.outsider.browser.actor
    leader.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=2000)
    bindings = [
        {"event": "*", "table": "bids", "filter": f"auction_id=eq.{auction_id}"},
        {"event": "*", "table": "auctions", "filter": f"id=eq.{auction_id}"},
        {"event": "*", "table": "notifications", "filter": f"user_id=eq.{talk.outsider.id}"},
    ]

    async with talk.outsider.listening(f"auction-{auction_id}", *bindings) as heard:
        raised = leader.call(
            "place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=9000
        )
        bid = rival.call("place_bid", auction_id=auction_id, amount_cents=1500)
        changes = [await heard.change() for _ in range(3)]

    assert raised["success"]
    assert bid["success"]
    times = {change["table"]: change["record"] for change in changes}
    assert {"bids", "auctions"} == times.keys()
    assert bid["version"] == times["auctions"]["version"] == raised["version"] + 1
    assert {rival.id, leader.id} == {
        type(rival.id)(change["record"]["bidder_id"])
        for change in changes
        if change["table"] == "bids"
    }
