"""`service.console.pages`: what each page shows, and what the database is asked for it."""

import re
import urllib.parse
from html.parser import HTMLParser
from typing import Any

import pytest

from market.errors import MarketError
from tests.support.factories import BUYER_ID, ORDER_ID
from tests.unit.service.adapters import Service, make_service
from tests.unit.service.console.browsing import STAFF, Visitor, answering, staff_of, token_in


AT = "2026-11-30T10:00:00+00:00"
XSS = "'\"><script>alert(1)</script>"
REASON = "The seller asked for it"
AUCTION = {
    "id": ORDER_ID,
    "status": "live",
    "start_at": AT,
    "end_at": "2026-11-30T10:01:30+00:00",
    "scheduled_end_at": AT,
    "current_price_cents": 123_456_7,
    "bid_count": 3,
    "reserve_met": True,
    "extension_count": 1,
    "high_bidder_id": BUYER_ID,
    "finalized_at": None,
    "outage_extension_s": 0,
    "listing": {"id": ORDER_ID, "title": XSS, "seller_id": BUYER_ID, "status": "live"},
}
BID = {
    "id": ORDER_ID,
    "bidder_id": BUYER_ID,
    "amount_cents": 5_000,
    "is_proxy": False,
    "accepted": True,
    "placed_at": AT,
    "auction": {"id": ORDER_ID, "status": "live", "end_at": AT},
}
MONEY = {"id": ORDER_ID, "status": "pending", "amount_cents": -100, "created_at": AT}
ORDER: dict[str, Any] = {
    "id": ORDER_ID,
    "auction_id": ORDER_ID,
    "buyer_id": BUYER_ID,
    "seller_id": BUYER_ID,
    "listing": {"id": ORDER_ID, "title": XSS},
    "buyer": {"id": BUYER_ID, "display_name": "Alice"},
    "seller": {"id": BUYER_ID, "display_name": XSS},
    "state": "disputed",
    "state_before_dispute": "paid",
    "amount_cents": 10_000,
    "platform_fee_cents": 1_000,
    "seller_amount_cents": 9_000,
    "refunded_cents": 0,
    "refund_pending": True,
    "cancel_reason": None,
    "payment_due_at": AT,
    "created_at": AT,
    "events": [
        {
            "from_state": None,
            "to_state": "paid",
            "actor_kind": "stripe",
            "reason": XSS,
            "created_at": AT,
        }
    ],
    "payments": [
        MONEY
        | {
            "stripe_payment_intent_id": "pi_1",
            "stripe_charge_id": None,
            "settles_order": True,
            "error_message": XSS,
        }
    ],
    "refunds": [MONEY | {"stripe_refund_id": None, "reason": None}],
    "payouts": [MONEY | {"stripe_transfer_id": "tr_1", "reversed_cents": 0}],
    "disputes": [
        MONEY
        | {
            "stripe_dispute_id": "dp_1",
            "dispute_type": "other",
            "withdrawn_cents": 1,
            "reinstated_cents": 0,
        }
    ],
    "ledger": [
        {
            "account": "stripe_clearing",
            "entry_type": "payment",
            "amount_cents": 10_000,
            "description": XSS,
            "created_at": AT,
        }
    ],
}
USER = {
    "id": BUYER_ID,
    "email": "alice@shop.test",
    "display_name": XSS,
    "legal_name": XSS,
    "role": "buyer",
    "kyc": "failed",
    "kyc_details": {"reason_code": "document_expired"},
    "kyc_completed_at": None,
    "suspended_at": AT,
    "deleted_at": None,
    "payouts_enabled": False,
    "stripe_connect_account_id": None,
    "stripe_identity_session_id": "vs_1",
    "created_at": AT,
}
EVENT = {
    "event_id": "evt_1",
    "type": "a.type",
    "object_id": XSS,
    "attempts": 10,
    "error_code": "CRASHED",
    "error_message": XSS,
    "received_at": AT,
}
READ_EVENT = EVENT | {
    "source": "stripe",
    "order_id": ORDER_ID,
    "status": "dead",
    "outcome": None,
    "created_at": AT,
    "next_attempt_at": None,
    "processed_at": None,
}
ROW = {
    "id": ORDER_ID,
    "kind": "cancel_intent",
    "order_id": None,
    "attempts": 10,
    "last_error": XSS,
    "created_at": AT,
}
MESSAGE = {
    "id": ORDER_ID,
    "sender_id": BUYER_ID,
    "subject": XSS,
    "content": XSS,
    "reason_codes": ["phone"],
    "risk_score": 60,
    "created_at": AT,
}
REPORT = {
    "id": ORDER_ID,
    "reporter_id": BUYER_ID,
    "reported_user_id": BUYER_ID,
    "listing_id": None,
    "message_id": ORDER_ID,
    "user_id": None,
    "reason": XSS,
    "created_at": AT,
}
ENTRY = {
    "id": ORDER_ID,
    "actor_id": None,
    "action": "user_suspended",
    "entity": "users",
    "entity_id": BUYER_ID,
    "description": XSS,
    "created_at": AT,
}
RPCS: dict[str, Any] = {
    "closing_status": {
        "server_time": AT,
        "expired_count": 1,
        "expired_auctions": [
            {
                "id": ORDER_ID,
                "title": XSS,
                "end_at": AT,
                "current_price_cents": 100,
                "bid_count": 0,
                "failed_attempts": 2,
                "retry_at": None,
            }
        ],
        "recently_closed": [],
    },
    "read_gauges": {"inbox_waiting_events": 3, "ledger_drift_orders": 1},
    "list_dead_events": [EVENT],
    "list_dead_outbox_rows": [ROW],
    "staff_list_held_messages": {"success": True, "messages": [MESSAGE]},
    "staff_list_reports": {"success": True, "reports": [REPORT]},
    "staff_list_faults": {
        "success": True,
        "orders": [
            {
                "order_id": ORDER_ID,
                "has_drift": True,
                "difference_cents": -5,
                "differs_since": AT,
                "is_blocked": False,
                "checked_at": AT,
            }
        ],
        "outages": [{"started_at": AT, "ended_at": AT}],
    },
    "staff_find_user": {"success": True, "user_id": BUYER_ID},
    "staff_read_event": {"success": True, "event": READ_EVENT},
    "staff_read_message": {
        "success": True,
        "message_id": ORDER_ID,
        "sender_id": BUYER_ID,
        "original": XSS,
        "content": "***",
        "delivery": "held",
        "reason_codes": [],
        "risk_score": None,
    },
    "cron_status": {
        "cron_jobs": [{"name": "close", "schedule": "* * * * *", "is_active": True}],
        "job_runs": [
            {
                "job": "reconcile",
                "started_at": AT,
                "finished_at": None,
                "processed": 1,
                "failed": 0,
                "error": XSS,
            }
        ],
    },
}
TABLES: dict[str, Any] = {
    "auctions": [AUCTION | {"finalized_at": "2026-11-30T10:01:31+00:00"}],
    "orders": [ORDER],
    "disputes": [
        {
            "id": ORDER_ID,
            "order_id": ORDER_ID,
            "dispute_type": "other",
            "reason": XSS,
            "amount_cents": 1,
            "status": "open",
            "state": "open",
            "decision": None,
            "stripe_status": None,
            "created_at": AT,
        }
    ],
    "audit_logs": [ENTRY],
    "users": [USER],
    "bids": [BID],
    "listings": [
        {
            "id": BUYER_ID,
            "title": XSS,
            "status": "live",
            "end_at": AUCTION["end_at"],
            "auctions": [AUCTION],
        }
    ],
    "user_strikes": [{"order_id": ORDER_ID, "reason": "unpaid", "points": 1, "expires_at": AT}],
}
PARTS: dict[str, Any] = {
    table: [{"order_id": ORDER_ID}] for table in ("payments", "refunds", "disputes", "payouts")
}
NO_EVENT = {"success": False, "code": "RESOURCE_NOT_FOUND", "error": "There is no such event"}
PATHS = (
    "",
    f"/auctions/{ORDER_ID}",
    "/orders",
    f"/orders/{ORDER_ID}",
    "/disputes",
    "/queues",
    "/events/evt_1",
    "/review",
    "/jobs",
    "/audit",
    f"/users/{BUYER_ID}",
    "/search",
    f"/search?q={XSS}",
)


