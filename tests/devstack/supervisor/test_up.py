"""`python -m devstack up`: its ready line, its files, and the data that it keeps."""

import contextlib
import json
import os
import pty
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from devstack.supervisor.data_folder import DataFolder, write_secret
from devstack.supervisor.environment import EXPORTED
from devstack.supervisor.options import PARTS
from devstack.supervisor.ports import free_base, is_free
from tests.devstack.supervisor.devstacks import (
    TIMEOUT_S,
    Devstack,
    command_of,
    new_devstack,
    wait_for,
)
from tests.support.waits import awaited


#: One process runs these tests, because they share a stack.
READS_FILES = pytest.mark.xdist_group("an ended devstack")
SHARES_SETTINGS = pytest.mark.xdist_group("a devstack with all settings")


def environment(devstack: Devstack) -> dict[str, str]:
    lines = devstack.env_file.read_text().splitlines()
    named = dict(line.split("=", 1) for line in lines)
    assert named.pop(EXPORTED).startswith("1; export ")
    return named


def database(devstack: Devstack) -> str:
    return environment(devstack)["DATABASE_URL"]


def process_with(words: str) -> int | None:
    """Return a process whose command has these words in a row, if there is one."""
    found = [entry.name for entry in Path("/proc").glob("[0-9]*")]
    wanted = b"\0" + words.replace(" ", "\0").encode() + b"\0"
    return next((int(name) for name in found if wanted in command_of(name)), None)


def awaited_process(words: str) -> int:
    """Wait for a process whose command has these words in a row, and return it."""
    return awaited(lambda: process_with(words), TIMEOUT_S, f"a process with {words}")


def command_of_part(devstack: Devstack, part: str) -> str:
    """Return words from the command of a part with a configuration."""
    return f"--config {devstack.data}/{part}.json"


def finish(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGINT) -> int:
    process.send_signal(number)
    return process.wait(TIMEOUT_S)


@pytest.fixture(scope="module")
def ended_and_output() -> Iterator[tuple[Devstack, bytes]]:
    """Run one stack for the tests that read only its output; return it with its output."""
    with new_devstack() as devstack:
        process = devstack.up("--port-base", str(devstack.base))
        assert process.stdout is not None
        line = process.stdout.readline()
        finish(process)
        yield devstack, line + process.stdout.read()


@pytest.fixture
def ended(ended_and_output: tuple[Devstack, bytes]) -> Devstack:
    devstack, _ = ended_and_output
    return devstack


@READS_FILES
def test_ready_line_and_env_file_say_the_same(ended_and_output: tuple[Devstack, bytes]) -> None:
    """The ready line is JSON for programs; the env file says the same to its owner alone."""
    devstack, output = ended_and_output

    [line] = output.splitlines()

    assert {"ready": True} | environment(devstack) == json.loads(line)
    assert 0o600 == stat.S_IMODE(devstack.env_file.stat().st_mode)


@READS_FILES
def test_sourced_env_file_exports_its_variables(ended: Devstack) -> None:
    """A shell that runs `. FILE` exports every variable with its value."""
    done = subprocess.run(  # noqa: S603 -- a fixed command
        ["/bin/sh", "-c", '. "$1" && exec env', "sh", str(ended.env_file)],
        check=True,
        capture_output=True,
        text=True,
        env={},
    )

    seen = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert environment(ended).items() <= seen.items()


def test_secrets_are_not_shown_on_a_terminal(devstack: Devstack) -> None:
    """A terminal shows addresses and no keys, because others may see the screen."""
    reader, terminal = pty.openpty()
    process = devstack.up(stdout=terminal)
    os.close(terminal)
    with os.fdopen(reader, encoding="utf-8") as screen:
        shown = json.loads(screen.readline())
        finish(process)

    found = environment(devstack)
    assert {"ready": True, "SUPABASE_URL": found["SUPABASE_URL"]}.items() <= shown.items()
    assert found.keys() < shown.keys()
    secrets = {value for name, value in found.items() if "SECRET" in name or "TOKEN" in name}
    assert secrets.isdisjoint(shown.values())


