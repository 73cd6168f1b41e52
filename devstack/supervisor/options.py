"""The command line of `python -m devstack`."""

import argparse
import dataclasses
import tomllib
from collections.abc import Sequence
from pathlib import Path

from devstack.errors import DevstackError
from devstack.paths import ROOT
from devstack.supervisor.ports import free_base


#: The parts of a stack, in the order in which they start.
PARTS = ("postgres", "stripe", "gateway", "service", "workers", "saleroom")
#: The parts that need none of our migrations.
BARE_PARTS = ("postgres", "stripe", "gateway")
NEEDS = {"gateway": "postgres", "service": "gateway", "workers": "gateway", "saleroom": "service"}
DEFAULT_BASE = 54321
AUTO = "auto"
#: The last port is 65535, and each part has one.
LAST_BASE = 65536 - len(PARTS)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The addresses of a stack: six ports in a row."""

    base: int

    def of(self, part: str) -> int:
        """Return the port of a part; the workers' is that of their metrics."""
        order = ("gateway", "postgres", "stripe", "service", "workers", "saleroom")
        return self.base + order.index(part)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A checked command line. `data` and `env_file` are None for the default."""

    command: str
    ports: Ports
    data: Path | None
    is_ephemeral: bool
    is_seeded: bool
    parts: tuple[str, ...]
    env_file: Path | None
    is_bare: bool
    schemas: tuple[str, ...]
    max_rows: int
    jwt_secret: str | None = dataclasses.field(repr=False)
    has_production_auth: bool = False
    psql_arguments: tuple[str, ...] = ()


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line; an invalid one ends the program with a sentence and exit code 2."""
    parser = _parser()
    given = parser.parse_args(arguments)
    config = tomllib.loads((ROOT / "supabase/config.toml").read_text())["api"]
    is_up = given.command == "up"
    is_bare = is_up and given.bare
    try:
        return Options(
            command=given.command,
            ports=_ports(given.port_base) if is_up else Ports(base=DEFAULT_BASE),
            data=given.data and given.data.absolute(),
            is_ephemeral=is_up and given.ephemeral,
            is_seeded=is_up and not is_bare and (given.seed or not given.ephemeral),
            parts=_parts(
                given.only if is_up else None,
                is_bare=is_bare,
                has_saleroom=is_up and given.saleroom,
            ),
            env_file=given.env_file.absolute() if is_up and given.env_file else None,
            is_bare=is_bare,
            schemas=_schemas(given.schemas if is_up else None, tuple(config["schemas"])),
            max_rows=config["max_rows"],
            jwt_secret=_jwt_secret(given.jwt_secret if is_up else None),
            has_production_auth=is_up and given.production_auth,
            psql_arguments=tuple(given.arguments) if given.command == "psql" else (),
        )
    except DevstackError as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devstack",
        description="A local Supabase and Stripe without Docker, for development and tests only.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_up_options(commands.add_parser("up", help="start, and run until Ctrl-C or SIGTERM"))
    others = {
        "stop": "stop the stack that runs on the data",
        "status": "say if a stack runs on the data (exit code 3: none does)",
        "reset": "delete database and Stripe state; the API keys stay",
    }
    for name, purpose in others.items():
        _add_data(commands.add_parser(name, help=purpose, description=purpose.capitalize() + "."))
    purpose = "open psql on the database of the stack that runs on the data"
    psql = commands.add_parser("psql", help=purpose, description=purpose.capitalize() + ".")
    _add_data(psql)
    psql.add_argument("arguments", nargs="*", help="arguments of psql, after --: -- -c 'select 1'")

    return parser


def _add_up_options(up: argparse.ArgumentParser) -> None:
    data = up.add_mutually_exclusive_group()
    _add_data(data)
    data.add_argument("--ephemeral", action="store_true", help="keep nothing; faster, for tests")
    up.add_argument(
        "--seed", action="store_true", help="fill ephemeral data with supabase/seed.sql too"
    )
    up.add_argument(
        "--port-base",
        default=str(DEFAULT_BASE),
        metavar="PORT",
        help="the first of six ports in a row, or auto for free ones (default %(default)s)",
    )
    up.add_argument(
        "--saleroom", action="store_true", help="serve a web app for people in browsers, too"
    )
    up.add_argument("--only", metavar="PART,…", help=f"the parts to start, of {','.join(PARTS)}")
    up.add_argument(
        "--env-file",
        type=Path,
        metavar="PATH",
        help="the file for addresses and keys (default .devstack/env, or env in ephemeral data)",
    )
    up.add_argument(
        "--bare",
        action="store_true",
        help="Supabase without our migrations, and so without service and workers",
    )
    up.add_argument(
        "--schemas", metavar="NAME,…", help="the schemas of REST, instead of supabase/config.toml's"
    )
    up.add_argument(
        "--jwt-secret", metavar="SECRET", help="the legacy secret, instead of a random one"
    )
    up.add_argument(
        "--production-auth",
        action="store_true",
        help="confirm addresses and check passwords as supabase/config.toml says",
    )


def _add_data(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="the data's folder (default .devstack/data)"
    )


def _ports(text: str) -> Ports:
    if text == AUTO:
        return Ports(base=free_base(len(PARTS)))
    if not text.isdecimal() or not 1024 <= int(text) <= LAST_BASE:  # noqa: PLR2004 -- below is root's
        raise DevstackError(f"--port-base must be auto or 1024 to {LAST_BASE}, not {text}.")
    return Ports(base=int(text))


def _parts(text: str | None, *, is_bare: bool, has_saleroom: bool) -> tuple[str, ...]:
    if text is not None:
        return _chosen_parts(text, has_saleroom=has_saleroom)
    if is_bare and has_saleroom:
        raise DevstackError(
            "--saleroom needs the service, which --bare does not start: leave one of the two out."
        )
    if is_bare:
        return BARE_PARTS
    # The saleroom runs on request only, because its packages come from npm.
    return tuple(part for part in PARTS if part != "saleroom" or has_saleroom)


def _chosen_parts(text: str, *, has_saleroom: bool) -> tuple[str, ...]:
    wanted = _names(text)
    unknown = wanted - set(PARTS)
    if unknown or not wanted:
        what = f"no part called {', '.join(sorted(unknown))}" if unknown else "no part named"
        raise DevstackError(f"--only: {what}; there are {', '.join(PARTS)}.")
    if has_saleroom and "service" not in wanted:
        raise DevstackError(
            "--saleroom needs the service: add service to --only, or leave --saleroom out."
        )
    wanted |= {"saleroom"} if has_saleroom else set()
    for part, needed in NEEDS.items():
        if part in wanted and needed not in wanted:
            raise DevstackError(f"--only: {part} needs {needed}.")
    return tuple(part for part in PARTS if part in wanted)


def _schemas(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    if text is None:
        return default
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise DevstackError("--schemas names no schema.")
    return names


def _jwt_secret(text: str | None) -> str | None:
    if text is not None and len(text) < 32:  # noqa: PLR2004 -- what HS256 asks for
        raise DevstackError("--jwt-secret must have at least 32 characters.")
    return text


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",") if name.strip()}
