"""Rarer forms of calls: list bodies, types of fixed length, domains over rows, overloads.

https://docs.postgrest.org/en/stable/references/api/functions.html
"""

from typing import Any

import httpx
import pytest
from supabase import Client


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
