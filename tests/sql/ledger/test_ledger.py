"""The ledger: the postings of each event, its refusals, and its drift."""

from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.disputing import lost
from tests.sql.paying import (
    AMOUNT,
    balances,
    brought_to,
    drift,
    moved,
    order_row,
    outbox_rows,
    paid,
    refund_requested,
    report_refund,
    succeeded,
)
from tests.sql.settling import reversed_by, transferred


def posted(owner: Connection, fact: str) -> dict[tuple[str, str], int]:
    """Return the lines of the facts that are spelled like `fact`."""
    query = """
      select entry_type::text, account::text, amount_cents from public.ledger_entries
      where fact like %s
    """
    return {(type_, account): cents for type_, account, cents in owner.execute(query, [fact])}


def refunded(owner: Connection, order_id: UUID, amount: int, status: str) -> None:
    """Reserve a refund (as staff, who may at any time) and let Stripe answer `status`."""
    staff = owner.execute("select id from public.users where role = 'moderator'").fetchall()
    answer = refund_requested(owner, order_id, amount, user_id=staff[0][0])
    assert answer["success"], answer
    row = next(r for r in outbox_rows(owner, "refund") if r["status"] == "queued")
    report_refund(owner, status, amount, stripe_refund_id=f"re_{row['id']}", outbox_id=row["id"])


def test_capture_is_owed_to_the_buyer(owner: Connection, order_id: UUID) -> None:
    """A capture of A posts stripe_clearing +A and buyer -A."""
    paid(owner, order_id)

    assert {
        ("CAPTURE", "stripe_clearing"): AMOUNT,
        ("CAPTURE", "buyer"): -AMOUNT,
    } == posted(owner, "capture:pi_current")


def test_stray_is_booked_in_its_own_currency(owner: Connection, order_id: UUID) -> None:
    """A stray payment is posted as capture and refund in its currency, and ends at zero."""
    answer = succeeded(owner, order_id, "pi_stray", amount_cents=77, currency="usd")

    query = "select distinct currency from public.ledger_entries"
    assert [("usd",)] == owner.execute(query).fetchall()
    assert {"stripe_clearing": 77, "refunds": -77} == balances(owner, order_id)
    report_refund(owner, "succeeded", 77, outbox_id=answer["outbox_ids"][0], intent="pi_stray")
    assert ({}, []) == (balances(owner, order_id), drift(owner))


@pytest.mark.usefixtures("moderator")
def test_refund_before_release_is_the_buyers_money(owner: Connection, order_id: UUID) -> None:
    """Requested: buyer +R, refunds -R. Succeeded: refunds +R, stripe_clearing -R."""
    paid(owner, order_id)

    refunded(owner, order_id, 3_000, "succeeded")

    assert {("REFUND", "buyer"): 3_000, ("REFUND", "refunds"): -3_000} == posted(
        owner, "refund:%:requested"
    )
    assert {("REFUND", "refunds"): 3_000, ("REFUND", "stripe_clearing"): -3_000} == posted(
        owner, "refund:%:succeeded"
    )
    assert [] == drift(owner)


@pytest.mark.usefixtures("moderator")
def test_failed_refund_is_taken_back(owner: Connection, order_id: UUID) -> None:
    """A failed refund reverses the first posting."""
    paid(owner, order_id)

    refunded(owner, order_id, 3_000, "failed")

    assert {("REFUND", "buyer"): -3_000, ("REFUND", "refunds"): 3_000} == posted(
        owner, "refund:%:failed"
    )
    assert {"stripe_clearing": AMOUNT, "buyer": -AMOUNT} == balances(owner, order_id)


@pytest.mark.usefixtures("moderator")
def test_release_splits_what_is_left(owner: Connection, order_id: UUID) -> None:
    """Of 100.00 with 30.00 refunded, a release splits 70.00 into a fee of 3.50 and 66.50."""
    brought_to(owner, order_id, "delivered")
    refunded(owner, order_id, 3_000, "succeeded")

    moved(owner, order_id, "released", "buyer")

    assert {
        ("RELEASE", "buyer"): 7_000,
        ("RELEASE", "seller_payable"): -6_650,
        ("FEE", "platform_fee"): -350,
    } == posted(owner, "release:%")
    assert {
        "stripe_clearing": 7_000,
        "seller_payable": -6_650,
        "platform_fee": -350,
    } == balances(owner, order_id)
    assert [] == drift(owner)


