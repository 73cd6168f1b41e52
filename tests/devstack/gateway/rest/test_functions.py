"""Calls of functions: the chosen function, its arguments, the form of its result.

https://docs.postgrest.org/en/stable/references/api/functions.html
"""

from typing import Any

import httpx
import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import Client

from tests.devstack.market import BICYCLE, TEAPOT


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("add", {"a": 1, "b": 2}, 3),
        ("add", {"a": 1}, 11),
        ("echo", {"document": {"a": [1, None, "x"]}}, {"a": [1, None, "x"]}),
        ("joined", {"words": ["a", "b,c"]}, "a+b,c"),
        ("numbers", {"up_to": 3}, [1, 2, 3]),
        ("pair", {}, {"a": 1, "b": "x"}),
        ("prices", {}, None),
        ("take", {"any": "thing"}, {"taken": {"any": "thing"}}),
    ],
)
def test_call_by_post(anon: Client, name: str, arguments: dict[str, Any], expected: Any) -> None:
    """PostgREST finds arguments by name, and writes the result by the function's type."""
    found = anon.rpc(name, arguments).execute().data

    if expected is None:
        expected = [
            {"name": "Red bicycle", "cents": 1000},
            {"name": "Blue teapot", "cents": 2000},
            {"name": 'Green, "good" chair (old)', "cents": 3000},
        ]
    assert found == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("add?a=1&b=2", "3"),
        ("joined?words={a,b}", '"a+b"'),
        ('echo?document={"a":1}', '{"a": 1}'),
        ("summed?numbers=1&numbers=2&numbers=3", "6"),
        ("add?a=1&a=2", "12"),
        ("numbers?up_to=3&limit=1&offset=1", "[2]"),
        (f"one_listing?id={TEAPOT}&select=title", '{"title":"Blue teapot"}'),
        (f"listings_above?cents=1500&id=eq.{TEAPOT}&select=title", '[{"title":"Blue teapot"}]'),
        ("listings_above?cents=0&select=title&order=title&limit=1", '[{"title":"Blue teapot"}]'),
        (
            f"listings_above?cents=0&id=eq.{TEAPOT}&select=public_profiles(display_name)",
            '[{"public_profiles":{"display_name":"alice"}}]',
        ),
    ],
)
def test_call_by_get(http: httpx.Client, query: str, expected: str) -> None:
    """A parameter of the query that is no argument filters the result."""
    answer = http.get(f"/rpc/{query}")

    assert (answer.status_code, answer.text) == (200, expected)


def test_void_is_204(http: httpx.Client) -> None:
    """A void function answers 204 without a body."""
    answer = http.post("/rpc/nothing", json={})

    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers


def test_set_counts_and_pages(http: httpx.Client) -> None:
    """A returned set counts and pages like a table."""
    answer = http.get("/rpc/numbers?up_to=9", headers={"Range": "0-1", "Prefer": "count=exact"})

    assert (answer.status_code, answer.headers["content-range"]) == (206, "0-1/9")
    assert answer.json() == [1, 2]


def test_single_of_a_set(http: httpx.Client) -> None:
    """A set of one row may be an object; PostgREST refuses a longer one."""
    headers = {"Accept": "application/vnd.pgrst.object+json"}
    one = http.get(f"/rpc/listings_above?cents=0&id=eq.{BICYCLE}&select=title", headers=headers)
    many = http.get("/rpc/listings_above?cents=0", headers=headers)

    assert one.json() == {"title": "Red bicycle"}
    assert (many.status_code, many.json()["code"]) == (406, "PGRST116")


def test_stable_function_may_not_write(http: httpx.Client) -> None:
    """A stable function runs in a read-only transaction, by POST too."""
    answer = http.post("/rpc/write_in_stable", json={})

    assert (answer.status_code, answer.json()["code"]) == (405, "25006")


def test_volatile_function_may_not_write_by_get(
    http: httpx.Client, owner: psycopg.Connection
) -> None:
    """A GET runs a volatile function in a read-only transaction."""
    answer = http.get("/rpc/put_setting?key=got&value=1")

    assert (answer.status_code, answer.json()["code"]) == (405, "25006")
    assert owner.execute("select from public.settings where key = 'got'").fetchall() == []


def test_function_settings_hold_for_the_call(anon: Client) -> None:
    """The function's own statement_timeout wins over the role's."""
    found = anon.rpc("settings_of_call", {}).execute()

    assert found.data == {"timeout": "1234ms", "read_only": "off"}


