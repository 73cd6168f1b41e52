"""`refund_order`: a refund in the name of a signed-in user."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import set_setting
from tests.sql.paying import ROUTES, moved, outbox_rows, paid, report_refund, service_of


@pytest.fixture
def order_id(owner: Connection, order_id: UUID) -> UUID:
    """Return a paid order."""
    paid(owner, order_id)
    return order_id


def requested(owner: Connection, order_id: UUID, user: Actor, **changes: object) -> Any:
    request: dict[str, object] = {
        "order_id": order_id,
        "refund_amount_cents": 1_000,
        "user_id": user.id,
        "aal": user.aal,
        "client_request_id": uuid4(),
    }
    return service_of(owner).call("refund_order", **(request | changes))


def test_seller_refunds_without_a_second_factor(
    owner: Connection, order_id: UUID, seller: Actor
) -> None:
    """C8: the refund is reserved and queued; the same request gets the same refund."""
    request_id = uuid4()

    answers = [requested(owner, order_id, seller, client_request_id=request_id) for _ in "ab"]

    assert answers[0] == answers[1]
    assert (True, "pending") == (answers[0]["success"], answers[0]["status"])
    assert 1 == len(outbox_rows(owner, "refund"))


def test_staff_need_a_second_factor(owner: Connection, order_id: UUID, moderator: Actor) -> None:
    """Staff without a second factor refund nothing."""
    weak = Actor(connection=owner, role="authenticated", user_id=moderator.id)

    assert "FORBIDDEN" == requested(owner, order_id, weak)["code"]
    assert requested(owner, order_id, moderator)["success"]
    set_setting(owner, "require_staff_aal2", "false")
    assert requested(owner, order_id, weak)["success"]


@pytest.mark.parametrize("role", ["moderator", "admin"])
@pytest.mark.parametrize("is_released", [True, False], ids=["released", "failed refund"])
def test_seller_on_the_staff_has_the_rights_of_a_seller(
    owner: Connection, order_id: UUID, seller: Actor, *, role: str, is_released: bool
) -> None:
    """Only other staff refund a released order or an ended one: a refund returns the fee, too."""
    if is_released:
        for state, kind in ROUTES["released"]:
            moved(owner, order_id, state, kind)
    else:
        report_refund(owner, "succeeded", 10_000)
        report_refund(owner, "failed", 10_000)
    owner.execute("update public.users set role = %s where id = %s", [role, seller.id])

    assert "CONFLICT" == requested(owner, order_id, seller)["code"]
    assert "CONFLICT" == requested(owner, order_id, seller.with_second_factor())["code"]


def test_others_refund_nothing(owner: Connection, order_id: UUID, alice: Actor, bob: Actor) -> None:
    """Neither the buyer nor another user refunds an order."""
    for user in (alice, bob, alice.with_second_factor(), bob.with_second_factor()):
        assert "FORBIDDEN" == requested(owner, order_id, user)["code"]
    assert [] == outbox_rows(owner, "refund")


def test_more_than_is_left_is_refused(owner: Connection, order_id: UUID, seller: Actor) -> None:
    """C8: refunds never exceed the payment; without an amount all that is left goes back."""
    assert requested(owner, order_id, seller, refund_amount_cents=4_000)["success"]
    answer = requested(owner, order_id, seller, refund_amount_cents=6_001)
    assert "VALIDATION_ERROR" == answer["code"]

    assert requested(owner, order_id, seller, refund_amount_cents=None)["success"]

    amounts = [row["payload"]["amount_cents"] for row in outbox_rows(owner, "refund")]
    assert [4_000, 6_000] == sorted(amounts)


def test_unknown_order_is_not_found(owner: Connection, seller: Actor) -> None:
    """An unknown order is refused."""
    assert "RESOURCE_NOT_FOUND" == requested(owner, uuid4(), seller)["code"]


def test_only_the_service_calls_it(order_id: UUID, seller: Actor) -> None:
    """No client may execute the function (B2)."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        seller.call(
            "refund_order",
            order_id=order_id,
            refund_amount_cents=None,
            user_id=seller.id,
            aal="aal2",
            client_request_id=uuid4(),
        )
