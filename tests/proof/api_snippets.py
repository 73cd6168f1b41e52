"""Run the examples of docs/api.md: each reaches its route, and answers as its section says.

`make client` runs this file. pytest collects only `test_*.py`, so `make test` skips
it: it starts a stack.
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from devstack.paths import ROOT
from tests.integration.contract.market import Market, Role
from tests.integration.contract.test_rpc_names import SIGNATURES
from tests.integration.service.shop import AMOUNT, Shop
from tests.support import node
from tests.support.stack import running_stack


PAGE = (ROOT / "docs/api.md").read_text()
_SECTION = re.compile(r"^### (?P<name>.+?)\n(?P<text>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_ROUTE = re.compile(r"[A-Z]+ /")
_CODE = re.compile(r"^```js\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ARGUMENT = re.compile(r"^\| `(\w+)` \| `([\w.\[\]]+)` \|", re.MULTILINE)
_CODES = re.compile(r"`([A-Z][A-Z_]+)`|\b([A-Z]+_[A-Z_]+)\b")
_VALUES = {
    "bigint": 100,
    "boolean": False,
    "integer": 1,
    "jsonb": {},
    "numeric": 1,
    "timestamptz": "2026-12-02T20:00:00+11:00",
    "uuid": str(uuid.UUID(int=7)),
}


class Example(NamedTuple):
    """One block of code, the variables that it reads, and the codes that its section names."""

    name: str
    code: str
    variables: Mapping[str, Any]
    codes: tuple[str, ...]
    is_internal: bool


def examples(ids: Mapping[str, Any]) -> Iterator[Example]:
    """Yield each example of the page; `ids` are the values of its variables."""
    internal_at = PAGE.index("## RPCs for our own processes")
    for section in _SECTION.finditer(PAGE):
        is_internal = section.start() > internal_at
        arguments = {
            _camel(name): _VALUES.get(type_, "a text of ten letters")
            for name, type_ in _ARGUMENT.findall(section["text"])
            # The examples declare this one by themselves.
            if name != "error"
        }
        for code in _CODE.findall(section["text"]):
            yield Example(
                name=section["name"],
                code=code,
                # Functions of service_role get unknown ids, because they would change the market.
                variables=arguments | (dict(ids) if not is_internal else {}),
                codes=tuple(one or other for one, other in _CODES.findall(section["text"])),
                is_internal=is_internal,
            )


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


@pytest.fixture(scope="module")
def answers() -> Iterator[list[tuple[Example, Mapping[str, Any]]]]:
    """Run all examples in one process of Node, as the buyer of a market, or as our processes."""
    node.install()
    with running_stack() as environment, Shop(environment) as shop:
        market = Market.opened(shop)
        buyer = market.people[Role.BUYER]
        unpaid = shop.sold(buyer=buyer.actor, seller=market.people[Role.SELLER].actor)
        ids = {
            **{f"{name}Id": value for name, value in market.ids.items()},
            "auctionId": market.ids["live"],
            "listingId": market.ids["live_listing"],
            "userId": market.ids["buyer"],
            "orderId": unpaid.id,
            "amountCents": AMOUNT,
        }
        given = list(examples(ids))
        request = {
            "examples": [example._asdict() for example in given],
            "access": buyer.session,
            "environment": {
                name: environment[name]
                for name in (
                    "SUPABASE_URL",
                    "SUPABASE_PUBLISHABLE_KEY",
                    "SUPABASE_SECRET_KEY",
                    "SERVICE_URL",
                )
            },
        }
        result = node.run_program("proof/types/examples.mjs", json.dumps(request))
        assert result.returncode == 0, result.stdout
        lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
        yield list(zip(given, lines, strict=True))


def test_page_has_examples() -> None:
    """Each RPC has one, and each section of tables and channels; one serves all routes."""
    names = {example.name for example in examples({})}

    sections = {section["name"] for section in _SECTION.finditer(PAGE)}
    assert set(SIGNATURES) <= names
    assert names == {name for name in sections if not _ROUTE.match(name)}


def test_examples_are_answered(answers: list[tuple[Example, Mapping[str, Any]]]) -> None:
    """An example runs, reaches what it names, and gets an answer that its section describes."""
    problems = {}
    for example, answer in answers:
        problem = _problem(example, answer)
        if problem:
            problems[example.name] = problem

    assert {} == problems


def _problem(example: Example, answer: Mapping[str, Any]) -> str:
    """Return the fault of an answer, or an empty text."""
    error, data = answer.get("error"), answer.get("data")
    if "thrown" in answer:
        return str(answer["thrown"])
    if "status" in answer:
        return "" if answer["status"] < 400 else f"{answer}"
    if "joined" in answer:
        return "" if answer["joined"] else "the channel was not joined"
    if error is not None:
        # An internal example has unknown ids, and some texts that are no JSON.
        is_reached = error.get("code") != "PGRST202" if example.is_internal else False
        return "" if is_reached or error.get("message") in example.codes else f"{error}"
    if isinstance(data, dict) and data.get("success") is False and not example.is_internal:
        return "" if data["code"] in example.codes else f"{data}"
    return ""
