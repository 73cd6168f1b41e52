"""The settings of Auth in the project's `supabase/config.toml` that devstack follows.

docs/architecture.md lists the settings that have no effect here.
"""

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit


_CONFIG = Path(__file__).parents[3] / "supabase/config.toml"
#: The path of each setting below `[auth]`.
_PATHS: Mapping[str, tuple[str, ...]] = {
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
    "is_password_change_secure": ("email", "secure_password_change"),
    "mail_interval": ("email", "max_frequency"),
    "otp_expiry_s": ("email", "otp_expiry"),
    "otp_length": ("email", "otp_length"),
    "max_enrolled_factors": ("mfa", "max_enrolled_factors"),
    "is_totp_enroll_enabled": ("mfa", "totp", "enroll_enabled"),
    "is_totp_verify_enabled": ("mfa", "totp", "verify_enabled"),
}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_SYMBOLS = "!@#$%^&*()_+-=[]{};'\\:\"|<>?,./`~"
#: One part of a duration in Go's format.
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
#: The CLI's names for sets of characters; a password needs one character of each set.
_REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "": (),
    "letters_digits": (_LETTERS + _LETTERS.upper(), _DIGITS),
    "lower_upper_letters_digits": (_LETTERS, _LETTERS.upper(), _DIGITS),
    "lower_upper_letters_digits_symbols": (_LETTERS, _LETTERS.upper(), _DIGITS, _SYMBOLS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """The settings of `[auth]` that devstack follows, with the defaults of the Supabase CLI."""

    site_url: str = "http://127.0.0.1:3000"
    redirect_urls: tuple[str, ...] = ()
    jwt_expiry_s: int = 3600
    minimum_password_length: int = 6
    password_requirements: str = ""
    refresh_token_reuse_s: int = 10
    is_signup_enabled: bool = True
    is_anonymous_enabled: bool = False
    is_email_enabled: bool = True
    #: True if a new user can sign in only after answering a mail.
    needs_confirmation: bool = False
    #: True if a new address takes effect only after both addresses have answered a mail.
    needs_both_confirmations: bool = True
    #: True if a new password needs a recent sign-in, or a code from a mail.
    is_password_change_secure: bool = False
    #: The least time between two mails of a kind to one user, in Go's format.
    mail_interval: str = "1m0s"
    otp_expiry_s: int = 3600
    otp_length: int = 6
    max_enrolled_factors: int = 10
    is_totp_enroll_enabled: bool = False
    is_totp_verify_enabled: bool = False

    @property
    def required_characters(self) -> tuple[str, ...]:
        """Return sets of characters; a password needs one character of each set."""
        return _REQUIREMENTS[self.password_requirements]

    @property
    def mail_interval_s(self) -> float:
        """Return the least time between two mails of a kind to one user."""
        return duration_s(self.mail_interval) or 0.0

    def for_development(self) -> Self:
        """Return the settings without those that only slow down the development of a frontend.

        A sign-up gets a session at once, a password needs no characters of certain kinds and no
        recent sign-in, and a mail may follow another at once.
        """
        return replace(
            self,
            needs_confirmation=False,
            password_requirements="",
            is_password_change_secure=False,
            mail_interval="0s",
        )

    @classmethod
    def read(cls, path: Path = _CONFIG) -> Self:
        """Read the settings of the project that this stack belongs to."""
        auth: dict[str, Any] = tomllib.loads(path.read_text()).get("auth", {})
        values = {name: _value_at(auth, path) for name, path in _PATHS.items()}
        return cls(**{name: value for name, value in values.items() if value is not None})

    def allows_redirect(self, address: str) -> bool:
        """Return true for an address on this machine, on the site, or in the project's list.

        Unlike GoTrue it does not read patterns in the list.
        """
        if not address.isprintable() or " " in address:
            return False
        try:
            site, wanted = urlsplit(self.site_url), urlsplit(address)
            is_site = (site.scheme, site.hostname, site.port) == (
                wanted.scheme,
                wanted.hostname,
                wanted.port,
            )
        except ValueError:  # The text is not a URL.
            return False
        return is_site or _is_local(wanted.hostname) or address in self.redirect_urls


def duration_s(text: str) -> float | None:
    """Read a duration such as `300ms`, `24h` or `1h30m`; return None for another text."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


def _is_local(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:  # The host is a name.
        return host == "localhost"


def _value_at(section: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Return the value at a path, or None; a list becomes a tuple."""
    *tables, key = path
    for table in tables:
        section = section.get(table, {})
    value = section.get(key)
    return tuple(value) if isinstance(value, list) else value
