"""The baseline gives migrations the rights of hosted Supabase, and no more."""

import json
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection, sql


def act_as(connection: Connection, role: str, **claims: object) -> None:
    """Take the rights of a request for the rest of the transaction."""
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
    connection.execute(
        "select set_config('request.jwt.claims', %s, true)", [json.dumps({"role": role} | claims)]
    )


@pytest.mark.parametrize(
    ("role", "attributes"),
    [
        ("postgres", "login inherit createdb createrole bypassrls replication"),
        ("anon", ""),
        ("authenticated", ""),
        ("service_role", "bypassrls"),
        ("authenticator", "login"),
        ("supabase_auth_admin", "login createrole"),
        ("supabase_storage_admin", "login createrole"),
        ("supabase_realtime_admin", "login"),
    ],
)
def test_roles_have_hosted_rights(postgres: Connection, role: str, attributes: str) -> None:
    """Only supabase_admin is a superuser, and the requests' roles inherit nothing."""
    query = """
      select concat_ws(' ',
        case when rolcanlogin then 'login' end, case when rolinherit then 'inherit' end,
        case when rolsuper then 'superuser' end, case when rolcreatedb then 'createdb' end,
        case when rolcreaterole then 'createrole' end,
        case when rolbypassrls then 'bypassrls' end,
        case when rolreplication then 'replication' end
      ) from pg_roles where rolname = %s
    """

    assert [(attributes,)] == postgres.execute(query, [role]).fetchall()


@pytest.mark.parametrize(
    ("role", "timeout"), [("anon", "3s"), ("authenticated", "8s"), ("authenticator", "8s")]
)
def test_requests_time_out(postgres: Connection, role: str, timeout: str) -> None:
    """A slow request ends after the same time as in production."""
    query = "select %s = any(rolconfig) from pg_roles where rolname = %s"

    assert [(True,)] == postgres.execute(query, [f"statement_timeout={timeout}", role]).fetchall()


@pytest.mark.parametrize(
    "change",
    [
        "alter table auth.users add column nickname text",
        "alter table auth.users set schema public",
        "alter table auth.users owner to postgres",
        "create table auth.extra ()",
        "create table public.copied () inherits (auth.sessions)",
        "create index on auth.sessions (user_id)",
        "create statistics public.guesses on id, email from auth.users",
        "create rule ignored as on insert to auth.users do instead nothing",
        "alter type auth.aal_level add value 'aal4'",
        "alter schema auth rename to former",
        "drop schema auth cascade",
        "drop function auth.uid() cascade",
        "drop table storage.objects",
        "drop owned by supabase_storage_admin cascade",
        "alter table storage.objects disable row level security",
        "alter table storage.objects disable trigger all",
        "alter trigger protect_objects_delete on storage.objects rename to unprotected",
        "create or replace function realtime.topic() returns text language sql return 'x'",
        "comment on table auth.users is 'people'",
        "comment on column auth.users.email is 'where'",
        "grant insert on auth.users to anon",
        "grant update (email) on auth.users to anon",
        "grant create on schema storage to anon",
        "revoke all on all tables in schema storage from anon",
        "alter default privileges for role supabase_auth_admin grant all on tables to anon",
        "alter publication supabase_realtime_messages_publication set (publish = 'update')",
        "alter publication supabase_realtime add table auth.users",
        "create publication mine for table auth.users",
        "drop event trigger devstack_guard_objects",
        "drop function devstack.guard_objects() cascade",
    ],
)
def test_supabases_objects_are_not_ours(postgres: Connection, change: LiteralString) -> None:
    """Of Supabase's tables postgres manages policies and triggers, and no more."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        postgres.execute(change)


@pytest.mark.parametrize(
    "change", ["set role supabase_auth_admin", "grant supabase_auth_admin to anon"]
)
def test_owners_roles_are_not_ours(postgres: Connection, change: LiteralString) -> None:
    """Role postgres inherits the owners' rights; it cannot become one nor appoint another."""
    if postgres.info.server_version < 160000:
        pytest.skip("Before Postgres 16 a member becomes a role, and createrole grants any role.")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        postgres.execute(change)


