"""Fields, conditions and orders as SQL."""

from collections.abc import Callable

from devstack.gateway.rest.api_request.query_params import (
    Comparison,
    Condition,
    Field,
    Group,
    OrderTerm,
)
from devstack.gateway.rest.query.statement import Parameters
from devstack.gateway.rest.schema_cache.tables import Relation, TableColumn
from devstack.gateway.text import identifier, literal


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
#: Their values are taken as they are written, whatever form a domain has.
AS_WRITTEN = frozenset(("like", "ilike", "isdistinct"))
TEXT_QUERIES = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}
JSON_TYPES = frozenset(("json", "jsonb"))

#: Answers a null test of an embed by that name, or None when the name is no embed's.
NullTest = Callable[[Comparison], str | None]


class Level:
    """A relation as one level of a statement knows it: by an alias."""

    def __init__(self, relation: Relation, alias: str) -> None:
        self.relation = relation
        self.alias = alias

    def column(self, name: str) -> str:
        """Return a column of this level."""
        return f"{identifier(self.alias)}.{identifier(name)}"

    def field(self, field: Field) -> str:
        """Return a column, or what a JSON path finds in it."""
        column = self.column(field.name)
        if not field.path:
            return column
        known = self._known(field)
        if known is None or known.type not in JSON_TYPES:
            # A composite has paths as well, and a column computed as JSON loses nothing by this.
            column = f"to_jsonb({column})"
        steps = "".join(
            f"{'->>' if step.is_text else '->'}{_step(step.key)}" for step in field.path
        )
        return f"({column}{steps})"

    def shown(self, field: Field) -> str:
        """Return a field as the answer has it: a domain may have a form of its own in JSON."""
        known, value = self._known(field), self.field(field)
        is_changed = known is not None and known.to_json and not field.path
        return f"{known.to_json}({value})" if known and is_changed else value

    def condition(self, given: Condition, parameters: Parameters, null_test: NullTest) -> str:
        """Return a condition that holds for the rows that are wanted."""
        if isinstance(given, Group):
            members = [self.condition(member, parameters, null_test) for member in given.members]
            joined = f" {given.word} ".join(members)
            return f"not ({joined})" if given.is_negated else f"({joined})"
        return null_test(given) or self._test(given, parameters)

    def order(self, terms: tuple[OrderTerm, ...], embeds: Callable[[str], "Level"]) -> str:
        """Return an `order by` clause, or nothing."""
        if not terms:
            return ""
        return " order by " + ", ".join(self._order_term(term, embeds) for term in terms)

    def _order_term(self, term: OrderTerm, embeds: Callable[[str], "Level"]) -> str:
        level = self if term.relation is None else embeds(term.relation)
        direction = " desc" if term.is_descending else " asc"
        nulls = f" nulls {term.nulls}" if term.nulls else ""
        return f"{level.field(term.field)}{direction}{nulls}"

    def _known(self, field: Field) -> TableColumn | None:
        """Return the column of a field; nothing is known of a computed one."""
        return self.relation.columns.get(field.name)

    def _test(self, test: Comparison, parameters: Parameters) -> str:
        field = self.field(test.field)
        if test.operator == "is":
            keyword = (test.keyword or "").replace("_", " ")
            found = f"{field} is {keyword}"
        elif test.operator == "in":
            found = f"{field} = any ({self._listed(test, parameters)})"
        elif test.operator in TEXT_QUERIES:
            found = self._text_search(test, field, parameters)
        else:
            value = self._value(test, parameters)
            if test.quantifier:
                value = f"{test.quantifier} ({value})"
            found = f"{field} {COMPARISONS[test.operator]} {value}"
        return f"not ({found})" if test.is_negated else found

    def _value(self, test: Comparison, parameters: Parameters) -> str:
        """Return the value of a comparison; a domain may read it from a text."""
        value, read = parameters.place(test.slot), self._reader(test)
        return f"{read}({value}::text)" if read and test.operator not in AS_WRITTEN else value

    def _listed(self, test: Comparison, parameters: Parameters) -> str:
        values, read = parameters.place(test.slot), self._reader(test)
        if read is None:
            return values
        return f"select {read}(listed) from unnest({values}::text[]) as listed"  # noqa: S608 -- built of quoted names alone

    def _reader(self, test: Comparison) -> str | None:
        known = None if test.field.path else self._known(test.field)
        return known.from_text if known else None

    def _text_search(self, test: Comparison, field: str, parameters: Parameters) -> str:
        language = f"{literal(test.language)}, " if test.language else ""
        known = self._known(test.field)
        is_text = known is not None and known.base_type != "tsvector"
        document = f"to_tsvector({language}{field})" if is_text else field
        function = TEXT_QUERIES[test.operator]
        return f"{document} @@ {function}({language}{parameters.place(test.slot)})"


def _step(key: str | int) -> str:
    return str(key) if isinstance(key, int) else literal(key)
