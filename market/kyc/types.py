"""Plain values of the KYC domain."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The name, birth date (YYYY-MM-DD) and address that a person gives for the verification."""

    legal_name: str = dataclasses.field(repr=False)
    dob: str = dataclasses.field(repr=False)
    address: Mapping[str, str] = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A verification that has not ended; `stripe_session_id` is None until Stripe has answered.

    `answered_errors` counts the errors that Stripe answered to the creation of its session.
    """

    id: str
    user_id: str
    stripe_session_id: str | None
    answered_errors: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A session at Stripe. The way in is None while Stripe checks what the person has sent."""

    stripe_session_id: str
    client_secret: str | None = dataclasses.field(repr=False)
    url: str | None = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReadTerms:
    """The number of a read that begins, and the address to compare with the document's."""

    read_number: int
    address: Mapping[str, str] | None = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The state of a session at Stripe without anything from a document.

    `user_ref` is the user id in the metadata: empty if there is none, and None if a redaction has
    erased it. `report_id` names the last check. `is_address_matched` is None if nothing was
    compared, else it is about `address`, the person's own input.
    """

    stripe_session_id: str
    read_number: int
    status: str
    reason_code: str | None
    user_ref: str | None
    report_id: str | None
    redaction: str | None
    is_address_matched: bool | None
    address: Mapping[str, str] | None = dataclasses.field(repr=False)
