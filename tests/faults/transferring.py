"""The state of a transfer at Stripe, in the outbox and in the ledger."""

from typing import Any

from tests.integration.service.shop import Order, Shop


def payable_order(shop: Shop) -> Order:
    """Sell and deliver an item of a seller who has a working Connect account."""
    seller = shop.person("seller", role="seller")
    account = shop.stripe.v1.accounts.create(
        {
            "type": "express",
            "country": "AU",
            "capabilities": {
                "card_payments": {"requested": True},
                "transfers": {"requested": True},
            },
            "metadata": {"user_id": str(seller.id)},
        }
    )
    answer = shop.service.call("set_connect_account", user_id=seller.id, account_id=account.id)
    assert answer["success"], answer
    order = shop.paid(seller=seller)
    shop.command("POST", f"/accounts/{account.id}/onboarding")
    query = "select payouts_enabled from public.users where id = %s"
    shop.wait_for(lambda: shop.value(query, seller.id))
    shop.moved(order, "shipped", "delivered")
    return order


def transfer_row(shop: Shop, order: Order) -> tuple[str, str] | None:
    """Return the status of the order's payout and of the outbox row that sends it."""
    rows = shop.db.execute(
        "select payout.status::text, job.status::text from public.payouts as payout"
        " join public.outbox as job on payout.outbox_id = job.id where payout.order_id = %s",
        [order.id],
    ).fetchall()
    return tuple(rows[0]) if rows else None


def transfers_of(shop: Shop, order: Order) -> list[dict[str, Any]]:
    """Return the transfers that Stripe has made for an order."""
    found = shop.stripe.v1.transfers.list({"transfer_group": order.id, "limit": 100})
    return [one.to_dict() for one in found.data]
