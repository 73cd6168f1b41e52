"""Every text that a person sends, by each RPC and column: one rule per kind, and no field without.

The tests of `plain_text` and `display_name_refusal` have the cases of each rule. Here each field is
shown to follow its rule.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import LISTING, auctioned, listed
from tests.sql.paying import attached, complained, order_row, ordered, paid, succeeded
from tests.sql.writing import listing_of, new_thread, wrote


#: Stores a text in a field and returns what the field then holds; None if it was refused.
Store = Callable[[str], str | None]

#: A text that fits into every field but the display name, whatever its lengths.
PLAIN = "Boards of about 40 mm"
HIDDEN = {
    "zero width": "\u200b" * 25,
    "joiners": "\u2060\ufeff" * 12,
    "fillers": "\u3164" * 25,
    "blanks": "\u00a0\u2003" * 12,
    "tags": "<b></b>" * 4,
}


@pytest.fixture
def fields(owner: Connection, seller: Actor, alice: Actor) -> Mapping[str, Store]:
    """Give a way to store a text in each field."""
    owner.execute("update public.users set kyc = 'none' where id = %s", [alice.id])
    named = {
        **{f"create_listing.{name}": _created(seller, name) for name in ("title", "description")},
        **{f"update_listing.{name}": _updated(seller, name) for name in ("title", "description")},
        **{
            f"{function}.location.{part}": _placed(owner, seller, function, part)
            for function in ("create_listing", "update_listing")
            for part in ("suburb", "street")
        },
        **{f"users.{name}": _profiled(alice, name) for name in ("legal_name", "phone")},
        **{f"users.address.{name}": _addressed(alice, name) for name in ("street", "suburb")},
        **{f"sign_up.{name}": _signed_up(owner, name) for name in ("legal_name", "phone")},
        **{f"sign_up.address.{name}": _signed_up(owner, "address", name) for name in ("street",)},
        "transition_order.reason": _cancelled(owner, seller),
        "process_refund_transaction.refund_reason": _refunded(owner, seller),
        **{f"open_dispute.{name}": _disputed(owner, seller, name) for name in _COMPLAINT},
        "add_dispute_message.content": _messaged(owner, seller),
        "resolve_dispute.note": _resolved(owner, seller),
        "start_thread.content": _thread_started(owner, seller),
        "send_message.content": _wrote(owner, seller),
        **{f"{function}.reason": _reviewed(owner, seller, function) for function in _REVIEWS},
    }
    assert set(FIELDS) == named.keys()
    return named


FIELDS = [
    "create_listing.title", "create_listing.description", "create_listing.location.suburb",
    "create_listing.location.street", "update_listing.title", "update_listing.description",
    "update_listing.location.suburb", "update_listing.location.street", "users.legal_name",
    "users.phone", "users.address.street", "users.address.suburb", "sign_up.legal_name",
    "sign_up.phone", "sign_up.address.street", "transition_order.reason",
    "process_refund_transaction.refund_reason", "open_dispute.reason", "open_dispute.description",
    "add_dispute_message.content", "resolve_dispute.note", "start_thread.content",
    "send_message.content", "staff_read_message.reason", "staff_decide_message.reason",
]  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN.keys())
def test_text_without_a_glyph_is_no_text(
    fields: Mapping[str, Store], name: str, hidden: str
) -> None:
    """No field stores a text without a visible character."""
    assert fields[name](hidden) is None


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    ("sent", "left"),
    [
        (f"  {PLAIN}\u202e", PLAIN),
        ("Boards of\u200b about \u206640 mm\u2069", PLAIN),
        (f"{PLAIN}<img src=x onerror=y", PLAIN),
        (f"{PLAIN}<svg/onload=y>", PLAIN),
        (f"<script>y</script>{PLAIN}", PLAIN),
        ("boards <about 40 mm, >12 mm", "boards <about 40 mm, >12 mm"),
        ("a<b and 20 more letters", "a<b and 20 more letters"),
    ],
    ids=ascii,
)
def test_text_is_cleaned(fields: Mapping[str, Store], name: str, sent: str, left: str) -> None:
    """Each field drops markup and hidden characters, and keeps each word."""
    assert left == fields[name](sent)


@pytest.mark.parametrize(
    "name", ["call 0412 345 678", "www.evil.example", "\u200b" * 5, "Bob\u202e", "Bob<img src=x"]
)
def test_display_name_is_refused_everywhere(owner: Connection, alice: Actor, name: str) -> None:
    """A profile refuses the name; a sign-up, which never fails, gives another one."""
    with pytest.raises(psycopg.errors.CheckViolation):
        alice.change("update public.users set display_name = %(name)s", name=name)

    assert "member-" == str(_signed_up(owner, "display_name")(name))[:7]


#: Text arguments of the functions that a person may call, or through which the service passes on a
#: person's text. A field is above; a code, an id or a time has a rule of its own.
ARGUMENTS = {
    "create_listing.title": "field",
    "create_listing.description": "field",
    "create_listing.condition": "one of five words",
    "create_listing.location": "fields",
    "create_listing.start_at": "time",
    "create_listing.end_at": "time",
    "update_listing.changes": "fields",
    "relist_listing.start_at": "time",
    "relist_listing.end_at": "time",
    "open_dispute.dispute_type": "one of five words",
    "open_dispute.reason": "field",
    "open_dispute.description": "field",
    "add_dispute_message.content": "field",
    "resolve_dispute.decision": "one of three words",
    "resolve_dispute.note": "field",
    "start_thread.content": "field",
    "send_message.content": "field",
    "staff_read_message.reason": "field",
    "staff_decide_message.reason": "field",
    "requeue_webhook_event.event_id": "id",
    "requeue_ignored_events.type": "compared alone",
    "requeue_ignored_events.since": "time",
    "requeue_ignored_events.reason": "field",
    "staff_find_user.email": "compared alone",
    "staff_read_event.event_id": "id",
    "requeue_outbox.reason": "field",
    "release_transfers.reason": "field",
    "report_content.reason": "field",
    "staff_decide_report.reason": "field",
    "staff_suspend_user.reason": "field",
    "staff_withdraw_bids.reason": "field",
    "staff_remove_listing.reason": "field",
    "staff_remove_photos.reason": "field",
    "admin_set_role.reason": "field",
    "admin_set_role.role": "one of four words",
    "search_listings.search": "compared and never stored",
    "search_listings.listing_status": "one of three words",
}


def test_every_text_argument_has_a_rule(owner: Connection) -> None:
    """Each text argument of a user's function has a field above or a reviewed rule."""
    query = """
      select f.proname || '.' || f.proargnames[argument.n]
      from pg_proc as f, unnest(f.proargtypes) with ordinality as argument (type, n)
      where f.pronamespace = 'public'::regnamespace
        and argument.type = any('{text,varchar,json,jsonb,text[]}'::regtype[])
        and has_function_privilege('authenticated', f.oid, 'execute')
    """

    assert ARGUMENTS.keys() == {name for (name,) in owner.execute(query)}