def test_comment_on_a_policy_of_supabases_table_is_refused(postgres: Connection) -> None:
    """Postgres may create a policy on Supabase's table, but not comment on it."""
    postgres.execute("create policy p on storage.objects for select using (true)")

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="must be owner of policy p on"):
        postgres.execute("comment on policy p on storage.objects is 'readers'")


_FUNCTION = """
  create function public.f() returns trigger language plpgsql as 'begin return new; end';
"""


@pytest.mark.parametrize(
    "change",
    [
        "create policy p on realtime.messages using (true)",
        "create policy p on auth.users using (true)",
        "create policy p on storage.objects using (true); drop policy p on storage.objects",
        """
        create policy p on storage.objects using (true);
        alter policy p on storage.objects to authenticated
        """,
        """
        create table public.own (id uuid references auth.users (id));
        comment on table public.own is 'ours';
        grant select on public.own to anon
        """,
        "create view public.people as select id from auth.users",
        _FUNCTION + "create trigger t after insert on auth.users "
        "for each row execute function public.f(); drop trigger t on auth.users",
        _FUNCTION + "create trigger t after insert on storage.objects "
        "for each row execute function public.f(); drop function public.f() cascade",
        "create table public.own (n int); alter publication supabase_realtime add table public.own",
        "insert into storage.buckets (id, name) values ('photos', 'photos')",
        "alter default privileges in schema public revoke all on tables from anon",
    ],
)
def test_postgres_may_do_at_any_time_what_hosted_allows(
    postgres: Connection, change: LiteralString
) -> None:
    """A migration tool or a person at psql has the same rights as devstack's own migrations."""
    postgres.execute(change)

    postgres.execute("select auth.uid()")


def test_new_tables_are_everybodys_by_default(postgres: Connection) -> None:
    """A new table has the default grants of hosted Supabase until a migration revokes them."""
    postgres.execute("create table public.careless (n int)")

    for role in ("anon", "authenticated", "service_role"):
        query = "select has_table_privilege(%s, 'public.careless', 'select, insert, delete')"
        assert [(True,)] == postgres.execute(query, [role]).fetchall()


@pytest.mark.parametrize("name", ["citext", "pg_trgm", "btree_gist", "moddatetime"])
def test_migration_may_create_trusted_extensions(postgres: Connection, name: str) -> None:
    """A new project has no extensions of ours; a migration may create trusted ones."""
    query = sql.SQL("create extension {} with schema extensions").format(sql.Identifier(name))

    if name != "moddatetime":
        postgres.execute(query)
    else:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgres.execute(query)


def test_cryptography_is_in_extensions(postgres: Connection) -> None:
    """Supabase comes with pgcrypto, in a schema that every role may use."""
    act_as(postgres, "authenticated")

    query = "select encode(extensions.digest('x', 'sha256'), 'hex') like '2d711642%'"
    assert [(True,)] == postgres.execute(query).fetchall()


def test_caller_is_known_by_the_claims(postgres: Connection) -> None:
    """auth.uid(), role(), email() and jwt() read the request's claims."""
    user_id = uuid4()
    act_as(postgres, "authenticated", sub=str(user_id), email="a@example.test", aal="aal1")

    query = "select auth.uid(), auth.role(), auth.email(), auth.jwt() ->> 'aal'"
    expected = [(user_id, "authenticated", "a@example.test", "aal1")]
    assert expected == postgres.execute(query).fetchall()


@pytest.mark.parametrize("claims", [None, ""])
def test_nobody_is_known_without_claims(postgres: Connection, claims: str | None) -> None:
    """Claims read as an empty text after their transaction, which means no user too."""
    if claims is not None:
        postgres.execute("select set_config('request.jwt.claims', %s, true)", [claims])

    query = "select auth.uid(), auth.role(), auth.email(), auth.jwt()"
    assert [(None, None, None, None)] == postgres.execute(query).fetchall()


