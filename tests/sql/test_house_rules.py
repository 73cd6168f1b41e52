"""House rules over the catalog: every table and function of ours keeps them."""

import re
from typing import LiteralString

import pytest
from psycopg import Connection


#: A function that answers the same for all rows of a statement.
OF_THE_CALLER = re.compile(r"(auth\.\w+|private\.is_\w+|realtime\.topic)\(")
#: A scalar subquery without a table, with parentheses two deep.
SCALAR = re.compile(r"\( SELECT\s(?:(?!\sFROM\s)[^()]|\((?:[^()]|\([^()]*\))*\))*\)")


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
    """The owner is no superuser, as on hosted Supabase; a superuser would hide missing grants."""
    query = "select rolname::text from pg_roles where rolname = current_user and not rolsuper"

    assert {"postgres"} == names(owner, query)


def test_every_table_has_row_level_security(owner: Connection) -> None:
    """Each table has row level security."""
    query = "select oid::regclass::text from tables where not relrowsecurity"

    assert set() == names(owner, query)


def test_policies_ask_about_the_caller_once(owner: Connection) -> None:
    """Each call in a policy is a scalar subquery, which Postgres runs once per statement."""
    query = """
      select policyname::text, concat(qual, ' ', with_check) from pg_policies
      where schemaname in ('public', 'storage', 'realtime')
    """

    policies: dict[str, str] = dict(owner.execute(query).fetchall())

    assert "parties_read_their_orders" in policies
    once = {name: SCALAR.sub("", text) for name, text in policies.items()}
    assert {} == {name: text for name, text in once.items() if OF_THE_CALLER.search(text)}


def test_every_function_has_an_empty_search_path(owner: Connection) -> None:
    """Each function has an empty search_path, so no caller can exchange its objects (B3)."""
    query = """
      select oid::regprocedure::text from functions
      where not 'search_path=""' = any(coalesce(proconfig, '{}'))
    """

    assert set() == names(owner, query)


def test_security_definer_is_private(owner: Connection) -> None:
    """Only functions of `private` run with the owner's rights."""
    query = """
      select oid::regprocedure::text from functions
      where prosecdef and pronamespace <> 'private'::regnamespace
    """

    assert set() == names(owner, query)


def test_constraint_triggers_run_with_the_owners_rights(owner: Connection) -> None:
    """Constraint triggers are SECURITY DEFINER, because RLS may hide rows at the commit."""
    query = """
      select t.tgname::text from pg_trigger as t join pg_proc as f on f.oid = t.tgfoid
      where t.tgconstraint <> 0 and not t.tgisinternal
        and not (f.prosecdef and f.pronamespace = 'private'::regnamespace)
    """

    assert set() == names(owner, query)


#: The end of a text before a subquery that Postgres joins with the table of its statement.
JOINED = re.compile(r"\b(in|set .*\bfrom) \($")


def test_limited_locks_of_rows_are_taken_once(owner: Connection) -> None:
    """A subquery that locks rows with a limit stands alone or in a CTE.

    A joined subquery may run once for each row of the other table, and each run may lock other
    rows. A CTE runs once.
    """
    query = "select oid::regprocedure::text, prosrc from pg_proc"
    found = set()
    for function, body in owner.execute(query):
        for lock in re.finditer(r"\bfor (no key )?update\b", body):
            before, subquery = split_at_bracket(body[: lock.start()])
            if JOINED.search(before) and re.search(r"\blimit\b", subquery):
                found.add(function)

    assert set() == found