def _created(seller: Actor, name: str) -> Store:
    return lambda text: _kept(listed(seller, **{name: text}), name)


def _updated(seller: Actor, name: str) -> Store:
    def store(text: str) -> str | None:
        changes = json.dumps({name: text})
        answer = seller.call("update_listing", listing_id=_scheduled(seller), changes=changes)
        return _kept(answer, name)

    return store


def _placed(owner: Connection, seller: Actor, function: str, part: str) -> Store:
    def store(text: str) -> str | None:
        location = json.loads(LISTING["location"]) | {part: text}
        if function == "create_listing":
            answer = listed(seller, location=json.dumps(location))
        else:
            answer = seller.call(
                "update_listing",
                listing_id=_scheduled(seller),
                changes=json.dumps({"location": location}),
            )
        if part == "suburb":
            return str(answer["listing"]["location"][part]) if answer["success"] else None
        query = "select street from private.listing_private where listing_id = %s"
        [(street,)] = owner.execute(query, [answer["listing"]["id"]]).fetchall()
        return _text_or_none(street)

    return store


def _profiled(person: Actor, name: LiteralString) -> Store:
    def store(text: str) -> str | None:
        try:
            person.change(f"update public.users set {name} = %(text)s", text=text)  # noqa: S608
        except psycopg.errors.CheckViolation:
            return None
        [(kept,)] = person.rows(f"select {name} from public.users")  # noqa: S608
        return _text_or_none(kept)

    return store


def _addressed(person: Actor, name: str) -> Store:
    def store(text: str) -> str | None:
        try:
            person.change(
                "update public.users set address = %(address)s", address=json.dumps({name: text})
            )
        except psycopg.errors.CheckViolation:
            return None
        [(kept,)] = person.rows("select address ->> %(name)s from public.users", name=name)
        return _text_or_none(kept)

    return store


def _signed_up(owner: Connection, *path: str) -> Store:
    def store(text: str) -> str | None:
        metadata: Any = text
        for key in reversed(path):
            metadata = {key: metadata}
        user_id = uuid4()
        owner.execute(
            "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, %s)",
            [user_id, f"{user_id}@example.test", json.dumps(metadata)],
        )
        query = "select to_jsonb(u) #>> %s from public.users as u where id = %s"
        [(kept,)] = owner.execute(query, [list(path), user_id]).fetchall()
        return _text_or_none(kept)

    return store


