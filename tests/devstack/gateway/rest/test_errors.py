"""The database's errors in HTTP: statuses by SQLSTATE, bodies of four keys, headers.

PostgREST: https://docs.postgrest.org/en/stable/references/errors.html, each row of its table.
"""

import httpx
import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import Client


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("08006", 503),
        ("09000", 500),
        ("0L000", 403),
        ("0P000", 403),
        ("20000", 400),
        ("21000", 500),
        ("22012", 400),
        ("22023", 400),
        ("22P02", 400),
        ("23502", 400),
        ("23503", 409),
        ("23505", 409),
        ("23514", 400),
        ("23P01", 400),
        ("25006", 405),
        ("25P02", 500),
        ("28000", 403),
        ("2D000", 500),
        ("38000", 500),
        ("39000", 500),
        ("3B000", 500),
        ("3F000", 400),
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
        ("54001", 500),
        ("55P03", 500),
        ("57014", 500),
        ("57P01", 503),
        ("58000", 500),
        ("F0000", 500),
        ("HV000", 500),
        ("P0001", 400),
        ("P0002", 500),
        ("P0004", 500),
        ("XX000", 500),
        ("PT401", 401),
        ("PT402", 402),
        ("PT404", 404),
        ("PT503", 503),
        ("PT999", 500),
        ("PTXYZ", 500),
        ("ZZ999", 400),
    ],
)
def test_sqlstate_decides_the_status(http: httpx.Client, state: str, status: int) -> None:
    """The gateway passes the SQLSTATE on unchanged, because retry policies depend on it."""
    answer = http.post("/rpc/fail", json={"state": state, "message": "Why not"})

    assert answer.status_code == status
    assert answer.headers["proxy-status"] == f"PostgREST; error={state}"
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert (answer.json()["code"], answer.json()["message"]) == (state, "Why not")
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize(
    ("state", "message", "status"),
    [
        ("21000", "UPDATE requires a WHERE clause", 400),
        ("22023", 'role "nobody" does not exist', 401),
    ],
)
def test_message_may_decide_the_status(
    http: httpx.Client, state: str, message: str, status: int
) -> None:
    """The message decides the status of pg-safeupdate's refusal and of a token's unknown role."""
    answer = http.post("/rpc/fail", json={"state": state, "message": message})

    assert answer.status_code == status


def test_plain_raise_is_400(http: httpx.Client) -> None:
    """A plain `raise` answers 400 with four keys, and null for each that the function left out."""
    answer = http.post("/rpc/plain_error", json={})

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "code": "P0001",
            "message": "No such bid",
            "details": "It was withdrawn",
            "hint": None,
        },
    )


def test_error_of_postgres_is_complete(http: httpx.Client) -> None:
    """Postgres's own detail arrives unchanged."""
    answer = http.post("/settings", json={"key": "fee"})

    assert (answer.status_code, answer.json()) == (
        409,
        {
            "code": "23505",
            "message": 'duplicate key value violates unique constraint "settings_pkey"',
            "details": "Key (key)=(fee) already exists.",
            "hint": None,
        },
    )


def test_detail_and_hint_pass_through(anon: Client) -> None:
    """The detail and hint that a function raises arrive unchanged."""
    arguments = {"state": "P0001", "message": "No", "detail": 'd\n"é"', "hint": "h"}
    with pytest.raises(APIError) as caught:
        anon.rpc("fail", arguments).execute()

    expected = {"code": "P0001", "message": "No", "details": 'd\n"é"', "hint": "h"}
    assert caught.value.json() == expected


def test_function_may_set_its_error(http: httpx.Client) -> None:
    """A function that raises SQLSTATE PGRST sets body, status and headers by JSON."""
    answer = http.post(
        "/rpc/fail",
        json={
            "state": "PGRST",
            "message": '{"code": "OWN", "message": "m", "details": "d", "hint": null}',
            "detail": '{"status": 451, "headers": {"X-Why": "law"}}',
        },
    )

    assert (answer.status_code, answer.headers["x-why"]) == (451, "law")
    assert answer.json() == {"code": "OWN", "message": "m", "details": "d", "hint": None}
    assert answer.headers["proxy-status"] == "PostgREST; error=OWN"


MESSAGE = '{"code": "OWN", "message": "m"}'


@pytest.mark.parametrize(
    ("message", "detail", "details"),
    [
        ("no JSON", None, "Invalid JSON value for MESSAGE: 'no JSON'"),
        ('{"code": "OWN"}', "{}", 'Invalid JSON value for MESSAGE: \'{"code": "OWN"}\''),
        (MESSAGE, "{}", "Invalid JSON value for DETAIL: '{}'"),
        (MESSAGE, "no JSON", "Invalid JSON value for DETAIL: 'no JSON'"),
        (
            MESSAGE,
            '{"status": "x", "headers": {}}',
            """Invalid JSON value for DETAIL: '{"status": "x", "headers": {}}'""",
        ),
        (
            MESSAGE,
            '{"status": 9, "headers": {}}',
            """Invalid JSON value for DETAIL: '{"status": 9, "headers": {}}'""",
        ),
        (
            MESSAGE,
            '{"status": 400, "headers": {"a": "b\\r\\nc: d"}}',
            """Invalid JSON value for DETAIL: '{"status": 400, "headers": {"a": "b\\r\\nc: d"}}'""",
        ),
    ],
)
def test_unreadable_raised_error_is_named(
    http: httpx.Client, message: str, detail: str | None, details: str
) -> None:
    """PGRST121 names the part of the raised JSON that it cannot read, and the expected form."""
    arguments = {"state": "PGRST", "message": message, "detail": detail}
    answer = http.post("/rpc/fail", json=arguments)

    assert (answer.status_code, answer.json()["code"]) == (500, "PGRST121")
    assert answer.json()["details"] == details
    half = "MESSAGE" if "MESSAGE" in details else "DETAIL"
    assert answer.json()["hint"].startswith(f"{half} must be a JSON object with obligatory keys:")


def test_raised_error_needs_a_detail(http: httpx.Client) -> None:
    """A raised PGRST error without a detail has no status, so PGRST121 answers."""
    answer = http.post("/rpc/undetailed_error", json={})

    assert answer.json()["details"] == "DETAIL is missing in the RAISE statement"


def test_head_tells_its_error_by_a_header(http: httpx.Client) -> None:
    """The header Proxy-Status tells the code of an error to HEAD, which has no body."""
    answer = http.head("/listings?nope=eq.1")

    assert (answer.status_code, answer.content) == (400, b"")
    assert answer.headers["proxy-status"] == "PostgREST; error=42703"


def test_error_at_commit_is_the_requests(http: httpx.Client, owner: psycopg.Connection) -> None:
    """A deferred constraint that fails at the commit refuses the request and undoes it."""
    answer = http.post("/later", json={"id": 1, "parent": 2})

    assert (answer.status_code, answer.json()["code"]) == (409, "23503")
    assert owner.execute("select from public.later").fetchall() == []


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
    """Each kind of unknown path answers 404 with its own code."""
    answer = http.get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_similar_table_is_suggested(anon: Client) -> None:
    """The hint suggests the table with the most similar name."""
    with pytest.raises(APIError) as caught:
        anon.table("listing").select("*").execute()

    assert caught.value.hint == "Perhaps you meant the table 'public.listings'"


def test_connection_serves_after_an_error(http: httpx.Client) -> None:
    """A connection serves the next request after an error."""
    for _ in range(60):
        assert http.get("/listings?nope=eq.1").status_code == 400
        assert http.get("/listings?select=id").status_code == 200
