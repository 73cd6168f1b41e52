"""The operations of the API by method and path."""

import dataclasses
from collections.abc import Callable

from devstack.stripe.resources import (
    accounts,
    balance,
    charges,
    customers,
    disputes,
    events,
    identity,
    payment_intents,
    payment_methods,
    refunds,
    transfers,
)
from devstack.stripe.store import Json
from devstack.stripe.transaction import Answer


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """A method, a path, and the function that answers them.

    `run` takes the transaction, the parameters and each id in the path. A publishable key may call
    an operation that `is_public`. One `for_connected` accepts the header Stripe-Account, which
    names a connected account.
    """

    method: str
    path: str
    run: Callable[..., Json | Answer]
    is_public: bool = False
    for_connected: bool = False


_SESSIONS = "/v1/identity/verification_sessions"

OPERATIONS = (
    Operation("GET", "/v1/account", accounts.retrieve_own, for_connected=True),
    Operation("POST", "/v1/account_links", accounts.create_link),
    Operation("GET", "/v1/accounts", accounts.list_page),
    Operation("POST", "/v1/accounts", accounts.create),
    Operation("GET", "/v1/accounts/{id}", accounts.retrieve),
    Operation("POST", "/v1/accounts/{id}", accounts.update),
    Operation("DELETE", "/v1/accounts/{id}", accounts.delete),
    Operation("POST", "/v1/accounts/{id}/login_links", accounts.create_login_link),
    Operation("GET", "/v1/balance", balance.retrieve_balance, for_connected=True),
    Operation("GET", "/v1/balance_transactions", balance.list_page, for_connected=True),
    Operation("GET", "/v1/balance_transactions/{id}", balance.retrieve, for_connected=True),
    Operation("GET", "/v1/charges", charges.list_page, for_connected=True),
    Operation("GET", "/v1/charges/{id}", charges.retrieve, for_connected=True),
    Operation("GET", "/v1/customers", customers.list_page),
    Operation("POST", "/v1/customers", customers.create),
    Operation("GET", "/v1/customers/{id}", customers.retrieve),
    Operation("POST", "/v1/customers/{id}", customers.update),
    Operation("DELETE", "/v1/customers/{id}", customers.delete),
    Operation("GET", "/v1/disputes", disputes.list_page),
    Operation("GET", "/v1/disputes/{id}", disputes.retrieve),
    Operation("POST", "/v1/disputes/{id}", disputes.update),
    Operation("POST", "/v1/disputes/{id}/close", disputes.close),
    Operation("GET", "/v1/events", events.list_page, for_connected=True),
    Operation("GET", "/v1/events/{id}", events.retrieve, for_connected=True),
    Operation("GET", _SESSIONS, identity.list_page),
    Operation("POST", _SESSIONS, identity.create),
    Operation("GET", f"{_SESSIONS}/{{id}}", identity.retrieve),
    Operation("POST", f"{_SESSIONS}/{{id}}", identity.update),
    Operation("POST", f"{_SESSIONS}/{{id}}/cancel", identity.cancel),
    Operation("POST", f"{_SESSIONS}/{{id}}/redact", identity.redact),
    Operation("GET", "/v1/payment_intents", payment_intents.list_page),
    Operation("POST", "/v1/payment_intents", payment_intents.create),
    Operation("GET", "/v1/payment_intents/{id}", payment_intents.retrieve, is_public=True),
    Operation("POST", "/v1/payment_intents/{id}", payment_intents.update),
    Operation("POST", "/v1/payment_intents/{id}/cancel", payment_intents.cancel),
    Operation("POST", "/v1/payment_intents/{id}/capture", payment_intents.capture),
    Operation("POST", "/v1/payment_intents/{id}/confirm", payment_intents.confirm, is_public=True),
    Operation("POST", "/v1/payment_methods", payment_methods.create, is_public=True),
    Operation("GET", "/v1/payment_methods/{id}", payment_methods.retrieve),
    Operation("GET", "/v1/refunds", refunds.list_page, for_connected=True),
    Operation("POST", "/v1/refunds", refunds.create),
    Operation("GET", "/v1/refunds/{id}", refunds.retrieve, for_connected=True),
    Operation("POST", "/v1/refunds/{id}", refunds.update),
    Operation("GET", "/v1/transfers", transfers.list_page),
    Operation("POST", "/v1/transfers", transfers.create),
    Operation("GET", "/v1/transfers/{id}", transfers.retrieve),
    Operation("POST", "/v1/transfers/{id}", transfers.update),
    Operation("GET", "/v1/transfers/{id}/reversals", transfers.list_reversals),
    Operation("POST", "/v1/transfers/{id}/reversals", transfers.create_reversal),
    Operation("GET", "/v1/transfers/{id}/reversals/{reversal_id}", transfers.retrieve_reversal),
    Operation("POST", "/v1/transfers/{id}/reversals/{reversal_id}", transfers.update_reversal),
    Operation("GET", "/v1/webhook_endpoints", events.list_endpoints),
    Operation("GET", "/v1/webhook_endpoints/{id}", events.retrieve_endpoint),
)
