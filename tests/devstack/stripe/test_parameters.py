"""Parameters that Stripe refuses, for each call of the product and for similar ones."""

from typing import Any

import httpx
import pytest
import stripe

from tests.support.fake_server import SECRET_KEY, Account
from tests.support.waits import ANSWER_S


INTENTS = "/v1/payment_intents"
REFUNDS = "/v1/refunds"
INTENT = {"amount": "5000", "currency": "aud", "payment_method_types[]": "card"}
UNKNOWN = "parameter_unknown"
INTEGER = "parameter_invalid_integer"
EMAIL = "email_invalid"
BAD_ADDRESSES = [
    "otto@com",
    "otto",
    "@example.com",
    "otto@",
    "otto@example.c",
    "otto@example..com",
    "otto@-example.com",
    "ot to@example.com",
    "ot..to@example.com",
    ".otto@example.com",
    "otto@example.com ",
    "otto@example.com\n",
    "otto@exämple.com",
    "ötto@example.com",
    "otto@@example.com",
    "otto@127.0.0.1",
    "Otto <otto@example.com>",
    f"{'o' * 501}@example.com",
]


def refusal(
    account: Account, path: str, fields: dict[str, str], *, method: str = "POST", key: str = ""
) -> tuple[int, str | None, str | None]:
    """Send a request that Stripe refuses; return status, code and param of the answer."""
    headers = {"Authorization": f"Bearer {SECRET_KEY}", "Idempotency-Key": key}
    answer = httpx.request(
        method,
        f"{account.config.url}{path}",
        headers=headers,
        timeout=ANSWER_S,
        **({"data": fields} if method == "POST" else {"params": fields}),  # type: ignore[arg-type] # one of the two
    )
    error = answer.json()["error"]
    assert "invalid_request_error" == error["type"], error
    assert error["message"]
    return answer.status_code, error.get("code"), error.get("param")


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"amount": "0"}, INTEGER, "amount"),
        ({"amount": "-500"}, INTEGER, "amount"),
        ({"amount": "12.50"}, INTEGER, "amount"),
        ({"amount": "abc"}, INTEGER, "amount"),
        ({"amount": "9" * 30}, INTEGER, "amount"),
        ({"amount": "49"}, "amount_too_small", "amount"),
        ({"amount": "29", "currency": "gbp"}, "amount_too_small", "amount"),
        ({"amount": "399", "currency": "hkd"}, "amount_too_small", "amount"),
        ({"amount": "100000000"}, "amount_too_large", "amount"),
        ({"amount": ""}, "parameter_invalid_empty", "amount"),
        ({"currency": "dollars"}, None, "currency"),
        ({"currency": ""}, "parameter_invalid_empty", "currency"),
        ({"payment_method_types": "card"}, None, "payment_method_types"),
        (
            {"payment_method_types[]": "cash"},
            "payment_intent_invalid_parameter",
            "payment_method_types",
        ),
        ({"metadata": "x"}, None, "metadata"),
        ({"metadata[a][b]": "x"}, None, "metadata[a]"),
        ({f"metadata[{'k' * 41}]": "x"}, None, f"metadata[{'k' * 41}]"),
        ({"metadata[k]": "v" * 501}, None, "metadata[k]"),
        ({f"metadata[k{n}]": "v" for n in range(51)}, None, "metadata"),
        ({"confirm": "yes"}, None, "confirm"),
        ({"capture_method": "later"}, None, "capture_method"),
        ({"description": "d" * 5001}, None, "description"),
        ({"order_id": "1"}, UNKNOWN, "order_id"),
        ({"automatic_payment_methods[on]": "true"}, UNKNOWN, "automatic_payment_methods[on]"),
        ({"shipping[address][planet]": "Mars"}, UNKNOWN, "shipping[address][planet]"),
        ({"expand[]": "buyer"}, None, "expand"),
        ({"expand[]": "customer.a.b.c.d"}, None, "expand"),
        ({"expand": "customer"}, None, "expand"),
    ],
    ids=lambda value: next(iter(value), "")[:30] if isinstance(value, dict) else None,
)  # fmt: skip
def test_create_refuses(
    account: Account, fields: dict[str, str], code: str | None, param: str
) -> None:
    """Stripe's status, code and param answer; nothing is made, and the key stays free."""
    given = {name: value for name, value in INTENT.items() if name.partition("[")[0] not in fields}

    assert (400, code, param) == refusal(account, INTENTS, given | fields, key="k")

    made = account.client.v1.payment_intents.create(
        {"amount": 5000, "currency": "aud"}, {"idempotency_key": "k"}
    )
    assert [made.id] == [one.id for one in account.client.v1.payment_intents.list().data]


@pytest.mark.parametrize("email", BAD_ADDRESSES)
def test_address_that_stripe_cannot_write_to_is_refused(account: Account, email: str) -> None:
    """Each call with an e-mail address refuses a malformed one, and names the parameter."""
    intent = account.intent()

    for path, fields in (
        (INTENTS, INTENT | {"receipt_email": email}),
        (f"{INTENTS}/{intent.id}", {"receipt_email": email}),
        (f"{INTENTS}/{intent.id}/confirm", {"receipt_email": email}),
        ("/v1/customers", {"email": email}),
        ("/v1/accounts", {"type": "express", "email": email}),
        ("/v1/accounts", {"type": "express", "business_profile[support_email]": email}),
        ("/v1/payment_methods", {"card[token]": "tok_visa", "billing_details[email]": email}),
        (
            "/v1/identity/verification_sessions",
            {"type": "document", "provided_details[email]": email},
        ),
    ):
        assert (400, EMAIL, list(fields)[-1]) == refusal(account, path, fields), path


