"""`users` and `public_profiles`: the columns that users read and write."""

import json
from typing import LiteralString

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, no_one


def test_people_read_themselves_alone(alice: Actor, bob: Actor, anonymous: Actor) -> None:
    """A user reads only the own row; a visitor gets no rows and no error."""
    query: LiteralString = "select id from public.users"

    assert [(alice.id,)] == alice.rows(query)
    assert [(bob.id,)] == bob.rows(query)
    assert [] == anonymous.rows(query)


def test_staff_reads_everybody(alice: Actor, moderator: Actor) -> None:
    """Staff read all rows, for the admin pages."""
    rows = moderator.rows("select id from public.users")

    assert {(alice.id,), (moderator.id,)} == set(rows)


def test_profiles_show_four_things(alice: Actor, bob: Actor, anonymous: Actor) -> None:
    """Everybody reads a name and its verification, and no contact data (B17)."""
    for actor in (bob, anonymous):
        [(profile,)] = actor.rows(
            "select to_jsonb(p) from public.public_profiles as p where id = %(id)s", id=alice.id
        )

        assert (str(alice.id), "alice", True) == (
            profile["id"],
            profile["display_name"],
            profile["kyc_passed"],
        )
        assert {"id", "display_name", "kyc_passed", "member_since"} == profile.keys()


def test_people_change_their_own_profile(alice: Actor, bob: Actor) -> None:
    """A user changes five columns of the own row, and of no other row."""
    change: LiteralString = """
      update public.users set display_name = 'New name', phone = '0400' where id = %(id)s
    """

    assert 1 == alice.change(change, id=alice.id)
    assert 0 == bob.change(change, id=alice.id)
    query: LiteralString = "select display_name, phone, updated_at > created_at from public.users"
    assert [("New name", "0400", True)] == alice.rows(query)


@pytest.mark.parametrize(
    "column",
    [
        "role", "kyc", "kyc_details", "kyc_completed_at", "suspended_at", "stripe_customer_id",
        "stripe_connect_account_id", "payouts_enabled", "stripe_identity_session_id",
        "deleted_at", "address_verified", "email", "id", "created_at",
    ],
)  # fmt: skip
def test_people_change_nothing_else(alice: Actor, column: LiteralString) -> None:
    """A user cannot set role, verification or Stripe's ids (B1)."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        alice.change(f"update public.users set {column} = {column}")  # noqa: S608


@pytest.mark.parametrize(
    "name",
    ["ab", "x" * 41, " padded", "zero\u200bwidth", "two\nlines", "", "\u3164" * 3, "\u00a0" * 3],
)
def test_name_must_be_visible(alice: Actor, name: str) -> None:
    """A display name has 3 to 40 visible characters."""
    with pytest.raises(psycopg.errors.CheckViolation):
        alice.change("update public.users set display_name = %(name)s", name=name)


@pytest.mark.parametrize(
    ("name", "code"),
    [("Aussie Market Support", "NAME_RESERVED"), ("call 0412 345 678", "VALIDATION_ERROR")],
)
def test_refused_name_has_a_code(alice: Actor, name: str, code: str) -> None:
    """The detail of the error is a code for programs."""
    with pytest.raises(psycopg.errors.CheckViolation) as refusal:
        alice.change("update public.users set display_name = %(name)s", name=name)

    assert refusal.value.diag.message_detail == code


@pytest.mark.parametrize("role", ["moderator", "admin"])
def test_only_staff_may_have_a_name_of_the_marketplace(
    owner: Connection, alice: Actor, role: str
) -> None:
    """Only staff may use a name of the marketplace; an unchanged name is not checked again."""
    owner.execute("update public.users set role = %s where id = %s", [role, alice.id])
    alice.change("update public.users set display_name = 'Aussie Market Support'")
    owner.execute("update public.users set role = 'buyer' where id = %s", [alice.id])

    alice.change("update public.users set display_name = 'Aussie Market Support', phone = '1'")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("display_name", "call 0412 345 678"),
        ("display_name", "www.evil.example"),
        ("display_name", "<b>Bob</b>"),
        ("display_name", None),
        ("legal_name", "x" * 201),
        ("legal_name", "\u200b\u2060"),
        ("legal_name", "x" * 5_000_000),
        ("phone", "0" * 33),
        ("phone", "\u3164"),
        ("dob", "infinity"),
        ("dob", "-infinity"),
        ("dob", "1899-12-31"),
        ("dob", "0001-01-01"),
        ("dob", "tomorrow"),
        ("dob", "today"),
        ("dob", "yesterday"),
        ("address", '"1 Loop Road"'),
        ("address", '["1 Loop Road"]'),
        ("address", '{"street": 1}'),
        ("address", '{"street": {"suburb": "Carlton"}}'),
        ("address", '{"street": "1 Loop Road", "country": "AU"}'),
        ("address", json.dumps({"street": "x" * 121})),
        ("address", json.dumps({"street": "x" * 5_000_000})),
        ("address", json.dumps({"street": "1 Loop Road, BSB 062-000 account 12345678"})),
        ("address", json.dumps({"street": "by PayID", "suburb": "0412 345 678"})),
    ],
)
def test_value_that_breaks_a_rule_is_refused(
    owner: Connection, alice: Actor, column: LiteralString, value: str | None
) -> None:
    """A profile refuses an invalid value, and never cuts or drops it silently."""
    owner.execute("update public.users set kyc = 'none'")

    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation)):
        alice.change(
            f"update public.users set {column} = %(value)s",  # noqa: S608 - a name from the list
            value=value,
        )


def test_texts_of_a_profile_are_cleaned(alice: Actor) -> None:
    """Markup, hidden characters and surrounding blanks are removed."""
    alice.change(
        """
        update public.users set phone = ' 0400\u200b 000 ', address = %(address)s
        """,
        address=json.dumps({"street": "1 <b>Loop</b>\nRoad", "suburb": " Carlton\u202e"}),
    )

    assert [("0400 000", {"street": "1 Loop Road", "suburb": "Carlton"})] == alice.rows(
        "select phone, address from public.users"
    )


def test_verified_identity_is_fixed(owner: Connection, alice: Actor) -> None:
    """A verified user cannot change name and date of birth; an unverified user can."""
    for change in (
        "update public.users set legal_name = 'Somebody else'",
        "update public.users set dob = '1990-01-01'",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            alice.change(change)

    owner.execute("update public.users set kyc = 'pending'")
    assert 1 == alice.change("update public.users set legal_name = 'A', dob = '1990-01-01'")


def test_stored_address_blocks_no_other_change(owner: Connection, alice: Actor) -> None:
    """An address from before the filter stays until it changes."""
    owner.execute("alter table public.users disable trigger user")
    owner.execute("""update public.users set address = '{"street": "PayID 0412 345 678"}'""")
    owner.execute("alter table public.users enable trigger user")

    assert 1 == alice.change("update public.users set phone = '0400'")

    query = "select phone, address ->> 'street' from public.users where id = %s"
    assert [("0400", "PayID 0412 345 678")] == owner.execute(query, [alice.id]).fetchall()


def test_new_address_is_not_verified(owner: Connection, alice: Actor) -> None:
    """A new address is not verified, because the verification was of the old one."""
    owner.execute("""
      update public.users set address_verified = true, address_verified_at = now(),
        address_verification_method = 'poa', address_normalized = '{}'
    """)
    query: LiteralString = """
      select address_verified, address_verified_at is null, address_verification_method,
        address_normalized
      from public.users
    """
    alice.change("update public.users set phone = '0400'")
    assert [(True, False, "poa", {})] == alice.rows(query)

    alice.change("""update public.users set address = '{"suburb": "Carlton"}'""")

    assert [(False, True, None, None)] == alice.rows(query)


def test_second_row_is_a_duplicate(alice: Actor) -> None:
    """The register page inserts what the sign-up has made, and expects 23505."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        alice.change(
            "insert into public.users (id, display_name) values (%(id)s, 'Alice')", id=alice.id
        )


