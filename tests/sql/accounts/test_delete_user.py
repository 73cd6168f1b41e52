"""Triggers on `auth.users`: Auth deletes a user without history, or anonymises one softly."""

import json
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auctioned, listed
from tests.sql.filing import record


#: Each statement gives the user a row of history.
HISTORY: dict[str, LiteralString] = {
    "listing": "update public.listings set seller_id = %(id)s",
    "bid": "update public.bids set bidder_id = %(id)s",
    "withdrawal by staff": """
      insert into private.bid_withdrawals (auction_id, bidder_id, actor_id, reason, withdrawn_at)
      select auction_id, bidder_id, %(id)s, 'Shill bidding', now() from public.bids
    """,
    "thread": """
      insert into public.message_threads (listing_id, buyer_id, seller_id, subject)
      select id, %(id)s, seller_id, title from public.listings
    """,
}


def hard_delete(owner: Connection, user_id: UUID) -> None:
    """Delete the row, as Auth does."""
    with owner.transaction():
        owner.execute("delete from auth.users where id = %s", [user_id])


def soft_delete(owner: Connection, user_id: UUID) -> None:
    """Hash the address and mark the row, as Auth does."""
    owner.execute(
        "update auth.users set email = md5(email), deleted_at = now() where id = %s", [user_id]
    )


def profile(owner: Connection, user_id: UUID) -> Any:
    query = "select to_jsonb(u) from public.users as u where id = %s"
    [(user,)] = owner.execute(query, [user_id]).fetchall()
    return user


def test_user_without_history_is_deleted_whole(owner: Connection, alice: Actor) -> None:
    """Profile, notifications, request receipts and rate limits go with the user."""
    owner.execute(
        "select private.notify(%s, 'outbid', 'You have been outbid', 'It is at $10.00 now.')",
        [alice.id],
    )
    owner.execute(
        """
        insert into private.request_receipts (caller_id, client_request_id, function)
        values (%s, gen_random_uuid(), 'create_listing')
        """,
        [alice.id],
    )
    owner.execute("select private.rate_limit_hit('place_bid', %s)", [str(alice.id)])

    hard_delete(owner, alice.id)

    left = owner.execute("""
      select 'user' from public.users
      union all select 'notification' from public.notifications
      union all select 'receipt' from private.request_receipts
      union all select 'rate limit' from private.rate_limits
    """)
    assert [] == left.fetchall()


def test_user_with_own_files_is_deleted_whole(owner: Connection, alice: Actor) -> None:
    """Avatar and proofs of address are no history; the reconcile job removes their objects."""
    for type_ in ("profile_avatar", "address_proof"):
        assert record(alice, type_, f"{alice.id}/{type_}.jpg")["success"]

    hard_delete(owner, alice.id)

    assert [] == owner.execute("select path from private.stored_files").fetchall()


def test_address_of_a_deleted_user_is_free(owner: Connection, alice: Actor, bob: Actor) -> None:
    """A user may sign up again with the address after a hard and a soft delete."""
    hard_delete(owner, alice.id)
    soft_delete(owner, bob.id)

    for name in ("alice", "bob"):
        again = signed_up(owner, name)

        assert f"{name}@example.test" == profile(owner, again.id)["email"]


@pytest.mark.parametrize("kind", HISTORY)
def test_user_with_history_is_refused(
    owner: Connection, alice: Actor, bob: Actor, auction_id: UUID, kind: str
) -> None:
    """The error names the user and the way that keeps the history, and nothing is deleted."""
    bob.call("place_bid", auction_id=auction_id, amount_cents=1000)
    owner.execute(HISTORY[kind], {"id": alice.id})
    before = profile(owner, alice.id)

    with pytest.raises(psycopg.errors.ForeignKeyViolation) as refusal:
        hard_delete(owner, alice.id)

    assert f"User {alice.id} has bids, listings, orders or messages and cannot be deleted" == (
        refusal.value.diag.message_primary
    )
    assert "should_soft_delete" in (refusal.value.diag.message_hint or "")
    assert before == profile(owner, alice.id)


