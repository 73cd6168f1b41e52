"""Has Postgres say what rows look like as JSON, and which conditions hold for them.

Values never pass through Python types: numbers keep their digits, times their form, and each type
its own idea of equality.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from devstack.gateway.context import Connection
from devstack.gateway.realtime.filters import OPERATORS, TRUTHS, Condition
from devstack.gateway.realtime.pgoutput import Row
from devstack.gateway.realtime.tables import Table, TableColumn


#: A row with names, as far as the log carried its columns.
NamedRow = Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """The values that conditions compare one table's columns with, each asked for once."""

    values: dict[tuple[str, str], dict[str | None, int]] = field(default_factory=dict)

    def add(self, conditions: Iterable[Condition]) -> None:
        """Have these conditions answered, too."""
        for condition in conditions:
            known = self.values.setdefault(condition.test, {})
            for value in condition.values:
                known.setdefault(value, len(known))


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRow:
    """A row as the log has it and as JSON texts, and the answers to the questions asked of it."""

    text: NamedRow
    json: Mapping[str, str]
    questions: Questions
    answers: Mapping[tuple[str, str], Sequence[bool | None]]

    def matches(self, condition: Condition) -> bool:
        """Say whether the condition holds; for a column the row does not carry it never does."""
        answers = self.answers.get(condition.test)
        if answers is None:
            return False
        positions = self.questions.values[condition.test]
        return condition.holds([answers[positions[value]] for value in condition.values])


def named(names: Sequence[str], row: Row) -> dict[str, str | None]:
    """Give a row's values their names, leaving out what the log did not repeat."""
    pairs = zip(names, row, strict=True)
    return {name: value for name, value in pairs if value is None or isinstance(value, str)}


async def judge(
    connection: Connection, table: Table, rows: Sequence[NamedRow], questions: Questions
) -> list[JudgedRow]:
    """Return each row as JSON, with its answers, in one statement for all."""
    columns = [column for column in table.columns.values() if any(column.name in r for r in rows)]
    if not columns:
        return [JudgedRow(text=row, json={}, questions=questions, answers={}) for row in rows]
    names = {column.name for column in columns}
    tests = [test for test in questions.values if test[0] in names]
    parameters = [list(questions.values[test]) for test in tests]
    parameters += [[row.get(column.name) for row in rows] for column in columns]
    cursor = await connection.execute(_statement(columns, tests), parameters)

    judged = []
    for row, (*values, _position) in zip(rows, await cursor.fetchall(), strict=True):
        texts = zip(columns, values[: len(columns)], strict=True)
        answers = zip(tests, values[len(columns) :], strict=True)
        judged.append(
            JudgedRow(
                text=row,
                json={c.name: text or "null" for c, text in texts if c.name in row},
                questions=questions,
                answers={test: answer for test, answer in answers if test[0] in row},
            )
        )
    return judged


def _statement(columns: Sequence[TableColumn], tests: Sequence[tuple[str, str]]) -> sql.Composed:
    aliases = {c.name: sql.Identifier(f"c{number}") for number, c in enumerate(columns)}
    types = {c.name: sql.SQL(c.cast_type) for c in columns}
    outputs = [
        sql.SQL("to_jsonb({}::{})::text").format(aliases[c.name], types[c.name]) for c in columns
    ]
    outputs += [
        sql.SQL(
            "array(select {test} from unnest(%s::text[]) with ordinality as v (value, place)"
            " order by place)"
        ).format(test=comparison(operator, aliases[column], types[column]))
        for column, operator in tests
    ]
    return sql.SQL(
        "select {}, position from unnest({}) with ordinality as r ({}, position) order by position"
    ).format(
        sql.SQL(", ").join(outputs),
        sql.SQL(", ").join([sql.SQL("%s::text[]")] * len(columns)),
        sql.SQL(", ").join(aliases.values()),
    )


def comparison(operator: str, column: sql.Composable, cast_type: sql.Composable) -> sql.Composed:
    """Return the SQL of a condition on `column`, where the other side is called `value`."""
    name, _, word = operator.partition(".")
    form = TRUTHS[word] if name == "is" else OPERATORS[name]
    return sql.SQL(form).format(column=column, type=cast_type)