@pytest.fixture
def service() -> Service:
    service = make_service()
    answering(service, RPCS, TABLES)
    return service


class Outline(HTMLParser):
    """The parts of a page that a screen reader goes by."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.headings: list[str] = []
        self.labelled: set[str] = set()
        self.ids: list[str] = []
        self.fields: list[dict[str, str | None]] = []
        self.tables = self.captions = 0
        self.unscoped = 0
        self.inline: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what counts about a tag."""
        values = dict(attrs)
        self.inline += [name for name in values if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in values):
            self.inline.append(tag)
        if "id" in values:
            self.ids.append(str(values["id"]))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.unscoped += tag == "th" and "scope" not in values
        if tag == "label":
            self.labelled.add(str(values["for"]))
        if tag in ("input", "select", "textarea") and values.get("type") != "hidden":
            self.fields.append(values)


@pytest.mark.parametrize("path", PATHS)
def test_page_is_read_by_a_keyboard_and_a_screen_reader(service: Service, path: str) -> None:
    """Headings are in order; each table has a caption and scopes, and each field a label."""
    answer = staff_of(service).get(path)

    assert 200 == answer.status_code, answer.text
    outline = Outline(answer.text)
    assert '<html lang="en-AU">' in answer.text
    assert 1 == outline.headings.count("h1")
    assert "h1" == outline.headings[0]
    assert {"h1", "h2"} >= set(outline.headings)
    assert outline.tables == outline.captions
    assert 0 == outline.unscoped
    assert {str(field["id"]) for field in outline.fields} <= outline.labelled
    assert len(outline.ids) == len(set(outline.ids))
    assert 'href="#content"' in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_page_has_neither_inline_code_nor_markup_of_users(service: Service, path: str) -> None:
    """The policy would refuse the first, and text of users stays text."""
    answer = staff_of(service).get(path)

    assert [] == Outline(answer.text).inline
    assert XSS not in answer.text
    assert "<script>" not in answer.text
    text = "&#39;&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
    assert (text in answer.text) is (path != "/search")


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("", ("$12,345.67", "90 s", "Overdue auctions: 1", "Of the last 1 closes", "data-now")),
        (f"/auctions/{ORDER_ID}", ("Close the auction now", "Withdraw all bids", "$50.00")),
        ("/orders", ("Alice", "disputed", "$100.00")),
        (f"/orders/{ORDER_ID}", ("pi_1", "tr_1", "dp_1", "stripe clearing", "-$1.00", "pending")),
        ("/queues", ("evt_1", "cancel intent", "inbox waiting events", "Replay", "Try again")),
        ("/events/evt_1", ("a.type", "CRASHED", "dead", f"/orders/{ORDER_ID}", "Replay")),
        ("/review", ("phone", "Release", "Reject", "Uphold", "Dismiss", "Read the message")),
        ("/jobs", ("reconcile", "* * * * *", "ledger drift orders", "-$0.05")),
        (f"/users/{BUYER_ID}", ("document expired", "Lift the suspension", "unpaid", "vs_1")),
        ("/audit", ("user suspended",)),
    ],
)
def test_page_shows_its_rows(service: Service, path: str, texts: tuple[str, ...]) -> None:
    """Money and times are written for people."""
    answer = staff_of(service).get(path)

    assert [] == [text for text in texts if text not in answer.text]
    assert '<time datetime="' in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_empty_page_says_so(service: Service, path: str) -> None:
    """A new market has no rows; an object of an unknown id is not found."""
    status = RPCS["closing_status"] | {"expired_count": 0, "expired_auctions": []}
    answering(
        service,
        {
            "closing_status": status,
            "read_gauges": {},
            "list_dead_events": [],
            "list_dead_outbox_rows": [],
            "staff_list_held_messages": {"success": True, "messages": []},
            "staff_list_reports": {"success": True, "reports": []},
            "staff_list_faults": {"success": True, "orders": [], "outages": []},
            "staff_read_event": NO_EVENT,
            "cron_status": {"cron_jobs": [], "job_runs": []},
        },
        {table: [] for table in TABLES},
    )

    answer = staff_of(service).get(path)

    is_object = path.startswith(("/auctions/", "/orders/", "/events/", "/users/"))
    assert (404 if is_object else 200) == answer.status_code
    if is_object:
        assert "There is no such" in answer.text
    elif "search" not in path:
        assert "None." in answer.text


