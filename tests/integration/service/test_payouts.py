"""A seller gets a Connect account over HTTP, and is paid into it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.service.browser import Browser
from tests.integration.service.shop import AMOUNT, Order, Shop


pytestmark = pytest.mark.xdist_group("stack")

ONBOARD, PAYOUTS = "/api/payouts/onboard", "/api/payouts"
#: The seller's part of an order, less the fee of 5 %.
PART = 9500


@pytest.fixture
def seller(shop: Shop, signed_in: Callable[[], Browser]) -> Browser:
    """Sign up a verified seller without an account."""
    person = signed_in()
    shop.db.execute("update public.users set role = 'seller' where id = %s", [person.actor.id])
    return person


def onboard(person: Browser) -> httpx.Response:
    return person.post(ONBOARD, {})


def listed(person: Browser) -> Any:
    return person.shop.http.get(PAYOUTS, headers=person.bearer).json()


def accounts_of(shop: Shop, person: Browser) -> list[str]:
    """Return the accounts that Stripe has for a person."""
    found = shop.stripe.v1.accounts.list({"limit": 100}).data
    user_id = str(person.actor.id)
    return [one.id for one in found if one.to_dict()["metadata"].get("user_id") == user_id]


def account_of(shop: Shop, person: Browser) -> str:
    query = "select stripe_connect_account_id from public.users where id = %s"
    return str(shop.value(query, person.actor.id))


def onboarded(shop: Shop, seller: Browser) -> str:
    """Bring a seller to the point at which Stripe pays; return the account."""
    assert 200 == onboard(seller).status_code
    account_id = account_of(shop, seller)
    shop.command("POST", f"/accounts/{account_id}/onboarding")
    shop.wait_for(lambda: listed(seller)["payouts_enabled"])
    return account_id


def released(shop: Shop, seller: Browser) -> Order:
    """Sell something of a seller, up to the release."""
    order = shop.paid(seller=seller.actor)
    shop.moved(order, "shipped", "delivered", "released")
    return order


def payouts_of(seller: Browser) -> list[tuple[str, int, int]]:
    """Return status, amount and reversed amount of a seller's payouts."""
    keys = ("status", "amount_cents", "reversed_cents")
    return sorted(tuple(row[key] for key in keys) for row in listed(seller)["payouts"])


def transfers_of(shop: Shop, order: Order) -> list[dict[str, Any]]:
    """Return what Stripe has transferred for an order."""
    found = shop.stripe.v1.transfers.list({"transfer_group": order.id, "limit": 100})
    return [one.to_dict() for one in found.data]


def refund(shop: Shop, order: Order, cents: int) -> None:
    """Refund a part of a released order, as staff do."""
    shop.request_refund(order, cents, shop.person("moderator", role="moderator"))


def error_of(shop: Shop, order: Order, kind: str) -> Any:
    """Return the last error of an outbox row of an order, or None."""
    query = """
      select max(last_error) from public.outbox where payload ->> 'order_id' = %s and kind = %s
    """
    return shop.value(query, order.id, kind)


def drift_of(shop: Shop, order: Order) -> list[Any]:
    query = "select account from private.ledger_drift(%s)"
    return [account for (account,) in shop.db.execute(query, [order.id])]


def test_released_order_is_paid_out(shop: Shop, seller: Browser) -> None:
    """The transfer comes from the order's charge and goes to the seller's account, once."""
    account_id = onboarded(shop, seller)

    order = released(shop, seller)

    shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 0)])
    [transfer] = transfers_of(shop, order)
    charge = shop.value(
        "select stripe_charge_id from public.payments where order_id = %s", order.id
    )
    assert (PART, account_id, charge, order.id) == (
        transfer["amount"],
        transfer["destination"],
        transfer["source_transaction"],
        transfer["metadata"]["order_id"],
    )
    assert (PART, 0) == (listed(seller)["paid_cents"], listed(seller)["pending_cents"])
    assert [] == drift_of(shop, order)


def test_transfer_waits_until_the_seller_has_onboarded(shop: Shop, seller: Browser) -> None:
    """The seller gets a notification, and the money as soon as Stripe pays."""
    order = released(shop, seller)
    query = "select count(*) from public.notifications where user_id = %s and type = %s"
    shop.wait_for(
        lambda: shop.value(query, seller.actor.id, "payout_action_required") == 1,
    )
    assert [("queued", PART, 0)] == payouts_of(seller)

    onboarded(shop, seller)

    shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 0)])
    assert 1 == len(transfers_of(shop, order))


