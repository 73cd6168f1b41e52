"""Times that a client sends: each carries its offset, and no header changes a meaning."""

import datetime as dt
import json
from typing import Any

import httpx
import pytest

from tests.integration.contract.market import Market, Role
from tests.sql.auctioning import LISTING
from tests.support.waits import ANSWER_S


NO_TIMES = [
    "2026-12-02T20:00", "2026-12-02", "tomorrow", "now", "infinity", "-infinity", "epoch",
    "2026-12-02T20:00 Australia/Sydney", "", "02/12/2026 20:00+11:00",
]  # fmt: skip
OFFER = LISTING | {"location": json.loads(LISTING["location"])}
SYDNEY = {"Prefer": "timezone=Australia/Sydney"}


def post(
    market: Market, function: str, headers: dict[str, str] | None = None, **arguments: object
) -> dict[str, Any]:
    """Call a function as the seller; return its answer."""
    environment = market.shop.environment
    answer = httpx.post(
        f"{environment['SUPABASE_URL']}/rest/v1/rpc/{function}",
        json=arguments,
        headers={"apikey": environment["SUPABASE_PUBLISHABLE_KEY"]}
        | market.people[Role.SELLER].bearer
        | (headers or {}),
        timeout=ANSWER_S,
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def offered(market: Market, headers: dict[str, str], **times: str) -> dict[str, Any]:
    """Offer an item; return the listing."""
    answer = post(market, "create_listing", headers, **(OFFER | times))
    assert answer["success"], answer
    listing: dict[str, Any] = answer["listing"]
    return listing


def end_of_summer_time(market: Market) -> dt.datetime:
    """Return midnight UTC of the Thursday before Sydney's next change to winter time."""
    now = market.shop.value("select private.clock()")
    assert isinstance(now, dt.datetime)
    for year in (now.year, now.year + 1):
        first = dt.datetime(year, 4, 1, tzinfo=dt.UTC)
        sunday = first + dt.timedelta(days=6 - first.weekday())
        if sunday - dt.timedelta(days=3) > now:
            return sunday - dt.timedelta(days=3)
    raise AssertionError("next year has no April")


@pytest.mark.parametrize("headers", [{}, SYDNEY], ids=["plain", "Sydney"])
@pytest.mark.parametrize("field", ["start_at", "end_at"])
@pytest.mark.parametrize("time", NO_TIMES)
def test_time_without_offset_is_refused(
    market: Market, headers: dict[str, str], field: str, time: str
) -> None:
    """A naive, relative or infinite time is no time to any of the three RPCs."""
    ids = market.ids
    answers = [
        post(market, "create_listing", headers, **(OFFER | {field: time})),
        post(market, "relist_listing", headers, listing_id=ids["listing"], **{field: time}),
    ]

    for answer in answers:
        assert (False, "VALIDATION_ERROR", field) == (
            answer["success"],
            answer["code"],
            answer["field"],
        )


@pytest.mark.parametrize("time", NO_TIMES)
def test_change_to_a_time_without_offset_is_refused(market: Market, time: str) -> None:
    """update_listing takes its times in JSON, by the same rule."""
    start_at = end_of_summer_time(market)
    listing = offered(market, {}, start_at=start_at.isoformat())

    answer = post(
        market, "update_listing", SYDNEY, listing_id=listing["id"], changes={"end_at": time}
    )

    assert ("VALIDATION_ERROR", "end_at") == (answer["code"], answer["field"])


def test_time_keeps_its_meaning_under_every_header(market: Market) -> None:
    """The offset alone decides: 20:00+11:00 is 09:00 UTC, also where the session is in Sydney."""
    day = (end_of_summer_time(market) - dt.timedelta(days=7)).date().isoformat()

    ends = [
        offered(market, headers, end_at=f"{day}T20:00:00+11:00")["end_at"]
        for headers in ({}, SYDNEY)
    ]

    expected = dt.datetime.fromisoformat(f"{day}T09:00:00+00:00")
    assert [expected, expected] == [dt.datetime.fromisoformat(end) for end in ends]


def test_default_week_has_168_hours(market: Market) -> None:
    """A week over the end of Sydney's summer time has 169 hours there, and 168 here."""
    start_at = end_of_summer_time(market)

    listing = offered(market, SYDNEY, start_at=start_at.isoformat())

    lasts = dt.datetime.fromisoformat(listing["end_at"]) - start_at
    assert dt.timedelta(hours=168) == lasts