def test_long_history_of_an_order_ends_with_the_newest(service: Service) -> None:
    """The page has at most 200 parts of each kind, and its reader asks what happened last."""
    [event] = ORDER["events"]
    times = [f"2026-11-30T11:{minute:02}:{second:02}+00:00"
             for minute in range(4) for second in range(60)]  # fmt: skip
    events = [event | {"created_at": time} for time in reversed(times)]
    answering(service, RPCS, TABLES | {"orders": [ORDER | {"events": events}]})

    text = staff_of(service).get(f"/orders/{ORDER_ID}").text

    assert [False, False, True, True] == [
        f'datetime="{times[place]}"' in text for place in (0, 39, 40, 239)
    ]


@pytest.mark.parametrize("path", PATHS)
def test_rows_are_read_with_the_rights_of_the_caller(service: Service, path: str) -> None:
    """The token of the session goes along, so SQL asks for the second factor as well."""
    visitor = staff_of(service)

    visitor.get(path)

    assert ["session_is_staff", "rate_limit_hit"] == service.called[:2]
    for call in service.database.as_user.call_args_list:
        assert (visitor.cookie("console_access"),) == call.args
    if path != "/queues":
        assert service.database.as_user.called


@pytest.mark.parametrize(
    "path",
    [
        "/orders/x",
        "/auctions/1",
        f"/users/{ORDER_ID}x",
        f"/users/{{{ORDER_ID}}}",
        "/events/pi_1",
        "/events/evt_%00",
        "/events/evt_" + "x" * 300,
    ],
)
def test_id_that_is_none_is_not_found(service: Service, path: str) -> None:
    """Nothing of it reaches the database."""
    assert 404 == staff_of(service).get(path).status_code
    service.database.select.assert_not_called()
    assert "staff_read_event" not in service.called


