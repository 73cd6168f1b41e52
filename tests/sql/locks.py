"""Locks of a test's connections."""

from psycopg import Connection


def is_waiting(other: Connection, waiting: Connection) -> bool:
    """Return true if the connection `waiting` waits for a lock."""
    query = "select exists (select from pg_locks where pid = %s and not granted)"
    [(answer,)] = other.execute(query, [waiting.info.backend_pid]).fetchall()
    return bool(answer)
