"""The steps of the canary. Their numbers and titles are fixed; docs/canary.md explains each."""

from tests.canary.report import Step


HEALTH = Step(number="1", title="the service is healthy")
FORGED = Step(number="2", title="a forged webhook is refused")
SIGN_IN = Step(number="3.1", title="both accounts sign in")
BIDS = Step(number="3.2", title="two auctions take bids")
CLOSE = Step(number="3.3", title="both auctions close in time")
INTENT = Step(number="4.1", title="the buyer gets a payment intent")
CONFIRM = Step(number="4.2", title="Stripe takes the payment")
EVENT = Step(number="4.3", title="the event reaches the site")
PROCESSED = Step(number="5.1", title="the event is processed")
PAID = Step(number="5.2", title="the order is paid and booked")
REPEATED = Step(number="6", title="a repeated event changes nothing")
TOKEN = Step(number="7", title="the canary route needs its token")
REFUNDED = Step(number="8", title="the order is refunded in full")
SECOND_PAID = Step(number="9.1", title="the second order is paid")
HANDED_OVER = Step(number="9.2", title="the second order is handed over")
RELEASED = Step(number="9.3", title="the buyer releases the money")
SELLER_PAID = Step(number="9.4", title="the seller is paid")
MASKED = Step(number="10", title="a phone number arrives masked")
UNHANDLED = Step(number="11", title="an unhandled event is stored and ignored")
CLEAN_UP = Step(number="12", title="the canary cleans up")

#: In the order in which a run on staging takes them.
ON_STAGING = (
    HEALTH,
    FORGED,
    TOKEN,
    UNHANDLED,
    SIGN_IN,
    BIDS,
    MASKED,
    CLOSE,
    INTENT,
    CONFIRM,
    EVENT,
    PROCESSED,
    PAID,
    REPEATED,
    REFUNDED,
    SECOND_PAID,
    HANDED_OVER,
    RELEASED,
    SELLER_PAID,
    CLEAN_UP,
)
ON_PRODUCTION = (HEALTH, FORGED, TOKEN, UNHANDLED)
