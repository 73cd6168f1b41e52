"""devstack refuses with one sentence and an exit code, and starts nothing."""

import os
import socket

import jwt
import pytest

from devstack.supervisor.commands import main
from devstack.supervisor.options import PARTS
from devstack.supervisor.ports import free_base
from tests.devstack.supervisor.devstacks import Devstack


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("up", "--port-base", "80"), "--port-base must be auto or 1024 to 65530, not 80."),
        (("up", "--port-base", "http"), "--port-base must be auto or 1024 to 65530, not http."),
        (("up", "--only", "postgres,redis"), "--only: no part called redis; there are"),
        (("up", "--only", ","), "--only: no part named"),
        (("up", "--only", "gateway"), "--only: gateway needs postgres."),
        (("up", "--only", "postgres,workers"), "--only: workers needs gateway."),
        (("up", "--schemas", ","), "--schemas names no schema."),
        (("up", "--jwt-secret", "short"), "--jwt-secret must have at least 32 characters."),
        (("up", "--data", "x", "--ephemeral"), "not allowed with argument"),
        (("up", "--ports", "1"), "unrecognized arguments: --ports 1"),
        (("down",), "invalid choice: 'down'"),
        (("status", "--bare"), "unrecognized arguments: --bare"),
    ],
)
def test_bad_command_line_is_refused(
    options: tuple[str, ...], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The last line names the mistake, and the exit code is that of a usage error."""
    with pytest.raises(SystemExit) as refusal:
        main(options)

    written = capfd.readouterr()
    assert (2, "") == (refusal.value.code, written.out)
    assert sentence in written.err.splitlines()[-1]


def test_program_ends_with_the_exit_code(devstack: Devstack) -> None:
    """`python -m devstack` exits with the result of `main`."""
    done = devstack.run("down")

    assert (2, "") == (done.returncode, done.stdout)
    assert "invalid choice: 'down'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ENVIRONMENT", "production", "ENVIRONMENT=production is set"),
        ("STRIPE_SECRET_KEY", "sk_live_1", "STRIPE_SECRET_KEY holds a live Stripe key"),
        ("ANYTHING", "rk_live_1", "ANYTHING holds a live Stripe key"),
        ("SUPABASE_URL", "https://abcdefgh.supabase.co", "SUPABASE_URL names a hosted Supabase"),
        (
            "STAGING_DATABASE",
            "postgresql://postgres.abcdefgh:secret@aws-0-ap-southeast-2.pooler.supabase.com:6543/x",
            "STAGING_DATABASE names a hosted Supabase",
        ),
        (
            "SUPABASE_SERVICE_ROLE_KEY",
            jwt.encode({"iss": "supabase", "ref": "abcdefgh", "role": "service_role"}, "x" * 32),
            "SUPABASE_SERVICE_ROLE_KEY holds a key of a hosted Supabase project",
        ),
    ],
    # pytest keeps the test's name in the environment, where the search would find the values.
    ids=lambda value: value if value.isupper() else "",
)
def test_production_is_refused(
    name: str,
    value: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A stack refuses to start with a production secret in its environment, and prints none."""
    monkeypatch.setenv(name, value)

    exit_code = main(
        ("up", "--ephemeral", "--port-base", str(free_base(len(PARTS))), "--only", "postgres")
    )

    written = capfd.readouterr()
    assert (1, "") == (exit_code, written.out)
    assert sentence in written.err.splitlines()[-1]
    assert value not in written.err.replace("ENVIRONMENT=production", "")


def test_wrong_path_of_postgres_is_refused(devstack: Devstack) -> None:
    """A wrong path of Postgres is refused with exit code 1, and no other version is used."""
    devstack.environment["EMBEDDED_PG_BINDIR"] = "/nowhere"

    done = devstack.run(
        "up", "--ephemeral", "--port-base", str(devstack.base), "--only", "postgres"
    )

    assert (1, "") == (done.returncode, done.stdout)
    assert "EMBEDDED_PG_BINDIR=/nowhere holds no postgres" in done.stderr.splitlines()[-1]


def test_used_ports_are_named_before_anything_starts(devstack: Devstack) -> None:
    """One sentence names all used ports, before the data folder has a database."""
    with socket.create_server(("127.0.0.1", devstack.base + 1)):
        done = devstack.run(
            *("up", "--data", str(devstack.data), "--port-base", str(devstack.base)),
            *("--only", "postgres,gateway,stripe"),
        )

    assert (1, "") == (done.returncode, done.stdout)
    assert f"port {devstack.base + 1} (postgres)" in done.stderr.splitlines()[-1]
    assert not (devstack.data / "postgres").exists()
    assert not (devstack.data / "logs").exists()


def test_folder_that_is_a_file_is_refused(devstack: Devstack) -> None:
    """One line has the system's error about a path."""
    devstack.data.write_text("")

    done = devstack.run("up", "--data", str(devstack.data), "--port-base", str(devstack.base))

    assert (1, "") == (done.returncode, done.stdout)
    assert str(devstack.data) in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")
def test_folder_that_postgres_cannot_enter_is_refused(devstack: Devstack) -> None:
    """The error says that Postgres's user cannot enter a folder of root's."""
    devstack.data.parent.chmod(0o700)

    done = devstack.run(
        *("up", "--data", str(devstack.data), "--port-base", str(devstack.base)),
        *("--only", "postgres"),
    )

    assert (1, "") == (done.returncode, done.stdout)
    assert "which runs Postgres instead of root" in done.stderr


def test_database_of_another_baseline_is_refused(devstack: Devstack) -> None:
    """A newer devstack refuses a database with an older baseline."""
    devstack.up_and_ready().terminate()
    devstack.close()
    (devstack.data / "postgres/baseline.sha256").write_text("another")

    done = devstack.run(
        *("up", "--data", str(devstack.data), "--port-base", str(free_base(len(PARTS)))),
        *("--only", "postgres"),
    )

    assert 1 == done.returncode
    assert f"-m devstack reset --data {devstack.data}` deletes it" in done.stderr.splitlines()[-1]
