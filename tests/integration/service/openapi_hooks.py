"""Hooks of schemathesis, which `openapi_fuzz` starts: addresses, ids that exist, more checks."""

import itertools
import json
import os
import random
from http import HTTPStatus
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response


#: Ids by the name of the field or parameter that holds them.
_IDS: dict[str, list[str]] = json.loads(os.environ["ROUTE_IDS"])
_SECRETS: list[str] = json.loads(os.environ["ROUTE_SECRETS"])
_numbers = itertools.count()


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Send each request from an address of its own: the limits per address would refuse all."""
    number = next(_numbers)
    case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    if _is_positive(case):
        _use_ids(case.path_parameters)
        _use_ids(case.body)


def _is_positive(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE


def _use_ids(values: Any) -> None:
    """Replace most ids by ones that exist, because a drawn one never does."""
    if not isinstance(values, dict):
        return
    for name in values.keys() & _IDS.keys():
        draw = random.Random(str(values[name]))  # noqa: S311 - a seed decides, not chance
        values[name] = draw.choice([*_IDS[name], values[name]])


_UNSTATED = {
    # The document cannot say that a query needs one of two parameters.
    ("/api/canary/webhook-events", "Invalid request: body"),
    # schemathesis sends some files without a name, and such a part is a text of the form.
    ("/api/storage/upload", "Invalid request: file"),
}


@schemathesis.check
def positive_data_is_valid(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Fail if a request that fits its schema is refused for its form; a rule may refuse it."""
    if not _is_positive(case) or response.status_code != HTTPStatus.BAD_REQUEST:
        return
    text = response.json()["error"]
    is_of_form = text.startswith("Invalid request") or text == "The body is not JSON"
    assert not is_of_form or (case.path, text) in _UNSTATED, text


@schemathesis.check
def no_secret_leaves(_context: CheckContext, response: Response, _case: Case[Any]) -> None:
    """No answer repeats a token, or a secret of ours."""
    text = f"{response.headers} {response.text}"
    assert not [secret for secret in _SECRETS if secret in text], "the answer has a secret"
