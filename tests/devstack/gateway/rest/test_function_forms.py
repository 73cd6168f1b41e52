"""Forms of calls and of their results that PostgREST documents.

https://docs.postgrest.org/en/stable/references/api/functions.html, pagination_count.html,
preferences.html, and transactions.html for what a function says of its response.
"""

from typing import Any

import httpx
import psycopg
import pytest
from supabase import Client

from tests.devstack.market import TEAPOT


@pytest.mark.parametrize(
    ("name", "kind", "body", "expected"),
    [
        ("shout", "text/plain", "söft", "SÖFT"),
        ("shout", "text/plain; charset=utf-8", "", ""),
        ("size", "application/octet-stream", "a\0b", 3),
        ("root", "text/xml", "<bid><cents/></bid>", "bid"),
        ("take", "application/json", '{"a": 1.50}', {"taken": {"a": 1.50}}),
        ("add", "application/x-www-form-urlencoded", "a=1&b=2", 3),
        ("joined", "application/x-www-form-urlencoded", "words=%7Ba,b%7D", "a+b"),
        ("summed", "application/x-www-form-urlencoded", "numbers=1&numbers=2", 3),
        ("add", "application/json", '{"a": 1}', 11),
        ("nothing", "application/json", "", None),
    ],
)
def test_body_of_each_kind_is_an_argument(
    http: httpx.Client, name: str, kind: str, body: str, expected: Any
) -> None:
    """One unnamed text, bytea, xml or json takes the body whole; forms and objects have names."""
    answer = http.post(f"/rpc/{name}", content=body.encode(), headers={"Content-Type": kind})

    assert (answer.json() if answer.content else None) == expected
    assert answer.is_success


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [("text/plain", "text"), ("application/octet-stream", "bytea"), ("text/xml", "xml")],
)
def test_no_function_for_a_whole_body(http: httpx.Client, kind: str, parameter: str) -> None:
    """The error names the function that PostgREST looked for, and gives no hint."""
    answer = http.post("/rpc/add", content=b"x", headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()) == (
        404,
        {
            "code": "PGRST202",
            "message": "Could not find the function public.add in the schema cache",
            "details": "Searched for the function public.add with a single unnamed "
            f"{parameter} parameter, but no matches were found in the schema cache.",
            "hint": None,
        },
    )


def test_other_kinds_of_bodies_are_refused(http: httpx.Client) -> None:
    """PostgREST refuses any other media type and names it."""
    answer = http.post("/rpc/add", content=b"x", headers={"Content-Type": "image/png"})

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST102")
    assert answer.json()["message"] == "Content-Type not acceptable: image/png"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("area", {"a": 3}), 9),
        (("area", {"a": 3, "b": 4}), 12),
        (("summed", {"numbers": [1, 2]}), 3),
        (("counted", {}), 0),
        (("counted", {"words": ["a", "b"]}), 2),
        (("any_row", {}), {"one": 1, "word": "x"}),
        (("no_number", {}), None),
    ],
)
def test_function_is_found_by_its_arguments(
    anon: Client, arguments: tuple[str, dict[str, Any]], expected: Any
) -> None:
    """Argument names select the overload; a variadic one is an array and may have a default."""
    assert anon.rpc(*arguments).execute().data == expected


def test_missing_argument_is_no_match(http: httpx.Client) -> None:
    """A call must give each required argument, and a variadic one without a default."""
    answers = [http.get("/rpc/add"), http.get("/rpc/summed"), http.get("/rpc/echo")]

    assert [answer.json()["code"] for answer in answers] == ["PGRST202"] * 3
    assert answers[0].json() == {
        "code": "PGRST202",
        "message": "Could not find the function public.add without parameters in the schema cache",
        "details": "Searched for the function public.add without parameters, but no matches were "
        "found in the schema cache.",
        "hint": None,
    }


