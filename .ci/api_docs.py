"""Write the generated parts of docs/api.md: each route, each table, and each RPC in `sql/`.

The routes state the facts about themselves, and route_docs.py writes them down. table_docs.py
writes the tables. The RPCs are the public wrappers in `sql/<domain>/rpc.sql`. The wrapper's comment
describes the call and its answer; its grants name the callers. The refusals are the codes in the
wrapper's body and in every private function that it reaches. database_docs.py writes the diagrams
of docs/database.md.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import database_docs
import pglast
from pglast import stream
from route_docs import routes_page
from table_docs import tables_page

from clients.answers import ANSWERS
from tests.support.typescript import type_of_value


ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/api.md"
MARK = "<!-- make docs writes all below this line from sql/ -->\n"
ROUTES = re.compile(
    r"(?<=<!-- make docs writes the routes below from service/ -->\n\n).*"
    r"(?=\n<!-- here the routes end -->)",
    re.DOTALL,
)
TABLES = re.compile(
    r"(?<=<!-- make docs writes the tables below from sql/ -->\n\n).*"
    r"(?=\n<!-- here the tables end -->)",
    re.DOTALL,
)

CALLERS = {
    "anon": "anyone",
    "authenticated": "signed-in users",
    "service_role": "our own processes (service role)",
}
CODE = re.compile(r"(?:private\.refusal\(|using message =|array\[)\s*'([A-Z_]+)'")
#: A caller never sees this code: it names a mistake in our own SQL.
OUR_BUG = "UNKNOWN_RATE_LIMIT"
CALL = re.compile(r"\bprivate\.(\w+)\s*\(")
#: Arguments whose values a reader would otherwise have to guess.
EXAMPLES = {
    "amount_cents": "1200",
    "buy_now_cents": "40000",
    "category_id": "4",
    "changes": "{ title: 'Wooden surfboard, 1972' }",
    "condition": "'good'",
    "currency": "'aud'",
    "description": "'Shaped in Torquay, one ding, rides well.'",
    "error": "null",
    "to_state": "'shipped'",
    "location": "{ street: '1 Smith Street', suburb: 'Fitzroy', postcode: '3065', state: 'VIC' }",
    "payload": "{}",
    "start_cents": "12000",
    "title": "'Wooden surfboard, 1972'",
}
#: Each example creates these ids: only the caller knows which calls are the same call again.
CLIENT_IDS = ("client_bid_id", "client_message_id", "client_request_id")


class Argument(NamedTuple):
    """One argument of an RPC, spelled as in SQL; `default` is None for a required one."""

    name: str
    type: str
    default: str | None


class Rpc(NamedTuple):
    """One public function."""

    domain: str
    name: str
    arguments: tuple[Argument, ...]
    comment: str
    callers: tuple[str, ...]
    codes: tuple[str, ...]


def main() -> None:
    """Write both pages, or with --check exit with 1 if one is not up to date."""
    parser = argparse.ArgumentParser(description="Write the generated parts of the pages.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if outdated")
    is_check = parser.parse_args().check
    for path, text in ((PAGE, page()), (database_docs.PAGE, database_docs.page())):
        if is_check and text != path.read_text():
            sys.exit(f"{path.relative_to(ROOT)} is outdated: run `make docs`.")
        if not is_check:
            path.write_text(text)


def page() -> str:
    """Return the whole page: the part that people write, with the generated sections."""
    routes, tables = routes_page(), tables_page()
    written = ROUTES.sub(lambda _: routes, PAGE.read_text().partition(MARK)[0])
    written = TABLES.sub(lambda _: tables, written)
    rpcs = sorted(all_rpcs(), key=lambda rpc: rpc.name)
    public = [rpc for rpc in rpcs if set(rpc.callers) - {"service_role"}]
    internal = [rpc for rpc in rpcs if rpc not in public]
    return "\n".join(
        [
            written.rstrip("\n") + "\n",
            MARK,
            "## RPCs for the web app\n",
            *map(section, public),
            "## RPCs for our own processes\n",
            *map(section, internal),
        ]
    )


def section(rpc: Rpc) -> str:
    """Return the section of one RPC."""
    arguments = [
        f"| `{argument.name}` | `{argument.type}` | "
        f"{'required' if argument.default is None else f'`{argument.default}`'} |"
        for argument in rpc.arguments
    ]
    table = ["", "| argument | type | default |", "|---|---|---|", *arguments] if arguments else []
    codes = ", ".join(f"`{code}`" for code in rpc.codes) or "none"
    lines = [
        f"### {rpc.name}",
        "",
        rpc.comment,
        "",
        f"Callers: {', '.join(CALLERS[role] for role in rpc.callers)}. Refusals: {codes}.",
        *table,
        "",
        "```js",
        snippet(rpc),
        "```",
        *answer_of(rpc),
    ]
    return "\n".join(lines) + "\n"


def answer_of(rpc: Rpc) -> Iterable[str]:
    """Yield the type of an RPC's answer, where it is stated."""
    if rpc.name in ANSWERS:
        yield from ("", "```ts", f"type Answer = {type_of_value(ANSWERS[rpc.name])}", "```")


