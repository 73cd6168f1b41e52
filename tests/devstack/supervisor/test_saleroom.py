"""The saleroom runs on request, in front of the service, if npm can install its packages."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from devstack.supervisor.options import read_options
from devstack.supervisor.ports import free_port
from tests.devstack.supervisor.devstacks import Devstack, new_devstack
from tests.support.waits import ANSWER_S


PARTS = "postgres,gateway,stripe,service"
#: One process runs these tests, because they share a stack.
SHARES_STACK = pytest.mark.xdist_group("a devstack with a saleroom")


def addresses(process: subprocess.Popen[bytes]) -> dict[str, str]:
    assert process.stdout is not None
    found: dict[str, str] = json.loads(process.stdout.readline())
    return found


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, str]]:
    """Run one stack with a saleroom; give its addresses."""
    with new_devstack() as devstack:
        process = devstack.up("--ephemeral", "--seed", only=f"{PARTS},saleroom", is_bare=False)
        yield addresses(process)


@SHARES_STACK
def test_saleroom_serves_pages_and_the_service(found: dict[str, str]) -> None:
    """One origin serves the pages, the client and the routes of the service."""
    with httpx.Client(base_url=found["SALEROOM_URL"], timeout=ANSWER_S) as saleroom:
        page, client = saleroom.get("/"), saleroom.get("/supabase.js")
        settings, live = saleroom.get("/settings.json").json(), saleroom.get("/api/health/live")

    assert (200, 200, 200) == (page.status_code, client.status_code, live.status_code)
    assert found["SUPABASE_URL"] == settings["supabaseUrl"]
    assert found["SUPABASE_PUBLISHABLE_KEY"] == settings["publishableKey"]


@SHARES_STACK
def test_stripe_sends_people_back_to_the_saleroom(found: dict[str, str]) -> None:
    """The saleroom's origin is the first of the web app's origins."""
    assert found["SALEROOM_URL"] == found["SITE_ORIGINS"].split(",")[0]


@SHARES_STACK
def test_settings_hold_no_secret_of_the_stack(found: dict[str, str]) -> None:
    """No secret of the environment reaches a browser."""
    text = httpx.get(f"{found['SALEROOM_URL']}/settings.json", timeout=ANSWER_S).text

    secrets = [value for name, value in found.items() if "SECRET" in name or "SERVICE_ROLE" in name]
    assert len(secrets) > 5
    assert [] == [secret for secret in secrets if secret in text]


@SHARES_STACK
def test_tool_ends_an_auction_in_a_minute(found: dict[str, str]) -> None:
    """The end of auction and listing moves, so that nobody must wait for days."""
    query = """
      select a.id::text, a.version, clock_timestamp() from public.auctions as a
      where a.end_at > now() + interval '1 day' limit 1
    """
    moved = """
      select a.version, a.end_at = l.end_at,
        a.end_at - interval '1 minute' between %s and clock_timestamp()
      from public.auctions as a join public.listings as l on l.id = a.listing_id where a.id = %s
    """
    with psycopg.connect(found["DATABASE_URL"], autocommit=True) as connection:
        [(auction_id, version, before)] = connection.execute(query).fetchall()

        answer = httpx.post(
            f"{found['SALEROOM_URL']}/tools/end-soon",
            json={"auction_id": auction_id},
            timeout=ANSWER_S,
        )

        assert 200 == answer.status_code
        assert [(version + 1, True, True)] == connection.execute(
            moved, [before, auction_id]
        ).fetchall()


@SHARES_STACK
@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b'{"auction_id": "00000000-0000-0000-0000-000000000000"}', "application/json", 409),
        (b'{"auction_id": "mugs"}', "application/json", 400),
        (b'["auction_id"]', "application/json", 400),
        (b"auction_id=1", "text/plain", 415),
    ],
)
def test_tool_refuses_other_requests(
    found: dict[str, str], body: bytes, media_type: str, status: int
) -> None:
    """An unknown auction, another body and another origin's simple request change nothing."""
    answer = httpx.post(
        f"{found['SALEROOM_URL']}/tools/end-soon",
        content=body,
        headers={"Content-Type": media_type},
        timeout=ANSWER_S,
    )

    assert status == answer.status_code


def test_stack_runs_without_a_saleroom_if_npm_fails(devstack: Devstack, tmp_path: Path) -> None:
    """A line says that npm reaches no registry, and the other parts run."""
    devstack.copy_project(tmp_path / "project", "devstack", "market", "service", "supabase")
    devstack.environment |= {
        "NPM_CONFIG_REGISTRY": f"http://127.0.0.1:{free_port()}",
        "NPM_CONFIG_CACHE": str(tmp_path / "cache"),
        "NPM_CONFIG_FETCH_RETRIES": "0",
    }

    process = devstack.up("--saleroom", only="postgres,gateway,service,saleroom", is_bare=True)

    found = addresses(process)
    assert "SALEROOM_URL" not in found
    assert "5173" in found["SITE_ORIGINS"].split(",")[0]
    [line] = [line for line in devstack.errors_of(process).splitlines() if "saleroom" in line]
    assert "The saleroom does not run, because npm could not install its packages (" in line


@pytest.mark.parametrize(
    ("arguments", "is_wanted"),
    [
        ((), False),
        (("--ephemeral",), False),
        (("--saleroom",), True),
        (("--bare",), False),
        (("--only", f"{PARTS},saleroom"), True),
        (("--only", PARTS, "--saleroom"), True),
        (("--only", PARTS, "--saleroom", "--bare"), True),
    ],
)
def test_saleroom_runs_on_request_alone(arguments: tuple[str, ...], *, is_wanted: bool) -> None:
    """Stacks of tests and the demo start without it, because its packages come from npm."""
    assert is_wanted == ("saleroom" in read_options(("up", *arguments)).parts)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("--bare",),
            "--saleroom needs the service, which --bare does not start: leave one of the two out.",
        ),
        (
            ("--only", "postgres,gateway"),
            "--saleroom needs the service: add service to --only, or leave --saleroom out.",
        ),
        (("--only", "postgres,service"), "--only: service needs gateway."),
    ],
)
def test_saleroom_without_its_service_is_refused(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stack does not start without the pages that the user asked for."""
    with pytest.raises(SystemExit):
        read_options(("up", "--saleroom", *arguments))

    assert sentence in capsys.readouterr().err.splitlines()[-1]
