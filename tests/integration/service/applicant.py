"""A person who passes KYC: the calls at our service, and the acts on Stripe's page."""

import dataclasses
from typing import Any, Self

import httpx

from tests.integration.service.browser import Browser
from tests.integration.service.planting import post_identity
from tests.integration.service.shop import Shop


START, KYC = "/api/kyc/start", "/api/kyc"
ADDRESS = {"street": "5 King St", "suburb": "Perth", "postcode": "6000", "state": "WA"}
PROFILE: dict[str, Any] = {"legal_name": "Jo Example", "dob": "1990-01-01", "address": ADDRESS}
#: The same address as a document shows it.
DOCUMENT = {"line1": "5 KING STREET", "city": "PERTH", "postal_code": "6000", "state": "WA"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """A user who is not verified yet."""

    shop: Shop
    browser: Browser

    @classmethod
    def of_somebody_new(cls, shop: Shop) -> Self:
        """Sign up a new user."""
        return cls(shop=shop, browser=Browser.of_somebody_new(shop, kyc="none"))

    @property
    def user_id(self) -> str:
        """Return the id of the person."""
        return str(self.browser.actor.id)

    def start(self, **changes: Any) -> httpx.Response:
        """Ask for a verification."""
        return self.browser.post(START, PROFILE | changes)

    def started(self) -> str:
        """Start a verification; return the id of its session."""
        answer = self.start()
        assert answer.status_code == 200, answer.text
        return str(answer.json()["verificationId"])

    def shown(self, query: str = "") -> Any:
        """Return the verification as the web app shows it."""
        return self.browser.get(f"{KYC}{query}").json()

    def check(self, session_id: str, status: str, **body: Any) -> None:
        """Submit a document at Stripe, and let the check succeed or fail."""
        self.shop.command("POST", f"/identity/{session_id}/check", status=status, **body)

    def fail(self, session_id: str, code: str = "document_expired") -> None:
        """Let the check of a document fail."""
        self.check(session_id, "requires_input", error_code=code)

    def wait_for_status(self, status: str) -> None:
        """Wait until the web app shows a status."""
        self.shop.wait_for(lambda: self.shown()["status"] == status)

    def sessions(self) -> list[dict[str, Any]]:
        """Return the person's sessions at Stripe, the newest first."""
        query: Any = {"client_reference_id": self.user_id, "limit": 100}
        found = self.shop.stripe.v1.identity.verification_sessions.list(query)
        return [one.to_dict() for one in found.data]

    def events(self, session_id: str) -> list[dict[str, Any]]:
        """Return Stripe's events about a session, oldest first."""
        listed = self.shop.stripe.v1.events.list(
            {"type": "identity.verification_session.*", "limit": 100}
        )
        found = [one.to_dict() for one in listed.data]
        return [one for one in reversed(found) if one["data"]["object"]["id"] == session_id]

    def deliver(self, event: dict[str, Any]) -> httpx.Response:
        """Send an event as Stripe does, signed by the secret of the Identity endpoint."""
        return post_identity(self.shop, event)

    def user(self) -> dict[str, Any]:
        """Return the row of the person."""
        query = "select to_jsonb(u) from public.users as u where id = %s"
        row: dict[str, Any] = self.shop.value(query, self.user_id)
        return row
