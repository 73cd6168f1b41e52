"""Two people who talk about a listing through the official library, and another user."""

import contextlib
import dataclasses
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Self

import httpx
from realtime import AsyncRealtimeClient
from supabase import Client, ClientOptions, create_client

from tests.integration.service.browser import Browser
from tests.integration.service.shop import Shop
from tests.sql.actors import signed_up
from tests.sql.auctioning import auctioned
from tests.sql.writing import listing_of
from tests.support.listening import PRIVATE, Heard, joined
from tests.support.waits import ANSWER_S


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A person with clients of the official libraries."""

    browser: Browser
    client: Client

    @property
    def id(self) -> str:
        """Return the id of the person."""
        return str(self.browser.actor.id)

    def write(self, function: str, **arguments: object) -> dict[str, Any]:
        """Send a message; return the answer."""
        sent = {"client_message_id": str(uuid.uuid4()), **arguments}
        answer: Any = self.client.rpc(function, sent).execute().data
        return dict(answer)

    def post(self, path: str, body: object) -> httpx.Response:
        """Send a request to REST without the library, which builds only its own forms."""
        environment = self.browser.shop.environment
        return httpx.post(
            f"{environment['SUPABASE_URL']}/rest/v1/{path}",
            json=body,
            headers={"apikey": environment["SUPABASE_PUBLISHABLE_KEY"], **self.browser.bearer},
            timeout=ANSWER_S,
        )

    @contextlib.asynccontextmanager
    async def listening(self, topic: str, *bindings: Mapping[str, str]) -> AsyncIterator[Heard]:
        """Join a channel of the web app, as a private one: production allows no other."""
        environment = self.browser.shop.environment
        client = AsyncRealtimeClient(
            f"{environment['SUPABASE_URL'].replace('http', 'ws', 1)}/realtime/v1",
            environment["SUPABASE_PUBLISHABLE_KEY"],
            timeout=ANSWER_S,
        )
        try:
            await client.set_auth(self.browser.session["access_token"])
            await client.connect()
            yield await joined(client, topic, *bindings, config=PRIVATE)
        finally:
            await client.close()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A seller, a buyer who asks about a listing, and another user who has no part in it."""

    shop: Shop
    seller: Participant
    buyer: Participant
    outsider: Participant
    listing_id: str

    @classmethod
    @contextlib.contextmanager
    def opened(cls, shop: Shop) -> Iterator[Self]:
        """Sign three people up, and put something on sale."""
        with contextlib.ExitStack() as stack:
            people = [
                stack.enter_context(_participant(shop, role))
                for role in ("seller", "buyer", "buyer")
            ]
            auction_id = auctioned(people[0].browser.actor)
            yield cls(
                shop=shop,
                seller=people[0],
                buyer=people[1],
                outsider=people[2],
                listing_id=str(listing_of(shop.db, auction_id)),
            )

    def ask(self, content: str) -> dict[str, Any]:
        """Have the buyer ask the seller."""
        return self.buyer.write("start_thread", listing_id=self.listing_id, content=content)

    def decide(self, message_id: str, *, release: bool) -> Any:
        """Have staff decide about a held message."""
        staff = signed_up(self.shop.db, f"staff-{uuid.uuid4().hex[:12]}", role="moderator")
        return staff.with_second_factor().call(
            "staff_decide_message",
            message_id=message_id,
            release=release,
            reason="The review queue",
        )

    def holding(self) -> contextlib.AbstractContextManager[None]:
        """Have the filter hold each message that it would mask."""
        return self.shop.setting("filter_hold", 60)


@contextlib.contextmanager
def _participant(shop: Shop, role: str) -> Iterator[Participant]:
    browser = Browser.of_somebody_new(shop, role)
    with httpx.Client(timeout=ANSWER_S) as http:
        client = create_client(
            shop.environment["SUPABASE_URL"],
            shop.environment["SUPABASE_PUBLISHABLE_KEY"],
            ClientOptions(httpx_client=http, auto_refresh_token=False, persist_session=False),
        )
        client.postgrest.auth(browser.session["access_token"])
        yield Participant(browser=browser, client=client)
