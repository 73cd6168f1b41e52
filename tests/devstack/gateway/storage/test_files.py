"""Storage writes and deletes rows and files together, even after failures."""

import contextlib
import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest
from supabase import Client

from devstack.supervisor.processes import wait_until
from tests.devstack.gateway.storage.clients import DENIED, TOO_LARGE, refusal
from tests.support.gateways import Gateway
from tests.support.waits import ANSWER_S


BOUNDARY = "----boundary"
LIMIT = 50 * 1024 * 1024


def files(gateway: Gateway) -> set[str]:
    """Return the names of all stored files, drafts included."""
    return {path.name for path in Path(gateway.config.files).rglob("*") if path.is_file()}


def versions(owner: psycopg.Connection) -> set[str]:
    """Return the versions in the rows."""
    query = "select version from storage.objects where metadata is not null"
    return {version for (version,) in owner.execute(query)}


@pytest.fixture
def files_match_rows(gateway: Gateway, owner: psycopg.Connection) -> Iterator[None]:
    """Check that a test leaves no file without a row and no row without a file."""
    rows_before = versions(owner)
    yield
    assert wait_until(lambda: files(gateway) == versions(owner), ANSWER_S)
    assert rows_before == versions(owner)


@pytest.mark.usefixtures("files_match_rows")
def test_refused_uploads_leave_nothing(http: httpx.Client, gateway: Gateway) -> None:
    """A refused upload leaves no file: too long, of the wrong type, or forbidden."""
    name = str(uuid.uuid4())
    anonymous = {"apikey": gateway.keys.publishable_key}

    too_long = http.post(f"/object/tiny/{name}", content=(b"x" * 6 for _ in range(4)))
    assert TOO_LARGE == refusal(too_long)
    form = {"file": ("x", b"x" * 100_000)}
    assert TOO_LARGE == refusal(http.post(f"/object/tiny/{name}", files=form))
    assert DENIED == refusal(http.post(f"/object/tiny/{name}", content=b"x", headers=anonymous))


@pytest.mark.usefixtures("files_match_rows")
def test_project_limit_holds_where_a_bucket_has_none(http: httpx.Client) -> None:
    """The project's limit of fifty megabytes counts received bytes, announced or not."""
    path, piece = f"/object/notes/{uuid.uuid4()}", bytes(1024 * 1024)

    assert TOO_LARGE == refusal(http.post(path, content=(piece for _ in range(51))))
    assert TOO_LARGE == refusal(http.post(path, content=piece * 51))


def test_large_file_comes_back_whole(http: httpx.Client) -> None:
    """A file of the largest allowed size comes back whole."""
    path, piece = f"/object/notes/{uuid.uuid4()}", bytes(range(256)) * 4096
    http.post(path, content=(piece for _ in range(50))).raise_for_status()

    with http.stream("GET", path) as answer:
        assert str(LIMIT) == answer.headers["content-length"]
        assert all(got == piece[:65536] for got in answer.iter_bytes(65536))
    assert http.delete(path).is_success


@pytest.mark.usefixtures("files_match_rows")
@pytest.mark.parametrize("is_form", [True, False])
def test_broken_off_upload_leaves_nothing(gateway: Gateway, *, is_form: bool) -> None:
    """An upload whose client disconnects leaves no file."""
    kind = f"multipart/form-data; boundary={BOUNDARY}" if is_form else "text/plain"
    start = _form_start() if is_form else b""
    head = (
        f"POST /storage/v1/object/notes/{uuid.uuid4()} HTTP/1.1\r\nHost: x\r\n"
        f"apikey: {gateway.keys.secret_key}\r\nContent-Type: {kind}\r\n"
        "Content-Length: 1000000\r\n\r\n"
    )
    before = files(gateway)
    with socket.create_connection(("127.0.0.1", gateway.config.port)) as connection:
        connection.sendall(head.encode() + start + b"x" * 300_000)
        assert wait_until(lambda: files(gateway) != before, ANSWER_S), "no draft was begun"
    assert wait_until(lambda: files(gateway) == before, ANSWER_S)