def test_soft_delete_anonymises_at_once(owner: Connection) -> None:
    """No personal value stays in the profile; sessions end; the sign-up's name is gone."""
    user_id = uuid4()
    given = {
        "display_name": "Zoë O'Neill",
        "legal_name": "Zoë Anna O'Neill",
        "phone": "0400 000 000",
        "dob": "1990-02-28",
        "address": {"street": "1 Loop Rd", "suburb": "Carlton"},
    }
    owner.execute(
        "insert into auth.users (id, email, raw_user_meta_data) values (%s, 'zoe@x.test', %s)",
        [user_id, json.dumps(given)],
    )
    owner.execute(
        """
        update public.users set kyc = 'passed', address_verified = true,
          address_verified_at = now(), address_verification_method = 'mail',
          address_normalized = '{"suburb": "CARLTON"}', kyc_details = '{"reason_code": "x"}'
        where id = %s
        """,
        [user_id],
    )
    owner.execute(
        "insert into auth.sessions (id, user_id, created_at) values (gen_random_uuid(), %s, now())",
        [user_id],
    )

    soft_delete(owner, user_id)

    user = profile(owner, user_id)
    emptied = (
        "email", "phone", "legal_name", "dob", "address", "address_normalized",
        "address_verified_at", "address_verification_method", "kyc_details",
    )  # fmt: skip
    assert dict.fromkeys(emptied) == {key: user[key] for key in emptied}
    assert user["display_name"].startswith("deleted-")
    assert (False, True) == (user["address_verified"], user["deleted_at"] is not None)
    assert [] == owner.execute("select 1 from auth.sessions").fetchall()
    query = "select display_name, kyc_passed from public.public_profiles where id = %s"
    assert [(user["display_name"], False)] == owner.execute(query, [user_id]).fetchall()


def test_second_soft_delete_changes_nothing(owner: Connection, alice: Actor) -> None:
    """Auth may repeat the update, and the profile keeps the first time."""
    soft_delete(owner, alice.id)
    before = profile(owner, alice.id)

    owner.execute("update auth.users set deleted_at = now(), updated_at = now()")

    assert before == profile(owner, alice.id)


@pytest.mark.parametrize("function", ["place_bid", "create_listing", "relist_listing"])
def test_old_token_neither_bids_nor_sells(
    owner: Connection, seller: Actor, alice: Actor, auction_id: UUID, function: str
) -> None:
    """A JWT stays valid until it expires, so each RPC looks at the profile."""
    owner.execute("update public.users set role = 'seller' where id = %s", [alice.id])
    soft_delete(owner, alice.id)
    calls: dict[str, Any] = {
        "place_bid": {"auction_id": auction_id, "amount_cents": 1000},
        "relist_listing": {"listing_id": uuid4()},
    }

    if function == "create_listing":
        answer = listed(alice)
    else:
        answer = alice.call(function, **calls[function])

    assert (False, "PROFILE_NOT_FOUND") == (answer["success"], answer["code"])
    assert seller.call("cancel_listing", listing_id=_listing_id(owner, auction_id))["success"]


@pytest.mark.parametrize("function", ["update_listing", "cancel_listing", "get_listing_private"])
def test_old_token_keeps_off_the_own_listing(
    owner: Connection, seller: Actor, auction_id: UUID, function: str
) -> None:
    """A deleted seller neither changes a listing nor reads its street."""
    listing_id = _listing_id(owner, auction_id)
    soft_delete(owner, seller.id)
    more = {"changes": "{}"} if function == "update_listing" else {}

    answer = seller.call(function, listing_id=listing_id, **more)

    assert "PROFILE_NOT_FOUND" == answer["code"]


@pytest.mark.parametrize("function", ["mark_thread_read", "mark_all_notifications_read"])
def test_old_token_marks_nothing_as_read(owner: Connection, alice: Actor, function: str) -> None:
    """Functions that return a number raise the code of the refusal."""
    soft_delete(owner, alice.id)
    arguments = {"thread_id": uuid4()} if function == "mark_thread_read" else {}

    with pytest.raises(psycopg.Error, match="PROFILE_NOT_FOUND") as raised:
        alice.call(function, **arguments)

    assert "PT403" == raised.value.sqlstate