def test_sessions_end_with_their_user(postgres: Connection) -> None:
    """Deleting a user of Auth deletes the rows of Auth that depend on the user."""
    query = """
      with person as (insert into auth.users (email) values ('a@example.test') returning id)
      insert into auth.sessions (id, user_id) select gen_random_uuid(), id from person
      returning user_id
    """
    [(user_id,)] = postgres.execute(query).fetchall()

    postgres.execute("delete from auth.users where id = %s", [user_id])

    assert [(0,)] == postgres.execute("select count(*) from auth.sessions").fetchall()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b/photo.JPG", (["a", "b"], "photo.JPG", "JPG")),
        ("photo.tar.gz", ([], "photo.tar.gz", "gz")),
    ],
)
def test_paths_of_objects_are_taken_apart(
    postgres: Connection, name: str, parts: tuple[list[str], str, str]
) -> None:
    """Policies decide by a path's first folder."""
    query = "select storage.foldername(%(n)s), storage.filename(%(n)s), storage.extension(%(n)s)"

    assert [parts] == postgres.execute(query, {"n": name}).fetchall()


def test_objects_are_closed_until_a_policy_opens_them(postgres: Connection) -> None:
    """Every role has the grants, and row level security shows nothing."""
    postgres.execute("insert into storage.buckets (id, name) values ('photos', 'photos')")
    postgres.execute("insert into storage.objects (bucket_id, name) values ('photos', 'a/b')")

    act_as(postgres, "authenticated")

    query = "select count(*) from storage.objects"
    assert [(0,)] == postgres.execute(query).fetchall()
    act_as(postgres, "service_role")
    assert [(1,)] == postgres.execute(query).fetchall()


def test_sent_message_waits_in_its_topic(postgres: Connection) -> None:
    """realtime.send writes a private broadcast, whose payload carries the message's id."""
    postgres.execute("""select realtime.send('{"price": 1}', 'price', 'auction:1')""")

    query = """
      select topic, event, extension, private, payload ->> 'price', payload ->> 'id' = id::text,
        realtime.topic()
      from realtime.messages
    """
    expected = [("auction:1", "price", "broadcast", True, "1", True, "auction:1")]
    assert expected == postgres.execute(query).fetchall()


def test_message_that_cannot_be_sent_is_a_warning(postgres: Connection) -> None:
    """A failed broadcast is a warning, and the sender's transaction goes on."""
    heard: list[str] = []
    postgres.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    act_as(postgres, "authenticated")

    postgres.execute("select realtime.send('{}', 'price', 'auction:1')")

    [warning] = heard
    assert warning.startswith("WarnSendingBroadcastMessage: ")
    postgres.execute("reset role")
    assert [(0,)] == postgres.execute("select count(*) from realtime.messages").fetchall()


def test_row_changes_are_broadcast(postgres: Connection) -> None:
    """A trigger may broadcast a changed row; another operation is an error."""
    call = "select realtime.broadcast_changes('t', 'e', %s, 'n', 's', row(1, 2), null::record)"

    postgres.execute(call, ["INSERT"])

    query = "select payload - 'id' from realtime.messages"
    expected = {
        "record": {"f1": 1, "f2": 2},
        "old_record": None,
        "operation": "INSERT",
        "table": "n",
        "schema": "s",
    }
    assert [(expected,)] == postgres.execute(query).fetchall()
    with pytest.raises(psycopg.errors.RaiseException, match="Failed to process the row: "):
        postgres.execute(call, ["TRUNCATE"])


def test_publications_carry_what_realtime_reads(postgres: Connection) -> None:
    """Our publication is empty until a migration adds a table; Realtime's has the messages."""
    query = """
      select p.pubname::text, p.pubowner::regrole::text,
        array_agg(t.schemaname || '.' || t.tablename) filter (where t.tablename is not null)
      from pg_publication as p left join pg_publication_tables as t using (pubname)
      group by 1, 2 order by 1
    """
    expected = [
        ("supabase_realtime", "postgres", None),
        ("supabase_realtime_messages_publication", "supabase_admin", ["realtime.messages"]),
    ]
    assert expected == postgres.execute(query).fetchall()
