"""Bids, notifications and the deletion of an account over HTTP, against the whole stack."""

import concurrent.futures
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.integration.service.browser import PASSWORD, Browser
from tests.integration.service.own_service import OwnService
from tests.integration.service.shop import Shop
from tests.sql.auctioning import auctioned
from tests.support.waits import ANSWER_S


pytestmark = pytest.mark.xdist_group("stack")

DELETE, BIDS, NOTIFICATIONS = "/api/account/delete", "/api/bids", "/api/notifications"


@pytest.fixture
def person(signed_in: Callable[[], Browser]) -> Browser:
    """Sign up a new user."""
    return signed_in()


def listing_of(shop: Shop, auction_id: uuid.UUID) -> str:
    return str(shop.value("select listing_id from public.auctions where id = %s", auction_id))


def auth(shop: Shop, path: str, body: Any) -> httpx.Response:
    """Call Auth as a browser does."""
    return httpx.post(
        f"{shop.environment['SUPABASE_URL']}/auth/v1/{path}",
        json=body,
        headers={"apikey": shop.environment["SUPABASE_PUBLISHABLE_KEY"]},
        timeout=ANSWER_S,
    )


def auth_user(shop: Shop, person: Browser) -> tuple[bool, str]:
    """Return whether Auth has deleted the user, and the user's e-mail address."""
    query = "select deleted_at is not null, email from auth.users where id = %s"
    [(is_deleted, email)] = shop.db.execute(query, [person.actor.id]).fetchall()
    return bool(is_deleted), str(email)


class TestBids:
    """POST /api/bids."""

    def test_bid_is_placed_once(self, shop: Shop, person: Browser) -> None:
        """The token names the bidder, whatever a header says; a repeat bids once (B14)."""
        auction_id = shop.auction()
        body = {
            "listingId": listing_of(shop, auction_id),
            "amount_cents": 20_000,
            "client_bid_id": str(uuid.uuid4()),
        }
        headers = person.bearer | {"x-test-user-id": str(shop.buyer.id)}

        answers = [person.post(BIDS, body, headers) for _ in range(2)]

        assert [200, 200] == [answer.status_code for answer in answers]
        assert answers[0].json() == answers[1].json()
        query = "select bidder_id, amount_cents from public.bids where id = %s"
        assert [(person.actor.id, 20_000)] == shop.db.execute(
            query, [answers[0].json()["bid"]["id"]]
        ).fetchall()

    def test_header_replaces_no_origin(self, shop: Shop, person: Browser) -> None:
        """A cookie without the site's origin is refused, and no header changes that (B14)."""
        body = {"listingId": listing_of(shop, shop.auction()), "amount_cents": 20_000}
        headers = person.cookie | {"x-test-user-id": str(person.actor.id)}

        answer = person.post(BIDS, body, headers)

        assert (403, "CSRF_INVALID") == (answer.status_code, answer.json()["code"])

    def test_low_bid_names_the_minimum(self, shop: Shop, person: Browser) -> None:
        """The text names it in dollars, `minimumBid` in cents."""
        auction_id = shop.auction()

        answer = person.post(BIDS, {"listingId": listing_of(shop, auction_id), "amount_cents": 100})

        body = answer.json()
        assert (400, "BID_TOO_LOW") == (answer.status_code, body["code"])
        assert f"Minimum bid is ${body['minimumBid'] / 100:.2f}" == body["error"]

    def test_bid_below_the_reserve_is_accepted(self, shop: Shop, person: Browser) -> None:
        """The route refuses no amount that place_bid accepts (C19)."""
        auction_id = auctioned(shop.seller, reserve_cents=50_000)
        body = {"listingId": listing_of(shop, auction_id), "amount_cents": 20_000}

        answer = person.post(BIDS, body)

        assert (200, 20_000) == (answer.status_code, answer.json()["bid"]["amount_cents"])
        query = "select reserve_met from public.auctions where id = %s"
        assert not shop.value(query, auction_id)

    def test_three_equal_bids_are_one(self, shop: Shop, signed_in: Callable[[], Browser]) -> None:
        """One succeeds, and the others get a 4xx (case 2)."""
        body = {"listingId": listing_of(shop, shop.auction()), "amount_cents": 20_000}
        people = [signed_in() for _ in range(3)]

        with concurrent.futures.ThreadPoolExecutor(3) as threads:
            statuses = sorted(
                threads.map(lambda person: person.post(BIDS, body).status_code, people)
            )

        assert 200 == statuses[0]
        assert all(400 <= status < 500 for status in statuses[1:])