@pytest.mark.parametrize(
    "email", ["otto@example.com", "OTTO+a.b_c@mail.example.co", "o'tto@xn--bcher-kva.example"]
)
def test_address_is_kept_as_it_is(account: Account, email: str) -> None:
    """A usable address is stored, and may be removed again."""
    intent = account.intent(receipt_email=email)
    cleared = account.client.v1.payment_intents.update(intent.id, {"receipt_email": ""})

    assert (email, None) == (intent.receipt_email, cleared.receipt_email)


def test_update_refuses_what_create_refuses(account: Account) -> None:
    """The least amount is the new currency's; fifty keys limit old and new metadata together."""
    intent = account.intent(amount=350, metadata={f"k{n}": "v" for n in range(50)})
    path = f"{INTENTS}/{intent.id}"

    assert (400, "amount_too_small", "amount") == refusal(account, path, {"amount": "49"})
    assert (400, "amount_too_small", "amount") == refusal(account, path, {"currency": "hkd"})
    assert (400, None, "metadata") == refusal(account, path, {"metadata[more]": "v"})
    assert (400, UNKNOWN, "capture") == refusal(account, path, {"capture": "true"})
    changed = account.client.v1.payment_intents.update(
        intent.id, {"metadata": {"k0": "", "more": "v"}}
    )
    assert 50 == len(changed.metadata.to_dict())


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"amount": "0"}, INTEGER, "amount"),
        ({"amount": "1.5"}, INTEGER, "amount"),
        ({"amount": "5001"}, None, "amount"),
        ({"reason": "changed_mind"}, None, "reason"),
        ({"metadata[k]": "v" * 501}, None, "metadata[k]"),
        ({"payment_intent": ""}, "parameter_invalid_empty", "payment_intent"),
        ({"payment_intent": "pi_none"}, "resource_missing", "payment_intent"),
        ({"payment_intent[id]": "x"}, None, "payment_intent"),
        ({"charge": "ch_1"}, "parameter_missing", None),
        ({"currency": "aud"}, UNKNOWN, "currency"),
        ({"expand[]": "order"}, None, "expand"),
    ],
)
def test_refund_refuses(
    account: Account, fields: dict[str, str], code: str | None, param: str | None
) -> None:
    """A refused refund moves no money."""
    paid = account.paid()
    given = {"payment_intent": paid.id}
    if any(name.startswith("payment_intent") for name in fields):
        given = {}

    assert (400, code, param) == refusal(account, REFUNDS, given | fields)

    assert [] == account.client.v1.refunds.list().data


@pytest.mark.parametrize("path", [INTENTS, REFUNDS, "/v1/transfers", "/v1/events"])
@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"limit": "0"}, INTEGER, "limit"),
        ({"limit": "101"}, INTEGER, "limit"),
        ({"limit": "ten"}, INTEGER, "limit"),
        ({"starting_after": "x_none"}, "resource_missing", "starting_after"),
        ({"created[since]": "1"}, UNKNOWN, "created[since]"),
        ({"created[gte]": "yesterday"}, INTEGER, "created[gte]"),
        ({"page": "2"}, UNKNOWN, "page"),
    ],
)
def test_list_refuses(
    account: Account, path: str, fields: dict[str, str], code: str | None, param: str
) -> None:
    """A list refuses an unknown filter, which would otherwise return too much."""
    assert (400, code, param) == refusal(account, path, fields, method="GET")


def test_cancel_and_retrieve_refuse(account: Account) -> None:
    """A cancel takes one of Stripe's four reasons, and both calls refuse any other parameter."""
    path = f"{INTENTS}/{account.intent().id}"

    assert (400, None, "cancellation_reason") == refusal(
        account, f"{path}/cancel", {"cancellation_reason": "late"}
    )
    assert (400, UNKNOWN, "reason") == refusal(account, f"{path}/cancel", {"reason": "late"})
    assert (400, UNKNOWN, "metadata") == refusal(account, path, {"metadata[a]": "b"}, method="GET")
    assert (400, UNKNOWN, "currency") == refusal(
        account, "/v1/balance", {"currency": "aud"}, method="GET"
    )


def test_transfer_refuses(account: Account) -> None:
    """Transfers and reversals move a whole number of cents, at least one."""
    for amount, code in (("0", INTEGER), ("-1", INTEGER), ("100000000", "amount_too_large")):
        fields = {"amount": amount, "currency": "aud", "destination": "acct_none"}
        assert (400, code, "amount") == refusal(account, "/v1/transfers", fields)
    assert (400, INTEGER, "amount") == refusal(
        account, "/v1/transfers/tr_none/reversals", {"amount": "0"}
    )


@pytest.mark.parametrize("path", ["application", "on_behalf_of", "latest_charge.review"])
def test_field_that_is_null_can_be_expanded(account: Account, path: str) -> None:
    """Stripe expands a field without a value to null."""
    params: Any = {"expand": [path]}

    found = account.client.v1.payment_intents.retrieve(account.paid().id, params)

    assert "succeeded" == found.status


def test_enum_is_refused_in_words_of_stripe(account: Account) -> None:
    """The message lists the allowed words."""
    with pytest.raises(
        stripe.InvalidRequestError, match=r"must be one of automatic, automatic_async, or manual$"
    ):
        account.intent(capture_method="later")
