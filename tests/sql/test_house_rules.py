"""House rules over the catalog: every table and function of ours keeps them."""

import re
from typing import LiteralString

import pytest
from psycopg import Connection

from tests.sql.grants import execute_grants


def names(owner: Connection, query: LiteralString, **values: object) -> set[str]:
    """Return the one column of `query`, which may read `tables` and `functions` of our schemas."""
    catalog = """
      with tables as (
        select * from pg_class
        where relkind in ('r', 'p') and relnamespace::regnamespace::text in ('public', 'private')
      ), functions as (
        select * from pg_proc where pronamespace::regnamespace::text in ('public', 'private')
      )
    """
    return {name for (name,) in owner.execute(catalog + query, values)}


def test_owner_is_no_superuser(owner: Connection) -> None:
    """As on hosted Supabase. With a superuser as owner no test would notice a missing grant."""
    query = "select rolname::text from pg_roles where rolname = current_user and not rolsuper"

    assert {"postgres"} == names(owner, query)


def test_every_table_has_row_level_security(owner: Connection) -> None:
    """A table without policies is closed, and one without RLS would be open."""
    query = "select oid::regclass::text from tables where not relrowsecurity"

    assert set() == names(owner, query)


def test_every_function_has_an_empty_search_path(owner: Connection) -> None:
    """So no caller's search_path makes a function use another object than ours."""
    query = """
      select oid::regprocedure::text from functions
      where not 'search_path=""' = any(coalesce(proconfig, '{}'))
    """

    assert set() == names(owner, query)


def test_security_definer_is_private(owner: Connection) -> None:
    """HTTP clients cannot call code that runs with the owner's rights directly."""
    query = """
      select oid::regprocedure::text from functions
      where prosecdef and pronamespace <> 'private'::regnamespace
    """

    assert set() == names(owner, query)


def test_constraint_triggers_run_with_the_owners_rights(owner: Connection) -> None:
    """A deferred trigger runs at commit with the caller's rights, and RLS may hide rows from it."""
    query = """
      select t.tgname::text from pg_trigger as t join pg_proc as f on f.oid = t.tgfoid
      where t.tgconstraint <> 0 and not t.tgisinternal
        and not (f.prosecdef and f.pronamespace = 'private'::regnamespace)
    """

    assert set() == names(owner, query)


def test_limited_locks_of_rows_are_taken_once(owner: Connection) -> None:
    """A limited subquery that locks rows runs again for each row of a nested loop; a CTE does not.

    A statement with nothing but the subquery in its `from` runs it once.
    """
    query = (
        "select oid::regprocedure::text, prosrc from pg_proc where prosrc ~ 'for (no key )?update'"
    )
    found = set()
    for function, body in owner.execute(query):
        for lock in re.finditer(r"\bfor (?:no key )?update\b", body):
            before, inside = enclosing(body, lock.start())
            if re.search(r"\blimit\b", inside) and re.search(
                r"\bin \($|\bset .*\bfrom \($", before
            ):
                found.add(function)

    assert set() == found


