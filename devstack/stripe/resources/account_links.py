"""Links to Stripe's hosted onboarding: https://docs.stripe.com/api/account_links."""

from urllib.parse import urlsplit

from devstack.stripe.errors import invalid, refused
from devstack.stripe.params import Params
from devstack.stripe.resources import account_state
from devstack.stripe.store import Json, Store, new_id
from devstack.stripe.transaction import Transaction


_LIFETIME_S = 300
_TYPES = ("account_onboarding", "account_update")


def create(tx: Transaction, params: Params) -> Json:
    """`POST /v1/account_links`."""
    account_id = params.required_text("account")
    kind = params.choice("type", _TYPES) or params.required_text("type")
    urls = {name: _read_url(params, name) for name in ("refresh_url", "return_url")}
    _read_collection(params)
    params.finish()

    account = account_state.find(tx, account_id)
    if kind == "account_update" and account["controller"]["requirement_collection"] == "stripe":
        raise refused(
            "You cannot create `account_update` type Account Links for this account. Valid types "
            'for this account are ["account_onboarding"].',
            param="type",
        )
    token = new_id("setup")
    link: Json = {
        "object": "account_link",
        "created": tx.now,
        "expires_at": tx.now + _LIFETIME_S,
        "url": f"{tx.config.url}/setup/{token}",
    }
    tx.store.insert(link | {"id": token, "is_used": False}, private={"account": account_id, **urls})
    return link


def visit(store: Store, token: str, now: int) -> bool:
    """Return whether a link opens its page: only once, and in its time."""
    link = store.find("account_link", token)
    if link is None:
        return False
    store.replace(link | {"is_used": True})
    return not link["is_used"] and now < link["expires_at"]


def behind(store: Store, token: str) -> Json | None:
    """Return `account`, `refresh_url` and `return_url` of a link."""
    return store.private(token) if store.find("account_link", token) else None


def _read_url(params: Params, name: str) -> str:
    url = params.required_text(name)
    if not _is_address(url):
        raise invalid("Not a valid URL", param=name, code="url_invalid")
    return url


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _read_collection(params: Params) -> None:
    """Read what the hosted form would ask; the fake's form asks for nothing."""
    params.choice("collect", ("currently_due", "eventually_due"))
    options = params.nested("collection_options")
    if options is not None:
        options.choice("fields", ("currently_due", "eventually_due"))
        options.choice("future_requirements", ("include", "omit"))
