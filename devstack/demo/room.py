"""The participants of the demo's auction, and its expected result."""

from dataclasses import dataclass

from devstack.demo.people import Person
from devstack.demo.watch import Watcher


START_CENTS = 10_000
RESERVE_CENTS = 20_000
#: 245.00: what the runner-up would have paid at most, and one step of the ladder.
FINAL_CENTS = 24_500
#: Each row of the auction, with what the ladder makes of four bids: who, how much, automatic?
BID_ROWS = [
    ("Ben", 10_000, False),
    ("Cleo", 11_000, False),
    ("Ben", 11_500, True),
    ("Dan", 12_000, False),
    ("Ben", 15_000, True),
    ("Dan", 20_000, True),
    ("Ben", 21_000, False),
    ("Dan", 24_000, True),
    ("Ben", 24_500, True),
]
#: The timeout of steps that take milliseconds; only a fault takes longer.
PATIENCE_S = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The people in the auction, and the visitor who watches it."""

    seller: Person
    ben: Person
    cleo: Person
    dan: Person
    visitor: Watcher

    def name_of(self, user_id: str) -> str:
        """Return the name that the story gives a user."""
        names = {person.user_id: person.name for person in (self.ben, self.cleo, self.dan)}
        return names.get(user_id, "somebody else")
