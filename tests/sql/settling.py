"""Payouts of an order for a test: the row and its posting, as Stripe's answer leaves them."""

from uuid import UUID

from psycopg import Connection


def transferred(owner: Connection, order_id: UUID, amount: int, transfer_id: str = "tr_1") -> None:
    """Let Stripe have made a transfer to the seller."""
    owner.execute(
        """
        insert into public.payouts (order_id, seller_id, stripe_transfer_id, amount_cents, status)
        select id, seller_id, %s, %s, 'paid' from public.orders where id = %s
        """,
        [transfer_id, amount, order_id],
    )
    owner.execute(
        "select private.post_transfer(o, %s, %s) from public.orders as o where id = %s",
        [transfer_id, amount, order_id],
    )


def reversed_by(
    owner: Connection, amount: int, reversal_id: str = "trr_1", transfer_id: str = "tr_1"
) -> None:
    """Let Stripe have reversed a part of a transfer."""
    owner.execute(
        """
        update public.payouts
        set reversed_cents = reversed_cents + %(amount)s,
          status = case
            when reversed_cents + %(amount)s = amount_cents then 'reversed' else 'paid'
          end::public.payout_status
        where stripe_transfer_id = %(transfer)s
        """,
        {"amount": amount, "transfer": transfer_id},
    )
    owner.execute(
        """
        select private.post_reversal(o, %s, %s, %s)
        from public.orders as o join public.payouts as p on p.order_id = o.id
        where p.stripe_transfer_id = %s
        """,
        [transfer_id, reversal_id, amount, transfer_id],
    )
