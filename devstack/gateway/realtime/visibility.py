"""Row security for each subscriber: whether this caller may select this row now.

Asked as the caller would ask, with the caller's role and claims. As on hosted Supabase the row is
judged as it is when the log is read, not as it was at commit.
"""

from dataclasses import dataclass, field

from psycopg import sql
from psycopg.types.json import Jsonb

from devstack.gateway.context import Connection
from devstack.gateway.realtime.evaluation import NamedRow
from devstack.gateway.realtime.identity import Identity
from devstack.gateway.realtime.tables import Table


#: One statement for all callers of a table: a round trip for each would take most of the time,
#: and planning the policies for each most of the rest (200 callers: 45 ms, prepared 8 ms).
#: A policy that fails hides the row from its caller and from nobody else.
INSTALL = """
create or replace function pg_temp.visible_rows(p_query text, p_callers jsonb)
returns table (caller integer, seen boolean[])
language plpgsql
as $$
declare
  v_caller jsonb;
  v_name text := 'visible_' || md5(p_query);
begin
  if not exists (select from pg_prepared_statements as p where p.name = v_name) then
    execute format('prepare %I (jsonb) as %s', v_name, p_query);
  end if;
  caller := 0;
  for v_caller in select value from jsonb_array_elements(p_callers)
  loop
    begin
      perform set_config('request.jwt.claims', v_caller ->> 'claims', true),
        set_config('role', v_caller ->> 'role', true);
      execute format('execute %I (%L)', v_name, v_caller -> 'rows') into seen;
    exception when others then
      seen := '{}';
    end;
    perform set_config('role', 'none', true);
    return next;
    caller := caller + 1;
  end loop;
end
$$
"""
ASK = "select caller, seen from pg_temp.visible_rows(%s, %s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """The rows of a table that callers ask for, and those that they may see."""

    #: Each caller's rows, by the number of their change.
    asked: dict[Identity, dict[int, NamedRow]] = field(default_factory=dict)
    allowed: set[tuple[Identity, int]] = field(default_factory=set)

    def ask(self, caller: Identity, number: int, row: NamedRow) -> None:
        """Have it found out whether `caller` may see the row of a change."""
        self.asked.setdefault(caller, {})[number] = row

    async def find_out(self, connection: Connection, table: Table) -> None:
        """Ask Postgres, in one transaction for all callers."""
        if not self.asked:
            return
        keys = [column.name for column in table.key]
        # A plan holds for one role, so the callers of each stand together.
        asked = sorted(self.asked.items(), key=lambda item: item[0].role)
        callers = [
            {
                "role": caller.role,
                "claims": caller.claims,
                "rows": [[row.get(name) for name in keys] for row in rows.values()],
            }
            for caller, rows in asked
        ]
        query = _query(table).as_string(connection)
        # The settings of the function, such as the role, end with the transaction.
        async with connection.transaction():
            answers = await (await connection.execute(ASK, [query, Jsonb(callers)])).fetchall()
        for position, seen in answers:
            caller, rows = asked[position]
            # An answer is empty when the caller's own rights made the question fail.
            self.allowed.update(
                (caller, number) for number, is_seen in zip(rows, seen, strict=False) if is_seen
            )


def _query(table: Table) -> sql.Composed:
    key = sql.SQL(" and ").join(
        sql.SQL("t.{} = (r.value ->> {})::{}").format(
            sql.Identifier(column.name), sql.Literal(place), sql.SQL(column.cast_type)
        )
        for place, column in enumerate(table.key)
    )
    return sql.SQL(
        "select array(select exists (select from {} as t where {}) "
        "from jsonb_array_elements($1) with ordinality as r (value, place) order by r.place)"
    ).format(table.name, key)
