"""An operator deletes users at Auth, by the official library."""

import dataclasses
from collections.abc import Callable, Iterator

import httpx
import pytest
from supabase import AuthApiError, Client, ClientOptions, create_client

from tests.integration.contract.market import Market
from tests.integration.service.browser import Browser
from tests.support.waits import ANSWER_S


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Deletes users, and looks at what is left of them."""

    market: Market
    client: Client

    def delete(self, person: Browser, *, softly: bool = False) -> None:
        """Delete a user as the dashboard does."""
        self.client.auth.admin.delete_user(str(person.actor.id), should_soft_delete=softly)

    def profiles(self, person: Browser) -> list[tuple[object, ...]]:
        """Return e-mail address, phone and legal name of the profile, if there is one."""
        return self.market.shop.db.execute(
            "select email, phone, legal_name from public.users where id = %s", [person.actor.id]
        ).fetchall()

    def place_bid(self, person: Browser) -> httpx.Response:
        """Bid with the token that the person got before."""
        environment = self.market.shop.environment
        return httpx.post(
            f"{environment['SUPABASE_URL']}/rest/v1/rpc/place_bid",
            json={"auction_id": self.market.ids["live"], "amount_cents": 99_999_999},
            headers=person.bearer | {"apikey": environment["SUPABASE_PUBLISHABLE_KEY"]},
            timeout=ANSWER_S,
        )


@pytest.fixture(scope="module")
def operator(market: Market) -> Iterator[Operator]:
    """Give an operator, who has the secret key."""
    environment = market.shop.environment
    with httpx.Client(timeout=ANSWER_S) as http:
        client = create_client(
            environment["SUPABASE_URL"],
            environment["SUPABASE_SECRET_KEY"],
            ClientOptions(httpx_client=http, auto_refresh_token=False, persist_session=False),
        )
        yield Operator(market=market, client=client)


@pytest.fixture
def person(market: Market) -> Browser:
    """Sign somebody up, with a phone and a legal name."""
    person = Browser.of_somebody_new(market.shop)
    market.shop.db.execute(
        "update public.users set phone = '0400 000 000', legal_name = 'A. Person' where id = %s",
        [person.actor.id],
    )
    return person


@pytest.fixture
def bidder(market: Market, person: Browser) -> Browser:
    """Have the person bid on an auction of their own."""
    market.shop.auction(person.actor)
    return person


def test_fresh_user_is_deleted_whole(operator: Operator, person: Browser) -> None:
    """Auth answers without an error, and no profile is left."""
    operator.delete(person)

    assert [] == operator.profiles(person)
    with pytest.raises(AuthApiError, match="User not found"):
        operator.client.auth.admin.get_user_by_id(str(person.actor.id))


def test_user_with_history_stays(operator: Operator, bidder: Browser) -> None:
    """Auth answers its own error, and neither user nor profile has changed."""
    with pytest.raises(AuthApiError, match="Database error deleting user"):
        operator.delete(bidder)

    [(_email, phone, legal_name)] = operator.profiles(bidder)
    assert ("0400 000 000", "A. Person") == (phone, legal_name)
    found = operator.client.auth.admin.get_user_by_id(str(bidder.actor.id))
    assert str(bidder.actor.id) == found.user.id


def test_refusal_says_what_to_do(operator: Operator, bidder: Browser) -> None:
    """A client that names no version of Auth's API, such as curl, gets the database's message."""
    environment = operator.market.shop.environment
    key = environment["SUPABASE_SECRET_KEY"]
    answer = httpx.delete(
        f"{environment['SUPABASE_URL']}/auth/v1/admin/users/{bidder.actor.id}",
        headers={"apikey": key, "Authorization": f"Bearer {key}"},
        timeout=ANSWER_S,
    )

    assert (500, "23503") == (answer.status_code, answer.json()["code"])
    assert f"User {bidder.actor.id} has bids" in answer.json()["message"]
    assert "should_soft_delete" in answer.json()["hint"]


def test_soft_delete_anonymises_and_ends_bidding(operator: Operator, bidder: Browser) -> None:
    """The profile is empty at once, and the token that is still valid places no bid."""
    operator.delete(bidder, softly=True)

    assert [(None, None, None)] == operator.profiles(bidder)
    answer = operator.place_bid(bidder)
    assert answer.status_code in {200, 401}
    assert "PROFILE_NOT_FOUND" == answer.json()["code"]


@pytest.mark.parametrize("softly", [False, True])
def test_deleted_user_has_no_session(
    operator: Operator, person: Browser, signed_out: Callable[[Browser], int], *, softly: bool
) -> None:
    """The refresh token of a deleted user gets no new session."""
    operator.delete(person, softly=softly)

    assert 400 == signed_out(person)


@pytest.fixture
def signed_out(market: Market) -> Callable[[Browser], int]:
    """Give a function that refreshes a user's session and returns the status."""
    environment = market.shop.environment

    def refresh(person: Browser) -> int:
        return httpx.post(
            f"{environment['SUPABASE_URL']}/auth/v1/token",
            params={"grant_type": "refresh_token"},
            json={"refresh_token": person.session["refresh_token"]},
            headers={"apikey": environment["SUPABASE_PUBLISHABLE_KEY"]},
            timeout=ANSWER_S,
        ).status_code

    return refresh
