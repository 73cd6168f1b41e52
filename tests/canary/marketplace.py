"""The canary's seller and buyer, who act through Supabase as two browsers would."""

import dataclasses
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
from supabase import Client, ClientOptions, create_client

from tests.canary.report import StepFailedError, StepSkippedError, require
from tests.canary.settings import Account, CanarySettings


#: The latest close, after the end of an auction, that is in time.
CLOSE_LAG_S = 5.0
_TITLE = "Canary"
#: A longer soft close would keep a run from ending within its time.
_LONGEST_EXTENSION_S = 30
_TIMEOUT_S = 15.0
_START_CENTS = 1_000
_BETWEEN_LOOKS_S = 0.25
_ENDED = {"finalized", "no_sale", "cancelled"}
#: A number that Australia reserves for fiction.
_NUMBER = "0491 570 156"
_QUESTION = f"Is it still in good order? Please call me on {_NUMBER}."


@dataclasses.dataclass(slots=True, kw_only=True)
class Sale:
    """A listing, its auction, and later its order."""

    listing_id: str
    auction_id: str
    order: dict[str, Any] | None = None


class Marketplace:
    """The sessions of seller and buyer, and the secret key for a look at the books."""

    def __init__(self, settings: CanarySettings) -> None:
        self._settings = settings
        self._http = httpx.Client(timeout=_TIMEOUT_S)
        self._seller = self._client(settings.publishable_key)
        self._buyer = self._client(settings.publishable_key)
        self._operator = self._client(settings.secret_key)
        self.sales: list[Sale] = []
        self.seller_token = ""
        self.buyer_token = ""

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def sign_in(self) -> str:
        """Sign both accounts in."""
        self.seller_token = self._sign_in(self._seller, self._settings.seller)
        self.buyer_token = self._sign_in(self._buyer, self._settings.buyer)
        return "seller and buyer"

    def open_sales(self) -> str:
        """List two things that end soon, and bid for both."""
        self.check_signed_in()
        end_at = datetime.now(UTC) + timedelta(seconds=self._settings.auction_s)
        for name in ("first", "second"):
            listing = _succeed(self._seller, "create_listing", **_listing(name, end_at))
            sale = Sale(listing_id=listing["listing"]["id"], auction_id=listing["auction_id"])
            self.sales.append(sale)
            self._bid(sale)
        return f"auctions {', '.join(sale.auction_id for sale in self.sales)}"

    def ask_with_number(self) -> str:
        """Ask the seller with a phone number; require that the seller reads a mask."""
        sale = self._sale(0)
        answer = _succeed(
            self._buyer,
            "start_thread",
            listing_id=sale.listing_id,
            content=_QUESTION,
            client_message_id=str(uuid.uuid4()),
        )
        thread = (
            self._seller.table("messages").select("content").eq("thread_id", answer["thread_id"])
        )
        text = _one(thread)["content"]
        is_masked = "▇" in text and _digits(_NUMBER) not in _digits(text)
        require(is_masked, expected="a message with a mask, without the number", seen=f"“{text}”")
        require(answer["action"] == "mask", expected="action mask", seen=answer["action"])
        return f"“{text}”"

    def wait_for_close(self) -> str:
        """Wait until both auctions are closed; require orders, and a close in time."""
        self._sale(1)
        lags_s = [self._wait_for_close_of(sale) for sale in self.sales]
        seen = f"{max(lags_s):.3f} s after the end"
        require(
            0 <= min(lags_s) and max(lags_s) <= CLOSE_LAG_S,
            expected=f"a close from 0 to {CLOSE_LAG_S:g} s after the end",
            seen=seen if min(lags_s) >= 0 else f"{-min(lags_s):.3f} s before the end",
        )
        return f"closed {seen} at the latest"

    def order(self, index: int) -> dict[str, Any]:
        """Return the order of a sale as it was when the auction closed.

        Raises: StepSkippedError if there is none.
        """
        order = self.sales[index].order if index < len(self.sales) else None
        if order is None:
            raise StepSkippedError("no order came about")
        return order

    def read_order(self, order_id: str) -> dict[str, Any]:
        """Return an order as it is now."""
        return _one(self._buyer.table("orders").select("*").eq("id", order_id))

    def wait_for_state(self, order_id: str, state: str) -> dict[str, Any]:
        """Wait until an order has a state."""

        def look() -> dict[str, Any] | None:
            order = self.read_order(order_id)
            return order if order["state"] == state else None

        return self._settings.wait(look, expected=f"order {order_id} {state}")

    def check_books(self, order_id: str) -> None:
        """Require that the ledger and the rows of an order agree."""
        drifted = self._operator.rpc("ledger_drift", {}).execute().data
        mine = [row for row in cast("list[Any]", drifted) if order_id in str(row)]
        require(not mine, expected=f"no row of ledger_drift() about order {order_id}", seen=mine)

    def notification_types(self, order_id: str) -> list[str]:
        """Return the type of each notification that the two parties have about an order."""
        types: list[str] = []
        for client in (self._buyer, self._seller):
            query = client.table("notifications").select("type")
            rows = query.eq("metadata->>order_id", order_id).execute().data
            types += [str(row["type"]) for row in cast("list[dict[str, Any]]", rows)]
        return sorted(types)

    def open_orders(self) -> list[dict[str, Any]]:
        """Return the orders between the two accounts that have not ended, oldest first."""
        query = (
            self._buyer.table("orders")
            .select("id,state,refund_pending,created_at")
            .eq("seller_id", _user_id(self._seller))
            .eq("buyer_id", _user_id(self._buyer))
            .not_.in_("state", ["released", "refunded", "cancelled"])
            .order("created_at")
        )
        return cast("list[dict[str, Any]]", query.execute().data)

    def cancel_unsold(self) -> list[str]:
        """Cancel this run's listings that have no bid, and return their ids."""
        cancelled = []
        for sale in self.sales:
            auction = _one(self._seller.table("auctions").select("*").eq("id", sale.auction_id))
            if auction["status"] in {"scheduled", "live"} and auction["bid_count"] == 0:
                _succeed(self._seller, "cancel_listing", listing_id=sale.listing_id)
                cancelled.append(sale.listing_id)
        return cancelled

    def sign_out(self) -> None:
        """End both sessions."""
        for client in (self._seller, self._buyer):
            client.auth.sign_out({"scope": "local"})

    def check_signed_in(self) -> None:
        """Skip the step if the accounts are not signed in."""
        if not self.seller_token or not self.buyer_token:
            raise StepSkippedError("the accounts are not signed in")

    def _sale(self, index: int) -> Sale:
        if index >= len(self.sales):
            raise StepSkippedError("the auctions are not open")
        return self.sales[index]

    def _bid(self, sale: Sale) -> None:
        bid = _succeed(
            self._buyer,
            "place_bid",
            auction_id=sale.auction_id,
            amount_cents=_START_CENTS,
            client_bid_id=str(uuid.uuid4()),
        )
        require(bid["is_leading"], expected="the only bidder leads", seen=bid)
        require(
            bid["extension_seconds"] <= _LONGEST_EXTENSION_S,
            expected="a soft close of seconds (settings snipe_window_s and snipe_extend_s)",
            seen=f"the bid moved the end by {bid['extension_seconds']} s",
        )

    def _wait_for_close_of(self, sale: Sale) -> float:
        """Wait for the close of an auction, keep its order, and return the lag in seconds."""
        timeout_s = self._settings.close_timeout_s
        state = self._state(sale)
        limit = time.monotonic() + float(state["time_remaining"]) + timeout_s
        while state["status"] not in _ENDED:
            if time.monotonic() > limit:
                raise StepFailedError(
                    "a closed auction", f"still {state['status']}, {timeout_s:g} s after its end"
                )
            time.sleep(max(_BETWEEN_LOOKS_S, min(float(state["time_remaining"]), 5.0)))
            state = self._state(sale)
        require(state["status"] == "finalized", expected="status finalized", seen=state["status"])
        auction = _one(self._buyer.table("auctions").select("*").eq("id", sale.auction_id))
        order = _one(self._buyer.table("orders").select("*").eq("auction_id", sale.auction_id))
        require(
            order["state"] == "pending_payment",
            expected="an order in pending_payment",
            seen=order["state"],
        )
        sale.order = order
        end_at, closed_at = (
            datetime.fromisoformat(auction[key]) for key in ("end_at", "finalized_at")
        )
        return (closed_at - end_at).total_seconds()

    def _state(self, sale: Sale) -> dict[str, Any]:
        arguments = {"auction_id": sale.auction_id}
        answer = self._buyer.rpc("get_auction_state", arguments).execute()
        return cast("dict[str, Any]", answer.data)

    def _client(self, key: str) -> Client:
        options = ClientOptions(httpx_client=self._http, auto_refresh_token=False)
        return create_client(self._settings.supabase_url, key, options)

    def _sign_in(self, client: Client, account: Account | None) -> str:
        if account is None:
            raise StepSkippedError("no account was given")
        session = client.auth.sign_in_with_password(
            {"email": account.email, "password": account.password}
        ).session
        require(session, expected=f"a session of {account.email}", seen="none")
        return session.access_token if session else ""


def _listing(name: str, end_at: datetime) -> dict[str, Any]:
    return {
        "title": f"{_TITLE} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}, {name}",
        "description": "A listing of the deployment check. It ends within a minute.",
        "category_id": 7,
        "condition": "good",
        "start_cents": _START_CENTS,
        "pickup": True,
        "shipping": False,
        "location": {
            "street": "1 Canary Street",
            "suburb": "Sydney",
            "postcode": "2000",
            "state": "NSW",
        },
        "end_at": end_at.isoformat(),
        "client_request_id": str(uuid.uuid4()),
    }


def _succeed(client: Client, function: str, **arguments: Any) -> dict[str, Any]:
    answer = client.rpc(function, arguments).execute().data
    is_success = isinstance(answer, dict) and answer.get("success") is True
    require(is_success, expected=f"success of {function}", seen=answer)
    return cast("dict[str, Any]", answer)


def _one(query: Any) -> dict[str, Any]:
    rows = query.execute().data
    require(len(rows) == 1, expected="one row", seen=f"{len(rows)} rows")
    return cast("dict[str, Any]", rows[0])


def _user_id(client: Client) -> str:
    session = client.auth.get_session()
    return session.user.id if session else ""


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())
