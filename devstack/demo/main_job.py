"""The main job of the product, from sign-up to the ledgers of two orders."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping

import httpx

from devstack.demo.auction import hold_auction
from devstack.demo.first_order import hand_over, pay_order
from devstack.demo.messages import exchange_numbers
from devstack.demo.people import (
    MODERATOR,
    SOFT_CLOSE_S,
    TIMEOUT_S,
    Api,
    People,
    Person,
    Subscriber,
    open_clients,
    shorten_soft_close,
    wait_until,
)
from devstack.demo.second_order import finish_case, list_case
from devstack.demo.steps import DemoError, DemoRun, expect_equal, ms_since


#: Twice the duration on a slow machine.
_LIMIT_S = 90
_ADDRESS = {"street": "5 Rose St", "suburb": "Fitzroy", "postcode": "3065", "state": "VIC"}
_DOCUMENT = {"line1": "5 ROSE STREET", "city": "FITZROY", "postal_code": "3065", "state": "VIC"}


async def do_main_job(run: DemoRun, environment: Mapping[str, str]) -> None:
    """Do the main job on a running stack; `run` keeps the steps and the results.

    Raises: DemoError with a sentence about the failure.
    """
    try:
        async with asyncio.timeout(_LIMIT_S), _open_people(environment) as people:
            await _sign_up(run, people)
            await _verify_seller(run, people)
            await _verify_bidders(run, people)
            await _prepare(run, people)
            await list_case(run, people.ada, people.dan)
            auction_id = await hold_auction(run, people)
            await pay_order(run, people, auction_id)
            await exchange_numbers(run, people)
            await hand_over(run, people)
            await finish_case(run, people, people.dan)
    except TimeoutError as error:
        raise DemoError(f"The demo was not over after {_LIMIT_S} s.") from error


@contextlib.asynccontextmanager
async def _open_people(environment: Mapping[str, str]) -> AsyncIterator[People]:
    names = ("Ada", "Ben", "Cleo", "Dan", "Matilda", "A visitor")
    async with (
        open_clients(environment, *names) as (ada, ben, cleo, dan, matilda, visitor),
        open_clients(environment, "The backend", key="SUPABASE_SECRET_KEY") as (backend,),
        httpx.AsyncClient(timeout=TIMEOUT_S) as http,
    ):
        yield People(
            ada=ada,
            ben=ben,
            cleo=cleo,
            dan=dan,
            matilda=matilda,
            backend=backend,
            visitor=Subscriber(visitor),
            buyer=Subscriber(ben),
            api=Api(http, environment),
            environment=environment,
        )


async def _sign_up(run: DemoRun, people: People) -> None:
    with run.step("Ada, Ben, Cleo and Dan sign up, and Matilda signs in") as step:
        for person in (people.ada, people.ben, people.cleo, people.dan):
            began = time.perf_counter()
            await person.sign_up()
            run.results.add_duration("sign-up", ms_since(began))
        people.matilda.email, people.matilda.password = MODERATOR
        await people.matilda.sign_in()
        step.note("Ada sells, three bid, Matilda moderates; each has a session and a profile")


async def _verify_seller(run: DemoRun, people: People) -> None:
    with run.step("Ada shows her licence to Stripe Identity, and may sell") as step:
        api, ada = people.api, people.ada
        session_id = await _start(api, ada)
        expect_equal("The session of a second start", session_id, await _start(api, ada))
        await api.control(
            f"/identity/{session_id}/check",
            status="verified",
            verified_outputs={"address": _DOCUMENT},
        )
        await _until_status(api, ada, "passed")
        row = await ada.row("users", id=ada.user_id)
        expect_equal("Role and address", ("seller", True), (row["role"], row["address_verified"]))
        step.note("by a signed webhook; the database keeps nothing of the licence")


async def _verify_bidders(run: DemoRun, people: People) -> None:
    with run.step("Ben, Cleo and Dan prove who they are, so they may bid") as step:
        api, bidders = people.api, (people.ben, people.cleo, people.dan)
        sessions = await asyncio.gather(*[_start(api, bidder) for bidder in bidders])
        await api.control(
            f"/identity/{sessions[0]}/check",
            status="requires_input",
            error_code="document_expired",
        )
        await _until_status(api, people.ben, "failed")
        for bidder, session_id in zip(bidders, sessions, strict=True):
            await api.control(f"/identity/{session_id}/check", status="verified")
            await _until_status(api, bidder, "passed")
        step.note("Ben's first passport has expired; his second is valid")


async def _prepare(run: DemoRun, people: People) -> None:
    with run.step(f"The soft close is shortened to {SOFT_CLOSE_S} seconds") as step:
        await asyncio.to_thread(shorten_soft_close, people.environment["DATABASE_URL"])
        step.note("by SQL, because no client may do that; clients do everything else")
    with run.step("Ben signs in again and subscribes to his orders"):
        await people.ben.sign_in()
        await people.buyer.watch_orders()


async def _start(api: Api, person: Person) -> str:
    body = {"legal_name": f"{person.name} Example", "dob": "1990-01-01", "address": _ADDRESS}
    answer = await api.succeed(person, "POST", "/kyc/start", body)
    return str(answer["verificationId"])


async def _until_status(api: Api, person: Person, status: str) -> None:
    await wait_until(
        lambda: api.succeed(person, "GET", "/kyc"),
        lambda shown: shown["status"] == status,
        f"The verification of {person.name}",
    )
