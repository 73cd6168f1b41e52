"""The errors that this code raises on purpose; each class tells the caller how to react."""

from collections.abc import Mapping
from types import MappingProxyType


class MarketError(Exception):
    """Base of every deliberate error; `code` is its stable name in logs, tests and answers.

    An adapter that raises this class itself reports a bug of ours. `detail` names a function or an
    id for the log, and is never sent to a client.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class TransientError(MarketError):
    """The same call may succeed later; repeating it is safe."""


class RejectedError(MarketError):
    """A rule refused the call; repeating it cannot help.

    A client gets `text`, a sentence, and `fields`, such as the least acceptable bid, with the code.
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
    """The environment does not allow a process to start; `detail` says why in sentences."""

    def __init__(self, sentence: str) -> None:
        super().__init__("BAD_SETTINGS", sentence)
