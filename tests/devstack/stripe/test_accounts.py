"""Connected accounts: their creation, their capabilities and their events.

https://docs.stripe.com/api/accounts, https://docs.stripe.com/connect/accounts
"""

from typing import Any

import pytest
import stripe

from tests.support.fake_server import CONNECT_SECRET, SECRET, Account, error_code


BOTH: Any = {"card_payments": {"requested": True}, "transfers": {"requested": True}}


def retrieve(account: Account, seller: stripe.Account) -> dict[str, Any]:
    """Retrieve the seller's account."""
    found: dict[str, Any] = account.client.v1.accounts.retrieve(seller.id).to_dict()
    return found


def updates(account: Account, seller: stripe.Account) -> list[dict[str, Any]]:
    """Return the account.updated events of the seller, newest first."""
    events = account.client.v1.events.list(
        {"type": "account.updated"}, {"stripe_account": seller.id}
    )
    return [event.to_dict() for event in events.data]


def test_new_account_has_every_requirement_due(account: Account) -> None:
    """An Express account starts disabled, with requested and inactive capabilities.

    https://docs.stripe.com/connect/handling-api-verification
    """
    seller = account.seller(
        is_onboarded=False, email="ann@example.com", metadata={"user_id": "u-1"}
    )

    made = retrieve(account, seller)
    assert ("express", "AU", "aud", "ann@example.com") == (
        made["type"],
        made["country"],
        made["default_currency"],
        made["email"],
    )
    assert {"user_id": "u-1"} == made["metadata"]
    assert {"card_payments": "inactive", "transfers": "inactive"} == made["capabilities"]
    assert (False, False, False) == (
        made["charges_enabled"],
        made["payouts_enabled"],
        made["details_submitted"],
    )
    wanted = made["requirements"]
    assert "requirements.past_due" == wanted["disabled_reason"]
    assert "external_account" in wanted["currently_due"]
    assert wanted["currently_due"] == wanted["past_due"] == wanted["eventually_due"]
    assert wanted["current_deadline"] is None


@pytest.mark.parametrize(
    ("kind", "payer", "losses", "collector", "dashboard"),
    [
        ("custom", "application_custom", "application", "application", "none"),
        ("express", "application_express", "application", "stripe", "express"),
        ("standard", "account", "stripe", "stripe", "full"),
    ],
)
def test_type_stands_for_controller_properties(
    account: Account, kind: Any, payer: str, losses: str, collector: str, dashboard: str
) -> None:
    """Each of the three types stands for a set of controller properties."""
    made = account.client.v1.accounts.create({"type": kind, "capabilities": BOTH})

    assert made.controller is not None
    assert {
        "fees": {"payer": payer},
        "is_controller": True,
        "losses": {"payments": losses},
        "requirement_collection": collector,
        "stripe_dashboard": {"type": dashboard},
        "type": "application",
    } == made.controller.to_dict()


def test_controller_properties_take_the_place_of_a_type(account: Account) -> None:
    """Controller properties replace a type (docs.stripe.com, migrate-to-controller-properties)."""
    accounts = account.client.v1.accounts
    controller: Any = {
        "fees": {"payer": "application"},
        "losses": {"payments": "application"},
        "stripe_dashboard": {"type": "express"},
    }

    made = accounts.create({"controller": controller, "country": "AU", "capabilities": BOTH})

    assert made.controller is not None
    assert made.controller.requirement_collection == "stripe"
    assert made.controller.to_dict()["losses"] == {"payments": "application"}
    with pytest.raises(stripe.InvalidRequestError, match="mutually exclusive"):
        accounts.create({"type": "express", "controller": controller})
    with pytest.raises(stripe.InvalidRequestError, match="payer"):
        accounts.create({"controller": {"losses": {"payments": "application"}}})
    with pytest.raises(stripe.InvalidRequestError, match="requirement_collection"):
        accounts.create({"controller": {"requirement_collection": "application"}})


def test_transfers_alone_need_an_approval(account: Account) -> None:
    """Stripe refuses transfers without card_payments, except to approved platforms."""
    alone: Any = {"transfers": {"requested": True}}
    seller = account.seller()

    with pytest.raises(stripe.InvalidRequestError, match="needs approval"):
        account.client.v1.accounts.create({"type": "express", "capabilities": alone})
    with pytest.raises(stripe.InvalidRequestError, match="needs approval"):
        account.client.v1.accounts.update(
            seller.id, {"capabilities": {"card_payments": {"requested": False}}}
        )

    assert [seller.id] == [one.id for one in account.client.v1.accounts.list().data]
    assert {"card_payments", "transfers"} == set(retrieve(account, seller)["capabilities"])


@pytest.mark.parametrize(
    "params",
    [
        {"country": "US"},
        {"email": "nobody"},
        {"default_currency": "usd"},
        {"type": "premium"},
        {"individual": {"first_name": "Ann"}},
        {"capabilities": {"card_issuing": {"requested": True}}},
    ],
)
def test_unsupported_account_is_refused(account: Account, params: Any) -> None:
    """Another country, an unknown parameter or a wrong value is a 400 that names it."""
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        account.seller(is_onboarded=False, **params)

    assert 400 == refusal.value.http_status
    [name] = params
    assert name in str(refusal.value.param)