def test_refund_after_the_payout_is_reversed(shop: Shop, seller: Browser) -> None:
    """The seller's part of the refund comes back from the seller's account."""
    onboarded(shop, seller)
    order = released(shop, seller)
    shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 0)])

    refund(shop, order, 3000)
    shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 2850)])
    refund(shop, order, AMOUNT - 3000)
    shop.wait_for(lambda: payouts_of(seller) == [("reversed", PART, PART)])

    assert [PART] == [transfer["amount_reversed"] for transfer in transfers_of(shop, order)]
    balances = shop.value(
        "select count(*) from (select account from public.ledger_entries where order_id = %s"
        " group by account having sum(amount_cents) <> 0) as accounts",
        order.id,
    )
    assert (0, []) == (balances, drift_of(shop, order))


def test_events_in_any_sequence_book_once(shop: Shop, seller: Browser) -> None:
    """All events of a transfer come twice, the newest first, after our own answers."""
    onboarded(shop, seller)
    shop.command("PUT", "/delivery", mode="hold", event_types=["transfer.*"])
    try:
        order = released(shop, seller)
        shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 0)])
        refund(shop, order, 3000)
        shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 2850)])
        shop.command("POST", "/deliveries/release", order="newest_first")
    finally:
        shop.command("PUT", "/delivery", mode="normal")
    [transfer] = transfers_of(shop, order)
    deliveries = shop.deliveries(object_id=transfer["id"], count=2)
    for delivery in deliveries:
        shop.command("POST", f"/events/{delivery['event_id']}/redeliver")

    shop.deliveries(object_id=transfer["id"], state="delivered", count=4)
    assert [("paid", PART, 2850)] == payouts_of(seller)
    assert [] == drift_of(shop, order)
    assert {"order_already_processed"} == {
        shop.event_row(delivery["event_id"])["outcome"] for delivery in deliveries
    }


def test_event_that_overtakes_the_answer_books_once(shop: Shop, seller: Browser) -> None:
    """Stripe reports transfer and reversal while the worker still waits for the answers."""
    onboarded(shop, seller)
    shop.command("PUT", "/delivery", mode="before_answer", event_types=["transfer.*"])
    try:
        order = released(shop, seller)
        shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 0)])
        refund(shop, order, AMOUNT)
        shop.wait_for(lambda: payouts_of(seller) == [("reversed", PART, PART)])
    finally:
        shop.command("PUT", "/delivery", mode="normal")

    assert [PART] == [transfer["amount_reversed"] for transfer in transfers_of(shop, order)]
    assert [] == drift_of(shop, order)


@pytest.mark.usefixtures("no_faults")
@pytest.mark.parametrize(
    "fault",
    [
        {"reset": True, "when": "after"},
        {"status": 500, "when": "after"},
        {"status": 500, "when": "before"},
        {"status": 429, "when": "before"},
    ],
)
@pytest.mark.parametrize("kind", ["transfer", "reversal"])
def test_lost_answer_moves_money_once(
    shop: Shop, seller: Browser, fault: dict[str, Any], kind: str
) -> None:
    """Stripe made the object, and the answer did not arrive: the next try finds it."""
    onboarded(shop, seller)
    path = {"transfer": "/v1/transfers", "reversal": "/v1/transfers/*/reversals"}[kind]
    shop.fault(method="POST", path=path, times=1, **fault)

    order = released(shop, seller)
    shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 0)])
    refund(shop, order, AMOUNT)

    shop.wait_for(lambda: payouts_of(seller) == [("reversed", PART, PART)])
    [transfer] = transfers_of(shop, order)
    assert 1 == len(shop.stripe.v1.transfers.reversals.list(transfer["id"]).data)
    assert [] == drift_of(shop, order)


def test_account_without_the_ability_is_read_again(shop: Shop, seller: Browser) -> None:
    """The transfer waits after Stripe has disabled the account, before its event arrives."""
    account_id = onboarded(shop, seller)
    shop.command("PUT", "/delivery", mode="hold", event_types=["account.updated"])
    try:
        shop.command("POST", f"/accounts/{account_id}/abilities", transfers="inactive")
        order = released(shop, seller)
        shop.wait_for(lambda: not listed(seller)["payouts_enabled"])
    finally:
        shop.command("POST", "/deliveries/release")
        shop.command("PUT", "/delivery", mode="normal")
    assert ([], [("queued", PART, 0)]) == (transfers_of(shop, order), payouts_of(seller))

    shop.command("POST", f"/accounts/{account_id}/abilities", transfers="active")

    shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 0)])


