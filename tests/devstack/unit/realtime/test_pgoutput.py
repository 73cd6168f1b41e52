"""The decoder reads the messages of Postgres's output plugin, recorded from PostgreSQL 17."""

from datetime import UTC, datetime

from devstack.gateway.realtime.pgoutput import UNCHANGED, Action, Change, decode, transaction_ids


RELATION = (
    "52000044477075626c6963007265636f72646564006400030169640000000017ffffffff"
    "006e616d650000000019ffffffff006269670000000019ffffffff"
)
INSERT = [
    "4200000000022bac78000303ffda65aa2700000337",
    RELATION,
    "49000044474e000374000000013174000000056772c3bc6e6e",
    "430000000000022bac7800000000022baca8000303ffda65aa27",
]
#: One transaction updates another column, then the key itself.
UPDATES = [
    "4200000000022bad88000303ffda65ac9c00000338",
    RELATION,
    "55000044474e00037400000001317400000001626e",
    "55000044474b00037400000001316e6e4e00037400000001327400000001626e",
    "430000000000022bad8800000000022badb8000303ffda65ac9c",
]
DELETE = [
    "4200000000022badf8000303ffda65acd500000339",
    RELATION,
    "44000044474b00037400000001326e6e",
    "430000000000022badf800000000022bae28000303ffda65acd5",
]
TRUNCATE = [
    "4200000000022bb9b8000303ffda65ae420000033a",
    RELATION,
    "54000000010000004447",
    "430000000000022bb9b800000000022bbb28000303ffda65ae42",
]
#: An update of a row whose third value is stored apart and did not change.
WITHOUT_THE_BIG_VALUE = [
    "4200000000022bd318000303ffda68ad760000033f",
    RELATION,
    "55000044474e000374000000013374000000017175",
    "430000000000022bd31800000000022bd348000303ffda68ad76",
]
#: The same update with replica identity full; two of the old value's 2,100 letters are left here.
FULL_IDENTITY = [
    "4200000000022bd098000303ffda68aa5e0000033d",
    RELATION.replace("0064000301", "0066000301").replace("ffffffff00", "ffffffff01"),
    "55000044474f0003740000000133740000000178740000000279794e000374000000013374000000017a75",
    "430000000000022bd09800000000022bd0c8000303ffda68aa5e",
]


def decoded(*messages: str) -> list[Change]:
    return list(decode([bytes.fromhex(message) for message in messages], {}))


def test_a_transaction_has_its_id() -> None:
    """Each begin of a transaction has its id."""
    messages = [bytes.fromhex(message) for message in (*INSERT, *UPDATES)]

    assert {0x337, 0x338} == transaction_ids(messages)


def test_an_insert_carries_the_new_row_as_text() -> None:
    """The values of an insert are the texts that Postgres prints, and None for null."""
    [change] = decoded(*INSERT)

    assert Action.INSERT == change.action
    assert ("1", "grün", None) == change.new
    assert change.old is None


def test_a_change_names_its_table_and_its_identity() -> None:
    """A change names its table and the identity's columns, which decide about the old row."""
    [change] = decoded(*INSERT)

    assert ("public", "recorded") == (change.relation.schema, change.relation.table)
    assert ["id", "name", "big"] == [column.name for column in change.relation.columns]
    assert [True, False, False] == [column.is_identity for column in change.relation.columns]


def test_a_change_carries_the_time_and_place_of_its_commit() -> None:
    """All rows of a transaction have the time and position of its commit."""
    first, second = decoded(*UPDATES)

    assert first.committed_at == second.committed_at
    assert datetime(2026, 11, 24, tzinfo=UTC).date() == first.committed_at.date()
    assert 0x022BAD88 == first.commit_lsn == second.commit_lsn


def test_an_update_carries_an_old_row_only_when_its_key_changed() -> None:
    """By default an update has an old row only if its key changed, and the old row is the key."""
    first, second = decoded(*UPDATES)

    assert (None, ("1", "b", None)) == (first.old, first.new)
    assert (("1", None, None), ("2", "b", None)) == (second.old, second.new)
    assert not second.has_whole_old


def test_a_delete_carries_the_key_alone() -> None:
    """A delete has the old key and no new row."""
    [change] = decoded(*DELETE)

    assert (Action.DELETE, None) == (change.action, change.new)
    assert ("2", None, None) == change.old


def test_a_value_that_did_not_change_may_be_missing() -> None:
    """Postgres omits an unchanged value that is stored apart; the decoder does not return null."""
    [change] = decoded(*WITHOUT_THE_BIG_VALUE)

    assert ("3", "q", UNCHANGED) == change.new


def test_a_full_identity_carries_the_whole_old_row() -> None:
    """With replica identity full the old row has the values that the new row omits."""
    [change] = decoded(*FULL_IDENTITY)

    assert change.has_whole_old
    assert (("3", "x", "yy"), ("3", "z", UNCHANGED)) == (change.old, change.new)
    assert all(column.is_identity for column in change.relation.columns)


def test_a_truncate_is_no_change() -> None:
    """The decoder returns no change for a truncate, which Realtime never sends."""
    assert [] == decoded(*TRUNCATE)


def test_transactions_follow_each_other_in_commit_order() -> None:
    """A batch has several transactions, and each keeps its own commit."""
    changes = decoded(*INSERT, *UPDATES, *DELETE)

    assert ["INSERT", "UPDATE", "UPDATE", "DELETE"] == [change.action for change in changes]
    assert sorted(changes, key=lambda change: change.commit_lsn) == changes
