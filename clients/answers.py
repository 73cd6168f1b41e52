"""The answers of the RPCs that people call."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic


def _typescript(text: str) -> Any:
    """Return the annotation of a value that another part of the generated file describes."""
    return pydantic.WithJsonSchema({"tsType": text})


Listing = Annotated[dict[str, Any], _typescript("Tables<'listings'>")]
Json = Annotated[Any, _typescript("Json")]
AuctionStatus = Annotated[str, _typescript("Enums<'auction_status'>")]
FilterAction = Annotated[str, _typescript("Enums<'filter_action'>")]
Delivery = Annotated[str, _typescript("Enums<'message_delivery'>")]


class Values(pydantic.BaseModel):
    """The base of all answers: an answer has each field of its model, and no other."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)


class Refusal(Values):
    """A refusal; some codes add a value."""

    success: Literal[False]
    code: str
    error: str
    field: str | None = None
    start: int | None = None
    end: int | None = None
    minimum_bid_cents: int | None = None
    retry_after_ms: int | None = None


class Success(Values):
    """An answer that tells only that the call took effect."""

    success: Literal[True]


class Receipt(Success):
    """The receipt of a bid."""

    bid_id: str
    amount_cents: int
    is_proxy_bid: bool
    outbid_previous: bool
    previous_bidder_id: str | None
    previous_amount_cents: int | None
    extension_seconds: float
    new_end_at: str
    is_leading: bool
    current_price_cents: int
    min_next_bid_cents: int
    reserve_met: bool
    end_at: str
    server_time: str
    version: int
    seq: int
    hash: str
    salt: str
    received_at: str
    time_left_ms: int
    idempotent: bool


class TimeRemaining(Values):
    """The time that an auction has left, in seconds, by the database's clock."""

    auction_id: str
    status: AuctionStatus
    end_at: str
    server_time: str
    time_remaining: float
    version: int


class AuctionState(TimeRemaining):
    """The live values of an auction."""

    current_price_cents: int
    bid_count: int
    high_bidder_id: str | None
    min_next_bid_cents: int
    reserve_met: bool


class LogRow(Values):
    """An entry of a bid log; docs/bid-log.md describes its values."""

    seq: int
    kind: str
    record: Json
    commitment: str | None
    opened: Json
    previous_hash: str | None
    hash: str


class BidLog(Success):
    """The log of a closed auction."""

    auction_id: str
    rows: list[LogRow]


class Proxy(Values):
    """The caller's own maximum in an auction."""

    auction_id: str
    max_cents: int
    is_leading: bool
    updated_at: str


class ListingPrivate(Values):
    """The values of a listing that only its seller and staff read."""

    reserve_cents: int | None
    street: str


class ListingChanged(Success):
    """The listing after a change."""

    listing: Listing


class ListingOffered(ListingChanged):
    """A new listing and its auction."""

    auction_id: str


class Message(Success):
    """The receipt of a message; `content` is the text that the recipient may read."""

    thread_id: str
    message_id: str
    action: FilterAction
    reason_codes: list[str]
    rule_version: int
    content: str
    delivery: Delivery
    idempotent: bool


class Original(Success):
    """A message as staff see it; `original` is null once it was purged."""

    message_id: str
    thread_id: str
    sender_id: str
    original: str | None
    content: str
    action: FilterAction
    delivery: Delivery
    reason_codes: list[str]
    risk_score: int | None
    findings: Json
    rule_version: int


class Decided(Success):
    """A held message after the decision of staff."""

    delivery: Delivery


class DisputeOpened(Success):
    """The new dispute."""

    dispute_id: str


class DisputeMessage(Success):
    """The new message about a dispute."""

    message_id: str


class Counted(Success):
    """The number of rows that are due again."""

    count: int


class Released(Success):
    """The number of reversals that no longer hold transfers back."""

    reversals: int


class Reported(Success):
    """The report, new or the caller's earlier one about the same target."""

    report_id: str


class HeldMessage(Values):
    """A message that waits for the decision of staff; `content` is masked."""

    id: str
    thread_id: str
    sender_id: str
    listing_id: str
    subject: str
    content: str
    reason_codes: list[str]
    risk_score: int | None
    created_at: str


class HeldMessages(Success):
    """A page of the held messages."""

    messages: list[HeldMessage]


class OpenReport(Values):
    """A report that waits for the decision of staff. It has one of three targets."""

    id: str
    reporter_id: str
    listing_id: str | None
    message_id: str | None
    user_id: str | None
    reported_user_id: str
    reason: str
    created_at: str


class OpenReports(Success):
    """A page of the open reports."""

    reports: list[OpenReport]


class DifferingOrder(Values):
    """An order whose last check found that its books disagree."""

    order_id: str
    has_drift: bool
    difference_cents: int
    differs_since: str | None
    is_blocked: bool
    checked_at: str


class Outage(Values):
    """A time without a heartbeat of a worker and without a bid."""

    started_at: str
    ended_at: str


class Faults(Success):
    """Faults that the last checks found, the newest first."""

    orders: list[DifferingOrder]
    outages: list[Outage]


class FoundUser(Success):
    """The user of an e-mail address."""

    user_id: str


class StripeEvent(Values):
    """An event of Stripe without its payload."""

    event_id: str
    source: str
    type: str
    object_id: str | None
    order_id: str | None
    status: str
    outcome: str | None
    attempts: int
    error_code: str | None
    error_message: str | None
    created_at: str
    received_at: str
    next_attempt_at: str | None
    processed_at: str | None


class ReadEvent(Success):
    """One event, for staff."""

    event: StripeEvent


#: The answer of each RPC that does not refuse.
ANSWERS: Mapping[str, Any] = {
    "add_dispute_message": DisputeMessage,
    "admin_set_role": Success,
    "cancel_listing": Success,
    "create_listing": ListingOffered,
    "get_auction_state": AuctionState,
    "get_bid_log": BidLog,
    "get_listing_private": ListingPrivate,
    "get_my_proxy": Proxy | None,
    "get_time_remaining": TimeRemaining,
    "open_dispute": DisputeOpened,
    "place_bid": Receipt,
    "release_transfers": Released,
    "relist_listing": ListingOffered,
    "report_content": Reported,
    "requeue_ignored_events": Counted,
    "requeue_outbox": Success,
    "requeue_webhook_event": Success,
    "resolve_dispute": Success,
    "send_message": Message,
    "staff_decide_message": Decided,
    "staff_decide_report": Success,
    "staff_find_user": FoundUser,
    "staff_list_faults": Faults,
    "staff_list_held_messages": HeldMessages,
    "staff_list_reports": OpenReports,
    "staff_read_event": ReadEvent,
    "staff_read_message": Original,
    "staff_remove_listing": Success,
    "staff_remove_photos": Success,
    "staff_suspend_user": Success,
    "staff_withdraw_bids": Success,
    "start_thread": Message,
    "update_listing": ListingChanged,
}
_ADAPTERS: Mapping[str, pydantic.TypeAdapter[Any]] = {
    function: pydantic.TypeAdapter(answer) for function, answer in ANSWERS.items()
}


def check(function: str, answer: object) -> None:
    """Raise unless the answer of an RPC has the form that is stated here."""
    if function not in ANSWERS:
        return
    if isinstance(answer, dict) and answer.get("success") is False:
        Refusal.model_validate(answer)
    else:
        _ADAPTERS[function].validate_python(answer)
