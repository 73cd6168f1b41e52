"""A refund as tests follow it: at Stripe, in the outbox and in the books."""

from tests.integration.service.shop import AMOUNT, Order, Shop


REFUND_EVENTS = ["refund.*", "charge.refunded", "charge.refund.updated"]


def refund_row(shop: Shop, order: Order) -> tuple[str, str]:
    """Return how the order's one refund stands in the books, and the row that sent it."""
    [(refund, row)] = shop.db.execute(
        "select r.status::text, o.status::text from public.refunds as r"
        " join public.outbox as o on (o.payload ->> 'refund_id')::uuid = r.id"
        " where r.order_id = %s",
        [order.id],
    ).fetchall()
    return refund, row


def check_one_refund(shop: Shop, order: Order) -> None:
    """See one refund at Stripe and one in the books, also after Stripe has told of it."""
    assert [AMOUNT] == [refund["amount"] for refund in shop.refunds_of(order)]
    assert ("succeeded", "done") == refund_row(shop, order)
    shop.command("POST", "/deliveries/release")
    assert ("succeeded", "done") == refund_row(shop, order)
    assert "refunded" == shop.state(order)
    shop.check_books()
