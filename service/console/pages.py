"""The pages that show what happens: auctions, orders, queues, reviews, users and jobs."""

import datetime as dt
import uuid
from typing import Annotated

import pydantic
from flask import Blueprint, Response

from market import duties, inbox, outbox
from market.auctions import repository
from market.database import Database
from market.errors import RejectedError
from market.orders.types import OrderState
from service.admin import Reason
from service.bodies import EventName, read_body, read_query
from service.console import reading
from service.console.plot import HEIGHT, WIDTH, plot_of
from service.console.rendering import page
from service.console.visits import Visits
from service.route_table import Page


Cursor = Annotated[str, pydantic.Field(max_length=100)]


class ListQuery(pydantic.BaseModel):
    """The last row of the page before."""

    after: Cursor | None = None


class OrdersQuery(ListQuery):
    """A state of orders, or all: the browser sends an empty text for these."""

    state: Annotated[OrderState | None, pydantic.BeforeValidator(lambda text: text or None)] = None


class QueuesQuery(pydantic.BaseModel):
    """The last rows of the pages before, of events and of calls to Stripe."""

    after_event: EventName | None = None
    after_row: uuid.UUID | None = None


class ReviewQuery(pydantic.BaseModel):
    """The last rows of the pages before, of messages and of reports."""

    after_message: uuid.UUID | None = None
    after_report: uuid.UUID | None = None


class SearchQuery(pydantic.BaseModel):
    """The id or the address to look for."""

    q: Annotated[str, pydantic.Field(max_length=320)] = ""


class ReadForm(pydantic.BaseModel):
    """The message to read, and the reason for the audit log."""

    message_id: uuid.UUID
    reason: Reason


def add_pages(blueprint: Blueprint, database: Database, visits: Visits) -> None:
    """Add the pages to the blueprint of the console."""
    _add_auctions(blueprint, database, visits)
    _add_orders(blueprint, database, visits)
    _add_queues(blueprint, database, visits)
    _add_reviews(blueprint, database, visits)
    _add_users(blueprint, database, visits)
    _add_operations(blueprint, database, visits)


def _add_auctions(blueprint: Blueprint, database: Database, visits: Visits) -> None:
    @blueprint.get("")
    @Page(summary="See the live auctions, the overdue ones, and how late auctions were closed.")
    def auctions() -> Response:
        own = database.as_user(visits.require_staff().access_token)
        query = read_query(ListQuery)
        status = repository.closing_status(database)
        return page(
            visits,
            "auctions.html",
            live=reading.live_auctions(own, query.after),
            plot=plot_of(reading.closes(own)),
            width=WIDTH,
            height=HEIGHT,
            status=status,
            now=status["server_time"],
            left=lambda end_at: _seconds_between(status["server_time"], end_at),
        )

    @blueprint.get("/auctions/<auction_id>")
    @Page(summary="See an auction with its bids.")
    def auction(auction_id: str) -> Response:
        own = database.as_user(visits.require_staff().access_token)
        found = reading.auction(own, _id(auction_id))
        return page(visits, "auction.html", auction=found)


def _add_orders(blueprint: Blueprint, database: Database, visits: Visits) -> None:
    @blueprint.get("/orders")
    @Page(summary="See the orders, the newest first.")
    def orders() -> Response:
        own = database.as_user(visits.require_staff().access_token)
        query = read_query(OrdersQuery)
        rows = reading.orders(own, query.state, query.after)
        return page(visits, "orders.html", orders=rows, states=OrderState, state=query.state or "")

    @blueprint.get("/orders/<order_id>")
    @Page(summary="See an order with its history, money and ledger.")
    def order(order_id: str) -> Response:
        own = database.as_user(visits.require_staff().access_token)
        return page(visits, "order.html", order=reading.order(own, _id(order_id)))

    @blueprint.get("/disputes")
    @Page(summary="See the disputes, the newest first.")
    def disputes() -> Response:
        own = database.as_user(visits.require_staff().access_token)
        rows = reading.disputes(own, read_query(ListQuery).after)
        return page(visits, "disputes.html", disputes=rows)


