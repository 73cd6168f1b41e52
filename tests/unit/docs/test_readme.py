"""The README's table of Stripe endpoints lists each event that the service wants."""

import re
from pathlib import Path
from typing import cast

from devstack import parts
from market import stripe_events
from market.database import Database
from market.stripe_api import StripeApi


ROOT = Path(__file__).parents[3]
EVENT = re.compile(r"`([a-z_]+(?:\.[a-z_]+)+)`")


def listed() -> set[str]:
    """Return the events in the README's rows of endpoints."""
    rows = [
        line
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith("| `/api/webhooks/")
    ]
    return {event for row in rows for event in EVENT.findall(row)}


def test_each_handled_event_is_listed() -> None:
    """An event that the dashboard does not send never reaches its handler."""
    handled = stripe_events.handlers(cast("StripeApi", None), cast("Database", None))

    assert set() == set(handled) - listed()


def test_the_local_endpoints_listen_to_the_same_events() -> None:
    """The fake Stripe delivers what the README tells operators to choose, and nothing else."""
    assert {*parts.MONEY_EVENTS, *parts.IDENTITY_EVENTS} == listed()
