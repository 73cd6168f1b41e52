"""Messages of buyer and seller: the filter masks contacts before the payment, a PayID always."""

import uuid
from typing import Any

from devstack.demo.people import People, Person
from devstack.demo.steps import DemoRun, expect, expect_equal


_NUMBER = "0412 345 678"
#: A part of the number that no id and no time contains.
_PIECE = "345 678"
_QUESTION = f"Does the meter work in low light? Call me on {_NUMBER}."
_OFFER = f"Next time pay me directly, my PayID is {_NUMBER}."
_APPOINTMENT = f"I can come on Saturday at 10. My number is {_NUMBER}."


async def ask_question(run: DemoRun, people: People) -> None:
    """Ask the seller a question before the end of the auction."""
    with run.step("Ben asks a question with his phone number, and the filter masks it") as step:
        listing_id = run.results.auction["listing_id"]
        answer = await _write(people.ben, "start_thread", listing_id=listing_id, content=_QUESTION)
        expect_equal("The filter's decision", ("mask", "delivered"), _decision(answer))
        message = await people.ada.row("messages", thread_id=answer["thread_id"])
        expect_equal("The text that Ada reads", answer["content"], message["content"])
        notifications = await people.ada.rows("notifications", type="new_message")
        expect_equal("Notifications of the question", 1, len(notifications))
        for place, text in (("message", message), ("notification", notifications)):
            expect(_PIECE not in str(text), f"Ada's {place} shows the number: {text}")
        run.results.messages.append(_message_row("Ben", "before the payment", answer))
        step.note(f"“{message['content']}”")


async def exchange_numbers(run: DemoRun, people: People) -> None:
    """Send the number again after the payment, then a PayID to pay outside the market."""
    with run.step("After the payment the filter lets Ben's number pass") as step:
        buyer = people.ben
        thread = await people.ada.row("message_threads", buyer_id=buyer.user_id)
        expect_equal("The thread's order", run.results.order["id"], thread["order_id"])
        answer = await _write(buyer, "send_message", thread_id=thread["id"], content=_APPOINTMENT)
        expect_equal("The filter's decision", ("allow", "delivered"), _decision(answer))
        message = await people.ada.row("messages", id=answer["message_id"])
        expect_equal("The text that Ada reads", _APPOINTMENT, message["content"])
        run.results.messages.append(_message_row("Ben", "after the payment", answer))
        step.note(f"“{message['content']}”")
    with run.step("Ada proposes a PayID for the next sale, and the filter masks it") as step:
        answer = await _write(people.ada, "send_message", thread_id=thread["id"], content=_OFFER)
        expect_equal("The filter's decision", ("mask", "delivered"), _decision(answer))
        message = await buyer.row("messages", id=answer["message_id"])
        expect_equal("The text that Ben reads", answer["content"], message["content"])
        expect(_PIECE not in str(message), f"Ben's message shows the PayID: {message}")
        run.results.messages.append(_message_row("Ada", "after the payment", answer))
        step.note(f"“{message['content']}”")


async def _write(person: Person, function: str, **arguments: object) -> dict[str, Any]:
    return await person.succeed(function, client_message_id=str(uuid.uuid4()), **arguments)


def _decision(answer: dict[str, Any]) -> tuple[str, str]:
    return answer["action"], answer["delivery"]


def _message_row(sender: str, when: str, answer: dict[str, Any]) -> dict[str, Any]:
    keys = ("content", "action", "reason_codes", "delivery")
    return {"sender": sender, "when": when, **{key: answer[key] for key in keys}}
