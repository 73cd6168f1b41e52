"""Every balance of the fake is the sum of its balance transactions.

Random sequences of charges, refunds, disputes, transfers, reversals, settling and payouts, against
an oracle that knows nothing but the rules.
"""

import dataclasses
from operator import methodcaller
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_server import Account
from tests.support.fuzzing import fuzzed


OWN = "own"
SELLERS = ("first", "second")
CENTS = st.integers(min_value=100, max_value=9_000)
PICK = st.integers(min_value=0, max_value=5)


@dataclasses.dataclass(kw_only=True)
class Entry:
    """One movement of an account's money, available or pending."""

    owner: str
    net: int
    is_available: bool


@dataclasses.dataclass(kw_only=True)
class Charge:
    """A charge, and its refunded, disputed and transferred amounts."""

    id: str
    amount: int
    entry: Entry
    refunded: int = 0
    disputed: int = 0
    transferred: int = 0


@dataclasses.dataclass(kw_only=True)
class Transfer:
    """A transfer to a seller, and its reversed amount."""

    id: str
    amount: int
    owner: str
    ours: Entry
    theirs: Entry
    source: Charge | None
    reversed: int = 0


class Books:
    """The oracle, which does the same to the fake."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.v1 = account.client.v1
        self.ids = {name: account.seller().id for name in SELLERS}
        self.entries: list[Entry] = []
        self.charges: list[Charge] = []
        self.transfers: list[Transfer] = []

    def charge(self, amount: int) -> None:
        """Charge a buyer."""
        intent = self.account.paid(amount=amount, capture_method="automatic")
        fee = round(amount * 170 / 10_000) + 30
        entry = self._add(OWN, amount - fee, is_available=False)
        self.charges.append(Charge(id=str(intent.latest_charge), amount=amount, entry=entry))

    def refund(self, pick: int, amount: int) -> None:
        """Refund a part of what neither the buyer nor the bank has back."""
        if not self.charges:
            return
        charge = self.charges[pick % len(self.charges)]
        is_possible = amount <= charge.amount - charge.refunded - charge.disputed
        self._try(
            lambda: self.v1.refunds.create({"charge": charge.id, "amount": amount}), is_possible
        )
        if is_possible:
            charge.refunded += amount
            self._add(OWN, -amount, is_available=charge.entry.is_available)

    def dispute(self, pick: int, *, is_won: bool) -> None:
        """Let a bank dispute the rest of a charge, and return it if we win."""
        if not self.charges:
            return
        charge = self.charges[pick % len(self.charges)]
        left = charge.amount - charge.refunded - charge.disputed
        answer = self.account.control.post(f"/charges/{charge.id}/dispute")
        assert (200 if left > 0 else 400) == answer.status_code
        if left <= 0:
            return
        self._add(OWN, -left - 2500, is_available=True)
        if is_won:
            self.account.command("POST", f"/disputes/{answer.json()['id']}/close", status="won")
            self._add(OWN, left, is_available=True)
        else:
            charge.disputed = left

    def transfer(self, pick: int, amount: int, owner: str, *, has_source: bool) -> None:
        """Transfer to a seller, from a charge or from the available balance."""
        source = None
        if has_source and self.charges:
            source = self.charges[pick % len(self.charges)]
        params: Any = {"amount": amount, "currency": "aud", "destination": self.ids[owner]}
        if source is None:
            is_possible = amount <= self.funds(OWN)[0]
        else:
            params["source_transaction"] = source.id
            is_possible = amount <= source.amount - source.refunded - source.transferred
        made = self._try(lambda: self.v1.transfers.create(params), is_possible)
        if made is None:
            return
        is_available = source is None or source.entry.is_available
        if source is not None:
            source.transferred += amount
        self.transfers.append(
            Transfer(
                id=made.id,
                amount=amount,
                owner=owner,
                ours=self._add(OWN, -amount, is_available=is_available),
                theirs=self._add(owner, amount, is_available=is_available),
                source=source,
            )
        )

    def reverse(self, pick: int, amount: int) -> None:
        """Reverse a part of a transfer whose seller still has the money."""
        if not self.transfers:
            return
        transfer = self.transfers[pick % len(self.transfers)]
        left = transfer.amount - transfer.reversed
        is_possible = amount <= min(left, sum(self.funds(transfer.owner)))
        reversals = self.v1.transfers.reversals
        self._try(lambda: reversals.create(transfer.id, {"amount": amount}), is_possible)
        if is_possible:
            transfer.reversed += amount
            if transfer.source is not None:
                transfer.source.transferred -= amount
            self._add(OWN, amount, is_available=transfer.ours.is_available)
            self._add(transfer.owner, -amount, is_available=transfer.theirs.is_available)

    def settle(self, owner: str) -> None:
        """Make the pending money of an account available."""
        self.account.command("POST", f"/balance/{self.ids.get(owner, OWN)}/settle")
        for entry in self._of(owner):
            entry.is_available = True

    def pay_out(self, owner: str) -> None:
        """Pay the available balance out."""
        amount = self.funds(owner)[0]
        path = f"/balance/{self.ids.get(owner, OWN)}/payout"
        answer = self.account.control.post(path)
        assert (200 if amount > 0 else 400) == answer.status_code
        if amount > 0:
            self._add(owner, -amount, is_available=True)

    def funds(self, owner: str) -> tuple[int, int]:
        """Return the available and the pending balance."""
        both = {True: 0, False: 0}
        for entry in self._of(owner):
            both[entry.is_available] += entry.net
        return both[True], both[False]

    def check(self) -> None:
        """Compare each account with the oracle, and its balance with its transactions."""
        for owner in (OWN, *SELLERS):
            options: Any = {"stripe_account": self.ids[owner]} if owner in self.ids else {}
            shown = self.account.funds(self.ids.get(owner, ""))
            pages = self.v1.balance_transactions.list({"limit": 100}, options)
            rows = list(pages.auto_paging_iter())

            assert self.funds(owner) == shown, owner
            for status, amount in zip(("available", "pending"), shown, strict=True):
                assert amount == sum(row.net for row in rows if row.status == status), owner
            assert [entry.net for entry in self._of(owner)] == [row.net for row in reversed(rows)]
            assert all(row.net == row.amount - row.fee for row in rows)

    def _try(self, send: Any, is_possible: bool) -> Any:  # noqa: FBT001 - what is to be expected
        if is_possible:
            return send()
        with pytest.raises(stripe.InvalidRequestError):
            send()
        return None

    def _add(self, owner: str, net: int, *, is_available: bool) -> Entry:
        entry = Entry(owner=owner, net=net, is_available=is_available)
        self.entries.append(entry)
        return entry

    def _of(self, owner: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.owner == owner]


OWNERS = st.sampled_from((OWN, *SELLERS))
CHARGE = st.builds(methodcaller, st.just("charge"), CENTS)
TRANSFER = st.builds(
    methodcaller,
    st.just("transfer"),
    PICK,
    CENTS,
    st.sampled_from(SELLERS),
    has_source=st.sampled_from((True, True, False)),
)
STEPS = st.one_of(
    CHARGE,
    CHARGE,
    TRANSFER,
    TRANSFER,
    st.builds(methodcaller, st.just("refund"), PICK, CENTS),
    st.builds(methodcaller, st.just("dispute"), PICK, is_won=st.booleans()),
    st.builds(methodcaller, st.just("reverse"), PICK, CENTS),
    st.builds(methodcaller, st.just("settle"), OWNERS),
    st.builds(methodcaller, st.just("pay_out"), OWNERS),
)


@fuzzed(8)
@given(st.lists(STEPS, min_size=4, max_size=20))
def test_balances_are_the_sums_of_their_transactions(
    account: Account, steps: list[methodcaller]
) -> None:
    """Our balance and each seller's stay equal to the oracle's after any movement or refusal."""
    account.command("POST", "/reset")
    books = Books(account)

    for step in steps:
        step(books)

    books.check()