def enclosing(body: str, place: int) -> tuple[str, str]:
    """Return the statement up to the bracket around a place, and the text since that bracket."""
    depth = 0
    for start in range(place - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(body[start], 0)
        if depth < 0:
            return " ".join(body[: start + 1].rsplit(";", 1)[-1].split()), body[start + 1 : place]
    return "", body[:place]


def test_functions_read_the_clock_into_a_variable(owner: Connection) -> None:
    """Elsewhere in a body it may be called for each row, and no index serves a condition on it."""
    # The body without comments and without the one allowed form; literals stay.
    query = r"""
      select oid::regprocedure::text from functions
      where oid <> 'private.clock()'::regprocedure and regexp_replace(
        prosrc,
        '(''[^'']*'')|--[^\n]*|\mv_now( constant)?( timestamptz)? := private\.clock\(\);',
        '\1',
        'g'
      ) ~* '\mclock"?\s*\('
    """

    assert set() == names(owner, query)


def test_nothing_else_calls_the_clock(owner: Connection) -> None:
    """No default, check, policy or view does: the function that writes passes the time."""
    query = """
      select pg_describe_object(classid, objid, objsubid) from pg_depend
      where refclassid = 'pg_proc'::regclass and refobjid = 'private.clock()'::regprocedure
    """

    assert set() == names(owner, query)


def test_no_span_follows_a_time_zone(owner: Connection) -> None:
    """A function counts hours: a day of the session's time zone may have 23 or 25 of them."""
    query = r"""
      select oid::regprocedure::text from functions
      where prosrc ~* 'interval\s+\S*''[^'']*(\m(day|week|mon|year|decade|centur)|[0-9][dwy]\M)'
        or prosrc ~* 'make_interval\s*\([^;]*\m(days|weeks|months|years)\s*=>'
        or prosrc ~* '\mdate_trunc\s*\(|\mcurrent_date\M|\mlocaltimestamp\M|\mage\s*\('
    """

    assert set() == names(owner, query)


def test_rpcs_take_times_as_text(owner: Connection) -> None:
    """Postgres reads "tomorrow" and times without an offset as times; time_or_null does not."""
    query = """
      select f.oid::regprocedure::text from functions as f, unnest(f.proargtypes) as type
      where f.pronamespace = 'public'::regnamespace
        and type = any(array[
          'timestamptz', 'timestamp', 'date', 'time', 'timetz', 'interval'
        ]::regtype[])
    """

    assert set() == names(owner, query)


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_execute_grants_are_the_reviewed_ones(owner: Connection, role: str) -> None:
    """A role may execute exactly the functions of the reviewed list (case 20)."""
    query = """
      select oid::regprocedure::text from functions
      where has_function_privilege(%(role)s, oid, 'execute')
    """

    assert execute_grants(role) == names(owner, query, role=role)


def test_every_table_and_function_has_a_comment(owner: Connection) -> None:
    """A reader of the catalog finds the purpose of each object."""
    query = """
      select oid::regclass::text from tables where obj_description(oid, 'pg_class') is null
      union all
      select oid::regprocedure::text from functions where obj_description(oid, 'pg_proc') is null
    """

    assert set() == names(owner, query)


def test_every_foreign_key_has_an_index(owner: Connection) -> None:
    """Deleting or joining a parent never scans its children."""
    query = """
      select f.conname::text from pg_constraint as f join tables as t on f.conrelid = t.oid
      where f.contype = 'f' and not exists (
        select from pg_index as i
        where i.indrelid = f.conrelid and i.indpred is null
          and (i.indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey
      )
    """

    assert set() == names(owner, query)


def test_workers_receive_changes_of_every_published_table(owner: Connection) -> None:
    """Realtime sends a role nothing about a table whose key the role may not select.

    The key is enough. A grant on all columns would send each payload to each worker.
    """
    query = """
      select t.oid::regclass::text from tables as t
        join pg_publication_rel as r on r.prrelid = t.oid
        join pg_publication as p on p.oid = r.prpubid
        left join pg_index as i on i.indrelid = t.oid and i.indisprimary
        left join unnest(i.indkey) as k (attnum) on true
      where p.pubname = 'supabase_realtime'
      group by t.oid
      having not coalesce(
        bool_and(has_column_privilege('service_role', t.oid, k.attnum, 'select')), false
      )
    """

    assert set() == names(owner, query)


#: Rights of roles on tables beside `select`. Only functions do everything else.
WRITE_GRANTS = {
    ("authenticated", "public.users", "INSERT"),
    ("authenticated", "public.users", "UPDATE"),
    ("authenticated", "public.notifications", "UPDATE"),
    ("authenticated", "public.messages", "UPDATE"),
}


def test_clients_write_what_the_contract_names(owner: Connection) -> None:
    """Only the owner writes, truncates, references or adds triggers elsewhere (case 20)."""
    query = """
      select distinct r.role || ' ' || t.oid::regclass || ' ' || v.verb
      from tables as t,
        unnest(array['anon', 'authenticated', 'service_role']) as r (role),
        unnest(array['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as v (verb)
      where has_table_privilege(r.role, t.oid, v.verb)
        or v.verb in ('INSERT', 'UPDATE', 'REFERENCES')
        and has_any_column_privilege(r.role, t.oid, v.verb)
    """

    assert {" ".join(grant) for grant in WRITE_GRANTS} == names(owner, query)


def test_private_tables_are_closed(owner: Connection) -> None:
    """Only functions read tables in `private`: no API role selects a column there."""
    query = """
      select t.oid::regclass::text from tables as t,
        unnest(array['anon', 'authenticated', 'service_role']) as r (role)
      where t.relnamespace = 'private'::regnamespace
        and has_any_column_privilege(r.role, t.oid, 'select')
    """

    assert set() == names(owner, query)


#: Columns that a client's role may not select, in tables of which it may select others.
HIDDEN_COLUMNS: set[str] = set()


def test_clients_read_every_column_by_name(owner: Connection) -> None:
    """A new column is granted to the roles that read its table, or listed as hidden."""
    query = """
      select r.role || ' ' || t.oid::regclass || ' ' || a.attname
      from tables as t
        cross join unnest(array['anon', 'authenticated']) as r (role)
        join pg_attribute as a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      where has_any_column_privilege(r.role, t.oid, 'select')
        and not has_column_privilege(r.role, t.oid, a.attnum, 'select')
    """

    assert names(owner, query) == HIDDEN_COLUMNS


def test_clients_read_no_system_column(owner: Connection) -> None:
    """A select grant on a whole table includes system columns, and xmax shows locks.

    A leader's silent raise and a refused call lock the row, so xmax would reveal them.
    """
    query = """
      select r.role || ' ' || t.oid::regclass from tables as t
        cross join unnest(array['anon', 'authenticated', 'service_role']) as r (role)
        left join pg_attribute as a on a.attrelid = t.oid and a.attnum < 0
          and exists (select from aclexplode(a.attacl))
      where has_table_privilege(r.role, t.oid, 'select') or a.attnum is not null
    """

    assert set() == names(owner, query)


#: Clients read nearly all rows of these tables, so the planner's estimates reveal nothing.
PUBLIC_TABLES = ["auctions", "bids", "listing_photos", "listings"]


def test_no_statistics_of_people_and_hidden_rows(owner: Connection) -> None:
    """Estimates count rows that row level security hides. Without statistics they reveal nothing.

    A new column gets its `set statistics 0` in the migration that adds it.
    """
    query = """
      select t.oid::regclass || ' ' || a.attname from tables as t
        join pg_attribute as a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      where has_any_column_privilege('authenticated', t.oid, 'select')
        and coalesce(a.attstattarget, -1) <> 0
        and (
          t.relname <> all(%(public_tables)s)
          or exists (
            select from pg_constraint as k
            where k.conrelid = t.oid and k.confrelid = 'public.users'::regclass
              and a.attnum = any(k.conkey)
          )
        )
    """

    assert set() == names(owner, query, public_tables=PUBLIC_TABLES)


def test_no_immutable_function_reads_a_table(owner: Connection) -> None:
    """A function that reads a table is stable at most, or an index or plan keeps an old result.

    C14.
    """
    query = r"""
      select oid::regprocedure::text from functions
      where provolatile = 'i' and prosrc ~* '\m(from|join|update|into)\s+(public|private|auth)\.'
    """

    assert set() == names(owner, query)


def test_every_view_but_one_runs_with_its_readers_rights(owner: Connection) -> None:
    """A view with its owner's rights bypasses row level security. Only public_profiles needs it."""
    query = """
      select oid::regclass::text from pg_class
      where relkind in ('v', 'm') and relnamespace::regnamespace::text in ('public', 'private')
        and not 'security_invoker=true' = any(coalesce(reloptions, '{}'))
    """

    assert {"public.public_profiles"} == names(owner, query)


def test_publication_is_the_contracts(owner: Connection) -> None:
    """Clients subscribe to all tables but the last two, which wake workers."""
    query = """
      select schemaname || '.' || tablename from pg_publication_tables
      where pubname = 'supabase_realtime'
    """

    expected = {
        "auctions", "bids", "orders", "notifications", "messages", "message_threads",
        "disputes", "dispute_messages", "dispute_evidence", "webhook_events", "outbox",
    }  # fmt: skip
    assert {f"public.{table}" for table in expected} == names(owner, query)


#: Every policy, by table. Permissive policies add up, so a forgotten old one would stay in effect.
#: Tables that are not listed are open only to the owner and service_role.
POLICIES = {
    "public.audit_logs": {"staff_read_the_audit_log"},
    "public.users": {
        "people_read_their_own_row",
        "people_add_their_own_row",
        "people_change_their_own_row",
    },
    "public.listings": {
        "visitors_read_uncancelled_listings",
        "users_read_uncancelled_and_own_listings",
    },
    "public.listing_photos": {"everyone_reads_photos_with_their_listing"},
    "public.auctions": {
        "visitors_read_uncancelled_auctions",
        "users_read_uncancelled_and_own_auctions",
    },
    "public.bids": {"everyone_reads_bids_with_their_auction"},
    "public.orders": {"parties_read_their_orders"},
    "public.order_events": {"parties_read_the_history"},
    "public.payments": {"buyers_read_their_payments"},
    "public.refunds": {"parties_read_their_refunds"},
    "public.ledger_entries": {"people_read_their_own_lines"},
    "public.message_threads": {"parties_read_their_threads"},
    "public.messages": {"parties_read_delivered_messages", "recipients_mark_messages_read"},
    "public.notifications": {
        "people_read_their_own_notifications",
        "people_mark_their_own_notifications",
    },
    "public.payouts": {"sellers_read_their_payouts"},
    "public.disputes": {"parties_read_their_disputes"},
    "public.dispute_evidence": {"parties_read_the_evidence"},
    "public.dispute_messages": {"parties_read_dispute_messages"},
    "public.shipments": {"parties_read_their_shipments"},
    "public.shipment_events": {"parties_read_shipment_events"},
    "public.user_strikes": {"people_read_their_own_strikes"},
    "public.content_reports": {"people_read_their_own_reports"},
    "realtime.messages": {
        "everyone_joins_channels_of_changes",
        "everyone_receives_auction_broadcasts",
    },
    "storage.objects": {
        "everyone_lists_photos_with_their_listing",
        "owners_and_staff_read_address_proofs",
        "parties_read_evidence_files",
        "people_list_their_own_avatar",
    },
}


def test_policies_are_the_reviewed_ones(owner: Connection) -> None:
    """A table has exactly the policies of the list (B8)."""
    query = "select schemaname || '.' || tablename || ' ' || policyname from pg_policies"

    expected = {f"{table} {policy}" for table, policies in POLICIES.items() for policy in policies}
    assert expected == names(owner, query)
