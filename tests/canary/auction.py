"""A short auction between the canary's two accounts, through Supabase, as two browsers would."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
from supabase import Client, ClientOptions, create_client

from tests.canary.report import StepFailedError, require
from tests.canary.settings import Account, CanarySettings


_TIMEOUT_S = 15.0
_START_CENTS = 1_000
_BETWEEN_LOOKS_S = 0.25
_ENDED = {"finalized", "no_sale", "cancelled"}


class Marketplace:
    """The seller's and the buyer's sessions, and the operator's key for one look at the books."""

    def __init__(self, settings: CanarySettings) -> None:
        self._settings = settings
        self._http = httpx.Client(timeout=_TIMEOUT_S)
        self._seller = self._client(settings.publishable_key)
        self._buyer = self._client(settings.publishable_key)
        self._operator = self._client(settings.secret_key)
        self.auction_id = ""
        self.order: dict[str, Any] = {}
        self.buyer_token = ""

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def sign_in(self) -> str:
        """Sign both accounts in."""
        self._sign_in(self._seller, self._settings.seller)
        self.buyer_token = self._sign_in(self._buyer, self._settings.buyer)
        return "seller and buyer"

    def offer_and_bid(self) -> str:
        """List something that ends soon, and bid for it."""
        now = datetime.now(UTC)
        listing = _succeed(
            self._seller,
            "create_listing",
            title=f"Canary {now:%Y-%m-%d %H:%M:%S}",
            description="A listing of the deployment check. It ends within a minute.",
            category_id=7,
            condition="good",
            start_cents=_START_CENTS,
            pickup=True,
            shipping=False,
            location={
                "street": "1 Canary Street",
                "suburb": "Sydney",
                "postcode": "2000",
                "state": "NSW",
            },
            end_at=(now + timedelta(seconds=self._settings.auction_s)).isoformat(),
            client_request_id=str(uuid.uuid4()),
        )
        self.auction_id = listing["auction_id"]
        bid = _succeed(
            self._buyer,
            "place_bid",
            auction_id=self.auction_id,
            amount_cents=_START_CENTS,
            client_bid_id=str(uuid.uuid4()),
        )
        require(bid["is_leading"], "the only bidder does not lead")
        return f"auction {self.auction_id}"

    def wait_for_close(self) -> str:
        """Wait until the auction is closed in time, and its order is there."""
        state = self._state()
        limit = time.monotonic() + float(state["time_remaining"]) + self._settings.close_patience_s
        while state["status"] not in _ENDED:
            if time.monotonic() > limit:
                raise StepFailedError(
                    f"still {state['status']}, {self._settings.close_patience_s:g} s after its end"
                )
            time.sleep(max(_BETWEEN_LOOKS_S, min(float(state["time_remaining"]), 5.0)))
            state = self._state()
        require(state["status"] == "finalized", f"ended as {state['status']}")
        auction = _one(self._buyer.table("auctions").select("*").eq("id", self.auction_id))
        self.order = _one(self._buyer.table("orders").select("*").eq("auction_id", self.auction_id))
        end_at, closed_at = (
            datetime.fromisoformat(auction[key]) for key in ("end_at", "finalized_at")
        )
        lag_s = (closed_at - end_at).total_seconds()
        require(lag_s >= 0, f"closed {-lag_s:.3f} s before its end")
        require(self.order["state"] == "pending_payment", f"the order is {self.order['state']}")
        return f"closed {lag_s:.3f} s after its end, order {self.order['id']}"

    def check_books(self) -> str:
        """Expect the order to be paid, and the books to agree with it."""
        order = _one(self._buyer.table("orders").select("*").eq("id", self.order["id"]))
        require(order["state"] == "paid", f"the order is {order['state']}")
        drifted = self._operator.rpc("ledger_drift", {}).execute().data
        is_named = self.order["id"] in str(drifted)
        require(not is_named, f"ledger_drift() names the order: {drifted}")
        return "paid, no drift"

    def clean_up(self) -> str:
        """Take a listing back that nobody could bid for, and sign out."""
        done = "signed out"
        if self.auction_id and not self.order:
            auction = _one(self._seller.table("auctions").select("*").eq("id", self.auction_id))
            if auction["status"] in {"scheduled", "live"} and auction["bid_count"] == 0:
                _succeed(self._seller, "cancel_listing", listing_id=auction["listing_id"])
                done = "listing cancelled, signed out"
        for client in (self._seller, self._buyer):
            client.auth.sign_out({"scope": "local"})
        return done

    def _state(self) -> dict[str, Any]:
        arguments = {"auction_id": self.auction_id}
        answer = self._buyer.rpc("get_auction_state", arguments).execute()
        return cast("dict[str, Any]", answer.data)

    def _client(self, key: str) -> Client:
        options = ClientOptions(httpx_client=self._http, auto_refresh_token=False)
        return create_client(self._settings.supabase_url, key, options)

    def _sign_in(self, client: Client, account: Account | None) -> str:
        if account is None:
            raise StepFailedError("no account was given")
        session = client.auth.sign_in_with_password(
            {"email": account.email, "password": account.password}
        ).session
        if session is None:
            raise StepFailedError("no session came back")
        return session.access_token


def _succeed(client: Client, function: str, **arguments: Any) -> dict[str, Any]:
    answer = client.rpc(function, arguments).execute().data
    if not isinstance(answer, dict) or answer.get("success") is not True:
        raise StepFailedError(f"{function} refused: {answer}")
    return cast("dict[str, Any]", answer)


def _one(query: Any) -> dict[str, Any]:
    rows = query.execute().data
    require(len(rows) == 1, f"{len(rows)} rows where one should be")
    return cast("dict[str, Any]", rows[0])
