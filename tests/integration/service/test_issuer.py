"""Test the issuer of tokens: the setting decides which name of Auth the service accepts."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from tests.integration.service.browser import Browser
from tests.integration.service.own_service import OwnService, running_service
from tests.support.waits import ANSWER_S


pytestmark = pytest.mark.xdist_group("stack")


def confirm(service: OwnService, person: Browser) -> int:
    """Call a route that needs a session, for an order that does not exist."""
    return httpx.post(
        f"{service.url}/api/payments/confirm",
        json={"orderId": person.session["user"]["id"], "paymentIntentId": "pi_of_nobody"},
        headers=person.bearer,
        timeout=ANSWER_S,
    ).status_code


def test_auth_under_another_name_needs_the_setting(
    stack: Mapping[str, str], signed_in: Callable[[], Browser], tmp_path: Path
) -> None:
    """The service reaches Auth by a name of its own; tokens name the one that browsers use."""
    person = signed_in()
    issuer = f"{stack['SUPABASE_URL']}/auth/v1"
    inner = stack["SUPABASE_URL"].replace("127.0.0.1", "localhost")

    with running_service(stack, tmp_path / "without", SUPABASE_URL=inner) as service:
        without = confirm(service, person)
        warnings = [line for line in service.log.splitlines() if "token_issuer_refused" in line]
    with running_service(
        stack, tmp_path / "with", SUPABASE_URL=inner, SUPABASE_JWT_ISSUER=issuer
    ) as service:
        with_setting = confirm(service, person)

    assert (401, 404) == (without, with_setting)
    [warning] = map(json.loads, warnings)
    assert ("warning", issuer, f"{inner}/auth/v1") == (
        warning["level"],
        warning["issuer"],
        warning["expected_issuer"],
    )
