"""The readers of payments and refunds: a seller must not learn why a card was declined."""

import dataclasses
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import attached, brought_to, declined, refund_requested


def test_decline_is_for_the_buyer_and_staff(
    owner: Connection, order_id: UUID, *, bob: Actor, alice: Actor, seller: Actor, moderator: Actor
) -> None:
    """Neither the seller nor another user reads why a card was declined, or that it was."""
    attached(owner, order_id)
    declined(owner, order_id, "ch_1")
    readers = {"alice": alice, "bob": bob, "seller": seller, "moderator": moderator}
    query = "select error_message from public.payments"

    reads = {name: actor.rows(query) for name, actor in readers.items()}

    decline = [("Your card was declined.",)]
    assert {"alice": decline, "bob": [], "seller": [], "moderator": decline} == reads


def test_staff_without_their_second_factor_read_no_payment(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """Staff without a second factor read no payment."""
    attached(owner, order_id)

    one_factor = dataclasses.replace(moderator, aal="aal1")

    assert [] == one_factor.rows("select id from public.payments")


def test_payments_are_closed_to_visitors(owner: Connection, order_id: UUID) -> None:
    """Visitors have no grant on payments."""
    attached(owner, order_id)
    anonymous = Actor(connection=owner, role="anon")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        anonymous.rows("select id from public.payments")


def test_refund_is_for_both_parties_and_staff(
    owner: Connection, order_id: UUID, *, bob: Actor, alice: Actor, seller: Actor, moderator: Actor
) -> None:
    """Both parties and staff read a refund."""
    brought_to(owner, order_id, "paid")
    refund_requested(owner, order_id, 3_000)
    readers = {"alice": alice, "bob": bob, "seller": seller, "moderator": moderator}
    query = "select amount_cents from public.refunds"

    reads = {name: actor.rows(query) for name, actor in readers.items()}

    refund = [(3_000,)]
    assert {"alice": refund, "bob": [], "seller": refund, "moderator": refund} == reads


def test_nobody_deletes_payments_or_refunds(
    owner: Connection, order_id: UUID, alice: Actor, moderator: Actor
) -> None:
    """No client deletes payments or refunds."""
    brought_to(owner, order_id, "paid")

    for actor in (alice, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change("delete from public.payments")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change("delete from public.refunds")
