"""PostgREST answers random queries as a plain evaluation in Python does."""

from collections.abc import Iterator, Sequence

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.devstack.gateway.rest.oracle import Comparison, Condition, Row, Term, Tree, quoted, sort
from tests.support.fuzzing import fuzzed
from tests.support.gateways import Gateway


WORDS = ("", "a", "ab", "Ab", "b%", "b_c", "x,y", '"q"', "null", "é", "a.b", "(c)", "not", "{d}")
NUMBERS = (-2, 0, 1, 3)
TAGS = ("red", "b c", "x,y", "")
ROWS: tuple[Row, ...] = tuple(
    {
        "id": id_,
        "n": (None, *NUMBERS)[id_ % 5],
        "word": (None, *WORDS)[id_ % 15],
        "flag": (None, True, False)[id_ % 3],
        "tags": (None, [], ["red"], ["red", "b c"], ["x,y", ""])[id_ * 3 % 5],
        "doc": (None, {}, {"k": 1}, {"k": "ab"}, {"k": None}, {"k": True})[id_ % 6],
    }
    for id_ in range(40)
)


@pytest.fixture(scope="module", autouse=True)
def _trials(gateway: Gateway) -> Iterator[None]:
    """Fill the table that the queries read."""
    with psycopg.connect(gateway.owner_url, autocommit=True) as connection:
        for row in ROWS:
            doc = None if row["doc"] is None else Jsonb(row["doc"])
            connection.execute(
                "insert into public.trials (id, n, word, flag, tags, doc) "
                "values (%(id)s, %(n)s, %(word)s, %(flag)s, %(tags)s, %(doc)s)",
                row | {"doc": doc},
            )
        yield
        connection.execute("delete from public.trials")


def listed(values: Sequence[object], ends: str) -> str:
    """Return a list in the notation of `in`, or of a Postgres array."""
    return ends[0] + ",".join(quoted(str(value)) for value in values) + ends[1]


def comparisons_of(field: str, values: Sequence[object]) -> st.SearchStrategy[Comparison]:
    """Return comparisons of a field with one of the values, and with several."""
    one = st.sampled_from(values)
    several = st.lists(one, max_size=3)
    operators = ["eq", "neq", "isdistinct"]
    operators += ["gt", "gte", "lt", "lte"] if field in ("n", "id") else []
    return st.one_of(
        st.builds(
            lambda operator, value, is_not: Comparison(field, operator, value, str(value), is_not),
            st.sampled_from(operators),
            one,
            st.booleans(),
        ),
        st.builds(
            lambda value, is_not: Comparison(field, "in", value, listed(value, "()"), is_not),
            several,
            st.booleans(),
        ),
        st.builds(
            lambda value, is_not: Comparison(field, "eq(any)", value, listed(value, "{}"), is_not),
            several,
            st.booleans(),
        ),
    )


def keywords_of(field: str, words: Sequence[str]) -> st.SearchStrategy[Comparison]:
    """Return comparisons of a field by `is`."""
    return st.builds(
        lambda word, is_not: Comparison(field, "is", word, word, is_not),
        st.sampled_from(words),
        st.booleans(),
    )


PATTERNS = st.builds(
    lambda operator, pattern, is_not: Comparison("word", operator, pattern, pattern, is_not),
    st.sampled_from(["like", "ilike"]),
    st.lists(st.sampled_from(["a", "B", "b", "*", "%", "_", ",", "é", "."]), max_size=4).map(
        "".join
    ),
    st.booleans(),
)
ARRAYS = st.builds(
    lambda operator, tags, is_not: Comparison("tags", operator, tags, listed(tags, "{}"), is_not),
    st.sampled_from(["cs", "cd", "ov"]),
    st.lists(st.sampled_from(TAGS), max_size=3),
    st.booleans(),
)
COMPARISONS = st.one_of(
    comparisons_of("n", NUMBERS),
    comparisons_of("id", (0, 7, 39)),
    comparisons_of("word", WORDS),
    comparisons_of("doc->>k", ("1", "ab", "true", "")),
    PATTERNS,
    ARRAYS,
    keywords_of("n", ["null", "not_null"]),
    keywords_of("doc->>k", ["null", "not_null"]),
    keywords_of("flag", ["null", "not_null", "unknown", "true", "false"]),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    COMPARISONS,
    lambda below: st.builds(
        Tree,
        st.sampled_from(["and", "or"]),
        st.lists(below, min_size=1, max_size=3).map(tuple),
        st.booleans(),
    ),
    max_leaves=8,
)
TERMS = st.builds(
    Term,
    st.sampled_from(["n", "flag", "id"]),
    st.booleans(),
    st.sampled_from([None, "first", "last"]),
)
PAGE = st.tuples(st.one_of(st.none(), st.integers(0, 45)), st.one_of(st.none(), st.integers(0, 45)))


@fuzzed(40)
@given(st.lists(CONDITIONS, max_size=3), st.lists(TERMS, max_size=3), PAGE)
def test_query_finds_what_it_means(
    http: httpx.Client,
    conditions: list[Condition],
    terms: list[Term],
    page: tuple[int | None, int | None],
) -> None:
    """Rows, order, page and count are those of the oracle."""
    limit, offset = page
    terms = [*terms, Term("id", is_descending=False, nulls=None)]
    found = [row for row in ROWS if all(test.holds(row) is True for test in conditions)]
    start = offset or 0
    expected = sort(found, terms)[start:][:limit]

    params: list[tuple[str, str | int | float | bool | None]] = [
        condition.sent() for condition in conditions
    ]
    params += [("select", "id"), ("order", ",".join(term.sent() for term in terms))]
    params += [] if limit is None else [("limit", str(limit))]
    params += [] if offset is None else [("offset", str(offset))]
    answer = http.get("/trials", params=params, headers={"Prefer": "count=exact"})

    if start > len(found):
        assert (answer.status_code, answer.json()["code"]) == (416, "PGRST103")
        return
    shown = f"{start}-{start + len(expected) - 1}" if expected else "*"
    assert answer.headers["content-range"] == f"{shown}/{len(found)}"
    assert answer.status_code == (200 if len(expected) == len(found) else 206)
    assert [row["id"] for row in answer.json()] == [row["id"] for row in expected]