@pytest.mark.parametrize("query", ["q=%00", "q=a%00@b", f"q={'x' * 321}"])
def test_text_that_no_row_has_is_refused(service: Service, query: str) -> None:
    """Postgres stores no NUL, and would answer with an error of its own."""
    assert 400 == staff_of(service).get(f"/search?{query}").status_code
    service.database.select.assert_not_called()


def test_database_in_trouble_has_a_page(service: Service) -> None:
    """The page names the request for the log."""
    answering(service, RPCS, TABLES | {"orders": MarketError("DATABASE_ERROR", "secret")})

    answer = staff_of(service).get("/orders")

    assert (500, True) == (answer.status_code, answer.headers["X-Request-Id"] in answer.text)
    assert "secret" not in answer.text


def test_pages_count_towards_the_limit_of_staff(service: Service) -> None:
    """Routes and pages of staff share one counter."""
    answering(
        service, RPCS | {"rate_limit_hit": {"allowed": False, "retry_after_ms": 1500}}, TABLES
    )

    answer = staff_of(service).get("/orders")

    assert (429, "2") == (answer.status_code, answer.headers["Retry-After"])
    service.database.select.assert_not_called()


class TestLists:
    """Pages of rows by the key of the last one."""

    @pytest.mark.parametrize(
        ("path", "table", "key", "sign"),
        [
            ("", "listings", "end_at", ""),
            ("/orders", "orders", "created_at", "-"),
            ("/disputes", "disputes", "created_at", "-"),
            ("/audit", "audit_logs", "created_at", "-"),
        ],
    )
    def test_next_page_follows_the_last_row(
        self, service: Service, path: str, table: str, key: str, sign: str
    ) -> None:
        """One more row than the page shows tells that there is a next page."""
        [row] = TABLES[table]
        answering(service, RPCS, TABLES | {table: [row] * 51})
        visitor = staff_of(service)

        text = visitor.get(path).text
        [link] = re.findall(r'<a href="[^"]*(\?[^"]*)" rel="next">', text)
        visitor.get(f"{path}{link.replace('&amp;', '&')}")

        found = [
            call for call in service.database.select.call_args_list if call.kwargs["limit"] == 51
        ]
        assert [(f"{sign}{key}", f"{sign}id")] * 2 == [call.kwargs["order"] for call in found]
        than = "lt" if sign else "gt"
        at, row_id = row[key], row["id"]
        where = found[1].args[2]
        assert f"{than}e.{at}" == where[key]
        assert f'{key}.{than}."{at}",and({key}.eq."{at}",id.{than}.{row_id})' == where["or"]

    @pytest.mark.parametrize("after", ["x", "~", f"{AT}~x", f"x~{ORDER_ID}", f'{AT},"~{ORDER_ID}'])
    def test_other_key_is_refused(self, service: Service, after: str) -> None:
        """No text of the caller becomes a part of a filter."""
        answer = staff_of(service).get(f"/orders?after={urllib.parse.quote(after)}")

        assert 400 == answer.status_code
        service.database.select.assert_not_called()

    def test_orders_are_filtered_by_state(self, service: Service) -> None:
        """The page keeps the state in the form."""
        answer = staff_of(service).get("/orders?state=paid")

        assert {"state": "eq.paid"} == service.database.select.call_args.args[2]
        assert '<option value="paid" selected>' in answer.text
        assert 400 == staff_of(service).get("/orders?state=x").status_code

    @pytest.mark.parametrize(
        ("path", "rpc", "rows", "key"),
        [
            ("/queues", "list_dead_events", [EVENT] * 50, "after_event=evt_1"),
            ("/queues", "list_dead_outbox_rows", [ROW] * 50, f"after_row={ORDER_ID}"),
            (
                "/review",
                "staff_list_held_messages",
                {"success": True, "messages": [MESSAGE] * 50},
                f"after_message={ORDER_ID}",
            ),
            (
                "/review",
                "staff_list_reports",
                {"success": True, "reports": [REPORT] * 50},
                f"after_report={ORDER_ID}",
            ),
        ],
    )
    def test_queue_has_a_next_page(
        self, service: Service, path: str, rpc: str, rows: Any, key: str
    ) -> None:
        """The key goes to the function that lists."""
        answering(service, RPCS | {rpc: rows}, TABLES)
        visitor = staff_of(service)

        assert f'{path}?{key}" rel="next"' in visitor.get(path).text
        visitor.get(f"{path}?{key}")

        calls = [call for call in service.database.call.call_args_list if call.args[0] == rpc]
        assert [None, key.partition("=")[2]] == [call.kwargs["after_id"] for call in calls]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("pi_1", [("payments", "stripe_payment_intent_id", "pi_1")]),
        ("ch_1", [("payments", "stripe_charge_id", "ch_1")]),
        ("re_1", [("refunds", "stripe_refund_id", "re_1")]),
        ("dp_1", [("disputes", "stripe_dispute_id", "dp_1")]),
        ("tr_1", [("payouts", "stripe_transfer_id", "tr_1")]),
        ("acct_1", [("users", "stripe_connect_account_id", "acct_1")]),
        ("vs_1", [("users", "stripe_identity_session_id", "vs_1")]),
        ("xx_1", []),
        ("pi_1&id=eq.2", []),
        ("nothing", []),
    ],
)
def test_search_asks_one_column(
    service: Service, text: str, asked: list[tuple[str, str, str]]
) -> None:
    """The kind of the text decides, so no search scans all tables."""
    answering(service, RPCS, TABLES | PARTS)

    answer = staff_of(service).get(f"/search?q={urllib.parse.quote(text)}")

    calls = service.database.select.call_args_list
    assert asked == [
        (call.args[0], column, value.removeprefix("eq."))
        for call in calls
        for column, value in call.args[2].items()
    ]
    assert f"Found {len(asked)}" in answer.text


