"""The pages of the saleroom: their addresses, headers and settings."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from devstack import npm
from devstack.paths import ROOT
from devstack.saleroom.app import FOLDER, PAGES, SUPABASE_JS
from devstack.saleroom.config import SaleroomConfig


NAMES = sorted(path.stem for path in PAGES.glob("*.html"))
MODULES = sorted((PAGES / "modules").glob("*.js"))


class Tags(HTMLParser):
    """Collects the tags of a page, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.script_text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep the text of a script."""
        if self.tags and self.tags[-1][0] == "script":
            self.script_text += data.strip()


@pytest.mark.parametrize("name", NAMES)
def test_each_page_has_an_address_of_its_own(client: httpx.Client, name: str) -> None:
    """A page stands under its name, and the first page under the root."""
    answer = client.get("/" if name == "index" else f"/{name}")

    assert 200 == answer.status_code
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("name", NAMES)
def test_pages_work_under_their_policy(client: httpx.Client, name: str) -> None:
    """No page has an inline script, handler or style, and each of its local files is there."""
    page = Tags((PAGES / f"{name}.html").read_text())

    assert "" == page.script_text
    for _, attributes in page.tags:
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
        target = attributes.get("src") or (attributes.get("href") or "")
        if target.startswith("/") and target != "/supabase.js":
            assert 200 == client.get(target).status_code, target


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_modules_put_data_in_pages_as_text(path: Path) -> None:
    """No module reads text as HTML or as a program."""
    found = re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function",
        path.read_text(),
    )

    assert found is None


def test_policy_names_our_origin_and_supabase_alone(client: httpx.Client) -> None:
    """Scripts come from the saleroom alone, data from Supabase and its Realtime too."""
    policy = client.get("/").headers["content-security-policy"]

    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert "'none'" == directives["default-src"]
    assert "'self'" == directives["script-src"] == directives["style-src"]
    assert "'none'" == directives["form-action"]
    assert "'self' http://127.0.0.1:2 ws://127.0.0.1:2" == directives["connect-src"]


@pytest.mark.parametrize("path", ["/", "/settings.json", "/nothing"])
def test_each_response_of_our_own_has_the_headers(client: httpx.Client, path: str) -> None:
    """Pages, settings and errors have the protecting headers."""
    headers = client.get(path).headers

    assert "script-src 'self'" in headers["content-security-policy"]
    assert "nosniff" == headers["x-content-type-options"]
    assert "no-referrer" == headers["referrer-policy"]


def test_settings_hold_no_secret(client: httpx.Client, config: SaleroomConfig) -> None:
    """A browser gets addresses and publishable keys, and nothing else of the configuration."""
    answer = client.get("/settings.json")

    assert {
        "supabaseUrl": "http://127.0.0.1:2",
        "publishableKey": "sb_publishable_key",
        "stripeUrl": "http://127.0.0.1:3",
        "stripePublishableKey": "pk_test_key",
    } == answer.json()
    assert config.database_url not in answer.text


@pytest.mark.parametrize(
    "path", ["/package.json", "/../app.py", "/%2e%2e/app.py", "/..%2fconfig.py", "/saleroom.json"]
)
def test_only_pages_are_served(client: httpx.Client, path: str) -> None:
    """The server's own files have no address."""
    assert 404 == client.get(path).status_code


def test_client_is_the_one_that_the_tests_use() -> None:
    """The pages load the version of supabase-js that the conformance tests run."""
    versions = {
        json.loads((folder / "package.json").read_text())["dependencies"]["@supabase/supabase-js"]
        for folder in (FOLDER, ROOT / "tests")
    }

    assert 1 == len(versions)


@pytest.mark.parametrize("folder", [FOLDER, ROOT / "tests"])
def test_locks_name_no_registry(folder: Path) -> None:
    """Each machine installs the locked packages from its own registry."""
    lock = (folder / "package-lock.json").read_text()

    assert '"resolved"' not in lock
    assert '"integrity"' in lock


def test_client_is_served_from_npms_folder(client: httpx.Client) -> None:
    """`/supabase.js` is the package's own file for browsers, unchanged."""
    npm.install(FOLDER)

    answer = client.get("/supabase.js")

    assert SUPABASE_JS.read_bytes() == answer.content
    assert answer.headers["content-type"].startswith("text/javascript")
