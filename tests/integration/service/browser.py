"""A user with a browser, who is signed in at Auth and calls our service over HTTP."""

import base64
import dataclasses
import json
import uuid
from collections.abc import Mapping
from typing import Any, Self
from uuid import UUID

import httpx

from tests.integration.service.shop import Shop
from tests.sql.actors import Actor


#: The password of each user.
PASSWORD = "a password of tests"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A user with the session that Auth gave them."""

    shop: Shop
    session: dict[str, Any]

    @classmethod
    def of_somebody_new(cls, shop: Shop, role: str = "buyer", kyc: str = "passed") -> Self:
        """Sign up a user as the web app does, and let them trade unless `kyc` says otherwise."""
        answer = httpx.post(
            f"{shop.environment['SUPABASE_URL']}/auth/v1/signup",
            json={"email": f"{uuid.uuid4().hex}@example.test", "password": PASSWORD},
            headers={"apikey": shop.environment["SUPABASE_PUBLISHABLE_KEY"]},
            timeout=30,
        )
        answer.raise_for_status()
        session: dict[str, Any] = answer.json()
        shop.db.execute(
            "update public.users set kyc = %s, role = %s where id = %s",
            [kyc, role, session["user"]["id"]],
        )
        return cls(shop=shop, session=session)

    @property
    def actor(self) -> Actor:
        """Return the same user as an actor in SQL."""
        return Actor(
            connection=self.shop.db,
            role="authenticated",
            user_id=UUID(self.session["user"]["id"]),
        )

    @property
    def bearer(self) -> dict[str, str]:
        """Return the header that an app sends."""
        return {"Authorization": f"Bearer {self.session['access_token']}"}

    @property
    def cookie(self) -> dict[str, str]:
        """Return the header that the site's pages send."""
        return cookie_of(self.session)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send a POST request, with the bearer token unless other headers are given."""
        return self.shop.http.post(path, json=body, headers=headers or self.bearer)

    def get(self, path: str) -> httpx.Response:
        """Send a GET request, with the bearer token."""
        return self.shop.http.get(path, headers=self.bearer)

    def sign_out(self) -> None:
        """End the session at Auth; the token itself stays valid for an hour."""
        httpx.post(
            f"{self.shop.environment['SUPABASE_URL']}/auth/v1/logout",
            headers=self.bearer | {"apikey": self.shop.environment["SUPABASE_PUBLISHABLE_KEY"]},
            timeout=30,
        ).raise_for_status()


def cookie_of(session: Mapping[str, Any]) -> dict[str, str]:
    """Return the Cookie header of a session in two chunks, as Supabase's library writes it."""
    encoded = "base64-" + base64.urlsafe_b64encode(json.dumps(session).encode()).decode()
    half = len(encoded) // 2
    chunks = {".0": encoded[:half], ".1": encoded[half:]}
    named = (f"sb-127-auth-token{end}={chunk}" for end, chunk in chunks.items())
    return {"Cookie": "; ".join(named)}


def refusal_of(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of an error."""
    return answer.status_code, answer.json()["code"]
