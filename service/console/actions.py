"""The actions of staff in the console: each asks for a reason, and its RPC writes the audit log.

A form carries the id of its request, so a form that is sent twice acts once.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import pydantic
import structlog
from flask import Blueprint, Response

from market import inbox
from market.auctions import forcing
from market.database import Database, accepted
from market.errors import RejectedError
from market.payments import repository as payments
from service.admin import Reason
from service.bodies import EventName, read_body
from service.console.visits import Visits, redirect_to
from service.route_table import Page
from service.session import Session


log = structlog.get_logger(__name__)

_DOLLARS = re.compile(r"([0-9]{1,7})(?:\.([0-9]{2}))?", re.ASCII)


def _cents_in(text: object) -> int:
    """Return the cents of an amount that a person has typed in dollars."""
    amount = _DOLLARS.fullmatch(text.strip()) if isinstance(text, str) else None
    if amount is None:
        raise ValueError("amount")
    return int(amount[1]) * 100 + int(amount[2] or 0)


#: An amount such as `12` or `12.50`. It has no sign, so no form takes money back.
Dollars = Annotated[int, pydantic.BeforeValidator(_cents_in), pydantic.Field(ge=1)]


class Action(pydantic.BaseModel):
    """A form of the console: the reason for the audit log, and the id of the request.

    `place` is the page that shows the result, `rpc` the function for staff that does the work, and
    `reason_argument` its name for the reason.
    """

    place: ClassVar[str]
    rpc: ClassVar[str] = ""
    reason_argument: ClassVar[str] = "reason"
    reason: Reason
    request_id: UUID

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Return the own arguments of the RPC."""
        return self.model_dump(mode="json", exclude={"reason", "request_id"})

    def act(self, database: Database, session: Session) -> None:
        """Call the RPC with the rights of this member of staff.

        Raises:
            RejectedError: the refusal of the RPC.

        """
        accepted(
            database.as_user(session.access_token).call(
                self.rpc,
                **self.arguments,
                **{self.reason_argument: self.reason},
                client_request_id=str(self.request_id),
            )
        )


class ReplayEvent(Action):
    """Give a dead event all of its tries again."""

    place = "/queues"
    event_id: EventName

    def act(self, database: Database, session: Session) -> None:
        """Replay the event. A repeat finds it waiting and changes nothing."""
        inbox.replay(database, event_id=self.event_id, actor_id=session.user_id, reason=self.reason)


class RequeueRow(Action):
    """Give a dead call to Stripe all of its tries again."""

    place = "/queues"
    rpc = "requeue_outbox"
    outbox_id: UUID


class CloseAuction(Action):
    """Close an auction, by force even before its end."""

    place = "/auctions/{auction_id}"
    auction_id: UUID
    force: bool = False

    def act(self, database: Database, session: Session) -> None:
        """Close the auction."""
        forcing.finalize(
            database,
            actor_id=session.user_id,
            reason=self.reason,
            auction_id=str(self.auction_id),
            force=self.force,
            request_id=str(self.request_id),
        )


class RemoveListing(Action):
    """Remove the listing of an auction."""

    place = "/auctions/{auction_id}"
    rpc = "staff_remove_listing"
    listing_id: UUID
    auction_id: UUID

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Return the listing alone."""
        return {"listing_id": str(self.listing_id)}


class RemovePhotos(RemoveListing):
    """Remove the photos of a listing that is over."""

    rpc = "staff_remove_photos"


class RequeueEvents(Action):
    """Make the events of a type due again that had no handler; `since` is in UTC."""

    place = "/queues"
    rpc = "requeue_ignored_events"
    type: EventName
    since: pydantic.NaiveDatetime

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Return the type, and the time with its offset."""
        return {"type": self.type, "since": f"{self.since.isoformat()}Z"}


class RefundOrder(Action):
    """Refund an order without a dispute: an amount, or all that is left."""

    place = "/orders/{order_id}"
    order_id: UUID
    amount: Dollars | None = None

    def act(self, database: Database, session: Session) -> None:
        """Reserve the refund. SQL checks the role again; a weak session never gets here."""
        payments.refund_as_staff(
            database,
            order_id=str(self.order_id),
            amount_cents=self.amount,
            reason=self.reason,
            user_id=session.user_id,
            client_request_id=str(self.request_id),
        )


class ReleaseTransfers(Action):
    """Let the transfers of a seller go on who owes a reversal."""

    place = "/users/{seller_id}"
    rpc = "release_transfers"
    seller_id: UUID


class ResolveDispute(Action):
    """Decide a dispute that a party opened: all that is left goes back, a part, or nothing."""

    place = "/orders/{order_id}"
    rpc = "resolve_dispute"
    reason_argument = "note"
    dispute_id: UUID
    order_id: UUID
    decision: Literal["refund", "partial", "deny"]
    amount: Dollars | None = None

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Return the dispute, the decision and the part."""
        return {
            "dispute_id": str(self.dispute_id),
            "decision": self.decision,
            "refund_cents": self.amount,
        }


class SetRole(Action):
    """Change the role of a user, as an admin."""

    place = "/users/{user_id}"
    rpc = "admin_set_role"
    user_id: UUID
    role: Literal["buyer", "seller", "moderator", "admin"]


class WithdrawBids(Action):
    """Withdraw all bids of one user from a live auction."""

    place = "/auctions/{auction_id}"
    rpc = "staff_withdraw_bids"
    auction_id: UUID
    bidder_id: UUID


class SuspendUser(Action):
    """Suspend a user, or lift the suspension."""

    place = "/users/{user_id}"
    rpc = "staff_suspend_user"
    user_id: UUID
    lift: bool = False


class DecideReport(Action):
    """Uphold or dismiss a report."""

    place = "/review"
    rpc = "staff_decide_report"
    report_id: UUID
    decision: Literal["uphold", "dismiss"]

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Return the report and the decision."""
        return {"report_id": str(self.report_id), "uphold": self.decision == "uphold"}


class DecideMessage(Action):
    """Release or reject a held message."""

    place = "/review"
    rpc = "staff_decide_message"
    message_id: UUID
    decision: Literal["release", "reject"]

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Return the message and the decision."""
        return {"message_id": str(self.message_id), "release": self.decision == "release"}


ACTIONS: Mapping[str, type[Action]] = {
    "close-auction": CloseAuction,
    "decide-message": DecideMessage,
    "decide-report": DecideReport,
    "refund-order": RefundOrder,
    "release-transfers": ReleaseTransfers,
    "remove-listing": RemoveListing,
    "remove-photos": RemovePhotos,
    "replay-event": ReplayEvent,
    "requeue-events": RequeueEvents,
    "requeue-row": RequeueRow,
    "resolve-dispute": ResolveDispute,
    "set-role": SetRole,
    "suspend-user": SuspendUser,
    "withdraw-bids": WithdrawBids,
}


def add_pages(blueprint: Blueprint, database: Database, visits: Visits) -> None:
    """Add the actions to the blueprint of the console."""

    @blueprint.post("/actions/<name>")
    @Page(summary="Do one of the actions of staff, with a reason.")
    def act(name: str) -> Response:
        session = visits.require_staff()
        if name not in ACTIONS:
            raise RejectedError("RESOURCE_NOT_FOUND", "action", text="There is no such action")
        action = read_body(ACTIONS[name])
        action.act(database, session)
        log.info("console_action_done", action=name, user_id=session.user_id)
        place = action.place.format(**action.model_dump(mode="json"))
        return redirect_to(f"{place}?done={name}")
