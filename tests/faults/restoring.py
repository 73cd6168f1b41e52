"""A restore drill: a database goes back by an hour, and Stripe does not.

The hour has captures, refunds, transfers, a reversal and a sale. After the restore the jobs run,
and the check compares everything with Stripe's own objects.
"""

import dataclasses
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Self

import psycopg

from market.payouts import onboarding
from tests.faults.reconciling import Reconciler
from tests.integration.service.shop import AMOUNT, Order, Shop


#: This many rounds of all jobs leave nothing to do.
_ROUNDS = 4


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The rows of all our tables at one time."""

    admin_url: str
    rows: Mapping[str, bytes]

    @classmethod
    def of(cls, admin_url: str) -> Self:
        """Copy every table in one transaction, as a backup does."""
        with psycopg.connect(admin_url) as connection:
            connection.execute("set transaction isolation level repeatable read")
            tables = connection.execute(
                """
                select format('%I.%I', schemaname, tablename) from pg_catalog.pg_tables
                where schemaname in ('public', 'private', 'auth')
                """
            ).fetchall()
            rows = {name: _copied(connection, name) for (name,) in tables}
        return cls(admin_url=admin_url, rows=rows)

    def restore(self) -> None:
        """Put every row back in one transaction, and forget everything newer."""
        with psycopg.connect(self.admin_url) as connection:
            # A restore runs no triggers.
            connection.execute("set session_replication_role = replica")
            tables = ", ".join(self.rows)  # quoted by Postgres
            connection.execute(f"truncate {tables}".encode())
            for name, rows in self.rows.items():
                with connection.cursor().copy(f"copy {name} from stdin".encode()) as copy:
                    copy.write(rows)


def _copied(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor().copy(f"copy {table} to stdout".encode()) as copy:
        return b"".join(bytes(chunk) for chunk in copy)


@dataclasses.dataclass(slots=True, kw_only=True)
class Drill:
    """Orders before the snapshot, and what happens to them in the hour that is lost."""

    shop: Shop
    reconciler: Reconciler
    orders: dict[str, Order] = dataclasses.field(default_factory=dict)
    auction_id: uuid.UUID = dataclasses.field(init=False)
    #: The seller's account at Stripe; tests before this one made transfers to others.
    account_id: str = dataclasses.field(init=False)

    def prepare(self) -> Snapshot:
        """Make orders in several states, and take the snapshot."""
        shop = self.shop
        for name in ("refunded", "refunded outside", "refund on its way"):
            self.orders[name] = shop.paid()
        for name in ("unpaid", "canceled"):
            self.orders[name] = shop.awaiting()
        self.orders["paid twice"] = shop.paid()
        self._prepare_payouts()
        self.auction_id = shop.auction()
        self.do_all_jobs()
        # The worker has not sent these two yet; it will, and their rows come back with the restore.
        shop.request_refund(self.orders["refund on its way"], 1_500)
        self.shop.moved(self.orders["transfer on its way"], "released")
        return Snapshot.of(shop.environment["ADMIN_DATABASE_URL"])

    def _prepare_payouts(self) -> None:
        """Let the seller be paid by Stripe, and bring orders to the hand-over and to the payout."""
        seller_id = str(self.shop.seller.id)
        adapters = (self.reconciler.adapters.stripe_api, self.reconciler.adapters.database)
        onboarding.open_link(*adapters, user_id=seller_id, site="https://shop.test")
        query = "select stripe_connect_account_id from public.users where id = %s"
        self.account_id = self.shop.value(query, seller_id)
        self.shop.command("POST", f"/accounts/{self.account_id}/onboarding")
        query = "select payouts_enabled from public.users where id = %s"
        self.shop.wait_for(lambda: self.shop.value(query, seller_id))
        for name in ("paid out", "transfer on its way", "reversed"):
            self.orders[name] = self.shop.paid()
            self.shop.moved(self.orders[name], "shipped", "delivered")
        self.shop.moved(self.orders["reversed"], "released")

    def live_an_hour(self) -> None:
        """Let buyers, sellers, Stripe and the jobs do their work."""
        shop, orders = self.shop, self.orders
        shop.request_refund(orders["refunded"], 2_500)
        shop.stripe.v1.refunds.create(
            {"payment_intent": orders["refunded outside"].intent_id, "amount": AMOUNT}
        )
        shop.pay(orders["unpaid"])
        self.shop.moved(orders["paid out"], "released")
        moderator = shop.person("moderator", role="moderator")
        shop.request_refund(orders["reversed"], 3_000, moderator)
        orders["sold"] = self._sell()
        shop.pay(orders["sold"])
        shop.stripe.v1.payment_intents.cancel(orders["canceled"].intent_id)
        stray = shop.intent(metadata=orders["paid twice"].metadata)
        shop.stripe.v1.payment_intents.confirm(stray.id, {"payment_method": "pm_card_visa"})
        self.do_all_jobs()

    def _sell(self) -> Order:
        """Close the auction that was live at the snapshot, and attach an intent to its order."""
        answer = self.shop.service.call("end_auction", auction_id=self.auction_id, force=True)
        order = Order(id=answer["order_id"], buyer_id=str(self.shop.buyer.id))
        begun = self.shop.service.call("begin_payment", order_id=order.id, buyer_id=order.buyer_id)
        # The same key as that of our own request for an intent.
        key = f"intent:{order.id}:{begun['attempt']}"
        intent_id = self.shop.intent(metadata=order.metadata | {"dedupe_key": key}).id
        self.shop.service.call(
            "attach_payment_intent",
            order_id=order.id,
            attempt=begun["attempt"],
            payment_intent_id=intent_id,
        )
        return dataclasses.replace(order, intent_id=intent_id)

    def recover(self) -> None:
        """Do what an operator does after the restore: close what has ended, and start the jobs."""
        # Stripe has delivered the events of the hour, and delivers none of them again.
        self.shop.command("PUT", "/delivery", mode="drop")
        self.do_all_jobs()
        answer = self.shop.service.call("end_auction", auction_id=self.auction_id, force=True)
        assert self.orders["sold"].id == answer["order_id"], "the order has another id"
        # The buyer's release is lost, and the transfer that followed it is at Stripe.
        self.shop.moved(self.orders["paid out"], "released")
        self.do_all_jobs()
        self.shop.command("PUT", "/delivery", mode="normal")

    def do_all_jobs(self) -> None:
        """Run reconcile, inbox and outbox until nothing is left."""
        for _ in range(_ROUNDS):
            self.reconciler.run()
            self.reconciler.work_off()

    def at_stripe(self) -> Mapping[str, list[tuple[Any, ...]]]:
        """Return every object that moves money, with its amount and state."""
        api = self.shop.stripe.v1
        transfers = api.transfers.list({"destination": self.account_id, "limit": 100})
        return {
            "intents": _objects(api.payment_intents.list({"limit": 100}), "amount_received"),
            "refunds": _objects(api.refunds.list({"limit": 100}), "amount"),
            "transfers": sorted(
                (one.id, one.amount, one.amount_reversed, len(one.reversals.data))
                for one in transfers.auto_paging_iter()
            ),
        }

    def books(self) -> Mapping[str, tuple[str, int]]:
        """Return the state of each order, and the money that its ledger shows at Stripe."""
        query = """
          select o.state::text, coalesce(sum(e.amount_cents), 0)::bigint
          from public.orders as o left join public.ledger_entries as e
            on e.order_id = o.id and e.account = 'stripe_clearing'
          where o.id = %s group by o.id
        """
        return {
            name: tuple(self.shop.db.execute(query, [order.id]).fetchone() or ("missing", 0))
            for name, order in self.orders.items()
        }

    def expected_at_stripe(self) -> Mapping[str, int]:
        """Return the money of each order that is at Stripe, by Stripe's own objects."""
        return {name: self._expected(order) for name, order in self.orders.items()}

    def _expected(self, order: Order) -> int:
        intents = [one for one in self._intents() if one["metadata"].get("order_id") == order.id]
        refunds = [
            int(refund.amount)
            for intent in intents
            for refund in self.shop.stripe.v1.refunds.list(
                {"payment_intent": intent["id"], "limit": 100}
            ).data
            if refund.status == "succeeded"
        ]
        transfers = self.shop.stripe.v1.transfers.list({"transfer_group": order.id}).data
        kept = [int(one.amount - one.amount_reversed) for one in transfers]
        return sum(int(one["amount_received"]) for one in intents) - sum(refunds) - sum(kept)

    def _intents(self) -> list[dict[str, Any]]:
        listed = self.shop.stripe.v1.payment_intents.list({"limit": 100})
        return [one.to_dict() for one in listed.auto_paging_iter()]

    def facts_booked_twice(self) -> list[tuple[Any, ...]]:
        """Return the facts that were booked more than once; there must be none."""
        return self.shop.db.execute(
            "select order_id, fact, count(distinct txn_id) from public.ledger_entries"
            " group by order_id, fact having count(distinct txn_id) > 1"
        ).fetchall()


def _objects(listed: Any, amount: str) -> list[tuple[Any, ...]]:
    objects: Iterable[Any] = listed.auto_paging_iter()
    return sorted((one.id, one[amount], one.status) for one in objects)