@pytest.mark.parametrize(
    ("text", "function", "arguments", "link"),
    [
        ("Alice@x.test", "staff_find_user", {"email": "Alice@x.test"}, f"/users/{BUYER_ID}"),
        ("evt_1", "staff_read_event", {"event_id": "evt_1"}, "/events/evt_1"),
    ],
)
@pytest.mark.parametrize("is_found", [True, False])
def test_search_by_a_function_for_staff(
    service: Service, text: str, function: str, arguments: dict[str, str], link: str, *,
    is_found: bool,
) -> None:  # fmt: skip
    """Row level security shows neither an index of addresses nor the inbox to a filter."""
    if not is_found:
        answering(service, RPCS | {function: NO_EVENT})

    answer = staff_of(service).get(f"/search?q={text}")

    assert (200, is_found) == (answer.status_code, f'{link}"' in answer.text)
    assert ((function,), arguments) == service.database.call.call_args
    service.database.select.assert_not_called()


def test_search_for_an_event_of_oneself_is_refused(service: Service) -> None:
    """The page says that the event is about the reader, instead of "Found 0"."""
    refusal = {"success": False, "code": "FORBIDDEN", "error": "This event is about you"}
    answering(service, RPCS | {"staff_read_event": refusal})

    answer = staff_of(service).get("/search?q=evt_1")

    assert (403, True) == (answer.status_code, "This event is about you" in answer.text)


