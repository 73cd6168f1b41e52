"""Storage recovers from lost database connections."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.support.gateways import Gateway


def test_cut_connections_cost_one_request(http: httpx.Client, gateway: Gateway) -> None:
    """The first request on a dead connection replaces all connections of the pool."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: http.get("/bucket"), range(32)))
    gateway.cut_connections()

    answers = [http.get("/bucket") for _ in range(6)]
    assert [500] + [200] * 5 == [answer.status_code for answer in answers]
    # The network decides if the server's last message arrives.
    assert answers[0].json()["code"] in {"DatabaseError", "InternalError"}
    gateway.wait_for_rest("users")
