"""`market.stripe_api`: calls to Stripe, and each kind of failure."""

import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from market import stripe_api as adapter
from market.errors import MarketError, RejectedError, TransientError
from market.stripe_api import StripeApi
from tests.support.factories import make_intent, make_refund, make_settings


BASE = "http://stripe.test:12111"


@pytest.fixture
def stripe_http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def stripe_api() -> StripeApi:
    return adapter.connect(make_settings(stripe_api_base=BASE), adapter.SERVICE_TIMEOUT_S)


def error(code: str | None = None, type_: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"type": type_, "code": code, "message": "x"}}


def form_of(call: responses.Call) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(str(call.request.body)))


def retrieve(stripe_api: StripeApi) -> Any:
    return stripe_api.retrieve_refund("re_1")


def create(stripe_api: StripeApi) -> Any:
    return stripe_api.create_refund({"payment_intent": "pi_1"}, idempotency_key="k:0")


READ = ("GET", f"{BASE}/v1/refunds/re_1", retrieve)
WRITE = ("POST", f"{BASE}/v1/refunds", create)


@pytest.mark.parametrize(
    ("method", "path", "answer", "ask", "expected"),
    [
        (
            "GET",
            "payment_intents/pi_00001",
            make_intent(),
            lambda api: api.retrieve_payment_intent("pi_00001"),
            make_intent(),
        ),
        (
            "POST",
            "payment_intents/pi_00001/cancel",
            make_intent(status="canceled"),
            lambda api: api.cancel_payment_intent("pi_00001", idempotency_key="k"),
            make_intent(status="canceled"),
        ),
        ("GET", "refunds/re_1", make_refund(), retrieve, make_refund()),
        (
            "GET",
            "refunds",
            {"object": "list", "data": [make_refund()], "has_more": False, "url": "/v1/refunds"},
            lambda api: api.list_refunds("pi_00001"),
            [make_refund()],
        ),
        ("GET", "balance", {"object": "balance"}, lambda api: api.ping(), None),
        (
            "GET",
            "accounts/acct_1",
            {"id": "acct_1", "object": "account"},
            lambda api: api.retrieve_account("acct_1"),
            {"id": "acct_1", "object": "account"},
        ),
        (
            "POST",
            "account_links",
            {"object": "account_link", "url": "https://connect.test", "expires_at": 1},
            lambda api: api.create_account_link({"account": "acct_1"}),
            {"object": "account_link", "url": "https://connect.test", "expires_at": 1},
        ),
        (
            "GET",
            "transfers/tr_1",
            {"id": "tr_1", "object": "transfer"},
            lambda api: api.retrieve_transfer("tr_1"),
            {"id": "tr_1", "object": "transfer"},
        ),
        (
            "GET",
            "transfers?transfer_group=order-1&limit=100",
            {"object": "list", "data": [{"id": "tr_1"}], "url": "/v1/transfers"},
            lambda api: list(api.list_transfers("order-1")),
            [{"id": "tr_1"}],
        ),
        (
            "GET",
            "transfers/tr_1/reversals?limit=100",
            {"object": "list", "data": [{"id": "trr_1"}], "url": "/v1/transfers/tr_1/reversals"},
            lambda api: list(api.list_reversals("tr_1")),
            [{"id": "trr_1"}],
        ),
        (
            "GET",
            "accounts?created[gte]=7&limit=100",
            {"object": "list", "data": [{"id": "acct_1"}], "url": "/v1/accounts"},
            lambda api: list(api.list_accounts(created_since=7)),
            [{"id": "acct_1"}],
        ),
        (
            "GET",
            "disputes/dp_1",
            {"id": "dp_1", "object": "dispute"},
            lambda api: api.retrieve_dispute("dp_1"),
            {"id": "dp_1", "object": "dispute"},
        ),
        (
            "GET",
            "disputes?payment_intent=pi_00001&limit=100",
            {"object": "list", "data": [{"id": "dp_1"}], "url": "/v1/disputes"},
            lambda api: api.list_disputes("pi_00001"),
            [{"id": "dp_1"}],
        ),
        (
            "GET",
            "events?types[0]=refund.created&created[gte]=1&created[lte]=2&limit=100",
            {"object": "list", "data": [{"id": "evt_1"}], "url": "/v1/events"},
            lambda api: list(api.list_events(["refund.created"], since=1, until=2)),
            [[{"id": "evt_1"}]],
        ),
        (
            "GET",
            "payment_intents?created[gte]=1&created[lte]=2&limit=100",
            {"object": "list", "data": [{"id": "pi_1"}], "url": "/v1/payment_intents"},
            lambda api: list(api.list_payment_intents_between(since=1, until=2)),
            [[{"id": "pi_1"}]],
        ),
        (
            "GET",
            "balance_transactions?created[gte]=1&created[lte]=2&expand[0]=data.source&limit=100",
            {"object": "list", "data": [{"id": "txn_1"}], "url": "/v1/balance_transactions"},
            lambda api: list(api.list_balance_transactions(since=1, until=2)),
            [[{"id": "txn_1"}]],
        ),
        (
            "GET",
            "identity/verification_sessions/vs_1?expand[0]=verified_outputs",
            {"id": "vs_1", "object": "identity.verification_session"},
            lambda api: api.retrieve_verification_session("vs_1", expand=["verified_outputs"]),
            {"id": "vs_1", "object": "identity.verification_session"},
        ),
        (
            "GET",
            "identity/verification_sessions?client_reference_id=u-1&limit=100",
            {"object": "list", "data": [{"id": "vs_1"}], "url": "/v1/identity"},
            lambda api: list(api.list_verification_sessions(client_reference_id="u-1")),
            [{"id": "vs_1"}],
        ),
    ],
)
def test_object_comes_as_plain_json(
    stripe_http: responses.RequestsMock,
    stripe_api: StripeApi,
    method: str,
    path: str,
    answer: Any,
    ask: Callable[[StripeApi], Any],
    expected: Any,
) -> None:
    """The adapter returns plain dicts, and none of the library's classes."""
    stripe_http.add(method, f"{BASE}/v1/{path}", json=answer)

    assert expected == ask(stripe_api)


