"""The fake answers any call with a result or a clear error, and goes on."""

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.stripe.routes import OPERATIONS, Operation
from tests.support.fake_server import SECRET_KEY, Account
from tests.support.fuzzing import fuzzed
from tests.support.waits import ANSWER_S


TEXTS = st.sampled_from(
    ["", "\0", "x" * 6000, "'; drop table objects; --", "%s", "-1", "1e400", "nan", "9" * 40, "٣"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
#: Values that pass the first check.
GOOD = {
    "amount": "5000",
    "currency": "aud",
    "payment_method": "pm_card_visa",
    "payment_method_types[]": "card",
    "confirm": "true",
    "country": "AU",
    "type": "express",
    "destination": "acct_1",
    "limit": "3",
    "starting_after": "x",
    "created[gte]": "1",
    "expand[]": "data",
    "metadata[a]": "b",
    "options[document][require_id_number]": "true",
    "evidence[uncategorized_text]": "t",
}
NAMES = st.sampled_from(sorted(GOOD)) | TEXTS.map(lambda text: f"metadata[{text}]") | TEXTS
FIELDS = st.dictionaries(NAMES, TEXTS, max_size=4)
KEPT = st.sets(st.sampled_from(sorted(GOOD)), max_size=6)


@pytest.fixture
def http(account: Account) -> Iterator[httpx.Client]:
    """Return a plain HTTP client with the merchant's key."""
    headers = {"Authorization": f"Bearer {SECRET_KEY}"}
    with httpx.Client(base_url=account.config.url, headers=headers, timeout=ANSWER_S) as client:
        yield client


def assert_answered(answer: httpx.Response) -> None:
    """Check that the answer has Stripe's form and is no 500; return its body."""
    assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR, answer.text
    assert answer.is_success or answer.json()["error"]["message"]


@fuzzed(40)
@given(
    operation=st.sampled_from(OPERATIONS),
    object_id=TEXTS.filter(lambda text: text not in {"", ".", ".."}),
    fields=FIELDS,
    kept=KEPT,
)
def test_any_field_is_answered(
    http: httpx.Client,
    operation: Operation,
    object_id: str,
    fields: dict[str, str],
    kept: set[str],
) -> None:
    """Each operation answers its own fields, unknown ones, and meaningless values."""
    parts = operation.path.split("/")
    path = "/".join(quote(object_id, safe="") if "{" in part else part for part in parts)
    values = {name: GOOD[name] for name in kept} | fields
    if operation.method == "POST":
        assert_answered(http.post(path, data=values))
    else:
        assert_answered(http.request(operation.method, path, params=values))


@fuzzed(40)
@given(
    body=st.binary(max_size=200),
    kind=st.sampled_from(["application/x-www-form-urlencoded", "application/json", "x"]),
)
def test_any_bytes_are_answered(http: httpx.Client, body: bytes, kind: str) -> None:
    """The fake answers a body that is no form and no text."""
    assert_answered(http.post("/v1/payment_intents", content=body, headers={"Content-Type": kind}))


def test_fake_goes_on_afterwards(account: Account, http: httpx.Client) -> None:
    """The fake serves other calls after deep and huge forms."""
    deep = "metadata" + "[a]" * 3000
    assert_answered(http.post("/v1/payment_intents", data={deep: "x"}))
    assert_answered(
        http.post("/v1/payment_intents", data={f"metadata[{n}]": "x" for n in range(20_000)})
    )
    assert_answered(http.get("/v1/events", params={"type": "x" * 30_000}))

    assert "succeeded" == account.paid().status
