"""The address to which a mail's link redirects: one that the project allows, or its site."""

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request

from devstack.gateway.auth.settings import AuthSettings


def target(request: Request, settings: AuthSettings, asked: str = "") -> str:
    """Return the address that was asked for, in the body or the query, if it is the project's."""
    for address in (asked, request.query_params.get("redirect_to", "")):
        if address and _is_ours(address, settings):
            return address
    return settings.site_url


def _is_ours(address: str, settings: AuthSettings) -> bool:
    """Compare with the site and the other addresses of `config.toml`; patterns are not read."""
    if not address.isprintable() or " " in address:
        return False
    try:
        site, wanted = urlsplit(settings.site_url), urlsplit(address)
        is_site = (site.scheme, site.hostname, site.port) == (
            wanted.scheme,
            wanted.hostname,
            wanted.port,
        )
    except ValueError:  # no address at all
        return False
    return is_site or _is_local(wanted.hostname) or address in settings.redirect_urls


def _is_local(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:  # a name
        return host == "localhost"
