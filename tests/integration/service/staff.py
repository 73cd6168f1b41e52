"""Staff who sign in at Auth with a password and the code of an authenticator app."""

from supabase import Client, ClientOptions, create_client

from tests.integration.service.browser import Browser
from tests.integration.service.shop import Shop
from tests.support.authenticator import enrolled, verify


def with_role(shop: Shop, person: Browser, role: str) -> Browser:
    """Give a person a role, and return the same person."""
    change = "update public.users set role = %s::public.user_role where id = %s"
    shop.db.execute(change, [role, person.actor.id])
    return person


def new_client(shop: Shop) -> Client:
    """Return a client of the official library that nobody has signed in with."""
    environment = shop.environment
    options = ClientOptions(httpx_client=shop.http, auto_refresh_token=False)
    return create_client(
        environment["SUPABASE_URL"], environment["SUPABASE_PUBLISHABLE_KEY"], options
    )


def client_of(shop: Shop, person: Browser) -> Client:
    """Return a client of the official library with the person's session."""
    client = new_client(shop)
    client.auth.set_session(person.session["access_token"], person.session["refresh_token"])
    return client


def with_second_factor(shop: Shop, person: Browser) -> Browser:
    """Return the person in a session that an authenticator app has proved."""
    client = client_of(shop, person)
    verify(client, enrolled(client))
    session = client.auth.get_session()
    assert session is not None
    return Browser(shop=shop, session=session.model_dump(mode="json"))
