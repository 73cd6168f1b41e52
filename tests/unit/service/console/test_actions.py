"""`service.console.actions`: each form calls its RPC once, with the reason and the request's id."""

import html
import re
from typing import Any

import pytest

from market.errors import TransientError
from service.console.actions import ACTIONS
from tests.support.factories import BUYER_ID, ORDER_ID
from tests.unit.service.adapters import Service, make_service
from tests.unit.service.console.browsing import PATH, Visitor, answering, staff_of, token_in


REASON = "The seller asked for it"
REQUEST_ID = "3b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22"
DONE = {"success": True, "refund_id": ORDER_ID, "status": "pending"}
#: Each action with its form, the function that it calls, its arguments and the page that follows.
CASES: dict[str, tuple[dict[str, str], str, dict[str, Any], str]] = {
    "close-auction": (
        {"auction_id": ORDER_ID, "force": "true"},
        "finalize_auctions",
        {"auction_id": ORDER_ID, "force": True, "actor_id": BUYER_ID, "request_id": REQUEST_ID},
        f"/auctions/{ORDER_ID}",
    ),
    "decide-message": (
        {"message_id": ORDER_ID, "decision": "release"},
        "staff_decide_message",
        {"message_id": ORDER_ID, "release": True},
        "/review",
    ),
    "decide-report": (
        {"report_id": ORDER_ID, "decision": "dismiss"},
        "staff_decide_report",
        {"report_id": ORDER_ID, "uphold": False},
        "/review",
    ),
    "refund-order": (
        {"order_id": ORDER_ID, "amount": "12.50"},
        "process_refund_transaction",
        {
            "order_id": ORDER_ID,
            "refund_amount_cents": 1_250,
            "user_id": BUYER_ID,
            "client_request_id": REQUEST_ID,
        },
        f"/orders/{ORDER_ID}",
    ),
    "release-transfers": (
        {"seller_id": ORDER_ID},
        "release_transfers",
        {"seller_id": ORDER_ID},
        f"/users/{ORDER_ID}",
    ),
    "remove-listing": (
        {"listing_id": BUYER_ID, "auction_id": ORDER_ID},
        "staff_remove_listing",
        {"listing_id": BUYER_ID},
        f"/auctions/{ORDER_ID}",
    ),
    "remove-photos": (
        {"listing_id": BUYER_ID, "auction_id": ORDER_ID},
        "staff_remove_photos",
        {"listing_id": BUYER_ID},
        f"/auctions/{ORDER_ID}",
    ),
    "replay-event": (
        {"event_id": "evt_1"},
        "replay_webhook_event",
        {"event_id": "evt_1", "actor_id": BUYER_ID},
        "/queues",
    ),
    "requeue-events": (
        {"type": "payout.paid", "since": "2026-11-30T08:00"},
        "requeue_ignored_events",
        {"type": "payout.paid", "since": "2026-11-30T08:00:00Z"},
        "/queues",
    ),
    "requeue-row": (
        {"outbox_id": ORDER_ID},
        "requeue_outbox",
        {"outbox_id": ORDER_ID},
        "/queues",
    ),
    "resolve-dispute": (
        {"dispute_id": BUYER_ID, "order_id": ORDER_ID, "decision": "deny"},
        "resolve_dispute",
        {"dispute_id": BUYER_ID, "decision": "deny", "refund_cents": None},
        f"/orders/{ORDER_ID}",
    ),
    "set-role": (
        {"user_id": ORDER_ID, "role": "moderator"},
        "admin_set_role",
        {"user_id": ORDER_ID, "role": "moderator"},
        f"/users/{ORDER_ID}",
    ),
    "suspend-user": (
        {"user_id": ORDER_ID},
        "staff_suspend_user",
        {"user_id": ORDER_ID, "lift": False},
        f"/users/{ORDER_ID}",
    ),
    "withdraw-bids": (
        {"auction_id": ORDER_ID, "bidder_id": BUYER_ID},
        "staff_withdraw_bids",
        {"auction_id": ORDER_ID, "bidder_id": BUYER_ID},
        f"/auctions/{ORDER_ID}",
    ),
}
#: Actions whose function takes the member of staff as an argument; the others act with the token.
BY_SERVICE = {"close-auction", "refund-order", "replay-event"}
#: The argument for the reason, where it has another name.
REASONS = {"refund-order": "refund_reason", "resolve-dispute": "note"}


