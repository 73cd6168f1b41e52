"""The mails that a hosted project would send: this stack keeps them and sends none."""

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from devstack.gateway.context import Context


_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A code as the user would type it, and the hash of it that a link carries."""

    otp: str
    token_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail with its code and its link; a code to reauthenticate has no link."""

    to: str
    #: `signup`, `invite`, `magiclink`, `recovery`, `email_change` or `reauthentication`.
    type: str
    code: str
    token_hash: str
    link: str | None


class Mailbox:
    """The latest mails to everybody. They are forgotten when the gateway ends."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=_MOST)

    def add(self, kind: str, to: str, issued: Issued, *, verify_url: str, redirect_to: str) -> None:
        """Keep a mail."""
        link = None
        if kind != "reauthentication":
            query = {"token": issued.token_hash, "type": kind, "redirect_to": redirect_to}
            link = f"{verify_url}?{urlencode(query)}"
        self._mails.append(
            Mail(to=to, type=kind, code=issued.otp, token_hash=issued.token_hash, link=link)
        )

    def to(self, address: str | None, count: int) -> Iterator[Mail]:
        """Return the newest mails first, all or those to one address."""
        wanted = (
            mail for mail in reversed(self._mails) if address is None or mail.to == address.lower()
        )
        return itertools.islice(wanted, count)

    def clear(self) -> None:
        """Forget all mails."""
        self._mails.clear()


def mailbox_of(_context: Context) -> Mailbox:
    """Make the mailbox of a gateway, for `Context.service`."""
    return Mailbox()
