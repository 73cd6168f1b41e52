"""SQL of one relation under an alias: selected columns, conditions and orders."""

from collections.abc import Callable

from devstack.gateway.quoting import identifier, literal
from devstack.gateway.rest.api_request.query_params import (
    Column,
    Comparison,
    Condition,
    Field,
    LogicTree,
    OrderTerm,
)
from devstack.gateway.rest.query.statement import Parameters
from devstack.gateway.rest.schema_cache.tables import Relation, TableColumn


COMPARISONS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "like",
    "ilike": "ilike",
    "match": "~",
    "imatch": "~*",
    "isdistinct": "is distinct from",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "sl": "<<",
    "sr": ">>",
    "nxr": "&<",
    "nxl": "&>",
    "adj": "-|-",
}
#: Operators whose values the representation of a domain does not convert.
NOT_CONVERTED = frozenset(("like", "ilike", "isdistinct"))
TEXT_QUERIES = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}
JSON_TYPES = frozenset(("json", "jsonb"))

#: Returns the SQL of a null filter on an embed, or None for a filter on a column.
NullFilter = Callable[[Comparison], str | None]


class TableAlias:
    """A relation under its alias in a statement."""

    def __init__(self, relation: Relation, alias: str) -> None:
        self.relation = relation
        self.alias = alias

    def column(self, name: str) -> str:
        """Return a column, qualified by the alias."""
        return f"{identifier(self.alias)}.{identifier(name)}"

    def field(self, field: Field) -> str:
        """Return a column, or the part of it under a JSON path."""
        column = self.column(field.name)
        if not field.path:
            return column
        known = self._table_column(field)
        if known is None or known.type not in JSON_TYPES:
            # A composite type may have a path. A computed column is in no cache, and may be JSON,
            # which to_jsonb leaves unchanged.
            column = f"to_jsonb({column})"
        steps = "".join(
            f"{'->>' if step.is_text else '->'}{_step(step.key)}" for step in field.path
        )
        return f"({column}{steps})"

    def selected(self, field: Field) -> str:
        """Return a field as the response shows it, in the representation of its domain."""
        known, value = self._table_column(field), self.field(field)
        is_changed = known is not None and known.to_json and not field.path
        return f"{known.to_json}({value})" if known and is_changed else value

    def condition(
        self, condition: Condition, parameters: Parameters, null_filter: NullFilter
    ) -> str:
        """Return the SQL of a condition."""
        if isinstance(condition, LogicTree):
            members = [
                self.condition(member, parameters, null_filter) for member in condition.members
            ]
            joined = f" {condition.operator} ".join(members)
            return f"not ({joined})" if condition.is_negated else f"({joined})"
        return null_filter(condition) or self._comparison(condition, parameters)

    def order(self, terms: tuple[OrderTerm, ...], embeds: Callable[[str], "TableAlias"]) -> str:
        """Return an `order by` clause, or nothing."""
        if not terms:
            return ""
        return " order by " + ", ".join(self._order_term(term, embeds) for term in terms)

    def _order_term(self, term: OrderTerm, embeds: Callable[[str], "TableAlias"]) -> str:
        table = self if term.relation is None else embeds(term.relation)
        direction = " desc" if term.is_descending else " asc"
        nulls = f" nulls {term.nulls}" if term.nulls else ""
        return f"{table.field(term.field)}{direction}{nulls}"

    def _table_column(self, field: Field) -> TableColumn | None:
        """Return the column of a field; the schema cache has no computed columns."""
        return self.relation.columns.get(field.name)

    def _comparison(self, comparison: Comparison, parameters: Parameters) -> str:
        field = self.field(comparison.field)
        if comparison.operator == "is":
            keyword = (comparison.keyword or "").replace("_", " ")
            found = f"{field} is {keyword}"
        elif comparison.operator == "in":
            found = f"{field} = any ({self._listed(comparison, parameters)})"
        elif comparison.operator in TEXT_QUERIES:
            found = self._text_search(comparison, field, parameters)
        else:
            value = self._value(comparison, parameters)
            if comparison.quantifier:
                value = f"{comparison.quantifier} ({value})"
            found = f"{field} {COMPARISONS[comparison.operator]} {value}"
        return f"not ({found})" if comparison.is_negated else found

    def _value(self, comparison: Comparison, parameters: Parameters) -> str:
        """Return the value of a comparison, converted by the representation of a domain."""
        value, convert = parameters.placeholder(comparison.slot), self._conversion(comparison)
        is_converted = convert and comparison.operator not in NOT_CONVERTED
        return f"{convert}({value}::text)" if is_converted else value

    def _listed(self, comparison: Comparison, parameters: Parameters) -> str:
        values, convert = parameters.placeholder(comparison.slot), self._conversion(comparison)
        if convert is None:
            return values
        return f"select {convert}(listed) from unnest({values}::text[]) as listed"  # noqa: S608 -- built of quoted names alone

    def _conversion(self, comparison: Comparison) -> str | None:
        known = None if comparison.field.path else self._table_column(comparison.field)
        return known.from_text if known else None

    def _text_search(self, comparison: Comparison, field: str, parameters: Parameters) -> str:
        language = f"{literal(comparison.language)}, " if comparison.language else ""
        known = self._table_column(comparison.field)
        is_text = known is not None and known.base_type != "tsvector"
        document = f"to_tsvector({language}{field})" if is_text else field
        function = TEXT_QUERIES[comparison.operator]
        return f"{document} @@ {function}({language}{parameters.placeholder(comparison.slot)})"


def _step(key: str | int) -> str:
    return str(key) if isinstance(key, int) else literal(key)


def column_sql(table: TableAlias, item: Column) -> str:
    """Return the SQL of a selected column."""
    if item.field.name == "*":
        return _all_columns(table)
    value = table.selected(item.field)
    if item.cast:
        value = f"cast({value} as {item.cast})"
    elif value == table.column(item.field.name) and item.alias is None:
        return value
    return f"{value} as {identifier(column_name(item))}"


def _all_columns(table: TableAlias) -> str:
    if not table.relation.has_representations:
        return f"{identifier(table.alias)}.*"
    columns = (Column(Field(name)) for name in table.relation.columns)
    return ", ".join(column_sql(table, column) for column in columns)


def column_name(item: Column) -> str:
    """Return the key of a column in the response; for a JSON path, its last key."""
    if item.alias:
        return item.alias
    keys = [step.key for step in item.field.path if isinstance(step.key, str)]
    return keys[-1] if keys else item.field.name
