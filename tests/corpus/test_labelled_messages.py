"""The corpus that judges the filter is large, varied and free of contradictions."""

from collections import Counter

import pytest

from tests.corpus.loader import (
    FOLDER,
    Action,
    Label,
    labelled_listings,
    labelled_messages,
    rows_of,
)


MESSAGES = labelled_messages()
LISTINGS = labelled_listings()


def test_corpus_has_messages_to_catch_and_innocent_ones() -> None:
    """Precision and recall need enough messages of both sorts."""
    innocent = sum(message.is_innocent for message in MESSAGES)

    assert innocent >= 620
    assert len(MESSAGES) - innocent >= 680


def test_ids_are_unique() -> None:
    """An id names one message over all files."""
    uses = Counter(row["id"] for path in FOLDER.glob("*.jsonl") for row in rows_of(path))

    assert [name for name, count in uses.items() if count > 1] == []


def test_texts_are_unique() -> None:
    """No message appears twice, whatever its label."""
    uses = Counter((message.stage, message.messages) for message in MESSAGES)

    assert [texts for texts, count in uses.items() if count > 1] == []


def test_texts_fit_a_message() -> None:
    """A message has 1 to 1,000 characters, as send_message requires."""
    unfit = [m.id for m in MESSAGES for text in m.messages if not 1 <= len(text) <= 1000]

    assert unfit == []


def test_stages_are_those_of_the_filter() -> None:
    """A message is judged before payment or on a paid order."""
    assert {message.stage for message in MESSAGES} <= {"strict", "order"}


@pytest.mark.parametrize(
    ("label", "least"),
    [
        (Label.INNOCENT, {Action.ALLOW}),
        (Label.PROPOSAL, {Action.WARN}),
        (Label.CONTACT, {Action.MASK, Action.HOLD}),
        (Label.PAYMENT, {Action.MASK, Action.HOLD}),
    ],
)
def test_least_action_follows_from_the_label(label: Label, least: set[Action]) -> None:
    """A usable detail must not reach the peer; a proposal may, with a warning to the sender."""
    wrong = [m.id for m in MESSAGES if m.label is label and m.least not in least]

    assert wrong == []


def test_splits_have_earlier_messages() -> None:
    """A split detail needs at least two messages."""
    whole = [m.id for m in MESSAGES if m.kind.startswith("split") and not m.earlier]

    assert whole == []


def test_listings_are_enough() -> None:
    """A filter of listings is judged by 200 that pass and 60 that it refuses."""
    refused = [listing for listing in LISTINGS if listing.kind]

    assert len(LISTINGS) - len(refused) >= 200
    assert len(refused) >= 60


def test_every_refused_kind_of_listing_is_present() -> None:
    """A listing is refused for these details alone."""
    kinds = {listing.kind for listing in LISTINGS if listing.kind}

    assert kinds == {"phone", "email", "handle", "payid", "bank", "card", "link"}


def test_listings_fit_their_columns() -> None:
    """A title and a description have the lengths that create_listing accepts."""
    unfit = [
        x.id
        for x in LISTINGS
        if not (5 <= len(x.title) <= 140 and 20 <= len(x.description) <= 4096)
    ]

    assert unfit == []
