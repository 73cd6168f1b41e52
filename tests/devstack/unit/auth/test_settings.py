"""Auth reads its settings from `supabase/config.toml`."""

from pathlib import Path

from devstack.gateway.auth.settings import AuthSettings


def test_missing_setting_is_the_clis_default(tmp_path: Path) -> None:
    """A missing setting has the default of the Supabase CLI."""
    config = tmp_path / "config.toml"
    config.write_text('project_id = "x"')

    assert AuthSettings() == AuthSettings.read(config)


def test_each_setting_is_read(tmp_path: Path) -> None:
    """Auth reads each setting at its place below `[auth]`."""
    config = tmp_path / "config.toml"
    config.write_text(
        """
        [auth]
        site_url = "https://market.example"
        additional_redirect_urls = ["https://staff.market.example"]
        jwt_expiry = 60
        minimum_password_length = 12
        password_requirements = "lower_upper_letters_digits"
        enable_anonymous_sign_ins = true
        refresh_token_reuse_interval = 0
        enable_signup = false
        [auth.email]
        enable_signup = false
        enable_confirmations = true
        double_confirm_changes = false
        secure_password_change = true
        max_frequency = "1m30s"
        otp_expiry = 120
        otp_length = 8
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
        password_requirements="lower_upper_letters_digits",
        is_anonymous_enabled=True,
        refresh_token_reuse_s=0,
        is_signup_enabled=False,
        is_email_enabled=False,
        needs_confirmation=True,
        needs_both_confirmations=False,
        is_password_change_secure=True,
        mail_interval="1m30s",
        otp_expiry_s=120,
        otp_length=8,
        max_enrolled_factors=3,
        is_totp_enroll_enabled=True,
        is_totp_verify_enabled=True,
    )
    assert expected == settings
    assert 90 == settings.mail_interval_s


def test_project_asks_for_second_factors() -> None:
    """The project's own file enables second factors, because staff need them."""
    settings = AuthSettings.read()

    assert settings.is_totp_enroll_enabled
    assert settings.is_totp_verify_enabled


def test_project_has_the_settings_of_a_production_project() -> None:
    """The project confirms addresses, both of a change, and demands long, mixed passwords."""
    settings = AuthSettings.read()

    assert settings.needs_confirmation
    assert settings.needs_both_confirmations
    assert settings.minimum_password_length >= 8
    assert len(settings.required_characters) == 2
    assert not settings.is_anonymous_enabled
    assert settings.otp_expiry_s <= 3600


def test_development_needs_no_mail_and_no_digit() -> None:
    """Development needs neither mails nor digits; the other settings hold."""
    settings = AuthSettings.read().for_development()

    assert not settings.needs_confirmation
    assert () == settings.required_characters
    assert not settings.is_password_change_secure
    assert 0 == settings.mail_interval_s
    assert 8 == settings.minimum_password_length