@pytest.mark.usefixtures("moderator")
def test_refund_after_release_is_the_sellers_and_ours(owner: Connection, order_id: UUID) -> None:
    """The fee shrinks to that of what is left, the seller bears the rest."""
    brought_to(owner, order_id, "released")

    refunded(owner, order_id, 3_010, "succeeded")

    # F(100.00) = 5.00 and F(69.90) = 3.50, half a cent rounded away from zero.
    assert {
        ("REFUND", "platform_fee"): 150,
        ("REFUND", "seller_payable"): 2_860,
        ("REFUND", "refunds"): -3_010,
    } == posted(owner, "refund:%:requested")
    assert {
        "stripe_clearing": 6_990,
        "seller_payable": -6_640,
        "platform_fee": -350,
    } == balances(owner, order_id)
    assert [] == drift(owner)


@pytest.mark.usefixtures("moderator")
def test_full_refund_after_release_leaves_nothing(owner: Connection, order_id: UUID) -> None:
    """All accounts end at zero, and the order is refunded."""
    brought_to(owner, order_id, "released")

    refunded(owner, order_id, AMOUNT, "succeeded")

    assert "refunded" == order_row(owner, order_id)["state"]
    assert ({}, []) == (balances(owner, order_id), drift(owner))


@pytest.mark.parametrize("amount", [1, 9, 10, 11, 3_333, 9_999])
@pytest.mark.usefixtures("moderator")
def test_failure_after_release_gives_the_parts_back(
    owner: Connection, order_id: UUID, amount: int
) -> None:
    """A refund that fails after the release gives seller and platform their parts back."""
    brought_to(owner, order_id, "released")
    before = balances(owner, order_id)

    refunded(owner, order_id, amount, "failed")

    assert before == balances(owner, order_id)
    assert [] == drift(owner)


@pytest.mark.usefixtures("moderator")
def test_refund_that_comes_back_after_the_release(owner: Connection, order_id: UUID) -> None:
    """Money refunded before the release that returns after it is split like the rest."""
    brought_to(owner, order_id, "delivered")
    refunded(owner, order_id, 3_000, "succeeded")
    moved(owner, order_id, "released", "buyer")
    [(stripe_id,)] = owner.execute("select stripe_refund_id from public.refunds").fetchall()

    report_refund(owner, "failed", 3_000, stripe_refund_id=stripe_id)

    assert {
        "stripe_clearing": AMOUNT,
        "seller_payable": -9_500,
        "platform_fee": -500,
    } == balances(owner, order_id)
    assert [] == drift(owner)


