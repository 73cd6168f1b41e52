"""The actors of a SQL test, who call the database with the rights of a role."""

import dataclasses
import functools
import json
from datetime import datetime
from typing import Any, LiteralString, Self
from uuid import UUID, uuid4

from psycopg import Connection, Cursor, sql
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from clients import answers


Query = LiteralString | bytes | sql.Composed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A caller as PostgREST presents it: a role, and a user id when signed in."""

    connection: Connection
    role: str
    user_id: UUID | None = None
    aal: str = "aal1"

    @property
    def id(self) -> UUID:
        """The id of a signed-in user."""
        assert self.user_id is not None
        return self.user_id

    def rows(self, query: Query, **values: object) -> list[tuple[Any, ...]]:
        """Run `query` with this actor's rights alone, and undo it if it fails."""
        return self._run(query, values).fetchall()

    def change(self, query: LiteralString, **values: object) -> int:
        """Run `query` as `rows` does; return the number of rows that it changed."""
        return self._run(query, values).rowcount

    def call(self, function: str, **arguments: object) -> Any:
        """Call `public.function` by the names of its arguments, as an RPC does."""
        sent = {
            # JSON has no times: a client sends text.
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in arguments.items()
        }
        [(answer,)] = self.rows(_call(function, *arguments), **sent)
        answers.check(function, answer)
        return answer

    def with_second_factor(self) -> Self:
        """Return the same user in a session with a second factor."""
        return dataclasses.replace(self, aal="aal2")

    def _run(self, query: Query, values: dict[str, object]) -> Cursor[TupleRow]:
        # Statements without parameters go to the server together, in one round trip.
        run = self.connection.execute
        is_outermost = self.connection.info.transaction_status is TransactionStatus.IDLE
        become = _become(self.role, role=self.role, sub=self.user_id, aal=self.aal)
        run((b"begin;" if is_outermost else b"savepoint call;") + become)
        try:
            cursor = run(query, values)
        except Exception:
            # Role and claims become those of before.
            if not self.connection.broken:
                run(b"rollback" if is_outermost else b"rollback to call; release call")
            raise
        if is_outermost:
            run(b"commit")
        if not (is_outermost and self.connection.autocommit):
            run((b"" if is_outermost else b"release call;") + _become("none"))
        return cursor


@functools.cache
def _become(role: str, /, **claims: object) -> bytes:
    """Return the statement that changes the rights of the rest of the transaction."""
    query = sql.SQL(
        "select set_config('role', {}, true), set_config('request.jwt.claims', {}, true)"
    )
    return query.format(role, json.dumps(claims, default=str)).as_bytes()


@functools.cache
def _call(function: str, *names: str) -> bytes:
    """Return the query that calls a function. Psycopg would compose it anew for each call."""
    arguments = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in names
    )
    query = sql.SQL("select to_jsonb(answer) from public.{}({}) as answer")
    return query.format(sql.Identifier(function), arguments).as_bytes()


def signed_up(owner: Connection, name: str, *, kyc: str = "passed", role: str = "buyer") -> Actor:
    """Sign up a user as Auth does, and set values that only Stripe or staff can set."""
    [(user_id,)] = owner.execute(
        """
        insert into auth.users (id, email, raw_user_meta_data)
        values (%(id)s, %(email)s, jsonb_build_object('display_name', %(name)s::text))
        returning id
        """,
        {"id": uuid4(), "email": f"{name}@example.test", "name": name},
    ).fetchall()
    owner.execute("update public.users set kyc = %s, role = %s where id = %s", [kyc, role, user_id])
    return Actor(connection=owner, role="authenticated", user_id=user_id)


def no_one(owner: Connection, name: str) -> Actor:
    """Sign up a user whose profile is missing."""
    actor = signed_up(owner, name)
    owner.execute("delete from public.users where id = %s", [actor.id])
    return actor
