"""Plain values of the payouts domain."""

import dataclasses
import datetime as dt


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
