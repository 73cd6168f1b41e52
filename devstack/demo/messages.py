"""The demo's conversation: a phone number is masked before the payment, and a PayID always."""

import uuid
from typing import Any

from devstack.demo.facts import Facts
from devstack.demo.first_order import Parties
from devstack.demo.people import Person
from devstack.demo.room import Room
from devstack.demo.steps import Teller, expect, expect_equal


_NUMBER = "0412 345 678"
#: No id or time contains it.
_PIECE = "345 678"
_QUESTION = f"Does the meter work in low light? Call me on {_NUMBER}."
_OFFER = f"Next time pay me directly, my PayID is {_NUMBER}."
_APPOINTMENT = f"I can come on Saturday at 10. My number is {_NUMBER}."


async def ask(teller: Teller, room: Room, facts: Facts) -> None:
    """Ask the seller something before the end of the auction."""
    with teller.step("Ben asks a question with his phone number, and Ada sees a mask") as step:
        listing_id = facts.auction["listing_id"]
        answer = await _write(room.ben, "start_thread", listing_id=listing_id, content=_QUESTION)
        expect_equal("The filter's verdict", ("mask", "delivered"), _verdict(answer))
        message = await room.seller.row("messages", thread_id=answer["thread_id"])
        expect_equal("The text that Ada reads", answer["content"], message["content"])
        notes = await room.seller.rows("notifications", type="new_message")
        expect_equal("Notes of the question", 1, len(notes))
        for place, text in (("message", message), ("note", notes)):
            expect(_PIECE not in str(text), f"Ada's {place} shows the number: {text}")
        facts.messages.append(_shown("Ben", "before the payment", answer))
        step.note(f"“{message['content']}”")


async def exchange_numbers(teller: Teller, parties: Parties, facts: Facts) -> None:
    """Send the number again after the payment, and then a way to pay around the market."""
    with teller.step("After the payment Ben's number passes") as step:
        buyer = parties.buyer.person
        thread = await parties.seller.row("message_threads", buyer_id=buyer.user_id)
        expect_equal("The thread's order", facts.order["id"], thread["order_id"])
        answer = await _write(buyer, "send_message", thread_id=thread["id"], content=_APPOINTMENT)
        expect_equal("The filter's verdict", ("allow", "delivered"), _verdict(answer))
        message = await parties.seller.row("messages", id=answer["message_id"])
        expect_equal("The text that Ada reads", _APPOINTMENT, message["content"])
        facts.messages.append(_shown("Ben", "after the payment", answer))
        step.note(f"“{message['content']}”")
    with teller.step("Ada proposes a PayID for the next sale, and Ben sees a mask") as step:
        answer = await _write(
            parties.seller, "send_message", thread_id=thread["id"], content=_OFFER
        )
        expect_equal("The filter's verdict", ("mask", "delivered"), _verdict(answer))
        message = await buyer.row("messages", id=answer["message_id"])
        expect_equal("The text that Ben reads", answer["content"], message["content"])
        expect(_PIECE not in str(message), f"Ben's message shows the PayID: {message}")
        facts.messages.append(_shown("Ada", "after the payment", answer))
        step.note(f"“{message['content']}”")


async def _write(person: Person, function: str, **arguments: object) -> dict[str, Any]:
    return await person.succeed(function, client_message_id=str(uuid.uuid4()), **arguments)


def _verdict(answer: dict[str, Any]) -> tuple[str, str]:
    return answer["action"], answer["delivery"]


def _shown(sender: str, when: str, answer: dict[str, Any]) -> dict[str, Any]:
    keys = ("content", "action", "reason_codes", "delivery")
    return {"sender": sender, "when": when, **{key: answer[key] for key in keys}}
