"""One-time passwords: the right codes, and the address for an authenticator app."""

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
def test_any_other_text_is_wrong(code: str) -> None:
    """Any text that is no code is wrong, and no error."""
    assert not is_valid_code(SECRET, code)


def test_digits_of_another_script_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """GoTrue compares bytes, so digits of another script are wrong."""
    monkeypatch.setattr(time, "time", lambda: 1_800_000_015)
    code = pyotp.TOTP(SECRET).at(1_800_000_015)

    assert is_valid_code(SECRET, code)
    assert not is_valid_code(SECRET, "".join(chr(0xFF10 + int(digit)) for digit in code))


def test_spaces_around_a_code_do_not_matter() -> None:
    """Spaces around a code do not matter, because people paste codes."""
    assert is_valid_code(SECRET, f" {pyotp.TOTP(SECRET).now()} ")


def test_address_survives_odd_names() -> None:
    """An app reads the given names back from the address."""
    address = totp_uri(SECRET, "Fish & Chips, fresh?", "a+b@example.com")

    app = pyotp.parse_uri(address)

    assert (SECRET, "Fish & Chips, fresh?") == (app.secret, app.issuer)


def test_picture_fits_a_data_address() -> None:
    """The picture quotes `#`, where a browser would cut a data address."""
    image = qr_code(totp_uri(pyotp.random_base32(), "Market", "a@example.com"))

    assert image.startswith("<?xml")
    assert "#" not in image
    assert 'stroke="black"' in image