def test_response_settings_shape_the_answer(http: httpx.Client) -> None:
    """A function may set status and headers of the answer."""
    answer = http.post("/rpc/teapot", json={})

    assert (answer.status_code, answer.json()) == (418, {"pot": True})
    assert (answer.headers["x-pot"], answer.headers["set-cookie"]) == ("tea", "a=b")


def test_raw_bodies_reach_an_unnamed_parameter(http: httpx.Client) -> None:
    """One unnamed json argument takes an object, or an array of objects, whole."""
    taken = [http.post("/rpc/take", json=body).json() for body in ({"a": [1]}, [{"a": 1}], [])]

    assert taken == [{"taken": {"a": [1]}}, {"taken": [{"a": 1}]}, {"taken": []}]


def test_array_of_anything_but_objects_is_refused(http: httpx.Client) -> None:
    """PostgREST looks for argument names in each row, even for one unnamed json argument."""
    answer = http.post("/rpc/take", json=[1, "x"])

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST102")
    assert answer.json()["message"] == "All object keys must match"


def test_unknown_function_is_named(anon: Client) -> None:
    """The error names the function and its arguments, and suggests another."""
    with pytest.raises(APIError) as caught:
        anon.rpc("twices", {"n": 1, "a": 2}).execute()

    assert caught.value.json() == {
        "code": "PGRST202",
        "message": "Could not find the function public.twices(a, n) in the schema cache",
        "details": "Searched for the function public.twices with parameters a, n or with a single "
        "unnamed json/jsonb parameter, but no matches were found in the schema cache.",
        "hint": "Perhaps you meant to call the function public.twice",
    }


def test_wrong_arguments_are_named(anon: Client) -> None:
    """The hint is the signature of the existing function."""
    with pytest.raises(APIError) as caught:
        anon.rpc("add", {"a": 1, "c": 1}).execute()

    assert (
        caught.value.message == "Could not find the function public.add(a, c) in the schema cache"
    )
    assert caught.value.hint == "Perhaps you meant to call the function public.add(a, b)"


def test_overload_that_fits_twice_is_300(http: httpx.Client) -> None:
    """Overloads that differ in types alone answer 300."""
    answer = http.post("/rpc/twice", json={"n": 1})

    assert (answer.status_code, answer.json()["code"]) == (300, "PGRST203")
    assert answer.json()["message"] == (
        "Could not choose the best candidate function between: "
        "public.twice(n => integer), public.twice(n => text)"
    )


def test_argument_of_a_wrong_type_is_400(anon: Client) -> None:
    """Postgres names a value that it cannot read as the argument's type."""
    with pytest.raises(APIError) as caught:
        anon.rpc("add", {"a": "x"}).execute()

    assert caught.value.code == "22P02"


def test_other_methods_are_405(http: httpx.Client) -> None:
    """GET, HEAD and POST call a function; any other method answers 405."""
    answer = http.patch("/rpc/add", json={"a": 1})

    assert (answer.status_code, answer.json()["code"]) == (405, "PGRST101")


@pytest.mark.parametrize("method", ["GET", "POST", "form", "csv"])
def test_value_of_a_fixed_length_type_is_whole(http: httpx.Client, method: str) -> None:
    """An argument of type character or bit keeps its length; the bare type would cut it to 1."""
    if method == "GET":
        answer = http.get("/rpc/fixed", params={"word": "abc", "flags": "101", "words": "{de,fg}"})
    elif method == "POST":
        answer = http.post(
            "/rpc/fixed", json={"word": "abc", "flags": "101", "words": ["de", "fg"]}
        )
    else:
        kind = {"form": "application/x-www-form-urlencoded", "csv": "text/csv"}[method]
        body = {
            "form": "word=abc&flags=101&words=%7Bde,fg%7D",
            "csv": 'word,flags,words\nabc,101,"{de,fg}"\n',
        }[method]
        answer = http.post("/rpc/fixed", content=body.encode(), headers={"Content-Type": kind})

    assert answer.json() == ["abc", "101", ["de", "fg"]]


def test_variadic_of_a_fixed_length_type_is_whole(http: httpx.Client) -> None:
    """Each member of a variadic argument keeps its whole length."""
    assert http.get("/rpc/fixed_words?words=abc&words=de").json() == "abc+de"
    assert http.post("/rpc/fixed_words", json={"words": ["abc", "de"]}).json() == "abc+de"