def test_settled_event_is_not_replayed(service: Service) -> None:
    """The page of a settled event offers no replay, because its effect took place."""
    event = READ_EVENT | {"status": "processed", "outcome": "processed", "processed_at": AT}
    answering(service, RPCS | {"staff_read_event": {"success": True, "event": event}})

    assert "replay-event" not in staff_of(service).get("/events/evt_1").text


@pytest.mark.parametrize("method", ["get", "post"])
def test_unknown_page_is_not_found(service: Service, method: str) -> None:
    """Staff get a page, and a visitor learns nothing about which pages exist."""
    visitor = staff_of(service)
    token = token_in(visitor.get("/search"))

    for path in ("/nothing", "/sign-in/x", "/orders/x/y", "/<script>"):
        answer = visitor.get(path) if method == "get" else visitor.post(path, {"form_token": token})
        assert (404, True) == (answer.status_code, "There is no such page" in answer.text)
        assert "<script>" not in answer.text
        assert 401 == Visitor(make_service()).get(path).status_code


def test_bug_has_a_page(service: Service) -> None:
    """A person gets no JSON, and no word of the error."""
    answering(service, RPCS, TABLES | {"orders": ZeroDivisionError("secret")})

    answer = staff_of(service).get("/orders")

    assert (500, "text/html") == (answer.status_code, answer.mimetype)
    assert "INTERNAL_ERROR" in answer.text
    assert "secret" not in answer.text
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(("role", "is_offered"), [("admin", True), ("moderator", False)])
def test_role_is_changed_by_admins_alone(service: Service, role: str, *, is_offered: bool) -> None:
    """SQL refuses the moderator as well; the form would only mislead."""
    answering(service, RPCS, TABLES, staff=STAFF | {"role": role})

    text = staff_of(service).get(f"/users/{BUYER_ID}").text

    assert is_offered is ("actions/set-role" in text)
    assert "<option selected>buyer</option>" in text or not is_offered


@pytest.mark.parametrize("account", [None, "acct_1"])
def test_transfers_of_a_seller_are_released(service: Service, account: str | None) -> None:
    """A user without an account at Stripe has no transfers."""
    user = USER | {"stripe_connect_account_id": account}
    answering(service, RPCS, TABLES | {"users": [user]})

    text = staff_of(service).get(f"/users/{BUYER_ID}").text

    assert (account is not None) is ("actions/release-transfers" in text)


