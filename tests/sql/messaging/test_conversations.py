"""Random conversations against a plain model: each user reads, and is notified of, the same."""

import dataclasses
import json
from typing import Any, Literal
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned, set_setting
from tests.sql.writing import listing_of, messages_of, new_messages, new_thread, wrote


Who = Literal["alice", "seller"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A message of one of the two about one of the listings."""

    sender: Who
    listing: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """A decision of staff about the oldest held message."""

    release: bool


Step = Send | Decide
TEXTS = ("Hello", "warn", "mask", "hold", "first half", "second half")
STEPS = st.lists(
    st.builds(
        Send,
        sender=st.sampled_from(["alice", "seller"]),
        listing=st.integers(0, 1),
        text=st.sampled_from(TEXTS),
    )
    | st.builds(Decide, release=st.booleans()),
    min_size=4,
    max_size=20,
)


@dataclasses.dataclass(slots=True)
class ModelMessage:
    """A message as the model expects it."""

    send: Send
    content: str
    delivery: str


class Model:
    """The rules of a conversation, without a database."""

    def __init__(self) -> None:
        self.sent: list[ModelMessage] = []
        self.notified: dict[Who, int] = {"alice": 0, "seller": 0}

    def is_open(self, listing: int) -> bool:
        """Return true if the seller sees the thread about a listing."""
        return any(one.send.listing == listing and one.delivery == "delivered" for one in self.sent)

    def send(self, step: Send) -> ModelMessage:
        """Judge a message as the scripted filter does, and keep it."""
        earlier = [
            one.send.text
            for one in self.sent
            if one.send.sender == step.sender and one.delivery != "rejected"
        ][-10:]
        completes = step.text == "second half" and "first half" in earlier
        is_changed = completes or step.text in {"mask", "hold"}
        sent = ModelMessage(
            send=step,
            content="▇▇▇▇" if is_changed else step.text,
            delivery="held" if step.text == "hold" else "delivered",
        )
        self.sent.append(sent)
        self._notify(sent)
        return sent

    def decide(self, *, release: bool) -> None:
        """Release or reject the oldest held message."""
        held = self.oldest_held()
        held.delivery = "delivered" if release else "rejected"
        if release:
            held.content = held.send.text
        self._notify(held)

    def oldest_held(self) -> ModelMessage:
        """Return the oldest held message."""
        return next(one for one in self.sent if one.delivery == "held")

    def _notify(self, sent: ModelMessage) -> None:
        if sent.delivery == "delivered":
            self.notified["seller" if sent.send.sender == "alice" else "alice"] += 1

    def read_by(self, who: Who) -> list[str]:
        """Return the texts that a user reads."""
        return [
            one.content
            for one in self.sent
            if one.send.sender == who or one.delivery == "delivered"
        ]


class World:
    """The same conversation in the database."""

    def __init__(self, owner: Connection, people: dict[Who, Actor], moderator: Actor) -> None:
        self._owner = owner
        self._people = people
        self._moderator = moderator
        self._listings = [listing_of(owner, auctioned(people["seller"])) for _ in range(2)]
        self._threads: dict[int, str] = {}
        self.message_ids: list[str] = []

    def send(self, step: Send) -> Any:
        """Write as one of the two."""
        listing_id: UUID = self._listings[step.listing]
        person = self._people[step.sender]
        if step.sender == "alice":
            answer = new_thread(person, listing_id, step.text)
        else:
            answer = wrote(person, self._threads.get(step.listing), step.text)
        if answer["success"]:
            self._threads[step.listing] = answer["thread_id"]
            self.message_ids.append(answer["message_id"])
        return answer

    def decide(self, message_id: str, *, release: bool) -> Any:
        """Decide as staff."""
        return self._moderator.call(
            "staff_decide_message",
            message_id=message_id,
            release=release,
            reason="The review queue",
        )

    def check(self, model: Model) -> None:
        """Compare the messages that each of the two reads with the model."""
        for who, person in self._people.items():
            assert model.read_by(who) == messages_of(person)
            assert model.notified[who] == len(new_messages(person))
        [(visible,)] = self._people["seller"].rows("select count(*) from public.message_threads")
        assert sum(model.is_open(listing) for listing in range(2)) == visible


@settings(
    max_examples=25,
    deadline=None,
    # Each example is rolled back, so none sees the rows of another.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_conversation_follows_the_model(
    owner: Connection, *, alice: Actor, seller: Actor, moderator: Actor, steps: list[Step]
) -> None:
    """Nobody reads an original that was masked or held, until staff release it (case 22)."""
    with owner.transaction(force_rollback=True):
        actions = ("start_thread", "send_message", "check_listing", "create_listing")
        limits = {action: {"max": 1000, "window_s": 3600} for action in actions}
        set_setting(owner, "rate_limits", json.dumps(limits))
        model, world = Model(), World(owner, {"alice": alice, "seller": seller}, moderator)
        for step in steps:
            take(step, model, world)
            world.check(model)


def take(step: Step, model: Model, world: World) -> None:
    """Take a step in model and database, if it is possible."""
    if isinstance(step, Decide):
        if any(one.delivery == "held" for one in model.sent):
            held = model.sent.index(model.oldest_held())
            model.decide(release=step.release)
            assert world.decide(world.message_ids[held], release=step.release)["success"]
        return
    answer = world.send(step)
    if step.sender == "seller" and not model.is_open(step.listing):
        assert "RESOURCE_NOT_FOUND" == answer["code"]
        return
    sent = model.send(step)
    assert (sent.content, sent.delivery) == (answer["content"], answer["delivery"])