def test_intent_is_created_under_its_key(
    stripe_http: responses.RequestsMock, stripe_api: StripeApi
) -> None:
    """The parameters are sent unchanged, with the idempotency key."""
    stripe_http.add("POST", f"{BASE}/v1/payment_intents", json=make_intent())

    intent = stripe_api.create_payment_intent(
        {"amount": 500, "payment_method_types": ["card"], "metadata": {"order_id": "o-1"}},
        idempotency_key="intent:o-1:1:0",
    )

    call = stripe_http.calls[0]
    assert "pi_00001" == intent["id"]
    assert "intent:o-1:1:0" == call.request.headers["Idempotency-Key"]
    assert {
        "amount": "500",
        "payment_method_types[0]": "card",
        "metadata[order_id]": "o-1",
    } == form_of(call)


@pytest.mark.parametrize(
    ("path", "write"),
    [
        ("accounts", lambda api: api.create_account({"country": "AU"}, idempotency_key="k:0")),
        ("transfers", lambda api: api.create_transfer({"amount": 5}, idempotency_key="k:0")),
        (
            "transfers/tr_1/reversals",
            lambda api: api.create_reversal("tr_1", {"amount": 5}, idempotency_key="k:0"),
        ),
        (
            "identity/verification_sessions",
            lambda api: api.create_verification_session(
                {"type": "document"}, idempotency_key="k:0"
            ),
        ),
        (
            "identity/verification_sessions/vs_1/redact",
            lambda api: api.redact_verification_session("vs_1", idempotency_key="k:0"),
        ),
    ],
)
def test_each_write_goes_under_its_key(
    stripe_http: responses.RequestsMock,
    stripe_api: StripeApi,
    path: str,
    write: Callable[[StripeApi], Any],
) -> None:
    """Each write has its idempotency key."""
    stripe_http.add("POST", f"{BASE}/v1/{path}", body=requests.ConnectionError("x"))
    stripe_http.add("POST", f"{BASE}/v1/{path}", json={"id": "x_1"})

    assert {"id": "x_1"} == write(stripe_api)
    assert ["k:0", "k:0"] == [call.request.headers["Idempotency-Key"] for call in stripe_http.calls]


