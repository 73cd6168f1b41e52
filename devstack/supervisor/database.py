"""Start the stack's database on its data folder, and bring it up to date."""

import hashlib

import psycopg

from devstack.errors import DevstackError
from devstack.paths import ROOT
from devstack.postgres.cluster import Cluster
from devstack.postgres.schema import (
    apply_files,
    changed_migrations,
    extend_database,
    migration_files,
    read_baseline,
)
from devstack.supervisor.data_folder import DataFolder, as_typed, described
from devstack.supervisor.options import Options


SEED = ROOT / "supabase/seed.sql"


def start_database(options: Options, folder: DataFolder) -> Cluster:
    """Start Postgres on the folder's data, made by this version of devstack or new."""
    made_by = folder.baseline.read_text() if folder.baseline.exists() else None
    if made_by not in (None, _fingerprint()):
        raise DevstackError(
            f"{described(folder.path)} holds a database of another version of devstack: "
            f"{as_typed('reset', folder)} throws it away."
        )
    return Cluster.start(
        folder.postgres, options.ports.of("postgres"), durable=not options.is_ephemeral
    )


def update_database(cluster: Cluster, options: Options, folder: DataFolder) -> None:
    """Apply Supabase's baseline and our migrations, as far as they are missing.

    The seed holds people for development, so ephemeral data gets it on request only.
    """
    files = [] if options.is_bare else migration_files()
    try:
        if not options.is_bare:
            _refuse_changes(changed_migrations(cluster.admin_url, files), folder)
        url, is_new = extend_database(cluster.admin_url, files)
        folder.baseline.write_text(_fingerprint())
        if is_new and SEED.exists() and options.is_seeded:
            apply_files(url, [SEED])
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise DevstackError(f"The database cannot be brought up to date: {reason}") from error


def _refuse_changes(changes: list[str], folder: DataFolder) -> None:
    """Refuse data of migrations whose files have changed since."""
    if changes:
        raise DevstackError(
            f"{', '.join(changes)} after it was applied to {described(folder.path)}: restore the "
            "file and write a new migration, or start afresh: "
            f"{as_typed('reset', folder)} throws the database away."
        )


def _fingerprint() -> str:
    return hashlib.sha256(read_baseline()).hexdigest()
