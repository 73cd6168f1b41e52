"""Plain values of the payouts domain."""

import dataclasses
import datetime as dt
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AccountTerms:
    """The state of a seller's Connect account: its id, or what a new one is made from.

    `answered_errors` counts the errors that Stripe answered to its creation. `seller_since` is the
    earliest time at which an account for the seller can have been made, in Unix seconds.
    """

    user_id: str
    account_id: str | None
    answered_errors: int
    seller_since: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OnboardingLink:
    """The address of Stripe's form for one seller; it opens once and expires."""

    url: str = dataclasses.field(repr=False)
    expires_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """The state of a Connect account, and the number of the read that found it."""

    account_id: str
    read_number: int
    payouts_enabled: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """Money of a transfer that came back; `outbox_id` and `dedupe_key` name our row for it.

    `id` is Stripe's id of the reversal.
    """

    id: str
    amount_cents: int
    outbox_id: str | None
    dedupe_key: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Money that went to a seller's account, with everything of it that came back.

    `order_ref` is the text that names the order, and may name none. `outbox_id` and `dedupe_key`
    name the outbox row that the transfer was made for. They are None for a transfer made in
    Stripe's dashboard.
    """

    stripe_transfer_id: str | None
    outbox_id: str | None
    dedupe_key: str | None
    order_ref: str | None
    charge_id: str | None
    amount_cents: int | None
    currency: str | None
    reversals: Sequence[Reversal]
