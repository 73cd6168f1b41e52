"""The errors this codebase raises on purpose, sorted by what the caller should do next."""

from collections.abc import Mapping
from types import MappingProxyType


class MarketError(Exception):
    """Base of every deliberate error; `code` is its stable name in logs, tests and answers.

    An adapter that raises it as itself reports a bug of ours. `detail` names a function or an id
    for the log, and is never sent to a client.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class TransientError(MarketError):
    """The same call may succeed later, so it is safe and useful to repeat it."""


class RejectedError(MarketError):
    """A rule said no; repeating the call cannot help.

    `text` and `fields` are what a client is told besides the code: a sentence, and numbers such as
    the least bid that would do.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        text: str | None = None,
        fields: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        super().__init__(code, detail)
        self.text = text
        self.fields = fields


class SettingsError(MarketError):
    """The environment lacks what a process needs to start; `detail` says so in a sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__("BAD_SETTINGS", sentence)