@READS_FILES
def test_addresses_follow_the_base(ended: Devstack) -> None:
    """API, Postgres, Stripe, service and metrics have five ports in a row."""
    found, base = environment(ended), ended.base
    assert f"http://127.0.0.1:{base}" == found["SUPABASE_URL"]
    assert f"postgresql://postgres@127.0.0.1:{base + 1}/postgres" == found["DATABASE_URL"]
    assert f"http://127.0.0.1:{base + 2}" == found["STRIPE_API_BASE"]
    assert f"http://127.0.0.1:{base + 3}" == found["SERVICE_URL"]
    assert str(base + 4) == found["METRICS_PORT"]


@READS_FILES
def test_documented_variables_are_all_set(ended: Devstack) -> None:
    """The env file has each documented variable of the service and the workers."""
    names = """
      SUPABASE_URL SUPABASE_SECRET_KEY SUPABASE_PUBLISHABLE_KEY SUPABASE_JWT_SECRET
      STRIPE_SECRET_KEY STRIPE_PUBLISHABLE_KEY STRIPE_API_BASE
      STRIPE_WEBHOOK_SECRETS STRIPE_CONNECT_WEBHOOK_SECRETS
      STRIPE_IDENTITY_WEBHOOK_SECRETS STRIPE_LIVEMODE WEBHOOK_TOLERANCE_S WEBHOOK_FUTURE_S
      WEBHOOK_MAX_EVENT_AGE_S SITE_ORIGINS
      CANARY_TOKEN CRON_SECRET METRICS_TOKEN PICKUP_PEPPER TRUSTED_PROXIES LOG_LEVEL LOG_FORMAT
      METRICS_PORT ENVIRONMENT DATABASE_URL ADMIN_DATABASE_URL SERVICE_URL STRIPE_CONTROL_URL
      SUPABASE_ANON_KEY SUPABASE_SERVICE_ROLE_KEY
    """
    found = environment(ended)
    assert set(names.split()) == found.keys()
    assert "" not in found.values()


@READS_FILES
def test_each_kind_of_stripe_event_has_a_secret_of_its_own(ended: Devstack) -> None:
    """Events of connected accounts reach the same route, signed with another secret."""
    found = environment(ended)
    endpoints = json.loads((ended.data / "stripe.json").read_text())["webhook_endpoints"]
    route = found["SERVICE_URL"] + "/api/webhooks/stripe"
    assert {
        (route, False): found["STRIPE_WEBHOOK_SECRETS"],
        (route, True): found["STRIPE_CONNECT_WEBHOOK_SECRETS"],
        (f"{route}/identity", False): found["STRIPE_IDENTITY_WEBHOOK_SECRETS"],
    } == {(one["url"], one["connect"]): one["secret"] for one in endpoints}
    assert 3 == len({one["secret"] for one in endpoints})


def test_data_and_keys_outlive_a_restart(devstack: Devstack) -> None:
    """Rows and API keys survive a restart.

    Data of an older devstack get the missing secret, so that nobody needs a reset for it.
    """
    first = devstack.up_and_ready()
    before = environment(devstack)
    with psycopg.connect(database(devstack)) as connection:
        connection.execute("create table public.kept as select 1 as n")
    finish(first)
    kept = json.loads((devstack.data / "secrets.json").read_text())
    del kept["STRIPE_CONNECT_WEBHOOK_SECRETS"]
    (devstack.data / "secrets.json").write_text(json.dumps(kept))

    devstack.up_and_ready()

    after = environment(devstack)
    changed = {name for name in before | after if after.get(name) != before.get(name)}
    assert {"STRIPE_CONNECT_WEBHOOK_SECRETS"} == changed
    with psycopg.connect(database(devstack)) as connection:
        assert [(1,)] == connection.execute("select n from public.kept").fetchall()


def test_reset_keeps_the_api_keys_alone(devstack: Devstack) -> None:
    """A reset deletes rows and Stripe's secrets, and keeps the API keys of a web app's settings."""
    first = devstack.up_and_ready()
    before = environment(devstack)
    with psycopg.connect(database(devstack)) as connection:
        connection.execute("create table public.lost ()")
    finish(first)

    assert 0 == devstack.run("reset", "--data", str(devstack.data)).returncode

    devstack.up_and_ready()
    after = environment(devstack)
    assert before["SUPABASE_SECRET_KEY"] == after["SUPABASE_SECRET_KEY"]
    assert before["STRIPE_WEBHOOK_SECRETS"] != after["STRIPE_WEBHOOK_SECRETS"]
    with psycopg.connect(database(devstack)) as connection:
        query = "select to_regclass('public.lost') is null"
        assert [(True,)] == connection.execute(query).fetchall()


