"""The admin users API through the official client, and its refusals of other callers."""

import base64
import hashlib
import uuid

import bcrypt
import httpx
import psycopg
import pytest
from supabase import AuthApiError, Client

from tests.devstack.gateway.auth.clients import PASSWORD, MakeClient
from tests.support.gateways import Gateway


def test_created_user_can_sign_in(admin: Client, client: Client, email: str) -> None:
    """A user with a confirmed address and a password from an admin can sign in."""
    created = admin.auth.admin.create_user(
        {
            "email": email,
            "password": PASSWORD,
            "email_confirm": True,
            "user_metadata": {"nickname": "Grace"},
            "app_metadata": {"plan": "gold"},
        }
    )

    answer = client.auth.sign_in_with_password({"email": email, "password": PASSWORD})

    assert answer.user is not None
    assert created.user.id == answer.user.id
    assert "Grace" == answer.user.user_metadata["nickname"]
    assert "gold" == answer.user.app_metadata["plan"]
    assert "email" == answer.user.app_metadata["provider"]


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_metadata_of_a_created_user_are_the_admins(
    admin: Client, email: str, *, is_confirmed: bool
) -> None:
    """Only a sign-up mixes metadata and claims: `adminUserCreate` of GoTrue's `admin.go`."""
    wanted = {"nickname": "Grace", "email": "other@example.com", "sub": 7, "nothing": None}
    user = admin.auth.admin.create_user(
        {"email": email, "email_confirm": is_confirmed, "user_metadata": wanted}
    ).user

    confirmed = {"email_verified": True} if is_confirmed else {}
    assert wanted | confirmed == user.user_metadata
    [identity] = user.identities or []
    assert {
        "sub": user.id,
        "email": email,
        "email_verified": False,
        "phone_verified": False,
    } == identity.identity_data


def test_created_user_without_metadata_has_none(admin: Client, email: str) -> None:
    """A user created without metadata has none, and no claim of the identity among it."""
    created = admin.auth.admin.create_user({"email": email}).user
    invited = admin.auth.admin.invite_user_by_email(f"invited-{email}").user
    linked = admin.auth.admin.generate_link(
        {"type": "signup", "email": f"linked-{email}", "password": PASSWORD}
    ).user

    assert [{}, {}, {}] == [user.user_metadata for user in (created, invited, linked)]


BAD_ADDRESSES = [
    "nonsense",
    "@example.com",
    "a@",
    "a@b@example.com",
    "a b@example.com",
    " a@example.com",
    "a@example.com ",
    "a@example.com\n",
    "a@example..com",
    "a@-example.com",
    "a@example-.com",
    "a@example.com.",
    "a@exa_mple.com",
    "a,b@example.com",
    "Ada <a@example.com>",
    "ada@exämple.com",
    "äda@example.com",
    f"a@{'x' * 64}.com",
]


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_malformed_address_is_refused(
    gateway: Gateway, http: httpx.Client, admin: Client, email: str, address: str
) -> None:
    """Auth refuses a malformed address in every request that takes one."""
    user_id = admin.auth.admin.create_user({"email": email}).user.id
    calls = [
        ("POST", "/admin/users", {"email": address}),
        ("PUT", f"/admin/users/{user_id}", {"email": address}),
        ("POST", "/invite", {"email": address}),
        ("POST", "/admin/generate_link", {"type": "magiclink", "email": address}),
        (
            "POST",
            "/admin/generate_link",
            {"type": "email_change_new", "email": email, "new_email": address},
        ),
        ("POST", "/signup", {"email": address, "password": PASSWORD}),
        ("POST", "/recover", {"email": address}),
    ]
    key = gateway.keys.secret_key
    headers = {
        "apikey": key,
        "Authorization": f"Bearer {key}",
        "X-Supabase-Api-Version": "2024-01-01",
    }

    for method, path, body in calls:
        answer = http.request(method, f"{gateway.url}/auth/v1{path}", json=body, headers=headers)

        assert (400, "validation_failed", "Unable to validate email address: invalid format") == (
            answer.status_code,
            answer.json()["code"],
            answer.json()["message"],
        ), path


@pytest.mark.parametrize("form", ["otto{}@com", "o'tto+x{}@mail.example.com", "o..t{}@X-y.example"])
def test_unusual_address_is_taken(admin: Client, email: str, form: str) -> None:
    """Auth accepts the addresses that GoTrue accepts, and stores them in lower case."""
    address = form.format(email[:12])

    assert address.lower() == admin.auth.admin.create_user({"email": address}).user.email


