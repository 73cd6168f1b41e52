"""The calls of call_sites.toml, and the market on which they are sent."""

import contextlib
import dataclasses
import datetime as dt
import tomllib
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from psycopg import sql

from tests.integration.contract.market import Market, Role, Visitor
from tests.integration.service.browser import Browser
from tests.integration.service.shop import Order, Shop
from tests.integration.service.staff import with_second_factor
from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned, listed
from tests.sql.writing import listing_of, wrote
from tests.support.pictures import encoded, halves


SITES: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("call_sites.toml").read_text())
CALLERS: Mapping[str, Role] = {
    "anon": Role.ANON,
    "user": Role.OTHER_USER,
    "buyer": Role.BUYER,
    "seller": Role.SELLER,
    "staff": Role.STAFF,
}
PICTURE = encoded(halves(), "PNG")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CallMarket:
    """A market whose calls may change anything."""

    market: Market
    visitors: Mapping[str, Visitor]
    #: The values that `{name}` stands for.
    ids: dict[str, str]

    @classmethod
    @contextlib.contextmanager
    def opened(cls, shop: Shop) -> Iterator[Self]:
        """Open a market, and give each caller a client of the official library."""
        market = Market.opened(shop)
        visitors = {name: Visitor.of(market, role) for name, role in CALLERS.items()}
        call_market = cls(market=market, visitors=visitors, ids={**market.ids, **shop.environment})
        for thing in ("scheduled", "opened", "unread"):
            call_market.ids.update(call_market.made(thing))
        try:
            yield call_market
        finally:
            for visitor in visitors.values():
                visitor.http.close()

    @property
    def shop(self) -> Shop:
        """Return the running system."""
        return self.market.shop

    def actor(self, role: Role) -> Actor:
        """Return a person as the database knows them."""
        return self.market.people[role].actor

    def headers(self, caller: str) -> dict[str, str]:
        """Return the header by which the service knows a caller."""
        role = CALLERS[caller]
        return {} if role is Role.ANON else self.market.people[role].bearer

    def made(self, thing: str) -> dict[str, str]:
        """Make a new thing; return its ids by their names."""
        return {name: str(id_) for name, id_ in _MAKERS[thing](self).items()}

    def filled(self, value: Any, caller: str, things: Mapping[str, str]) -> Any:
        """Return a value of the list in which each `{name}` is replaced."""
        if isinstance(value, dict):
            return {key: self.filled(each, caller, things) for key, each in value.items()}
        if not isinstance(value, str):
            return value
        role = CALLERS[caller]
        own = self.ids["other_user" if role is Role.ANON else role.value]
        return value.format_map(self.ids | dict(things) | {"self": own, "uuid": str(uuid.uuid4())})

    @contextlib.contextmanager
    def changed(self, caller: str, values: Mapping[str, str]) -> Iterator[None]:
        """Give the caller's row these values; restore the old ones when the block ends."""
        role = CALLERS[caller]
        if not values or role is Role.ANON:
            yield
            return
        before = {name: self._own(role, name) for name in values}
        self._set(role, values)
        try:
            yield
        finally:
            self._set(role, before)

    def _own(self, role: Role, column: str) -> str:
        query = sql.SQL("select {}::text from public.users where id = %s")
        [(value,)] = self.shop.db.execute(
            query.format(sql.Identifier(column)), [self.actor(role).id]
        ).fetchall()
        return str(value)

    def _set(self, role: Role, values: Mapping[str, str]) -> None:
        for column, value in values.items():
            query = sql.SQL("update public.users set {} = %s where id = %s")
            self.shop.db.execute(query.format(sql.Identifier(column)), [value, self.actor(role).id])

    def paid(self) -> Order:
        """Sell something that the buyer has paid for."""
        return self.shop.paid(self.actor(Role.BUYER), self.actor(Role.SELLER))

    def upload(self, caller: str, form: Mapping[str, str]) -> Any:
        """Upload a picture; return the answer, which is a success."""
        answer = self.shop.http.post(
            "/api/storage/upload",
            data=dict(form),
            files={"file": ("a.png", PICTURE, "image/png")},
            headers=self.headers(caller),
        )
        assert answer.is_success, answer.text
        return answer.json()


def _auction(call_market: CallMarket) -> dict[str, object]:
    auction_id = auctioned(call_market.actor(Role.SELLER))
    return {"auction": auction_id, "listing": listing_of(call_market.shop.db, auction_id)}


def _bidder(call_market: CallMarket, role: Role = Role.LOSER) -> dict[str, object]:
    things = _auction(call_market)
    bidder = call_market.actor(role)
    bid = bidder.call("place_bid", auction_id=things["auction"], amount_cents=1000)
    assert bid["success"], bid
    return things | {"bidder": bidder.id}


