"""Every call of the web app, as a visitor, a user, both parties and staff."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from postgrest.exceptions import APIError
from storage3.exceptions import StorageApiError

from clients import answers
from service.app import create_app
from service.route_table import routes_of
from tests.integration.contract.embeds import COUNTS, QUERIES
from tests.integration.contract.market import Market, Visitor
from tests.integration.contract.sites import CALLERS, PICTURE, SITES, CallMarket
from tests.integration.contract.test_rpc_names import SIGNATURES
from tests.sql.access.test_matrix import MATRIX, functions_of
from tests.support.factories import make_settings


#: After a call with this answer, the next call needs a new thing.
_SUCCESSES = {"ok", "rows", "200"}
_CODE = re.compile(r"[A-Z][A-Z_]+")


@pytest.fixture(scope="module", autouse=True)
def _second_factor_needed(market: Market) -> Iterator[None]:
    """Ask staff for a second factor, as production does."""
    with market.shop.setting("require_staff_aal2", value=True):
        yield


def call(
    call_market: CallMarket, name: str, site: Any, caller: str, things: Mapping[str, str]
) -> str:
    """Call an RPC; return its answer as the list spells it."""
    visitor, function = call_market.visitors[caller], name.partition(",")[0]
    arguments = call_market.filled(site["arguments"], caller, things)
    try:
        answer: Any = visitor.client.rpc(function, arguments).execute().data
    except APIError as error:
        return error_of(visitor, error)
    answers.check(function, answer)
    if isinstance(answer, dict) and answer.get("success") is False:
        return str(answer["code"])
    return "ok" if answer else "nothing"


def error_of(visitor: Visitor, error: APIError) -> str:
    """Return the status of an error, and its code, which a raised refusal has in its text."""
    is_ours = error.message is not None and _CODE.fullmatch(error.message)
    return f"{visitor.status} {error.message if is_ours else error.code}"


def write(
    call_market: CallMarket, _name: str, site: Any, caller: str, things: Mapping[str, str]
) -> str:
    """Write to a table; return the answer as the list spells it."""
    visitor = call_market.visitors[caller]
    given = call_market.filled(site, caller, things)
    table = visitor.client.table(given["table"])
    request: Any = (
        table.insert(given["insert"]) if "insert" in given else table.update(given["set"])
    )
    for column, value in given.get("where", {}).items():
        request.request.params = request.request.params.add(column, value)
    try:
        return "rows" if request.execute().data else "none"
    except APIError as error:
        return error_of(visitor, error)


def request(
    call_market: CallMarket, name: str, site: Any, caller: str, things: Mapping[str, str]
) -> str:
    """Call a route; return the answer as the list spells it."""
    method, path = name.partition(",")[0].split()
    given = call_market.filled(site, caller, things)
    sent: dict[str, Any] = {"json": given.get("body", {})}
    if "form" in given:
        sent = {"data": given["form"], "files": {"file": ("a.png", PICTURE, "image/png")}}
    answer = call_market.shop.http.request(
        method,
        given.get("path", path),
        headers=call_market.headers(caller) | given.get("headers", {}),
        **({} if method == "GET" else sent),
    )
    return "200" if answer.status_code == 200 else f"{answer.status_code} {answer.json()['code']}"


SENDERS: Mapping[str, Callable[[CallMarket, str, Any, str, Mapping[str, str]], str]] = {
    "rpc": call,
    "write": write,
    "route": request,
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in SENDERS for name in SITES[kind]]
)
def test_call_is_answered_as_listed(call_market: CallMarket, kind: str, name: str) -> None:
    """Each caller gets the answer of the list; each successful call uses up its object."""
    site = SITES[kind][name]
    found: dict[str, str] = {}
    things: Mapping[str, str] = {}
    for caller in site.get("callers", " ".join(CALLERS)).split():
        if "new" in site and not things:
            things = call_market.made(site["new"])
        with call_market.changed(caller, site.get("as", {})):
            found[caller] = SENDERS[kind](call_market, name, site, caller, things)
        if found[caller] in _SUCCESSES:
            things = {}

    assert site["answers"] == found


@pytest.mark.parametrize("caller", CALLERS)
def test_call_of_our_processes_is_refused(call_market: CallMarket, caller: str) -> None:
    """No client reaches a function that is not in the list, whatever its arguments."""
    listed = {name.partition(",")[0] for name in SITES["rpc"]}
    found = {}
    for function in SIGNATURES.keys() - listed:
        names = [argument.split()[0] for argument in SIGNATURES[function].split(", ") if argument]
        site = {"arguments": dict.fromkeys(names)}
        found[function] = call(call_market, function, site, caller, {})

    expected = "401 42501" if caller == "anon" else "403 42501"
    assert dict.fromkeys(found, expected) == found


def names_of(kind: str) -> set[str]:
    """Return the names of a kind; two calls of one name count once."""
    return {name.partition(",")[0] for name in SITES[kind]}


@pytest.mark.parametrize("kind", ["rpc", "write", "route", "bucket", "channel"])
def test_each_call_of_the_contract_is_listed(kind: str) -> None:
    """Each RPC, table and route of the contract has a call in the list."""
    assert set() == set(SITES["contract"][kind]) - names_of(kind)


def test_each_select_of_the_contract_is_a_query() -> None:
    """Queries and counts are those of the contract; test_embeds.py sends each as every role."""
    assert set(SITES["contract"]["selects"]) == QUERIES.keys() | COUNTS.keys()


def test_each_function_is_listed() -> None:
    """Nobody may call a function that no list names, and ours are refused to clients."""
    callable_by_people = {
        function.partition("(")[0].removeprefix("public.")
        for role in ("anon", "authenticated")
        for function in functions_of(role)
        if function.startswith("public.")
    }

    assert callable_by_people == names_of("rpc")
    assert set(SITES["contract"]["internal"]) <= SIGNATURES.keys() - names_of("rpc")


def test_each_route_is_listed() -> None:
    """Each route of the service has its answers, and each listed route exists."""
    routes = {f"{method} {rule}" for method, rule, _ in routes_of(create_app(make_settings()))}

    assert routes == names_of("route")


def test_each_table_that_clients_write_is_listed() -> None:
    """The access matrix names the tables."""
    tables = {site["table"] for site in SITES["write"].values() if "rows" in str(site["answers"])}

    assert {f"public.{table}" for table in tables} == MATRIX["update"].keys()


def test_each_bucket_is_listed(call_market: CallMarket) -> None:
    """A new bucket gets its readers."""
    buckets = {name for (name,) in call_market.shop.db.execute("select id from storage.buckets")}

    assert buckets == names_of("bucket")


@pytest.mark.parametrize("bucket", SITES["bucket"])
def test_file_is_read_by_those_listed(call_market: CallMarket, bucket: str) -> None:
    """The listed readers download and sign a file; a plain link serves a public bucket alone."""
    site = SITES["bucket"][bucket]
    file = call_market.upload("seller", call_market.filled(site["form"], "seller", {}))
    readers = set()
    for caller, visitor in call_market.visitors.items():
        files = visitor.client.storage.from_(bucket)
        try:
            link = str(files.create_signed_url(file["path"], 3600)["signedURL"])
            downloaded = files.download(file["path"])
        except StorageApiError:
            continue
        assert downloaded == httpx.get(link).content
        readers.add(caller)

    assert set(site["reads"].split()) == readers
    plain = call_market.visitors["anon"].client.storage.from_(bucket).get_public_url(file["path"])
    assert site["is_public"] == httpx.get(plain).is_success


@pytest.mark.parametrize("bucket", SITES["bucket"])
@pytest.mark.parametrize("caller", CALLERS)
def test_client_writes_no_file(call_market: CallMarket, bucket: str, caller: str) -> None:
    """Neither the owner nor staff upload, replace, move or remove a file by themselves."""
    form = call_market.filled(SITES["bucket"][bucket]["form"], "seller", {})
    path = call_market.upload("seller", form)["path"]
    files = call_market.visitors[caller].client.storage.from_(bucket)
    folder = path.partition("/")[0]
    for attempt in (
        lambda: files.upload(f"{folder}/b.png", PICTURE, {"content-type": "image/png"}),
        lambda: files.update(path, PICTURE, {"content-type": "image/png"}),
        lambda: files.move(path, f"{folder}/c.png"),
        lambda: files.copy(path, f"{folder}/c.png"),
    ):
        with pytest.raises(StorageApiError):
            attempt()

    assert [] == files.remove([path])
    query = "select count(*) from storage.objects where bucket_id = %s and name like %s"
    assert 0 == call_market.shop.value(query, bucket, f"{folder}/_.png")
    assert 1 == call_market.shop.value(query, bucket, path)
