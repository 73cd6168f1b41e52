"""`check_request`: the preferences that a request may send."""

import json

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor


def checked(actor: Actor, **headers: str) -> None:
    """Check a request with these headers, as PostgREST has it checked."""
    actor.connection.execute(
        "select set_config('request.headers', %s, true)", [json.dumps(headers)]
    )
    actor.rows("select private.check_request()")


@pytest.mark.parametrize(
    "prefer",
    [
        "count=planned",
        "count=estimated",
        "COUNT=Planned",
        "return=minimal,count=planned",
        "count=planned, count=exact",
        "count=exact, count=estimated",
        "  \tcount=planned",
        "\u00a0count=planned",
        "\ufffdcount=planned",
        'count = "planned"',
        "count=exactly",
        "count=",
        "tx=rollback",
        "tx=commit",
        "TX = rollback",
        "return=representation,tx=rollback",
        "\ufffdtx=rollback",
    ],
)
def test_leaking_preference_is_refused(alice: Actor, prefer: str) -> None:
    """A preference for estimates or for a rollback is refused."""
    with pytest.raises(psycopg.Error, match="PREFERENCE_REFUSED") as raised:
        checked(alice, prefer=prefer)

    assert "PT400" == raised.value.sqlstate


@pytest.mark.parametrize(
    "prefer",
    [
        "",
        "count=exact",
        "count=exact, return=minimal",
        "return=representation,missing=default, resolution=merge-duplicates",
        "handling=strict, max-affected=1, timezone=Australia/Sydney",
        "respond-async, wait=10",
    ],
)
def test_other_preferences_are_served(alice: Actor, prefer: str) -> None:
    """Preferences of the official clients and unknown ones are served."""
    checked(alice, prefer=prefer)


def test_other_headers_say_nothing(alice: Actor) -> None:
    """Other headers than Prefer are ignored."""
    checked(alice, accept="count=planned", cookie="tx=rollback")


@pytest.mark.parametrize("headers", ["", "{}"])
def test_request_without_headers_is_served(
    owner: Connection, anonymous: Actor, service: Actor, headers: str
) -> None:
    """A request without headers is served, also if the setting is empty instead of null."""
    owner.execute("select set_config('request.headers', %s, true)", [headers])

    for actor in (anonymous, service):
        actor.rows("select private.check_request()")


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_every_role_is_checked(owner: Connection, role: str) -> None:
    """Every role may execute the function, because PostgREST calls it as the caller."""
    with pytest.raises(psycopg.Error, match="PREFERENCE_REFUSED"):
        checked(Actor(connection=owner, role=role), prefer="count=planned")
