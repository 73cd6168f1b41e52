"""The demo's first act: Stripe Identity checks the people, and signed webhooks verify them."""

import asyncio
from collections.abc import Sequence

from devstack.demo.api import Api, until
from devstack.demo.people import Person
from devstack.demo.room import PATIENCE_S
from devstack.demo.steps import Teller, expect_equal


_ADDRESS = {"street": "5 Rose St", "suburb": "Fitzroy", "postcode": "3065", "state": "VIC"}
_DOCUMENT = {"line1": "5 ROSE STREET", "city": "FITZROY", "postal_code": "3065", "state": "VIC"}


async def verify(teller: Teller, api: Api, seller: Person, bidders: Sequence[Person]) -> None:
    """Let everybody who trades pass KYC; the first bidder fails once."""
    with teller.step(f"{seller.name} shows her licence to Stripe Identity, and may sell") as step:
        session_id = await _start(api, seller)
        expect_equal("The session of a second start", session_id, await _start(api, seller))
        await api.control(
            f"/identity/{session_id}/check",
            status="verified",
            verified_outputs={"address": _DOCUMENT},
        )
        await _until_status(api, seller, "passed")
        row = await seller.row("users", id=seller.user_id)
        expect_equal("Role and address", ("seller", True), (row["role"], row["address_verified"]))
        step.note("a signed webhook, and the session read again; nothing of the licence is kept")
    names = [bidder.name for bidder in bidders]
    who = f"{', '.join(names[:-1])} and {names[-1]}"
    with teller.step(f"{who} prove who they are, so they may bid") as step:
        sessions = await asyncio.gather(*[_start(api, bidder) for bidder in bidders])
        await api.control(
            f"/identity/{sessions[0]}/check",
            status="requires_input",
            error_code="document_expired",
        )
        await _until_status(api, bidders[0], "failed")
        for bidder, session_id in zip(bidders, sessions, strict=True):
            await api.control(f"/identity/{session_id}/check", status="verified")
            await _until_status(api, bidder, "passed")
        step.note(f"{bidders[0].name}'s first passport has expired; his second is good")


async def _start(api: Api, person: Person) -> str:
    body = {"legal_name": f"{person.name} Example", "dob": "1990-01-01", "address": _ADDRESS}
    answer = await api.succeed(person, "POST", "/kyc/start", body)
    return str(answer["verificationId"])


async def _until_status(api: Api, person: Person, status: str) -> None:
    await until(
        lambda: api.succeed(person, "GET", "/kyc"),
        lambda shown: shown["status"] == status,
        f"The verification of {person.name}",
        PATIENCE_S,
    )
