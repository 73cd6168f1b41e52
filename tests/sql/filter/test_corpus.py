"""The message filter on the labelled corpus: precision, recall and F2, in all and by kind."""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import Connection

from tests.corpus.loader import LabelledMessage, labelled_listings, labelled_messages
from tests.sql.filter.filtering import judged


#: The targets of the design, for messages that the builders of the filter never saw.
LEAST_RECALL, LEAST_PRECISION = 0.95, 0.97


@dataclass(slots=True)
class Score:
    """Counts of right and wrong verdicts."""

    caught: int = 0
    missed: int = 0
    false_alarms: int = 0
    passed: int = 0

    def add(self, message: LabelledMessage, *, is_right: bool) -> None:
        """Count one verdict."""
        if message.is_innocent:
            self.passed += is_right
            self.false_alarms += not is_right
        else:
            self.caught += is_right
            self.missed += not is_right

    @property
    def recall(self) -> float:
        """Return the share of messages to catch that were caught."""
        return self.caught / max(1, self.caught + self.missed)

    @property
    def precision(self) -> float:
        """Return the share of right verdicts among the messages that were caught."""
        return self.caught / max(1, self.caught + self.false_alarms)

    @property
    def f2(self) -> float:
        """Return the mean of both that counts a miss four times."""
        return 5 * self.caught / max(1, 5 * self.caught + 4 * self.missed + self.false_alarms)

    def row(self, kind: str) -> str:
        """Return a line of the report."""
        if self.caught + self.missed:
            right, total = self.caught, self.caught + self.missed
        else:
            right, total = self.passed, self.passed + self.false_alarms
        figures = f"{self.precision:9.3f} {self.recall:6.3f} {self.f2:6.3f}"
        return f"{kind:26} {right:4}/{total:<4} {figures}"


@pytest.fixture(scope="module")
def reader(declared_url: str) -> Iterator[Connection]:
    with psycopg.connect(declared_url, autocommit=True, options="-c search_path=") as connection:
        yield connection


def test_corpus_is_judged_right(reader: Connection) -> None:
    """Recall and precision reach the targets; the report shows them by kind."""
    total, kinds = Score(), defaultdict[str, Score](Score)
    wrong = []

    for message in labelled_messages():
        verdict = judged(reader, message.text, earlier=message.earlier, stage=message.stage)
        is_right = message.is_judged_right_by(verdict.action)
        total.add(message, is_right=is_right)
        kinds[message.kind].add(message, is_right=is_right)
        if not is_right:
            wrong.append(f"{message.id}: {verdict.action}, at least {message.least}")

    rows = [score.row(kind) for kind, score in sorted(kinds.items())]
    report = [f"\n{'kind':26} {'right':9} precision recall     F2", *rows, total.row("all"), ""]
    sys.stdout.write("\n".join(report))
    assert total.recall >= LEAST_RECALL, wrong
    assert total.precision >= LEAST_PRECISION, wrong


def test_innocent_listings_pass(reader: Connection) -> None:
    """A listing passes with a model number, an ABN, a maker's page or a price."""
    refused = {
        listing.id: refusal
        for listing in labelled_listings()
        if listing.kind is None
        and (refusal := listing_refusal(reader, listing.title, listing.description))
    }

    assert refused == {}


def test_listings_with_details_are_refused(reader: Connection) -> None:
    """Nearly all of the details that the corpus hides in listings are found."""
    guilty = [listing for listing in labelled_listings() if listing.kind is not None]
    missed = [
        listing.id
        for listing in guilty
        if not listing_refusal(reader, listing.title, listing.description)
    ]

    assert len(missed) <= len(guilty) * (1 - LEAST_RECALL), missed


def listing_refusal(reader: Connection, title: str, description: str) -> object:
    query = "select private.contact_text_refusal(%s, %s)"
    [(refusal,)] = reader.execute(query, [title, description]).fetchall()
    return refusal
