"""The official client and every service follow a rotation of the signing keys.

https://supabase.com/docs/guides/auth/signing-keys#rotating-and-revoking-keys
"""

import json
from collections.abc import Iterator

import httpx
import jwt as pyjwt
import pytest
from postgrest import APIError
from supabase import AuthApiError, Client
from supabase_auth.errors import AuthInvalidJwtError
from websockets.sync.client import connect

from tests.devstack.gateway.auth.clients import PASSWORD, MakeClient, claims_of, token_of
from tests.support.gateways import Gateway, running_gateway
from tests.support.waits import ANSWER_S


@pytest.fixture(scope="module")
def gateway(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a separate gateway, because these tests change its keys."""
    with running_gateway(database_url, tmp_path_factory.mktemp("rotating")) as gateway:
        yield gateway


class SigningKeys:
    """The control API of the gateway's signing keys."""

    def __init__(self, http: httpx.Client, gateway: Gateway) -> None:
        self._http, self._url = http, f"{gateway.url}/_control/signing_keys"

    def states(self) -> dict[str, str]:
        """Return the state of each key, the oldest first."""
        states: dict[str, str] = self._http.get(self._url).raise_for_status().json()["states"]
        return states

    def add(self) -> str:
        """Make a key on standby; return its id."""
        self._http.post(self._url).raise_for_status()
        return list(self.states())[-1]

    def move(self, kid: str, state: str) -> httpx.Response:
        """Move a key to another state."""
        return self._http.patch(f"{self._url}/{kid}", json={"state": state})

    def rotate(self) -> str:
        """Put a new key in use; return its id."""
        kid = self.add()
        self.move(kid, "in_use").raise_for_status()
        return kid


@pytest.fixture
def signing(http: httpx.Client, gateway: Gateway) -> SigningKeys:
    """Return the control API that rotates the gateway's keys."""
    return SigningKeys(http, gateway)


def kid_of(token: str) -> str:
    """Return the id of the key that signed a token."""
    return str(pyjwt.get_unverified_header(token)["kid"])


def published(http: httpx.Client, gateway: Gateway) -> list[str]:
    """Return the ids of the keys that Auth publishes."""
    answer = http.get(f"{gateway.url}/auth/v1/.well-known/jwks.json")
    return [key["kid"] for key in answer.json()["keys"]]


def joined(gateway: Gateway, token: str) -> tuple[str, str]:
    """Join a channel with a token; return the outcome and its reason."""
    url = f"{gateway.socket_url}/websocket?apikey={gateway.keys.publishable_key}&vsn=1.0.0"
    with connect(url, open_timeout=ANSWER_S) as socket:
        payload = {"config": {}, "access_token": token}
        frame = {"topic": "realtime:room", "event": "phx_join", "payload": payload, "ref": "1"}
        socket.send(json.dumps(frame))
        reply = json.loads(socket.recv(timeout=ANSWER_S))
    return reply["payload"]["status"], reply["payload"]["response"].get("reason", "")


def test_rotation_signs_nobody_out(
    make_client: MakeClient,
    gateway: Gateway,
    http: httpx.Client,
    signing: SigningKeys,
    user: Client,
    email: str,
) -> None:
    """Auth, REST, Realtime and the client's own check accept old and new tokens."""
    old = token_of(user)

    kid = signing.rotate()

    newcomer = make_client()
    newcomer.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert kid == kid_of(token_of(newcomer))
    assert {kid, kid_of(old)} <= set(published(http, gateway))
    for client in (user, newcomer):
        assert email == claims_of(client)["email"]
        assert client.auth.get_user() is not None
        rows = client.table("members").select("email").eq("email", email).execute().data
        assert [{"email": email}] == rows
        assert ("ok", "") == joined(gateway, token_of(client))


def test_refresh_after_a_rotation_is_signed_anew(signing: SigningKeys, user: Client) -> None:
    """A session continues, and the new key signs its next token."""
    session_id = claims_of(user)["session_id"]
    kid = signing.rotate()

    user.auth.refresh_session()

    assert (kid, session_id) == (kid_of(token_of(user)), claims_of(user)["session_id"])


def test_key_on_standby_is_published_before_it_signs(
    gateway: Gateway, http: httpx.Client, signing: SigningKeys, user: Client
) -> None:
    """Auth publishes a standby key early, because verifiers cache the JWKS for ten minutes."""
    kid = signing.add()

    user.auth.refresh_session()

    assert kid in published(http, gateway)
    assert kid != kid_of(token_of(user))
    assert "standby" == signing.states()[kid]


def test_tokens_of_a_revoked_key_are_refused_everywhere(
    make_client: MakeClient,
    gateway: Gateway,
    http: httpx.Client,
    signing: SigningKeys,
    user: Client,
) -> None:
    """Auth, REST, Realtime and the client's own check refuse the tokens of a revoked key."""
    old = token_of(user)
    assert ("ok", "") == joined(gateway, old)
    assert user.table("members").select("id").limit(1).execute() is not None
    signing.rotate()

    signing.move(kid_of(old), "revoked").raise_for_status()

    assert kid_of(old) not in published(http, gateway)
    with pytest.raises(AuthApiError) as refused:
        user.auth.get_user(old)
    assert ("bad_jwt", 403) == (refused.value.code, refused.value.status)
    with pytest.raises(APIError) as unread:
        user.table("members").select("id").limit(1).execute()
    assert "PGRST301" == unread.value.code
    assert "No suitable key or wrong key type" == unread.value.message
    assert "error" == joined(gateway, old)[0]
    with pytest.raises(AuthInvalidJwtError, match="No matching signing key"):
        make_client().auth.get_claims(jwt=old)


def test_session_outlives_the_key_of_its_token(signing: SigningKeys, user: Client) -> None:
    """A refresh token is no JWT, so it renews the session after its key's revocation."""
    old = token_of(user)
    kid = signing.rotate()
    signing.move(kid_of(old), "revoked").raise_for_status()

    user.auth.refresh_session()

    assert kid == kid_of(token_of(user))
    assert user.auth.get_user() is not None


def test_legacy_keys_outlive_a_rotation(
    make_client: MakeClient, gateway: Gateway, signing: SigningKeys
) -> None:
    """The shared secret signs the legacy API keys, so a rotation does not end them."""
    signing.rotate()

    admin = make_client(gateway.keys.service_role_jwt)

    assert isinstance(admin.auth.admin.list_users(per_page=1), list)
    assert isinstance(admin.table("members").select("id").limit(1).execute().data, list)


def test_token_of_the_legacy_secret_outlives_a_rotation(
    make_client: MakeClient, gateway: Gateway, signing: SigningKeys, user: Client
) -> None:
    """A legacy token names no key, so the client asks Auth, and services use the secret."""
    claims = claims_of(user)
    legacy = pyjwt.encode(claims, gateway.keys.jwt_secret, "HS256")
    signing.rotate()

    answer = make_client().auth.get_claims(jwt=legacy)

    assert answer is not None
    assert claims["sub"] == answer["claims"]["sub"]
    assert ("ok", "") == joined(gateway, legacy)


@pytest.mark.parametrize(
    ("kid", "state", "said"),
    [
        ("nonsense", "in_use", "no signing key nonsense"),
        ("{in_use}", "revoked", "cannot go from in_use to revoked"),
        ("{in_use}", "gone", "state"),
    ],
)
def test_impossible_move_is_refused(signing: SigningKeys, kid: str, state: str, said: str) -> None:
    """The control API refuses an impossible change of state."""
    [in_use] = [name for name, now in signing.states().items() if now == "in_use"]

    answer = signing.move(kid.format(in_use=in_use), state)

    assert 400 == answer.status_code
    assert said in answer.json()["error"]
