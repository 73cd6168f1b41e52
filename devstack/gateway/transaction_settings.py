"""The settings of a request's transaction: its role, its claims, its path and its headers."""

import functools
from dataclasses import dataclass

from devstack.gateway.quoting import identifier


#: Hosted Supabase appends these schemas to the search path of each request.
EXTRA_SEARCH_PATH = ("public", "extensions")
#: The settings whose values are `TransactionSettings.values`, in the same order.
SETTING_NAMES = (
    "search_path",
    "role",
    "request.jwt.claims",
    "request.method",
    "request.path",
    "request.headers",
    "request.cookies",
)

Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSettings:
    """The settings of a transaction before its request runs, and how it begins and ends."""

    schema: str
    role: str
    claims: str
    method: str
    path: str
    headers: str
    cookies: str
    #: The settings of the role, then those of the called function.
    extra_settings: Settings
    timezone: str | None
    is_read_only: bool
    is_rolled_back: bool = False
    extra_search_path: tuple[str, ...] = EXTRA_SEARCH_PATH
    #: A statement that runs before the request's own, as the caller, and may refuse the request.
    pre_request: bytes | None = None

    @property
    def values(self) -> list[str]:
        """Return the parameters of the statement that applies the settings."""
        values: list[str] = [
            _search_path((self.schema, *self.extra_search_path)),
            self.role,
            self.claims,
            self.method,
            self.path,
            self.headers,
            self.cookies,
        ]
        return values if self.timezone is None else [*values, self.timezone]


@functools.lru_cache
def _search_path(schemas: tuple[str, ...]) -> str:
    """Return the schemas in which Postgres looks up unqualified names, as a search path."""
    return ", ".join(identifier(name) for name in dict.fromkeys(schemas))
