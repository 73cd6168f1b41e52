"""What a join's bindings mean."""

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
    """In whatever order they come; clients know a binding by it, and 0 would be none."""
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
        ({}, True),
    ],
)
def test_a_binding_concerns_what_it_names(params: dict[str, str], *, expected: bool) -> None:
    """What is left out means any, but for the schema, which is public."""
    assert expected is read_binding(params).concerns(inserted("public", "t"))


@pytest.mark.parametrize(
    "params",
    [
        {"event": "TRUNCATE"},
        {"event": 1},
        {"table": ["t"]},
        {"filter": "id=eq.1"},
        {"select": ["id"]},
        {"table": "t", "filter": "id"},
        {"table": "t", "select": "id"},
    ],
)
def test_a_binding_that_means_nothing_is_refused(params: dict[str, object]) -> None:
    """The channel is told so, and never taken to mean something else."""
    with pytest.raises(BindingError):
        read_binding(params)