@pytest.mark.usefixtures("files_match_rows")
def test_form_without_an_end_leaves_nothing(http: httpx.Client) -> None:
    """A form without its last line may lack a part of the file, so Storage refuses it."""
    answer = http.post(
        f"/object/notes/{uuid.uuid4()}",
        content=_form_start() + b"x" * 1000,
        headers={"content-type": f"multipart/form-data; boundary={BOUNDARY}"},
    )

    assert ("400", "InvalidRequest", "InvalidRequest") == refusal(answer)
    assert "Unexpected end of form" == answer.json()["message"]


@pytest.mark.usefixtures("files_match_rows")
def test_row_that_a_trigger_refuses_leaves_no_file(
    http: httpx.Client, gateway: Gateway, owner: psycopg.Connection
) -> None:
    """Storage deletes the file again if a trigger refuses its row."""
    del owner
    name = f"refused-{uuid.uuid4()}"
    with _refusing(gateway, name):
        answer = http.post(f"/object/notes/{name}", content=b"x")

    assert 500 == answer.status_code
    assert "database error, code: P0001" == answer.json()["message"]


def test_replaced_and_removed_files_go(
    service: Client, http: httpx.Client, gateway: Gateway, owner: psycopg.Connection
) -> None:
    """Each version in a row has one file, after any replacement or removal."""
    name = str(uuid.uuid4())
    bucket = service.storage.from_("notes")
    bucket.upload(f"{name}/a", b"1")
    bucket.update(f"{name}/a", b"2")
    bucket.copy(f"{name}/a", f"{name}/b")
    bucket.move(f"{name}/b", f"{name}/c")
    assert files(gateway) == versions(owner)

    bucket.remove([f"{name}/a"])
    http.delete(f"/object/notes/{name}/c").raise_for_status()
    assert files(gateway) == versions(owner)
    service.storage.create_bucket(name)
    service.storage.from_(name).upload("x", b"x")
    service.storage.empty_bucket(name)
    assert files(gateway) == versions(owner)


def test_uploads_of_one_name_take_turns(
    http: httpx.Client, gateway: Gateway, owner: psycopg.Connection
) -> None:
    """One of many concurrent uploads wins; without upsert the others are refused."""
    path = f"/object/notes/{uuid.uuid4()}"
    contents = [f"contents {n}".encode() for n in range(12)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda content: http.post(path, content=content), contents))
        won = [c for c, answer in zip(contents, answers, strict=True) if answer.is_success]
        assert [http.get(path).content] == won
        assert {"409"} == {a.json()["statusCode"] for a in answers if not a.is_success}
        upserts = list(pool.map(lambda content: http.put(path, content=content), contents))

    assert all(answer.is_success for answer in upserts)
    assert http.get(path).content in contents
    assert files(gateway) == versions(owner)


def test_restarted_gateway_still_has_the_files(
    service: Client, gateway: Gateway, owner: psycopg.Connection
) -> None:
    """A restart keeps stored files and deletes drafts."""
    name = str(uuid.uuid4())
    service.storage.from_("notes").upload(name, b"kept")
    draft = Path(gateway.config.files, "drafts", "begun")
    draft.write_bytes(b"half of i")

    gateway.stop()
    gateway.start()

    assert b"kept" == service.storage.from_("notes").download(name)
    assert files(gateway) == versions(owner)


def _form_start() -> bytes:
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    ).encode()


@contextlib.contextmanager
def _refusing(gateway: Gateway, name: str) -> Iterator[None]:
    """Add a trigger that refuses a row with the details of a whole file."""
    with psycopg.connect(gateway.config.admin_url, autocommit=True) as admin:
        admin.execute(f"""
          create function public.refuse() returns trigger language plpgsql as $$
          begin
            if new.name = '{name}' and new.metadata ? 'eTag' then raise 'no'; end if;
            return new;
          end $$;
          create trigger refuse before insert on storage.objects
          for each row execute function public.refuse()
        """)
        try:
            yield
        finally:
            admin.execute("drop trigger refuse on storage.objects; drop function public.refuse()")
