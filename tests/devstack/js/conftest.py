"""A gateway on the sample market and the documentation's tables, for tests in Node."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from devstack.postgres.schema import build_database
from tests.devstack.market import MARKET
from tests.support import node
from tests.support.gateways import running_gateway


_GATEWAY = Path(__file__).parents[1] / "gateway"
_FILES = [
    MARKET,
    _GATEWAY / "rest/forms.sql",
    _GATEWAY / "realtime/things.sql",
    *sorted(Path(__file__).with_name("sql").glob("*.sql")),
]


@pytest.fixture(scope="session")
def settings(
    admin_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    """Install the JavaScript client, start a gateway; return Node's environment variables."""
    node.install()
    database_url = build_database(admin_url, "js_tests", _FILES)
    folder = tmp_path_factory.mktemp("gateway")
    with running_gateway(database_url, folder, schemas=("public", "shop", "docs")) as gateway:
        yield {
            "SUPABASE_URL": gateway.url,
            "SUPABASE_PUBLISHABLE_KEY": gateway.keys.publishable_key,
            "SUPABASE_SECRET_KEY": gateway.keys.secret_key,
            "SUPABASE_ANON_JWT": gateway.keys.anon_jwt,
            "SUPABASE_SERVICE_ROLE_JWT": gateway.keys.service_role_jwt,
            "SUPABASE_JWT_SECRET": gateway.keys.jwt_secret,
        }