@pytest.fixture
def service() -> Service:
    service = make_service()
    answers = {function: DONE for _, function, _, _ in CASES.values()}
    finalized = DONE | {
        "result": {"success": True, "status": "no_sale"},
        "audit_log": {"actor_id": BUYER_ID, "entity_id": ORDER_ID},
    }
    answering(service, answers | {"finalize_auctions": finalized})
    return service


def form_of(visitor: Visitor, action: str, **changes: str) -> dict[str, str]:
    token = token_in(visitor.get("/search"))
    whole = {"form_token": token, "reason": REASON, "request_id": REQUEST_ID, **CASES[action][0]}
    return {name: value for name, value in (whole | changes).items() if value}


def fields_of(page: str) -> dict[str, str]:
    """Return the hidden fields of the form that sends a request again."""
    form = page.partition('<form class="again"')[2].partition("</form>")[0]
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form)
    return {name: html.unescape(value) for name, value in fields}


def test_every_action_has_a_case() -> None:
    """A new action cannot be forgotten."""
    assert CASES.keys() == ACTIONS.keys()


@pytest.mark.parametrize("action", CASES)
def test_form_calls_the_function_for_staff(service: Service, action: str) -> None:
    """The rights are those of the session, and the browser goes to the page of the result."""
    _, function, arguments, place = CASES[action]
    visitor = staff_of(service)

    answer = visitor.post(f"/actions/{action}", form_of(visitor, action))

    assert (303, f"{PATH}{place}?done={action}") == (
        answer.status_code,
        answer.headers["Location"],
    )
    [sent] = [
        call.kwargs for call in service.database.call.call_args_list if call.args[0] == function
    ]
    own = {} if action in BY_SERVICE else {"client_request_id": REQUEST_ID}
    assert arguments | own | {REASONS.get(action, "reason"): REASON} == sent
    token = visitor.cookie("console_access")
    as_user = [call.args for call in service.database.as_user.call_args_list]
    # The first call opens the page of the form.
    assert ([] if action in BY_SERVICE else [(token,)]) == as_user[1:]


@pytest.mark.parametrize("action", CASES)
@pytest.mark.parametrize(
    "changes",
    [{"reason": ""}, {"reason": "short"}, {"reason": "x" * 501}, {"request_id": ""}, {"all": "x"}],
)
def test_malformed_form_does_nothing(
    service: Service, action: str, changes: dict[str, str]
) -> None:
    """A reason, an id of the request and each own field are needed."""
    visitor = staff_of(service)
    if "all" in changes:
        changes = dict.fromkeys(CASES[action][0], "not an id!")

    answer = visitor.post(f"/actions/{action}", form_of(visitor, action, **changes))

    assert (400, True) == (answer.status_code, "VALIDATION_ERROR" in answer.text)
    assert CASES[action][1] not in service.called


@pytest.mark.parametrize("action", CASES)
def test_refusal_has_a_page(service: Service, action: str) -> None:
    """The text is that of SQL."""
    function = CASES[action][1]
    answering(service, {function: {"success": False, "code": "CONFLICT", "error": "Too <late>"}})
    visitor = staff_of(service)

    answer = visitor.post(f"/actions/{action}", form_of(visitor, action))

    assert (409, True) == (answer.status_code, "Too &lt;late&gt;" in answer.text)


def test_refusal_keeps_the_reason(service: Service) -> None:
    """No cache keeps the form, so the person would have to write it again."""
    reason = f"{REASON}, and <b>nobody</b> paid"
    answering(service, {"requeue_outbox": {"success": False, "code": "CONFLICT", "error": "No"}})
    visitor = staff_of(service)
    form = form_of(visitor, "requeue-row", reason=reason)

    kept = visitor.post("/actions/requeue-row", form)
    forged = visitor.post("/actions/requeue-row", form | {"form_token": "0" * 64})

    assert f"<dd>{REASON}, and &lt;b&gt;nobody&lt;/b&gt; paid</dd>" in kept.text
    assert (403, False) == (forged.status_code, REASON in forged.text)


@pytest.mark.parametrize("error", [TransientError("DATABASE_UNREACHABLE"), KeyError("bug")])
def test_lost_answer_offers_the_same_form(service: Service, error: Exception) -> None:
    """The refund may be reserved. A new form would have a new id, and refund a second time."""
    function = CASES["refund-order"][1]
    answering(service, {function: error})
    visitor = staff_of(service)
    lost = visitor.post("/actions/refund-order", form_of(visitor, "refund-order"))
    answering(service, {function: DONE})

    again = visitor.post("/actions/refund-order", fields_of(lost.text))

    assert lost.status_code >= 500
    assert "<h1>Perhaps done</h1>" in lost.text
    assert (303, REQUEST_ID, 1_250, REASON) == (
        again.status_code,
        service.database.call.call_args.kwargs["client_request_id"],
        service.database.call.call_args.kwargs["refund_amount_cents"],
        service.database.call.call_args.kwargs["refund_reason"],
    )


