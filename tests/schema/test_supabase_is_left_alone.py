"""On hosted Supabase we own nothing of Auth, Storage and Realtime, so migrations must not try."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pglast.parser
import pytest

from devstack.postgres.schema import migration_files


OWNED = {
    *("auth", "storage", "realtime", "extensions", "supabase_migrations"),
    *("cron", "graphql", "graphql_public", "net", "vault"),
}
#: The rights that hosted Supabase gives postgres on tables of other owners.
FREE_KINDS = {"CreatePolicyStmt", "AlterPolicyStmt", "CreateTrigStmt"}
FREE_DROPS = {"OBJECT_POLICY", "OBJECT_TRIGGER"}
ROW_KINDS = {"InsertStmt", "UpdateStmt", "DeleteStmt"}
ROLE_KINDS = {"GrantRoleStmt", "CreateRoleStmt", "DropRoleStmt"}
#: Below these keys a name is used and not changed: a foreign key's target, a call, a type, the
#: operators of an index.
USES = {"pktable", "FuncCall", "typeName", "TypeName", "CreateExtensionStmt", "opclass"}


def violations(text: str) -> list[str]:
    """Return the statements that hosted Supabase would refuse, or that keep a borrowed role."""
    found = []
    for raw in json.loads(pglast.parser.parse_sql_json(text)).get("stmts", []):
        [(kind, statement)] = raw["stmt"].items()
        if not is_allowed(kind, statement):
            start = raw.get("stmt_location", 0)
            source = text.encode()[start : start + raw.get("stmt_len", 200)].decode()
            found.append(" ".join(source.split())[:100])
    return found


def is_allowed(kind: str, statement: dict[str, Any]) -> bool:
    if kind in ROLE_KINDS or (kind == "VariableSetStmt" and statement.get("name") == "role"):
        return False
    if kind in FREE_KINDS or (kind == "DropStmt" and statement["removeType"] in FREE_DROPS):
        return True
    if kind in ROW_KINDS:
        return set(mentions(statement)) <= {"storage.buckets"}
    if kind == "DoStmt":
        body = json.dumps(statement)
        owned = "|".join(OWNED)
        return not re.search(rf"\b(?:{owned})\.|\b(?:on|in) schema (?:{owned})\b", body)
    return not set(mentions(statement))


def mentions(node: Any) -> Iterator[str]:
    """Yield each object of another owner that a statement changes."""
    if isinstance(node, dict):
        if node.get("schemaname") in OWNED:
            yield f"{node['schemaname']}.{node['relname']}"
        for key, value in node.items():
            if key not in USES:
                yield from mentions(value)
    elif isinstance(node, list):
        words = [item["String"]["sval"] for item in node if "String" in item]
        if words and words[0] in OWNED:
            yield ".".join(words)
        for item in node:
            yield from mentions(item)


def test_migrations_leave_supabases_objects_alone() -> None:
    """Policies, triggers, references and rows of storage.buckets; nothing else there is ours."""
    refused = {path.name: violations(path.read_text()) for path in migration_files()}

    assert {} == {name: found for name, found in refused.items() if found}


@pytest.mark.parametrize(
    "statement",
    [
        "create policy p on storage.objects for select using (owner = (select auth.uid()))",
        "drop policy p on realtime.messages",
        "create trigger t after insert on auth.users for each row execute function private.f()",
        "create table public.users (id uuid references auth.users (id))",
        "alter table public.users add foreign key (id) references auth.users (id)",
        "insert into storage.buckets (id, name) values ('photos', 'photos')",
        "create extension if not exists citext with schema extensions",
        "create index i on public.t using gin (words extensions.gin_trgm_ops)",
        "alter table public.users alter column email type extensions.citext",
        "create policy own on public.users using (id = (select auth.uid()))",
        "do $$ begin execute 'create extension pg_cron'; end $$",
        "create schema private",
    ],
)
def test_rule_allows_what_hosted_supabase_allows(statement: str) -> None:
    """The rule passes statements that hosted Supabase accepts."""
    assert [] == violations(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "alter table realtime.messages enable row level security",
        "alter table auth.users add column nickname text",
        "create index on auth.sessions (user_id)",
        "create table auth.extra ()",
        "create function auth.mine() returns int language sql as 'select 1'",
        "create or replace view storage.mine as select 1",
        "comment on policy p on storage.objects is 'whose'",
        "comment on table auth.users is 'people'",
        "grant select on auth.users to anon",
        "grant usage on schema auth to anon",
        "grant usage on schema cron to anon",
        "grant select on vault.decrypted_secrets to service_role",
        "create function net.mine() returns int language sql as 'select 1'",
        "do $$ begin execute 'grant usage on schema cron to anon'; end $$",
        "drop table storage.objects",
        "insert into auth.users (id) values (gen_random_uuid())",
        "update storage.objects set name = 'x'",
        "create view public.people as select * from auth.users",
        "do $$ begin execute 'alter table auth.users disable trigger all'; end $$",
        "set role supabase_auth_admin",
        "grant supabase_storage_admin to postgres",
        "create role other",
    ],
)
def test_rule_stops_what_hosted_supabase_refuses(statement: str) -> None:
    """The rule finds rows, grants and roles too, before a database is built."""
    assert [statement] == violations(statement)