def snippet(rpc: Rpc) -> str:
    """Return a call through supabase-js with every required argument."""
    shown = [
        f"{argument.name}: {example(argument)}"
        for argument in rpc.arguments
        if argument.default is None or argument.name in CLIENT_IDS
    ]
    one_line = f"const {{ data, error }} = await supabase.rpc('{rpc.name}'"
    if not shown:
        return f"{one_line})"
    inline = f"{one_line}, {{ {', '.join(shown)} }})"
    if len(inline) <= 100:  # noqa: PLR2004 -- the width of a line
        return inline
    return "\n".join([f"{one_line}, {{", *(f"  {part}," for part in shown), "})"])


def example(argument: Argument) -> str:
    """Return a JavaScript value for an argument."""
    name, kind = argument.name, argument.type
    if name in CLIENT_IDS:
        return "crypto.randomUUID()"
    if name in EXAMPLES:
        return EXAMPLES[name]
    if name.endswith("_at"):
        return "'2026-12-02T20:00:00+11:00'"
    values = {"boolean": "true", "integer": "100", "bigint": "1200", "jsonb": "{}"}
    first, *others = name.split("_")
    return values.get(kind, first + "".join(word.capitalize() for word in others))


def all_rpcs() -> Iterable[Rpc]:
    """Yield each function of schema public that `sql/` grants to a role."""
    bodies: dict[str, str] = {}
    for path in sorted((ROOT / "sql").rglob("*.sql")):
        bodies |= private_bodies(path.read_text())
    for path in sorted((ROOT / "sql").glob("*/rpc.sql")):
        yield from rpcs_of(path, bodies)


def rpcs_of(path: Path, bodies: Mapping[str, str]) -> Iterable[Rpc]:
    """Yield the RPCs of one domain."""
    statements: list[Any] = [raw.stmt for raw in pglast.parse_sql(path.read_text())]
    kinds: dict[str, list[Any]] = {type(statement).__name__: [] for statement in statements}
    for statement in statements:
        kinds[type(statement).__name__].append(statement)
    comments = {given.object.objname[-1].sval: given.comment for given in kinds["CommentStmt"]}
    grants: dict[str, list[str]] = {}
    for given in kinds["GrantStmt"]:
        for target in given.objects:
            roles = [role.rolename for role in given.grantees]
            grants.setdefault(target.objname[-1].sval, []).extend(roles)
    for statement in kinds["CreateFunctionStmt"]:
        name = statement.funcname[-1].sval
        yield Rpc(
            domain=path.parent.name,
            name=name,
            arguments=tuple(arguments_of(statement)),
            comment=comments[name],
            callers=tuple(role for role in CALLERS if role in grants.get(name, ())),
            codes=tuple(sorted(codes_of(body_of(statement), bodies))),
        )


def arguments_of(statement: Any) -> Iterable[Argument]:
    """Yield the input arguments of a function."""
    for parameter in statement.parameters or ():
        if parameter.mode.value in ("i", "d"):
            default = parameter.defexpr and stream.RawStream()(parameter.defexpr).lower()
            yield Argument(parameter.name, type_name(parameter.argType), default)


def type_name(node: Any) -> str:
    """Return a type as people write it, without the schema of Postgres's own types."""
    return str(stream.RawStream()(node)).removeprefix("pg_catalog.")


def private_bodies(text: str) -> dict[str, str]:
    """Return the body of each private function in a file."""
    statements: list[Any] = [raw.stmt for raw in pglast.parse_sql(text)]
    return {
        statement.funcname[-1].sval: body_of(statement)
        for statement in statements
        if type(statement).__name__ == "CreateFunctionStmt"
        and statement.funcname[0].sval == "private"
    }


def body_of(statement: Any) -> str:
    """Return the text of a function's body."""
    [body] = [option.arg for option in statement.options if option.defname == "as"]
    return str(body[0].sval)


def codes_of(body: str, bodies: Mapping[str, str]) -> set[str]:
    """Return the refusal codes in a body and in every private function that it reaches."""
    codes: set[str] = set()
    seen: set[str] = set()
    waiting = [body]
    while waiting:
        text = waiting.pop()
        codes |= set(CODE.findall(text))
        called = set(CALL.findall(text)) - seen
        seen |= called
        waiting += [bodies[name] for name in called if name in bodies]
    return codes - {OUR_BUG}


if __name__ == "__main__":
    main()