def test_overlapping_refunds_after_release_keep_to_the_cent(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """Refunds that overlap and fail in another order leave just the fee of what is left."""
    brought_to(owner, order_id, "released")
    staff = {"user_id": moderator.id}
    for amount in (3_333, 1_111, 7):
        assert refund_requested(owner, order_id, amount, **staff)["success"]
        assert [] == drift(owner)
    rows = outbox_rows(owner, "refund")

    for row, status in zip(rows, ("failed", "succeeded", "failed"), strict=True):
        amount = row["payload"]["amount_cents"]
        report_refund(owner, status, amount, stripe_refund_id=f"re_{amount}", outbox_id=row["id"])
        assert [] == drift(owner)

    left = AMOUNT - order_row(owner, order_id)["refunded_cents"]
    query = "select private.fee_cents(%s, 500)"
    [(fee,)] = owner.execute(query, [left]).fetchall()
    assert -fee == balances(owner, order_id)["platform_fee"]


@pytest.mark.usefixtures("moderator")
def test_worked_case_ends_at_zero(owner: Connection, order_id: UUID) -> None:
    """A 100.00, R 30.00, release, transfer of 66.50, 70.00 withdrawn and lost, all reversed.

    Case 23.
    """
    brought_to(owner, order_id, "delivered")
    refunded(owner, order_id, 3_000, "succeeded")
    moved(owner, order_id, "released", "buyer")
    transferred(owner, order_id, 6_650)
    assert {"stripe_clearing": 350, "platform_fee": -350} == balances(owner, order_id)
    assert [] == drift(owner)

    lost(owner, 7_000)

    assert {
        ("ADJUST", "dispute_hold"): -7_000,
        ("ADJUST", "platform_fee"): 350,
        ("ADJUST", "seller_payable"): 6_650,
    } == posted(owner, "dispute:du_1:lost")
    assert {"stripe_clearing": -6_650, "seller_payable": 6_650} == balances(owner, order_id)
    assert [] == drift(owner)
    reversed_by(owner, 6_650)
    assert ({}, []) == (balances(owner, order_id), drift(owner))
    assert "refunded" == order_row(owner, order_id)["state"]


def test_fact_is_posted_once(owner: Connection, order_id: UUID) -> None:
    """A fact is posted once, however often its event arrives."""
    paid(owner, order_id)
    post = """
      select private.post(
        o, 'capture:pi_current', 'aud', private.capture_lines(5), 'Again'
      ) from public.orders as o
    """

    owner.execute(post)

    assert {"stripe_clearing": AMOUNT, "buyer": -AMOUNT} == balances(owner, order_id)


def test_unbalanced_set_is_refused(owner: Connection, order_id: UUID) -> None:
    """A transaction that does not sum to zero in each currency is refused (C18, case 23)."""
    lines = """
      select private.post(
        o, 'wrong', %s, array[('buyer', 'ADJUST', 1)]::private.ledger_line[], 'Wrong'
      ) from public.orders as o
    """

    with pytest.raises(psycopg.errors.CheckViolation, match="sum to zero"), owner.transaction():  # noqa: PT012 - the constraint speaks up at the second statement
        owner.execute(lines, ["aud"])
        owner.execute("set constraints all immediate")
    assert {} == balances(owner, order_id)


def test_currencies_do_not_make_up_for_each_other(owner: Connection, order_id: UUID) -> None:
    """A transaction must sum to zero in each currency by itself."""
    insert = """
      insert into public.ledger_entries
        (txn_id, order_id, account, entry_type, amount_cents, currency, description, fact)
      select t.txn_id, %s, 'buyer', 'ADJUST', v.cents, v.currency, 'Wrong', v.currency
      from (select gen_random_uuid() as txn_id) as t,
        (values (1, 'aud'), (-1, 'usd')) as v (cents, currency)
    """

    with pytest.raises(psycopg.errors.CheckViolation), owner.transaction():  # noqa: PT012 - as above
        owner.execute(insert, [order_id])
        owner.execute("set constraints all immediate")


@pytest.mark.parametrize(
    "statement",
    [
        "update public.ledger_entries set amount_cents = amount_cents + 1",
        "delete from public.ledger_entries",
        "truncate public.ledger_entries",
    ],
)
def test_books_are_never_changed(owner: Connection, order_id: UUID, statement: str) -> None:
    """Nobody changes or removes an entry, not even the owner (case 23)."""
    paid(owner, order_id)
    owner.execute("set constraints all immediate")

    with pytest.raises(psycopg.errors.RestrictViolation), owner.transaction():
        owner.execute(statement.encode())


def test_people_read_their_own_lines(
    owner: Connection,
    order_id: UUID,
    *,
    alice: Actor,
    bob: Actor,
    seller: Actor,
    moderator: Actor,
    service: Actor,
) -> None:
    """Each party reads the own account, staff the whole ledger; nobody writes it."""
    brought_to(owner, order_id, "released")
    query = "select distinct account::text from public.ledger_entries order by 1"

    assert [("buyer",)] == alice.rows(query)
    assert [("seller_payable",)] == seller.rows(query)
    assert [] == bob.rows(query)
    assert 4 == len(moderator.rows(query))
    for actor in (alice, seller, moderator, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change("delete from public.ledger_entries")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.rows(query)
