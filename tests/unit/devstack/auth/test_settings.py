"""What Auth reads of `supabase/config.toml`."""

from pathlib import Path

from devstack.gateway.auth.settings import AuthSettings


def test_what_is_not_said_is_the_clis_default(tmp_path: Path) -> None:
    """A project that says nothing gets what the Supabase CLI would give it."""
    config = tmp_path / "config.toml"
    config.write_text('project_id = "x"')

    assert AuthSettings() == AuthSettings.read(config)


def test_what_is_said_is_honoured(tmp_path: Path) -> None:
    """Each setting has its place below `[auth]`."""
    config = tmp_path / "config.toml"
    config.write_text(
        """
        [auth]
        site_url = "https://market.example"
        additional_redirect_urls = ["https://staff.market.example"]
        jwt_expiry = 60
        minimum_password_length = 12
        refresh_token_reuse_interval = 0
        enable_signup = false
        [auth.email]
        enable_signup = false
        otp_expiry = 120
        [auth.mfa]
        max_enrolled_factors = 3
        [auth.mfa.totp]
        enroll_enabled = true
        verify_enabled = true
        """
    )

    settings = AuthSettings.read(config)

    expected = AuthSettings(
        site_url="https://market.example",
        redirect_urls=("https://staff.market.example",),
        jwt_expiry_s=60,
        minimum_password_length=12,
        refresh_token_reuse_s=0,
        is_signup_enabled=False,
        is_email_enabled=False,
        otp_expiry_s=120,
        max_enrolled_factors=3,
        is_totp_enroll_enabled=True,
        is_totp_verify_enabled=True,
    )
    assert expected == settings


def test_project_asks_for_second_factors() -> None:
    """Staff need them, so the project's own file switches them on."""
    settings = AuthSettings.read()

    assert settings.is_totp_enroll_enabled
    assert settings.is_totp_verify_enabled
