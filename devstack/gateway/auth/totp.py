"""Time-based one-time passwords: a secret, how an authenticator app is told it, and its codes."""

import io
from urllib.parse import quote, urlencode

import pyotp
import segno


#: A code of the period before and of the one after is right too, for clocks differ.
_NEIGHBOURS = 1
_QR_SCALE = 3


def new_secret() -> str:
    """Return a secret of 160 bits, in Base32."""
    return pyotp.random_base32()


def uri(secret: str, issuer: str, account: str) -> str:
    """Return the address that a QR code shows, with every parameter said, as GoTrue says them."""
    label = quote(f"{issuer}:{account}", safe="$&+,:=@")
    parameters = {
        "algorithm": "SHA1",
        "digits": "6",
        "issuer": issuer,
        "period": "30",
        "secret": secret,
    }
    return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote)}"


def qr_code(address: str) -> str:
    """Return a QR code as SVG.

    Clients put `data:image/svg+xml;utf-8,` before it and show that as an image, so there is no `#`
    in it: a browser would take the rest for a fragment.
    """
    image = io.BytesIO()
    segno.make_qr(address, error="h").save(image, kind="svg", scale=_QR_SCALE, nl=False)
    return image.getvalue().decode().replace('"#000"', '"black"')


def is_right(secret: str, code: str) -> bool:
    """Say whether `code` is the secret's, now or a period ago or ahead."""
    # By itself the library takes digits of other scripts for ours.
    return code.isascii() and pyotp.TOTP(secret).verify(code.strip(), valid_window=_NEIGHBOURS)
