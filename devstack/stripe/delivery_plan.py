"""The faults of webhook deliveries that a test commands."""

import dataclasses
from enum import StrEnum

from devstack.stripe.config import matches


class Mode(StrEnum):
    """The way in which an event is delivered.

    `before_answer`: delivered, and answered, before the API call that caused it is answered.
    `hold`: kept until it is released. `drop`: lost. `duplicate`: sent twice. `delay`: sent later.
    `reorder`: the events of one change are sent one after the other, the newest first.
    `corrupt`: changed after it was signed. `forge`: signed with another secret.
    """

    NORMAL = "normal"
    BEFORE_ANSWER = "before_answer"
    HOLD = "hold"
    DROP = "drop"
    DUPLICATE = "duplicate"
    DELAY = "delay"
    REORDER = "reorder"
    CORRUPT = "corrupt"
    FORGE = "forge"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPlan:
    """The mode, and the types of event it holds for; all others travel normally."""

    mode: Mode = Mode.NORMAL
    event_types: tuple[str, ...] = ("*",)
    delay_s: float = 0.0

    def mode_for(self, event_type: str) -> Mode:
        """Return how an event of this type travels."""
        return self.mode if matches(event_type, self.event_types) else Mode.NORMAL
