"""schemathesis against the OpenAPI document of a running service, as every role.

`make fuzz` runs it. All checks are on: statuses, bodies and headers are documented, no 5xx but a
documented 502 or 503, bad data and methods are refused, good data is accepted.
"""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.paths import ROOT
from tests.integration.service.browser import Browser
from tests.integration.service.hostile_bodies import RequestParts, requests_near
from tests.integration.service.own_service import OwnService, running_service
from tests.integration.service.route_entries import CASES
from tests.integration.service.sale import Sale
from tests.integration.service.shop import Shop
from tests.integration.service.staff import with_role, with_second_factor
from tests.support.fuzzing import TIMES, fuzzed
from tests.support.waits import ANSWER_S


pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.fuzz]

_SECRETS = (
    "CANARY_TOKEN",
    "CRON_SECRET",
    "METRICS_TOKEN",
    "PICKUP_PEPPER",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRETS",
    "STRIPE_IDENTITY_WEBHOOK_SECRETS",
    "SUPABASE_JWT_SECRET",
    "SUPABASE_SECRET_KEY",
)
#: With at least this many examples, all roles try each value.
_ALL = 25
_CONFIG = """
hooks = "tests.integration.service.openapi_hooks"
continue-on-failure = true
workers = 1
warnings = false

[checks.not_a_server_error]
expected-statuses = ["2xx", "4xx", "502", "503"]

# positive_data_is_valid looks at the reason of a 400.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "429", "502", "503"]
"""


@pytest.fixture(scope="module")
def target(
    stack: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnService]:
    """Run a service that takes the address of a request from its header."""
    log = tmp_path_factory.mktemp("fuzzed") / "log"
    with running_service(stack, log, TRUSTED_PROXIES="1") as service:
        yield service


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A kind of caller: the person, or the secrets of `operator`, and the routes to call.

    CI tries each value of a schema as the roles with `has_coverage`, `make fuzz` as all.
    """

    person: str = ""
    paths: str = ".*"
    has_coverage: bool = False


ROLES = {
    "anon": Role(),
    "user": Role(person="another"),
    "buyer": Role(person="buyer", has_coverage=True),
    "seller": Role(person="seller"),
    "staff": Role(person="staff", paths="/api/(admin|auctions|cron|orders|payments/refund)"),
    "operator": Role(paths="/api/(canary|auctions)|/metrics", has_coverage=True),
    "leaver": Role(person="leaver", paths="/api/account"),
}


@pytest.fixture(scope="module")
def tokens(shop: Shop, sale: Sale, signed_in: Callable[[], Browser]) -> Iterator[Mapping[str, str]]:
    """Give the tokens of people; only the leaver signed in lately enough to close the account."""
    people = {
        "another": sale.another,
        "buyer": sale.buyer,
        "seller": sale.seller,
        "staff": with_second_factor(shop, with_role(shop, signed_in(), "moderator")),
        "leaver": signed_in(),
    }
    shop.db.execute(
        "update auth.sessions set created_at = now() - interval '11 minutes' where user_id <> %s",
        [people["leaver"].actor.id],
    )
    with shop.setting("require_staff_aal2", value=True):
        yield {name: person.session["access_token"] for name, person in people.items()}


def configuration(shop: Shop, role: Role, tokens: Mapping[str, str]) -> str:
    """Return the settings of a run, with credentials by the names of the document's schemes."""
    lines = [f'[auth.openapi.bearer]\nbearer = "{tokens[role.person]}"'] if role.person else []
    if role is ROLES["operator"]:
        secrets = shop.environment
        lines = [
            f'[auth.openapi.canary-token]\napi_key = "{secrets["CANARY_TOKEN"]}"',
            f'[auth.openapi.cron-secret]\napi_key = "{secrets["CRON_SECRET"]}"',
            f'[auth.openapi.metrics-token]\nbearer = "{secrets["METRICS_TOKEN"]}"',
        ]
    return "\n".join([_CONFIG, *lines])


@pytest.mark.parametrize("name", ROLES)
def test_service_keeps_to_its_document(
    target: OwnService, sale: Sale, tokens: Mapping[str, str], tmp_path: Path, name: str
) -> None:
    """Each answer is one that the document names, and each good request is accepted."""
    role, shop = ROLES[name], sale.shop
    config = tmp_path / "schemathesis.toml"
    config.write_text(configuration(shop, role, tokens))
    secrets = {name: shop.environment[name] for name in _SECRETS} | dict(tokens)
    orders = [sale.sold().id, sale.paid().id]
    phases = "coverage,fuzzing" if role.has_coverage or TIMES >= _ALL else "fuzzing"

    run = subprocess.run(  # noqa: S603 - a command of ours
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
            *(f"{target.url}/api/openapi.json", "--checks", "all", "--phases", phases),
            *("--include-path-regex", role.paths, "--max-examples", str(2 * TIMES)),
            *("--no-color", "--generation-database", "none"),
        ],
        # schemathesis keeps the failures of earlier runs in its folder.
        cwd=tmp_path,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "ROUTE_IDS": json.dumps(dict.fromkeys(("order_id", "orderId"), orders)),
            "ROUTE_SECRETS": json.dumps([*secrets.values()]),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == run.returncode, run.stdout[-20_000:] + run.stderr[-2_000:]
    assert [] == [name for name, secret in secrets.items() if secret in target.log]


MARK_READ = next(case for case in CASES if str(case) == "POST /api/notifications")


@given(
    sent=requests_near(MARK_READ.route, {"action": "mark_all_read"}),
    size=st.integers(min_value=1, max_value=7),
    address=st.integers(min_value=0, max_value=2**16),
)
@fuzzed(30)
def test_chunks_are_read_like_a_whole_body(
    target: OwnService, tokens: Mapping[str, str], sent: RequestParts, size: int, address: int
) -> None:
    """The service answers a drawn body in the same way, however it comes."""
    content = sent.content[:2_000]
    headers = {
        "Authorization": f"Bearer {tokens['another']}",
        "Content-Type": sent.content_type,
        "X-Forwarded-For": f"10.9.{address >> 8 & 255}.{address & 255}",
    }
    chunks = (content[start : start + size] for start in range(0, len(content), size))

    whole, chunked = (
        httpx.post(target.url + MARK_READ.rule, content=body, headers=headers, timeout=ANSWER_S)
        for body in (content, chunks)
    )

    assert whole.status_code < 500
    assert (whole.status_code, whole.json().get("code")) == (
        chunked.status_code,
        chunked.json().get("code"),
    )
