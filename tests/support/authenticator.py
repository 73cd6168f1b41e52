"""An authenticator app: a test enrols it, reads its code and verifies it."""

import pyotp
from supabase import Client
from supabase_auth.types import AuthMFAEnrollResponse


def enrolled(client: Client, name: str = "phone") -> AuthMFAEnrollResponse:
    """Enrol an authenticator app."""
    return client.auth.mfa.enroll(
        {"factor_type": "totp", "friendly_name": name, "issuer": "Aussie Market"}
    )


def code_of(factor: AuthMFAEnrollResponse) -> str:
    """Return the current code of the app."""
    assert factor.totp is not None
    return pyotp.TOTP(factor.totp.secret).now()


def verify(client: Client, factor: AuthMFAEnrollResponse) -> None:
    """Verify the factor by its code."""
    client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code_of(factor)})


def level_of(client: Client) -> tuple[str | None, str | None]:
    """Return the current and the possible level of the session."""
    level = client.auth.mfa.get_authenticator_assurance_level()
    return level.current_level, level.next_level