def test_own_row_starts_as_anybodys(owner: Connection) -> None:
    """A user without a row may add it, as an unverified buyer (B1)."""
    stray = no_one(owner, "stray")

    stray.change(
        """
        insert into public.users (id, display_name, email, role, kyc, stripe_customer_id,
          stripe_connect_account_id, payouts_enabled, address_verified)
        values (%(id)s, 'Stray', 'somebody@else.test', 'admin', 'passed', 'cus_1', 'acct_1', true,
          true)
        """,
        id=stray.id,
    )

    query: LiteralString = """
      select email, role::text, kyc::text, stripe_customer_id, stripe_connect_account_id,
        payouts_enabled, address_verified
      from public.users
    """
    assert [(None, "buyer", "none", None, None, False, False)] == stray.rows(query)


def test_own_row_without_a_name_gets_the_default_one(owner: Connection) -> None:
    """The column and a sign-up have one definition of it."""
    stray = no_one(owner, "stray")
    owner.execute(
        """
        create or replace function private.default_name() returns text
        language plpgsql set search_path = '' as $$ begin return 'member-planted'; end; $$
        """
    )

    stray.change("insert into public.users (id) values (%(id)s)", id=stray.id)

    assert [("member-planted",)] == stray.rows("select display_name from public.users")


def test_own_row_has_no_name_of_the_marketplace(owner: Connection) -> None:
    """A row that a person adds claims no role, so it may not have a name of the staff."""
    stray = no_one(owner, "stray")

    with pytest.raises(psycopg.errors.CheckViolation, match="marketplace"):
        stray.change(
            """
            insert into public.users (id, display_name, role)
            values (%(id)s, 'Aussie Market Support', 'admin')
            """,
            id=stray.id,
        )


def test_row_of_somebody_else_is_refused(owner: Connection, alice: Actor) -> None:
    """Nobody adds the row of another user."""
    stray = no_one(owner, "stray")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        alice.change(
            "insert into public.users (id, display_name) values (%(id)s, 'Stray')", id=stray.id
        )


@pytest.mark.parametrize(
    "write",
    [
        "insert into public.users (id, display_name) values (gen_random_uuid(), 'Nobody')",
        "update public.users set display_name = 'Nobody'",
        "delete from public.users",
        "truncate public.users cascade",
    ],
)
def test_visitors_and_processes_write_no_profile(
    anonymous: Actor, service: Actor, write: LiteralString
) -> None:
    """Visitors and service_role write no row directly; our processes call functions."""
    for actor in (anonymous, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change(write)


def test_nobody_deletes_a_profile(alice: Actor) -> None:
    """Nobody deletes a row, because bids and orders reference it."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        alice.change("delete from public.users")
