"""The Connect account of a seller: one for ever, and its state as it was read last."""

from typing import Any

import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.paying import stored


ACCOUNT = "acct_1"


def begun(service: Actor, seller: Actor) -> Any:
    return service.call("begin_onboarding", user_id=seller.id)


def attach(service: Actor, seller: Actor, account_id: str = ACCOUNT) -> Any:
    return service.call("set_connect_account", user_id=seller.id, account_id=account_id)


def read(service: Actor, account_id: str = ACCOUNT) -> Any:
    return service.call("begin_account_read", account_id=account_id)["read_number"]


def updated(owner: Connection, read_number: int, *, enabled: bool, account: str = ACCOUNT) -> Any:
    """Apply a new event with what a read has found."""
    return Actor(connection=owner, role="service_role").call(
        "apply_account_updated",
        event_id=stored(owner, "account.updated", None, object_id=account),
        account_id=account,
        read_number=read_number,
        payouts_enabled=enabled,
    )


def is_enabled(owner: Connection, seller: Actor) -> bool:
    query = "select payouts_enabled from public.users where id = %s"
    [(enabled,)] = owner.execute(query, [seller.id]).fetchall()
    return bool(enabled)


def test_seller_begins_without_an_account(service: Actor, seller: Actor) -> None:
    """The answer has the parts of the idempotency key, and no account."""
    answer = begun(service, seller)

    assert (True, None, 0) == tuple(
        answer[key] for key in ("success", "account_id", "answered_errors")
    )


@pytest.mark.parametrize(
    ("kyc", "role"),
    [("none", "seller"), ("pending", "seller"), ("failed", "seller"), ("passed", "buyer")],
)
def test_only_a_verified_seller_onboards(
    owner: Connection, service: Actor, kyc: str, role: str
) -> None:
    """Only a verified seller gets an account."""
    person = signed_up(owner, "person", kyc=kyc, role=role)

    assert "KYC_REQUIRED" == begun(service, person)["code"]


def test_deleted_account_does_not_onboard(owner: Connection, service: Actor, seller: Actor) -> None:
    """A deleted user gets no account."""
    owner.execute("update public.users set deleted_at = now() where id = %s", [seller.id])

    assert "PROFILE_NOT_FOUND" == begun(service, seller)["code"]


def test_account_is_set_once(service: Actor, seller: Actor) -> None:
    """The same account again succeeds, and another one is refused."""
    assert {"success": True} == attach(service, seller) == attach(service, seller)

    assert "CONFLICT" == attach(service, seller, "acct_2")["code"]
    assert ACCOUNT == begun(service, seller)["account_id"]


def test_account_belongs_to_one_seller(owner: Connection, service: Actor, seller: Actor) -> None:
    """An account belongs to one seller only."""
    other = signed_up(owner, "other", role="seller")
    attach(service, seller)

    assert "CONFLICT" == attach(service, other)["code"]


def test_answered_error_is_counted_once_per_key(service: Actor, seller: Actor) -> None:
    """Concurrent calls under one key get one error; the next key differs by one."""
    begun(service, seller)
    error = {"user_id": seller.id, "answered_errors": 0, "error_code": "STRIPE_ERROR"}

    counts = [service.call("record_connect_error", **error)["answered_errors"] for _ in range(2)]

    assert [1, 1] == counts
    assert 1 == begun(service, seller)["answered_errors"]


def test_lost_answer_keeps_the_key(service: Actor, seller: Actor) -> None:
    """A call without an answer keeps the key, because Stripe may have made the account."""
    begun(service, seller)
    service.call(
        "record_connect_error",
        user_id=seller.id,
        answered_errors=0,
        error_code="STRIPE_UNREACHABLE",
    )

    assert 0 == begun(service, seller)["answered_errors"]


def test_error_of_nobody_is_refused(service: Actor, seller: Actor) -> None:
    """An error of a seller without an open attempt is refused."""
    answer = service.call(
        "record_connect_error", user_id=seller.id, answered_errors=0, error_code="STRIPE_ERROR"
    )

    assert "RESOURCE_NOT_FOUND" == answer["code"]


@pytest.mark.parametrize("enabled", [True, False])
def test_state_of_the_account_is_kept(
    owner: Connection, service: Actor, seller: Actor, *, enabled: bool
) -> None:
    """payouts_enabled follows Stripe in both directions."""
    attach(service, seller)
    updated(owner, read(service), enabled=not enabled)

    answer = updated(owner, read(service), enabled=enabled)

    assert ("processed", enabled) == (answer["outcome"], is_enabled(owner, seller))


def test_earlier_read_changes_nothing_after_a_later_one(
    owner: Connection, service: Actor, seller: Actor
) -> None:
    """A read that began earlier and ends later changes nothing."""
    attach(service, seller)
    first, second = read(service), read(service)
    updated(owner, second, enabled=True)

    answer = updated(owner, first, enabled=False)

    assert ("processed", True) == (answer["outcome"], is_enabled(owner, seller))


def test_event_is_applied_once(owner: Connection, service: Actor, seller: Actor) -> None:
    """A second delivery of an event changes nothing."""
    attach(service, seller)
    event_id = stored(owner, "account.updated", None)
    call = {"event_id": event_id, "account_id": ACCOUNT}
    service.call("apply_account_updated", read_number=read(service), payouts_enabled=True, **call)

    answer = service.call(
        "apply_account_updated", read_number=read(service), payouts_enabled=False, **call
    )

    assert ("already_processed", True) == (answer["outcome"], is_enabled(owner, seller))


@pytest.mark.usefixtures("seller")
def test_unknown_account_is_ignored(owner: Connection, service: Actor) -> None:
    """An unknown account has no effect and raises no alert."""
    assert read(service, "acct_unknown") is None

    answer = updated(owner, 1, enabled=True, account="acct_unknown")

    assert ("ignored", []) == (answer["outcome"], answer["alerts"])


def test_state_is_recorded_without_an_event(
    owner: Connection, service: Actor, seller: Actor
) -> None:
    """A sender records a disabled account that it has read."""
    attach(service, seller)
    updated(owner, read(service), enabled=True)
    state = {"account_id": ACCOUNT, "payouts_enabled": False}

    answers = [
        service.call("record_account_read", read_number=read(service), **state),
        service.call("record_account_read", read_number=1, **(state | {"account_id": "acct_2"})),
    ]

    assert [True, False] == [answer["found"] for answer in answers]
    assert not is_enabled(owner, seller)


def test_seller_without_payouts_reads_zeros(service: Actor, seller: Actor) -> None:
    """The sums of a seller without payouts are zero."""
    assert {
        "success": True,
        "payouts_enabled": False,
        "pending_cents": 0,
        "paid_cents": 0,
        "payouts": [],
    } == service.call("list_payouts", user_id=seller.id, max_rows=50)
