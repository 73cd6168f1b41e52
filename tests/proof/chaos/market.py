"""The market of a run: its people, its auctions and their clocks, arranged by the owner."""

import asyncio
import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, LiteralString, TypeAlias, TypeVar
from uuid import UUID, uuid4

import httpx
import psycopg
import stripe
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from tests.proof.chaos.plan import LIVE_S, SECOND_START_S, Auction, Plan
from tests.proof.chaos.system import System
from tests.proof.chaos.web import Web


T = TypeVar("T")
Db: TypeAlias = psycopg.Connection[DictRow]

#: Ends move by seconds here, retries begin soon, and nobody is slowed down.
_SETTINGS = {
    "snipe_window_s": "3",
    "snipe_extend_s": "3",
    "outage_gap_s": "8",
    "outage_extension_min_s": "5",
    "queue_retry_base_s": "1",
    "queue_retry_cap_s": "8",
    "queue_max_attempts": "30",
}
_UNLIMITED = """
  update private.app_settings set value = (
    select jsonb_object_agg(key, '{"max": 100000000, "window_s": 60}'::jsonb)
    from jsonb_object_keys(value) as key
  )
  where key = 'rate_limits'
"""
_LIST: LiteralString = """
  select public.create_listing(
    title => %(title)s, description => 'It exists so that it can be sold in bad weather.',
    category_id => 5, condition => 'good', start_cents => %(start_cents)s, pickup => true,
    shipping => true,
    location => '{"suburb": "Carlton", "postcode": "3053", "state": "VIC"}',
    start_at => (
      case when %(starts_in_s)s > 0
        then clock_timestamp() + %(starts_in_s)s * interval '1 second' end
    )::text,
    end_at => (clock_timestamp() + %(ends_in_s)s * interval '1 second')::text,
    reserve_cents => %(reserve_cents)s)
"""
_NOT_READY: LiteralString = """
  select id from public.users where role = 'seller' and not payouts_enabled
"""
_LAPSE: LiteralString = """
  update public.{} set leased_until = clock_timestamp() where leased_until > clock_timestamp()
"""
_LOOK_S = 0.2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A signed-in user."""

    id: UUID
    token: str
    account_id: str = ""


@dataclasses.dataclass(slots=True, kw_only=True)
class Lot:
    """A planned auction once it is open, with the state that its bidders see."""

    plan: Auction
    id: UUID
    seller: Person
    #: The planned end by the clock of this process.
    ends_at: float
    #: The end that the seller was told.
    listed_end_at: datetime
    is_scheduled: bool
    minimum_cents: int
    version: int = 0
    leader: UUID | None = None
    is_over: bool = False
    changed: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)


class Market:
    """Arranges people and auctions. Only this class writes to the database as its owner."""

    def __init__(self, plan: Plan, system: System, web: Web) -> None:
        self.plan = plan
        self.users: Sequence[Person] = ()
        self.sellers: Sequence[Person] = ()
        self.lots: dict[UUID, Lot] = {}
        self._web = web
        self._url = system.environment["DATABASE_URL"]
        self._control = system.environment["STRIPE_CONTROL_URL"]
        self._stripe = stripe.StripeClient(
            system.environment["STRIPE_SECRET_KEY"],
            base_addresses={"api": system.environment["STRIPE_API_BASE"]},
        )

    async def open(self) -> None:
        """Sign everybody up, and give the sellers an account at Stripe."""
        people = [
            await self._web.sign_up(f"{uuid4().hex}@example.test")
            for _ in range(self.plan.users + self.plan.sellers)
        ]
        everybody = [Person(id=UUID(user_id), token=token) for user_id, token in people]
        self.users = everybody[: self.plan.users]
        self.sellers = await asyncio.to_thread(self._arrange, everybody[self.plan.users :])
        while await self.read(_NOT_READY):  # noqa: ASYNC110 - the webhooks change the database
            await asyncio.sleep(_LOOK_S)

    async def open_wave(self, wave: int) -> list[Lot]:
        """List the auctions of a wave, which end `LIVE_S` from now."""
        wanted = [a for a in self.plan.auctions if a.wave == wave]
        lots = await self._with_retries(lambda db: [self._lot(db, auction) for auction in wanted])
        self.lots.update({lot.id: lot for lot in lots})
        return lots

    async def read(self, query: LiteralString, *values: object) -> list[dict[str, Any]]:
        """Return rows as the owner sees them."""
        return await self._with_retries(lambda db: db.execute(query, values).fetchall())

    async def expire_leases(self) -> None:
        """End the leases of killed workers now, as if their time had passed."""

        def lapse(db: Db) -> None:
            for table in ("outbox", "webhook_events"):
                db.execute(sql.SQL(_LAPSE).format(sql.Identifier(table)))

        await self._with_retries(lapse)

    async def _with_retries(self, work: Callable[[Db], T]) -> T:
        """Do `work` in one transaction, in a thread; try again while Postgres restarts."""

        def attempt() -> T:
            with self._connected() as db:
                return work(db)

        while True:
            try:
                return await asyncio.to_thread(attempt)
            except psycopg.OperationalError:
                await asyncio.sleep(_LOOK_S)

    def _connected(self) -> Db:
        return psycopg.connect(self._url, row_factory=dict_row, options="-c search_path=")

    def _arrange(self, people: Sequence[Person]) -> list[Person]:
        """Change the settings, verify everybody, and return these people as sellers."""
        with self._connected() as db:
            for key, value in _SETTINGS.items():
                query = "update private.app_settings set value = %s where key = %s"
                db.execute(query, [value, key])
            db.execute(_UNLIMITED)
            db.execute("update public.users set kyc = 'passed'")
            sellers = [self._seller(db, person) for person in people]
        with httpx.Client(base_url=self._control) as control:
            for seller in sellers:
                path = f"/accounts/{seller.account_id}/onboarding"
                control.post(path, json={}).raise_for_status()
        return sellers

    def _seller(self, db: Db, person: Person) -> Person:
        """Make a user a seller with a Connect account."""
        db.execute("update public.users set role = 'seller' where id = %s", [person.id])
        capabilities: Any = {
            "card_payments": {"requested": True},
            "transfers": {"requested": True},
        }
        account = self._stripe.v1.accounts.create(
            {
                "type": "express",
                "country": "AU",
                "capabilities": capabilities,
                "metadata": {"user_id": str(person.id)},
            }
        )
        query = "select public.set_connect_account(user_id => %s, account_id => %s)"
        db.execute(query, [person.id, account.id])
        return dataclasses.replace(person, account_id=account.id)

    def _lot(self, db: Db, auction: Auction) -> Lot:
        """List an auction as its seller does."""
        seller = self.sellers[auction.seller]
        ends_in_s = LIVE_S + auction.end_s
        starts_in_s = SECOND_START_S if auction.starts_late else 0.0
        claims = json.dumps({"sub": str(seller.id), "role": "authenticated"})
        db.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        now = time.monotonic()
        [row] = db.execute(
            _LIST,
            {
                "title": f"Thing number {auction.number}",
                "start_cents": auction.start_cents,
                "reserve_cents": auction.reserve_cents,
                "starts_in_s": starts_in_s,
                "ends_in_s": ends_in_s,
            },
        ).fetchall()
        answer = row["create_listing"]
        assert answer["success"], answer
        return Lot(
            plan=auction,
            id=UUID(answer["auction_id"]),
            seller=seller,
            ends_at=now + ends_in_s,
            listed_end_at=datetime.fromisoformat(answer["listing"]["end_at"]),
            is_scheduled=answer["listing"]["status"] == "scheduled",
            minimum_cents=auction.start_cents,
        )
