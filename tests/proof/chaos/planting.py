"""Wrong data, planted into a finished market: each check must find its own piece."""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, LiteralString

import psycopg

from tests.proof.chaos.checks import check
from tests.proof.chaos.facts import AtStripe, Facts, OutsideRecords, read_facts


#: Let the owner write what the schema refuses, and choose the rows to change. All is rolled back.
_DISARM: LiteralString = """
  set constraints all immediate;
  alter table public.auctions disable trigger user;
  alter table public.listings disable trigger user;
  alter table public.orders disable trigger user,
    drop constraint orders_auction_id_key, drop constraint orders_id_follows_from_the_auction,
    drop constraint orders_stripe_payment_intent_id_key;
  alter table public.order_events disable trigger user;
  alter table public.ledger_entries disable trigger user;
  alter table private.bid_log disable trigger user;
  alter table public.outbox disable trigger user;
  alter table public.webhook_events disable trigger user;
  create temporary table chosen on commit drop as
    select a.id as auction_id, a.listing_id, a.high_bid_id, a.start_at, a.end_at,
      o.id as order_id, o.seller_id
    from public.auctions as a join public.orders as o on o.auction_id = a.id
    where o.state = 'released' limit 1;
"""
#: For each check the statements that must make it fail, each by itself.
ROWS: Mapping[str, tuple[LiteralString, ...]] = {
    "every auction is closed once": (
        """update public.auctions as a set version = version + 1
        from pg_temp.chosen as c where a.id = c.auction_id""",
        """update public.auctions as a set status = 'live'
        from pg_temp.chosen as c where a.id = c.auction_id""",
        """update public.auctions as a set finalized_at = a.end_at - interval '1 us'
        from pg_temp.chosen as c where a.id = c.auction_id""",
    ),
    "winner and price are the oracle's": (
        """update public.auctions as a set current_price_cents = current_price_cents + 1,
          min_next_bid_cents = min_next_bid_cents + 1
        from pg_temp.chosen as c where a.id = c.auction_id""",
        """update public.auctions as a set high_bidder_id = c.seller_id
        from pg_temp.chosen as c where a.id = c.auction_id""",
        """update public.auctions as a set extension_count = extension_count + 1
        from pg_temp.chosen as c where a.id = c.auction_id""",
    ),
    "listings show their auctions' end": (
        """update public.listings as l set end_at = l.end_at + interval '1 us'
        from pg_temp.chosen as c where l.id = c.listing_id""",
        """update public.listings as l set status = 'live'
        from pg_temp.chosen as c where l.id = c.listing_id""",
    ),
    "no bid after an end was accepted": (
        """insert into public.bids (auction_id, bidder_id, amount_cents, placed_at, seq)
        select b.auction_id, b.bidder_id, b.amount_cents + 1, c.end_at, b.seq + 100
        from public.bids as b join pg_temp.chosen as c on b.id = c.high_bid_id""",
    ),
    "every receipt is kept": (
        """delete from private.bid_receipts where client_bid_id = (
          select client_bid_id from private.bid_receipts limit 1)""",
        """insert into private.bid_receipts (bidder_id, client_bid_id, auction_id, receipt)
        select bidder_id, gen_random_uuid(), auction_id, receipt
        from private.bid_receipts limit 1""",
        """update private.bid_receipts set receipt = receipt || '{"seq": 0}'
        where client_bid_id = (select client_bid_id from private.bid_receipts limit 1)""",
    ),
    "no bid is lost or doubled": (
        """insert into public.bids (auction_id, bidder_id, amount_cents, placed_at, seq)
        select b.auction_id, b.bidder_id, b.amount_cents + 1, b.placed_at, b.seq + 100
        from public.bids as b join pg_temp.chosen as c on b.id = c.high_bid_id""",
        """update public.bids as b set accepted = false
        from pg_temp.chosen as c where b.id = c.high_bid_id""",
    ),
    "maxima are the bidders' own": (
        """update private.proxy_bids as p set max_cents = max_cents + 1
        from pg_temp.chosen as c where p.auction_id = c.auction_id""",
    ),
    "each sale has one order": (
        """insert into public.orders
        select (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid()))).*
        from public.orders as o join pg_temp.chosen as c on o.id = c.order_id""",
        """update public.orders as o set amount_cents = amount_cents + 1,
          seller_amount_cents = seller_amount_cents + 1
        from pg_temp.chosen as c where o.id = c.order_id""",
        """update public.auctions as a set status = 'no_sale'
        from pg_temp.chosen as c where a.id = c.auction_id""",
    ),
    "each order is where its parties took it": (
        """update public.orders as o set state = 'shipped'
        from pg_temp.chosen as c where o.id = c.order_id""",
    ),
    "each order came into each state once": (
        """insert into public.order_events (order_id, from_state, to_state, actor_kind)
        select order_id, from_state, to_state, actor_kind from public.order_events limit 1""",
    ),
    "each order was paid at most once": (
        "update public.payments set amount_cents = amount_cents + 1 where settles_order",
    ),
    "each refund was sent once": ("update public.refunds set amount_cents = amount_cents - 1",),
    "every released order's seller is paid once": (
        "update public.payouts set amount_cents = amount_cents + 1",
    ),
    "the ledger balances": (
        """insert into public.ledger_entries
          (txn_id, order_id, account, entry_type, amount_cents, currency, description, fact)
        select gen_random_uuid(), order_id, 'buyer', 'ADJUST', 1, 'aud', 'planted', 'planted'
        from pg_temp.chosen""",
    ),
    "the books agree with Stripe": (
        """insert into public.ledger_entries
          (txn_id, order_id, account, entry_type, amount_cents, currency, description, fact)
        select txn.id, c.order_id, line.account, 'ADJUST', line.cents, 'aud', 'planted', 'planted'
        from pg_temp.chosen as c, (select gen_random_uuid() as id) as txn, (values
          ('buyer'::public.ledger_account, 1), ('platform_fee', -1)) as line (account, cents)""",
    ),
    "no notification is doubled": (
        """insert into public.notifications (user_id, type, title, message, metadata)
        select user_id, type, title, message, metadata from public.notifications
        where type = 'order_paid' limit 1""",
        """insert into public.notifications (user_id, type, title, message, metadata)
        select user_id, type, title, message, metadata from public.notifications
        where type = 'outbid' limit 1""",
    ),
    "no notification is lost": (
        """delete from public.notifications where id = (
          select id from public.notifications where type = 'order_paid' limit 1)""",
        """delete from public.notifications where id = (
          select id from public.notifications where type = 'outbid' limit 1)""",
    ),
    "an outage gives its time back, once": (
        """update public.auctions as a set end_at = a.end_at + interval '60 s',
          scheduled_end_at = a.scheduled_end_at + interval '60 s'
        from pg_temp.chosen as c where a.id = c.auction_id""",
        """update public.auctions as a set end_at = a.end_at + interval '60 s',
          scheduled_end_at = a.scheduled_end_at + interval '60 s', outage_extension_s = 60,
          outage_extension_reason = 'planted', finalized_at = a.finalized_at + interval '60 s'
        from pg_temp.chosen as c where a.id = c.auction_id""",
        """insert into private.outages (started_at, ended_at)
        select a.end_at - interval '40 s', a.end_at - interval '5 s'
        from public.auctions as a join pg_temp.chosen as c on a.id = c.auction_id""",
    ),
    "no bid was accepted within an outage": (
        """insert into private.outages (started_at, ended_at)
        select b.placed_at - interval '10 s', b.placed_at + interval '30 s'
        from public.bids as b where not b.is_proxy limit 1""",
    ),
    "each bid log can be verified": (
        """update private.bid_log as l set record = l.record || '{"amount_cents": 4242}'
        from pg_temp.chosen as c where l.auction_id = c.auction_id and l.kind = 'bid'""",
        """delete from private.bid_log as l using pg_temp.chosen as c
        where l.auction_id = c.auction_id and l.kind = 'close'""",
    ),
    "nothing is dead": (
        """update public.outbox set status = 'dead', lease_token = null, leased_until = null
        where status = 'done'""",
        """update public.webhook_events
        set status = 'dead', outcome = null, processed_at = null where status = 'processed'""",
    ),
    "nothing is open or leased": (
        """update public.outbox set status = 'leased', lease_token = gen_random_uuid(),
          leased_until = now() where status = 'done'""",
        """update public.webhook_events set status = 'failed', outcome = null,
          processed_at = null, next_attempt_at = now() where status = 'processed'""",
    ),
}
Change = Callable[[OutsideRecords, AtStripe], tuple[OutsideRecords, AtStripe]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One piece of wrong data, the check that must find it, and the checks that did."""

    what: str
    check: str
    found_by: frozenset[str]

    @property
    def is_found(self) -> bool:
        """Return true if the check has found it."""
        return self.check in self.found_by


def plant_all(
    db: psycopg.Connection[Any], outside: OutsideRecords, stripe: AtStripe
) -> Iterator[Planted]:
    """Plant everything, one piece at a time, and run all checks. Nothing of it stays."""
    for name, statements in ROWS.items():
        for statement in statements:
            with db.transaction(force_rollback=True):
                db.execute(_DISARM)
                changed = db.execute(statement).rowcount
                facts = read_facts(db, outside, stripe)
            if not changed:
                raise RuntimeError(f"the market has no row to change for: {statement}")
            yield Planted(what=" ".join(statement.split()), check=name, found_by=_found(facts))
    for name, changes in CHANGES.items():
        for change in changes:
            reported, at_stripe = change(outside, copy.deepcopy(stripe))
            facts = read_facts(db, reported, at_stripe)
            yield Planted(what=change.__name__.strip("_"), check=name, found_by=_found(facts))


def _found(facts: Facts) -> frozenset[str]:
    return frozenset(result.name for result in check(facts) if result.problems)


def _another_receipt(outside: OutsideRecords, stripe: AtStripe) -> tuple[OutsideRecords, AtStripe]:
    first, *rest = outside.answered
    price = first.receipt["current_price_cents"] + 1
    changed = dataclasses.replace(first, receipt=first.receipt | {"current_price_cents": price})
    return dataclasses.replace(outside, answered=[changed, *rest]), stripe


def _a_bid_too_low(outside: OutsideRecords, stripe: AtStripe) -> tuple[OutsideRecords, AtStripe]:
    first, *rest = outside.answered
    return dataclasses.replace(
        outside, answered=[dataclasses.replace(first, amount_cents=50), *rest]
    ), stripe


def _a_late_bid(outside: OutsideRecords, stripe: AtStripe) -> tuple[OutsideRecords, AtStripe]:
    first, *rest = outside.answered
    late = first.receipt | {"received_at": first.receipt["end_at"], "extension_seconds": 0}
    return dataclasses.replace(
        outside, answered=[dataclasses.replace(first, receipt=late), *rest]
    ), stripe


def _a_lost_receipt(outside: OutsideRecords, stripe: AtStripe) -> tuple[OutsideRecords, AtStripe]:
    return dataclasses.replace(outside, answered=outside.answered[1:]), stripe


def _another_answer(outside: OutsideRecords, stripe: AtStripe) -> tuple[OutsideRecords, AtStripe]:
    first = outside.answered[0]
    return dataclasses.replace(outside, repeated=[(first, first.receipt | {"seq": 0})]), stripe


def _a_second_charge(outside: OutsideRecords, stripe: AtStripe) -> tuple[OutsideRecords, AtStripe]:
    intents = next(i for i in stripe.objects.intents.values() if i[0]["amount_received"])
    intents.append(intents[0] | {"id": "pi_planted"})
    return outside, stripe


def _an_open_intent(outside: OutsideRecords, stripe: AtStripe) -> tuple[OutsideRecords, AtStripe]:
    intents = next(i for i in stripe.objects.intents.values() if i[0]["amount_received"])
    planted = {"id": "pi_planted", "status": "requires_payment_method", "amount_received": 0}
    intents.append(intents[0] | planted)
    return outside, stripe


def _a_second_refund(outside: OutsideRecords, stripe: AtStripe) -> tuple[OutsideRecords, AtStripe]:
    refunds = next(iter(stripe.objects.refunds.values()))
    refunds.append(refunds[0] | {"id": "re_planted"})
    return outside, stripe


def _a_second_transfer(
    outside: OutsideRecords, stripe: AtStripe
) -> tuple[OutsideRecords, AtStripe]:
    transfers = next(iter(stripe.objects.transfers.values()))
    transfers.append(transfers[0] | {"id": "tr_planted"})
    return outside, stripe


def _another_destination(
    outside: OutsideRecords, stripe: AtStripe
) -> tuple[OutsideRecords, AtStripe]:
    transfers = next(iter(stripe.objects.transfers.values()))
    transfers[0]["destination"] = "acct_planted"
    return outside, stripe


def _a_lost_event(outside: OutsideRecords, stripe: AtStripe) -> tuple[OutsideRecords, AtStripe]:
    events = {**stripe.events, "evt_planted": "payment_intent.succeeded"}
    return outside, dataclasses.replace(stripe, events=events)


def _a_strange_answer(outside: OutsideRecords, stripe: AtStripe) -> tuple[OutsideRecords, AtStripe]:
    return dataclasses.replace(outside, unexpected={"INTERNAL_ERROR": 1}), stripe


def _work_left(outside: OutsideRecords, stripe: AtStripe) -> tuple[OutsideRecords, AtStripe]:
    return dataclasses.replace(outside, left={"webhooks": 1}), stripe


#: For each check the changes of what is known outside of the database.
CHANGES: Mapping[str, tuple[Change, ...]] = {
    "receipts are the oracle's": (_another_receipt, _a_bid_too_low),
    "no bid after an end was accepted": (_a_late_bid,),
    "every receipt is kept": (_a_lost_receipt,),
    "a repeated bid gets its first receipt": (_another_answer,),
    "each order was paid at most once": (_a_second_charge, _an_open_intent),
    "each refund was sent once": (_a_second_refund,),
    "every released order's seller is paid once": (_a_second_transfer, _another_destination),
    "the books agree with Stripe": (_a_second_charge, _a_second_refund, _a_second_transfer),
    "each event of Stripe took effect once": (_a_lost_event,),
    "nothing is open or leased": (_work_left,),
    "nobody got an impossible answer": (_a_strange_answer,),
}
