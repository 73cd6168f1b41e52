"""Commanded faults of the gateway, seen by httpx and by the official client."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from postgrest import APIError
from supabase import Client
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.sync.client import connect

from devstack.supervisor.processes import wait_until
from tests.support.gateway_control import GatewayControl
from tests.support.gateways import Gateway
from tests.support.waits import ANSWER_S


USER = "c0000000-0000-4000-8000-000000000001"
NOTES, ADD_NOTE = "/rest/v1/notes", "/rest/v1/rpc/add_note"


@pytest.fixture
def client(gateway: Gateway, transport: httpx.Client) -> Client:
    return gateway.client(transport)


def has_note(owner: psycopg.Connection, id_: int) -> bool:
    return owner.execute("select from notes where id = %s", [id_]).fetchone() is not None


def test_a_service_is_away_for_as_many_requests_as_commanded(
    control: GatewayControl, http: httpx.Client
) -> None:
    """The answer is the text that the hosted gateway sends, and no JSON.

    https://github.com/supabase/supabase-flutter/issues/993
    """
    control.add_fault(status=503, times=2, path="/rest/v1/*")

    answers = [http.get(NOTES) for _ in range(3)]

    assert [503, 503, 200] == [answer.status_code for answer in answers]
    assert answers[0].text.startswith("upstream connect error or disconnect/reset before headers")


def test_a_fault_hits_matching_requests_alone(control: GatewayControl, http: httpx.Client) -> None:
    """A fault hits requests of its method and path; the control API lists pending faults."""
    control.add_fault(status=429, method="POST", path=ADD_NOTE)

    assert 200 == http.get(NOTES).status_code
    [waiting] = control.pending()["faults"]
    assert (429, "POST", ADD_NOTE, 1) == tuple(
        waiting[name] for name in ("status", "method", "path", "times")
    )
    answer = http.post(ADD_NOTE, json={"id": 0})
    assert (429, {"message": "Too Many Requests"}) == (answer.status_code, answer.json())
    assert [] == control.pending()["faults"]


def test_the_official_client_raises_an_outage(control: GatewayControl, client: Client) -> None:
    """The official client raises the status as code, because the body is not PostgREST's."""
    control.add_fault(status=503, path=ADD_NOTE)

    with pytest.raises(APIError) as error:
        client.rpc("add_note", {"id": 0}).execute()

    assert "503" == str(error.value.code)


def test_a_connection_breaks_before_any_effect(
    control: GatewayControl,
    client: Client,
    owner: psycopg.Connection,
    numbers: Iterator[int],
) -> None:
    """A broken connection has no effect, so a caller may repeat the request."""
    id_ = next(numbers)
    control.add_fault(reset=True, path=ADD_NOTE)

    with pytest.raises(httpx.TransportError):
        client.rpc("add_note", {"id": id_}).execute()

    assert not has_note(owner, id_)
    assert id_ == client.rpc("add_note", {"id": id_}).execute().data


def test_a_reply_is_lost_after_the_commit(
    control: GatewayControl,
    client: Client,
    owner: psycopg.Connection,
    numbers: Iterator[int],
) -> None:
    """A lost reply hides the commit from the client."""
    id_ = next(numbers)
    control.add_fault(reset=True, when="after", method="POST")

    with pytest.raises(httpx.TransportError):
        client.rpc("add_note", {"id": id_}).execute()

    assert has_note(owner, id_)


def test_an_error_hides_the_effect(
    control: GatewayControl,
    http: httpx.Client,
    owner: psycopg.Connection,
    numbers: Iterator[int],
) -> None:
    """A 504 of the gateway hides the effect of its service."""
    id_ = next(numbers)
    control.add_fault(status=504, when="after", path=ADD_NOTE)

    assert 504 == http.post(ADD_NOTE, json={"id": id_}).status_code

    assert has_note(owner, id_)


def test_a_request_hangs_until_the_faults_are_cleared(
    control: GatewayControl, http: httpx.Client, numbers: Iterator[int]
) -> None:
    """A hanging request continues when the faults are cleared, and delays no other."""
    id_ = next(numbers)
    control.add_fault(hang=True, path=ADD_NOTE)
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(http.post, ADD_NOTE, json={"id": id_})
        assert wait_until(lambda: not control.pending()["faults"], ANSWER_S)
        assert 200 == http.get(NOTES).status_code
        assert not hanging.done()

        control.clear()

        assert (200, id_) == (hanging.result().status_code, hanging.result().json())


def test_a_reply_hangs_after_the_commit(
    control: GatewayControl,
    http: httpx.Client,
    owner: psycopg.Connection,
    numbers: Iterator[int],
) -> None:
    """A hanging reply arrives when the faults are cleared, after its commit."""
    id_ = next(numbers)
    control.add_fault(hang=True, when="after", path=ADD_NOTE)
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(http.post, ADD_NOTE, json={"id": id_})
        assert wait_until(lambda: has_note(owner, id_), ANSWER_S)
        assert not hanging.done()

        control.clear()

        assert id_ == hanging.result().json()


