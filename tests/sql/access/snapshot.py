"""Everything that a caller of the API reaches. `make snapshot` writes it to snapshot.txt."""

import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import Connection

from devstack.paths import ROOT
from devstack.postgres.cluster import Cluster
from devstack.postgres.schema import build_database, declared_files
from devstack.supervisor.ports import free_port


SNAPSHOT = Path(__file__).with_name("snapshot.txt")
#: Schemas whose objects are ours, and the roles by which requests come.
OURS = ["public", "private"]
ROLES = ["anon", "authenticated", "service_role"]

#: Each query yields lines. They hold on every version of Postgres that we support. The first reads
#: all schemas but those that Postgres and devstack bring, so a grant on cron's schema has a line.
QUERIES = (
    """
      select r.role || ' uses schema ' || n.nspname
      from pg_namespace as n, unnest(%(roles)s::text[]) as r (role)
      where not starts_with(n.nspname, 'pg_')
        and n.nspname not in ('information_schema', 'devstack')
        and has_schema_privilege(r.role, n.oid, 'usage')
    """,
    """
      select r.role || ' ' || v.verb || ' ' || c.oid::regclass || ' ('
        || string_agg(a.attname, ', ' order by a.attnum) || ')'
      from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        cross join unnest(%(roles)s::text[]) as r (role)
        cross join unnest(array['select', 'insert', 'update', 'references']) as v (verb)
      where c.relkind in ('r', 'p', 'v', 'm') and c.relnamespace::regnamespace::text = any(%(ours)s)
        and has_column_privilege(r.role, c.oid, a.attnum, v.verb)
      group by r.role, v.verb, c.oid
    """,
    """
      select r.role || ' ' || v.verb || ' ' || c.oid::regclass
      from pg_class as c
        cross join unnest(%(roles)s::text[]) as r (role)
        cross join unnest(array['delete', 'truncate', 'trigger']) as v (verb)
      where c.relkind in ('r', 'p', 'v', 'm') and c.relnamespace::regnamespace::text = any(%(ours)s)
        and has_table_privilege(r.role, c.oid, v.verb)
    """,
    """
      select r.role || ' uses sequence ' || c.oid::regclass
      from pg_class as c cross join unnest(%(roles)s::text[]) as r (role)
      where c.relkind = 'S' and c.relnamespace::regnamespace::text = any(%(ours)s)
        and has_sequence_privilege(r.role, c.oid, 'usage, select, update')
    """,
    """
      select r.role || ' executes ' || p.pronamespace::regnamespace || '.' || p.proname || '('
        || pg_get_function_identity_arguments(p.oid) || ') returns '
        || pg_get_function_result(p.oid)
      from pg_proc as p cross join unnest(%(roles)s::text[]) as r (role)
      where p.pronamespace::regnamespace::text = any(%(ours)s)
        and has_function_privilege(r.role, p.oid, 'execute')
    """,
    r"""
      select 'policy on ' || schemaname || '.' || tablename || ': ' || policyname || ' for '
        || lower(cmd) || ' to ' || array_to_string(roles, ', ')
        || regexp_replace(coalesce(' using ' || qual, ''), '\s+', ' ', 'g')
        || regexp_replace(coalesce(' with check ' || with_check, ''), '\s+', ' ', 'g')
      from pg_policies
    """,
    """
      select 'bucket ' || id || case when public then ', public' else '' end || ', '
        || file_size_limit || ' bytes, ' || array_to_string(allowed_mime_types, ' ')
      from storage.buckets
    """,
    """
      select 'realtime publishes ' || schemaname || '.' || tablename
      from pg_publication_tables where pubname = 'supabase_realtime'
    """,
)


def lines(owner: Connection) -> Iterator[str]:
    """Yield one line for each thing that a caller of the API reaches."""
    api = tomllib.loads((ROOT / "supabase/config.toml").read_text())["api"]
    yield f"the API serves {', '.join(api['schemas'])}"
    values = {"roles": ROLES, "ours": OURS}
    for query in QUERIES:
        yield from (line for (line,) in owner.execute(query.encode(), values))


def text(owner: Connection) -> str:
    """Return the lines in order."""
    return "".join(f"{line}\n" for line in sorted(lines(owner)))


def main() -> int:
    """Write the snapshot of the schema in `sql/`."""
    with tempfile.TemporaryDirectory(prefix="market-snapshot-") as folder:
        Path(folder).chmod(0o755)
        with Cluster.start(Path(folder), free_port(), durable=False) as cluster:
            url = build_database(cluster.admin_url, "snapshot", declared_files())
            with psycopg.connect(url, options="-c search_path=") as owner:
                SNAPSHOT.write_text(text(owner))
    return 0


if __name__ == "__main__":
    sys.exit(main())