def test_onboarding_enables_the_account_and_sends_events(account: Account) -> None:
    """account.updated goes to the endpoint for connected accounts alone, with `account` set.

    https://docs.stripe.com/connect/webhooks
    """
    seller = account.seller()

    [delivery] = account.deliveries(event_type="account.updated", state="delivered")
    event = account.receiver.next().verify(CONNECT_SECRET).to_dict()

    assert delivery["object_id"] == seller.id == event["account"] == event["data"]["object"]["id"]
    sent = event["data"]["object"]
    assert sent == retrieve(account, seller)
    assert (True, True, True) == (
        sent["charges_enabled"],
        sent["payouts_enabled"],
        sent["details_submitted"],
    )
    assert {"card_payments": "active", "transfers": "active"} == sent["capabilities"]
    assert [] == sent["requirements"]["currently_due"]
    assert sent["requirements"]["disabled_reason"] is None
    previous = event["data"]["previous_attributes"]
    assert {"card_payments": "inactive", "transfers": "inactive"} == previous["capabilities"]
    assert previous["payouts_enabled"] is False
    assert "requirements.past_due" == previous["requirements"]["disabled_reason"]
    assert "metadata" not in previous
    assert account.receiver.received.empty()


def test_event_of_a_connected_account_is_not_ours(account: Account) -> None:
    """A connected account's event has another secret, and is in that account's list alone."""
    seller = account.seller()
    received = account.receiver.next()

    with pytest.raises(stripe.SignatureVerificationError):
        received.verify(SECRET)
    event_id = received.event["id"]
    events = account.client.v1.events
    assert [] == events.list().data
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        events.retrieve(event_id)
    assert event_id == events.retrieve(event_id, None, {"stripe_account": seller.id}).id


def test_redelivered_event_goes_to_the_endpoint_for_connected_accounts(account: Account) -> None:
    """A test may have account.updated delivered twice, with one id and its own secret."""
    account.seller()
    first = account.receiver.next().verify(CONNECT_SECRET)

    account.command("POST", f"/events/{first.id}/redeliver")

    assert first.id == account.receiver.next().verify(CONNECT_SECRET).id


def test_verification_can_take_its_time(account: Account) -> None:
    """Stripe may still verify an account that has submitted everything, and enables nothing."""
    seller = account.seller(is_onboarded=False)

    account.command("POST", f"/accounts/{seller.id}/onboarding", outcome="pending")

    waiting = retrieve(account, seller)
    assert (True, False) == (waiting["details_submitted"], waiting["payouts_enabled"])
    assert "pending" == waiting["capabilities"]["transfers"]
    assert "requirements.pending_verification" == waiting["requirements"]["disabled_reason"]
    assert ["individual.verification.document"] == waiting["requirements"]["pending_verification"]
    account.command("POST", f"/accounts/{seller.id}/onboarding")
    assert retrieve(account, seller)["payouts_enabled"]


def test_more_is_required_before_it_is_past_due(account: Account) -> None:
    """A requirement disables the account after its deadline, and nothing before."""
    seller = account.seller()
    path, fields = f"/accounts/{seller.id}/requirements", ["individual.verification.document"]

    account.command("POST", path, fields=fields, current_deadline=1900000000)
    requested = retrieve(account, seller)
    account.command("POST", path, fields=fields, is_past_due=True)
    missed = retrieve(account, seller)

    assert (fields, [], 1900000000, None) == tuple(
        requested["requirements"][name]
        for name in ("currently_due", "past_due", "current_deadline", "disabled_reason")
    )
    assert (True, "active") == (
        requested["payouts_enabled"],
        requested["capabilities"]["transfers"],
    )
    assert (fields, fields, "requirements.past_due") == tuple(
        missed["requirements"][name] for name in ("currently_due", "past_due", "disabled_reason")
    )
    assert (False, False, "inactive") == (
        missed["payouts_enabled"],
        missed["charges_enabled"],
        missed["capabilities"]["transfers"],
    )
    assert 3 == len(updates(account, seller))
    mistakes: list[Any] = [{"current_deadline": 1.5}, {"fields": "document"}, {"fields": []}]
    for wrong in mistakes:
        assert 400 == account.control.post(path, json=wrong).status_code


def test_account_is_restricted_and_let_go(account: Account) -> None:
    """Stripe may disable an account for a reason of its own, and enable it again."""
    seller = account.seller()

    restriction = f"/accounts/{seller.id}/restriction"
    account.command("POST", restriction, disabled_reason="rejected.fraud")
    rejected = retrieve(account, seller)
    account.command("POST", f"/accounts/{seller.id}/onboarding")

    assert "rejected.fraud" == rejected["requirements"]["disabled_reason"]
    assert not rejected["payouts_enabled"]
    assert retrieve(account, seller)["payouts_enabled"]
    assert 400 == account.control.post(restriction, json={"disabled_reason": "x"}).status_code