@pytest.mark.parametrize(
    ("changes", "count"),
    [({"state": "paid"}, 2), ({"state": "disputed"}, 0), ({"state": "paid", "payments": []}, 0)],
)
def test_order_with_a_payment_is_refunded(
    service: Service, changes: dict[str, Any], count: int
) -> None:
    """An order in dispute is refunded by the decision alone."""
    answering(service, RPCS, TABLES | {"orders": [ORDER | changes]})

    text = staff_of(service).get(f"/orders/{ORDER_ID}").text

    assert count == text.count("/actions/refund-order")


def test_search_for_an_id_finds_each_object_once(service: Service) -> None:
    """An order, its payment and its payout lead to one page."""
    answering(service, RPCS, TABLES | PARTS | {"users": [], "auctions": []})

    answer = staff_of(service).get(f"/search?q=%20{ORDER_ID}%20")

    assert "Found 1" in answer.text
    assert f'/orders/{ORDER_ID}"' in answer.text


def test_page_of_an_auction_that_is_over_offers_other_actions(service: Service) -> None:
    """Bids stay after the close, and the photos may go."""
    auction = AUCTION | {"status": "no_sale", "finalized_at": AT}
    answering(service, RPCS, TABLES | {"auctions": [auction]})

    text = staff_of(service).get(f"/auctions/{ORDER_ID}").text

    assert ["remove-photos"] == re.findall(r'/actions/([a-z-]+)"', text)


def test_dispute_of_the_parties_can_be_decided(service: Service) -> None:
    """The bank decides about its own, and nobody decides twice."""
    [dispute] = ORDER["disputes"]
    own = dispute | {"stripe_dispute_id": None}
    disputes = [dispute, own | {"status": "open"}, own | {"status": "resolved"}]
    answering(service, RPCS, TABLES | {"orders": [ORDER | {"disputes": disputes}]})

    text = staff_of(service).get(f"/orders/{ORDER_ID}").text

    # One form decides about all or nothing, and the other one about a part.
    assert ["resolve-dispute"] * 2 == re.findall(r'/actions/([a-z-]+)"', text)


class TestMessage:
    """The original of a message, which costs a reason."""

    def test_original_is_read_with_a_reason(self, service: Service) -> None:
        """The reason goes to the audit log."""
        visitor = staff_of(service)
        form = {
            "form_token": token_in(visitor.get("/review")),
            "message_id": ORDER_ID,
            "reason": REASON,
        }

        answer = visitor.post("/messages", form)

        assert (200, True) == (answer.status_code, "alert(1)" in answer.text)
        assert XSS not in answer.text
        sent = service.database.call.call_args
        assert {"message_id": ORDER_ID, "reason": REASON} == sent.kwargs
        assert 400 == visitor.post("/messages", form | {"reason": "short"}).status_code

    def test_purged_original_is_named(self, service: Service) -> None:
        """A message that was decided has no form."""
        message = RPCS["staff_read_message"] | {"original": None, "delivery": "delivered"}
        answering(service, RPCS | {"staff_read_message": message}, TABLES)
        visitor = staff_of(service)
        token = token_in(visitor.get("/review"))

        answer = visitor.post(
            "/messages", {"form_token": token, "message_id": ORDER_ID, "reason": REASON}
        )

        assert "purged" in answer.text
        assert "decide-message" not in answer.text


def test_files_of_the_pages_are_served(service: Service) -> None:
    """Scripts and styles name no other site, so they load under the policy."""
    visitor = staff_of(service)

    style, script = visitor.get("/console.css"), visitor.get("/console.js")

    assert ("text/css", "text/javascript") == (style.mimetype, script.mimetype)
    for file in (style, script):
        assert 200 == file.status_code
        assert "//" not in file.text.replace("// Count", "")
        assert "url(" not in file.text
        assert "innerHTML" not in file.text
