"""What the project's `supabase/config.toml` says of Auth."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


_CONFIG = Path(__file__).parents[3] / "supabase/config.toml"
#: Where below `[auth]` each setting stands.
_PLACES: Mapping[str, tuple[str, ...]] = {
    "site_url": ("site_url",),
    "redirect_urls": ("additional_redirect_urls",),
    "jwt_expiry_s": ("jwt_expiry",),
    "minimum_password_length": ("minimum_password_length",),
    "refresh_token_reuse_s": ("refresh_token_reuse_interval",),
    "is_signup_enabled": ("enable_signup",),
    "is_email_enabled": ("email", "enable_signup"),
    "otp_expiry_s": ("email", "otp_expiry"),
    "max_enrolled_factors": ("mfa", "max_enrolled_factors"),
    "is_totp_enroll_enabled": ("mfa", "totp", "enroll_enabled"),
    "is_totp_verify_enabled": ("mfa", "totp", "verify_enabled"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """The settings of `[auth]` that this stack honours, with the defaults of the Supabase CLI."""

    site_url: str = "http://127.0.0.1:3000"
    redirect_urls: tuple[str, ...] = ()
    jwt_expiry_s: int = 3600
    minimum_password_length: int = 6
    refresh_token_reuse_s: int = 10
    is_signup_enabled: bool = True
    is_email_enabled: bool = True
    otp_expiry_s: int = 3600
    max_enrolled_factors: int = 10
    is_totp_enroll_enabled: bool = False
    is_totp_verify_enabled: bool = False

    @classmethod
    def read(cls, path: Path = _CONFIG) -> Self:
        """Read the settings of the project that this stack belongs to."""
        auth: dict[str, Any] = tomllib.loads(path.read_text()).get("auth", {})
        told = {name: _at(auth, place) for name, place in _PLACES.items()}
        return cls(**{name: value for name, value in told.items() if value is not None})


def _at(section: Mapping[str, Any], place: tuple[str, ...]) -> Any:
    """Return what stands there, or nothing; a list comes as a tuple."""
    *tables, key = place
    for table in tables:
        section = section.get(table, {})
    value = section.get(key)
    return tuple(value) if isinstance(value, list) else value