@pytest.mark.parametrize(("method", "url", "ask"), [READ, WRITE])
def test_call_without_an_answer_is_made_again(
    stripe_http: responses.RequestsMock,
    stripe_api: StripeApi,
    method: str,
    url: str,
    ask: Callable[[StripeApi], Any],
) -> None:
    """A call without an answer is repeated under the same key."""
    stripe_http.add(method, url, body=requests.ConnectionError("x"))
    stripe_http.add(method, url, json=make_refund())

    assert "re_1" == ask(stripe_api)["id"]
    first, second = (call.request.headers.get("Idempotency-Key") for call in stripe_http.calls)
    assert first == second


@pytest.mark.parametrize(
    ("status", "code"), [(409, "STRIPE_CONFLICT"), (429, "STRIPE_RATE_LIMITED")]
)
def test_answer_that_decides_nothing_is_tried_again(
    stripe_http: responses.RequestsMock, stripe_api: StripeApi, status: int, code: str
) -> None:
    """A 409 and a 429 are retried, because Stripe keeps neither under the key."""
    stripe_http.add("POST", f"{BASE}/v1/refunds", status=status, json=error())

    with pytest.raises(TransientError) as caught:
        create(stripe_api)

    assert code == caught.value.code
    assert 5 == len(stripe_http.calls)


def test_read_is_repeated_after_an_error_of_stripe(
    stripe_http: responses.RequestsMock, stripe_api: StripeApi
) -> None:
    """A read is retried after a 5xx, because it has no key."""
    stripe_http.add("GET", f"{BASE}/v1/refunds/re_1", status=503, json=error())
    stripe_http.add("GET", f"{BASE}/v1/refunds/re_1", json=make_refund())

    assert "re_1" == retrieve(stripe_api)["id"]


@pytest.mark.parametrize("body", [{"json": error(type_="api_error")}, {"body": "<html>"}])
def test_write_is_not_repeated_after_an_error_of_stripe(
    stripe_http: responses.RequestsMock, stripe_api: StripeApi, body: dict[str, Any]
) -> None:
    """A write is not retried after a 5xx, because Stripe would replay it under the key."""
    stripe_http.add("POST", f"{BASE}/v1/refunds", status=500, **body)

    with pytest.raises(TransientError) as caught:
        create(stripe_api)

    assert "STRIPE_ERROR" == caught.value.code
    assert 1 == len(stripe_http.calls)


@pytest.mark.parametrize(("method", "url", "ask"), [READ, WRITE])
@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, error("charge_already_refunded"), RejectedError, "STRIPE_REFUSED"),
        (402, error("card_declined", "card_error"), RejectedError, "STRIPE_REFUSED"),
        (404, error("resource_missing"), RejectedError, "RESOURCE_NOT_FOUND"),
        (401, error(), MarketError, "STRIPE_ERROR"),
        (403, error(), MarketError, "STRIPE_ERROR"),
        (400, error(type_="idempotency_error"), MarketError, "STRIPE_ERROR"),
    ],
)
def test_refusal_is_not_repeated(
    stripe_http: responses.RequestsMock,
    stripe_api: StripeApi,
    method: str,
    url: str,
    ask: Callable[[StripeApi], Any],
    status: int,
    body: Any,
    kind: type[MarketError],
    code: str,
) -> None:
    """A refusal of Stripe and a mistake of ours have different codes, and neither is repeated."""
    stripe_http.add(method, url, status=status, json=body)

    with pytest.raises(MarketError) as caught:
        ask(stripe_api)

    assert (kind, code) == (caught.type, caught.value.code)
    assert 1 == len(stripe_http.calls)


def test_ping_is_not_repeated(stripe_http: responses.RequestsMock, stripe_api: StripeApi) -> None:
    """A ping is not retried, so a health check is quick."""
    stripe_http.add("GET", f"{BASE}/v1/balance", body=requests.ConnectionError("x"))

    with pytest.raises(TransientError):
        stripe_api.ping()

    assert 1 == len(stripe_http.calls)


