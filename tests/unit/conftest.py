"""Give unit tests specs in the place of adapters, and take these back."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import create_autospec

import pytest
import structlog

from market.database import Database
from market.stripe_api import StripeApi
from tests.unit.specs import return_specs, spec_of


@pytest.fixture(scope="session", autouse=True)
def _tracebacks_are_plain() -> Iterator[None]:
    """Print tracebacks as the product does: structlog's own are in colour, and take 50 ms each."""
    renderer = structlog.dev.ConsoleRenderer.get_active()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renderer, "exception_formatter", structlog.dev.plain_traceback)
        yield


@pytest.fixture(autouse=True)
def _specs_are_returned() -> Iterator[None]:
    yield
    return_specs()


@pytest.fixture
def database() -> Any:
    """Give a spec of the adapter for Postgres; a test sets its answers."""
    return create_autospec(Database, instance=True)


@pytest.fixture
def stripe_api() -> Any:
    """Give a spec of the adapter for Stripe; a test sets its answers."""
    return spec_of(StripeApi)