def test_single_abilities_come_and_go(account: Account) -> None:
    """Payouts may be disabled while transfers are enabled, and the reverse."""
    seller = account.seller()
    path = f"/accounts/{seller.id}/abilities"

    account.command("POST", path, payouts_enabled=False)
    held = retrieve(account, seller)
    account.command("POST", path, payouts_enabled=True, transfers="inactive")
    stopped = retrieve(account, seller)

    assert (False, "active") == (held["payouts_enabled"], held["capabilities"]["transfers"])
    assert (True, "inactive") == (stopped["payouts_enabled"], stopped["capabilities"]["transfers"])
    account.client.v1.accounts.update(seller.id, {"metadata": {"k": "v"}})
    assert "inactive" == retrieve(account, seller)["capabilities"]["transfers"]
    _, *sent, _ = updates(account, seller)
    previous = [event["data"]["previous_attributes"] for event in sent]
    assert {"payouts_enabled": True} == previous[1]
    assert {"capabilities": {"transfers": "active"}, "payouts_enabled": False} == previous[0]
    assert 400 == account.control.post(path, json={"transfers": "perhaps"}).status_code


def test_answered_requirement_is_not_due_again(account: Account) -> None:
    """An update fulfils what was due; the same update again sends no event."""
    seller = account.seller(is_onboarded=False)
    changes: Any = {
        "business_type": "individual",
        "business_profile": {"mcc": "5931", "url": "https://example.com"},
        "metadata": {"k": "v"},
    }

    updated = account.client.v1.accounts.update(seller.id, changes).to_dict()
    account.client.v1.accounts.update(seller.id, changes)

    assert "5931" == updated["business_profile"]["mcc"]
    due = set(updated["requirements"]["currently_due"])
    assert due.isdisjoint({"business_type", "business_profile.mcc", "business_profile.url"})
    assert "external_account" in due
    assert 1 == len(updates(account, seller))


def test_capability_can_be_requested_later(account: Account) -> None:
    """A capability of a verified account is active at once, and ends with its request."""
    cards: Any = {"card_payments": {"requested": True}}
    seller = account.seller(capabilities=cards)
    accounts = account.client.v1.accounts

    added = accounts.update(seller.id, {"capabilities": {"transfers": {"requested": True}}})
    removed = accounts.update(seller.id, {"capabilities": {"transfers": {"requested": False}}})

    assert added.capabilities is not None
    assert removed.capabilities is not None
    assert {"card_payments": "active", "transfers": "active"} == added.capabilities.to_dict()
    assert {"card_payments": "active"} == removed.capabilities.to_dict()


def test_accounts_are_listed_and_deleted(account: Account) -> None:
    """The list has the connected accounts, newest first, without deleted ones."""
    accounts = account.client.v1.accounts
    first, second = account.seller(), account.seller()

    deleted = accounts.delete(first.id)

    assert (first.id, True) == (deleted.id, deleted.deleted)
    assert [second.id] == [one.id for one in accounts.list({"limit": 5}).data]
    for refused in (
        lambda: accounts.retrieve(first.id),
        lambda: accounts.update(first.id, {"metadata": {"k": "v"}}),
        lambda: accounts.delete(first.id),
        lambda: account.client.v1.balance.retrieve(None, {"stripe_account": first.id}),
    ):
        with pytest.raises(stripe.PermissionError, match="does not have access") as refusal:
            refused()
        assert 403 == refusal.value.http_status
        assert "account_invalid" == error_code(refusal.value)


def test_own_account_is_found_by_its_id_too(account: Account) -> None:
    """Our own account's id works as a connected one's, in the header too."""
    own = account.client.v1.accounts.retrieve_current()
    seller = account.seller()

    current = account.client.v1.accounts.retrieve_current(None, {"stripe_account": seller.id})

    assert own.id == account.client.v1.accounts.retrieve(own.id).id
    assert seller.id == current.id
    account.client.v1.balance.retrieve(None, {"stripe_account": own.id})


def test_not_everything_is_done_for_connected_accounts(account: Account) -> None:
    """A call that the fake does not serve with Stripe-Account is refused."""
    seller = account.seller()

    with pytest.raises(stripe.InvalidRequestError, match=r"POST /v1/payment_intents .*connected"):
        account.client.v1.payment_intents.create(
            {"amount": 5000, "currency": "aud"}, {"stripe_account": seller.id}
        )

    assert [] == account.client.v1.payment_intents.list().data


def test_same_key_makes_one_account(account: Account) -> None:
    """A repeated creation with its idempotency key returns the first account."""
    accounts = account.client.v1.accounts
    params: Any = {"type": "express", "capabilities": BOTH}

    first = accounts.create(params, {"idempotency_key": "account-1"})
    again = accounts.create(params, {"idempotency_key": "account-1"})

    assert first.id == again.id
    assert 1 == len(accounts.list().data)