def test_unconfirmed_user_cannot_sign_in(admin: Client, client: Client, email: str) -> None:
    """An unconfirmed user cannot sign in until an admin confirms the address."""
    created = admin.auth.admin.create_user({"email": email, "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert "email_not_confirmed" == caught.value.code

    admin.auth.admin.update_user_by_id(created.user.id, {"email_confirm": True})
    client.auth.sign_in_with_password({"email": email, "password": PASSWORD})


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_changed_address_is_confirmed_on_demand(
    admin: Client, email: str, *, is_confirmed: bool
) -> None:
    """A changed address is unconfirmed unless the admin says otherwise (`adminUserUpdate`)."""
    created = admin.auth.admin.create_user({"email": email, "password": PASSWORD})
    new_email = f"new-{email}"

    changed = admin.auth.admin.update_user_by_id(
        created.user.id, {"email": new_email, "email_confirm": is_confirmed}
    ).user

    assert new_email == changed.email
    assert is_confirmed == (changed.email_confirmed_at is not None)
    [identity] = changed.identities or []
    assert (new_email, is_confirmed) == (
        identity.identity_data["email"],
        identity.identity_data["email_verified"],
    )


def test_created_user_takes_the_id_and_hash_given(
    admin: Client, client: Client, email: str
) -> None:
    """An admin may create a user with the id and the password hash of another system."""
    user_id = str(uuid.uuid4())
    password_hash = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()

    admin.auth.admin.create_user(
        {"id": user_id, "email": email, "password_hash": password_hash, "email_confirm": True}
    )

    answer = client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert answer.user is not None
    assert user_id == answer.user.id


def test_second_user_of_an_address_is_refused(admin: Client, email: str) -> None:
    """The admin API refuses a second user of one address."""
    admin.auth.admin.create_user({"email": email, "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        admin.auth.admin.create_user({"email": email.upper(), "password": PASSWORD})

    assert ("email_exists", 422) == (caught.value.code, caught.value.status)


def test_list_pages_through_all_users(admin: Client, gateway: Gateway, http: httpx.Client) -> None:
    """The list starts with the newest user, and tells the count and the next page."""
    ids = [
        admin.auth.admin.create_user({"email": f"{uuid.uuid4().hex}@example.com"}).user.id
        for _ in range(3)
    ]

    first = [user.id for user in admin.auth.admin.list_users(page=1, per_page=2)]
    second = [user.id for user in admin.auth.admin.list_users(page=2, per_page=2)]

    assert [*reversed(ids)] == [*first, *second][:3]
    headers = {
        "apikey": gateway.keys.secret_key,
        "Authorization": f"Bearer {gateway.keys.secret_key}",
    }
    answer = http.get(f"{gateway.url}/auth/v1/admin/users?per_page=2", headers=headers)
    assert "authenticated" == answer.json()["aud"]
    assert int(answer.headers["x-total-count"]) >= 3
    assert 'page=2&per_page=2>; rel="next"' in answer.headers["link"]


def test_get_user_by_id_returns_the_user(admin: Client, email: str) -> None:
    """The admin API returns the created user by the id."""
    created = admin.auth.admin.create_user({"email": email})

    assert email == admin.auth.admin.get_user_by_id(created.user.id).user.email


def test_update_changes_what_is_named(admin: Client, client: Client, email: str) -> None:
    """One update changes address, password, metadata and role."""
    created = admin.auth.admin.create_user({"email": email, "email_confirm": True})

    admin.auth.admin.update_user_by_id(
        created.user.id,
        {
            "email": f"new-{email}",
            "password": "battery staple",
            "user_metadata": {"nickname": "Linus"},
            "app_metadata": {"plan": "iron"},
            "role": "authenticated",
        },
    )

    answer = client.auth.sign_in_with_password(
        {"email": f"new-{email}", "password": "battery staple"}
    )
    assert answer.user is not None
    assert "Linus" == answer.user.user_metadata["nickname"]
    assert "iron" == answer.user.app_metadata["plan"]


def test_ban_holds_until_it_is_lifted(
    admin: Client, client: Client, make_client: MakeClient, email: str
) -> None:
    """A banned user can neither sign in nor refresh a session until the ban ends."""
    answer = client.auth.sign_up({"email": email, "password": PASSWORD})
    assert answer.user is not None

    admin.auth.admin.update_user_by_id(answer.user.id, {"ban_duration": "1h30m"})

    with pytest.raises(AuthApiError) as caught:
        make_client().auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert "user_banned" == caught.value.code
    with pytest.raises(AuthApiError) as caught:
        client.auth.refresh_session()
    assert "user_banned" == caught.value.code

    admin.auth.admin.update_user_by_id(answer.user.id, {"ban_duration": "none"})
    client.auth.refresh_session()


def test_delete_removes_the_user_and_dependent_rows(
    admin: Client, client: Client, database: psycopg.Connection, email: str
) -> None:
    """A delete removes sessions, identities and the project's own row of the user."""
    answer = client.auth.sign_up({"email": email, "password": PASSWORD})
    assert answer.user is not None

    admin.auth.admin.delete_user(answer.user.id)

    query = """
      select (select count(*) from auth.users where id = %(id)s)
        + (select count(*) from auth.sessions where user_id = %(id)s)
        + (select count(*) from auth.identities where user_id = %(id)s)
        + (select count(*) from public.members where id = %(id)s)
    """
    assert (0,) == database.execute(query, {"id": answer.user.id}).fetchone()
    with pytest.raises(AuthApiError) as caught:
        client.auth.get_user()
    assert ("user_not_found", 403) == (caught.value.code, caught.value.status)


def test_soft_delete_frees_the_address(
    admin: Client, client: Client, make_client: MakeClient, database: psycopg.Connection, email: str
) -> None:
    """A soft delete keeps the row for references, and removes every personal value."""
    answer = client.auth.sign_up({"email": email, "password": PASSWORD})
    assert answer.user is not None

    admin.auth.admin.delete_user(answer.user.id, should_soft_delete=True)

    query = "select deleted_at is not null, email like '%%@%%' from auth.users where id = %s"
    assert (True, False) == database.execute(query, [answer.user.id]).fetchone()
    with pytest.raises(AuthApiError):
        make_client().auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert make_client().auth.sign_up({"email": email, "password": PASSWORD}).session is not None


def test_soft_delete_hides_everything_once(
    admin: Client, client: Client, database: psycopg.Connection, email: str
) -> None:
    """GoTrue hashes texts with the user's id, in base64 for URLs; a repeat changes nothing."""
    answer = client.auth.sign_up({"email": email, "password": PASSWORD, "options": {"data": {}}})
    assert answer.user is not None
    user_id = answer.user.id
    query = """
      select to_jsonb(u), to_jsonb(i)
      from auth.users as u join auth.identities as i on i.user_id = u.id where u.id = %s
    """

    admin.auth.admin.delete_user(user_id, should_soft_delete=True)
    [(user, identity)] = database.execute(query, [user_id]).fetchall()
    admin.auth.admin.delete_user(user_id, should_soft_delete=True)

    assert [(user, identity)] == database.execute(query, [user_id]).fetchall()
    assert hashed(user_id + email) == user["email"]
    assert hashed(user_id)[:15] == user["phone"]
    assert hashed(f"{user_id}email:{user_id}") == identity["provider_id"]
    assert (None, {}, {}, {}) == (
        user["encrypted_password"],
        user["raw_user_meta_data"],
        user["raw_app_meta_data"],
        identity["identity_data"],
    )


def hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_unknown_user_is_not_found(admin: Client) -> None:
    """Each method answers 404 for an unknown id."""
    unknown = str(uuid.uuid4())

    for call in (
        lambda: admin.auth.admin.get_user_by_id(unknown),
        lambda: admin.auth.admin.update_user_by_id(unknown, {"role": "authenticated"}),
        lambda: admin.auth.admin.delete_user(unknown),
    ):
        with pytest.raises(AuthApiError) as caught:
            call()
        assert ("user_not_found", 404) == (caught.value.code, caught.value.status)


def test_other_keys_are_refused(client: Client, email: str) -> None:
    """Neither the publishable key nor a user's token opens the admin API."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.admin.list_users()
    assert ("not_admin", 403) == (caught.value.code, caught.value.status)

    answer = client.auth.sign_up({"email": email, "password": PASSWORD})
    assert answer.session is not None
    client.auth.admin._headers["Authorization"] = f"Bearer {answer.session.access_token}"  # noqa: SLF001 - no public method sends such a request
    with pytest.raises(AuthApiError) as caught:
        client.auth.admin.list_users()
    assert ("not_admin", 403) == (caught.value.code, caught.value.status)


def test_legacy_service_key_is_an_admins(make_client: MakeClient, gateway: Gateway) -> None:
    """A legacy service_role JWT opens the admin API."""
    admin = make_client(gateway.keys.service_role_jwt)

    assert isinstance(admin.auth.admin.list_users(), list)


@pytest.mark.parametrize("duration", ["soon", "1", "1h2", "-1h", "999999999h"])
def test_impossible_ban_is_refused(admin: Client, email: str, duration: str) -> None:
    """Auth refuses a malformed duration of a ban and changes nothing."""
    created = admin.auth.admin.create_user({"email": email})

    with pytest.raises(AuthApiError) as caught:
        admin.auth.admin.update_user_by_id(created.user.id, {"ban_duration": duration})

    assert "validation_failed" == caught.value.code


@pytest.mark.parametrize("query", ["page=0", "page=x", "per_page=-1", "per_page=99999999999"])
def test_impossible_page_is_refused(gateway: Gateway, http: httpx.Client, query: str) -> None:
    """Auth refuses an impossible page with 400, instead of an empty list."""
    key = gateway.keys.secret_key
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}

    answer = http.get(f"{gateway.url}/auth/v1/admin/users?{query}", headers=headers)

    assert (400, "validation_failed") == (answer.status_code, answer.json()["error_code"])
