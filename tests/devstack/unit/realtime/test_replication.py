"""Visibility of transactions, by the text of a snapshot."""

import pytest

from devstack.gateway.realtime.replication import WRAP, are_visible


EPOCH = 3 * WRAP


@pytest.mark.parametrize(
    ("ids", "snapshot", "expected"),
    [
        pytest.param([9], "10:10:", True, id="before a snapshot with nothing in progress"),
        pytest.param([10], "10:10:", False, id="at the end"),
        pytest.param([11], "10:10:", False, id="after the end"),
        pytest.param([7], "5:10:5,7", False, id="in progress"),
        pytest.param([6, 9], "5:10:5,7", True, id="between those in progress"),
        pytest.param([6, 7], "5:10:5,7", False, id="one of two in progress"),
        pytest.param([7], f"{EPOCH + 5}:{EPOCH + 10}:{EPOCH + 5},{EPOCH + 7}", False, id="epoch"),
        pytest.param([6], f"{EPOCH + 5}:{EPOCH + 10}:{EPOCH + 5}", True, id="done in an epoch"),
        pytest.param([WRAP - 1], f"{EPOCH + 3}:{EPOCH + 3}:", True, id="before the ids wrapped"),
        pytest.param([3], f"{EPOCH - 1}:{EPOCH - 1}:", False, id="after the ids wrapped"),
    ],
)
def test_a_transaction_is_visible_once_it_is_not_in_progress(
    ids: list[int], snapshot: str, *, expected: bool
) -> None:
    """A transaction is visible if the snapshot does not list it; its id has 32 bits of the 64."""
    assert expected == are_visible(ids, snapshot)
