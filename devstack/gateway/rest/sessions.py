"""The session of a request, from its head and what the schema cache knows of its role."""

import functools
import json
from http.cookies import CookieError, SimpleCookie

from devstack.gateway.rest.api_request.request import Request, RequestHead
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.session import Session, Settings


def session_of(
    cache: SchemaCache,
    request: Request,
    asked: RequestHead,
    *,
    is_read_only: bool,
    settings: Settings = (),
) -> Session:
    """Return the caller's session; `settings` are those of the function that is called."""
    caller, preferences = request.caller, asked.preferences
    configuration = cache.configuration
    cookie = request.headers.get("cookie")
    return Session(
        schema=asked.schema,
        role=caller.role,
        claims=json.dumps(caller.claims),
        method=request.method,
        path=request.path,
        headers=json.dumps(request.headers),
        cookies=_cookies(cookie) if cookie else "{}",
        settings=cache.role_settings.get(caller.role, ()) + settings,
        timezone=preferences.timezone,
        is_read_only=is_read_only,
        is_rolled_back=configuration.rolls_back(preferences.tx),
        extra_search_path=configuration.extra_search_path,
        pre_request=configuration.pre_request,
    )


@functools.lru_cache(256)
def _cookies(header: str) -> str:
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return "{}"
    return json.dumps({name: morsel.value for name, morsel in cookies.items()})