def test_seller_who_spent_the_money_owes_it(shop: Shop, seller: Browser) -> None:
    """A reversal that fails holds the seller's other transfers until staff release them."""
    account_id = onboarded(shop, seller)
    order = released(shop, seller)
    shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 0)])
    shop.command("POST", f"/balance/{account_id}/settle")
    shop.command("POST", f"/balance/{account_id}/payout")
    refund(shop, order, AMOUNT)
    shop.wait_for(
        lambda: error_of(shop, order, "transfer_reversal") == "STRIPE_BALANCE_INSUFFICIENT"
    )

    second = released(shop, seller)
    shop.wait_for(lambda: error_of(shop, second, "transfer") == "REVERSAL_IS_UNPAID")
    assert [] == transfers_of(shop, second)
    shop.service.call(
        "release_transfers", seller_id=seller.actor.id, reason="The seller pays by bank transfer"
    )

    shop.wait_for(lambda: len(transfers_of(shop, second)) == 1)
    assert [] == drift_of(shop, order)


def test_lost_dispute_after_the_payout_is_reversed(shop: Shop, seller: Browser) -> None:
    """The bank takes the buyer's money back, and the seller's part follows."""
    onboarded(shop, seller)
    order = released(shop, seller)
    shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 0)])

    dispute_id = shop.disputed(order)
    shop.wait_for(lambda: shop.state(order) == "disputed")
    assert [("paid", PART, 0)] == payouts_of(seller)
    shop.command("POST", f"/disputes/{dispute_id}/close", status="lost")

    shop.wait_for(lambda: payouts_of(seller) == [("reversed", PART, PART)])
    shop.wait_for(lambda: shop.state(order) == "refunded")
    assert [] == drift_of(shop, order)


def test_users_see_their_own_payouts(shop: Shop, seller: Browser, buyer: Browser) -> None:
    """Another user's list is empty, and no parameter changes whose list it is."""
    onboarded(shop, seller)
    released(shop, seller)
    shop.wait_for(lambda: payouts_of(seller) == [("paid", PART, 0)])

    answer = buyer.get(f"{PAYOUTS}?user_id={seller.actor.id}&limit=100")

    assert (200, [], 0) == (
        answer.status_code,
        answer.json()["payouts"],
        answer.json()["paid_cents"],
    )


def test_seller_onboards_and_can_be_paid(shop: Shop, seller: Browser) -> None:
    """The link leads to Stripe's form; a complete form enables payouts."""
    answer = onboard(seller)

    assert (200, {"success", "url", "expires_at"}) == (answer.status_code, set(answer.json()))
    assert [account_of(shop, seller)] == accounts_of(shop, seller)
    assert not listed(seller)["payouts_enabled"]
    shop.command("POST", f"/accounts/{account_of(shop, seller)}/onboarding")
    shop.wait_for(lambda: listed(seller)["payouts_enabled"])
    shop.command("POST", f"/accounts/{account_of(shop, seller)}/restriction")
    shop.wait_for(lambda: not listed(seller)["payouts_enabled"])


def test_account_is_express_and_asks_for_transfers(shop: Shop, seller: Browser) -> None:
    """Stripe gives an Australian account transfers together with card payments."""
    onboard(seller)

    account = shop.stripe.v1.accounts.retrieve(account_of(shop, seller)).to_dict()
    assert ("express", "AU", {"card_payments", "transfers"}) == (
        account["type"],
        account["country"],
        set(account["capabilities"]),
    )


def test_concurrent_calls_make_one_account(shop: Shop, seller: Browser) -> None:
    """Each call gets a link of its own, to the same account."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: onboard(seller), range(4)))

    assert [200] * 4 == [answer.status_code for answer in answers]
    assert 4 == len({answer.json()["url"] for answer in answers})
    assert [account_of(shop, seller)] == accounts_of(shop, seller)


@pytest.mark.usefixtures("no_faults")
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "when": "before"},
        {"status": 500, "when": "after"},
        {"reset": True, "when": "after"},
        {"reset": True, "when": "before"},
    ],
)
def test_failure_at_stripe_makes_no_second_account(
    shop: Shop, seller: Browser, fault: dict[str, Any]
) -> None:
    """Lost answers and errors of Stripe lead to one account, and block no later call."""
    shop.fault(method="POST", path="/v1/accounts", times=1, **fault)

    first, second = onboard(seller), onboard(seller)

    assert first.status_code in (200, 502, 503)
    assert 200 == second.status_code
    assert [account_of(shop, seller)] == accounts_of(shop, seller)


def test_person_without_kyc_is_refused(shop: Shop, signed_in: Callable[[], Browser]) -> None:
    """Without verification there is no account."""
    person = signed_in()
    shop.db.execute(
        "update public.users set kyc = 'pending', role = 'seller' where id = %s", [person.actor.id]
    )

    answer = onboard(person)

    assert (403, "KYC_REQUIRED") == (answer.status_code, answer.json()["code"])
    assert [] == accounts_of(shop, person)


def test_onboarding_has_a_limit(shop: Shop, seller: Browser) -> None:
    """The call after the last allowed one is refused."""
    with shop.limited("onboard_payouts", 5):
        statuses = [onboard(seller).status_code for _ in range(6)]

    assert [200] * 5 + [429] == statuses
