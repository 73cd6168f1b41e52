"""A client reads the account's webhook endpoints."""

import pytest
import stripe

from tests.support.fake_server import SECRET, Account


def test_endpoints_are_listed_without_their_secrets(account: Account) -> None:
    """The list has each configured endpoint (docs.stripe.com/api/webhook_endpoints/list)."""
    page = account.client.v1.webhook_endpoints.list({"limit": 100})

    shown = [(one.url, one.status, one.enabled_events) for one in page.data]
    assert [(account.receiver.url, "enabled", ["*"])] * 2 == shown
    assert SECRET not in str(page)
    assert not page.has_more


def test_endpoint_is_read_by_its_id(account: Account) -> None:
    """Endpoints have different, constant ids; an unknown id is missing."""
    endpoints = account.client.v1.webhook_endpoints
    first, second = endpoints.list().data

    assert first.id != second.id
    assert second == endpoints.retrieve(second.id)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        endpoints.retrieve("we_none")
    assert (404, "resource_missing") == (refusal.value.http_status, refusal.value.code)


def test_short_page_says_that_there_is_more(account: Account) -> None:
    """A page has the requested length and says that there are more."""
    page = account.client.v1.webhook_endpoints.list({"limit": 1})

    assert (1, True) == (len(page.data), page.has_more)
