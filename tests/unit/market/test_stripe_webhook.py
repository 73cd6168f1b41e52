"""`market.stripe_webhook`: signature, age, mode and form of an event."""

import json
import time
from typing import Any

import pytest
import stripe
import structlog

from market.errors import RejectedError
from market.stripe_webhook import EventRules, StripeEvent, read_event
from tests.support.factories import ORDER_ID, WEBHOOK_SECRET, make_event_json, make_intent, signed
from tests.support.metrics import count_of


RULES = EventRules(tolerance_s=300, future_s=300, max_age_s=604_800, livemode=False)
DAY_S = 86_400


def read(payload: bytes, signature: str | None, rules: EventRules = RULES) -> StripeEvent:
    return read_event(payload, signature, secrets=(WEBHOOK_SECRET, "whsec_former"), rules=rules)


def code_of(payload: bytes, signature: str | None, rules: EventRules = RULES) -> str:
    with pytest.raises(RejectedError) as caught:
        read(payload, signature, rules)
    return caught.value.code


@pytest.mark.parametrize("secret", [WEBHOOK_SECRET, "whsec_former"])
def test_signed_event_is_read(secret: str) -> None:
    """Each of two secrets signs events, because one replaces the other."""
    created = int(time.time())

    event = read(*signed(make_event_json(created=created), secret=secret))

    assert (
        StripeEvent(
            id="evt_1",
            type="payment_intent.succeeded",
            created=created,
            livemode=False,
            data=make_intent(),
            api_version=stripe.api_version,
        )
        == event
    )


@pytest.mark.parametrize("signature", [None, ""])
def test_event_without_a_signature_is_told_so(signature: str | None) -> None:
    """A missing signature has its own code."""
    assert "MISSING_SIGNATURE" == code_of(b"{}", signature)


@pytest.mark.parametrize(
    "signature",
    [
        "t=0,v1=invalidsignature",
        "v1=abc",
        "t=1",
        "t=,v1=",
        "t=abc,v1=def",
        ",",
        "=",
        "nonsense",
        "t=1=2,v1=x",
        "t=99999999999999999999999999,v1=x",
        "t=NOW,v1=é",
        "t=NOW,v0=abc",
        "t=1,v1=" + "a" * 10_000,
        "\x00",
    ],
)
def test_malformed_signature_is_refused(signature: str) -> None:
    """A malformed signature is refused."""
    assert "INVALID_SIGNATURE" == code_of(b"{}", signature.replace("NOW", str(int(time.time()))))


def test_signature_of_another_body_is_refused() -> None:
    """The signature of another body is refused."""
    payload, signature = signed(make_event_json())

    assert "INVALID_SIGNATURE" == code_of(payload + b" ", signature)


def test_signature_by_another_secret_is_refused() -> None:
    """The signature of another endpoint's secret is refused."""
    assert "INVALID_SIGNATURE" == code_of(*signed(make_event_json(), secret="whsec_identity"))


def test_signature_by_an_empty_secret_is_refused() -> None:
    """A signature with an empty secret is refused."""
    payload, signature = signed(make_event_json(), secret="")

    with pytest.raises(RejectedError) as caught:
        read_event(payload, signature, secrets=("",), rules=RULES)

    assert "INVALID_SIGNATURE" == caught.value.code


def test_body_that_is_no_text_is_refused() -> None:
    """A signed body that is no UTF-8 is refused."""
    assert "INVALID_SIGNATURE" == code_of(b"\xff\xfe", f"t={int(time.time())},v1=x")


def test_old_signature_is_refused() -> None:
    """An old signature is refused, so a recorded request cannot be sent again."""
    event = make_event_json()

    assert "INVALID_SIGNATURE" == code_of(*signed(event, signed_at=int(time.time()) - 310))
    assert "evt_1" == read(*signed(event, signed_at=int(time.time()) - 290)).id


def test_signature_from_the_future_is_refused() -> None:
    """A signature ten minutes in the future is refused."""
    event = make_event_json()

    assert "EVENT_FROM_FUTURE" == code_of(*signed(event, signed_at=int(time.time()) + 600))
    assert "evt_1" == read(*signed(event, signed_at=int(time.time()) + 200)).id


def test_event_from_the_future_is_refused() -> None:
    """An event ten minutes in the future is refused."""
    event = make_event_json(created=int(time.time()) + 600)

    assert "EVENT_FROM_FUTURE" == code_of(*signed(event))


@pytest.mark.parametrize(
    ("created", "code"), [(10**400, "EVENT_FROM_FUTURE"), (-(10**400), "EVENT_TOO_OLD")]
)
def test_time_beyond_all_clocks_is_refused(created: int, code: str) -> None:
    """A time that no clock can show is refused."""
    assert code == code_of(*signed(make_event_json(created=created)))


def test_old_event_is_refused() -> None:
    """An event older than the limit is refused, because Stripe gives up after three days."""
    rules = EventRules(tolerance_s=300, future_s=300, max_age_s=3600, livemode=False)
    event = make_event_json(created=int(time.time()) - 7200)

    assert "EVENT_TOO_OLD" == code_of(*signed(event), rules)


def test_event_of_stripes_last_retry_is_taken() -> None:
    """An event of three days ago is accepted (C6)."""
    assert "evt_1" == read(*signed(make_event_json(created=int(time.time()) - 3 * DAY_S))).id