class TestNotifications:
    """GET and POST /api/notifications."""

    def test_user_lists_and_marks_own_ones(
        self, shop: Shop, person: Browser, signed_in: Callable[[], Browser]
    ) -> None:
        """A user reads and marks the own notifications, and another user neither (A19, B6)."""
        auction_id = shop.auction(person.actor)
        shop.person("rival").call("place_bid", auction_id=auction_id, amount_cents=50_000)
        other = signed_in()

        body = person.get(f"{NOTIFICATIONS}?unreadOnly=true&limit=1").json()

        [notice] = body["notifications"]
        assert ("outbid", 1, True) == (notice["type"], body["unreadCount"], body["success"])
        mark = {"action": "mark_read", "notificationId": notice["id"]}
        assert 403 == other.get(f"{NOTIFICATIONS}?userId={person.actor.id}").status_code
        assert 403 == other.post(NOTIFICATIONS, mark).status_code
        assert 0 == other.post(NOTIFICATIONS, {"action": "mark_all_read"}).json()["updated"]
        assert 1 == person.get(NOTIFICATIONS).json()["unreadCount"]
        assert 1 == person.post(NOTIFICATIONS, mark).json()["updated"]
        assert 0 == person.get(f"{NOTIFICATIONS}?unreadOnly=true").json()["unreadCount"]

    def test_two_processes_count_in_one_window(
        self, shop: Shop, person: Browser, own_service: OwnService
    ) -> None:
        """The database counts, not a process (D5)."""
        body = {"action": "mark_all_read"}

        with shop.limited("mark_notifications", 2):
            first = [person.post(NOTIFICATIONS, body).status_code]
            rest = [
                httpx.post(
                    own_service.url + NOTIFICATIONS,
                    json=body,
                    headers=person.bearer,
                    timeout=ANSWER_S,
                ).status_code
                for _ in range(2)
            ]

        assert [200, 200, 429] == first + rest


class TestDeletion:
    """POST /api/account/delete."""

    def test_account_is_gone_here_and_at_auth(self, shop: Shop, person: Browser) -> None:
        """The profile is empty, the address is free, and neither token nor password works."""
        email = person.session["user"]["email"]
        credentials = {"email": email, "password": PASSWORD}

        answer = person.post(DELETE, {})

        assert (200, {"success": True}) == (answer.status_code, answer.json())
        is_deleted, address = auth_user(shop, person)
        assert is_deleted
        assert "@" not in address
        query = "select email, display_name like 'deleted-%%' from public.users where id = %s"
        assert [(None, True)] == shop.db.execute(query, [person.actor.id]).fetchall()
        assert 401 == person.get(NOTIFICATIONS).status_code
        refresh = {"refresh_token": person.session["refresh_token"]}
        assert 400 == auth(shop, "token?grant_type=refresh_token", refresh).status_code
        assert 400 == auth(shop, "token?grant_type=password", credentials).status_code
        assert 200 == auth(shop, "signup", credentials).status_code
        query = "select count(*) from private.account_deletions where user_id = %s"
        assert 0 == shop.value(query, person.actor.id)

    def test_lost_answer_is_asked_for_again(self, person: Browser) -> None:
        """A repeated deletion succeeds, although it has ended the token's session."""
        assert [200, 200] == [person.post(DELETE, {}).status_code for _ in range(2)]

    def test_busy_account_stays(self, shop: Shop, person: Browser) -> None:
        """A user who leads in a running auction is not deleted, and can go on."""
        shop.auction(person.actor)

        answer = person.post(DELETE, {})

        assert (409, "ACCOUNT_BUSY") == (answer.status_code, answer.json()["code"])
        assert 200 == person.get(NOTIFICATIONS).status_code
        assert not auth_user(shop, person)[0]

    def test_old_session_is_not_enough(self, shop: Shop, person: Browser) -> None:
        """A refreshed token is new, and its session is as old as the sign-in."""
        shop.db.execute(
            "update auth.sessions set created_at = now() - interval '11 minutes'"
            " where user_id = %s",
            [person.actor.id],
        )
        refresh = {"refresh_token": person.session["refresh_token"]}
        refreshed = auth(shop, "token?grant_type=refresh_token", refresh).json()

        answer = Browser(shop=shop, session=refreshed).post(DELETE, {})

        assert (401, "SESSION_TOO_OLD") == (answer.status_code, answer.json()["code"])
        credentials = {
            "email": person.session["user"]["email"],
            "password": PASSWORD,
        }
        again = auth(shop, "token?grant_type=password", credentials).json()
        assert 200 == Browser(shop=shop, session=again).post(DELETE, {}).status_code

    def test_reconcile_finishes_what_auth_refused(self, shop: Shop, person: Browser) -> None:
        """The profile is empty at once. The worker deletes the user when Auth works again."""
        shop.db.execute(
            """
            create or replace function public.auth_is_ill() returns trigger language plpgsql
            set search_path = '' as $$ begin raise exception 'ill'; end $$;
            create trigger a_illness before update of deleted_at on auth.users
            for each row execute function public.auth_is_ill()
            """
        )
        try:
            answer = person.post(DELETE, {})
            # A worker may delete the user as soon as Auth works again.
            assert not auth_user(shop, person)[0]
        finally:
            shop.db.execute("drop trigger a_illness on auth.users")
            shop.db.execute("drop function public.auth_is_ill()")

        assert (503, "AUTH_UNREACHABLE") == (answer.status_code, answer.json()["code"])
        query = "select deleted_at is not null from public.users where id = %s"
        assert shop.value(query, person.actor.id)
        assert 200 == person.post(DELETE, {}).status_code
        assert auth_user(shop, person)[0]
