"""The routes for staff and the scheduler over HTTP: access and effects."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from postgrest.exceptions import APIError
from supabase import Client

from tests.integration.service.browser import Browser, refusal_of
from tests.integration.service.shop import Shop
from tests.integration.service.staff import new_client, with_role, with_second_factor


pytestmark = pytest.mark.xdist_group("stack")

REASON = "The seller asked for it"


@pytest.fixture(scope="module", autouse=True)
def _second_factor_needed(shop: Shop) -> Iterator[None]:
    """Ask staff for a second factor, as production does."""
    with shop.setting("require_staff_aal2", value=True):
        yield


@pytest.fixture(scope="module")
def staff(shop: Shop, signed_in: Callable[[], Browser]) -> Browser:
    """Sign up a moderator who has proved a second factor."""
    return with_second_factor(shop, with_role(shop, signed_in(), "moderator"))


def ask(
    shop: Shop, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
) -> httpx.Response:
    sent = None if method == "GET" else body or {}
    return shop.http.request(method, path, headers=headers, json=sent)


def log_of(shop: Shop, staff: Browser) -> list[tuple[Any, ...]]:
    query = "select action, entity_id, description from public.audit_logs where actor_id = %s"
    return shop.db.execute(query, [staff.actor.id]).fetchall()


def test_staff_close_an_auction_by_force(shop: Shop, staff: Browser) -> None:
    """The order exists, the action is audited, and a repeat returns the first result."""
    auction_id = str(shop.auction())
    path = "/api/admin/finalize-auctions"
    body = {"auctionId": auction_id, "reason": REASON}

    early = staff.post(path, body)
    answer = staff.post(path, body | {"force": True})
    again = staff.post(path, body)

    assert (400, "AUCTION_NOT_OVER") == refusal_of(early)
    result = answer.json()["result"]
    assert (200, "finalized", REASON) == (
        answer.status_code,
        result["status"],
        answer.json()["auditLog"]["description"],
    )
    assert result | {"already_processed": True} == again.json()["result"]
    order_id = shop.value("select id::text from public.orders where auction_id = %s", auction_id)
    assert order_id == result["order_id"]
    assert ("auction_forced", auction_id, REASON) in log_of(shop, staff)


def test_forced_close_is_limited(shop: Shop, signed_in: Callable[[], Browser]) -> None:
    """A refused call counts too; after the limit the caller waits."""
    staff = with_second_factor(shop, with_role(shop, signed_in(), "admin"))

    with shop.limited("finalize_auctions", 5):
        statuses = [
            staff.post("/api/admin/finalize-auctions", {"reason": "short"}).status_code
            for _ in range(6)
        ]

    assert [400] * 5 + [429] == statuses


def test_scheduler_closes_what_has_expired(shop: Shop) -> None:
    """The scheduler's secret closes expired auctions by POST; a GET closes nothing (B16)."""
    secret = {"x-cron-secret": shop.environment["CRON_SECRET"]}
    path = "/api/auctions/process-expired"

    status = ask(shop, "GET", path, secret)
    answer = ask(shop, "POST", path, secret)

    assert {"success", "expired_auctions_pending", "recent_processing", "last_checked"} == set(
        status.json()
    )
    assert (200, True, 0) == (
        answer.status_code,
        answer.json()["success"],
        answer.json()["result"]["failed"],
    )
    assert (401, "UNAUTHORIZED") == refusal_of(ask(shop, "POST", path, {"x-cron-secret": "x"}))


def test_staff_replay_a_dead_event(shop: Shop, staff: Browser) -> None:
    """A replayed event leaves the list, a worker applies it, and the audit log has one entry."""
    event_id = shop.dead_event()
    path = "/api/admin/webhook-events"

    listed = staff.get(f"{path}?limit=1").json()["events"]
    answer = staff.post(path, {"event_id": event_id, "reason": REASON})

    assert [(event_id, 10, "CRASHED")] == [
        (event["event_id"], event["attempts"], event["error_code"]) for event in listed
    ]
    assert (200, {"success": True, "event_id": event_id}) == (answer.status_code, answer.json())
    query = "select status::text from public.webhook_events where event_id = %s"
    shop.wait_for(lambda: shop.value(query, event_id) == "ignored")
    assert (409, "CONFLICT") == refusal_of(staff.post(path, {"event_id": event_id}))
    assert (404, "RESOURCE_NOT_FOUND") == refusal_of(staff.post(path, {"event_id": "evt_none"}))
    assert [("webhook_event_requeued", event_id, REASON)] == [
        entry for entry in log_of(shop, staff) if entry[0] == "webhook_event_requeued"
    ]


def test_staff_queue_a_dead_outbox_row_again(shop: Shop, staff: Browser) -> None:
    """The route lists it, without its payload, until the RPC gives it all of its tries again."""
    outbox_id = shop.dead_outbox_row()
    path = "/api/admin/outbox"

    [listed] = [row for row in staff.get(path).json()["rows"] if row["id"] == outbox_id]
    sent = {"outbox_id": outbox_id, "reason": REASON}
    answer = client_of_token(shop, staff).rpc("requeue_outbox", sent).execute().data

    assert ("cancel_intent", 10, "STRIPE_REFUSED") == (
        listed["kind"],
        listed["attempts"],
        listed["last_error"],
    )
    assert "payload" not in listed
    assert {"success": True} == answer
    assert outbox_id not in [row["id"] for row in staff.get(path).json()["rows"]]


def test_staff_read_what_waits(staff: Browser) -> None:
    """Staff read expired auctions, jobs of the database, and runs of the workers."""
    expired = staff.get("/api/admin/finalize-auctions?action=status").json()
    jobs = staff.get("/api/cron/status").json()

    assert (True, True, True) == (
        expired["success"],
        expired["count"] >= len(expired["expiredAuctions"]),
        jobs["success"],
    )
    assert {"cron_jobs", "job_runs", "message", "success"} == set(jobs)


def test_staff_suspend_a_user_by_the_official_client(
    shop: Shop, signed_in: Callable[[], Browser], staff: Browser
) -> None:
    """The RPC works through REST at aal2 alone; the user's next request is refused."""
    user, moderator = signed_in(), with_role(shop, signed_in(), "moderator")
    sent = {"user_id": str(user.actor.id), "reason": REASON}

    refused = client_of_token(shop, moderator).rpc("staff_suspend_user", sent)
    with pytest.raises(APIError, match="FORBIDDEN"):
        refused.execute()
    assert 200 == user.get("/api/payouts").status_code
    answer = client_of_token(shop, staff).rpc("staff_suspend_user", sent).execute().data

    assert {"success": True} == answer
    assert 401 == user.get("/api/payouts").status_code


def client_of_token(shop: Shop, person: Browser) -> Client:
    """Return a client that sends the person's token, and refreshes nothing."""
    client = new_client(shop)
    client.postgrest.auth(person.session["access_token"])
    return client
