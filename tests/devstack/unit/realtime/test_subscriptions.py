"""A join's bindings become subscriptions."""

from datetime import UTC, datetime

import pytest

from devstack.gateway.realtime.pgoutput import Action, Change, Relation
from devstack.gateway.realtime.subscriptions import BindingError, binding_id, read_binding


def inserted(schema: str, table: str) -> Change:
    return Change(
        action=Action.INSERT,
        relation=Relation(oid=1, schema=schema, table=table, columns=()),
        new=(),
        old=None,
        has_whole_old=False,
        commit_lsn=1,
        committed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_equal_parameters_have_equal_numbers() -> None:
    """Equal bindings have equal ids, in any order of their keys, and never 0."""
    first = binding_id({"event": "*", "schema": "public"})
    second = binding_id({"schema": "public", "event": "*"})

    assert first == second
    assert 0 < first < 2**31
    assert first != binding_id({"event": "INSERT", "schema": "public"})


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"event": "*", "schema": "public", "table": "t"}, True),
        ({"event": "INSERT", "schema": "public", "table": "t"}, True),
        ({"event": "insert", "table": "t"}, True),
        ({"event": "UPDATE", "schema": "public", "table": "t"}, False),
        ({"event": "*", "schema": "public"}, True),
        ({"event": "*", "schema": "public", "table": "*"}, True),
        ({"event": "*", "schema": "*"}, True),
        ({"event": "*", "schema": "public", "table": "other"}, False),
        ({"event": "*", "schema": "other"}, False),
        ({"schema": "public", "event": "TRUNCATE"}, True),
        ({"table": "t", "event": 1, "filter": None, "select": [1]}, True),
    ],
)
def test_a_binding_concerns_what_it_names(params: dict[str, str], *, expected: bool) -> None:
    """A missing field of a binding matches anything; the schema's default is public.

    An event that there is not means any event, as in Realtime's own code.
    """
    assert expected is read_binding(params).covers(inserted("public", "t"))


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "No subscription params provided."),
        ({"event": "*"}, "No subscription params provided."),
        ({"table": ["t"]}, "No subscription params provided."),
        ({"filter": "id=eq.1"}, "No subscription params provided."),
        ({"table": "t", "filter": "id=eq.1"}, "No subscription params provided."),
        (
            {"schema": "public", "table": "t", "filter": "id"},
            'Error parsing `filter` params: ["id"]',
        ),
        ({"table": "t", "select": "id"}, "Error parsing `select` params: expected a list"),
        ({"schema": "public", "select": ["id"]}, "Column selection is not supported for wildcard"),
    ],
)
def test_a_meaningless_binding_is_refused(params: dict[str, object], problem: str) -> None:
    """The parser refuses a meaningless binding in Realtime's words, which the channel gets.

    https://github.com/supabase/realtime/blob/main/lib/extensions/postgres_cdc_rls/subscriptions.ex
    """
    with pytest.raises(BindingError) as refusal:
        read_binding(params)

    assert str(refusal.value).startswith(problem)
