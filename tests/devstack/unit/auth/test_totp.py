"""One-time passwords: which codes are right, and what an authenticator app is told."""

import time

import pyotp
import pytest

from devstack.gateway.auth.mfa import is_valid_code, qr_code, totp_uri


SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.mark.parametrize(
    ("periods", "expected"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_code_of_the_period_and_its_neighbours_is_right(
    monkeypatch: pytest.MonkeyPatch, periods: int, *, expected: bool
) -> None:
    """Clocks may differ by 30 seconds, as GoTrue has it (`totp.ValidateOpts`, skew 1)."""
    now = 1_800_000_015
    monkeypatch.setattr(time, "time", lambda: now)
    code = pyotp.TOTP(SECRET).at(now + 30 * periods)

    assert expected == is_valid_code(SECRET, code)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "\0"])
def test_what_is_no_code_is_wrong(code: str) -> None:
    """Whatever is typed in gets an answer."""
    assert not is_valid_code(SECRET, code)


def test_digits_of_another_script_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """GoTrue compares bytes."""
    monkeypatch.setattr(time, "time", lambda: 1_800_000_015)
    code = pyotp.TOTP(SECRET).at(1_800_000_015)

    assert is_valid_code(SECRET, code)
    assert not is_valid_code(SECRET, "".join(chr(0xFF10 + int(digit)) for digit in code))


def test_spaces_around_a_code_do_not_matter() -> None:
    """People paste."""
    assert is_valid_code(SECRET, f" {pyotp.TOTP(SECRET).now()} ")


def test_address_survives_odd_names() -> None:
    """An app reads back the names that were given."""
    address = totp_uri(SECRET, "Fish & Chips, fresh?", "a+b@example.com")

    app = pyotp.parse_uri(address)

    assert (SECRET, "Fish & Chips, fresh?") == (app.secret, app.issuer)


def test_picture_fits_a_data_address() -> None:
    """A browser would cut it at the first `#`."""
    image = qr_code(totp_uri(pyotp.random_base32(), "Market", "a@example.com"))

    assert image.startswith("<?xml")
    assert "#" not in image
    assert 'stroke="black"' in image
