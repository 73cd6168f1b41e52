"""The header Prefer, through the gateway: a caller gets no estimate and undoes no call."""

import itertools
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from postgrest.exceptions import APIError
from postgrest.types import CountMethod

from tests.integration.contract.market import Market, Role
from tests.integration.contract.test_rpc_answers import Visitors
from tests.sql.auctioning import auctioned
from tests.support.waits import ANSWER_S


RESERVE = 50_000
LEAKING = ["count=planned", "count=estimated", "tx=rollback", "tx=commit"]
HARMLESS = ["count=exact", "return=minimal", "handling=strict"]


def request(
    market: Market,
    role: Role,
    method: str,
    path: str,
    *,
    prefer: Sequence[str],
    body: object = None,
) -> httpx.Response:
    """Ask the gateway with these Prefer headers, in this order."""
    environment = market.shop.environment
    headers = [("apikey", environment["SUPABASE_PUBLISHABLE_KEY"])]
    if role is not Role.ANON:
        headers.extend(market.people[role].bearer.items())
    headers.extend(("Prefer", value) for value in prefer)
    url = f"{environment['SUPABASE_URL']}/rest/v1/{path}"
    return httpx.request(method, url, json=body, headers=headers, timeout=ANSWER_S)


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()
    return answer.status_code, error["code"], error["message"]


REFUSED = (400, "PT400", "PREFERENCE_REFUSED")


@pytest.mark.parametrize("table", ["user_strikes", "orders", "notifications", "listings"])
@pytest.mark.parametrize("prefer", LEAKING)
def test_leaking_preference_is_refused(market: Market, table: str, prefer: str) -> None:
    """Estimates count rows of other users; the answer says so in a clear error."""
    filtered = f"{table}?id=not.is.null"

    assert error_of(request(market, Role.OTHER_USER, "GET", filtered, prefer=[prefer])) == REFUSED
    head = request(market, Role.OTHER_USER, "HEAD", filtered, prefer=[prefer])
    assert (head.status_code, head.headers.get("content-range")) == (400, None)


@pytest.mark.parametrize("role", [Role.ANON, Role.SELLER])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_leaking_preference_is_refused_on_functions(
    market: Market, role: Role, method: str
) -> None:
    """A function's rows are counted like a table's."""
    path, body = "rpc/get_time_remaining", None
    if method == "GET":
        path += f"?auction_id={market.ids['live']}"
    else:
        body = {"auction_id": market.ids["live"]}

    answer = request(market, role, method, path, prefer=["count=planned"], body=body)

    assert error_of(answer) == REFUSED


@pytest.mark.parametrize(
    "prefer",
    [
        *itertools.product(LEAKING, HARMLESS),
        *itertools.product(HARMLESS, LEAKING),
        *((f"{one}, {other}",) for one in LEAKING for other in HARMLESS),
        *((f"{other},{one}",) for one in LEAKING for other in HARMLESS),
        ("COUNT=Planned",),
        ("count = planned",),
        ("return=minimal,\tcount=planned",),
        ("handling=lenient;count=planned",),
    ],
    ids=" | ".join,
)
def test_no_spelling_gets_past(market: Market, prefer: Sequence[str]) -> None:
    """No other preference or header, before or after, hides a leaking preference."""
    answer = request(market, Role.OTHER_USER, "GET", "notifications?select=id", prefer=prefer)

    assert error_of(answer) == REFUSED


@pytest.mark.parametrize("method", [CountMethod.planned, CountMethod.estimated])
def test_official_library_gets_the_code(visitors: Visitors, method: CountMethod) -> None:
    """An app that asks for an estimate can decide by the error's message."""
    table = visitors[Role.BUYER].client.table("orders")

    with pytest.raises(APIError) as raised:
        table.select("id", count=method).execute()

    assert ("PT400", "PREFERENCE_REFUSED") == (raised.value.code, raised.value.message)


def test_exact_count_is_served(market: Market, visitors: Visitors) -> None:
    """An exact count covers the rows that the caller may read, and no others."""
    orders = {
        role: visitors[role].client.table("orders").select("id", count=CountMethod.exact).execute()
        for role in (Role.BUYER, Role.OTHER_USER)
    }

    assert market.ids["order"] in {str(row["id"]) for row in _rows(orders[Role.BUYER])}
    assert (1, 0) == (orders[Role.BUYER].count, orders[Role.OTHER_USER].count)


@pytest.mark.parametrize("prefer", [["tx=rollback"], ["tx=rollback", "return=representation"]])
def test_bid_that_its_caller_undoes_is_refused(market: Market, prefer: list[str]) -> None:
    """A bid that its caller rolls back is refused, because its answer could reveal the reserve."""
    auction_id = str(auctioned(market.people[Role.SELLER].actor, reserve_cents=RESERVE))
    bid = {"auction_id": auction_id, "amount_cents": 1_000, "max_proxy_cents": 99_999_999}
    before = _traces(market, auction_id)

    answer = request(market, Role.OTHER_USER, "POST", "rpc/place_bid", prefer=prefer, body=bid)

    assert error_of(answer) == REFUSED
    assert _traces(market, auction_id) == before
    assert str(RESERVE) not in answer.text


@pytest.mark.parametrize(
    "filtered",
    [
        "pgrst_scalar->>reserve_met=like.tru%5C",
        "pgrst_scalar->>is_leading=eq.false",
        "or=(pgrst_scalar->>success.like.tru%5C,pgrst_scalar->>code.is.null)",
    ],
)
def test_bid_that_a_filter_undoes_is_refused(market: Market, filtered: str) -> None:
    """A bid with a filter on its answer is refused.

    A filter that fails for one answer only would reveal it, and undo the bid.
    """
    auction_id = str(auctioned(market.people[Role.SELLER].actor, reserve_cents=RESERVE))
    bid = {"auction_id": auction_id, "amount_cents": 1_000, "max_proxy_cents": 99_999_999}
    before = _traces(market, auction_id)

    answer = request(
        market, Role.OTHER_USER, "POST", f"rpc/place_bid?{filtered}", prefer=[], body=bid
    )

    assert error_of(answer) == (400, "PT400", "FILTER_REFUSED")
    assert _traces(market, auction_id) == before


def test_bid_counts_and_stays(market: Market) -> None:
    """A bid that is answered is committed and counted."""
    auction_id = str(auctioned(market.people[Role.SELLER].actor, reserve_cents=RESERVE))
    bid = {"auction_id": auction_id, "amount_cents": 1_000}
    version, bids, count = _traces(market, auction_id)

    answer = request(market, Role.OTHER_USER, "POST", "rpc/place_bid", prefer=[], body=bid)

    assert answer.json()["success"], answer.text
    assert _traces(market, auction_id) == (version + 1, bids + 1, count + 1)


def _rows(answer: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = answer.data
    return rows


def _traces(market: Market, auction_id: str) -> tuple[int, int, int]:
    """Return the auction's version, its bids, and the caller's counted calls of place_bid."""
    shop = market.shop
    key = f"place_bid:{market.people[Role.OTHER_USER].actor.id}"
    return (
        shop.value("select version from public.auctions where id = %s", auction_id),
        shop.value("select count(*) from public.bids where auction_id = %s", auction_id),
        shop.value(
            "select coalesce(sum(count), 0)::int from private.rate_limits where key = %s", key
        ),
    )