def test_migrations_are_applied_unless_it_is_bare(devstack: Devstack) -> None:
    """`--bare` has Supabase's baseline and none of our tables."""
    query = "select count(*) from supabase_migrations.schema_migrations"
    devstack.up_and_ready(is_bare=True)

    with psycopg.connect(database(devstack)) as connection:
        assert [(0,)] == connection.execute(query).fetchall()
        found = connection.execute("select to_regclass('auth.users') is not null").fetchall()
        assert [(True,)] == found


def test_stack_comes_up_after_a_kill(devstack: Devstack) -> None:
    """The next `up` after a kill -9 finds the rows, and waits for processes that still end."""
    first = devstack.up_and_ready(only="postgres,gateway,stripe")
    with psycopg.connect(database(devstack)) as connection:
        connection.execute("create table public.kept as select 1 as n")
    finish(first, signal.SIGKILL)
    # The kernel frees the lock with its process, so no file needs a cleanup.
    assert 3 == devstack.run("status", "--data", str(devstack.data)).returncode

    devstack.up_and_ready(only="postgres,gateway,stripe")

    with psycopg.connect(database(devstack)) as connection:
        assert [(1,)] == connection.execute("select n from public.kept").fetchall()


@pytest.mark.parametrize(
    ("number", "parts"),
    [
        (signal.SIGINT, "postgres,gateway,stripe"),
        (signal.SIGTERM, "postgres,stripe"),
        (signal.SIGHUP, "postgres,stripe"),
    ],
)
def test_stack_ends_when_told(devstack: Devstack, number: signal.Signals, parts: str) -> None:
    """Ctrl-C, kill and a closed terminal end the stack with 0, and no process is left."""
    process = devstack.up_and_ready(only=parts)
    assert len(parts.split(",")) < len(devstack.left_behind())

    assert 0 == finish(process, number)

    assert [] == devstack.left_behind()
    assert all(is_free(devstack.base + offset) for offset in range(len(PARTS)))


#: The server is starting; the migrations come afterwards.
SERVER_STARTS = "postgres/pgdata/postmaster.pid"
#: The other points lie before or after initdb, so a copy of its result is enough.
DURING_INITDB = ("postgres", "postgres/pgdata.new/PG_VERSION")


@pytest.mark.parametrize(
    "point",
    [
        "lock",
        "keys.json",
        "logs/stripe.log",
        "postgres",
        "postgres/pgdata.new/PG_VERSION",
        SERVER_STARTS,
        "postgres/baseline.sha256",
        "logs/gateway.log",
    ],
)
def test_interrupted_start_leaves_nothing(devstack: Devstack, point: str) -> None:
    """Ctrl-C at any point of the start leaves no process, and the next start works."""
    if point in DURING_INITDB:
        devstack.environment.pop("EMBEDDED_PG_TEMPLATE", None)
    is_bare = point != SERVER_STARTS
    process = devstack.up(only="postgres,gateway,stripe", is_bare=is_bare)
    wait_for((devstack.data / point).exists)

    assert 0 == finish(process)

    assert [] == devstack.left_behind()
    assert "Traceback" not in devstack.errors_of(process)
    assert 0 == finish(devstack.up_and_ready(is_bare=is_bare))


@pytest.mark.parametrize("point", ["logs/stripe.log", SERVER_STARTS])
def test_killed_start_leaves_nothing(devstack: Devstack, point: str) -> None:
    """The kernel ends the parts of a killed stack, and the next start works."""
    is_bare = point != SERVER_STARTS
    process = devstack.up(only="postgres,gateway,stripe", is_bare=is_bare)
    wait_for((devstack.data / point).exists)

    finish(process, signal.SIGKILL)

    wait_for(lambda: not devstack.left_behind())
    assert 0 == finish(devstack.up_and_ready(is_bare=is_bare))


