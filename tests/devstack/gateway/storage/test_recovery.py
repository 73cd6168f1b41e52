"""Storage recovers from lost database connections."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg

from tests.support.gateways import Gateway


CUT = """
select pg_terminate_backend(pid, 30000) from pg_stat_activity
where application_name = 'devstack gateway' and datname = current_database()
"""


def test_cut_connections_cost_one_request(http: httpx.Client, gateway: Gateway) -> None:
    """The first request on a dead connection replaces all connections of the pool."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: http.get("/bucket"), range(32)))
    with psycopg.connect(gateway.config.admin_url, autocommit=True) as admin:
        assert admin.execute(CUT).fetchall()

    answers = [http.get("/bucket") for _ in range(6)]
    assert [500] + [200] * 5 == [answer.status_code for answer in answers]
    # The network decides if the server's last message arrives.
    assert answers[0].json()["code"] in {"DatabaseError", "InternalError"}
