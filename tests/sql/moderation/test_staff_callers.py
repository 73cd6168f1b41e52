"""Each RPC for staff, called without the right, or with a bad or repeated request."""

import dataclasses
from collections.abc import Mapping
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import set_setting
from tests.sql.moderation.staff_actions import REASON, audited


NO_ONE = UUID(int=0)
#: The writing RPCs for staff, each with arguments that change nothing if it is allowed.
WRITES: Mapping[str, Mapping[str, object]] = {
    "staff_decide_report": {"report_id": NO_ONE, "uphold": True, "reason": REASON},
    "staff_suspend_user": {"user_id": NO_ONE, "reason": REASON},
    "staff_withdraw_bids": {"auction_id": NO_ONE, "bidder_id": NO_ONE, "reason": REASON},
    "staff_remove_listing": {"listing_id": NO_ONE, "reason": REASON},
    "staff_remove_photos": {"listing_id": NO_ONE, "reason": REASON},
    "admin_set_role": {"user_id": NO_ONE, "role": "seller", "reason": REASON},
    "requeue_outbox": {"outbox_id": NO_ONE, "reason": REASON},
    "requeue_ignored_events": {"type": "a.type", "since": "yesterday", "reason": REASON},
    "release_transfers": {"seller_id": NO_ONE, "reason": REASON},
}
READS: Mapping[str, Mapping[str, object]] = {
    "staff_find_user": {"email": "a@b.test"},
    "staff_list_faults": {},
    "staff_read_event": {"event_id": "evt_1"},
    "staff_list_held_messages": {},
    "staff_list_reports": {},
}
#: Our own processes may call these too.
SHARED = {"requeue_outbox", "requeue_ignored_events", "release_transfers"}
REFUSALS = {
    "staff_decide_report": "RESOURCE_NOT_FOUND",
    "staff_suspend_user": "PROFILE_NOT_FOUND",
    "staff_withdraw_bids": "AUCTION_NOT_FOUND",
    "staff_remove_listing": "LISTING_NOT_FOUND",
    "staff_remove_photos": "LISTING_NOT_FOUND",
    "admin_set_role": "PROFILE_NOT_FOUND",
    "requeue_outbox": "RESOURCE_NOT_FOUND",
    "requeue_ignored_events": "VALIDATION_ERROR",
    "release_transfers": "CONFLICT",
}


@pytest.mark.parametrize("function", [*WRITES, *READS])
def test_others_than_staff_are_refused(
    owner: Connection, function: str, *, admin: Actor, moderator: Actor, alice: Actor,
    seller: Actor, anonymous: Actor, service: Actor,
) -> None:  # fmt: skip
    """Only staff with a second factor, who are not suspended, get an answer."""
    arguments = {**WRITES, **READS}[function]
    owner.execute(
        "update public.users set suspended_at = private.clock() where id = %s", [moderator.id]
    )
    for actor in (alice, seller, dataclasses.replace(admin, aal="aal1"), moderator):
        with pytest.raises(psycopg.Error, match="FORBIDDEN") as raised:
            actor.call(function, **arguments)
        assert "PT403" == raised.value.sqlstate
    for actor in (anonymous, *([] if function in SHARED else [service])):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call(function, **arguments)
    assert [(0,)] == owner.execute("select count(*) from public.audit_logs").fetchall()


@pytest.mark.parametrize("function", WRITES)
def test_refusal_names_what_is_wrong(function: str, admin: Actor) -> None:
    """An unknown id or a bad value is refused, and nothing is recorded."""
    request_id = uuid4()

    answer = admin.call(function, **WRITES[function], client_request_id=request_id)

    assert (False, REFUSALS[function]) == (answer["success"], answer["code"])
    assert [] == audited(admin)
    assert answer == admin.call(function, **WRITES[function], client_request_id=request_id)


@pytest.mark.parametrize("function", [name for name, sent in WRITES.items() if "reason" in sent])
def test_action_needs_a_reason(
    owner: Connection, alice: Actor, admin: Actor, order_id: UUID, *, function: str
) -> None:
    """A reason has 10 to 500 visible characters."""
    query = "select auction_id, listing_id from public.orders where id = %s"
    [(auction_id, listing_id)] = owner.execute(query, [order_id]).fetchall()
    real: dict[str, object] = {
        "user_id": alice.id, "auction_id": auction_id, "listing_id": listing_id,
        "outbox_id": _dead_row(owner), "report_id": _report(owner, listing_id),
    }  # fmt: skip
    arguments = {name: real.get(name, value) for name, value in WRITES[function].items()}

    for reason in (None, "", "too short", "x" * 501, "\u200b" * 20):
        answer = admin.call(function, **(arguments | {"reason": reason}))
        assert "VALIDATION_ERROR" == answer["code"]


def test_setting_lets_staff_of_development_act_with_one_factor(
    owner: Connection, admin: Actor
) -> None:
    """The role alone counts if require_staff_aal2 is false."""
    set_setting(owner, "require_staff_aal2", "false")

    answer = dataclasses.replace(admin, aal="aal1").call("staff_list_reports")

    assert {"success": True, "reports": []} == answer


def test_id_of_a_request_repeats_its_answer(
    owner: Connection, admin: Actor, alice: Actor, bob: Actor
) -> None:
    """The second call with an id changes nothing; another object or function is refused."""
    request = {"reason": REASON, "client_request_id": uuid4()}

    first = admin.call("staff_suspend_user", user_id=alice.id, **request)
    owner.execute("update public.users set suspended_at = null")
    second = admin.call("staff_suspend_user", user_id=alice.id, **request)

    assert {"success": True} == first == second
    assert ["user_suspended"] == [entry[0] for entry in audited(admin)]
    for function, sent in (
        ("staff_suspend_user", {"user_id": bob.id}),
        ("requeue_outbox", {"outbox_id": _dead_row(owner)}),
    ):
        assert "REQUEST_ID_REUSED" == admin.call(function, **sent, **request)["code"]


def _dead_row(owner: Connection) -> UUID:
    query = "select private.queue_outbox('cancel_intent', '{}', gen_random_uuid()::text)"
    [(outbox_id,)] = owner.execute(query).fetchall()
    owner.execute("update public.outbox set status = 'dead' where id = %s", [outbox_id])
    assert isinstance(outbox_id, UUID)
    return outbox_id


def _report(owner: Connection, listing_id: UUID) -> UUID:
    query = """
      insert into public.content_reports (reporter_id, listing_id, reason, created_at)
      select id, %s, 'It is not what it says', now() from public.users where display_name = 'alice'
      returning id
    """
    [(report_id,)] = owner.execute(query, [listing_id]).fetchall()
    assert isinstance(report_id, UUID)
    return report_id