def split_at_bracket(text: str) -> tuple[str, str]:
    """Split a text after its last open bracket; the first part begins with the statement."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth > 0:
            statement = text[: place + 1].rpartition(";")[2]
            return " ".join(statement.split()), text[place + 1 :]
    return "", text


def test_functions_read_the_clock_into_a_variable(owner: Connection) -> None:
    """The clock is only assigned to a variable, because a condition would call it for each row."""
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
    """No default, check, policy or view calls the clock."""
    query = """
      select pg_describe_object(classid, objid, objsubid) from pg_depend
      where refclassid = 'pg_proc'::regclass and refobjid = 'private.clock()'::regprocedure
    """

    assert set() == names(owner, query)


@pytest.mark.parametrize(
    ("pattern", "function"),
    [
        pytest.param("->> ?'step_cents'", "step_cents", id="the ladder"),
        pytest.param("-> ?'snipe_\\w+_s'", "extended_end", id="the soft close"),
        pytest.param(
            r"update public.auctions\s+set[^;]*'no_sale'", "close_auction", id="the close"
        ),
        pytest.param(r"insert into public.orders\M", "open_order", id="the order of a sale"),
        pytest.param(r"update public.orders\s+set\s+state =", "write_order_state", id="its state"),
        pytest.param(r"insert into public.webhook_events\M", "store_event", id="a new event"),
        pytest.param(
            r"update public.webhook_events\s+set[^;]*'processed'", "settle_event", id="its effect"
        ),
    ],
)
def test_each_rule_stands_in_one_function(owner: Connection, pattern: str, function: str) -> None:
    """Increments, soft close, finaliser and webhook effects have one function each (C20)."""
    query = "select proname::text from functions where prosrc ~ %(pattern)s"

    assert {function} == names(owner, query, pattern=pattern)


#: The claims of a token that the database reads. Auth sets both, and nobody else writes them.
CLAIMS = {"aal", "email"}
#: A claim that an expression reads, or the whole token, where it is not followed by a name.
CLAIM = re.compile(r"(?:\bjwt\(\)|request\.jwt)(?:\s*->>?\s*'(\w+)')?")


def test_metadata_of_a_token_decides_nothing(owner: Connection) -> None:
    """No expression reads the metadata of a token, except the sign-up (B11)."""
    query = r"""
      select oid::regprocedure::text, regexp_replace(prosrc, '--[^\n]*', '', 'g') from pg_proc
      where pronamespace::regnamespace::text in ('public', 'private')
      union all
      select 'policy ' || policyname, concat(qual, ' ', with_check) from pg_policies
      union all
      select 'view ' || viewname, definition from pg_views where schemaname in ('public', 'private')
    """
    texts: dict[str, str] = dict(owner.execute(query).fetchall())

    readers = {name for name, text in texts.items() if re.search(r"(user|app)_meta", text)}
    claims = {claim for text in texts.values() for claim in CLAIM.findall(text)}

    assert {"private.follow_sign_up()"} == readers
    assert claims == CLAIMS


#: The functions that name the column `users.role`, each with its reason.
READERS_OF_ROLES = {
    "holds_role": "decides who is staff, for the two functions below",
    "session_is_live": "shows it to the service",
    "anonymise_account": "locks all admins before one of them leaves",
    "is_last_admin": "keeps the last admin",
    "lock_admins": "locks all admins before one of them is changed",
    "role_refusal": "compares it with the new role",
    "store_role": "changes it",
    "suspension_refusal": "lets only an admin suspend an admin",
    "checked_profile": "keeps staff's titles out of other people's names",
    "guarded_insert": "makes each new user a buyer",
    "apply_verification": "makes a verified buyer a seller",
    "begin_onboarding": "asks for a seller",
    "seller_refusal": "asks for a seller",
}


def test_one_function_says_who_is_staff(owner: Connection) -> None:
    """Each function that reads a user's role is on the reviewed list (B11)."""
    body = r"""
      select proname::text from functions
      where pronamespace = 'private'::regnamespace
        and regexp_replace(prosrc, '--[^\n]*|\mauth\.role\(\)', '', 'g') ~ %(pattern)s
    """
    policy = r"""
      select policyname::text from pg_policies
      where concat(qual, with_check) ~ '\mrole\M(?!\()'
    """

    assert set(READERS_OF_ROLES) == names(owner, body, pattern=r"\mrole\M")
    assert {"has_staff_rights", "is_admin"} == names(owner, body, pattern=r"\mholds_role\M")
    assert set() == names(owner, policy)


def test_no_span_follows_a_time_zone(owner: Connection) -> None:
    """Each time span counts hours, because a day in a time zone may have 23 or 25."""
    query = r"""
      select oid::regprocedure::text from functions
      where prosrc ~* 'interval\s+\S*''[^'']*(\m(day|week|mon|year|decade|centur)|[0-9][dwy]\M)'
        or prosrc ~* 'make_interval\s*\([^;]*\m(days|weeks|months|years)\s*=>'
        or prosrc ~* '\mdate_trunc\s*\(|\mcurrent_date\M|\mlocaltimestamp\M|\mage\s*\('
    """

    assert set() == names(owner, query)


def test_rpcs_take_times_as_text(owner: Connection) -> None:
    """RPCs take times as text, because Postgres reads words and times without offset."""
    query = """
      select f.oid::regprocedure::text from functions as f, unnest(f.proargtypes) as type
      where f.pronamespace = 'public'::regnamespace
        and type = any(array[
          'timestamptz', 'timestamp', 'date', 'time', 'timetz', 'interval'
        ]::regtype[])
    """

    assert set() == names(owner, query)


#: Functions that return rows or put them into JSON, and take no `max_rows`: the bound of each.
BOUNDED = {
    "address_or_null": "the parts of an address",
    "check_image_duplicate": "20 photos",
    "cron_status": "the scheduled jobs, which migrations name, and 50 runs",
    "findings_with_ids": "the findings in one message",
    "get_bid_log": "one auction, whole, because a reader checks its chain of hashes",
    "ledger_drift": "1,000 rows by REST; none while the books agree",
    "listing_of_order": "the photos of one listing, which the setting photo_max bounds",
    "make_room": "the files of one kind that a user replaces",
    "message_spans": "the findings in one message",
    "published_rules": "the steps of a setting",
    "seal_originals": "the findings in one message",
    "search_listings": "1,000 listings",
    "seconds_past_end": "the auctions of a batch, which max_rows of its caller bounds",
    "store_bidding_rules": "the settings of bidding",
    "unknown_event_ids": "the ids that the call names",
    "unreturned_payments": "1,000 rows by REST; each row goes with its refund",
    "verify_address": "the parts of an address",
    "withdraw_bids": "the bidders that the call names",
}