def test_telemetry_is_off(
    stripe_http: responses.RequestsMock,
    stripe_api: StripeApi,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The library sends no telemetry, and writes no id into the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr("stripe._telemetry_id._loaded", False)
    for _ in range(2):
        headers = {"Request-Id": "req_1"}
        stripe_http.add("GET", f"{BASE}/v1/balance", json={"object": "balance"}, headers=headers)
        stripe_api.ping()

    sent = [call.request.headers for call in stripe_http.calls]

    assert not any("telemetry" in f"{headers}".lower() for headers in sent)
    assert [] == list(tmp_path.iterdir())


def test_stripe_itself_is_the_default(stripe_http: responses.RequestsMock) -> None:
    """Without a setting the adapter calls Stripe's own address."""
    stripe_http.add("GET", "https://api.stripe.com/v1/balance", json={"object": "balance"})

    adapter.connect(make_settings(), adapter.WORKER_TIMEOUT_S).ping()


#: Answers that a proxy may send in Stripe's place, or that are not as Stripe documents them.
STRANGE_BODIES: list[dict[str, Any]] = [
    {"body": ""},
    {"body": "<html>Bad Gateway</html>"},
    {"body": b"\xff\xfe"},
    {"body": "[" * 100_000},
    {"json": None},
    {"json": []},
    {"json": "error"},
    {"json": {}},
    {"json": {"error": None}},
    {"json": {"error": "no object"}},
    {"json": {"error": []}},
    {"json": {"error": {}}},
    {"json": {"error": {"code": 7, "type": [], "message": {}, "param": None}}},
]


@pytest.mark.parametrize(("method", "url", "ask"), [READ, WRITE])
@pytest.mark.parametrize("status", [200, 400, 404, 405, 502])
@pytest.mark.parametrize("answer", STRANGE_BODIES)
def test_strange_answer_has_a_code(
    stripe_http: responses.RequestsMock,
    stripe_api: StripeApi,
    method: str,
    url: str,
    ask: Callable[[StripeApi], Any],
    status: int,
    answer: dict[str, Any],
) -> None:
    """No answer of any form raises another exception than ours."""
    stripe_http.add(method, url, status=status, **answer)

    with pytest.raises(MarketError) as caught:
        ask(stripe_api)

    assert caught.value.code in {"STRIPE_ERROR", "STRIPE_REFUSED"}
    is_of_stripe = isinstance(answer.get("json"), dict) and "error" in answer["json"]
    assert "STRIPE_ERROR" == caught.value.code or (is_of_stripe and status < 500)


@pytest.mark.parametrize("answer", STRANGE_BODIES)
def test_page_of_a_proxy_is_no_refusal(
    stripe_http: responses.RequestsMock, stripe_api: StripeApi, answer: dict[str, Any]
) -> None:
    """A proxy's 502 page is a transient error."""
    stripe_http.add("GET", f"{BASE}/v1/refunds/re_1", status=502, **answer)
    stripe_http.add("GET", f"{BASE}/v1/refunds/re_1", json=make_refund())

    assert "re_1" == retrieve(stripe_api)["id"]


@pytest.mark.parametrize("body", [{"id": None}, {"id": 7}, {"id": ""}, {"id": "x" * 256}])
def test_object_without_an_id_is_an_error(
    stripe_http: responses.RequestsMock, stripe_api: StripeApi, body: dict[str, Any]
) -> None:
    """An object without an id is an error."""
    stripe_http.add("POST", f"{BASE}/v1/refunds", json=make_refund() | body)

    with pytest.raises(TransientError, match="STRIPE_ERROR"):
        create(stripe_api)


@pytest.mark.parametrize("data", [None, "x", {}, 7])
def test_list_without_data_is_an_error(
    stripe_http: responses.RequestsMock, stripe_api: StripeApi, data: Any
) -> None:
    """A list without data is an error, or a refund could be made twice."""
    body = {"object": "list", "data": data, "has_more": False, "url": "/v1/refunds"}
    stripe_http.add("GET", f"{BASE}/v1/refunds", json=body)

    with pytest.raises(TransientError, match="STRIPE_ERROR"):
        stripe_api.list_refunds("pi_1")


@pytest.mark.parametrize(
    "refusal",
    [
        {"code": "email_invalid", "param": "receipt_email"},
        {"code": "email_invalid"},
        {"code": "a_code_of_tomorrow", "param": "receipt_email"},
        {"param": "receipt_email"},
    ],
)
def test_refused_address_has_a_code(
    stripe_http: responses.RequestsMock, stripe_api: StripeApi, refusal: dict[str, Any]
) -> None:
    """A refused e-mail address has its own code."""
    body = {"error": {"type": "invalid_request_error", "message": "x"} | refusal}
    stripe_http.add("POST", f"{BASE}/v1/payment_intents", status=400, json=body)

    with pytest.raises(RejectedError, match="STRIPE_EMAIL_REFUSED"):
        stripe_api.create_payment_intent({}, idempotency_key="k:0")


def page_of(numbers: range, *, has_more: bool) -> dict[str, Any]:
    intents = [make_intent(id=f"pi_{number}") for number in numbers]
    return {"object": "list", "data": intents, "has_more": has_more, "url": "/v1/payment_intents"}


@pytest.mark.parametrize(
    ("last_page", "has_more"), [(range(200, 230), False), (range(200, 300), True)]
)
def test_intents_are_listed_page_by_page(
    stripe_http: responses.RequestsMock,
    stripe_api: StripeApi,
    *,
    last_page: range,
    has_more: bool,
) -> None:
    """A list ends with its last page, or after three pages."""
    for numbers in (range(100), range(100, 200)):
        page = page_of(numbers, has_more=True)
        stripe_http.add("GET", f"{BASE}/v1/payment_intents", json=page)
    page = page_of(last_page, has_more=has_more)
    stripe_http.add("GET", f"{BASE}/v1/payment_intents", json=page)

    listed = [intent["id"] for intent in stripe_api.list_payment_intents(created_since=1_000)]

    assert [f"pi_{number}" for number in range(last_page.stop)] == listed
    queries = [
        dict(urllib.parse.parse_qsl(str(one.request.url).partition("?")[2]))
        for one in stripe_http.calls
    ]
    assert [None, "pi_99", "pi_199"] == [query.get("starting_after") for query in queries]
    assert {("1000", "100")} == {(query["created[gte]"], query["limit"]) for query in queries}


@pytest.mark.parametrize("path", ["refunds", "disputes"])
def test_objects_of_an_intent_are_listed_page_by_page(
    stripe_http: responses.RequestsMock, stripe_api: StripeApi, path: str
) -> None:
    """All pages of an intent's refunds and disputes are read."""
    for id_, has_more in (("x_2", True), ("x_1", False)):
        page = {"object": "list", "data": [{"id": id_}], "has_more": has_more, "url": f"/v1/{path}"}
        stripe_http.add("GET", f"{BASE}/v1/{path}", json=page)

    listed = getattr(stripe_api, f"list_{path}")("pi_1")

    assert [{"id": "x_2"}, {"id": "x_1"}] == listed


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("accounts", lambda api: api.create_account({"country": "AU"}, idempotency_key="k:0")),
        ("transfers", lambda api: api.create_transfer({"amount": 5}, idempotency_key="k:0")),
        (
            "transfers/tr_1/reversals",
            lambda api: api.create_reversal("tr_1", {"amount": 5}, idempotency_key="k:0"),
        ),
    ],
)
def test_payouts_are_made_under_their_key(
    stripe_http: responses.RequestsMock,
    stripe_api: StripeApi,
    path: str,
    ask: Callable[[StripeApi], Any],
) -> None:
    """Accounts, transfers and reversals are made under their keys."""
    stripe_http.add("POST", f"{BASE}/v1/{path}", json={"id": "x_1"})

    assert {"id": "x_1"} == ask(stripe_api)
    assert "k:0" == stripe_http.calls[0].request.headers["Idempotency-Key"]


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        ({"code": "balance_insufficient"}, 400, "STRIPE_BALANCE_INSUFFICIENT"),
        ({"code": "insufficient_capabilities_for_transfer"}, 400, "STRIPE_ACCOUNT_UNABLE"),
        ({"code": "transfers_not_allowed"}, 400, "STRIPE_ACCOUNT_UNABLE"),
        ({"code": "account_invalid"}, 403, "STRIPE_ACCOUNT_UNABLE"),
        ({"code": "resource_missing", "param": "destination"}, 400, "STRIPE_ACCOUNT_UNABLE"),
    ],
)
def test_balance_error_is_transient(
    stripe_http: responses.RequestsMock,
    stripe_api: StripeApi,
    refusal: dict[str, Any],
    status: int,
    code: str,
) -> None:
    """Stripe answered, so there is no second try under this key; a later one may succeed."""
    body = {"error": {"type": "invalid_request_error", "message": "x"} | refusal}
    stripe_http.add("POST", f"{BASE}/v1/transfers", status=status, json=body)

    with pytest.raises(TransientError) as caught:
        stripe_api.create_transfer({}, idempotency_key="k:0")

    assert (code, 1) == (caught.value.code, len(stripe_http.calls))
