"""PostgREST's in-database configuration: the settings `pgrst.…` of role authenticator.

They override the settings of the process. A notice on channel `pgrst` reloads them.
"""

import dataclasses
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from devstack.gateway.context import Connection
from devstack.gateway.quoting import identifier
from devstack.gateway.transaction_settings import EXTRA_SEARCH_PATH


LOG = logging.getLogger(__name__)

#: More than any row count, and so far below the largest bigint that a sum does not overflow.
UNLIMITED = 2**62
#: The values of `db-tx-end`; with `allow-override`, `Prefer: tx=` decides.
TX_ENDS = ("commit", "commit-allow-override", "rollback", "rollback-allow-override")
BOOLEANS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}

#: A setting for one database overrides the setting for all of them.
SETTINGS = """
  select split_part(entry, '=', 1), substr(entry, strpos(entry, '=') + 1)
  from pg_db_role_setting as s
  cross join unnest(s.setconfig) as entry
  where s.setrole = 'authenticator'::regrole and entry like 'pgrst.%'
    and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  order by s.setdatabase
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """PostgREST's settings for every request."""

    schemas: tuple[str, ...]
    max_rows: int
    extra_search_path: tuple[str, ...] = EXTRA_SEARCH_PATH
    #: The statement that calls the pre-request function.
    pre_request: bytes | None = None
    tx_end: str = "commit"
    #: True if clients may request the plan of a request instead of its result.
    plan_enabled: bool = False

    @property
    def is_tx_served(self) -> bool:
        """Return true if `Prefer: tx=` decides how a transaction ends."""
        return self.tx_end.endswith("-allow-override")

    def rolls_back(self, tx: str | None) -> bool:
        """Return true if a request that prefers `tx` is rolled back."""
        chosen = tx if tx is not None and self.is_tx_served else self.tx_end
        return chosen.startswith("rollback")


async def read_configuration(connection: Connection, defaults: Configuration) -> Configuration:
    """Return the process's configuration, overridden by the database's settings."""
    cursor = await connection.execute(SETTINGS)
    return apply_settings(defaults, dict(await cursor.fetchall()))


def apply_settings(defaults: Configuration, settings: Mapping[str, str]) -> Configuration:
    """Return `defaults` with these settings; log a setting that has no effect or a bad value."""
    changes: dict[str, Any] = {}
    for setting, text in settings.items():
        known = READERS.get(setting)
        if known is None:
            LOG.warning("The setting %s of role authenticator has no effect here.", setting)
            continue
        field, read = known
        try:
            changes[field] = read(text)
        except (ValueError, KeyError):
            LOG.warning(
                "The setting %s of role authenticator has no value %r.",
                setting,
                text,
            )
    return dataclasses.replace(defaults, **changes)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _schemas(text: str) -> tuple[str, ...]:
    if not (names := _names(text)):
        raise ValueError(text)
    return names


def _call(text: str) -> bytes | None:
    if not text:
        return None
    schema, _, name = text.rpartition(".")
    function = f"{identifier(schema)}.{identifier(name)}" if schema else identifier(name)
    return f"select {function}()".encode()


def _tx_end(text: str) -> str:
    return TX_ENDS[TX_ENDS.index(text)]


#: Each setting that has an effect: its field in `Configuration`, and the parser of its text.
READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "pgrst.db_schemas": ("schemas", _schemas),
    "pgrst.db_extra_search_path": ("extra_search_path", _names),
    "pgrst.db_max_rows": ("max_rows", lambda text: int(text) if text else UNLIMITED),
    "pgrst.db_pre_request": ("pre_request", _call),
    "pgrst.db_tx_end": ("tx_end", _tx_end),
    "pgrst.db_plan_enabled": ("plan_enabled", lambda text: BOOLEANS[text.lower()]),
}
