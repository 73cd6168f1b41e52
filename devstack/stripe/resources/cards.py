"""Stripe's test cards, with the behaviour of each: https://docs.stripe.com/testing."""

import dataclasses
from enum import StrEnum


class RefundOutcome(StrEnum):
    """The outcome of a refund to a card."""

    SUCCEEDS = "succeeds"
    PENDING = "pending"
    FAILS_LATER = "fails_later"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """The reason for which a bank, or a check before it, declines a payment."""

    code: str
    message: str
    decline_code: str | None = None
    #: The field of the card's form that caused the decline.
    param: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CardDispute:
    """A dispute that the card's holder opens after the payment."""

    reason: str
    #: An inquiry takes no money back.
    is_inquiry: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TestCard:
    """A card number with its behaviour; `name` is the end of its `pm_card_…` and `tok_…` ids."""

    name: str
    number: str
    brand: str = "visa"
    country: str = "US"
    decline: Decline | None = None
    needs_authentication: bool = False
    dispute: CardDispute | None = None
    refund_outcome: RefundOutcome = RefundOutcome.SUCCEEDS
    #: Stripe makes its payments available at once: https://docs.stripe.com/testing#available-balance.
    is_settled_at_once: bool = False

    @property
    def effect(self) -> str:
        """Return a sentence about the payment with this card."""
        if self.decline is not None:
            after = (
                "Asks for 3-D Secure, then is declined" if self.needs_authentication else "Declined"
            )
            return f"{after}: {self.decline.decline_code}"
        if self.needs_authentication:
            return "Asks for 3-D Secure"
        if self.dispute is not None:
            case = "an inquiry" if self.dispute.is_inquiry else "a dispute"
            return f"Succeeds, then the bank opens {case}: {self.dispute.reason}"
        if self.refund_outcome is RefundOutcome.PENDING:
            return "Succeeds; a refund stays pending at first"
        if self.refund_outcome is RefundOutcome.FAILS_LATER:
            return "Succeeds; a refund fails later"
        return "Succeeds; available at once" if self.is_settled_at_once else "Succeeds"

    @property
    def last4(self) -> str:
        """Return the last four digits."""
        return self.number[-4:]


_DECLINED = "Your card was declined."
_NO_FUNDS = "Your card has insufficient funds."
AUTHENTICATION_REQUIRED = Decline(
    code="authentication_required",
    decline_code="authentication_required",
    message="Your card was declined. This transaction requires authentication.",
)


def _declined(name: str, number: str, decline_code: str, message: str = _DECLINED) -> TestCard:
    decline = Decline(code="card_declined", decline_code=decline_code, message=message)
    return TestCard(name=name, number=number, decline=decline)


def _refused(name: str, number: str, code: str, message: str, param: str | None = None) -> TestCard:
    decline = Decline(code=code, decline_code=code, message=message, param=param)
    return TestCard(name=name, number=number, decline=decline)


def _challenged(name: str, number: str, decline_code: str, message: str) -> TestCard:
    """Return a card whose bank declines after the buyer has passed 3-D Secure."""
    card = _declined(name, number, decline_code, message)
    return dataclasses.replace(card, needs_authentication=True)


def _disputed(name: str, number: str, reason: str, *, is_inquiry: bool = False) -> TestCard:
    return TestCard(
        name=name, number=number, dispute=CardDispute(reason=reason, is_inquiry=is_inquiry)
    )


CARDS = (
    TestCard(name="visa", number="4242424242424242"),
    TestCard(name="visa_debit", number="4000056655665556"),
    TestCard(name="mastercard", number="5555555555554444", brand="mastercard"),
    TestCard(name="amex", number="378282246310005", brand="amex"),
    TestCard(name="au", number="4000000360000006", country="AU"),
    TestCard(name="bypassPending", number="4000000000000077", is_settled_at_once=True),
    _declined("chargeDeclined", "4000000000000002", "generic_decline"),
    _declined(
        "chargeDeclinedInsufficientFunds",
        "4000000000009995",
        "insufficient_funds",
        _NO_FUNDS,
    ),
    _declined("chargeDeclinedLostCard", "4000000000009987", "lost_card"),
    _declined("chargeDeclinedStolenCard", "4000000000009979", "stolen_card"),
    _declined("chargeDeclinedFraudulent", "4100000000000019", "fraudulent"),
    _declined("chargeDeclinedVelocityLimitExceeded", "4000000000006975", "card_velocity_exceeded"),
    _refused(
        "chargeDeclinedExpiredCard",
        "4000000000000069",
        "expired_card",
        "Your card has expired.",
        "exp_month",
    ),
    _refused(
        "chargeDeclinedIncorrectCvc",
        "4000000000000127",
        "incorrect_cvc",
        "Your card's security code is incorrect.",
        "cvc",
    ),
    _refused(
        "chargeDeclinedProcessingError",
        "4000000000000119",
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    _declined("chargeCustomerFail", "4000000000000341", "generic_decline"),
    TestCard(name="threeDSecure2Required", number="4000000000003220", needs_authentication=True),
    TestCard(name="threeDSecureRequired", number="4000000000003063", needs_authentication=True),
    TestCard(name="authenticationRequired", number="4000002760003184", needs_authentication=True),
    TestCard(
        name="authenticationRequiredOnSetup", number="4000002500003155", needs_authentication=True
    ),
    _challenged(
        "threeDSecureRequiredChargeDeclined", "4000008400001629", "generic_decline", _DECLINED
    ),
    _challenged(
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        "4000008260003178",
        "insufficient_funds",
        _NO_FUNDS,
    ),
    # Only the bank or a rule of Radar would demand 3-D Secure.
    TestCard(name="threeDSecureOptional", number="4000000000003055"),
    _disputed("createDispute", "4000000000000259", "fraudulent"),
    _disputed("createDisputeProductNotReceived", "4000000000002685", "product_not_received"),
    _disputed("createDisputeInquiry", "4000000000001976", "fraudulent", is_inquiry=True),
    TestCard(name="pendingRefund", number="4000000000007726", refund_outcome=RefundOutcome.PENDING),
    TestCard(
        name="refundFail", number="4000000000005126", refund_outcome=RefundOutcome.FAILS_LATER
    ),
)
_BY_NAME = {card.name: card for card in CARDS}
_BY_NUMBER = {card.number: card for card in CARDS}


def card_named(name: str) -> TestCard | None:
    """Return the card of `pm_card_NAME` or `tok_NAME`; a name may begin with `visa_`."""
    return _BY_NAME.get(name) or _BY_NAME.get(name.removeprefix("visa_"))


def card_numbered(number: str) -> TestCard | None:
    """Return the card with this number, which may contain spaces."""
    return _BY_NUMBER.get(number.replace(" ", ""))