def _scheduled(call_market: CallMarket) -> dict[str, object]:
    start_at = call_market.shop.value("select private.clock()") + dt.timedelta(days=1)
    answer = listed(call_market.actor(Role.SELLER), start_at=start_at)
    return {"scheduled": answer["listing"]["id"]}


def _unsold(call_market: CallMarket) -> dict[str, object]:
    things = _auction(call_market)
    call_market.shop.service.call("end_auction", auction_id=things["auction"], force=True)
    return {"unsold": things["listing"]}


def _unpaid(call_market: CallMarket) -> dict[str, object]:
    return {
        "unpaid": call_market.shop.sold(
            call_market.actor(Role.BUYER), call_market.actor(Role.SELLER)
        ).id
    }


def _charged(call_market: CallMarket) -> dict[str, object]:
    order = call_market.shop.awaiting(
        buyer=call_market.actor(Role.BUYER), seller=call_market.actor(Role.SELLER)
    )
    call_market.shop.pay(order)
    return {"charged": order.id, "intent": order.intent_id}


def _shipped(call_market: CallMarket) -> dict[str, object]:
    order = call_market.paid()
    answer = call_market.shop.service.call(
        "save_shipment",
        order_id=order.id,
        user_id=call_market.actor(Role.SELLER).id,
        carrier="Australia Post",
        tracking="AB123",
        label_url=None,
    )
    assert answer["success"], answer
    return {"shipped": order.id}


def _pickup(call_market: CallMarket) -> dict[str, object]:
    order = call_market.paid()
    seller = call_market.market.people[Role.SELLER]
    answer = seller.post(f"/api/pickup/{order.id}", {"action": "init"}).json()
    return {"pickup": order.id, "code": answer["code6"]}


def _opened(call_market: CallMarket) -> dict[str, object]:
    order = call_market.paid()
    answer = call_market.actor(Role.BUYER).call(
        "open_dispute",
        order_id=order.id,
        dispute_type="item_not_received",
        reason="It never came",
        description=None,
    )
    return {"disputed": order.id, "opened": answer["dispute_id"]}


def _held(call_market: CallMarket) -> dict[str, object]:
    with call_market.shop.setting("filter_hold", 60):
        sent = wrote(call_market.actor(Role.BUYER), call_market.ids["thread"], "Call 0412 345 678")
    assert sent["delivery"] == "held", sent
    return {"held": sent["message_id"]}


def _unread(call_market: CallMarket) -> dict[str, object]:
    for role in (Role.SELLER, Role.BUYER):
        sent = wrote(call_market.actor(role), call_market.ids["thread"], "It is packed.")
        assert sent["success"], sent
    query = """
      select id from public.notifications where user_id = %s and not read
      order by created_at desc limit 1
    """
    return {"notice_of_buyer": call_market.shop.value(query, call_market.actor(Role.BUYER).id)}


def _person(call_market: CallMarket) -> dict[str, object]:
    return {"person": call_market.shop.person("person").id}


def _report(call_market: CallMarket) -> dict[str, object]:
    answer = call_market.actor(Role.LOSER).call(
        "report_content", user_id=_person(call_market)["person"], reason="Sells what is not theirs"
    )
    return {"report": answer["report_id"]}


def _photo(call_market: CallMarket) -> dict[str, object]:
    listing_id = str(_scheduled(call_market)["scheduled"])
    form = {"type": "listing_photo", "listingId": listing_id}
    return {"photo": call_market.upload("seller", form)["path"]}


def _leaver(call_market: CallMarket) -> dict[str, object]:
    return {"leaver": Browser.of_somebody_new(call_market.shop).session["access_token"]}


def _staff_leaver(call_market: CallMarket, role: str = "moderator") -> dict[str, object]:
    person = with_second_factor(call_market.shop, Browser.of_somebody_new(call_market.shop, role))
    return {"leaver": person.session["access_token"]}


def _last_admin(call_market: CallMarket) -> dict[str, object]:
    call_market.shop.db.execute("update public.users set role = 'moderator' where role = 'admin'")
    return _staff_leaver(call_market, "admin")


_MAKERS: Mapping[str, Callable[[CallMarket], Mapping[str, object]]] = {
    "auction": _auction,
    "bidder": _bidder,
    "charged": _charged,
    "dead_event": lambda call_market: {"dead_event": call_market.shop.dead_event()},
    "held": _held,
    "last_admin": _last_admin,
    "leaver": _leaver,
    "led": lambda call_market: _bidder(call_market, Role.BUYER),
    "opened": _opened,
    "paid": lambda call_market: {"paid": call_market.paid().id},
    "person": _person,
    "photo": _photo,
    "pickup": _pickup,
    "report": _report,
    "scheduled": _scheduled,
    "shipped": _shipped,
    "staff_leaver": _staff_leaver,
    "unpaid": _unpaid,
    "unread": _unread,
    "unsold": _unsold,
}
