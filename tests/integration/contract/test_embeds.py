"""Every query of the web app through the gateway, as a visitor, users, parties and staff."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from postgrest import APIResponse
from postgrest.exceptions import APIError
from postgrest.types import CountMethod

from tests.integration.contract.embeds import COUNTS, FORBIDDEN, QUERIES, Query
from tests.integration.contract.market import Market, Role, Visitor


#: The SQLSTATE of a query by a role without a grant on the table.
INSUFFICIENT_PRIVILEGE = "42501"

#: The foreign keys that the app may name, each with its table and what it embeds.
HINTS = {
    "listings_seller_id_fkey": "listings public_profiles",
    "auctions_listing_id_fkey": "auctions listings",
    "bids_bidder_id_fkey": "bids public_profiles",
    "orders_listing_id_fkey": "orders listings",
    "orders_buyer_id_fkey": "orders public_profiles",
    "orders_seller_id_fkey": "orders public_profiles",
    "orders_winning_bid_id_fkey": "orders bids",
    "message_threads_buyer_id_fkey": "message_threads public_profiles",
    "message_threads_seller_id_fkey": "message_threads public_profiles",
    "messages_sender_id_fkey": "messages public_profiles",
    "disputes_order_id_fkey": "disputes orders",
    "disputes_initiator_id_fkey": "disputes public_profiles",
    "disputes_respondent_id_fkey": "disputes public_profiles",
    "dispute_evidence_user_id_fkey": "dispute_evidence public_profiles",
    "dispute_messages_sender_id_fkey": "dispute_messages public_profiles",
}
#: Tables that a visitor may read.
ANONS = ("listings", "auctions", "bids")

Visitors = Mapping[Role, Visitor]


def ask(visitor: Visitor, query: Query, ids: Mapping[str, str]) -> list[dict[str, Any]]:
    """Send a query by the official library; the filters are spelled as the web app sends them."""
    request = visitor.client.table(query.table).select(query.select)
    for name, value in query.where.items():
        request.request.params = request.request.params.add(name, value.format(**ids))
    return rows_of(request.execute())


def rows_of(answer: APIResponse) -> list[dict[str, Any]]:
    """Return the rows of an answer, which the library knows as any JSON."""
    rows: Any = answer.data
    return list(rows)


def at_path(values: list[Any], path: str) -> Iterator[Any]:
    """Return the values at a path of embeds, through objects and arrays alike."""
    for name in path.split("."):
        flat = itertools.chain.from_iterable(
            value if isinstance(value, list) else [value] for value in values
        )
        values = [value[name] for value in flat]
    return iter(values)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("page", QUERIES)
def test_query_of_the_web_app(market: Market, visitors: Visitors, page: str, role: Role) -> None:
    """Each query returns its sender's rows, with arrays and objects where the app expects them.

    A16, case 1: the home page reads `auctions[0]`, and winner and losers still read the sale.
    """
    query = QUERIES[page]
    if query.reads[role] == FORBIDDEN:
        with pytest.raises(APIError) as raised:
            ask(visitors[role], query, market.ids)
        assert INSUFFICIENT_PRIVILEGE == raised.value.code
        return

    rows = ask(visitors[role], query, market.ids)

    assert query.reads[role] == len(rows)
    for path, form in query.forms.items() if rows else ():
        assert {form} == {type(value) for value in at_path(rows, path)}, path


def test_what_is_embedded_shows_no_more_than_its_four_columns(
    market: Market, visitors: Visitors
) -> None:
    """An order shows four columns of the other party, the display name among them (B17)."""
    [order] = ask(visitors[Role.BUYER], QUERIES["orders"], market.ids)

    assert {"id", "display_name", "kyc_passed", "member_since"} == order["seller"].keys()
    assert market.ids["seller"] == order["seller"]["id"]


@pytest.mark.parametrize("key", HINTS)
@pytest.mark.parametrize("role", list(Role))
def test_hint_of_the_contract_exists(visitors: Visitors, role: Role, key: str) -> None:
    """The app names each relationship by its foreign key, and a reader's answer has its object."""
    table, target = HINTS[key].split()
    request = visitors[role].client.table(table).select(f"id,other:{target}!{key}(id)").limit(1)
    if role is Role.ANON and table not in ANONS:
        with pytest.raises(APIError, match=INSUFFICIENT_PRIVILEGE):
            request.execute()
        return

    assert all(isinstance(row["other"], dict) for row in rows_of(request.execute()))


@pytest.mark.parametrize("key", [key for key in HINTS if HINTS[key].endswith("profiles")])
@pytest.mark.parametrize("role", list(Role))
def test_person_of_the_old_app_is_for_staff_alone(
    market: Market, visitors: Visitors, role: Role, key: str
) -> None:
    """The old select strings still parse; they show people to staff and to themselves (B17)."""
    table = HINTS[key].split()[0]
    select = f"id,person:users!{key}(id,legal_name,email,phone)"
    request = visitors[role].client.table(table).select(select)
    if role is Role.ANON and table not in ANONS:
        with pytest.raises(APIError, match=INSUFFICIENT_PRIVILEGE):
            request.execute()
        return

    people = [row["person"] for row in rows_of(request.execute())]

    if role is Role.STAFF:
        assert people
        assert None not in people
    else:
        assert {market.ids.get(role)} >= {person["id"] for person in people if person is not None}


def test_staff_read_the_person_of_the_old_app(market: Market, visitors: Visitors) -> None:
    """Staff pages may keep their select strings."""
    phone = "0400 000 000"
    change = "update public.users set phone = %s where id = %s"
    market.shop.db.execute(change, [phone, market.ids["buyer"]])
    table = visitors[Role.STAFF].client.table("orders")

    request = table.select("buyer:users!orders_buyer_id_fkey(id,email,phone)")
    [order] = rows_of(request.eq("id", market.ids["order"]).execute())

    buyer = {"id": market.ids["buyer"], "email": market.ids["buyer_email"], "phone": phone}
    assert buyer == order["buyer"]


