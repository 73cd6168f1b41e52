"""The settings of Auth that the project's `supabase/config.toml` names, as far as devstack obeys.

docs/architecture.md lists the settings that have no effect here.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self


_CONFIG = Path(__file__).parents[3] / "supabase/config.toml"
#: Where below `[auth]` each setting stands.
_PLACES: Mapping[str, tuple[str, ...]] = {
    "site_url": ("site_url",),
    "redirect_urls": ("additional_redirect_urls",),
    "jwt_expiry_s": ("jwt_expiry",),
    "minimum_password_length": ("minimum_password_length",),
    "password_requirements": ("password_requirements",),
    "refresh_token_reuse_s": ("refresh_token_reuse_interval",),
    "is_signup_enabled": ("enable_signup",),
    "is_anonymous_enabled": ("enable_anonymous_sign_ins",),
    "is_email_enabled": ("email", "enable_signup"),
    "needs_confirmation": ("email", "enable_confirmations"),
    "needs_both_confirmations": ("email", "double_confirm_changes"),
    "otp_expiry_s": ("email", "otp_expiry"),
    "otp_length": ("email", "otp_length"),
    "max_enrolled_factors": ("mfa", "max_enrolled_factors"),
    "is_totp_enroll_enabled": ("mfa", "totp", "enroll_enabled"),
    "is_totp_verify_enabled": ("mfa", "totp", "verify_enabled"),
}


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_SYMBOLS = "!@#$%^&*()_+-=[]{};'\\:\"|<>?,./`~"
#: The sets of characters of which a password needs one each, as the CLI names them.
_REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "": (),
    "letters_digits": (_LETTERS + _LETTERS.upper(), _DIGITS),
    "lower_upper_letters_digits": (_LETTERS, _LETTERS.upper(), _DIGITS),
    "lower_upper_letters_digits_symbols": (_LETTERS, _LETTERS.upper(), _DIGITS, _SYMBOLS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """The settings of `[auth]` that this stack honours, with the defaults of the Supabase CLI."""

    site_url: str = "http://127.0.0.1:3000"
    redirect_urls: tuple[str, ...] = ()
    jwt_expiry_s: int = 3600
    minimum_password_length: int = 6
    password_requirements: str = ""
    refresh_token_reuse_s: int = 10
    is_signup_enabled: bool = True
    is_anonymous_enabled: bool = False
    is_email_enabled: bool = True
    #: Whether a new address opens nothing until its owner has answered a mail.
    needs_confirmation: bool = False
    #: Whether a change of address needs an answer from both addresses.
    needs_both_confirmations: bool = True
    otp_expiry_s: int = 3600
    otp_length: int = 6
    max_enrolled_factors: int = 10
    is_totp_enroll_enabled: bool = False
    is_totp_verify_enabled: bool = False

    @property
    def required_characters(self) -> tuple[str, ...]:
        """Return the sets of characters of which a password needs one each."""
        return _REQUIREMENTS[self.password_requirements]

    def for_development(self) -> Self:
        """Return the settings without those that only slow down the development of a frontend.

        A sign-up gets a session at once, and a password needs no characters of certain kinds.
        """
        return replace(self, needs_confirmation=False, password_requirements="")

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