def test_an_abandoned_hanging_request_has_no_effect(
    gateway: Gateway,
    control: GatewayControl,
    http: httpx.Client,
    owner: psycopg.Connection,
    numbers: Iterator[int],
) -> None:
    """The gateway drops a hanging request whose caller has gone, and does not run it later."""
    first, second = next(numbers), next(numbers)
    control.add_fault(hang=True, path=ADD_NOTE)
    with socket.create_connection(("127.0.0.1", gateway.config.port)) as caller:
        body = json.dumps({"id": first})
        caller.sendall(
            f"POST {ADD_NOTE} HTTP/1.1\r\nHost: x\r\napikey: {gateway.keys.publishable_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        assert wait_until(lambda: not control.pending()["faults"], ANSWER_S)
    # An answer to another caller proves that the gateway has noticed the closed connection.
    http.get("/health")

    control.clear()

    assert second == http.post(ADD_NOTE, json={"id": second}).json()
    assert not has_note(owner, first)


def test_a_slow_request_outlasts_an_impatient_caller(
    control: GatewayControl, http: httpx.Client
) -> None:
    """A slow request ends for a caller with a short time-out; other requests pass it."""
    control.add_fault(delay_s=600, path=NOTES)
    with pytest.raises(httpx.ReadTimeout):
        http.get(NOTES, timeout=httpx.Timeout(ANSWER_S, read=0.1))
    # The caller may have given up before the gateway took the request.
    assert wait_until(lambda: not control.pending()["faults"], ANSWER_S)

    assert 200 == http.get(NOTES).status_code


def test_a_users_token_expires_and_an_api_key_does_not(
    gateway: Gateway, control: GatewayControl, http: httpx.Client
) -> None:
    """PostgREST and GoTrue refuse expired user tokens in their own words, and no API key.

    https://docs.postgrest.org/en/stable/references/errors.html#group-3-jwt
    """
    signed_in = {"Authorization": f"Bearer {gateway.token(USER)}"}
    control.add_fault(expired_token=True, times=2)

    as_key = {"Authorization": f"Bearer {gateway.keys.anon_jwt}"}
    assert [200, 200] == [http.get(NOTES, headers=h).status_code for h in ({}, as_key)]
    answer = http.get(NOTES, headers=signed_in)
    assert 401 == answer.status_code
    assert ("PGRST303", "JWT expired") == (answer.json()["code"], answer.json()["message"])
    assert "JWT expired" in answer.headers["www-authenticate"]
    answer = http.get("/auth/v1/user", headers=signed_in)
    assert (403, "bad_jwt") == (answer.status_code, answer.json()["error_code"])
    assert 200 == http.get(NOTES, headers=signed_in).status_code


def test_a_websocket_is_refused_or_broken_off(gateway: Gateway, control: GatewayControl) -> None:
    """A fault hits a WebSocket's handshake; an open socket has failure modes of its own."""
    url = f"{gateway.socket_url}/websocket?apikey={gateway.keys.publishable_key}"
    control.add_fault(status=503, path="/realtime/v1/websocket")
    with pytest.raises(InvalidStatus) as refusal:
        connect(url, open_timeout=ANSWER_S)
    control.add_fault(reset=True, path="/realtime/v1/*")
    with pytest.raises((InvalidMessage, ConnectionError, EOFError)):
        connect(url, open_timeout=ANSWER_S)

    assert 503 == refusal.value.response.status_code
    connect(url, open_timeout=ANSWER_S).close()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '{"status": 200}',
        '{"status": 503, "when": "now"}',
        '{"status": 503, "times": "x"}',
        '{"status": 503, "path": 1}',
        '{"delay_s": []}',
        '{"nonsense": 1}',
        "{}",
        '{"path": "/rest/v1/*"}',
        '{"status": 503, "times": 0}',
        '{"delay_s": -1}',
    ],
)
def test_a_command_that_makes_no_sense_is_refused(http: httpx.Client, body: str) -> None:
    """The control API refuses an impossible fault with a reason, and adds none."""
    answer = http.post("/_control/faults", content=body)

    assert 400 == answer.status_code
    assert answer.json()["error"]
    assert [] == http.get("/_control/faults").json()["faults"]


def test_the_control_api_has_no_faults(control: GatewayControl) -> None:
    """No fault hits the control API, so a test can always end faults."""
    control.add_fault(reset=True, times=100)
    control.set_realtime("deaf")

    control.clear()

    assert {"faults": [], "realtime": "normal"} == control.pending()
