"""The `Accept` header chooses the form of the answer.

PostgREST: https://docs.postgrest.org/en/stable/references/api/resource_representation.html and
https://docs.postgrest.org/en/stable/references/observability.html#execution-plan
"""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.rest.api_request.media_types import Explain, Media, parse_accept
from devstack.gateway.rest.errors import RestError


PLAN = "application/vnd.pgrst.plan"


@pytest.mark.parametrize(
    ("header", "media", "content_type"),
    [
        ("*/*", Media.JSON, "application/json; charset=utf-8"),
        ("", Media.JSON, "application/json; charset=utf-8"),
        ("text/html, application/json;q=0.9", Media.JSON, "application/json; charset=utf-8"),
        ("text/csv;q=0.5, application/json", Media.JSON, "application/json; charset=utf-8"),
        ("text/csv, application/json", Media.CSV, "text/csv; charset=utf-8"),
        ("application/vnd.pgrst.array+json", Media.JSON, "application/json; charset=utf-8"),
        (
            "application/vnd.pgrst.object+json",
            Media.OBJECT,
            "application/vnd.pgrst.object+json; charset=utf-8",
        ),
        (
            "application/vnd.pgrst.object;nulls=stripped",
            Media.OBJECT,
            "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8",
        ),
        (
            "application/vnd.pgrst.array+json;nulls=stripped",
            Media.JSON,
            "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
        ),
    ],
)
def test_accept_chooses_the_form(header: str, media: Media, content_type: str) -> None:
    """The first form in the header that PostgREST can write is the answer's."""
    accepted = parse_accept(header)

    assert (accepted.media, accepted.content_type.decode()) == (media, content_type)
    assert accepted.explain is None


@pytest.mark.parametrize(
    ("header", "explain", "content_type"),
    [
        (PLAN, Explain("text", ()), f'{PLAN}+text; for="application/json"'),
        (f"{PLAN}+text; options=", Explain("text", ()), f'{PLAN}+text; for="application/json"'),
        (
            f"{PLAN}+json; options=wal|analyze|nope",
            Explain("json", ("analyze", "wal")),
            f'{PLAN}+json; for="application/json"; options=analyze|wal',
        ),
        (
            f'{PLAN}+json; for="application/vnd.pgrst.object;nulls=stripped"; options=verbose;',
            Explain("json", ("verbose",)),
            f'{PLAN}+json; for="application/vnd.pgrst.object+json;nulls=stripped"; options=verbose',
        ),
        (f'{PLAN}; for="text/csv"', Explain("text", ()), f'{PLAN}+text; for="text/csv"'),
    ],
)
def test_plan_is_a_form_too(header: str, explain: Explain, content_type: str) -> None:
    """The clients' `explain` names a format, the options of EXPLAIN and the planned form."""
    accepted = parse_accept(header)

    assert accepted.explain == explain
    assert accepted.content_type.decode() == f"{content_type}; charset=utf-8"


@pytest.mark.parametrize(
    "header",
    [
        "image/png",
        "application/geo+json",
        "text/plain",
        "application/octet-stream",
        f'{PLAN}; for="image/png"',
        f'{PLAN}; for="{PLAN}"',
    ],
)
def test_unknown_form_is_refused(header: str) -> None:
    """A form that PostgREST cannot write answers 406 and is named."""
    with pytest.raises(RestError) as caught:
        parse_accept(header)

    assert (caught.value.status, caught.value.code) == (406, "PGRST107")
    kind = header.partition(";")[0]
    assert caught.value.message == f"None of these media types are available: {kind}"


@given(st.text(alphabet='*/;=",.q019 applicationvnd.pgrst.plan+json', max_size=60))
def test_any_header_is_read_or_refused(header: str) -> None:
    """The parser returns a form or this one error for any header."""
    with suppress(RestError):
        assert parse_accept(header).content_type
