"""The gateway logs a refusal of the database, and no data of a row."""

from pathlib import Path

import httpx
import pytest

from tests.devstack.gateway.auth.clients import PASSWORD, send
from tests.support.gateways import running_gateway


def test_log_names_the_error_and_quotes_no_row(
    database_url: str,
    tmp_path: Path,
    http: httpx.Client,
    email: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The log omits Postgres's DETAIL, which quotes the whole row with the address in it."""
    body = {"email": email, "password": PASSWORD, "data": {"nickname": "forbidden"}}

    with running_gateway(database_url, tmp_path) as gateway:
        answer = send(http, gateway, "POST /signup", body)

    written = "".join(capfd.readouterr())
    assert 500 == answer.status_code
    assert 'auth could not serve /signup: 23514 new row for relation "members"' in written
    assert email not in written
