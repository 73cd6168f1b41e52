"""`list_notifications` and `mark_notifications`: the calls of our service for a user."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, no_one
from tests.sql.auctioning import move_time


def notified(owner: Connection, user: Actor, title: str = "Title") -> UUID:
    """Notify a user, a second after the last notification; return its id."""
    move_time(owner, "1 second")
    owner.execute(
        "select private.notify(%s, 'outbid', %s, 'Text', '{\"order_id\": \"o\"}', 'key ' || %s)",
        [user.id, title, uuid4()],
    )
    query = "select id from public.notifications order by created_at desc limit 1"
    [(notification_id,)] = owner.execute(query).fetchall()
    assert isinstance(notification_id, UUID)
    return notification_id


def listed(service: Actor, user: Actor, **more: object) -> Any:
    return service.call("list_notifications", user_id=user.id, **more)


def titles(answer: Any) -> list[str]:
    return [row["title"] for row in answer["notifications"]]


def test_newest_come_first_up_to_the_limit(
    owner: Connection, service: Actor, alice: Actor, bob: Actor
) -> None:
    """SQL limits the rows, and counts all that are unread (A19, D6)."""
    for number in range(4):
        notified(owner, alice, f"No. {number}")
    notified(owner, bob)

    answer = listed(service, alice, max_rows=2)

    assert (True, ["No. 3", "No. 2"], 4) == (
        answer["success"], titles(answer), answer["unread_count"],
    )  # fmt: skip
    [row, _] = answer["notifications"]
    assert {
        "id", "user_id", "type", "title", "message", "read", "metadata", "created_at", "updated_at",
    } == set(row)  # fmt: skip
    assert {"order_id": "o", "orderId": "o"} == row["metadata"]


@pytest.mark.parametrize(("max_rows", "count"), [(-1, 1), (0, 1), (1000, 100), (None, 100)])
def test_list_is_never_unbounded(
    owner: Connection, service: Actor, alice: Actor, max_rows: int | None, count: int
) -> None:
    """An invalid limit is replaced by one from one to a hundred (D6)."""
    owner.execute(
        """
        select private.notify(%s, 'outbid', 'Title', 'Text') from generate_series(1, 101)
        """,
        [alice.id],
    )

    answer = listed(service, alice, max_rows=max_rows)

    assert (count, 101) == (len(answer["notifications"]), answer["unread_count"])


def test_unread_ones_alone(owner: Connection, service: Actor, alice: Actor) -> None:
    """The filter returns unread rows only, before the limit applies (A19)."""
    for number in range(3):
        notified(owner, alice, f"No. {number}")
    read = notified(owner, alice, "Read")
    service.call("mark_notifications", user_id=alice.id, notification_id=read)

    assert ["No. 2", "No. 1"] == titles(listed(service, alice, is_unread_only=True, max_rows=2))
    assert ["Read", "No. 2"] == titles(listed(service, alice, max_rows=2))


def test_all_of_the_user_are_marked(
    owner: Connection, service: Actor, alice: Actor, bob: Actor
) -> None:
    """The answer counts those that were unread; nobody else's change (A19)."""
    for user in (alice, alice, bob):
        notified(owner, user)

    answers = [service.call("mark_notifications", user_id=alice.id) for _ in range(2)]

    assert [{"success": True, "updated": 2}, {"success": True, "updated": 0}] == answers
    assert [0, 1] == [listed(service, user)["unread_count"] for user in (alice, bob)]


def test_one_is_marked(owner: Connection, service: Actor, alice: Actor) -> None:
    """One notification is marked; the others stay unread, and a repeat changes nothing."""
    first, _second = notified(owner, alice), notified(owner, alice)

    answers = [
        service.call("mark_notifications", user_id=alice.id, notification_id=first)["updated"]
        for _ in range(2)
    ]

    assert ([1, 0], 1) == (answers, listed(service, alice)["unread_count"])


def test_foreign_and_unknown_ids_are_refused(
    owner: Connection, service: Actor, alice: Actor, bob: Actor
) -> None:
    """Another user's id and an unknown id are refused, and nothing is marked."""
    foreign = notified(owner, bob)

    codes = [
        service.call("mark_notifications", user_id=alice.id, notification_id=one)["code"]
        for one in (foreign, uuid4())
    ]

    assert ["FORBIDDEN", "RESOURCE_NOT_FOUND"] == codes
    assert 1 == listed(service, bob)["unread_count"]


def test_user_without_an_account_gets_nothing(
    owner: Connection, service: Actor, alice: Actor
) -> None:
    """A deleted account and a missing profile have no notifications."""
    notified(owner, alice)
    service.call("anonymise_account", user_id=alice.id)

    for person in (alice, no_one(owner, "nobody")):
        for function in ("list_notifications", "mark_notifications"):
            answer = service.call(function, user_id=person.id)
            assert (False, "PROFILE_NOT_FOUND") == (answer["success"], answer["code"])


@pytest.mark.parametrize("function", ["list_notifications", "mark_notifications"])
def test_only_our_service_calls(
    alice: Actor, moderator: Actor, anonymous: Actor, function: str
) -> None:
    """No client may execute the functions, because the user is an argument (B2, B6)."""
    for actor in (alice, moderator, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call(function, user_id=alice.id)
