"""The mailbox: it keeps the mails that a hosted project would send, and sends none."""

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from devstack.gateway.context import Context


_MAX_MAILS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """The code of a one-time token, as a user types it, and its hash, as a link carries it."""

    otp: str
    token_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail with a code and, unless the code is for reauthentication, a link."""

    to: str
    #: `signup`, `invite`, `magiclink`, `recovery`, `email_change` or `reauthentication`.
    type: str
    code: str
    token_hash: str
    link: str | None


class Mailbox:
    """The latest mails to all addresses, in memory only."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=_MAX_MAILS)

    def add(
        self, kind: str, to: str, token: IssuedToken, *, verify_url: str, redirect_to: str
    ) -> None:
        """Keep a mail."""
        link = None
        if kind != "reauthentication":
            query = {"token": token.token_hash, "type": kind, "redirect_to": redirect_to}
            link = f"{verify_url}?{urlencode(query)}"
        self._mails.append(
            Mail(to=to, type=kind, code=token.otp, token_hash=token.token_hash, link=link)
        )

    def to(self, address: str | None, count: int) -> Iterator[Mail]:
        """Return the newest mails, newest first, to one address or, for None, to all."""
        matching = (
            mail for mail in reversed(self._mails) if address is None or mail.to == address.lower()
        )
        return itertools.islice(matching, count)

    def clear(self) -> None:
        """Delete all mails."""
        self._mails.clear()


def mailbox_of(_context: Context) -> Mailbox:
    """Build the mailbox of a gateway, for `Context.service`."""
    return Mailbox()
