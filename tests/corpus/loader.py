"""Read the labelled messages and listings that judge the content filter."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


FOLDER = Path(__file__).parent
LISTINGS = "listings.jsonl"


class Action(StrEnum):
    """The filter's actions, the mildest first."""

    ALLOW = "allow"
    WARN = "warn"
    MASK = "mask"
    HOLD = "hold"

    @property
    def severity(self) -> int:
        """Return the action's place in the order of severity."""
        return list(Action).index(self)


class Label(StrEnum):
    """The content of a message: a usable detail, a mere proposal to leave the site, or neither."""

    CONTACT = "contact"
    PAYMENT = "payment"
    PROPOSAL = "proposal"
    INNOCENT = "innocent"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledMessage:
    """One message with the earlier ones of its sender, and the mildest action that is right.

    An innocent message passes only with `allow`, so a severer action is a false alarm.
    """

    id: str
    kind: str
    stage: str
    messages: tuple[str, ...]
    least: Action
    label: Label

    @property
    def text(self) -> str:
        """Return the message that the filter judges."""
        return self.messages[-1]

    @property
    def earlier(self) -> tuple[str, ...]:
        """Return the messages before it, oldest first."""
        return self.messages[:-1]

    @property
    def is_innocent(self) -> bool:
        """Return true if the filter must allow the message."""
        return self.label is Label.INNOCENT

    def is_judged_right_by(self, action: Action) -> bool:
        """Return true if the filter's action on the message is right."""
        if self.is_innocent:
            return action is Action.ALLOW
        return action.severity >= self.least.severity


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledListing:
    """One listing; `kind` names the detail for which it is refused, and is None if it passes."""

    id: str
    title: str
    description: str
    kind: str | None = None


def labelled_messages(folder: Path = FOLDER) -> list[LabelledMessage]:
    """Return the messages of every file in the folder but the listings."""
    return [
        LabelledMessage(
            id=row["id"],
            kind=row["kind"],
            stage=row["stage"],
            messages=tuple(row["messages"]),
            least=Action(row["least"]),
            label=Label(row["label"]),
        )
        for path in sorted(folder.glob("*.jsonl"))
        if path.name != LISTINGS
        for row in rows_of(path)
    ]


def labelled_listings(folder: Path = FOLDER) -> list[LabelledListing]:
    """Return the innocent and the refused listings."""
    return [LabelledListing(**row) for row in rows_of(folder / LISTINGS)]


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON Lines."""
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
