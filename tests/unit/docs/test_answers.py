"""`clients/answers.py`: each RPC of the web app has a stated answer."""

import re
from pathlib import Path

import pydantic
import pytest

from clients import answers


PAGE = (Path(__file__).parents[3] / "docs/api.md").read_text()
#: These RPCs return a number or rows, which Postgres declares by itself.
DECLARED = {"mark_all_notifications_read", "mark_thread_read", "search_listings"}
REFUSED = {"success": False, "code": "CONFLICT", "error": "No"}
TIME = {
    "auction_id": "a",
    "status": "live",
    "end_at": "2026",
    "server_time": "2026",
    "time_remaining": 1.5,
    "version": 1,
}


def test_each_rpc_of_users_has_an_answer() -> None:
    """Each RPC of users has a stated answer; `make types` writes the types."""
    section = PAGE.partition("## RPCs for the web app")[2].partition("\n## ")[0]
    rpcs = set(re.findall(r"^### (\w+)$", section, re.MULTILINE))

    assert rpcs - DECLARED == answers.ANSWERS.keys()


@pytest.mark.parametrize(
    "answer", [TIME, REFUSED, REFUSED | {"minimum_bid_cents": 7}, TIME | {"time_remaining": 2}]
)
def test_stated_answer_passes(answer: dict[str, object]) -> None:
    """An answer and a refusal with their own fields pass."""
    answers.check("get_time_remaining", answer)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        TIME | {"other": 1},
        TIME | {"version": "1"},
        {key: value for key, value in TIME.items() if key != "end_at"},
        REFUSED | {"other": 1},
        {"success": False},
        {"success": True},
    ],
)
def test_other_answer_fails(answer: object) -> None:
    """An answer with other fields fails, or the types would promise too much."""
    with pytest.raises(pydantic.ValidationError):
        answers.check("get_time_remaining", answer)