def test_form_that_reached_nobody_is_not_done(service: Service) -> None:
    """The session was not looked up, so nothing began, and nobody is known to be staff."""
    visitor = staff_of(service)
    form = form_of(visitor, "refund-order")
    answering(service, {"session_is_staff": TransientError("DATABASE_UNREACHABLE")})

    answer = visitor.post("/actions/refund-order", form)

    assert (503, True) == (answer.status_code, "<h1>Not done</h1>" in answer.text)
    assert REASON not in answer.text


def test_missing_factor_of_another_user_has_a_page(service: Service) -> None:
    """The admin has proved a factor, so the page does not ask for it again."""
    text = "This user has no verified second factor"
    refusal = {"success": False, "code": "SECOND_FACTOR_REQUIRED", "error": text}
    answering(service, {"admin_set_role": refusal})
    visitor = staff_of(service)

    answer = visitor.post("/actions/set-role", form_of(visitor, "set-role"))

    assert (True, False) == (text in answer.text, "Prove your second factor" in answer.text)


@pytest.mark.parametrize(
    ("amount", "cents"), [("0.01", 1), (" 12 ", 1_200), ("9999999.99", 999_999_999)]
)
def test_part_of_a_dispute_is_an_amount_in_dollars(
    service: Service, amount: str, cents: int
) -> None:
    """The form of a part sends its amount, and SQL gets whole cents."""
    visitor = staff_of(service)
    form = form_of(visitor, "resolve-dispute", decision="partial", amount=amount)

    assert 303 == visitor.post("/actions/resolve-dispute", form).status_code

    sent = service.database.call.call_args.kwargs
    assert ("partial", cents) == (sent["decision"], sent["refund_cents"])


@pytest.mark.parametrize(
    "amount", ["0", "0.00", "-1", "1.5", "1e3", "1,000", "$5", "12345678", "\u0661", "NaN", "x"]
)
@pytest.mark.parametrize("action", ["refund-order", "resolve-dispute"])
def test_other_amount_moves_no_money(service: Service, action: str, amount: str) -> None:
    """An amount that a person mistypes never becomes another amount, or all that is left."""
    visitor = staff_of(service)

    answer = visitor.post(f"/actions/{action}", form_of(visitor, action, amount=amount))

    assert (400, True) == (answer.status_code, "Invalid request: amount" in answer.text)
    assert CASES[action][1] not in service.called


def test_empty_amount_moves_no_money(service: Service) -> None:
    """Only the form without the field asks for all that is left."""
    visitor = staff_of(service)
    form = form_of(visitor, "refund-order")

    assert 400 == visitor.post("/actions/refund-order", form | {"amount": ""}).status_code
    del form["amount"]
    assert 303 == visitor.post("/actions/refund-order", form).status_code

    sent = service.database.call.call_args.kwargs
    assert sent["refund_amount_cents"] is None


@pytest.mark.parametrize("since", ["yesterday", "", "2026-11-30T08:00+11:00", "1e9"])
def test_other_time_requeues_nothing(service: Service, since: str) -> None:
    """The field of a browser has no offset, and the page says that it is in UTC."""
    visitor = staff_of(service)
    form = form_of(visitor, "requeue-events") | {"since": since}

    assert 400 == visitor.post("/actions/requeue-events", form).status_code
    assert "requeue_ignored_events" not in service.called


def test_page_says_what_was_done(service: Service) -> None:
    """A word that names no action is not repeated: a link of another site could say anything."""
    visitor = staff_of(service)

    assert "Done: replay event." in visitor.get("/search?done=replay-event").text
    assert "Done:" not in visitor.get("/search?done=paid-out").text


def test_unknown_action_is_not_found(service: Service) -> None:
    """Only the names of the table are actions."""
    visitor = staff_of(service)

    answer = visitor.post("/actions/drop-table", form_of(visitor, "suspend-user"))

    assert 404 == answer.status_code


def test_action_needs_staff(service: Service) -> None:
    """Neither a visitor nor a form without its token acts."""
    staff = staff_of(service)
    form = form_of(staff, "suspend-user")

    assert 403 == staff.post("/actions/suspend-user", form | {"form_token": "x"}).status_code
    assert 401 == Visitor(make_service()).post("/actions/suspend-user", form).status_code
    assert "staff_suspend_user" not in service.called