def _cancelled(owner: Connection, seller: Actor) -> Store:
    def store(text: str) -> str | None:
        order_id = ordered(seller, signed_up(owner, "winner"))
        answer = Actor(connection=owner, role="service_role").call(
            "transition_order",
            order_id=order_id,
            to_state="cancelled",
            actor_id=seller.id,
            actor_kind="seller",
            reason=text,
        )
        assert answer["success"], answer
        return _text_or_none(order_row(owner, order_id)["cancel_reason"])

    return store


def _refunded(owner: Connection, seller: Actor) -> Store:
    def store(text: str) -> str | None:
        buyer = signed_up(owner, "winner")
        order_id = ordered(seller, buyer)
        attached(owner, order_id)
        succeeded(owner, order_id)
        answer = Actor(connection=owner, role="service_role").call(
            "process_refund_transaction",
            order_id=order_id,
            refund_amount_cents=100,
            refund_reason=text,
            user_id=seller.id,
            client_request_id=uuid4(),
        )
        assert answer["success"], answer
        [(kept,)] = owner.execute("select reason from public.refunds").fetchall()
        return _text_or_none(kept)

    return store


_COMPLAINT = {"reason": "It never came", "description": "I waited for a week."}


def _disputed(owner: Connection, seller: Actor, name: str) -> Store:
    def store(text: str) -> str | None:
        buyer = signed_up(owner, "winner")
        order_id = ordered(seller, buyer)
        paid(owner, order_id)
        complaint = {"order_id": order_id, "dispute_type": "other"} | _COMPLAINT | {name: text}
        if not buyer.call("open_dispute", **complaint)["success"]:
            return None
        query = "select to_jsonb(d) ->> %s from public.disputes as d"
        [(kept,)] = owner.execute(query, [name]).fetchall()
        return _text_or_none(kept)

    return store


def _complained(owner: Connection, seller: Actor) -> tuple[Actor, str]:
    buyer = signed_up(owner, "winner")
    order_id = ordered(seller, buyer)
    paid(owner, order_id)
    return buyer, complained(owner, order_id)["dispute_id"]


def _messaged(owner: Connection, seller: Actor) -> Store:
    def store(text: str) -> str | None:
        buyer, dispute_id = _complained(owner, seller)
        answer = buyer.call("add_dispute_message", dispute_id=dispute_id, content=text)
        if not answer["success"]:
            return None
        [(kept,)] = owner.execute("select content from public.dispute_messages").fetchall()
        return _text_or_none(kept)

    return store


def _resolved(owner: Connection, seller: Actor) -> Store:
    def store(text: str) -> str | None:
        _, dispute_id = _complained(owner, seller)
        staff = signed_up(owner, "judge", role="admin").with_second_factor()
        staff.call("resolve_dispute", dispute_id=dispute_id, decision="deny", note=text)
        [(kept,)] = owner.execute("select resolution from public.disputes").fetchall()
        return _text_or_none(kept)

    return store


def _thread_started(owner: Connection, seller: Actor) -> Store:
    def store(text: str) -> str | None:
        answer = new_thread(signed_up(owner, "asker"), listing_of(owner, auctioned(seller)), text)
        return str(answer["content"]) if answer["success"] else None

    return store


def _wrote(owner: Connection, seller: Actor) -> Store:
    def store(text: str) -> str | None:
        question = new_thread(signed_up(owner, "asker"), listing_of(owner, auctioned(seller)))
        answer = wrote(seller, question["thread_id"], text)
        return str(answer["content"]) if answer["success"] else None

    return store


_REVIEWS: Mapping[str, Mapping[str, object]] = {
    "staff_read_message": {},
    "staff_decide_message": {"release": False},
}


def _reviewed(owner: Connection, seller: Actor, function: str) -> Store:
    def store(text: str) -> str | None:
        held = new_thread(signed_up(owner, "asker"), listing_of(owner, auctioned(seller)))
        owner.execute("update public.messages set action = 'hold', delivery = 'held'")
        staff = signed_up(owner, "reviewer", role="moderator").with_second_factor()
        arguments = {"message_id": held["message_id"], "reason": text, **_REVIEWS[function]}
        if not staff.call(function, **arguments)["success"]:
            return None
        [(kept,)] = owner.execute("select description from public.audit_logs").fetchall()
        return _text_or_none(kept)

    return store


def _scheduled(seller: Actor) -> str:
    [(start_at,)] = seller.connection.execute(
        "select private.clock() + interval '1 hour'"
    ).fetchall()
    answer = listed(seller, start_at=start_at)
    assert answer["success"], answer
    return str(answer["listing"]["id"])


def _kept(answer: dict[str, Any], name: str) -> str | None:
    return str(answer["listing"][name]) if answer["success"] else None


def _text_or_none(kept: object) -> str | None:
    return None if kept is None else str(kept)
