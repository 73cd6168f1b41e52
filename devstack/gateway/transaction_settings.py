"""The settings of a request's transaction: its role, its claims, its path and its headers."""

import functools
from dataclasses import dataclass

from devstack.gateway.quoting import identifier


#: Hosted Supabase appends these schemas to the one that was asked for.
EXTRA_SEARCH_PATH = ("public", "extensions")
#: The settings that `Session.values` gives, in their order.
SESSION = (
    "search_path",
    "role",
    "request.jwt.claims",
    "request.method",
    "request.path",
    "request.headers",
    "request.cookies",
)

Settings = tuple[tuple[str, str], ...]
Value = str | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The settings that a transaction gets before its request runs."""

    schema: str
    role: str
    claims: str
    method: str
    path: str
    headers: str
    cookies: str
    #: Of the role and then of the function.
    settings: Settings
    timezone: str | None
    is_read_only: bool
    is_rolled_back: bool = False
    extra_search_path: tuple[str, ...] = EXTRA_SEARCH_PATH
    #: Runs as the caller before the request's own statement, and may refuse the request.
    pre_request: bytes | None = None

    @property
    def values(self) -> list[Value]:
        """Return the parameters of the statement that begins the session."""
        values: list[Value] = [
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
    """Return the path in which Postgres looks up unqualified names."""
    return ", ".join(identifier(name) for name in dict.fromkeys(schemas))
