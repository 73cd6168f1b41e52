"""Collect the codes that routes have answered in the tests, to find stated codes that none shows.

The whole run of the tests fails for a code that a route states and no test has seen. The other
way round, `described.check` fails for an answer of the whole stack that its route does not state.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any


#: Pairs of a route, such as `GET /api/payouts`, and a code.
SEEN: set[tuple[str, str]] = set()
_OF_STRIPE = "The tests of Stripe's adapter see each code, and a route passes on what it gets."
#: Codes that no test sees of some route, and routes of which no test sees all codes.
REVIEWED: Mapping[str, str] = {
    "POST /api/webhooks/stripe/identity": "The view is that of /api/webhooks/stripe.",
    "PROFILE_NOT_FOUND": "The check of the session refuses a user without a profile first. Only a "
    "deletion between the two calls gets so far; the SQL tests see each refusal.",
    "PAYLOAD_UNREADABLE": _OF_STRIPE,
    "STRIPE_CONFLICT": _OF_STRIPE,
    "STRIPE_ERROR": _OF_STRIPE,
    "STRIPE_RATE_LIMITED": _OF_STRIPE,
    "STRIPE_REFUSED": _OF_STRIPE,
    "STRIPE_UNREACHABLE": _OF_STRIPE,
}


def note(method: str, rule: str, body: Any) -> None:
    """Note the code of an error that a route has answered."""
    code = body.get("code") if isinstance(body, dict) else None
    if isinstance(code, str):
        SEEN.add((f"{method} {rule}", code))


def note_response(_app: Any, response: Any, **_more: Any) -> None:
    """Note an answer of a service in this process; Flask calls this for each."""
    from flask import request  # noqa: PLC0415 - only the tests of the service have Flask

    if request.url_rule is not None and response.status_code >= 400 and response.is_json:
        note(request.method, request.url_rule.rule, response.get_json())


def unseen(stated: Mapping[str, Iterable[str]], seen: Collection[tuple[str, str]]) -> list[str]:
    """Return the codes that no test has seen of a route, each with its route."""
    return sorted(
        f"{route}: {code}"
        for route, codes in stated.items()
        for code in codes
        if (route, code) not in seen and not {code, route} & REVIEWED.keys()
    )


def stated_codes() -> Mapping[str, Iterable[str]]:
    """Return the codes of each route by method and path."""
    from service.app import create_app  # noqa: PLC0415 - see above
    from service.route_table import routes_of  # noqa: PLC0415 - see above
    from tests.support.factories import make_settings  # noqa: PLC0415 - see above

    return {
        f"{method} {rule}": {*route.codes_of(method), *route.failures}
        for method, rule, route in routes_of(create_app(make_settings()))
    }