def test_initdb_ends_with_a_killed_stack(devstack: Devstack) -> None:
    """The kernel ends even an initdb that stands still, so the next start has the folder alone."""
    devstack.environment.pop("EMBEDDED_PG_TEMPLATE", None)
    process = devstack.up()
    option = f"--pgdata={devstack.data}/postgres/pgdata.new"
    os.kill(awaited_process(option), signal.SIGSTOP)

    finish(process, signal.SIGKILL)

    wait_for(lambda: process_with(option) is None)
    assert 0 == finish(devstack.up_and_ready())


def test_ephemeral_data_are_gone_afterwards(devstack: Devstack) -> None:
    """Ephemeral data leave no folder."""
    process = devstack.up_and_ready("--ephemeral")
    [folder] = {
        Path(line.split()[-1]).parent
        for line in devstack.errors_of(process).splitlines()
        if line.startswith("Logs: ")
    }
    assert folder.exists()

    finish(process)

    assert not folder.exists()


@pytest.mark.parametrize("part", ["stripe", "gateway"])
def test_stack_ends_when_a_part_dies(devstack: Devstack, part: str) -> None:
    """The stack names a part that died, and ends."""
    process = devstack.up_and_ready(only="postgres,gateway,stripe")

    os.kill(awaited_process(command_of_part(devstack, part)), signal.SIGKILL)

    assert 1 == process.wait(TIMEOUT_S)
    assert f"devstack: {part} ended unexpectedly" in devstack.errors_of(process)
    assert [] == devstack.left_behind()


def test_stack_ends_when_a_part_dies_during_the_start(devstack: Devstack) -> None:
    """The stack notices a part that has answered and dies before another part answers."""
    process = devstack.up(only="postgres,gateway,stripe")
    gateway = awaited_process(command_of_part(devstack, "gateway"))
    os.kill(gateway, signal.SIGSTOP)
    wait_for(lambda: "stripe answers" in devstack.errors_of(process))

    stripe = command_of_part(devstack, "stripe")
    os.kill(awaited_process(stripe), signal.SIGKILL)
    wait_for(lambda: process_with(stripe) is None)
    os.kill(gateway, signal.SIGCONT)

    # The stack looks at its parts every minute, too. This look must not be the one that finds it.
    wait_for(lambda: "gateway answers" in devstack.errors_of(process))
    assert 1 == process.wait(45)
    assert "devstack: stripe ended unexpectedly" in devstack.errors_of(process)


def test_stack_that_waits_for_a_killed_one_is_known(devstack: Devstack) -> None:
    """`stop` and `status` find the new stack, and not a process that has the old one's number."""
    folder = DataFolder(devstack.data)
    write_secret(folder.running, json.dumps({"pid": os.getpid()}))
    with socket.create_server(("127.0.0.1", devstack.base + 1)):
        process = devstack.up()

        wait_for(lambda: folder.runner().get("pid") == process.pid)

        finish(process)


def test_postgres_that_ends_is_started_again(devstack: Devstack) -> None:
    """Postgres starts again on the same port, with all committed rows."""
    process = devstack.up_and_ready()
    with psycopg.connect(database(devstack), autocommit=True) as connection:
        connection.execute("create table kept as select 1 as number")
    pid = int((devstack.data / "postgres/pgdata/postmaster.pid").read_text().split("\n")[0])

    os.kill(pid, signal.SIGQUIT)

    def is_back() -> bool:
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(database(devstack)) as connection,
        ):
            return [(1,)] == connection.execute("select number from kept").fetchall()
        return False

    wait_for(lambda: "postgres ended" in devstack.errors_of(process))
    wait_for(is_back)
    finish(process)


def test_port_of_a_part_that_ends_is_kept_for_it(devstack: Devstack) -> None:
    """The system gives Postgres's port to no connection until Postgres starts again."""
    process = devstack.up_and_ready()
    port = devstack.base + 1
    pid = int((devstack.data / "postgres/pgdata/postmaster.pid").read_text().split("\n")[0])
    process.send_signal(signal.SIGSTOP)

    os.kill(pid, signal.SIGQUIT)
    wait_for(lambda: is_free(port))

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    process.send_signal(signal.SIGCONT)
    wait_for(lambda: not is_free(port))
    assert 0 == finish(process)


