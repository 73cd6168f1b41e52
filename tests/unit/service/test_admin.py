"""`service.admin` and `service.jobs`: the routes for staff and for a scheduler."""

from typing import Any
from unittest.mock import call

import pytest
from werkzeug.test import TestResponse

from tests.support.factories import BUYER_ID, ORDER_ID
from tests.unit.service.adapters import Service, make_claims, make_service, make_token


STAFF = {"is_live": True, "is_suspended": False, "role": "moderator", "is_staff": True}
ALLOWED = {"allowed": True, "retry_after_ms": 0}
REASON = "The seller asked for it"
FINALIZE = "/api/admin/finalize-auctions"
EVENTS = "/api/admin/webhook-events"
OUTBOX = "/api/admin/outbox"
EXPIRED = "/api/auctions/process-expired"
CRON = "/api/cron/status"
BATCH = {
    "success": True,
    "auctions_processed": 1,
    "failed": 0,
    "results": [{"success": True, "auction_id": ORDER_ID, "status": "no_sale", "message": "x"}],
    "lags_s": [0.5],
}
AUDIT = {
    "id": ORDER_ID,
    "actor_id": BUYER_ID,
    "action": "auction_forced",
    "entity": "auctions",
    "entity_id": ORDER_ID,
    "description": REASON,
    "created_at": "2026-11-30T00:00:00+00:00",
}
STATUS = {
    "server_time": "2026-11-30T00:00:00+00:00",
    "expired_count": 0,
    "expired_auctions": [],
    "recently_closed": [],
}


@pytest.fixture
def service() -> Service:
    return make_service()


def token() -> str:
    """Make the token of a session with a second factor."""
    return make_token(make_claims(aal="aal2"))


def ask(service: Service, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
    sent = headers or {"Authorization": f"Bearer {token()}"}
    answer: TestResponse = service.client.open(path, method=method, json=body, headers=sent)
    return answer


def test_staff_close_by_force(service: Service) -> None:
    """The caller is the actor, and each request has an id of its own."""
    sale = {"success": True, "status": "no_sale", "message": "No bids"}
    done = {"success": True, "result": sale, "audit_log": AUDIT}
    service.database.call.side_effect = [STAFF, ALLOWED, done]

    answer = ask(
        service, "POST", FINALIZE, {"auctionId": ORDER_ID, "force": True, "reason": REASON}
    )

    assert 200 == answer.status_code
    expected = {"success": True, "result": sale, "auditLog": AUDIT, "message": "Auctions closed: 1"}
    assert expected == answer.get_json()
    assert ["session_is_staff", "rate_limit_hit", "finalize_auctions"] == service.called
    sent = service.database.call.call_args.kwargs
    assert (BUYER_ID, ORDER_ID, True, REASON) == tuple(
        sent[key] for key in ("actor_id", "auction_id", "force", "reason")
    )
    assert "aal2" == service.database.call.call_args_list[0].kwargs["aal"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "short"},
        {"reason": "x" * 501},
        {"reason": REASON, "force": True},
        {"reason": REASON, "auctionId": "1"},
        {"reason": REASON, "force": "perhaps"},
        ["a list"],
    ],
)
def test_bad_request_to_close_is_refused(service: Service, body: Any) -> None:
    """A forced close without an auction, and a close without a reason, are refused."""
    service.database.call.side_effect = [STAFF, ALLOWED]

    answer = ask(service, "POST", FINALIZE, body)

    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.get_json()["code"])


@pytest.mark.parametrize(
    ("code", "status"),
    [("AUCTION_NOT_FOUND", 404), ("AUCTION_NOT_LIVE", 400), ("AUCTION_NOT_OVER", 400)],
)
def test_refused_close_has_its_status(service: Service, code: str, status: int) -> None:
    """The answer of a refused close has SQL's code, and the end of the auction."""
    refusal = {"success": False, "code": code, "error": "No", "ends_at": "2026-11-30T00:00:00Z"}
    service.database.call.side_effect = [STAFF, ALLOWED, refusal]

    answer = ask(service, "POST", FINALIZE, {"auctionId": ORDER_ID, "reason": REASON})

    assert (status, code) == (answer.status_code, answer.get_json()["code"])
    assert "2026-11-30T00:00:00Z" == answer.get_json()["ends_at"]


