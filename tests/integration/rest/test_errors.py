"""How errors of the database arrive: statuses by SQLSTATE, bodies of four keys, headers."""

import httpx
import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import Client


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("P0001", 400),
        ("P0002", 500),
        ("22P02", 400),
        ("22012", 400),
        ("23502", 400),
        ("23503", 409),
        ("23505", 409),
        ("23514", 400),
        ("25006", 405),
        ("28000", 403),
        ("40001", 500),
        ("40P01", 500),
        ("42501", 401),
        ("42601", 400),
        ("42703", 400),
        ("42883", 404),
        ("42P01", 404),
        ("42P17", 500),
        ("53000", 503),
        ("53400", 500),
        ("55P03", 500),
        ("57014", 500),
        ("57P01", 503),
        ("XX000", 500),
        ("PT402", 402),
        ("PT404", 404),
        ("PT503", 503),
        ("ZZ999", 400),
    ],
)
def test_sqlstate_decides_the_status(http: httpx.Client, state: str, status: int) -> None:
    """The code passes through as it is; retry policies live by it."""
    answer = http.post("/rpc/fail", json={"state": state, "message": "Why not"})

    assert answer.status_code == status
    assert answer.headers["proxy-status"] == f"PostgREST; error={state}"
    assert (answer.json()["code"], answer.json()["message"]) == (state, "Why not")


def test_detail_and_hint_pass_through(anon: Client) -> None:
    """What a function says to its caller arrives."""
    arguments = {"state": "P0001", "message": "No", "detail": 'd\n"é"', "hint": "h"}
    with pytest.raises(APIError) as caught:
        anon.rpc("fail", arguments).execute()

    expected = {"code": "P0001", "message": "No", "details": 'd\n"é"', "hint": "h"}
    assert caught.value.json() == expected


def test_function_may_dictate_its_error(http: httpx.Client) -> None:
    """SQLSTATE PGRST carries body, status and headers as JSON."""
    answer = http.post(
        "/rpc/fail",
        json={
            "state": "PGRST",
            "message": '{"code": "OWN", "message": "m", "details": "d", "hint": null}',
            "detail": '{"status": 451, "headers": {"X-Why": "law"}}',
        },
    )
    broken = http.post("/rpc/fail", json={"state": "PGRST", "message": "no JSON"})

    assert (answer.status_code, answer.headers["x-why"]) == (451, "law")
    assert answer.json() == {"code": "OWN", "message": "m", "details": "d", "hint": None}
    assert (broken.status_code, broken.json()["code"]) == (500, "PGRST121")


def test_head_tells_its_error_by_a_header(http: httpx.Client) -> None:
    """A HEAD has no body; the client reads the code of Proxy-Status."""
    answer = http.head("/listings?nope=eq.1")

    assert (answer.status_code, answer.content) == (400, b"")
    assert answer.headers["proxy-status"] == "PostgREST; error=42703"


def test_error_at_commit_is_the_requests(http: httpx.Client, owner: psycopg.Connection) -> None:
    """A deferred constraint fires after the statement, and nothing was written."""
    owner.execute(
        """
        create table public.deferred (
          id integer primary key,
          parent integer references public.deferred deferrable initially deferred
        )
        """
    )
    owner.execute("notify pgrst, 'reload schema'")
    try:
        answer = _until_known(http, {"id": 1, "parent": 2})
        assert (answer.status_code, answer.json()["code"]) == (409, "23503")
        assert owner.execute("select count(*) from public.deferred").fetchone() == (0,)
    finally:
        owner.execute("drop table public.deferred")


def _until_known(http: httpx.Client, row: dict[str, int]) -> httpx.Response:
    for _ in range(200):
        answer = http.post("/deferred", json=row)
        if answer.json().get("code") != "PGRST205":
            return answer
    pytest.fail("The new table was never found.")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/listing", 404, "PGRST205"),
        ("/a/b", 404, "PGRST125"),
        ("/rpc/a/b", 404, "PGRST125"),
        ("/", 404, "PGRST126"),
    ],
)
def test_path_without_meaning_is_404(http: httpx.Client, path: str, status: int, code: str) -> None:
    """Each kind has its own code."""
    answer = http.get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_near_miss_of_a_table_is_guessed(anon: Client) -> None:
    """The hint names the table that was perhaps meant."""
    with pytest.raises(APIError) as caught:
        anon.table("listing").select("*").execute()

    assert caught.value.hint == "Perhaps you meant the table 'public.listings'"


def test_connection_serves_after_an_error(http: httpx.Client) -> None:
    """An error leaves nothing behind on the connection that it happened on."""
    for _ in range(60):
        assert http.get("/listings?nope=eq.1").status_code == 400
        assert http.get("/listings?select=id").status_code == 200
