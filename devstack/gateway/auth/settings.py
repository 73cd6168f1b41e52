"""What the project's `supabase/config.toml` says of Auth."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


_CONFIG = Path(__file__).parents[3] / "supabase/config.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """The settings of `[auth]` that this stack honours, with the defaults of the Supabase CLI."""

    jwt_expiry_s: int = 3600
    minimum_password_length: int = 6
    refresh_token_reuse_s: int = 10
    is_signup_enabled: bool = True
    is_email_enabled: bool = True

    @classmethod
    def read(cls, path: Path = _CONFIG) -> Self:
        """Read the settings of the project that this stack belongs to."""
        auth: dict[str, Any] = tomllib.loads(path.read_text()).get("auth", {})
        email: dict[str, Any] = auth.get("email", {})
        return cls(
            jwt_expiry_s=auth.get("jwt_expiry", 3600),
            minimum_password_length=auth.get("minimum_password_length", 6),
            refresh_token_reuse_s=auth.get("refresh_token_reuse_interval", 10),
            is_signup_enabled=auth.get("enable_signup", True),
            is_email_enabled=email.get("enable_signup", True),
        )