@pytest.mark.parametrize("role", list(Role))
def test_single_row_is_an_object(market: Market, visitors: Visitors, role: Role) -> None:
    """The listing page asks for one auction by its listing, and gets an object, no array."""
    table = visitors[role].client.table("auctions").select("*")

    answer = table.eq("listing_id", market.ids["listing"]).single().execute()

    row: Any = answer.data
    assert market.ids["sold"] == row["id"]


def counted(market: Market, visitor: Visitor, role: Role, name: str) -> int | str:
    """Return a count that the web app asks for by HEAD, or the status of its refusal."""
    table, where = COUNTS[name]
    own = market.ids["other_user" if role is Role.ANON else role]
    request = visitor.client.table(table).select("*", count=CountMethod.exact, head=True)
    for column, value in where.items():
        request.request.params = request.request.params.add(
            column, value.format(**market.ids, self=own)
        )
    try:
        answer = request.execute()
    except APIError:
        return visitor.status
    assert ([], False) == (answer.data, answer.count is None)
    return int(answer.count or 0)


@pytest.mark.parametrize("role", list(Role))
def test_unread_messages_are_counted_by_head(
    market: Market, visitors: Visitors, role: Role
) -> None:
    """The inbox asks for the number of messages of others that nobody has read."""
    market.shop.db.execute(
        "update public.messages set read_at = null where thread_id = %s", [market.ids["thread"]]
    )

    count = counted(market, visitors[role], role, "unread messages")

    assert {Role.ANON: 401, Role.BUYER: 1, Role.STAFF: 1}.get(role, 0) == count


@pytest.mark.parametrize("role", list(Role))
def test_marketplace_counts_all_pages(market: Market, visitors: Visitors, role: Role) -> None:
    """The marketplace pages by an exact count of the rows that fit its filters."""
    client = visitors[role].client
    listings = (
        client.table("listings")
        .select(QUERIES["marketplace"].select, count=CountMethod.exact)
        .eq("seller_id", market.ids["seller"])
        .range(0, 0)
        .execute()
    )
    assert (2, 1) == (listings.count, len(listings.data))


@pytest.mark.parametrize("role", list(Role))
def test_badge_is_counted_by_head(market: Market, visitors: Visitors, role: Role) -> None:
    """The bell counts the caller's own notifications by HEAD (case 12)."""
    badge = counted(market, visitors[role], role, "badge")
    if role is Role.ANON:
        assert 401 == badge
        return

    table = visitors[role].client.table("notifications")
    rows = rows_of(table.select("user_id").eq("read", value=False).execute())

    assert len(rows) == badge
    assert {row["user_id"] for row in rows} <= {market.ids[role]}
    # Bidders and seller have notifications, and each reads only their own.
    assert (role in (Role.OTHER_USER, Role.STAFF)) == (not rows)


def test_read_marks_are_the_recipients(market: Market, visitors: Visitors) -> None:
    """The update of the thread page marks the messages of the peer, and only for the recipient."""
    marked = {}
    for role in (Role.OTHER_USER, Role.SELLER, Role.BUYER):
        request = (
            visitors[role]
            .client.table("messages")
            .update({"read_at": "2026-01-01T00:00:00Z"})
            .eq("thread_id", market.ids["thread"])
            .neq("sender_id", market.ids[role])
            .is_("read_at", None)
        )
        marked[role] = len(request.execute().data)

    assert {Role.OTHER_USER: 0, Role.SELLER: 0, Role.BUYER: 1} == marked


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.ANON, Role.STAFF)])
@pytest.mark.parametrize(
    ("table", "select"),
    [
        ("payments", "error_message"),
        ("payments", "error_message,orders!inner(id)"),
        ("orders", "id,payments!inner(error_message)"),
        ("listings", "id,orders!inner(payments!inner(error_message))"),
        ("orders", "...payments!inner(error_message)"),
    ],
)
def test_decline_is_shown_to_the_buyer_alone(
    visitors: Visitors, role: Role, *, table: str, select: str
) -> None:
    """No embed tells the seller or another user that a card was declined, or why."""
    answer = visitors[role].client.table(table).select(select).execute()

    assert ("Your card was declined." in str(answer.data)) == (role is Role.BUYER)
    assert (len(answer.data) == 1) == (role is Role.BUYER)


def test_order_of_the_seller_has_no_payments(market: Market, visitors: Visitors) -> None:
    """An embed that the seller may not read is empty and does not hide the order."""
    request = visitors[Role.SELLER].client.table("orders").select("id,payments(error_message)")

    assert [{"id": market.ids["order"], "payments": []}] == rows_of(request.execute())


@pytest.mark.parametrize("role", list(Role))
def test_search_takes_what_the_table_takes(market: Market, visitors: Visitors, role: Role) -> None:
    """A text search accepts the marketplace's select string, filters, order and range."""
    request = visitors[role].client.rpc(
        "search_listings", {"search": "Teapot"}, count=CountMethod.exact
    )
    query = QUERIES["marketplace"]
    sent = {**query.where, "select": query.select, "or": "(pickup.is.true)"}
    for name, value in sent.items():
        request.request.params = request.request.params.add(name, value.format(**market.ids))

    answer = request.execute()

    [listing] = rows_of(answer)
    assert 1 == answer.count
    assert market.ids["seller"] == listing["public_profiles"]["id"]
    assert list is type(listing["listing_photos"])
