"""The web app's reads of disputes, on the sample market: its keys and embeds, by their names."""

from typing import Any

import pytest
from postgrest.exceptions import APIError
from supabase import Client

from tests.devstack.gateway.rest.rows import rows
from tests.devstack.market import ALICE, BOB, CLEO, DISPUTE
from tests.support.gateways import ClientFor


def profile(key: str) -> str:
    """Return the embed by which the web app asks for another user's name."""
    return f"public_profiles!{key}(id,display_name,kyc_passed,member_since)"


PAGE = (
    "*, order:orders!disputes_order_id_fkey"
    "(id, listing:listings(title,listing_photos(url,order_idx))), "
    f"initiator:{profile('disputes_initiator_id_fkey')}, "
    f"respondent:{profile('disputes_respondent_id_fkey')}"
)
STAFF = "*, orders!inner(id,buyer_id,seller_id)"


@pytest.mark.parametrize("user", [ALICE, BOB])
def test_party_reads_the_page(client_for: ClientFor, user: str) -> None:
    """A party reads the dispute with its order, its listing and both names."""
    [dispute] = rows(client_for(user).table("disputes").select(PAGE).execute())

    photos = [{"url": "one.jpg", "order_idx": 2}, {"url": "two.jpg", "order_idx": 1}]
    assert dispute["order"] == {
        "id": 1,
        "listing": {"title": "Red bicycle", "listing_photos": photos},
    }
    names = [dispute[side]["display_name"] for side in ("initiator", "respondent")]
    assert names == ["bob", "alice"]


def test_another_user_and_a_visitor_read_nothing(client_for: ClientFor, anon: Client) -> None:
    """Another user gets no rows; an anonymous visitor gets 42501."""
    assert rows(client_for(CLEO).table("disputes").select(PAGE).execute()) == []
    with pytest.raises(APIError) as caught:
        anon.table("disputes").select(PAGE).execute()
    assert caught.value.code == "42501"


def test_staff_reads_by_state(service: Client) -> None:
    """Staff reads the disputes in one state, each with its order."""

    def found(state: str) -> list[dict[str, Any]]:
        query = service.table("disputes").select(STAFF).eq("state", state).limit(100)
        return rows(query.execute())

    assert [row["orders"] for row in found("open")] == [
        {"id": 1, "buyer_id": BOB, "seller_id": ALICE}
    ]
    assert found("closed") == []


@pytest.mark.parametrize(
    ("table", "key", "expected"),
    [
        ("dispute_messages", "sender_id", ["bob", "alice"]),
        ("dispute_evidence", "user_id", ["bob"]),
    ],
)
def test_messages_and_evidence_name_their_sender(
    service: Client, table: str, key: str, expected: list[str]
) -> None:
    """The names of foreign keys lead from a message or a piece of evidence to its sender."""
    select = f"*, by:{profile(f'{table}_{key}_fkey')}"
    found = service.table(table).select(select).eq("dispute_id", DISPUTE).order("id").execute()

    assert [row["by"]["display_name"] for row in rows(found)] == expected


def test_unhinted_embed_is_unambiguous(service: Client) -> None:
    """The embed needs no hint, because one key alone leads from disputes to orders."""
    found = service.table("orders").select("id, disputes(state)").execute()

    assert found.data == [{"id": 1, "disputes": [{"state": "open"}]}]