#: RPCs that answer visitors too, and those for staff, which refuse with FORBIDDEN.
OTHER_RPCS = {
    "get_auction_state", "get_bid_log", "get_time_remaining", "search_listings",
    "staff_find_user", "staff_list_faults", "staff_list_held_messages", "staff_list_reports",
    "staff_read_event", "staff_read_message",
}  # fmt: skip


def test_old_token_calls_no_rpc(owner: Connection, alice: Actor, auction_id: UUID) -> None:
    """Every RPC for signed-in users answers or raises the code, even with null arguments."""
    query = """
      select proname::text, proargnames[: pronargs - pronargdefaults]
      from pg_proc
      where pronamespace = 'public'::regnamespace
        and has_function_privilege('authenticated', oid, 'execute')
        and proname <> all(%s)
    """
    functions = owner.execute(query, [list(OTHER_RPCS)]).fetchall()
    soft_delete(owner, alice.id)

    known = {"auction_id": auction_id, "amount_cents": 1000}

    answers = {
        function: _code_of(alice, function, {name: known.get(name) for name in names or ()})
        for function, names in functions
    }

    assert dict.fromkeys(answers, "PROFILE_NOT_FOUND") == answers
    assert len(answers) > len(OTHER_RPCS)


def _code_of(actor: Actor, function: str, arguments: dict[str, Any]) -> str:
    try:
        answer = actor.call(function, **arguments)
    except psycopg.Error as error:
        return error.diag.message_primary or ""
    return str(answer["code"])


def test_old_token_cannot_restore_the_profile(owner: Connection, alice: Actor) -> None:
    """Neither an update nor a second row brings personal data back."""
    soft_delete(owner, alice.id)
    before = profile(owner, alice.id)

    assert 0 == alice.change("update public.users set display_name = 'Alice', phone = '0400'")
    with pytest.raises(psycopg.errors.UniqueViolation):
        alice.change(
            "insert into public.users (id, display_name) values (%(id)s, 'Alice')", id=alice.id
        )
    assert before == profile(owner, alice.id)


def test_old_token_marks_no_row_as_read(
    owner: Connection, seller: Actor, alice: Actor, auction_id: UUID
) -> None:
    """Clients may update two columns of tables, and a deleted account neither."""
    listing_id = _listing_id(owner, auction_id)
    thread = alice.call(
        "start_thread", listing_id=listing_id, content="Is it whole?", client_message_id=uuid4()
    )
    seller.call(
        "send_message", thread_id=thread["thread_id"], content="Yes.", client_message_id=uuid4()
    )
    soft_delete(owner, alice.id)

    assert [(1,)] == alice.rows("select count(*) from public.notifications")
    assert 0 == alice.change("update public.notifications set read = true")
    assert 0 == alice.change("update public.messages set read_at = now()")


def test_street_goes_unless_a_buyer_needs_it(
    owner: Connection, seller: Actor, alice: Actor, service: Actor
) -> None:
    """The street of a sold item stays until the order is finished."""
    sold, unsold = auctioned(seller), auctioned(seller)
    alice.call("place_bid", auction_id=sold, amount_cents=1000)
    service.call("end_auction", auction_id=sold, force=True)
    service.call("end_auction", auction_id=unsold, force=True)

    soft_delete(owner, seller.id)

    query = "select street from private.listing_private where listing_id = %s"
    streets = [
        owner.execute(query, [_listing_id(owner, auction_id)]).fetchone()
        for auction_id in (sold, unsold)
    ]
    assert [("1 Loop Road",), (None,)] == streets


def test_history_of_a_deleted_user_stays(
    owner: Connection, alice: Actor, anonymous: Actor, auction_id: UUID
) -> None:
    """Bids still reference their bidder, whose public name is the placeholder."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    soft_delete(owner, alice.id)

    [(name,)] = anonymous.rows("""
      select p.display_name from public.bids as b
      join public.public_profiles as p on p.id = b.bidder_id
    """)
    assert name.startswith("deleted-")


def _listing_id(owner: Connection, auction_id: UUID) -> UUID:
    query = "select listing_id from public.auctions where id = %s"
    [(listing_id,)] = owner.execute(query, [auction_id]).fetchall()
    assert isinstance(listing_id, UUID)
    return listing_id
