"""Only a flag and a code of a document are stored."""

import json
from typing import Any

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.kyc.verifying import ADDRESS, SESSION, failed, handled, session_row, user_row
from tests.sql.paying import outbox_rows, service_of


MATCH = json.dumps({"address_match": True})


@pytest.mark.parametrize(
    ("outputs", "address", "is_verified"),
    [
        (MATCH, json.dumps(ADDRESS), True),
        (MATCH, None, True),
        (MATCH, json.dumps(ADDRESS | {"street": "6 King St"}), False),
        ('{"address_match": false}', json.dumps(ADDRESS), False),
        ('{"address_match": null}', json.dumps(ADDRESS), False),
        (None, None, False),
    ],
)
def test_flag_of_the_address_is_kept(
    owner: Connection, started: Actor, outputs: Any, address: Any, *, is_verified: bool
) -> None:
    """The flag belongs to the compared address, which is the user's own input."""
    handled(owner, "verified", p_verified_outputs=outputs, p_address=address)

    user = user_row(owner, started)
    assert ("passed", is_verified) == (user["kyc"], user["address_verified"])
    expected = {key: value.upper() for key, value in ADDRESS.items()}
    assert (
        (expected, "identity")
        if is_verified
        else (None, None)
        == (
            user["address_normalized"],
            user["address_verification_method"],
        )
    )


@pytest.mark.usefixtures("started")
def test_nothing_but_the_code_is_kept(owner: Connection) -> None:
    """Another form than a code is dropped, because it may describe a person."""
    for code in ("Alice has no photo", {"Alice": 1}, "x" * 101, None):
        error = json.dumps({"code": code, "reason": "The document of Alice"})
        failed(owner, p_last_error=error, p_report_id=None)
        assert "unknown" == session_row(owner)["reason_code"]

    failed(owner)
    assert "document_expired" == session_row(owner)["reason_code"]


@pytest.mark.usefixtures("started")
def test_address_is_given_until_the_pass(owner: Connection) -> None:
    """The address is returned until the pass, and for known sessions only."""
    service = service_of(owner)

    def terms(session_id: str = SESSION) -> Any:
        return service.call("begin_verification_read", stripe_session_id=session_id)

    assert {"read_number": 1, "address": ADDRESS} == terms()
    handled(owner, "verified")
    assert {"read_number": 2, "address": None} == terms()
    assert {"read_number": None, "address": None} == terms("vs_none")
    assert [] == outbox_rows(owner, "redact_identity")
