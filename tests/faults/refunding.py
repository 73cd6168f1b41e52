"""The state of a refund at Stripe, in the outbox and in the ledger."""

from tests.integration.service.shop import AMOUNT, Order, Shop


REFUND_EVENTS = ["refund.*", "charge.refunded", "charge.refund.updated"]


def refund_row(shop: Shop, order: Order) -> tuple[str, str]:
    """Return the state of the order's one refund, and of the outbox row that sent it."""
    [(refund, row)] = shop.db.execute(
        "select r.status::text, o.status::text from public.refunds as r"
        " join public.outbox as o on (o.payload ->> 'refund_id')::uuid = r.id"
        " where r.order_id = %s",
        [order.id],
    ).fetchall()
    return refund, row


def check_one_refund(shop: Shop, order: Order) -> None:
    """Check that Stripe and the ledger have one refund, also after Stripe's events arrived."""
    assert [AMOUNT] == [refund["amount"] for refund in shop.refunds_of(order)]
    assert ("succeeded", "done") == refund_row(shop, order)
    shop.command("POST", "/deliveries/release")
    assert ("succeeded", "done") == refund_row(shop, order)
    assert "refunded" == shop.state(order)
    shop.check_books()