def test_columns_choose_the_arguments(http: httpx.Client) -> None:
    """PostgREST ignores the arguments that `columns` leaves out."""
    answer = http.post("/rpc/add?columns=a", json={"a": 1, "b": 2, "c": 3})

    assert answer.json() == 11


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("or=(title.like.B*,title.like.R*)&order=title.desc", ["Red bicycle", "Blue teapot"]),
        ("start_cents=gte.2000&order=start_cents&limit=1", ["Blue teapot"]),
        ("order=start_cents&offset=2", ['Green, "good" chair (old)']),
        ("select=title,auctions!inner(id)&order=title", ["Blue teapot", "Red bicycle"]),
        ("select=title,categories(name)&categories=is.null", ['Green, "good" chair (old)']),
        ("select=title,public_profiles(id)&order=public_profiles(id).desc,title&limit=1",
         ['Green, "good" chair (old)']),
        ("location->>state=eq.VIC", ["Blue teapot"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_set_is_read_like_a_table(
    http: httpx.Client, method: str, query: str, expected: list[str]
) -> None:
    """Filters, trees, order, page and embeds apply to a returned set."""
    url = f"/rpc/listings_above?{query}" + ("&cents=0" if method == "GET" else "")
    answer = http.request(method, url, json={"cents": 0} if method == "POST" else None)

    assert [row["title"] for row in answer.json()] == expected


def test_composite_may_embed(http: httpx.Client) -> None:
    """A function's composite result is one object, and may embed other rows."""
    answer = http.get(f"/rpc/one_listing?id={TEAPOT}&select=title,auctions(current_price_cents)")

    assert answer.json() == {"title": "Blue teapot", "auctions": [{"current_price_cents": 2000}]}


@pytest.mark.parametrize(
    ("path", "count", "content_range"),
    [
        ("add?a=1", "exact", "0-0/1"),
        ("pair", "exact", "0-0/1"),
        ("numbers?up_to=3", "exact", "0-2/3"),
        ("numbers?up_to=3", "planned", "0-2/*"),
        ("numbers?up_to=0", "exact", "*/0"),
        ("listings_above?cents=0&select=title,auctions!inner(id)", "exact", "0-1/2"),
        ("nothing", "exact", "0-0/*"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_result_is_counted(
    http: httpx.Client, method: str, path: str, count: str, content_range: str
) -> None:
    """A scalar counts as one row. PostgREST does not ask the planner about functions."""
    answer = http.request(method, f"/rpc/{path}", headers={"Prefer": f"count={count}"})

    assert answer.headers["content-range"] == content_range


@pytest.mark.parametrize(
    ("method", "content_range"), [("GET", "1-1/9"), ("HEAD", "0-8/9"), ("POST", "0-8/9")]
)
def test_range_header_is_for_get_alone(http: httpx.Client, method: str, content_range: str) -> None:
    """PostgREST obeys a Range header only of GET (RFC 9110); limit and offset hold for all."""
    headers = {"Range": "1-1", "Prefer": "count=exact"}
    query = "" if method == "POST" else "?up_to=9"
    body = {"up_to": 9} if method == "POST" else None
    answer = http.request(method, f"/rpc/numbers{query}", headers=headers, json=body)
    paged = http.request(
        method, f"/rpc/numbers{query or '?'}&limit=2&offset=3", headers=headers | {"Range": ""},
        json=body,
    )  # fmt: skip

    assert answer.headers["content-range"] == content_range
    assert (paged.status_code, paged.headers["content-range"]) == (206, "3-4/9")


def test_max_affected_holds_for_functions(http: httpx.Client, owner: psycopg.Connection) -> None:
    """A set has at most the allowed number of rows, or the call is undone."""
    owner.execute("insert into public.settings (key) values ('drop_a'), ('drop_b')")
    answers = {
        limit: http.post(
            "/rpc/drop_settings",
            json={"prefix": "drop"},
            headers={"Prefer": f"handling=strict, max-affected={limit}"},
        )
        for limit in (1, 2)
    }

    assert (answers[1].status_code, answers[1].json()) == (
        400,
        {
            "code": "PGRST124",
            "message": "Query result exceeds max-affected preference constraint",
            "details": "The query affects 2 rows",
            "hint": None,
        },
    )
    assert answers[2].status_code == 200
    assert sorted(row["key"] for row in answers[2].json()) == ["drop_a", "drop_b"]
    assert answers[2].headers["preference-applied"] == "handling=strict, max-affected=2"


@pytest.mark.parametrize("name", ["nothing", "add"])
def test_max_affected_needs_a_set(http: httpx.Client, name: str) -> None:
    """PGRST128 refuses max-affected for a function that returns no set."""
    headers = {"Prefer": "handling=strict, max-affected=1"}
    answer = http.post(f"/rpc/{name}", json={} if name == "nothing" else {"a": 1}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST128")
    assert answer.json()["message"] == (
        "Function must return SETOF or TABLE when max-affected preference is used with "
        "handling=strict"
    )


@pytest.mark.parametrize("status", ["abc", "0", "99", "600", "20", "2000"])
def test_status_has_to_be_one(http: httpx.Client, status: str) -> None:
    """PostgREST names a value of response.status that is no status."""
    answer = http.post("/rpc/answer_with", json={"status": status, "headers": ""})

    assert (answer.status_code, answer.json()["code"]) == (500, "PGRST112")
    assert answer.json()["message"] == "response.status guc must be a valid status code"


@pytest.mark.parametrize(
    "headers",
    [
        "{}x",
        '{"a": "b"}',
        '[{"a": 1}]',
        '["a"]',
        '[{"a": "b", "c": "d"}]',
        "[{}]",
        '[{"a": "b\\r\\nc: d"}]',
        '[{"a b": "c"}]',
    ],
)
def test_headers_have_to_be_a_list(http: httpx.Client, headers: str) -> None:
    """PostgREST names a response.headers that is no list, and lets no line break through."""
    answer = http.post("/rpc/answer_with", json={"status": "200", "headers": headers})

    assert (answer.status_code, answer.json()["code"]) == (500, "PGRST111")
    assert answer.json()["message"].startswith("response.headers guc must be a JSON array")


def test_headers_of_a_function_win(http: httpx.Client) -> None:
    """A function's headers replace those of the answer, and may repeat."""
    headers = '[{"Content-Type": "text/x"}, {"Set-Cookie": "a=1"}, {"Set-Cookie": "b=2"}]'
    answer = http.post("/rpc/answer_with", json={"status": "202", "headers": headers})

    assert (answer.status_code, answer.headers["content-type"]) == (202, "text/x")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("accept", ["text/plain", "application/octet-stream", "image/png"])
def test_form_that_cannot_be_made_is_406(http: httpx.Client, accept: str) -> None:
    """PGRST107 names a media type that PostgREST cannot write."""
    answer = http.get("/rpc/add?a=1", headers={"Accept": accept})

    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST107")


def test_rows_of_no_table_embed_nothing(http: httpx.Client) -> None:
    """A function that returns columns of its own has no relationships."""
    answer = http.get("/rpc/prices?select=name,listings(id)")

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST200")
    assert answer.json()["details"] == (
        "Searched for a foreign key relationship between 'prices' and 'listings' in the schema "
        "'public', but no matches were found."
    )