def test_result_names_the_failed_auctions(service: Service) -> None:
    """A batch has no figures for metrics in its answer."""
    done = {"success": True, "result": BATCH | {"failed": 2}, "audit_log": AUDIT}
    service.database.call.side_effect = [STAFF, ALLOWED, done]

    answer = ask(service, "POST", FINALIZE, {"reason": REASON})

    assert {key: value for key, value in BATCH.items() if key != "lags_s"} | {
        "failed": 2
    } == answer.get_json()["result"]


def test_staff_read_what_waits(service: Service) -> None:
    """A GET calls nothing that writes (B16)."""
    service.database.call.side_effect = [STAFF, ALLOWED, STATUS]

    answer = ask(service, "GET", f"{FINALIZE}?action=status")

    assert {"success": True, "expiredAuctions": [], "count": 0} == answer.get_json()
    assert "closing_status" == service.called[-1]


def test_unknown_action_is_refused(service: Service) -> None:
    """An unknown action is refused."""
    service.database.call.side_effect = [STAFF, ALLOWED]

    assert 400 == ask(service, "GET", f"{FINALIZE}?action=finalize").status_code


@pytest.mark.parametrize("name", ["event_id", "eventId"])
def test_staff_replay_an_event(service: Service, name: str) -> None:
    """Staff replay an event with or without a reason."""
    service.database.call.side_effect = [STAFF, ALLOWED, {"success": True}]

    answer = ask(service, "POST", EVENTS, {name: "evt_1"})

    assert {"success": True, "event_id": "evt_1"} == answer.get_json()
    assert (
        call(
            "replay_webhook_event",
            event_id="evt_1",
            actor_id=BUYER_ID,
            reason="The event was replayed in the admin pages",
        )
        == service.database.call.call_args
    )


@pytest.mark.parametrize(("code", "status"), [("RESOURCE_NOT_FOUND", 404), ("CONFLICT", 409)])
def test_refused_replay_has_its_status(service: Service, code: str, status: int) -> None:
    """An unknown and a settled event are refused."""
    refusal = {"success": False, "code": code, "error": "No"}
    service.database.call.side_effect = [STAFF, ALLOWED, refusal]

    answer = ask(service, "POST", EVENTS, {"event_id": "evt_1", "reason": REASON})

    assert (status, code) == (answer.status_code, answer.get_json()["code"])


def test_staff_list_dead_events(service: Service) -> None:
    """The list has no payloads."""
    event = {
        "event_id": "evt_1", "source": "stripe", "type": "charge.refunded", "order_ref": None,
        "object_id": "re_1", "attempts": 10, "error_code": "X", "error_message": "No",
        "created_at": "2026-11-30T00:00:00Z", "received_at": "2026-11-30T00:00:00Z",
    }  # fmt: skip
    service.database.call.side_effect = [STAFF, ALLOWED, [event | {"payload": {"a": 1}}]]

    answer = ask(service, "GET", f"{EVENTS}?limit=10&after=evt_0")

    assert {"success": True, "events": [event]} == answer.get_json()
    assert (
        call("list_dead_events", max_rows=10, after_id="evt_0") == service.database.call.call_args
    )


def test_staff_list_dead_outbox_rows(service: Service) -> None:
    """The list has no payloads."""
    row = {
        "id": ORDER_ID, "kind": "transfer", "order_id": ORDER_ID, "stripe_object_id": None,
        "attempts": 10, "answered_errors": 10, "last_error": "STRIPE_REFUSED",
        "created_at": "2026-11-30T00:00:00Z", "updated_at": "2026-11-30T00:00:00Z",
    }  # fmt: skip
    service.database.call.side_effect = [STAFF, ALLOWED, [row | {"payload": {"a": 1}}]]

    answer = ask(service, "GET", f"{OUTBOX}?limit=10&after={ORDER_ID}")

    assert {"success": True, "rows": [row]} == answer.get_json()
    assert (
        call("list_dead_outbox_rows", max_rows=10, after_id=ORDER_ID)
        == service.database.call.call_args
    )