def test_every_list_has_a_limit(owner: Connection) -> None:
    """Each list is bounded by `max_rows` or by a reviewed bound (D6)."""
    query = r"""
      select f.proname::text
      from functions as f, regexp_replace(f.prosrc, '--[^\n]*', '', 'g') as body
      where body !~ '\m(p_)?max_rows\M' and (
        f.pronamespace = 'public'::regnamespace and f.proretset
        or body ~ '\mjsonb?_(object_)?agg\s*\(|\mto_jsonb\s*\(\s*array\M'
      )
    """

    assert set(BOUNDED) == names(owner, query)


def test_every_table_and_function_has_a_comment(owner: Connection) -> None:
    """Each table and function has a comment."""
    query = """
      select oid::regclass::text from tables where obj_description(oid, 'pg_class') is null
      union all
      select oid::regprocedure::text from functions where obj_description(oid, 'pg_proc') is null
    """

    assert set() == names(owner, query)


def test_every_foreign_key_has_an_index(owner: Connection) -> None:
    """Each foreign key has an index (D7)."""
    query = """
      select f.conname::text from pg_constraint as f join tables as t on f.conrelid = t.oid
      where f.contype = 'f' and not exists (
        select from pg_index as i
        where i.indrelid = f.conrelid and i.indpred is null
          and (i.indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey
      )
    """

    assert set() == names(owner, query)


def test_profile_belongs_to_a_user_of_auth(owner: Connection) -> None:
    """The key of `users` references a user of Auth (D7)."""
    query = """
      select pg_get_constraintdef(oid) from pg_constraint
      where conrelid = 'public.users'::regclass and confrelid = 'auth.users'::regclass
    """
    [(definition,)] = owner.execute(query).fetchall()

    assert definition.startswith("FOREIGN KEY (id) REFERENCES auth.users(id)")


def test_workers_receive_changes_of_every_published_table(owner: Connection) -> None:
    """service_role may select the key of each published table, or Realtime sends it nothing.

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


def test_clients_read_every_column_by_name(owner: Connection) -> None:
    """Each column of a readable table is granted by name."""
    query = """
      select r.role || ' ' || t.oid::regclass || ' ' || a.attname
      from tables as t
        cross join unnest(array['anon', 'authenticated']) as r (role)
        join pg_attribute as a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      where has_any_column_privilege(r.role, t.oid, 'select')
        and not has_column_privilege(r.role, t.oid, a.attnum, 'select')
    """

    assert set() == names(owner, query)


def test_clients_read_no_system_column(owner: Connection) -> None:
    """No client reads a system column such as xmax, which shows locks.

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
    """Columns with hidden rows have no statistics, because estimates would count them.

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


#: The state that a body may not read if its result follows from its arguments alone: a table, the
#: session, the time. A name with a schema and a bracket is a call. A parameter begins with p_, a
#: variable with v_.
STATE = re.compile(
    r"\b(?:from|join|update|into)\s+(?!p_|v_)\w+\.\w+\b(?!\s*\()"
    r"|\b(?:current_setting|current_user|session_user|current_date|localtimestamp)\b"
    r"|\b(?:now|clock_timestamp|random|gen_random_uuid|nextval)\s*\(",
    re.IGNORECASE,
)


def test_immutable_functions_follow_from_their_arguments(owner: Connection) -> None:
    """An immutable function reads no table, session or time (C14).

    Otherwise an index or plan would keep an old result. A function that reads is stable at
    most.
    """
    query = r"""
      select
        pronamespace::regnamespace || '.' || proname, provolatile = 'i',
        regexp_replace(prosrc, $$--[^\n]*|'[^']*'$$, '', 'g')
      from pg_proc
      where pronamespace::regnamespace::text
        in ('public', 'private', 'auth', 'storage', 'realtime', 'extensions')
    """
    functions = owner.execute(query).fetchall()
    others = {name for name, is_immutable, _ in functions if not is_immutable}
    bodies = {
        name: body
        for name, is_immutable, body in functions
        if is_immutable and name.startswith(("public.", "private."))
    }

    assert "private.price_after_bid" in bodies
    assert {} == {
        name: body
        for name, body in bodies.items()
        if STATE.search(body) or others & set(re.findall(r"\b(\w+\.\w+)\s*\(", body))
    }


def test_every_view_but_one_runs_with_its_readers_rights(owner: Connection) -> None:
    """Each view but public_profiles is SECURITY INVOKER, so it keeps RLS (B12)."""
    query = """
      select oid::regclass::text from pg_class
      where relkind in ('v', 'm') and relnamespace::regnamespace::text in ('public', 'private')
        and not 'security_invoker=true' = any(coalesce(reloptions, '{}'))
    """

    assert {"public.public_profiles"} == names(owner, query)