def test_client_sends_a_fixed_length_type(anon: Client) -> None:
    """The official client gets the whole value too."""
    found = anon.rpc("fixed", {"word": "abc", "flags": "11", "words": ["de"]}).execute()

    assert found.data == ["abc", "11", ["de"]]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("dearest?select=title", {"title": 'Green, "good" chair (old)'}),
        ("dearest?select=start_cents,categories(name)", {"start_cents": 3000, "categories": []}),
        ("dear_listings?select=title,auctions(status)&title=like.B*",
         [{"title": "Blue teapot", "auctions": [{"status": "live"}]}]),
        ("dear_listings?select=start_cents&order=start_cents.desc&limit=1",
         [{"start_cents": 3000}]),
        ("sized", {"width": 1, "height": 2}),
        ("sized?select=height", {"height": 2}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_domain_over_a_row_is_a_row(
    http: httpx.Client, method: str, path: str, expected: Any
) -> None:
    """A call selects, filters and embeds fields of a domain over a row, at any depth."""
    answer = http.request(method, f"/rpc/{path}", json={} if method == "POST" else None)

    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_overload_with_an_unnamed_default_is_ambiguous(http: httpx.Client, method: str) -> None:
    """A call without arguments is ambiguous if both overloads accept it."""
    answer = http.request(method, "/rpc/either", json={} if method == "POST" else None)

    assert (answer.status_code, answer.json()) == (
        300,
        {
            "code": "PGRST203",
            "message": "Could not choose the best candidate function between: public.either(), "
            "public.either( => jsonb)",
            "details": None,
            "hint": "Try renaming the parameters or the function itself in the database so "
            "function overloading can be resolved",
        },
    )


def test_unnamed_default_takes_the_body(http: httpx.Client) -> None:
    """A call by POST gives its body to the unnamed argument.

    PostgREST sends `{}` for an empty body.
    """
    whole = http.post("/rpc/either", json={"a": 1})
    text = http.post("/rpc/optional", content=b"x", headers={"Content-Type": "text/plain"})
    got = http.get("/rpc/optional")

    assert [whole.json(), text.json(), got.json()] == ['{"a": 1}', "x", "{}"]


def test_function_with_an_unnamed_argument_of_another_type_is_passed_over(
    http: httpx.Client,
) -> None:
    """PostgREST does not find a function with an unnamed argument of another type."""
    assert http.get("/rpc/unnamed").json()["code"] == "PGRST202"
    assert http.get("/rpc/half_named?a=1").json() == 6


@pytest.mark.parametrize(
    ("name", "kind", "body", "expected"),
    [
        ("add", "application/json", ' [{"a": 1, "b": 2}, {"a": 30, "b": 40}]', 3),
        ("add?columns=a", "application/json", '[{"a": 1, "b": 2}, {"c": 3}]', 11),
        ("no_number", "application/json", "[]", None),
        ("take", "application/json", '[{"a": 1}, {"a": 2}]', {"taken": [{"a": 1}, {"a": 2}]}),
        # PostgREST takes any body that is neither an object nor an array for an empty array.
        ("take", "application/json", "5", {"taken": []}),
        ("add", "text/csv", "a,b\n1,2\n30,40\n", 3),
        ("add", "text/csv", "a\n1\n", 11),
        ("listings_above?select=start_cents", "text/csv", "cents\n2500", [{"start_cents": 3000}]),
        ("twice_or_null", "text/csv", "n\nNULL\n", None),
    ],
)
def test_list_calls_with_its_first_row(
    http: httpx.Client, name: str, kind: str, body: str, expected: Any
) -> None:
    """An array or CSV has the arguments in its first row.

    One unnamed json argument takes all rows.
    """
    answer = http.post(f"/rpc/{name}", content=body.encode(), headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("application/json", '[{"a": 1}, {"b": 2}]', 400, "PGRST102"),
        ("application/json", "[1, 2]", 400, "PGRST102"),
        ("application/json", '[{"z": 1}]', 404, "PGRST202"),
        ("application/json", "[]", 404, "PGRST202"),
        ("text/csv", "a,b\n1\n", 400, "PGRST102"),
        ("text/csv", "z\n1\n", 404, "PGRST202"),
        ("text/csv", "a\nx\n", 400, "22P02"),
    ],
)
def test_rows_with_different_keys_are_refused(
    http: httpx.Client, kind: str, body: str, status: int, code: str
) -> None:
    """PostgREST refuses rows whose keys differ, in any order of the rows."""
    answer = http.post("/rpc/add", content=body.encode(), headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_client_calls_with_a_list(service: Client) -> None:
    """The official client sends an array as it is."""
    arguments: Any = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]

    assert service.rpc("add", arguments).execute().data == 3