def test_legacy_secret_can_be_chosen(devstack: Devstack) -> None:
    """A chosen legacy secret verifies tokens of other signers, and signs the legacy keys."""
    secret = "a-secret-of-thirty-two-characters"
    finish(devstack.up_and_ready("--jwt-secret", secret))
    first = environment(devstack)

    finish(devstack.up_and_ready())

    assert secret == first["SUPABASE_JWT_SECRET"]
    assert first == environment(devstack)


def test_killed_ephemeral_data_are_swept_up(devstack: Devstack) -> None:
    """The next stack removes the data of a killed one, and none of a running one."""
    # Every stack on this machine sweeps the common folder, that of another test too.
    temporary = devstack.data.with_name("temporary")
    temporary.mkdir(mode=0o711)
    devstack.environment["TMPDIR"] = str(temporary)
    devstack.up_and_ready("--ephemeral")
    kept_url = database(devstack)
    killed = devstack.up_and_ready("--ephemeral", "--port-base", str(free_base(len(PARTS))))
    [folder] = {
        Path(line.split()[-1]).parent
        for line in devstack.errors_of(killed).splitlines()
        if line.startswith("Logs: ")
    }
    finish(killed, signal.SIGKILL)
    assert folder.exists()

    devstack.up_and_ready("--ephemeral", "--port-base", str(free_base(len(PARTS))))

    assert not folder.exists()
    with psycopg.connect(kept_url) as connection:
        assert [(1,)] == connection.execute("select 1").fetchall()


def test_stacks_that_start_at_once_choose_different_ports(devstack: Devstack) -> None:
    """Stacks that start at once choose different ports and run on their own data."""
    processes = [devstack.up("--ephemeral", "--port-base", "auto") for _ in range(3)]

    urls = set()
    for process in processes:
        assert process.stdout is not None
        urls.add(json.loads(process.stdout.readline())["DATABASE_URL"])
    assert 3 == len(urls)
    for number, url in enumerate(urls):
        with psycopg.connect(url) as connection:
            connection.execute("create table public.own as select %s::int as number", [number])
    for number, url in enumerate(urls):
        with psycopg.connect(url) as connection:
            assert [(number,)] == connection.execute("select number from public.own").fetchall()


def signed_up(devstack: Devstack) -> httpx.Response:
    variables = environment(devstack)
    return httpx.post(
        f"{variables['SUPABASE_URL']}/auth/v1/signup",
        json={"email": "a@example.com", "password": "correct horse 7"},
        headers={"apikey": variables["SUPABASE_PUBLISHABLE_KEY"]},
        timeout=TIMEOUT_S,
    )


@pytest.fixture(scope="module")
def configured() -> Iterator[Devstack]:
    """Run a stack with all settings of Auth and an additional exposed schema."""
    with new_devstack() as devstack:
        options = ("--production-auth", "--schemas", "public,other")
        devstack.up_and_ready(*options, only="postgres,gateway")
        yield devstack


@SHARES_SETTINGS
def test_exposed_schemas_can_be_chosen(configured: Devstack) -> None:
    """An option exposes more schemas than the configuration."""
    config = json.loads((configured.data / "gateway.json").read_text())
    assert ["public", "other"] == config["schemas"]
    health = f"{environment(configured)['SUPABASE_URL']}/health"
    assert 200 == httpx.get(health, timeout=TIMEOUT_S).status_code


@SHARES_SETTINGS
def test_addresses_are_confirmed_on_demand(configured: Devstack) -> None:
    """With all settings of Auth a sign-up has no session before the mail's confirmation."""
    answer = signed_up(configured)

    assert answer.status_code == 200
    assert "access_token" not in answer.json()


def test_addresses_need_no_confirmation_by_default(devstack: Devstack) -> None:
    """A sign-up has a session at once by default."""
    devstack.up_and_ready("--ephemeral", only="postgres,gateway")

    answer = signed_up(devstack)

    assert answer.status_code == 200
    assert "access_token" in answer.json()
