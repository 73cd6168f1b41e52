"""Auth recovers from lost database connections."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.devstack.gateway.auth.clients import PASSWORD, send
from tests.support.gateways import Gateway


REFUSED = 400


def test_cut_connections_cost_one_request(http: httpx.Client, gateway: Gateway, email: str) -> None:
    """The first request on a dead connection replaces all connections of the pool."""
    body = {"email": email, "password": PASSWORD}

    def sign_in(_number: int) -> int:
        return send(http, gateway, "POST /token?grant_type=password", body).status_code

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(sign_in, range(32)))
    gateway.cut_connections()

    assert [500] + [REFUSED] * 5 == [sign_in(number) for number in range(6)]
    gateway.wait_for_rest("vault")
