"""`docs/frontend.md`: the list of patches names only what the API has."""

import re
from pathlib import Path

from clients import answers
from tests.support import pages


ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/frontend.md").read_text()
API = (ROOT / "docs/api.md").read_text()
TYPES = (ROOT / "clients/database.types.ts").read_text()
#: Names with an underscore: RPCs, tables, columns and values of answers.
NAMES = re.compile(r"`((?:[a-z]+_)+[a-z]+)`")
SECRETS = re.compile(
    r"sk_(?:test|live)_|whsec_|sb_secret_|SECRET_KEY|service_role|from 'stripe'|require\('stripe'\)"
)
COLUMNS = set(re.findall(r'"(\w+)"\??:', TYPES))


def test_routes_exist() -> None:
    """Each route of the page is one of the API's."""
    routes = set(re.findall(r"`((?:GET|POST|DELETE) /api/\S+)`", PAGE))

    assert {"POST /api/kyc/start"} <= routes
    assert routes <= set(re.findall(r"^### (\S+ /\S+)$", API, re.MULTILINE))


def test_names_exist() -> None:
    """Each name with an underscore is an RPC, a table, a column, or a value of an answer."""
    values = set(re.findall(r"\b\w+\b", str(answers.Receipt.model_fields.keys()) + API))

    assert {"place_bid", "shipment_events", "min_next_bid_cents"} <= set(NAMES.findall(PAGE))
    assert set(NAMES.findall(PAGE)) <= COLUMNS | values


def test_nothing_for_a_browser_holds_a_secret() -> None:
    """B20: no client of Stripe's secret API and no secret key is in code that the web app takes."""
    taken = {path.name: path.read_text() for path in (ROOT / "clients").glob("*.ts")}
    taken |= {
        f"{page}, example {number}": code
        for page in ("docs/api.md", "docs/frontend.md", "README.md")
        for number, code in enumerate(pages.blocks((ROOT / page).read_text(), "js", "ts"))
    }

    assert {"database.types.ts", "docs/api.md, example 0"} <= taken.keys()
    assert [] == [name for name, code in taken.items() if SECRETS.search(code)]


def test_every_rpc_of_a_user_is_in_a_patch() -> None:
    """The web app finds each call that replaces a write of its own."""
    staff = {name for name in answers.ANSWERS if name.startswith(("staff_", "requeue_", "admin_"))}
    # Pages that the app does not have yet.
    new = {"get_bid_log", "get_my_proxy", "get_auction_state", "release_transfers"}

    assert answers.ANSWERS.keys() - staff - new <= set(NAMES.findall(PAGE))


def test_modules_of_the_example_exist() -> None:
    """A developer finds each module of the saleroom that the page names."""
    modules = {path.name for path in (ROOT / "devstack/saleroom/pages/modules").glob("*.js")}
    section = PAGE.partition("## A worked example")[2].partition("\n## ")[0]

    assert {"auction.js"} <= set(re.findall(r"`([\w-]+\.js)`", section)) <= modules