def _add_queues(blueprint: Blueprint, database: Database, visits: Visits) -> None:
    @blueprint.get("/queues")
    @Page(summary="See the depth of inbox and outbox, and their dead letters.")
    def queues() -> Response:
        visits.require_staff()
        query = read_query(QueuesQuery)
        events = inbox.list_dead(database, limit=reading.ROWS, after_id=query.after_event)
        rows = outbox.list_dead(database, limit=reading.ROWS, after_id=_text_of(query.after_row))
        return page(
            visits,
            "queues.html",
            gauges=duties.read_gauges(database),
            events=events,
            rows=rows,
            after_event=events[-1]["event_id"] if len(events) == reading.ROWS else None,
            after_row=rows[-1]["id"] if len(rows) == reading.ROWS else None,
        )

    @blueprint.get("/events/<event_id>")
    @Page(summary="See an event of Stripe without its payload.")
    def event(event_id: str) -> Response:
        own = database.as_user(visits.require_staff().access_token)
        if not reading.is_event_id(event_id):
            raise RejectedError("RESOURCE_NOT_FOUND", "event", text="There is no such object")
        return page(visits, "event.html", event=reading.event(own, event_id))


def _add_reviews(blueprint: Blueprint, database: Database, visits: Visits) -> None:
    @blueprint.get("/review")
    @Page(summary="See the held messages and the open reports, the oldest first.")
    def review() -> Response:
        own = database.as_user(visits.require_staff().access_token)
        query = read_query(ReviewQuery)
        return page(
            visits,
            "review.html",
            messages=reading.held_messages(own, _text_of(query.after_message)),
            reports=reading.reports(own, _text_of(query.after_report)),
        )

    @blueprint.post("/messages")
    @Page(summary="Read the original of a message. The action is audited with its reason.")
    def message() -> Response:
        own = database.as_user(visits.require_staff().access_token)
        form = read_body(ReadForm)
        found = reading.message(own, str(form.message_id), form.reason)
        return page(visits, "message.html", message=found)


def _add_users(blueprint: Blueprint, database: Database, visits: Visits) -> None:
    @blueprint.get("/users/<user_id>")
    @Page(summary="See a user with verification, suspension, strikes, bids and orders.")
    def user(user_id: str) -> Response:
        own = database.as_user(visits.require_staff().access_token)
        return page(visits, "user.html", user=reading.user(own, _id(user_id)))

    @blueprint.get("/search")
    @Page(summary="Find an object by our id, an e-mail address, or an id of Stripe.")
    def search() -> Response:
        own = database.as_user(visits.require_staff().access_token)
        text = read_query(SearchQuery).q.strip()
        return page(
            visits, "search.html", text=text, found=reading.search(own, text) if text else ()
        )


def _add_operations(blueprint: Blueprint, database: Database, visits: Visits) -> None:
    @blueprint.get("/jobs")
    @Page(summary="See the runs of the jobs, orders whose books disagree, and outages.")
    def jobs() -> Response:
        own = database.as_user(visits.require_staff().access_token)
        return page(
            visits,
            "jobs.html",
            status=duties.read_status(database),
            gauges=duties.read_gauges(database),
            faults=reading.faults(own),
        )

    @blueprint.route("/<path:place>", methods=["GET", "POST"])
    @Page(summary="Say that there is no such page.")
    def no_page(place: str) -> Response:
        visits.require_staff()
        raise RejectedError("RESOURCE_NOT_FOUND", place, text="There is no such page")

    @blueprint.get("/audit")
    @Page(summary="See the audit log, the newest entry first.")
    def audit() -> Response:
        own = database.as_user(visits.require_staff().access_token)
        rows = reading.audit(own, read_query(ListQuery).after)
        return page(visits, "audit.html", entries=rows)


def _id(text: str) -> str:
    if not reading.is_id(text):
        raise RejectedError("RESOURCE_NOT_FOUND", "id", text="There is no such object")
    return text.lower()


def _text_of(value: uuid.UUID | None) -> str | None:
    return None if value is None else str(value)


def _seconds_between(start: str, end: str) -> int:
    return int((dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(start)).total_seconds())
