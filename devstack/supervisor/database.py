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
from devstack.supervisor.data_folder import DataFolder, display_command, display_path
from devstack.supervisor.options import Options


SEED = ROOT / "supabase/seed.sql"


def start_database(options: Options, folder: DataFolder) -> Cluster:
    """Start Postgres on the folder's data; refuse the data of another version of devstack."""
    made_by = folder.baseline.read_text() if folder.baseline.exists() else None
    if made_by not in (None, _fingerprint()):
        raise DevstackError(
            f"{display_path(folder.path)} holds a database of another version of devstack: "
            f"{display_command('reset', folder)} deletes it."
        )
    return Cluster.start(
        folder.postgres, options.ports.of("postgres"), durable=not options.is_ephemeral
    )


def update_database(cluster: Cluster, options: Options, folder: DataFolder) -> None:
    """Apply Supabase's baseline and our migrations, unless they are applied already.

    The seed has users for development, so ephemeral data gets it on request only.
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
    """Refuse a database if the file of an applied migration has changed."""
    if changes:
        raise DevstackError(
            f"{', '.join(changes)} after it was applied to {display_path(folder.path)}: restore "
            "the file and write a new migration, or start afresh: "
            f"{display_command('reset', folder)} deletes the database."
        )


def _fingerprint() -> str:
    return hashlib.sha256(read_baseline()).hexdigest()
