"""Routes by which staff close auctions, replay events of Stripe, and read dead letters."""

from typing import Annotated, Literal
from uuid import UUID

import pydantic
import structlog
from flask import Blueprint

from market import inbox, outbox
from market.auctions import forcing, repository
from market.database import Database
from service.bodies import EventName, needs_one_of, read_body, read_query
from service.limits import UserLimits
from service.route_table import Answer, Caller, Cents, Id, Route, Time
from service.session import Sessions


log = structlog.get_logger(__name__)

#: All routes for staff count towards this limit, except the forced close.
STAFF_ACTION = "call_staff_route"

_REASON = "The event was replayed in the admin pages"
Reason = Annotated[str, pydantic.Field(min_length=10, max_length=500)]


class FinalizeBody(pydantic.BaseModel):
    """One auction, or all whose end has come. Only one auction may be closed by force."""

    model_config = needs_one_of({"force": [False]}, {"auctionId": []})

    auction_id: UUID | None = pydantic.Field(default=None, alias="auctionId")
    force: bool = False
    reason: Reason

    @pydantic.model_validator(mode="after")
    def _check_force(self) -> "FinalizeBody":
        if self.force and self.auction_id is None:
            raise ValueError("auctionId")
        return self


class StatusQuery(pydantic.BaseModel):
    """The only thing that can be read here."""

    action: Literal["status"] = "status"


class AuctionResult(Answer):
    """The result for one auction: its sale, no sale, or the reason why it is not closed."""

    success: bool
    auction_id: Id | None = None
    status: str | None = None
    message: str | None = None
    already_processed: bool | None = None
    order_id: Id | None = None
    winning_bid_amount: Cents | None = None
    buyer_id: Id | None = None
    seller_id: Id | None = None
    platform_fee_cents: Cents | None = None
    seller_amount_cents: Cents | None = None
    code: str | None = None
    error: str | None = None
    ends_at: Time | None = None


class BatchResult(Answer):
    """The result for the auctions whose end had come."""

    success: Literal[True]
    auctions_processed: int
    failed: int
    results: list[AuctionResult]


class AuditEntry(Answer):
    """The entry that the action has in the audit log."""

    id: Id
    actor_id: Id
    action: str
    entity: str
    entity_id: str | None
    description: str
    created_at: Time


class FinalizeAnswer(Answer):
    """The result of the close, and its entry in the audit log."""

    success: Literal[True]
    result: BatchResult | AuctionResult
    audit_log: AuditEntry = pydantic.Field(alias="auditLog")
    message: str


class ExpiredAuction(Answer):
    """An auction whose end has come, with the failed tries to close it."""

    id: Id
    listing_id: Id
    title: str
    seller_id: Id
    end_at: Time
    current_price_cents: Cents
    bid_count: int
    failed_attempts: int
    retry_at: Time | None
    error: str | None


class ExpiredAnswer(Answer):
    """Up to 100 auctions that wait for their close, the longest overdue first."""

    success: Literal[True]
    expired_auctions: list[ExpiredAuction] = pydantic.Field(alias="expiredAuctions")
    count: Annotated[int, pydantic.Field(description="All that wait, not only those listed.")]


class DeadEventsQuery(pydantic.BaseModel):
    """A page of the dead events: its length, and the last event of the page before."""

    limit: Annotated[int, pydantic.Field(ge=1, le=100)] = 50
    after: EventName | None = None


class DeadEvent(Answer):
    """An event of Stripe that has used up its tries. Its payload stays in the database."""

    event_id: str
    source: str
    type: str
    order_ref: str | None
    object_id: str | None
    attempts: int
    error_code: str | None
    error_message: str | None
    created_at: Time
    received_at: Time


class DeadEventsAnswer(Answer):
    """Dead events, the newest first."""

    success: Literal[True]
    events: list[DeadEvent]


class ReplayBody(pydantic.BaseModel):
    """The event to apply again, and the reason for the audit log."""

    event_id: EventName = pydantic.Field(
        validation_alias=pydantic.AliasChoices("event_id", "eventId")
    )
    reason: Reason = _REASON


class ReplayAnswer(Answer):
    """The event is due at once, with all of its tries."""

    success: Literal[True]
    event_id: str


class DeadRowsQuery(pydantic.BaseModel):
    """A page of the dead rows: its length, and the last row of the page before."""

    limit: Annotated[int, pydantic.Field(ge=1, le=100)] = 50
    after: UUID | None = None


class DeadRow(Answer):
    """A call to Stripe that has used up its tries. Its payload stays in the database."""

    id: Id
    kind: str
    order_id: Id | None
    stripe_object_id: str | None
    attempts: int
    answered_errors: int
    last_error: str | None
    created_at: Time
    updated_at: Time


class DeadRowsAnswer(Answer):
    """Dead rows, the newest first."""

    success: Literal[True]
    rows: list[DeadRow]