@pytest.mark.parametrize("livemode", [True, False])
def test_event_of_the_other_mode_is_refused(livemode: bool) -> None:  # noqa: FBT001 - a parameter
    """An event of the other mode is refused."""
    rules = EventRules(tolerance_s=300, future_s=300, max_age_s=3600, livemode=not livemode)

    assert "LIVEMODE_MISMATCH" == code_of(*signed(make_event_json(livemode=livemode)), rules)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '"evt_1"',
        "[" * 100_000,
        json.dumps(make_event_json(id=None)),
        json.dumps(make_event_json(id="")),
        json.dumps(make_event_json(id=7)),
        json.dumps(make_event_json(id="e" * 256)),
        json.dumps(make_event_json(type="t" * 256)),
        json.dumps(make_event_json(account="")),
        json.dumps(make_event_json(account=["acct_1"])),
        json.dumps(make_event_json(api_version=7)),
        "7" * 5000,
        json.dumps(make_event_json(type=None)),
        json.dumps(make_event_json(created="now")),
        json.dumps(make_event_json(created=True)),
        json.dumps(make_event_json(created=1.5)),
        json.dumps(make_event_json(livemode=None)),
        json.dumps(make_event_json(livemode="false")),
        json.dumps(make_event_json() | {"data": None}),
        json.dumps(make_event_json() | {"data": {"object": []}}),
        json.dumps({"id": "evt_1", "type": "t"}),
    ],
    # A body holds the time, and two processes of one run must give a test one name.
    ids=lambda _body: "body",
)
def test_signed_nonsense_is_refused(body: str) -> None:
    """A signed body that is no event is refused."""
    assert "INVALID_PAYLOAD" == code_of(*signed(body))


@pytest.mark.parametrize(
    ("number", "kept"), [("NaN", None), ("-Infinity", None), ("1e999", None), ("1.5", 1.5)]
)
@pytest.mark.parametrize("text", ["plain", "caf\u00e9", "a\\b"])
def test_number_that_postgres_cannot_store_is_null(
    number: str, kept: float | None, text: str
) -> None:
    """A number that JSON does not have becomes null."""
    body = json.dumps(make_event_json({"description": text, "number": "#"}), ensure_ascii=False)

    event = read(*signed(body.replace('"#"', number)))

    assert {"description": text, "number": kept} == event.data


@pytest.mark.parametrize(
    ("escaped", "kept"),
    [("a\\u0000b", "a\ufffdb"), ("\\ud800", "\ufffd"), ("\\u00e9", "\u00e9"), ("\\n", "\n")],
)
def test_text_that_postgres_cannot_store_is_replaced(escaped: str, kept: str) -> None:
    """A character that Postgres cannot store is replaced."""
    body = json.dumps(make_event_json({"#": ["#"]})).replace("#", escaped)

    assert {kept: [kept]} == read(*signed(body)).data


@pytest.mark.parametrize(
    "type_", ["charge.dispute.created", "payment_intent.created", "payout.failed", "refund.updated"]
)
def test_money_is_read_whole(type_: str) -> None:
    """An event about money is kept whole, for a later handler."""
    data = make_intent(last_payment_error={"code": "card_declined", "charge": "ch_1"})

    assert data == read(*signed(make_event_json(data, type=type_))).data


@pytest.mark.parametrize(
    "type_",
    [
        "identity.verification_session.verified",
        "account.updated",
        "person.created",
        "customer.created",
        "invoice.paid",
        "chargeable.person",
        "payment_intents",
    ],
)
def test_other_objects_are_reduced(type_: str) -> None:
    """Only ids, status and reason code of an object that may describe a person are read."""
    data = {
        "id": "vs_1AbC-2_d",
        "object": "identity.verification_session",
        "status": "requires_input",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "last_error": {"code": "document_expired", "reason": "Jenny's licence has expired"},
        "verified_outputs": {"first_name": "Jenny"},
        "metadata": {"order_id": ORDER_ID},
        "name": "Jenny",
    }

    assert {
        "id": "vs_1AbC-2_d",
        "object": "identity.verification_session",
        "status": "requires_input",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "last_error": {"code": "document_expired"},
    } == read(*signed(make_event_json(data, type=type_))).data


@pytest.mark.parametrize(
    "value",
    ["Jenny Rosen", "1990-01-01", "PA0940443", "a b", "", " ", "_", "vs_", "a" * 256, 7, {}],
)
def test_kept_field_has_one_form(value: Any) -> None:
    """A kept field with another form is dropped, because it may be personal data."""
    data = dict.fromkeys(("id", "object", "status", "charge", "payment_intent"), value)
    event = make_event_json(
        data | {"last_error": {"code": value}}, type="identity.verification_session.verified"
    )

    assert {} == read(*signed(event)).data


@pytest.mark.parametrize("version", ["2019-01-01", None])
def test_other_version_is_counted_and_taken(version: Any) -> None:
    """An event of another API version is accepted and counted."""
    before = count_of("stripe_event_versions_differed")

    with structlog.testing.capture_logs() as logs:
        event = read(*signed(make_event_json(api_version=version)))

    assert "evt_1" == event.id
    assert before + 1 == count_of("stripe_event_versions_differed")
    assert ["stripe_event_version_differed"] == [line["event"] for line in logs]


def test_our_version_is_not_counted() -> None:
    """An event of our API version is not counted."""
    before = count_of("stripe_event_versions_differed")

    read(*signed(make_event_json()))

    assert before == count_of("stripe_event_versions_differed")