@pytest.mark.parametrize("path", [EVENTS, OUTBOX])
@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=a%20b"])
def test_bad_page_is_refused(service: Service, path: str, query: str) -> None:
    """A page has 1 to 100 entries."""
    service.database.call.side_effect = [STAFF, ALLOWED]

    assert 400 == ask(service, "GET", f"{path}?{query}").status_code


def test_scheduler_closes_expired_auctions(service: Service) -> None:
    """The scheduler's secret suffices to close expired auctions."""
    service.database.call.side_effect = [BATCH]

    answer = ask(service, "POST", EXPIRED, **{"x-cron-secret": "cron-secret"})

    assert (200, "Auctions closed: 1", 1) == (
        answer.status_code,
        answer.get_json()["message"],
        answer.get_json()["result"]["auctions_processed"],
    )
    assert ["end_expired_auctions"] == service.called


def test_staff_close_expired_auctions(service: Service) -> None:
    """A call by staff is audited."""
    done = {"success": True, "result": BATCH, "audit_log": AUDIT}
    service.database.call.side_effect = [STAFF, ALLOWED, done]

    answer = ask(service, "POST", EXPIRED)

    assert 200 == answer.status_code
    assert "finalize_auctions" == service.called[-1]
    assert (None, False) == tuple(
        service.database.call.call_args.kwargs[key] for key in ("auction_id", "force")
    )


def test_scheduler_reads_the_status(service: Service) -> None:
    """A GET calls nothing that writes (B16)."""
    service.database.call.side_effect = [STATUS]

    answer = ask(service, "GET", EXPIRED, **{"x-cron-secret": "cron-secret"})

    assert {
        "success": True,
        "expired_auctions_pending": 0,
        "recent_processing": [],
        "last_checked": "2026-11-30T00:00:00+00:00",
    } == answer.get_json()
    assert ["closing_status"] == service.called


@pytest.mark.parametrize("secret", ["", "cron", "cron-secret1", "Cron-secret", "\u00e9"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_wrong_secret_is_refused(service: Service, method: str, secret: str) -> None:
    """A wrong secret is refused even with a session of staff, before the database (B16)."""
    headers = {"x-cron-secret": secret, "Authorization": f"Bearer {token()}"}

    answer = ask(service, method, EXPIRED, **headers)

    assert (401, []) == (answer.status_code, service.called)


@pytest.mark.parametrize("headers", [{"x-cron-secret": "wrong"}, {"X-None": "1"}])
def test_callers_without_the_secret_are_limited_by_address(
    service: Service, headers: dict[str, str]
) -> None:
    """An address without the secret has 120 tries in a minute."""
    statuses = [ask(service, "POST", EXPIRED, **headers).status_code for _ in range(121)]

    assert [401] * 120 + [429] == statuses
    assert [] == service.called


def test_staff_read_the_jobs(service: Service) -> None:
    """The answer without pg_cron has a message about it."""
    run = {
        "job": "reconcile", "started_at": "2026-11-30T00:00:00Z", "finished_at": None,
        "processed": 1, "failed": 0, "error": None,
    }  # fmt: skip
    job = {"name": "end_expired_auctions", "schedule": "10 seconds", "is_active": True}
    service.database.call.side_effect = [
        STAFF, ALLOWED, {"cron_jobs": [], "job_runs": [run]},
        STAFF, ALLOWED, {"cron_jobs": [job], "job_runs": []},
    ]  # fmt: skip

    without, with_one = (ask(service, "GET", CRON).get_json() for _ in range(2))

    assert {
        "success": True,
        "cron_jobs": [],
        "job_runs": [run],
        "message": "This database has no pg_cron",
    } == without
    assert ([job], "Jobs of pg_cron: 1") == (with_one["cron_jobs"], with_one["message"])