def admin_blueprint(database: Database, sessions: Sessions, limits: UserLimits) -> Blueprint:
    """Build the blueprint that serves `/api/admin` to staff."""
    blueprint = Blueprint("admin", __name__, url_prefix="/api/admin")
    _add_closing_routes(blueprint, database, sessions, limits)
    _add_event_routes(blueprint, database, sessions, limits)
    _add_outbox_routes(blueprint, database, sessions, limits)
    return blueprint


def _add_closing_routes(
    blueprint: Blueprint, database: Database, sessions: Sessions, limits: UserLimits
) -> None:
    @blueprint.post("/finalize-auctions")
    @Route(
        summary="Close one auction, with `force` even before its end, or all whose end has come. "
        "The action is audited with its reason.",
        callers=(Caller.STAFF,),
        limits=("finalize_auctions",),
        body=FinalizeBody,
        answer=FinalizeAnswer,
        codes=("AUCTION_NOT_FOUND", "AUCTION_NOT_LIVE", "AUCTION_NOT_OVER", "FORBIDDEN"),
    )
    def finalize() -> FinalizeAnswer:
        session = sessions.require_staff()
        limits.hit("finalize_auctions", session.user_id)
        body = read_body(FinalizeBody)
        done = forcing.finalize(
            database,
            actor_id=session.user_id,
            reason=body.reason,
            auction_id=None if body.auction_id is None else str(body.auction_id),
            force=body.force,
        )
        log.info("auctions_finalized", auction_id=body.auction_id, force=body.force)
        count = done["result"].get("auctions_processed", 1)
        return FinalizeAnswer.model_validate(
            {
                "success": True,
                "result": done["result"],
                "auditLog": done["audit_log"],
                "message": f"Auctions closed: {count}",
            }
        )

    @blueprint.get("/finalize-auctions")
    @Route(
        summary="Read the auctions that wait for their close. It changes nothing.",
        callers=(Caller.STAFF,),
        limits=(STAFF_ACTION,),
        query=StatusQuery,
        answer=ExpiredAnswer,
        codes=("FORBIDDEN",),
    )
    def expired() -> ExpiredAnswer:
        session = sessions.require_staff()
        limits.hit(STAFF_ACTION, session.user_id)
        read_query(StatusQuery)
        status = repository.closing_status(database)
        return ExpiredAnswer.model_validate(
            {
                "success": True,
                "expiredAuctions": status["expired_auctions"],
                "count": status["expired_count"],
            }
        )


def _add_event_routes(
    blueprint: Blueprint, database: Database, sessions: Sessions, limits: UserLimits
) -> None:
    @blueprint.get("/webhook-events")
    @Route(
        summary="List the events of Stripe that have used up their tries, the newest first. For "
        "the next page, send the id of the last event as `after`.",
        callers=(Caller.STAFF,),
        limits=(STAFF_ACTION,),
        query=DeadEventsQuery,
        answer=DeadEventsAnswer,
        codes=("FORBIDDEN",),
    )
    def dead_events() -> DeadEventsAnswer:
        session = sessions.require_staff()
        limits.hit(STAFF_ACTION, session.user_id)
        query = read_query(DeadEventsQuery)
        events = inbox.list_dead(database, limit=query.limit, after_id=query.after)
        return DeadEventsAnswer.model_validate({"success": True, "events": events})

    @blueprint.post("/webhook-events")
    @Route(
        summary="Give a dead or open event all of its tries again. The action is audited.",
        callers=(Caller.STAFF,),
        limits=(STAFF_ACTION,),
        body=ReplayBody,
        answer=ReplayAnswer,
        codes=("CONFLICT", "FORBIDDEN", "RESOURCE_NOT_FOUND"),
    )
    def replay() -> ReplayAnswer:
        session = sessions.require_staff()
        limits.hit(STAFF_ACTION, session.user_id)
        body = read_body(ReplayBody)
        inbox.replay(database, event_id=body.event_id, actor_id=session.user_id, reason=body.reason)
        log.info("webhook_event_replayed", event_id=body.event_id)
        return ReplayAnswer(success=True, event_id=body.event_id)


def _add_outbox_routes(
    blueprint: Blueprint, database: Database, sessions: Sessions, limits: UserLimits
) -> None:
    @blueprint.get("/outbox")
    @Route(
        summary="List the calls to Stripe that have used up their tries, the newest first. For the "
        "next page, send the id of the last row as `after`. `requeue_outbox` tries a row again.",
        callers=(Caller.STAFF,),
        limits=(STAFF_ACTION,),
        query=DeadRowsQuery,
        answer=DeadRowsAnswer,
        codes=("FORBIDDEN",),
    )
    def dead_rows() -> DeadRowsAnswer:
        session = sessions.require_staff()
        limits.hit(STAFF_ACTION, session.user_id)
        query = read_query(DeadRowsQuery)
        after_id = None if query.after is None else str(query.after)
        rows = outbox.list_dead(database, limit=query.limit, after_id=after_id)
        return DeadRowsAnswer.model_validate({"success": True, "rows": rows})
