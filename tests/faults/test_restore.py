"""The database is restored to a state of an hour ago, and reconcile books that hour again."""

import contextlib
from collections.abc import Iterator, Mapping

import pytest

from tests.faults.reconciling import Reconciler, look_at_once
from tests.faults.restoring import Drill
from tests.integration.service.shop import Shop


pytestmark = pytest.mark.xdist_group("deliveries")


@pytest.fixture
def drill(
    shop: Shop, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Drill]:
    look_at_once(monkeypatch)
    with contextlib.closing(Reconciler.of(environment)) as reconciler:
        yield Drill(shop=shop, reconciler=reconciler)


def test_lost_hour_is_booked_once_and_sent_never_again(shop: Shop, drill: Drill) -> None:
    """Each capture, refund, transfer and reversal is booked once, from Stripe's own objects."""
    snapshot = drill.prepare()
    drill.live_an_hour()
    sent, before = drill.at_stripe(), drill.books()

    snapshot.restore()
    assert before != drill.books()
    drill.recover()

    assert sent == drill.at_stripe()
    assert [0, 0, 2_850] == sorted(transfer[2] for transfer in sent["transfers"])
    assert before == drill.books()
    money = {name: cents for name, (_, cents) in drill.books().items()}
    assert drill.expected_at_stripe() == money
    assert [] == drill.facts_booked_twice()
    shop.check_books()
