"""The trigger on `auth.users` gives every new user a profile."""

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection


def profile(owner: Connection, metadata: object, email: str | None = "new@example.test") -> Any:
    """Sign up with `metadata`; return the profile."""
    user_id = uuid4()
    owner.execute(
        "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, %s)",
        [user_id, email, json.dumps(metadata)],
    )
    return row(owner, user_id)


def row(owner: Connection, user_id: UUID) -> Any:
    query = "select to_jsonb(u) from public.users as u where id = %s"
    [(user,)] = owner.execute(query, [user_id]).fetchall()
    return user


def test_profile_is_filled_from_the_metadata(owner: Connection) -> None:
    """A sign-up stores the fields of the register page, and gives nothing else."""
    address = {"street": "1 Loop Rd", "suburb": "Carlton", "postcode": "3053", "state": "VIC"}
    given = {
        "display_name": "Zoë O'Neill",
        "legal_name": "Zoë Anna O'Neill",
        "phone": "0400 000 000",
        "dob": "1990-02-28",
        "address": address,
    }

    user = profile(owner, given)

    expected = given | {
        "email": "new@example.test",
        "role": "buyer",
        "kyc": "none",
        "payouts_enabled": False,
        "suspended_at": None,
    }
    assert expected == {key: user[key] for key in expected}


@pytest.mark.parametrize("value", [{"a": "b"}, ["0400 000 000"], True])
def test_field_that_is_no_text_is_left_out(owner: Connection, value: object) -> None:
    """A phone number or name in another JSON type is not stored."""
    user = profile(owner, {"phone": value, "legal_name": value, "dob": value})

    assert (None, None, None) == (user["phone"], user["legal_name"], user["dob"])


def test_metadata_gives_no_rights(owner: Connection) -> None:
    """Metadata never sets role, verification or Stripe's ids, because the user writes it."""
    user = profile(
        owner,
        {
            "role": "admin",
            "kyc": "passed",
            "payouts_enabled": True,
            "stripe_customer_id": "cus_1",
            "stripe_connect_account_id": "acct_1",
        },
    )

    assert ("buyer", "none", False, None, None) == (
        user["role"],
        user["kyc"],
        user["payouts_enabled"],
        user["stripe_customer_id"],
        user["stripe_connect_account_id"],
    )


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        [],
        "text",
        {},
        {"display_name": "ab"},
        {"display_name": "x" * 41},
        {"display_name": "zero\u200bwidth"},
        {"display_name": "right\u202eleft"},
        {"display_name": "two\nlines"},
        {"display_name": {"a": 1}},
        {"display_name": ["x"]},
        {"dob": "1990-02-30"},
        {"dob": "yesterday"},
        {"dob": "infinity"},
        {"dob": "2025-01-01"},
        {"dob": "epoch"},
        {"dob": 19900228},
        {"dob": "99999-01-01"},
        {"address": "somewhere"},
        {"address": {"street": {"a": 1}, "suburb": None}},
        {"address": dict.fromkeys(("street", "suburb", "postcode", "state"), '"' * 120)},
        {"display_name": "\u3164" * 3},
        {"display_name": "\u2800\u00a0\u2800"},
        {"display_name": "tag\U000e0041ged"},
        {"display_name": "Aussie Market Support"},
        {"display_name": "M0derator"},
        {"phone": "0" * 500, "legal_name": "n" * 5000},
    ],
)
def test_metadata_never_keeps_anybody_from_signing_up(owner: Connection, metadata: object) -> None:
    """A sign-up with an invalid field succeeds with the default for that field."""
    user = profile(owner, metadata)

    assert user["dob"] is None
    assert user["address"] is None
    assert re.fullmatch(r"member-[0-9a-f]{6}|\{.*\}|\[.*\]", user["display_name"])


def test_email_may_be_missing(owner: Connection) -> None:
    """A user who signs up by phone has no e-mail."""
    assert profile(owner, {}, None)["email"] is None
    assert profile(owner, {}, "")["email"] is None


def test_email_of_somebody_else_is_left_out(owner: Connection) -> None:
    """An e-mail that Auth lets two users share stays with the first user's profile."""
    profile(owner, {}, "Same@Example.test")
    user_id = uuid4()

    owner.execute(
        "insert into auth.users (id, email, is_sso_user) values (%s, 'same@example.test', true)",
        [user_id],
    )

    assert row(owner, user_id)["email"] is None


def test_changed_email_is_followed(owner: Connection) -> None:
    """A change of e-mail at Auth changes the profile, because receipts go there."""
    user_id = UUID(profile(owner, {})["id"])

    owner.execute("update auth.users set email = 'moved@example.test' where id = %s", [user_id])

    assert "moved@example.test" == row(owner, user_id)["email"]


def test_deleted_account_stays_without_an_email(owner: Connection) -> None:
    """Auth writes a placeholder over the address of an account that it deletes softly."""
    user_id = UUID(profile(owner, {})["id"])
    owner.execute(
        "update public.users set email = null, deleted_at = now() where id = %s", [user_id]
    )

    owner.execute("update auth.users set email = 'c2f0@deleted.test' where id = %s", [user_id])

    assert row(owner, user_id)["email"] is None
