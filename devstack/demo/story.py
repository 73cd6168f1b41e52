"""The main job of the product, played end to end by official clients."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence

import httpx

from devstack.demo.api import Api
from devstack.demo.auction import hold_auction
from devstack.demo.facts import Facts
from devstack.demo.first_order import Parties, settle
from devstack.demo.handover import hand_over
from devstack.demo.messages import exchange_numbers
from devstack.demo.people import MODERATOR, SOFT_CLOSE_S, Person, people, shorten_soft_close
from devstack.demo.room import PATIENCE_S, Room
from devstack.demo.second_order import list_case, settle_case
from devstack.demo.steps import DemoError, Teller
from devstack.demo.verification import verify
from devstack.demo.watch import Watcher


#: Twice what it takes on a slow machine; more means that something hangs.
_STORY_S = 90


async def play(teller: Teller, environment: Mapping[str, str], facts: Facts) -> None:
    """Play the whole story; `facts` has what came of it, as far as it got.

    Raises: DemoError with the sentence that says what went wrong.
    """
    try:
        async with asyncio.timeout(_STORY_S):
            await _play(teller, environment, facts)
    except TimeoutError as error:
        raise DemoError(f"The story was not over after {_STORY_S} s.") from error


async def _play(teller: Teller, environment: Mapping[str, str], facts: Facts) -> None:
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        cast = await enter(people(environment, "Ada", "Ben", "Cleo", "Dan", "Matilda", "A visitor"))
        [backend] = await enter(people(environment, "The backend", key="SUPABASE_SECRET_KEY"))
        http = await enter(httpx.AsyncClient(timeout=PATIENCE_S))
        api = Api(http, environment)
        ada, ben, cleo, dan, matilda, visitor = cast
        await _sign_up(teller, facts, (ada, ben, cleo, dan), staff=matilda)
        await verify(teller, api, ada, (ben, cleo, dan))
        with teller.step(f"The soft close is shortened to {SOFT_CLOSE_S} seconds") as step:
            await asyncio.to_thread(shorten_soft_close, environment["DATABASE_URL"])
            step.note("by SQL, since no client may do that; all else is done by clients")
        buyer = Watcher(ben)
        with teller.step("Ben signs in again and watches his orders"):
            await ben.sign_in()
            await buyer.watch_orders()
        room = Room(seller=ada, ben=ben, cleo=cleo, dan=dan, visitor=Watcher(visitor))
        await list_case(teller, ada, dan, facts)
        auction_id = await hold_auction(teller, room, facts)
        parties = Parties(
            seller=ada,
            buyer=buyer,
            outsider=cleo,
            staff=matilda,
            backend=backend,
            environment=environment,
            http=http,
            api=api,
        )
        await settle(teller, parties, facts, auction_id)
        await exchange_numbers(teller, parties, facts)
        await hand_over(teller, parties, facts)
        await settle_case(teller, parties, dan, facts)


async def _sign_up(teller: Teller, facts: Facts, cast: Sequence[Person], *, staff: Person) -> None:
    with teller.step("Ada, Ben, Cleo and Dan sign up, and Matilda signs in") as step:
        for person in cast:
            began = time.perf_counter()
            await person.sign_up()
            facts.measured("sign-up", (time.perf_counter() - began) * 1000)
        staff.email, staff.password = MODERATOR
        await staff.sign_in()
        step.note("Ada sells, three bid, Matilda moderates; each has a session and a profile")
